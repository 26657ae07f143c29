"""CSV of marker positions as Motive, Vicon Nexus and FreeMoCap write them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurostore import skeleton
from tests.builders.c3d_files import LEGS


def y_up(points: np.ndarray) -> np.ndarray:
    """Points whose z is up, with y up."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)


def cells(values: Sequence[object]) -> str:
    """A row of CSV."""
    return ",".join(map(str, values))


def motive(
    points: np.ndarray,
    names: Sequence[str],
    *,
    unit: str = "Meters",
    per_mm: float = 0.001,
    kind: str = "Marker",
    **changes: str,
) -> str:
    """Points are Y up. A rigid body and the expected places of its markers stand beside the measured markers."""
    wide = [n for n in names for _ in range(3)]
    head = {
        "Format Version": "1.23",
        "Take Name": "walk",
        "Export Frame Rate": "100.000000",
        "Length Units": unit,
        **changes,
    }
    lines = [
        ",".join(f"{k},{v}" for k, v in head.items()), "",
        cells(["", "Type", *["Rigid Body"] * 7, *["Rigid Body Marker" if kind == "Marker" else kind] * 3, *[kind] * len(wide)]),
        cells(["", "Name", *["Belt"] * 7, *["Belt:LASI"] * 3, *(f"Walker:{n}" for n in wide)]),
        cells(["", "ID", *["1"] * (10 + len(wide))]),
        cells(["", "", *["Rotation"] * 4, *["Position"] * (6 + len(wide))]),
        cells(["Frame", "Time (Seconds)", "X", "Y", "Z", "W", *["X", "Y", "Z"] * (2 + len(names))]),
    ]  # fmt: skip
    for f, frame in enumerate(points * per_mm):
        values = ["" if np.isnan(v) else f"{v:.6f}" for v in frame.ravel()]
        lines.append(cells([f, f"{f / 100:.6f}", *[0] * 3, 1, *[9] * 6, *values]))
    return "\n".join(lines) + "\n"


def nexus(points: np.ndarray, names: Sequence[str], separator: str = ",", first: int = 1) -> str:
    """Points are Z up. Devices stand above the trajectories, model outputs below them."""
    axes = cells(["Frame", "Sub Frame", *["X", "Y", "Z"] * len(names)])
    lines = [
        "Devices",
        "1000",
        ",,Plate - Force,,",
        "Frame,Sub Frame,Fx,Fy,Fz",
        ",,N,N,N",
        "1,0,0,0,0",
        "1,1,0,0,0",
        "",
    ]
    lines += ["Trajectories", "100", ",," + ",,,".join(f"Walker:{n}" for n in names) + ",,", axes]
    lines += [cells(["", "", *["mm"] * (3 * len(names))])]
    for f, frame in enumerate(points):
        lines.append(cells([f + first, 0, *("" if np.isnan(v) else f"{v:.4f}" for v in frame.ravel())]))
    lines += ["", "Model Outputs", "100", ",,Walker:LKneeAngles,,,Walker:LKneeMoment,,", "Frame,Sub Frame,X,Y,Z,X,Y,Z"]
    lines += [
        ",,deg,deg,deg,N.mm,N.mm,N.mm",
        *(f"{f + first},0,{10 + f / 10:.1f},2,3,4,5,6" for f in range(len(points))),
    ]
    text = "\n".join(lines) + "\n"
    return text if separator == "," else text.replace(",", separator).replace(".", ",")


def freemocap(points: np.ndarray, names: Sequence[str], clock: bool = True) -> str:
    """One column per coordinate, with or without a clock."""
    lines = [cells([*(["timestamp"] if clock else []), *(f"body_{n}_{a}" for n in names for a in "xyz")])]
    for f, frame in enumerate(points):
        lines.append(cells([*([f"{1.7e9 + f / 30:.4f}"] if clock else []), *(f"{v:.3f}" for v in frame.ravel())]))
    return "\n".join(lines) + "\n"


def body(points: np.ndarray) -> np.ndarray:
    """(n, 33, 3): BlazePose's points on the walker's legs, the others above the pelvis."""
    joints = skeleton.load("blazepose_33").source_names
    at = {name: points[:, i] for i, name in enumerate(LEGS)}
    pelvis = (at["LASI"] + at["RASI"]) / 2
    out = np.repeat((pelvis + np.array((0, 0, 500.0)))[:, None], len(joints), axis=1)
    own = {"hip": "ASI", "knee": "KNE", "ankle": "ANK", "heel": "HEE", "foot_index": "TOE"}
    for side in ("left", "right"):
        for joint, marker in own.items():
            out[:, joints.index(f"{side}_{joint}")] = at[side[0].upper() + marker]
    return out
