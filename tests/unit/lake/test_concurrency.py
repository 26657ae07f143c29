"""Real processes: writers on overlapping keys, readers in a loop, a kill between stage and commit."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from contextlib import nullcontext

import numpy as np
import pytest

from neurostore import storage
from neurostore.api import Lake
from neurostore.api import open as open_lake
from neurostore.errors import LakeError
from neurostore.lake import commit as lake_write
from neurostore.lake import delta, heartbeat
from neurostore.lake.commit import commit, stage
from neurostore.upkeep import compact, vacuum
from tests.builders.lake_builder import trial

SPAWN = multiprocessing.get_context("spawn")
HEEL = np.zeros((20, 3), np.float32)


def one(name, stamp, n=20, ingest_id=None):
    """A trial whose every row carries the stamp of its ingest."""
    return trial("S1", name, left_heel=HEEL[:n] + stamp, ingest_id=ingest_id, row={"stamp": float(stamp)})


def write(path, writer, rounds, with_lock):
    if not with_lock:  # what an object store has: compare-and-swap alone
        storage.lock = lambda *_, **__: nullcontext()
    for i in range(rounds):
        stamp = 1000 * (writer + 1) + i
        batch = [one("shared", stamp, 5 + writer, f"i{stamp}"), one(f"own{writer}_{i}", stamp + 500, 3)]
        commit(path, [stage(path, batch)], message=str(stamp))


def read(path, stop, problems, n_reads):
    """Open and check in a loop: every trial named is there whole and of one ingest."""
    try:
        while not stop.is_set():
            lake = open_lake(path)
            rows = (
                lake.connect_tables()
                .execute(
                    "SELECT t.trial, t.stamp, map_extract(t.table_rows, 'landmarks'), count(l.trial), "
                    "min(l.left_heel.x), max(l.left_heel.x) FROM trials AS t LEFT JOIN landmarks AS l USING (trial) "
                    "GROUP BY ALL"
                )
                .fetchall()
                if lake.version
                else []
            )
            for name, stamp, named, n, least, most in rows:
                if [n] != named or not least == most == stamp:
                    problems.put((lake.version, name, stamp, named, n, least, most))
            n_reads.value += 1
    except BaseException as error:
        problems.put(repr(error))
        raise


@pytest.mark.parametrize("with_lock", [True, False])
def test_no_update_is_lost_and_no_half_trial_seen(tmp_path, with_lock):
    path = Lake.create(tmp_path / "lake").path
    n_writers, rounds = 3, 3
    stop, problems, n_reads = SPAWN.Event(), SPAWN.SimpleQueue(), SPAWN.Value("i", 0)
    reader = SPAWN.Process(target=read, args=(path, stop, problems, n_reads))
    reader.start()
    writers = [SPAWN.Process(target=write, args=(path, w, rounds, with_lock)) for w in range(n_writers)]
    for process in writers:
        process.start()
    for process in writers:
        process.join(120)
    stop.set()
    reader.join(60)
    assert [p.exitcode for p in (*writers, reader)] == [0] * (n_writers + 1)
    assert problems.empty(), problems.get()
    assert n_reads.value > 0
    lake = open_lake(path)
    assert lake.version == n_writers * rounds  # every commit is a version
    trials = lake.scan("trials").collect()
    assert trials.height == 1 + n_writers * rounds  # nobody's own trial was lost, nothing doubled
    last = lake.history()["message"][0]
    shared = trials.filter(trials["trial"] == "shared")
    assert shared["ingest_id"].to_list() == [f"i{last}"]  # the last commit won
    assert lake.table_state("landmarks").is_dirty


def _killed_while_committing(path, before):
    """Commit, but die by SIGKILL at the call named."""
    real = getattr(delta, before)

    def die(root, table, *args, **kwargs):
        if table == "trials":
            os.kill(os.getpid(), signal.SIGKILL)
        return real(root, table, *args, **kwargs)

    setattr(delta, before, die)
    joints = trial("S1", "c", poses={"Hips": HEEL}, skeleton="new_one")
    commit(path, [stage(path, [one("a", 2), one("b", 3), joints])], subjects=[{"subject": "S1", "group": "g"}])


@pytest.mark.parametrize("before", ["replace_rows", "sync_log"])
def test_a_kill_during_the_commit_leaves_a_whole_lake(tmp_path, before):
    path = Lake.create(tmp_path / "lake").path
    commit(path, [stage(path, [one("a", 1)])])
    process = SPAWN.Process(target=_killed_while_committing, args=(path, before))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    lake = open_lake(path)
    is_in = before == "sync_log"  # the log entry was there already
    expected = {"a": 2.0, "b": 3.0} if is_in else {"a": 1.0}
    query = "SELECT trial, min(left_heel.x), count(*) FROM landmarks GROUP BY 1"
    seen = lake.connect_tables().execute(query).fetchall()
    assert {t: x for t, x, _ in seen} == expected
    assert {n for _, _, n in seen} == {20}
    commit(path, [stage(path, [one("a", 2), one("b", 3)])])  # a plain repeat finishes the work; the lock is free
    done = compact.compact(path)
    assert done.n_rows_dropped == 60 + (not is_in) * 20
    assert ("poses/new_one" in open_lake(path).tables()) is is_in
    lake = open_lake(path)
    assert not lake.table_state("landmarks").is_dirty
    assert lake.scan_landmarks().collect().height == 40


def _stage_and_die(path, staged_files):
    with lake_write.running(path):
        staged_files.put([f.file.path for f in stage(path, [one("late", 9)]).files])
        os.kill(os.getpid(), signal.SIGKILL)


def _stage_and_wait(path, staged_files, go):
    with lake_write.running(path):
        staged = stage(path, [one("slow", 8)])
        staged_files.put([f.file.path for f in staged.files])
        go.wait(60)
        commit(path, [staged])


def test_sweeping_keeps_what_a_running_ingest_staged_and_removes_what_a_dead_one_left(tmp_path):
    path = Lake.create(tmp_path / "lake").path
    commit(path, [stage(path, [one("a", 1)])])
    queue, go = SPAWN.SimpleQueue(), SPAWN.Event()
    dead = SPAWN.Process(target=_stage_and_die, args=(path, queue))
    dead.start()
    dead.join(60)
    left = queue.get()
    waiting = SPAWN.Process(target=_stage_and_wait, args=(path, queue, go))
    waiting.start()
    kept = queue.get()
    assert vacuum.sweep(path) == 0  # young files are kept whoever wrote them
    old = time.time() - 7200
    os.utime(f"{path}/landmarks/{left[0]}", (old, old))
    assert compact.compact(path, safe_age_s=0).n_files_swept == 1
    here = {f.path for f in storage.list_files(f"{path}/landmarks")}
    assert left[0] not in here
    assert kept[0] in here
    assert vacuum.vacuum(path, safe_age_s=0).n_files == 0
    go.set()
    waiting.join(60)
    assert waiting.exitcode == 0
    assert sorted(open_lake(path).scan("trials").collect()["trial"]) == ["a", "slow"]
    assert heartbeat.running_since(path) == float("inf")


def _compact(path, results):
    try:
        results.put(compact.compact(path).version)
    except LakeError as error:
        results.put(type(error).__name__)


def test_compactions_and_writers_at_once_lose_nothing(tmp_path):
    path = Lake.create(tmp_path / "lake").path
    for i in range(4):
        commit(path, [stage(path, [one(f"t{i}", i)])])
    results = SPAWN.SimpleQueue()
    processes = [SPAWN.Process(target=_compact, args=(path, results)) for _ in range(2)]
    processes.append(SPAWN.Process(target=write, args=(path, 0, 4, True)))
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [p.exitcode for p in processes] == [0, 0, 0]
    said = {results.get(), results.get()}
    assert said - {"ConflictError"}, said  # at least one went through
    lake = open_lake(path)
    query = "SELECT trial, count(*), min(left_heel.x) FROM landmarks GROUP BY 1"
    rows = lake.connect_tables().execute(query).fetchall()
    found = {t: (n, x) for t, n, x in rows}
    expected = {f"t{i}": (20, float(i)) for i in range(4)}
    expected |= {f"own0_{i}": (3, 1500.0 + i) for i in range(4)} | {"shared": (5, 1003.0)}
    assert found == expected
