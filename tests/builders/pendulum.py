"""A leg as a pendulum of three links under a fixed hip, whose angles are sums of sines, through the step _joint_moments."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurostore.arrays import Floats
from tests.builders.moving_leg import joint_moments

RATE_HZ, SECONDS, GRAVITY, MASS_KG = 4000.0, 2.0, 9.81, 71.3
LENGTHS_M = np.array([0.41, 0.43, 0.17])
# share of body mass, centre of mass and radius of gyration of thigh, shank and foot of a man: de Leva 1996, table 4 (the foot from
# the heel, which is put at the ankle here); Dempster in Winter 2009, table 4.1
SEGMENTS = {
    "de_leva": ([0.1416, 0.0433, 0.0137], [0.4095, 0.4395, 0.4415], [0.329, 0.2485, 0.251]),
    "dempster": ([0.1, 0.0465, 0.0145], [0.433, 0.433, 0.5], [0.323, 0.302, 0.475]),
}
# thigh, shank, foot: angle from the vertical at rest, amplitudes, angular frequencies and phases of two harmonics, radians
MOTION = [
    (0.10, (0.45, 0.10), (2.1, 3.3), (0.3, 1.9)),
    (-0.30, (0.60, 0.15), (2.1, 3.7), (1.1, 0.4)),
    (1.20, (0.35, 0.12), (2.6, 3.1), (2.2, 0.9)),
]


def times_s() -> Floats:
    """The times of the frames, (n,) s."""
    return np.arange(round(SECONDS * RATE_HZ) + 1) / RATE_HZ


def angles(time_s: Floats) -> Floats:
    """Angles of the segments from straight down, forward positive, their rates and accelerations: three times (3, n)."""
    found = np.zeros((3, 3, len(time_s)))
    for i, (rest, sizes, rates, phases) in enumerate(MOTION):
        found[0, i] = rest
        for a, w, p in zip(sizes, rates, phases, strict=True):
            turn = w * time_s + p
            found[:, i] += a * np.stack([np.sin(turn), w * np.cos(turn), -w * w * np.sin(turn)])
    return found


def chain(theta: Floats) -> Floats:
    """Hip, knee, ankle, toe: (4, n, 3) metres; the hip is fixed at a height of 1 m."""
    steps = LENGTHS_M[:, None, None] * np.stack([np.sin(theta), -np.cos(theta), np.zeros_like(theta)], axis=-1)
    return np.asarray(np.concatenate([np.zeros_like(steps[:1]), np.cumsum(steps, axis=0)]) + np.array([0.0, 1.0, 0.0]))


def moments(time_s: Floats, inertia: str, force_n: Floats) -> dict[str, Any]:
    """Columns of _joint_moments; force_n (n, 3) acts on the toe."""
    theta, _, _ = angles(time_s)
    hip, knee, ankle, toe = chain(theta)
    turned = np.stack([np.cos(theta / 2), 0 * theta, 0 * theta, np.sin(theta / 2)], axis=-1)
    still = np.tile([1.0, 0.0, 0.0, 0.0], (len(time_s), 1))
    points = {"hip": 1000 * hip, "knee": 1000 * knee, "ankle": 1000 * ankle, "toe": 1000 * toe}
    rotations = dict(zip(("pelvis", "thigh", "shank", "foot"), (still, *turned), strict=True))
    return joint_moments(time_s, points, rotations, force_n, np.cross(toe, force_n), mass_kg=MASS_KG, inertia=inertia)
