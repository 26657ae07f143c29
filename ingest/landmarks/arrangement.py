"""Whether points are on the body where their names say: names exchanged for the whole trial, and markers that moved on the body.

Only rules that hold for every body are checked, in a large share of the frames: the heel is further from the toe than
the ankle is, a marker of the thigh is between hip and knee, each elbow belongs to the nearer shoulder. Nothing is
changed: the notes name the points, and ``trial_quality`` says that the trial is to be checked.
"""

from __future__ import annotations

import numpy as np

from neurostore.arrays import Bools, Floats, percentiles
from neurostore.ingest.landmarks.axes import cross
from neurostore.ingest.landmarks.names import SIDES, Marks
from neurostore.wording import listed

_NEARLY_ALL = 0.8  # share of the frames in which names are exchanged
_INNER_PCT = (2.5, 97.5)  # percentiles of a distance over the trial, so that a few outliers do not count
_MOVED_MM = 50.0  # soft tissue moves by up to 26 mm in the walks of six laboratories, 42 in a deep squat
_OTHER = dict(zip(SIDES, reversed(SIDES), strict=True))

# (point, nearer point, farther point); "other_" is the other side. A malleolus is preferred to the centre of the joint.
_NEARER = (
    ("toe", "ankle", "heel"),
    ("heel", "ankle", "toe"),
    ("hip", "thigh", "knee_lateral"),
    ("ankle", "knee_lateral", "thigh"),
    ("knee_lateral", "shank", "ankle"),
    ("hip", "knee_lateral", "shank"),
    ("thigh", "knee_lateral", "other_knee_lateral"),
    ("shank", "ankle", "other_ankle"),
    ("shoulder", "elbow", "other_elbow"),
)
# Skin markers whose distance hardly changes, because both are on one segment.
_ON_ONE_SEGMENT = (
    ("thigh", "knee_lateral"),
    ("shank", "ankle_lateral"),
    ("knee_lateral", "knee_medial"),
    ("ankle_lateral", "ankle_medial"),
    ("heel", "toe"),
    ("heel", "ankle_lateral"),
    ("toe", "ankle_lateral"),
    ("asis", "psis"),
)
_IN_THE_MIDDLE = (
    ("left_asis", "right_asis"),
    ("left_psis", "right_psis"),
    ("left_asis", "sacrum"),
    ("right_asis", "sacrum"),
    ("c7", "clavicle"),
    ("clavicle", "sternum"),
    ("sternum", "t10"),
)
_TRUNK = ("c7", "clavicle", "sternum", "t10")
# shares of the upper arm; 0.65 to 1.1 in people and in skeletons for animation
_LEAST_FOREARM, _MOST_FOREARM = 0.45, 2.2


def check(points: Marks, is_skin: bool) -> tuple[dict[str, float], list[str]]:
    """(figures for trials.quality, notes) on the names of a person's points and on markers that moved.

    Parameters
    ----------
    points : landmark to (n, 3) mm, y up, NaN where missing; joint centres among them.
    is_skin : whether they come from markers on the skin, which stay where they are on a segment.

    Returns
    -------
    ``contradicted_names``: how many rules the names break. ``marker_shift_mm``: by how much the distance between two
    markers of one segment changes (2.5 to 97.5 %), where that is more than 50 mm.
    """
    quality: dict[str, float] = {}
    notes = []
    broken = [*_not_nearer(points), *_trunk(points), *_head(points), *_arms(points)]
    if broken:
        quality["contradicted_names"] = float(len(broken))
        notes.append(f"some names of points contradict the anatomy and may be exchanged: {listed(broken)}")
    moved = _moved(points) if is_skin else {}
    if moved:
        quality["marker_shift_mm"] = max(moved.values())
        pairs = listed(f"{pair} by {shift:.0f} mm" for pair, shift in moved.items())
        notes.append(f"distances of markers on one segment change (a marker moved, or names change places): {pairs}")
    return quality, notes


def _not_nearer(points: Marks) -> list[str]:
    """The rules of :data:`_NEARER` that are the other way round in nearly all frames."""
    broken = []
    for side in SIDES:
        for names in _NEARER:
            point, near, far = (_named(points, side, name) for name in names)
            if point and near and far and _mostly(_apart(points, point, near), _apart(points, point, far)):
                broken.append(_words(point, near, far))
    return broken


def _named(points: Marks, side: str, name: str) -> str | None:
    """The landmark that is there under a name of a rule, or None."""
    if name.startswith("other_"):
        side, name = _OTHER[side], name.removeprefix("other_")
    return next((full for full in (f"{side}_{name}_lateral", f"{side}_{name}") if full in points), None)


def _trunk(points: Marks) -> list[str]:
    """Whether the four markers of the trunk go round it in their order, upright, with the breastbone in front."""
    if not set(_TRUNK) <= set(points):
        return []
    c7, clavicle, sternum, t10 = (points[name] for name in _TRUNK)
    across = _length(c7 - sternum) + _length(clavicle - t10)  # the diagonals are longer than two opposite sides
    is_crossed = _mostly(
        np.maximum(_length(c7 - clavicle) + _length(sternum - t10), _length(c7 - t10) + _length(clavicle - sternum)),
        across,
    )
    is_turned = is_inverted = False
    if "pelvis" in points:
        is_inverted = _mostly(0.0, ((c7 + clavicle - sternum - t10) * (c7 + clavicle - 2 * points["pelvis"])).sum(-1))
    if {"left_asis", "right_asis"} <= set(points):
        to_the_left = cross(sternum - c7, t10 - clavicle)
        is_turned = _mostly((to_the_left * (points["right_asis"] - points["left_asis"])).sum(-1), 0.0)
    return [_words(*_TRUNK)] if is_crossed or is_turned or is_inverted else []


def _head(points: Marks) -> list[str]:
    """Whether the markers of the head look backwards, or are left and right the other way round, seen from the pelvis."""
    head = [f"{side}_head_{end}" for end in ("front", "back") for side in SIDES]
    if not {*head, "left_asis", "right_asis", "sacrum"} <= set(points):
        return []
    left_front, right_front, left_back, right_back = (points[name] for name in head)
    right = points["right_asis"] - points["left_asis"]
    forward = (points["left_asis"] + points["right_asis"]) / 2 - points["sacrum"]
    looks = ((left_front + right_front - left_back - right_back) * forward).sum(-1)
    to_the_right = ((right_front + right_back - left_front - left_back) * right).sum(-1)
    return [_words(*head)] if _mostly(0.0, looks) or _mostly(0.0, to_the_right) else []


def _arms(points: Marks) -> list[str]:
    """Arms whose forearm and upper arm differ as nobody's do."""
    broken = []
    for side in SIDES:
        names = [f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist")]
        if set(names) <= set(points):
            upper, fore = _apart(points, *names[:2]), _apart(points, *names[1:])
            if _mostly(fore, _MOST_FOREARM * upper) or _mostly(_LEAST_FOREARM * upper, fore):
                broken.append(_words(*names))
    return broken


def _moved(points: Marks) -> dict[str, float]:
    """'left heel to left toe' to the range in mm of their distance, of the pairs where it is too large."""
    pairs = [(f"{side}_{a}", f"{side}_{b}") for side in SIDES for a, b in _ON_ONE_SEGMENT] + list(_IN_THE_MIDDLE)
    moved = {}
    for a, b in pairs:
        if a in points and b in points:
            apart = _apart(points, a, b)
            apart = apart[np.isfinite(apart)]
            low, high = percentiles(apart, _INNER_PCT) if len(apart) else (0.0, 0.0)
            if high - low > _MOVED_MM:
                moved[f"{_words(a)} to {_words(b)}"] = float(high - low)
    return moved


def _apart(points: Marks, a: str, b: str) -> Floats:
    return _length(points[a] - points[b])


def _length(vectors: Floats) -> Floats:
    x, y, z = (vectors[..., i] for i in range(3))  # half the time of np.linalg.norm
    return np.sqrt(x * x + y * y + z * z)


def _mostly(larger: Floats | float, smaller: Floats | float) -> bool:
    """Whether ``larger`` exceeds ``smaller`` in nearly all frames that have both."""
    larger, smaller = np.broadcast_arrays(larger, smaller)
    seen: Bools = np.isfinite(larger) & np.isfinite(smaller)
    return bool(seen.any() and (larger > smaller)[seen].mean() > _NEARLY_ALL)


def _words(*names: str) -> str:
    """'left heel, left toe' as a group: 'left heel/left toe'."""
    return "/".join(name.replace("_", " ") for name in names)
