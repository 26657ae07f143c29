"""Moments and powers of joints against mechanics: Lagrange's equations of a pendulum, energy."""

from __future__ import annotations

import numpy as np
import pytest

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


def _angles(time):
    """Angles of the segments from straight down, forward positive, their rates and accelerations: three times (3, n)."""
    found = np.zeros((3, 3, len(time)))
    for i, (rest, sizes, rates, phases) in enumerate(MOTION):
        found[0, i] = rest
        for a, w, p in zip(sizes, rates, phases, strict=True):
            found[:, i] += a * np.stack([np.sin(w * time + p), w * np.cos(w * time + p), -w * w * np.sin(w * time + p)])
    return found


def _chain(theta):
    """Hip, knee, ankle, toe: (4, n, 3) metres; the hip is fixed at a height of 1 m."""
    steps = LENGTHS_M[:, None, None] * np.stack([np.sin(theta), -np.cos(theta), np.zeros_like(theta)], axis=-1)
    return np.concatenate([np.zeros_like(steps[:1]), np.cumsum(steps, axis=0)]) + np.array([0.0, 1.0, 0.0])


def _lagrange(inertia, theta, rate, acceleration):
    """Generalised forces of the angles, (3, n) Nm: M(θ) θ″ + C(θ, θ′) θ′ + ∂V/∂θ, and kinetic plus potential energy.

    d[k, i] is the lever of angle i on the centre of mass of segment k: the whole segment i above k, or its share if i is k.
    """
    shares, centres, radii = (np.array(v) for v in SEGMENTS[inertia])
    mass = MASS_KG * shares
    lever = np.tril(np.ones((3, 3)), -1) * LENGTHS_M + np.diag(centres * LENGTHS_M)
    coupling = np.einsum("k,ki,kj->ij", mass, lever, lever)
    own = np.diag(mass * (radii * LENGTHS_M) ** 2)
    between = theta[:, None] - theta[None]
    inertias = coupling[:, :, None] * np.cos(between) + own[:, :, None]
    weight = GRAVITY * (mass @ lever)[:, None]
    force = np.einsum("ijn,jn->in", inertias, acceleration) + weight * np.sin(theta)
    force += np.einsum("ij,ijn,jn->in", coupling, np.sin(between), rate**2)
    energy = 0.5 * np.einsum("in,ijn,jn->n", rate, inertias, rate) - (weight * np.cos(theta)).sum(axis=0)
    return force, energy


@pytest.fixture(scope="module")
def time():
    return np.arange(round(SECONDS * RATE_HZ) + 1) / RATE_HZ


def _found(time, inertia, force):
    theta, _, _ = _angles(time)
    hip, knee, ankle, toe = _chain(theta)
    turned = np.stack([np.cos(theta / 2), 0 * theta, 0 * theta, np.sin(theta / 2)], axis=-1)
    still = np.tile([1.0, 0.0, 0.0, 0.0], (len(time), 1))
    points = {"hip": 1000 * hip, "knee": 1000 * knee, "ankle": 1000 * ankle, "toe": 1000 * toe}
    rotations = dict(zip(("pelvis", "thigh", "shank", "foot"), (still, *turned), strict=True))
    return joint_moments(
        time, points, rotations, force, np.cross(toe, force), mass_kg=MASS_KG, inertia=inertia
    )  # the force acts on the toe


@pytest.mark.parametrize("inertia", SEGMENTS)
@pytest.mark.parametrize("is_pushed", [False, True])
def test_a_pendulum_of_three_links_has_the_torques_of_lagrange(time, inertia, is_pushed):
    theta, rate, acceleration = _angles(time)
    force = np.zeros((len(time), 3))
    if is_pushed:
        force[:, 0], force[:, 1] = 80 * np.sin(7 * time), 300 + 200 * np.cos(5 * time)
    found = _found(time, inertia, force)
    generalised, _ = _lagrange(inertia, theta, rate, acceleration)
    # the virtual work of the force at the toe is not the joints'
    along = LENGTHS_M[:, None] * (force[:, 0] * np.cos(theta) + force[:, 1] * np.sin(theta))
    ankle = generalised[2] - along[2]
    knee = generalised[1] - along[1] + ankle
    hip = generalised[0] - along[0] + knee
    inner = found["frame"]
    assert list(inner) == list(range(1, len(time) - 1))
    for name, torque, sign in (("hip", hip, -1), ("knee", knee, 1), ("ankle", ankle, -1)):
        assert np.abs(torque).max() > 0.5
        np.testing.assert_allclose(found[f"{name}_flexion_moment_nm"], sign * torque[inner], atol=1e-6, rtol=0)
        np.testing.assert_allclose(found[f"{name}_adduction_moment_nm"], 0, atol=1e-9)
    relative = {"hip": rate[0], "knee": rate[1] - rate[0], "ankle": rate[2] - rate[1]}
    for name, torque in (("hip", hip), ("knee", knee), ("ankle", ankle)):
        np.testing.assert_allclose(found[f"{name}_power_w"], (torque * relative[name])[inner], atol=1e-5, rtol=1e-6)


@pytest.mark.parametrize("inertia", SEGMENTS)
def test_power_integrated_is_the_change_of_energy(time, inertia):
    """The hip is fixed: what the joints do is all that changes the energy of thigh, shank and foot."""
    found = _found(time, inertia, np.zeros((len(time), 3)))
    power = sum(found[f"{name}_power_w"] for name in ("hip", "knee", "ankle"))
    at = found["time_s"]
    work = np.concatenate([[0.0], np.cumsum((power[1:] + power[:-1]) / 2 * np.diff(at))])
    theta, rate, acceleration = _angles(at)
    _, energy = _lagrange(inertia, theta, rate, acceleration)
    assert np.ptp(energy) > 1
    np.testing.assert_allclose(work, energy - energy[0], atol=1e-5, rtol=0)
