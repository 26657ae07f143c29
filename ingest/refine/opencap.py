"""The marker set ``opencap``: 59 of the 65 OpenCap markers, from the joints and segment rotations of a CMU skeleton.

Joint centres are taken over (in BVH names RightArm is the shoulder, RightForeArm the elbow, RightHand the wrist);
skin markers are at offsets in the frame of their segment (x forward, y up, z right), as shares of a length of that
body, so they turn and grow with it. Pelvis: Bell 1989 (doi 10.1016/0167-9457(89)90020-1), hip centre 30 % distal, 14 %
medial, 22 % posterior of the ASIS in inter-ASIS widths. The other shares are our own round figures for an adult: they
give the network a body with skin markers on it, not anatomy. Left out: the skin markers of both wrists and the small
toes, since the skeleton knows neither how the forearm is turned at the wrist nor how the toes spread.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from neurostore import skeleton as skeletons
from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.ingest.geometry.rotations import rotate
from neurostore.ingest.recording import Recording
from neurostore.ingest.refine.marker_set import MarkerSet

LEFT_OUT = ("r_lwrist_study", "r_mwrist_study", "L_lwrist_study", "L_mwrist_study", "RSmallToe", "LSmallToe")
_CENTRES = ("Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle")
_INTER_ASIS = 1 / 0.72  # in distances between the hip centres: 1 / (1 - 2 * 0.14)
# Markers of the right side (z to the right; mirrored on the left): marker, origin, segment, unit length, (x, y, z).
_OFFSETS = (
    ("ASIS", "hip", "pelvis_neutral", "asis", (0.22, 0.30, 0.14)),
    ("PSIS", "hip", "pelvis_neutral", "asis", (-0.43, 0.34, -0.11)),
    ("knee_study", "knee", "thigh", "shank", (0.0, 0.0, 0.13)),
    ("mknee_study", "knee", "thigh", "shank", (0.0, 0.0, -0.13)),
    ("ankle_study", "ankle", "shank", "shank", (0.0, 0.0, 0.09)),
    ("mankle_study", "ankle", "shank", "shank", (0.0, 0.02, -0.09)),
    ("thigh1_study", "hip", "thigh", "thigh", (0.10, -0.33, 0.12)),
    ("thigh2_study", "hip", "thigh", "thigh", (0.06, -0.50, 0.15)),
    ("thigh3_study", "hip", "thigh", "thigh", (0.10, -0.67, 0.10)),
    ("sh1_study", "knee", "shank", "shank", (0.05, -0.33, 0.10)),
    ("sh2_study", "knee", "shank", "shank", (0.08, -0.50, 0.06)),
    ("sh3_study", "knee", "shank", "shank", (0.04, -0.67, 0.08)),
    ("Heel", "ankle", "foot", "foot", (-0.38, -0.45, 0.0)),
    ("calc_study", "ankle", "foot", "foot", (-0.42, -0.30, 0.0)),
    ("toe_study", "toe", "foot", "foot", (0.0, 0.15, 0.0)),
    ("5meta_study", "toe", "foot", "foot", (-0.15, 0.05, 0.42)),
    ("BigToe", "toe", "foot", "foot", (0.45, 0.0, -0.15)),
    ("shoulder_study", "shoulder", "trunk", "upper_arm", (0.0, 0.17, 0.03)),
    ("lelbow_study", "elbow", "upper_arm", "upper_arm", (0.0, 0.0, 0.12)),
    ("melbow_study", "elbow", "upper_arm", "upper_arm", (0.0, 0.0, -0.12)),
)
# Markers in the middle, in lengths of the trunk (hips to shoulders).
_MIDDLE = (
    ("C7_study", "shoulders", "trunk", (-0.12, 0.18, 0.0)),
    ("Nose", "head", "head", (0.22, 0.05, 0.0)),
)
_LENGTHS = {
    "thigh": ("hip", "knee"),
    "shank": ("knee", "ankle"),
    "foot": ("ankle", "toe"),
    "upper_arm": ("shoulder", "elbow"),
}
# marker of a side -> markers after it on its limb
_PARENTS = {
    "Hip": ("ASIS", "PSIS", "Knee", "knee_study", "mknee_study", "thigh1_study", "thigh2_study", "thigh3_study"),
    "Knee": ("Ankle", "ankle_study", "mankle_study", "sh1_study", "sh2_study", "sh3_study"),
    "Ankle": ("Heel", "calc_study", "toe_study", "5meta_study", "BigToe"),
    "Shoulder": ("Elbow", "shoulder_study", "lelbow_study", "melbow_study"),
    "Elbow": ("Wrist",),
}


def spelled(side: str, part: str) -> str:
    """The OpenCap name of a marker of a side: RKnee, r_knee_study, r.ASIS_study, RHJC_study."""
    letter = side[0].upper()
    if part == "HJC":
        return f"{letter}HJC_study"
    if part in ("ASIS", "PSIS"):
        return f"{'L' if side == 'left' else 'r'}.{part}_study"
    if part.endswith("_study"):
        return f"{'L' if side == 'left' else 'r'}_{part}"
    return f"{letter}{part}"


@cache
def opencap_set() -> MarkerSet:
    """Names in the order of schemas/skeletons/opencap_65.toml, without :data:`LEFT_OUT`."""
    names = tuple(n for n in skeletons.load("opencap_65").source_names if n not in LEFT_OUT)
    at = {n: i for i, n in enumerate(names)}
    rigid = [("LHip", "RHip"), ("LHip", "midHip")]
    loose = [("midHip", "Neck"), ("Neck", "Head"), ("Neck", "Nose"), ("Neck", "C7_study")]
    mirror = dict(zip(names, names, strict=True))
    limb = dict.fromkeys(names, 4)
    for number, side in enumerate(("left", "right")):
        other = "right" if side == "left" else "left"
        rigid.append(("midHip", spelled(side, "HJC")))
        loose.append(("Neck", spelled(side, "Shoulder")))
        for near, far in _PARENTS.items():
            rigid += [(spelled(side, near), spelled(side, part)) for part in far]
        for part in (*_CENTRES, "HJC", *(o[0] for o in _OFFSETS)):
            name = spelled(side, part)
            mirror[name] = spelled(other, part)
            is_arm = any(word in part for word in ("Shoulder", "shoulder", "lbow", "Wrist"))
            limb[name] = number + (2 if is_arm else 0)
    bones = tuple((at[a], at[b]) for a, b in rigid + loose)
    ends = {b: i for i, (_, b) in enumerate(bones) if i >= 1}
    return MarkerSet(
        name="opencap",
        names=names,
        bones=bones,
        n_loose=len(loose),
        limbs=tuple(limb[n] for n in names),
        mirror=tuple(at[mirror[n]] for n in names),
        parent_bone=tuple(ends.get(i, -1) for i in range(len(names))),
        hips=(at["LHip"], at["RHip"]),
    )


def opencap_points(recording: Recording, where: str = "recording") -> Floats:
    """(n, 59, 3) mm, lab: the marker set of the subject of a recording.

    Raises
    ------
    InputError : the source gives no rotations, or lacks a segment or joint; named.
    """
    from neurostore.ingest.landmarks import compute_landmarks

    landmarks = compute_landmarks(recording, cutoff_hz=0.0)
    mine = landmarks.person == 0
    points = {name: values[mine].astype(np.float64) for name, values in landmarks.points.items()}
    turns = {name: values[mine] for name, values in landmarks.segments.items()}
    sides = ("left", "right")
    needed = [f"{s}_{p}" for s in sides for p in ("hip", "knee", "ankle", "toe", "shoulder", "elbow", "wrist")]
    lacking = [n for n in (*needed, "neck", "head") if n not in points]
    lacking += [s for s in _segments(sides) if s not in turns]
    if lacking:
        raise InputError(where, f"has no {', '.join(lacking)}, which the OpenCap markers are made from")
    made = {"Neck": points["neck"], "Head": points["head"]}
    made["midHip"] = (points["left_hip"] + points["right_hip"]) / 2
    width = _length(points["left_hip"], points["right_hip"])
    for side in sides:
        for part in _CENTRES:
            made[spelled(side, part)] = points[f"{side}_{part.lower()}"]
        made[spelled(side, "HJC")] = points[f"{side}_hip"]
        size = {n: _length(points[f"{side}_{a}"], points[f"{side}_{b}"]) for n, (a, b) in _LENGTHS.items()}
        size["asis"] = width * _INTER_ASIS
        for part, origin, segment, unit, offset in _OFFSETS:
            name = segment if segment in ("pelvis_neutral", "trunk") else f"{side}_{segment}"
            out = np.array(offset) * (1.0, 1.0, 1.0 if side == "right" else -1.0) * size[unit]
            made[spelled(side, part)] = points[f"{side}_{origin}"] + rotate(turns[name], out)
    shoulders = (points["left_shoulder"] + points["right_shoulder"]) / 2
    trunk = _length(made["midHip"], shoulders)
    for name, origin, segment, offset in _MIDDLE:
        base = shoulders if origin == "shoulders" else points[origin]
        made[name] = base + rotate(turns[segment], np.array(offset) * trunk)
    return np.stack([made[name] for name in opencap_set().names], axis=1).astype(np.float32)


def _segments(sides: tuple[str, ...]) -> list[str]:
    own = [f"{side}_{part}" for side in sides for part in ("thigh", "shank", "foot", "upper_arm")]
    return ["pelvis_neutral", "trunk", "head", *own]


def _length(a: Floats, b: Floats) -> float:
    return float(np.nanmedian(np.linalg.norm(a - b, axis=-1)))
