"""What a report shows, read from the views of a lake: one query per view, never one per subject."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from neurostore import statistics
from neurostore.arrays import Floats
from neurostore.errors import UsageError
from neurostore.lake.releases import state_text
from neurostore.lake.selection import EVERY_TRIAL
from neurostore.report.clips import Clip, read_clips
from neurostore.report.curves import no_group_curves, people_curves, read_curves, read_group_curves
from neurostore.report.cycle_lists import means_of_people, read_emg, read_emg_problems, read_kinetics
from neurostore.report.details import Details
from neurostore.report.details import check as check_details
from neurostore.report.panels import OVERVIEW
from neurostore.report.snapshot import Snapshot
from neurostore.report.strides import read_strides

if TYPE_CHECKING:
    import polars as pl

    from neurostore.distances import DistanceMatrix
    from neurostore.lake.version import Version

LEAST_REFERENCE = 3  # subjects that a group needs for a range to be shown


def _no_rows() -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame()


@dataclass(frozen=True)
class ReportData:
    """Everything that a report shows, as polars data frames, one query each.

    Attributes
    ----------
    lake_path : of the lake. state : the version or release, in words. selection : which trials were chosen, in words; ""
        is every trial. reference : the group compared with, or None for the published norm.
    subjects : every subject of the lake. shown : those whose pages are in the report.
    trials : trials with trial_quality's figures and verdict.
    summary : subject_summary. cycles : gait_cycles. events : gait_events. profile : gait_profile. change : change.
    speed_band : subject, session, speed_band of the norm. published_mdc : smallest detectable changes with citations.
    curves : subject, session, condition, side, angle, percent, mean_deg, sd_deg, n_cycles, is_relative, skeleton, kind.
    foot_off : subject, session, condition, side, foot_off_pct (mean of spatiotemporal's stance_pct over steady cycles).
    group_curves : the sagittal angles, mean of subject means by group: group, angle, percent, mean_deg, sd_deg, n_subjects.
    compared : group differences as of analysis.compare, empty if there are not two groups.
    distances : subjects by DTW, or None; distances_note : how, or why not.
    session_places : (subject, session) to its place in time, where acq_time or session_order gives it.
    clips : skeletons of trials of the subjects shown, as many as fit the page.
    is_cohort : the page has figures of everybody; otherwise it holds the people shown and nothing of others but the mean and
    SD of a reference group.
    details : the heading as options give it. strides : read_strides of the people shown. reviews : view review_state of them.
    order_notes : subject → why the order of sessions is not known. choices : what the views read, by name.
    kinetics, emg : read_kinetics and read_emg; None if the lake has none. emg_problems : of channels.
    """

    lake_path: str
    state: str
    selection: str
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
    is_cohort: bool = True
    details: Details = field(default_factory=Details)
    strides: pl.DataFrame = field(default_factory=_no_rows)
    reviews: pl.DataFrame = field(default_factory=_no_rows)
    order_notes: dict[str, str] = field(default_factory=dict)
    choices: dict[str, Any] = field(default_factory=dict)
    kinetics: pl.DataFrame | None = None
    emg: pl.DataFrame | None = None
    emg_problems: pl.DataFrame = field(default_factory=_no_rows)

    @cached_property
    def _parts(self) -> dict[int, tuple[pl.DataFrame, dict[tuple[Any, ...], pl.DataFrame]]]:
        return {}

    def rows_of(self, frame: pl.DataFrame, subject: str, session: str) -> pl.DataFrame:
        """The rows of a session: a data frame is split once, since the page needs hundreds of parts."""
        if id(frame) not in self._parts:  # keeping the frame ensures that no other frame gets its id
            self._parts[id(frame)] = frame, frame.partition_by("subject", "session", as_dict=True)
        return self._parts[id(frame)][1].get((subject, session), frame.clear())

    @cached_property
    def _members(self) -> dict[Any, dict[str, Floats]]:
        return {}

    def members_curves(
        self,
        angle: str,
        is_relative: bool,
        kinds: tuple[tuple[str, str], ...],
        conditions: tuple[str | None, ...] | None,
    ) -> dict[str, Floats]:
        """Each person of the reference group with the mean curve of the angle over both sides, (101,) degrees.

        kinds : skeletons and kinds of recording that count. conditions : that count; None for all. Computed once for all pages.
        """
        key = angle, is_relative, kinds, conditions
        if key not in self._members:
            members = [s for s, group in group_of(self).items() if group == self.reference]
            self._members[key] = people_curves(self.curves, members, key)
        return self._members[key]

    @cached_property
    def kinetic_means(self) -> dict[tuple[str, str], list[Floats]]:
        """(subject, column of kinetic_curves) → its mean curves of every session and side."""
        return means_of_people(self.kinetics)


def collect(
    lake: Version,
    reference: str | None = None,
    subjects: tuple[str, ...] = (),
    retest_group: str | None = None,
    details: Details = Details(),  # noqa: B008 (frozen)
) -> ReportData:
    """Read a lake for a report.

    Parameters
    ----------
    reference : a group of subjects that others are compared with; None takes the published norm.
    subjects : whose pages are wanted; () is everybody, with the figures of the cohort. With names nothing of others is read
        but what a reference or retest group needs.
    retest_group : the group whose sessions are repeats of one state, for the detectable change.
    details : fields of the heading that go before those of participants.tsv.

    Raises
    ------
    UsageError : an unknown subject or group, or fields of one person for several.
    """
    import polars as pl

    known = lake.subjects()
    _check(lake, known, reference, subjects, retest_group)
    chosen = _chosen(lake, subjects)
    lake = _needed(lake, known, subjects, (reference, retest_group))
    snapshot = Snapshot(lake, reference=reference, retest_group=retest_group)
    trials = snapshot.sql(
        "SELECT trials.*, quality.* EXCLUDE (subject, session, trial, kind) "
        "FROM trials LEFT JOIN trial_quality AS quality USING (subject, session, trial) ORDER BY subject, session, trial"
    )
    summary = snapshot.sql("SELECT * FROM subject_summary ORDER BY subject, session, condition, side")
    shown = tuple(s for s in sorted(set(trials["subject"])) if not subjects or s in subjects)
    check_details(details, known.filter(pl.col("subject").is_in(shown)).to_dicts())
    is_cohort = not subjects
    distances, note = _distances(snapshot, summary, set(trials["subject"])) if is_cohort else (None, "")
    return ReportData(
        lake_path=lake.path,
        state=state_text(lake),
        selection=chosen,
        reference=reference,
        subjects=known,
        shown=shown,
        trials=trials,
        summary=summary,
        curves=read_curves(snapshot),
        **_views(snapshot),
        group_curves=read_group_curves(snapshot) if is_cohort else no_group_curves(),
        compared=_compared(snapshot, summary, known) if is_cohort else pl.DataFrame(),
        distances=distances,
        distances_note=note,
        clips=tuple(read_clips(snapshot, trials.filter(pl.col("subject").is_in(shown)))),
        is_cohort=is_cohort,
        details=details,
        strides=read_strides(snapshot, shown),
        reviews=_reviews(snapshot, shown),
        choices=dict(lake.choices),
        **_order_of_sessions(snapshot),
    )


def _views(snapshot: Snapshot) -> dict[str, Any]:
    """The views that are shown as they are."""
    return {
        "foot_off": snapshot.sql(
            "SELECT subject, session, condition, side, avg(stance_pct) AS foot_off_pct FROM spatiotemporal "
            "INNER JOIN trials USING (subject, session, trial) WHERE is_steady AND person = 0 GROUP BY ALL"
        ),
        "events": snapshot.sql("SELECT * FROM gait_events WHERE person = 0 ORDER BY subject, session, trial, time_s"),
        "cycles": snapshot.sql("SELECT * FROM gait_cycles WHERE person = 0 ORDER BY subject, session, trial, start_s"),
        "profile": snapshot.sql("SELECT * FROM gait_profile ORDER BY subject, session, side"),
        "change": snapshot.sql("SELECT * FROM change ORDER BY subject, session_a, session_b, side"),
        "speed_band": snapshot.sql("SELECT subject, session, speed_band FROM _speed_band"),
        "published_mdc": snapshot.sql("SELECT * FROM _published_mdc"),
        "kinetics": read_kinetics(snapshot),
        "emg": read_emg(snapshot),
        "emg_problems": read_emg_problems(snapshot),
    }


def _needed(lake: Version, known: pl.DataFrame, subjects: tuple[str, ...], groups: tuple[str | None, ...]) -> Version:
    """The lake without the people who are not needed for pages of these subjects."""
    if not subjects:
        return lake
    wanted = set(subjects)
    if "group" in known.columns:
        wanted |= {s for s, g in known.select("subject", "group").iter_rows() if g is not None and str(g) in groups}
    there = {s for s, kind in lake.trials().select("subject", "kind").iter_rows() if kind != "static"}
    people = tuple(sorted(wanted & there))
    if not set(subjects) & there:  # only static trials, and a selection needs other trials
        return lake
    return lake.select(replace(lake.selection, subject=people, where=None, session=(), condition=()))


def _chosen(lake: Version, subjects: tuple[str, ...]) -> str:
    """Which trials were chosen, in words; "" is every trial. In pages of single people a condition is left out: it may name others."""
    selection = lake.selection
    if subjects and selection.where:
        selection = replace(selection, where="…")
    text = selection.describe()
    return "" if text == EVERY_TRIAL else text


def _order_of_sessions(snapshot: Snapshot) -> dict[str, Any]:
    rows = snapshot.sql("SELECT subject, session, position, missing FROM _session_order ORDER BY ALL")
    return {
        "session_places": {
            (s, session): position for s, session, position, _ in rows.iter_rows() if position is not None
        },
        "order_notes": {s: missing for s, _, _, missing in rows.iter_rows() if missing is not None},
    }


def _reviews(snapshot: Snapshot, shown: tuple[str, ...]) -> pl.DataFrame:
    return snapshot.sql(
        "SELECT * FROM review_state WHERE list_contains($subjects, subject) ORDER BY subject, session, trial, reviewed_at",
        {"subjects": list(shown)},
    )


def group_of(data: ReportData) -> dict[str, str | None]:
    """The group of each subject, None if it has none."""
    if "group" not in data.subjects.columns:
        return dict.fromkeys(data.subjects["subject"])
    return {s: None if g is None else str(g) for s, g in data.subjects.select("subject", "group").iter_rows()}


def subject_values(summary: pl.DataFrame, column: str) -> dict[str, float]:
    """One value per subject: the mean over its sides, sessions and conditions of the medians (as lake.compare takes it)."""
    import polars as pl

    sides = summary.group_by("subject", "side").agg(pl.col(column).mean())
    means = sides.group_by("subject").agg(pl.col(column).mean()).drop_nulls(column).sort("subject")
    return dict(means.iter_rows())


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


def _compared(snapshot: Snapshot, summary: pl.DataFrame, subjects: pl.DataFrame) -> pl.DataFrame:
    """Groups compared in the overview's parameters; empty if a comparison makes no sense."""
    import polars as pl

    names = [c for c in OVERVIEW if summary[c].count() > 0]
    try:
        contrasts = statistics.compare(snapshot, names) if names and "group" in subjects.columns else pl.DataFrame()
    except UsageError:  # fewer than two groups with people to compare
        return pl.DataFrame()
    return contrasts.filter(pl.min_horizontal("n_a", "n_b") >= LEAST_REFERENCE) if contrasts.height else contrasts


def _distances(snapshot: Snapshot, summary: pl.DataFrame, names: set[str]) -> tuple[DistanceMatrix | None, str]:
    """Distances of subjects (steady cycles, sagittal hip, knee and ankle, mean of both sides), and a sentence on them."""
    from neurostore import distances as cohort

    steady = summary["subject"].unique()
    if len(steady) < 2:
        who = f"only {steady[0]} has" if len(steady) else "nobody has"
        return None, f"Distances need two people with steady gait cycles; {who} one here."
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the page lists who is left out
        try:
            matrix = cohort.distances(snapshot, unit="subject")
        except UsageError as error:
            return None, f"No distances: {error}"
    assert isinstance(matrix, cohort.DistanceMatrix)  # for subjects there is a single matrix, the mean of both sides
    options = matrix.provenance["options"]
    angles = ", ".join(a.removesuffix("_deg").replace("_", " ") for a in options["angles"])
    note = (
        f"Dynamic time warping (exact, no band) of {angles} over 101 points per steady cycle; mean over all pairs of cycles, "
        "and the mean of both sides."
    )
    texts = []  # one sentence for left and right
    for remark in matrix.provenance.get("notes", ()):
        plain = re.fullmatch(r"(?:(?:left|right)_)?(\w+)_rel_deg stands for \w+", remark)
        texts.append(
            f"{plain[1].replace('_', ' ').capitalize()} is change from the neutral pose." if plain else f"{remark}."
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
