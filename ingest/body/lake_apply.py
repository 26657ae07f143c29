"""Bodies of trials that are already in a lake: fitted to their landmarks there, the rest of the trial unchanged.

The body is that of an ingest with ``--body``: static trials of a session come first and give the others their lengths, and
the confidence and spread of a video weigh its landmarks.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neurostore.arrays import Floats
from neurostore.ingest.landmarks import Landmarks
from neurostore.ingest.recording import Calibration, Step, unique
from neurostore.ingest.stored_trials import (
    Renewal,
    RenewalReport,
    calibrations_of,
    columns_to_keep,
    key_of,
    poses_of,
    renew_trials,
    steps_of,
    trial_rows,
)
from neurostore.lake.commit import TrialTables
from neurostore.lake.version import Version
from neurostore.schema import components_of, tables

from . import static_choice
from .fitting import RESIDUAL, VERSION, BodySettings
from .trial import body_tables, our_body, static_lengths, weights_of

BODY_TABLES = ("body_angles", "body_coordinates", "body_fit", "body_models")
_STEPS = ("body_scale", "body_fit")
_CALIBRATION = ("parameter", "side", "value", "unit", "source")


def apply_to_lake(
    path: Path | str,
    subjects: Iterable[str] = (),
    settings: BodySettings | None = None,
    *,
    force: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> RenewalReport:
    """Fit a body to every trial of a lake that has landmarks, or to those of some subjects. One commit per subject.

    force : also to those that have a body of this version, and in place of a user's own model.

    Raises
    ------
    UsageError : a subject that the lake does not have, or no trial with landmarks.
    """
    sessions = _Sessions()
    renewal = Renewal(
        "body",
        takes=lambda row, is_asked_for: bool(dict(row["table_rows"]).get("landmarks")),
        none_found="with landmarks, which a body is fitted to",
        is_done=sessions.is_done,
        renew=lambda lake, row: _trial(lake, row, settings, sessions),
        is_first=lambda row: row["kind"] == "static",
    )
    return renew_trials(path, renewal, subjects, force=force, say=say)


@dataclass
class _Sessions:
    """What the static trials of each session say of the body, as far as they were looked at."""

    statics: dict[tuple[str, str], dict[str, list[Calibration]]] = field(default_factory=dict)

    def others(self, row: dict[str, Any]) -> dict[str, list[Calibration]]:
        """The other static trials of a trial's session, by name."""
        subject, session, trial = key_of(row)
        known = self.statics.get((subject, session), {})
        return {name: known[name] for name in sorted(known) if name != trial}

    def add(self, row: dict[str, Any], calibrations: Iterable[Calibration]) -> None:
        subject, session, trial = key_of(row)
        of_body = [c for c in calibrations if static_choice.is_of_body(c)]
        self.statics.setdefault((subject, session), {})[trial] = of_body

    def is_done(self, lake: Version, row: dict[str, Any]) -> bool:
        """Whether the trial has the body that it would get; one of the user's own model is left alone."""
        step = next((s for s in steps_of(row) if s["name"] == "body_fit"), None)
        if step is None:
            return False
        if "own_model" not in step["parameters"]:
            scaled = [s["parameters"] for s in steps_of(row) if s["name"] == "body_scale"]
            given = static_lengths(row["kind"], static_choice.given_by(self.others(row)))
            if step["version"] != VERSION or [p.get("static_mm", {}) for p in scaled] != [given]:
                return False
        if row["kind"] == "static" and dict(row["table_rows"]).get("calibrations"):
            self.add(row, calibrations_of({"calibrations": trial_rows(lake, "calibrations", row)}))
        return True


def _trial(lake: Version, row: dict[str, Any], settings: BodySettings | None, sessions: _Sessions) -> TrialTables:
    """The trial as it is to be staged: every table as it is there, and its body."""
    stored = {name: trial_rows(lake, name, row) for name, n in row["table_rows"] if n}
    bare, kept = without_body(row, stored)
    landmarks = landmarks_of(kept["landmarks"], json.loads(row["landmark_methods"] or "{}"))
    landmarks.steps = [Step(s["name"], s["version"], s["parameters"]) for s in steps_of(bare)]
    others = sessions.others(row)
    known, given = calibrations_of(kept), static_choice.given_by(others)
    weights = _weights(lake, row, kept, landmarks)
    body = our_body(row["kind"], row["rate_hz"], landmarks, weights, [*known, *given], settings)
    if row["kind"] == "static":
        sessions.add(row, body.calibrations)
    else:
        body.notes += [note for note in [static_choice.chosen(others)[1]] if note]
    rows = [{n: getattr(c, n) for n in _CALIBRATION} for c in unique([*known, *body.calibrations, *given])]
    ingest_id = uuid.uuid4().hex
    steps = [{"name": s.name, "version": s.version, "parameters": s.parameters} for s in body.steps]
    changed = {
        "steps": json.dumps([*steps_of(bare), *steps]),
        "quality": [*bare["quality"], *body.quality.items()],
        "notes": [*bare["notes"], *body.notes],
        "ingest_id": ingest_id,
    }
    made = {**kept, "calibrations": _calibrations(rows), **body_tables(body)}
    return TrialTables(key_of(row), ingest_id, {**columns_to_keep(bare), **changed}, made)


def without_body(row: dict[str, Any], stored: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A row of trials_table and the trial's tables without what an earlier fit of a body left there."""
    names = [s["parameters"]["own_model"] for s in steps_of(row) if "own_model" in s["parameters"]]
    begins = ("body:", "no body fitted", *(f"body {name}:" for name in names))
    bare = {
        **row,
        "steps": json.dumps([s for s in steps_of(row) if s["name"] not in _STEPS]),
        "quality": [(k, v) for k, v in row["quality"] or [] if k != RESIDUAL],
        "notes": [n for n in row["notes"] or [] if not n.startswith(begins)],
    }
    kept = {name: rows for name, rows in stored.items() if name not in BODY_TABLES}
    if "calibrations" in kept:
        of_others = [
            c["parameter"] == "body_mass" or not c["parameter"].startswith("body_")
            for c in kept["calibrations"].to_pylist()
        ]
        kept["calibrations"] = kept["calibrations"].filter(of_others)
    return bare, kept


def _weights(lake: Version, row: dict[str, Any], stored: Mapping[str, Any], landmarks: Landmarks) -> dict[str, Floats]:
    """Weights of a video's landmarks; none for other trials, whose poses are not read for it."""
    table = stored[f"poses/{row['skeleton']}"]
    quality = dict(row["quality"] or [])
    is_sure = all(n not in table.column_names or table[n].null_count == len(table) for n in ("confidence", "sd_mm"))
    if is_sure and row["kind"] != "video":
        return {}
    return weights_of(poses_of(lake, row, stored), landmarks, quality)


def _calibrations(rows: list[dict[str, Any]]) -> Any:
    import pyarrow as pa

    types = {f.name: f.type for f in tables()["calibrations"].arrow()}
    return pa.table({n: pa.array([r[n] for r in rows], types[n]) for n in _CALIBRATION})


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
