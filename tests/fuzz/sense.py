"""Is anything staged that no body, no camera and no laboratory can have, unless its verdict says "Do not use"?

The limits are written here once more, from the issue and not from the code, so that both must be wrong to agree.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from neurostore import schema
from neurostore.lake.commit import TrialTables
from neurostore.lake.frames import Frames
from tests.builders import view_builder

RATE_HZ = (1.0, 2000.0)
FARTHEST_MM = 100_000.0
STATURE_MM = (500.0, 2500.0)


def nonsense(trial: TrialTables) -> list[str]:
    """What a staged trial holds that cannot be, in words."""
    found = []
    rate_hz, n_frames = trial.row["rate_hz"], trial.row["n_frames"]
    if not RATE_HZ[0] <= rate_hz <= RATE_HZ[1] and not (n_frames == 1 and rate_hz == 0):
        found.append(f"stored with {rate_hz} frames per second")
    for name, rows in trial.tables.items():
        if name.startswith("poses/"):
            farthest = max((float(np.nanmax(np.abs(p), initial=0)) for p in _points(rows).values()), default=0.0)
            if not farthest <= FARTHEST_MM:
                found.append(f"a coordinate of {farthest:g} mm is stored in {name}")
    landmarks = trial.tables.get("landmarks")
    if landmarks is not None and (tall := _stature_mm(landmarks)) is not None:
        verdict = _verdict(trial, landmarks) if not STATURE_MM[0] <= tall <= STATURE_MM[1] else ""
        if verdict and not verdict.startswith(("Do not use", "No points")):
            found.append(f"a person of {tall:.0f} mm: {verdict}")
    return found


def _points(rows: Any) -> dict[str, np.ndarray]:
    """Name to (n, 3) mm of each point, NaN where missing."""
    if isinstance(rows, Frames):
        return {n: v.T for b in rows.blocks if b.values.shape[1] == 3 for n, v in zip(b.names, b.values, strict=True)}
    found = {}
    for name in rows.column_names:
        column = rows[name].combine_chunks()
        if pa.types.is_struct(column.type) and column.type.num_fields == 3:
            parts = [column.field(axis).to_numpy(zero_copy_only=False) for axis in "xyz"]
            found[name] = np.where(np.asarray(column.is_null())[:, None], np.nan, np.stack(parts, axis=1))
    return found


def _stature_mm(landmarks: Any) -> float | None:
    """Head above the ankles; of a body without a head, or curled up, as long as its legs say (0.49 of stature)."""
    points = {name: values[np.asarray(landmarks.person) == 0] for name, values in _points(landmarks).items()}

    def apart(one: str, other: str) -> float:
        if one not in points or other not in points:
            return float("nan")
        between = np.linalg.norm(points[one].astype(float) - points[other], axis=1)
        return float(np.nanmedian(between)) if np.isfinite(between).any() else float("nan")

    leg = (apart("left_hip", "left_knee") + apart("left_knee", "left_ankle")) / 0.49
    heads = [apart(name, "left_ankle") for name in ("head", "neck", "thorax")]
    head = next((h for h in heads if np.isfinite(h)), float("nan"))
    sizes = [s for s in (leg, head) if np.isfinite(s)]
    if not sizes:
        return None
    return max(sizes)


@cache
def _connection() -> Any:
    nothing = view_builder.joint_angles(np.zeros(0), {})
    return view_builder.connect(joint_angles=nothing, only=["trial_quality", "joint_angles"])


def _verdict(trial: TrialTables, landmarks: Frames) -> str:
    """What trial_quality says of it."""
    subject, session, name = trial.key
    declared = schema.tables()["landmarks"].arrow()
    rows = landmarks.to_arrow()
    keys = {"subject": subject, "session": session, "trial": name, "ingest_id": trial.ingest_id}
    columns = [
        pa.array([keys[f.name]] * rows.num_rows, f.type)
        if f.name in keys
        else rows[f.name].cast(f.type)
        if f.name in rows.column_names
        else pa.nulls(rows.num_rows, f.type)
        for f in declared
    ]
    view_builder.refill(
        _connection(),
        landmarks=pa.Table.from_arrays(columns, schema=declared),
        trials=view_builder.table("trials", [trial.row]),
    )
    return str(_connection().execute("SELECT verdict FROM trial_quality").fetchall()[0][0])
