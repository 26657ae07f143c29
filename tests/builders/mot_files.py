"""OpenSim motion files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

NAMES = ["pelvis_tilt", "pelvis_list", "pelvis_rotation", "pelvis_tx", "hip_flexion_r", "knee_angle_r", "knee_angle_l",
         "ankle_angle_l", "subtalar_angle_r", "arm_add_l"]  # fmt: skip


def curves(n: int = 50) -> np.ndarray:
    """(n, 1 + 10): time at 100 Hz and coordinates in degrees, knees flexing to 60."""
    t = np.arange(n) / 100
    out = np.stack([t, *(5 * np.sin(t * 6 + k) for k in range(10))], axis=1)
    out[:, 6] = 30 + 30 * np.sin(t * 6)
    out[:, 7] = 30 - 30 * np.sin(t * 6)
    return out


def text(
    table: np.ndarray, names: list[str] = NAMES, degrees: str | None = "yes", rows: int | None = None, **words: object
) -> str:
    head = ["Coordinates", "version=1", f"nRows={len(table) if rows is None else rows}", f"nColumns={len(names) + 1}"]
    head += [f"inDegrees={degrees}"] if degrees else []
    head += [f"{k}={v}" for k, v in words.items()] + ["", "Units are S.I. units", "", "endheader"]
    body = ["\t".join(["time", *names]), *("\t".join(f"{v:16.8f}" for v in row) for row in table)]
    return "\n".join([*head, *body, ""])


def write(path: Path, content: str) -> Path:
    path.write_bytes(content.encode())
    return path
