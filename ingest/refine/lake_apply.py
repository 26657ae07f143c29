"""Refinement of trials that lie in a lake: poses untouched, landmarks made again, the step recorded."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore import skeleton as skeletons
from neurostore.arrays import Floats
from neurostore.errors import InputError, NeurostoreError, UsageError
from neurostore.ingest.recording import Calibration, Poses, Recording, Step
from neurostore.ingest.refine.apply import refined_recording
from neurostore.schema import components_of
from neurostore.trial_key import Key, key_text

if TYPE_CHECKING:
    from neurostore.ingest.refine.refiner import Refiner
    from neurostore.lake.version import Version

_KEYS = ("subject", "session", "trial", "ingest_id")
_OLD_STEPS = {"depth_refinement", "fill_gaps", "butterworth", "landmarks"}  # made again


@dataclass(slots=True)
class ApplyReport:
    """Keys (subject, session, trial). skipped : refined by this very checkpoint already. refused : named, unchanged."""

    refined: list[Key] = field(default_factory=list)
    skipped: list[Key] = field(default_factory=list)
    refused: list[InputError] = field(default_factory=list)
    version: int | None = None

    @property
    def exit_code(self) -> int:
        """Exit status: 0 success, 1 some trials refused, 3 nothing could be done."""
        return 0 if not self.refused else 1 if self.refined or self.skipped else 3


def apply_to_lake(
    path: Path | str,
    refiner: Refiner,
    subjects: Iterable[str] = (),
    *,
    force: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> ApplyReport:
    """Refine the video trials of a lake, or of some subjects. One commit a subject.

    Trials that are no video are refused by name where their subject was asked for, else passed over.
    force : also those refined by this checkpoint already.

    Raises
    ------
    UsageError : a subject that the lake does not have, or no video in the lake at all.
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
    chosen = [r for r in rows if r["subject"] in wanted or (not wanted and r["kind"] == "video")]
    if not chosen:
        raise UsageError(f"{path}: holds no trial from video; only poses from video can be refined")
    report = ApplyReport()
    with running(lake.path):
        for subject in sorted({r["subject"] for r in chosen}):
            made = []
            for row in (r for r in chosen if r["subject"] == subject):
                key = (row["subject"], row["session"], row["trial"])
                if not force and _is_done(row, refiner):
                    report.skipped.append(key)
                    continue
                try:
                    made.append(_trial(lake, row, refiner))
                except NeurostoreError as error:
                    problems = error.problems if isinstance(error, InputError) else (str(error),)
                    report.refused.append(InputError(key_text(key), *problems))
                    continue
                report.refined.append(key)
                say(key_text(key))
            if made:
                report.version = commit(lake.path, [stage(lake.path, made)], message=f"refine {subject}")
    return report


def _is_done(row: dict[str, Any], refiner: Refiner) -> bool:
    steps = json.loads(row["steps"] or "[]")
    return any(
        s["name"] == "depth_refinement" and s["parameters"].get("checkpoint_sha256") == refiner.about["sha256"]
        for s in steps
    )


def _trial(lake: Version, row: dict[str, Any], refiner: Refiner) -> Any:
    """The trial as it is to be staged: every table as it lies there, but for the landmarks."""
    from neurostore.ingest.landmarks import compute_landmarks
    from neurostore.ingest.trial_tables import row_of, tables_of
    from neurostore.lake.commit import TrialTables

    where = key_text((row["subject"], row["session"], row["trial"]))
    if not row["skeleton"]:
        raise InputError(where, "has only angles and no poses to refine")
    tables = {name: _rows(lake, name, row) for name, n in row["table_rows"] if n and name != "landmarks"}
    recording = _recording(row, tables)
    shown, depth_sd_mm = refined_recording(recording, refiner, where)
    cutoff_hz = 6.0 if row["cutoff_hz"] is None else row["cutoff_hz"]
    landmarks = compute_landmarks(shown, cutoff_hz=cutoff_hz, hip_method=_hip_method(row))
    landmarks.scalars["depth_sd_mm"] = depth_sd_mm
    ingest_id = uuid.uuid4().hex
    key = (row["subject"], row["session"], row["trial"])
    made = row_of(key, ingest_id, shown, landmarks, [])
    renewed = {name: made[name] for name in ("steps", "quality", "landmark_methods", "pelvis_zero")}
    kept = {k: v for k, v in row.items() if k not in ("table_rows", "table_versions", "ingested_at")}
    notes = list(dict.fromkeys([*(row["notes"] or []), *landmarks.notes]))
    tables["landmarks"] = tables_of(shown, landmarks, ())["landmarks"]
    return TrialTables(key, ingest_id, {**kept, **renewed, "notes": notes, "ingest_id": ingest_id}, tables)


def _hip_method(row: dict[str, Any]) -> str:
    """The hip method that the trial was ingested with."""
    methods = [s["parameters"].get("hip_method") for s in json.loads(row["steps"] or "[]") if s["name"] == "landmarks"]
    return next((method for method in methods if method), "harrington")


def _rows(lake: Version, table: str, row: dict[str, Any]) -> Any:
    """The trial's live rows of a table as Arrow, keys left out."""
    import polars as pl

    scan = lake.scan(table).filter(pl.col("ingest_id") == row["ingest_id"])
    names = scan.collect_schema().names()
    if "frame" in names and "person" in names:
        scan = scan.sort("person", "frame")
    return scan.drop([k for k in _KEYS if k in names]).collect().to_arrow()


def _recording(row: dict[str, Any], tables: dict[str, Any]) -> Recording:
    """What a reader or an estimator had returned, from the lake's rows."""
    skeleton = skeletons.load(row["skeleton"])
    table = tables[f"poses/{row['skeleton']}"]
    joints = [j for j in skeleton.joints if j in table.column_names]
    if len(joints) < len(skeleton.joints):
        lost = ", ".join(j for j in skeleton.joints if j not in joints)
        raise InputError(row["trial"], f"its poses lack {lost} of the skeleton {row['skeleton']}")
    positions = np.stack([components_of(table[j]) for j in joints], axis=1)
    n, m = positions.shape[:2]
    poses = Poses(
        skeleton,
        person=table["person"].to_numpy(),
        frame=table["frame"].to_numpy(),
        time_s=table["time_s"].to_numpy(),
        positions=positions,
        confidence=_lists(table, "confidence", n, m),
        sd_mm=_lists(table, "sd_mm", n, m),
    )
    steps = [Step(s["name"], s["version"], s["parameters"]) for s in json.loads(row["steps"] or "[]")]
    given = tables["calibrations"].to_pylist() if "calibrations" in tables else []
    return Recording(
        kind=row["kind"],
        rate_hz=row["rate_hz"],
        poses=[poses],
        up_source=row["up_source"],
        position_basis=row["position_basis"],
        length_basis=row["length_basis"],
        calibrations=[
            Calibration(**{k: c[k] for k in ("parameter", "side", "value", "unit", "source")}) for c in given
        ],
        steps=[s for s in steps if s.name not in _OLD_STEPS],
        quality={k: v for k, v in (row["quality"] or []) if not k.startswith("depth_")},
    )


def _lists(table: Any, name: str, n: int, m: int) -> Floats | None:
    """(n, m) float32 of a list column, NaN where NULL; None where the table has none."""
    if name not in table.column_names or table[name].null_count == len(table):
        return None
    out = np.full((n, m), np.nan, np.float32)
    for i, values in enumerate(table[name].to_pylist()):
        if values is not None and len(values) == m:
            out[i] = [np.nan if v is None else v for v in values]
    return out
