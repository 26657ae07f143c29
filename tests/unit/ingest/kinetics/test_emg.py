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
