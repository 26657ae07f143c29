"""A marker of the pelvis that is missing: in some frames it is where the other three say, a PSIS of a whole trial by symmetry.

Both ASIS and both PSIS are on one bone. Where all four are seen in some frames, the place of each relative to the other
three is known, and frames that lack one have it too. If one PSIS is missing throughout, the middle of both is the
projection of the other onto the plane half-way between the ASIS. One ASIS is not replaced like that: the PSIS are only
80 to 110 mm apart, so that an error of 5 mm in one of them would turn the pelvis by 3 degrees.
"""

from __future__ import annotations

import numpy as np

from neurostore.arrays import Bools, Floats
from neurostore.ingest.landmarks.axes import from_x_and_y
from neurostore.ingest.landmarks.names import SIDES, Marks

_LEAST_FRAMES = 10
_FOUR = tuple(f"{side}_{spine}" for spine in ("asis", "psis") for side in SIDES)


def bridge(marks: Marks) -> list[str]:
    """Put the missing samples of an ASIS or PSIS where the other three markers of the pelvis say, in place; returns notes.

    marks : landmark to (n, 3) mm, NaN where missing.
    """
    if not set(_FOUR) <= set(marks):
        return []
    seen: dict[str, Bools] = {name: np.isfinite(marks[name]).all(axis=-1) for name in _FOUR}
    whole = np.logical_and.reduce(list(seen.values()))
    if whole.sum() < _LEAST_FRAMES or whole.all():
        return []
    notes = []
    for name in _FOUR:
        others = [other for other in _FOUR if other != name]
        lacks = ~seen[name] & np.logical_and.reduce([seen[other] for other in others])
        if not lacks.any():
            continue
        origin, axes = _frame(*(marks[other] for other in others))
        local = np.einsum("nji,nj->ni", axes[whole], (marks[name] - origin)[whole])
        marks[name] = marks[name].copy()
        marks[name][lacks] = origin[lacks] + axes[lacks] @ np.median(local, axis=0)
        notes.append(
            f"{name.replace('_', ' ')} is missing in {int(lacks.sum())} frames and was put where the other three markers "
            "of the pelvis have it in the rest"
        )
    return notes


def middle_by_symmetry(marks: Marks) -> Floats | None:
    """(n, 3) middle of the PSIS from one of them and both ASIS; None where there are both or none."""
    there = [f"{side}_psis" for side in SIDES if f"{side}_psis" in marks]
    if len(there) != 1 or not {"left_asis", "right_asis"} <= set(marks):
        return None
    across = marks["right_asis"] - marks["left_asis"]
    across = across / np.linalg.norm(across, axis=-1, keepdims=True)
    from_middle = marks[there[0]] - (marks["left_asis"] + marks["right_asis"]) / 2
    return np.asarray(marks[there[0]] - (from_middle * across).sum(-1, keepdims=True) * across)


def _frame(a: Floats, b: Floats, c: Floats) -> tuple[Floats, Floats]:
    """Origin (n, 3) and axes (n, 3, 3) of the triangle of three points."""
    return (a + b + c) / 3, from_x_and_y(b - a, c - a)
