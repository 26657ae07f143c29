"""Gap filling and the zero-lag Butterworth low-pass of the clinical contract, for all columns of a trial at once.

A column is one coordinate of one joint; columns of a joint are missing together. Runs between long gaps are filtered
alone, so nothing is smeared over a gap that is not filled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from neurostore.errors import InputError

MAX_GAP_S = 0.1
_LEAST_RUN = 10  # samples; what forward-backward filtering of a 2nd-order section needs at least


@dataclass(frozen=True)
class Cleaned:
    """Filtered values and what was done to get them.

    values : (n, J, C) float64; n_filled : (J,) samples filled by interpolation; n_short : (J,) samples of runs too
    short to filter, left as they were; is_resampled : the clock is uneven, so the filter ran on a uniform one.
    """

    values: np.ndarray
    n_filled: np.ndarray
    n_short: np.ndarray
    is_resampled: bool


def clean(values: np.ndarray, time_s: np.ndarray, rate_hz: float, cutoff_hz: float, where: str = "") -> Cleaned:
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
    step_s = float(np.median(np.diff(time_s))) if n > 2 else 1.0 / (rate_hz or 1.0)
    rate = 1.0 / step_s if step_s > 0 else rate_hz
    # time stamps rounded in text (0.008, 0.017) make the measured rate worse than the stated one
    rate = rate_hz if rate_hz and abs(rate / rate_hz - 1) < 0.05 else rate
    check_cutoff(cutoff_hz, rate, where)
    values = np.array(values, np.float64)
    valid = np.isfinite(values).all(axis=2)
    n_filled = np.zeros(n_joints, int)
    if not valid.all():
        values[~valid] = np.nan
        n_filled = _fill_gaps(values, valid, time_s)
    uneven = n > 2 and bool(np.abs(np.diff(time_s) - step_s).max() > max(0.1 * step_s, 0.0011))
    n_short = np.zeros(n_joints, int)
    if cutoff_hz > 0 and n:
        for joints, start, stop in _runs(valid):
            if stop - start < _LEAST_RUN:
                n_short[joints] += stop - start
                continue
            block = values[start:stop] if joints.size == n_joints else values[start:stop, joints]
            block = block.reshape(stop - start, joints.size * n_axes)
            if uneven:
                block = _on_uniform_time(block, time_s[start:stop], rate, cutoff_hz)
            else:
                block = lowpass(block, rate, cutoff_hz)
            values[start:stop, joints] = block.reshape(stop - start, joints.size, n_axes)
    return Cleaned(values, n_filled, n_short, uneven)


def check_cutoff(cutoff_hz: float, rate_hz: float, where: str = "") -> None:
    """Raise InputError where the cut-off is negative or above 0.45 of the rate."""
    if cutoff_hz < 0 or not math.isfinite(cutoff_hz):
        raise InputError(
            where or "filter", f"cut-off is {cutoff_hz} Hz; give a positive number of hertz, or 0 for none"
        )
    if cutoff_hz > 0.45 * rate_hz:
        raise InputError(
            where or "filter",
            f"cut-off of {cutoff_hz:g} Hz is above 0.45 of the rate of {rate_hz:g} Hz ({0.45 * rate_hz:g} Hz); "
            f"give a cut-off of at most {0.45 * rate_hz:g} Hz, or 0 for none",
        )


def design_frequency(cutoff_hz: float, rate_hz: float) -> float:
    """Cut-off in Hz to design the 2nd-order filter with, so that two passes are at −3 dB at ``cutoff_hz``.

    f = rate/π · atan(tan(π·fc/rate)/0.802): Winter's correction for two passes of a 2nd-order Butterworth,
    0.802 = (2^(1/2) − 1)^(1/4), applied to the pre-warped (analogue) frequency.
    """
    return rate_hz / math.pi * math.atan(math.tan(math.pi * cutoff_hz / rate_hz) / (math.sqrt(2) - 1) ** 0.25)


def lowpass(values: np.ndarray, rate_hz: float, cutoff_hz: float) -> np.ndarray:
    """Zero-lag 4th-order Butterworth low-pass along axis 0: a 2nd-order filter run forward and backward.

    values : (n, K) without NaN, n >= 10. Ends are extended by odd reflection over at least one period of the cut-off.
    """
    from scipy.signal import butter, lfilter, lfilter_zi

    b, a = butter(2, design_frequency(cutoff_hz, rate_hz), fs=rate_hz)
    n = values.shape[0]
    pad = min(n - 1, max(9, math.ceil(rate_hz / cutoff_hz)))
    series = np.ascontiguousarray(values.T)
    first, last = series[:, :1], series[:, -1:]
    padded = np.concatenate([2 * first - series[:, pad:0:-1], series, 2 * last - series[:, -2 : -pad - 2 : -1]], axis=1)
    zi = lfilter_zi(b, a)
    for _ in range(2):
        padded, _state = lfilter(b, a, padded, axis=1, zi=zi * padded[:, :1])
        padded = padded[:, ::-1]
    return padded[:, pad : pad + n].T


def _on_uniform_time(block: np.ndarray, time_s: np.ndarray, rate_hz: float, cutoff_hz: float) -> np.ndarray:
    """Low-pass a block of uneven clock: cubic to uniform time at the median rate, filter, cubic back."""
    from scipy.interpolate import CubicSpline

    n = max(_LEAST_RUN, round((time_s[-1] - time_s[0]) * rate_hz) + 1)
    uniform = np.linspace(time_s[0], time_s[-1], n)
    smooth = lowpass(CubicSpline(time_s, block)(uniform), (n - 1) / (time_s[-1] - time_s[0]), cutoff_hz)
    return CubicSpline(uniform, smooth)(time_s)


def _fill_gaps(values: np.ndarray, valid: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """Fill, in place, inner gaps of at most 0.1 s by a cubic through the neighbouring samples; returns counts."""
    from scipy.interpolate import CubicSpline

    n_filled = np.zeros(values.shape[1], int)
    step_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1.0
    for joint in np.flatnonzero(~valid.all(axis=0)):
        present = np.flatnonzero(valid[:, joint])
        for after in np.flatnonzero(np.diff(present) > 1) + 1:
            left, right = present[after - 1], present[after]
            if time_s[right] - time_s[left] - step_s > MAX_GAP_S + 1e-6:
                continue
            near = present[max(0, after - 4) : after + 4]
            gap = np.arange(left + 1, right)
            if len(near) >= 4:
                values[gap, joint] = CubicSpline(time_s[near], values[near, joint])(time_s[gap])
            else:
                share = ((time_s[gap] - time_s[left]) / (time_s[right] - time_s[left]))[:, None]
                values[gap, joint] = (1 - share) * values[left, joint] + share * values[right, joint]
            valid[gap, joint] = True
            n_filled[joint] += gap.size
    return n_filled


def _runs(valid: np.ndarray):
    """Yield (joints, start, stop): runs of frames where those joints are present throughout, joints of one pattern together."""
    if valid.all():
        yield np.arange(valid.shape[1]), 0, valid.shape[0]
        return
    patterns, group = np.unique(valid, axis=1, return_inverse=True)
    for g in range(patterns.shape[1]):
        joints = np.flatnonzero(group.ravel() == g)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], patterns[:, g].astype(np.int8), [0]])))
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            yield joints, int(start), int(stop)
