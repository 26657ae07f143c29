"""A body fitted to trials of a lake is the body of an ingest with --body: a static trial's lengths, a video's weights."""

from __future__ import annotations

import json
import shutil

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from neurostore.ingest.body.lake_apply import _Sessions, apply_to_lake
from neurostore.ingest.body.trial import weights_of
from neurostore.ingest.landmarks import Landmarks
from neurostore.ingest.pipeline import ingest
from neurostore.ingest.pipeline.settings import Settings
from neurostore.ingest.recording import Poses
from neurostore.lake.version import open as open_lake
from neurostore.skeleton import Skeleton
from neurostore.walker.gait import normal
from neurostore.walker.walk import walk
from tests.builders import poses_files, trc_files

TABLES = ("body_angles", "body_fit", "body_models", "calibrations")
JOINTS = ("hip", "knee", "ankle", "toe", "shoulder", "elbow", "wrist")


def _write_cohort(folder):
    """Somebody with a static trial, in which the legs are 6 % longer, and somebody in a video with confidences."""
    made = walk(normal(), n_strides=1.0, rate_hz=50.0)
    names = ["neck", "head", *(f"{side}_{joint}" for side in ("left", "right") for joint in JOINTS)]
    points = np.stack([made.joints[n] for n in names], axis=1)
    standing = np.repeat(points[:1], 60, axis=0) + np.random.default_rng(1).normal(0, 0.3, (60, *points.shape[1:]))
    (folder / "S1").mkdir(parents=True)
    for name, at in (("static", standing * 1.06), ("a_walk", points)):
        trc_files.write(folder / "S1" / f"{name}.trc", trc_files.text(at, names, rate=50.0))
    noise = np.random.default_rng(2).normal(0, 15.0, points.shape)
    rows = poses_files.columns((points + noise)[:, None], tuple(names))
    rows["confidence"] = np.random.default_rng(3).uniform(0.05, 1.0, len(rows["frame"])).tolist()
    header = poses_files.HEADER | {"units": "mm", "axes": "y", "position_basis": "lab", "fps": 50}
    header = {k: v for k, v in header.items() if k != "skeleton"} | {"joints": names}
    poses_files.write(folder / "S2" / "walk.poses.json", header, rows)


@pytest.fixture(scope="module")
def lakes(tmp_path_factory):
    """(ingested with --body, applied afterwards) of one cohort."""
    root = tmp_path_factory.mktemp("alike")
    _write_cohort(root / "cohort")
    for name, body in (("ingested", True), ("applied", False)):
        assert ingest(root / "cohort", root / name, Settings(body=body), n_workers=1).exit_code == 0
    assert len(apply_to_lake(root / "applied").renewed) == 3
    return root / "ingested", root / "applied"


def _rows(lake, table):
    """The live rows of a table, in an order of their own."""
    live = lake.trials_table()["ingest_id"].to_pylist()
    rows = lake.scan(table).filter(pl.col("ingest_id").is_in(live)).drop("ingest_id").collect()
    keys = [c for c in rows.columns if c in ("subject", "trial", "person", "frame", "parameter", "side")]
    return rows.select(sorted(rows.columns)).sort(keys)


def test_rows_are_those_of_an_ingest(lakes):
    ingested, applied = map(open_lake, lakes)
    for table in TABLES:
        rows = _rows(applied, table)
        assert set(rows["trial"]) == {"static", "a_walk", "walk"}
        assert_frame_equal(rows, _rows(ingested, table), check_exact=True)


def test_steps_notes_and_quality_are_those_of_an_ingest(lakes):
    there, here = ({row["trial"]: row for row in open_lake(path).trials_table().to_pylist()} for path in lakes)
    for trial, row in there.items():
        assert json.loads(here[trial]["steps"]) == json.loads(row["steps"])
        assert dict(here[trial]["quality"]) == dict(row["quality"])
        assert here[trial]["notes"] == row["notes"]
    scale = next(s["parameters"] for s in json.loads(here["a_walk"]["steps"]) if s["name"] == "body_scale")
    assert scale["lengths"] == "static"


def test_what_a_refinement_is_not_sure_of_weighs_less():
    names = ("left_knee", "left_wrist", "left_ankle")
    frame = np.arange(2, dtype=np.int32)
    positions = np.zeros((2, 3, 3), np.float32)
    poses = Poses(Skeleton("three", names), np.zeros(2, np.int32), frame, frame / 30.0, positions)
    landmarks = Landmarks(poses.person, frame, poses.time_s, points={n: positions[:, k] for k, n in enumerate(names)})
    assert weights_of(poses, landmarks) == {}
    weights = weights_of(poses, landmarks, {"left_knee_depth_sd_mm": 20.0, "left_wrist_depth_sd_mm": 60.0})
    assert {n: w.tolist() for n, w in weights.items()} == {
        "left_knee": [0.5, 0.5],
        "left_wrist": pytest.approx([0.1, 0.1]),
        "left_ankle": pytest.approx([0.2, 0.2]),  # not stated: the median of 40 mm
    }


def test_a_body_with_other_static_lengths_is_not_done(lakes):
    lake = open_lake(lakes[1])
    of = {row["trial"]: row for row in lake.trials_table().to_pylist()}
    sessions = _Sessions()
    assert not sessions.is_done(lake, of["a_walk"])  # its lengths are of a static trial that is not known here
    assert sessions.is_done(lake, of["static"])
    assert sessions.is_done(lake, of["a_walk"])


def test_an_ingest_leaves_what_was_applied(lakes):
    report = ingest(lakes[1].parent / "cohort", lakes[1], n_workers=1)
    assert len(report.skipped) == 3
    assert not report.warnings


def test_a_body_that_is_lost_is_reported(lakes, tmp_path):
    cohort = shutil.copytree(lakes[1].parent / "cohort", tmp_path / "cohort")
    lake = shutil.copytree(lakes[1], tmp_path / "lake")
    (cohort / "S2" / "walk.poses.json").unlink()
    with (cohort / "S1" / "a_walk.trc").open("a") as file:
        file.write("\n")  # a changed file is read again
    report = ingest(cohort, lake, n_workers=1)
    (warning,) = [w for w in report.warnings if "fitted body is gone" in w]
    assert "S1/a_walk; `neurostore body apply`" in warning
