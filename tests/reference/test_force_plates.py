"""Platforms and analog samples against ezc3d's own reading and calculation, on real files and on made ones of each type."""

from pathlib import Path

import ezc3d
import numpy as np
import pytest

from neurostore.ingest.kinetics.body_check import contradictions
from neurostore.ingest.kinetics.frames import at_frames
from neurostore.ingest.landmarks import compute_landmarks
from neurostore.ingest.readers import c3d
from neurostore.ingest.readers.c3d import plates as plate_reader
from neurostore.ingest.readers.markers.assemble import to_y_up
from neurostore.ingest.readers.wrenches import Wrench, plate_from_wrench
from neurostore.ingest.recording import ReadOptions, Recording
from tests.shared_data import SHARED, needs_shared

CORNERS = np.array([[0, 0, 0], [400, 0, 0], [400, -600, 0], [0, -600, 0]], float)
FILES = sorted([*SHARED.glob("labs/*/*/*.c3d"), *SHARED.glob("c3d/*.c3d")])


def made(path: Path, type_: int, *, units: str = "Nmm", origin=(150.0, 200.0, -40.0), **changes) -> np.ndarray:
    """Write a C3D with one platform on which somebody stands and leaves; return its channels (c, n) as they are meant."""
    rng = np.random.default_rng(type_)
    n_channels = 8 if type_ == 3 else 6
    file = ezc3d.c3d()
    points = file["parameters"]["POINT"]
    points["RATE"]["value"], points["LABELS"]["value"] = [100.0], ["LASI", "RASI"]
    points["UNITS"]["value"] = [changes.get("lengths", "mm")]
    file["data"]["points"] = (
        np.ones((4, 2, 40)) * rng.normal(1000, 100, (4, 2, 1)) * (0.001 if changes.get("lengths") == "m" else 1)
    )
    analog = rng.normal(0, 20, (n_channels, 80))
    analog[2] = -600 if type_ != 3 else analog[2]
    if type_ == 3:
        analog[4:] -= 150
    analog[:, 40:] = 0
    if type_ == 1:
        analog[3:5, 40:] = 0
    group = file["parameters"]["ANALOG"]
    group["RATE"]["value"], group["LABELS"]["value"] = [200.0], [f"c{i}" for i in range(n_channels)]
    group["UNITS"]["value"] = changes.get("channel_units", ["N"] * 8 if type_ == 3 else ["N"] * 3 + [units] * 3)[
        :n_channels
    ]
    analog[:, changes.get("missing", [])] = np.nan
    file["data"]["analogs"] = analog[None]
    scale = 0.001 if changes.get("lengths") == "m" else 1.0
    values = {
        "USED": np.array([1]),
        "TYPE": np.array([changes.get("type", type_)]),
        "ZERO": np.array(changes.get("zero", [1, 0])),
        "CHANNEL": np.array(changes.get("channels", range(1, n_channels + 1))).reshape(n_channels, 1),
        "CORNERS": scale * np.asarray(changes.get("corners", CORNERS)).T.reshape(3, 4, 1),
        "ORIGIN": scale * np.asarray(origin, float).reshape(3, 1),
    }
    if type_ == 4:
        values["CAL_MATRIX"] = (rng.normal(size=(6, 6)) * 0.05 + np.eye(6)).reshape(6, 6, 1)
    for name, value in values.items():
        file.add_parameter(
            "FORCE_PLATFORM", name, value.astype(float).tolist() if value.ndim == 1 else value.astype(float)
        )
        if name in ("USED", "TYPE", "ZERO", "CHANNEL"):
            parameter = file["parameters"]["FORCE_PLATFORM"][name]
            parameter["type"], parameter["value"] = 2, value.astype(int)
    file.write(str(path))
    return analog


def compare(path: Path, recording: Recording) -> None:
    up = recording.steps[0].parameters["up"]
    theirs = ezc3d.c3d(str(path), extract_forceplat_data=True)["data"]["platform"]
    for plate in recording.plates:
        sign = -1 if plate.is_flipped else 1
        force = sign * to_y_up(theirs[plate.plate - 1]["force"].T, up)
        cop = to_y_up(theirs[plate.plate - 1]["center_of_pressure"].T, up)
        is_loaded = force[:, 1] > 50
        np.testing.assert_allclose(plate.force[is_loaded], force[is_loaded], atol=0.1)
        known = is_loaded & np.isfinite(plate.cop[:, 0])
        np.testing.assert_allclose(plate.cop[known], cop[known], atol=1.0)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_every_channel_is_ezc3d_s_bit_for_bit(path: Path) -> None:
    recording = c3d.read(path, ReadOptions())
    theirs = ezc3d.c3d(str(path))["data"]["analogs"][0].astype(np.float32)
    assert len(recording.analog) == len(theirs)
    for channel, expected in zip(recording.analog, theirs, strict=True):
        np.testing.assert_array_equal(channel.samples, expected)


@pytest.mark.parametrize("path", [p for p in FILES if p.parent.name != "P01"], ids=lambda p: p.stem)
def test_force_and_pressure_are_ezc3d_s(path: Path) -> None:
    compare(path, c3d.read(path, ReadOptions()))


@needs_shared
def test_platforms_that_are_not_wired_are_named_and_the_others_load() -> None:
    (path,) = (p for p in FILES if p.parent.name == "P01")
    recording = c3d.read(path, ReadOptions())
    assert [p.plate for p in recording.plates] == [1, 2, 3, 4, 5, 6]
    assert any(n.startswith("force platform 7 is left out: it is not connected") for n in recording.notes)


@pytest.mark.parametrize("type_", [1, 2, 3, 4])
@pytest.mark.parametrize("zero", [[1, 0], [0, 0]])
def test_each_type_is_as_ezc3d_computes_it(tmp_path: Path, type_: int, zero: list[int]) -> None:
    path = tmp_path / "walk.c3d"
    made(path, type_, zero=zero)
    recording = c3d.read(path, ReadOptions(up="z"))
    assert [p.type for p in recording.plates] == [type_]
    compare(path, recording)
    assert np.isfinite(recording.plates[0].cop[:40]).any() == bool(np.isfinite(recording.plates[0].cop).any())


@pytest.mark.parametrize("type_", [2, 3, 4])
def test_a_baseline_from_frames_in_which_somebody_stands_is_not_taken_away(tmp_path: Path, type_: int) -> None:
    path = tmp_path / "walk.c3d"
    made(path, type_, zero=[1, 20])  # loaded until frame 20
    recording = c3d.read(path, ReadOptions(up="z"))
    assert any("in which somebody stands on it" in note for note in recording.notes)
    made(tmp_path / "none.c3d", type_, zero=[0, 0])
    expected = c3d.read(tmp_path / "none.c3d", ReadOptions(up="z")).plates[0]
    np.testing.assert_array_equal(recording.plates[0].force, expected.force)
    made(path, type_, zero=[25, 40])
    assert not any("somebody" in note for note in c3d.read(path, ReadOptions(up="z")).notes)


@pytest.mark.parametrize("type_", [2, 4])
def test_an_origin_with_a_positive_third_part_is_the_opposite_vector(tmp_path: Path, type_: int) -> None:
    path = tmp_path / "walk.c3d"
    made(path, type_, origin=(5.0, -3.0, 41.0))
    compare(path, c3d.read(path, ReadOptions(up="z")))


def test_moments_in_newton_metres_and_lengths_in_metres(tmp_path: Path) -> None:
    path = tmp_path / "walk.c3d"
    raw = made(path, 2, units="Nm", lengths="m", origin=(0, 0, 0))
    (plate,) = c3d.read(path, ReadOptions(up="z")).plates
    # x of the platform points to -x of the lab, y to +y, z down: r = (-My/Fz, Mx/Fz) in metres
    x, y = -raw[4, :40] / raw[2, :40] * 1000, raw[3, :40] / raw[2, :40] * 1000
    expected = np.stack([200 - x, np.zeros(40), -(-300 + y)], axis=1)
    known = np.isfinite(plate.cop[:40, 0])
    assert known.sum() > 20
    np.testing.assert_allclose(plate.cop[:40][known], expected[known], atol=0.01)


def test_forces_in_pounds_are_newtons(tmp_path: Path) -> None:
    path = tmp_path / "walk.c3d"
    made(path, 2, channel_units=["lb"] * 3 + ["Nmm"] * 3)
    recording = c3d.read(path, ReadOptions(up="z"))
    np.testing.assert_allclose(recording.plates[0].force[:40, 1], 600 * 4.4482216, rtol=1e-6)
    assert any("lb" in n and "converted to N" in n for n in recording.notes)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"type": 7}, "type 7"),
        ({"corners": np.zeros((4, 3))}, "its corners span 0 mm²"),
        ({"corners": CORNERS * 1e-3}, "its corners span"),
        ({"corners": CORNERS * np.nan}, "not finite numbers"),
        ({"channels": [1, 2, 3, 4, 5, 0]}, "not connected"),
        ({"channels": [1, 2, 3, 4, 5, 17]}, "not connected"),
        ({"channels": [1, 2, 3, 4, 5, 5]}, "name one twice"),
        ({"channel_units": ["furlong"] * 6}, "furlong"),
    ],
)
def test_a_platform_that_cannot_be_read_is_named_and_the_trial_is_ingested(
    tmp_path: Path, changes: dict, why: str
) -> None:
    path = tmp_path / "walk.c3d"
    made(path, 2, **changes)
    recording = c3d.read(path, ReadOptions(up="z"))
    assert recording.plates == []
    assert recording.poses
    assert any("force platform 1 is left out" in n and why in n for n in recording.notes), recording.notes


def test_a_short_gap_of_samples_is_bridged_and_noted(tmp_path: Path) -> None:
    path = tmp_path / "walk.c3d"
    raw = made(path, 2, missing=[10, 30, 31])  # 200 samples per second: 10 ms
    recording = c3d.read(path, ReadOptions(up="z"))
    (plate,) = recording.plates
    assert np.isfinite(plate.force).all()
    np.testing.assert_allclose(plate.force[:40, 1], 600, rtol=1e-6)
    between = (raw[0, 9] + raw[0, 11]) / 2  # x of the platform points to -x of the lab
    assert abs(plate.force[10, 0]) == pytest.approx(abs(between), rel=1e-5)
    assert any("3 of its 80 samples are missing, up to 2 in a row; they are bridged" in n for n in recording.notes)


@pytest.mark.parametrize("missing", [range(20, 24), range(4), range(76, 80), range(80)])
def test_a_platform_with_a_long_gap_is_left_out_by_name(tmp_path: Path, missing: range) -> None:
    path = tmp_path / "walk.c3d"
    made(path, 2, missing=list(missing))
    recording = c3d.read(path, ReadOptions(up="z"))
    assert recording.plates == []
    assert recording.poses
    said = f"force platform 1 is left out: {len(missing)} of its 80 samples are missing"
    assert any(said in n for n in recording.notes), recording.notes


def test_two_platforms_on_one_channel_are_both_left_out_by_name(tmp_path: Path) -> None:
    path = tmp_path / "walk.c3d"
    made(path, 2)
    file = ezc3d.c3d(str(path))
    group = file["parameters"]["FORCE_PLATFORM"]
    for name in ("TYPE", "CHANNEL", "CORNERS", "ORIGIN"):  # the platform once more, on the same channels
        value = np.asarray(group[name]["value"])
        group[name]["value"] = np.concatenate([value, value], axis=-1)
    group["USED"]["value"] = np.array([2])
    file.write(str(path))
    recording = c3d.read(path, ReadOptions(up="z"))
    assert recording.plates == []
    assert recording.poses
    for own, other in ((1, 2), (2, 1)):
        said = f"force platform {own} is left out: its channels are also those of platform {other}"
        assert any(said in n for n in recording.notes), recording.notes


def test_an_analog_rate_that_is_not_a_multiple_of_the_video_rate_is_named(tmp_path: Path) -> None:
    path = tmp_path / "walk.c3d"
    made(path, 2)
    content = path.read_bytes()
    at = content.index(b"RATE", content.index(b"ANALOG"))
    stated = np.frombuffer(content, "<f4", 1, content.index(np.float32(200).tobytes(), at))
    assert stated == 200
    place = content.index(np.float32(200).tobytes(), at)
    path.write_bytes(content[:place] + np.float32(230).tobytes() + content[place + 4 :])
    recording = c3d.read(path, ReadOptions(up="z"))
    assert recording.plates[0].rate_hz == 200
    assert any("ANALOG:RATE is 230 Hz" in n for n in recording.notes), recording.notes


@pytest.mark.parametrize("rate_hz", [130.0, 215.0, 1000.0])
def test_samples_at_any_rate_are_brought_to_the_frames(rate_hz: float) -> None:
    """The mean of a ramp over a frame's time is its value at the frame, whatever the rates."""
    clock = np.arange(round(2 * rate_hz)) / rate_hz
    force = np.stack([0 * clock, 20 + 300 * clock, -40 * clock], axis=1)
    wrench = Wrench(plate=1, type_=0, rate_hz=rate_hz, start_s=0.0, force=force, moment_nmm=1000 * force,
                    normal=np.array([0.0, 1, 0]), zero="as recorded", units=("N", "m", "Nm"), centre=np.zeros(3))  # fmt: skip
    time_s = np.arange(10, 180) / 100
    found = at_frames([plate_from_wrench(wrench, [])], time_s, 100.0, 0.0)[0]
    for values in (found.force, found.moment, found.filtered_force):
        np.testing.assert_allclose(values[:, 1], 20 + 300 * time_s, atol=1e-6)
        np.testing.assert_allclose(values[:, 2], -40 * time_s, atol=1e-6)


def test_forces_on_the_platform_are_turned_round(tmp_path: Path) -> None:
    path = tmp_path / "walk.c3d"
    made(path, 2, corners=CORNERS[[1, 0, 3, 2]])  # the other order: z points up, and the forces into the floor
    recording = c3d.read(path, ReadOptions(up="z"))
    assert recording.plates[0].is_flipped
    np.testing.assert_allclose(recording.plates[0].force[:40, 1], 600, rtol=1e-6)
    assert any("signs were reversed" in n for n in recording.notes)


@needs_shared
@pytest.mark.parametrize(
    ("order", "n_contradicted"),
    [([0, 1, 2, 3], 0), ([1, 2, 3, 0], 3), ([2, 3, 0, 1], 3), ([3, 0, 1, 2], 3), ([1, 0, 3, 2], 3), ([3, 2, 1, 0], 2)],
)
def test_corners_in_another_order_contradict_the_walker(
    monkeypatch: pytest.MonkeyPatch, order: list[int], n_contradicted: int
) -> None:
    """Platforms 2 to 4 of this walk carry one foot each; the first is only left."""
    true_corners = plate_reader._corners
    monkeypatch.setattr(plate_reader, "_corners", lambda *given: true_corners(*given)[order])
    recording = c3d.read(SHARED / "labs/LABQ/Q01/walk_01.c3d", ReadOptions())
    landmarks = compute_landmarks(recording, cutoff_hz=0.0)
    found = [contradictions(plate, landmarks.points, landmarks.time_s) for plate in recording.plates]
    assert found[0] is None
    assert sum(bool(problems) for problems in found[1:]) == n_contradicted
