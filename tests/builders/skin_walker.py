"""A person with markers on the skin who walks along x, y up, z to the right; made of sines, written as TRC."""

from __future__ import annotations

from pathlib import Path

import numpy as np

# Points of a person walking along x, y up, z to the right, mm: name -> (x, y, z) of the right side about mid-pelvis.
BODY = {
    "ASI": (70, 90, 125), "PSI": (-90, 80, 45), "KNE": (0, -440, 140), "KNE_MED": (0, -440, 30), "ANK": (0, -850, 125),
    "ANK_MED": (0, -850, 45), "HEE": (-60, -900, 85), "TOE": (140, -900, 85), "THI": (0, -210, 160), "TIB": (0, -640, 150),
    "SHO": (-10, 520, 180), "HIP": (0, -20, 180), "MT1": (140, -900, 60), "MT5": (100, -900, 120),
}  # fmt: skip
MIDDLE = {"SACR": (-95, 80, 0), "C7": (-80, 560, 0), "CLAV": (60, 520, 0)}


def walker(n: int = 200, rate: float = 100.0) -> dict[str, np.ndarray]:
    """Name with side (LASI, RASI, SACR …) to (n, 3) mm: hips move forwards, feet swing."""
    t = np.arange(n) / rate
    points = {}
    for side, sign, shift in (("R", 1, 0.0), ("L", -1, 0.5)):
        swing = np.radians(20 * np.sin(2 * np.pi * (t / 1.1 + shift)))
        for name, (x, y, z) in BODY.items():
            out = np.tile(np.array([x, y, sign * z], float), (n, 1))
            if y < 0 and name != "HIP":
                out[:, 0] = x * np.cos(swing) - y * np.sin(swing)
                out[:, 1] = y * np.cos(swing) + x * np.sin(swing)
            points[side + name] = out
    points |= {name: np.tile(np.array(at, float), (n, 1)) for name, at in MIDDLE.items()}
    way = np.stack([1200 * t, np.full(n, 950.0), 0 * t], -1)
    return {name: values + way for name, values in points.items()}


def write_trc(path: Path, points: dict[str, np.ndarray], units: str = "mm", rate: float = 100.0) -> Path:
    names, n = list(points), len(next(iter(points.values())))
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"{rate:g}\t{rate:g}\t{n}\t{len(names)}\t{units}\t{rate:g}\t1\t{n}",
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
        "\t\t" + "\t".join(f"X{i}\tY{i}\tZ{i}" for i in range(1, len(names) + 1)),
        "",
    ]
    for f in range(n):
        row = np.concatenate([points[name][f] for name in names])
        lines.append(f"{f + 1}\t{f / rate:.5f}\t" + "\t".join(f"{v:.4f}" for v in row))
    path.write_text("\n".join(lines) + "\n")
    return path
