"""Markers that are on the wrong place of the body for a whole trial: the pelvis, the knees, the wands of the shanks.

Nothing is changed: the notes say what was measured and what people have, and ``trial_quality`` that the trial is to be
checked. Limits and the smallest displacement that each rule finds: docs/decisions/markers-that-are-misplaced.md.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from neurostore.arrays import Bools, Floats, percentiles
from neurostore.ingest.landmarks.axes import across, cross, unit
from neurostore.ingest.landmarks.calibration import median_length
from neurostore.ingest.landmarks.centres import Centres
from neurostore.ingest.landmarks.names import SIDES, Marks

_TILT_DEG = (-15.0, 35.0)  # posterior and anterior; people with spastic diplegia walk with up to 30
_OBLIQUITY_DEG = 8.0
_TWISTED_OBLIQUITY_DEG = 6.0  # where the line of the PSIS disagrees with that of the ASIS by as much
_SIDEWAYS, _LEAST_SIDEWAYS_MM = (
    0.085,
    18.0,
)  # of the middle of the PSIS from that of the ASIS, as a share of their distance
_DEPTH = (0.4, 1.3)  # of the pelvis, as a share of the distance of the ASIS
_LEAST_UPRIGHT = 0.85  # share of the leg's length by which the hips are above the ankles
_MOST_LEAN = math.cos(math.radians(45))
_LEAST_UPRIGHT_FRAMES = 0.1
_KNEES_STANDING_DEG = 10.0
_KNEES_WALKING_DEG = 8.0
_KNEE_AXES_DEG = 15.0
_ENOUGH_FRAMES = 150
_RANGE_PCT = (5, 95)  # percentiles of knee flexion near its least and its greatest
_VALGUS_DEG = 10.0
_NEARLY_STRAIGHT_DEG = 25.0
_HEEL_MM = 16.0
_WAND_DEG = 35.0  # from a right angle to the foot; 69 to 120 degrees in good trials of seven laboratories
_CHANGED_MM = {"pelvis": 15.0, "leg": 20.0}  # since the static trial
#: what a static trial gives its session: parameter -> (points, which of the limits holds)
_LENGTHS = {
    "thigh_length": ("hip", "knee", "leg"),
    "shank_length": ("knee", "ankle", "leg"),
    "asis_sacrum_distance": ("asis", "sacrum", "pelvis"),
    "asis_sacral_marker_distance": ("asis", "sacrum", "pelvis"),  # a marker on the sacrum is not the middle of the PSIS
}


def check(body: Centres, *, is_static: bool) -> tuple[dict[str, float], list[str]]:
    """(figures for trials.quality, notes) on the places of a person's skin markers.

    Parameters
    ----------
    body : skin points and joint centres, mm, y up; its parameters hold the lengths that a static trial measured.

    Returns
    -------
    ``misplaced_markers``: how many rules are broken. ``knee_offset_deg``: by how much one knee is more flexed than the
    other throughout a movement, where that is more than 8 degrees; ``trial_quality`` judges it in walking.
    """
    body = _thinned(body)
    flexion = [_knee_flexion(body, side) for side in SIDES]
    notes = [*_pelvis(body), *_knee_axes(body), *_one_bowed_leg(body, flexion), *_wands(body), *_feet(body)]
    notes += _standing_knees(flexion) if is_static else _changed(body)
    quality = {"misplaced_markers": float(len(notes))} if notes else {}
    offset = 0.0 if is_static else _moving_knees(flexion)
    if offset > _KNEES_WALKING_DEG:
        quality["knee_offset_deg"] = offset
    return quality, [f"a marker may be misplaced: {note}" for note in notes]


def add_lengths(body: Centres) -> None:
    """Keep the lengths between points of a static trial, by which those of its session are judged (source ``static``)."""
    for name, _, side, length in _lengths(body):
        body.parameters.add(name, side, length, "mm", "static")


def _thinned(body: Centres) -> Centres:
    """The same with every k-th frame: medians of a hundred frames say as much as those of thousands."""
    n = len(next(iter(body.points.values()), ()))
    step = -(-n // _ENOUGH_FRAMES) or 1
    points, lateral = ({name: values[::step] for name, values in some.items()} for some in (body.points, body.lateral))
    return replace(body, points=points, lateral=lateral)


def _lengths(body: Centres) -> list[tuple[str, str, str, float]]:
    """(parameter, limit, side, median length in mm) of those whose points are there."""
    lengths = []
    is_marker = body.methods.get("sacrum") == "skin_point"
    for name, (a, b, limit) in _LENGTHS.items():
        if b == "sacrum" and is_marker != ("marker" in name):
            continue
        for side in SIDES:
            if a == "hip" and body.methods.get(f"{side}_hip", "").startswith("functional"):
                continue  # the static trial may have been computed without it
            ends = [body.points.get(point if point == "sacrum" else f"{side}_{point}") for point in (a, b)]
            if ends[0] is not None and ends[1] is not None:
                lengths.append((name, limit, side, median_length(ends[0], ends[1])))
    return lengths


def _changed(body: Centres) -> list[str]:
    """Distances that are not those of the session's static trial: a marker or a cluster that slipped."""
    notes = []
    for name, limit, side, here in _lengths(body):
        there = body.parameters.get(name, side) if body.parameters.source(name, side) == "static" else None
        if there is not None and abs(here - there) > _CHANGED_MM[limit]:
            what = name.replace("_", " ").replace("asis", "ASIS")
            notes.append(f"the {side} {what} is {here:.0f} mm, in the session's static trial {there:.0f} mm")
    return notes


def _pelvis(body: Centres) -> list[str]:
    """Whether the pelvis has the shape and, while the person is upright, the attitude of a pelvis."""
    if not body.has("left_asis", "right_asis", "sacrum") or "pelvis" not in body.lateral:
        return []
    marks, axes = body.points, body.lateral["pelvis"]
    across_asis = marks["right_asis"] - marks["left_asis"]
    forward = (marks["left_asis"] + marks["right_asis"]) / 2 - marks["sacrum"]
    width, depth = (_median(np.linalg.norm(v, axis=-1)) for v in (across_asis, forward))
    sideways = _median((forward * unit(across_asis)).sum(-1))
    notes = []
    if abs(sideways) > max(_SIDEWAYS * width, _LEAST_SIDEWAYS_MM):
        notes.append(
            f"the middle of the PSIS (or the sacrum) is {abs(sideways):.0f} mm to the "
            f"{'right' if sideways < 0 else 'left'} of the middle of the ASIS"
        )
    if not _DEPTH[0] <= depth / width <= _DEPTH[1]:
        notes.append(f"the pelvis is {depth:.0f} mm deep and {width:.0f} mm wide between the ASIS")
    upright = _upright(body)
    if upright.any():
        tilt = -math.degrees(math.asin(float(np.mean(axes[upright, 1, 0]))))
        obliquity = math.degrees(math.asin(float(np.mean(axes[upright, 1, 2]))))
        notes += _attitude(tilt, obliquity, _twist(marks, upright))
    return notes


def _attitude(tilt: float, obliquity: float, twist: float) -> list[str]:
    """Notes on the mean attitude of an upright person's pelvis, degrees; twist is 0 where it is not known."""
    notes = []
    if not _TILT_DEG[0] <= tilt <= _TILT_DEG[1]:
        notes.append(
            f"the pelvis is tilted forwards by {tilt:.0f} degrees on average while the person is upright "
            f"(usual: {_TILT_DEG[0]:.0f} to {_TILT_DEG[1]:.0f}): ASIS, PSIS or sacrum are too high or too low"
        )
    is_twisted = abs(twist) > _TWISTED_OBLIQUITY_DEG and abs(obliquity) > _TWISTED_OBLIQUITY_DEG
    if abs(obliquity) > _OBLIQUITY_DEG or is_twisted:
        side = "right" if obliquity > 0 else "left"
        psis = f", the line of the PSIS is turned against it by {abs(twist):.0f}" if is_twisted else ""
        notes.append(
            f"the {side} ASIS is higher throughout: the pelvis is oblique by {abs(obliquity):.0f} degrees on average{psis}"
        )
    return notes


def _twist(marks: Marks, frames: Bools) -> float:
    """Degrees about the pelvis' long axis between the lines of the ASIS and of the PSIS; 0 without both PSIS."""
    names = [f"{side}_{spine}" for spine in ("asis", "psis") for side in SIDES]
    if not set(names) <= set(marks):
        return 0.0
    left_asis, right_asis, left_psis, right_psis = (marks[name][frames] for name in names)
    along = unit(left_asis + right_asis - left_psis - right_psis)
    front, back = across(right_asis - left_asis, along), across(right_psis - left_psis, along)
    angle = np.degrees(np.arctan2((cross(front, back) * along).sum(-1), (front * back).sum(-1)))
    return _median(angle) if np.isfinite(angle).any() else 0.0


def _upright(body: Centres) -> Bools:
    """The frames in which the person stands or walks upright; none where they are fewer than a tenth of the trial."""
    marks = body.points
    legs = [tuple(f"{side}_{joint}" for joint in ("hip", "knee", "ankle")) for side in SIDES]
    none: Bools = np.zeros(len(marks["sacrum"]), bool)
    if not all(body.has(*leg) for leg in legs):
        return none
    upright: Bools = np.isfinite(body.lateral["pelvis"]).all(axis=(1, 2))
    for hip, knee, ankle in legs:
        length = median_length(marks[hip], marks[knee]) + median_length(marks[knee], marks[ankle])
        with np.errstate(invalid="ignore"):
            upright &= (marks[hip] - marks[ankle])[:, 1] > _LEAST_UPRIGHT * length
    top = marks.get("c7", marks.get("thorax"))
    if top is not None:
        with np.errstate(invalid="ignore"):
            upright &= ~(unit(top - marks["sacrum"])[:, 1] < _MOST_LEAN)
    return upright if upright.mean() > _LEAST_UPRIGHT_FRAMES else none


def _knee_flexion(body: Centres, side: str) -> Floats | None:
    """(n,) degrees between thigh and shank in the pelvis' sagittal plane, positive in flexion; None if a joint is not known."""
    joints = [f"{side}_{joint}" for joint in ("hip", "knee", "ankle")]
    if not body.has(*joints) or "pelvis" not in body.lateral:
        return None
    hip, knee, ankle = (body.points[joint] for joint in joints)
    right = body.lateral["pelvis"][..., 2]
    thigh, shank = across(knee - hip, right), across(ankle - knee, right)
    return np.degrees(np.arctan2((cross(shank, thigh) * right).sum(-1), (thigh * shank).sum(-1)))


def _standing_knees(flexion: list[Floats | None]) -> list[str]:
    if flexion[0] is None or flexion[1] is None:
        return []
    left, right = (_median(f) for f in flexion if f is not None)
    if not abs(left - right) > _KNEES_STANDING_DEG:
        return []
    return [
        f"in standing the left knee is flexed by {left:.0f} degrees, the right one by {right:.0f}: a contracture of one "
        "knee, or its marker is in front of the joint or behind it"
    ]


def _moving_knees(flexion: list[Floats | None]) -> float:
    """By how many degrees one knee is flexed more than the other at its least and at its greatest flexion; 0 if by neither."""
    if flexion[0] is None or flexion[1] is None:
        return 0.0
    seen = np.isfinite(flexion[0]) & np.isfinite(flexion[1])
    if not seen.any():
        return 0.0
    least, greatest = percentiles(flexion[0][seen], _RANGE_PCT) - percentiles(flexion[1][seen], _RANGE_PCT)
    return float(min(abs(least), abs(greatest))) if least * greatest > 0 else 0.0


def _knee_axes(body: Centres) -> list[str]:
    """Whether one knee axis is turned: the hip's rotation differs from the other side's, and the knee's by the opposite."""
    turns = [_rotations(body, side) for side in SIDES]
    if turns[0] is None or turns[1] is None:
        return []
    hip, knee = (left - right for left, right in zip(*turns, strict=True))
    if not (hip * knee < 0 and min(abs(hip), abs(knee)) > _KNEE_AXES_DEG):
        return []
    return [
        f"left and right hip differ by {abs(hip):.0f} degrees in their mean rotation and the knees by {abs(knee):.0f} the "
        "other way: the axis of one knee is turned (its marker is in front of the joint or behind it, or a wand is turned)"
    ]


def _rotations(body: Centres, side: str) -> tuple[float, float] | None:
    """Median rotation in degrees, internal positive, of the knee axis in the pelvis and of the shank's in the thigh."""
    joints, axes = [f"{side}_{joint}" for joint in ("hip", "knee", "ankle")], [f"{side}_thigh", f"{side}_shank"]
    if not body.has(*joints) or not {"pelvis", *axes} <= set(body.lateral):
        return None
    hip, knee, ankle = (body.points[joint] for joint in joints)
    laterals = [body.lateral["pelvis"][..., 2], *(body.lateral[name] for name in axes)]
    sign = 1.0 if side == "right" else -1.0
    turns = []
    for up, before, after in zip((unit(hip - knee), unit(knee - ankle)), laterals[:2], laterals[1:], strict=True):
        a, b = across(before, up), across(after, up)
        turns.append(sign * _median(np.degrees(np.arctan2((cross(a, b) * up).sum(-1), (a * b).sum(-1)))))
    return turns[0], turns[1]


def _one_bowed_leg(body: Centres, flexion: list[Floats | None]) -> list[str]:
    """Whether one knee alone is far beside the line from hip to ankle, while it is nearly straight."""
    bowed = []
    for side, sign, bend in zip(SIDES, (-1.0, 1.0), flexion, strict=True):
        if bend is None:
            return []
        hip, knee, ankle = (body.points[f"{side}_{joint}"] for joint in ("hip", "knee", "ankle"))
        thigh, shank = unit(hip - knee), unit(knee - ankle)
        forward = unit(cross(thigh, body.lateral["pelvis"][..., 2]))
        sine = np.clip((cross(thigh, shank) * forward).sum(-1), -1.0, 1.0)
        with np.errstate(invalid="ignore"):
            bowed.append(_median((sign * np.degrees(np.arcsin(sine)))[bend < _NEARLY_STRAIGHT_DEG]))
    if not abs(bowed[0] - bowed[1]) > _VALGUS_DEG:
        return []
    return [
        f"the left knee is {abs(bowed[0]):.0f} degrees in {_varus(bowed[0])}, the right one {abs(bowed[1]):.0f} in "
        f"{_varus(bowed[1])} while nearly straight: one bowed leg, or a marker or a knee width that is not right"
    ]


def _varus(degrees: float) -> str:
    return "varus" if degrees > 0 else "valgus"


def _feet(body: Centres) -> list[str]:
    """Whether heel, ankle and toe of both feet form different triangles: one heel or toe marker too high or too low."""
    heights = []
    for side in SIDES:
        names = [f"{side}_{point}" for point in ("ankle_lateral", "heel", "toe")]
        if not body.has(*names):
            return []
        ankle, heel, toe = (body.points[name] for name in names)
        along = unit(toe - heel)
        above = ankle - heel - ((ankle - heel) * along).sum(-1, keepdims=True) * along
        heights.append(_median(np.linalg.norm(above, axis=-1)))
    if not abs(heights[0] - heights[1]) > _HEEL_MM:
        return []
    return [
        f"the left ankle marker is {heights[0]:.0f} mm from the line of heel and toe, the right one {heights[1]:.0f} mm: a "
        "marker of one foot is too high or too low"
    ]


def _wands(body: Centres) -> list[str]:
    """Wands of the shank that define the ankle's axis and are not at about a right angle to the foot."""
    marks, notes = body.points, []
    for side, sign in zip(SIDES, (-1.0, 1.0), strict=True):
        names = [f"{side}_{point}" for point in ("knee", "ankle", "ankle_lateral", "heel", "toe")]
        is_by_wand = body.methods.get(f"{side}_ankle", "").startswith("chord")
        if not is_by_wand or not body.has(*names) or body.parameters.get("shank_rotation", side):
            continue
        knee, ankle, lateral, heel, toe = (marks[name] for name in names)
        up = unit(knee - ankle)
        axis, foot = across(lateral - ankle, up), across(toe - heel, up)
        angle = sign * np.degrees(np.arctan2((cross(axis, foot) * up).sum(-1), (axis * foot).sum(-1)))
        away = _median(angle) - 90.0
        if abs(away) > _WAND_DEG:
            notes.append(
                f"the ankle axis from the wand of the {side} shank is {abs(away):.0f} degrees from a right angle to the foot"
            )
    return notes


def _median(values: Floats) -> float:
    seen = values[np.isfinite(values)]
    return float(percentiles(seen, [50])[0]) if len(seen) else math.nan
