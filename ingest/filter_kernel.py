"""The compiled loop of the zero-lag low-pass; :mod:`.filters` checks, converts and calls."""

from __future__ import annotations

import numpy as np

from .compiled import kernel


@kernel
def run_both_ways(rows: np.ndarray, b0: float, a1: float, a2: float, pad: int) -> None:
    """Run a 2nd-order low-pass (b = b0·(1, 2, 1), a = 1, a1, a2) forward and backward over each row, in place.

    rows : (K, n) float64 without NaN, n > pad. Each end is extended by ``pad`` samples of odd reflection, and each pass
    starts in the steady state of its first sample (the method of Gustafsson's simpler predecessor, as in scipy's
    ``filtfilt`` with ``padtype='odd'``).
    """
    n = rows.shape[1]
    m = n + 2 * pad
    z = np.empty(m)
    b1 = 2.0 * b0
    steady2 = b0 - a2
    steady1 = b1 - a1 + steady2
    for k in range(rows.shape[0]):
        row = rows[k]
        for i in range(pad):
            z[i] = 2.0 * row[0] - row[pad - i]
            z[pad + n + i] = 2.0 * row[n - 1] - row[n - 2 - i]
        for i in range(n):
            z[pad + i] = row[i]
        s1, s2 = steady1 * z[0], steady2 * z[0]
        for i in range(m):
            x = z[i]
            y = b0 * x + s1
            s1 = b1 * x - a1 * y + s2
            s2 = b0 * x - a2 * y
            z[i] = y
        s1, s2 = steady1 * z[m - 1], steady2 * z[m - 1]
        for j in range(m):
            i = m - 1 - j
            x = z[i]
            y = b0 * x + s1
            s1 = b1 * x - a1 * y + s2
            s2 = b0 * x - a2 * y
            z[i] = y
        for i in range(n):
            row[i] = z[pad + i]
