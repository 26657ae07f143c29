"""Decisions on EMG channels and on events of force platforms, as the views follow them."""

from __future__ import annotations

import datetime

import pytest

from neurostore.sql import views
from neurostore.walker import gait
from neurostore.walker import walk as walker
from tests.builders import view_builder

KEY = {"subject": "S01", "session": "", "trial": "walk"}
PLATE = 1.0  # where a platform has a left foot strike, seconds


def decided(*decisions):
    """The table of reviews: one decision after the other."""
    first = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    rows = [
        {"review_id": str(i), "reviewed_at": first + datetime.timedelta(hours=i), "reviewer": "R1", "reason": "noise",
         "lake_version": 1, "source_sha256": "0" * 64, **KEY, **decision}
        for i, decision in enumerate(decisions)
    ]  # fmt: skip
    return view_builder.table("reviews", rows)


# EMG


def envelopes(*decisions, query="SELECT cycle, channel, count(envelope) > 0, any_value(problem) FROM emg_envelopes"):
    cycles = [
        {**KEY, "person": 0, "cycle": i, "side": "left", "start_s": 1.0 * i, "end_s": 1.0 * i + 1, "is_steady": True}
        for i in range(2)
    ]
    channels = [
        {**KEY, "ingest_id": "i", "channel_index": i, "channel": name, "muscle": None, "side": "left", "unit": "V",
         "start_s": 0.0, "rate_hz": 100.0, "envelope": [0.5] * 250, "on_s": [0.0], "off_s": [2.0],
         "saturated_share": 0.0, "hum_share": 0.0}
        for i, name in enumerate(("RF", "TA"))
    ]  # fmt: skip
    tables = {"emg": view_builder.table("emg", channels), "reviews": decided(*decisions)}
    connection = view_builder.connect(with_views=False, **tables)
    connection.execute("CREATE TABLE gait_cycles AS SELECT unnest($rows, recursive := true)", {"rows": cycles})
    texts = views.sources()
    names = view_builder._needed({"emg_envelopes"}, texts, {"gait_cycles", *tables})
    views.register(connection, {name: texts[name] for name in names})
    return connection.execute(f"{query} GROUP BY ALL ORDER BY ALL").fetchall()


def test_a_channel_of_a_trial_or_a_cycle_is_left_out():
    everything = [(c, name, True, None) for c in (0, 1) for name in ("RF", "TA")]
    assert envelopes() == everything
    said = "excluded by R1: noise"
    out = {"action": "exclude", "channel": "TA"}
    assert envelopes(out) == [(c, n, n == "RF", said if n == "TA" else None) for c in (0, 1) for n in ("RF", "TA")]
    assert envelopes({**out, "side": "left", "cycle": 1})[2:] == [(1, "RF", True, None), (1, "TA", False, said)]
    assert envelopes({**out, "from_s": 0.2, "to_s": 0.4})[:2] == [(0, "RF", True, None), (0, "TA", False, said)]
    assert envelopes(out, {**out, "action": "include"}) == everything
    sums = envelopes(out, query="SELECT channel, count(normalized), count_if(is_on) > 0 FROM emg_envelopes")
    assert [row[1:] for row in sums] == [(202, True), (0, False)]


def test_a_decision_on_a_channel_leaves_the_cycles_alone():
    walk = walker.walk(gait.normal(), n_strides=3)
    tables = view_builder.of_walk(walk) | {"reviews": decided({"action": "exclude", "channel": "TA"})}
    connection = view_builder.connect(only=["gait_cycles", "_excluded_trials"], **tables)
    assert connection.execute("SELECT count(*) FROM _excluded_trials").fetchone() == (0,)
    assert connection.execute("SELECT count_if(is_steady) > 0 FROM gait_cycles").fetchone() == (True,)


# Disputes


def disputed(*decisions):
    connection = view_builder.connect(with_views=False, reviews=decided(*decisions))
    views.register(connection, {"review_state": views.sources()["review_state"]})
    rows = connection.execute("SELECT is_disputed FROM review_state ORDER BY reviewed_at").fetchall()
    return [row[0] for row in rows]


@pytest.mark.parametrize(("first", "second", "is_disputed"), [
    ({"action": "exclude"}, {"action": "include"}, True),
    ({"action": "exclude"}, {"action": "exclude"}, False),
    ({"action": "swap_sides"}, {"action": "keep_sides"}, True),
    ({"action": "exclude"}, {"action": "include", "cycle": 1, "side": "left"}, False),
    ({"action": "move_event", "new_time_s": 1.1}, {"action": "move_event", "new_time_s": 1.2}, True),
    ({"action": "move_event", "new_time_s": 1.1}, {"action": "move_event", "new_time_s": 1.12}, False),
    ({"action": "move_event", "new_time_s": 1.1}, {"action": "delete_event"}, True),
    ({"action": "note"}, {"action": "note"}, False),
])  # fmt: skip
def test_a_dispute_is_between_the_last_words_of_two_reviewers(first, second, is_disputed):
    if first["action"].endswith("_event"):
        first, second = ({**one, "side": "left", "event": "foot_strike", "time_s": 1.0} for one in (first, second))
    second = {**second, "reviewer": "R2"}
    assert disputed(first, second) == [is_disputed] * 2
    assert not any(disputed(first, second, {**second, "reviewer": "R1"}))  # R1 followed R2
    assert not any(disputed(first, second, {**first, "reviewer": "R2"}))  # R2 followed R1
    assert not any(disputed(first, {**second, "reviewer": "R1"}))  # one who changes her mind


# Events of platforms


def events(*decisions, side="left"):
    """Foot strikes of a side from a platform, and the computed ones beside them, after decisions."""
    walk = walker.walk(gait.normal(), n_strides=3)
    plates = [{**KEY, "ingest_id": "i", "plate": 0}]
    tables = view_builder.of_walk(walk) | {"reviews": decided(*decisions)}
    connection = view_builder.connect(with_views=False, **tables)
    connection.execute("DROP TABLE force_plates")
    connection.execute("CREATE TABLE force_plates AS SELECT unnest($rows, recursive := true)", {"rows": plates})
    texts = views.sources() | {
        "_force_events": "-- Arguments: reaction.\nSELECT 'S01' AS subject, '' AS session, 'walk' AS trial, "
        f"'left' AS side, 'foot_strike' AS event, {PLATE}::DOUBLE AS time_s, 0.0::DOUBLE AS data_first_s, "
        "3.0::DOUBLE AS data_last_s",
        "_ground_reaction": "-- Arguments: motion.\nSELECT 1 AS nothing",
    }
    names = view_builder._needed({"gait_events"}, texts, set(tables))
    views.register(connection, {name: texts[name] for name in names})
    query = "SELECT round(time_s, 3), method FROM gait_events WHERE event = 'foot_strike' AND side = $side AND source = $source ORDER BY 1"
    return {s: connection.execute(query, {"side": side, "source": s}).fetchall() for s in ("force", "computed")}


ON = {"side": "left", "event": "foot_strike", "time_s": PLATE, "source": "force"}


def test_an_event_of_a_platform_is_moved_deleted_renamed_and_added():
    before = events()
    assert before["force"] == [(PLATE, "force_20_n")]
    assert len(before["computed"]) > 1
    moved = events({"action": "move_event", **ON, "new_time_s": 1.02})
    assert moved == {"force": [(1.02, "review")], "computed": before["computed"]}
    assert events({"action": "delete_event", **ON}) == {"force": [], "computed": before["computed"]}
    renamed = {"action": "relabel_event", **ON, "new_side": "right"}
    assert events(renamed)["force"] == []
    assert events(renamed, side="right")["force"] == [(PLATE, "review")]
    added = events({"action": "add_event", **ON, "time_s": 2.0})
    assert added == {"force": [(PLATE, "force_20_n"), (2.0, "review")], "computed": before["computed"]}


def test_without_a_source_an_added_event_is_not_a_platform_event():
    added = events({"action": "add_event", **ON, "source": None, "time_s": 2.1})
    assert added["force"] == [(PLATE, "force_20_n")]
    assert (2.1, "review") in added["computed"]
