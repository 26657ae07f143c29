"""The part of the refinement's error that the network cannot know: errors of an estimator's whole limbs along the ray.

The network's standard deviation was calibrated on imitated errors. On real film (MediaPipe, two trials of the
demonstration of Pose2Sim 0.10.49 with four calibrated cameras each, against the triangulated points;
``benchmarks/video_truth.py``) its 95 % interval contains 61 % of the errors, because whole limbs are off for seconds,
with the knee and the ankle alike (r 0.82). A second term, added in squares, states that. It grows along a limb.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurostore.arrays import Floats

#: error along the ray relative to the hips, mm (RMS), that the network's SD does not include, and 5 % more
UNSTATED_MM = {
    "hip": 10.0,
    "knee": 90.0,
    "ankle": 111.0,
    "shoulder": 113.0,
    "elbow": 125.0,
    "wrist": 181.0,
}
#: points without a measured error -> the point whose error is used
_LIKE = {"heel": "ankle", "toe": "ankle", "head": "shoulder"}


def stated_sd_mm(sd_mm: Floats, names: Sequence[str]) -> Floats:
    """(n, M) standard deviation of refined points along the ray with what the network does not state.

    sd_mm : (n, M) of the network, NaN if there is no point. names : of the M points, as ``left_knee``.
    """
    parts = [name.removeprefix("left_").removeprefix("right_") for name in names]
    unstated = np.array([UNSTATED_MM[_LIKE.get(part, part)] for part in parts], np.float32)
    return np.hypot(sd_mm, unstated)
