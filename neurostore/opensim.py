"""Coordinates of OpenSim models and the columns of ``joint_angles`` that they correspond to: one table for reading and writing.

Signs and why some coordinates have no counterpart: docs/decisions/opensim-angle-signs.md.
"""

from __future__ import annotations

from dataclasses import dataclass

# Coordinate without its side -> (ours without side and unit, sign): ours = sign * OpenSim's.
_OF_SIDE = {
    "hip_flexion": ("hip_flexion", 1),
    "hip_adduction": ("hip_adduction", 1),
    "hip_rotation": ("hip_rotation", 1),
    "knee_angle": ("knee_flexion", 1),  # times the model's knee sign
    "knee_flexion": ("knee_flexion", 1),
    "ankle_angle": ("ankle_dorsiflexion", 1),
    "ankle_flexion": ("ankle_dorsiflexion", 1),
    "arm_flex": ("shoulder_flexion", 1),
    "shoulder_flexion": ("shoulder_flexion", 1),
    "arm_add": ("shoulder_adduction", 1),
    "elbow_flex": ("elbow_flexion", 1),
    "elbow_flexion": ("elbow_flexion", 1),
}
_OF_PELVIS = {
    "pelvis_tilt": ("pelvis_tilt_deg", -1),
    "pelvis_list": ("left_pelvis_obliquity_deg", 1),
    "pelvis_rotation": ("right_pelvis_rotation_deg", 1),
    "lumbar_extension": ("trunk_pelvis_tilt_deg", -1),
    "lumbar_bending": ("left_trunk_pelvis_obliquity_deg", 1),
    "lumbar_rotation": ("right_trunk_pelvis_rotation_deg", 1),
}


@dataclass(frozen=True, slots=True)
class Model:
    """What writing needs of a model: the sign of its knee, its coordinates that we have, sides left out."""

    knee_sign: int
    pelvis: tuple[str, ...] = ("pelvis_tilt", "pelvis_list", "pelvis_rotation")
    of_side: tuple[str, ...] = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle")


_ARMS = ("arm_flex", "arm_add", "elbow_flex")
MODELS: dict[str, Model] = {
    "rajagopal": Model(1, of_side=(*Model(1).of_side, *_ARMS)),
    "opencap": Model(1, of_side=(*Model(1).of_side, *_ARMS)),
    "gait2392": Model(-1),
    "gait10dof18musc": Model(-1, pelvis=("pelvis_tilt",), of_side=("hip_flexion", "knee_angle", "ankle_angle")),
}


def column_of(coordinate: str, knee_sign: int) -> tuple[str | None, int]:
    """(column of joint_angles, sign) of a coordinate, ours = sign * OpenSim's; (None, 1) if it has none."""
    if coordinate in _OF_PELVIS:
        return _OF_PELVIS[coordinate]
    for suffix, side in (("_r", "right"), ("_l", "left")):
        if coordinate.endswith(suffix) and coordinate[:-2] in _OF_SIDE:
            ours, sign = _OF_SIDE[coordinate[:-2]]
            return f"{side}_{ours}_deg", knee_sign if coordinate[:-2] == "knee_angle" else sign
    return None, 1


def coordinates(model: str) -> list[tuple[str, str, int]]:
    """(coordinate, column of joint_angles, sign) of a model's coordinates that we have, in OpenSim's order."""
    chosen = MODELS[model]
    names = [*chosen.pelvis, *(f"{name}_{side}" for side in "rl" for name in chosen.of_side)]
    listed = []
    for name in names:
        column, sign = column_of(name, chosen.knee_sign)
        assert column is not None
        listed.append((name, column, sign))
    return listed
