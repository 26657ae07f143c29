"""EMG channels as linear envelopes, with the times a muscle is on, and whether the channel can be trusted.

Band-pass 20 to 450 Hz (or to 0.45 of the rate), rectified, low-pass 9 Hz, each a 4th-order zero-lag Butterworth filter. A muscle
is on where the mean of 25 ms of the rectified signal stays over the mean and 3 SD of its quietest 0.2 s for 50 ms (Hodges and
Bui 1996, doi:10.1016/S0921-884X(96)95190-5, who took 1, 2 and 3 SD and 10, 25 and 50 ms; their baseline was rest before the task,
which a walk has not).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from neurostore.arrays import Floats, Ints, runs_of
from neurostore.ingest.recording import AnalogChannel

BAND_HZ = (20.0, 450.0)
ENVELOPE_HZ = 9.0
OUT_HZ = 200.0
N_SD = 3.0
WINDOW_S = 0.025
LEAST_ON_S = 0.05
QUIET_S = 0.2
_EMPTY = np.empty(0)
_SAMPLES_AT_ONCE = 1 << 22  # samples of all channels that are filtered together: a few copies of 32 MB
_LEAST_RATE_HZ = 100.0
_ALIASED_HZ = 300.0  # below this rate most of the signal (20 to 450 Hz) is lost or aliased
_LEAST_S = 0.5
_RAIL = 0.005  # share of samples at the rails
_NEARLY_ZERO = 1e-3
_MOST_RECTIFIED = 2.5  # mean over standard deviation: 1.3 where noise is rectified; less in bursts
_HUM = 0.5  # share of the power within 2 Hz of 50 or 60 Hz and their third harmonics


@dataclass(frozen=True, slots=True)
class Envelope:
    """values : (m,) in the unit of the channel at rate_hz. on_s, off_s : times in the trial's clock. problem : None if fine."""

    values: Floats
    rate_hz: float
    on_s: Floats
    off_s: Floats
    saturated: float
    hum: float
    problem: str | None


def envelopes(channels: Sequence[AnalogChannel]) -> list[Envelope]:
    """The linear envelope of each channel of EMG; empty if rate, length or samples do not allow one.

    Channels of one rate and length are filtered together.
    """
    by_channel: dict[int, Envelope] = {}
    alike: dict[tuple[float, int], list[int]] = {}
    for i, channel in enumerate(channels):
        if why := _unusable(channel):
            by_channel[i] = Envelope(_EMPTY, OUT_HZ, _EMPTY, _EMPTY, 0.0, 0.0, why)
        else:
            alike.setdefault((channel.rate_hz, len(channel.samples)), []).append(i)
    for (rate_hz, n), group in alike.items():
        step = max(1, _SAMPLES_AT_ONCE // n)
        for start in range(0, len(group), step):
            part = group[start : start + step]
            raw = np.stack([channels[i].samples for i in part]).astype(np.float64)
            starts = [channels[i].start_s for i in part]
            by_channel |= zip(part, _together(raw, rate_hz, starts), strict=True)
    return [by_channel[i] for i in range(len(channels))]


def _unusable(channel: AnalogChannel) -> str | None:
    """Why a channel has no envelope."""
    raw, rate = channel.samples, channel.rate_hz
    if rate < _LEAST_RATE_HZ or len(raw) < _LEAST_S * rate:
        return f"too few samples for an envelope ({len(raw)} at {rate:g} Hz)"
    if n_missing := int(np.isnan(raw).sum()):
        return f"{n_missing} samples are missing"
    return "dead: the signal does not change" if np.ptp(raw) == 0 or _is_dead(raw) else None


def _together(raw: Floats, rate_hz: float, starts_s: Sequence[float]) -> list[Envelope]:
    """Envelopes of channels (c, n) of one rate, none of which is dead or has missing samples."""
    from scipy.signal import sosfiltfilt

    high = min(BAND_HZ[1], 0.45 * rate_hz)
    rectified = np.abs(sosfiltfilt(_band_pass(high, rate_hz), raw - raw.mean(axis=1, keepdims=True)))
    smooth = sosfiltfilt(_low_pass(rate_hz), rectified)
    clock = np.arange(raw.shape[1]) / rate_hz
    at = np.arange(0, clock[-1], 1 / OUT_HZ)
    hums = _hum(raw, rate_hz)
    out = []
    for i, start_s in enumerate(starts_s):
        saturated, hum = _saturated(raw[i]), float(hums[i])
        on, off = _bursts(rectified[i], rate_hz)
        problem = (
            f"saturated: {100 * saturated:.1f} % of its samples are at the limits of the converter"
            if saturated > _RAIL
            else f"hum: {100 * hum:.0f} % of its power is at the mains frequency"
            if hum > _HUM
            else f"sampled at {rate_hz:g} Hz: too slow for EMG, most of its signal is lost"
            if rate_hz < _ALIASED_HZ
            else "rectified or smoothed already: its samples are all of one sign, and an envelope of it means nothing"
            if _is_rectified(raw[i])
            else None
        )
        values = np.maximum(np.interp(at, clock, smooth[i]), 0.0)
        out.append(Envelope(values, OUT_HZ, start_s + on / rate_hz, start_s + off / rate_hz, saturated, hum, problem))
    return out


@cache
def _band_pass(high_hz: float, rate_hz: float) -> Floats:
    """Second-order sections; the channels of a file share them, and their design takes longer than filtering a walk."""
    from scipy.signal import butter

    return np.asarray(butter(2, (BAND_HZ[0], high_hz), "bandpass", fs=rate_hz, output="sos"))


@cache
def _low_pass(rate_hz: float) -> Floats:
    from scipy.signal import butter

    return np.asarray(butter(2, ENVELOPE_HZ, fs=rate_hz, output="sos"))


def _is_dead(raw: Floats) -> bool:
    """Three quarters of the samples repeat the one before, or there are fewer than 8 levels."""
    if (raw[1:] == raw[:-1]).mean() > 0.75:
        return True
    levels = raw[:: max(1, len(raw) // 5000)]
    return len(np.unique(levels[:64])) < 8 and len(np.unique(levels)) < 8  # the first tell, as a rule


def _saturated(raw: Floats) -> float:
    """Share of the samples that sit, twice or more in a row, at the largest or the smallest value."""
    at_rail = np.flatnonzero((raw == raw.max()) | (raw == raw.min()))  # few, as a rule
    in_a_row = at_rail[1:][np.diff(at_rail) == 1]
    return float((raw[in_a_row] == raw[in_a_row - 1]).sum() / (len(raw) - 1))


def _is_rectified(raw: Floats) -> bool:
    """Whether no sample is negative and most are near the smallest one; raw EMG with an offset is far from it on both sides."""
    least, spread = float(raw.min()), float(raw.std())
    return least >= -_NEARLY_ZERO * float(np.ptp(raw)) and float(raw.mean()) - least < _MOST_RECTIFIED * spread


def _hum(raw: Floats, rate_hz: float) -> Floats:
    """Share, for each channel (c, n), of the power above 10 Hz that is within 1.5 Hz of 50 Hz or of 60 Hz, or of three times that.

    Power by Welch's method, in windows of a second (Hann) that overlap by half.
    """
    from scipy.fft import rfft, rfftfreq

    n = min(raw.shape[1], int(rate_hz))
    windows = np.lib.stride_tricks.sliding_window_view(raw, n, axis=1)[:, :: n - n // 2]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
    spectrum = rfft((windows - windows.mean(axis=2, keepdims=True)) * hann)
    power = (spectrum.real**2 + spectrum.imag**2).sum(axis=1)
    power[:, 1 : (n + 1) // 2] *= 2  # power at the negative frequencies
    frequency = rfftfreq(n, 1 / rate_hz)
    total = power[:, frequency > 10].sum(axis=1)
    at_mains = [
        power[:, (np.abs(frequency - mains) <= 1.5) | (np.abs(frequency - 3 * mains) <= 1.5)].sum(axis=1)
        for mains in (50.0, 60.0)
    ]
    return np.divide(np.maximum(*at_mains), total, out=np.zeros(len(raw)), where=total > 0)


def _bursts(rectified: Floats, rate_hz: float) -> tuple[Ints, Ints]:
    """Samples at which the muscle goes on and off."""
    window = max(1, round(WINDOW_S * rate_hz))
    mean = np.convolve(rectified, np.ones(window) / window, "same")
    quiet = max(window, round(QUIET_S * rate_hz))
    sums = np.concatenate([[0.0], np.cumsum(mean)])
    start = int(np.argmin(sums[quiet:] - sums[:-quiet]))
    base = rectified[start : start + quiet]
    is_on = mean > base.mean() + N_SD * base.std()
    on, off = runs_of(is_on)
    keep = off - on >= LEAST_ON_S * rate_hz
    return on[keep], off[keep]
