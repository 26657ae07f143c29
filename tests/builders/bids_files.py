"""Motion-BIDS data sets of a few markers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

POINTS = ["LASI", "RASI", "LKNE", "RKNE", "LANK", "RANK", "LTOE", "RTOE"]


def z_up(positions: np.ndarray) -> np.ndarray:
    return np.stack([positions[..., 0], -positions[..., 2], positions[..., 1]], axis=-1)


def dataset(
    folder: Path,
    positions: np.ndarray,
    *,
    units: str = "mm",
    frame: str | None = None,
    latency: np.ndarray | None = None,
    json_at: str = "motion",
    extra: bool = False,
    rate: object = 100.0,
) -> Path:
    """A data set of one recording; the *_motion.json is in motion/ or at the root."""
    motion = folder / "sub-01" / "ses-1" / "motion"
    motion.mkdir(parents=True)
    (folder / "dataset_description.json").write_text('{"Name": "test"}')
    stem = "sub-01_ses-1_task-walk_tracksys-omc"
    rows = [["name", "component", "type", "tracked_point", "units", "reference_frame"]]
    rows += [[f"{p}_pos_{a}", a, "POS", p, units, frame or "n/a"] for p in POINTS for a in "xyz"]
    columns = [positions.reshape(len(positions), -1)]
    if extra:
        rows.insert(1, ["head_quat_w", "quat_w", "ORNT", "head", "n/a", "n/a"])
        columns.insert(0, np.ones((len(positions), 1)))
    if latency is not None:
        rows.append(["latency", "n/a", "LATENCY", "n/a", "s", "n/a"])
        columns.append(latency[:, None])
    table = np.concatenate(columns, axis=1)
    lines = ["\t".join("n/a" if np.isnan(v) else f"{v:.6f}" for v in row) for row in table]
    (motion / f"{stem}_channels.tsv").write_text("\n".join("\t".join(r) for r in rows) + "\n")
    (motion / f"{stem}_motion.tsv").write_text("\n".join(lines) + "\n")
    sidecar = json.dumps({"TaskName": "walk", "SamplingFrequency": rate})
    (motion / f"{stem}_motion.json" if json_at == "motion" else folder / "task-walk_motion.json").write_text(sidecar)
    return motion / f"{stem}_motion.tsv"
