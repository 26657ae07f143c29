"""Nodes, windows and what is taken from the whole trial."""

import numpy as np
import pytest

pytest.importorskip("torch")
from neurostore.ingest.refine.features import body_of, sequence, to_frames, to_nodes, window
from neurostore.ingest.refine.training.motions import Camera, filmed
from tests.builders.filmed_walks import MARKERS, walk

AT = {n: i for i, n in enumerate(MARKERS.names)}


def _sequence(points, rate=30.0, nodes=20.0):
    return sequence(points, None, None, np.arange(len(points)) / rate, rate, MARKERS, nodes)


def _camera(rate=30.0):
    return filmed(walk(rate_hz=rate, n_strides=3.0).points, Camera(60.0, 5.0, 4000.0), MARKERS)


def test_splines_bring_a_slow_curve_to_other_times():
    frames, nodes = np.arange(91) / 30.0, np.arange(61) / 20.0
    found = to_nodes(np.sin(2 * np.pi * frames)[:, None], frames, nodes)
    assert found[:, 0] == pytest.approx(np.sin(2 * np.pi * nodes), abs=2e-3)


def test_a_gap_is_bridged_straight_and_a_column_never_seen_stays_missing():
    frames = np.arange(30) / 30.0
    values = np.stack([np.arange(30.0), np.full(30, np.nan)], axis=1)
    values[10:15, 0] = np.nan
    found = to_nodes(values, frames, frames + 1e-9)
    assert found[:, 0] == pytest.approx(np.arange(30.0), abs=1e-6)
    assert np.isnan(found[:, 1]).all()


@pytest.mark.parametrize("rate", [25.0, 30.0, 60.0])
def test_no_correction_is_the_low_pass_along_the_ray_alone(rate):
    points = _camera(rate)
    points = points + np.random.default_rng(0).normal(0, 20, points.shape).astype(np.float32)
    s = _sequence(points, rate)
    along = to_frames(s, np.zeros(s.present.shape))
    refined = s.raw + along[..., None] * s.rays
    assert ((refined - s.base) * s.rays).sum(-1) == pytest.approx(np.zeros(along.shape), abs=0.02)
    across = refined - s.raw - along[..., None] * s.rays
    assert np.abs(across).max() < 1e-3


def test_past_the_ends_and_in_gaps_markers_are_missing_not_zero_metres_away():
    points = _camera()
    points[20:40, AT["left_knee"]] = np.nan
    s = _sequence(points)
    _, present = window(s, -10, 49, MARKERS)
    assert not present[:10].any()
    assert present[12].all()
    node = 10 + round(30 / 30 * 20)  # the middle of the gap, 1 s in
    assert not present[node, AT["left_knee"]]
    assert present[node].sum() == 16
    features, present = window(s, -10, 49, MARKERS)
    assert np.isfinite(features).all()
    assert (features[~present] == 0).all()


def test_windows_do_not_know_where_the_camera_pans():
    """Features are taken along the ray to the person: a person to the side looks as one straight ahead."""
    points = _camera()
    a = np.radians(20.0)
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    here, there = (window(_sequence(p.astype(np.float32)), 0, 49, MARKERS)[0] for p in (points, points @ turn.T))
    assert there == pytest.approx(here, abs=0.02)


def test_body_lengths_seen_across_the_ray_are_true_in_noise_along_it():
    points = _camera()
    rays = points / np.linalg.norm(points, axis=-1, keepdims=True)
    noisy = points + np.random.default_rng(1).normal(0, 80, points.shape[:2])[..., None] * rays
    near, far = MARKERS.bones[AT_BONE]
    true = np.linalg.norm(points[:, near] - points[:, far], axis=-1)[0]
    body = body_of(noisy, rays, 30.0, MARKERS)[:-1].reshape(4, -1)[:, AT_BONE] * 300.0
    assert body[1] > 20.0  # the length as given swings, quartile to quartile
    assert body[3] == pytest.approx(true, rel=0.03)


AT_BONE = MARKERS.bones.index((AT["left_knee"], AT["left_ankle"]))


def test_foreshortening_tells_the_depth_of_a_bent_limb():
    from neurostore.ingest.refine.features import _foreshortening

    points = np.zeros((1, 17, 3))
    points[0, AT["left_knee"]] = (0, 300, 200)  # 400 long: spans sqrt(400^2 - 300^2) = 265 of depth, 200 are given
    body = np.zeros(4 * len(MARKERS.bones) + 1, np.float32)
    bone = MARKERS.bones.index((AT["left_hip"], AT["left_knee"]))
    body[bone] = body[3 * len(MARKERS.bones) + bone] = 400 / 300
    span, lacking = _foreshortening(points, body, MARKERS)[0, AT["left_knee"]]
    assert span * 500 == pytest.approx(np.sqrt(400**2 - 300**2), rel=1e-4)
    assert lacking * 100 == pytest.approx(np.sqrt(400**2 - 300**2) - 200, rel=1e-3)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_very_short_trials(n):
    s = _sequence(_camera()[:n])
    features, _ = window(s, 0, 49, MARKERS)
    assert np.isfinite(features).all()
    assert to_frames(s, np.ones(s.present.shape)) == pytest.approx(np.ones((n, 17)), abs=1e-3)
