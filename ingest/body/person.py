"""Our own body model: 13 segments, 34 degrees of freedom, an adult of the mean of published tables.

Lengths, masses, centres of mass and radii of gyration: de Leva (1996), J Biomech 29:1223-1230, tables 1 and 4, males
of 1.741 m and 73.0 kg. Hip centres in the pelvis: Harrington et al. (2007), J Biomech 40:595-602, at an
inter-ASIS distance of 240 mm and a pelvic depth of 150 mm. Lumbosacral joint: Reed, Manary and Schneider (1999),
SAE 1999-01-0959, as shares of the inter-ASIS distance. Subtalar axis: Inman (1976), The joints of the ankle, 42° up
and 23° medial. Shoulder width and skin points are first guesses: each person's own are registered (scaling.py).

Frames of every segment: origin in its upper joint (pelvis: half-way between the hips), x forward, y up, z to the
right. Coordinates bear OpenSim's names and signs. The pelvis turns first about the vertical, then list, then tilt, so
that tilt and list mean the same in whatever direction a person walks (docs/decisions/pelvis-turns-first.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from neurostore.arrays import Floats

from .model import GROUND, Model, Placement
from .osim import parse_model
from .scaling import checked_factors, words
from .sockets import body_fixed_angles

NAME = "neurostore_person"
VERSION = 10
MASS_KG = 73.0
#: half the distance of the hip centres, and mid-ASIS over the middle of the hips (Harrington 2007), metres
_HIP_Z, _ASIS_X, _ASIS_Y, _ASIS_Z = 0.0865, 0.0459, 0.0829, 0.12
_PELVIS_DEPTH = 0.15
_LUMBAR = (_ASIS_X - 0.264 * 0.24, _ASIS_Y + 0.126 * 0.24, 0.0)
_THIGH, _SHANK, _UPPER_ARM, _FOREARM = 0.4222, 0.4340, 0.2817, 0.2689
_FOOT, _HEAD = 0.2581, 0.2429
_CERVICALE = 0.6033 - _LUMBAR[1]  # height of C7 above the lumbosacral joint
_SHOULDER_Y, _SHOULDER_Z = _CERVICALE - 0.06, 0.18
_ANKLE_HEIGHT, _HEEL_X = 0.08, -0.05

#: segment -> (share of mass, length m, centre of mass from its origin as shares of length along -y (foot: x),
#: radii of gyration about x, y, z as shares of length)
_SEGMENTS = {
    "pelvis": (0.1117, 0.1457, (0.0, 0.3885, 0.0), (0.615, 0.587, 0.551)),
    "trunk": (0.3229, 0.386, (0.0, 0.55, 0.0), (0.372, 0.191, 0.347)),
    "head": (0.0694, 0.2429, (0.0, 0.4998, 0.0), (0.303, 0.261, 0.315)),
    "thigh": (0.1416, _THIGH, (0.0, -0.4095, 0.0), (0.329, 0.149, 0.329)),
    "shank": (0.0433, _SHANK, (0.0, -0.4459, 0.0), (0.255, 0.103, 0.249)),
    "foot": (0.0137, _FOOT, (0.247, -0.15, 0.0), (0.124, 0.245, 0.257)),
    "upper_arm": (0.0271, _UPPER_ARM, (0.0, -0.5772, 0.0), (0.285, 0.158, 0.269)),
    "forearm": (0.0223, _FOREARM, (0.0, -0.53, 0.0), (0.40, 0.20, 0.39)),  # including the hand
}
_INMAN = (float(np.cos(0.733) * np.cos(0.4014)), float(np.sin(0.733)), float(-np.cos(0.733) * np.sin(0.4014)))
_X, _Y, _Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)

#: joint -> (parent, child, place in the parent, rotations (coordinate, axis, lowest and highest degrees)); {s} a side
_JOINTS = (
    ("lumbar", "pelvis", "trunk", _LUMBAR,
     (("lumbar_extension", _Z, -100, 60), ("lumbar_bending", _X, -60, 60), ("lumbar_rotation", _Y, -70, 70))),
    ("neck", "trunk", "head", (0.0, _CERVICALE, 0.0),
     (("neck_extension", _Z, -90, 90), ("neck_bending", _X, -70, 70), ("neck_rotation", _Y, -100, 100))),
)  # fmt: skip
_SIDE_JOINTS = (
    ("hip", "pelvis", "thigh", (0.0, 0.0, _HIP_Z),
     (("hip_flexion", _Z, -60, 150), ("hip_adduction", _X, -75, 60), ("hip_rotation", _Y, -75, 75))),
    ("knee", "thigh", "shank", (0.0, -_THIGH, 0.0), (("knee_angle", (0.0, 0.0, -1.0), -20, 165),)),
    ("ankle", "shank", "foot", (0.0, -_SHANK, 0.0),
     (("ankle_angle", _Z, -70, 50), ("subtalar_angle", _INMAN, -45, 45))),
    ("shoulder", "trunk", "upper_arm", (0.0, _SHOULDER_Y, _SHOULDER_Z),
     (("arm_flex", _Z, -100, 200), ("arm_add", _X, -120, 90), ("arm_rot", _Y, -110, 110))),
    ("elbow", "upper_arm", "forearm", (0.0, -_UPPER_ARM, 0.0),
     (("elbow_flex", _Z, -10, 165), ("pro_sup", _Y, -120, 120))),
)  # fmt: skip

#: landmark -> (segment, place); the joints give the centres, skin points are registered for each person
_POINTS = {
    "pelvis": {"sacrum": (_ASIS_X - _PELVIS_DEPTH, _ASIS_Y, 0.0)},
    "trunk": {
        "c7": (-0.07, _CERVICALE, 0.0), "t10": (-0.09, 0.22, 0.0), "clavicle": (0.06, _CERVICALE - 0.07, 0.0),
        "sternum": (0.10, 0.24, 0.0), "neck": (0.0, _CERVICALE, 0.0),
    },
    "head": {"head": (0.02, 0.14, 0.0)},
}  # fmt: skip
_SIDE_POINTS = {
    "pelvis": {
        "asis": (_ASIS_X, _ASIS_Y, _ASIS_Z), "psis": (_ASIS_X - _PELVIS_DEPTH, _ASIS_Y, 0.045), "hip": (0.0, 0.0, _HIP_Z),
    },
    "trunk": {"acromion": (0.0, _SHOULDER_Y + 0.04, _SHOULDER_Z), "shoulder": (0.0, _SHOULDER_Y, _SHOULDER_Z)},
    "thigh": {
        "trochanter": (0.0, 0.0, 0.07), "thigh": (0.03, -0.25, 0.10), "knee_lateral": (0.0, -_THIGH, 0.055),
        "knee_medial": (0.0, -_THIGH, -0.055),
    },
    "shank": {
        "knee": (0.0, 0.0, 0.0), "shank": (0.03, -0.2, 0.07), "ankle_lateral": (0.0, -_SHANK, 0.04),
        "ankle_medial": (0.0, -_SHANK, -0.04),
    },
    "foot": {
        "ankle": (0.0, 0.0, 0.0), "heel": (_HEEL_X, -_ANKLE_HEIGHT, 0.0), "toe": (0.14, -_ANKLE_HEIGHT, 0.0),
        "metatarsal_1": (0.13, -_ANKLE_HEIGHT, -0.03), "metatarsal_5": (0.11, -_ANKLE_HEIGHT, 0.05),
    },
    "forearm": {"elbow": (0.0, 0.0, 0.0), "wrist": (0.0, -_FOREARM, 0.0)},
}  # fmt: skip
#: points that the joints give; all others are registered
CENTRES = frozenset(
    f"{side}_{name}" for side in ("left", "right") for name in ("hip", "knee", "ankle", "elbow", "wrist")
)

SEGMENTS = (
    "pelvis",
    "trunk",
    "head",
    *(f"{side}_{n}" for side in ("left", "right") for n in ("thigh", "shank", "foot", "upper_arm", "forearm")),
)


@cache
def person() -> Model:
    """The unscaled model."""
    return parse_model(document(), f"{NAME} (built in)")


def scaled(factors: Mapping[str, Floats], child_turns: Mapping[str, Floats] | None = None) -> Model:
    """The model with each body scaled, without its document: for the fits that register a person's points.

    Parameters
    ----------
    factors : body -> (3,), of every body. child_turns : joint -> rotation (3, 3) of its frame in its child body.

    Raises
    ------
    InputError : a factor outside 0.5 to 2, or no number.
    """
    model = person()
    by_body = checked_factors(model, factors) | {GROUND: np.ones(3)}
    turns = child_turns or {}
    joints = tuple(
        replace(
            j,
            parent_frame=Placement(j.parent_frame.rotation, j.parent_frame.origin * by_body[j.parent]),
            child_frame=Placement(turns.get(j.name, j.child_frame.rotation), j.child_frame.origin * by_body[j.child]),
        )
        for j in model.joints
    )
    markers = tuple(replace(m, location=m.location * by_body[m.body]) for m in model.markers)
    return replace(model, joints=joints, markers=markers, text="")


def with_document(
    model: Model, factors: Mapping[str, Floats], child_turns: Mapping[str, Floats], mass_kg: float | None
) -> Model:
    """A scaled model, its markers where they are now, with its document and its masses."""
    mass_kg = MASS_KG if mass_kg is None else mass_kg
    places = {m.name: m.location for m in model.markers}
    name = f"{NAME}_scaled"
    masses = {b: share * mass_kg / MASS_KG for b, share in person().masses_kg.items()}
    return replace(model, name=name, masses_kg=masses, text=document(name, mass_kg, factors, child_turns, places))


def document(
    name: str = NAME,
    mass_kg: float = MASS_KG,
    factors: Mapping[str, Floats] | None = None,
    child_turns: Mapping[str, Floats] | None = None,
    places: Mapping[str, Floats] | None = None,
) -> str:
    """The ``.osim`` document: of the unscaled model, or scaled by factors, with markers at places in their bodies."""
    sizes, turns, places = dict(factors or {}), child_turns or {}, places or {}
    one = np.ones(3)

    def marker(marker_name: str, body: str, at: tuple[float, ...]) -> str:
        return _marker(marker_name, body, places.get(marker_name, np.array(at) * sizes.get(body, one)))

    bodies = [_body(n, mass_kg, sizes.get(n, one), *_SEGMENTS[n]) for n in ("pelvis", "trunk", "head")]
    joints = [_root()]
    joints += [_joint(n, a, b, np.array(at) * sizes.get(a, one), axes) for n, a, b, at, axes in _JOINTS]
    markers = [marker(n, body, at) for body, points in _POINTS.items() for n, at in points.items()]
    for side in ("right", "left"):
        for n in ("thigh", "shank", "foot", "upper_arm", "forearm"):
            bodies.append(_body(f"{side}_{n}", mass_kg, sizes.get(f"{side}_{n}", one), *_SEGMENTS[n]))
        for joint, parent, child, at, axes in _SIDE_JOINTS:
            above = parent if parent in ("pelvis", "trunk") else f"{side}_{parent}"
            own = tuple((f"{n}_{side[0]}", _mirrored_axis(axis, side), low, high) for n, axis, low, high in axes)
            place = np.array(_mirrored(at, side)) * sizes.get(above, one)
            known_as = f"{joint}_{side[0]}"
            joints.append(_joint(known_as, above, f"{side}_{child}", place, own, turns.get(known_as)))
        for body, points in _SIDE_POINTS.items():
            of = body if body in ("pelvis", "trunk") else f"{side}_{body}"
            markers += [marker(f"{side}_{n}", of, _mirrored(at, side)) for n, at in points.items()]
    return (
        '<?xml version="1.0" encoding="UTF-8" ?>\n<OpenSimDocument Version="40600">\n'
        f'<Model name="{name}">\n<credits>Neurostore, version {VERSION}. Sources: de Leva 1996; Harrington et al. 2007; '
        "Reed et al. 1999; Inman 1976.</credits>\n<length_units>meters</length_units>\n<force_units>N</force_units>\n"
        f'<BodySet name="bodyset"><objects>\n{"".join(bodies)}</objects></BodySet>\n'
        f'<JointSet name="jointset"><objects>\n{"".join(joints)}</objects></JointSet>\n'
        f'<MarkerSet name="markerset"><objects>\n{"".join(markers)}</objects></MarkerSet>\n'
        "</Model>\n</OpenSimDocument>\n"
    )


def _mirrored(at: tuple[float, ...], side: str) -> tuple[float, ...]:
    return at if side == "right" else (at[0], at[1], -at[2])


def _mirrored_axis(axis: tuple[float, ...], side: str) -> tuple[float, ...]:
    """The axis about which the left side turns when the right one turns about ``axis``: an axial vector, mirrored in z."""
    return axis if side == "right" else (-axis[0], -axis[1], axis[2])


def _body(
    name: str,
    mass_kg: float,
    factor: Floats,
    share: float,
    length: float,
    centre: tuple[float, ...],
    radii: tuple[float, ...],
) -> str:
    mass, mean = share * mass_kg, float(np.cbrt(factor.prod()))
    inertia = [mass * (r * length * mean) ** 2 for r in radii]
    return (
        f"<Body name={quoteattr(name)}><mass>{mass:.9g}</mass>"
        f"<mass_center>{words(c * length * f for c, f in zip(centre, factor, strict=True))}</mass_center>"
        f"<inertia>{words((*inertia, 0.0, 0.0, 0.0))}</inertia></Body>\n"
    )


def _joint(
    name: str, parent: str, child: str, at: Floats, turns: tuple[Any, ...], child_turn: Floats | None = None
) -> str:
    names = [n for n, *_ in turns]
    axes = [(f"rotation{k + 1}", *t[:2]) for k, t in enumerate(turns)]
    free = [a for a in (_X, _Y, _Z) if all(abs(np.dot(a, t[1])) < 0.99 for t in turns)]
    axes += [(f"rotation{k + 1}", "", free[k - len(turns)]) for k in range(len(turns), 3)]
    axes += [(f"translation{k + 1}", "", axis) for k, axis in enumerate((_X, _Y, _Z))]
    coordinates = "".join(_coordinate(n, np.radians(low), np.radians(high)) for n, _, low, high in turns)
    assert len(names) == len(set(names))
    return _custom(name, parent, child, at, coordinates, axes, child_turn)


def _root() -> str:
    turns = (("pelvis_rotation", _Y), ("pelvis_list", _X), ("pelvis_tilt", _Z))
    moves = (("pelvis_tx", _X), ("pelvis_ty", _Y), ("pelvis_tz", _Z))
    axes = [(f"rotation{k + 1}", n, a) for k, (n, a) in enumerate(turns)]
    axes += [(f"translation{k + 1}", n, a) for k, (n, a) in enumerate(moves)]
    coordinates = "".join(_coordinate(n, -10.0, 10.0, False) for n, _ in turns)
    coordinates += "".join(_coordinate(n, -1000.0, 1000.0, False) for n, _ in moves)
    return _custom("ground_pelvis", "ground", "pelvis", np.zeros(3), coordinates, axes)


@cache
def _coordinate(name: str, low: float, high: float, is_clamped: bool = True) -> str:
    clamped = "true" if is_clamped else "false"
    return (
        f"<Coordinate name={quoteattr(name)}><default_value>0</default_value><range>{low:.9g} {high:.9g}</range>"
        f"<clamped>{clamped}</clamped><locked>false</locked></Coordinate>"
    )


def _custom(
    name: str,
    parent: str,
    child: str,
    at: Floats,
    coordinates: str,
    axes: list[Any],
    child_turn: Floats | None = None,
) -> str:
    still = np.zeros(3)
    ends = [
        (parent, "/ground" if parent == "ground" else f"/bodyset/{parent}", at, still),
        (child, f"/bodyset/{child}", still, still if child_turn is None else body_fixed_angles(child_turn)),
    ]
    frames = "".join(
        f'<PhysicalOffsetFrame name="{end}_offset"><socket_parent>{path}</socket_parent>'
        f"<translation>{words(place)}</translation><orientation>{words(angles)}</orientation></PhysicalOffsetFrame>"
        for end, path, place, angles in ends
    )
    return (
        f'<CustomJoint name="{name}"><socket_parent_frame>{parent}_offset</socket_parent_frame>'
        f"<socket_child_frame>{child}_offset</socket_child_frame><coordinates>{coordinates}</coordinates>"
        f"<frames>{frames}</frames><SpatialTransform>{_moves(tuple(axes))}</SpatialTransform></CustomJoint>\n"
    )


@cache
def _moves(axes: tuple[tuple[str, str, tuple[float, ...]], ...]) -> str:
    return "".join(
        f'<TransformAxis name="{at}"><coordinates>{of}</coordinates><axis>{words(axis)}</axis>'
        + (
            '<LinearFunction name="function"><coefficients>1 0</coefficients></LinearFunction>'
            if of
            else '<Constant name="function"><value>0</value></Constant>'
        )
        + "</TransformAxis>"
        for at, of, axis in axes
    )


def _marker(name: str, body: str, at: Floats) -> str:
    fixed = "true" if name in CENTRES else "false"
    return (
        f'<Marker name="{name}"><socket_parent_frame>/bodyset/{body}</socket_parent_frame>'
        f"<location>{words(at)}</location><fixed>{fixed}</fixed></Marker>\n"
    )
