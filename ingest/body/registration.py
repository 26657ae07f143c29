"""A person's size and points from a trial: segment lengths, scale factors, knees, and where skin points are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError

from .forward import forward, marker_places
from .inverse import poses_of
from .model import Model
from .person import CENTRES, person
from .scaling import HIGHEST, LOWEST
from .targets import Targets

#: number of frames that scaling and registration use, evenly over the trial
LOOKED_AT = 100
#: the same where the landmarks are not filtered: their noise would stay in the places of registered points
LOOKED_AT_UNFILTERED = 300
#: the first of the two fits of registration uses every third of these frames, if there are at least ten
FIRST_EVERY, FIRST_LEAST = 3, 10
#: weight of segment rotations that the source or three points give, m² per rad²
KNOWN_TURN = 0.01
#: the fit ends after a step below this, in radians or metres: the remaining error is about its square
SETTLED = 2e-3
SIDES = ("left", "right")
#: length -> the landmarks (a, b) between which it is measured, without side
LENGTHS = {
    "thigh": ("hip", "knee"),
    "shank": ("knee", "ankle"),
    "foot": ("ankle", "toe"),
    "upper_arm": ("shoulder", "elbow"),
    "forearm": ("elbow", "wrist"),
}


def measure_lengths(points: dict[str, Floats], lengths: dict[str, float], sides_apart: bool) -> dict[str, float]:
    """Lengths in mm: of each limb segment that is seen, of the hips' and shoulders' line, the trunk and the neck."""
    measured: dict[str, float] = {}
    for segment, (a, b) in LENGTHS.items():
        own = {}
        for side in SIDES:
            name = f"{side}_{segment}"
            if name in lengths:
                own[side] = lengths[name]
            elif {f"{side}_{a}", f"{side}_{b}"} <= set(points):
                own[side] = _distance(points[f"{side}_{a}"], points[f"{side}_{b}"])
        own = {side: v for side, v in own.items() if np.isfinite(v)}
        for side in own:
            measured[f"{side}_{segment}"] = own[side] if sides_apart else float(np.mean(list(own.values())))
    measured["hips"] = _distance(points["left_hip"], points["right_hip"])
    if {"left_shoulder", "right_shoulder"} <= set(points):
        measured["shoulders"] = _distance(points["left_shoulder"], points["right_shoulder"])
        middle = [(points[f"left_{n}"] + points[f"right_{n}"]) / 2 for n in ("hip", "shoulder")]
        measured["trunk"] = _distance(*middle)
    if {"neck", "head"} <= set(points):
        measured["head"] = _distance(points["neck"], points["head"])
    return {n: v for n, v in measured.items() if np.isfinite(v)}


def _distance(a: Floats, b: Floats) -> float:
    """Median distance over frames, mm."""
    with np.errstate(invalid="ignore"):
        each = np.linalg.norm(a - b, axis=1)
    each = each[np.isfinite(each)]
    return 1000 * float(np.median(each)) if len(each) else float("nan")


def factors_of(measured: dict[str, float]) -> tuple[dict[str, Floats], list[str]]:
    """Factors of every body, and the bodies no length was measured of, which get the median of the others."""
    zero = [name for name, value in measured.items() if value < 1.0]
    if zero:
        raise InputError("body fit", f"the length of {', '.join(zero)} is zero: two landmarks are the same point")
    model = person()
    default = _default_places()
    middle = {n: (default[f"left_{n}"] + default[f"right_{n}"]) / 2 for n in ("hip", "shoulder")}
    factors: dict[str, Floats] = {}
    for name, value in measured.items():
        segment = name.split("_", 1)[1] if name.startswith(SIDES) else name
        if segment in LENGTHS:
            a, b = (default[f"{side_of(name)}_{end}"] for end in LENGTHS[segment])
            factors[name] = np.full(3, value / 1000 / np.linalg.norm(a - b))
    pelvis = measured["hips"] / 1000 / np.linalg.norm(default["left_hip"] - default["right_hip"])
    factors["pelvis"] = np.full(3, pelvis)
    if "trunk" in measured:
        lumbar = next(j for j in model.joints if j.name == "lumbar").parent_frame.origin[1]
        up = (measured["trunk"] / 1000 - pelvis * lumbar) / (middle["shoulder"][1] - lumbar)
        wide = measured["shoulders"] / 1000 / np.linalg.norm(default["left_shoulder"] - default["right_shoulder"])
        factors["trunk"] = np.array([up, up, wide])
    if "head" in measured:
        factors["head"] = np.full(3, measured["head"] / 1000 / np.linalg.norm(default["head"] - default["neck"]))
    # sources place the centre of the head differently, and narrow shoulders are normal: registered points take this up
    for name in set(factors) & {"head", "trunk", "pelvis"}:
        factors[name] = np.clip(factors[name], LOWEST, HIGHEST)
    typical = float(np.median([f.mean() for f in factors.values()]))
    guessed = [b for b in model.bodies if b not in factors]
    return {**factors, **{b: np.full(3, typical) for b in guessed}}, guessed


def implausible(factors: Mapping[str, Floats]) -> list[str]:
    """Limb segments whose factor is outside 0.5 to 2, where most limb segments are within it; else none."""
    limbs = {n: float(f.mean()) for n, f in factors.items() if n.startswith(SIDES)}
    outside = [n for n, f in limbs.items() if not LOWEST <= f <= HIGHEST]
    return outside if 2 * len(outside) < len(limbs) else []


@cache
def _default_places() -> dict[str, Floats]:
    """Markers (3,) of the unscaled model in its default pose, in metres."""
    model = person()
    places = marker_places(model, np.zeros((1, len(model.coordinates))))[0]
    return dict(zip([m.name for m in model.markers], places, strict=True))


def knee_frames(turns: Mapping[str, Floats]) -> dict[str, Floats]:
    """Knee -> rotation (3, 3) of its frame in the shank: the mean adduction and rotation of this person's knee.

    A hinge has none of its own; left out, they would be pushed into the hip and the ankle.
    """
    frames = {}
    for side in SIDES:
        if not {f"{side}_thigh", f"{side}_shank"} <= set(turns):
            continue
        across = np.einsum("tji,tjk->tik", turns[f"{side}_thigh"], turns[f"{side}_shank"])
        across = across[np.isfinite(across).all(axis=(1, 2))]
        if not len(across):
            continue
        flexion = np.arctan2(across[:, 0, 1], across[:, 1, 1])
        c, s, zero, one = np.cos(flexion), np.sin(flexion), np.zeros(len(flexion)), np.ones(len(flexion))
        hinge = np.array([[c, s, zero], [-s, c, zero], [zero, zero, one]]).transpose(2, 0, 1)
        left = np.median(np.einsum("tji,tjk->tik", hinge, across), axis=0)
        u, _, v = np.linalg.svd(left)
        frames[f"knee_{side[0]}"] = (u @ np.diag([1.0, 1.0, np.linalg.det(u @ v)]) @ v).T
    return frames


def register_points(model: Model, points: dict[str, Floats], turns: Mapping[str, Floats]) -> tuple[Model, Floats]:
    """The model with its skin points where this person has them, and the poses (T, Q) that they were seen in.

    A point is at its median place in its segment's frame. The first fit leans on the joint centres and on the segments'
    axes as landmarks state them; the second one on the registered points too.
    """
    own = {m.name: m for m in model.markers}
    bodies = list(dict.fromkeys(own[n].body for n in points))
    n = len(next(iter(points.values())))
    few = np.arange(0, n, FIRST_EVERY) if n >= FIRST_EVERY * FIRST_LEAST else np.arange(n)
    start: Floats | None = None
    for weight, frames in ((0.001, few), (0.3, np.arange(n))):
        weights = {name: 1.0 if name in CENTRES else weight for name in points}
        seen = {name: p[frames] for name, p in points.items()}
        targets = Targets(seen, weights, {s: t[frames] for s, t in turns.items()}, dict.fromkeys(turns, KNOWN_TURN))
        if start is not None:
            start = start[np.searchsorted(few, frames, side="right") - 1]
        start = poses_of(model, targets, start, SETTLED, is_rough=len(frames) < n)
        r, p = forward(model, start, bodies)
        places = {}
        for name, at in seen.items():
            if name in CENTRES:
                continue
            b = bodies.index(own[name].body)
            inside = np.einsum("tji,tj->ti", r[:, b], at - p[:, b])
            inside = inside[np.isfinite(inside).all(axis=1)]
            if len(inside):
                places[name] = np.median(inside, axis=0)
        model = replace(
            model, markers=tuple(replace(m, location=places.get(m.name, m.location)) for m in model.markers)
        )
    assert start is not None
    return model, start


def side_of(name: str) -> str | None:
    """The side that a length or landmark begins with."""
    return name.split("_", 1)[0] if name.startswith(SIDES) else None
