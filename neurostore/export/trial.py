"""One trial of a lake version, as the formats need it: points on an even grid of frames, events, angles, provenance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore import schema
from neurostore import skeleton as skeleton_declarations
from neurostore.arrays import Floats, Ints
from neurostore.errors import UsageError
from neurostore.lake import tables as lake_sql
from neurostore.lake.releases import state_facts, state_text
from neurostore.release import VERSION
from neurostore.schema import components_of
from neurostore.wording import listed, near

if TYPE_CHECKING:
    import polars as pl

    from neurostore.lake.version import Version

_OF_TRIAL = "subject = $subject AND session = $session AND trial = $trial"


@dataclass(frozen=True)
class Points:
    """Positions of a person: names as in the source, frame (n,), time_s (n,), positions (n, J, 3) float32 mm, Y up.

    Frames run without a gap: one that the lake lacks is NaN, its time half-way between its neighbours'.
    """

    table: str
    names: list[str]
    frame: Ints
    time_s: Floats
    positions: Floats


@dataclass(frozen=True)
class Event:
    """side : 'left', 'right' or None. time_s on the trial's clock."""

    event: str
    side: str | None
    time_s: float
    label: str
    description: str


@dataclass(frozen=True)
class Trial:
    """A trial that is in the lake. row : its row in ``trials``; notes gather while it is read."""

    lake: Version
    row: dict[str, Any]
    person: int
    notes: list[str] = field(default_factory=list)

    @property
    def key(self) -> dict[str, Any]:
        """Subject, session and trial by name."""
        return {name: self.row[name] for name in ("subject", "session", "trial")}

    @property
    def name(self) -> str:
        """For messages."""
        return " ".join(part for part in self.key.values() if part)

    @property
    def provenance(self) -> dict[str, Any]:
        """Where the numbers come from, by pseudonym alone."""
        content = {"software": f"neurostore {VERSION}", **state_facts(self.lake)}
        bases = {name: self.row[name] for name in ("position_basis", "length_basis", "up_source") if self.row.get(name)}
        return {**content, **self.key, "person": self.person, "ingest_id": self.row["ingest_id"], **bases}

    @property
    def provenance_line(self) -> str:
        """Provenance of the file in one line."""
        provenance = self.provenance
        return f"{provenance['software']}, {state_text(self.lake)}, {self.name}, ingest {provenance['ingest_id']}"

    def rows(self, table: str, columns: str = "*", where: str = "true", order: str = "ALL") -> pl.DataFrame:
        """Rows of this trial in a table or view."""
        query = f"SELECT {columns} FROM {lake_sql.quote(table)} WHERE {_OF_TRIAL} AND {where} ORDER BY {order}"
        return self.lake.sql(query, self.key)

    def of_person(self, table: str, columns: str = "*", order: str = "ALL") -> pl.DataFrame:
        """Rows of this trial's person."""
        return self.rows(table, columns, f"person = {int(self.person)}", order)


def find(lake: Version, subject: str, trial: str, session: str | None, person: int) -> Trial:
    """The trial of that name.

    Raises
    ------
    UsageError : there is none (similar names are listed), or there are several sessions with it.
    """
    import polars as pl

    rows = pl.DataFrame(pl.from_arrow(lake.trials_table()))
    of_subject = rows.filter(pl.col("subject") == subject)
    if of_subject.is_empty():
        raise UsageError(f"no subject {subject!r} in the lake; {near(subject, rows['subject'])}")
    named = of_subject.filter(pl.col("trial") == trial)
    if named.is_empty():
        raise UsageError(f"subject {subject} has no trial {trial!r}; {near(trial, of_subject['trial'])}")
    if session is not None:
        matching = named.filter(pl.col("session") == session)
        if matching.is_empty():
            there = ", ".join(s or "none" for s in named["session"])
            raise UsageError(f"subject {subject} has no trial {trial!r} in session {session!r}; it is in: {there}")
    elif named.height > 1:
        there = ", ".join(s or "'' (none)" for s in named["session"])
        raise UsageError(f"subject {subject} has {trial!r} in several sessions; name one with --session: {there}")
    else:
        matching = named
    return Trial(lake, matching.row(0, named=True), person)


def read_points(trial: Trial, which: str) -> Points:
    """Points of the trial's person: 'poses' of its primary skeleton, 'landmarks', or a stored skeleton by name.

    Joints of declared skeletons without one sample are left out and noted.

    Raises
    ------
    UsageError : the trial has no positions, not this skeleton, not this person, or no valid sample.
    """
    skeletons = trial.row["skeletons"] or []
    if not skeletons:
        raise UsageError(
            f"{trial.name}: has no positions, only angles (kind {trial.row['kind']}); export .mot, .csv or .parquet"
        )
    if which not in ("poses", "landmarks", *skeletons):
        raise UsageError(
            f"points = {which!r}: expected poses, landmarks or a skeleton of this trial: {', '.join(skeletons)}"
        )
    skeleton = trial.row["skeleton"] if which == "poses" else which
    table = "landmarks" if which == "landmarks" else f"poses/{skeleton}"
    rows = trial.of_person(lake_sql.sql_name(table), order="frame") if table in trial.lake.tables() else None
    if rows is None or rows.is_empty():
        raise UsageError(_nobody(trial, table))
    joints = _joints(trial, table, rows)
    seen = [column for column, _ in joints if rows[column].null_count() < rows.height]
    if not seen:
        raise UsageError(f"{trial.name}: has no valid sample in any of its {len(joints)} points in {table}")
    is_own = table.startswith("poses/") and skeleton not in skeleton_declarations.names()
    if is_own:  # a file's own marker set is recognized by all its labels
        seen = [column for column, _ in joints]
    if len(seen) < len(joints):
        unseen = [source for column, source in joints if column not in seen]
        trial.notes.append(f"{len(unseen)} points without a sample were left out: {listed(unseen, 6)}")
    if trial.row["position_basis"] == "root_relative":
        trial.notes.append("positions are relative to the pelvis: they give no path, speed or step length")
    if trial.row["length_basis"] == "nominal":
        trial.notes.append("lengths are those of a generic body, not the subject's own")
    names = _labels([(column, source) for column, source in joints if column in seen])
    return _on_even_frames(trial, table, names, rows, seen)


def _nobody(trial: Trial, table: str) -> str:
    there = (
        trial.rows(lake_sql.sql_name(table), "DISTINCT person")["person"].to_list()
        if table in trial.lake.tables()
        else []
    )
    if not there:
        return f"{trial.name}: has no rows in {table}"
    return f"{trial.name}: has no person {trial.person} in {table}; there are {', '.join(map(str, sorted(there)))}"


def _joints(trial: Trial, table: str, rows: pl.DataFrame) -> list[tuple[str, str]]:
    """(column, name in the source) of every point of the table, in the skeleton's order."""
    import polars as pl

    points = [
        n for n, t in rows.schema.items() if isinstance(t, pl.Struct) and {f.name for f in t.fields} == set("xyz")
    ]
    if table == "landmarks":
        declared = [c.name for c in schema.table("landmarks").columns if c.type == "point"]
        return [(n, n) for n in declared if n in points]
    query = "SELECT joint, source_name FROM skeletons WHERE skeleton = $skeleton ORDER BY joint_index"
    known = dict(trial.lake.sql(query, {"skeleton": table.removeprefix("poses/")}).iter_rows())
    return [*((n, known[n]) for n in known if n in points), *((n, n) for n in points if n not in known)]


def _labels(joints: list[tuple[str, str]]) -> list[str]:
    """Labels of files: the source's names, or the column where one is not plain text or is there twice."""
    counts: dict[str, int] = {}
    for _, source in joints:
        counts[source.lower()] = counts.get(source.lower(), 0) + 1
    plain = [s.isascii() and s.isprintable() and s == s.strip() and ":" not in s for _, s in joints]
    return [s if ok and counts[s.lower()] == 1 else c for (c, s), ok in zip(joints, plain, strict=True)]


def _on_even_frames(trial: Trial, table: str, names: list[str], rows: pl.DataFrame, columns: list[str]) -> Points:
    have = rows["frame"].to_numpy()
    frame = np.arange(have[0], have[-1] + 1, dtype=np.int64)
    at = have - have[0]
    positions = np.full((len(frame), len(columns), 3), np.nan, np.float32)
    for i, column in enumerate(columns):
        positions[at, i] = components_of(rows[column].to_arrow())
    time_s = np.interp(frame, have, rows["time_s"].to_numpy())
    if len(frame) > len(have):
        trial.notes.append(f"{len(frame) - len(have)} frames in which the person was not seen are written as missing")
    n_origin = int((positions == 0).all(axis=-1).sum())
    if n_origin:
        trial.notes.append(
            f"{n_origin} samples lie exactly at 0, 0, 0, which most readers, including ours, treat as missing"
        )
    return Points(table, names, frame, time_s, positions)


def read_events(trial: Trial, source: str) -> list[Event]:
    """Foot strikes and foot offs of the ensemble, or every event that the source file states; in time order."""
    if source == "file":
        if trial.person:
            return []
        rows = trial.rows("source_events", "event, side, time_s, label, description", order="time_s, side, event")
        return [
            Event(event, side, time_s, label, description or "")
            for event, side, time_s, label, description in rows.iter_rows()
        ]
    rows = trial.of_person("gait_events", "event, side, time_s, method, near_end, source", order="time_s, side, event")
    labels = {"foot_strike": "Foot Strike", "foot_off": "Foot Off"}
    return [
        Event(event, side, time_s, labels[event], f"{method}{', near the end of the data' if near_end else ''}")
        for event, side, time_s, method, near_end, where in rows.iter_rows()
        if where == "computed"
    ]


def read_angles(trial: Trial, source: str) -> pl.DataFrame:
    """frame, time_s and one column per angle, in our signs, degrees; angles that are NULL throughout are left out.

    For a trial that has only the angles of its file, those are returned, whatever source was requested.

    Raises
    ------
    UsageError : there are none.
    """
    import polars as pl

    if source == "computed":
        rows = trial.of_person("joint_angles", "* EXCLUDE (subject, session, trial, person)", "frame")
        if rows.height:
            kept = [c for c in rows.columns if not c.endswith("_deg") or rows[c].null_count() < rows.height]
            if len(kept) == 2:
                raise UsageError(
                    f"{trial.name}: has no angle, because its skeleton does not define one; see docs/angles.md"
                )
            return rows.select(kept)
    rows = trial.rows("source_angles", "frame, time_s, source_name, angle, value_deg", order="frame, source_name")
    if trial.person or rows.is_empty():
        where = "joint_angles" if source == "computed" else "source_angles"
        raise UsageError(f"{trial.name}: has no angles of person {trial.person} in {where}")
    if source == "computed":
        trial.notes.append(
            "the angles are those of the source file, because there are no positions to compute them from"
        )
    unmapped = rows.filter(pl.col("angle").is_null())["source_name"].unique().sort().to_list()
    if unmapped:
        trial.notes.append(
            f"channels of the file without a counterpart were left out: {', '.join(unmapped[:8])}"
            + (" …" if len(unmapped) > 8 else "")
        )
    mapped = rows.drop_nulls("angle")
    if mapped.is_empty():
        raise UsageError(f"{trial.name}: none of the file's own angles has a counterpart in joint_angles")
    wide = mapped.pivot(on="angle", index=["frame", "time_s"], values="value_deg", aggregate_function="first").sort(
        "frame"
    )
    order = [c for c in _angle_columns() if c in wide.columns]
    return wide.select("frame", "time_s", *order)


def _angle_columns() -> list[str]:
    from neurostore.sql import views

    return [c.name for c in views.declared()["joint_angles"].columns if c.name.endswith("_deg")]
