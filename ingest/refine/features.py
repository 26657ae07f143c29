"""What the network sees: positions against the middle of the window, ray, visibility, spread; and the body as the
whole trial shows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .markers import MarkerSet

SCALE_MM = 500.0  # positions
LENGTH_MM = 300.0  # bones
CORRECTION_MM = 100.0  # the network answers in decimetres
DEFAULT_SPREAD_MM = 40.0


@dataclass(frozen=True)
class Sequence:
    """A person's trial in camera coordinates, ready for windows.

    points : (T, M, 3) mm, NaN where missing. rays : (T, M, 3) unit. visibility : (T, M). spread_mm : (T, M).
    body : (4 B + 1,) what the whole trial shows of the bones. rate_hz.
    """

    points: np.ndarray
    rays: np.ndarray
    visibility: np.ndarray
    spread_mm: np.ndarray
    body: np.ndarray
    rate_hz: float


def sequence(
    points: np.ndarray, visibility: np.ndarray, spread_mm: np.ndarray | None, rate_hz: float, markers: MarkerSet
) -> Sequence:
    """points : (T, M, 3) mm in camera coordinates (camera at the origin, x right, y down, z away)."""
    distance = np.linalg.norm(points, axis=-1, keepdims=True)
    rays = points / np.maximum(distance, 1.0)
    if spread_mm is None:
        spread_mm = np.full(points.shape[:2], DEFAULT_SPREAD_MM, np.float32)
    return Sequence(
        points=points.astype(np.float32),
        rays=rays.astype(np.float32),
        visibility=np.nan_to_num(visibility, nan=0.5).astype(np.float32),
        spread_mm=np.nan_to_num(spread_mm, nan=DEFAULT_SPREAD_MM).astype(np.float32),
        body=body_of(points, rays, rate_hz, markers),
        rate_hz=rate_hz,
    )


def body_of(points: np.ndarray, rays: np.ndarray, rate_hz: float, markers: MarkerSet) -> np.ndarray:
    """(4 B + 1,) float32: of each bone the median length, its spread, and the median and 95 % quantile of its length
    across the ray.

    Across the ray a position is nearly free of error, so the largest length seen there bounds the true one from below.
    """
    near, far = np.asarray(markers.bones).T
    along = points[:, far] - points[:, near]
    length = np.linalg.norm(along, axis=-1)
    ray = rays[:, near] + rays[:, far]
    ray /= np.maximum(np.linalg.norm(ray, axis=-1, keepdims=True), 1e-6)
    across = np.linalg.norm(along - (along * ray).sum(-1, keepdims=True) * ray, axis=-1)
    out = np.zeros((4, len(near)), np.float32)
    seen = np.isfinite(length).any(axis=0)
    if seen.any():
        low, middle, high = np.nanquantile(length[:, seen], (0.25, 0.5, 0.75), axis=0)
        out[0, seen], out[1, seen] = middle, high - low
        out[2, seen], out[3, seen] = np.nanquantile(across[:, seen], (0.5, 0.95), axis=0)
    return np.append(out.ravel() / LENGTH_MM, rate_hz / 60.0).astype(np.float32)


def window(s: Sequence, start: int, n_frames: int, markers: MarkerSet) -> tuple[np.ndarray, np.ndarray]:
    """Features (n_frames, M, N_FEATURES) and present (n_frames, M) of the window from ``start``; frames past an end
    are missing."""
    index = np.arange(start, start + n_frames)
    inside = (index >= 0) & (index < len(s.points))
    index = np.clip(index, 0, len(s.points) - 1)
    points = s.points[index]
    present = np.isfinite(points).all(axis=-1) & inside[:, None]
    hips = points[:, list(markers.hips)]
    hips = hips[np.isfinite(hips).all(axis=-1) & inside[:, None]]
    middle = hips.mean(axis=0) if len(hips) else np.array([0.0, 0.0, 4000.0], np.float32)
    # Look along the ray to the middle: z' away, y' down in the picture.
    z = middle / max(float(np.linalg.norm(middle)), 1.0)
    x = np.cross([0.0, 1.0, 0.0], z)
    x /= max(float(np.linalg.norm(x)), 1e-6)
    axes = np.stack([x, np.cross(z, x), z]).astype(np.float32)
    relative = (np.nan_to_num(points) - middle) @ axes.T / SCALE_MM
    rays = np.nan_to_num(s.rays[index]) @ axes.T
    features = np.concatenate(
        [
            relative,
            _foreshortening(relative * SCALE_MM, s.body, markers),
            rays[..., :2] * 4.0,
            s.visibility[index][..., None],
            np.clip(s.spread_mm[index] / 100.0, 0, 3)[..., None],
            np.full((*present.shape, 1), np.linalg.norm(middle) / 4000.0, np.float32),
            np.full((*present.shape, 1), 30.0 / s.rate_hz, np.float32),
        ],
        axis=-1,
    )
    return np.where(present[..., None], features, 0.0).astype(np.float32), present


def _foreshortening(points: np.ndarray, body: np.ndarray, markers: MarkerSet) -> np.ndarray:
    """(T, M, 2): the depth of each marker against the one before it on its limb, as the bone's length across the ray
    tells it.

    A bone of length L seen L' long across the ray spans sqrt(L^2 - L'^2) of depth, towards or away. First that span,
    then how far the
    given depth is from it (the sign is taken from the given depth). 0 for markers that end no bone.
    """
    _, _, _, longest = np.split(body[:-1] * LENGTH_MM, 4)
    middle = body[: len(markers.bones)] * LENGTH_MM
    lengths = np.maximum(longest, 0.5 * (middle + longest))
    out = np.zeros((*points.shape[:2], 2), np.float32)
    for marker, bone in enumerate(markers.parent_bone):
        if bone < 0:
            continue
        near, far = markers.bones[bone]
        along = points[:, far] - points[:, near]
        span = np.sqrt(np.maximum(lengths[bone] ** 2 - (along[:, :2] ** 2).sum(-1), 0.0))
        out[:, marker, 0] = span / SCALE_MM
        out[:, marker, 1] = np.clip((np.where(along[:, 2] < 0, -span, span) - along[:, 2]) / CORRECTION_MM, -3, 3)
    return out
