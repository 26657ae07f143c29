"""Two levels of a table of values compared: paired where people repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neurostore.statistics import two_groups

if TYPE_CHECKING:
    import polars as pl


def compare_levels(values: pl.DataFrame, a: str, b: str, test: str, seed: int) -> dict[str, Any]:
    """Level b compared with level a. values : subject, level, value; people of both are compared with themselves."""
    import polars as pl

    first = values.filter(pl.col("level") == a)
    second = values.filter(pl.col("level") == b)
    repeated = sorted(set(first["subject"]) & set(second["subject"]))
    if repeated:
        x, y = (
            f.filter(pl.col("subject").is_in(repeated)).sort("subject")["value"].to_numpy() for f in (first, second)
        )
        found = two_groups.compare_pairs(x, y, test=test, seed=seed)
        left_out = sorted((set(first["subject"]) | set(second["subject"])) - set(repeated))
    else:
        found = two_groups.compare_groups(first["value"].to_numpy(), second["value"].to_numpy(), test=test, seed=seed)
        left_out = []
    return {**vars(found), "left_out": left_out}
