"""Curves over the gait cycle, read from the views: means of sessions and groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neurostore import statistics
from neurostore.arrays import Floats
from neurostore.errors import UsageError
from neurostore.report.panels import PANELS, Panel
from neurostore.report.snapshot import Snapshot
from neurostore.report.strides import name_of, own_side

if TYPE_CHECKING:
    import polars as pl


def read_curves(snapshot: Snapshot) -> pl.DataFrame:
    """Mean and SD over the steady cycles of a side, of every panel's angle, long."""
    import polars as pl

    columns: list[tuple[Panel, bool]] = [(p, False) for p in PANELS] + [(p, True) for p in PANELS if p.may_be_relative]
    values = []
    for panel, is_relative in columns:
        name, one = name_of(panel, is_relative), own_side(panel, is_relative)
        values += [f"avg({one}) AS {name}_mean", f"stddev_samp({one}) AS {name}_sd", f"count({one}) AS {name}_n"]
    wide = snapshot.sql(
        f"SELECT curves.subject, curves.session, trials.condition, curves.side, curves.percent, "
        "mode(coalesce(trials.skeleton, stated.model)) AS skeleton, "
        f"mode(coalesce(stated.recorded_by, trials.kind)) AS kind, {', '.join(values)} "
        "FROM cycle_curves AS curves INNER JOIN trials USING (subject, session, trial) "
        "LEFT JOIN (SELECT DISTINCT subject, session, trial, model, recorded_by FROM source_curves) AS stated "
        "USING (subject, session, trial) "
        "WHERE curves.is_steady AND curves.person = 0 GROUP BY ALL ORDER BY ALL"
    )
    keys = ["subject", "session", "condition", "side", "percent", "skeleton", "kind"]
    parts = []
    for panel, is_relative in columns:
        name = name_of(panel, is_relative)
        parts.append(
            wide.select(
                *keys,
                pl.lit(panel.angle).alias("angle"),
                pl.lit(is_relative).alias("is_relative"),
                pl.col(f"{name}_mean").alias("mean_deg"),
                pl.col(f"{name}_sd").alias("sd_deg"),
                pl.col(f"{name}_n").alias("n_cycles"),
            ).drop_nulls("mean_deg")
        )
    return pl.concat(parts)


def people_curves(
    curves: pl.DataFrame,
    people: list[str],
    which: tuple[str, bool, tuple[tuple[str, str], ...], tuple[str | None, ...] | None],
) -> dict[str, Floats]:
    """The mean curve of each person: mean over sessions of a side, then over sides; (101,) degrees, NaN if there is none.

    Parameters
    ----------
    curves : of read_curves. which : angle, is_relative, (skeleton, kind) pairs whose parts count, and conditions or None for all.
    """
    import polars as pl

    angle, is_relative, kinds, conditions = which
    rows = curves.filter(
        pl.col("subject").is_in(people),
        pl.col("angle") == angle,
        pl.col("is_relative") == is_relative,
        pl.col("skeleton").is_in([skeleton for skeleton, _ in kinds]),
        pl.col("kind").is_in([kind for _, kind in kinds]),
        *([] if conditions is None else [pl.any_horizontal(*(pl.col("condition").eq_missing(c) for c in conditions))]),
    )
    sides = rows.group_by("subject", "percent", "side").agg(pl.col("mean_deg").mean())
    means = sides.group_by("subject", "percent").agg(pl.col("mean_deg").mean()).sort("subject", "percent")
    by_person = {}
    for (subject,), part in means.group_by("subject", maintain_order=True):
        curve = np.full(101, np.nan)
        curve[part["percent"].to_numpy()] = part["mean_deg"].to_numpy()
        by_person[str(subject)] = curve
    return by_person


def read_group_curves(snapshot: Snapshot, side: str | None, *, mixed: bool) -> pl.DataFrame:
    """Mean of subject means by group of the sagittal angles, as lake.mean_curves; relative hip angles where plain ones lack."""
    import polars as pl

    parts = []
    for angle in ("hip_flexion", "knee_flexion", "ankle_dorsiflexion"):
        for name in (f"{angle}_deg", f"{angle}_rel_deg"):
            try:
                curves = statistics.mean_curves(snapshot, name, by="group", side=side, mixed=mixed)
            except UsageError:  # the column does not exist: no relative knee angle, or a lake without groups
                continue
            if curves.height:
                parts.append(
                    curves.select(
                        pl.col("group").cast(pl.String),
                        pl.lit(angle).alias("angle"),
                        pl.lit("_rel_" in name).alias("is_relative"),
                        "percent",
                        "mean_deg",
                        "sd_deg",
                        "n_subjects",
                    )
                )
                break
    return pl.concat(parts) if parts else no_group_curves()


def no_group_curves() -> pl.DataFrame:
    """What read_group_curves gives of a lake without curves."""
    import polars as pl

    schema = {
        "group": pl.String,
        "angle": pl.String,
        "is_relative": pl.Boolean,
        "percent": pl.Int32,
        "mean_deg": pl.Float64,
        "sd_deg": pl.Float64,
        "n_subjects": pl.Int64,
    }
    return pl.DataFrame(schema=schema)
