"""Samples of a force platform brought to the frames of the poses: means around each frame, and low-passed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.landmarks.filters import clean
from neurostore.ingest.recording import ForcePlate


@dataclass(frozen=True, slots=True)
class PlateFrames:
    """A platform's samples at the frames of the poses. force, filtered_force : (n, 3) N; moments Nm about the centre.

    force and moment are means of the samples centred on a frame; the filtered ones went through the low-pass of the
    landmarks. NaN where the platform has no samples. peak : (n,) greatest vertical force of the frame's samples.
    """

    force: Floats
    moment: Floats
    filtered_force: Floats
    filtered_moment: Floats
    peak: Floats


def at_frames(plate: ForcePlate, time_s: Floats, rate_hz: float, cutoff_hz: float) -> PlateFrames:
    """Samples of a platform brought to frames.

    The mean runs over one frame's time, centred on the frame, the samples at both ends by half where they fall on its ends.
    """
    both = np.hstack([plate.force, plate.moment])
    mean = _centred_mean(both, plate, time_s, rate_hz)
    clock = plate.start_s + np.arange(len(both)) / plate.rate_hz
    low = both
    if 0 < cutoff_hz <= 0.45 * plate.rate_hz:
        low = clean(both[:, None, :], clock, plate.rate_hz, cutoff_hz).values[:, 0]
    inside = (time_s >= clock[0] - 0.5 / rate_hz) & (time_s <= clock[-1] + 0.5 / rate_hz)
    smooth = np.stack([np.interp(time_s, clock, low[:, k]) for k in range(6)], axis=1)
    smooth[~inside] = np.nan
    peak = np.full(len(time_s), np.nan)
    nearest = np.clip(np.round((clock - time_s[0]) * rate_hz).astype(int), 0, len(time_s) - 1)
    first = np.flatnonzero(np.diff(nearest, prepend=-1))  # the samples of a frame are consecutive
    peak[nearest[first]] = np.fmax.reduceat(plate.force[:, 1], first)
    return PlateFrames(mean[:, :3], mean[:, 3:], smooth[:, :3], smooth[:, 3:], peak)


def _centred_mean(both: Floats, plate: ForcePlate, time_s: Floats, rate_hz: float) -> Floats:
    per_frame = plate.rate_hz / rate_hz
    at = (time_s - plate.start_s) * plate.rate_hz
    n = len(both)
    out = np.full((len(time_s), both.shape[1]), np.nan)
    if per_frame < 1.5:
        known = (at > -0.5) & (at < n - 0.5)
        clock = np.arange(n)
        for k in range(both.shape[1]):
            out[known, k] = np.interp(at[known], clock, both[:, k])
        return out
    low, high = np.clip(at - per_frame / 2, 0, n - 1), np.clip(at + per_frame / 2, 0, n - 1)
    known = high - low > 0.25 * per_frame
    if abs(per_frame - round(per_frame)) < 1e-6 and round(per_frame) % 2:  # mean of an odd number of whole samples
        total = np.vstack([np.zeros((1, both.shape[1])), np.cumsum(both, axis=0)])
        first = np.clip(np.round(at - (per_frame - 1) / 2).astype(int), 0, n)
        last = np.clip(np.round(at + (per_frame - 1) / 2).astype(int) + 1, 0, n)
        count = np.maximum(last - first, 1)[:, None]
        out[known] = ((total[last] - total[first]) / count)[known]
        return out
    # integral of the line through the samples from half a frame before to half a frame after
    steps = np.vstack([np.zeros((1, both.shape[1])), np.cumsum(0.5 * (both[1:] + both[:-1]), axis=0)])
    between = _integral(both, steps, high) - _integral(both, steps, low)
    out[known] = between[known] / (high - low)[known, None]
    return out


def _integral(values: Floats, steps: Floats, place: Floats) -> Floats:
    """The integral (m, c) of the straight lines through samples (n, c), up to any place (m,) between them."""
    index = np.clip(np.floor(place).astype(int), 0, len(values) - 2)
    part = (place - index)[:, None]
    slope = values[index + 1] - values[index]
    return np.asarray(steps[index] + values[index] * part + 0.5 * slope * part**2)
