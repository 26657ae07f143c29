"""From the views to statistics: mean curves, arrays of cycles, groups compared. One value or curve per subject.

Input: a Lake (``lake.sql(query, params) -> polars.DataFrame``). Output: data frames and arrays; the functions are methods
of Lake too. May import: arrays, errors, wording, sql, lake.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import UsageError
from neurostore.lake.queryable import Queryable
from neurostore.lake.selection import selected
from neurostore.lake.sides import check_side
from neurostore.sql import views
from neurostore.statistics import two_groups
from neurostore.statistics.angles import N_POINTS, SUBJECTS, level_of, sides_of, value_of
from neurostore.statistics.changes import changes_of, check_change
from neurostore.statistics.curves import compare_curves
from neurostore.statistics.mixed import compare_mixed
from neurostore.statistics.order import levels_of, shared_pairs
from neurostore.statistics.pairs import compare_levels
from neurostore.statistics.pooling import check_mixture, pooled_text, unused_text
from neurostore.statistics.values import columns, numeric_columns, subject_values, unscored_text, values_by_level

if TYPE_CHECKING:
    import polars as pl

SAGITTAL = ("hip_flexion_deg", "knee_flexion_deg", "ankle_dorsiflexion_deg")


def mean_curves(
    lake: Queryable, angle: str, by: str = "group", *, side: str | None = None, mixed: bool = False, **filters: Any
) -> pl.DataFrame:
    """Mean of subject means, SD between subjects and their number at each percent of the cycle.

    Parameters
    ----------
    angle : a column of cycle_curves (``left_knee_flexion_deg``), or without its side (``knee_flexion_deg``): then of
        the ``side`` asked for, or of both sides of a subject together. Degrees.
    by : a column of subjects or trials, or ``session``. side : left, right, affected, unaffected; None is both.
    mixed : pool cycles of different models, cut-offs or zeros of angles.
    filters : where, session, condition, event_source: which trials (:class:`neurostore.lake.selection.Selection`).

    Returns
    -------
    polars.DataFrame : by, percent, mean_deg, sd_deg (NULL for one subject), n_subjects, n_cycles, and pooled: the
    sessions, conditions and sides that were taken as one; steady cycles only.
    """
    import polars as pl

    lake = selected(lake, filters)
    level, joins = level_of(lake, by)
    where, params = sides_of(angle, side)
    value = value_of(angle)
    mixture = check_mixture(lake, [angle], by, mixed=mixed)
    frame = lake.sql(
        f"""
        WITH cycles AS (
            SELECT curves.subject, curves.percent, {level} AS "level", {value} AS value_deg, curves.session
            FROM cycle_curves AS curves {joins}
            WHERE curves.is_steady AND curves.person = 0 AND {where}
        ), subject_means AS (
            SELECT subject, percent, "level", avg(value_deg) AS value_deg, count(value_deg) AS n,
                list(DISTINCT session) AS sessions
            FROM cycles WHERE value_deg IS NOT NULL GROUP BY ALL
        )
        SELECT "level" AS {views.quote(by)}, percent, avg(value_deg) AS mean_deg, stddev_samp(value_deg) AS sd_deg,
            count(*) AS n_subjects, sum(n)::BIGINT AS n_cycles,
            list_distinct(flatten(list(sessions))) AS sessions, list(subject) AS subjects
        FROM subject_means GROUP BY "level", percent ORDER BY "level", percent
        """,
        params,
    )
    about = frame.select("sessions", pl.col("subjects").alias("subject")).explode("subject").unique()
    about = about.with_columns(conditions=pl.lit([], pl.List(pl.String)))
    pooled = pooled_text(lake, about, by, params["side"]) if frame.height else ""
    pooled = "; ".join(filter(None, (pooled, mixture)))
    return frame.drop("sessions", "subjects").with_columns(pooled=pl.lit(pooled))


def cycles_array(
    lake: Queryable,
    angles: Sequence[str] = SAGITTAL,
    *,
    side: str | None = None,
    steady_only: bool = True,
    mixed: bool = False,
    **filters: Any,
) -> tuple[Floats, pl.DataFrame]:
    """Cycles as one array, for scikit-learn, spm1d and the like.

    Parameters
    ----------
    angles : columns of cycle_curves of one side, or names without a side.
    side : left, right, affected or unaffected; None takes both sides' cycles, each with the angles of its own side.
    mixed, filters : as `mean_curves`.

    Returns
    -------
    (n, 101, k) float64 degrees, and a polars.DataFrame of n rows: subject, session, trial, person, cycle, side.
    Cycles that lack an angle at any percent are left out, and a warning names them.

    Raises
    ------
    UsageError : an unknown angle, angles of both sides at once, or no cycle that has them all.
    """
    import polars as pl

    lake = selected(lake, filters)
    named = {a.split("_")[0] for a in angles if a.startswith(("left_", "right_"))}
    if len(named) > 1 or (side and named - {side}):
        raise UsageError(
            f"left and right are never mixed: asked for {', '.join(angles)} with side {side}; choose angles of one side"
        )
    side = side or next(iter(named), None)
    where, params = sides_of(angles[0] if angles else "", None if named else side)
    values = ", ".join(f"{value_of(a)} AS {views.quote(a)}" for a in angles)
    keys = ["subject", "session", "trial", "person", "cycle", "side"]
    steady = "curves.is_steady" if steady_only else "true"
    check_mixture(lake, angles, "", mixed=mixed)
    frame = lake.sql(
        f"SELECT {', '.join('curves.' + k for k in keys)}, curves.percent, {values} "
        f"FROM cycle_curves AS curves {SUBJECTS} "
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
    change: bool = False,
    mixed: bool = False,
    given: Mapping[str, pl.DataFrame] | None = None,
    **filters: Any,
) -> pl.DataFrame:
    """Groups, sessions or conditions compared, one value per subject; angles of cycle_curves as whole curves, by spm1d.

    Parameters
    ----------
    parameter : columns of subject_summary, gait_profile, kinetic_profile or numbers of subjects; or angles of cycle_curves.
    by : a column of subjects, ``session`` or ``condition``. Sessions are in the order they were recorded in.
    side : left, right, affected or unaffected; None takes the mean of both. Who has no affected side gives both.
    test : 'welch', 'permutation' (seeded by seed), or 'mixed': a mixed model with a value per subject and session, in
        which nobody is left out (:mod:`neurostore.statistics.mixed`).
    change : compare each person's change from the earlier to the later of two sessions.
    given : parameters that were computed elsewhere: name -> subject, session, side, value, n_cycles.
    mixed, filters : as `mean_curves`.

    Returns
    -------
    polars.DataFrame, one row per parameter and pair of levels a, b: n, mean, SD of each, difference (b less a:
    ``contrast``), its 95 % interval, hedges_g, p, p_holm (over all rows), test, left_out, n_cycles of each and pooled.
    Subjects that occur in several levels are compared with themselves (paired) and those seen in one level only left
    out, by name. A pair with fewer than three people on a side has no p, and ``test`` says so. For curves: one row per
    cluster of percents where the curves differ by SPM, or one row without a cluster; alpha is 0.05 over the number of

    Raises
    ------
    UsageError : no such parameter or column, or fewer than two levels.  MissingExtraError : curves without spm1d.
    """
    import polars as pl

    lake = selected(lake, filters)
    check_side(side)
    parameters = [parameter] if isinstance(parameter, str) else list(parameter)
    mixture = check_mixture(lake, parameters, by, mixed=mixed)
    known = columns(lake, "cycle_curves")
    curves = [p for p in parameters if p in known or f"left_{p}" in known]
    check_change(by, test, curves, is_asked=change)
    if len(curves) == len(parameters):
        return compare_curves(lake, parameters, by, side, mixture)
    by_session, given = test == "mixed" or change, given or {}
    tables = subject_values(lake, [p for p in parameters if p not in given], by, side, by_session=by_session)
    unscored = unscored_text(lake, tables, side)
    tables |= {name: values_by_level(lake, frame, by, side, by_session=by_session) for name, frame in given.items()}
    rows = [row for name in parameters for row in _compared(lake, name, tables[name], by, (side, test, seed), change)]
    unused = "" if set(parameters) <= set(numeric_columns(lake)) else unused_text(lake)
    rows = [row | {"pooled": "; ".join(filter(None, (row["pooled"], mixture, unscored, unused)))} for row in rows]
    adjusted = two_groups.holm(np.array([r["p"] for r in rows], float))
    table = pl.DataFrame([{**r, "p_holm": float(p)} for r, p in zip(rows, adjusted, strict=True)])
    return table.with_columns(pl.selectors.float().fill_nan(None))


def _compared(
    lake: Queryable, name: str, values: pl.DataFrame, by: str, how: tuple[str | None, str, int], change: bool
) -> Iterator[dict[str, Any]]:
    """A row of each pair of levels. how : side, test, seed. change : values are those of sessions, to be subtracted."""
    import polars as pl

    side, test, seed = how
    values, what, seen_once = changes_of(lake, values, name) if change else (values, "", [])
    pairs = list(combinations(levels_of(lake, values, by, name), 2))
    pairs, apart = shared_pairs(values, pairs) if by == "session" else (pairs, "")
    for a, b in pairs:
        used = values.filter(pl.col("level").is_in([a, b]))
        n_cycles = dict(used.group_by("level").agg(pl.col("n_cycles").sum()).iter_rows())
        key = {"parameter": name, "a": a, "b": b, "contrast": f"{b} − {a}"}
        contrast = compare_mixed(values, a, b) if test == "mixed" else compare_levels(values, a, b, test, seed)
        pooled = "; ".join(filter(None, (pooled_text(lake, used, by, side), apart)))
        about = {"n_cycles_a": n_cycles[a], "n_cycles_b": n_cycles[b], "pooled": pooled}
        if change:
            key["contrast"] = f"({what}) {b} − ({what}) {a}"
            contrast["left_out"] = sorted({*contrast["left_out"], *seen_once})
        yield key | contrast | about
