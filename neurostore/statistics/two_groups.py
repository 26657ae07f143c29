"""Two groups of numbers compared: difference, 95 % interval, effect size, p. One value a subject, always.

Nothing here knows of lakes; :mod:`neurostore.statistics` brings the numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from neurostore.errors import UsageError

EXACT_LIMIT = 20_000  # permutations counted one by one up to here, drawn at random beyond
DRAWS = 20_000


@dataclass(frozen=True)
class Comparison:
    """b compared with a.

    difference : mean of b less mean of a (paired: mean of the differences), in the units given.
    ci_low, ci_high : 95 % interval by Student's t (Welch's degrees of freedom where unpaired).
    hedges_g : difference in standard deviations (pooled; paired: mean of both SDs), with Hedges' correction for small
        samples. NaN where not defined.
    """

    n_a: int
    n_b: int
    mean_a: float
    mean_b: float
    sd_a: float
    sd_b: float
    difference: float
    ci_low: float
    ci_high: float
    hedges_g: float
    p: float
    test: str


def compare_groups(a: np.ndarray, b: np.ndarray, *, test: str = "welch", seed: int = 0) -> Comparison:
    """Two groups of different people. test : 'welch' or 'permutation' (of the difference of means, two-sided).

    With fewer than two people in a group only means and difference are known.
    """
    from scipy import stats

    a, b = _finite(a), _finite(b)
    _check(test)
    if min(len(a), len(b)) < 2:
        return _too_few(a, b)
    variance_a, variance_b = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    error = np.sqrt(variance_a + variance_b)
    difference = float(b.mean() - a.mean())
    if error > 0:
        freedom = error**4 / (variance_a**2 / (len(a) - 1) + variance_b**2 / (len(b) - 1))
        half = stats.t.ppf(0.975, freedom) * error
        p = float(2 * stats.t.sf(abs(difference) / error, freedom))
    else:
        half, p = 0.0, float("nan")
    if test == "permutation":
        p = _permutation_p(a, b, seed)
    freedom_g = len(a) + len(b) - 2
    pooled = np.sqrt(((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / freedom_g)
    return _comparison(a, b, difference, half, _hedges(difference, pooled, freedom_g), p, test)


def compare_pairs(a: np.ndarray, b: np.ndarray, *, test: str = "welch", seed: int = 0) -> Comparison:
    """The same people twice: a[i] and b[i] are one person.

    test : 'welch' means the paired t test here; 'permutation' is of signs.
    hedges_g is Hedges' g_av (Lakens 2013, doi 10.3389/fpsyg.2013.00863, equation 10), comparable with unpaired ones.
    """
    from scipy import stats

    a, b = np.asarray(a, float), np.asarray(b, float)
    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both], b[both]
    _check(test)
    if len(a) < 2:
        return _too_few(a, b)
    change = b - a
    error = change.std(ddof=1) / np.sqrt(len(change))
    half = float(stats.t.ppf(0.975, len(change) - 1) * error)
    p = float(2 * stats.t.sf(abs(change.mean()) / error, len(change) - 1)) if error > 0 else float("nan")
    name = "paired t"
    if test == "permutation":
        p, name = _sign_flip_p(change, seed), "paired permutation"
    average = (a.std(ddof=1) + b.std(ddof=1)) / 2
    g = _hedges(float(change.mean()), average, len(change) - 1)
    return _comparison(a, b, float(change.mean()), half, g, p, name)


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down adjustment of p values (1979), in the order given; NaN stays NaN and is not counted."""
    p = np.asarray(p, float)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def _finite(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, float)
    return values[np.isfinite(values)]


def _check(test: str) -> None:
    if test not in ("welch", "permutation"):
        raise UsageError(f"no test {test!r}; there are welch and permutation")


def _too_few(a: np.ndarray, b: np.ndarray) -> Comparison:
    """What is known of groups of which one has no spread: n, means, difference."""
    nothing = float("nan")
    mean_a, mean_b = (float(x.mean()) if len(x) else nothing for x in (a, b))
    sd_a, sd_b = (float(x.std(ddof=1)) if len(x) > 1 else nothing for x in (a, b))
    return Comparison(
        n_a=len(a), n_b=len(b), mean_a=mean_a, mean_b=mean_b, sd_a=sd_a, sd_b=sd_b, difference=mean_b - mean_a,
        ci_low=nothing, ci_high=nothing, hedges_g=nothing, p=nothing, test="fewer than 2 people",
    )  # fmt: skip


def _hedges(difference: float, sd: float, freedom: int) -> float:
    return float(difference / sd * (1 - 3 / (4 * freedom - 1))) if sd > 0 else float("nan")


def _comparison(
    a: np.ndarray, b: np.ndarray, difference: float, half: float, g: float, p: float, test: str
) -> Comparison:
    return Comparison(
        n_a=len(a),
        n_b=len(b),
        mean_a=float(a.mean()),
        mean_b=float(b.mean()),
        sd_a=float(a.std(ddof=1)),
        sd_b=float(b.std(ddof=1)),
        difference=difference,
        ci_low=float(difference - half),
        ci_high=float(difference + half),
        hedges_g=g,
        p=p,
        test=test,
    )


def _permutation_p(a: np.ndarray, b: np.ndarray, seed: int) -> float:
    """Share of relabellings whose difference of means is at least as large; draws count the labelling seen too."""
    pooled = np.concatenate([a, b])
    n, seen = len(a), abs(b.mean() - a.mean())
    total = pooled.sum()

    def differences(sum_a: np.ndarray) -> np.ndarray:
        return np.abs((total - sum_a) / len(b) - sum_a / n)

    tolerance = 1e-12 * max(1.0, np.abs(pooled).max())
    if comb(len(pooled), n) <= EXACT_LIMIT:
        sums = np.array([pooled[list(chosen)].sum() for chosen in combinations(range(len(pooled)), n)])
        return float(np.mean(differences(sums) >= seen - tolerance))
    order = np.random.default_rng(seed).random((DRAWS, len(pooled))).argsort(axis=1)[:, :n]
    as_large = np.count_nonzero(differences(pooled[order].sum(axis=1)) >= seen - tolerance)
    return float((as_large + 1) / (DRAWS + 1))


def _sign_flip_p(change: np.ndarray, seed: int) -> float:
    n, seen = len(change), abs(change.sum())
    tolerance = 1e-12 * max(1.0, np.abs(change).max())
    if 2**n <= EXACT_LIMIT:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float(np.mean(np.abs(signs @ change) >= seen - tolerance))
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (DRAWS, n))
    return float((np.count_nonzero(np.abs(signs @ change) >= seen - tolerance) + 1) / (DRAWS + 1))
