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
from neurostore.lake.sides import check_side
from neurostore.report.clips import Clip, read_clips
from neurostore.report.curves import no_group_curves, people_curves, read_curves, read_group_curves
from neurostore.report.cycle_lists import means_of_people, read_emg, read_emg_problems, read_kinetics
from neurostore.report.details import Details
from neurostore.report.details import check as check_details
from neurostore.report.of_side import OfSide
from neurostore.report.panels import OVERVIEW
from neurostore.report.snapshot import Snapshot
from neurostore.report.strides import read_strides
from neurostore.statistics.pooling import check_mixture, pooled_text, unused_text

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
    pooled : sessions, conditions and sides that the figures of the cohort take as one, what was left out, and what differs.
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
    pooled: str = ""
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
    side: str | None = None,
    *,
    mixed: bool = False,
) -> ReportData:
    """Read a lake for a report.

    Parameters
    ----------
    reference : a group of subjects that others are compared with; None takes the published norm.
    subjects : whose pages are wanted; () is everybody, with the figures of the cohort. With names nothing of others is read
        but what a reference or retest group needs.
    retest_group : the group whose sessions are repeats of one state, for the detectable change.
    details : fields of the heading that go before those of participants.tsv.
    side : left, right, affected or unaffected; None is both. mixed : take trials of different models, cut-offs or zeros together.

    Raises
    ------
    UsageError : an unknown subject or group, fields of one person for several, or trials that must not be pooled.
    """
    import polars as pl

    check_side(side)
    known = lake.subjects()
    _check(lake, known, reference, subjects, retest_group)
    chosen = _chosen(lake, subjects)
    lake = _needed(lake, known, subjects, (reference, retest_group))
    snapshot = Snapshot(lake, reference=reference, retest_group=retest_group)
    mixture = check_mixture(snapshot, ["hip_flexion_deg"], "", mixed=mixed)
    own = OfSide(side, known)
    trials = _trials(snapshot)
    summary = own.rows(snapshot.sql("SELECT * FROM subject_summary ORDER BY subject, session, condition, side"))
    shown = tuple(s for s in sorted(set(trials["subject"])) if not subjects or s in subjects)
    check_details(details, known.filter(pl.col("subject").is_in(shown)).to_dicts())
    is_cohort = not subjects
    return ReportData(
        lake_path=lake.path,
        state=state_text(lake),
        selection="; ".join(filter(None, (chosen, f"{side} side" if side else "", mixture))),
        reference=reference,
        subjects=known,
        shown=shown,
        trials=trials,
        summary=summary,
        curves=own.rows(read_curves(snapshot)),
        **_views(snapshot, own),
        **(_of_cohort(snapshot, summary, known, (side, mixture), mixed=mixed) if is_cohort else _no_cohort()),
        clips=tuple(read_clips(snapshot, trials.filter(pl.col("subject").is_in(shown)))),
        is_cohort=is_cohort,
        details=details,
        strides=own.rows(read_strides(snapshot, shown)),
        reviews=_reviews(snapshot, shown),
        choices=dict(lake.choices),
        **_order_of_sessions(snapshot),
    )


def _of_cohort(
    snapshot: Snapshot, summary: pl.DataFrame, known: pl.DataFrame, how: tuple[str | None, str], *, mixed: bool
) -> dict[str, Any]:
    """The figures that take people together. how : the side, and in words what differs although it is taken together."""
    side, mixture = how
    distances, note = _distances(snapshot, summary, side, mixed=mixed)
    return {
        "group_curves": read_group_curves(snapshot, side, mixed=mixed),
        "compared": _compared(snapshot, summary, known, side, mixed=mixed),
        "distances": distances,
        "distances_note": note,
        "pooled": _pooled(snapshot, summary, side, mixture),
    }


def _no_cohort() -> dict[str, Any]:
    return {"group_curves": no_group_curves(), "compared": _no_rows(), "distances": None, "distances_note": ""}


def _trials(snapshot: Snapshot) -> pl.DataFrame:
    return snapshot.sql(
        "SELECT trials.*, quality.* EXCLUDE (subject, session, trial, kind) "
        "FROM trials LEFT JOIN trial_quality AS quality USING (subject, session, trial) ORDER BY subject, session, trial"
    )


def _views(snapshot: Snapshot, own: OfSide) -> dict[str, Any]:
    """The views that are shown as they are; of rows with a side those of the chosen one, but events, of which a cycle has both."""
    kinetics, emg = read_kinetics(snapshot), read_emg(snapshot)
    of_a_side = {
        "foot_off": "SELECT subject, session, condition, side, avg(stance_pct) AS foot_off_pct FROM spatiotemporal "
        "INNER JOIN trials USING (subject, session, trial) WHERE is_steady AND person = 0 GROUP BY ALL",
        "cycles": "SELECT * FROM gait_cycles WHERE person = 0 ORDER BY subject, session, trial, start_s",
        "profile": "SELECT * FROM gait_profile ORDER BY subject, session, side",
        "change": "SELECT * FROM change ORDER BY subject, session_a, session_b, side",
    }
    return {name: own.rows(snapshot.sql(query)) for name, query in of_a_side.items()} | {
        "events": snapshot.sql("SELECT * FROM gait_events WHERE person = 0 ORDER BY subject, session, trial, time_s"),
        "speed_band": snapshot.sql("SELECT subject, session, speed_band FROM _speed_band"),
        "published_mdc": snapshot.sql("SELECT * FROM _published_mdc"),
        "kinetics": None if kinetics is None else own.rows(kinetics),
        "emg": None if emg is None else own.rows(emg),
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


def _pooled(snapshot: Snapshot, summary: pl.DataFrame, side: str | None, mixture: str) -> str:
    """What the figures of the cohort were pooled from: sessions, conditions, sides, what was left out, what differs."""
    import polars as pl

    if not summary.height:
        return ""
    people = summary.group_by("subject").agg(sessions=pl.col("session"), conditions=pl.col("condition"))
    parts = (pooled_text(snapshot, people, "group", side), mixture, unused_text(snapshot))
    return "; ".join(filter(None, parts))


def _compared(
    snapshot: Snapshot, summary: pl.DataFrame, subjects: pl.DataFrame, side: str | None, *, mixed: bool
) -> pl.DataFrame:
    """Groups compared in the overview's parameters; empty if a comparison makes no sense."""
    import polars as pl

    names = [c for c in OVERVIEW if summary[c].count() > 0]
    try:
        can_be = names and "group" in subjects.columns
        contrasts = statistics.compare(snapshot, names, side=side, mixed=mixed) if can_be else pl.DataFrame()
    except UsageError:  # fewer than two groups with people to compare
        return pl.DataFrame()
    return contrasts.filter(pl.min_horizontal("n_a", "n_b") >= LEAST_REFERENCE) if contrasts.height else contrasts


def _distances(
    snapshot: Snapshot, summary: pl.DataFrame, side: str | None, *, mixed: bool
) -> tuple[DistanceMatrix | None, str]:
    """Distances of subjects (steady cycles, sagittal hip, knee and ankle), and a sentence on them."""
    from neurostore import distances as cohort

    steady = summary["subject"].unique()
    if len(steady) < 2:
        who = f"only {steady[0]} has" if len(steady) else "nobody has"
        return None, f"Distances need two people with steady gait cycles; {who} one here."
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the page lists who is left out
        try:
            matrix = cohort.distances(snapshot, unit="subject", side=side, mixed=mixed)
        except UsageError as error:
            return None, f"No distances: {error}"
    assert isinstance(matrix, cohort.DistanceMatrix)  # for subjects there is a single matrix, the mean of both sides
    options = matrix.provenance["options"]
    angles = ", ".join(a.removesuffix("_deg").replace("_", " ") for a in options["angles"])
    note = (
        f"Dynamic time warping (exact, no band) of {angles} over 101 points per steady cycle; mean over all pairs of cycles"
        f"{', and the mean of both sides' if side is None else f' of the {side} side'}."
    )
    texts = []  # one sentence for left and right
    for remark in matrix.provenance.get("notes", ()):
        plain = re.fullmatch(r"(?:(?:left|right)_)?(\w+)_rel_deg stands for \w+", remark)
        texts.append(
            f"{plain[1].replace('_', ' ').capitalize()} is change from the neutral pose." if plain else f"{remark}."
        )
    note += "".join(f" {sentence}" for sentence in dict.fromkeys(texts))
    left_out = matrix.provenance.get("left_out", {})
    names = set(snapshot.sql("SELECT DISTINCT subject FROM trials")["subject"])
    left_out |= dict.fromkeys(names - set(steady), "no steady gait cycle")
    if left_out:
        reasons: dict[str, list[str]] = {}
        for name, why in sorted(left_out.items()):
            reasons.setdefault(why, []).append(name)
        note += " Left out: " + "; ".join(f"{', '.join(who)} ({why})" for why, who in reasons.items()) + "."
    return matrix, note
