"""Whether markers can be what their names say, before anything is computed from them.

Errors that are certain are corrected and noted (medial and lateral marker of one joint exchanged); contradictory data
are not used (those that a static trial with left and right exchanged would give its session).
"""

from __future__ import annotations

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.landmarks.names import SIDES, Marks
from neurostore.wording import listed

_UP = np.array([0.0, 1.0, 0.0])
_LEAST_APART_MM = 30.0  # distance of medial and lateral marker; nearer ones may be in front of the joint
_NEARLY_ALL = 0.9  # share of the frames


def put_medial_inside(marks: Marks) -> list[str]:
    """Exchange the medial and the lateral marker of a knee or ankle where the medial one is on the lateral side; in place.

    Only where the legs are not crossed: with the names of the legs exchanged, every joint looks like this. Returns notes.
    """
    right = _right(marks)
    if right is None:
        return []
    wrong = []
    for side, sign in zip(SIDES, (-1.0, 1.0), strict=True):
        for joint in ("knee", "ankle"):
            names = f"{side}_{joint}_lateral", f"{side}_{joint}_medial"
            if not set(names) <= set(marks):
                continue
            outward = sign * ((marks[names[0]] - marks[names[1]]) * right).sum(-1)
            if _share(outward < -_LEAST_APART_MM, outward) > _NEARLY_ALL:
                wrong.append(names)
    if not wrong or _are_crossed(marks, right):
        return []
    for lateral, medial in wrong:
        marks[lateral], marks[medial] = marks[medial], marks[lateral]
    joints = listed(lateral.removesuffix("_lateral").replace("_", " ") for lateral, _ in wrong)
    return [
        f"medial and lateral marker of the {joints} were read the other way round: the one named medial is on the lateral side"
    ]


def is_mirrored(marks: Marks) -> bool:
    """Whether toes and the front of the pelvis show that left and right are exchanged, in nearly all frames."""
    right = _right(marks)
    feet = [(f"{side}_toe", f"{side}_heel") for side in SIDES]
    if right is None or "sacrum" not in marks or not {name for pair in feet for name in pair} <= set(marks):
        return False
    forward = np.cross(_UP, right)
    toes = sum(((marks[toe] - marks[heel]) * forward).sum(-1) for toe, heel in feet)
    front = (((marks["left_asis"] + marks["right_asis"]) / 2 - marks["sacrum"]) * forward).sum(-1)
    return _share((toes < 0) & (front < 0), toes + front) > _NEARLY_ALL


def _right(marks: Marks) -> Floats | None:
    """(n, 3) unit vector from the left to the right side of the pelvis, None if it is not known."""
    if not {"left_asis", "right_asis"} <= set(marks):
        return None
    across = marks["right_asis"] - marks["left_asis"]
    with np.errstate(invalid="ignore", divide="ignore"):
        return across / np.linalg.norm(across, axis=-1, keepdims=True)


def _are_crossed(marks: Marks, right: Floats) -> bool:
    """Whether the knees or ankles of the right leg are to the left of the left ones in most frames."""
    for joint in ("knee", "ankle"):
        lateral = [f"{side}_{joint}_lateral" for side in SIDES]
        if set(lateral) <= set(marks):
            middle = [(marks[name] + marks.get(name.replace("lateral", "medial"), marks[name])) / 2 for name in lateral]
            apart = ((middle[1] - middle[0]) * right).sum(-1)
            if _share(apart < 0, apart) > 0.5:
                return True
    return False


def _share(holds: Floats, values: Floats) -> float:
    """Share of the frames with a value in which it holds; 0 where no frame has one."""
    seen = np.isfinite(values)
    return float(holds[seen].mean()) if seen.any() else 0.0
