"""Shoulder, elbow and wrist centres of one person's trial from skin points.

Where the file states the subject's widths, its model is Plug-in Gait and its constructions are followed to the
millimetre (Vicon Plug-in Gait Reference Guide, upper limb): checked against the model points of a full-body file.
Elsewhere the elbow's plane is that of the trunk while the arm is nearly straight, since it is undefined then.
"""

from __future__ import annotations

from neurostore.arrays import Floats
from neurostore.ingest.landmarks.axes import cross, hinge_axis, unit
from neurostore.ingest.landmarks.calibration import joint_width
from neurostore.ingest.landmarks.centres import Centres
from neurostore.ingest.landmarks.joint_centres import chord
from neurostore.ingest.landmarks.names import SIDES


def add_arms(body: Centres) -> None:
    """Put the centres of the arms into ``body``, and the lateral axes of upper arms that two elbow markers define."""
    marks = body.points
    for side in SIDES:
        _add_hand(body, side)
        _add_shoulder(body, side)
        lateral = marks.get(f"{side}_elbow_lateral")
        if lateral is None:
            continue
        medial = marks.get(f"{side}_elbow_medial")
        if medial is not None:
            sign = 1.0 if side == "right" else -1.0
            body.put(f"{side}_elbow", (lateral + medial) / 2, "half-way")
            body.lateral[f"{side}_upper_arm"] = unit(sign * (lateral - medial))
        elif f"{side}_elbow" not in marks:
            _add_elbow(body, side, lateral)
        _offset_wrist(body, side)


def _add_hand(body: Centres, side: str) -> None:
    """The wrist half-way between its markers, or where its one marker is; the hand where its marker is."""
    marks = body.points
    radial, ulnar = marks.get(f"{side}_wrist_radial"), marks.get(f"{side}_wrist_ulnar")
    if f"{side}_wrist" not in marks:
        if radial is not None and ulnar is not None:
            body.put(f"{side}_wrist", (radial + ulnar) / 2, "half-way")
        elif f"{side}_wrist_marker" in marks:
            body.put(f"{side}_wrist", marks[f"{side}_wrist_marker"], "skin_point")
    if f"{side}_hand" not in marks and f"{side}_hand_marker" in marks:
        body.put(f"{side}_hand", marks[f"{side}_hand_marker"], "skin_point")


def _add_shoulder(body: Centres, side: str) -> None:
    """Below the acromion: by Plug-in Gait's chord from the thorax' origin, else straight down along the trunk."""
    marks, trunk, parameters = body.points, body.trunk, body.parameters
    acromion = marks.get(f"{side}_acromion")
    if f"{side}_shoulder" in marks or acromion is None or trunk is None:
        return
    distance = joint_width(parameters, "shoulder", side) + body.marker_radius()
    if body.trunk_method == "clavicle_sternum_c7_t10" and parameters.source("shoulder_offset", side) == "file":
        origin = marks["clavicle"] - body.marker_radius() * trunk[..., 0]
        across = cross(origin - acromion, trunk[..., 0]) * (-1.0 if side == "right" else 1.0)
        body.put(f"{side}_shoulder", chord(origin, acromion, acromion + 100 * unit(across), distance), "chord")
    else:
        body.put(f"{side}_shoulder", acromion - distance * trunk[..., 1], "acromion_offset")


def _add_elbow(body: Centres, side: str, lateral: Floats) -> None:
    """By the chord from the shoulder, in the plane of shoulder, elbow and wrist or that of the trunk."""
    shoulder, wrist = body.points.get(f"{side}_shoulder"), body.points.get(f"{side}_wrist")
    if shoulder is None or wrist is None or body.trunk is None:
        return
    sign = 1.0 if side == "right" else -1.0
    distance = joint_width(body.parameters, "elbow", side) / 2 + body.marker_radius()
    if body.parameters.source("elbow_width", side) == "file":
        axis = -unit(cross(shoulder - lateral, wrist - lateral))
    else:
        axis = hinge_axis(shoulder - lateral, lateral - wrist, body.trunk[..., 2], -1.0)
    body.put(f"{side}_elbow", chord(shoulder, lateral, lateral + sign * 100 * axis, distance), "chord")


def _offset_wrist(body: Centres, side: str) -> None:
    """Plug-in Gait's wrist: half its width from the middle of its markers, at a right angle to them and to the forearm."""
    marks, parameters = body.points, body.parameters
    radial, ulnar = marks.get(f"{side}_wrist_radial"), marks.get(f"{side}_wrist_ulnar")
    elbow = marks.get(f"{side}_elbow")
    width = parameters.get("wrist_width", side)
    is_stated = parameters.source("wrist_width", side) == "file" and body.methods.get(f"{side}_elbow") == "chord"
    if radial is None or ulnar is None or elbow is None or not width or not is_stated:
        return
    middle = (radial + ulnar) / 2
    normal = unit(cross(radial - ulnar, elbow - middle)) * (-1.0 if side == "right" else 1.0)
    body.put(f"{side}_wrist", middle + (width / 2 + body.marker_radius()) * normal, "offset")
