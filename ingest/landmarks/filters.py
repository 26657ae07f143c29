"""Gap filling and the zero-lag Butterworth low-pass of the clinical contract, for all columns of a trial at once.

A column is one coordinate of one joint; columns of a joint are missing together. Runs between long gaps are filtered
alone, so nothing is smeared over a gap that is not filled.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from neurostore.arrays import Bools, Floats, Ints, runs_of
from neurostore.compiled import kernel
from neurostore.errors import InputError

MAX_GAP_S = 0.1
_LANES = 8  # rows that are filtered together, because each depends only on its own previous sample
_LEAST_RUN = 10  # least number of samples for forward-backward filtering with a 2nd-order section


@dataclass(frozen=True)
class Cleaned:
    """Filtered values and what was done to get them.

    values : (n, J, C) float64; n_filled : (J,) samples filled by interpolation; n_short : (J,) samples of runs too
    short to filter, left as they were; is_resampled : the clock is uneven, so the filter ran on a uniform one.
    """

    values: Floats
    n_filled: Ints
    n_short: Ints
    is_resampled: bool

    def summary(self, names: list[str]) -> tuple[dict[str, float], list[str]]:
        """(figures for trials.quality, notes) of what was filled, left unfiltered or resampled.

        names : of the first joints, which are those that count.
        """
        quality: dict[str, float] = {}
        notes: list[str] = []
        n, n_joints = len(self.values), len(names)
        if self.n_filled[:n_joints].any():
            quality["filled_samples"] = float(self.n_filled[:n_joints].sum())
        missing = np.isnan(self.values[:, :n_joints, 0]).sum(axis=0)
        if missing.any() and n:
            quality["missing_pct"] = float(100 * missing.sum() / (n * n_joints))
        if self.n_short[:n_joints].any():
            short = [name for name, n_short in zip(names, self.n_short, strict=False) if n_short]
            quality["unfiltered_samples"] = float(self.n_short[:n_joints].sum())
            notes.append(
                f"stretches between gaps too short to filter (under 10 frames) are left unfiltered in {', '.join(short)}"
            )
        if self.is_resampled:
            notes.append("the time steps are uneven: filtered at uniform steps and interpolated back")
        return quality, notes


def clean_frames(
    values: Floats, frame: Ints, time_s: Floats, rate_hz: float, cutoff_hz: float, where: str = ""
) -> Cleaned:
    """:func:`clean` of frames of which some may be missing altogether: they are a gap like any other.

    values : (n, J, C). frame : (n,) numbers of the frames, increasing; the result has a row for each of them.
    """
    if not len(frame) or int(frame[-1]) - int(frame[0]) + 1 == len(frame):
        return clean(values, time_s, rate_hz, cutoff_hz, where)
    place = frame - frame[0]
    every = np.arange(place[-1] + 1)
    spread = np.full((len(every), *values.shape[1:]), np.nan, values.dtype)
    spread[place] = values
    cleaned = clean(spread, np.interp(every, place, time_s), rate_hz, cutoff_hz, where)
    return replace(cleaned, values=cleaned.values[place])


def clean(values: Floats, time_s: Floats, rate_hz: float, cutoff_hz: float, where: str = "") -> Cleaned:
    """Fill gaps up to 0.1 s, then low-pass every run between the longer ones.

    Parameters
    ----------
    values : (n, J, C) array, NaN where a joint is missing.
    time_s : (n,) seconds, increasing.
    rate_hz : nominal rate; used where there are too few frames to measure it.
    cutoff_hz : cut-off of the whole zero-lag filter; 0 leaves the values unfiltered (gaps are filled all the same).
    where : file or trial, for the error.

    Raises
    ------
    InputError : the cut-off is above 0.45 of the rate.
    """
    n, n_joints, n_axes = values.shape
    rows = np.empty((n_joints, n_axes, n))  # time is contiguous in memory, as the filter and the lake's columns need it
    rows[...] = values.transpose(1, 2, 0)
    return clean_rows(rows, time_s, rate_hz, cutoff_hz, where)


def clean_rows(rows: Floats, time_s: Floats, rate_hz: float, cutoff_hz: float, where: str = "") -> Cleaned:
    """:func:`clean` in place: rows (J, C, n) float64, contiguous. ``values`` of the result is a view of them."""
    n_joints, _, n = rows.shape
    step_s = float(np.median(np.diff(time_s))) if n > 2 else 1.0 / (rate_hz or 1.0)
    rate = 1.0 / step_s if step_s > 0 else rate_hz
    # with time stamps rounded in text (0.008, 0.017), the measured rate is less accurate than the stated one
    rate = rate_hz if rate_hz and abs(rate / rate_hz - 1) < 0.05 else rate
    check_cutoff(cutoff_hz, rate, where)
    with np.errstate(invalid="ignore"):
        is_whole = bool(np.isfinite(rows.sum()))
    valid = np.ones((n_joints, n), np.bool_) if is_whole else np.isfinite(rows).all(axis=1)
    n_filled, n_short = np.zeros(n_joints, int), np.zeros(n_joints, int)
    if not is_whole and not valid.all():
        rows.transpose(0, 2, 1)[~valid] = np.nan
        n_filled = _fill_gaps(rows, valid, time_s)
    uneven = n > 2 and bool(np.abs(np.diff(time_s) - step_s).max() > max(0.1 * step_s, 0.0011))
    for joints, start, stop in _runs(valid) if cutoff_hz > 0 and n else ():
        if stop - start < _LEAST_RUN:
            n_short[joints] += stop - start
            continue
        is_all = len(joints) == n_joints and stop - start == n
        block = rows if is_all else np.ascontiguousarray(rows[joints, :, start:stop])
        flat = block.reshape(-1, stop - start)
        if uneven:
            flat[...] = _on_uniform_time(flat, time_s[start:stop], rate, cutoff_hz)
        else:
            _lowpass_rows(flat, rate, cutoff_hz)
        if not is_all:
            rows[joints, :, start:stop] = block
    return Cleaned(rows.transpose(2, 0, 1), n_filled, n_short, uneven)


def check_cutoff(cutoff_hz: float, rate_hz: float, where: str = "") -> None:
    """Raise InputError if the cut-off is negative or above 0.45 of the rate."""
    if cutoff_hz < 0 or not math.isfinite(cutoff_hz):
        raise InputError(
            where or "low-pass filter", f"cut-off is {cutoff_hz} Hz; give a positive number of hertz, or 0 for none"
        )
    if cutoff_hz > 0.45 * rate_hz:
        raise InputError(
            where or "low-pass filter",
            f"cut-off of {cutoff_hz:g} Hz is above 0.45 of the rate of {rate_hz:g} Hz ({0.45 * rate_hz:g} Hz); "
            f"give a cut-off of at most {0.45 * rate_hz:g} Hz, or 0 for none",
        )


def design_frequency(cutoff_hz: float, rate_hz: float) -> float:
    """Cut-off in Hz to design the 2nd-order filter with, so that two passes are at −3 dB at ``cutoff_hz``.

    f = rate/π · atan(tan(π·fc/rate)/0.802): Winter's correction for two passes of a 2nd-order Butterworth,
    0.802 = (2^(1/2) − 1)^(1/4), applied to the pre-warped (analogue) frequency.
    """
    return rate_hz / math.pi * math.atan(math.tan(math.pi * cutoff_hz / rate_hz) / (math.sqrt(2) - 1) ** 0.25)


def _lowpass_rows(rows: Floats, rate_hz: float, cutoff_hz: float) -> None:
    """Low-pass each row (K, n) in place. Coefficients: bilinear transform of s² + √2·s + 1."""
    k = math.tan(math.pi * design_frequency(cutoff_hz, rate_hz) / rate_hz)
    scale = 1 / (1 + math.sqrt(2) * k + k * k)
    pad = min(rows.shape[1] - 1, max(9, math.ceil(rate_hz / cutoff_hz)))
    _run_both_ways(rows, k * k * scale, 2 * (k * k - 1) * scale, (1 - math.sqrt(2) * k + k * k) * scale, pad)


def _on_uniform_time(rows: Floats, time_s: Floats, rate_hz: float, cutoff_hz: float) -> Floats:
    """Low-pass rows (K, n) of uneven clock: cubic to uniform time at the median rate, filter, cubic back."""
    from scipy.interpolate import CubicSpline

    n = max(_LEAST_RUN, round((time_s[-1] - time_s[0]) * rate_hz) + 1)
    uniform = np.linspace(time_s[0], time_s[-1], n)
    smooth = np.ascontiguousarray(CubicSpline(time_s, rows, axis=1)(uniform))
    _lowpass_rows(smooth, (n - 1) / (time_s[-1] - time_s[0]), cutoff_hz)
    return np.asarray(CubicSpline(uniform, smooth, axis=1)(time_s))


def _fill_gaps(rows: Floats, valid: Bools, time_s: Floats) -> Ints:
    """Fill, in place, inner gaps of at most 0.1 s by a cubic through the neighbouring samples.

    rows : (J, C, n); valid : (J, n). Returns the number of samples filled, (J,).
    """
    from scipy.interpolate import CubicSpline

    n_filled = np.zeros(len(rows), int)
    step_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1.0
    for joint in np.flatnonzero(~valid.all(axis=1)):
        present = np.flatnonzero(valid[joint])
        for after in np.flatnonzero(np.diff(present) > 1) + 1:
            left, right = present[after - 1], present[after]
            if time_s[right] - time_s[left] - step_s > MAX_GAP_S + 1e-6:
                continue
            near = present[max(0, after - 4) : after + 4]
            gap = slice(left + 1, right)
            if len(near) >= 4:
                rows[joint, :, gap] = CubicSpline(time_s[near], rows[joint][:, near], axis=1)(time_s[gap])
            else:
                share = (time_s[gap] - time_s[left]) / (time_s[right] - time_s[left])
                ends = rows[joint][:, [left, right]]
                rows[joint, :, gap] = ends[:, :1] + share * (ends[:, 1:] - ends[:, :1])
            valid[joint, gap] = True
            n_filled[joint] += right - left - 1
    return n_filled


def _runs(valid: Bools) -> Iterator[tuple[Ints, int, int]]:
    """Yield (joints, start, stop): runs of frames in which those joints are present; joints of one pattern together.

    valid : (J, n).
    """
    if valid.all():
        yield np.arange(len(valid)), 0, valid.shape[1]
        return
    patterns: dict[bytes, list[int]] = {}
    for joint, pattern in enumerate(valid):
        patterns.setdefault(pattern.tobytes(), []).append(joint)
    for joints in patterns.values():
        for start, stop in zip(*runs_of(valid[joints[0]]), strict=True):
            yield np.array(joints), int(start), int(stop)


@kernel
def _run_both_ways(rows: Floats, b0: float, a1: float, a2: float, pad: int) -> None:
    """Run a 2nd-order low-pass (b = b0·(1, 2, 1), a = 1, a1, a2) forward and backward over each row, in place.

    rows : (K, n) float64 without NaN, n > pad. Each end is extended by ``pad`` samples of odd reflection, and each pass
    starts in the steady state of its first sample (the method of Gustafsson's simpler predecessor, as in scipy's
    ``filtfilt`` with ``padtype='odd'``).
    """
    n = rows.shape[1]
    m = n + 2 * pad
    z = np.zeros((m, _LANES))
    s1, s2 = np.zeros(_LANES), np.zeros(_LANES)
    b1 = 2.0 * b0
    steady2 = b0 - a2
    steady1 = b1 - a1 + steady2
    for k in range(0, rows.shape[0], _LANES):
        width = min(_LANES, rows.shape[0] - k)
        for lane in range(width):
            row = rows[k + lane]
            for i in range(pad):
                z[i, lane] = 2.0 * row[0] - row[pad - i]
                z[pad + n + i, lane] = 2.0 * row[n - 1] - row[n - 2 - i]
            for i in range(n):
                z[pad + i, lane] = row[i]
        s1[:], s2[:] = steady1 * z[0], steady2 * z[0]
        for i in range(m):
            _step(z[i], s1, s2, b0, b1, a1, a2)
        s1[:], s2[:] = steady1 * z[m - 1], steady2 * z[m - 1]
        for i in range(m):
            _step(z[m - 1 - i], s1, s2, b0, b1, a1, a2)
        for lane in range(width):
            row = rows[k + lane]
            for i in range(n):
                row[i] = z[pad + i, lane]


@kernel
def _step(z, s1, s2, b0, b1, a1, a2):  # type: ignore[no-untyped-def]
    """One sample of every lane, in place (direct form II transposed)."""
    for lane in range(_LANES):
        x = z[lane]
        y = b0 * x + s1[lane]
        s1[lane] = b1 * x - a1 * y + s2[lane]
        s2[lane] = b0 * x - a2 * y
        z[lane] = y
