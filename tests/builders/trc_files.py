"""TRC files of a few markers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

NAMES = ["LASI", "RASI", "LKNE", "RKNE", "LANK", "RANK", "LTOE", "RTOE"]

# x forward, y up, z right, mm
STANDING = np.array(
    [[100, 950, -120], [100, 950, 120], [20, 500, -110], [20, 500, 110],
     [0, 90, -100], [0, 90, 100], [130, 40, -100], [130, 40, 100]], dtype=float,
)  # fmt: skip


def walk(n: int = 30) -> np.ndarray:
    """(n, 8, 3) mm: the standing legs moved along x."""
    out = np.repeat(STANDING[None], n, axis=0)
    out[..., 0] += 12.0 * np.arange(n)[:, None]
    return out


def text(positions: np.ndarray, names: list[str] = NAMES, **changes: object) -> str:
    """A TRC file. changes: units, rate, n_frames, n_markers, sep, blank_line, newline, decimals, trailing."""
    given = {
        "units": "mm", "rate": 100.0, "n_frames": len(positions), "n_markers": len(names), "sep": "\t",
        "blank_line": True, "newline": "\n", "decimals": 3, "trailing": "", **changes,
    }  # fmt: skip
    sep = given["sep"]
    rows = [
        "PathFileType\t4\t(X/Y/Z)\twalk.trc",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        "\t".join(str(given[k]) for k in ("rate", "rate", "n_frames", "n_markers", "units", "rate"))
        + f"\t1\t{given['n_frames']}",
        sep.join(["Frame#", "Time", *(f"{n}{sep}{sep}" if sep == "\t" else n for n in names)]),
        f"{sep}{sep}" + sep.join(f"{a}{i + 1}" for i in range(len(names)) for a in "XYZ"),
    ]
    if given["blank_line"]:
        rows.append("")
    for k, frame in enumerate(positions):
        cells = ["" if np.isnan(v) else f"{v:.5f}" for v in frame.ravel()]
        rows.append(
            sep.join([str(k + 1), f"{k / float(given['rate']):.{given['decimals']}f}", *cells]) + str(given["trailing"])
        )
    return str(given["newline"]).join([*rows, ""])


def write(path: Path, content: str) -> Path:
    path.write_bytes(content.encode())
    return path
