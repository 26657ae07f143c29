"""From the views to statistics: mean curves, arrays of cycles, groups compared. One value or curve a subject.

The functions take a Lake (``lake.sql(query, params) -> polars.DataFrame``) and are its methods too.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.errors import MissingExtraError, UsageError
from neurostore.lake.queryable import Queryable
from neurostore.sql import views
from neurostore.statistics import two_groups
from neurostore.wording import near

if TYPE_CHECKING:
    import polars as pl

N_POINTS = 101
LEAST_CURVES = 3  # people a side, before curves are compared
SAGITTAL = ("hip_flexion_deg", "knee_flexion_deg", "ankle_dorsiflexion_deg")


def mean_curves(lake: Queryable, angle: str, by: str = "group", *, side: str | None = None) -> pl.DataFrame:
    """Mean of subject means, SD between subjects and their number at each percent of the cycle.

    Parameters
    ----------
    angle : a column of cycle_curves (``left_knee_flexion_deg``), or without its side (``knee_flexion_deg``): then of
        the ``side`` asked for, or of both sides of a subject together. Degrees.
    by : a column of subjects or trials, or ``session``.

    Returns
    -------
    polars.DataFrame : by, percent, mean_deg, sd_deg (NULL for one subject), n_subjects, n_cycles; steady cycles only.
    """
    level, joins = _level(lake, by)
    where, params = _sides(angle, side)
    value = _value(angle, side)
    return lake.sql(
        f"""
        WITH cycles AS (
            SELECT curves.subject, curves.percent, {level} AS "level", {value} AS value_deg
            FROM cycle_curves AS curves {joins}
            WHERE curves.is_steady AND curves.person = 0 AND {where}
        ), subject_means AS (
            SELECT subject, percent, "level", avg(value_deg) AS value_deg, count(value_deg) AS n
            FROM cycles WHERE value_deg IS NOT NULL GROUP BY ALL
        )
        SELECT "level" AS {views.quote(by)}, percent, avg(value_deg) AS mean_deg, stddev_samp(value_deg) AS sd_deg,
            count(*) AS n_subjects, sum(n)::BIGINT AS n_cycles
        FROM subject_means GROUP BY ALL ORDER BY ALL
        """,
        params,
    )


def cycles_array(
    lake: Queryable, angles: Sequence[str] = SAGITTAL, *, side: str | None = None, steady_only: bool = True
) -> tuple[np.ndarray, pl.DataFrame]:
    """Cycles as one array, for scikit-learn, spm1d and the like.

    Parameters
    ----------
    angles : columns of cycle_curves of one side, or names without a side.
    side : left or right; None takes both sides' cycles, each with the angles of its own side.

    Returns
    -------
    (n, 101, k) float64 degrees, and a polars.DataFrame of n rows: subject, session, trial, person, cycle, side.
    Cycles that lack an angle at any percent are left out, and a warning names them.

    Raises
    ------
    UsageError : an unknown angle, angles of both sides at once, or no cycle that has them all.
    """
    import polars as pl

    named = {a.split("_")[0] for a in angles if a.startswith(("left_", "right_"))}
    if len(named) > 1 or (side and named - {side}):
        raise UsageError(f"left is never mixed with right: asked for {', '.join(angles)} with side {side}")
    side = side or next(iter(named), None)
    where, params = _sides(angles[0] if angles else "", side)
    values = ", ".join(f"{_value(a, side)} AS {views.quote(a)}" for a in angles)
    keys = ["subject", "session", "trial", "person", "cycle", "side"]
    steady = "curves.is_steady" if steady_only else "true"
    frame = lake.sql(
        f"SELECT {', '.join('curves.' + k for k in keys)}, curves.percent, {values} FROM cycle_curves AS curves "
        f"WHERE {steady} AND {where} ORDER BY ALL",
        params,
    )
    labels = frame.select(keys).unique(maintain_order=True)
    cube = frame.select(pl.col(list(angles)).cast(pl.Float64)).to_numpy().reshape(-1, N_POINTS, len(angles))
    whole = np.isfinite(cube).all(axis=(1, 2))
    if not whole.any():
        raise UsageError(f"no {'steady ' if steady_only else ''}cycle has all of {', '.join(angles)}")
    if not whole.all():
        lost = labels.filter(pl.Series(~whole)).select(pl.concat_str(keys[:3], separator="/")).to_series().unique()
        warnings.warn(
            f"{np.count_nonzero(~whole)} of {len(whole)} cycles lack an angle and are left out; they are of "
            f"{', '.join(sorted(lost)[:5])}{' …' if len(lost) > 5 else ''}",
            stacklevel=2,
        )
    return cube[whole], labels.filter(pl.Series(whole))


def compare(
    lake: Queryable,
    parameter: str | Sequence[str],
    by: str = "group",
    *,
    side: str | None = None,
    test: str = "welch",
    seed: int = 0,
) -> pl.DataFrame:
    """Groups, sessions or conditions compared, one value a subject; angles of cycle_curves as whole curves, by spm1d.

    Parameters
    ----------
    parameter : columns of subject_summary, or of cycle_curves. by : a column of subjects, ``session`` or ``condition``.
    side : left or right; None takes the mean of both. test : 'welch' or 'permutation' (seeded by seed).

    Returns
    -------
    polars.DataFrame, a row a parameter and pair of levels a, b: n, mean, SD of each, difference (b less a), its 95 %
    interval, hedges_g, p, p_holm (over all rows), test, left_out. Subjects that repeat over the levels are compared
    with themselves (paired) and those seen in one level only left out, by name. A pair with fewer than two people (for
    curves three) on a side has NULL for what that leaves open, and ``test`` says so. For curves: a row a cluster of
    percents where the curves differ by SPM, or one row without a cluster; alpha is 0.05 over the number of pairs and
    parameters tested (Bonferroni).

    Raises
    ------
    UsageError : no such parameter or column, or fewer than two levels.  MissingExtraError : curves without spm1d.
    """
    import polars as pl

    parameters = [parameter] if isinstance(parameter, str) else list(parameter)
    curves = _columns(lake, "cycle_curves")
    if all(p in curves or f"left_{p}" in curves for p in parameters):
        return _compare_curves(lake, parameters, by, side)
    rows: list[dict[str, Any]] = []
    for name in parameters:
        values = _subject_values(lake, name, by, side)
        for a, b in combinations(_levels(values, by, name), 2):
            rows.append({"parameter": name, "a": a, "b": b} | _pair(values, a, b, test, seed))
    adjusted = two_groups.holm(np.array([r["p"] for r in rows], float))
    found = pl.DataFrame([{**r, "p_holm": float(p)} for r, p in zip(rows, adjusted, strict=True)])
    return found.with_columns(pl.selectors.float().fill_nan(None))


def _pair(values: pl.DataFrame, a: str, b: str, test: str, seed: int) -> dict[str, Any]:
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


def _compare_curves(lake: Queryable, angles: list[str], by: str, side: str | None) -> pl.DataFrame:
    """Every pair of levels of every angle by spm1d, at 0.05 over the number of pairs that can be tested."""
    import polars as pl

    pairs: list[tuple[dict[str, Any], np.ndarray, np.ndarray, bool]] = []
    for angle in angles:
        curves = _subject_curves(lake, angle, by, side)
        for a, b in combinations(_levels(curves, by, angle), 2):
            pairs.append(_pair_of_curves(curves, angle, a, b))
    n_tests = sum(min(len(y_a), len(y_b)) >= LEAST_CURVES for _, y_a, y_b, _ in pairs)
    rows = [row for pair in pairs for row in _clusters(*pair, alpha=0.05 / max(n_tests, 1))]
    numbers = dict.fromkeys(("alpha", "t_threshold", "from_pct", "to_pct", "p"), pl.Float64)
    return pl.DataFrame(rows, schema_overrides={**numbers, "left_out": pl.List(pl.String)})


def _subject_curves(lake: Queryable, angle: str, by: str, side: str | None) -> pl.DataFrame:
    """subject, level, percent, value: mean curves of the subjects that have them whole."""
    import polars as pl

    level, joins = _level(lake, by)
    where, params = _sides(angle, side)
    frame = lake.sql(
        f"""
        SELECT curves.subject, {level} AS "level", curves.percent, avg({_value(angle, side)}) AS value
        FROM cycle_curves AS curves {joins}
        WHERE curves.is_steady AND curves.person = 0 AND {where} AND {level} IS NOT NULL
        GROUP BY ALL HAVING value IS NOT NULL ORDER BY ALL
        """,
        params,
    )
    whole = pl.len().over("subject", "level") == N_POINTS
    return frame.with_columns(pl.col("level").cast(pl.String)).filter(whole)


def _pair_of_curves(
    curves: pl.DataFrame, angle: str, a: str, b: str
) -> tuple[dict[str, Any], np.ndarray, np.ndarray, bool]:
    """(row begun, curves (n_a, 101) of a, (n_b, 101) of b, whether a[i] and b[i] are one person)."""
    import polars as pl

    of = {x: curves.filter(pl.col("level") == x).sort("subject", "percent") for x in (a, b)}
    names = {x: set(part["subject"]) for x, part in of.items()}
    repeated = names[a] & names[b]
    if repeated:
        of = {x: part.filter(pl.col("subject").is_in(list(repeated))) for x, part in of.items()}
    y_a, y_b = (of[x]["value"].to_numpy().reshape(-1, N_POINTS) for x in (a, b))
    left_out = sorted((names[a] | names[b]) - repeated) if repeated else []
    row = {"parameter": angle, "a": a, "b": b, "n_a": len(y_a), "n_b": len(y_b), "left_out": left_out}
    return row, y_a, y_b, bool(repeated)


def _clusters(
    row: dict[str, Any], y_a: np.ndarray, y_b: np.ndarray, is_paired: bool, alpha: float
) -> list[dict[str, Any]]:
    """A row a cluster of percents where the two differ; one without where none does, or there are too few people."""
    try:
        import spm1d
    except ImportError:
        raise MissingExtraError("curves are compared by spm1d: pip install 'neurostore[report]'") from None
    none: dict[str, float | None] = {"from_pct": None, "to_pct": None, "p": None}
    if min(len(y_a), len(y_b)) < LEAST_CURVES:
        few = {"test": f"fewer than {LEAST_CURVES} people", "alpha": None, "t_threshold": None}
        return [row | few | none]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = spm1d.stats.ttest_paired(y_b, y_a) if is_paired else spm1d.stats.ttest2(y_b, y_a, equal_var=False)
        inference = found.inference(alpha=alpha, two_tailed=True)
    test = "spm1d paired t" if is_paired else "spm1d two-sample t"
    row = row | {"test": test, "alpha": alpha, "t_threshold": float(inference.zstar)}
    clusters: list[dict[str, float | None]] = [
        {"from_pct": float(c.endpoints[0]), "to_pct": float(c.endpoints[1]), "p": float(c.P)}
        for c in inference.clusters
    ]
    return [row | c for c in clusters or [none]]


def _subject_values(lake: Queryable, parameter: str, by: str, side: str | None) -> pl.DataFrame:
    """subject, level, value: the mean over sides (and sessions and conditions within a level) of the medians."""
    import polars as pl

    declared = views.declared()["subject_summary"].columns
    known = [c.name for c in declared if c.type == "float64" and not c.name.endswith("_sd")]
    if parameter not in known:
        raise UsageError(
            f"no parameter {parameter!r} in subject_summary, no angle in cycle_curves; {near(parameter, known)}"
        )
    by_summary = by in ("session", "condition")
    level = views.quote(by) if by_summary else f"subjects.{views.quote(by)}"
    columns = _columns(lake, "subjects")
    if not by_summary and by not in columns:
        raise UsageError(f"no column {by!r} in subjects, nor session or condition; {near(by, columns[1:])}")
    joins = "" if by_summary else "INNER JOIN subjects USING (subject)"
    frame = lake.sql(
        f"""
        WITH sides AS (
            SELECT subject, {level} AS "level", side, avg({views.quote(parameter)}) AS value
            FROM subject_summary {joins} WHERE {level} IS NOT NULL AND (side = $side OR $side IS NULL) GROUP BY ALL
        )
        SELECT subject, "level", avg(value) AS value FROM sides WHERE value IS NOT NULL GROUP BY ALL ORDER BY ALL
        """,
        {"side": side},
    )
    return frame.with_columns(pl.col("level").cast(pl.String))


def _levels(frame: pl.DataFrame, by: str, name: str) -> list[str]:
    levels = sorted(frame["level"].unique())
    if len(levels) < 2:
        raise UsageError(f"{name}: {by} has {len(levels)} value(s) with data ({', '.join(levels)}); two are needed")
    return levels


def _columns(lake: Queryable, name: str) -> list[str]:
    found = lake.sql(
        "SELECT column_name FROM duckdb_columns() WHERE table_name = $name AND NOT internal ORDER BY column_index",
        {"name": name},
    )
    return found["column_name"].to_list()


def _level(lake: Queryable, by: str) -> tuple[str, str]:
    """The SQL expression of the level a cycle belongs to, and the joins it needs."""
    if by in ("subject", "session", "trial", "side"):
        return f"curves.{views.quote(by)}", ""
    for table, keys in (("subjects", "subject"), ("trials", "subject, session, trial")):
        if by in _columns(lake, table):
            return f"{table}.{views.quote(by)}", f"INNER JOIN {table} USING ({keys})"
    raise UsageError(f"no column {by!r} in subjects or trials")


def _sides(angle: str, side: str | None) -> tuple[str, dict[str, Any]]:
    """Which cycles belong to an angle: those of its side."""
    named = next((s for s in ("left", "right") if angle.startswith(f"{s}_")), None)
    if side not in (None, "left", "right"):
        raise UsageError(f"side is left or right, not {side!r}")
    if named and side and named != side:
        raise UsageError(f"{angle} is read from {named} cycles, not from {side} ones")
    return "(curves.side = $side OR $side IS NULL)", {"side": named or side}


def _value(angle: str, side: str | None) -> str:
    """The SQL expression of an angle of a cycle's own side. Raises UsageError for a name no view has."""
    declared = {c.name for c in views.declared()["cycle_curves"].columns if c.name.endswith("_deg")}
    if angle in declared:
        return f"curves.{views.quote(angle)}"
    if f"left_{angle}" in declared:
        left, right = views.quote(f"left_{angle}"), views.quote(f"right_{angle}")
        return f"CASE curves.side WHEN 'left' THEN curves.{left} ELSE curves.{right} END"
    raise UsageError(f"no angle {angle!r}; {near(angle, declared)}")
