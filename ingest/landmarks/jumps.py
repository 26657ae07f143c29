"""Jumps from one frame to the next: of the whole body, where frames are missing or recordings were joined, or of one marker.

The step between two frames is compared with the steps around it. A point that jumps and is back within three frames (a
glitch) does not count; after a jump it stays where it is.
"""

from __future__ import annotations

import warnings

import numpy as np

from neurostore.arrays import Bools, Floats, Ints
from neurostore.wording import listed

_BODY_MM, _MARKER_MM = 40.0, 20.0
_BODY_M_S2, _FOOT_M_S2 = (
    40.0,
    100.0,
)  # greater accelerations do not last for a frame: of the body, of a foot that strikes
_PART_OF_BODY_PCT = 30.0  # percentile over the points: 70 % of them jump
_TIMES_USUAL = 8.0  # of the usual change of a point, which is noise …
_MOST_NOISE_MM = 100.0  # … unless it is larger than noise
_AROUND = 3  # frames on each side in which a glitch is over


def find(
    values: Floats, frame: Ints, rate_hz: float, labels: list[str], *, are_markers: bool
) -> tuple[dict[str, float], list[str]]:
    """(figures for trials.quality, notes).

    Parameters
    ----------
    values : (n, J, 3) mm as recorded, NaN where missing. frame : (n,) numbers of the frames. labels : of the J points.
    are_markers : whether they are markers on the skin; joints of a skeleton are only judged together.

    Returns
    -------
    ``body_jumps``: how many times most points jump at once. ``marker_jump_mm``: the largest jump of a single point.
    """
    n = len(values)
    if n < 2 * _AROUND + 4 or not rate_hz > 0 or values.shape[1] < 3:
        return {}, []
    steps = np.diff(values, axis=0)
    change = np.linalg.norm(steps[1:-1] - (steps[:-2] + steps[2:]) / 2, axis=-1)  # of step t + 1, (n - 3, J)
    consecutive = np.diff(frame) == 1
    change[~(consecutive[:-2] & consecutive[1:-1] & consecutive[2:])] = np.nan
    frame_s2 = 1000.0 / rate_hz**2
    body_mm, marker_mm = max(_BODY_MM, _BODY_M_S2 * frame_s2), max(_MARKER_MM, _FOOT_M_S2 * frame_s2)
    quality: dict[str, float] = {}
    notes = []
    at = _of_body(values, change, body_mm)
    if len(at):
        quality["body_jumps"] = float(len(at))
        notes.append(
            f"most points jump by more than {body_mm:.0f} mm from one frame to the next and stay there (frames are missing, or "
            f"recordings were joined), at frame {listed((str(int(frame[t + 1])) for t in at), 5)}"
        )
    if not are_markers:
        return quality, notes
    apart: Bools = np.ones(n - 3, bool)
    for t in at:
        apart[max(t - 3, 0) : t + 2] = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # points that are never seen
        limits = np.fmax(marker_mm, np.fmin(_TIMES_USUAL * np.nanmedian(change, axis=0), _MOST_NOISE_MM))
    single = _of_markers(values, np.where(apart[:, None], change, np.nan), limits)
    if single:
        quality["marker_jump_mm"] = max(single.values())
        names = listed(f"{labels[j]} by {size:.0f} mm" for j, size in single.items())
        notes.append(
            f"single markers jump from one frame to the next and stay there (knocked, or exchanged with another): {names}"
        )
    return quality, notes


def _of_body(values: Floats, change: Floats, limit_mm: float) -> Ints:
    """Steps (t to t + 1) at which most points jump and stay, each jump once."""
    seen = np.isfinite(change)
    most = seen.sum(axis=1) >= max(3, 0.3 * values.shape[1])
    size = np.full(len(change), 0.0)
    if most.any():
        size[most] = np.nanpercentile(change[most], _PART_OF_BODY_PCT, axis=1)
        limit_mm = max(limit_mm, _TIMES_USUAL * float(np.median(size[most])))
    kept: list[int] = []
    for t in np.flatnonzero((size > limit_mm) & _is_peak(size)) + 1:
        if kept and t - kept[-1] <= _AROUND:
            continue
        stays = _displacement(values, int(t))
        stays = stays[np.isfinite(stays)]
        if len(stays) and np.percentile(stays, _PART_OF_BODY_PCT) > limit_mm:
            kept.append(int(t))
    return np.array(kept, np.int64)


def _of_markers(values: Floats, change: Floats, limits_mm: Floats) -> dict[int, float]:
    """Point to its largest jump in mm after which it stays. limits_mm : (J,) of each point."""
    with np.errstate(invalid="ignore"):
        t, j = np.nonzero((change > limits_mm) & _is_peak(np.nan_to_num(change)))
    largest: dict[int, float] = {}
    for step in np.unique(t) + 1:
        stays = _displacement(values, int(step))
        for point in j[t == step - 1]:
            if stays[point] > limits_mm[point]:
                largest[int(point)] = max(largest.get(int(point), 0.0), float(stays[point]))
    return largest


def _is_peak(change: Floats) -> Bools:
    """(n, …) where a step changes more than both steps beside it, which share a half of its change."""
    peak: Bools = np.ones(change.shape, bool)
    peak[1:] &= change[1:] >= change[:-1]
    peak[:-1] &= change[:-1] >= change[1:]
    return peak


def _displacement(values: Floats, t: int) -> Floats:
    """(J,) by how much points are elsewhere after step t than their speed before and after explains; NaN near the ends."""
    first, last = t - _AROUND + 1, t + _AROUND
    if first - 2 < 0 or last + 2 >= len(values):
        return np.full(values.shape[1], np.nan)
    before, after = values[first] - values[first - 2], values[last + 2] - values[last]
    expected = (before + after) / 4 * (last - first)
    return np.asarray(np.linalg.norm(values[last] - values[first] - expected, axis=-1))
