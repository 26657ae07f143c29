"""C3D files of somebody who walks, written by ezc3d."""

from __future__ import annotations

from pathlib import Path

import ezc3d
import numpy as np

LEGS = ["LASI", "RASI", "LPSI", "RPSI", "LKNE", "RKNE", "LANK", "RANK", "LHEE", "RHEE", "LTOE", "RTOE"]

# A standing person, mm, Z up, walking along x: x, y, z
STANDING = {
    "LASI": (100, 120, 950), "RASI": (100, -120, 950), "LPSI": (-60, 50, 960), "RPSI": (-60, -50, 960),
    "LKNE": (20, 110, 500), "RKNE": (20, -110, 500), "LANK": (0, 100, 90), "RANK": (0, -100, 90),
    "LHEE": (-60, 90, 40), "RHEE": (-60, -90, 40), "LTOE": (130, 100, 40), "RTOE": (130, -100, 40),
}  # fmt: skip


def walker(n_frames: int, labels: list[str] = LEGS) -> np.ndarray:
    """(n, J, 3) mm, Z up: the standing person moved along x at 1 m/s and 100 Hz, knees bobbing."""
    at = np.array([STANDING.get(name.rsplit(":", 1)[-1], (0, 0, 1000)) for name in labels], dtype=float)
    frames = np.arange(n_frames)[:, None]
    out = np.repeat(at[None], n_frames, axis=0)
    out[..., 0] += 10.0 * frames
    out[..., 2] += 20 * np.sin(frames / 10 + np.arange(len(labels)))
    return out


def write(
    path: Path,
    positions: np.ndarray,
    labels: list[str],
    *,
    rate: float = 100.0,
    units: str | None = "mm",
    screen: tuple[str, str] | None = ("+X", "+Z"),
    first_frame: int = 1,
    residuals: np.ndarray | None = None,
    parameters: dict[tuple[str, str], object] | None = None,
) -> Path:
    """A C3D file written by ezc3d. positions (n, J, 3) in the file's units; residuals (n, J)."""
    file = ezc3d.c3d()
    point = file["parameters"]["POINT"]
    point["RATE"]["value"] = [rate]
    point["LABELS"]["value"] = list(labels[:255])
    for number, start in enumerate(range(255, len(labels), 255), start=2):
        file.add_parameter("POINT", f"LABELS{number}", list(labels[start : start + 255]))
    if units is not None:
        point["UNITS"]["value"] = [units]
    if screen is not None:
        file.add_parameter("POINT", "X_SCREEN", [screen[0]])
        file.add_parameter("POINT", "Y_SCREEN", [screen[1]])
    for (group, name), value in (parameters or {}).items():
        file.add_parameter(group, name, value)
    data = np.ones((4, positions.shape[1], positions.shape[0]))
    data[:3] = positions.transpose(2, 1, 0)
    file["data"]["points"] = data
    if residuals is not None:
        file["data"]["meta_points"] = {"residuals": residuals.T[None].astype(float)}
    file["header"]["points"]["first_frame"] = first_frame - 1
    file.write(str(path))
    return path
