"""Triangulation against projections of OpenCV: exact without noise, and with noise as wrong as theory says."""

from __future__ import annotations

import numpy as np
import pytest

from neurostore.ingest.multiview import lens_kernels as kernels
from neurostore.ingest.multiview.triangulate import triangulate
from tests.builders import rigs

CAMERAS = {
    "brown": {"lens": rigs.LENS},
    "rational": {"lens": (0.3, -0.1, 0.001, 0.002, 0.02, 0.35, -0.05, 0.01, 0.001, -0.0005, 0.0008, 0.0003)},
    "none": {"lens": ()},
    "fisheye": {"lens": rigs.FISHEYE, "is_fisheye": True},
}


def body(n: int = 40, seed: int = 3) -> np.ndarray:
    """(n, 5, 3) mm: points that move about a person's place."""
    rng = np.random.default_rng(seed)
    return rng.uniform((-700, -700, 0), (700, 700, 1800), size=(1, 5, 3)) + rng.normal(0, 60, (n, 5, 3)).cumsum(0) / 8


@pytest.mark.parametrize("kind", CAMERAS)
def test_projection_is_opencvs(kind: str) -> None:
    pytest.importorskip("cv2")
    cameras = rigs.around(3, **CAMERAS[kind])
    points = body()
    expected = rigs.pixels_of(cameras, points)
    found = np.stack([camera.project(points) for camera in cameras], axis=2)
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("kind", CAMERAS)
@pytest.mark.parametrize("n_cameras", [2, 3, 4])
def test_without_noise_points_are_found_to_a_micrometre(kind: str, n_cameras: int) -> None:
    pytest.importorskip("cv2")
    cameras = rigs.around(n_cameras, **CAMERAS[kind])
    points = body()
    pixels = rigs.pixels_of(cameras, points)
    found = triangulate(cameras, pixels, np.ones(pixels.shape[:-1]))
    assert np.linalg.norm(found.positions - points, axis=-1).max() < 1e-3
    assert found.reprojection_px.max() < 1e-4
    assert found.used.all()


def test_the_derivative_of_a_projection_is_that_of_small_steps() -> None:
    for kind in CAMERAS:
        packed = rigs.around(1, **CAMERAS[kind])[0].packed()
        point, out, slopes = np.array([210.0, -340.0, 1250.0]), np.empty(2), np.empty((2, 3))
        kernels.seen_at(packed, point, out, slopes)
        for axis in range(3):
            step = np.zeros(3)
            step[axis] = 0.05
            two = kernels.project(np.stack([point - step, point + step]), packed)
            assert slopes[:, axis] == pytest.approx((two[1] - two[0]) / 0.1, rel=1e-6, abs=1e-8)


def test_straightening_undoes_the_lens() -> None:
    for kind in CAMERAS:
        camera = rigs.around(1, **CAMERAS[kind])[0]
        points = body()[:, 0]
        inside = points @ camera.rotation.T + camera.translation
        rays = kernels.straighten_all(camera.project(points), camera.packed())
        assert rays == pytest.approx(inside[:, :2] / inside[:, 2:], abs=1e-9)


@pytest.mark.parametrize("n_cameras", [2, 4])
def test_noise_gives_the_error_of_least_squares_and_the_stated_sd(n_cameras: int) -> None:
    """The covariance of a least-squares point is sigma² (JᵀJ)⁻¹ (Hartley and Zisserman 2004, 5.2)."""
    cameras, points, sigma = rigs.around(n_cameras), body(600), 2.0
    rng = np.random.default_rng(8)
    exact = np.stack([camera.project(points) for camera in cameras], axis=2)
    pixels = exact + rng.normal(0, sigma, exact.shape)
    found = triangulate(cameras, pixels, np.ones(pixels.shape[:-1]))
    slopes = []
    for camera in cameras:  # the derivative by small steps, not by the kernel
        steps = [(camera.project(points[0, 0] + 0.5 * e) - camera.project(points[0, 0] - 0.5 * e)) for e in np.eye(3)]
        slopes.append(np.stack(steps, axis=1))
    j = np.concatenate(slopes)
    expected = sigma * np.sqrt(np.trace(np.linalg.inv(j.T @ j)) / 3)
    off = found.positions - points
    assert np.sqrt(np.mean(off[:, 0] ** 2)) == pytest.approx(expected, rel=0.08)
    assert np.mean(found.sd_mm[:, 0]) == pytest.approx(expected, rel=0.08)


def test_a_camera_that_errs_is_left_out() -> None:
    cameras, points = rigs.around(4), body()
    pixels = np.stack([camera.project(points) for camera in cameras], axis=2)
    pixels[5:20, 2, 1] += (300.0, -180.0)
    found = triangulate(cameras, pixels, np.ones(pixels.shape[:-1]))
    assert np.linalg.norm(found.positions - points, axis=-1).max() < 0.5
    assert not found.used[5:20, 2, 1].any()
    assert found.used.sum() == found.used.size - 15
    assert found.distances_px[5:20, 2, 1] == pytest.approx(np.hypot(300, 180), abs=2)


def test_two_cameras_that_disagree_give_no_point() -> None:
    cameras, points = rigs.around(2), body()
    pixels = np.stack([camera.project(points) for camera in cameras], axis=2)
    pixels[3, 1, 0] += (0.0, 400.0)
    found = triangulate(cameras, pixels, np.ones(pixels.shape[:-1]))
    assert np.isnan(found.positions[3, 1]).all()
    assert np.isnan(found.sd_mm[3, 1])
    assert np.isfinite(found.positions).all(axis=-1).sum() == points[..., 0].size - 1


def test_joints_that_one_camera_sees_or_trusts_have_no_position() -> None:
    cameras, points = rigs.around(3), body()
    pixels = np.stack([camera.project(points) for camera in cameras], axis=2)
    confidence = np.ones(pixels.shape[:-1])
    pixels[0, 0, :2] = np.nan
    confidence[1, 0, :2] = 0.01
    found = triangulate(cameras, pixels, confidence)
    assert np.isnan(found.positions[:2, 0]).all()
    assert np.isfinite(found.positions[2:]).all()


def test_confidence_decides_between_cameras() -> None:
    cameras, points = rigs.around(3), body()
    pixels = np.stack([camera.project(points) for camera in cameras], axis=2)
    pixels[..., 2, :] += 10.0
    confidence = np.ones(pixels.shape[:-1])
    even = triangulate(cameras, pixels, confidence)
    confidence[..., 2] = 0.15
    weighed = triangulate(cameras, pixels, confidence)
    off = [np.linalg.norm(found.positions - points, axis=-1).mean() for found in (even, weighed)]
    assert off[1] < 0.4 * off[0]
