"""What a refinement has to beat: nothing, the pipeline's low-pass, locked bone lengths, both. Positions in and out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.landmarks import filters
from neurostore.ingest.refine.marker_set import MarkerSet
from neurostore.ingest.refine.training.motions import outwards

CUTOFF_HZ = 6.0
_LOCK_FRAMES = 50
_TRUNK = 0.5  # share of the correction of a bone across the trunk for each of its ends


def none(points: Floats, rate_hz: float, markers: MarkerSet) -> Floats:
    """As the estimator gave them. points : (n, M, 3) mm."""
    return points


def butterworth(points: Floats, rate_hz: float, markers: MarkerSet) -> Floats:
    """The 6 Hz zero-lag low-pass that landmarks go through anyway (CLINICAL.md, :mod:`ingest.filters`)."""
    time_s = np.arange(len(points)) / rate_hz
    cutoff = min(CUTOFF_HZ, 0.4 * rate_hz)
    return filters.clean(points, time_s, rate_hz, cutoff).values.astype(np.float32)


def bone_lock(points: Floats, rate_hz: float, markers: MarkerSet) -> Floats:
    """Every rigid bone at its median length over the first 50 frames, its direction kept, from the hips outwards.

    Hips and shoulders keep their own middle.
    """
    near, far = np.asarray(markers.rigid).T
    lengths = np.nanmedian(np.linalg.norm(points[:_LOCK_FRAMES, near] - points[:_LOCK_FRAMES, far], axis=-1), axis=0)
    out = np.array(points, np.float32)
    ends = set(outwards(markers))
    for bone, (a, b) in enumerate(markers.rigid):
        if (b, bone) in ends or (a, bone) in ends:
            continue
        middle = (points[:, a] + points[:, b]) / 2
        half = _direction(points, a, b) * lengths[bone] * _TRUNK
        out[:, a], out[:, b] = middle - half, middle + half
    for marker, bone in outwards(markers):
        a, b = markers.bones[bone]
        if bone < len(markers.rigid):
            out[:, marker] = out[:, a] + _direction(points, a, b) * lengths[bone]
    return out


def butterworth_and_bone_lock(points: Floats, rate_hz: float, markers: MarkerSet) -> Floats:
    """Low-pass first, so that the locked lengths are those of quiet data."""
    return bone_lock(butterworth(points, rate_hz, markers), rate_hz, markers)


BASELINES: dict[str, Callable[[Floats, float, MarkerSet], Floats]] = {
    "none": none,
    "butterworth": butterworth,
    "bone_lock": bone_lock,
    "butterworth+bone_lock": butterworth_and_bone_lock,
}


def _direction(points: Floats, near: int, far: int) -> Floats:
    along = points[:, far] - points[:, near]
    return along / np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-6)
