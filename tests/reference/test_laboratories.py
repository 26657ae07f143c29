"""Plug-in Gait as laboratories' files state it, from their markers alone: five files of four laboratories, three with offsets other than 0."""

from __future__ import annotations

import numpy as np
import pytest

from neurostore.ingest.landmarks import compute_landmarks
from neurostore.ingest.readers import read
from neurostore.ingest.recording import Recording
from tests.builders.landmark_rows import angles_of
from tests.shared_data import SHARED

LABS = SHARED / "labs"
pytestmark = pytest.mark.skipif(not LABS.exists(), reason="the laboratories' files are not here")
WALKS = ["LABF/F01/walk_06", "LABG/G01/walk_01", "LABQ/Q01/walk_01", "LABS/S01/walk_03", "LABS/S01/walk_05"]
STATICS = ["LABF/F01/static_kad", "LABS/S01/static", "LABQ/Q01/static"]


def differences(recording: Recording) -> dict[str, tuple[float, float]]:
    """(bias, RMSE) in degrees of every angle that the file states too, hips by Davis as in the file."""
    ours = angles_of(compute_landmarks(recording, cutoff_hz=0.0, hip_method="davis"))
    found = {}
    for source in recording.angles:
        if source.angle in ours:
            difference = (ours[source.angle] - source.sign * source.values + 180) % 360 - 180
            if np.isfinite(difference).any():
                found[source.angle] = (float(np.nanmean(difference)), float(np.sqrt(np.nanmean(difference**2))))
    return found


@pytest.mark.parametrize("name", [*WALKS, *STATICS])
def test_ankle_knee_and_hip(name: str) -> None:
    found = differences(read(LABS / f"{name}.c3d"))
    for side in ("left", "right"):
        bias, rmse = found[f"{side}_ankle_dorsiflexion_deg"]
        assert abs(bias) < 0.5
        assert rmse < 1.0
        assert found[f"{side}_knee_flexion_deg"][1] < 1.0
        assert found[f"{side}_hip_flexion_deg"][1] < 1.0
        assert found[f"{side}_knee_rotation_deg"][1] < 3.0


def test_elbow_and_centres_of_a_full_body() -> None:
    """The model's own points are compared with, never used: LHUO is the elbow, LRAO the wrist, LCLO the shoulder."""
    recording = read(LABS / "LABG/G01/walk_01.c3d")
    found = differences(recording)
    landmarks = compute_landmarks(recording, cutoff_hz=0.0, hip_method="davis")
    poses = recording.poses[0]
    for side, letter in (("left", "L"), ("right", "R")):
        assert found[f"{side}_elbow_flexion_deg"][1] < 0.1
        for joint, point in (
            ("elbow", "HUO"),
            ("wrist", "RAO"),
            ("shoulder", "CLO"),
            ("ankle", "TIO"),
            ("knee", "FEO"),
        ):
            stated = poses.positions[:, poses.skeleton.index(letter + point)]
            assert np.nanmax(np.abs(landmarks.points[f"{side}_{joint}"] - stated)) < 0.05, joint


def test_without_stated_rotation_or_medial_markers_there_is_no_knee_rotation() -> None:
    recording = read(LABS / "LABG/G01/walk_01.c3d")
    recording.calibrations = []
    landmarks = compute_landmarks(recording, cutoff_hz=0.0)
    assert "left_shank_line" in landmarks.segments
    assert np.isnan(angles_of(landmarks)["left_knee_rotation_deg"]).all()
    assert any("no left or right knee rotation" in note for note in landmarks.notes)
