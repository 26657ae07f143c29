"""What the kinetic figures show beside the curves of cycles: mean EMG of a session and condition, and bands of the norm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neurostore import normative
from neurostore.report.cycle_lists import Band

if TYPE_CHECKING:
    import polars as pl

    from neurostore.lake.queryable import Queryable


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
