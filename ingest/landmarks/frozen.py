"""Samples that software wrote where it had no measurement: the last value held, a straight line, a code for "missing".

A marker that stands still to the last digit while others move is a gap filled with the last value (Pose2Sim's default
at the ends, older Vicon and Motion Analysis exports). One that moves along a line at a constant speed to the last digit
is a gap filled by interpolation (Pose2Sim's default within a trial). Values held after a jump are a code for "missing"
(9999.999, or nearly 0).
"""

from __future__ import annotations

import math

import numpy as np

from neurostore.arrays import Bools, Floats

LEAST_S = 0.1
_MOVING_SHARE = 0.5  # share of the other markers that must move in these frames
_LOW_SHARE = 0.1  # a foot within this share of its range of height above its lowest point may stand on the floor
_LEAST_JUMP_MM = 50.0
_JUMPS = 8.0  # times the 95th percentile of the marker's own steps
_STRAIGHT_MM = 0.02  # distance from the chord over 0.1 s; an acceleration of 0.1 m/s² bends a path by 0.12 mm
_LEAST_WAY_MM = 20.0  # least length of a line; a shorter one is standing
_MOST_SHARE = 0.5  # largest share of a trial: a marker that is always on a line is simulated, not a filled gap
_FOUND = {
    "repeated_samples": "that repeat the one before for 0.1 s and longer while other markers move were taken as missing (gaps filled with the last value)",
    "straight_samples": "on a line of constant speed for 0.1 s and longer while other markers move were taken as missing (gaps filled by interpolation)",
}


def take_out(values: Floats, rate_hz: float, is_foot: Bools, names: list[str]) -> tuple[dict[str, float], list[str]]:
    """Make samples that were not measured NaN, in place; returns (figures for trials.quality, notes).

    values, is_foot : see :func:`repeated`. names : of the J markers.
    """
    quality: dict[str, float] = {}
    notes: list[str] = []
    both = {"repeated_samples": repeated(values, rate_hz, is_foot), "straight_samples": straight(values, rate_hz)}
    for key, marked in both.items():
        if marked.any():
            values[marked] = np.nan
            quality[key] = float(marked.sum())
            of = ", ".join(name for name, is_one in zip(names, marked.any(axis=0), strict=True) if is_one)
            notes.append(f"{int(marked.sum())} samples {_FOUND[key]}: {of}")
    return quality, notes


def repeated_frames_pct(values: Floats) -> float:
    """Share of frames in which every point is where it was one frame before, to the last digit, in percent.

    values : (n, J, 3), NaN = missing. Frames in which nothing is seen do not count.
    """
    is_seen = _all(np.isfinite(values))
    both = is_seen[1:] & is_seen[:-1]
    is_any = both.any(axis=1)
    is_same = (_all(values[1:] == values[:-1]) | ~both).all(axis=1) & is_any
    return float(100 * is_same.sum() / max(1, is_any.sum()))


def _all(parts: Bools) -> Bools:
    """(n, J) of (n, J, 3): NumPy takes four times as long to reduce an axis of three."""
    return np.asarray(parts[..., 0] & parts[..., 1] & parts[..., 2])


def _largest(parts: Floats) -> Floats:
    """(n, J) of (n, J, 3), NaN where a part is."""
    return np.asarray(np.maximum(np.maximum(parts[..., 0], parts[..., 1]), parts[..., 2]))


def repeated(values: Floats, rate_hz: float, is_foot: Bools) -> Bools:
    """(n, J) samples that repeat the one before in runs of at least 0.1 s while most other markers move.

    values : (n, J, 3) mm, y up, NaN = missing. is_foot : (J,) markers of feet, which may stand still on the floor: a run
    of theirs near their lowest height is kept. The first sample of a run is the measured one and is not marked, unless the marker
    jumps to it: then it is a code for "missing". Of a run that begins with the trial the last sample is the measured one.
    """
    n, n_joints = values.shape[:2]
    out = np.zeros((n, n_joints), bool)
    least = max(3, math.ceil(LEAST_S * rate_hz))
    if n <= least or n_joints < 3:
        return out
    is_same = np.zeros((n, n_joints), bool)
    is_same[1:] = _all(values[1:] == values[:-1])
    n_seen = np.isfinite(values[..., 0]).sum(axis=1)
    is_moving = (n_seen - is_same.sum(axis=1)) > _MOVING_SHARE * n_seen
    candidates = is_same & is_moving[:, None]
    for joint in np.flatnonzero(candidates.sum(axis=0) >= least - 1):
        edges = np.flatnonzero(np.diff(candidates[:, joint].astype(np.int8), prepend=0, append=0))
        height = values[:, joint, 1]
        floor = np.nanmin(height) + _LOW_SHARE * (np.nanmax(height) - np.nanmin(height))
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            if stop - start >= least - 1 and not (is_foot[joint] and height[start] <= floor):
                jumps = _jumps_to(values[:, joint], start - 1)
                out[start - 1 if jumps or start == 1 else start : stop, joint] = True
                out[stop - 1, joint] = jumps or start > 1
    return out


def straight(values: Floats, rate_hz: float) -> Bools:
    """(n, J) samples on a line at constant speed, to the last digit, for over 0.1 s while most markers move differently.

    values : (n, J, 3) mm, NaN = missing. The first and the last sample of a line are measured ones and are not marked.
    """
    n, n_joints = values.shape[:2]
    out = np.zeros((n, n_joints), bool)
    span = max(3, math.ceil(LEAST_S * rate_hz))
    if n <= span + 1 or n_joints < 3:
        return out
    with np.errstate(invalid="ignore"):
        bend = _largest(np.abs(values[2:] - 2 * values[1:-1] + values[:-2]))
        # with a second difference b in each frame, the middle of the span is b span^2 / 8 off its chord
        is_even = bend * span**2 / 8 < _STRAIGHT_MM
    inner = np.zeros((n, n_joints), bool)
    inner[1:-1] = is_even
    n_seen = np.isfinite(values[..., 0]).sum(axis=1)
    candidates = inner & (inner.sum(axis=1) < (1 - _MOVING_SHARE) * n_seen)[:, None]
    candidates[:, inner.mean(axis=0) > _MOST_SHARE] = False
    for joint in np.flatnonzero(candidates.sum(axis=0) >= span - 1):
        edges = np.flatnonzero(np.diff(candidates[:, joint].astype(np.int8), prepend=0, append=0))
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            way = float(np.linalg.norm(values[stop, joint] - values[start - 1, joint]))
            if stop - start >= span - 1 and way >= _LEAST_WAY_MM:
                out[start:stop, joint] = True
    return out


def _jumps_to(path: Floats, at: int) -> bool:
    """Whether a marker (n, 3) jumps to its sample ``at`` as no marker moves."""
    if at < 1:
        return False
    steps = np.linalg.norm(np.diff(path, axis=0), axis=-1)
    usual = float(np.nanpercentile(steps[steps > 0], 95)) if (steps > 0).any() else 0.0
    return bool(steps[at - 1] > max(_LEAST_JUMP_MM, _JUMPS * usual))
