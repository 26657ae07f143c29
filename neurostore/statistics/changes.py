"""Each person's change between two sessions, as a value to compare between groups (group by session)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from neurostore.errors import UsageError
from neurostore.statistics.order import sessions_in_order

if TYPE_CHECKING:
    import polars as pl

    from neurostore.lake.queryable import Queryable


def check_change(by: str, test: str, curves: Sequence[str], *, is_asked: bool) -> None:
    """Raise UsageError if changes are asked for and cannot be compared. curves : the angles among the parameters."""
    if not is_asked:
        return
    if by == "session":
        raise UsageError(
            "the change between sessions is compared by a column of subjects, such as group, not by session"
        )
    if test == "mixed":
        raise UsageError("a mixed model has the sessions in it already: choose welch or permutation for changes")
    if curves:
        raise UsageError(f"changes of whole curves are not compared: {', '.join(curves)}; choose parameters")


def changes_of(lake: Queryable, values: pl.DataFrame, name: str) -> tuple[pl.DataFrame, str, list[str]]:
    """The later session less the earlier one of each subject.

    values : subject, level, value, n_cycles, sessions (one each), conditions.

    Returns
    -------
    The same columns with a row per subject and level, which difference it is (``post − pre``), and the subjects that
    have one session alone.

    Raises
    ------
    UsageError : there are not two sessions, or which came first is not known.
    """
    import polars as pl

    rows = values.with_columns(session=pl.col("sessions").list.first())
    sessions = sorted(rows["session"].drop_nulls().unique())
    if len(sessions) != 2:
        there = ", ".join(sessions) or "none"
        raise UsageError(
            f"{name}: a change is between two sessions; found: {there}; choose two with session=… (--session)"
        )
    first, last = sessions_in_order(lake, sessions, set(rows["subject"]))
    keys = ["subject", "level"]
    early, late = (rows.filter(pl.col("session") == s).drop("session", "sessions") for s in (first, last))
    both = early.join(late, on=keys, suffix="_late", maintain_order="left")
    what = f"{last} − {first}"
    changes = both.select(
        *keys,
        value=pl.col("value_late") - pl.col("value"),
        n_cycles=pl.col("n_cycles") + pl.col("n_cycles_late"),
        sessions=pl.lit([what], pl.List(pl.String)),
        conditions=pl.col("conditions").list.concat("conditions_late"),
    )
    return changes, what, sorted(set(rows["subject"]) - set(both["subject"]))
