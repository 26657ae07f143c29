"""What a report shows, read from the views of a lake: one query a view, never one a subject."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from neurostore import statistics
from neurostore.errors import UsageError
from neurostore.lake.releases import state_text
from neurostore.report.clips import Clip, read_clips
from neurostore.report.panels import BY_COLUMN, OVERVIEW, PANELS, Panel
from neurostore.report.snapshot import Snapshot

if TYPE_CHECKING:
    import polars as pl

    from neurostore.distances import DistanceMatrix
    from neurostore.lake.version import Version

LEAST_REFERENCE = 3  # subjects, before a group's spread is shown as a range


@dataclass(frozen=True)
class ReportData:
    """Everything a report shows; frames of polars, one query each.

    Attributes
    ----------
    lake_path : of the lake. state : the version or release, in words. reference : the group compared with, or None for the published norm.
    subjects : every subject of the lake. shown : those whose pages are in the report.
    trials : trials with trial_quality's figures and verdict.
    summary : subject_summary. cycles : gait_cycles. events : gait_events. profile : gait_profile. change : change.
    speed_band : subject, session, speed_band of the norm. published_mdc : smallest detectable changes with citations.
    curves : subject, session, condition, side, angle, percent, mean_deg, sd_deg, n_cycles, is_relative, skeleton, kind.
    foot_off : subject, session, condition, side, foot_off_pct (mean of spatiotemporal's stance_pct over steady cycles).
    group_curves : the sagittal angles, mean of subject means by group: group, angle, percent, mean_deg, sd_deg, n_subjects.
    compared : group differences as of analysis.compare, empty where there are not two groups.
    distances : subjects by DTW, or None; distances_note : how, or why not.
    session_places : (subject, session) to its place in time, where acq_time or session_order gives it.
    clips : skeletons of trials of the subjects shown, as many as fit the page.
    """

    lake_path: str
    state: str
    reference: str | None
    subjects: pl.DataFrame
    shown: tuple[str, ...]
    trials: pl.DataFrame
    summary: pl.DataFrame
    curves: pl.DataFrame
    foot_off: pl.DataFrame
    events: pl.DataFrame
    cycles: pl.DataFrame
    profile: pl.DataFrame
    change: pl.DataFrame
    speed_band: pl.DataFrame
    published_mdc: pl.DataFrame
    group_curves: pl.DataFrame
    compared: pl.DataFrame
    distances: DistanceMatrix | None
    distances_note: str
    clips: tuple[Clip, ...] = ()
    session_places: dict[tuple[str, str], int] = field(default_factory=dict)


def collect(
    lake: Version, reference: str | None = None, subjects: tuple[str, ...] = (), retest_group: str | None = None
) -> ReportData:
    """Read a lake for a report.

    Parameters
    ----------
    reference : a group of subjects that others are compared with; None takes the published norm.
    subjects : whose pages are wanted; () is everybody. The cohort's figures are always of everybody.
    retest_group : the group whose sessions are repeats of one state, for the detectable change.

    Raises
    ------
    UsageError : an unknown subject or group.
    """
    import polars as pl

    known = lake.subjects()
    _check(lake, known, reference, subjects, retest_group)
    snapshot = Snapshot(lake, reference=reference, retest_group=retest_group)
    trials = snapshot.sql(
        "SELECT trials.*, quality.* EXCLUDE (subject, session, trial, kind) "
        "FROM trials LEFT JOIN trial_quality AS quality USING (subject, session, trial) ORDER BY subject, session, trial"
    )
    summary = snapshot.sql("SELECT * FROM subject_summary ORDER BY subject, session, condition, side")
    distances, note = _distances(snapshot, summary, set(trials["subject"]))
    shown = tuple(s for s in sorted(set(trials["subject"])) if not subjects or s in subjects)
    return ReportData(
        lake_path=lake.path,
        state=state_text(lake),
        reference=reference,
        subjects=known,
        shown=shown,
        trials=trials,
        summary=summary,
        curves=_curves(snapshot),
        foot_off=snapshot.sql(
            "SELECT subject, session, condition, side, avg(stance_pct) AS foot_off_pct FROM spatiotemporal "
            "INNER JOIN trials USING (subject, session, trial) WHERE is_steady AND person = 0 GROUP BY ALL"
        ),
        events=snapshot.sql("SELECT * FROM gait_events WHERE person = 0 ORDER BY subject, session, trial, time_s"),
        cycles=snapshot.sql("SELECT * FROM gait_cycles WHERE person = 0 ORDER BY subject, session, trial, start_s"),
        profile=snapshot.sql("SELECT * FROM gait_profile ORDER BY subject, session, side"),
        change=snapshot.sql("SELECT * FROM change ORDER BY subject, session_a, session_b, side"),
        speed_band=snapshot.sql("SELECT subject, session, speed_band FROM _speed_band"),
        published_mdc=snapshot.sql("SELECT * FROM _published_mdc"),
        group_curves=_group_curves(snapshot),
        compared=_compared(snapshot, summary, known),
        distances=distances,
        distances_note=note,
        session_places=_session_places(snapshot),
        clips=tuple(read_clips(snapshot, trials.filter(pl.col("subject").is_in(shown)))),
    )


def _session_places(snapshot: Snapshot) -> dict[tuple[str, str], int]:
    rows = snapshot.sql("SELECT subject, session, position FROM _session_order WHERE position IS NOT NULL")
    return {(subject, session): position for subject, session, position in rows.iter_rows()}


def group_of(data: ReportData) -> dict[str, str | None]:
    """The group of each subject, None where it has none."""
    if "group" not in data.subjects.columns:
        return dict.fromkeys(data.subjects["subject"])
    return {s: None if g is None else str(g) for s, g in data.subjects.select("subject", "group").iter_rows()}


def subject_values(summary: pl.DataFrame, column: str) -> dict[str, float]:
    """One value a subject: the mean over its sides, sessions and conditions of the medians (as lake.compare takes it)."""
    import polars as pl

    sides = summary.group_by("subject", "side").agg(pl.col(column).mean())
    means = sides.group_by("subject").agg(pl.col(column).mean()).drop_nulls(column).sort("subject")
    return dict(means.iter_rows())


def reference_ranges(data: ReportData, subject: str, condition: str | None) -> dict[str, tuple[float, float, int]]:
    """Mean and SD between subjects of the reference group, the subject itself left out: column → (mean, SD, n).

    Rows of the subject's own condition where the group has it, else of all. Empty without a reference group, and a
    parameter is left out that fewer than ``LEAST_REFERENCE`` others have.
    """
    import numpy as np
    import polars as pl

    if data.reference is None:
        return {}
    groups = group_of(data)
    members = [s for s, group in groups.items() if group == data.reference and s != subject]
    rows = data.summary.filter(pl.col("subject").is_in(members))
    same = rows.filter(pl.col("condition").eq_missing(condition))
    rows = same if same["subject"].n_unique() >= LEAST_REFERENCE else rows
    found = {}
    for column in BY_COLUMN:
        values = list(subject_values(rows, column).values())
        if len(values) >= LEAST_REFERENCE:
            found[column] = (float(np.mean(values)), float(np.std(values, ddof=1)), len(values))
    return found


def detectable_change(data: ReportData, column: str, value: float) -> tuple[float, str] | None:
    """MDC95 of a parameter for a person who has that value now, and its source; None where none is known."""
    import polars as pl

    own = data.change.filter(pl.col("parameter") == column, pl.col("n_retest").is_not_null())
    if own.height:
        return own["mdc95"][0], f"test-retest of {own['n_retest'][0]} people of this lake"
    published = data.published_mdc.filter(
        pl.col("parameter") == column, pl.col("from_value") <= value, value < pl.col("below_value")
    )
    return (published["mdc95"][0], published["citation"][0]) if published.height else None


def _check(
    lake: Version, known: pl.DataFrame, reference: str | None, subjects: tuple[str, ...], retest_group: str | None
) -> None:
    names = set(lake.trials()["subject"])
    for subject in subjects:
        if subject not in names:
            there = f"there are {', '.join(sorted(names))}" if names else "it is empty: `neurostore ingest` fills it"
            raise UsageError(f"no subject {subject!r} with a trial in the lake; {there}")
    groups = sorted({str(g) for g in known["group"] if g is not None}) if "group" in known.columns else []
    for option, group in (("reference", reference), ("retest group", retest_group)):
        if group is not None and group not in groups:
            there = f"there are {', '.join(groups)}" if groups else "no subject has a group (participants.tsv gives it)"
            raise UsageError(f"{option} {group!r} is not a group of the lake's subjects; {there}")


def _curves(snapshot: Snapshot) -> pl.DataFrame:
    """Mean and SD over the steady cycles of a side, of every panel's angle, long."""
    import polars as pl

    columns: list[tuple[Panel, bool]] = [(p, False) for p in PANELS] + [(p, True) for p in PANELS if p.may_be_relative]
    values = []
    for panel, is_relative in columns:
        name = f"{panel.angle}{'_rel' if is_relative else ''}"
        left, right = (panel.column(s, is_relative) for s in ("left", "right"))
        one = f"CASE curves.side WHEN 'left' THEN {left} ELSE {right} END" if left != right else left
        values += [f"avg({one}) AS {name}_mean", f"stddev_samp({one}) AS {name}_sd", f"count({one}) AS {name}_n"]
    wide = snapshot.sql(
        f"SELECT curves.subject, curves.session, trials.condition, curves.side, curves.percent, "
        f"mode(trials.skeleton) AS skeleton, mode(trials.kind) AS kind, {', '.join(values)} "
        "FROM cycle_curves AS curves INNER JOIN trials USING (subject, session, trial) "
        "WHERE curves.is_steady AND curves.person = 0 GROUP BY ALL ORDER BY ALL"
    )
    keys = ["subject", "session", "condition", "side", "percent", "skeleton", "kind"]
    parts = []
    for panel, is_relative in columns:
        name = f"{panel.angle}{'_rel' if is_relative else ''}"
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


def _group_curves(snapshot: Snapshot) -> pl.DataFrame:
    """Mean of subject means by group of the sagittal angles, as lake.mean_curves; relative hip angles where plain ones lack."""
    import polars as pl

    parts = []
    for angle in ("hip_flexion", "knee_flexion", "ankle_dorsiflexion"):
        for name in (f"{angle}_deg", f"{angle}_rel_deg"):
            try:
                found = statistics.mean_curves(snapshot, name, by="group")
            except UsageError:  # no such column: no relative knee, or a lake without groups
                continue
            if found.height:
                parts.append(
                    found.select(
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
    schema = {
        "group": pl.String,
        "angle": pl.String,
        "is_relative": pl.Boolean,
        "percent": pl.Int32,
        "mean_deg": pl.Float64,
        "sd_deg": pl.Float64,
        "n_subjects": pl.Int64,
    }
    return pl.concat(parts) if parts else pl.DataFrame(schema=schema)


def _compared(snapshot: Snapshot, summary: pl.DataFrame, subjects: pl.DataFrame) -> pl.DataFrame:
    """Groups compared in the overview's parameters; empty where a comparison makes no sense."""
    import polars as pl

    names = [c for c in OVERVIEW if summary[c].count() > 0]
    try:
        found = statistics.compare(snapshot, names) if names and "group" in subjects.columns else pl.DataFrame()
    except UsageError:  # fewer than two groups with people to compare
        return pl.DataFrame()
    return found.filter(pl.min_horizontal("n_a", "n_b") >= LEAST_REFERENCE) if found.height else found


def _distances(snapshot: Snapshot, summary: pl.DataFrame, names: set[str]) -> tuple[DistanceMatrix | None, str]:
    """Distances of subjects (steady cycles, sagittal hip, knee and ankle, mean of both sides), and a sentence on them."""
    from neurostore import distances as cohort

    steady = summary["subject"].unique()
    if len(steady) < 2:
        who = f"only {steady[0]} has" if len(steady) else "nobody has"
        return None, f"Distances need two people with steady gait cycles; {who} one here."
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # who is left out is said on the page
        try:
            matrix = cohort.distances(snapshot, unit="subject")
        except UsageError as error:
            return None, f"No distances: {error}"
    assert isinstance(matrix, cohort.DistanceMatrix)  # of subjects there is one, the mean of both sides
    options = matrix.provenance["options"]
    angles = ", ".join(a.removesuffix("_deg").replace("_", " ") for a in options["angles"])
    note = (
        f"Dynamic time warping (exact, no band) of {angles} over 101 points per steady cycle; mean over all pairs of cycles, "
        "and the mean of both sides."
    )
    texts = []  # left and right are one sentence
    for said in matrix.provenance.get("notes", ()):
        plain = re.fullmatch(r"(?:(?:left|right)_)?(\w+)_rel_deg stands for \w+", said)
        texts.append(
            f"{plain[1].replace('_', ' ').capitalize()} is change from the neutral pose." if plain else f"{said}."
        )
    note += "".join(f" {sentence}" for sentence in dict.fromkeys(texts))
    left_out = matrix.provenance.get("left_out", {})
    left_out |= dict.fromkeys(names - set(steady), "no steady gait cycle")
    if left_out:
        reasons: dict[str, list[str]] = {}
        for name, why in sorted(left_out.items()):
            reasons.setdefault(why, []).append(name)
        note += " Left out: " + "; ".join(f"{', '.join(who)} ({why})" for why, who in reasons.items()) + "."
    return matrix, note
