"""Shoulder, elbow and wrist centres of one person's trial from skin points.

Where the file states the subject's widths, its model is Plug-in Gait and its constructions are followed to the
millimetre (Vicon Plug-in Gait Reference Guide, upper limb): checked against the model points of a full-body file.
Elsewhere the elbow's plane is that of the trunk while the arm is nearly straight, since it is undefined then.
"""

from __future__ import annotations

import numpy as np

from neurostore.ingest.landmarks.axes import hinge_axis
from neurostore.ingest.landmarks.calibration import DEFAULT_MARKER_DIAMETER_MM, SIDES, Parameters, joint_width
from neurostore.ingest.landmarks.joint_centres import chord, unit

Marks = dict[str, np.ndarray]


def add_arm_centres(
    marks: Marks, trunk: np.ndarray | None, trunk_method: str, parameters: Parameters, methods: dict[str, str]
) -> Marks:
    """Put the centres of the arms into ``marks``; returns the lateral axes of upper arms that two elbow markers define.

    trunk : (n, 3, 3) axes or None. trunk_method : how they arose. methods : joint to how its centre arose, added to.
    """
    axes: Marks = {}
    for side in SIDES:
        _add_hand(marks, methods, side)
        _add_shoulder(marks, methods, trunk, trunk_method, parameters, side)
        lateral = marks.get(f"{side}_elbow_lateral")
        if lateral is None:
            continue
        medial = marks.get(f"{side}_elbow_medial")
        if medial is not None:
            sign = 1.0 if side == "right" else -1.0
            _set(marks, methods, f"{side}_elbow", (lateral + medial) / 2, "half-way")
            axes[f"{side}_upper_arm"] = unit(sign * (lateral - medial))
        elif f"{side}_elbow" not in marks and trunk is not None:
            _add_elbow(marks, methods, trunk, parameters, side, lateral)
        _offset_wrist(marks, methods, parameters, side)
    return axes


def _add_hand(marks: Marks, methods: dict[str, str], side: str) -> None:
    """The wrist half-way between its markers, or where its one marker is; the hand where its marker is."""
    radial, ulnar = marks.get(f"{side}_wrist_radial"), marks.get(f"{side}_wrist_ulnar")
    if f"{side}_wrist" not in marks:
        if radial is not None and ulnar is not None:
            _set(marks, methods, f"{side}_wrist", (radial + ulnar) / 2, "half-way")
        elif f"{side}_wrist_marker" in marks:
            _set(marks, methods, f"{side}_wrist", marks[f"{side}_wrist_marker"], "skin_point")
    if f"{side}_hand" not in marks and f"{side}_hand_marker" in marks:
        _set(marks, methods, f"{side}_hand", marks[f"{side}_hand_marker"], "skin_point")


def _add_shoulder(
    marks: Marks,
    methods: dict[str, str],
    trunk: np.ndarray | None,
    trunk_method: str,
    parameters: Parameters,
    side: str,
) -> None:
    """Below the acromion: by Plug-in Gait's chord from the thorax' origin, else straight down along the trunk."""
    acromion = marks.get(f"{side}_acromion")
    if f"{side}_shoulder" in marks or acromion is None or trunk is None:
        return
    distance = joint_width(parameters, "shoulder", side) + _radius(parameters)
    if trunk_method == "clavicle_sternum_c7_t10" and parameters.source("shoulder_offset", side) == "file":
        origin = marks["clavicle"] - _radius(parameters) * trunk[..., 0]
        across = np.cross(origin - acromion, trunk[..., 0]) * (-1.0 if side == "right" else 1.0)
        centre = chord(origin, acromion, acromion + 100 * unit(across), distance)
        _set(marks, methods, f"{side}_shoulder", centre, "chord")
    else:
        _set(marks, methods, f"{side}_shoulder", acromion - distance * trunk[..., 1], "acromion_offset")


def _add_elbow(
    marks: Marks, methods: dict[str, str], trunk: np.ndarray, parameters: Parameters, side: str, lateral: np.ndarray
) -> None:
    shoulder, wrist = marks.get(f"{side}_shoulder"), marks.get(f"{side}_wrist")
    if shoulder is None or wrist is None:
        return
    sign = 1.0 if side == "right" else -1.0
    distance = joint_width(parameters, "elbow", side) / 2 + _radius(parameters)
    if parameters.source("elbow_width", side) == "file":
        axis = -unit(np.cross(shoulder - lateral, wrist - lateral))
    else:
        axis = hinge_axis(shoulder - lateral, lateral - wrist, trunk[..., 2], -1.0)
    _set(marks, methods, f"{side}_elbow", chord(shoulder, lateral, lateral + sign * 100 * axis, distance), "chord")


def _offset_wrist(marks: Marks, methods: dict[str, str], parameters: Parameters, side: str) -> None:
    """Plug-in Gait's wrist: from the middle of the two markers at a right angle to them and to the forearm, half the width off."""
    radial, ulnar = marks.get(f"{side}_wrist_radial"), marks.get(f"{side}_wrist_ulnar")
    elbow = marks.get(f"{side}_elbow")
    width = parameters.get("wrist_width", side)
    is_stated = parameters.source("wrist_width", side) == "file" and methods.get(f"{side}_elbow") == "chord"
    if radial is None or ulnar is None or elbow is None or not width or not is_stated:
        return
    middle = (radial + ulnar) / 2
    normal = unit(np.cross(radial - ulnar, elbow - middle)) * (-1.0 if side == "right" else 1.0)
    _set(marks, methods, f"{side}_wrist", middle + (width / 2 + _radius(parameters)) * normal, "offset")


def _radius(parameters: Parameters) -> float:
    return (parameters.get("marker_diameter") or DEFAULT_MARKER_DIAMETER_MM) / 2


def _set(marks: Marks, methods: dict[str, str], name: str, values: np.ndarray, method: str) -> None:
    marks[name] = values
    methods[name] = method
