"""Small C3D files with a force platform and a channel of EMG, written by ezc3d."""

from __future__ import annotations

from pathlib import Path

import ezc3d
import numpy as np

from tests.builders import c3d_files

CORNERS = np.array([[400, 250, 0], [0, 250, 0], [0, -250, 0], [400, -250, 0]], float)


def add_platform(path: Path, n_frames: int, type_: int = 2) -> Path:
    """Give a C3D file of ``n_frames`` at 100 Hz a platform of type 1, 2 or 4 at 500 Hz, and a channel of EMG beside it."""
    rng = np.random.default_rng(type_)
    file = ezc3d.c3d(str(path))
    n_channels, n = 6, 5 * n_frames
    analog = rng.normal(0, 1, (n_channels + 1, n))
    analog[2, n // 3 :] -= 600
    group = file["parameters"]["ANALOG"]
    group["RATE"]["value"] = [500.0]
    group["LABELS"]["value"] = ["Fx1", "Fy1", "Fz1", "Mx1", "My1", "Mz1", "L_RF"]
    group["UNITS"]["value"] = ["N"] * 3 + ["Nmm"] * 3 + ["V"]
    file["data"]["analogs"] = analog[None]
    values: dict[str, np.ndarray] = {
        "USED": np.array([1]),
        "TYPE": np.array([type_]),
        "ZERO": np.array([1, 2]),
        "CHANNEL": np.arange(1, n_channels + 1).reshape(n_channels, 1),
        "CORNERS": CORNERS.T.reshape(3, 4, 1),
        "ORIGIN": np.array([0.0, 0.0, -20.0]).reshape(3, 1),
    }
    if type_ == 4:
        values["CAL_MATRIX"] = np.eye(6).reshape(6, 6, 1)
    for name, value in values.items():
        given = value.astype(float)
        file.add_parameter("FORCE_PLATFORM", name, given.tolist() if given.ndim == 1 else given)
        if name in ("USED", "TYPE", "ZERO", "CHANNEL"):
            parameter = file["parameters"]["FORCE_PLATFORM"][name]
            parameter["type"], parameter["value"] = 2, value.astype(int)
    file.write(str(path))
    return path


def write(path: Path, n_frames: int, type_: int = 2) -> Path:
    """The walker of c3d_files with a platform."""
    c3d_files.write(path, c3d_files.walker(n_frames), c3d_files.LEGS)
    return add_platform(path, n_frames, type_)
