"""Angles of cycle_curves in SQL: of the cycles of their own side."""

from __future__ import annotations

from typing import Any

from neurostore.errors import UsageError
from neurostore.lake.queryable import Queryable
from neurostore.lake.sides import AFFECTION, SIDES, check_side, side_condition
from neurostore.sql import views
from neurostore.statistics.values import columns
from neurostore.wording import near

N_POINTS = 101
SUBJECTS = "LEFT JOIN subjects USING (subject)"


def level_of(lake: Queryable, by: str) -> tuple[str, str]:
    """The SQL expression of the level a cycle belongs to, and the joins that it and the side need."""
    if by in ("subject", "session", "trial", "side"):
        return f"curves.{views.quote(by)}", SUBJECTS
    known = {name: columns(lake, name) for name in ("subjects", "trials")}
    if by in known["subjects"]:
        return f"subjects.{views.quote(by)}", SUBJECTS
    if by in known["trials"]:
        return f"trials.{views.quote(by)}", f"{SUBJECTS} INNER JOIN trials USING (subject, session, trial)"
    there = [*known["subjects"], *known["trials"], "side"]
    raise UsageError(f"no column {by!r} in subjects or trials; {near(by, there)}")


def sides_of(angle: str, side: str | None) -> tuple[str, dict[str, Any]]:
    """Which cycles belong to an angle: those of its side."""
    check_side(side)
    named = next((s for s in SIDES if angle.startswith(f"{s}_")), None)
    if named and side and (side in AFFECTION or named != side):
        raise UsageError(f"{angle} is read from {named} cycles, not from {side} ones; name it without its side")
    return f"({side_condition('curves.side')})", {"side": named or side}


def value_of(angle: str) -> str:
    """The SQL expression of an angle of a cycle's own side. Raises UsageError for a name no view has."""
    declared = {c.name for c in views.declared()["cycle_curves"].columns if c.name.endswith("_deg")}
    if angle in declared:
        return f"curves.{views.quote(angle)}"
    if f"left_{angle}" in declared:
        left, right = views.quote(f"left_{angle}"), views.quote(f"right_{angle}")
        return f"CASE curves.side WHEN 'left' THEN curves.{left} ELSE curves.{right} END"
    raise UsageError(f"no angle {angle!r}; {near(angle, declared)}")
