"""Two levels of a table of values compared: paired where people repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neurostore.statistics import two_groups

if TYPE_CHECKING:
    import polars as pl


LEAST_TESTED = 3  # people needed in each group for a p value


def compare_levels(values: pl.DataFrame, a: str, b: str, test: str, seed: int) -> dict[str, Any]:
    """Level b compared with level a; people of both are compared with themselves. No p from fewer than LEAST_TESTED people.

    values : subject, level, value.
    """
    import polars as pl

    first = values.filter(pl.col("level") == a)
    second = values.filter(pl.col("level") == b)
    repeated = sorted(set(first["subject"]) & set(second["subject"]))
    if repeated:
        x, y = (
            f.filter(pl.col("subject").is_in(repeated)).sort("subject")["value"].to_numpy() for f in (first, second)
        )
        contrast = two_groups.compare_pairs(x, y, test=test, seed=seed)
        left_out = sorted((set(first["subject"]) | set(second["subject"])) - set(repeated))
    else:
        contrast = two_groups.compare_groups(
            first["value"].to_numpy(), second["value"].to_numpy(), test=test, seed=seed
        )
        left_out = []
    row = {**vars(contrast), "left_out": left_out}
    if min(contrast.n_a, contrast.n_b) < LEAST_TESTED:
        row |= {"p": float("nan"), "test": f"fewer than {LEAST_TESTED} people"}
    return row
