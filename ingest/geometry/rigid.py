"""Rigid bodies from points: the movement of one, and the point or line about which one turns relative to another."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from neurostore.arrays import Floats

#: Rotations (n, 3, 3) and origins (n, 3) in mm of a segment, segment to lab; NaN where it is not known.
Segment: TypeAlias = tuple[Floats, Floats]
_LEAST_POINTS = 3


def fit_rigid(still: Floats, moving: Floats) -> tuple[Floats, Floats, Floats]:
    """The rotation and translation that bring one set of points nearest to each of many.

    Söderkvist & Wedin 1993, doi:10.1016/0021-9290(93)90098-Y.

    still : (m, 3). moving : (n, m, 3), NaN = missing; at least three points of a frame are needed.

    Returns
    -------
    rotations (n, 3, 3), translations (n, 3), residual (n,) root mean square distance; NaN where no fit is possible.
    """
    n = len(moving)
    turns, origins, residual = np.full((n, 3, 3), np.nan), np.full((n, 3), np.nan), np.full(n, np.nan)
    seen = np.isfinite(moving).all(axis=-1)
    for pattern in np.unique(seen, axis=0):
        frames = np.flatnonzero((seen == pattern).all(axis=1))
        if pattern.sum() < _LEAST_POINTS:
            continue
        a, b = still[pattern], moving[np.ix_(frames, np.flatnonzero(pattern))]
        centre_a, centre_b = a.mean(axis=0), b.mean(axis=1)
        u, size, vt = np.linalg.svd(np.einsum("nki,kj->nij", b - centre_b[:, None], a - centre_a))
        if (size[:, 1] < 1e-3 * size[:, 0]).any():
            continue  # the points are on a line, so the rotation about it is not known
        flip = np.ones((len(frames), 3))
        flip[:, 2] = np.sign(np.linalg.det(u @ vt))
        r = (u * flip[:, None]) @ vt
        t = centre_b - r @ centre_a
        turns[frames], origins[frames] = r, t
        miss = b - (np.einsum("nij,kj->nki", r, a) + t[:, None])
        residual[frames] = np.sqrt((miss**2).sum(axis=-1).mean(axis=-1))
    return turns, origins, residual


def score(proximal: Segment, distal: Segment) -> tuple[Floats, Floats, float, float]:
    """The centre of rotation of two segments that both move: the point that stays in one place in both.

    The symmetrical centre of rotation (SCoRE) of Ehrig et al. 2006, doi:10.1016/j.jbiomech.2005.10.002.

    proximal, distal : rotations (n, 3, 3) and origins (n, 3) in mm, segment to lab; NaN where a segment is not known.

    Returns
    -------
    centre in the proximal segment (3,), centre in the distal segment (3,), residual : root mean square distance of both
    in the
    lab, mm. turn_deg : root mean square turn of one segment in the other about the axis with the least.

    Raises
    ------
    ValueError : fewer than ten frames have both segments.
    """
    (r1, t1), (r2, t2) = _known_in_both(proximal, distal)
    mean = np.einsum("nji,njk->ik", r1, r2) / len(r1)
    steadiest = min(1.0, float(np.linalg.svd(mean, compute_uv=False)[0]))
    turn_deg = math.degrees(math.sqrt(2 * (1 - steadiest)))
    a = np.concatenate([r1, -r2], axis=2).reshape(-1, 6)
    both = np.linalg.lstsq(a, (t2 - t1).reshape(-1), rcond=None)[0]
    miss = (a @ both - (t2 - t1).reshape(-1)).reshape(-1, 3)
    return both[:3], both[3:], float(np.sqrt((miss**2).sum(axis=1).mean())), turn_deg


def sara(proximal: Segment, distal: Segment) -> tuple[Floats, Floats, float, float]:
    """The axis of rotation of two segments that both move: the line that stays in one place in both.

    The symmetrical axis of rotation (SARA) of Ehrig et al. 2007, doi:10.1016/j.jbiomech.2006.10.026.

    proximal, distal : rotations (n, 3, 3) and origins (n, 3) in mm, segment to lab; NaN where a segment is not known.

    Returns
    -------
    axis in the proximal segment (3,), axis in the distal segment (3,), both of length one and pointing the same way.
    wobble_deg : root mean square angle between the two in the lab. range_deg : by how much one segment turns about it in the other.

    Raises
    ------
    ValueError : fewer than ten frames have both segments.
    """
    (r1, _), (r2, _) = _known_in_both(proximal, distal)
    # a point c1 of one segment and c2 of the other coincide in all frames for every point of the axis: the difference of two
    # such points is the direction that [R1, -R2] maps to zero
    both = np.linalg.svd(np.concatenate([r1, -r2], axis=2).reshape(-1, 6), full_matrices=False)[2][-1]
    axis1, axis2 = both[:3] / np.linalg.norm(both[:3]), both[3:] / np.linalg.norm(both[3:])
    cosine = np.clip(((r1 @ axis1) * (r2 @ axis2)).sum(axis=1), -1, 1)
    across = np.cross(axis2, np.eye(3)[int(np.argmin(np.abs(axis2)))])
    turned = np.einsum("nji,njk,k->ni", r1, r2, across)
    angle = np.arctan2(np.cross(turned[0], turned) @ axis1, turned @ turned[0])
    wobble = float(np.sqrt((np.degrees(np.arccos(cosine)) ** 2).mean()))
    return axis1, axis2, wobble, float(np.degrees(np.ptp(np.unwrap(angle))))


def _known_in_both(proximal: Segment, distal: Segment) -> tuple[Segment, Segment]:
    """Two segments in the frames in which both are known.

    Raises
    ------
    ValueError : fewer than ten frames have both segments.
    """
    seen = np.logical_and.reduce([np.isfinite(a).reshape(len(a), -1).all(axis=1) for a in (*proximal, *distal)])
    if seen.sum() < 10:
        raise ValueError(f"{seen.sum()} frames have both segments, at least 10 are needed")
    return (proximal[0][seen], proximal[1][seen]), (distal[0][seen], distal[1][seen])
