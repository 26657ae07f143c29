"""EMG channels as linear envelopes, with the times a muscle is on, and whether the channel can be trusted.

Band-pass 20 to 450 Hz (or to 0.45 of the rate), rectified, low-pass 9 Hz, each a 4th-order zero-lag Butterworth filter. A muscle
is on where the mean of 25 ms of the rectified signal stays over the mean and 3 SD of its quietest 0.2 s for 50 ms (Hodges and
Bui 1996, doi:10.1016/S0921-884X(96)95190-5, who took 1, 2 and 3 SD and 10, 25 and 50 ms; their baseline was rest before the task,
which a walk has not).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from neurostore.arrays import Floats, Ints
from neurostore.ingest.recording import AnalogChannel

BAND_HZ = (20.0, 450.0)
ENVELOPE_HZ = 9.0
OUT_HZ = 200.0
N_SD = 3.0
WINDOW_S = 0.025
LEAST_ON_S = 0.05
QUIET_S = 0.2
_LEAST_RATE_HZ = 100.0
_LEAST_S = 0.5
_RAIL = 0.005  # share of samples at the rails
_HUM = 0.5  # share of the power within 2 Hz of 50 or 60 Hz and their third harmonics


@dataclass(frozen=True, slots=True)
class Envelope:
    """values : (m,) in the unit of the channel at rate_hz. on_s, off_s : times in the trial's clock. problem : None where fine."""

    values: Floats
    rate_hz: float
    on_s: Floats
    off_s: Floats
    saturated: float
    hum: float
    problem: str | None


def envelope(channel: AnalogChannel) -> Envelope:
    """The linear envelope of a channel of EMG; empty where the rate or the length do not allow one."""
    from scipy.signal import sosfiltfilt

    raw = channel.samples.astype(np.float64)
    empty = np.empty(0)
    rate = channel.rate_hz
    n_missing = int(np.isnan(raw).sum())
    if rate < _LEAST_RATE_HZ or len(raw) < _LEAST_S * rate:
        why = f"too few samples for an envelope ({len(raw)} at {rate:g} Hz)"
        return Envelope(empty, OUT_HZ, empty, empty, 0.0, 0.0, why)
    if n_missing:
        why = f"{n_missing} samples are missing"
        return Envelope(empty, OUT_HZ, empty, empty, 0.0, 0.0, why)
    if np.ptp(raw) == 0 or _is_dead(raw):
        return Envelope(empty, OUT_HZ, empty, empty, 0.0, 0.0, "dead: the signal does not change")
    high = min(BAND_HZ[1], 0.45 * rate)
    rectified = np.abs(sosfiltfilt(_band_pass(high, rate), raw - raw.mean()))
    smooth = sosfiltfilt(_low_pass(rate), rectified)
    clock = np.arange(len(raw)) / rate
    at = np.arange(0, clock[-1], 1 / OUT_HZ)
    saturated, hum = _saturated(raw), _hum(raw, rate)
    on, off = _bursts(rectified, rate)
    problem = (
        f"saturated: {100 * saturated:.1f} % of its samples are at the limits of the converter"
        if saturated > _RAIL
        else f"hum: {100 * hum:.0f} % of its power is at the mains frequency"
        if hum > _HUM
        else None
    )
    return Envelope(
        np.maximum(np.interp(at, clock, smooth), 0.0),
        OUT_HZ,
        channel.start_s + on / rate,
        channel.start_s + off / rate,
        saturated,
        hum,
        problem,
    )


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
    return bool((np.diff(raw) == 0).mean() > 0.75 or len(np.unique(raw[:: max(1, len(raw) // 5000)])) < 8)


def _saturated(raw: Floats) -> float:
    """Share of the samples that sit, twice or more in a row, at the largest or the smallest value."""
    at_rail = (raw == raw.max()) | (raw == raw.min())
    return float((at_rail[1:] & at_rail[:-1] & (raw[1:] == raw[:-1])).mean())


def _hum(raw: Floats, rate_hz: float) -> float:
    """Share of the power above 10 Hz that is within 1.5 Hz of 50 Hz or of 60 Hz, or of three times that."""
    from scipy.signal import welch

    frequency, power = welch(raw, rate_hz, nperseg=min(len(raw), int(rate_hz)))
    total = power[frequency > 10].sum()
    shares = [
        sum(power[np.abs(frequency - k * mains) <= 1.5].sum() for k in (1, 3)) / total if total > 0 else 0.0
        for mains in (50.0, 60.0)
    ]
    return float(max(shares))


def _bursts(rectified: Floats, rate_hz: float) -> tuple[Ints, Ints]:
    """Samples at which the muscle goes on and off."""
    window = max(1, round(WINDOW_S * rate_hz))
    mean = np.convolve(rectified, np.ones(window) / window, "same")
    quiet = max(window, round(QUIET_S * rate_hz))
    sums = np.concatenate([[0.0], np.cumsum(mean)])
    start = int(np.argmin(sums[quiet:] - sums[:-quiet]))
    base = rectified[start : start + quiet]
    is_on = mean > base.mean() + N_SD * base.std()
    edges = np.diff(np.concatenate([[0], is_on.astype(np.int8), [0]]))
    on, off = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    keep = off - on >= LEAST_ON_S * rate_hz
    return on[keep], off[keep]
