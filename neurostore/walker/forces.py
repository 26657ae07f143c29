"""The walker's forces: the ground under each foot, and the joint moments that follow, from formulas alone.

The ground carries the weight and the force for the pelvis's acceleration, m (a - g). In double support the leading foot
takes over along a smooth step, and the centre of pressure runs from the heel to the toe joint. Moments are those of the
angular momentum of the segments below a joint: what gravity and the ground do not change, the joint does. The views
instead sum forces at the centres of mass, so the two have no formula in common.

Body coordinates (x forward, y up, z right): those of the lab for a walk with heading_deg 90 and start_phase 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neurostore.arrays import Floats
from neurostore.walker.body import Body
from neurostore.walker.gait import SIDES, Gait

GRAVITY_M_S2 = 9.81
_STEP_S = 1e-4  # step of the differences that give velocities and rates of momentum
_DOWN = np.array([0.0, -GRAVITY_M_S2, 0.0])
_ENDS = {"thigh": ("hip", "knee"), "shank": ("knee", "ankle"), "foot": ("heel", "toe")}
_BELOW = {"hip": ("thigh", "shank", "foot"), "knee": ("shank", "foot"), "ankle": ("foot",)}


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment's mass as a share of the body's; its centre and radius of gyration as shares of its length.

    It is a thin rod: rotation about its own length has no inertia.
    """

    mass: float
    centre: float
    radius: float


@dataclass(frozen=True, slots=True)
class Ground:
    """What the ground does to a foot: force (n, 3) N, centre of pressure (n, 3) m, free moment (n,) Nm about up."""

    force: Floats
    cop: Floats
    free_moment: Floats


def ground(gait: Gait, time_s: Floats, mass_kg: float) -> dict[str, Ground]:
    """The ground reaction on each foot at times from the left foot strike on; zero while the foot is in the air."""
    body = Body(gait)
    before, here, after = (body.pelvis((time_s + s) / gait.stride_time_s) / 1000 for s in (-_STEP_S, 0.0, _STEP_S))
    total = mass_kg * ((before - 2 * here + after) / _STEP_S**2 - _DOWN)
    stances = {side: _stance(gait, side, time_s) for side in SIDES}
    carried = {side: _carried(gait, side, stances) for side in SIDES}
    grounds = {}
    for side in SIDES:
        force = total * carried[side][:, None]
        along = np.clip(stances[side], 0, 1)[:, None]
        points = _points(body, side, time_s)
        cop: Floats = np.asarray(points["heel"] * (1 - along) + points["toe"] * along, float)
        cop[:, 1] = 0.0
        grounds[side] = Ground(force, cop, 0.005 * force[:, 1] * np.sin(2 * np.pi * along[:, 0]))
    return grounds


def _stance(gait: Gait, side: str, time_s: Floats) -> Floats:
    """How much of the foot's stance is over, 0 to 1; above 1 in swing."""
    lag = 0.0 if side == "left" else gait.step_phase
    stance: float = getattr(gait, side).stance
    return np.asarray((time_s / gait.stride_time_s - lag) % 1.0 / stance)


def _carried(gait: Gait, side: str, stances: Mapping[str, Floats]) -> Floats:
    """The foot's share of the ground's force: a smooth step to 1 while the other foot still stands, and back."""
    other = "right" if side == "left" else "left"
    own, others = stances[side], stances[other]
    # in double support, load shifts to the foot that struck last until the other foot leaves the ground
    lead_stance, trail_stance = getattr(gait, side).stance, getattr(gait, other).stance
    since = own * lead_stance
    left_over = (1 - others) * trail_stance
    rising = _smooth(since / np.maximum(since + left_over, 1e-12))
    until = (1 - own) * lead_stance
    falling = 1 - _smooth(others * trail_stance / np.maximum(others * trail_stance + until, 1e-12))
    share = np.where(own < others, rising, falling)
    share = np.where(others > 1, 1.0, share)
    return np.where(own > 1, 0.0, share)


def _smooth(x: Floats) -> Floats:
    """A step from 0 to 1 with no slope at either end."""
    return x * x * (3 - 2 * x)


def moments(
    gait: Gait, time_s: Floats, side: str, reaction: Ground, mass_kg: float, segments: Mapping[str, Segment]
) -> dict[str, Floats]:
    """Moments of hip, knee and ankle on the segments below them, (n, 3) Nm in body coordinates.

    segments : thigh, shank and foot (from heel to toe joint).
    """
    body = Body(gait)
    here = _points(body, side, time_s)
    earlier, later = (_momenta(body, side, time_s + s, mass_kg, segments) for s in (-_STEP_S, _STEP_S))
    from_ground = np.cross(reaction.cop, reaction.force)
    from_ground[:, 1] += reaction.free_moment
    joint_moments = {}
    for joint, below in _BELOW.items():
        force = -reaction.force
        moment = -from_ground
        for name in below:
            weight = mass_kg * segments[name].mass * _DOWN
            force = force + (later[name][0] - earlier[name][0]) / (2 * _STEP_S) - weight
            moment = moment + (later[name][1] - earlier[name][1]) / (2 * _STEP_S)
            moment = moment - np.cross(_centre(here, name, segments[name]), weight)
        joint_moments[joint] = moment - np.cross(here[joint], force)
    return joint_moments


def _momenta(
    body: Body, side: str, time_s: Floats, mass_kg: float, segments: Mapping[str, Segment]
) -> dict[str, tuple[Floats, Floats]]:
    """Of each segment its momentum (n, 3) kg m/s, and its angular momentum about the origin (n, 3) kg m²/s."""
    before, here, after = (_points(body, side, time_s + s) for s in (-_STEP_S, 0.0, _STEP_S))
    momenta = {}
    for name, segment in segments.items():
        kg = mass_kg * segment.mass
        centres = [_centre(points, name, segment) for points in (before, here, after)]
        lines = [points[_ENDS[name][1]] - points[_ENDS[name][0]] for points in (before, here, after)]
        momentum = kg * (centres[2] - centres[0]) / (2 * _STEP_S)
        spin = kg * segment.radius**2 * np.cross(lines[1], (lines[2] - lines[0]) / (2 * _STEP_S))
        momenta[name] = (momentum, np.cross(centres[1], momentum) + spin)
    return momenta


def _centre(points: Mapping[str, Floats], name: str, segment: Segment) -> Floats:
    upper, lower = (points[end] for end in _ENDS[name])
    return upper + segment.centre * (lower - upper)


def _points(body: Body, side: str, time_s: Floats) -> dict[str, Floats]:
    """Joints of a leg, (n, 3) m."""
    points, _ = body.leg(side, time_s / body.gait.stride_time_s)
    return {name.removeprefix(f"{side}_"): p / 1000 for name, p in points.items()}
