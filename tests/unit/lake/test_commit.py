"""Staging and committing: whole or not at all, replaced and evolved, refused by name."""

from __future__ import annotations

import itertools
import os
import pickle
import resource
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from neurostore import schema, storage
from neurostore.api import Lake
from neurostore.api import open as open_lake
from neurostore.errors import ConflictError, LakeError
from neurostore.lake import commit as lake_write
from neurostore.lake import delta
from neurostore.lake.commit import commit, stage
from tests.builders.lake_builder import build_lake, trial

HEEL = np.arange(30, dtype=np.float32).reshape(10, 3)


@pytest.fixture
def path(tmp_path):
    return Lake.create(tmp_path / "lake").path


def data_files(path):
    return {f.path for f in storage.list_files(path) if f.path.endswith((".parquet", ".tmp"))}


def test_staged_trials_are_seen_by_nobody_until_the_commit(path):
    staged = stage(path, [trial("A", "x", left_heel=HEEL)])
    assert open_lake(path).version == 0
    assert open_lake(path).scan_landmarks().collect().height == 0
    staged = pickle.loads(pickle.dumps(staged))  # it crosses a process border
    assert commit(path, [staged], message="first") == 1
    assert open_lake(path).scan_landmarks().collect().height == 10


def test_one_file_a_table_subject_and_batch(path):
    batch = [trial(s, t, left_heel=HEEL, poses={"Hips": HEEL}) for s in "AB" for t in ("x", "y", "z")]
    staged = stage(path, batch)
    assert sorted((f.table, f.file.subject, f.file.n_rows) for f in staged.files) == [
        ("landmarks", "A", 30), ("landmarks", "B", 30), ("poses/cmu_31", "A", 30), ("poses/cmu_31", "B", 30),
    ]  # fmt: skip
    commit(path, [staged])
    assert not [f for f in data_files(path) if f.endswith(".tmp")]
    adds = delta.open_table(path, "landmarks").get_add_actions(flatten=True)
    assert adds["min.trial"].to_pylist() == ["x", "x"]


def test_discarded_files_are_gone_and_cannot_be_committed(path):
    staged = stage(path, [trial(left_heel=HEEL)])
    lake_write.discard(path, [staged])
    assert data_files(path) == set()
    with pytest.raises(LakeError, match="stage the trials again"):
        commit(path, [staged])
    assert open_lake(path).version == 0


def test_a_bad_trial_is_refused_with_all_that_is_wrong_and_the_others_are_ingested(path):
    bad = trial("A", "bad", left_heel=HEEL, row={"kind": "dance", "rate_hz": -1.0}, events=[{"event": "x"}])
    staged = stage(path, [bad, trial("A", "good", left_heel=HEEL), trial("a b", "x", left_heel=HEEL)])
    assert [r["trial"] for r in staged.rows] == ["good"]
    said = str(staged.refused["A", "", "bad"])
    assert said.startswith("A/bad: ")
    for part in (
        "trials.kind: found 'dance'",
        "trials.rate_hz: found -1",
        "source_events: the column time_s is missing",
    ):
        assert part in said
    assert "'a b': a key has up to" in str(staged.refused["a b", "", "x"])
    commit(path, [staged])
    assert open_lake(path).scan_landmarks().collect().height == 10


def test_rows_of_another_trial_are_refused(path):
    one = trial("A", "x", left_heel=HEEL)
    stranger = one.tables["landmarks"].append_column("subject", [["B"] * 10])
    staged = stage(path, [replace(one, tables={"landmarks": stranger})])
    assert "rows of another subject than 'A'" in str(staged.refused[one.key])


def test_a_trial_staged_twice_in_one_commit_is_an_error(path):
    both = [stage(path, [trial("A", "x", left_heel=HEEL)]) for _ in range(2)]
    with pytest.raises(LakeError, match="more than once in one commit: A/x"):
        commit(path, both)
    assert open_lake(path).version == 0


def test_replacing_and_removing(path):
    commit(path, [stage(path, [trial("A", t, left_heel=HEEL, row={"source_sha256": "1"}) for t in "xyz"])])
    commit(path, [stage(path, [trial("A", "y", left_heel=HEEL[:4], row={"source_sha256": "2"})])])
    known = open_lake(path).trials().select("subject", "session", "trial", "source_sha256")
    assert sorted(known.rows()) == [("A", "", "x", "1"), ("A", "", "y", "2"), ("A", "", "z", "1")]
    version = commit(path, removed=[("A", "", "x"), ("no", "", "such")], message="withdrawn")
    lake = open_lake(path)
    assert lake.version == version == 3
    assert sorted(lake.trials()["trial"]) == ["y", "z"]
    assert lake.scan_landmarks().collect().height == 14
    counts = ("version", "trials_in", "trials_replaced", "trials_removed", "message")
    assert lake.history().select(counts).rows() == [
        (3, 0, 0, 1, "withdrawn"), (2, 0, 1, 0, ""), (1, 3, 0, 0, ""), (0, 0, 0, 0, ""),
    ]  # fmt: skip
    commit(path, removed=[("A", "", "y"), ("A", "", "z")])
    assert open_lake(path).trials_table().num_rows == 0
    assert open_lake(path).scan_landmarks().collect().height == 0


def test_nothing_to_commit_makes_no_version(path):
    assert commit(path) == 0
    assert commit(path, [stage(path, [])]) == 0


def test_subjects_change_without_a_trial_changing(path):
    commit(path, subjects=[{"subject": "A", "group": "early"}])  # nobody is shown before a trial is there
    assert open_lake(path).scan("subjects").collect().height == 0
    commit(path, [stage(path, [trial("A", "x", left_heel=HEEL)])])
    commit(path, [stage(path, [trial("B", "x", left_heel=HEEL)])], subjects=[{"subject": "B", "group": "control"}])
    commit(path, subjects=[{"subject": "A", "group": "patient", "shoe": 41}])
    lake = open_lake(path)
    assert lake.scan("subjects").sort("subject").select("subject", "group", "shoe").collect().rows() == [
        ("A", "patient", 41.0), ("B", "control", None),
    ]  # fmt: skip
    before = open_lake(path, lake.version - 1).scan("subjects").sort("subject").collect()
    assert before["group"].to_list() == ["early", "control"]
    # the trial that first named a subject is removed; the subject stays
    commit(path, [stage(path, [trial("A", "x", left_heel=HEEL), trial("B", "x", left_heel=HEEL)])])
    commit(path, removed=[("A", "", "x")])
    assert open_lake(path).scan("subjects").collect().height == 2


def test_metadata_columns_are_added_and_widened_to_text(path):
    commit(path, [stage(path, [trial("A", "x", left_heel=HEEL, row={"Speed": 1.25, "shoe": "left"})])])
    commit(path, [stage(path, [trial("A", "y", left_heel=HEEL, row={"speed": "fast", "shoe": 41})])])
    commit(path, [stage(path, [trial("A", "z", left_heel=HEEL)])])
    rows = open_lake(path).scan("trials").sort("trial").select("trial", "Speed", "shoe").collect().rows()
    assert rows == [("x", "1.25", "left"), ("y", "fast", "41"), ("z", None, None)]
    assert open_lake(path, 1).scan("trials").collect()["Speed"].to_list() == [1.25]


def test_new_joints_become_columns_and_case_is_settled(path):
    commit(path, [stage(path, [trial("A", "x", poses={"Hips": HEEL})])])
    commit(path, [stage(path, [trial("A", "y", poses={"hips": HEEL + 1, "STRN": HEEL + 2})])])
    lake = open_lake(path)
    frame = lake.scan_poses("cmu_31").sort("trial", "frame").collect()
    assert frame.columns[-2:] == ["Hips", "STRN"]
    assert frame["Hips"].struct.field("x").to_list() == [*HEEL[:, 0], *(HEEL[:, 0] + 1)]
    assert frame["STRN"].null_count() == 10
    by_sql = lake.connect_tables().execute(
        "SELECT trial, count(Hips), count(STRN), sum(STRN.x) FROM poses_cmu_31 GROUP BY 1 ORDER BY 1"
    )
    assert by_sql.fetchall() == [("x", 10, 0, None), ("y", 10, 10, float((HEEL[:, 0] + 2).sum()))]
    through_delta = pl.scan_delta(f"{path}/poses/cmu_31").collect()
    assert through_delta["STRN"].null_count() == 10
    clash = stage(path, [trial("A", "z", poses={"Spine": HEEL}, pose_rotations={"Spine": np.ones((10, 4))})])
    commit(path, [clash])
    turned = trial("A", "q", poses={"Other": HEEL, "Spine_rotation": HEEL})
    with pytest.raises(LakeError, match=r"Spine_rotation is struct<w"):
        commit(path, [stage(path, [turned])])
    assert len(open_lake(path).trials_table()) == 3


def test_many_layouts_read_as_one_table(path):
    names = [f"J{i}" for i in range(20)]
    for i, name in enumerate(names):
        commit(path, [stage(path, [trial("A", f"t{i}", poses={"Hips": HEEL, name: HEEL})])])
    lake = open_lake(path)
    assert len(lake.table_state("poses/cmu_31").layouts()) == 20
    found = lake.connect_tables().execute("SELECT count(*), count(Hips), count(J7), count(J19) FROM poses_cmu_31")
    assert found.fetchall() == [(200, 200, 10, 10)]
    assert lake.scan_poses("cmu_31").collect().select(pl.col("J7").count()).item() == 10


def test_skeletons_keep_their_order_and_take_further_joints(path):
    def described(trial_name, joints):
        rows = [{"skeleton": "cmu_31", "joint_index": i, "joint": j, "source_name": j} for i, j in enumerate(joints)]
        one = trial("A", trial_name, left_heel=HEEL)
        return replace(one, tables={**one.tables, "skeletons": schema.rows_table("skeletons", rows)})

    commit(path, [stage(path, [described("x", ["Hips", "Knee", "STRN"])])])
    commit(path, [stage(path, [described("y", ["Hips", "Knee", "T10"])])])
    commit(path, [stage(path, [described("z", ["Hips", "Knee", "T10"])])])
    rows = open_lake(path).scan("skeletons").sort("joint_index").select("joint_index", "joint").collect().rows()
    assert rows == [(0, "Hips"), (1, "Knee"), (2, "STRN"), (3, "T10")]
    assert delta.open_table(path, "skeletons").version() == 2


def test_many_single_commits_leave_few_files_of_trials(tmp_path):
    lake = build_lake(tmp_path, [trial("A", f"t{i}", left_heel=HEEL[:2]) for i in range(33)], one_by_one=True)
    assert lake.version == 33
    assert len(lake.table_state("trials").files) <= 7  # log2(33) + 1, rounded up
    assert lake.trials_table().num_rows == 33
    assert sorted(p.name for p in (tmp_path / "lake/trials/_delta_log").glob("*.checkpoint.parquet"))


def _limit(n_bytes):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    return soft, hard


def test_a_full_disk_while_staging_leaves_nothing(path):
    big = np.random.default_rng(0).normal(size=(20_000, 3)).astype(np.float32)
    limits = _limit(60_000)
    try:
        with pytest.raises(LakeError, match="staging failed"):
            stage(path, [trial("A", "small", left_heel=HEEL), trial("B", "big", left_heel=big)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert data_files(path) == set()


def test_a_file_that_cannot_be_encoded_leaves_nothing(path, monkeypatch):
    pieces = storage.parquet_pieces
    n_encoded = itertools.count()

    def second_fails(table, **options):
        if next(n_encoded):
            raise MemoryError("no room")
        return pieces(table, **options)

    monkeypatch.setattr(storage, "parquet_pieces", second_fails)
    with pytest.raises(MemoryError):
        stage(path, [trial("A", "x", left_heel=HEEL), trial("B", "y", left_heel=HEEL)])
    assert next(n_encoded) == 2
    assert data_files(path) == set()


def test_a_full_disk_while_committing_leaves_the_lake_as_it_was(path):
    commit(path, [stage(path, [trial("A", "x", left_heel=HEEL)])])
    before = data_files(path)
    staged = stage(path, [trial("A", "y", left_heel=HEEL)])
    limits = _limit(100)
    try:
        with pytest.raises(LakeError, match="commit"):
            commit(path, [staged])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    lake = open_lake(path)
    assert (lake.version, lake.scan_landmarks().collect().height) == (1, 10)
    assert data_files(path) == before
    commit(path, [stage(path, [trial("A", "y", left_heel=HEEL)])])
    assert open_lake(path).scan_landmarks().collect().height == 20


def test_a_lake_that_cannot_be_written_says_so(path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(LakeError, match="no permission to write there"):
        stage(path, [trial(left_heel=HEEL)])
    assert data_files(path) == set()


def test_a_held_lock_is_named(path):
    with (
        storage.lock(path, "vacuum"),
        pytest.raises(ConflictError, match=r"commit: process \d+ on .* \(vacuum\) has locked the lake"),
        storage.lock(path, "commit", timeout_s=0.05),
    ):
        pass
    with storage.lock(path, "commit", timeout_s=0.05):
        pass
