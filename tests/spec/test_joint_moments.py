"""Moments and powers of joints against mechanics: Lagrange's equations of a pendulum, energy."""

from __future__ import annotations

import numpy as np
import pytest

from tests.builders import pendulum
from tests.builders.pendulum import GRAVITY, LENGTHS_M, MASS_KG, SEGMENTS


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
    return pendulum.times_s()


@pytest.mark.parametrize("inertia", SEGMENTS)
@pytest.mark.parametrize("is_pushed", [False, True])
def test_a_pendulum_of_three_links_has_the_torques_of_lagrange(time, inertia, is_pushed):
    theta, rate, acceleration = pendulum.angles(time)
    force = np.zeros((len(time), 3))
    if is_pushed:
        force[:, 0], force[:, 1] = 80 * np.sin(7 * time), 300 + 200 * np.cos(5 * time)
    found = pendulum.moments(time, inertia, force)
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
    found = pendulum.moments(time, inertia, np.zeros((len(time), 3)))
    power = sum(found[f"{name}_power_w"] for name in ("hip", "knee", "ankle"))
    at = found["time_s"]
    work = np.concatenate([[0.0], np.cumsum((power[1:] + power[:-1]) / 2 * np.diff(at))])
    theta, rate, acceleration = pendulum.angles(at)
    _, energy = _lagrange(inertia, theta, rate, acceleration)
    assert np.ptp(energy) > 1
    np.testing.assert_allclose(work, energy - energy[0], atol=1e-5, rtol=0)
