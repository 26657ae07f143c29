"""Made-up calibrated cameras around a person, and the files of their calibration."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.multiview.rig import CalibratedCamera

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
