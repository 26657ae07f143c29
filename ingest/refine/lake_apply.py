"""Refinement of trials that are in a lake: poses untouched, landmarks computed again, the step recorded."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurostore.errors import InputError
from neurostore.ingest.body.lake_apply import without_body
from neurostore.ingest.recording import Recording, Step
from neurostore.ingest.refine.apply import VERSION, refined_recording
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
from neurostore.trial_key import key_text

if TYPE_CHECKING:
    from neurostore.ingest.refine.refiner import Refiner

_OLD_STEPS = {"depth_refinement", "fill_gaps", "butterworth", "landmarks"}  # computed again


def apply_to_lake(
    path: Path | str,
    refiner: Refiner,
    subjects: Iterable[str] = (),
    *,
    force: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> RenewalReport:
    """Refine the video trials of a lake, or of some subjects. One commit per subject.

    Trials that are not videos are refused and named if their subject was requested, otherwise skipped.
    force : also those refined by this checkpoint already.

    Raises
    ------
    UsageError : a subject that the lake does not have, or no video in the lake at all.
    """
    renewal = Renewal(
        "refine",
        takes=lambda row, is_asked_for: (
            is_asked_for or (row["kind"] == "video" and row["position_basis"] != "triangulated")
        ),
        none_found="from video; only poses from video can be refined",
        is_done=lambda lake, row: _is_done(row, refiner),
        renew=lambda lake, row: _trial(lake, row, refiner),
    )
    return renew_trials(path, renewal, subjects, force=force, say=say)


def _is_done(row: dict[str, Any], refiner: Refiner) -> bool:
    return any(
        s["name"] == "depth_refinement"
        and s["version"] == VERSION
        and s["parameters"].get("checkpoint_sha256") == refiner.about["sha256"]
        for s in steps_of(row)
    )


def _trial(lake: Version, row: dict[str, Any], refiner: Refiner) -> TrialTables:
    """The trial as it is to be staged: every table as it is there, but for the landmarks."""
    from neurostore.ingest.landmarks import compute_landmarks
    from neurostore.ingest.trial_tables import row_of, tables_of

    where = key_text(key_of(row))
    if not row["skeleton"]:
        raise InputError(where, "has angles only, no poses to refine")
    stored = {name: trial_rows(lake, name, row) for name, n in row["table_rows"] if n and name != "landmarks"}
    row, tables = without_body(row, stored)
    recording = _recording(lake, row, tables)
    shown, depth_sd_mm = refined_recording(recording, refiner, where)
    cutoff_hz = 6.0 if row["cutoff_hz"] is None else row["cutoff_hz"]
    landmarks = compute_landmarks(shown, cutoff_hz=cutoff_hz, hip_method=_hip_method(row))
    landmarks.scalars["depth_sd_mm"] = depth_sd_mm
    ingest_id = uuid.uuid4().hex
    made = row_of(key_of(row), ingest_id, shown, landmarks, [])
    renewed = {name: made[name] for name in ("steps", "quality", "landmark_methods", "pelvis_zero")}
    notes = list(dict.fromkeys([*row["notes"], *landmarks.notes]))
    if "body_models" in stored:
        notes.append(
            f"body: left out, because it was fitted before the refinement; `neurostore body apply {row['subject']}` fits one"
        )
    tables["landmarks"] = tables_of(shown, landmarks, ())["landmarks"]
    changed = {**renewed, "notes": notes, "ingest_id": ingest_id}
    return TrialTables(key_of(row), ingest_id, {**columns_to_keep(row), **changed}, tables)


def _hip_method(row: dict[str, Any]) -> str:
    """The hip method that the trial was ingested with."""
    methods = [s["parameters"].get("hip_method") for s in steps_of(row) if s["name"] == "landmarks"]
    return next((method for method in methods if method), "harrington")


def _recording(lake: Version, row: dict[str, Any], tables: dict[str, Any]) -> Recording:
    """What a reader or an estimator had returned, from the lake's rows."""
    steps = [Step(s["name"], s["version"], s["parameters"]) for s in steps_of(row)]
    return Recording(
        kind=row["kind"],
        rate_hz=row["rate_hz"],
        poses=[poses_of(lake, row, tables)],
        up_source=row["up_source"],
        position_basis=row["position_basis"],
        length_basis=row["length_basis"],
        calibrations=calibrations_of(tables),
        steps=[s for s in steps if s.name not in _OLD_STEPS],
        quality={k: v for k, v in row["quality"] if not k.startswith("depth_")},
    )
