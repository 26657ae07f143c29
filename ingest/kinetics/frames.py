"""Samples of a force platform brought to the frames of the poses: means around each frame, and low-passed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.landmarks.filters import clean_rows
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


def at_frames(plates: Sequence[ForcePlate], time_s: Floats, rate_hz: float, cutoff_hz: float) -> list[PlateFrames]:
    """Samples of each platform brought to frames; of platforms with one clock, as those of a file, at once.

    The mean runs over one frame's time, centred on the frame, the samples at both ends by half where they fall on its ends.
    """
    alike: dict[tuple[float, float, int], list[int]] = {}
    for i, plate in enumerate(plates):
        alike.setdefault((plate.rate_hz, plate.start_s, len(plate.force)), []).append(i)
    made: dict[int, PlateFrames] = {}
    for group in alike.values():
        made |= zip(group, _together([plates[i] for i in group], time_s, rate_hz, cutoff_hz), strict=True)
    return [made[i] for i in range(len(plates))]


def _together(plates: Sequence[ForcePlate], time_s: Floats, rate_hz: float, cutoff_hz: float) -> Iterator[PlateFrames]:
    """Of platforms with one clock. Rows below are components: time runs along memory."""
    one = plates[0]
    rows = np.concatenate([part.T for plate in plates for part in (plate.force, plate.moment)])
    n = rows.shape[1]
    mean = _centred_mean(rows, one, time_s, rate_hz)
    clock = one.start_s + np.arange(n) / one.rate_hz
    if 0 < cutoff_hz <= 0.45 * one.rate_hz:
        clean_rows(rows.reshape(-1, 6, n), clock, one.rate_hz, cutoff_hz)  # in place
    smooth = _between(rows, clock, time_s)
    smooth[:, ~((time_s >= clock[0] - 0.5 / rate_hz) & (time_s <= clock[-1] + 0.5 / rate_hz))] = np.nan
    nearest = np.clip(np.round((clock - time_s[0]) * rate_hz).astype(int), 0, len(time_s) - 1)
    first = np.flatnonzero(np.diff(nearest, prepend=-1))  # the samples of a frame are consecutive
    for at, plate in zip(range(0, len(rows), 6), plates, strict=True):
        peak = np.full(len(time_s), np.nan)
        peak[nearest[first]] = np.fmax.reduceat(plate.force[:, 1], first)
        force, moment = slice(at, at + 3), slice(at + 3, at + 6)
        yield PlateFrames(mean[force].T, mean[moment].T, smooth[force].T, smooth[moment].T, peak)


def _between(rows: Floats, clock: Floats, time_s: Floats) -> Floats:
    """(c, m) straight lines through rows (c, n) at other times, constant beyond the ends; np.interp takes one row."""
    if len(clock) < 2:
        return np.repeat(rows, len(time_s), axis=1)
    time_s = np.clip(time_s, clock[0], clock[-1])
    index = np.clip(np.searchsorted(clock, time_s, "right") - 1, 0, len(clock) - 2)
    low = rows[:, index]
    return np.asarray((rows[:, index + 1] - low) / (clock[index + 1] - clock[index]) * (time_s - clock[index]) + low)


def _centred_mean(rows: Floats, plate: ForcePlate, time_s: Floats, rate_hz: float) -> Floats:
    """(c, m) means of rows (c, n) around frames, NaN where there are no samples."""
    per_frame = plate.rate_hz / rate_hz
    at = (time_s - plate.start_s) * plate.rate_hz
    n = rows.shape[1]
    out = np.full((len(rows), len(time_s)), np.nan)
    if per_frame < 1.5:
        known = (at > -0.5) & (at < n - 0.5)
        out[:, known] = _between(rows, np.arange(n, dtype=float), at[known])
        return out
    low, high = np.clip(at - per_frame / 2, 0, n - 1), np.clip(at + per_frame / 2, 0, n - 1)
    known = high - low > 0.25 * per_frame
    if abs(per_frame - round(per_frame)) < 1e-6 and round(per_frame) % 2:  # mean of an odd number of whole samples
        total = np.hstack([np.zeros((len(rows), 1)), np.cumsum(rows, axis=1)])
        first = np.clip(np.round(at - (per_frame - 1) / 2).astype(int), 0, n)
        last = np.clip(np.round(at + (per_frame - 1) / 2).astype(int) + 1, 0, n)
        out[:, known] = ((total[:, last] - total[:, first]) / np.maximum(last - first, 1))[:, known]
        return out
    # integral of the line through the samples from half a frame before to half a frame after
    steps = np.hstack([np.zeros((len(rows), 1)), np.cumsum(0.5 * (rows[:, 1:] + rows[:, :-1]), axis=1)])
    between = _integral(rows, steps, high) - _integral(rows, steps, low)
    out[:, known] = between[:, known] / (high - low)[known]
    return out


def _integral(rows: Floats, steps: Floats, place: Floats) -> Floats:
    """The integral (c, m) of the straight lines through samples (c, n), up to any place (m,) between them."""
    index = np.clip(np.floor(place).astype(int), 0, rows.shape[1] - 2)
    part = place - index
    here = rows[:, index]
    return np.asarray(steps[:, index] + here * part + 0.5 * (rows[:, index + 1] - here) * part**2)
