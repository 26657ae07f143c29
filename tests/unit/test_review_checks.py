"""What no foot can do and nobody can have seen is refused, judged on simulated events of one trial."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from neurostore.reviews import checks, rows_of

KEY = ("S01", "", "walk")
BY = {"subject": "S01", "session": "", "trial": "walk", "reviewer": "R1", "reason": "seen"}
ON = {**BY, "side": "left", "event": "foot_strike"}
# strikes every second, offs 0.6 s after them
EVENTS = [("left", "foot_strike", t) for t in (1.0, 2.0, 3.0)] + [("left", "foot_off", t) for t in (1.6, 2.6)]


class Shown:
    """A lake of one trial, as far as the checks ask."""

    path, version = "shown", 5

    def __init__(self):
        self.connection = duckdb.connect()
        run = self.connection.execute
        keys = "'S01' AS subject, '' AS session, 'walk' AS trial, 0 AS person"
        run(f"CREATE TABLE landmarks AS SELECT {keys}, range / 100.0 AS time_s FROM range(401)")
        run(f"CREATE TABLE gait_cycles AS SELECT {keys}, 'left' AS side, range::INTEGER AS cycle FROM range(2)")
        run(f"CREATE TABLE emg AS SELECT {keys}, 'left_tibialis' AS channel")
        run("CREATE TABLE found (side VARCHAR, event VARCHAR, time_s DOUBLE)")
        self.connection.executemany("INSERT INTO found VALUES (?, ?, ?)", EVENTS)
        run(f"CREATE VIEW gait_events AS SELECT {keys}, 'computed' AS source, * FROM found")
        run(
            "CREATE TABLE review_state (subject VARCHAR, session VARCHAR, trial VARCHAR, action VARCHAR, side VARCHAR, "
            "event VARCHAR, time_s DOUBLE, new_time_s DOUBLE, new_side VARCHAR, new_event VARCHAR, reviewed_at TIMESTAMP, "
            "review_id VARCHAR, state VARCHAR)"
        )

    def sql(self, query, params=None):
        return self.connection.sql(query, params=params).pl()


@pytest.fixture(scope="module")
def shown():
    one = Shown()
    yield one
    one.connection.close()


def problems(shown, *decisions):
    return [text for found in checks.problems_of(shown, decisions, {KEY: "x"}) for text in found]


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        ({"action": "add_event", "time_s": 4.5}, "time_s is 4.5 s, outside the recording of S01/walk, which is 0.000 to 4.000 s"),
        ({"action": "add_event", "time_s": -0.1}, "outside the recording"),
        ({"action": "add_event", "time_s": 1250.0}, "times are in seconds: 1250 ms are 1.25 s"),
        ({"action": "move_event", "time_s": 1.0, "new_time_s": 9.0}, "new_time_s is 9 s, outside the recording"),
        ({"action": "move_event", "time_s": 1000.0, "new_time_s": 1.1}, "has no left foot_strike at 1000.0 s; they are at: 1.000, 2.000, 3.000; times are in seconds: 1000 ms are 1 s"),
        ({"action": "move_event", "time_s": 1.0, "new_time_s": 1.7}, "would pass the left foot_off at 1.600 s"),
        ({"action": "move_event", "time_s": 2.0, "new_time_s": 1.5}, "would pass the left foot_off at 1.600 s"),
        ({"action": "move_event", "time_s": 2.0, "new_time_s": 1.7}, "would be 0.100 s from the left foot_off at 1.600 s; a swing lasts 0.15 s or more"),
        ({"action": "add_event", "time_s": 1.01}, "there is a left foot_strike at 1.010 s already"),
        ({"action": "add_event", "time_s": 1.35}, "would be 0.350 s from the one at 1.000 s; in this trial two are at least 1.000 s apart"),
        ({"action": "relabel_event", "time_s": 1.0, "new_event": "foot_off"}, "would be 0.600 s from the one at 1.600 s"),
        ({"action": "delete_event", "time_s": 1.5}, "has no left foot_strike at 1.5 s; they are at: 1.000, 2.000, 3.000"),
        ({"action": "exclude", "side": "left", "cycle": 7}, "S01/walk has no left cycle 7; it has [0, 1]"),
        ({"action": "note", "trial": "run"}, "there is no trial S01/run"),
        ({"action": "note", "time_ms": 3}, "there is no column 'time_ms'; similar: time_s"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named(shown, decision, said):
    found = problems(shown, {**ON, **decision})
    if decision["action"] == "relabel_event":  # an off 0.6 s before the next one could be
        assert found == []
    else:
        assert len(found) == 1, found
        assert said in found[0]


@pytest.mark.parametrize(
    "decisions",
    [
        [{"action": "move_event", "time_s": 2.0, "new_time_s": 1.8}],
        [{"action": "move_event", "time_s": 2.0, "new_time_s": 2.3}],
        [{"action": "delete_event", "time_s": 2.0}],
        [{"action": "delete_event", "time_s": 2.0}, {"action": "add_event", "time_s": 2.01}],
        [{"action": "delete_event", "time_s": 1.6, "event": "foot_off"}, {"action": "move_event", "time_s": 1.0, "new_time_s": 1.45}],
        [{"action": "move_event", "time_s": 2.6, "new_time_s": 2.8, "event": "foot_off"}, {"action": "move_event", "time_s": 2.0, "new_time_s": 2.4}],
        [{"action": "add_event", "time_s": 3.6, "event": "foot_off"}],
        [{"action": "exclude", "event": None, "cycle": 1}, {"action": "move_event", "time_s": 2.0, "new_time_s": 2.1}],
        [{"action": "exclude", "from_s": -1.0, "to_s": 99.0}],  # a span may reach beyond the recording
    ],
)  # fmt: skip
def test_what_can_be_is_allowed_in_its_order(shown, decisions):
    assert problems(shown, *({**ON, **d} for d in decisions)) == []


def test_only_an_emg_channel_can_be_left_out_by_name(shown):
    of_channel = {**BY, "action": "exclude", "channel": "left_tibialis"}
    assert problems(shown, of_channel) == []
    for name in ("left_knee", "left_knee_flexion_deg"):  # a landmark, an angle
        (said,) = problems(shown, {**of_channel, "channel": name})
        assert said.startswith(f"S01/walk has no EMG channel '{name}'; ")
        assert "left_tibialis" in said
        assert said.endswith("Angles and landmarks are not channels: leave out the cycle or the time span")


def test_the_order_counts(shown):
    strike = {**ON, "action": "move_event", "time_s": 2.0, "new_time_s": 1.55}
    off = {**ON, "action": "move_event", "event": "foot_off", "time_s": 1.6, "new_time_s": 1.3}
    assert "would pass the left foot_off at 1.600 s" in problems(shown, strike, off)[0]
    assert problems(shown, off, strike) == []


def test_an_event_added_where_one_was_deleted_is_that_one_moved(shown):
    rows = rows_of(
        shown,
        5,
        [{**ON, "action": "delete_event", "time_s": 2.0}, {**ON, "action": "add_event", "time_s": 2.02}],
        {KEY: "x"},
    )
    assert [r["action"] for r in rows] == ["delete_event", "move_event"]
    assert (rows[1]["time_s"], rows[1]["new_time_s"]) == (2.0, 2.02)
    assert rows[0]["reviewed_at"] < rows[1]["reviewed_at"]
    far = rows_of(
        shown,
        5,
        [{**ON, "action": "delete_event", "time_s": 2.0}, {**ON, "action": "add_event", "time_s": 2.1}],
        {KEY: "x"},
    )
    assert [r["action"] for r in far] == ["delete_event", "add_event"]


def test_moves_one_after_the_other_are_of_the_first_time(shown):
    steps = [(2.0, 2.1), (2.1, 2.2), (2.2, 1.9)]
    rows = rows_of(
        shown, 5, [{**ON, "action": "move_event", "time_s": a, "new_time_s": b} for a, b in steps], {KEY: "x"}
    )
    assert [(r["time_s"], r["new_time_s"]) for r in rows] == [(2.0, 2.1), (2.0, 2.2), (2.0, 1.9)]


@pytest.mark.parametrize(
    ("other", "version", "seconds", "is_conflict"),
    [
        ({"action": "move_event", "time_s": 2.0, "new_time_s": 2.1}, 5, 60, True),  # since the version that was seen
        ({"action": "move_event", "time_s": 2.0, "new_time_s": 2.1}, 4, 60, False),  # seen
        ({"action": "delete_event", "time_s": 2.0}, 4, 0.3, True),  # within a second nobody has seen it
        ({"action": "delete_event", "time_s": 2.0, "reviewer": "R1"}, 5, 0.3, False),  # one's own
        ({"action": "move_event", "time_s": 3.0, "new_time_s": 3.1}, 5, 0.3, False),  # another event
        ({"action": "delete_event", "time_s": 2.0, "trial": "run"}, 5, 0.3, False),
        ({"action": "exclude", "side": "left", "cycle": 1}, 5, 0.3, False),  # another kind of decision
    ],
)
def test_decisions_of_two_at_once(other, version, seconds, is_conflict):
    at = datetime.now(UTC) - timedelta(seconds=seconds)
    stored = {**ON, "reviewer": "R2", "lake_version": version, "reviewed_at": at, **other}
    found = checks.conflicts([{**ON, "action": "move_event", "time_s": 2.0, "new_time_s": 2.05}], [stored], 5)
    assert bool(found) == is_conflict
    if is_conflict:
        assert f"R2 decided {other['action']} on the same part of S01/walk" in found[0]


def test_exclusions_of_one_part_at_once_are_a_conflict():
    mine = {**BY, "action": "exclude", "side": "left", "cycle": 1}
    stored = {
        **mine,
        "reviewer": "R2",
        "action": "include",
        "lake_version": 5,
        "reviewed_at": datetime(2024, 1, 1, tzinfo=UTC),
    }
    assert checks.conflicts([mine], [stored], 5)
    assert not checks.conflicts([mine], [{**stored, "cycle": 2}], 5)
    assert not checks.conflicts([mine], [{**stored, "lake_version": 4}], 5)
