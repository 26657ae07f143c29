"""Other bodies, other rates, cameras."""

import numpy as np
import pytest

pytest.importorskip("torch")
from neurostore.ingest.refine.training.motions import (
    Camera,
    covered,
    filmed,
    lengthened,
    resampled,
    varied,
    visibility_of,
)
from tests.builders.filmed_walks import MARKERS, walk

AT = {n: i for i, n in enumerate(MARKERS.names)}


def _directions(points):
    limbs = [b for i, b in enumerate(MARKERS.rigid) if i != 1]  # not from shoulder to shoulder, which the trunk decides
    near, far = np.asarray(limbs).T
    along = points[:, far] - points[:, near]
    return along / np.linalg.norm(along, axis=-1, keepdims=True)


def test_another_body_moves_the_same_way():
    points = walk().points
    factors = np.linspace(0.8, 1.2, len(MARKERS.bones))
    other = lengthened(points, factors, 1.0, MARKERS)
    assert _directions(other) == pytest.approx(_directions(points), abs=1e-4)
    near, far = np.asarray(MARKERS.bones).T
    before, after = (np.linalg.norm(p[:, near] - p[:, far], axis=-1) for p in (points, other))
    ends = np.array([b in {MARKERS.parent_bone[i] for i in range(17)} or b == 0 for b in range(len(near))])
    assert (after / before)[:, ends] == pytest.approx(np.tile(factors[ends], (len(points), 1)), rel=1e-4)


def test_standing_feet_stay_where_legs_are_scaled_alike():
    points = walk().points
    factors = np.full(len(MARKERS.bones), 0.9)
    other = lengthened(points, factors, 0.9, MARKERS)
    assert other == pytest.approx(points * 0.9, abs=0.05)


def test_varied_is_deterministic_and_mirrors_half_the_time():
    points = walk().points
    a, b = (varied(points, MARKERS, np.random.default_rng(4)) for _ in range(2))
    assert np.array_equal(a, b)
    swapped = 0
    for seed in range(40):
        other = varied(points, MARKERS, np.random.default_rng(seed))
        across = (other[:, AT["left_hip"]] - other[:, AT["right_hip"]]).mean(axis=0)
        forward = (other[:, AT["left_toe"]] - other[:, AT["left_heel"]]).mean(axis=0)
        assert np.cross([0, 1, 0], forward) @ across > 0  # left stays left, whatever is mirrored
        swapped += np.sign(other[0, AT["left_ankle"], 2] - other[0, AT["right_ankle"], 2]) != np.sign(
            points[0, AT["left_ankle"], 2] - points[0, AT["right_ankle"], 2]
        )
    assert 10 < swapped < 30


def test_cameras_see_what_they_should():
    points = walk().points  # walks towards +Z, left at +X
    front = filmed(points, Camera(0.0, 0.0, 3000.0), MARKERS)
    assert front[..., 2].mean() == pytest.approx(3000.0, rel=0.01)
    assert (front[:, AT["left_shoulder"], 0] > front[:, AT["right_shoulder"], 0]).all()  # their left is on our right
    assert (front[:, AT["head"], 1] < front[:, AT["left_toe"], 1]).all()  # y is down
    hips = front[:, list(MARKERS.hips)].mean(axis=1)
    assert hips[-1, 2] < hips[0, 2]  # comes nearer
    side = filmed(points, Camera(90.0, 0.0, 3000.0), MARKERS)
    assert (side[:, AT["left_hip"], 2] < side[:, AT["right_hip"], 2]).all()  # from their left
    near, far = np.asarray(MARKERS.rigid).T
    for seen in (front, side):
        assert np.linalg.norm(seen[:, near] - seen[:, far], axis=-1) == pytest.approx(
            np.linalg.norm(points[:, near] - points[:, far], axis=-1), abs=0.1
        )


@pytest.mark.parametrize("rate", [25.0, 30.0, 50.0, 60.0])
def test_resampling_keeps_a_slow_movement(rate):
    motion = walk(rate_hz=120.0)
    t = np.arange(len(motion.points)) / 120.0
    slow = np.sin(2 * np.pi * 1.0 * t)[:, None, None] * 100 + np.zeros_like(motion.points)
    thin = resampled(type(motion)("a", "train", "x", 120.0, slow.astype(np.float32), True), rate)
    expected = np.sin(2 * np.pi * np.arange(len(thin.points)) / rate) * 100
    assert thin.points[5:-5, 0, 0] == pytest.approx(expected[5:-5], abs=1.5)


def test_what_passes_in_front_covers():
    points = filmed(walk(rate_hz=30.0).points, Camera(90.0, 0.0, 4000.0), MARKERS)[:1].copy()
    hips = points[0, list(MARKERS.hips)].mean(axis=0)
    shoulders = points[0, [AT["left_shoulder"], AT["right_shoulder"]]].mean(axis=0)
    middle = (hips + shoulders) / 2
    behind, before = (points.copy() for _ in range(2))
    behind[0, AT["right_wrist"]] = middle + np.array([0, 0, 400.0])
    before[0, AT["right_wrist"]] = middle - np.array([0, 0, 400.0])
    aside = behind.copy()
    aside[0, AT["right_wrist"], 0] += 900.0
    assert covered(behind, MARKERS)[0, AT["right_wrist"]]
    assert not covered(before, MARKERS)[0, AT["right_wrist"]]
    assert not covered(aside, MARKERS)[0, AT["right_wrist"]]


def test_visibility_does_not_give_depth_away():
    """Where nothing covers anything, how visible a marker is says nothing of how deep it lies."""
    rng = np.random.default_rng(0)
    points = np.zeros((4000, 17, 3))
    points[..., 0] = np.arange(17) * 400.0  # far apart in the image: each bone passes between the others' ends
    points[..., 1] = rng.uniform(-20, 20, (4000, 17)) + (np.arange(17) % 2) * 5000.0
    points[..., 2] = 4000.0 + rng.normal(0, 150, (4000, 17))
    free = ~covered(points, MARKERS).any(axis=0)
    seen = visibility_of(points, MARKERS, 30.0, rng)
    assert free.sum() >= 4
    for marker in np.flatnonzero(free):
        assert abs(np.corrcoef(points[:, marker, 2], seen[:, marker])[0, 1]) < 0.06
