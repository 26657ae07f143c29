"""Small lakes for tests: trials as dicts of arrays in, a committed lake out.

>>> lake = build_lake(tmp_path, [trial("S01", "walk", left_heel=heel)])      # heel : (n, 3) mm
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from neurostore import schema
from neurostore.api import Lake
from neurostore.lake.commit import TrialTables, commit, stage

RATE_HZ = 100.0


def trial(
    subject: str = "S01",
    name: str = "walk",
    *,
    session: str = "",
    rate_hz: float = RATE_HZ,
    person: Sequence[int] | None = None,
    time_s: Sequence[float] | None = None,
    points: Mapping[str, Any] | None = None,
    rotations: Mapping[str, Any] | None = None,
    poses: Mapping[str, Any] | None = None,
    pose_rotations: Mapping[str, Any] | None = None,
    skeleton: str = "cmu_31",
    events: Sequence[Mapping[str, Any]] = (),
    angles: Sequence[Mapping[str, Any]] = (),
    calibrations: Sequence[Mapping[str, Any]] = (),
    ingest_id: str | None = None,
    row: Mapping[str, Any] | None = None,
    **more_points: Any,
) -> TrialTables:
    """One trial.

    Parameters
    ----------
    points : landmark name → (n, 3) mm, NaN where missing; ``more_points`` the same by keyword.
    rotations : segment name as in schemas/tables/landmarks.toml (``pelvis``) → (n, 4) quaternion w, x, y, z.
    poses, pose_rotations : joint name → (n, 3) or (n, 4) of ``poses/<skeleton>``; none gives no poses.
    events, angles, calibrations : rows of source_events, source_angles and calibrations without keys.
    row : columns of ``trials`` that differ from the defaults, metadata among them.
    """
    points = {**(points or {}), **more_points}
    given = [*points.values(), *(poses or {}).values()]
    n = len(given[0]) if given else 0
    times = np.arange(n) / rate_hz if time_s is None else np.asarray(time_s, float)
    people = np.zeros(n, np.int32) if person is None else np.asarray(person, np.int32)
    frames = np.arange(n, dtype=np.int32)
    for one in np.unique(people):
        frames[people == one] = np.arange((people == one).sum())
    common = {"person": people, "frame": frames, "time_s": times}
    tables: dict[str, pa.Table] = {}
    if points:
        columns: dict[str, Any] = {k: schema.point_array(v) for k, v in points.items()}
        columns |= {f"{k}_rotation": schema.rotation_array(v) for k, v in (rotations or {}).items()}
        tables["landmarks"] = pa.table({**common, **columns})
    if poses:
        columns = {k: schema.point_array(v) for k, v in poses.items()}
        columns |= {f"{k}_rotation": schema.rotation_array(v) for k, v in (pose_rotations or {}).items()}
        tables[f"poses/{skeleton}"] = pa.table({**common, **columns})
    for table, rows in (("source_events", events), ("source_angles", angles), ("calibrations", calibrations)):
        if rows:
            tables[table] = pa.Table.from_pylist([dict(r) for r in rows])
    said = {
        "source_path": f"{subject}/{name}.bvh",
        "source_sha256": "0" * 64,
        "settings_sha256": "0" * 64,
        "kind": "mocap",
        "skeleton": skeleton,
        "skeletons": [skeleton],
        "n_frames": int((people == 0).sum()),
        "n_persons": max(len(np.unique(people)), 1),
        "rate_hz": rate_hz,
        "duration_s": float(times[-1] - times[0]) if n else 0.0,
        "up_source": "lab",
        "position_basis": "lab",
        "length_basis": "measured",
        "steps": "[]",
        **(row or {}),
    }
    return TrialTables((subject, session, name), ingest_id or uuid.uuid4().hex, said, tables)


def build_lake(
    folder: Path,
    trials: Sequence[TrialTables] = (),
    subjects: Sequence[Mapping[str, Any]] = (),
    *,
    one_by_one: bool = False,
) -> Lake:
    """A lake at ``folder/lake`` holding these trials, in one commit or in one each. Adds to a lake that is there."""
    path = Path(folder) / "lake"
    Lake.create(path)
    batches = [[t] for t in trials] if one_by_one else [list(trials)]
    for batch in batches:
        staged = stage(path, batch)
        if staged.refused:
            raise next(iter(staged.refused.values()))
        commit(path, [staged], subjects=[dict(s) for s in subjects])
    return Lake.create(path)
