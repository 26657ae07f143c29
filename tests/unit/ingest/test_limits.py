"""One gate for every reader: rates and coordinates that no capture has are refused or taken as missing, with a note."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from neurostore.errors import InputError
from neurostore.ingest import limits
from neurostore.ingest.cohort.source import Metadata, TrialSource
from neurostore.ingest.pipeline.batch import Batch, compute, read_trial
from neurostore.ingest.pipeline.settings import Settings
from neurostore.ingest.recording import Poses, ReadOptions, Recording, SourceAngle
from neurostore.skeleton import Skeleton
from tests.builders import amc_files, bids_files, c3d_files, mot_files, neuropose_files, trc_files
from tests.builders.tiny_bvh import bvh_text

JOINTS = ("pelvis", "head")


def recording(rate_hz: float = 100.0, n: int = 50, time_s: np.ndarray | None = None) -> Recording:
    positions = np.zeros((n, 2, 3), np.float32) + np.float32(900)
    clock = np.arange(n) / 100.0 if time_s is None else time_s
    person, frame = np.zeros(n, np.int32), np.arange(n, dtype=np.int32)
    return Recording("mocap", rate_hz, [Poses(Skeleton("two", JOINTS), person, frame, clock, positions)])


@pytest.mark.parametrize("rate_hz", [0.0, 0.5, 2001.0, 12_000.0, 1e11, -100.0, float("nan"), float("inf")])
def test_a_rate_no_camera_has_is_refused_with_the_file_and_what_was_expected(rate_hz: float) -> None:
    with pytest.raises(InputError, match=r"^walk\.trc: its frame rate is .* expected 1 to 2000; give rate_hz"):
        limits.check("walk.trc", recording(rate_hz))


@pytest.mark.parametrize("rate_hz", [1.0, 30.0, 2000.0])
def test_the_limits_themselves_are_taken(rate_hz: float) -> None:
    made = recording(rate_hz, time_s=np.arange(50) / rate_hz)
    limits.check("walk.trc", made)
    assert made.notes == []


def test_a_clock_that_runs_like_no_camera_is_refused_whatever_rate_is_stated() -> None:
    for step_s in (1e-9, 0.0, 5.0):
        with pytest.raises(InputError, match="its times are those of"):
            limits.check("walk.trc", recording(time_s=np.arange(50) * step_s))
    with pytest.raises(InputError, match="not all finite"):
        limits.check("walk.trc", recording(time_s=np.full(50, np.nan)))


def test_a_posture_of_one_frame_needs_no_rate() -> None:
    angles = [SourceAngle("knee", "", None, 1, np.zeros(1), np.zeros(1))]
    limits.check("pose.mot", Recording("angles", 0.0, [], angles=angles))


@pytest.mark.parametrize("value", [1e30, -1e30, 100_001.0, np.inf])
def test_one_wild_coordinate_is_missing_and_noted(value: float) -> None:
    made = recording()
    made.poses[0].positions[7, 1, 2] = value
    limits.check("walk.trc", made)
    positions = made.poses[0].positions
    assert np.isnan(positions[7, 1]).all()
    assert np.isfinite(np.delete(positions.reshape(-1, 3), 15, axis=0)).all()
    assert made.notes == ["samples that are infinite or over 100 m from the origin were taken as missing: 1, of head"]


def test_a_file_of_wild_coordinates_is_refused() -> None:
    made = recording()
    made.poses[0].positions[:, 0] = 2e5
    with pytest.raises(InputError, match=r"walk\.trc: 50 of its 100 samples .* the unit may be wrong"):
        limits.check("walk.trc", made)


def written(folder: Path) -> dict[str, tuple[Path, ReadOptions]]:
    """A file of every format with a reader; in each, one number of a position or a root is 1e30."""
    folder.mkdir(exist_ok=True)
    wild = np.float32(1e30)
    trc = trc_files.walk(20)
    trc[3, 4, 0] = wild
    c3d = c3d_files.walker(20)
    c3d[3, 4, 0] = wild
    bids = trc_files.walk(20)
    bids[3, 4, 0] = wild
    lines = bvh_text(20).splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("Frame Time")) + 4
    lines[at] = " ".join(["1e30", *lines[at].split()[1:]])
    made = {
        "trc": folder / "walk.trc",
        "bvh": folder / "walk.bvh",
        "c3d": c3d_files.write(folder / "walk.c3d", c3d, c3d_files.LEGS),
        "bids": bids_files.dataset(folder / "bids", bids),
    }
    made["trc"].write_text(trc_files.text(trc))
    made["bvh"].write_text("\n".join(lines) + "\n")
    return {name: (path, options_of(path, folder)) for name, path in made.items()}


def options_of(path: Path, folder: Path) -> ReadOptions:
    near = [str(p) for p in (folder / "bids").rglob("*") if p.is_file() and p != path]
    return ReadOptions(companions=tuple(near) if "bids" in str(path) else (), up=None)


@pytest.mark.parametrize("name", ["trc", "bvh", "c3d", "bids"])
def test_no_reader_lets_one_wild_number_through(tmp_path: Path, name: str) -> None:
    path, options = written(tmp_path / "files")[name]
    found = read_trial(TrialSource("S1", "", "walk", (path,), options), Settings())
    positions = found.poses[0].positions
    assert float(np.nanmax(np.abs(positions))) < 1e5
    assert np.isnan(positions).any()
    assert any("taken as missing" in note for note in found.notes)


def rates(folder: Path, rate_hz: float) -> dict[str, tuple[Path, ReadOptions]]:
    """Files of every format that state this rate."""
    folder.mkdir(exist_ok=True)
    times = np.arange(12) / rate_hz
    seen = neuropose_files.video(neuropose_files.walk(3))
    seen["metadata"]["fps"] = rate_hz
    made = {
        "walk.trc": trc_files.text(trc_files.walk(8), rate=rate_hz, decimals=9),
        "walk.bvh": bvh_text(6, rate_hz=rate_hz),
        "results.json": json.dumps({"v.mp4": seen}),
    }
    curves = mot_files.curves(12)
    curves[:, 0] = times
    made["walk.mot"] = mot_files.text(curves)
    for name, content in made.items():
        (folder / name).write_text(content)
    (folder / "a.asf").write_text(amc_files.ASF)
    (folder / "a.amc").write_text(amc_files.AMC)
    paths = {name: (folder / name, ReadOptions()) for name in made}
    paths["a.amc"] = (folder / "a.amc", ReadOptions(companions=(str(folder / "a.asf"),), rate_hz=rate_hz))
    return paths


@pytest.mark.parametrize("name", ["walk.trc", "walk.bvh", "results.json", "walk.mot", "a.amc"])
def test_no_reader_lets_a_rate_through_that_nobody_has(tmp_path: Path, name: str) -> None:
    path, options = rates(tmp_path / "wild", 12_000.0)[name]
    with pytest.raises(InputError, match=f"{name}: its (frame rate is|times are those of)"):
        read_trial(TrialSource("S1", "", "walk", (path,), options), Settings())
    path, options = rates(tmp_path / "good", 100.0)[name]
    read_trial(TrialSource("S1", "", "walk", (path,), options), Settings())


def test_an_error_of_the_filter_names_the_file(tmp_path: Path) -> None:
    path = trc_files.write(tmp_path / "slow.trc", trc_files.text(trc_files.walk(20), rate=20.0))
    source = TrialSource("S1", "", "walk", (path,), ReadOptions())
    batch = Batch([source], Metadata(), {}, str(tmp_path / "lake"), tmp_path, Settings(cutoff_hz=15.0))
    error = compute(batch, lambda _: None, lambda _: None).outcomes[0].error
    assert error is not None
    assert str(error).startswith(f"{path}: cut-off of 15 Hz is above 0.45 of the rate")
