"""Axes of every segment of one person's trial, from points or from the source's own rotations.

A segment is ``three_points`` or ``rotation`` where its rotation about its long axis is known, else a ``line``: then it is
stored as ``<segment>_line``, whose z axis is the hinge of the neighbouring joint and says nothing about rotation.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.landmarks.axes import LAB_UP, Frame, Limb, axes_of, cross, quaternions_of
from neurostore.ingest.landmarks.centres import Centres
from neurostore.ingest.landmarks.names import SIDES, Marks


@dataclass(frozen=True, slots=True)
class Segments:
    """The segments of one person's trial.

    rotations : name to (n, 4) unit quaternion (w, x, y, z), segment to lab; ``<segment>_line`` where only a line is known.
    methods : ``<segment>_axes`` to how it arose. right : (n, 3) axis that points to the person's right, None if unknown.
    axes : name to (n, 3, 3), the same rotations as they were made from points; empty if the source gave rotations.
    notes : what was inferred, in plain words.
    """

    rotations: dict[str, Floats]
    methods: dict[str, str]
    right: Floats | None
    axes: Marks = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def segments_of_points(body: Centres) -> Segments:
    """Segments of a skeleton whose source gives positions alone."""
    marks, lateral, trunk = body.points, body.lateral, body.trunk
    axes: Marks = {}
    methods: dict[str, str] = {}
    for name, how in (("pelvis", "three_points"), ("pelvis_line", "line")):
        if name in lateral:
            axes[name], methods["pelvis_axes"] = lateral[name], how
    if trunk is not None:
        axes["trunk"], methods["trunk_axes"] = trunk, body.trunk_method
    right = next((axes[name][..., 2] for name in ("pelvis", "pelvis_line", "trunk") if name in axes), None)
    limbs = [
        _limb(body, side, limb, across[..., 2])
        for limb, across in ((_LEG, axes.get("pelvis", axes.get("pelvis_line"))), (_ARM, trunk))
        if across is not None
        for side in SIDES
    ]
    axes |= axes_of(limbs, _head(marks))
    for limb in limbs:
        for name in limb.names:
            if name in axes or f"{name}_line" in axes:
                methods[f"{name}_axes"] = "three_points" if name in axes else "line"
    feet = []
    for side in SIDES if "pelvis_axes" in methods else ():
        foot, methods[f"{side}_foot_axes"] = _foot(
            body, side, axes.get(f"{side}_shank", axes.get(f"{side}_shank_line"))
        )
        feet += foot
    axes |= axes_of((), feet)
    return Segments(quaternions_of(axes), methods, right, axes)


# upper and lower segment, joints at their ends, and sign of the hinge between them (see hinge_axis)
_LEG = (("thigh", "shank"), ("hip", "knee", "ankle"), 1.0)
_ARM = (("upper_arm", "forearm"), ("shoulder", "elbow", "wrist"), -1.0)


def _limb(body: Centres, side: str, limb: tuple[tuple[str, str], tuple[str, str, str], float], right: Floats) -> Limb:
    """What is known of a leg or an arm; right : (n, 3) axis for a joint that hardly bends."""
    (upper, lower), joints, sign = limb
    top, middle, bottom = (body.points.get(f"{side}_{joint}") for joint in joints)
    names = f"{side}_{upper}", f"{side}_{lower}"
    return Limb(names, (top, middle, bottom), right, sign, (body.lateral.get(names[0]), body.lateral.get(names[1])))


def _head(marks: Marks) -> list[Frame]:
    four = [marks.get(f"{side}_head_{end}") for end in ("front", "back") for side in SIDES]
    left_front, right_front, left_back, right_back = four
    if left_front is None or right_front is None or left_back is None or right_back is None:
        return []
    forward = left_front + right_front - left_back - right_back
    return [Frame("head", forward, right_front + right_back - left_front - left_back)]


def _foot(body: Centres, side: str, shank: Floats | None) -> tuple[list[Frame], str]:
    """(what is known of a foot, how its axes arise); shank : (n, 3, 3) axes."""
    marks, parameters = body.points, body.parameters
    heel, toe, ankle = (marks.get(f"{side}_{p}") for p in ("heel", "toe", "ankle"))
    first, fifth = (marks.get(f"{side}_metatarsal_{i}") for i in (1, 5))
    sign = 1.0 if side == "right" else -1.0
    offset = parameters.get("static_foot_offset", side)
    name = f"{side}_foot"
    if toe is None:
        return [], "no_toe"
    stated = parameters.source("static_foot_offset", side) == "file"
    if offset is not None and ankle is not None and shank is not None and (stated or heel is None):
        turn = offset, (parameters.get("static_foot_rotation_offset", side) or 0.0) * sign
        across = _without_torsion(body, side, shank)[..., 2]
        return [Frame(f"{name}_line", toe - ankle, across, turn)], "ankle_to_toe_with_static_offset"
    if heel is not None and first is not None and fifth is not None:
        return [Frame(name, toe - heel, sign * (fifth - first))], "three_points"
    if heel is not None:
        right = shank[..., 2] if shank is not None else cross(toe - heel, LAB_UP)
        return [Frame(f"{name}_line", toe - heel, right)], "heel_to_toe"
    return [], "no_foot_neutral"


def _without_torsion(body: Centres, side: str, shank: Floats) -> Floats:
    """The shank's axes (n, 3, 3) with the lateral axis of the knee, which is the one Plug-in Gait builds the foot on.

    Measured on the foot axes that Nexus writes (LFOO, LFOA …): 0.0 to 0.2 degrees apart, with the ankle's axis up to 9.
    """
    angle = body.torsion.get(side, 0.0) * (1.0 if side == "left" else -1.0)
    c, s = np.cos(angle), np.sin(angle)
    return shank @ np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
