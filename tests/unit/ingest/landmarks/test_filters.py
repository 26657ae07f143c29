"""Gap filling and low-pass: against the contract's definition, scipy, and signals whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import butter, filtfilt

from neurostore.errors import InputError
from neurostore.ingest.landmarks.filters import clean, design_frequency


def lowpass(values: np.ndarray, rate_hz: float, cutoff_hz: float) -> np.ndarray:
    """The filter alone: values (n, K) without gaps, on an even clock."""
    return clean(values[:, :, None], np.arange(len(values)) / rate_hz, rate_hz, cutoff_hz).values[:, :, 0]


@pytest.mark.parametrize("rate", [25.0, 30.0, 50.0, 60.0, 100.0, 120.0, 150.0, 250.0])
@pytest.mark.parametrize("cutoff", [3.0, 6.0, 10.0])
def test_minus_3_db_within_1_percent(rate: float, cutoff: float) -> None:
    time = np.arange(round(120 * rate)) / rate
    inner = slice(len(time) // 4, -len(time) // 4)

    def gain(hz: float) -> float:
        wave = np.cos(2 * np.pi * hz * time)[:, None]
        kept = lowpass(wave, rate, cutoff)[inner, 0]
        return float(np.sqrt((kept**2).mean() / (wave[inner, 0] ** 2).mean()))

    half_power = math.sqrt(0.5)
    assert gain(0.99 * cutoff) > half_power > gain(1.01 * cutoff)


def test_as_scipy_does_it() -> None:
    rng = np.random.default_rng(3)
    values = np.cumsum(rng.normal(size=(400, 7)), axis=0)
    b, a = butter(2, design_frequency(6.0, 120.0), fs=120.0)
    expected = filtfilt(b, a, values, axis=0, padtype="odd", padlen=20)
    assert np.allclose(lowpass(values, 120.0, 6.0), expected, atol=1e-9)


def test_no_lag_and_no_change_of_a_line() -> None:
    time = np.arange(300) / 100.0
    line = np.stack([3 * time, -time + 7], axis=1)
    assert np.abs(lowpass(line, 100.0, 6.0) - line).max() < 0.02
    assert np.abs(lowpass(line, 100.0, 6.0) - line)[50:-50].max() < 1e-4
    bump = np.exp(-(((time - 1.5) / 0.3) ** 2))[:, None]
    assert np.argmax(lowpass(bump, 100.0, 6.0)) == 150


def test_zero_cutoff_leaves_values_alone() -> None:
    values = np.random.default_rng(0).normal(size=(50, 2, 3))
    assert np.array_equal(clean(values, np.arange(50) / 50, 50.0, 0.0).values, values)


@pytest.mark.parametrize(("rate", "cutoff"), [(10.0, 6.0), (100.0, 45.5)])
def test_a_cutoff_too_high_names_both(rate: float, cutoff: float) -> None:
    with pytest.raises(InputError, match=rf"{cutoff:g} Hz.*{rate:g} Hz"):
        clean(np.zeros((30, 1, 3)), np.arange(30) / rate, rate, cutoff, "a.trc")


def test_a_negative_cutoff_is_refused() -> None:
    with pytest.raises(InputError, match="positive"):
        clean(np.zeros((30, 1, 3)), np.arange(30) / 100, 100.0, -1.0)


def motion(time: np.ndarray) -> np.ndarray:
    """(n, 2, 3) mm: two joints swinging at about 1 Hz."""
    phase = 2 * np.pi * time[:, None, None] * np.array([0.9, 1.1])[None, :, None]
    return 300 * np.sin(phase + np.arange(3))


def test_short_gaps_are_filled_long_ones_stay() -> None:
    time = np.arange(240) / 120.0
    whole = motion(time)
    values = whole.copy()
    values[50:62, 0] = np.nan  # 12 frames: 0.1 s
    values[120:133, 1] = np.nan  # 13 frames
    values[:5, 1] = np.nan  # no neighbour on one side
    values[200, 0, 1] = np.nan  # one coordinate missing: the joint is missing
    done = clean(values, time, 120.0, 0.0)
    assert np.abs(done.values[50:62, 0] - whole[50:62, 0]).max() < 3.0
    assert np.abs(done.values[200, 0] - whole[200, 0]).max() < 0.1
    assert np.isnan(done.values[120:133, 1]).all()
    assert np.isnan(done.values[:5, 1]).all()
    assert done.n_filled.tolist() == [13, 0]


def test_each_stretch_is_filtered_alone_and_short_ones_are_left() -> None:
    time = np.arange(200) / 100.0
    rng = np.random.default_rng(1)
    values = motion(time) + rng.normal(0, 2, (200, 2, 3))
    values[100:140, 0] = np.nan
    values[147:190, 0] = np.nan
    done = clean(values, time, 100.0, 6.0)
    assert np.allclose(done.values[:100, 0], lowpass(values[:100, 0], 100.0, 6.0))
    assert np.array_equal(done.values[140:147, 0], values[140:147, 0])
    assert np.allclose(done.values[190:, 0], lowpass(values[190:, 0], 100.0, 6.0))
    assert np.allclose(done.values[:, 1], lowpass(values[:, 1], 100.0, 6.0))
    assert done.n_short.tolist() == [7, 0]


def test_an_uneven_clock_is_made_even_and_back() -> None:
    rng = np.random.default_rng(2)
    time = np.cumsum(rng.uniform(1 / 40, 1 / 24, 300))
    slow = 100 * np.sin(2 * np.pi * 0.5 * time)[:, None, None].repeat(3, axis=2)
    fast = 20 * np.sin(2 * np.pi * 11 * time)[:, None, None].repeat(3, axis=2)
    done = clean(slow + fast, time, 0.0, 4.0)
    assert done.is_resampled
    assert np.abs(done.values - slow)[10:-10].max() < 4.0
    # stamps rounded to milliseconds are an even clock
    assert not clean(slow, np.round(np.arange(300) / 30, 3), 30.0, 4.0).is_resampled
