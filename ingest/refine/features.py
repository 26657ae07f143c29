"""Inputs of the network: low-pass filtered positions at a common rate, and the proportions of the body.

Video comes at 25 to 60 Hz and movement ends at about 6 Hz, so windows are made of *nodes*, 20 per second: a window of
one length sees the same stretch of time at every rate, and costs a third. The correction found at the nodes is
brought back to the frames by splines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from neurostore.arrays import Bools, Floats
from neurostore.ingest.landmarks import filters
from neurostore.ingest.refine.marker_set import MarkerSet

SCALE_MM = 500.0  # unit of positions
LENGTH_MM = 300.0  # unit of bone lengths
CORRECTION_MM = 100.0  # unit of corrections: decimetres
DEFAULT_SPREAD_MM = 40.0
CUTOFF_HZ = 6.0
N_FEATURES = 15
MOST_OFF_PATH = 4.0  # decimetres off a straight walk at which the feature is capped
# columns of a window's features
PLACE, VELOCITY, PATH, RAY = slice(0, 3), slice(3, 6), 6, slice(9, 11)


@dataclass(frozen=True)
class Sequence:
    """A person's trial in camera coordinates (camera at the origin, x right, y down, z away), ready for windows.

    base : (n, M, 3) mm, low-passed frames; raw and rays : (n, M, 3) as given, and unit vectors from the camera.
    Of the N nodes: node_s, points (N, M, 3), node_rays, middle (N, 3) of the hips, visibility, spread_mm and present
    (N, M).
    roughness_mm : (M,) RMS along the ray of what the low-pass took away. body : (4 B + 1,) see :func:`body_of`.
    """

    time_s: Floats
    raw: Floats
    base: Floats
    rays: Floats
    node_s: Floats
    node_rate_hz: float
    points: Floats
    node_rays: Floats
    middle: Floats
    visibility: Floats
    spread_mm: Floats
    present: Bools
    roughness_mm: Floats
    body: Floats


def sequence(
    points: Floats,
    visibility: Floats | None,
    spread_mm: Floats | None,
    time_s: Floats,
    rate_hz: float,
    markers: MarkerSet,
    node_rate_hz: float,
) -> Sequence:
    """points : (n, M, 3) mm in camera coordinates, NaN where missing; visibility 0..1 and spread_mm : (n, M) or None.

    node_rate_hz : 0 makes a node of every frame.
    """
    points = np.asarray(points, np.float32)
    n = len(points)
    base = filters.clean(points, time_s, rate_hz, min(CUTOFF_HZ, 0.4 * rate_hz)).values.astype(np.float32)
    rays = _unit(np.where(np.isfinite(points), points, base))
    rough = ((points - base) * rays).sum(-1)
    n_rough = np.maximum(np.isfinite(rough).sum(axis=0), 1)
    roughness = np.sqrt(np.nansum(rough**2, axis=0) / n_rough)
    if node_rate_hz:
        node_s = time_s[0] + np.arange(int((time_s[-1] - time_s[0]) * node_rate_hz) + 1) / node_rate_hz
    else:
        node_s = np.asarray(time_s)
    nearest = np.clip(np.searchsorted((time_s[1:] + time_s[:-1]) / 2, node_s), 0, n - 1)
    at_nodes = to_nodes(base, time_s, node_s)
    present = np.isfinite(base[nearest]).all(-1)
    at_nodes = np.where(present[..., None], at_nodes, np.nan)
    given = np.full((n, len(markers.names)), DEFAULT_SPREAD_MM) if spread_mm is None else spread_mm
    seen = np.full((n, len(markers.names)), 0.5) if visibility is None else visibility
    return Sequence(
        time_s=np.asarray(time_s),
        raw=points,
        base=base,
        rays=rays,
        node_s=node_s,
        node_rate_hz=node_rate_hz or rate_hz,
        points=at_nodes.astype(np.float32),
        node_rays=_unit(at_nodes),
        middle=_middle(at_nodes, markers),
        visibility=np.nan_to_num(seen[nearest], nan=0.5).astype(np.float32),
        spread_mm=np.nan_to_num(given[nearest], nan=DEFAULT_SPREAD_MM).astype(np.float32),
        present=present,
        roughness_mm=roughness.astype(np.float32),
        body=body_of(base, rays, rate_hz, markers),
    )


def to_nodes(values: Floats, time_s: Floats, node_s: Floats) -> Floats:
    """(n, …) at the frames' times → (N, …) at others, by cubic splines.

    Gaps are bridged in a straight line, a column never seen stays NaN.
    """
    if len(values) == len(node_s) and np.array_equal(time_s, node_s):
        return np.asarray(values)
    flat = np.asarray(values, np.float64).reshape(len(values), -1)
    seen = np.isfinite(flat)
    if not seen.all():
        flat = flat.copy()
        for k in np.flatnonzero(~seen.all(axis=0) & seen.any(axis=0)):
            flat[:, k] = np.interp(time_s, time_s[seen[:, k]], flat[seen[:, k], k])
    empty = ~seen.any(axis=0)
    flat = np.where(empty, 0.0, flat)
    if len(flat) < 4:
        out = np.stack([np.interp(node_s, time_s, column) for column in flat.T], axis=1)
    else:
        out = CubicSpline(time_s, flat, bc_type="natural")(node_s)
    return np.where(empty, np.nan, out).reshape(len(node_s), *values.shape[1:])


def body_of(points: Floats, rays: Floats, rate_hz: float, markers: MarkerSet) -> Floats:
    """Proportions of the body (4 B + 1,) float32.

    For each bone the median length, its spread, and the median and 95 % quantile of its length across the ray.

    Across the ray a position is nearly free of error, so the largest length seen there bounds the true one from
    below.
    """
    near, far = np.asarray(markers.bones).T
    along = points[:, far] - points[:, near]
    length = np.linalg.norm(along, axis=-1)
    ray = _unit(rays[:, near] + rays[:, far])
    across = np.linalg.norm(along - (along * ray).sum(-1, keepdims=True) * ray, axis=-1)
    out = np.zeros((4, len(near)), np.float32)
    seen = np.isfinite(length).any(axis=0)
    if seen.any():
        low, middle, high = _quantiles(length[:, seen], (0.25, 0.5, 0.75))
        out[0, seen], out[1, seen] = middle, high - low
        out[2, seen], out[3, seen] = _quantiles(across[:, seen], (0.5, 0.95))
    return np.append(out.ravel() / LENGTH_MM, rate_hz / 60.0).astype(np.float32)


def _quantiles(values: Floats, shares: tuple[float, ...]) -> list[Floats]:
    """Of each column of (n, K), NaN left out (they sort last)."""
    ordered = np.sort(values, axis=0)
    last = np.isfinite(ordered).sum(axis=0) - 1
    columns = np.arange(values.shape[1])
    return [ordered[np.rint(share * last).astype(int), columns] for share in shares]


def window(s: Sequence, start: int, n_frames: int, markers: MarkerSet) -> tuple[Floats, Bools]:
    """Features (n_frames, M, N_FEATURES) and present (n_frames, M) of the nodes from ``start``.

    Those past an end are missing. Per marker: place against the middle of the hips (3), velocity (3), depth of that
    middle against a straight walk (1), foreshortening (2), ray (2), visibility, spread, distance, roughness.
    """
    index = np.arange(start, start + n_frames)
    inside = (index >= 0) & (index < len(s.points))
    index = np.clip(index, 0, len(s.points) - 1)
    present = s.present[index] & inside[:, None]
    points = np.nan_to_num(s.points[index])
    middle = s.middle[index]
    centre = middle[inside].mean(axis=0) if inside.any() else middle.mean(axis=0)
    # View along the ray to the middle: z' away from the camera, y' down in the image.
    z = centre / max(float(np.linalg.norm(centre)), 1.0)
    x = np.cross([0.0, 1.0, 0.0], z)
    x /= max(float(np.linalg.norm(x)), 1e-6)
    axes = np.stack([x, np.cross(z, x), z]).astype(np.float32)
    relative = (points - middle[:, None]) @ axes.T
    path = (middle - centre) @ axes.T
    before, after = np.clip(index - 1, 0, len(s.points) - 1), np.clip(index + 1, 0, len(s.points) - 1)
    elapsed = np.maximum(s.node_s[after] - s.node_s[before], 1e-3)[:, None, None]
    velocity = np.nan_to_num(s.points[after] - s.points[before]) @ axes.T / elapsed / 1000.0
    rays = np.nan_to_num(s.node_rays[index]) @ axes.T
    one = np.ones_like(present, np.float32)[..., None]
    features = np.concatenate(
        [
            relative / SCALE_MM,
            np.clip(velocity, -8, 8),
            one * (_detrended(path[:, 2], inside) / CORRECTION_MM)[:, None, None],
            _foreshortening(relative, s.body, markers),
            rays[..., :2] * 4.0,
            s.visibility[index][..., None],
            np.clip(s.spread_mm[index] / 100.0, 0, 3)[..., None],
            one * np.float32(np.linalg.norm(centre) / 4000.0),
            one * np.clip(s.roughness_mm / 50.0, 0, 4)[None, :, None],
        ],
        axis=-1,
    )
    return np.where(present[..., None], features, 0.0).astype(np.float32), present


def to_frames(s: Sequence, correction: Floats) -> Floats:
    """Correction along the ray at the frames (n, M) mm from the correction at the nodes (N, M) mm.

    It is relative to the raw positions: it includes what the low-pass filter removed from the depth, but not what the
    filter removed across the ray.
    """
    smooth = to_nodes(correction, s.node_s, s.time_s) if len(s.node_s) > 1 else np.repeat(correction, len(s.time_s), 0)
    return ((s.base - s.raw) * s.rays).sum(-1) + smooth


def _foreshortening(points: Floats, body: Floats, markers: MarkerSet) -> Floats:
    """Depth of each marker relative to the previous one on its limb, from the bone's length across the ray: (T, M, 2).

    A bone of length L seen L' long across the ray spans sqrt(L^2 - L'^2) of depth, towards or away. First that span,
    then how far the given depth is from it (the sign is taken from the given depth). 0 for markers that end no bone.
    """
    n = len(markers.bones)
    middle, longest = body[:n] * LENGTH_MM, body[3 * n : 4 * n] * LENGTH_MM
    lengths = np.maximum(longest, 0.5 * (middle + longest))
    parents = np.asarray(markers.parent_bone)
    ends = np.flatnonzero(parents >= 0)
    bones = parents[ends]
    near = np.asarray(markers.bones)[bones, 0]
    along = points[:, ends] - points[:, near]
    span = np.sqrt(np.maximum(lengths[bones] ** 2 - (along[..., :2] ** 2).sum(-1), 0.0))
    out = np.zeros((*points.shape[:2], 2), np.float32)
    out[:, ends, 0] = span / SCALE_MM
    out[:, ends, 1] = np.clip((np.where(along[..., 2] < 0, -span, span) - along[..., 2]) / CORRECTION_MM, -3, 3)
    return out


def _middle(points: Floats, markers: MarkerSet) -> Floats:
    """(N, 3) middle of the hips; where they are missing, between the neighbours; never seen: 4 m straight ahead."""
    hips = points[:, list(markers.hips)].mean(axis=1)
    seen = np.isfinite(hips).all(axis=-1)
    if not seen.any():
        return np.tile(np.array([0.0, 0.0, 4000.0], np.float32), (len(points), 1))
    at = np.arange(len(points))
    return np.stack([np.interp(at, at[seen], hips[seen, k]) for k in range(3)], axis=1).astype(np.float32)


def _detrended(values: Floats, inside: Bools) -> Floats:
    if inside.sum() < 3:
        return np.zeros_like(values)
    at = np.arange(len(values)) - np.flatnonzero(inside).mean()
    slope = (at * values)[inside].sum() / (at * at)[inside].sum()
    return values - values[inside].mean() - slope * at


def _unit(vectors: Floats) -> Floats:
    length = np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))
    return (vectors / np.maximum(length, 1e-6)).astype(np.float32)
