"""What a value was pooled from, in words; and what may not be pooled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Literal

from neurostore.errors import UsageError
from neurostore.lake.mixture import (
    TRIAL_KEYS,
    excluded_texts,
    excluded_trials,
    mixture_texts,
    read_models,
    refuse_mixture,
)
from neurostore.lake.selection import EVERY_TRIAL
from neurostore.lake.sides import AFFECTION
from neurostore.sql import views
from neurostore.trial_key import key_text
from neurostore.wording import and_more, counted

if TYPE_CHECKING:
    import polars as pl

    from neurostore.lake.queryable import Queryable

_WITHOUT_POINTS = ("angles", "curves")
_TELL_APART = (
    "kind",
    "skeleton",
    "estimator",
    "model_sha256",
    "cutoff_hz",
    "pelvis_zero",
)  # a comparison by these columns is intended


def check_mixture(lake: Queryable, names: Iterable[str], by: str, *, mixed: bool) -> str:
    """What is pooled although it differs, where that is allowed, in words: ``mixed cut-off: 6.0 (4 trials), …``.

    names : the parameters or angles, which decide whether the zero of pelvis and hip angles matters.

    Raises
    ------
    UsageError : the cycles come of different models, cut-offs or zeros of angles, unless mixed or by one.
    """
    import polars as pl

    if by in _TELL_APART:
        return ""
    needs_pelvis = any("pelvis" in name or "hip" in name for name in names)
    every = read_models(lake)
    models = every.filter(~pl.col("kind").is_in(_WITHOUT_POINTS))
    n_stated = every.filter(pl.col("kind") == "curves").height
    if mixed:
        texts = mixture_texts(_steady_alone(lake, models), needs_pelvis)
        return "; ".join(f"mixed {text}" for text in texts)
    if n_stated and models.height and any(name in _angle_names() for name in names):
        raise UsageError(
            f"{counted(n_stated, 'trial')} of a data set (kind 'curves') would be pooled with recordings of other models and "
            "cut-offs; choose trials with where=… (--where), or allow it with mixed=True (--mixed)"
        )
    try:
        refuse_mixture(models, needs_pelvis)
    except UsageError:  # look again at trials with a steady cycle only, since the others are not pooled
        refuse_mixture(_steady_alone(lake, models), needs_pelvis)
    return ""


def _steady_alone(lake: Queryable, trials: pl.DataFrame, *, how: Literal["semi", "anti"] = "semi") -> pl.DataFrame:
    """The trials with a steady cycle (semi), or those without one (anti)."""
    steady = lake.sql("SELECT DISTINCT subject, session, trial FROM gait_cycles WHERE is_steady AND person = 0")
    return trials.join(steady, on=list(TRIAL_KEYS), how=how)


@cache
def _angle_names() -> frozenset[str]:
    """The angles of cycle_curves, with and without their side."""
    columns = {c.name for c in views.declared()["cycle_curves"].columns if c.name.endswith("_deg")}
    return frozenset(columns | {c.removeprefix("left_") for c in columns if c.startswith("left_")})


def _with_conditions(lake: Queryable, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with the conditions of trials in place of conditions that are not known."""
    import polars as pl

    if not frame.height or frame["conditions"].list.drop_nulls().list.len().sum():
        return frame
    trials = lake.sql("SELECT subject, session, trial, condition FROM trials WHERE kind <> 'static'")
    trials = trials.join(excluded_trials(lake), on=list(TRIAL_KEYS), how="anti")
    sessions = frame.select("subject", session="sessions").explode("session")
    own = (
        trials.join(sessions, on=["subject", "session"], how="semi") if sessions["session"].count() else trials.clear()
    )
    return frame.with_columns(conditions=pl.lit(own["condition"].unique().to_list(), pl.List(pl.String)))


def cycles_texts(counts: Mapping[str, Iterable[tuple[str, int]]]) -> list[str]:
    """How many cycles the values of each level come from: one text where all parameters have the same.

    counts : parameter -> (level, cycles) of each level.
    """
    parameters: dict[str, list[str]] = {}
    for parameter, levels in counts.items():
        parameters.setdefault(", ".join(dict.fromkeys(f"{level} {n}" for level, n in levels)), []).append(parameter)
    if len(parameters) == 1:
        return [f"cycles: {text}" for text in parameters]
    return [f"cycles of {', '.join(names)}: {text}" for text, names in parameters.items()]


def unused_text(lake: Queryable) -> str:
    """The moving trials that no review leaves out and that give no steady cycle, in words; '' if there are none."""
    import polars as pl

    keys = list(TRIAL_KEYS)
    moving = read_models(lake).filter(~pl.col("kind").is_in(_WITHOUT_POINTS)).select(keys)
    unused = _steady_alone(lake, moving, how="anti").sort(keys)
    names = and_more([key_text(row) for row in unused.rows()])
    return f"without a steady cycle, so not counted: {', '.join(names)} (trial_quality says why)" if names else ""


def pooled_text(lake: Queryable, frame: pl.DataFrame, by: str, side: str | None) -> str:
    """Sessions, conditions and sides that went into one value per subject. frame : subject, sessions, conditions.

    Where a view does not know the conditions, they are those of the subjects' trials in these sessions.
    """
    parts = []
    frame = _with_conditions(lake, frame)
    for column, what in (("sessions", "session"), ("conditions", "condition")):
        names = sorted({str(v) for values in frame[column].to_list() for v in (values or ()) if v not in (None, "")})
        if len(names) > 1 and by != what:
            parts.append(f"{len(names)} {what}s pooled: {', '.join(and_more(names))}")
        elif len(names) == 1:
            parts.append(f"{what} {names[0]}")
    parts.append("mean of both sides" if side is None else f"{side} side")
    if side in AFFECTION:
        stated = set(lake.sql("SELECT subject FROM subjects WHERE affected_side <> 'none'")["subject"])
        none = sorted(set(frame["subject"]) - stated)
        if none:
            parts.append(f"both sides for people without affected_side: {', '.join(and_more(none))}")
    excluded = excluded_texts(lake)
    if excluded:
        parts.append(f"left out by review: {'; '.join(and_more(excluded))}")
    chosen = getattr(lake, "selection", None)
    if chosen is not None and chosen.describe() != EVERY_TRIAL:
        parts.append(f"chosen: {chosen.describe()}")
    return "; ".join(parts)
