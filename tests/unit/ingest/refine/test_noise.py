"""The protocols do what their parameters say."""

import numpy as np
import pytest

pytest.importorskip("torch")
from neurostore.ingest.refine.training.dataset import random_protocol
from neurostore.ingest.refine.training.measured import BONES, Measured, around_hips, measured_errors
from neurostore.ingest.refine.training.noise import Correlated, Independent, corrupt
from tests.builders.filmed_walks import MARKERS

RATE = 50.0
LONG = 20000


@pytest.fixture(scope="module")
def standing():
    """Somebody who stands 4 m away, legs across the ray: points (LONG, M, 3)."""
    rng = np.random.default_rng(3)
    once = np.column_stack([rng.uniform(-400, 400, 17), rng.uniform(-800, 900, 17), np.full(17, 4000.0)])
    return np.tile(once, (LONG, 1, 1))


def _errors(protocol, points, visibility, seed=1):
    noisy, _ = corrupt(protocol, points, visibility, RATE, MARKERS, np.random.default_rng(seed))
    rays = points / np.linalg.norm(points, axis=-1, keepdims=True)
    along = ((noisy - points) * rays).sum(-1)
    return along, np.linalg.norm((noisy - points) - along[..., None] * rays, axis=-1)


@pytest.mark.parametrize("sd", [30.0, 80.0])
def test_independent(standing, sd):
    along, plane = _errors(Independent((sd,)), standing, np.ones(standing.shape[:2]))
    assert along.std(axis=0) == pytest.approx(np.full(17, sd), rel=0.03)
    assert np.sqrt((plane**2).mean()) == pytest.approx(0.1 * sd * np.sqrt(2), rel=0.03)
    assert abs(np.mean(along[1:] * along[:-1])) < 0.02 * sd**2  # no memory
    assert abs(np.corrcoef(along.T)[np.triu_indices(17, 1)]).max() < 0.05  # each for itself


def test_correlated_remembers_and_goes_along_limbs(standing):
    protocol = Correlated(
        tau_s=(0.5, 0.5), white_mm=0.0, outlier_rate_hz=0.0, global_mm=0.0, scale=0.0, pointing=0.0, in_plane=0.0
    )
    along, _ = _errors(protocol, standing, np.ones(standing.shape[:2]))
    for lag_s in (0.1, 0.5, 1.0):
        k = round(lag_s * RATE)
        found = (along[k:] * along[:-k]).mean() / (along**2).mean()
        assert found == pytest.approx(np.exp(-lag_s / 0.5), abs=0.06)
    at = {n: i for i, n in enumerate(MARKERS.names)}
    r = np.corrcoef(along.T)
    assert r[at["left_ankle"], at["left_toe"]] > 0.6  # shared along the limb
    assert abs(r[at["left_ankle"], at["right_ankle"]]) < 0.2  # not across
    sd = along.std(axis=0)
    assert sd[at["left_ankle"]] > sd[at["left_knee"]] > sd[at["left_hip"]]  # more with distance from the trunk
    # one bone before the far end: reach (0.4 + 2) / (0.4 + 3)
    expected = np.hypot(protocol.limb_mm * 2.4 / 3.4, protocol.marker_mm)
    assert sd[at["left_ankle"]] == pytest.approx(expected, rel=0.12)


def test_correlated_grows_where_limbs_point_at_the_camera_and_are_hidden(standing):
    quiet = Correlated(white_mm=0.0, outlier_rate_hz=0.0, global_mm=0.0, scale=0.0, in_plane=0.0, tau_s=(0.1, 0.1))
    at = {n: i for i, n in enumerate(MARKERS.names)}
    pointing = standing.copy()
    knee = pointing[:, at["left_knee"]]
    pointing[:, at["left_ankle"]] = knee * (1 - 300 / np.linalg.norm(knee, axis=-1, keepdims=True))
    seen = np.ones(standing.shape[:2])
    ratio = (_errors(quiet, pointing, seen)[0].std(axis=0) / _errors(quiet, standing, seen)[0].std(axis=0))[
        at["left_ankle"]
    ]
    across = standing[0, at["left_ankle"]] - standing[0, at["left_knee"]]
    ray = standing[0, at["left_ankle"]] / np.linalg.norm(standing[0, at["left_ankle"]])
    before = 1 + 0.8 * abs(across @ ray) / np.linalg.norm(across)
    assert ratio == pytest.approx(1.8 / before, rel=0.05)
    hidden = _errors(quiet, standing, np.zeros_like(seen))[0].std(axis=0)[at["head"]]
    assert hidden / _errors(quiet, standing, seen)[0].std(axis=0)[at["head"]] == pytest.approx(1.8, rel=0.05)


def test_times_scales_amplitudes_and_correlation_times():
    base, harder = Correlated(), Correlated().times(1.5, 0.5)
    assert harder.limb_mm == 1.5 * base.limb_mm
    assert harder.scale == 1.5 * base.scale
    assert harder.tau_s == (0.05, 0.5)
    assert harder.pointing == base.pointing


def test_outliers_come_as_often_as_stated(standing):
    only = Correlated(
        limb_mm=0.0, marker_mm=0.0, global_mm=0.0, scale=0.0, white_mm=0.0, in_plane=0.0, outlier_rate_hz=0.05
    )
    along, _ = _errors(only, standing, np.ones(standing.shape[:2]))
    struck = np.abs(along) > 1e-3
    share = 0.05 * only.outlier_s  # of the time of each marker
    assert struck.mean() == pytest.approx(share, rel=0.15)


def test_the_same_seed_gives_the_same_errors(standing):
    short = standing[:100]
    seen = np.ones(short.shape[:2])
    a, b, c = (_errors(Correlated(), short, seen, seed)[0] for seed in (5, 5, 6))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


STEADY = Measured(gain_sd=0.0, constant=0.0, tau_s=(0.05, 0.05), swaps_hz=0.0)


def _bone_errors(protocol, points, part, near, side="left", seed=1):
    """Depth over true depth, and depth and picture errors in shares of the length, of one bone."""
    noisy, _ = corrupt(protocol, points, np.ones(points.shape[:2]), RATE, MARKERS, np.random.default_rng(seed))
    at = {n: i for i, n in enumerate(MARKERS.names)}
    i, j = at[f"{side}_{part}"], at[f"{side}_{near}"]
    true, found = points[:, i] - points[:, j], noisy[:, i] - noisy[:, j]
    ray = points[:, i] / np.linalg.norm(points[:, i], axis=-1, keepdims=True)
    length = np.linalg.norm(true[0])
    depth = (found * ray).sum(-1)
    plane = (found - depth[:, None] * ray) / length
    return depth.mean() / (true * ray).sum(-1).mean(), depth / length, plane


@pytest.mark.parametrize(("part", "near"), [("knee", "hip"), ("wrist", "elbow"), ("elbow", "shoulder")])
def test_measured_bones_lack_depth_and_have_the_stated_errors(standing, part, near):
    leaning = standing.copy()
    leaning[..., 2] += 0.7 * leaning[..., 1]
    gain, depth, plane = _bone_errors(STEADY, leaning[:8000], part, near)
    stated = BONES[part]
    assert gain == pytest.approx(stated.depth_gain, abs=0.05)
    assert depth.std() == pytest.approx(stated.depth, rel=0.05)
    assert np.sqrt((plane - plane.mean(axis=0)).var(axis=0).sum()) == pytest.approx(
        np.sqrt(2) * stated.picture, rel=0.05
    )


def test_measured_sides_are_alike_and_the_hips_stay_in_the_middle(standing):
    left, right = (_bone_errors(STEADY, standing[:8000], "knee", "hip", side)[1] for side in ("left", "right"))
    assert np.corrcoef(left, right)[0, 1] == pytest.approx(STEADY.together, abs=0.05)
    hips = list(MARKERS.hips)
    noisy, sigma = measured_errors(Measured(), standing[:500], RATE, MARKERS, np.random.default_rng(2))
    assert np.allclose(noisy[:, hips].mean(axis=1), standing[:500, hips].mean(axis=1), atol=0.01)
    at = {n: i for i, n in enumerate(MARKERS.names)}
    assert (sigma[:, at["left_ankle"]] > sigma[:, at["left_knee"]]).all()  # errors add up along a limb


def test_measured_sides_are_exchanged_for_the_stated_time(standing):
    exact = {part: type(bone)(1.0, 1.0, 0.0, 0.0) for part, bone in BONES.items()}
    only = Measured(bones=exact, gain_sd=0.0, swaps_hz=0.5, swap_s=0.2)
    noisy, _ = measured_errors(only, standing, RATE, MARKERS, np.random.default_rng(3))
    struck = np.linalg.norm(noisy - standing, axis=-1) > 1.0
    mirrored = standing[:, list(MARKERS.mirror)]
    assert np.allclose(noisy[struck], mirrored[struck], atol=0.01)
    assert struck[:, MARKERS.hips[0]].mean() == pytest.approx(0.7 * 0.5 * 0.2, rel=0.3)
    assert not struck[:, MARKERS.names.index("head")].any()


def test_poses_around_the_hips_are_put_straight_ahead(standing):
    walking = standing[:50] + np.linspace(0, 3000, 50)[:, None, None]
    placed = around_hips(walking, MARKERS, 4000.0)
    assert np.allclose(placed[:, list(MARKERS.hips)].mean(axis=1), [0, 0, 4000], atol=0.01)
    assert np.allclose(placed[:, 3] - placed[:, 5], walking[:, 3] - walking[:, 5], atol=0.01)


def test_protocols_are_drawn_by_their_shares():
    rng = np.random.default_rng(1)
    drawn = [type(random_protocol(rng, {"independent": 1, "correlated": 2, "measured": 1})) for _ in range(2000)]
    shares = [drawn.count(kind) / len(drawn) for kind in (Independent, Correlated, Measured)]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.03)
