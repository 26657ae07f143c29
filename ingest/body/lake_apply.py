"""Bodies of trials that are already in a lake: fitted to their landmarks there, the rest of the trial unchanged."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from neurostore.ingest.landmarks import Landmarks
from neurostore.ingest.recording import Calibration
from neurostore.ingest.stored_trials import (
    Renewal,
    RenewalReport,
    columns_to_keep,
    key_of,
    renew_trials,
    steps_of,
    trial_rows,
)
from neurostore.lake.commit import TrialTables
from neurostore.lake.version import Version
from neurostore.schema import components_of, tables

from .fitting import VERSION, BodySettings, fit_body
from .trial import body_tables, stated_mass

BODY_TABLES = ("body_angles", "body_coordinates", "body_fit", "body_models")
_STEPS = ("body_scale", "body_fit")


def apply_to_lake(
    path: Path | str,
    subjects: Iterable[str] = (),
    settings: BodySettings | None = None,
    *,
    force: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> RenewalReport:
    """Fit a body to every trial of a lake that has landmarks, or to those of some subjects. One commit per subject.

    force : also to those that have a body of this version.

    Raises
    ------
    UsageError : a subject that the lake does not have, or no trial with landmarks.
    """
    renewal = Renewal(
        "body",
        takes=lambda row, is_asked_for: bool(dict(row["table_rows"]).get("landmarks")),
        none_found="with landmarks, which a body is fitted to",
        is_done=lambda row: any(s["name"] == "body_fit" and s["version"] == VERSION for s in steps_of(row)),
        renew=lambda lake, row: _trial(lake, row, settings),
    )
    return renew_trials(path, renewal, subjects, force=force, say=say)


def _trial(lake: Version, row: dict[str, Any], settings: BodySettings | None) -> TrialTables:
    """The trial as it is to be staged: every table as it is there, and its body."""
    kept = {name: trial_rows(lake, name, row) for name, n in row["table_rows"] if n and name not in BODY_TABLES}
    landmarks = landmarks_of(kept["landmarks"], json.loads(row["landmark_methods"] or "{}"))
    known = kept["calibrations"].to_pylist() if "calibrations" in kept else []
    mass = stated_mass(Calibration(*(c[n] for n in ("parameter", "side", "value", "unit", "source"))) for c in known)
    body = fit_body(landmarks, row["rate_hz"], settings, mass_kg=mass, is_filtered=row["cutoff_hz"] != 0)
    steps = [s for s in steps_of(row) if s["name"] not in _STEPS]
    steps += [{"name": s.name, "version": s.version, "parameters": s.parameters} for s in body.steps]
    quality = {k: v for k, v in (row["quality"] or []) if not k.startswith("body_")} | body.quality
    notes = [n for n in (row["notes"] or []) if not n.startswith(("body:", "no body fitted"))] + body.notes
    ingest_id = uuid.uuid4().hex
    changed = {"steps": json.dumps(steps), "quality": list(quality.items()), "notes": notes, "ingest_id": ingest_id}
    if "calibrations" in kept:
        kept["calibrations"] = _calibrations(kept["calibrations"], body.calibrations)
    return TrialTables(key_of(row), ingest_id, {**columns_to_keep(row), **changed}, {**kept, **body_tables(body)})


def landmarks_of(rows: Any, methods: dict[str, str]) -> Landmarks:
    """Landmarks from their rows in the lake."""
    declared = {c.name: c.type for c in tables()["landmarks"].columns}
    out = Landmarks(rows["person"].to_numpy(), rows["frame"].to_numpy(), rows["time_s"].to_numpy(), methods=methods)
    for name in rows.column_names:
        column = rows[name]
        if declared.get(name) == "point" and column.null_count < len(column):
            out.points[name] = components_of(column)
        elif declared.get(name) == "rotation" and column.null_count < len(column):
            out.segments[name.removesuffix("_rotation")] = components_of(column)
    return out


def _calibrations(rows: Any, added: list[Calibration]) -> Any:
    import pyarrow as pa

    old = [
        r for r in rows.to_pylist() if not (r["parameter"].startswith("body_") and r["parameter"].endswith("_length"))
    ]
    new = [{n: getattr(c, n) for n in ("parameter", "side", "value", "unit", "source")} for c in added]
    return pa.Table.from_pylist(old + new, schema=rows.schema)
