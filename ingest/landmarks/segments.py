"""Axes of every segment of one person's trial, from points or from the source's own rotations.

A segment is ``three_points`` or ``rotation`` where its rotation about its long axis is known, else a ``line``: then it is
stored as ``<segment>_line``, whose z axis is the hinge of the neighbouring joint and says nothing about rotation.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.landmarks.axes import (
    LAB_UP,
    from_x_and_y,
    from_x_and_z,
    from_y_and_z,
    hinge_axis,
    to_quaternion,
    unit,
)
from neurostore.ingest.landmarks.centres import Centres
from neurostore.ingest.landmarks.names import SIDES, Marks


@dataclass(frozen=True, slots=True)
class Segments:
    """The segments of one person's trial.

    rotations : name to (n, 4) unit quaternion (w, x, y, z), segment to lab; ``<segment>_line`` where only a line is known.
    methods : ``<segment>_axes`` to how it arose. right : (n, 3) axis that points to the person's right, None where unknown.
    axes : name to (n, 3, 3), the same rotations as they were made from points; empty where the source gave rotations.
    notes : what was judged, in plain words.
    """

    rotations: dict[str, Floats]
    methods: dict[str, str]
    right: Floats | None
    axes: Marks = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def segments_of_points(body: Centres) -> Segments:
    """Segments of a skeleton whose source gives positions alone."""
    axes, methods = axes_from_points(body)
    if body.trunk is not None:
        methods["trunk_axes"] = body.trunk_method
    right = next((axes[name][..., 2] for name in ("pelvis", "pelvis_line", "trunk") if name in axes), None)
    return Segments({name: to_quaternion(a) for name, a in axes.items()}, methods, right, axes)


def axes_from_points(body: Centres) -> tuple[Marks, dict[str, str]]:
    """Axes (n, 3, 3) of pelvis, thighs, shanks, feet and arms by segment (``…_line`` where only a line), and their methods."""
    marks, lateral, trunk = body.points, body.lateral, body.trunk
    axes: Marks = {}
    methods: dict[str, str] = {}
    right = None
    if "pelvis" in lateral:
        axes["pelvis"], methods["pelvis_axes"] = lateral["pelvis"], "three_points"
        right = lateral["pelvis"][..., 2]
    elif body.has("left_hip", "right_hip"):
        right = unit(marks["right_hip"] - marks["left_hip"])
        axes["pelvis_line"], methods["pelvis_axes"] = _upright(right), "line"
    if trunk is not None:
        axes["trunk"] = trunk
    head = ("left_head_front", "right_head_front", "left_head_back", "right_head_back")
    if body.has(*head):
        left_front, right_front, left_back, right_back = (marks[k] for k in head)
        forward = left_front + right_front - left_back - right_back
        axes["head"] = from_x_and_z(forward, right_front + right_back - left_front - left_back)
    for side in SIDES:
        if right is not None:
            _limb(axes, methods, body, side, _LEG, right)
            shank = axes.get(f"{side}_shank", axes.get(f"{side}_shank_line"))
            _foot(axes, methods, body, side, shank)
        if trunk is not None:
            _limb(axes, methods, body, side, _ARM, trunk[..., 2])
    return axes, methods


# upper and lower segment, the joints at their ends, and the sign of the hinge between them (see hinge_axis)
_LEG = (("thigh", "shank"), ("hip", "knee", "ankle"), 1.0)
_ARM = (("upper_arm", "forearm"), ("shoulder", "elbow", "wrist"), -1.0)


def _limb(
    axes: Marks,
    methods: dict[str, str],
    body: Centres,
    side: str,
    limb: tuple[tuple[str, str], tuple[str, str, str], float],
    right: Floats,
) -> None:
    """The two long segments of a leg or an arm; right : (n, 3) axis for a joint that hardly bends."""
    names, joints, sign = limb
    top, middle, bottom = (body.points.get(f"{side}_{joint}") for joint in joints)
    hinge = right
    if top is not None and middle is not None and bottom is not None:
        hinge = hinge_axis(top - middle, middle - bottom, right, sign)
    for segment, upper, lower in ((names[0], top, middle), (names[1], middle, bottom)):
        if upper is None or lower is None:
            continue
        name = f"{side}_{segment}"
        known = body.lateral.get(name)
        axes[name if known is not None else f"{name}_line"] = from_y_and_z(
            upper - lower, hinge if known is None else known
        )
        methods[f"{name}_axes"] = "line" if known is None else "three_points"


def _foot(axes: Marks, methods: dict[str, str], body: Centres, side: str, shank: Floats | None) -> None:
    marks, parameters = body.points, body.parameters
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
        across = _without_torsion(body, side, shank)[..., 2]
        axes[f"{name}_line"] = _turned(from_x_and_z(toe - ankle, across), offset, turn)
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


def torsion(body: Centres, side: str) -> float | None:
    """Tibial torsion as the file states it, rad: from the knee's lateral axis to the ankle's, which is the shank's.

    None in the trial that measures it, whose ankle has a medial marker: as in Plug-in Gait its shank is turned with the ankle.
    """
    is_measured_here = "medial" in body.methods.get(f"{side}_ankle", "")
    return None if is_measured_here else body.parameters.get("tibial_torsion", side)


def _without_torsion(body: Centres, side: str, shank: Floats) -> Floats:
    """The shank's axes (n, 3, 3) with the lateral axis of the knee, which is the one Plug-in Gait builds the foot on.

    Measured on the foot axes that Nexus writes (LFOO, LFOA …): 0.0 to 0.2 degrees apart, with the ankle's axis up to 9.
    """
    angle = (torsion(body, side) or 0.0) * (1.0 if side == "left" else -1.0)
    c, s = np.cos(angle), np.sin(angle)
    return shank @ np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def _turned(foot: Floats, up: float, left: float) -> Floats:
    """Foot axes turned by ``up`` (toes up, about the foot's z) and then by ``left`` (toes to the left, about its y); radians."""
    c, s = np.cos(up), np.sin(up)
    pitch = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    c, s = np.cos(left), np.sin(left)
    yaw = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
    return foot @ yaw @ pitch


def _upright(right: Floats) -> Floats:
    """Pelvis axes from the line of the hips alone: z along it, y as close to the vertical as possible."""
    forward = unit(np.cross(np.broadcast_to(LAB_UP, right.shape), right))
    return np.stack([forward, np.cross(right, forward), right], axis=-1)


def neutral_axes(segment: str, long: Floats | None, right: Floats, forward: Floats) -> Floats:
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
