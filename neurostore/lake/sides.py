"""The sides of a person by which cycles are chosen: left and right, or affected and unaffected."""

from __future__ import annotations

from neurostore.errors import UsageError

SIDES = ("left", "right")
AFFECTION = ("affected", "unaffected")


def check_side(side: str | None) -> None:
    """Raise UsageError unless side is left, right, affected, unaffected or None (both)."""
    if side not in (None, *SIDES, *AFFECTION):
        raise UsageError(f"side is left, right, affected or unaffected, not {side!r}")


def sides_of(chosen: str, affected_side: str | None) -> tuple[str, ...]:
    """The sides of a person that a choice means. Who has no affected side gives both sides.

    chosen : left, right, affected or unaffected. affected_side : left, right, both, none or None.
    """
    if chosen in SIDES:
        return (chosen,)
    if affected_side in (None, "none"):
        return SIDES
    affected = SIDES if affected_side == "both" else (affected_side,)
    return affected if chosen == "affected" else tuple(side for side in SIDES if side not in affected)


def side_condition(side: str) -> str:
    """SQL that is true of rows of the chosen side, as in `sides_of`: ``$side`` is bound to it, NULL for both.

    side : the expression of the row's side; ``subjects`` is joined.
    """
    meant = ", ".join(
        f"('{chosen}', '{affected}', '{one}')"
        for chosen in AFFECTION
        for affected in (*SIDES, "both", "none")
        for one in sides_of(chosen, affected)
    )
    row = f"($side, coalesce(subjects.affected_side, 'none'), {side})"
    return f"($side IS NULL OR {side} = $side OR {row} IN ({meant}))"
