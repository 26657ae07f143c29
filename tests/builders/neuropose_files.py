"""Results of a video pose estimator, as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

JOINTS = 43


def persons(n: int) -> np.ndarray:
    """(n, 2, 43, 3) mm in the camera's frame: one walks to the right at 1 m/s (30 fps), one stands still behind."""
    rng = np.random.default_rng(0)
    body = rng.normal(0, 300, (JOINTS, 3))
    out = np.repeat(np.repeat(body[None, None], n, axis=0), 2, axis=1)
    out[:, 0] += [0, 100, 4000]
    out[:, 0, :, 0] += np.arange(n)[:, None] * (1000 / 30) - 1500
    out[:, 1] += [500, 0, 7000]
    return out


def video(people: list[list[np.ndarray]], version: int | None = 2, **changes: object) -> dict:
    """A VideoPredictions object. people: the persons of each frame, (43, 3) each."""
    content = {
        "metadata": {"frame_count": len(people), "fps": 30.0, "width": 1920, "height": 1080},
        "frames": {
            f"frame_{i:06}": {
                "boxes": [[0, 0, 10, 20, 0.9]] * len(found),
                "poses3d": [p.tolist() for p in found],
                "poses2d": [p[:, :2].tolist() for p in found],
            }
            for i, found in enumerate(people)
        },
        "segmentations": {},
    }
    if version is not None:
        content["schema_version"] = version
    if version == 2:
        content["provenance"] = {"model_sha256": "ab" * 32, "model_filename": "m.tar.gz", "neuropose_version": "0.3.1"}
    return {**content, **changes}


def write(folder: Path, content: object, name: str = "results.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(content, indent=2))
    return path


def walk(n: int = 60) -> list[list[np.ndarray]]:
    return [[p[0]] for p in persons(n)]
