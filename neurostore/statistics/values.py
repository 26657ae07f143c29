"""One value of a parameter per subject: from subject_summary, a profile or the subjects themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from neurostore.errors import UsageError
from neurostore.lake.sides import side_condition
from neurostore.sql import views
from neurostore.wording import and_more, near

if TYPE_CHECKING:
    import polars as pl

    from neurostore.lake.queryable import Queryable


_PROFILES = ("gait_profile", "kinetic_profile")


def parameters() -> dict[str, str]:
    """Every parameter of the views and the view it is a column of."""
    known = {
        c.name: view
        for view in (*_PROFILES, "affected_summary", "subject_summary")
        for c in views.declared()[view].columns
        if c.type == "float64" and not c.name.endswith("_sd")
    }
    return known


def subject_values(
    lake: Queryable, names: Sequence[str], by: str, side: str | None, *, by_session: bool = False
) -> dict[str, pl.DataFrame]:
    """Of each parameter: subject, level, value, n_cycles, sessions, conditions; the mean over sides of the means of medians.

    Sessions and conditions within a level count alike. Scores of both sides are those of the side ``both``. Each view
    is computed once, whatever the number of parameters. by_session : a row for each session of a subject.

    Raises
    ------
    UsageError : no such parameter or column; the error names those most like it.
    """
    import polars as pl

    source_of, covariates = parameters(), numeric_columns(lake)
    for name in names:
        if name not in source_of and name not in covariates:
            raise UsageError(
                f"no parameter {name!r} in subject_summary, gait_profile or kinetic_profile, no angle in cycle_curves and no column "
                f"of numbers in subjects; {near(name, [*source_of, *covariates])}"
            )
    frames: dict[str, pl.DataFrame] = {}
    for source in dict.fromkeys(source_of.get(name, "subjects") for name in names):
        own = [name for name in names if source_of.get(name, "subjects") == source]
        level = _level(lake, by, source)
        if source == "subjects":
            rows = lake.sql(_query_of_subjects(own, level))
        else:
            rows = lake.sql(_query(source, own, level, by_session), {"side": _side_of(source, side)})
        rows = rows.with_columns(pl.col("level").cast(pl.String))
        frames |= {name: rows.filter(pl.col("parameter") == name).drop("parameter") for name in own}
    return {name: frames[name] for name in names}


def unscored_text(lake: Queryable, values: Mapping[str, pl.DataFrame], side: str | None) -> str:
    """Sessions with steady cycles that have no score of gait_profile, and why, in words; '' if none is without.

    values : of each parameter, as of `subject_values`. Sessions without any steady cycle are named by
    :func:`neurostore.statistics.pooling.unused_text`.
    """
    known = {c.name for c in views.declared()["gait_profile"].columns if c.type == "float64"}
    names = [name for name, frame in values.items() if name in known and frame.height]
    if not names:
        return ""
    rows = lake.sql(
        f"""
        SELECT subject, session, regexp_extract(note, '(?:(?:GPS|GDI\\*) )?needs [^;]*|no control[^;]*') AS why,
            {", ".join(f"{views.quote(n)} IS NULL AS {views.quote(n)}" for n in names)}
        FROM (SELECT *, max(n_cycles) OVER (PARTITION BY subject, session) AS most FROM gait_profile) AS rows
        LEFT JOIN subjects USING (subject)
        WHERE most > 0 AND {side_condition("rows.side")} ORDER BY subject, session
        """,
        {"side": _side_of("gait_profile", side)},
    )
    texts = []
    for name in names:
        by_reason: dict[str, list[str]] = {}
        for row in rows.filter(name).unique(["subject", "session"], maintain_order=True).to_dicts():
            by_reason.setdefault(row["why"], []).append("/".join(filter(None, (row["subject"], row["session"]))))
        texts += [f"without {name}: {', '.join(and_more(who))} ({why})" for why, who in by_reason.items()]
    return "; ".join(texts)


def values_by_level(
    lake: Queryable, given: pl.DataFrame, by: str, side: str | None, *, by_session: bool = False
) -> pl.DataFrame:
    """The same of values that were computed elsewhere. given : subject, session, side, value, n_cycles."""
    import polars as pl

    people = lake.sql("SELECT * FROM subjects")
    if by != "session" and by not in people.columns:
        raise UsageError(f"no column {by!r} in subjects, nor session; {near(by, [*people.columns, 'session'])}")
    level = pl.col("session" if by == "session" else by).cast(pl.String).alias("level")
    rows = given.join(people, on="subject", how="left").with_columns(level).drop_nulls("level")
    affected = pl.col("affected_side").fill_null("none")
    is_own = affected == pl.col("side")
    chosen = {
        None: pl.lit(True),
        "affected": affected.is_in(["both", "none"]) | is_own,
        "unaffected": (affected != "both") & ~is_own,
    }.get(side, pl.col("side") == pl.lit(side, pl.String))
    keys = ["subject", "level", *(["session"] if by_session and by != "session" else [])]
    by_side = (
        rows.filter(chosen)
        .group_by([*keys, "side"])
        .agg(pl.col("value").mean(), pl.col("n_cycles").sum(), sessions=pl.col("session").unique().sort())
    )
    means = by_side.group_by(keys).agg(
        pl.col("value").mean(), pl.col("n_cycles").sum(), pl.col("sessions").list.explode().unique().sort()
    )
    return means.sort(keys).with_columns(conditions=pl.lit([], pl.List(pl.String)))


def numeric_columns(lake: Queryable) -> list[str]:
    """Columns of numbers that subjects have: age, height_m and what participants.tsv says besides."""
    schema = lake.sql("SELECT * FROM subjects LIMIT 0").schema
    return [name for name, type_ in schema.items() if type_.is_numeric()]


def columns(lake: Queryable, name: str) -> list[str]:
    """Names of the columns of a table or view, in order."""
    rows = lake.sql(
        "SELECT column_name FROM duckdb_columns() WHERE table_name = $name AND NOT internal ORDER BY column_index",
        {"name": name},
    )
    return list(rows["column_name"].to_list())


def _level(lake: Queryable, by: str, source: str) -> str:
    """The SQL expression of the level that a row belongs to."""
    sessions = ("session", "condition")
    own = {"subject_summary": sessions, "affected_summary": sessions, **dict.fromkeys(_PROFILES, ("session",))}.get(
        source, ()
    )
    if by in own:
        return f"rows.{views.quote(by)}"
    known = columns(lake, "subjects")
    if by not in known:
        also = f", nor {' or '.join(own)}" if own else ""
        raise UsageError(f"no column {by!r} in subjects{also}; {near(by, [*known[1:], *own])}")
    return f"subjects.{views.quote(by)}"


def _side_of(source: str, side: str | None) -> str | None:
    """Scores of both sides are not a mean of two: gait_profile has them."""
    return "both" if side is None and source == "gait_profile" else side


def _cells(names: Sequence[str], table: str, counts: Mapping[str, str]) -> str:
    """SQL with one row per parameter: columns parameter, value and n_cycles. counts : column, or NULL, of each."""
    cells = (
        f"{{'parameter': '{n}', 'value': {table}.{views.quote(n)}::DOUBLE, 'n_cycles': {counts[n]}::BIGINT}}"
        for n in names
    )
    return f"unnest([{', '.join(cells)}], recursive := true)"


def _counts(source: str, names: Sequence[str]) -> dict[str, str]:
    """The column with the number of cycles of each parameter: its own where it has one, as moments and powers need platforms."""
    if source in _PROFILES:
        return dict.fromkeys(names, "rows.n_cycles")
    columns = {c.name for c in views.declared()[source].columns}
    return {n: f"rows.{views.quote(own if (own := f'{n}_n') in columns else 'n_strides')}" for n in names}


def _query_of_subjects(names: Sequence[str], level: str) -> str:
    return f"""
        SELECT * FROM (
            SELECT subject, {level} AS "level", []::VARCHAR[] AS sessions, []::VARCHAR[] AS conditions,
                {_cells(names, "subjects", dict.fromkeys(names, "NULL"))}
            FROM subjects
        ) WHERE "level" IS NOT NULL AND value IS NOT NULL ORDER BY subject
    """


def _query(source: str, names: Sequence[str], level: str, by_session: bool) -> str:
    part = "session" if by_session else "'' AS session"
    condition = "NULL::VARCHAR" if source in _PROFILES else "condition"
    side = "rows.body_side" if source == "affected_summary" else "rows.side"
    return f"""
        WITH chosen AS (
            SELECT rows.subject, {level} AS "level", rows.side, rows.session, {condition} AS condition,
                {_cells(names, "rows", _counts(source, names))}
            FROM {source} AS rows LEFT JOIN subjects USING (subject)
            WHERE {side_condition(side)}
        ), sides AS (
            SELECT subject, "level", side, {part}, parameter, avg(value) AS value, sum(n_cycles) AS n_cycles,
                list(DISTINCT session) AS sessions, list(DISTINCT condition) AS conditions
            FROM chosen WHERE "level" IS NOT NULL AND value IS NOT NULL
            GROUP BY subject, "level", side, parameter{", session" if by_session else ""}
        )
        SELECT subject, "level", parameter, avg(value) AS value, sum(n_cycles)::BIGINT AS n_cycles,
            list_distinct(flatten(list(sessions))) AS sessions, list_distinct(flatten(list(conditions))) AS conditions
        FROM sides GROUP BY subject, "level", session, parameter ORDER BY subject, "level", session
    """
