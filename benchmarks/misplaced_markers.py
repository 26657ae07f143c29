"""How far a marker must be from its place until the trial is no longer "Usable": the table of docs/decisions/markers-that-are-misplaced.md.

    python benchmarks/misplaced_markers.py

In each shared capture with skin markers one marker (or wand) is displaced throughout, in steps. Counted are the captures
in which a misplaced marker is reported; captures that are known to have a misplaced marker are left out.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from neurostore.arrays import Floats
from neurostore.ingest.landmarks import Landmarks, compute_landmarks
from neurostore.ingest.landmarks.axes import across, unit
from neurostore.ingest.landmarks.names import names_of
from neurostore.ingest.readers import read
from neurostore.ingest.recording import Recording

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
CAPTURES = (
    "labs/LABF/F01/static_kad.c3d", "labs/LABF/F01/walk_06.c3d", "labs/LABG/G01/walk_01.c3d", "labs/LABP/P01/walk_12b.c3d",
    "labs/LABQ/Q01/static.c3d", "labs/LABQ/Q01/walk_01.c3d", "labs/LABS/S01/static.c3d", "labs/LABS/S01/walk_03.c3d",
    "labs/LABS/S01/walk_05.c3d", "labs/LABU/U19/treadmill_01.c3d", "c3d/Sample_Static.c3d", "trc/bmc/walk.trc",
)  # fmt: skip
UP = np.array([0.0, 1.0, 0.0])
# what is displaced -> (landmarks, 'up', 'forward' or 'turned' about the segment, mm or degrees)
FAULTS = {
    "both PSIS (or the sacrum) up": (("sacrum", "left_psis", "right_psis"), "up", (60, 80, 100, 120, 150)),
    "right ASIS up": (("right_asis",), "up", (20, 30, 40, 50)),
    "right ASIS forward": (("right_asis",), "forward", (20, 30, 40, 50)),
    "right knee forward": (("right_knee_lateral",), "forward", (20, 30, 40, 50, 60)),
    "right knee back": (("right_knee_lateral",), "forward", (-20, -30, -40, -50, -60)),
    "right thigh wand outwards": (("right_thigh",), "turned", (10, 20, 30, 40)),
    "right shank wand forwards": (("right_shank",), "turned", (20, 30, 40, 50)),
    "right shank wand backwards": (("right_shank",), "turned", (-20, -30, -40, -50)),
}


def main() -> None:
    warnings.simplefilter("ignore", RuntimeWarning)
    recordings = [(name, read(SHARED / name)) for name in CAPTURES]
    good = [(name, recording, compute_landmarks(recording)) for name, recording in recordings]
    print(f"| displaced ({sum(is_told(found) for *_, found in good)} of {len(good)} told as they are) | by: told |")
    print("|---|---|")
    for fault, (landmarks, how, sizes) in FAULTS.items():
        told = []
        for size in sizes:
            found = [displaced(recording, before, landmarks, how, size) for _, recording, before in good]
            there = [one for one in found if one is not None]
            told.append(f"{abs(size)}: {sum(map(is_told, there))} of {len(there)}")
        print(f"| {fault} | {', '.join(told)} |")


def is_told(found: Landmarks) -> bool:
    return bool({"misplaced_markers", "knee_offset_deg"} & set(found.quality))


def displaced(
    recording: Recording, before: Landmarks, landmarks: tuple[str, ...], how: str, size: float
) -> Landmarks | None:
    """Landmarks of the recording with these points displaced; None if it has none of them."""
    poses = recording.poses[0]
    sources = names_of(poses, np.arange(len(poses.frame)), recording.model_points).sources
    positions = poses.positions.copy()
    if not any(name in sources for name in landmarks):
        return None
    for name in landmarks:
        for index in sources.get(name, ()):
            positions[:, index] += np.asarray(_shift(before, name, how, size), positions.dtype)
    stated = [c for c in recording.calibrations if how != "turned" or not c.parameter.endswith(("rotation", "torsion"))]
    return compute_landmarks(
        replace(recording, poses=[replace(poses, positions=positions)], calibrations=stated, notes=[])
    )


def _shift(before: Landmarks, name: str, how: str, size: float) -> Floats:
    points = {landmark: np.asarray(values, float) for landmark, values in before.points.items()}
    front = (points["left_asis"] + points["right_asis"]) / 2 - points["sacrum"]
    if how == "up":
        return np.tile(size * UP, (len(front), 1))
    if how == "forward":
        return size * across(front, np.broadcast_to(UP, front.shape))
    side, segment = name.split("_")
    upper, lower = (f"{side}_{joint}" for joint in {"thigh": ("hip", "knee"), "shank": ("knee", "ankle")}[segment])
    axis = unit(points[upper] - points[lower])
    arm, angle = points[name] - points[lower], np.radians(size)
    turned = (
        arm * np.cos(angle)
        + np.cross(axis, arm) * np.sin(angle)
        + axis * (axis * arm).sum(-1, keepdims=True) * (1 - np.cos(angle))
    )
    return np.asarray(turned - arm)


if __name__ == "__main__":
    main()
