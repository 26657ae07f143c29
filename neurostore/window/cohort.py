"""Figures of every trial for the cohort page: quality, mean curves, distance to the reference, who has reviewed it.

The figures of a version are computed in the background, some subjects at a time, so that the page opens at once and is
filled as they arrive. When the lake gets a new version, only sessions with changes are computed again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import NeurostoreError, UsageError
from neurostore.report.panels import GVS, PANELS
from neurostore.reviews import TABLES
from neurostore.wording import near

if TYPE_CHECKING:
    import polars as pl

    from neurostore.lake.version import Version
    from neurostore.trial_key import Key
    from neurostore.window.bench import Bench

SUBJECTS_AT_ONCE = 10
_READING = "trial_quality spatiotemporal cycle_curves"  # from stored results, if the lake has them
MEMORY_MB = 350
SIDES = ("left", "right")
LEAST_ANGLES = 3  # of the nine angles of GPS, needed for a distance
_POLL_S = 1.0
_LATER_S = 1.5  # wait after a decision, so that the page that stored it can read its trial first
_SPARK_POINTS = 26
_SCORED = [i for i, panel in enumerate(PANELS) if panel.angle in GVS]
_KNEE = next(i for i, panel in enumerate(PANELS) if panel.angle == "knee_flexion")


class Source(Protocol):
    """Where the cohort is read from: a shelf."""

    def lake(self) -> Version:
        """The newest version."""

    def trials(self) -> dict[Key, dict[str, Any]]:
        """Its trials."""

    def bench(self, subject: str, session: str) -> AbstractContextManager[Bench]:
        """One session of it in memory."""


@dataclass
class Figures:
    """What was computed of one trial.

    Attributes
    ----------
    curves : (2 sides, panels, 101) degrees, means over steady cycles, NaN if there are none.
    is_relative : (2, panels) whether a curve is change from the neutral pose.
    """

    quality: dict[str, Any]
    speed_m_s: float | None = None
    cadence_steps_min: float | None = None
    curves: Floats = field(default_factory=lambda: np.full((2, len(PANELS), 101), np.nan, np.float32))
    is_relative: Any = field(default_factory=lambda: np.zeros((2, len(PANELS)), bool))


class Cohort:
    """Figures by trial, kept up to date by one thread."""

    def __init__(self, shelf: Source):
        self._shelf = shelf
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._figures: dict[Key, tuple[str, Figures]] = {}  # with the mark of the state that they belong to
        self._state = 0  # increases whenever a figure changes
        # by reference group, with the state that they belong to
        self._tables: dict[str | None, tuple[tuple[Any, ...], dict[str, Any]]] = {}
        self._people: tuple[int, dict[str, dict[str, Any]], dict[Key, list[dict[str, Any]]]] = (-1, {}, {})
        self.problem: str | None = None

    # People and reviews: cheap, read with every version

    def people(self) -> tuple[dict[str, dict[str, Any]], dict[Key, list[dict[str, Any]]]]:
        """Columns of ``subjects`` by subject, and the decisions on each trial, oldest first."""
        lake = self._shelf.lake()
        with self._lock:
            if self._people[0] != lake.version:
                with lake.connect("SELECT 1 FROM subjects, reviews") as connection:
                    subjects = connection.sql("SELECT * FROM subjects").pl().to_dicts()
                    decisions = connection.sql("SELECT * FROM reviews ORDER BY reviewed_at, review_id").pl().to_dicts()
                by_trial: dict[Key, list[dict[str, Any]]] = {}
                for row in decisions:
                    by_trial.setdefault((row["subject"], row["session"], row["trial"]), []).append(row)
                self._people = (lake.version, {s["subject"]: s for s in subjects}, by_trial)
            return self._people[1:]

    def groups(self) -> dict[str, str | None]:
        """Group of each subject with a trial."""
        people = self.people()[0]
        names = dict.fromkeys(key[0] for key in self._shelf.trials())
        return {s: None if (g := people.get(s, {}).get("group")) is None else str(g) for s in names}

    def check_group(self, group: str) -> None:
        """Raise UsageError if no subject is in the group."""
        known = sorted({g for g in self.groups().values() if g is not None})
        if group not in known:
            there = near(group, known) if known else "no subject has a group (participants.tsv gives it)"
            raise UsageError(f"there is no group {group!r} in this lake; {there}")

    # Background thread

    def start(self) -> None:
        """Compute in the background from now on."""
        threading.Thread(target=self._follow, name="neurostore-cohort", daemon=True).start()

    def stop(self) -> None:
        """End the thread after the subjects it is computing."""
        self._stop.set()
        self._wake.set()

    def wake(self) -> None:
        """Look for changes now."""
        self._wake.set()

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                self.update()
                self.problem = None
            except NeurostoreError as error:  # shown on the page; the next attempt may succeed
                self.problem = str(error)
            if self._wake.wait(_POLL_S):
                self._stop.wait(_LATER_S)
            self._wake.clear()

    def update(self) -> None:
        """Compute the figures of every trial whose state has none yet."""
        lake = self._shelf.lake()
        marks = self._marks()
        old = [key for key, mark in marks.items() if self._figures.get(key, ("", None))[0] != mark]
        with self._lock:
            for gone in self._figures.keys() - marks.keys():
                del self._figures[gone]
                self._state += 1
        sessions = list(dict.fromkeys(key[:2] for key in old))
        if 0 < len(sessions) <= 2 and len(marks) > len(old):  # somebody reviewed a trial
            for session in sessions:
                self._add(read_figures(partial(self._ask, session), "true", {}), marks)
            return
        subjects = list(dict.fromkeys(key[0] for key in old))
        if subjects:
            self._compute(lake, subjects, marks)

    def _ask(self, session: tuple[str, str], query: str, params: dict[str, Any]) -> pl.DataFrame:
        """The answer of a session's bench, which is free between two questions for whoever looks at a trial."""
        with self._shelf.bench(*session) as bench:
            return bench.sql(query, params)

    def _compute(self, lake: Version, subjects: Sequence[str], marks: Mapping[Key, str]) -> None:
        with lake.connect_in_one_query(_READING) as connection:
            connection.execute(f"SET memory_limit = '{MEMORY_MB}MB'")
            connection.execute("SET threads = 1")  # requests for a single trial have priority
            for start in range(0, len(subjects), SUBJECTS_AT_ONCE):
                if self._stop.is_set():
                    return
                bound = {f"s{i}": s for i, s in enumerate(subjects[start : start + SUBJECTS_AT_ONCE])}
                where = f"subject IN ({', '.join(f'${name}' for name in bound)})"
                figures = read_figures(lambda query, params: connection.sql(query, params=params).pl(), where, bound)
                self._add(figures, marks)

    def _add(self, figures: Mapping[Key, Figures], marks: Mapping[Key, str]) -> None:
        with self._lock:
            self._figures |= {key: (marks[key], one) for key, one in figures.items() if key in marks}
            self._state += 1

    def _marks(self) -> dict[Key, str]:
        """Of each trial, what its figures depend on: the ingests and reviews of its session."""
        by_session: dict[tuple[str, str], list[str]] = {}
        trials, reviews = self._shelf.trials(), self.people()[1]
        for key, row in trials.items():
            own = [row["ingest_id"], *(d["review_id"] for d in reviews.get(key, ()))]
            by_session.setdefault((key[0], key[1]), []).extend(own)
        whole = {session: " ".join(ids) for session, ids in by_session.items()}
        return {key: whole[key[0], key[1]] for key in trials}

    # What the page shows

    def figures(self) -> dict[Key, Figures]:
        """The available figures; for a trial that has just changed they may be those of its last state."""
        with self._lock:
            return {key: one for key, (_, one) in self._figures.items()}

    def table(self, reference: str | None = None) -> dict[str, Any]:
        """Rows of the cohort page as plain values, with the distance to a reference group (None: everybody).

        The same object is returned until a figure or the lake changes.
        """
        if reference is not None:
            self.check_group(reference)
        state = (self._state, self._shelf.lake().version, self.problem)
        before = self._tables.get(reference)
        if before is None or before[0] != state:
            before = self._tables[reference] = (state, self._new_table(reference))
        return before[1]

    def _new_table(self, reference: str | None) -> dict[str, Any]:
        version, trials = self._shelf.lake().version, self._shelf.trials()
        people, reviews = self.people()
        figures, groups = self.figures(), self.groups()
        distances = reference_distances(figures, [s for s, g in groups.items() if reference in (None, g)])
        rows = [
            _row(key, trial, groups[key[0]], people.get(key[0], {}), reviews.get(key, []), figures.get(key))
            | {"distance": distances.get(key)}
            for key, trial in trials.items()
        ]
        return {
            "version": version,
            "n_pending": sum(key not in figures for key in trials),
            "problem": self.problem,
            "reference": reference,
            "groups": sorted({g for g in groups.values() if g is not None}),
            "sessions": sorted({key[1] for key in trials}),
            "n_looked_at": sum(row["looked_at"] for row in rows),
            "trials": rows,
        }


def read_figures(sql: Any, where: str, params: dict[str, Any]) -> dict[Key, Figures]:
    """Figures of the trials for which a condition on ``subject`` holds.

    sql : (query, params) -> polars.DataFrame, over the views of a lake.
    """
    quality = sql(f"SELECT * FROM trial_quality WHERE {where}", params)
    figures = {(r["subject"], r["session"], r["trial"]): Figures(_quality(r)) for r in quality.iter_rows(named=True)}
    medians = sql(
        "SELECT subject, session, trial, median(walking_speed_m_s) AS speed_m_s, median(cadence_steps_min) AS cadence "
        f"FROM spatiotemporal WHERE {where} AND is_steady AND person = 0 GROUP BY ALL",
        params,
    )
    for *key, speed, cadence in medians.iter_rows():
        if tuple(key) in figures:
            figures[key[0], key[1], key[2]].speed_m_s, figures[key[0], key[1], key[2]].cadence_steps_min = (
                speed,
                cadence,
            )
    _read_curves(sql, where, params, figures)
    return figures


def _read_curves(sql: Any, where: str, params: dict[str, Any], by_trial: dict[Key, Figures]) -> None:
    values = []
    for panel in PANELS:
        for is_relative in (False, True) if panel.may_be_relative else (False,):
            left, right = (panel.column(side, is_relative) for side in SIDES)
            name = panel.angle + ("_rel" if is_relative else "")
            values.append(f"avg(CASE side WHEN 'left' THEN {left} ELSE {right} END)::FLOAT AS {name}")
    rows = sql(
        f"SELECT subject, session, trial, side, percent, {', '.join(values)} FROM cycle_curves "
        f"WHERE {where} AND is_steady AND person = 0 GROUP BY ALL ORDER BY ALL",
        params,
    )
    for (subject, session, trial, side), part in rows.group_by(
        "subject", "session", "trial", "side", maintain_order=True
    ):
        figures = by_trial.get((str(subject), str(session), str(trial)))
        if figures is not None and part.height == 101:
            _put(figures, SIDES.index(str(side)), part)


def _put(figures: Figures, side: int, part: pl.DataFrame) -> None:
    for i, panel in enumerate(PANELS):
        curve = _numbers(part, panel.angle)
        if panel.may_be_relative and np.isnan(curve).all():
            curve = _numbers(part, f"{panel.angle}_rel")
            figures.is_relative[side, i] = True
        figures.curves[side, i] = curve


def _numbers(part: pl.DataFrame, column: str) -> Floats:
    return np.array(part[column].to_numpy(), np.float32)


def reference_distances(figures: Mapping[Key, Figures], members: Iterable[str]) -> dict[Key, float]:
    """Root mean square difference, degrees, between each trial's mean curves and the mean of the reference's people.

    Over the nine angles of the Gait Profile Score, as many as the trial and the reference have (at least three), both
    sides. The reference is the mean of its people's means; a person is left out of it when compared with it. Plain
    curves are compared with plain ones, those from the neutral pose with those from the neutral pose.
    """
    by_subject: dict[str, list[Key]] = {}
    for key in figures:
        by_subject.setdefault(key[0], []).append(key)
    means = {
        (s, rel): _mean([_masked(figures[k], rel) for k in by_subject[s]])
        for s in members
        if s in by_subject
        for rel in (False, True)
    }
    totals = {rel: _total([m for (_, r), m in means.items() if r == rel]) for rel in (False, True)}
    distances = {}
    for key, one in figures.items():
        squares = []
        for rel in (False, True):
            summed, count = totals[rel]
            own = means.get((key[0], rel))
            if own is not None:
                known = np.isfinite(own)
                summed, count = summed - np.where(known, own, 0), count - known
            with np.errstate(invalid="ignore", divide="ignore"):
                squares.append((_masked(one, rel) - summed / count) ** 2)
        square = np.where(np.isfinite(squares[0]), squares[0], squares[1])
        of_angle = square.mean(axis=2)  # NaN if any point of the curve is NaN
        for side in range(2):
            if np.isfinite(of_angle[side]).sum() < LEAST_ANGLES:
                of_angle[side] = np.nan
        if np.isfinite(of_angle).any():
            distances[key] = float(np.sqrt(np.nanmean(of_angle)))
    return distances


def _masked(figures: Figures, is_relative: bool) -> Floats:
    """(2, 9, 101) degrees of the scored angles that are, or are not, from the neutral pose."""
    curves = figures.curves[:, _SCORED].astype(float)
    curves[figures.is_relative[:, _SCORED] != is_relative] = np.nan
    return curves


def _mean(curves: Sequence[Floats]) -> Floats:
    stack = np.stack(curves)
    known = np.isfinite(stack)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, stack, 0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _total(means: Sequence[Floats]) -> tuple[Floats, Floats]:
    if not means:
        empty = np.zeros((2, len(_SCORED), 101))
        return empty, empty.copy()
    stack = np.stack(means)
    known = np.isfinite(stack)
    return np.where(known, stack, 0).sum(axis=0), known.sum(axis=0).astype(float)


def _quality(row: Mapping[str, Any]) -> dict[str, Any]:
    flags = [name for name, value in row.items() if name.startswith(("has_", "is_")) and value is True]
    return {
        "verdict": row["verdict"],
        "level": level(row["verdict"]),
        "flags": flags,
        "n_cycles": row["n_cycles"],
        "n_steady": row["n_steady_cycles"],
    }


def level(verdict: str) -> str:
    """A verdict of trial_quality in one word: usable, check, unusable, excluded or no gait."""
    if verdict.startswith("Excluded"):
        return "excluded"
    if verdict.startswith("Usable"):
        return "usable"
    if verdict.startswith("Check first"):
        return "check"
    return "unusable" if verdict.startswith("Do not use") else "no gait"


def _row(
    key: Key,
    trial: Mapping[str, Any],
    group: str | None,
    person: Mapping[str, Any],
    decisions: Sequence[Mapping[str, Any]],
    figures: Figures | None,
) -> dict[str, Any]:
    by_people = [d for d in decisions if d["reviewer"] != TABLES]
    current = [d for d in by_people if d["source_sha256"] == trial["source_sha256"]]
    shown: dict[str, Any] = {
        "subject": key[0], "session": key[1], "trial": key[2], "group": group, "sex": person.get("sex"),
        "age": person.get("age"), "condition": trial["condition"], "kind": trial["kind"],
        "duration_s": trial["duration_s"], "looked_at": bool(current), "n_decisions": len(by_people),
        "reviewers": sorted({d["reviewer"] for d in by_people}), "needs_check": bool(by_people) and not current,
    }  # fmt: skip
    if figures is not None:
        shown |= figures.quality
        shown |= {"speed_m_s": figures.speed_m_s, "cadence_steps_min": figures.cadence_steps_min}
        shown["knee"] = {side: _spark(figures.curves[i, _KNEE]) for i, side in enumerate(SIDES)}
    return shown


def _spark(curve: Floats) -> list[int] | None:
    """A curve in whole degrees at 26 points; None if it has gaps."""
    points = curve[np.linspace(0, 100, _SPARK_POINTS).round().astype(int)]
    return points.round().astype(int).tolist() if np.isfinite(points).all() else None
