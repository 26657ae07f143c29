"""Axes of every segment of one person's trial, from points or from the source's own rotations.

A segment is ``three_points`` or ``rotation`` where its rotation about its long axis is known, else a ``line``: then it is
stored as ``<segment>_line``, whose z axis is the hinge of the neighbouring joint and says nothing about rotation.
"""

from __future__ import annotations

import numpy as np

from neurostore.ingest.landmarks.axes import LAB_UP, from_x_and_y, from_x_and_z, from_y_and_z, hinge_axis
from neurostore.ingest.landmarks.calibration import SIDES, Parameters
from neurostore.ingest.landmarks.joint_centres import unit

Marks = dict[str, np.ndarray]


def trunk_axes(marks: Marks) -> tuple[np.ndarray | None, str]:
    """(n, 3, 3) trunk axes and how they arose: the thorax of Plug-in Gait, else shoulders over hips, else None."""
    if {"clavicle", "sternum", "c7", "t10"} <= set(marks):
        clavicle, sternum, c7, t10 = (marks[k] for k in ("clavicle", "sternum", "c7", "t10"))
        up = (clavicle + c7) / 2 - (sternum + t10) / 2
        forward = (clavicle + sternum) / 2 - (c7 + t10) / 2
        return from_y_and_z(up, np.cross(forward, up)), "clavicle_sternum_c7_t10"
    ends = [marks.get(f"{s}_shoulder", marks.get(f"{s}_acromion")) for s in SIDES]
    base = marks.get("pelvis")
    if base is None and {"left_asis", "right_asis", "sacrum"} <= set(marks):
        base = ((marks["left_asis"] + marks["right_asis"]) / 2 + marks["sacrum"]) / 2
    if ends[0] is None or ends[1] is None or base is None:
        return None, ""
    top = (ends[0] + ends[1]) / 2
    return from_y_and_z(top - base, ends[1] - ends[0]), "shoulders_over_hips"


def axes_from_points(
    marks: Marks, lateral: Marks, trunk: np.ndarray | None, parameters: Parameters
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Axes (n, 3, 3) of pelvis, thighs, shanks, feet and arms.

    marks : landmarks and centres. lateral : right-pointing lateral axes known of segments, and ``pelvis`` axes.
    Returns axes by segment (``…_line`` where only a line) and the method of each.
    """
    axes: dict[str, np.ndarray] = {}
    methods: dict[str, str] = {}
    if "pelvis" in lateral:
        axes["pelvis"], methods["pelvis_axes"] = lateral["pelvis"], "three_points"
        right = lateral["pelvis"][..., 2]
    elif {"left_hip", "right_hip"} <= set(marks):
        right = unit(marks["right_hip"] - marks["left_hip"])
        axes["pelvis_line"], methods["pelvis_axes"] = _upright(right), "line"
    else:
        right = None
    if trunk is not None:
        axes["trunk"] = trunk
    head = ("left_head_front", "right_head_front", "left_head_back", "right_head_back")
    if set(head) <= set(marks):
        left_front, right_front, left_back, right_back = (marks[k] for k in head)
        forward = left_front + right_front - left_back - right_back
        axes["head"] = from_x_and_z(forward, right_front + right_back - left_front - left_back)
    for side in SIDES:
        if right is not None:
            _leg(axes, methods, marks, lateral, parameters, side, right)
        if trunk is not None:
            _arm(axes, methods, marks, lateral, side, trunk[..., 2])
    return axes, methods


def _leg(
    axes: dict[str, np.ndarray],
    methods: dict[str, str],
    marks: Marks,
    lateral: Marks,
    parameters: Parameters,
    side: str,
    right: np.ndarray,
) -> None:
    hip, knee, ankle = (marks.get(f"{side}_{j}") for j in ("hip", "knee", "ankle"))
    hinge = right
    if hip is not None and knee is not None and ankle is not None:
        hinge = hinge_axis(hip - knee, knee - ankle, right, 1.0)
    for segment, top, bottom in (("thigh", hip, knee), ("shank", knee, ankle)):
        if top is None or bottom is None:
            continue
        name = f"{side}_{segment}"
        known = lateral.get(name)
        axes[name if known is not None else f"{name}_line"] = from_y_and_z(
            top - bottom, hinge if known is None else known
        )
        methods[f"{name}_axes"] = "line" if known is None else "three_points"
    shank = axes.get(f"{side}_shank", axes.get(f"{side}_shank_line"))
    _foot(axes, methods, marks, parameters, side, shank)


def _foot(
    axes: dict[str, np.ndarray],
    methods: dict[str, str],
    marks: Marks,
    parameters: Parameters,
    side: str,
    shank: np.ndarray | None,
) -> None:
    heel, toe, ankle = (marks.get(f"{side}_{p}") for p in ("heel", "toe", "ankle"))
    first, fifth = (marks.get(f"{side}_metatarsal_{i}") for i in (1, 5))
    sign = 1.0 if side == "right" else -1.0
    offset = parameters.get("static_foot_offset", side)
    name = f"{side}_foot"
    if toe is None:
        methods[f"{name}_axes"] = "no_toe"
        return
    stated = parameters.source("static_foot_offset", side) == "file"
    if offset is not None and ankle is not None and shank is not None and (stated or heel is None):
        turn = (parameters.get("static_foot_rotation_offset", side) or 0.0) * sign
        axes[f"{name}_line"] = _turned(from_x_and_z(toe - ankle, shank[..., 2]), offset, turn)
        methods[f"{name}_axes"] = "ankle_to_toe_with_static_offset"
    elif heel is not None and first is not None and fifth is not None:
        axes[name] = from_x_and_z(toe - heel, sign * (fifth - first))
        methods[f"{name}_axes"] = "three_points"
    elif heel is not None:
        right = shank[..., 2] if shank is not None else np.cross(toe - heel, LAB_UP)
        axes[f"{name}_line"] = from_x_and_z(toe - heel, right)
        methods[f"{name}_axes"] = "heel_to_toe"
    else:
        methods[f"{name}_axes"] = "no_foot_neutral"


def _turned(foot: np.ndarray, up: float, left: float) -> np.ndarray:
    """Foot axes turned by ``up`` (toes up, about the foot's z) and then by ``left`` (toes to the left, about its y); radians."""
    c, s = np.cos(up), np.sin(up)
    pitch = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    c, s = np.cos(left), np.sin(left)
    yaw = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
    return foot @ yaw @ pitch


def _arm(
    axes: dict[str, np.ndarray], methods: dict[str, str], marks: Marks, lateral: Marks, side: str, right: np.ndarray
) -> None:
    shoulder, elbow, wrist = (marks.get(f"{side}_{j}") for j in ("shoulder", "elbow", "wrist"))
    if shoulder is None or elbow is None:
        return
    hinge = right
    if wrist is not None:
        hinge = hinge_axis(shoulder - elbow, elbow - wrist, right, -1.0)
    for segment, top, bottom in (("upper_arm", shoulder, elbow), ("forearm", elbow, wrist)):
        if top is None or bottom is None:
            continue
        name = f"{side}_{segment}"
        known = lateral.get(name)
        axes[name if known is not None else f"{name}_line"] = from_y_and_z(
            top - bottom, hinge if known is None else known
        )
        methods[f"{name}_axes"] = "line" if known is None else "three_points"


def _upright(right: np.ndarray) -> np.ndarray:
    """Pelvis axes from the line of the hips alone: z along it, y as near to the vertical as can be."""
    forward = unit(np.cross(np.broadcast_to(LAB_UP, right.shape), right))
    return np.stack([forward, np.cross(right, forward), right], axis=-1)


def neutral_axes(segment: str, long: np.ndarray | None, right: np.ndarray, forward: np.ndarray) -> np.ndarray:
    """(3, 3) anatomical axes of a segment in the neutral pose.

    long : (3,) up along the segment (foot: ankle to toe); None for pelvis, trunk, head, which are upright in neutral.
    right, forward : (3,) horizontal unit vectors of the neutral pose.
    """
    if segment in ("pelvis_neutral", "trunk", "head") or long is None:
        return np.stack([forward, LAB_UP, right], axis=-1)
    if segment.endswith("foot"):
        flat = long - long @ LAB_UP * LAB_UP
        return from_x_and_y(flat[None], LAB_UP[None])[0]
    if segment.endswith(("thigh", "shank")):
        return from_y_and_z(long[None], right[None])[0]
    y = unit(long)
    x = unit(forward - forward @ y * y)
    return np.stack([x, y, np.cross(x, y)], axis=-1)
