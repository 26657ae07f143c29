"""Inverse kinematics against a second implementation (scipy's trust region over forward kinematics)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import least_squares

from neurostore.errors import UsageError
from neurostore.ingest.body.forward import forward, marker_places
from neurostore.ingest.body.inverse import fit
from neurostore.ingest.body.osim import read_model
from neurostore.ingest.body.person import person
from neurostore.ingest.body.targets import Targets, prepare
from neurostore.ingest.body.tree import build_tree
from neurostore.ingest.body.unknown import equations

EVERY = Path(__file__).parent / "every_joint.osim"


@pytest.fixture(scope="module")
def model():
    return read_model(EVERY)


def _motion(model, n, seed=0):
    rng = np.random.default_rng(seed)
    q = len(model.coordinates)
    phase, rate, size = rng.uniform(0, 6, q), rng.uniform(0.5, 1.5, q), rng.uniform(0.1, 0.4, q)
    values = size * np.sin(rate * np.arange(n)[:, None] * 0.05 + phase)
    forward(model, values)  # an input is not changed
    whole = fit(model, Targets({m.name: marker_places(model, values)[:, k] for k, m in enumerate(model.markers)}))
    return whole.filled


def _targets(model, values, noise_m=0.0, seed=1):
    places = marker_places(model, values)
    places = places + np.random.default_rng(seed).normal(size=places.shape) * noise_m
    return {m.name: places[:, k] for k, m in enumerate(model.markers)}


def test_exact_markers_give_the_coordinates_back(model):
    values = _motion(model, 40)
    found = fit(model, Targets(_targets(model, values)))
    np.testing.assert_allclose(found.values, values, atol=1e-6)
    assert found.rms_m.max() < 1e-5  # of the step before the last


def test_noisy_weighted_markers_end_at_scipys_minimum(model):
    values = _motion(model, 4)
    points = _targets(model, values, 0.01)
    weights = {name: 1.0 + (k % 5) for k, name in enumerate(points)}
    found = fit(model, Targets(points, weights))
    free = [i for i, c in enumerate(model.coordinates) if c.name not in {k.dependent for k in model.couplers}]
    at = np.stack([points[m.name] for m in model.markers], axis=1)
    root = np.sqrt([weights[m.name] for m in model.markers])[:, None]
    for t in range(len(values)):

        def miss(x, t=t):
            q = np.zeros(len(model.coordinates))
            q[free] = x
            return (root * (marker_places(model, q[None])[0] - at[t])).ravel()

        other = least_squares(miss, values[t, free], xtol=1e-14, ftol=1e-14, gtol=1e-14)
        np.testing.assert_allclose(found.values[t, free], other.x, atol=2e-5)


def test_normal_equations_are_the_jacobians(model):
    """The recursion over bodies against differences of forward kinematics, couplers and reversed joints included."""
    values = _motion(model, 1)
    points = _targets(model, values, 0.02)
    weights = {name: 1.0 + (k % 3) for k, name in enumerate(points)}
    prepared = prepare(model, Targets(points, weights))
    matrix, right = equations(prepared, values)
    names, h = list(prepared.markers), 1e-6
    weight = np.repeat([weights[n] for n in names], 3)
    columns = []
    for i in prepared.tree.arrays.free:
        ends = []
        for sign in (1, -1):
            moved = values.copy()
            moved[0, i] += sign * h
            ends.append(marker_places(model, moved, names)[0].ravel())
        columns.append((ends[0] - ends[1]) / (2 * h))
    jacobian = np.array(columns).T
    miss = (prepared.at[0] - marker_places(model, values, names)[0]).ravel()
    np.testing.assert_allclose(matrix[0], jacobian.T @ (weight[:, None] * jacobian), atol=1e-6)
    np.testing.assert_allclose(right[0], jacobian.T @ (weight * miss), atol=1e-7)


def test_rotation_targets_alone(model):
    values = _motion(model, 10)
    rotations, _ = forward(model, values)
    names = list(model.bodies)
    found = fit(
        model,
        Targets(
            {m.name: marker_places(model, values)[:, k] for k, m in enumerate(model.markers) if m.body == "root"},
            rotations={b: rotations[:, names.index(b)] for b in ("b1", "b2")},
        ),
    )
    for name in ("ball_x", "ball_y", "ball_z", "pin"):
        i = model.coordinate_names.index(name)
        np.testing.assert_allclose(found.values[:, i], values[:, i], atol=1e-5)
    assert np.isnan(found.values[:, model.coordinate_names.index("uni_x")]).all()


def test_missing_markers_are_left_out_and_what_nothing_tells_is_nan(model):
    values = _motion(model, 60)
    points = _targets(model, values)
    for k in range(4):
        points[f"b1_{k}"][20:30] = np.nan  # the ball joint is then known through b2 and b3 alone
        points[f"e3_{k}"][40:50] = np.nan  # nothing else tells of the last pin but the coupler
        points[f"c3_{k}"][:] = np.nan  # c4 is welded to it
    for name in points:
        points[name][55] = np.nan
    found = fit(model, Targets(points))
    ball = model.coordinate_names.index("ball_x")
    np.testing.assert_allclose(found.values[:55, ball], values[:55, ball], atol=1e-5)
    assert np.isnan(found.values[55]).all()
    assert np.isnan(found.rms_m[55])
    assert found.steps[55] == 0
    root = model.coordinate_names.index("free_tx")
    np.testing.assert_allclose(found.values[56:, root], values[56:, root], atol=1e-5)


def test_clamped_coordinates_stay_inside_their_limits(model):
    values = _motion(model, 30)
    i = model.coordinate_names.index("tip")
    limit = float(np.median(values[:, i]))
    tight = replace(
        model,
        coordinates=tuple(
            replace(c, maximum=limit, is_clamped=True) if c.name == "tip" else c for c in model.coordinates
        ),
    )
    found = fit(tight, Targets(_targets(model, values)))
    assert found.values[:, i].max() <= limit + 1e-12
    below = values[:, i] < limit - 1e-3
    assert below.any()
    np.testing.assert_allclose(found.values[below, i], values[below, i], atol=1e-5)


def test_locked_coordinates_keep_their_default(model):
    values = _motion(model, 10)
    i = model.coordinate_names.index("planar_tx")
    values[:, i] = 0.0
    locked = replace(model, coordinates=tuple(replace(c, is_locked=c.name == "planar_tx") for c in model.coordinates))
    found = fit(locked, Targets(_targets(model, values)))
    np.testing.assert_array_equal(found.values[:, i], 0.0)
    np.testing.assert_allclose(found.values, values, atol=1e-5)


def test_a_start_turned_half_round_is_found(model):
    """A walk towards -x: the default pose is half a turn away."""
    values = _motion(model, 5)
    values[:, model.coordinate_names.index("free_ry")] += np.pi
    values[:, model.coordinate_names.index("free_tx")] += 3.0
    found = fit(model, Targets(_targets(model, values)))
    assert found.rms_m.max() < 1e-5


def test_targets_that_do_not_fit_the_model_are_named(model):
    with pytest.raises(UsageError, match="NOSE: no marker of the model"):
        fit(model, Targets({"NOSE": np.zeros((3, 3))}))
    with pytest.raises(UsageError, match="negative"):
        fit(model, Targets({"root_0": np.zeros((3, 3))}, {"root_0": -1.0}))
    with pytest.raises(UsageError, match="the same number of frames"):
        fit(model, Targets({"root_0": np.zeros((3, 3)), "root_1": np.zeros((4, 3))}))


def test_few_markers_take_few_steps():
    """What twelve joint centres do not determine is not chased: 7.1 steps per frame before, and no frame is worse."""
    model = person()
    ends = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
    names = [m.name for m in model.markers if m.name.endswith(ends)]
    rng = np.random.default_rng(0)
    phase, rate = rng.uniform(0, 6, len(model.coordinates)), rng.uniform(0.3, 1.0, len(model.coordinates))
    values = 0.2 * np.sin(2 * np.pi * rate * np.arange(80)[:, None] / 100 + phase)
    places = marker_places(model, values, names)
    places = places + rng.normal(size=places.shape) * 0.003
    found = fit(model, Targets({n: places[:, k] for k, n in enumerate(names)}))
    strict = fit(model, Targets({n: places[:, k] for k, n in enumerate(names)}), tolerance=1e-9)
    assert found.steps.mean() < 6.5
    np.testing.assert_allclose(found.rms_m, strict.rms_m, rtol=1e-3)


def test_straight_arms_with_few_markers_take_few_steps():
    """One noisy point at each elbow and wrist: 8.4 steps of the whole body per frame, before arms were solved by themselves."""
    model = person()
    ends = ("hip", "knee", "ankle", "toe", "heel", "shoulder", "elbow", "wrist")
    names = [m.name for m in model.markers if m.name.endswith(ends)]
    rng = np.random.default_rng(0)
    phase, rate = rng.uniform(0, 6, len(model.coordinates)), rng.uniform(0.3, 1.0, len(model.coordinates))
    values = 0.3 * np.sin(2 * np.pi * rate * np.arange(60)[:, None] / 100 + phase)
    elbows = [i for i, n in enumerate(model.coordinate_names) if n.startswith("elbow")]
    values[:, elbows] = 0.1 * np.abs(values[:, elbows])
    places = marker_places(model, values, names)
    places = places + rng.normal(size=places.shape) * 0.006
    found = fit(model, Targets({n: places[:, k] for k, n in enumerate(names)}))
    assert found.steps.mean() < 7
    assert found.rms_m.mean() < 0.0064
    at = marker_places(model, found.filled, list(found.markers))
    apart = np.linalg.norm(at - places[:, [names.index(n) for n in found.markers]], axis=2)
    np.testing.assert_allclose(found.distances_m, apart, atol=2e-4)


def test_limbs_are_parts_that_can_be_solved_by_themselves():
    tree = build_tree(person())
    of = [{tree.names[tree.arrays.free[u]] for u in range(first, last)} for _, _, first, last in tree.limbs]
    arm = {"arm_flex_l", "arm_add_l", "arm_rot_l", "elbow_flex_l", "pro_sup_l"}
    leg = {"hip_flexion_l", "hip_adduction_l", "hip_rotation_l", "knee_angle_l", "ankle_angle_l", "subtalar_angle_l"}
    neck = {"neck_extension", "neck_bending", "neck_rotation"}
    assert sorted(map(sorted, of)) == sorted(
        sorted(n) for n in (arm, leg, neck, *({c[:-1] + "r" for c in limb} for limb in (arm, leg)))
    )


def test_first_poses_anywhere_in_the_joints_ranges_are_found():
    """Exact points of a body that sits, lies or reaches, facing anywhere: each frame by itself, as the first of a trial."""
    model, rng = person(), np.random.default_rng(3)
    values = np.zeros((12, len(model.coordinates)))
    for i, c in enumerate(model.coordinates):
        low, high = max(c.minimum, -2.6), min(c.maximum, 2.6)
        if i < 6:
            low, high = (-np.pi, np.pi) if c.is_rotational else (-1.0, 1.0)
        values[:, i] = (low + high) / 2 + 0.9 * (high - low) * rng.uniform(-0.5, 0.5, len(values))
    points = _targets(model, values)
    missed = [fit(model, Targets({n: p[t : t + 1] for n, p in points.items()})).rms_m[0] for t in range(len(values))]
    assert max(missed) < 0.001
