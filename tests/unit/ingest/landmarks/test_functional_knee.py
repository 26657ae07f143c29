"""Knee axes of functional trials: a shank that truly turns about a known line of a thigh that moves too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neurostore.ingest.geometry.rigid import sara
from neurostore.ingest.landmarks import Landmarks, compute_landmarks
from neurostore.ingest.landmarks.functional_knee import METHOD
from neurostore.ingest.readers import read
from neurostore.ingest.recording import ReadOptions
from tests.builders import trc_files

N = 240
AXIS = Rotation.from_euler("yx", [15, 6], degrees=True).apply(
    [0.0, 0.0, 1.0]
)  # of the left knee in the thigh, pointing right
KNEE = np.array([0.0, -410.0, 0.0])  # from the hip, mm
PELVIS = {"LASI": [0, 0, -120], "RASI": [0, 0, 120], "LPSI": [-160, 0, -45], "RPSI": [-160, 0, 45]}
THIGH = {"LTH1": [40, -150, -60], "LTH2": [55, -260, -50], "LTH3": [-30, -200, -80], "LTH4": [-20, -300, -70], "LKNE": [0, -410, -55]}  # fmt: skip
SHANK = {"LSK1": [40, -100, -50], "LSK2": [30, -220, -45], "LSK3": [-35, -150, -60], "LSK4": [10, -280, -55], "LANK": [0, -400, -45], "LTOE": [140, -440, -20], "LHEE": [-60, -440, -20]}  # fmt: skip
RIGHT = {"RKNE": [0, -460, 140], "RANK": [0, -860, 130], "RTOE": [130, -900, 130], "RHEE": [-60, -900, 130]}


def segments(bend_deg: np.ndarray) -> tuple[tuple[Rotation, np.ndarray], tuple[Rotation, np.ndarray]]:
    """(rotation, origin) of the thigh (origin at the hip) and of the shank (origin at the knee) in the lab, y up."""
    t = np.linspace(0, 1, len(bend_deg))
    thigh = Rotation.from_euler(
        "zxy", np.stack([15 * np.sin(9 * t), 5 * np.cos(7 * t), 8 * np.sin(5 * t)], 1), degrees=True
    )
    hip = np.stack([1500 * t, 900 + 10 * np.sin(8 * t), -85 + 0 * t], axis=1)
    shank = thigh * Rotation.from_rotvec(-np.radians(bend_deg)[:, None] * AXIS)
    return (thigh, hip), (shank, thigh.apply(KNEE) + hip)


def arrays(parts: tuple[Rotation, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return parts[0].as_matrix(), parts[1]


def bending(most_deg: float = 80.0) -> np.ndarray:
    return most_deg / 2 * (1 - np.cos(np.linspace(0, 6 * np.pi, N)))


def landmarks_of(path: Path, bend_deg: np.ndarray, noise_mm: float = 0.0, **options: object) -> Landmarks:
    (thigh, hip), (shank, knee) = segments(bend_deg)
    middle = hip + np.array([0.0, 90.0, 85.0])
    columns = {name: middle + at for name, at in PELVIS.items()} | {name: middle + at for name, at in RIGHT.items()}
    columns |= {name: thigh.apply(np.array(at, float)) + hip for name, at in THIGH.items()}
    columns |= {name: shank.apply(np.array(at, float)) + knee for name, at in SHANK.items()}
    values = np.stack(list(columns.values()), axis=1)
    values += np.random.default_rng(3).normal(0, noise_mm, values.shape)
    trc_files.write(path, trc_files.text(values, list(columns)))
    return compute_landmarks(read(path, ReadOptions()), **options)


def degrees_apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos(np.clip((a * b).sum(-1), -1, 1)))


def test_the_axis_of_two_moving_segments() -> None:
    thigh, shank = segments(bending())
    in_thigh, in_shank, wobble_deg, range_deg = sara(arrays(thigh), arrays(shank))
    sign = np.sign(in_thigh @ AXIS)
    assert sign * in_thigh == pytest.approx(AXIS, abs=1e-7)
    assert sign * in_shank == pytest.approx(
        AXIS, abs=1e-7
    )  # the shank's axes are the thigh's where the knee is straight
    assert wobble_deg < 1e-4
    assert range_deg == pytest.approx(80.0, abs=0.1)


def test_a_joint_that_turns_about_more_than_one_axis_wobbles() -> None:
    thigh, (shank, knee) = segments(bending())
    loose = shank * Rotation.from_euler("y", 25 * np.sin(np.linspace(0, 40, N))[:, None], degrees=True)
    assert sara(arrays(thigh), (loose.as_matrix(), knee))[2] > 10


def test_too_few_frames_are_refused() -> None:
    thigh, shank = map(arrays, segments(bending()))
    shank[1][9:] = np.nan
    with pytest.raises(ValueError, match="9 frames have both segments, at least 10"):
        sara(thigh, shank)


def test_the_other_trials_of_the_session_use_the_axis(tmp_path: Path) -> None:
    trial = landmarks_of(tmp_path / "bend.trc", bending(), 0.3, functional="left_knee")
    given = [c for c in trial.calibrations if c.source == "functional"]
    assert any("its axis is used in the session (SARA; 80 degrees of bending" in note for note in trial.notes)
    walk_bend = 30 - 28 * np.cos(np.linspace(0, 4 * np.pi, N))
    without = landmarks_of(tmp_path / "walk.trc", walk_bend)
    walk = landmarks_of(tmp_path / "walk.trc", walk_bend, calibrations=given)
    assert "left_thigh" not in without.segments
    assert walk.methods["left_knee_axis"] == METHOD
    (thigh, _), _ = segments(walk_bend)
    truth = thigh.apply(AXIS)
    w, x, y, z = walk.segments["left_thigh"].T
    lateral = np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], axis=1)
    long = np.stack([2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)], axis=1)
    across = truth - (truth * long).sum(1, keepdims=True) * long
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    assert np.median(degrees_apart(lateral, across)) < 0.5
    assert np.median(degrees_apart(across, np.tile([0.0, 0.0, 1.0], (N, 1)))) > 8  # the pelvis's right is another axis


@pytest.mark.parametrize(("most_deg", "says"), [(12.0, "the knee hardly bends"), (80.0, "the shank has 1 markers")])
def test_what_gives_no_axis_says_why(
    tmp_path: Path, most_deg: float, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if most_deg == 80.0:
        for name in ("LSK2", "LSK3", "LSK4", "LSK1"):
            monkeypatch.delitem(SHANK, name)
    trial = landmarks_of(tmp_path / "bend.trc", bending(most_deg), functional="left_knee")
    assert not [c for c in trial.calibrations if c.source == "functional"]
    assert any(says in note for note in trial.notes)
