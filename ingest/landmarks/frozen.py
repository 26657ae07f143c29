"""Markers that stand still to the last digit while others move: a gap filled with the last value, not a measurement.

Pose2Sim fills gaps so by default, and older Vicon and Motion Analysis exports hold the last position of a lost marker.
"""

from __future__ import annotations

import math

import numpy as np

from neurostore.arrays import Bools, Floats

LEAST_S = 0.1
_MOVING_SHARE = 0.5  # of the other markers, which must move in those frames
_LOW_SHARE = 0.1  # a foot this near to its lowest height may stand on the floor


def repeated(values: Floats, rate_hz: float, is_foot: Bools) -> Floats:
    """(n, J) samples that repeat the one before in runs of at least 0.1 s while most other markers move.

    values : (n, J, 3) mm, y up, NaN = missing. is_foot : (J,) markers of feet, which may stand still on the floor: a run
    of theirs near their lowest height is kept. The first sample of a run is the measured one and is not marked.
    """
    n, n_joints = values.shape[:2]
    out = np.zeros((n, n_joints), bool)
    least = max(3, math.ceil(LEAST_S * rate_hz))
    if n <= least or n_joints < 3:
        return out
    is_same = np.zeros((n, n_joints), bool)
    is_same[1:] = (values[1:] == values[:-1]).all(axis=-1)
    n_seen = np.isfinite(values[..., 0]).sum(axis=1)
    is_moving = (n_seen - is_same.sum(axis=1)) > _MOVING_SHARE * n_seen
    candidates = is_same & is_moving[:, None]
    for joint in np.flatnonzero(candidates.sum(axis=0) >= least - 1):
        edges = np.flatnonzero(np.diff(candidates[:, joint].astype(np.int8), prepend=0, append=0))
        height = values[:, joint, 1]
        floor = np.nanmin(height) + _LOW_SHARE * (np.nanmax(height) - np.nanmin(height))
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            if stop - start >= least - 1 and not (is_foot[joint] and height[start] <= floor):
                out[start:stop, joint] = True
    return out
