"""The neutral pose of skeletons whose rotations the source gives: what zero means if there is no skin point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.geometry.rotation_kernels import carry_rows
from neurostore.ingest.geometry.rotations import conjugate, from_matrix, multiply, rotate
from neurostore.ingest.landmarks.axes import LAB_UP, from_x_and_y, from_y_and_z, unit
from neurostore.ingest.landmarks.bend import follow_bones
from neurostore.ingest.landmarks.names import SIDES, Marks
from neurostore.ingest.landmarks.segments import Segments
from neurostore.ingest.recording import Recording

# segment -> (landmark whose joint moves it, landmarks at its upper and lower end; None if upright in the neutral pose)
_CARRIERS: dict[str, tuple[str, str | None, str | None]] = {
    "pelvis_neutral": ("pelvis_bone", None, None),
    "trunk": ("trunk_bone", None, None),
    "head": ("head", None, None),
}
for _side in SIDES:
    _CARRIERS[f"{_side}_thigh"] = (f"{_side}_hip", f"{_side}_hip", f"{_side}_knee")
    _CARRIERS[f"{_side}_shank"] = (f"{_side}_knee", f"{_side}_knee", f"{_side}_ankle")
    _CARRIERS[f"{_side}_foot"] = (f"{_side}_ankle", f"{_side}_toe", f"{_side}_ankle")
    _CARRIERS[f"{_side}_upper_arm"] = (f"{_side}_shoulder", f"{_side}_shoulder", f"{_side}_elbow")
    _CARRIERS[f"{_side}_forearm"] = (f"{_side}_elbow", f"{_side}_elbow", f"{_side}_wrist")


@dataclass(frozen=True)
class NeutralAxes:
    """Anatomical axes of each segment in the neutral pose.

    segments : names; joints : index of the joint that carries each; in_joint : (S, 4) rotation of the segment's axes in that
    joint. hip_angles : ``…_neutral_deg`` to the hip's angle in this pose, which ``…_rel_deg`` columns take off.
    """

    segments: tuple[str, ...]
    joints: list[int]
    in_joint: Floats
    hip_angles: dict[str, float]

    def carry(self, joint_rotations: Floats) -> dict[str, Floats]:
        """Segment to (n, 4) float32 rotation to the lab, of the carrying joints' rotations (S, 4, n), of any length."""
        turned = np.empty(joint_rotations.shape, np.float32)
        carry_rows(joint_rotations, self.in_joint, turned)
        return {name: turned[k].T for k, name in enumerate(self.segments)}


_LEAST_ALONG_HIPS = 0.7  # cosine; exchanged sides have -1


def segments_of_rotations(neutral: NeutralAxes, rotations: Floats, marks: Marks) -> Segments:
    """Segments of a skeleton whose source gives rotations (S, 4, n) of the joints that carry them.

    Limbs whose rotations do not turn about their joints follow their bones instead (:mod:`.bend`).
    """
    segments = neutral.carry(rotations)
    methods = {f"{name}_axes": "rotation" for name in neutral.segments}
    name = next((name for name in ("pelvis_neutral", "trunk") if name in segments), None)
    right = rotate(segments[name], np.array([0.0, 0.0, 1.0])) if name is not None else None
    hips = marks["right_hip"] - marks["left_hip"] if {"left_hip", "right_hip"} <= set(marks) else None
    notes = []
    if right is not None and hips is not None and abs(cosine := _median_cosine(right, hips)) < _LEAST_ALONG_HIPS:
        for turned in ("pelvis_neutral", "trunk", "left_foot", "right_foot"):
            segments.pop(turned, None)
            methods.pop(f"{turned}_axes", None)
        notes.append(
            f"the axis of the pelvis that should point from hip to hip is {np.degrees(np.arccos(cosine)):.0f}° off that line: the "
            "file's segments have other axes than its format; angles of pelvis, trunk, hips and ankles are not given"
        )
        right = None
    if right is None:
        right = hips
    methods_of_lines, bone_notes = follow_bones(segments, marks, right)
    return Segments(segments, methods | methods_of_lines, right, notes=[*notes, *bone_notes])


def _median_cosine(a: Floats, b: Floats) -> float:
    """Median cosine of the angle between (n, 3) vectors; 1 where they are never both known."""
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))
    cosine = cosine[np.isfinite(cosine)]
    return float(np.clip(np.median(cosine), -1.0, 1.0)) if len(cosine) else 1.0


def neutral_axes_of(recording: Recording, sources: dict[str, tuple[int, ...]]) -> NeutralAxes | None:
    """The neutral pose of a recording's primary skeleton, or None if it has no rotations or no pose to call neutral.

    sources : landmark to the indices of its joints.
    Readers give the neutral pose: a T-pose frame, the skeleton's declaration, or a rest pose that stands upright.
    """
    if not recording.poses or recording.poses[0].rotations is None or not len(recording.poses[0].frame):
        return None
    neutral = recording.neutral
    if neutral is None or neutral.rotations is None:
        return None
    hinges = {
        segment: np.asarray(declared["hinge"], np.float64)
        for segment, declared in recording.poses[0].skeleton.declaration.get("segments", {}).items()
        if "hinge" in declared
    }
    key = (neutral.positions.tobytes(), neutral.rotations.tobytes(), tuple(sources.items()), tuple(hinges))
    if key not in _known:
        if len(_known) > 64:
            _known.clear()
        _known[key] = _axes_in(sources, neutral.positions, neutral.rotations, hinges)
    return _known[key]


_known: dict[Any, NeutralAxes | None] = {}  # the trials of a subject share one neutral pose


def _axes_in(
    sources: dict[str, tuple[int, ...]],
    positions: Floats,
    rotations: Floats,
    hinges: dict[str, Floats],
) -> NeutralAxes | None:
    """positions : (J, 3), rotations : (J, 4) of the neutral pose; hinges : segment to the z axis its joint bends about."""
    positions = np.asarray(positions, np.float64)

    def point(landmark: str) -> Floats:
        return positions[list(sources[landmark])].mean(axis=0)

    if not {"pelvis_bone", "left_hip", "right_hip"} <= set(sources):
        return None
    right = unit(point("right_hip") - point("left_hip"))
    right = right - right @ LAB_UP * LAB_UP
    if not np.linalg.norm(right) > 0.8:
        return None  # the hips are not level: not a neutral pose
    right = unit(right)
    forward = np.cross(LAB_UP, right)
    names, joints, axes = [], [], []
    for segment, (carrier, top, bottom) in _CARRIERS.items():
        if carrier not in sources or (top is not None and (top not in sources or bottom not in sources)):
            continue
        long = unit(point(top) - point(bottom)) if top is not None and bottom is not None else None
        if long is not None and segment.endswith(("thigh", "shank")) and not long @ LAB_UP > 0.77:
            return None  # legs are more than 40° from the vertical: not a standing pose
        names.append(segment)
        joints.append(sources[carrier][0])
        if segment in hinges and long is not None:
            axes.append(from_y_and_z(long[None], hinges[segment][None])[0])
        else:
            axes.append(_upright_axes(segment, long, right, forward))
    in_joint = multiply(conjugate(np.asarray(rotations, np.float64)[joints]), from_matrix(np.array(axes)))
    return NeutralAxes(tuple(names), joints, in_joint, _hip_angles(dict(zip(names, axes, strict=True))))


def _hip_angles(axes: dict[str, Floats]) -> dict[str, float]:
    """Hip angles of the neutral pose against its own pelvis, degrees. axes : segment to (3, 3)."""
    out = {}
    for side in SIDES:
        if f"{side}_thigh" in axes:
            r = axes["pelvis_neutral"].T @ axes[f"{side}_thigh"]
            sign = 1.0 if side == "right" else -1.0
            out[f"{side}_hip_flexion_neutral_deg"] = math.degrees(math.atan2(-r[0, 1], r[1, 1]))
            out[f"{side}_hip_adduction_neutral_deg"] = math.degrees(sign * math.asin(max(-1.0, min(1.0, r[2, 1]))))
            out[f"{side}_hip_rotation_neutral_deg"] = math.degrees(sign * math.atan2(-r[2, 0], r[2, 2]))
    return out


def _upright_axes(segment: str, long: Floats | None, right: Floats, forward: Floats) -> Floats:
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
