"""What was left out by whom and why, whose events count, and the models, in sentences."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import polars as pl
import pytest

from neurostore.report.conduct import event_source, left_out, models
from neurostore.report.sessions import sessions_of

DECISION = {
    "reviewed_at": datetime(2026, 3, 4, 9), "reviewer": "R1", "action": "exclude", "subject": "S01", "session": "ses1",
    "trial": "walk_01", "side": "left", "cycle": 1, "from_s": None, "to_s": None, "event": None, "time_s": None,
    "new_time_s": None, "new_side": None, "new_event": None, "reason": "stumbled", "state": "holds", "is_disputed": False,
}  # fmt: skip


def with_reviews(data, *changes):
    rows = [{**DECISION, **change} for change in changes]
    return sessions_of(replace(data, reviews=pl.DataFrame(rows, infer_schema_length=None)), "S01")[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "walk_01, left cycle 1: excluded by R1 on 2026-03-04: stumbled."),
        ({"side": None, "cycle": None}, "walk_01: excluded by R1 on 2026-03-04: stumbled."),
        (
            {"cycle": None, "from_s": 0.5, "to_s": 1.25, "is_disputed": True},
            "walk_01, 0.5 s to 1.25 s, left: excluded by R1 on 2026-03-04: stumbled. Another reviewer decided otherwise.",
        ),
        (
            {"action": "move_event", "cycle": None, "event": "foot_strike", "time_s": 0.4, "new_time_s": 0.45},
            "walk_01, left: moved foot strike from 0.400 s to 0.450 s by R1 on 2026-03-04: stumbled.",
        ),
        (
            {"action": "swap_sides", "side": None, "cycle": None},
            "walk_01: left and right exchanged by R1 on 2026-03-04: stumbled.",
        ),
        (
            {"side": None, "cycle": None, "channel": "L TA"},
            "walk_01, channel L TA: excluded by R1 on 2026-03-04: stumbled.",
        ),
        (
            {"state": "to be checked"},
            "walk_01, left cycle 1: excluded by R1 on 2026-03-04: stumbled. The file has changed since: to be checked.",
        ),
    ],
)
def test_a_decision_is_named_with_reviewer_and_reason(data, change, said):
    assert left_out(with_reviews(data, change))[0] == said


def test_superseded_decisions_and_inclusions_are_not_named(data):
    block = with_reviews(data, {"state": "superseded"}, {"action": "include"}, {"trial": "walk_99"})
    assert not any("R1" in line for line in left_out(block))


def test_cycles_that_are_not_steady_are_counted_by_reason(data):
    block = sessions_of(data, "S01")[0]
    cycles = data.cycles.with_columns(
        is_steady=pl.when(pl.col("side") == "left").then(pl.lit(False)).otherwise(pl.col("is_steady")),
        reason=pl.when(pl.col("side") == "left").then(pl.lit("turning; a gap")).otherwise(pl.col("reason")),
    )
    n = cycles.filter(pl.col("subject") == "S01", pl.col("session") == "ses1", pl.col("side") == "left").height
    said = left_out(replace(block, data=replace(data, cycles=cycles)))
    assert f"Left: {n} of {n} cycles are not steady: turning ({n}); a gap ({n})." in said


def test_event_source_and_models(data):
    block = sessions_of(data, "S01")[0]
    assert event_source(block) == "Events: computed from the movement; rule: platform before computed."
    assert "skeleton berkeley_mhad_43" in models(block) or "skeleton cmu_31" in models(block)
    assert "low-pass filter 6 Hz" in models(block)


def test_every_action_has_words(data):
    """No decision that the lake can hold stops a report."""
    from neurostore.reviews import ACTIONS

    event = {"event": "foot_strike", "time_s": 0.4, "new_time_s": 0.45, "new_side": "right", "new_event": "foot_off"}
    for action in set(ACTIONS) - {"include"}:
        assert (
            "by R1 on 2026-03-04: stumbled."
            in left_out(with_reviews(data, {"action": action, "cycle": None, **event}))[0]
        )
