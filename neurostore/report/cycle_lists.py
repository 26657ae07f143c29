"""Kinetics and EMG of each gait cycle as lists of 101 values, and their means over the steady cycles of a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from neurostore.arrays import Floats
from neurostore.report.kinetic_panels import KINETIC_PANELS
from neurostore.report.snapshot import Snapshot

if TYPE_CHECKING:
    import polars as pl

    from neurostore.lake.queryable import Queryable


@dataclass(frozen=True)
class Curve:
    """Mean and SD over the steady cycles of one side. mean, sd : (101,) degrees, sd NaN for a single cycle."""

    mean: Floats
    sd: Floats
    n_cycles: int
    is_relative: bool


@dataclass(frozen=True)
class Band:
    """The reference behind a curve. percent, mean, sd : arrays of equal length."""

    percent: Floats
    mean: Floats
    sd: Floats
    name: str


KINETIC_NAMES = tuple(panel.quantity for panel in KINETIC_PANELS)
LEAST_POINTS = 99  # values out of 101 that a cycle needs to count as whole
_KEYS = "subject, session, condition, trial, side, cycle, is_steady"


def read_kinetics(lake: Snapshot | Queryable, subject: str | None = None) -> pl.DataFrame | None:
    """One row per gait cycle with moments, powers or force; lists of 101 values by column of kinetic_curves.

    subject : this one alone; None for all. Rows whose whole cycle is on platforms have ``is_valid``. None for a lake without platforms, which then costs nothing.
    """
    if not lake.sql("SELECT 1 FROM force_plates LIMIT 1").height:
        return None
    values = ", ".join(f"list({p.quantity} ORDER BY percent) AS {p.quantity}" for p in KINETIC_PANELS)
    where, given = ("", {}) if subject is None else ("WHERE subject = $subject ", {"subject": subject})
    return lake.sql(
        f"SELECT {_KEYS}, is_valid, {values} FROM kinetic_curves INNER JOIN trials USING (subject, session, trial) "
        f"{where}GROUP BY ALL ORDER BY ALL",
        given,
    )


def read_emg(snapshot: Snapshot) -> pl.DataFrame | None:
    """One row per gait cycle and EMG channel: muscle, problem, and 101 values of the envelope by its peak. None without EMG."""
    if not snapshot.sql("SELECT 1 FROM emg LIMIT 1").height:
        return None
    return snapshot.sql(
        f"SELECT {_KEYS}, channel, muscle, problem, list(normalized ORDER BY percent) AS normalized FROM emg_envelopes "
        "INNER JOIN trials USING (subject, session, trial) GROUP BY ALL ORDER BY ALL"
    )


def read_emg_problems(snapshot: Snapshot) -> pl.DataFrame:
    """Channels of walks that are not reliable, of which some have no envelope at all: keys, channel, muscle, side, problem."""
    return snapshot.sql(
        "SELECT subject, session, condition, trial, channel, muscle, side, problem FROM emg "
        "INNER JOIN trials USING (subject, session, trial) WHERE problem IS NOT NULL AND kind <> 'static' ORDER BY ALL"
    )


def kinetic_means(rows: pl.DataFrame) -> dict[tuple[str, str], Curve]:
    """(column, side) → Curve over the steady cycles that have it at all but two percents at most."""
    means = {}
    for (side,), part in rows.filter(rows["is_steady"]).group_by("side", maintain_order=True):
        for name in KINETIC_NAMES:
            values = whole(part[name])
            if len(values):
                means[name, str(side)] = Curve(*mean_sd(values), len(values), False)
    return means


def whole_cycles(rows: pl.DataFrame) -> pl.DataFrame:
    """The steady cycles of which some quantity has a value at all but two percents at most."""
    import polars as pl

    is_whole = [pl.col(name).list.drop_nulls().list.len() >= LEAST_POINTS for name in KINETIC_NAMES]
    return rows.filter(pl.col("is_steady") & pl.any_horizontal(is_whole))


def emg_means(rows: pl.DataFrame) -> dict[tuple[str, str], Curve]:
    """(muscle or channel, side) → Curve over steady cycles of reliable channels."""
    import polars as pl

    named = rows.filter(pl.col("is_steady") & pl.col("problem").is_null()).with_columns(
        name=pl.coalesce("muscle", "channel")
    )
    means = {}
    for (name, side), part in named.group_by("name", "side", maintain_order=True):
        values = whole(part["normalized"])
        if len(values):
            means[str(name), str(side)] = Curve(*mean_sd(values), len(values), False)
    return means


def means_of_people(rows: pl.DataFrame | None) -> dict[tuple[str, str], list[Floats]]:
    """(subject, column) → its mean curves of every session and side, for the band of a group."""
    means: dict[tuple[str, str], list[Floats]] = {}
    if rows is None:
        return means
    for (subject, _, _), part in rows.group_by("subject", "session", "condition", maintain_order=True):
        for (name, _), curve in kinetic_means(part).items():
            means.setdefault((str(subject), name), []).append(curve.mean)
    return means


def whole(lists: pl.Series) -> Floats:
    """(cycles, 101) values of the cycles that have one at nearly every percent, NaN at the others."""
    rows = [np.array(values, float) for values in lists if values is not None and len(values) == 101]
    rows = [row for row in rows if np.isfinite(row).sum() >= LEAST_POINTS]
    return np.stack(rows) if rows else np.empty((0, 101))


def mean_sd(values: Floats) -> tuple[Floats, Floats]:
    """Mean and SD over cycles of each percent, NaN where fewer than one or two have a value."""
    n = np.isfinite(values).sum(axis=0)
    filled = np.where(np.isfinite(values), values, 0.0)
    mean = np.divide(filled.sum(axis=0), n, out=np.full(values.shape[1], np.nan), where=n > 0)
    squares = np.where(np.isfinite(values), (values - mean) ** 2, 0.0).sum(axis=0)
    return mean, np.sqrt(np.divide(squares, n - 1, out=np.full(values.shape[1], np.nan), where=n > 1))
