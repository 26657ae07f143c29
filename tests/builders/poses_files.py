"""Files of another program's poses, as docs/estimator-file.md describes them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HEADER = {
    "contract": 1,
    "estimator": {"name": "my estimator", "version": "2.1", "model": "large", "model_sha256": "cd" * 32},
    "units": "m",
    "fps": 30,
    "axes": "camera",
    "position_basis": "camera_metric",
    "skeleton": "berkeley_mhad_43",
}


def columns(positions: np.ndarray, joints: tuple[str, ...], first_person: int = 0) -> dict[str, list]:
    """Rows of (n, persons, J, 3) positions, without those that are NaN."""
    frame, person, joint = np.nonzero(np.isfinite(positions).all(axis=-1))
    x, y, z = positions[frame, person, joint].T.tolist()
    return {
        "frame": frame.tolist(),
        "person": (person + first_person).tolist(),
        "joint": [joints[j] for j in joint],
        "x": x,
        "y": y,
        "z": z,
        "confidence": [0.75] * len(frame),
    }


def write(path: Path, header: dict, rows: dict[str, list]) -> Path:
    """``.json`` or ``.parquet``, by the ending of the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".json":
        path.write_text(json.dumps({**header, "columns": rows}))
    else:
        table = pa.table(rows).replace_schema_metadata({"neurostore_poses": json.dumps(header)})
        pq.write_table(table, path)
    return path
