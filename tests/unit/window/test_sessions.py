"""What a bench computes anew after a decision, and what it keeps: a session of three short trials."""

from __future__ import annotations

import numpy as np
import pytest

from neurostore import reviews
from neurostore.api import open as open_lake
from neurostore.lake.commit import commit
from neurostore.window.bench import Bench
from neurostore.window.shelf import Shelf
from tests.builders.lake_builder import build_lake, trial

ANGLES = "SELECT * FROM joint_angles WHERE trial = 'a'"
EVENTS = "SELECT trial, side, event, time_s, source, method FROM gait_events ORDER BY ALL"
CYCLES = "SELECT trial, side, cycle, start_s, end_s, reason FROM gait_cycles ORDER BY ALL"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A lake of three walks at 1 m/s, a second a stride; the marks of their files are at other times."""
    path = tmp_path_factory.mktemp("sessions")
    t = np.arange(600) / 100
    points = {"pelvis": np.stack([0 * t, 0 * t + 900, 1000 * t], axis=1)}
    for side, x, phase in (("left", 100, 0.0), ("right", -100, np.pi)):
        angle = 2 * np.pi * t + phase
        lift = 60 * np.maximum(np.cos(angle), 0)
        heel = np.stack([0 * t + x, lift, 1000 * t + 159 * np.sin(angle)], axis=1)
        points |= {
            f"{side}_heel": heel,
            f"{side}_toe": heel + np.array([0, 0, 150]),
            f"{side}_hip": points["pelvis"] + np.array([x, 0, 0]),
        }
    strikes = [{"time_s": 0.45 + i, "side": "left", "event": "foot_strike", "label": "mark"} for i in range(5)]
    build_lake(path, [trial("A", name, points=points, events=strikes) for name in ("a", "b", "c")])
    return path / "lake"


@pytest.fixture(scope="module")
def bench(folder):
    lake = open_lake(folder)
    one = Bench(lake)
    one.load(lake, "A", "")
    return one


@pytest.fixture
def asked(bench, monkeypatch):
    """The questions that the bench asks its connection."""
    queries: list[str] = []
    real = bench._asked
    monkeypatch.setattr(bench, "_asked", lambda query, params: queries.append(query) or real(query, params))
    return queries


def test_platforms_of_one_trial_time_the_events_of_another_in_a_draft_too(bench):
    bench.sql(EVENTS)
    run = bench._connection.execute
    at = "'A' AS subject, '' AS session, 'left' AS side, 'foot_strike' AS event"
    computed = f"SELECT {at}, unnest(['a', 'b']) AS trial, 0 AS person, 2.0 AS time_s, 'computed' AS source, 'ensemble' AS method"
    run("BEGIN")
    run(f"INSERT INTO _kept_events BY NAME {computed}")
    run(
        f"INSERT INTO _kept_force_events BY NAME SELECT {at}, 'a' AS trial, 2.0625 AS time_s, 0.0 AS data_first_s, 9.0 AS data_last_s"
    )
    bench._steps.renew(is_reviewed=True)
    whole = run(EVENTS).fetchall()
    bench._steps.choose("b")
    bench._steps.renew_trial("b")
    assert run(EVENTS).fetchall() == whole
    half_way = 2.03125  # the shift from one step alone is halved
    assert ("b", "left", "foot_strike", half_way, "computed", "ensemble+plate") in whole
    run("ROLLBACK")


def test_after_a_decision_only_what_reads_decisions_is_asked_again(bench, folder, asked, monkeypatch):
    monkeypatch.setattr(bench._steps, "renew", lambda is_reviewed: pytest.fail("every trial was computed again"))
    before = {query: bench.sql(query) for query in (ANGLES, EVENTS, CYCLES)}
    asked.clear()
    assert all(bench.sql(query) is answer for query, answer in before.items())
    assert not asked
    move = {"action": "move_event", "side": "left", "event": "foot_strike", "time_s": 1.35, "new_time_s": 1.38}
    with bench.drafted(("A", "", "b"), [_row(move)]):
        drafted = bench.sql(EVENTS)
        assert bench.sql(ANGLES) is before[ANGLES]
    assert bench.sql(EVENTS) is before[EVENTS]
    reviews.decide(folder, [{**move, "subject": "A", "trial": "b", "reviewer": "R1", "reason": "seen"}], shown=bench)
    lake = open_lake(folder)
    bench.load(lake, "A", "")
    asked.clear()
    after = {query: bench.sql(query) for query in before}
    assert asked == [EVENTS, CYCLES]
    assert after[EVENTS].equals(drafted)
    assert not drafted.equals(before[EVENTS])
    for query in (EVENTS, CYCLES):
        assert after[query].equals(lake.sql(query))


def _row(decision):
    from datetime import UTC, datetime

    said = {"subject": "A", "session": "", "trial": "b", "reviewer": "draft", "reason": "draft", "review_id": "0" * 32}
    return {**decision, **said, "reviewed_at": datetime.now(UTC), "source_sha256": "", "lake_version": 0}


def test_a_view_first_named_in_a_draft_is_there_afterwards(bench):
    query = "SELECT count(*) FROM _excluded_trials"
    with bench.drafted(("A", "", "b"), []):
        bench.sql(query)
    assert bench.sql(query).item() == 0


def test_a_trial_that_left_the_lake_leaves_its_session(bench, folder):
    shelf = Shelf(folder)
    assert [t["trial"] for t in shelf.trials().values()] == ["a", "b", "c"]
    earlier = shelf.lake()
    states = {name: earlier.table_state(name) for name in earlier.tables()}
    commit(folder, removed=[("A", "", "c")])
    lake = shelf.lake(is_fresh=True)  # which takes what has not changed from the earlier one
    assert {name: lake.table_state(name) for name in lake.tables()} == {
        name: open_lake(folder).table_state(name) for name in states
    }
    assert lake.table_state("skeletons") is states["skeletons"]
    assert lake.table_state("landmarks").is_dirty
    bench.load(lake, "A", "")
    assert bench.sql("SELECT DISTINCT trial FROM landmarks ORDER BY ALL").rows() == [("a",), ("b",)]
    assert set(bench.sql(EVENTS)["trial"]) == {"a", "b"}
