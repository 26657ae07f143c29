"""What the kinetic figures show, read from a lake: mean moments, powers and forces, and mean EMG, of a session and condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neurostore import normative
from neurostore.report.cycle_lists import LEAST_POINTS, Band, Curve
from neurostore.report.kinetic_panels import KINETIC_PANELS

if TYPE_CHECKING:
    import polars as pl

    from neurostore.lake.queryable import Queryable


def read_kinetics(lake: Queryable, subject: str | None = None) -> pl.DataFrame:
    """Mean and SD of each quantity of ``KINETIC_PANELS`` over the steady cycles that have it whole.

    Returns
    -------
    Columns subject, session, condition, side, quantity (column of kinetic_curves), percent, mean, sd, n_cycles.
    """
    import polars as pl

    cycle = "PARTITION BY curves.subject, curves.session, curves.trial, curves.side, curves.cycle"
    wanted = ", ".join(
        f"CASE WHEN count({p.quantity}) OVER ({cycle}) >= {LEAST_POINTS} THEN {p.quantity} END AS {p.quantity}"
        for p in KINETIC_PANELS
    )
    values = ", ".join(
        f"avg({p.quantity}) AS {p.quantity}_mean, stddev_samp({p.quantity}) AS {p.quantity}_sd, "
        f"count({p.quantity}) AS {p.quantity}_n"
        for p in KINETIC_PANELS
    )
    wide = lake.sql(
        f"WITH whole AS (SELECT curves.subject, curves.session, trials.condition, curves.side, curves.percent, {wanted} "
        "FROM kinetic_curves AS curves INNER JOIN trials USING (subject, session, trial) "
        "WHERE curves.is_steady AND coalesce(curves.subject = $subject, true)) "
        f"SELECT subject, session, condition, side, percent, {values} FROM whole GROUP BY ALL ORDER BY ALL",
        {"subject": subject},
    )
    keys = ["subject", "session", "condition", "side", "percent"]
    parts = [
        wide.select(
            *keys,
            pl.lit(p.quantity).alias("quantity"),
            *(
                pl.col(f"{p.quantity}_{of}").alias(as_)
                for of, as_ in (("mean", "mean"), ("sd", "sd"), ("n", "n_cycles"))
            ),
        ).drop_nulls("mean")
        for p in KINETIC_PANELS
    ]
    return pl.concat(parts)


def read_emg(lake: Queryable, subject: str | None = None) -> pl.DataFrame:
    """Mean and SD of each channel's normalised envelope over the steady cycles of its side.

    Returns
    -------
    Columns subject, session, condition, channel, muscle, side, problem, percent, mean, sd, n_cycles; mean is NULL where the
    channel has a problem (``problem`` says which).
    """
    return lake.sql(
        "SELECT emg.subject, emg.session, trials.condition, emg.channel, emg.muscle, emg.side, "
        "string_agg(DISTINCT emg.problem, ', ') AS problem, curves.percent, avg(curves.normalized) AS mean, "
        "stddev_samp(curves.normalized) AS sd, count(curves.normalized) AS n_cycles "
        "FROM emg INNER JOIN trials USING (subject, session, trial) "
        "LEFT JOIN (SELECT * FROM emg_envelopes WHERE is_steady) AS curves USING (subject, session, trial, channel) "
        "WHERE coalesce(emg.subject = $subject, true) "
        "GROUP BY emg.subject, emg.session, trials.condition, emg.channel, emg.muscle, emg.side, curves.percent ORDER BY ALL",
        {"subject": subject},
    )


def kinetic_curves(rows: pl.DataFrame) -> dict[tuple[str, str], Curve]:
    """(quantity, side) → Curve, of rows of :func:`read_kinetics` of one subject, session and condition."""
    curves: dict[tuple[str, str], Curve] = {}
    for (quantity, side), part in rows.group_by("quantity", "side", maintain_order=True):
        mean, sd = np.full(101, np.nan), np.full(101, np.nan)
        at = part["percent"].to_numpy()
        mean[at] = part["mean"].to_numpy()
        sd[at] = part["sd"].cast(float).to_numpy()
        curves[str(quantity), str(side)] = Curve(mean, sd, int(part["n_cycles"].to_numpy().max()), False)
    return curves


def norm_bands(speed: str | None) -> dict[str, Band]:
    """Quantity → mean and SD of Schwartz 2008 at a speed band; free speed where it is not known."""
    band = speed or "free"
    by_quantity: dict[str, list[tuple[float, float, float]]] = {}
    for p in normative.schwartz_2008_kinetics():
        if p.speed == band:
            by_quantity.setdefault(p.quantity, []).append((p.percent, p.mean, p.sd))
    name = f"{normative.NAME}, {band.replace('_', ' ')} speed"
    columns = {quantity: np.array(rows, float) for quantity, rows in by_quantity.items()}
    return {quantity: Band(c[:, 0], c[:, 1], c[:, 2], name) for quantity, c in columns.items()}
