"""One read trial and its landmarks as rows of the lake's tables (pyarrow), and its row in ``trials``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from neurostore.schema import rows_table, tables
from neurostore.skeleton import Skeleton

from .recording import Calibration, Poses, Recording

if TYPE_CHECKING:
    from .landmarks import Landmarks

Key = tuple[str, str, str]


def tables_of(
    recording: Recording, landmarks: Landmarks | None, calibrations: Iterable[Calibration]
) -> dict[str, pa.Table]:
    """Every table the trial has rows in, by name, without the keys; ``trials`` apart. A missing joint (NaN) is NULL."""
    found = {poses.skeleton.table: _poses(poses) for poses in recording.poses}
    if landmarks is not None:
        found["landmarks"] = _landmarks(landmarks)
    for name, rows in (
        ("calibrations", _calibrations(calibrations)),
        ("source_events", _events(recording)),
        ("source_angles", _angles(recording)),
    ):
        if rows and len(next(iter(rows.values()))):
            found[name] = _typed(name, rows)
    if recording.poses:
        described = [_skeleton_table(poses.skeleton) for poses in recording.poses]
        found["skeletons"] = described[0] if len(described) == 1 else pa.concat_tables(described)
    return found


def points(positions: np.ndarray, names: Iterable[str]) -> dict[str, pa.StructArray]:
    """STRUCT columns of an (n, J, 3) or (n, J, 4) float32 array; NULL where a component is NaN.

    An array laid out joint by joint and axis by axis in memory is taken over without a copy.
    """
    columns = np.ascontiguousarray(np.asarray(positions, np.float32).transpose(1, 2, 0))
    axes = "xyz" if columns.shape[1] == 3 else "wxyz"
    found = {}
    with np.errstate(invalid="ignore", over="ignore"):
        is_whole = np.isfinite(columns.sum(axis=2, dtype=np.float64)).all(axis=1)  # one NaN makes the sum NaN
    for name, joint, whole in zip(names, columns, is_whole, strict=True):
        mask = None if whole else pa.array(np.isnan(joint).any(axis=0))
        found[name] = pa.StructArray.from_arrays([pa.array(axis) for axis in joint], names=list(axes), mask=mask)
    return found


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


def _poses(poses: Poses) -> pa.Table:
    joints = poses.skeleton.joints
    columns = _frames(poses)
    columns |= points(poses.positions, joints)
    if poses.rotations is not None:
        columns |= points(poses.rotations, [f"{joint}_rotation" for joint in joints])
    for name, values in (("confidence", poses.confidence), ("sd_mm", poses.sd_mm), ("picture", poses.picture)):
        if values is not None:  # a list in the order of the joints; of scale, x and y for the picture
            flat = np.ascontiguousarray(values, np.float32).ravel()
            offsets = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
            columns[name] = pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat, mask=np.isnan(flat)))
    return pa.table(columns)


def _landmarks(landmarks: Landmarks) -> pa.Table:
    columns = _frames(landmarks)
    given = {**landmarks.points, **{f"{name}_rotation": v for name, v in landmarks.segments.items()}}
    for name, values in given.items():
        columns |= points(values[:, None, :], [name])
    columns |= {name: pa.array(values, mask=np.isnan(values)) for name, values in landmarks.scalars.items()}
    return pa.table(columns)


def _frames(rows: Any) -> dict[str, pa.Array]:
    return {
        "person": pa.array(np.asarray(rows.person, np.int32)),
        "frame": pa.array(np.asarray(rows.frame, np.int32)),
        "time_s": pa.array(np.asarray(rows.time_s, np.float64)),
    }


def _typed(name: str, rows: dict[str, Any]) -> pa.Table:
    fields = {f.name: f.type for f in tables()[name].arrow()}
    return pa.table({column: pa.array(values, fields[column]) for column, values in rows.items()})


def _calibrations(calibrations: Iterable[Calibration]) -> dict[str, Any]:
    found = list(calibrations)
    return {n: [getattr(c, n) for c in found] for n in ("parameter", "side", "value", "unit", "source")}


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
        "source_name": np.repeat(np.array([a.source_name for a in angles], object), lengths),
        "component": np.repeat(np.array([a.component for a in angles], object), lengths),
        "angle": np.repeat(np.array([a.angle for a in angles], object), lengths),
        "value_deg": pa.array(values, mask=np.isnan(values)),
    }


def row_of(key: Key, ingest_id: str, recording: Recording, landmarks: Landmarks | None, notes: list[str]) -> dict:
    """What the row in ``trials`` says of the recording itself; the source, settings and metadata are the caller's."""
    poses = recording.poses[0] if recording.poses else None
    time_s = poses.time_s[poses.person == 0] if poses is not None else recording.angles[0].time_s
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
