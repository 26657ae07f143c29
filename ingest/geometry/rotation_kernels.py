"""Compiled loops over quaternions whose time runs along memory, (S, 4, n): filter, sign and carry of segment rotations."""

from __future__ import annotations

import numpy as np

from neurostore.arrays import Floats
from neurostore.compiled import kernel


@kernel
def make_rows_continuous(rows: Floats) -> None:
    """Give each quaternion of (S, 4, n) the sign nearest to the one before, in place; the first has w >= 0.

    NaN counts as no flip.
    """
    for s in range(rows.shape[0]):
        w, x, y, z = rows[s, 0], rows[s, 1], rows[s, 2], rows[s, 3]
        sign = -1.0 if w.size and w[0] < 0 else 1.0
        a, b, c, d = 0.0, 0.0, 0.0, 0.0
        for f in range(w.size):
            if a * w[f] + b * x[f] + c * y[f] + d * z[f] < 0:
                sign = -sign
            a, b, c, d = w[f], x[f], y[f], z[f]
            w[f], x[f], y[f], z[f] = sign * a, sign * b, sign * c, sign * d


@kernel
def carry_rows(rows: Floats, fixed: Floats, out: Floats) -> None:
    """out (S, 4, n) float32: each rotation of rows (S, 4, n), made of length one, after the fixed rotation (S, 4)."""
    for s in range(rows.shape[0]):
        w, x, y, z = rows[s, 0], rows[s, 1], rows[s, 2], rows[s, 3]
        ow, ox, oy, oz = out[s, 0], out[s, 1], out[s, 2], out[s, 3]
        e, f, g, h = fixed[s, 0], fixed[s, 1], fixed[s, 2], fixed[s, 3]
        for i in range(w.size):
            a, b, c, d = w[i], x[i], y[i], z[i]
            one = 1.0 / np.sqrt(a * a + b * b + c * c + d * d)
            ow[i] = (a * e - b * f - c * g - d * h) * one
            ox[i] = (a * f + b * e + c * h - d * g) * one
            oy[i] = (a * g - b * h + c * e + d * f) * one
            oz[i] = (a * h + b * g - c * f + d * e) * one
