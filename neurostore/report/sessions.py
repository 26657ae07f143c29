"""A block of the report: one subject in one session and condition, its curves, and their reference band."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore import normative
from neurostore.arrays import Floats
from neurostore.report.cycle_lists import KINETIC_NAMES, LEAST_POINTS, Band, Curve, emg_means, kinetic_means, mean_sd
from neurostore.report.data import LEAST_REFERENCE, ReportData, group_of
from neurostore.report.kinetic_data import norm_bands
from neurostore.report.panels import PANELS
from neurostore.report.strides import Stride, name_of

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Session:
    """One subject, session and condition. before : the block of the session before it in the same condition, if any."""

    data: ReportData
    subject: str
    session: str
    condition: str | None
    before: Session | None = None

    @property
    def name(self) -> str:
        """Session and condition as a heading; empty if the cohort has neither."""
        return ", ".join(str(part) for part in (self.session, self.condition) if part)

    @property
    def date(self) -> str:
        """The day of the recording as the cohort states it, the first where trials differ; empty if it does not."""
        stated = self.rows(self.data.trials)["acq_time"].drop_nulls().to_list()
        return str(min(stated))[:10] if stated else ""

    @property
    def heading(self) -> str:
        """Name and day of recording."""
        return " · ".join(part for part in (self.name, self.date) if part)

    @cached_property
    def slug(self) -> str:
        """A file name and an id: letters, digits, ``-`` and ``_`` only; a number makes it unique for each condition."""
        import polars as pl

        mine = self.data.trials.filter(pl.col("subject") == self.subject)
        conditions = sorted({condition or "" for condition in mine["condition"]})
        place = f"c{conditions.index(self.condition or '')}" if len(conditions) > 1 else ""
        return "_".join(part for part in (self.subject, self.session, place) if part)

    def rows(self, frame: pl.DataFrame, by_condition: bool = True) -> pl.DataFrame:
        """The rows of a frame that belong to this block (of its session, where the frame knows no condition)."""
        import polars as pl

        rows = self.data.rows_of(frame, self.subject, self.session)
        return rows.filter(pl.col("condition").eq_missing(self.condition)) if by_condition else rows

    @cached_property
    def is_of_curves(self) -> bool:
        """Whether a data set gave the curves of this block: each can be the mean of many cycles, and there are no events."""
        return set(self.rows(self.data.trials)["kind"]) == {"curves"}

    @cached_property
    def curves(self) -> dict[tuple[str, str], Curve]:
        """(angle, side) → Curve; the plain angle where it exists, else its change from the neutral pose."""
        curves: dict[tuple[str, str], Curve] = {}
        mine = self.rows(self.data.curves).sort("is_relative", "percent")
        for (angle, side, relative), part in mine.group_by("angle", "side", "is_relative", maintain_order=True):
            if (angle, side) in curves and relative:
                continue
            mean, sd = np.full(101, np.nan), np.full(101, np.nan)
            at = part["percent"].to_numpy()
            mean[at] = part["mean_deg"].to_numpy()
            sd[at] = part["sd_deg"].cast(float).to_numpy()
            curves[str(angle), str(side)] = Curve(mean, sd, int(part["n_cycles"].max()), bool(relative))  # type: ignore[arg-type]
        return curves

    @cached_property
    def strides(self) -> dict[str, list[Stride]]:
        """Side → its steady cycles in the order of trials and time; where a session has none, all its cycles."""
        rows = self.rows(self.data.strides).to_dicts() if self.data.strides.height else []
        steady = [row for row in rows if row["is_steady"]]
        strides: dict[str, list[Stride]] = {}
        for row in steady or rows:
            strides.setdefault(row["side"], []).append(self._stride(row))
        return strides

    @cached_property
    def kinetics(self) -> dict[tuple[str, str], Curve]:
        """(column of kinetic_curves, side) → Curve over the steady cycles that have it from start to end."""
        return {} if self.data.kinetics is None else kinetic_means(self.rows(self.data.kinetics))

    def kinetic_band(self, column: str) -> Band | None:
        """Mean and SD between subjects of the reference group, this one left out, or the published norm; None without any."""
        if self.data.reference is None:
            return self._kinetic_norm.get(column)
        means = self.data.kinetic_means
        groups = group_of(self.data)
        others = [s for s, group in groups.items() if group == self.data.reference and s != self.subject]
        people = [np.mean(cycles, axis=0) for s in others if (cycles := means.get((s, column)))]
        if len(people) < LEAST_REFERENCE:
            return None
        values = np.stack(people)
        name = f"{self.data.reference}, n = {len(people)}"
        return Band(np.arange(101.0), values.mean(axis=0), values.std(axis=0, ddof=1), name)

    @cached_property
    def _kinetic_norm(self) -> dict[str, Band]:
        return norm_bands(self.speed_band[0])

    @cached_property
    def emg(self) -> dict[tuple[str, str], Curve]:
        """(muscle, or label of the channel where it is not known, side) → Curve over steady cycles."""
        return {} if self.data.emg is None else emg_means(self.rows(self.data.emg))

    @cached_property
    def emg_problems(self) -> list[str]:
        """Channels that are not shown, and why: they are not reliable, or a reviewer excluded them."""
        rows = self.rows(self.data.emg_problems).to_dicts() if self.data.emg_problems.height else []
        if self.data.emg is not None:
            rows += self.rows(self.data.emg).drop_nulls("problem").to_dicts()
        names = ((" ".join(w for w in (r["side"], r["muscle"] or r["channel"]) if w), r) for r in rows)
        return sorted({f"{name.replace('_', ' ')} in {r['trial']}: {r['problem']}" for name, r in names})

    @cached_property
    def _other_curves(self) -> dict[tuple[str, str, int], dict[str, Floats]]:
        """(trial, side, cycle) → its available kinetics and EMG, by name."""
        others: dict[tuple[str, str, int], dict[str, Floats]] = {}
        for frame, names in ((self.data.kinetics, KINETIC_NAMES), (self.data.emg, ("normalized",))):
            for row in [] if frame is None else self.rows(frame).to_dicts():
                if row.get("problem"):
                    continue
                curves = others.setdefault((row["trial"], row["side"], row["cycle"]), {})
                for name in names:
                    values = np.array(row[name], float)
                    if len(values) == 101 and np.isfinite(values).sum() >= LEAST_POINTS:
                        curves[name if name != "normalized" else f"emg {row['muscle'] or row['channel']}"] = values
        return others

    def _stride(self, row: dict[str, Any]) -> Stride:
        """A row of read_strides: the plain angle where the mean curve is of that, else its change from the neutral pose."""
        curves, relative = {}, set()
        for panel in PANELS:
            mean = self.curves.get((panel.angle, row["side"]))
            names = [name_of(panel, False)] + ([name_of(panel, True)] if panel.may_be_relative else [])
            if mean is not None:
                names = [name_of(panel, mean.is_relative)]
            for name in names:
                values = np.array(row[name], float)
                if np.isfinite(values).any():
                    curves[panel.angle] = values
                    relative |= {panel.angle} if name == name_of(panel, True) and panel.may_be_relative else set()
                    break
        curves |= self._other_curves.get((row["trial"], row["side"], row["cycle"]), {})
        keys = {name: row[name] for name in ("trial", "side", "cycle", "start_s", "end_s", "is_steady")}
        return Stride(**keys, curves=curves, relative=frozenset(relative))

    @cached_property
    def foot_off(self) -> dict[str, float]:
        """Side → mean percent of the foot off over steady cycles."""
        rows = self.rows(self.data.foot_off).drop_nulls("foot_off_pct")
        return dict(rows.select("side", "foot_off_pct").iter_rows())

    @property
    def speed_band(self) -> tuple[str, bool]:
        """The norm's speed band of this session, and whether it had to be assumed."""
        known = self.rows(self.data.speed_band, by_condition=False)["speed_band"].drop_nulls()
        return (known[0], False) if len(known) else ("free", True)

    def band(self, angle: str) -> Band | None:
        """The reference group's mean and SD between subjects (this one left out), or the published norm, or None.

        The published norm is never used for a curve given as change from the neutral pose; a group with the same
        skeleton is.
        """
        return self._bands.get(angle)

    @cached_property
    def _bands(self) -> dict[str, Band]:
        relative = {angle: curve.is_relative for (angle, _), curve in self.curves.items()}
        find = self._group_band if self.data.reference else self._norm_band
        bands = {angle: find(angle, is_relative) for angle, is_relative in relative.items()}
        return {angle: band for angle, band in bands.items() if band is not None}

    def _norm_band(self, angle: str, is_relative: bool) -> Band | None:
        speed, _ = self.speed_band
        points = [p for p in normative.schwartz_2008() if p.speed == speed and p.angle == angle]
        if is_relative or not points:
            return None
        columns = np.array([(p.percent, p.mean_deg, p.sd_deg) for p in points])
        return Band(columns[:, 0], columns[:, 1], columns[:, 2], f"{normative.NAME}, {speed.replace('_', ' ')} speed")

    def _group_band(self, angle: str, is_relative: bool) -> Band | None:
        mine = self.rows(self.data.curves)
        kinds = tuple(sorted(set(mine.select("skeleton", "kind").iter_rows())))
        for conditions in ((self.condition,), None):  # first the same condition, then any condition
            people = self.data.members_curves(angle, is_relative, kinds, conditions)
            others = [curve for subject, curve in people.items() if subject != self.subject]
            if len(others) >= LEAST_REFERENCE:
                mean, sd = mean_sd(np.stack(others))
                is_known = np.isfinite(mean)
                name = f"{self.data.reference}, n = {len(others)}"
                return Band(np.arange(101.0)[is_known], mean[is_known], sd[is_known], name)
        return None


def sessions_of(data: ReportData, subject: str) -> list[Session]:
    """The blocks of a subject, in the order of their sessions and by condition; sessions without a gait cycle have one too."""
    import polars as pl

    mine = data.trials.filter(pl.col("subject") == subject)
    walked = data.summary.filter(pl.col("subject") == subject).select("session", "condition").unique()
    keys = set(walked.iter_rows())
    for session, condition in (
        mine.filter(pl.col("kind") != "static").select("session", "condition").unique().iter_rows()
    ):
        if not any(s == session for s, _ in walked.iter_rows()):
            keys.add((session, condition))
    sessions: list[Session] = []
    places = data.session_places

    def in_time(key: tuple[str, str | None]) -> tuple[int, str, str]:
        return places.get((subject, key[0]), 0), key[0], key[1] or ""

    for session, condition in sorted(keys, key=in_time):
        is_placed = (subject, session) in places  # without a known order of sessions there is no change
        before = [b for b in sessions if is_placed and b.condition == condition and b.session != session]
        sessions.append(Session(data, subject, session, condition, before[-1] if before else None))
    return sessions


def relative_titles(block: Session) -> list[str]:
    """Titles of the panels of a block that show change from the neutral pose."""
    relative = {angle for (angle, _), curve in block.curves.items() if curve.is_relative}
    return [panel.title for panel in PANELS if panel.angle in relative]


def plain(value: Any) -> str:
    """A value of a cohort's own columns as text: whole numbers without decimals."""
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)
