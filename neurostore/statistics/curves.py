"""Whole curves of groups, sessions or conditions compared by statistical parametric mapping (spm1d)."""

from __future__ import annotations

import warnings
from itertools import combinations
from typing import TYPE_CHECKING, Any

from neurostore.arrays import Floats
from neurostore.errors import MissingExtraError
from neurostore.release import how_to_install
from neurostore.statistics.angles import N_POINTS, level_of, sides_of, value_of
from neurostore.statistics.order import levels_of
from neurostore.statistics.pooling import pooled_text

if TYPE_CHECKING:
    import polars as pl

    from neurostore.lake.queryable import Queryable

LEAST_CURVES = 3  # people needed in each group for curves to be compared


def compare_curves(lake: Queryable, angles: list[str], by: str, side: str | None, mixture: str = "") -> pl.DataFrame:
    """Every pair of levels of every angle by spm1d, at 0.05 over the number of pairs that can be tested.

    mixture : what was pooled although it differs, for the column ``pooled``.
    """
    import polars as pl

    pairs: list[tuple[dict[str, Any], Floats, Floats, bool]] = []
    for angle in angles:
        curves = _subject_curves(lake, angle, by, side)
        for a, b in combinations(levels_of(lake, curves, by, angle), 2):
            pair = _pair_of_curves(curves, angle, a, b)
            used = curves.filter(pl.col("level").is_in([a, b]))
            pooled = pooled_text(lake, used, by, side or sides_of(angle, side)[1]["side"])
            pair[0]["pooled"] = "; ".join(filter(None, (pooled, mixture)))
            pairs.append(pair)
    n_tests = sum(min(len(y_a), len(y_b)) >= LEAST_CURVES for _, y_a, y_b, _ in pairs)
    rows = [row for pair in pairs for row in _clusters(*pair, alpha=0.05 / max(n_tests, 1))]
    numbers = dict.fromkeys(("alpha", "t_threshold", "from_pct", "to_pct", "p"), pl.Float64)
    return pl.DataFrame(rows, schema_overrides={**numbers, "left_out": pl.List(pl.String)})


def _subject_curves(lake: Queryable, angle: str, by: str, side: str | None) -> pl.DataFrame:
    """subject, level, percent, value, n_cycles, sessions, conditions (not known): mean curves of the subjects that have them whole."""
    import polars as pl

    level, joins = level_of(lake, by)
    where, params = sides_of(angle, side)
    frame = lake.sql(
        f"""
        SELECT curves.subject, {level} AS "level", curves.percent, avg({value_of(angle)}) AS value,
            count({value_of(angle)}) AS n_cycles, list(DISTINCT curves.session) AS sessions, []::VARCHAR[] AS conditions
        FROM cycle_curves AS curves {joins}
        WHERE curves.is_steady AND curves.person = 0 AND {where} AND {level} IS NOT NULL
        GROUP BY ALL HAVING value IS NOT NULL ORDER BY ALL
        """,
        params,
    )
    whole = pl.len().over("subject", "level") == N_POINTS
    return frame.with_columns(pl.col("level").cast(pl.String)).filter(whole)


def _pair_of_curves(curves: pl.DataFrame, angle: str, a: str, b: str) -> tuple[dict[str, Any], Floats, Floats, bool]:
    """(row begun, curves (n_a, 101) of a, (n_b, 101) of b, whether a[i] and b[i] are one person)."""
    import polars as pl

    of = {x: curves.filter(pl.col("level") == x).sort("subject", "percent") for x in (a, b)}
    names = {x: set(part["subject"]) for x, part in of.items()}
    repeated = names[a] & names[b]
    if repeated:
        of = {x: part.filter(pl.col("subject").is_in(list(repeated))) for x, part in of.items()}
    y_a, y_b = (of[x]["value"].to_numpy().reshape(-1, N_POINTS) for x in (a, b))
    left_out = sorted((names[a] | names[b]) - repeated) if repeated else []
    n_cycles = {
        x: int(part.group_by("subject").agg(pl.col("n_cycles").max())["n_cycles"].sum()) for x, part in of.items()
    }
    row = {"parameter": angle, "a": a, "b": b, "n_a": len(y_a), "n_b": len(y_b), "left_out": left_out}
    row |= {"n_cycles_a": n_cycles[a], "n_cycles_b": n_cycles[b]}
    return row, y_a, y_b, bool(repeated)


def _clusters(row: dict[str, Any], y_a: Floats, y_b: Floats, is_paired: bool, alpha: float) -> list[dict[str, Any]]:
    """One row per cluster of percents where the two differ; one row without a cluster if they do not, or if there are too few people."""
    try:
        import spm1d
    except ImportError:
        raise MissingExtraError(f"curves are compared by spm1d: {how_to_install('report')}") from None
    none: dict[str, float | None] = {"from_pct": None, "to_pct": None, "p": None}
    if min(len(y_a), len(y_b)) < LEAST_CURVES:
        few = {"test": f"fewer than {LEAST_CURVES} people", "alpha": None, "t_threshold": None}
        return [row | few | none]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        field = spm1d.stats.ttest_paired(y_b, y_a) if is_paired else spm1d.stats.ttest2(y_b, y_a, equal_var=False)
        inference = field.inference(alpha=alpha, two_tailed=True)
    test = "spm1d paired t" if is_paired else "spm1d two-sample t"
    row = row | {"test": test, "alpha": alpha, "t_threshold": float(inference.zstar)}
    clusters: list[dict[str, float | None]] = [
        {"from_pct": float(c.endpoints[0]), "to_pct": float(c.endpoints[1]), "p": float(c.P)}
        for c in inference.clusters
    ]
    return [row | c for c in clusters or [none]]
