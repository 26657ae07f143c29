"""Envelopes of EMG: channels whose rate cannot hold the signal."""

from __future__ import annotations

import numpy as np
import pytest

from neurostore.ingest.kinetics.emg import envelopes
from neurostore.ingest.recording import AnalogChannel


@pytest.mark.parametrize(("rate_hz", "is_slow"), [(100.0, True), (200.0, True), (500.0, False), (2000.0, False)])
def test_a_channel_sampled_too_slowly_is_not_reliable(rate_hz: float, is_slow: bool) -> None:
    samples = np.random.default_rng(0).standard_normal(int(4 * rate_hz)).astype(np.float32)
    channel = AnalogChannel(1, "L_TA", "emg", "tibialis_anterior", "left", "V", rate_hz, 0.0, samples)
    (envelope,) = envelopes([channel])
    assert len(envelope.values)
    assert ("too slow for EMG" in (envelope.problem or "")) == is_slow


@pytest.mark.parametrize(
    ("kind", "is_named"),
    [("raw", False), ("offset", False), ("rectified", True), ("envelope", True), ("bursts", False)],
)
def test_emg_that_was_rectified_or_smoothed_before_is_named(kind: str, is_named: bool) -> None:
    rng = np.random.default_rng(0)
    bursts = 0.1 + (np.arange(4000) % 1000 < 400)
    noise = rng.normal(0, 1.0, 4000) * bursts
    samples = {
        "raw": noise,
        "offset": noise + 20.0,
        "rectified": np.abs(noise),
        "envelope": np.convolve(np.abs(noise), np.ones(100) / 100, "same"),
        "bursts": noise + 4.0,
    }[kind]
    channel = AnalogChannel(0, "L_RF", "emg", "rectus_femoris", "left", "V", 1000.0, 0.0, samples.astype(np.float32))
    (found,) = envelopes([channel])
    assert (found.problem is not None) == is_named
