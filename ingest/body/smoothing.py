"""A smooth movement over a trial: targets and second differences of every coordinate in one least squares problem.

Minimises the fit's own sum of squares, linearised at the frame-by-frame solution, plus, for each coordinate, a weight
times its squared second differences: a Whittaker smoother (Whittaker 1923; Eilers 2003, Anal Chem 75:3631) in the
metric of what the targets determine. Frames without a target use their neighbours, in every direction that the other
targets do not determine. One banded system is solved per trial: the cost is linear in frames.

How smooth each coordinate is follows from its own movement: the cut-off of least generalised cross-validation (Craven
and Wahba 1979, Numer Math 31:377; by cosine transform, Garcia 2010, Comput Stat Data Anal 54:1167). A cut in the capture
is not smoothed across.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy.fft import dct
from scipy.linalg import solveh_banded

from neurostore.arrays import Floats

from .targets import Prepared
from .unknown import equations

#: frames that are solved together, and how many of them overlap with the next block
BLOCK, OVERLAP = 4000, 200
#: share of a typical frame's information that keeps each coordinate in place in one round
RIDGE = 1e-3
#: number of rounds; the equations are linearized again in each
ROUNDS = 2
#: further rounds for a trial that misses targets in some frames
GAP_ROUNDS = 2
#: lowest cut-off tried in Hz, highest as a share of the frame rate, and number of cut-offs
LOWEST_HZ, HIGHEST_SHARE, N_TRIED = 1.0, 0.4, 40
#: limits for a cut in the recording: median second difference of the targets in m, and in m/s² beyond those of a body
CUT_M, CUT_M_S2 = 0.1, 150.0


def smooth(prepared: Prepared, q: Floats, rate_hz: float, cutoff_hz: float | None = None) -> Floats:
    """q (T, Q) smoothed.

    Coordinates without any information keep their values. Limits hold: what the smoother moves past one is put on it.
    Frames without a target start between their complete neighbours, and the trial is then linearised a few times.

    Parameters
    ----------
    cutoff_hz : where a coordinate that the targets determine as in a typical frame is halved; None: each coordinate's
        own, by cross-validation.
    """
    out = q.copy()
    for a, b in itertools.pairwise([0, *_cuts(prepared, rate_hz), len(q)]):
        if b - a >= 4:
            out[a:b] = _smooth(prepared.of(slice(a, b)), q[a:b], rate_hz, cutoff_hz)
    return out


def _smooth(prepared: Prepared, q: Floats, rate_hz: float, cutoff_hz: float | None) -> Floats:
    tree = prepared.tree
    low, high = np.minimum(tree.q_low, q.min(axis=0)), np.maximum(tree.q_high, q.max(axis=0))
    out, n_gaps = _between(prepared, q)
    free = tree.arrays.free
    cutoffs = chosen_cutoffs(out[:, free], rate_hz) if cutoff_hz is None else np.full(len(free), cutoff_hz)
    ratio = np.minimum(cutoffs / rate_hz, 0.499)
    for _ in range(ROUNDS + (GAP_ROUNDS if n_gaps else 0)):
        out = np.clip(_once(prepared, out, ratio), low, high)
    return out


def chosen_cutoffs(values: Floats, rate_hz: float) -> Floats:
    """(U,) cut-offs in Hz of least generalised cross-validation of series (T, U)."""
    n = len(values)
    tried = np.geomspace(min(LOWEST_HZ, HIGHEST_SHARE * rate_hz / 2), HIGHEST_SHARE * rate_hz, N_TRIED)
    root = 2 - 2 * np.cos(np.pi * np.arange(n) / n)
    removed = 1 - 1 / (1 + (root / (2 - 2 * np.cos(2 * np.pi * tried[:, None] / rate_hz))) ** 2)
    power = dct(values - values.mean(axis=0), axis=0, norm="ortho") ** 2
    score = (removed**2 @ power) / removed.sum(axis=1)[:, None] ** 2
    return np.asarray(tried[np.argmin(score, axis=0)])


def _cuts(prepared: Prepared, rate_hz: float) -> list[int]:
    """Frames at which the capture jumps: most targets are elsewhere at once."""
    at = np.where((prepared.weight > 0)[:, :, None], prepared.at, np.nan)
    if len(at) < 3 or not at.shape[1]:
        return []
    bend = np.linalg.norm(at[2:] - 2 * at[1:-1] + at[:-2], axis=2)
    some = np.isfinite(bend).any(axis=1)
    typical = np.zeros(len(bend))
    typical[some] = np.nanmedian(bend[some], axis=1)
    jumped = typical > CUT_M + CUT_M_S2 / rate_hz**2
    step = np.linalg.norm(np.diff(at, axis=0), axis=2)
    cuts = []
    for t in np.flatnonzero(jumped[:-1] & jumped[1:]):  # second differences are large before and after the jump
        if np.nanmedian(step[t + 1]) > CUT_M:
            cuts.append(int(t) + 2)
    return cuts


def _between(prepared: Prepared, q: Floats) -> tuple[Floats, int]:
    """q with frames without a target interpolated between the complete frames beside them, and their number."""
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


def _once(prepared: Prepared, q: Floats, ratio: Floats) -> Floats:
    n, out = len(q), q.copy()
    for start in range(0, n, BLOCK - OVERLAP):
        stop = min(start + BLOCK, n)
        low = start + (OVERLAP // 2 if start else 0)
        out[low:stop] = _block(prepared.of(slice(start, stop)), q[start:stop], ratio)[low - start :]
        if stop == n:
            break
    return out


def _block(prepared: Prepared, q: Floats, ratio: Floats) -> Floats:
    """One linearised step; ratio : (U,) cut-off of each free coordinate over the frame rate."""
    tree = prepared.tree
    free, t = tree.arrays.free, len(q)
    matrix, right = equations(prepared, q)
    diagonal = np.einsum("tuu->tu", matrix)
    typical = np.median(diagonal, axis=0)
    informed = np.flatnonzero(typical > 1e-9 * max(float(typical.max(initial=0.0)), 1e-300))
    if not len(informed):
        return q.copy()
    matrix, right = matrix[:, informed][:, :, informed], right[:, informed]
    # how well a typical frame determines each coordinate while the others are free
    mean = matrix[np.linspace(0, t - 1, min(t, 100)).astype(int)].mean(axis=0)
    marginal = 1 / np.diagonal(np.linalg.inv(mean + 1e-6 * np.diag(typical[informed])))
    penalty = marginal / (2 * np.sin(np.pi * ratio[informed])) ** 4
    u = len(informed)
    # ordered by frame, then by coordinate: coupled entries are at most two frames apart
    banded = np.zeros((2 * u + 1, t * u))
    for k in range(u):
        for j in range(k + 1):
            banded[k - j, j::u] = matrix[:, k, j]
    second = _second_differences(t)
    banded[0] += (second[0][:, None] * penalty + RIDGE * typical[informed]).ravel()
    for lag in (1, 2):
        banded[lag * u] += (second[lag][:, None] * penalty).ravel()
    wanted = q[:, free[informed]]
    change = np.zeros_like(wanted)
    change[1:-1] = wanted[:-2] - 2 * wanted[1:-1] + wanted[2:]
    rough = np.zeros_like(wanted)
    rough[:-2] += change[1:-1]
    rough[1:-1] -= 2 * change[1:-1]
    rough[2:] += change[1:-1]
    step = solveh_banded(banded, (right - penalty * rough).ravel(), lower=True, check_finite=False)
    out = q.copy()
    out[:, free[informed]] += step.reshape(t, u)
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
