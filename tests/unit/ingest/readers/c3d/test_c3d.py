"""The C3D reader against ezc3d's own reading, a plain struct decode, and files written for each quirk."""

from __future__ import annotations

import math
import random
import re
import struct
from pathlib import Path

import ezc3d
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurostore.errors import InputError
from neurostore.ingest.readers import c3d, read
from neurostore.ingest.readers.c3d import layout as c3d_layout
from neurostore.ingest.readers.c3d import parameters as c3d_parameters
from neurostore.ingest.recording import ReadOptions
from tests.builders import plate_files
from tests.builders.c3d_files import LEGS, walker, write
from tests.builders.lab_files import as_integers
from tests.shared_data import SHARED, needs_shared


def column(recording, name: str) -> np.ndarray:
    poses = recording.poses[0]
    return poses.positions[:, poses.skeleton.index(name)]


def y_up(positions: np.ndarray) -> np.ndarray:
    """Z up to Y up, by the rotation about x."""
    return np.stack([positions[..., 0], positions[..., 2], -positions[..., 1]], axis=-1)


def structured(path: Path) -> tuple[np.ndarray, int]:
    """Points of a little-endian float C3D, decoded word by word as the format defines it: ((n, J, 4), first frame)."""
    raw = path.read_bytes()
    n_points, n_analog, first, last = struct.unpack_from("<4H", raw, 2)
    start = (struct.unpack_from("<H", raw, 16)[0] - 1) * 512
    out = np.empty((last - first + 1, n_points, 4))
    for frame in range(len(out)):
        values = struct.unpack_from(f"<{4 * n_points}f", raw, start + frame * 4 * (4 * n_points + n_analog))
        out[frame] = np.reshape(values, (n_points, 4))
    return out, first


# ---------------------------------------------------------------------------------------------- real files


@needs_shared
@pytest.mark.parametrize(
    ("name", "kind", "first"),
    [("Movement_trial", "mocap", 695), ("Static_trial", "static", 1), ("Sample_Static", "static", 1)],
)
def test_real_files_agree_with_a_struct_decode(name: str, kind: str, first: int) -> None:
    path = SHARED / "c3d" / f"{name}.c3d"
    recording = read(path)
    samples, first_in_file = structured(path)
    labels = ezc3d.c3d(str(path))["parameters"]["POINT"]["LABELS"]["value"]
    assert first_in_file == first
    assert recording.kind == kind
    poses = recording.poses[0]
    assert poses.skeleton.name == "plug_in_gait"
    for joint in ("LASI", "RKNE", "LTOE", "LFHD", "LFEP", "PELO"):
        expected = samples[:, labels.index(joint)]
        is_missing = (expected[:, 3] < 0) | (expected[:, :3] == 0).all(axis=1)
        expected = y_up(np.where(is_missing[:, None], np.nan, expected[:, :3]))
        np.testing.assert_array_equal(column(recording, joint), expected.astype(np.float32))
    np.testing.assert_allclose(poses.time_s, (first - 1 + np.arange(len(samples))) / recording.rate_hz, rtol=1e-12)
    assert not [j for j in poses.skeleton.joints if j.startswith(("x_1", "joint", "_")) or "Angle" in j or "Force" in j]


@needs_shared
def test_real_file_angles_and_measures() -> None:
    path = SHARED / "c3d" / "Movement_trial.c3d"
    recording = read(path)
    samples, _ = structured(path)
    labels = ezc3d.c3d(str(path))["parameters"]["POINT"]["LABELS"]["value"]
    knee = next(a for a in recording.angles if a.angle == "left_knee_flexion_deg")
    assert (knee.source_name, knee.component, knee.sign) == ("LKneeAngles", "x", 1)
    np.testing.assert_array_equal(knee.values, samples[:, labels.index("LKneeAngles"), 0])
    names = [a.angle for a in recording.angles if a.angle]
    assert len(names) == len(set(names))
    measures = {(c.parameter, c.side): (c.value, c.unit) for c in recording.calibrations}
    assert measures["leg_length", "left"] == (877.0, "mm")
    assert measures["knee_width", "right"] == (139.0, "mm")
    assert measures["inter_asis", None] == (306.0, "mm")
    assert measures["static_foot_offset", "left"][0] == pytest.approx(math.degrees(0.25269872))
    assert recording.subject == "Test"
    assert any("42 unlabelled points" in n for n in recording.notes)


@needs_shared
@pytest.mark.parametrize("name", ["Movement_trial", "Static_trial"])
def test_mapped_angles_have_our_signs(name: str) -> None:
    """From the segment axes that Plug-in Gait writes beside its angles: flexion brings the distal end forward (hip) or
    backward (knee), adduction brings it to the middle, the pelvis tilts forward, the trunk leans forward."""
    recording = read(SHARED / "c3d" / f"{name}.c3d")

    def axis(segment: str, end: str) -> np.ndarray:
        arrow = column(recording, f"{segment}{end}") - column(recording, f"{segment}O")
        return arrow / np.linalg.norm(arrow, axis=1, keepdims=True)

    def ours(angle: str) -> float:
        found = next(a for a in recording.angles if a.angle == angle)
        return float(np.nanmedian(found.sign * found.values))

    def along(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.nanmedian((a * b).sum(axis=1)))

    up = np.array([[0.0, 1.0, 0.0]])
    assert ours("pelvis_tilt_deg") == pytest.approx(math.degrees(math.asin(-along(axis("PEL", "A"), up))), abs=2)
    for side, short, outward in (("left", "L", 1), ("right", "R", -1)):
        thigh_down = -axis(f"{short}FE", "P")
        forward = along(thigh_down, axis("PEL", "A"))
        assert math.copysign(1, ours(f"{side}_hip_flexion_deg")) == math.copysign(1, forward)
        shank_down = -axis(f"{short}TI", "P")
        backward = -along(shank_down, axis(f"{short}FE", "A"))
        assert ours(f"{side}_knee_flexion_deg") == pytest.approx(math.degrees(math.asin(backward)), abs=5)
        inward = -outward * along(shank_down, axis(f"{short}FE", "L"))
        assert ours(f"{side}_knee_adduction_deg") == pytest.approx(math.degrees(math.asin(inward)), abs=3)
        toe = -axis(f"{short}FO", "P")
        assert math.copysign(1, ours(f"{side}_ankle_dorsiflexion_deg")) == math.copysign(
            1, along(toe, axis(f"{short}TI", "P"))
        )
        arm_outward = outward * along(-axis(f"{short}HU", "P"), axis("PEL", "L"))
        assert math.copysign(1, ours(f"{side}_shoulder_adduction_deg")) == -math.copysign(1, arm_outward)


# ---------------------------------------------------------------------------------------------- units, axes, clock


def test_written_file_comes_back(tmp_path: Path) -> None:
    made = walker(50)
    recording = read(write(tmp_path / "walk.c3d", made, LEGS))
    assert recording.poses[0].skeleton.name == "plug_in_gait"
    for i, name in enumerate(LEGS):
        np.testing.assert_allclose(column(recording, name), y_up(made)[:, i], atol=1e-3)
    assert np.isnan(column(recording, "C7")).all()
    assert recording.length_basis == "measured"
    assert recording.kind == "mocap"


@pytest.mark.parametrize(("unit", "mm"), [("m", 1000.0), ("cm", 10.0), ("in", 25.4), ("M", 1000.0), ("meters", 1000.0)])
def test_units(tmp_path: Path, unit: str, mm: float) -> None:
    recording = read(write(tmp_path / "walk.c3d", walker(20) / mm, LEGS, units=unit))
    np.testing.assert_allclose(column(recording, "LASI"), y_up(walker(20))[:, 0], rtol=1e-5, atol=1e-2)
    assert recording.length_basis == "measured"


@pytest.mark.parametrize(("mm", "name"), [(1000.0, "m"), (10.0, "cm"), (1.0, "mm")])
def test_missing_unit_is_judged_and_noted(tmp_path: Path, mm: float, name: str) -> None:
    recording = read(write(tmp_path / "walk.c3d", walker(20) / mm, LEGS, units=None))
    np.testing.assert_allclose(column(recording, "LASI"), y_up(walker(20))[:, 0], rtol=1e-5, atol=1e-2)
    assert recording.length_basis == "judged"
    assert any(f"judged to be {name} " in n for n in recording.notes)
    given = read(tmp_path / "walk.c3d", ReadOptions(scale_mm=2.0))
    np.testing.assert_allclose(column(given, "LASI"), y_up(walker(20))[:, 0] * 2 / mm, rtol=1e-5, atol=1e-2)
    assert given.length_basis == "measured"


def test_unit_that_cannot_be_is_reported(tmp_path: Path) -> None:
    recording = read(write(tmp_path / "walk.c3d", walker(20) / 1000, LEGS, units="mm"))
    assert any("not a person" in n for n in recording.notes)


# Right-handed lab frames: where the person's forward, left and up point.
FRAMES = {
    "z": np.eye(3),
    "y": np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]]),
    "x": np.array([[0, 0, 1.0], [0, 1.0, 0], [-1.0, 0, 0]]),
    "-z": np.array([[1.0, 0, 0], [0, -1.0, 0], [0, 0, -1.0]]),
    "-y": np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]]),
}


@pytest.mark.parametrize("said", [True, False])
@pytest.mark.parametrize("up", list(FRAMES))
def test_up_axis(tmp_path: Path, up: str, said: bool) -> None:
    """The file's frame is the Z-up frame turned by R; whatever R, shapes keep their handedness and y is height."""
    turn = FRAMES[up]
    assert np.linalg.det(turn) == pytest.approx(1)
    made = walker(20)
    side = "X" if "x" not in up else "Y"
    screen = (f"+{side}", f"{'-' if up[0] == '-' else '+'}{up[-1].upper()}") if said else None
    recording = read(write(tmp_path / "walk.c3d", made @ turn.T, LEGS, screen=screen))
    got = np.stack([column(recording, name) for name in LEGS], axis=1)
    np.testing.assert_allclose(got[..., 1], made[..., 2], atol=1e-2)

    def triple(p: np.ndarray) -> np.ndarray:
        return np.einsum("ni,ni->n", np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), p[:, 4] - p[:, 0])

    np.testing.assert_allclose(triple(got.astype(float)), triple(made), rtol=1e-3)
    assert any("the vertical axis" in n for n in recording.notes) is not said


@pytest.mark.parametrize("screen", [("+X", "+Y"), ("-X", "-Z"), ("+X", "-Z"), ("+Z", "+X")])
def test_markers_decide_against_a_wrong_screen(tmp_path: Path, screen: tuple[str, str]) -> None:
    """Qualisys writes -X and -Z into files whose Z is up, ART +Y."""
    path = write(tmp_path / "walk.c3d", walker(20), LEGS, screen=screen)
    recording = read(path)
    assert any("POINT:Y_SCREEN gives" in n and "z was used" in n for n in recording.notes)
    np.testing.assert_allclose(column(recording, "LASI"), y_up(walker(20))[:, 0], atol=1e-2)
    with pytest.raises(InputError, match="is not an axis"):
        read(path, ReadOptions(up="w"))


def test_clock_starts_at_the_first_frame(tmp_path: Path) -> None:
    recording = read(write(tmp_path / "walk.c3d", walker(20), LEGS, first_frame=201))
    np.testing.assert_allclose(recording.poses[0].time_s, 2.0 + np.arange(20) / 100, rtol=1e-12)
    assert recording.poses[0].frame.tolist() == list(range(20))
    part = read(tmp_path / "walk.c3d", ReadOptions(drop_frames=5, frames=(1, 10)))
    np.testing.assert_allclose(part.poses[0].time_s, 2.06 + np.arange(10) / 100, rtol=1e-12)
    with pytest.raises(InputError, match="keep none of its 20 frames"):
        read(tmp_path / "walk.c3d", ReadOptions(drop_frames=20))


# ---------------------------------------------------------------------------------------------- missing samples


def test_missing_samples(tmp_path: Path) -> None:
    made = walker(30)
    made[5, 0] = 0
    residuals = np.zeros(made.shape[:2])
    residuals[7, 1] = -1
    made[9, 2] = np.nan
    made[11, 3] = np.inf
    recording = read(write(tmp_path / "walk.c3d", made, LEGS, residuals=residuals))
    missing = {(f, LEGS[j]) for j in range(12) for f in np.flatnonzero(np.isnan(column(recording, LEGS[j])[:, 0]))}
    assert missing == {(5, "LASI"), (7, "RASI"), (9, "LPSI"), (11, "RPSI")}
    assert any(n.endswith("were taken as missing: 1, of RPSI") for n in recording.notes)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_nothing_valid_is_an_error(tmp_path: Path, value: float) -> None:
    with pytest.raises(InputError, match="are infinite or over 100 m" if value == np.inf else "no valid sample"):
        read(write(tmp_path / "walk.c3d", np.full((20, 12, 3), value), LEGS))


# ---------------------------------------------------------------------------------------------- labels


def test_prefix_unlabelled_and_spellings(tmp_path: Path) -> None:
    labels = [f"Anna:{n}" for n in LEGS] + ["*1", "*110", "Anna:*7", "Anna:WAND"]
    labels[0], labels[8] = "Anna:L.ASIS", "Anna:LHEEL"
    recording = read(write(tmp_path / "walk.c3d", walker(20, labels), labels))
    skeleton = recording.poses[0].skeleton
    assert skeleton.name == "plug_in_gait"
    assert recording.subject == "Anna"
    assert skeleton.joints[-1] == "WAND"
    assert np.isfinite(column(recording, "LASI")).all()
    assert np.isfinite(column(recording, "LHEE")).all()
    assert any(n.startswith("3 unlabelled points") for n in recording.notes)
    assert any("L.ASIS as LASI" in n for n in recording.notes)


def test_several_subjects_are_not_mixed(tmp_path: Path) -> None:
    labels = [f"Ben:{n}" for n in LEGS] + [f"Anna:{n}" for n in LEGS] + ["Anna:C7"]
    made = walker(20, labels)
    made[:, :12, 1] += 3000
    recording = read(write(tmp_path / "walk.c3d", made, labels))
    assert recording.subject == "Anna"
    np.testing.assert_allclose(column(recording, "LASI"), y_up(made)[:, 12], atol=1e-2)
    assert any("left out: Ben (12 points)" in n for n in recording.notes)


def test_of_several_the_one_is_read_whom_the_folder_names_else_the_one_with_a_body(tmp_path: Path) -> None:
    labels = [f"Anna:{n}" for n in LEGS] + [f"Ben:{n}" for n in LEGS] + [f"Treadmill:T{i}" for i in range(30)]
    made = walker(20, labels)
    for folder, subject in (("P01", "Anna"), ("ben", "Ben"), ("Anna", "Anna"), ("treadmills", "Anna")):
        (tmp_path / folder).mkdir()
        recording = read(write(tmp_path / folder / "walk.c3d", made, labels))
        assert recording.subject == subject
        start = labels.index(f"{subject}:LASI")
        np.testing.assert_allclose(column(recording, "LASI"), y_up(made)[:, start], atol=1e-2)
        assert any("Treadmill (30 points)" in n for n in recording.notes)


def test_more_than_255_labels(tmp_path: Path) -> None:
    labels = [f"P{i:03}" for i in range(300)] + LEGS
    recording = read(write(tmp_path / "walk.c3d", walker(4, labels), labels))
    assert recording.poses[0].skeleton.name == "plug_in_gait"
    np.testing.assert_allclose(column(recording, "RTOE"), y_up(walker(4, labels))[:, -1], atol=1e-2)


def test_unsigned_analog_samples(tmp_path: Path) -> None:
    """Numbers from 0 to 65535 about an offset that the signed parameter holds as -32768."""
    file = ezc3d.c3d(str(plate_files.write(tmp_path / "float.c3d", 20)))
    samples = file["data"]["analogs"][0].copy()
    file["parameters"]["ANALOG"]["GEN_SCALE"]["value"] = [0.05]
    file.add_parameter("ANALOG", "FORMAT", ["UNSIGNED"])
    file.write(str(tmp_path / "scaled.c3d"))
    recording = read(as_integers(tmp_path / "scaled.c3d", tmp_path / "walk.c3d", is_unsigned=True))
    for channel, expected in zip(recording.analog, samples, strict=True):
        np.testing.assert_allclose(channel.samples, expected, atol=0.0251)
    assert recording.plates[0].force[-1, 1] > 500


def test_unknown_set_gets_one_skeleton_whatever_the_order(tmp_path: Path) -> None:
    labels = ["head", "hip", "knee", "foot"]
    a = read(write(tmp_path / "a.c3d", walker(20, labels) + np.arange(4)[:, None], labels)).poses[0].skeleton
    b = read(write(tmp_path / "b.c3d", walker(20, labels), labels[::-1])).poses[0].skeleton
    assert a.name == b.name
    assert a.joints == b.joints == ("foot", "head", "hip", "knee")
    c = read(write(tmp_path / "c.c3d", walker(20, labels[:3]), labels[:3])).poses[0].skeleton
    assert c.name != a.name


def test_duplicate_label_keeps_the_fuller_one(tmp_path: Path) -> None:
    labels = [*LEGS, "LASI"]
    made = walker(20, labels)
    made[:15, 0] = 0
    recording = read(write(tmp_path / "walk.c3d", made, labels))
    assert np.isfinite(column(recording, "LASI")).all()
    assert any("more than once" in n and "LASI" in n for n in recording.notes)


def test_skeleton_option(tmp_path: Path) -> None:
    declared = tmp_path / "mine.toml"
    declared.write_text('name = "mine"\njoints = ["pelvis_left", "pelvis_right"]\n[aliases]\npelvis_left = ["LASI"]\n')
    path = write(tmp_path / "walk.c3d", walker(20), LEGS)
    skeleton = read(path, ReadOptions(skeleton=str(declared))).poses[0].skeleton
    assert skeleton.name == "mine"
    assert skeleton.joints[:2] == ("pelvis_left", "pelvis_right")
    with pytest.raises(InputError, match="no skeleton named"):
        read(path, ReadOptions(skeleton="nobody"))
    with pytest.raises(InputError, match="belongs to the skeleton"):
        read(path, ReadOptions(skeleton="blazepose_33"))


# ---------------------------------------------------------------------------------------------- what the file says


def events(recording) -> list[tuple[str, str | None, float]]:
    return [(e.event, e.side, round(e.time_s, 6)) for e in recording.events]


def test_events_in_the_clock_of_the_frames(tmp_path: Path) -> None:
    """The event at 2.55 s of a file whose first frame is 201 at 100 Hz happens 0.55 s after the trial began."""
    parameters = {
        ("EVENT", "USED"): 4,
        ("EVENT", "CONTEXTS"): ["Left", "Right", "General", "Left"],
        ("EVENT", "LABELS"): ["Foot Strike", "Foot Off", "Event", "Foot Off"],
        ("EVENT", "DESCRIPTIONS"): ["heel", "toe", "", ""],
        ("EVENT", "TIMES"): np.array([[0.0, 0.0, 0.0, 0.0], [2.55, 2.20, 2.10, 2.31]]),
    }
    recording = read(write(tmp_path / "walk.c3d", walker(100), LEGS, first_frame=201, parameters=parameters))
    assert events(recording) == [
        ("event", None, 2.1), ("foot_off", "right", 2.2), ("foot_off", "left", 2.31), ("foot_strike", "left", 2.55),
    ]  # fmt: skip
    strike = recording.events[-1]
    assert strike.time_s - recording.poses[0].time_s[0] == pytest.approx(60 * 0 + 2.55 - (201 - 1) / 100)
    assert (strike.label, strike.description) == ("Foot Strike", "heel")


@pytest.mark.parametrize(
    "times",
    [
        np.array([1.0, 2.5, 1.0, 2.25]),  # minute, second, minute, second
        np.array([1.0, 1.0, 2.5, 2.25]),  # minutes first
        np.array([[1.0, 1.0], [2.5, 2.25]]),
        np.array([62.5, 62.25]),  # seconds alone
    ],
)
def test_event_times_stored_flat(tmp_path: Path, times: np.ndarray) -> None:
    parameters = {
        ("EVENT", "USED"): 2,
        ("EVENT", "CONTEXTS"): ["Left", "Right"],
        ("EVENT", "LABELS"): ["FOOT STRIKE", "toe-off"],
        ("EVENT", "TIMES"): times,
    }
    recording = read(write(tmp_path / "w.c3d", walker(600), LEGS, first_frame=6001, parameters=parameters))
    assert events(recording) == [("foot_off", "right", 62.25), ("foot_strike", "left", 62.5)]
    assert not [n for n in recording.notes if "outside" in n]


def test_event_counts_that_disagree_and_times_outside(tmp_path: Path) -> None:
    parameters = {
        ("EVENT", "USED"): 5,
        ("EVENT", "CONTEXTS"): ["Left"],
        ("EVENT", "LABELS"): ["Foot Strike", "RTO"],
        ("EVENT", "TIMES"): np.array([[0.0, 0.0], [0.1, 99.0]]),
    }
    recording = read(write(tmp_path / "w.c3d", walker(20), LEGS, parameters=parameters))
    assert events(recording) == [("foot_strike", "left", 0.1), ("foot_off", "right", 99.0)]
    assert any("EVENT:USED says 5" in n for n in recording.notes)
    assert any("1 events are outside" in n for n in recording.notes)


def test_model_outputs_by_pattern(tmp_path: Path) -> None:
    outputs = [
        "LKneeAnglesV",
        "RKneeAngles",
        "RKneeAngles_old",
        "LHipMoment",
        "RGroundReactionForce",
        "LFEP",
        "PELO",
        "LHJC",
    ]
    labels = [f"Eva:{n}" for n in LEGS + outputs]
    made = walker(30, labels)
    made[:, 12:15] = np.linspace(5, 60, 30)[:, None, None]
    recording = read(write(tmp_path / "walk.c3d", made, labels))
    assert recording.poses[0].skeleton.joints[-3:] == ("LFEP", "LHJC", "PELO")
    mapped = {(a.source_name, a.component): a.angle for a in recording.angles}
    assert mapped["LKneeAnglesV", "x"] == "left_knee_flexion_deg"
    assert mapped["RKneeAngles", "x"] == "right_knee_flexion_deg"
    assert mapped["RKneeAngles_old", "x"] is None
    assert {k.source_name for k in recording.kinetics} == {"LHipMoment", "RGroundReactionForce"}


def test_angles_in_radians_and_gaps(tmp_path: Path) -> None:
    labels = [*LEGS, "LKneeAngles"]
    made = walker(30, labels)
    made[:, 12] = [0.5, 0.1, -0.1]
    made[3, 12] = 0
    recording = read(write(tmp_path / "w.c3d", made, labels, parameters={("POINT", "ANGLE_UNITS"): ["rad"]}))
    knee = next(a for a in recording.angles if a.angle == "left_knee_flexion_deg")
    assert np.isnan(knee.values[3])
    np.testing.assert_allclose(np.delete(knee.values, 3), math.degrees(0.5), rtol=1e-6)


def test_groups_of_the_file_decide(tmp_path: Path) -> None:
    labels = [*LEGS, "Flex1", "Push"]
    parameters = {
        ("POINT", "TYPE_GROUPS"): ["ANGLES", "ANGLE", "FORCES", "FORCE"],
        ("POINT", "ANGLES"): ["Flex1"],
        ("POINT", "FORCES"): ["Push"],
    }
    recording = read(write(tmp_path / "w.c3d", walker(30, labels), labels, parameters=parameters))
    assert {a.source_name for a in recording.angles} == {"Flex1"}
    assert not {"Flex1", "Push"} & set(recording.poses[0].skeleton.joints)


@pytest.mark.parametrize(
    ("stored", "degrees"), [(0.2, math.degrees(0.2)), (-1.19, math.degrees(-1.19)), (1.21, 1.21), (11.5, 11.5)]
)
def test_static_offsets_in_radians_or_degrees(tmp_path: Path, stored: float, degrees: float) -> None:
    parameters = {
        ("PROCESSING", "LStaticPlantFlex"): [stored],
        ("PROCESSING", "RLegLength"): [0.9],
        ("PROCESSING", "LKneeWidth"): [0.0],
        ("PROCESSING", "LAnkleWidth"): [0.07],
        ("SUBJECTS", "NAMES"): ["P07"],
    }
    recording = read(write(tmp_path / "w.c3d", walker(20), LEGS, parameters=parameters))
    measures = {(c.parameter, c.side): c for c in recording.calibrations}
    assert measures["static_foot_offset", "left"].value == pytest.approx(degrees, rel=1e-6)
    assert measures["static_foot_offset", "left"].unit == "deg"
    assert measures["leg_length", "right"].value == pytest.approx(900, rel=1e-6)
    assert measures["ankle_width", "left"].value == pytest.approx(70, rel=1e-6)
    assert ("knee_width", "left") not in measures
    assert {c.source for c in recording.calibrations} == {"file"}
    assert recording.subject == "P07"


def test_static_trial(tmp_path: Path) -> None:
    still = np.repeat(walker(1), 100, axis=0) + np.random.default_rng(1).normal(0, 3, (100, 12, 3))
    assert read(write(tmp_path / "trial.c3d", still, LEGS)).kind == "static"
    assert read(write(tmp_path / "walk.c3d", walker(100), LEGS)).kind == "mocap"
    assert read(write(tmp_path / "static_walk.c3d", walker(100), LEGS)).kind == "mocap"
    treadmill = walker(100)
    treadmill[..., 0] -= treadmill[:, :1, 0]
    treadmill[:, 4:, 0] += 300 * np.sin(np.arange(100) / 15)[:, None]
    assert read(write(tmp_path / "treadmill.c3d", treadmill, LEGS)).kind == "mocap"


# ---------------------------------------------------------------------------------------------- long, odd, broken


@pytest.mark.parametrize("says", ["nothing", "trial"])
def test_more_than_65535_frames(tmp_path: Path, says: str) -> None:
    labels = ["LASI", "RASI", "C7"]
    n = 70_000
    made = np.random.default_rng(2).normal(0, 300, (n, 3, 3)) + np.array([[0, 0, 1000], [0, 0, 1000], [0, 0, 1500]])
    parameters = {}
    if says == "trial":
        parameters = {
            ("TRIAL", "ACTUAL_START_FIELD"): np.array([1.0, 0.0]),
            ("TRIAL", "ACTUAL_END_FIELD"): np.array([float(n % 65_536), 1.0]),
        }
    path = write(tmp_path / "long.c3d", made, labels, parameters=parameters)
    assert ezc3d.c3d(str(path))["data"]["points"].shape[2] == 65_535  # why we count ourselves
    recording = read(path)
    assert len(recording.poses[0].frame) == n
    np.testing.assert_allclose(column(recording, "C7"), y_up(made)[:, 2], atol=1e-3)
    if says == "trial":
        cut = tmp_path / "cut.c3d"
        cut.write_bytes(path.read_bytes()[: -200 * 48])
        with pytest.raises(InputError, match="70000 frames"):
            read(cut)


def vax_words(values: np.ndarray) -> np.ndarray:
    """float32 to VAX F as it is in memory: four times the IEEE pattern, 16-bit halves swapped."""
    bits = (values.astype("<f4") * np.float32(4)).view("<u4")
    return ((bits << np.uint32(16)) | (bits >> np.uint32(16))).astype("<u4")


@pytest.mark.parametrize("processor", ["intel", "dec", "mips"])
@pytest.mark.parametrize("storage", ["float", "integer"])
def test_storage_and_processor(tmp_path: Path, processor: str, storage: str) -> None:
    """A file laid out by hand: header, two groups of parameters, 20 frames of 12 points and 3 analog words."""
    order = ">" if processor == "mips" else "<"
    labels = LEGS
    made = np.round(walker(20) * 10) / 10
    scale = -0.1 if storage == "float" else 0.1

    def real(value: float) -> bytes:
        if processor == "dec":
            return vax_words(np.array([value])).tobytes()
        return struct.pack(f"{order}f", value)

    def record(name: str, group: int, kind: int, dims: tuple[int, ...], data: bytes) -> bytes:
        body = struct.pack("bB", kind, len(dims)) + bytes(dims) + data + b"\0"
        return struct.pack("bb", len(name), group) + name.encode() + struct.pack(f"{order}H", len(body) + 2) + body

    def group(name: str, number: int) -> bytes:
        return struct.pack("bb", len(name), -number) + name.encode() + struct.pack(f"{order}H", 3) + b"\0"

    parameters = group("POINT", 1)
    parameters += record("USED", 1, 2, (), struct.pack(f"{order}h", len(labels)))
    parameters += record("FRAMES", 1, 2, (), struct.pack(f"{order}h", 20))
    parameters += record("SCALE", 1, 4, (), real(scale)) + record("RATE", 1, 4, (), real(100.0))
    parameters += record("DATA_START", 1, 2, (), struct.pack(f"{order}h", 4))
    parameters += record("UNITS", 1, -1, (2,), b"mm") + record("X_SCREEN", 1, -1, (2,), b"+X")
    parameters += record("Y_SCREEN", 1, -1, (2,), b"+Z")
    parameters += record("LABELS", 1, -1, (4, len(labels)), "".join(labels).encode())
    parameters += group("ANALOG", 2) + record("USED", 2, 2, (), struct.pack(f"{order}h", 3))
    parameters += record("RATE", 2, 4, (), real(100.0)) + record("GEN_SCALE", 2, 4, (), real(1.0))
    parameters += record("SCALE", 2, 4, (3,), real(1.0) * 3) + record("OFFSET", 2, 2, (3,), bytes(6))
    parameters += record("LABELS", 2, -1, (2, 3), b"F1F2F3")
    kind = {"intel": 84, "dec": 85, "mips": 86}[processor]
    section = (bytes([1, 0x50, 2, kind]) + parameters).ljust(1024, b"\0")
    assert len(section) == 1024
    header = bytes([2, 0x50]) + struct.pack(f"{order}5H", 12, 3, 1, 20, 10) + real(scale)
    header += struct.pack(f"{order}2H", 4, 1) + real(100.0)
    words = np.zeros((20, 12 * 4 + 3))
    words[:, :48] = np.concatenate([made / (1 if storage == "float" else 0.1), np.zeros((20, 12, 1))], axis=2).reshape(
        20, 48
    )
    words[:, 48:] = 7
    words[4, 3] = -1  # LASI in frame 4
    if storage == "integer":
        data = np.round(words).astype(f"{order}i2").tobytes()
    else:
        data = vax_words(words).tobytes() if processor == "dec" else words.astype(f"{order}f4").tobytes()
    path = tmp_path / "walk.c3d"
    path.write_bytes(header.ljust(512, b"\0") + section + data)
    recording = read(path)
    for i, name in enumerate(labels):
        expected = y_up(made)[:, i]
        if name == "LASI":
            expected[4] = np.nan
        np.testing.assert_allclose(column(recording, name), expected, atol=0.06 if storage == "integer" else 1e-3)


def test_no_points(tmp_path: Path) -> None:
    path = write(tmp_path / "forces.c3d", walker(20), LEGS)
    raw = bytearray(path.read_bytes())
    struct.pack_into("<2H", raw, 2, 0, 48)  # the same words, as analog samples
    struct.pack_into("<H", raw, raw.index(b"USED", raw.index(b"POINT")) + 8, 0)
    path.write_bytes(raw)
    with pytest.raises(InputError, match="no points at all"):
        read(path)


def test_only_model_outputs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no marker"):
        read(write(tmp_path / "m.c3d", walker(20, ["LKneeAngles", "*1"]), ["LKneeAngles", "*1"]))


@pytest.mark.parametrize("content", [b"", b"C3D", bytes(512), random.Random(0).randbytes(4096), b"HIERARCHY\n" * 200])
def test_no_c3d_at_all(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "walk.c3d"
    path.write_bytes(content)
    with pytest.raises(InputError, match="C3D"):
        read(path)


def test_of_a_file_that_was_cut_off_the_whole_frames_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "whole.c3d", walker(200), LEGS)
    raw = path.read_bytes()
    whole, layout = read(path), c3d_layout.read_layout(path)
    cut = tmp_path / "cut.c3d"
    for size in range(0, len(raw) - 512, 1024):
        cut.write_bytes(raw[:size])
        n_frames = max(size - layout.data_offset, 0) // layout.frame_bytes
        if n_frames < 2:
            with pytest.raises(InputError):
                read(cut)
            continue
        found = read(cut)
        n_missing = 200 - n_frames
        assert np.array_equal(found.poses[0].positions, whole.poses[0].positions[:n_frames], equal_nan=True)
        assert any(f"of 200 frames {n_missing} are missing" in note for note in found.notes)
        assert found.quality["missing_frames_pct"] == pytest.approx(n_missing / 2)


@needs_shared
@pytest.mark.parametrize("name", ["labs/LABQ/Q01/walk_01.c3d", "labs/LABU/U19/treadmill_01.c3d"])
def test_markers_and_analog_samples_of_a_cut_file_end_at_the_same_frame(tmp_path: Path, name: str) -> None:
    path = SHARED / name
    layout, whole = c3d_layout.read_layout(path), read(path)
    cut = tmp_path / "cut.c3d"
    cut.write_bytes(path.read_bytes()[: layout.data_offset + 101 * layout.frame_bytes - 7])
    found = read(cut)
    assert len(found.poses[0].time_s) == 100
    n_samples = 100 * layout.samples_per_frame
    for a, b in zip(found.analog, whole.analog, strict=True):
        assert np.array_equal(a.samples, b.samples[:n_samples], equal_nan=True)
    assert {len(plate.force) for plate in found.plates} == {n_samples}


def test_residuals_that_are_all_negative_are_none(tmp_path: Path) -> None:
    path = write(tmp_path / "walk.c3d", walker(30), LEGS)
    expected, layout = read(path), c3d_layout.read_layout(path)
    raw = bytearray(path.read_bytes())
    for sample in range(30 * len(LEGS)):
        frame, point = divmod(sample, len(LEGS))
        struct.pack_into("<f", raw, layout.data_offset + frame * layout.frame_bytes + 16 * point + 12, -1.0)
    path.write_bytes(raw)
    found = read(path)
    assert np.array_equal(found.poses[0].positions, expected.poses[0].positions, equal_nan=True)
    assert any("every sample of every marker has a negative residual" in note for note in found.notes)


def test_a_cut_file_whose_numbers_are_no_markers_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "noise.c3d", np.random.default_rng(0).normal(0, 500, (200, 12, 3)), LEGS)
    path.write_bytes(path.read_bytes()[:-4096])
    with pytest.raises(InputError, match="is truncated"):
        read(path)


def test_counts_above_the_file_allocate_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "walk.c3d", walker(20), LEGS)
    raw = bytearray(path.read_bytes())
    struct.pack_into("<4H", raw, 2, 65_535, 65_535, 1, 65_534)
    path.write_bytes(raw)
    assert any("read as 12 points" in note for note in read(path).notes)  # POINT:USED and POINT:FRAMES are right
    for name, value in (("USED", -1), ("FRAMES", 60_000 - 65_536)):
        struct.pack_into("<h", raw, raw.index(name.encode(), raw.index(b"POINT")) + len(name) + 4, value)
    path.write_bytes(raw)
    with pytest.raises(InputError, match="truncated"):
        read(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), min_size=1, max_size=6))
def test_mutated_bytes_give_an_input_error_or_a_recording(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    whole = tmp_path / "whole.c3d"
    if not whole.exists():
        events_of = {("EVENT", "USED"): 1, ("EVENT", "LABELS"): ["FS"], ("EVENT", "TIMES"): np.array([[0.0], [0.1]])}
        write(whole, walker(10), LEGS, parameters=events_of)
    raw = bytearray(whole.read_bytes())
    for at, value in changes:
        raw[at % len(raw)] = value
    path = tmp_path / "mutated.c3d"
    path.write_bytes(raw)
    try:
        recording = c3d.read(path, ReadOptions())
    except InputError:
        return
    assert len(recording.poses[0].positions) == len(recording.poses[0].time_s)


# ---------------------------------------------------------------------------------------------- parameters and sizes


@needs_shared
@pytest.mark.parametrize(
    "name", ["c3d/Movement_trial", "labs/LABQ/Q01/walk_01", "labs/LABP/P01/walk_12b", "labs/LABS/S01/static"]
)
def test_parameters_agree_with_ezc3d(name: str) -> None:
    """Every parameter that both have; ezc3d adds some that the file lacks, all empty."""
    path = SHARED / f"{name}.c3d"
    if not path.exists():
        pytest.skip("not in this copy of the shared data")
    ours = c3d_layout.read_layout(path).parameters
    for group, parameters in ezc3d.c3d(str(path))["parameters"].items():
        for parameter, content in parameters.items():
            if parameter.startswith("__") or not np.size(content["value"]):
                continue
            found = ours.groups[group.upper()].get(parameter.upper())
            if content["type"] == -1:
                assert [v.strip() for v in content["value"] if v.strip()] == [v for v in found or [] if v], parameter
            else:
                array = ours.array(group.upper(), parameter.upper())
                np.testing.assert_array_equal(array.ravel("F"), np.ravel(content["value"], "F"), parameter)


def section(*records: bytes, last_link: bytes | None = None, order: str = "<") -> bytes:
    """A parameter section: records of (name, group, rest), chained; ``last_link`` replaces the last link."""
    body = b"".join(records) + b"\0\0"
    return bytes([1, 80, 2, 86 if order == ">" else 84]) + body.ljust(1020, b"\0")


def record(name: str, group: int, rest: bytes, order: str = "<", link: int | None = None) -> bytes:
    return (
        struct.pack("bb", len(name), group)
        + name.encode()
        + struct.pack(f"{order}H", len(rest) + 2 if link is None else link)
        + rest
    )


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_chain_of_parameters_is_all_that_counts(order: str) -> None:
    """No description, a description of 200 characters, a locked name, an offset as float, a last link that leads away."""
    head = section(
        record("POINT", -1, b"\0", order),
        record("UNITS", 1, struct.pack("bBB", -1, 1, 2) + b"mm", order),  # no byte for the length of a description
        record("RATE", 1, struct.pack("bB", 4, 0) + struct.pack(f"{order}f", 120) + bytes([200]) + b"d" * 200, order),
        struct.pack("bb", -6, 1)
        + b"LABELS"
        + struct.pack(f"{order}H", 15)
        + struct.pack("bBBB", -1, 2, 4, 2)
        + b"LASIRASI\0",
        record("ANALOG", -2, b"\0", order),
        record("OFFSET", 2, struct.pack("bBB", 4, 1, 2) + struct.pack(f"{order}2f", 1, 2) + b"\0", order),
        record("USED", 2, struct.pack("bB", 2, 0) + struct.pack(f"{order}h", 2) + b"\0", order, link=60_000),
    )
    found = c3d_parameters.parse_parameters(head, 0, "mips" if order == ">" else "intel")
    assert found.string("POINT", "UNITS") == "mm"
    assert found.number("POINT", "RATE") == 120
    assert found.strings("POINT", "LABELS") == ["LASI", "RASI"]
    assert found.numbers("ANALOG", "OFFSET") == [1, 2]
    assert found.number("ANALOG", "USED") == 2
    assert any("points beyond the section" in note for note in found.notes)


def test_dimensions_and_what_does_not_fit() -> None:
    corners = struct.pack("bBBBB", 4, 3, 3, 4, 2) + struct.pack("<24f", *range(24)) + b"\0"
    head = section(
        record("FORCE_PLATFORM", -1, b"\0"),
        record("CORNERS", 1, corners),
        record("HUGE", 1, struct.pack("bB", 4, 7) + bytes([255] * 7)),
        record("EMPTY", 1, struct.pack("bBBB", -1, 2, 0, 3) + b"\0"),
        record("EMPTY2", 1, struct.pack("bBBB", -1, 2, 2, 1) + b"mm\0"),
        record("NOTHING", 1, struct.pack("bB", -1, 7) + bytes([0, *[255] * 6]) + b"\0"),
        record("ODD", 1, struct.pack("bB", 3, 0) + b"\0"),
        record("TYPE", 1, struct.pack("bBB", 2, 1, 2) + struct.pack("<2h", 2, -1) + b"\0"),
    )
    found = c3d_parameters.parse_parameters(head, 0, "intel")
    array = found.array("FORCE_PLATFORM", "CORNERS")
    assert array.shape == (3, 4, 2)
    assert array[:, 0, 0].tolist() == [0, 1, 2]
    assert array[:, 0, 1].tolist() == [12, 13, 14]
    assert found.numbers("FORCE_PLATFORM", "TYPE") == [2, -1]
    assert "HUGE" not in found.groups["FORCE_PLATFORM"]
    assert found.strings("FORCE_PLATFORM", "EMPTY") == ["", "", "", "mm"]  # texts without letters keep their places
    assert found.strings("FORCE_PLATFORM", "NOTHING") == []
    assert [("'HUGE'" in n, "'ODD'" in n) for n in found.notes] == [(True, False), (False, True)]


def resized(path: Path, header: dict[int, int], parameters: dict[str, int]) -> None:
    """Overwrite 16-bit words of the header (byte to value) and 16-bit parameters (name to value)."""
    raw = bytearray(path.read_bytes())
    for at, value in header.items():
        struct.pack_into("<H", raw, at, value)
    for name, value in parameters.items():
        at = raw.index(name.encode()) + len(name)
        struct.pack_into("<H", raw, at + 4, value)
    path.write_bytes(raw)


@pytest.mark.parametrize("wrong", ["analog", "points_used", "header_points", "data_start"])
def test_sizes_that_contradict_each_other_are_weighed(tmp_path: Path, wrong: str) -> None:
    made = walker(60)
    path = tmp_path / "walk.c3d"
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [100.0]
    file["parameters"]["POINT"]["LABELS"]["value"] = LEGS
    file["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
    file["parameters"]["ANALOG"]["RATE"]["value"] = [1000.0]
    file["parameters"]["ANALOG"]["LABELS"]["value"] = ["A1", "A2", "A3"]
    points = np.ones((4, 12, 60))
    points[:3] = made.transpose(2, 1, 0)
    file["data"]["points"] = points
    file["data"]["analogs"] = np.sin(np.arange(3 * 600)).reshape(1, 3, 600)
    file.write(str(path))
    start = struct.unpack_from("<H", path.read_bytes(), 16)[0]
    if wrong == "analog":
        resized(path, {4: 3}, {})  # channels, where channels times samples belong
    elif wrong == "points_used":
        raw = path.read_bytes()
        at = raw.index(b"USED", raw.index(b"POINT")) + 4 + 4
        path.write_bytes(raw[:at] + struct.pack("<H", 11) + raw[at + 2 :])
    elif wrong == "header_points":
        resized(path, {2: 15}, {})
    else:
        resized(path, {16: start - 1}, {})
        raw = path.read_bytes()
        if b"DATA_START" not in raw:
            pytest.skip("ezc3d wrote no POINT:DATA_START")
    recording = read(path)
    says = "differ on the size of a frame|begin at byte .* within the parameters"
    assert any(re.search(says, note) for note in recording.notes)
    for i, name in enumerate(LEGS):
        np.testing.assert_allclose(column(recording, name), y_up(made)[:, i], atol=1e-3)
    layout = c3d_layout.read_layout(path)
    assert (layout.n_points, layout.n_analog, layout.samples_per_frame) == (12, 30, 10)
