"""The MOT and STO reader against numpy.genfromtxt and files written for each quirk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neurostore.errors import InputError
from neurostore.ingest.readers import read
from tests.builders.mot_files import curves, text, write
from tests.shared_data import SHARED, needs_shared


def mapped(recording) -> dict[str, np.ndarray]:
    return {a.angle: a.sign * a.values for a in recording.angles if a.angle}


@needs_shared
@pytest.mark.parametrize(
    ("name", "rate", "n"),
    [
        ("bmc/ik_output_run", 150, 122),
        ("opencap/walking1_videoAndMocap", 100, 158),
        ("opencap/squats1_videoAndMocap", 100, 801),
    ],
)
def test_real_files_agree_with_genfromtxt(name: str, rate: float, n: int) -> None:
    path = SHARED / "trc" / f"{name}.mot"
    recording = read(path)
    table = np.genfromtxt(path, names=True, skip_header=10, delimiter="\t")
    assert recording.kind == "angles"
    assert recording.poses == []
    assert recording.rate_hz == pytest.approx(rate, rel=1e-4)
    assert len(table) == n
    for angle in recording.angles:
        np.testing.assert_array_equal(angle.values, table[angle.source_name])
        np.testing.assert_array_equal(angle.time_s, table["time"])
    ours = mapped(recording)
    for side in ("left", "right"):
        assert ours[f"{side}_knee_flexion_deg"].max() > 40  # these files say flexion is positive
    assert {a.source_name for a in recording.angles}.isdisjoint({"pelvis_tx", "pelvis_ty", "pelvis_tz"})
    assert any("judged to be positive" in note for note in recording.notes)


def test_mapping_and_signs(tmp_path: Path) -> None:
    table = curves()
    ours = mapped(read(write(tmp_path / "walk.mot", text(table))))
    expected = {
        "pelvis_tilt_deg": -table[:, 1], "left_pelvis_obliquity_deg": table[:, 2],
        "right_pelvis_rotation_deg": table[:, 3],
        "right_hip_flexion_deg": table[:, 5], "right_knee_flexion_deg": table[:, 6],
        "left_knee_flexion_deg": table[:, 7],
        "left_ankle_dorsiflexion_deg": table[:, 8], "left_shoulder_adduction_deg": table[:, 10],
    }  # fmt: skip
    assert set(ours) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(ours[name], values, atol=1e-8)


def test_negative_knees_are_judged_and_noted(tmp_path: Path) -> None:
    table = curves()
    table[:, 6:8] *= -1
    recording = read(write(tmp_path / "walk.mot", text(table)))
    np.testing.assert_allclose(mapped(recording)["right_knee_flexion_deg"], -table[:, 6], atol=1e-8)
    knee = next(a for a in recording.angles if a.source_name == "knee_angle_r")
    np.testing.assert_allclose(knee.values, table[:, 6], atol=1e-8)  # the file's own sign is kept
    assert any("negative" in n and "gait2392" in n for n in recording.notes)


@pytest.mark.parametrize("said", ["no", None])
def test_radians(tmp_path: Path, said: str | None) -> None:
    table = curves()
    table[:, 1:] = np.radians(table[:, 1:])
    recording = read(write(tmp_path / "walk.mot", text(table, degrees=said)))
    np.testing.assert_allclose(mapped(recording)["right_knee_flexion_deg"], curves()[:, 6], atol=1e-5)
    assert any("inDegrees is missing" in n for n in recording.notes) == (said is None)


@pytest.mark.parametrize(
    ("model", "sign"), [("rajagopal", 1), ("opencap", 1), ("gait2392", -1), ("gait10dof18musc", -1)]
)
def test_a_stated_model_goes_before_what_the_knees_look_like(tmp_path: Path, model: str, sign: int) -> None:
    table = curves()
    table[:, 6:8] = -3.0  # a person who stands: the data cannot tell
    recording = read(write(tmp_path / "a.mot", text(table, osim_model=model)))
    np.testing.assert_allclose(mapped(recording)["right_knee_flexion_deg"], -3.0 * sign)
    assert not any("judged" in n for n in recording.notes)


def test_states_of_a_simulation(tmp_path: Path) -> None:
    names = [f"/jointset/knee_r/knee_angle_r/{k}" for k in ("value", "speed")] + ["/forceset/soleus_r/activation"]
    table = np.radians(curves()[:, [0, 6, 6, 6]])
    table[:, 0] = curves()[:, 0]
    recording = read(write(tmp_path / "walk.sto", text(table, names, degrees="no")))
    assert [a.source_name for a in recording.angles] == ["knee_angle_r"]
    np.testing.assert_allclose(recording.angles[0].values, curves()[:, 6], atol=1e-5)


def test_counts_that_are_wrong(tmp_path: Path) -> None:
    recording = read(write(tmp_path / "a.mot", text(curves(50), rows=20).replace("nColumns=11", "nColumns=40")))
    assert len(recording.angles[0].values) == 50
    assert any("nRows says 20" in n for n in recording.notes)
    assert any("nColumns says 40" in n for n in recording.notes)
    with pytest.raises(InputError, match="nRows says 60, the file has 50"):
        read(write(tmp_path / "b.mot", text(curves(50), rows=60)))
    short = read(write(tmp_path / "c.mot", text(curves(50), rows=52)))  # as OpenSim, which warns
    assert any("nRows says 52, the file has 50 rows" in n for n in short.notes)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "empty"),
        ("Coordinates\nnRows=3\n", "no line 'endheader'"),
        ("x\nendheader\n", "no column names"),
        ("x\nendheader\nframe\tknee_angle_r\n0\t1\n", "expected 'time' first"),
        (text(curves(0)), "no rows"),
        (text(curves()).replace("0.05000000", "0.05_00000"), "is not a number"),
        (text(curves()).replace("0.05000000", "0.01000000", 1), "time does not increase"),
        (
            text(curves(), ["ground_force_vx", "ground_force_px", *(f"m{i}_activation" for i in range(8))]),
            "no joint angle",
        ),
        (text(curves() * [1] + np.r_[0, np.full(10, np.nan)]), "no valid value"),
    ],
)
def test_bad_files(tmp_path: Path, content: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read(write(tmp_path / "walk.mot", content))


def test_truncated_anywhere(tmp_path: Path) -> None:
    whole = text(curves(50))
    for size in range(0, len(whole) - 20, 211):
        with pytest.raises(InputError):
            read(write(tmp_path / "walk.mot", whole[:size]))
