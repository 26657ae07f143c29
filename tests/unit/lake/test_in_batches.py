"""A lake without stored results: a query over many frames computes a batch of sessions at a time, with the same rows."""

from __future__ import annotations

import errno
import gc
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from neurostore import progress, storage
from neurostore.api import open as open_lake
from neurostore.errors import LakeError, UsageError
from neurostore.lake import compute, relations, results
from neurostore.lake.commit import commit, stage
from neurostore.lake.locked import run
from neurostore.report.snapshot import Snapshot
from neurostore.sql import spill
from tests.builders.kept_lake import rows_of, walk_trial


def without_results(path):
    return open_lake(path).without_results()


@pytest.fixture
def asked(monkeypatch):
    """What was computed in batches: (sessions, views) of each batch, of two sessions each."""
    batches = []

    def spy(lake, sessions, names, choices, *, n_threads, opened, _compute=compute.compute):
        batches.append((sorted(sessions), sorted(names)))
        return _compute(lake, sessions, names, choices, n_threads=n_threads, opened=opened)

    monkeypatch.setattr(compute, "compute", spy)
    monkeypatch.setattr(compute, "BATCH_FRAMES", 1000)
    monkeypatch.setattr(relations, "MANY_FRAMES", 0)
    return batches


@pytest.fixture
def bare(lake):
    """A lake that keeps no results."""
    shutil.rmtree(Path(lake, results.INDEX))
    return lake


def test_views_have_the_same_rows(bare, made, asked):
    opened, said = open_lake(bare), []
    with progress.listening(lambda what, n_done, n_all: said.append((n_done, n_all))):
        for view in ("subject_summary", "cycle_curves", "gait_profile"):
            assert rows_of(opened, view) == made[1][view], view
    assert said[0] == (0, 2)
    assert (2, 2) in said[1:3]
    assert {len(sessions) for sessions, _ in asked} == {2}
    computed = [(session, name) for sessions, names in asked for session in sessions for name in names]
    assert len(computed) == len(set(computed))  # nothing twice


def test_a_query_of_some_people_reads_their_files_alone(bare, asked, caplog):
    opened = open_lake(bare)
    where = "WHERE subject = 'S3'"
    of_one = opened.sql(f"SELECT * FROM gait_cycles {where} ORDER BY ALL")
    assert not asked
    assert not caplog.text
    n = opened.sql("SELECT count(*) FROM gait_cycles").item()  # the same connection
    assert "4 sessions without stored results" in caplog.text
    assert "neurostore refresh" in caplog.text
    assert len(asked) == 2
    assert 0 < of_one.height < n
    assert opened.sql(f"SELECT * FROM gait_cycles {where} ORDER BY ALL").equals(of_one)
    assert len(asked) == 2


@pytest.mark.parametrize(
    "text", ["SHOW TABLES", "DESCRIBE subject_summary", "EXPLAIN SELECT * FROM gait_events", "SELECT * FROM gait_evnts"]
)
def test_a_query_that_needs_no_rows_computes_none(bare, asked, text):
    opened = open_lake(bare)
    with suppress(UsageError):
        opened.sql(text)
    opened.describe("subject_summary")
    assert not asked


def test_choices_are_those_of_the_lake(bare, asked):
    chosen = open_lake(bare).choose(event_source="file")
    assert rows_of(chosen, "gait_cycles") == rows_of(without_results(bare).choose(event_source="file"), "gait_cycles")
    assert len(asked) == 2
    text = "SELECT DISTINCT event_source FROM gait_cycles"
    with chosen.connect(text) as connection:
        assert connection.sql(text).fetchall() == chosen.sql(text).rows()
        connection.execute("SET VARIABLE event_source = 'computed'")
        with pytest.raises(Exception, match="other choices"):
            connection.sql(text).fetchall()
    asked.clear()
    in_sql = "SET VARIABLE event_source = 'file'; SELECT count(*) FROM gait_cycles"
    with open_lake(bare).connect(in_sql):  # the value is known when it is run
        assert not asked


def test_a_selection_is_kept(bare, asked):
    part = open_lake(bare).select(condition="barefoot")
    assert part.sql("SELECT DISTINCT condition FROM subject_summary").rows() == [("barefoot",)]
    assert asked


def test_of_many_stale_trials_no_other_is_computed(lake, asked, monkeypatch):
    monkeypatch.setattr(results, "FEW_TRIALS", 2)
    monkeypatch.setattr(relations, "MANY_FRAMES", 10**9)
    commit(lake, subjects=[{"subject": "S2", "group": "CP", "height_m": 1.5}])
    assert open_lake(lake).results().is_usable
    commit(lake, [stage(lake, [walk_trial("S4", "", "walk_a")])])
    opened = open_lake(lake)
    assert not opened.results().is_usable
    assert rows_of(opened, "subject_summary") == rows_of(without_results(lake), "subject_summary")
    assert sorted(sessions for sessions, _ in asked) == [[("S2", "pre"), ("S4", "")]]


def test_a_locked_query_computes_nothing_beforehand(bare, asked, monkeypatch):
    assert run(open_lake(bare), "SELECT count(*) AS n FROM gait_cycles").item() > 0
    with open_lake(bare).connect_in_one_query("SELECT count(*) FROM gait_cycles"):
        assert not asked


def test_what_is_computed_is_removed_with_the_connection(bare, asked):
    held = spill.living()
    opened = open_lake(bare)
    opened.sql("SELECT count(*) FROM gait_events")
    (folder,) = set(spill.living()) - set(held)
    assert folder.stat().st_mode & 0o077 == 0, "nobody else may read it"
    assert all(path.name.startswith("gait_events-") for path in folder.iterdir())
    del opened
    gc.collect()
    assert not folder.exists()


def test_what_still_works_is_stopped_after_an_error():
    opened, started = compute.Opened(), threading.Event()

    def work(group):
        if group == ["fails"]:
            started.wait(30)
            raise UsageError("of one batch")
        with duckdb.connect() as connection, opened.holding(connection):
            started.set()
            connection.execute("SELECT sum(a.range) FROM range(1000000) a, range(1000000) b")  # minutes
        return group

    began = time.monotonic()
    with pytest.raises(UsageError, match="of one batch"):
        list(compute.side_by_side(work, [["works"], ["fails"]], 2, opened))
    assert time.monotonic() - began < 30


def test_a_full_disk_is_named(bare, asked, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage, "write_parquet", full)
    with pytest.raises(LakeError, match="disk is full"):
        open_lake(bare).sql("SELECT count(*) FROM gait_events")


def test_a_report_computes_its_views_together(bare, asked):
    snapshot = Snapshot(open_lake(bare))
    assert len(asked) == 2
    assert snapshot.sql("SELECT count(*) FROM gait_profile").item() > 0
    assert len(asked) == 2


def test_batches_are_even_and_keep_every_processor_busy():
    frames = {(f"S{k:03d}", ""): 700 + 600 * (k % 2) for k in range(250)}  # 250,000 frames, three batches' worth
    for n_at_once, n_batches in ((1, 3), (2, 4), (3, 3), (4, 4)):
        made = compute.batches(frames, n_at_once)
        assert [session for batch in made for session in batch] == sorted(frames)
        sizes = [sum(frames[session] for session in batch) for batch in made]
        assert len(sizes) == n_batches
        assert max(sizes) - min(sizes) <= 2 * 1300
    assert compute.batches({("A", ""): 0, ("B", ""): 119_000}, 2) == [[("A", ""), ("B", "")]]
    assert compute.batches({("A", ""): 500_000, ("B", ""): 1}, 1) == [[("A", "")], [("B", "")]]
    assert compute.batches({}) == []
