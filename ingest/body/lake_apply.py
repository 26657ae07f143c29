"""Bodies of trials that are already in a lake: fitted to their landmarks there, the rest of the trial as it lies."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError, NeurostoreError, UsageError
from neurostore.ingest.landmarks import Landmarks
from neurostore.ingest.recording import Calibration
from neurostore.schema import tables
from neurostore.trial_key import Key

from .fitting import VERSION, BodySettings, fit_body
from .trial import body_tables, stated_mass

if TYPE_CHECKING:
    from neurostore.lake.version import Version

BODY_TABLES = ("body_angles", "body_fit", "body_models")
_KEYS = ("subject", "session", "trial", "ingest_id")
_STEPS = ("body_scale", "body_fit")


@dataclass(slots=True)
class ApplyReport:
    """Keys (subject, session, trial). skipped : they have a body of this version. refused : named, unchanged."""

    fitted: list[Key] = field(default_factory=list)
    skipped: list[Key] = field(default_factory=list)
    refused: list[InputError] = field(default_factory=list)
    version: int | None = None

    @property
    def exit_code(self) -> int:
        """Exit status: 0 success, 1 some trials refused, 3 nothing could be done."""
        return 0 if not self.refused else 1 if self.fitted or self.skipped else 3


def apply_to_lake(
    path: Path | str,
    subjects: Iterable[str] = (),
    settings: BodySettings | None = None,
    *,
    force: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> ApplyReport:
    """Fit a body to every trial of a lake that has landmarks, or to those of some subjects. One commit a subject.

    Raises
    ------
    UsageError : a subject that the lake does not have, or no trial with landmarks.
    """
    from neurostore.lake.commit import commit, running, stage
    from neurostore.lake.version import open as open_lake
    from neurostore.upkeep.erase import finish_erasures

    finish_erasures(path)
    lake = open_lake(path)
    rows = lake.trials_table().to_pylist()
    wanted = list(subjects)
    unknown = sorted(set(wanted) - {r["subject"] for r in rows})
    if unknown:
        raise UsageError(f"{path}: holds no subject {', '.join(unknown)}")
    chosen = [r for r in rows if (not wanted or r["subject"] in wanted) and dict(r["table_rows"]).get("landmarks")]
    if not chosen:
        raise UsageError(f"{path}: holds no trial with landmarks, which a body is fitted to")
    report = ApplyReport()
    with running(lake.path):
        for subject in sorted({r["subject"] for r in chosen}):
            made = []
            for row in (r for r in chosen if r["subject"] == subject):
                key = (row["subject"], row["session"], row["trial"])
                if not force and _is_done(row):
                    report.skipped.append(key)
                    continue
                try:
                    made.append(_trial(lake, row, settings))
                except NeurostoreError as error:
                    problems = error.problems if isinstance(error, InputError) else (str(error),)
                    report.refused.append(InputError("/".join(k for k in key if k), *problems))
                    continue
                report.fitted.append(key)
                say("/".join(k for k in key if k))
            if made:
                report.version = commit(lake.path, [stage(lake.path, made)], message=f"body {subject}")
    return report


def _is_done(row: dict[str, Any]) -> bool:
    steps = json.loads(row["steps"] or "[]")
    return any(s["name"] == "body_fit" and s["version"] == VERSION for s in steps)


def _trial(lake: Version, row: dict[str, Any], settings: BodySettings | None) -> Any:
    """The trial as it is to be staged: every table as it lies there, and its body."""
    from neurostore.lake.commit import TrialTables

    kept = {name: trial_rows(lake, name, row) for name, n in row["table_rows"] if n and name not in BODY_TABLES}
    landmarks = landmarks_of(kept["landmarks"], json.loads(row["landmark_methods"] or "{}"))
    known = kept["calibrations"].to_pylist() if "calibrations" in kept else []
    mass = stated_mass(Calibration(*(c[n] for n in ("parameter", "side", "value", "unit", "source"))) for c in known)
    body = fit_body(landmarks, row["rate_hz"], settings, mass_kg=mass)
    steps = [s for s in json.loads(row["steps"] or "[]") if s["name"] not in _STEPS]
    steps += [{"name": s.name, "version": s.version, "parameters": s.parameters} for s in body.steps]
    quality = {k: v for k, v in (row["quality"] or []) if not k.startswith("body_")} | body.quality
    notes = [n for n in (row["notes"] or []) if not n.startswith(("body:", "no body fitted"))] + body.notes
    ingest_id = uuid.uuid4().hex
    changed = {"steps": json.dumps(steps), "quality": list(quality.items()), "notes": notes, "ingest_id": ingest_id}
    stays = {k: v for k, v in row.items() if k not in ("table_rows", "table_versions", "ingested_at")}
    if "calibrations" in kept:
        kept["calibrations"] = _calibrations(kept["calibrations"], body.calibrations)
    key = (row["subject"], row["session"], row["trial"])
    return TrialTables(key, ingest_id, {**stays, **changed}, {**kept, **body_tables(body)})


def trial_rows(lake: Version, table: str, row: dict[str, Any]) -> Any:
    """The trial's live rows of a table as Arrow, keys left out, in the order of person and frame where there are."""
    import polars as pl

    scan = lake.scan(table).filter((pl.col("subject") == row["subject"]) & (pl.col("ingest_id") == row["ingest_id"]))
    names = scan.collect_schema().names()
    if "frame" in names and "person" in names:
        scan = scan.sort("person", "frame")
    return scan.drop([k for k in _KEYS if k in names]).collect().to_arrow()


def landmarks_of(rows: Any, methods: dict[str, str]) -> Landmarks:
    """Landmarks from their rows in the lake."""
    declared = {c.name: c.type for c in tables()["landmarks"].columns}
    out = Landmarks(rows["person"].to_numpy(), rows["frame"].to_numpy(), rows["time_s"].to_numpy(), methods=methods)
    for name in rows.column_names:
        column = rows[name].combine_chunks()
        if declared.get(name) == "point" and column.null_count < len(column):
            out.points[name] = _parts(column, "xyz")
        elif declared.get(name) == "rotation" and column.null_count < len(column):
            out.segments[name.removesuffix("_rotation")] = _parts(column, "wxyz")
    return out


def _parts(column: Any, names: str) -> Floats:
    """(n, k) float32 of a STRUCT column, NaN where NULL."""
    out = np.stack([column.field(a).to_numpy(zero_copy_only=False) for a in names], axis=1).astype(np.float32)
    out[column.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return out


def _calibrations(rows: Any, added: list[Calibration]) -> Any:
    import pyarrow as pa

    old = [
        r for r in rows.to_pylist() if not (r["parameter"].startswith("body_") and r["parameter"].endswith("_length"))
    ]
    new = [{n: getattr(c, n) for n in ("parameter", "side", "value", "unit", "source")} for c in added]
    return pa.Table.from_pylist(old + new, schema=rows.schema)
