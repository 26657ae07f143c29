"""The directions in which a person goes and faces: yaw about +Y in degrees, 0 = +Z, 90 = +X (right-hand rule about Y)."""

from __future__ import annotations

import numpy as np

from neurostore.arrays import Floats
from neurostore.compiled import kernel

STANDING_M_S = 0.2
WALKING_M_S = 0.6
_HALF_WIDTH_S = 0.5


def headings_of(pelvis: Floats | None, right: Floats | None, time_s: Floats) -> dict[str, Floats]:
    """Columns :func:`headings` of a person's trial; empty if the right side is not known.

    pelvis : (n, 3) mm, None if positions are relative to it or it is not known. right : (n, 3), see :func:`headings`.
    """
    if right is None:
        return {}
    velocity = np.zeros((len(time_s), 2)) if pelvis is None else travel(pelvis, time_s)
    return dict(zip(("heading_deg", "facing_deg"), headings(velocity, right, time_s), strict=True))


def travel(pelvis: Floats, time_s: Floats) -> Floats:
    """Horizontal velocity (n, 2) as (x, z), m/s, of the pelvis (n, 3) mm around each frame.

    A walk that is straight as a whole (at least 1 m, never more than 0.1 m or a tenth of its length beside its chord,
    always forwards) has one direction: that of its chord, so the sway of the pelvis within a stride leaves no trace. Else
    the slope of the path over about two strides around the frame (±1 s), which follows turns.
    """
    n = len(pelvis)
    path = pelvis[:, [0, 2]] / 1000.0
    seen = np.isfinite(path).all(axis=1)
    out = np.full((n, 2), np.nan)
    if seen.sum() < 3:
        return out
    t, p = time_s[seen], path[seen]
    local = _slopes(t, p)
    chord = _mean_of_ends(t, p)
    length = np.hypot(*chord)
    if length >= 1.0:
        direction = chord / length
        beside = (p[:, 1] - p[:, 1].mean()) * direction[0] - (p[:, 0] - p[:, 0].mean()) * direction[1]
        forwards = local[:, 0] * direction[0] + local[:, 1] * direction[1]
        straight = np.abs(beside).max() < min(0.1, 0.1 * length) and forwards.min() > STANDING_M_S
        if straight:
            local = np.sqrt((local**2).sum(1, keepdims=True)) * direction
    out[seen] = local
    return out


def headings(velocity: Floats, right: Floats, time_s: Floats) -> tuple[Floats, Floats]:
    """Direction of travel and the direction angles are taken about, (n,) degrees each.

    Parameters
    ----------
    velocity : (n, 2) from :func:`travel`; NaN or zero where positions say nothing (root-relative poses).
    right : (n, 3) right-pointing axis of the pelvis (or of hips, trunk), NaN where not known.

    Returns
    -------
    heading_deg : direction of travel; NaN below 0.2 m/s.
    facing_deg : direction of travel where the person walks forwards (above 0.6 m/s and within 45° of the way the pelvis faces),
        the way the pelvis faces over the second around where not (standing, treadmill, backwards, sideways),
        with a smooth passage between the two; NaN where neither is known.
    """
    forward = np.stack([right[:, 2], -right[:, 0]], axis=1)  # up × right, as (x, z)
    seen = np.isfinite(forward).all(axis=1)
    facing = np.full_like(forward, np.nan)
    if seen.any():
        facing[seen] = _unit(_means(time_s[seen], forward[seen]))
    speed = np.sqrt((velocity**2).sum(axis=1))
    going = _unit(velocity)
    with np.errstate(invalid="ignore"):
        ahead = (going * facing).sum(axis=1)
        weight = np.clip((speed - STANDING_M_S) / (WALKING_M_S - STANDING_M_S), 0, 1)
        weight = weight * np.clip((ahead - 0.5) / (np.cos(np.pi / 4) - 0.5), 0, 1)
        heading = np.where(speed >= STANDING_M_S, np.degrees(np.arctan2(velocity[:, 0], velocity[:, 1])), np.nan)
    weight = np.where(np.isfinite(weight), weight, np.where(np.isfinite(facing[:, 0]), 0.0, 1.0))[:, None]
    blend = np.where(weight > 0, weight * going, 0) + np.where(weight < 1, (1 - weight) * facing, 0)
    with np.errstate(invalid="ignore"):
        return heading, np.degrees(np.arctan2(blend[:, 0], blend[:, 1]))


def _slopes(t: Floats, p: Floats) -> Floats:
    """Slope (n, 2) of the least-squares line through p over ±1 s around each sample, exact on uneven clocks.

    It weighs the velocity by a parabola over those two seconds: the sway of a stride of 1.1 s comes out ten times less.
    """
    t = t - t[0]
    columns = np.column_stack([t, t * t, p, t[:, None] * p])
    mean = _means_around(t, columns, 2 * _HALF_WIDTH_S)
    variance = mean[:, 1] - mean[:, 0] ** 2
    return (mean[:, 4:6] - mean[:, :1] * mean[:, 2:4]) / np.maximum(variance, 1e-9)[:, None]


def _means(t: Floats, values: Floats) -> Floats:
    """Running means (n, 2) over ±0.5 s."""
    return _means_around(t, values, _HALF_WIDTH_S)


def _means_around(t: Floats, values: Floats, half_s: float) -> Floats:
    """Means of values (n, k) over the samples within ``half_s`` of each."""
    means = np.empty(values.shape)
    _running_means(np.ascontiguousarray(t, np.float64), np.ascontiguousarray(values, np.float64), half_s, means)
    return means


@kernel
def _running_means(t, values, half_s, means):  # type: ignore[no-untyped-def]
    """Fill means (n, k): differences of running sums, over the samples of increasing t from t - half_s to t + half_s."""
    n, k = values.shape
    total = np.zeros((n + 1, k))
    for i in range(n):
        for column in range(k):
            total[i + 1, column] = total[i, column] + values[i, column]
    start = end = 0
    for i in range(n):
        while end < n and t[end] <= t[i] + half_s:
            end += 1
        while t[start] < t[i] - half_s:
            start += 1
        for column in range(k):
            means[i, column] = (total[end, column] - total[start, column]) / (end - start)


def _mean_of_ends(t: Floats, p: Floats) -> Floats:
    """Vector (2,) along the path: the least-squares slope of the whole times its duration."""
    centred = t - t.mean()
    return (centred[:, None] * p).sum(axis=0) / (centred**2).sum() * (t[-1] - t[0])


def _unit(v: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        length = np.sqrt((v**2).sum(axis=1, keepdims=True))
        return np.where(length > 1e-9, v / length, np.nan)
