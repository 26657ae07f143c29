"""One smooth movement through a trial: targets and second differences of every coordinate weighed together.

Minimises the fit's own sum of squares, straightened at the frame-by-frame solution, plus, for each coordinate, a
weight times its squared second differences: a Whittaker smoother (Whittaker 1923; Eilers 2003, Anal Chem 75:3631) in
the metric of what the targets determine. Frames that a target misses lend on their neighbours, in every direction the
other targets leave open. One banded system is solved per trial: the cost is linear in frames.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solveh_banded

from neurostore.arrays import Floats

from .inverse import equations
from .targets import Prepared

#: frames solved together and how many of them overlap with the next ones
BLOCK, OVERLAP = 4000, 200
#: share of a typical frame's information that holds each coordinate where it is in one round
RIDGE = 1e-3
#: further rounds for a trial that misses targets in some frames
GAP_ROUNDS = 3


def smooth(prepared: Prepared, q: Floats, rate_hz: float, cutoff_hz: float) -> Floats:
    """q (T, Q) smoothed; ``cutoff_hz`` is where a coordinate that the targets determine as in a typical frame is halved.

    Coordinates without any information keep their values. Limits hold: what the smoother moves past one is put on it.
    Frames that miss a target begin between their whole neighbours, and the trial is then straightened a few times.
    """
    if len(q) < 4 or cutoff_hz <= 0 or cutoff_hz >= 0.5 * rate_hz:
        return q.copy()
    tree = prepared.tree
    low, high = np.minimum(tree.q_low, q.min(axis=0)), np.maximum(tree.q_high, q.max(axis=0))
    out, n_gaps = _between(prepared, q)
    for _ in range(1 + (GAP_ROUNDS if n_gaps else 0)):
        out = np.clip(_once(prepared, out, rate_hz, cutoff_hz), low, high)
    return out


def _between(prepared: Prepared, q: Floats) -> tuple[Floats, int]:
    """q with frames that miss a target drawn straight between the whole frames beside them, and their number."""
    seen = np.hstack([prepared.weight > 0, prepared.turn_weight > 0])
    usual = seen.mean(axis=0) > 0.5
    whole = seen[:, usual].all(axis=1)
    if whole.all() or whole.sum() < 2:
        return q.copy(), 0
    out, at, gaps = q.copy(), np.flatnonzero(whole), np.flatnonzero(~whole)
    gaps = gaps[(gaps > at[0]) & (gaps < at[-1])]
    for i in prepared.tree.arrays.free:
        out[gaps, i] = np.interp(gaps, at, q[at, i])
    return out, len(gaps)


def _once(prepared: Prepared, q: Floats, rate_hz: float, cutoff_hz: float) -> Floats:
    n, out = len(q), q.copy()
    for start in range(0, n, BLOCK - OVERLAP):
        stop = min(start + BLOCK, n)
        low = start + (OVERLAP // 2 if start else 0)
        out[low:stop] = _block(prepared.of(slice(start, stop)), q[start:stop], rate_hz, cutoff_hz)[low - start :]
        if stop == n:
            break
    return out


def _block(prepared: Prepared, q: Floats, rate_hz: float, cutoff_hz: float) -> Floats:
    tree = prepared.tree
    free, t = tree.arrays.free, len(q)
    matrix, right = equations(prepared, q)
    diagonal = np.einsum("tuu->tu", matrix)
    typical = np.median(diagonal, axis=0)
    told = np.flatnonzero(typical > 1e-9 * max(float(typical.max(initial=0.0)), 1e-300))
    if not len(told):
        return q.copy()
    matrix, right = matrix[:, told][:, :, told], right[:, told]
    # what a typical frame determines of each coordinate while the others are free to give way
    mean = matrix[np.linspace(0, t - 1, min(t, 100)).astype(int)].mean(axis=0)
    marginal = 1 / np.diagonal(np.linalg.inv(mean + 1e-6 * np.diag(typical[told])))
    penalty = marginal / (2 * np.sin(np.pi * cutoff_hz / rate_hz)) ** 4
    u = len(told)
    # frame after frame, coordinate by coordinate: entries that meet are at most two frames apart
    banded = np.zeros((2 * u + 1, t * u))
    for k in range(u):
        for j in range(k + 1):
            banded[k - j, j::u] = matrix[:, k, j]
    second = _second_differences(t)
    banded[0] += (second[0][:, None] * penalty + RIDGE * typical[told]).ravel()
    for lag in (1, 2):
        banded[lag * u] += (second[lag][:, None] * penalty).ravel()
    wanted = q[:, free[told]]
    change = np.zeros_like(wanted)
    change[1:-1] = wanted[:-2] - 2 * wanted[1:-1] + wanted[2:]
    rough = np.zeros_like(wanted)
    rough[:-2] += change[1:-1]
    rough[1:-1] -= 2 * change[1:-1]
    rough[2:] += change[1:-1]
    step = solveh_banded(banded, (right - penalty * rough).ravel(), lower=True, check_finite=False)
    out = q.copy()
    out[:, free[told]] += step.reshape(t, u)
    return out


def _second_differences(t: int) -> Floats:
    """(3, t) diagonals (main, first and second below) of the matrix of squared second differences of t values."""
    out = np.zeros((3, t))
    for offset, value in ((0, 1.0), (1, -2.0), (2, 1.0)):
        out[0, offset : t - 2 + offset] += value**2
    out[1, : t - 2] += -2.0
    out[1, 1 : t - 1] += -2.0
    out[2, : t - 2] += 1.0
    return out
