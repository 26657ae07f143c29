"""Plug-in Gait as laboratories' files state it, from their markers alone: five files of four laboratories, three with offsets other than 0."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from scipy import signal

from neurostore.ingest.landmarks import Landmarks, compute_landmarks
from neurostore.ingest.readers import read
from neurostore.ingest.readers.plate_doubts import is_smoothed
from neurostore.ingest.recording import Recording
from tests.builders import view_builder
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
        assert rmse < 0.5
        assert found[f"{side}_knee_flexion_deg"][1] < 1.0
        assert found[f"{side}_hip_flexion_deg"][1] < 1.0
        assert found[f"{side}_knee_rotation_deg"][1] < 3.0


@pytest.mark.parametrize("name", ["LABF/F01/walk_06", "LABG/G01/walk_01", "LABS/S01/walk_03", "LABS/S01/walk_05"])
def test_foot_axes_are_those_that_the_file_states(name: str) -> None:
    """Nexus writes the foot's axes as points: LFOO its origin, LFOA ahead of it in the model's sense, which is up for us."""
    recording = read(LABS / f"{name}.c3d")
    landmarks = compute_landmarks(recording, cutoff_hz=0.0, hip_method="davis")
    poses = recording.poses[0]
    for side, letter in (("left", "L"), ("right", "R")):
        w, x, y, z = landmarks.segments[f"{side}_foot_line"].T
        up = np.stack([2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)], axis=1)
        origin, ahead = (poses.positions[:, poses.skeleton.index(f"{letter}FO{k}")] for k in "OA")
        cosine = ((ahead - origin) * up).sum(1) / np.linalg.norm(ahead - origin, axis=1)
        assert np.nanmedian(np.degrees(np.arccos(np.clip(cosine, -1, 1)))) < 0.6


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


MARKED = ["LABF/F01/walk_06", "LABG/G01/walk_01", "LABQ/Q01/walk_01", "LABS/S01/walk_03", "LABS/S01/walk_05",
          "LABP/P01/walk_12b", "LABU/U19/treadmill_01"]  # fmt: skip
#: event -> (largest median of a laboratory, median of all, 95th percentile of all), ms
ALLOWED_MS = {"foot_strike": (11, 8, 28), "foot_off": (13, 9, 25)}


@pytest.fixture(scope="module")
def walks() -> dict[str, tuple[Recording, Landmarks]]:
    recordings = {name: read(LABS / f"{name}.c3d") for name in MARKED}
    return {name: (recording, compute_landmarks(recording)) for name, recording in recordings.items()}


def tables_of(
    recording: Recording, landmarks: Landmarks, first_s: float = -np.inf, last_s: float = np.inf
) -> dict[str, pa.Table]:
    """Landmarks, marks and trial, cropped to the frames and marks from first_s to last_s."""
    kept = (landmarks.time_s >= first_s) & (landmarks.time_s <= last_s)
    points = {name: values[kept] for name, values in landmarks.points.items()}
    marks = [
        {"side": mark.side, "event": mark.event, "time_s": mark.time_s}
        for mark in recording.events
        if mark.side and first_s <= mark.time_s <= last_s
    ]
    return {
        "landmarks": view_builder.landmarks(landmarks.time_s[kept], points),
        "trials": view_builder.table("trials", [view_builder.trial_row(rate_hz=recording.rate_hz)]),
        "source_events": view_builder.table("source_events", marks),
    }


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return view_builder.connect(only=["gait_events", "gait_cycles"])


@pytest.fixture(scope="module")
def errors_ms(
    walks: dict[str, tuple[Recording, Landmarks]], connection: duckdb.DuckDBPyConnection
) -> dict[tuple[str, str], np.ndarray]:
    """(file, event) to the errors of computed events against the operators' marks, ms; one missed is NaN."""
    found = {}
    for name, (recording, landmarks) in walks.items():
        view_builder.refill(connection, **tables_of(recording, landmarks))
        ours = connection.execute("SELECT side, event, time_s FROM gait_events WHERE source = 'computed'").fetchall()
        for event in ("foot_strike", "foot_off"):
            errors = []
            for mark in recording.events:
                if mark.event == event and mark.side:
                    near = [1000 * (t - mark.time_s) for s, e, t in ours if (s, e) == (mark.side, event)]
                    best = min(near, key=abs, default=np.nan)
                    errors.append(best if abs(best) < 150 else np.nan)
            found[name, event] = np.array(errors)
    return found


@pytest.mark.parametrize("event", ["foot_strike", "foot_off"])
def test_events_against_operators_marks(errors_ms: dict[tuple[str, str], np.ndarray], event: str) -> None:
    """Bias of every laboratory within 10 ms, medians and 95 % as in ALLOWED_MS; of 132 marks at most 2 of a kind are missed."""
    of_laboratory, of_all, of_most = ALLOWED_MS[event]
    for laboratory in sorted({name.split("/")[0] for name in MARKED}):
        own = np.concatenate([errors_ms[name, event] for name in MARKED if name.startswith(laboratory)])
        assert abs(np.nanmean(own)) < 10, laboratory
        assert np.nanmedian(np.abs(own)) < of_laboratory, laboratory
    every = np.abs(np.concatenate([errors_ms[name, event] for name in MARKED]))
    assert np.isnan(every).sum() <= 1
    assert np.nanmedian(every) < of_all
    assert np.nanpercentile(every, 95) < of_most


@pytest.mark.parametrize("name", [name for name in MARKED if "LABP" not in name])
def test_every_cycle_is_steady_in_a_file_that_is_cropped_to_its_strikes(
    walks: dict[str, tuple[Recording, Landmarks]], connection: duckdb.DuckDBPyConnection, name: str
) -> None:
    """The first and the last frame are those of marked foot strikes, where a foot has no velocity. LABP changes its speed."""
    recording, landmarks = walks[name]
    strikes = [(mark.time_s, mark.side) for mark in recording.events if mark.event == "foot_strike" and mark.side]
    view_builder.refill(connection, **tables_of(recording, landmarks, min(strikes)[0], max(strikes)[0]))
    rows = connection.execute("SELECT side, count(*), count(*) FILTER (is_steady) FROM gait_cycles GROUP BY side")
    found = {side: (n, n_steady) for side, n, n_steady in rows.fetchall()}
    for side in ("left", "right"):
        n = sum(of == side for _, of in strikes) - 1
        assert found.get(side, (0, 0)) == (n, n)


def test_forces_of_one_laboratory_were_low_pass_filtered(walks: dict[str, tuple[Recording, Landmarks]]) -> None:
    """LABQ's forces look like those of others after a low-pass at 6 Hz without lag: they pass 20 N before the contact."""
    low_pass = signal.butter(2, 6, fs=1000, output="sos")
    for name in ("LABF/F01/walk_06", "LABG/G01/walk_01", "LABS/S01/walk_05", "LABQ/Q01/walk_01"):
        for plate in walks[name][0].plates:
            up = plate.force[:, 1]
            if up.max() > 300 and up[0] < 20:
                assert is_smoothed(up, plate.rate_hz) == name.startswith("LABQ"), name
                assert is_smoothed(signal.sosfiltfilt(low_pass, up), plate.rate_hz), name
