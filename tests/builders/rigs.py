"""Simulated calibrated cameras around a person, and the files of their calibration."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.multiview.rig import CalibratedCamera
from neurostore.ingest.multiview.views import Sighting, View
from neurostore.skeleton import Skeleton
from tests.builders import filmed_walks

LENS = (-0.21, 0.08, 0.0012, -0.0007, -0.01)
FISHEYE = (-0.02, 0.004, -0.003, 0.0006)


def camera(
    name: str,
    at_mm: tuple[float, float, float],
    *,
    lens: tuple[float, ...] = LENS,
    is_fisheye: bool = False,
    size: tuple[int, int] = (1920, 1080),
    focal_px: float = 1300.0,
    up: tuple[float, float, float] = (0.0, 0.0, 1.0),
) -> CalibratedCamera:
    """A camera that looks at the middle of a person who stands at the origin of a frame whose Z points up."""
    centre, upward = np.array(at_mm), np.array(up)
    away = 900.0 * upward - centre
    away /= np.linalg.norm(away)
    right = np.cross(away, upward)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(away, right), away])
    inner = np.array([[focal_px, 0, size[0] / 2 + 7], [0, focal_px * 1.01, size[1] / 2 - 5], [0, 0, 1.0]])
    return CalibratedCamera(name, *size, inner, lens, rotation, -rotation @ centre, is_fisheye)


def around(n: int, *, distance_mm: float = 4000.0, **given: object) -> list[CalibratedCamera]:
    """n cameras ``cam1`` … on an arc of at most 100 degrees between neighbours, at different heights."""
    angles = np.arange(n) * np.radians(min(100.0, 360.0 / n)) + 0.3
    heights = [1400.0 + 250.0 * (i % 3) for i in range(n)]
    return [
        camera(f"cam{i + 1}", (distance_mm * np.cos(a), distance_mm * np.sin(a), h), **given)  # type: ignore[arg-type]
        for i, (a, h) in enumerate(zip(angles, heights, strict=True))
    ]


def rotation_vector(rotation: Floats) -> Floats:
    """Rodrigues vector (3,) of a rotation by less than half a turn."""
    angle = np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))
    axis = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]])
    return np.asarray(axis * angle / (2 * np.sin(angle)))


def calib_toml(cameras: list[CalibratedCamera], path: Path, unit_mm: float = 1000.0) -> Path:
    """Write a Calib.toml in the form of Pose2Sim."""
    sections = []
    for c in cameras:
        sections += [
            f"[{c.name}]",
            f'name = "{c.name}"',
            f"size = [{c.width:.1f}, {c.height:.1f}]",
            f"matrix = {c.intrinsics.tolist()}",
            f"distortions = {list(c.distortion)}",
            f"rotation = {rotation_vector(c.rotation).tolist()}",
            f"translation = {(c.translation / unit_mm).tolist()}",
            f"fisheye = {str(c.is_fisheye).lower()}",
            "",
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*sections, "[metadata]", "adjusted = false", "error = 0.0", ""]))
    return path


def pixels_of(cameras: list[CalibratedCamera], points: Floats) -> Floats:
    """(…, V, 2) px of points (…, 3), by OpenCV where it is installed: an implementation that is not ours.

    Rays behind a camera are not expected here.
    """
    import cv2

    flat = np.asarray(points, float).reshape(-1, 3)
    seen = []
    for c in cameras:
        vector = cv2.Rodrigues(c.rotation)[0]
        if c.is_fisheye:
            found = cv2.fisheye.projectPoints(
                flat[:, None], vector, c.translation, c.intrinsics, np.array(c.distortion, float)
            )[0]
        else:
            found = cv2.projectPoints(flat, vector, c.translation, c.intrinsics, np.array(c.distortion, float))[0]
        seen.append(found.reshape(-1, 2))
    return np.stack(seen, axis=1).reshape(*np.shape(points)[:-1], len(cameras), 2)


def walker(rate_hz: float = 60.0, n_strides: float = 2.0) -> tuple[Floats, Skeleton]:
    """(n, 33, 3) mm: a walk past the origin in a frame whose Z points up, and its skeleton (blazepose_33)."""
    made = filmed_walks.video(
        filmed_walks.walk(rate_hz=rate_hz, n_strides=n_strides), noise_mm=0.0, position_basis="camera_metric"
    ).poses[0]
    up_z = made.positions.astype(float) @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    up_z = np.where(np.isfinite(up_z), up_z, up_z[:, made.skeleton.index("nose"), None])
    middle, low = up_z.mean(axis=(0, 1)), up_z[..., 2].min()
    for joint in range(up_z.shape[1]):  # points of the face that the walker lacks are apart, so that sides differ
        up_z[:, joint] += 4.0 * np.array([np.sin(joint), np.cos(joint), 0.1 * joint])
    return up_z - [middle[0], middle[1], low], made.skeleton


def views_of(
    cameras: list[CalibratedCamera],
    points: Floats,
    *,
    rate_hz: float = 60.0,
    noise_px: float = 0.0,
    seed: int = 0,
) -> list[View]:
    """What a faultless estimator (but for white noise) sees of a person in each camera."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(len(points)) / rate_hz
    views = []
    for c in cameras:
        pixels = c.project(points) + rng.normal(0, noise_px, (*points.shape[:2], 2))
        views.append(View(c.name, c, time_s, [Sighting(pixels, np.isfinite(pixels).all(axis=-1) * 0.9)]))
    return views
