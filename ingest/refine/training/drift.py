"""Errors that remember: the slow random drift that the noise protocols are made of."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from neurostore.arrays import Floats


def ornstein_uhlenbeck(t: int, n: int, tau_s: float, rate_hz: float, rng: np.random.Generator) -> Floats:
    """(t, n) stationary, SD 1, correlation exp(-dt / tau)."""
    a = np.exp(-1.0 / (tau_s * rate_hz))
    steps = rng.normal(size=(t, n))
    steps[1:] *= np.sqrt(1 - a * a)
    return lfilter([1.0], [1.0, -a], steps, axis=0)
