"""Joint centres of one person's trial: from skin points if there are any, else as the source gives them."""

from __future__ import annotations

import math

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.landmarks.arm_centres import add_arms
from neurostore.ingest.landmarks.axes import cross, from_y_and_z, pelvis_axes, unit, upright
from neurostore.ingest.landmarks.calibration import Parameters, joint_width, median_length
from neurostore.ingest.landmarks.centres import Centres
from neurostore.ingest.landmarks.joint_centres import (
    asis_trochanter_distance,
    chord,
    hip_offset,
    turned_towards,
)
from neurostore.ingest.landmarks.names import SIDES, Marks
from neurostore.ingest.landmarks.pelvis_markers import middle_by_symmetry

ONE_PSIS = "one_psis_by_symmetry"


def compute_centres(
    marks: Marks,
    parameters: Parameters,
    hip_method: str,
    *,
    bell_pelvis: bool = False,
    sacrum_marker_first: bool = False,
    needs_axes: bool = True,
) -> Centres:
    """Joint centres beside the skin points.

    Parameters
    ----------
    marks : landmark to (n, 3) mm; a joint centre already there was given by the source.
    parameters : of the body; widths that must be estimated are added.
    bell_pelvis : the pelvis points are only like ASIS and PSIS (berkeley_mhad_43): hips by Bell.
    sacrum_marker_first : a marker on the sacrum goes before the PSIS, as in Plug-in Gait.
    needs_axes : False if the source's own rotations give those of pelvis and trunk.
    """
    body = Centres(dict(marks), parameters)
    _add_sacrum(body, sacrum_marker_first)
    if body.has("left_asis", "right_asis", "sacrum"):
        body.lateral["pelvis"] = pelvis_axes(*(body.points[p] for p in ("left_asis", "right_asis", "sacrum")))
        _add_hips(body, body.lateral["pelvis"], "bell" if bell_pelvis else hip_method)
    for side in SIDES:
        for joint in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"):
            if body.has(f"{side}_{joint}"):
                body.methods.setdefault(f"{side}_{joint}", "given")
        device = _set_device_knee(body, side)
        for joint in ("knee", "ankle"):
            _add_leg_joint(body, side, joint, device, on_skin=not bell_pelvis)
        torsion = parameters.get("tibial_torsion", side)
        if torsion is not None and "medial" not in body.methods.get(f"{side}_ankle", ""):
            body.torsion[side] = torsion
    if body.has("left_hip", "right_hip"):
        body.points["pelvis"] = (body.points["left_hip"] + body.points["right_hip"]) / 2
        if needs_axes and "pelvis" not in body.lateral:
            body.lateral["pelvis_line"] = upright(body.points["right_hip"] - body.points["left_hip"])
    if needs_axes:
        body.trunk, body.trunk_method = trunk_axes(body.points)
    add_arms(body)
    _add_middles(body)
    return body


def trunk_axes(marks: Marks) -> tuple[Floats | None, str]:
    """(n, 3, 3) trunk axes and how they arose: the thorax of Plug-in Gait, else shoulders over hips, else None."""
    if {"clavicle", "sternum", "c7", "t10"} <= set(marks):
        clavicle, sternum, c7, t10 = (marks[k] for k in ("clavicle", "sternum", "c7", "t10"))
        up = (clavicle + c7) / 2 - (sternum + t10) / 2
        forward = (clavicle + sternum) / 2 - (c7 + t10) / 2
        return from_y_and_z(up, cross(forward, up)), "clavicle_sternum_c7_t10"
    ends = [marks.get(f"{s}_shoulder", marks.get(f"{s}_acromion")) for s in SIDES]
    base = marks.get("pelvis")
    if base is None and {"left_asis", "right_asis", "sacrum"} <= set(marks):
        base = ((marks["left_asis"] + marks["right_asis"]) / 2 + marks["sacrum"]) / 2
    if ends[0] is None or ends[1] is None or base is None:
        return None, ""
    top = (ends[0] + ends[1]) / 2
    return from_y_and_z(top - base, ends[1] - ends[0]), "shoulders_over_hips"


def _add_middles(body: Centres) -> None:
    """Head and thorax, where the source has no point of that name."""
    marks = body.points
    head = [f"{side}_head_{end}" for side in SIDES for end in ("front", "back")]
    if "head" not in marks and set(head) <= set(marks):
        marks["head"] = np.mean([marks[h] for h in head], axis=0)
    if "thorax" not in marks and {"left_shoulder", "right_shoulder"} <= set(marks):
        marks["thorax"] = (marks["left_shoulder"] + marks["right_shoulder"]) / 2


def _add_sacrum(body: Centres, marker_first: bool) -> None:
    """The middle of the PSIS, or the marker on the sacrum: that first where the model of the marker set wants it so."""
    marks = body.points
    psis = body.has("left_psis", "right_psis")
    middle = (marks["left_psis"] + marks["right_psis"]) / 2 if psis else None
    marker = marks.get("sacrum")
    if middle is None and marker is None and (by_one := middle_by_symmetry(marks)) is not None:
        body.put("sacrum", by_one, ONE_PSIS)
        return
    ways = [("skin_point", marker), ("mid_psis", middle)]
    given = [(method, points) for method, points in (ways if marker_first else ways[::-1]) if points is not None]
    if not given:
        return
    method, points = given[0]
    for _, other in given[1:]:
        points = np.where(np.isfinite(points), points, other)
    body.put("sacrum", points, method)


def _add_hips(body: Centres, pelvis: Floats, method: str) -> None:
    marks, parameters = body.points, body.parameters
    middle = (marks["left_asis"] + marks["right_asis"]) / 2
    width = parameters.get("inter_asis") or median_length(marks["left_asis"], marks["right_asis"])
    depth = median_length(middle, marks["sacrum"])
    legs = [parameters.get("leg_length", side) or math.nan for side in SIDES]
    both = float(np.nanmean(legs)) if np.isfinite(legs).any() else math.nan
    for side, leg in zip(SIDES, legs, strict=True):
        functional = [parameters.get(f"functional_hip_{axis}", side) for axis in "xyz"]
        if None not in functional:
            body.put(f"{side}_hip", middle + (pelvis * np.array(functional)).sum(axis=-1), "functional (SCoRE)")
            continue
        length = both if method == "davis" or not math.isfinite(leg) else leg
        if method in ("davis", "hara") and not math.isfinite(length):
            continue
        trochanter = parameters.get("asis_trochanter_distance", side) or asis_trochanter_distance(
            leg if math.isfinite(leg) else both
        )
        offset = hip_offset(
            method,
            side,
            pelvis_width=width,
            pelvis_depth=depth,
            leg_length=length,
            asis_trochanter=trochanter,
            marker_radius=body.marker_radius(),
        )
        body.put(f"{side}_hip", middle + (pelvis * offset).sum(axis=-1), method)


_ABOVE = {"knee": ("hip", "thigh"), "ankle": ("knee", "shank")}  # joint -> (joint above it, segment between)


def _add_leg_joint(body: Centres, side: str, joint: str, device: Floats | None, *, on_skin: bool) -> None:
    """Knee from hip and thigh, or ankle from knee and shank.

    device : end of a knee alignment device's axis, which is the wand then of both. on_skin : the points are middles of markers, a
    radius off the skin.
    """
    marks, parameters, axes = body.points, body.parameters, body.lateral
    above, segment = _ABOVE[joint]
    name = f"{side}_{joint}"
    lateral, medial = marks.get(f"{name}_lateral"), marks.get(f"{name}_medial")
    if lateral is None:
        return
    sign = 1.0 if side == "right" else -1.0
    proximal, wand = marks.get(f"{side}_{above}"), marks.get(f"{side}_{segment}")
    if device is not None and proximal is not None:
        distance = joint_width(parameters, joint, side) / 2 + body.marker_radius()
        if joint == "ankle" and medial is not None:  # Plug-in Gait then uses the line between the two malleoli
            body.put(name, lateral + distance * unit(medial - lateral), "towards the medial marker")
        else:
            body.put(name, chord(proximal, lateral, device, distance), "chord (knee alignment device)")
        axes[f"{side}_{segment}"] = unit(sign * (lateral - marks[name]))
        return
    # If the file states a width, its model uses the chord construction, even with further markers.
    is_stated = parameters.source(f"{joint}_width", side) == "file" and proximal is not None and wand is not None
    if medial is not None and not is_stated:
        body.put(name, (lateral + medial) / 2, "half-way")
        axes[f"{side}_{segment}"] = unit(sign * (lateral - medial))
        return
    if body.methods.get(name) == "given":
        axes[f"{side}_{segment}"] = unit(sign * (lateral - marks[name]))
        return
    if (
        wand is not None
        and proximal is not None
        and not is_stated
        and not _is_lateral(wand, lateral, proximal, axes, sign)
    ):
        wand = None
    distance = joint_width(parameters, joint, side) / 2
    estimated = parameters.source(f"{joint}_width", side) == "estimated"
    marked = " (estimated width)" if estimated else ""
    if proximal is not None and wand is not None:
        rotation = parameters.get(f"{segment}_rotation", side) or 0.0
        centre = chord(proximal, lateral, wand, distance + body.marker_radius(), sign * rotation)
        lift = parameters.get("ankle_ab_add", side) if joint == "ankle" and is_stated else None
        if lift:
            centre = turned_towards(centre, lateral, proximal, lift)
        body.put(name, centre, f"chord{marked}")
        if joint == "knee" or is_stated or parameters.get("shank_rotation", side) is not None:
            axes[f"{side}_{segment}"] = unit(sign * (lateral - centre))
        # else the angle between the shank's wand and the ankle axis is not known: the shank stays a line
    elif "pelvis" in axes:
        inward = -sign * axes["pelvis"][..., 2]
        distance += body.marker_radius() if on_skin else 0.0
        body.put(name, lateral + inward * distance, f"inward_half_width{marked}")


def _set_device_knee(body: Centres, side: str) -> Floats | None:
    """The lateral knee point of a knee alignment device, put into ``marks``; returns the end of the device's axis.

    Its three markers are at the ends of arms of one length at right angles, whose corner is where the knee marker was (Davis
    1991). Of the two corners that three points allow it is the one towards the body.
    """
    marks, axes = body.points, body.lateral
    ends = [marks.get(f"{side}_knee_device_{end}") for end in ("axis", "1", "2")]
    if "pelvis" not in axes or any(end is None for end in ends):
        return None
    a, b, c = (end for end in ends if end is not None)
    normal = unit(cross(b - a, c - a))
    out = axes["pelvis"][..., 2] * (1.0 if side == "right" else -1.0)
    normal = normal * np.sign((normal * out).sum(-1, keepdims=True))
    arm = sum(np.sqrt(((p - q) ** 2).sum(-1, keepdims=True)) for p, q in ((a, b), (b, c), (c, a))) / (3 * math.sqrt(2))
    marks[f"{side}_knee_lateral"] = (a + b + c) / 3 - normal * arm / math.sqrt(3)
    return a


def _is_lateral(wand: Floats, lateral: Floats, proximal: Floats, axes: Marks, sign: float) -> bool:
    """Does the wand look out to the side, as the chord construction needs? Markers on the front of a segment do not.

    Seen along the segment, the wand is within 53° of the lateral axis of the pelvis, in the middle of the trial.
    """
    if "pelvis" not in axes:
        return True
    along = unit(proximal - lateral)
    out = sign * axes["pelvis"][..., 2]
    seen = [v - (v * along).sum(-1, keepdims=True) * along for v in (wand - lateral, out)]
    cos = (unit(seen[0]) * unit(seen[1])).sum(-1)
    return not np.isfinite(cos).any() or float(np.median(cos[np.isfinite(cos)])) > 0.6
