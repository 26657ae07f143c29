"""One read trial and its landmarks as rows of the lake's tables (pyarrow), and its row in ``trials``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from neurostore.arrays import Floats, Ints
from neurostore.ingest.kinetics import tables as kinetic_tables
from neurostore.ingest.recording import Calibration, Poses, Recording
from neurostore.lake.columns import repeated, repeated_texts
from neurostore.lake.frames import Block, Frames
from neurostore.schema import rows_table, tables
from neurostore.skeleton import Skeleton
from neurostore.trial_key import Key

if TYPE_CHECKING:
    from neurostore.ingest.landmarks import Landmarks


def tables_of(
    recording: Recording,
    landmarks: Landmarks | None,
    calibrations: Iterable[Calibration],
    cutoff_hz: float = 0.0,
) -> dict[str, pa.Table | Frames]:
    """Every table the trial has rows in, by name, without the keys; ``trials`` apart. A missing joint is NaN.

    cutoff_hz : that of the landmarks, for the forces brought to their frames.
    """
    rows_by_table: dict[str, pa.Table | Frames] = {poses.skeleton.table: _poses(poses) for poses in recording.poses}
    if landmarks is not None:
        rows_by_table["landmarks"] = _landmarks(landmarks)
    for name, rows in (
        ("calibrations", _calibrations(calibrations)),
        ("source_events", _events(recording)),
        ("source_angles", _angles(recording)),
        ("source_curves", _curves(recording)),
        ("source_kinetics", kinetic_tables.source_kinetics(recording)),
        ("force_plates", kinetic_tables.force_plates(recording)),
        ("forces", kinetic_tables.forces(recording)),
        ("plate_frames", kinetic_tables.plate_frames(recording, cutoff_hz)),
        ("analog", kinetic_tables.analog(recording)),
        ("emg", kinetic_tables.emg(recording)),
    ):
        if rows and len(next(iter(rows.values()))):
            rows_by_table[name] = _typed(name, rows)
    if recording.poses:
        described = [_skeleton_table(poses.skeleton) for poses in recording.poses]
        rows_by_table["skeletons"] = described[0] if len(described) == 1 else pa.concat_tables(described)
    return rows_by_table


_described: dict[tuple[Any, ...], pa.Table] = {}


def _skeleton_table(skeleton: Skeleton) -> pa.Table:
    """Rows of ``skeletons``, made once for trials of the same skeleton."""
    s = skeleton
    key = (s.name, s.joints, s.source_names, s.bones, s.pairs, s.renamed)
    if key not in _described:
        if len(_described) > 64:
            _described.clear()
        _described[key] = rows_table("skeletons", _skeleton_rows(skeleton))
    return _described[key]


def _skeleton_rows(skeleton: Skeleton) -> list[dict[str, Any]]:
    """Rows of ``skeletons``: the declaration the trial was written with."""
    joints = skeleton.joints
    parent = {child: other for other, child in reversed(skeleton.bones)}
    counterpart = dict(skeleton.pairs) | {right: left for left, right in skeleton.pairs}
    because = {column: reason for _, column, reason in skeleton.renamed}
    return [
        {
            "skeleton": skeleton.name,
            "joint_index": index,
            "joint": joint,
            "source_name": source,
            "parent": parent.get(joint),
            "counterpart": counterpart.get(joint),
            "renamed_because": because.get(joint),
        }
        for index, (joint, source) in enumerate(zip(joints, skeleton.source_names or joints, strict=True))
    ]


def _poses(poses: Poses) -> pa.Table | Frames:
    joints = poses.skeleton.joints
    blocks = [Block(joints, _by_column(poses.positions))]
    if poses.rotations is not None:
        blocks.append(Block(tuple(f"{joint}_rotation" for joint in joints), _by_column(poses.rotations)))
    frames = Frames(*_clock(poses), tuple(blocks))
    lists = {
        n: getattr(poses, n)
        for n in ("confidence", "sd_mm", "reprojection_px", "picture")
        if getattr(poses, n) is not None
    }
    if not lists:
        return frames
    rows = frames.to_arrow()
    # a list in the order of the joints; in the column picture, a list of scale, x and y
    for name, values in lists.items():
        flat = np.ascontiguousarray(values, np.float32).ravel()
        offsets = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
        listed = pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat, mask=np.isnan(flat)))
        rows = rows.append_column(name, listed)
    return rows


def _landmarks(landmarks: Landmarks) -> Frames:
    """Columns in the order of their declaration."""
    place = _places()
    segments = {f"{name}_rotation": values for name, values in landmarks.segments.items()}
    blocks = []
    for given in (landmarks.points, segments):
        names = tuple(sorted(given, key=place.__getitem__))
        if names:
            blocks.append(Block(names, np.stack([np.asarray(given[name], np.float32).T for name in names])))
    scalars = {n: landmarks.scalars[n] for n in sorted(landmarks.scalars, key=place.__getitem__)}
    return Frames(*_clock(landmarks), tuple(blocks), scalars)


@cache
def _places() -> dict[str, int]:
    return {column.name: i for i, column in enumerate(tables()["landmarks"].columns)}


def _by_column(values: Floats) -> Floats:
    """(n, J, c) as (J, c, n) with time along memory, which it is already where a reader made it so."""
    return np.ascontiguousarray(np.asarray(values, np.float32).transpose(1, 2, 0))


def _clock(rows: Any) -> tuple[Ints, Ints, Floats]:
    return np.asarray(rows.person, np.int32), np.asarray(rows.frame, np.int32), np.asarray(rows.time_s, np.float64)


def _typed(name: str, rows: dict[str, Any]) -> pa.Table:
    fields = {f.name: f.type for f in tables()[name].arrow()}
    return pa.table({n: v if isinstance(v, pa.DictionaryArray) else pa.array(v, fields[n]) for n, v in rows.items()})


def _calibrations(calibrations: Iterable[Calibration]) -> dict[str, Any]:
    given = list(calibrations)
    return {n: [getattr(c, n) for c in given] for n in ("parameter", "side", "value", "unit", "source")}


def _events(recording: Recording) -> dict[str, Any]:
    return {
        name: [getattr(e, name) for e in recording.events]
        for name in ("event", "side", "time_s", "label", "description")
    }


def _angles(recording: Recording) -> dict[str, Any]:
    """Long rows; in our sign where the angle is known. A value the file leaves out (NaN) is NULL."""
    angles = recording.angles
    if not angles:
        return {}
    lengths = [len(a.time_s) for a in angles]
    signs = [a.sign if a.angle else 1 for a in angles]
    values = np.concatenate([s * np.asarray(a.values, np.float64) for s, a in zip(signs, angles, strict=True)])
    return {
        "frame": np.concatenate([np.arange(n, dtype=np.int32) for n in lengths]),
        "time_s": np.concatenate([np.asarray(a.time_s, np.float64) for a in angles]),
        **{n: repeated_texts([getattr(a, n) for a in angles], lengths) for n in ("source_name", "component", "angle")},
        "value_deg": pa.array(values, mask=np.isnan(values)),
    }


def _curves(recording: Recording) -> dict[str, Any]:
    """Long rows, 101 per curve; a value the file leaves out (NaN) is NULL."""
    curves = recording.curves
    if not curves:
        return {}
    n = len(curves[0].values)
    names = ("side", "cycle", "n_cycles", "model", "recorded_by", "source_name", "angle")
    values = np.concatenate([c.values for c in curves])
    return {
        **{name: repeated([getattr(c, name) for c in curves], [n] * len(curves)) for name in names},
        "percent": np.tile(np.arange(n, dtype=np.int32), len(curves)),
        "value_deg": pa.array(values, mask=np.isnan(values)),
    }


def row_of(
    key: Key, ingest_id: str, recording: Recording, landmarks: Landmarks | None, notes: list[str]
) -> dict[str, Any]:
    """What the row in ``trials`` says of the recording itself; the source, settings and metadata are the caller's."""
    poses = recording.poses[0] if recording.poses else None
    clocks = [poses.time_s[poses.person == 0]] if poses is not None else [a.time_s for a in recording.angles[:1]]
    time_s = clocks[0] if clocks else np.zeros(0)  # curves have no time stamps
    steps = [*recording.steps, *(landmarks.steps if landmarks is not None else ())]
    estimator = recording.estimator
    named = " ".join(str(estimator[k]) for k in ("name", "version") if estimator.get(k))
    quality = {**recording.quality, **(landmarks.quality if landmarks is not None else {})}
    return {
        "subject": key[0],
        "session": key[1],
        "trial": key[2],
        "ingest_id": ingest_id,
        "kind": recording.kind,
        "skeleton": poses.skeleton.name if poses is not None else None,
        "skeletons": [p.skeleton.name for p in recording.poses],
        "n_frames": len(time_s),
        "n_persons": len(np.unique(poses.person)) if poses is not None else 0,
        "rate_hz": float(recording.rate_hz),
        "duration_s": float(time_s[-1] - time_s[0]) if len(time_s) else 0.0,
        "up_source": recording.up_source,
        "position_basis": recording.position_basis,
        "length_basis": recording.length_basis,
        "is_treadmill": recording.is_treadmill,
        "pelvis_zero": landmarks.pelvis_zero if landmarks is not None else "none",
        "estimator": named or None,
        "model_sha256": estimator.get("model_sha256"),
        "landmark_methods": json.dumps(landmarks.methods, sort_keys=True) if landmarks is not None else None,
        "steps": json.dumps([{"name": s.name, "version": s.version, "parameters": s.parameters} for s in steps]),
        "notes": [*recording.notes, *(landmarks.notes if landmarks is not None else ()), *notes],
        "quality": [(k, float(v)) for k, v in quality.items() if v is not None and np.isfinite(v)],
    }
