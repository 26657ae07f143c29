"""The camera of a video, and the way from its frame (x right, y down, z away) to the lab frame (Y up); mm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError

VERSION = 1
DEFAULT_FOV_DEGREES = 55.0  # field of view of the larger side that MeTRAbs assumes
_SLOW_MM_S = 350.0  # a slower point of a foot is standing
_MIN_STANDING = 30  # least number of standing points
_MIN_SPREAD_MM = 400.0  # least standard deviation of the points in a direction whose slope is fitted
_MAX_TILT_DEGREES = 20.0
_MAX_RESIDUAL_MM = 40.0


@dataclass(frozen=True)
class Camera:
    """One camera.

    intrinsics : (3, 3) px; distortion : OpenCV order k1, k2, p1, p2, k3 …; extrinsics : (4, 4), world to camera, mm, or
    None; up : in the world frame (in the camera frame without extrinsics). is_fov_guessed : it was not stated.
    """

    intrinsics: Floats
    distortion: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)
    extrinsics: Floats | None = None
    up: tuple[float, float, float] = (0.0, -1.0, 0.0)
    is_fov_guessed: bool = True
    is_up_given: bool = False

    @property
    def up_source(self) -> str:
        """How the vertical axis is known: from extrinsics, or a camera assumed to be level."""
        return "camera_extrinsics" if self.extrinsics is not None or self.is_up_given else "camera_level"

    @property
    def up_in_camera(self) -> Floats:
        """Unit vector (3,) of the vertical axis in camera coordinates."""
        up = np.asarray(self.up, float)
        if self.extrinsics is not None:
            up = self.extrinsics[:3, :3] @ up
        return up / np.linalg.norm(up)

    def project(self, points: Floats) -> Floats:
        """Image coordinates (…, 2) px of points (…, 3) in the camera frame; NaN behind the camera.

        Brown-Conrady distortion as in OpenCV's camera calibration pages.
        """
        points = np.asarray(points, float)
        z = np.where(points[..., 2:] > 1.0, points[..., 2:], np.nan)
        x, y = np.moveaxis(points[..., :2] / z, -1, 0)
        k1, k2, p1, p2, k3, k4, k5, k6, s1, s2, s3, s4 = (*self.distortion, *(0.0,) * 12)[:12]
        r2 = x * x + y * y
        radial = (1 + r2 * (k1 + r2 * (k2 + r2 * k3))) / (1 + r2 * (k4 + r2 * (k5 + r2 * k6)))
        bent_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x) + r2 * (s1 + r2 * s2)
        bent_y = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y + r2 * (s3 + r2 * s4)
        bent = np.stack([bent_x, bent_y, np.ones_like(bent_x)], axis=-1)
        return (bent @ self.intrinsics.T)[..., :2]

    def to_lab(self) -> tuple[Floats, Floats]:
        """(R, t): lab = R @ camera point + t. Without extrinsics the camera stays at the origin."""
        up = np.asarray(self.up, float) / np.linalg.norm(self.up)
        if self.extrinsics is None:
            return _upright(up, np.array([1.0, 0, 0]), np.array([0, 0, -1.0])), np.zeros(3)
        inverse = np.linalg.inv(self.extrinsics)
        turn = _upright(up, np.array([1.0, 0, 0]), np.array([0, 0, 1.0]))
        return turn @ inverse[:3, :3], turn @ inverse[:3, 3]


def _upright(up: Floats, ahead: Floats, other: Floats) -> Floats:
    """Rows X, Y, Z of the lab frame: Y is up, X as close to ``ahead`` as possible (to ``other`` where that is up)."""
    x = ahead if abs(ahead @ up) < 0.9 else other
    x = x - (x @ up) * up
    x = x / np.linalg.norm(x)
    return np.stack([x, up, np.cross(x, up)])


def intrinsics_from_fov(width: int, height: int, fov_degrees: float) -> Floats:
    """Pinhole with the principal point in the middle; the field of view is that of the larger side."""
    focal = max(width, height) / 2 / math.tan(math.radians(fov_degrees) / 2)
    return np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])


def camera_of(given: dict[str, Any], width: int, height: int, path: Path | str = "") -> Camera:
    """The camera that ``[camera]`` of cohort.toml declares, for an image of this size.

    Keys: ``intrinsics`` (3 x 3, or [fx, fy, cx, cy]), ``distortion`` (up to 12 numbers), ``extrinsics`` (4 x 4 or
    3 x 4, world to camera, mm), ``fov_degrees``, ``up`` (3 numbers or 'x', '-y' …).

    Raises
    ------
    InputError : a value of the wrong form; all are reported at once.
    """
    problems: list[str] = []
    fov, is_guessed = DEFAULT_FOV_DEGREES, True
    intrinsics = _matrix(given, "intrinsics", ((3, 3), (4,)), problems)
    if intrinsics is not None and intrinsics.shape == (4,):
        fx, fy, cx, cy = intrinsics
        intrinsics = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
    if intrinsics is not None:
        is_guessed = False
        if min(intrinsics[0, 0], intrinsics[1, 1]) <= 0 or not np.allclose(intrinsics[2], (0, 0, 1)):
            problems.append(
                "camera.intrinsics is not a camera matrix; expected [[fx, 0, cx], [0, fy, cy], [0, 0, 1]], px"
            )
    elif "fov_degrees" in given:
        fov, is_guessed = given["fov_degrees"], False
        if not isinstance(fov, int | float) or not 1 <= fov <= 175:
            problems.append(f"camera.fov_degrees = {fov!r}; expected 1 to 175, of the larger side")
    distortion = _matrix(given, "distortion", tuple((n,) for n in range(13)), problems)
    extrinsics = _matrix(given, "extrinsics", ((4, 4), (3, 4)), problems)
    if extrinsics is not None:
        extrinsics = np.vstack([extrinsics[:3], [0, 0, 0, 1.0]])
        rotation = extrinsics[:3, :3]
        if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) or np.linalg.det(rotation) < 0:
            problems.append("camera.extrinsics has no rotation in its first columns; expected world to camera, mm")
    up = _up(given.get("up"), extrinsics is not None, problems)
    if problems:
        raise InputError(path, *problems)
    return Camera(
        intrinsics_from_fov(width, height, fov) if intrinsics is None else intrinsics,
        tuple(distortion) if distortion is not None else (0.0,) * 5,
        extrinsics,
        up,
        is_guessed,
        "up" in given,
    )


def _matrix(given: dict[str, Any], key: str, shapes: tuple[tuple[int, ...], ...], problems: list[str]) -> Floats | None:
    if key not in given:
        return None
    try:
        value = np.asarray(given[key], float)
    except (TypeError, ValueError):
        value = np.empty((0, 0))
    if value.shape not in shapes or not np.isfinite(value).all():
        wanted = " or ".join("x".join(map(str, s)) for s in shapes[:2]) if len(shapes) < 5 else "up to 12"
        problems.append(f"camera.{key} = {given[key]!r}; expected {wanted} numbers")
        return None
    return value


def _up(given: Any, has_world: bool, problems: list[str]) -> tuple[float, float, float]:
    if given is None:
        return (0.0, 0.0, 1.0) if has_world else (0.0, -1.0, 0.0)
    if isinstance(given, str) and given.lstrip("+-") in ("x", "y", "z"):
        up = [0.0, 0.0, 0.0]
        up["xyz".index(given[-1])] = -1.0 if given.startswith("-") else 1.0
        return (up[0], up[1], up[2])
    try:
        x, y, z = map(float, given)
        if math.hypot(x, y, z) > 1e-9:
            return (x, y, z)
    except (TypeError, ValueError):
        pass
    problems.append(f"camera.up = {given!r}; expected 'x', '-y' … or three numbers")
    return (0.0, -1.0, 0.0)


@dataclass(frozen=True)
class Floor:
    """A floor found under the feet: lab' = rotation @ lab + (0, rise_mm, 0) puts it at y = 0."""

    rotation: Floats
    rise_mm: float
    tilt_degrees: float
    residual_mm: float
    n_points: int

    def apply(self, points: Floats) -> Floats:
        """Points (..., 3) mm rotated and raised so that the floor is y = 0."""
        return points @ self.rotation.T + np.array([0, self.rise_mm, 0])


def fit_floor(feet: Floats, time_s: Floats) -> Floor | None:
    """The plane that standing feet touch, or None if the video does not show it.

    A slope is fitted only along directions in which the standing points spread by more than 0.4 m (SD): along the walk,
    not across one step width. None if fewer than 30 points stand, the floor would lean by more than 20 degrees, or
    the points are more than 40 mm (robust SD) off it.

    Parameters
    ----------
    feet : (n, k, 3) foot points in a level lab frame, mm; NaN = missing. time_s : (n,).
    """
    if len(time_s) < 3:
        return None
    speed = np.linalg.norm(np.gradient(feet, time_s, axis=0), axis=-1)
    standing = feet[speed < _SLOW_MM_S]
    standing = standing[np.isfinite(standing).all(axis=1)]
    if len(standing) < _MIN_STANDING:
        return None
    flat, height = standing[:, [0, 2]], standing[:, 1]
    centre = np.median(flat, axis=0)
    spread, axes = np.linalg.eigh(np.cov((flat - centre).T))
    axes = axes[:, np.sqrt(np.maximum(spread, 0)) > _MIN_SPREAD_MM]
    if axes.shape[1] == 0:
        return None
    design = np.column_stack([(flat - centre) @ axes, np.ones(len(flat))])
    weights = np.ones(len(flat))
    for _ in range(20):  # Huber's weights, so that a lifted toe does not tilt the floor
        root = np.sqrt(weights)[:, None]
        solved = np.linalg.lstsq(design * root, height * root[:, 0], rcond=None)[0]
        off = height - design @ solved
        scale = max(1.0, 1.4826 * float(np.median(np.abs(off))))
        weights = np.minimum(1.0, 1.5 * scale / np.maximum(np.abs(off), 1e-9))
    slope = axes @ solved[:-1]  # rise per mm along x and z
    normal = np.array([-slope[0], 1.0, -slope[1]])
    normal /= np.linalg.norm(normal)
    tilt = math.degrees(math.acos(min(1.0, normal[1])))
    if tilt > _MAX_TILT_DEGREES or scale > _MAX_RESIDUAL_MM:
        return None
    rotation = _between(normal, np.array([0, 1.0, 0]))
    on_floor = np.array([centre[0], solved[-1], centre[1]])
    return Floor(rotation, -float((rotation @ on_floor)[1]), tilt, scale, len(standing))


def _between(a: Floats, b: Floats) -> Floats:
    """The smallest rotation that takes unit vector a to unit vector b (not opposite)."""
    v, c = np.cross(a, b), float(a @ b)
    skew = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    return np.eye(3) + skew + skew @ skew / (1 + c)
