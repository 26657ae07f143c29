"""Jumps from one frame to the next: of the whole body, where frames are missing or recordings were joined, or of one marker.

The step between two frames is compared with the steps around it. A point that jumps and is back within three frames (a
glitch) does not count; after a jump it stays where it is.
"""

from __future__ import annotations

import numpy as np

from neurostore.arrays import Bools, Floats, Ints
from neurostore.wording import listed

_BODY_MM, _MARKER_MM = 40.0, 20.0
_BODY_M_S2, _FOOT_M_S2 = (
    40.0,
    100.0,
)  # greater accelerations do not last for a frame: of the body, of a foot that strikes
_MOST = 0.7  # share of the points
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
    frame_s2 = 1000.0 / rate_hz**2
    body_mm, marker_mm = max(_BODY_MM, _BODY_M_S2 * frame_s2), max(_MARKER_MM, _FOOT_M_S2 * frame_s2)
    change = _changes(values, frame)
    quality: dict[str, float] = {}
    notes = []
    at = _of_body(values, change, body_mm)
    if len(at):
        quality["body_jumps"] = float(len(at))
        notes.append(
            f"most points jump by more than {body_mm:.0f} mm from one frame to the next and stay there (frames are missing, or "
            f"recordings were joined), at frame {listed((str(int(frame[t + 1])) for t in at), 5)}"
        )
    for t in at if are_markers else ():
        change[max(t - 3, 0) : t + 2] = 0.0
    single = _of_markers(values, change, marker_mm) if are_markers else {}
    if single:
        quality["marker_jump_mm"] = max(single.values())
        names = listed(f"{labels[j]} by {size:.0f} mm" for j, size in single.items())
        notes.append(
            f"single markers jump from one frame to the next and stay there (knocked, or exchanged with another): {names}"
        )
    return quality, notes


def _changes(values: Floats, frame: Ints) -> Floats:
    """(n - 3, J) mm by which the step t + 1 differs from the mean of the steps beside it; 0 where one of the frames is missing."""
    steps = np.diff(values, axis=0)
    bend = steps[1:-1] - 0.5 * (steps[:-2] + steps[2:])
    change = np.sqrt(np.einsum("tjx,tjx->tj", bend, bend))
    change[np.isnan(change)] = 0.0
    consecutive = np.diff(frame) == 1
    if not consecutive.all():
        change[~(consecutive[:-2] & consecutive[1:-1] & consecutive[2:])] = 0.0
    return np.asarray(change)


def _of_body(values: Floats, change: Floats, limit_mm: float) -> Ints:
    """Steps (t to t + 1) at which most points jump and stay, each jump once."""
    kept: list[int] = []
    is_candidate = _is_of_most(change, limit_mm)
    if not is_candidate.any():
        return np.array(kept, np.int64)
    limit_mm = max(limit_mm, _TIMES_USUAL * float(np.median(change)))
    is_candidate = _is_of_most(change, limit_mm) & _is_peak(change.sum(axis=1))
    for t in np.flatnonzero(is_candidate) + 1:
        if kept and t - kept[-1] <= _AROUND:
            continue
        stays = _displacement(values, int(t))
        stays = stays[np.isfinite(stays)]
        if len(stays) and (stays > limit_mm).mean() >= _MOST:
            kept.append(int(t))
    return np.array(kept, np.int64)


def _is_of_most(change: Floats, limit_mm: float) -> Bools:
    """(n - 3,) whether 70 % of the points that are seen change by more, and these are a third of all at least."""
    n_seen, n_more = np.count_nonzero(change, axis=1), np.count_nonzero(change > limit_mm, axis=1)
    return np.asarray((n_more >= _MOST * n_seen) & (n_seen >= max(3, 0.3 * change.shape[1])))


def _of_markers(values: Floats, change: Floats, limit_mm: float) -> dict[int, float]:
    """Point to its largest jump in mm after which it stays."""
    largest: dict[int, float] = {}
    for j in np.flatnonzero((change > limit_mm).any(axis=0)):
        seen = change[:, j][change[:, j] > 0]
        limit = max(limit_mm, min(_TIMES_USUAL * float(np.median(seen)), _MOST_NOISE_MM))
        for t in np.flatnonzero((change[:, j] > limit) & _is_peak(change[:, j])) + 1:
            stays = float(_displacement(values[:, j : j + 1], int(t))[0])
            if stays > limit:
                largest[int(j)] = max(largest.get(int(j), 0.0), stays)
    return largest


def _is_peak(change: Floats) -> Bools:
    """(n,) where a step changes more than both steps beside it, which share a half of its change."""
    peak: Bools = np.ones(len(change), bool)
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
