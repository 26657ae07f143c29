"""How well pairs of cameras agree without triangulating: distances from epipolar lines.

A point in one image lies on a line in another. Sampson's distance (Hartley and Zisserman 2004, 11.4.3) is, to first
order, how far both points have to move for that; here in pixels.
"""

from __future__ import annotations

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.multiview import lens_kernels
from neurostore.ingest.multiview.rig import CalibratedCamera


def rays_of(camera: CalibratedCamera, points: Floats) -> Floats:
    """Normalised coordinates (…, 3) of pixels (…, 2) without the lens's distortion; NaN if there are none."""
    flat = np.ascontiguousarray(points.reshape(-1, 2), dtype=float)
    rays = lens_kernels.straighten_all(flat, camera.packed()).reshape(points.shape)
    return np.concatenate([rays, np.ones((*points.shape[:-1], 1))], axis=-1)


def essential(a: CalibratedCamera, b: CalibratedCamera) -> Floats:
    """(3, 3) E with (ray in b)ᵀ E (ray in a) = 0."""
    turn = b.rotation @ a.rotation.T
    shift = b.translation - turn @ a.translation
    shift = shift / max(float(np.linalg.norm(shift)), 1e-12)
    x, y, z = shift
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ turn


def signed_px(a: CalibratedCamera, b: CalibratedCamera, rays_a: Floats, rays_b: Floats) -> Floats:
    """(…) Sampson's distance in px between rays (…, 3) of two cameras, which may broadcast; its sign says on which side."""
    e = essential(a, b)
    lines_b, lines_a = rays_a @ e.T, rays_b @ e  # epipolar lines in b of the points of a, and in a of the points of b
    off = (rays_b * lines_b).sum(axis=-1)
    square = (lines_b[..., :2] ** 2).sum(axis=-1) + (lines_a[..., :2] ** 2).sum(axis=-1)
    focal = np.sqrt(a.intrinsics[0, 0] * b.intrinsics[0, 0])
    return np.asarray(focal * off / np.sqrt(np.maximum(square, 1e-18)))


def distances_px(a: CalibratedCamera, b: CalibratedCamera, rays_a: Floats, rays_b: Floats) -> Floats:
    """(…) Sampson's distance in px between rays (…, 3) of two cameras, which may broadcast."""
    return np.abs(signed_px(a, b, rays_a, rays_b))


def disagreement_px(cameras: list[CalibratedCamera], rays: list[Floats]) -> Floats:
    """(V, V) median distance of the joints that both cameras of a pair see; NaN where they share none.

    rays : of each camera (n, J, 3), NaN where not seen.
    """
    n = len(cameras)
    pixels = np.full((n, n), np.nan)
    for i in range(n):
        for j in range(i + 1, n):
            off = distances_px(cameras[i], cameras[j], rays[i], rays[j])
            off = off[np.isfinite(off)]
            if len(off):
                pixels[i, j] = pixels[j, i] = np.median(off)
    return pixels
