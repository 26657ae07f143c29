"""Trials that may not be pooled: of another model, cut-off or zero of angles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neurostore.errors import UsageError
from neurostore.lake.queryable import Queryable
from neurostore.sql.statements import bracketed_condition
from neurostore.trial_key import key_text
from neurostore.wording import counted

if TYPE_CHECKING:
    import polars as pl

TRIAL_KEYS = ("subject", "session", "trial")
_COLUMNS = {"model": "model", "cutoff_hz": "cut-off", "hip_method": "hip centres"}


def read_models(lake: Queryable, where: str | None = None) -> pl.DataFrame:
    """Every trial that moves, with what it must share with those it is pooled with.

    where : SQL condition on trials (t) and subjects (s).
    """
    import polars as pl

    has_group = "group" in lake.sql("SELECT * FROM subjects LIMIT 0").columns
    group = 'CAST(s."group" AS VARCHAR)' if has_group else "NULL::VARCHAR"
    trials = lake.sql(
        f'SELECT t.subject, t.session, t.trial, t.rate_hz, t.kind, {group} AS "group", '
        "concat_ws(' ', t.estimator, left(t.model_sha256, 12), t.skeleton) AS model, t.cutoff_hz, t.pelvis_zero, "
        """nullif(regexp_extract(t.landmark_methods, '"left_hip": "(harrington|hara|bell|davis)"', 1), '') AS hip_method """
        "FROM trials AS t LEFT JOIN subjects AS s USING (subject) "
        f"WHERE t.kind <> 'static' AND {bracketed_condition(where) if where else 'true'} ORDER BY ALL"
    )
    trials = trials.join(excluded_trials(lake), on=list(TRIAL_KEYS), how="anti", maintain_order="left")
    return trials.unique(subset=TRIAL_KEYS, maintain_order=True).with_columns(pl.col("group").cast(pl.String))


def excluded_trials(lake: Queryable) -> pl.DataFrame:
    """Trials, of those chosen, that reviews leave out as a whole: keys, and by whom and why."""
    return lake.sql(
        "SELECT * FROM _excluded_trials SEMI JOIN trials USING (subject, session, trial) ORDER BY subject, session, trial"
    )


def excluded_texts(lake: Queryable) -> list[str]:
    """The same in words: ``S01/pre/walk_02 by R1: a crutch``."""
    return [f"{key_text(row[:3])} {row[3]}" for row in excluded_trials(lake).iter_rows()]


def refuse_mixture(used: pl.DataFrame, needs_pelvis: bool) -> None:
    """Raise UsageError if trials of `read_models` differ in what numbers depend on.

    needs_pelvis : whether the zero of pelvis and hip angles counts too.
    """
    differences = mixture_texts(used, needs_pelvis)
    if differences:
        raise UsageError(
            f"the trials differ in {differences[0]}; "
            "choose trials with where=… (--where), or allow it with mixed=True (--mixed)"
        )


def mixture_texts(used: pl.DataFrame, needs_pelvis: bool) -> list[str]:
    """What trials of `read_models` differ in that numbers depend on: ``cut-off: 6.0 (4 trials), 10.0 (1 trial)``."""
    import polars as pl

    differences = []
    columns = _COLUMNS | ({"pelvis_zero": "zero of pelvis and hip angles"} if needs_pelvis else {})
    for column, what in columns.items():
        values = used[column].cast(pl.String)
        # hip centres given by the source have no method; their skeleton distinguishes them
        counts = (values.drop_nulls() if column == "hip_method" else values.fill_null("none")).value_counts(sort=True)
        if counts.height > 1:
            shown = ", ".join(f"{v} ({counted(n, 'trial')})" for v, n in counts.iter_rows())
            differences.append(f"{what}: {shown}")
    return differences
