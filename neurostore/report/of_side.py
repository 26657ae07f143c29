"""Rows of one side of each person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from neurostore.lake.sides import sides_of

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class OfSide:
    """The chosen side of each person. side : left, right, affected, unaffected; None is both. subjects : the table."""

    side: str | None
    subjects: pl.DataFrame

    def rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of a frame (subject, side, …) of the chosen side, as in `sides_of`; of ``both`` only where none is chosen."""
        import polars as pl

        if self.side is None or not {"subject", "side"} <= set(frame.columns) or frame.is_empty():
            return frame
        affected = dict(self.subjects.select("subject", "affected_side").iter_rows())
        chosen = {subject: list(sides_of(self.side, affected.get(subject))) for subject in frame["subject"].unique()}
        sides = pl.col("subject").replace_strict(chosen, return_dtype=pl.List(pl.String))
        return frame.filter(pl.col("side").is_in(sides))
