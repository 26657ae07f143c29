"""Compact, vacuum, history: the same rows in fewer files, older versions until they are vacuumed."""

from __future__ import annotations

import os
import re
import socket
import time

import deltalake
import numpy as np
import polars as pl
import pytest

from neurostore import storage
from neurostore.api import open as open_lake
from neurostore.errors import LakeError, NotALakeError, VanishedVersionError
from neurostore.lake import delta, heartbeat, history
from neurostore.lake.commit import commit, stage
from neurostore.upkeep import compact, vacuum
from tests.builders.lake_builder import build_lake, trial

RNG = np.random.default_rng(3)


def rows_of(lake, table="landmarks"):
    return lake.scan(table).sort("subject", "session", "trial", "frame").collect()


def walk(subject, name, n=50, **more):
    heel = RNG.normal(size=(n, 3)).astype(np.float32)
    heel[3] = np.nan
    return trial(subject, name, left_heel=heel, poses={"Hips": heel}, **more)


def test_compaction_keeps_the_rows_and_drops_the_dead(tmp_path):
    build_lake(tmp_path, [walk(f"S{i % 3}", f"t{i}") for i in range(12)], one_by_one=True)
    lake = build_lake(tmp_path, [walk("S0", "t0", 7), walk("S1", "t1", 9)])
    before = {t: rows_of(lake, t) for t in ("landmarks", "poses/cmu_31")}
    done = compact.compact(lake.path)
    assert (done.version, done.n_files_before, done.n_files_after) == (lake.version + 1, 28, 6)
    assert done.n_rows_dropped == 200  # two trials of 50 frames in two tables
    compacted = open_lake(lake.path)
    for table, rows in before.items():
        assert rows_of(compacted, table).equals(rows)
        assert not compacted.table_state(table).is_dirty
        assert len(compacted.table_state(table).files) == 3
        assert deltalake.DeltaTable(f"{lake.path}/{table}").to_pyarrow_table().num_rows == rows.height
    assert len(compacted.table_state("trials").files) == 1
    assert compact.compact(lake.path).version == compacted.version  # nothing left to do
    assert history.history(compacted)["operation"][0] == "compact"


def test_coordinates_become_smaller_once_and_stay_the_same(tmp_path):
    smooth = RNG.normal(size=(4000, 3)).cumsum(axis=0).astype(np.float32)
    lake = build_lake(tmp_path, [trial(s, "t", left_heel=smooth, poses={"Hips": smooth}) for s in ("S0", "S1")])
    before = {t: rows_of(lake, t) for t in ("landmarks", "poses/cmu_31")}
    sizes = {t: sum(f.size for f in lake.table_state(t).files) for t in before}
    done = compact.compact(lake.path, smaller=True)
    assert done.version == lake.version + 1
    smaller = open_lake(lake.path)
    for table, rows in before.items():
        assert rows_of(smaller, table).equals(rows)
        assert sum(f.size for f in smaller.table_state(table).files) < 0.9 * sizes[table]
    total = smaller.sql("SELECT sum(left_heel.x) FROM landmarks").item()
    assert total == pytest.approx(2 * smooth[:, 0].sum(dtype=float), rel=1e-9)
    assert compact.compact(lake.path, smaller=True).version == smaller.version  # nothing left to do
    assert compact.compact(lake.path).version == smaller.version


def test_files_that_are_large_enough_are_left_alone(tmp_path):
    lake = build_lake(tmp_path, [walk("S0", f"t{i}", 4000) for i in range(4)], one_by_one=True)
    size = lake.table_state("landmarks").files[0].size
    assert compact.compact(lake.path, target_bytes=size).version == lake.version
    pairs = compact.compact(lake.path, target_bytes=int(2.5 * size))
    assert (pairs.n_files_before, pairs.n_files_after) == (8, 4)


def test_different_columns_are_merged_into_one_file(tmp_path):
    heel = RNG.normal(size=(5, 3)).astype(np.float32)
    trials = [
        trial("S0", "a", left_heel=heel, poses={"Hips": heel}),
        trial("S0", "b", left_toe=heel, poses={"STRN": heel}),
    ]
    lake = build_lake(tmp_path, trials, one_by_one=True)
    before = rows_of(lake), rows_of(lake, "poses/cmu_31")
    compact.compact(lake.path)
    compacted = open_lake(lake.path)
    assert len(compacted.table_state("landmarks").files) == 1
    assert rows_of(compacted).equals(before[0])
    assert rows_of(compacted, "poses/cmu_31").equals(before[1])


def test_versions_from_before_a_compaction_open_until_they_are_vacuumed(tmp_path):
    lake = build_lake(tmp_path, [walk("S0", f"t{i}") for i in range(4)], one_by_one=True)
    old = open_lake(lake.path, 2)
    before = rows_of(old)
    done = compact.compact(lake.path)
    assert rows_of(open_lake(lake.path, 2)).equals(before)
    swept = vacuum.vacuum(lake.path)
    assert swept.oldest_version == done.version
    assert swept.n_files >= 8
    for version in range(done.version):
        with pytest.raises(VanishedVersionError, match=f"versions from {done.version} on can be opened"):
            open_lake(lake.path, version)
    with pytest.raises((VanishedVersionError, FileNotFoundError)):
        old.scan_landmarks().collect()
    assert rows_of(open_lake(lake.path)).height == 200
    on_disk = {f.path for f in storage.list_files(f"{lake.path}/landmarks")}
    assert on_disk == {f.path for f in open_lake(lake.path).table_state("landmarks").files}
    build_lake(tmp_path, [walk("S1", "new")])
    assert rows_of(open_lake(lake.path)).height == 250
    assert vacuum.vacuum(lake.path).oldest_version == done.version + 1


def test_a_reader_of_a_vacuumed_version_gets_a_named_error(tmp_path):
    lake = build_lake(tmp_path, [walk("S0", f"t{i}") for i in range(3)], one_by_one=True)
    reader = open_lake(lake.path)
    reader._connection = reader.connect_tables()
    assert reader.sql("SELECT count(left_heel) AS n FROM landmarks")["n"].to_list() == [147]
    compact.compact(lake.path)
    assert reader.sql("SELECT count(left_heel) AS n FROM landmarks")["n"].to_list() == [147]
    vacuum.vacuum(lake.path)
    with pytest.raises(VanishedVersionError, match="vacuumed while it was read; open the lake again"):
        reader.sql("SELECT sum(left_heel.x) FROM landmarks")


def test_sweeping_spares_young_files_and_those_of_running_ingests(tmp_path):
    path = build_lake(tmp_path, [walk("S0", "a")]).path
    staged = stage(path, [walk("S0", "late")])
    files = [storage.join(path, f.table, f.file.path) for f in staged.files]
    stray = f"{path}/landmarks/subject=S0/.half.parquet.0123abcd.tmp"
    with open(stray, "wb") as file:
        file.write(b"half a file")
    assert vacuum.sweep(path) == 0
    hour_ago = time.time() - 4000
    for file in (*files, stray):
        os.utime(file, (hour_ago, hour_ago))
    with heartbeat.running(path):
        marker = storage.list_files(f"{path}/_neurostore/running")[0].path
        said = storage.read_json(f"{path}/_neurostore/running/{marker}")
        storage.write_json(f"{path}/_neurostore/running/{marker}", {**said, "started_s": hour_ago - 1})
        assert vacuum.sweep(path) == 0  # that ingest may have staged them
    assert vacuum.sweep(path) == 3
    with pytest.raises(LakeError, match="stage the trials again"):
        commit(path, [staged])
    assert rows_of(open_lake(path)).height == 50


def test_heartbeats_of_the_dead_do_not_count(tmp_path):
    path = build_lake(tmp_path).path
    folder = f"{path}/_neurostore/running"
    storage.write_json(f"{folder}/{'a' * 32}.json", {"pid": 2**22 + 1, "host": socket.gethostname(), "started_s": 1.0})
    storage.write_json(f"{folder}/{'b' * 32}.json", {"pid": 1, "host": "elsewhere", "started_s": 2.0})
    assert heartbeat.running_since(path) == 2.0
    long_ago = time.time() - 2 * heartbeat.STALE_S
    os.utime(f"{folder}/{'b' * 32}.json", (long_ago, long_ago))
    assert heartbeat.running_since(path) == float("inf")
    assert storage.list_files(folder) == []


def test_a_damaged_file_stops_compaction_and_is_named(tmp_path):
    lake = build_lake(tmp_path, [walk("S0", "a"), walk("S0", "b")], one_by_one=True)
    victim = lake.table_state("landmarks").path(lake.table_state("landmarks").files[0])
    with open(victim, "r+b") as file:
        file.truncate(100)
    with pytest.raises(LakeError, match=re.escape(victim)):
        compact.compact(lake.path)
    assert open_lake(lake.path).version == lake.version
    assert len(storage.list_files(f"{lake.path}/landmarks")) == 2


def test_maintenance_refuses_what_is_not_a_lake(tmp_path):
    for job in (compact.compact, vacuum.vacuum):
        with pytest.raises(NotALakeError):
            job(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_history_says_what_each_version_did(tmp_path):
    lake = build_lake(tmp_path, [walk("S0", "a")])
    commit(lake.path, [stage(lake.path, [walk("S0", "a"), walk("S0", "b")])], message="again; with 'quotes'")
    commit(lake.path, subjects=[{"subject": "S0", "group": "x"}])
    found = open_lake(lake.path).history()
    assert found["version"].to_list() == [3, 2, 1, 0]
    assert found["operation"].to_list() == ["subjects", "commit", "commit", "create"]
    assert found["trials_in"].to_list() == [0, 1, 1, 0]
    assert found["trials_replaced"].to_list() == [0, 1, 0, 0]
    assert found["message"].to_list() == ["", "again; with 'quotes'", "", ""]
    assert found["software"].to_list()[0]
    assert found["time"].is_sorted(descending=True)
    assert open_lake(lake.path, 1).history().height == 2


def test_logs_stay_short_to_open_after_many_commits(tmp_path):
    lake = build_lake(tmp_path, [walk("S0", f"t{i}", 4) for i in range(22)], one_by_one=True)
    folder = tmp_path / "lake" / "trials" / "_delta_log"
    checkpoints = sorted(int(p.name.split(".")[0]) for p in folder.glob("*.checkpoint.parquet"))
    assert checkpoints == [19]
    assert len(list(folder.glob("0*.json"))) == 23  # none expired: every version opens
    assert open_lake(lake.path, 1).trials_table().num_rows == 1
    assert delta.ever_added(lake.path, "landmarks") == {f.path for f in lake.table_state("landmarks").files}
    assert pl.scan_delta(f"{lake.path}/trials").collect().height == 22
