"""The sides of a person by which cycles are chosen: left and right, or affected and unaffected."""

from __future__ import annotations

from neurostore.errors import UsageError

SIDES = ("left", "right")
AFFECTION = ("affected", "unaffected")


def check_side(side: str | None) -> None:
    """Raise UsageError unless side is left, right, affected, unaffected or None (both)."""
    if side not in (None, *SIDES, *AFFECTION):
        raise UsageError(f"side is left, right, affected or unaffected, not {side!r}")


def side_condition(side: str) -> str:
    """SQL that is true of rows of the chosen side: ``$side`` is bound to it, NULL for both.

    side : the expression of the row's side; ``subjects`` is joined. Who has no affected side gives both sides.
    """
    affected = "coalesce(subjects.affected_side, 'none')"
    return f"""CASE $side
        WHEN 'affected' THEN {affected} IN ('both', 'none', {side})
        WHEN 'unaffected' THEN {affected} NOT IN ('both', {side})
        ELSE $side IS NULL OR {side} = $side END"""
