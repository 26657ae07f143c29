"""Hip centres of functional trials: a thigh that truly turns about a known point of a pelvis that moves too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neurostore import Lake
from neurostore import open as open_lake
from neurostore.ingest.geometry.rigid import score
from neurostore.ingest.pipeline import ingest
from tests.builders import trc_files

HIP = np.array([-62.0, -88.0, -91.0])  # left, from the middle of both ASIS along the axes of the pelvis, mm
PELVIS = {
    "LASI": [0, 0, -120], "RASI": [0, 0, 120], "LPSI": [-160, 0, -45], "RPSI": [-160, 0, 45],
}  # fmt: skip
THIGH = {
    "LTH1": [40, -150, -60], "LTH2": [55, -260, -50], "LTH3": [-30, -200, -80], "LTH4": [-20, -300, -70],
    "LKNE": [0, -410, -50], "LANK": [0, -800, -40], "LTOE": [130, -840, -40],
    "RKNE": [0, -410, 240], "RANK": [0, -800, 230], "RTOE": [130, -840, 230],
}  # fmt: skip
N = 300


def star(n: int = N, span_deg: float = 25.0) -> Rotation:
    """The thigh in the pelvis: forward and back, out and in, and in circles."""
    phase = np.linspace(0, 6 * np.pi, n)
    size = span_deg * np.minimum(1, phase / (2 * np.pi))
    return Rotation.from_euler(
        "zxy", np.stack([size * np.cos(phase), size * np.sin(phase), 5 * np.sin(phase / 3)], 1), degrees=True
    )


def pelvis_path(n: int = N) -> tuple[Rotation, np.ndarray]:
    t = np.linspace(0, 1, n)
    turn = Rotation.from_euler(
        "yzx", np.stack([8 * np.sin(5 * t), 4 * np.cos(7 * t), 3 * np.sin(9 * t)], 1), degrees=True
    )
    return turn, np.stack([30 * np.sin(3 * t), 950 + 10 * np.cos(4 * t), 20 * t], axis=1)


def positions(turns: Rotation, noise_mm: float = 0.0, forward_mm: float = 0.0) -> np.ndarray:
    """(n, markers, 3) mm in the lab, y up."""
    n = len(turns)
    pelvis, origin = pelvis_path(n)
    origin = origin + np.outer(np.arange(n), [forward_mm, 0, 0])
    fixed = [pelvis.apply(np.array(p, float)) + origin for p in PELVIS.values()]
    moved = [pelvis.apply(turns.apply(np.array(p, float)) + HIP) + origin for p in THIGH.values()]
    out = np.stack([*fixed, *moved], axis=1)
    return out + np.random.default_rng(4).normal(0, noise_mm, out.shape)


def segments(noise_mm: float, turns: Rotation) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    pelvis, origin = pelvis_path(len(turns))
    rng = np.random.default_rng(1)
    thigh = (pelvis * turns).as_matrix()
    hip = pelvis.apply(HIP) + origin
    return (pelvis.as_matrix(), origin), (thigh, hip + rng.normal(0, noise_mm, hip.shape))


def test_the_centre_of_two_moving_segments() -> None:
    centre, distal, residual, turn_deg = score(*segments(0.0, star()))
    assert centre == pytest.approx(HIP, abs=1e-6)
    assert distal == pytest.approx([0, 0, 0], abs=1e-6)
    assert residual < 1e-6
    assert 8 < turn_deg < 25


def test_noise_of_a_millimetre_moves_the_centre_by_less() -> None:
    centre, _, residual, _ = score(*segments(1.0, star()))
    assert np.linalg.norm(centre - HIP) < 1.0
    assert 1.0 < residual < 2.0


def test_frames_without_a_segment_are_left_out_and_too_few_are_refused() -> None:
    proximal, distal = segments(0.0, star())
    distal[1][20:] = np.nan
    assert score(proximal, distal)[0] == pytest.approx(HIP, abs=1e-6)
    distal[1][9:] = np.nan
    with pytest.raises(ValueError, match="9 frames have both segments, at least 10"):
        score(proximal, distal)


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    folder = tmp_path / "cohort" / "S01"
    folder.mkdir(parents=True)
    names = [*PELVIS, *THIGH]
    swing = Rotation.from_euler("z", 20 * np.sin(np.linspace(0, 4 * np.pi, 150))[:, None], degrees=True)
    trc_files.write(folder / "hip_star.trc", trc_files.text(positions(star(), 0.3), names))
    trc_files.write(folder / "walk.trc", trc_files.text(positions(swing, forward_mm=12.0), names))
    return tmp_path


def told(lake: Lake, trial: str) -> str:
    return " ".join(lake.sql("SELECT notes FROM trials WHERE trial = ?", [trial])["notes"].to_list()[0])


def hip_in_pelvis(lake: Lake, side: str) -> np.ndarray:
    """Median of the hip along the axes of the pelvis as the markers define them, of the walk."""
    points = lake.sql(
        f"SELECT left_asis, right_asis, sacrum, {side}_hip FROM landmarks WHERE trial = 'walk' ORDER BY frame"
    )
    left, right, sacrum, hip = (
        np.array([[p["x"], p["y"], p["z"]] for p in points[c].to_list()]) for c in points.columns
    )
    z = (right - left) / np.linalg.norm(right - left, axis=1, keepdims=True)
    x = (left + right) / 2 - sacrum
    x -= (x * z).sum(1, keepdims=True) * z
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    away = hip - (left + right) / 2
    return np.median([(away * axis).sum(1) for axis in (x, np.cross(z, x), z)], axis=1)


def test_the_other_trials_of_the_session_use_the_centre(cohort: Path) -> None:
    (cohort / "cohort" / "cohort.toml").write_text('[[match]]\nfiles = ["*star*"]\nfunctional = "left_hip"\n')
    ingest(cohort / "cohort", cohort / "lake", n_workers=1)
    lake = open_lake(cohort / "lake")
    assert hip_in_pelvis(lake, "left") == pytest.approx(HIP, abs=1.0)
    assert np.linalg.norm(hip_in_pelvis(lake, "right") * [1, 1, -1] - HIP) > 5  # by regression
    assert "its centre is used in the session (SCoRE; residual" in told(lake, "hip_star")
    kept = lake.sql("SELECT DISTINCT parameter, source, unit FROM calibrations WHERE trial = 'walk' AND side = 'left'")
    assert ("functional_hip_x", "functional", "pelvis_mm") in kept.rows()


def test_a_trial_that_comes_later_changes_those_that_are_there(cohort: Path) -> None:
    star_file = cohort / "cohort" / "S01" / "hip_star.trc"
    later = star_file.rename(cohort / "hip_star.trc")
    ingest(cohort / "cohort", cohort / "lake", n_workers=1)
    lake = open_lake(cohort / "lake")
    before = hip_in_pelvis(lake, "left")
    later.rename(star_file)
    (cohort / "cohort" / "cohort.toml").write_text('[[match]]\nfiles = ["*star*"]\nfunctional = "both_hips"\n')
    ingest(cohort / "cohort", cohort / "lake", n_workers=1)
    lake = open_lake(cohort / "lake")
    assert np.linalg.norm(before - HIP) > 5
    assert hip_in_pelvis(lake, "left") == pytest.approx(HIP, abs=1.0)
    assert "right hip: not used, because the thigh has 1 markers" in told(lake, "hip_star")


def test_a_thigh_that_hardly_moves_gives_nothing(cohort: Path) -> None:
    path = cohort / "cohort" / "S01" / "hip_star.trc"
    trc_files.write(path, trc_files.text(positions(star(span_deg=3.0), 0.3), [*PELVIS, *THIGH]))
    (cohort / "cohort" / "cohort.toml").write_text('[[match]]\nfiles = ["*star*"]\nfunctional = "left_hip"\n')
    ingest(cohort / "cohort", cohort / "lake", n_workers=1)
    lake = open_lake(cohort / "lake")
    assert "not used, because the thigh hardly turns about one axis" in told(lake, "hip_star")
    assert lake.sql("SELECT count(*) FROM calibrations WHERE source = 'functional'").item() == 0
