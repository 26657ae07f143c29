"""The Gait Profile Score of a session in words: which sides have none, and its change since the session before."""

from __future__ import annotations

from typing import Any

from neurostore.report.sessions import Session
from neurostore.report.tables import number
from neurostore.sql import views
from neurostore.wording import counted

SIDES = ("left", "right", "both")
UNKNOWN = "No detectable change of GPS is known; --retest-group measures it."


def short_sides(block: Session) -> str:
    """A sentence on the sides that have too few steady cycles for a score; '' if every side has enough."""
    import polars as pl

    rows = block.rows(block.data.profile, by_condition=False).filter(pl.col("side") != "both")
    counts = dict(rows.group_by("side").agg(pl.col("n_cycles").max()).sort("side").iter_rows())
    least = int(views.thresholds()["least_scored_cycles"][0])
    short = [f"{side} ({counted(n, 'steady cycle')})" for side, n in counts.items() if n < least]
    return f"Not scored: {' and '.join(short)}; a side needs {least} steady cycles." if short else ""


def gps_change(block: Session) -> str | None:
    """Both values, their difference and MDC95 of each side; None if the session before has no score.

    A star marks a difference larger than MDC95.
    """
    import polars as pl

    if block.before is None:
        return None
    rows = block.data.change.filter(
        pl.col("subject") == block.subject,
        pl.col("session_a") == block.before.session,
        pl.col("session_b") == block.session,
        pl.col("parameter") == "gps_deg",
        pl.col("difference").is_not_null(),
    )
    by_side = {row["side"]: row for row in rows.to_dicts()}
    shown = [(side, by_side[side]) for side in SIDES if side in by_side]
    if not shown:
        return None
    parts = [f"{side} {_from_to(row)}" for side, row in shown]
    return f"GPS from {block.before.session} to {block.session}: {', '.join(parts)}. {_detectable(shown)}"


def _from_to(row: dict[str, Any]) -> str:
    star = "*" if row["is_beyond_mdc"] else ""
    change = number(row["difference"], 1, sign=True)
    return f"{number(row['value_a'], 1)}° to {number(row['value_b'], 1)}° ({change}°{star})"


def _detectable(shown: list[tuple[str, dict[str, Any]]]) -> str:
    names = {"left": "of a side", "right": "of a side", "both": "of both sides"}
    known = {names[side]: row for side, row in shown if row["mdc95"] is not None}
    if not known:
        return UNKNOWN
    values = ", ".join(f"{number(row['mdc95'], 1)}° {name}" for name, row in known.items())
    row = next(iter(known.values()))
    people = "" if row["n_retest"] is None else f", {row['n_retest']} people"
    return f"Detectable change (MDC95): {values}; {row['mdc_source']}{people}."
