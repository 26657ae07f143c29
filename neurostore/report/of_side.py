"""Rows of one side of each person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from neurostore.lake.sides import SIDES

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class OfSide:
    """The chosen side of each person. side : left, right, affected, unaffected; None is both. subjects : the table."""

    side: str | None
    subjects: pl.DataFrame

    def rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of a frame (subject, side, …) that belong to the chosen side; rows of ``both`` only where no side is chosen.

        Who has no affected side gives both sides, as in :func:`neurostore.lake.sides.side_condition`.
        """
        import polars as pl

        if self.side is None or not {"subject", "side"} <= set(frame.columns):
            return frame
        if self.side in SIDES:
            return frame.filter(pl.col("side") == self.side)
        affected = dict(self.subjects.select("subject", "affected_side").iter_rows())
        of_person = pl.col("subject").replace_strict(affected, default=None, return_dtype=pl.String).fill_null("none")
        is_affected = of_person.is_in(["both", "none"]) | (of_person == pl.col("side"))
        is_unaffected = (of_person == "none") | ((of_person != "both") & (of_person != pl.col("side")))
        return frame.filter(pl.col("side").is_in(SIDES), is_affected if self.side == "affected" else is_unaffected)
