"""Landmarks to a table and to the angles of the view, for tests."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from neurostore import schema
from neurostore.ingest.landmarks import Landmarks
from neurostore.lake.frames import Block, struct_columns
from tests.twins.angles import joint_angles_of


def landmarks_table(landmarks: Landmarks, key: tuple[str, str, str] = ("S01", "", "walk")) -> pa.Table:
    """The rows of the landmarks table, with NULL columns for what the skeleton does not have."""
    n = len(landmarks.frame)
    keys = dict(zip(("subject", "session", "trial", "ingest_id"), (*key, "i"), strict=True))
    given: dict[str, pa.Array] = {name: pa.array([value] * n) for name, value in keys.items()}
    given |= {name: pa.array(getattr(landmarks, name)) for name in ("person", "frame", "time_s")}
    given |= {name: pa.array(values, mask=np.isnan(values)) for name, values in landmarks.scalars.items()}
    for suffix, arrays in (("", landmarks.points), ("_rotation", landmarks.segments)):
        for name, values in arrays.items():
            given |= struct_columns(Block((f"{name}{suffix}",), np.asarray(values, np.float32).T[None].copy()))
    declared = schema.tables()["landmarks"].arrow()
    columns = [given[f.name].cast(f.type) if f.name in given else pa.nulls(n, f.type) for f in declared]
    return pa.table(columns, schema=declared)


def angles_of(landmarks: Landmarks) -> dict[str, np.ndarray]:
    """Every angle of the view, (n,) degrees, NaN for NULL."""
    connection = joint_angles_of(landmarks_table(landmarks))
    found = connection.sql("SELECT COLUMNS('.*_deg') FROM joint_angles ORDER BY person, frame").fetchnumpy()
    return {name: np.ma.filled(np.ma.asarray(values, float), np.nan) for name, values in found.items()}
