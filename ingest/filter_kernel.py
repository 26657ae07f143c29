"""The compiled loop of the zero-lag low-pass; :mod:`.filters` checks, converts and calls."""

from __future__ import annotations

import numpy as np

from neurostore.ingest.geometry.compiled import kernel

_LANES = 8  # rows filtered at once: each waits for its own previous sample, not for the others


@kernel
def run_both_ways(rows: np.ndarray, b0: float, a1: float, a2: float, pad: int) -> None:
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
