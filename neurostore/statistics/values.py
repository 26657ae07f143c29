"""One value a subject of a parameter: from subject_summary, gait_profile or the subjects themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neurostore.errors import UsageError
from neurostore.sql import views
from neurostore.statistics.pooling import side_condition
from neurostore.wording import near

if TYPE_CHECKING:
    import polars as pl

    from neurostore.lake.queryable import Queryable


def parameters() -> dict[str, str]:
    """Every parameter of the views and the view it is a column of."""
    known = {
        c.name: view
        for view in ("gait_profile", "subject_summary")
        for c in views.declared()[view].columns
        if c.type == "float64" and not c.name.endswith("_sd")
    }
    return known


def subject_values(lake: Queryable, parameter: str, by: str, side: str | None) -> pl.DataFrame:
    """subject, level, value, n_cycles, sessions, conditions: the mean over sides of the means of medians.

    Sessions and conditions within a level count alike. Scores of both sides are those of the side ``both``.

    Raises
    ------
    UsageError : no such parameter or column; the error names those most like it.
    """
    import polars as pl

    source = parameters().get(parameter)
    covariates = numeric_columns(lake)
    if source is None and parameter not in covariates:
        raise UsageError(
            f"no parameter {parameter!r} in subject_summary or gait_profile, no angle in cycle_curves and no column "
            f"of numbers in subjects; {near(parameter, [*parameters(), *covariates])}"
        )
    level = _level(lake, by, source)
    if source is None:
        frame = lake.sql(
            f'SELECT subject, {level} AS "level", subjects.{views.quote(parameter)}::DOUBLE AS value, NULL::BIGINT AS '
            "n_cycles, []::VARCHAR[] AS sessions, []::VARCHAR[] AS conditions FROM subjects "
            f"WHERE {level} IS NOT NULL AND value IS NOT NULL ORDER BY ALL"
        )
        return frame.with_columns(pl.col("level").cast(pl.String))
    frame = lake.sql(_query(source, parameter, level), {"side": _side_of(source, side)})
    return frame.with_columns(pl.col("level").cast(pl.String))


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


def _level(lake: Queryable, by: str, source: str | None) -> str:
    """The SQL expression of the level that a row belongs to."""
    own = {"subject_summary": ("session", "condition"), "gait_profile": ("session",)}.get(source or "", ())
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


def _query(source: str, parameter: str, level: str) -> str:
    count, condition = ("n_strides", "condition") if source == "subject_summary" else ("n_cycles", "NULL::VARCHAR")
    return f"""
        WITH chosen AS (
            SELECT rows.subject, {level} AS "level", rows.side, {views.quote(parameter)} AS value,
                {count}::BIGINT AS n_cycles, rows.session, {condition} AS condition
            FROM {source} AS rows LEFT JOIN subjects USING (subject)
            WHERE {level} IS NOT NULL AND value IS NOT NULL AND {side_condition("rows.side")}
        ), sides AS (
            SELECT subject, "level", side, avg(value) AS value, sum(n_cycles) AS n_cycles,
                list(DISTINCT session) AS sessions, list(DISTINCT condition) AS conditions
            FROM chosen GROUP BY ALL
        )
        SELECT subject, "level", avg(value) AS value, sum(n_cycles)::BIGINT AS n_cycles,
            list_distinct(flatten(list(sessions))) AS sessions, list_distinct(flatten(list(conditions))) AS conditions
        FROM sides GROUP BY subject, "level" ORDER BY ALL
    """
