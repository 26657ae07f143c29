"""What a parameter is compared with: the range of a reference group or of the published norm, and the detectable change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neurostore import normative
from neurostore.report.data import LEAST_REFERENCE, ReportData, group_of, subject_values
from neurostore.report.panels import BY_COLUMN
from neurostore.report.sessions import Session

NORM_STANCE_PCT = 60.0  # end of stance in the norm's cycle, which has no foot off
# Parameters that are a point or mean of one curve: angle, first and last percent, and which value (max, min or mean).
# Ranges of motion are none of these: their SD cannot be read off a curve.
_FROM_CURVES = {
    "knee_flexion_at_strike_deg": ("knee_flexion", 0.0, 0.0, "mean"),
    "min_stance_knee_flexion_deg": ("knee_flexion", 0.0, NORM_STANCE_PCT, "min"),
    "peak_swing_knee_flexion_deg": ("knee_flexion", NORM_STANCE_PCT, 100.0, "max"),
    "peak_hip_flexion_deg": ("hip_flexion", 0.0, 100.0, "max"),
    "min_hip_flexion_deg": ("hip_flexion", 0.0, 100.0, "min"),
    "dorsiflexion_at_strike_deg": ("ankle_dorsiflexion", 0.0, 0.0, "mean"),
    "peak_stance_dorsiflexion_deg": ("ankle_dorsiflexion", 0.0, NORM_STANCE_PCT, "max"),
    "peak_swing_dorsiflexion_deg": ("ankle_dorsiflexion", NORM_STANCE_PCT, 100.0, "max"),
    "mean_pelvis_tilt_deg": ("pelvis_tilt", 0.0, 100.0, "mean"),
    "mean_foot_progression_deg": ("foot_progression", 0.0, NORM_STANCE_PCT, "mean"),
}


class Usual(NamedTuple):
    """Mean and SD between people, and their number n, 0 if the source does not state it."""

    mean: float
    sd: float
    n: int


def ranges_of(block: Session) -> tuple[dict[str, Usual], str]:
    """What each parameter of a session is compared with, by column, and the population in words; empty if there is none."""
    data = block.data
    if data.reference is not None:
        ranges = reference_ranges(data, block.subject, block.condition)
        counts = sorted({usual.n for usual in ranges.values()})
        people = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}" if counts else ""
        return ranges, f"{data.reference}, n = {people}" if ranges else ""
    ranges = norm_ranges(block)
    speed, _ = block.speed_band
    return ranges, f"{normative.NAME}, {speed.replace('_', ' ')} speed: {normative.POPULATION}" if ranges else ""


def norm_ranges(block: Session) -> dict[str, Usual]:
    """Parameters that can be read off the mean curve of the published norm, at the session's speed.

    The SD is that of the curve at the percent of the extreme value, or its mean over the percents of a mean. An extreme
    of a mean curve is a little less than the mean of single extremes. Angles from the neutral pose have no norm.
    """
    ranges = {}
    for column, (angle, first, last, how) in _FROM_CURVES.items():
        band = block.band(angle)
        if band is None:
            continue
        part = (band.percent >= first) & (band.percent <= last)
        mean, sd = band.mean[part], band.sd[part]
        if how == "mean":
            ranges[column] = Usual(float(mean.mean()), float(sd.mean()), 0)
        else:
            at = int(mean.argmax() if how == "max" else mean.argmin())
            ranges[column] = Usual(float(mean[at]), float(sd[at]), 0)
    return ranges


def reference_ranges(data: ReportData, subject: str, condition: str | None) -> dict[str, Usual]:
    """Mean and SD between subjects of the reference group, the subject itself left out: column → (mean, SD, n).

    Rows of the subject's own condition where the group has it, else of all. Empty without a reference group, and a
    parameter is left out that fewer than ``LEAST_REFERENCE`` others have.
    """
    import polars as pl

    if data.reference is None:
        return {}
    groups = group_of(data)
    members = [s for s, group in groups.items() if group == data.reference and s != subject]
    rows = data.summary.filter(pl.col("subject").is_in(members))
    same = rows.filter(pl.col("condition").eq_missing(condition))
    rows = same if same["subject"].n_unique() >= LEAST_REFERENCE else rows
    ranges = {}
    for column in BY_COLUMN:
        values = list(subject_values(rows, column).values())
        if len(values) >= LEAST_REFERENCE:
            ranges[column] = Usual(float(np.mean(values)), float(np.std(values, ddof=1)), len(values))
    return ranges


def detectable_change(data: ReportData, column: str, value: float) -> tuple[float, str] | None:
    """MDC95 of a parameter for a person who has that value now, and its source; None if none is known."""
    import polars as pl

    own = data.change.filter(pl.col("parameter") == column, pl.col("n_retest").is_not_null())
    if own.height:
        return own["mdc95"][0], f"test-retest of {own['n_retest'][0]} people of this lake"
    published = data.published_mdc.filter(
        pl.col("parameter") == column, pl.col("from_value") <= value, value < pl.col("below_value")
    )
    return (published["mdc95"][0], published["citation"][0]) if published.height else None
