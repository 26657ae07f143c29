"""Two groups of numbers compared: difference, 95 % interval, effect size, p. Always one value per subject.

Nothing here knows about lakes; :mod:`neurostore.statistics` provides the numbers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import UsageError

DRAWS = 20_000  # permutations drawn; if there are no more than this, all are counted


@dataclass(frozen=True)
class TwoGroups:
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


def compare_groups(a: Floats, b: Floats, *, test: str = "welch", seed: int = 0) -> TwoGroups:
    """Two groups of different people. test : 'welch' or 'permutation' (of the difference of means, two-sided).

    With fewer than two people in a group only means and difference are known.
    """
    from scipy import stats

    a, b = _finite(a), _finite(b)
    _check(test)
    if min(len(a), len(b)) < 2:
        return _too_few(a, b)
    difference = float(b.mean() - a.mean())
    if np.ptp(a) > 0 or np.ptp(b) > 0:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # warns if one group has no spread
            welch = stats.ttest_ind(b, a, equal_var=False)
        p, interval = float(welch.pvalue), tuple(map(float, welch.confidence_interval(0.95)))
    else:
        p, interval = float("nan"), (difference, difference)
    if test == "permutation":
        p = _permutation_p(a, b, seed)
    freedom_g = len(a) + len(b) - 2
    pooled = np.sqrt(((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / freedom_g)
    return _two_groups(a, b, interval, _hedges(difference, pooled, freedom_g), p, test)


def compare_pairs(a: Floats, b: Floats, *, test: str = "welch", seed: int = 0) -> TwoGroups:
    """The same people twice: a[i] and b[i] are one person.

    test : 'welch' means the paired t test here; 'permutation' is of signs. hedges_g is Hedges' g_av (Lakens 2013, doi
    10.3389/fpsyg.2013.00863, equation 10), comparable with unpaired ones.
    """
    from scipy import stats

    a, b = np.asarray(a, float), np.asarray(b, float)
    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both], b[both]
    _check(test)
    if len(a) < 2:
        return _too_few(a, b)
    change = b - a
    difference = float(change.mean())
    if np.ptp(change) > 0:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # warns if changes are nearly equal
            paired = stats.ttest_rel(b, a)
        p, interval = float(paired.pvalue), tuple(map(float, paired.confidence_interval(0.95)))
    else:
        p, interval = float("nan"), (difference, difference)
    name = "paired t"
    if test == "permutation":
        p, name = _sign_flip_p(a, b, seed), "paired permutation"
    average = (a.std(ddof=1) + b.std(ddof=1)) / 2
    return _two_groups(a, b, interval, _hedges(difference, average, len(change) - 1), p, name)


def holm(p: Floats) -> Floats:
    """Holm's step-down adjustment of p values (1979), in the order given; NaN stays NaN and is not counted."""
    p = np.asarray(p, float)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def _finite(values: Floats) -> Floats:
    values = np.asarray(values, float)
    return values[np.isfinite(values)]


def _check(test: str) -> None:
    if test not in ("welch", "permutation"):
        raise UsageError(f"no test {test!r}; there are welch, permutation and mixed")


def _too_few(a: Floats, b: Floats) -> TwoGroups:
    """What is known of groups of which one has no spread: n, means, difference."""
    nothing = float("nan")
    mean_a, mean_b = (float(x.mean()) if len(x) else nothing for x in (a, b))
    sd_a, sd_b = (float(x.std(ddof=1)) if len(x) > 1 else nothing for x in (a, b))
    return TwoGroups(
        n_a=len(a), n_b=len(b), mean_a=mean_a, mean_b=mean_b, sd_a=sd_a, sd_b=sd_b, difference=mean_b - mean_a,
        ci_low=nothing, ci_high=nothing, hedges_g=nothing, p=nothing, test="fewer than 2 people",
    )  # fmt: skip


def _hedges(difference: float, sd: float, freedom: int) -> float:
    """Hedges' g; NaN for one degree of freedom (two pairs), where his correction is 0 whatever the difference."""
    return float(difference / sd * (1 - 3 / (4 * freedom - 1))) if sd > 0 and freedom > 1 else float("nan")


def _two_groups(a: Floats, b: Floats, interval: tuple[float, ...], g: float, p: float, test: str) -> TwoGroups:
    return TwoGroups(
        n_a=len(a),
        n_b=len(b),
        mean_a=float(a.mean()),
        mean_b=float(b.mean()),
        sd_a=float(a.std(ddof=1)),
        sd_b=float(b.std(ddof=1)),
        difference=float(b.mean() - a.mean()),
        ci_low=interval[0],
        ci_high=interval[1],
        hedges_g=g,
        p=p,
        test=test,
    )


def _permutation_p(a: Floats, b: Floats, seed: int) -> float:
    """Share of relabellings whose difference of means is at least as large; all of them where they are few."""
    return _scipy_permutation(
        a, b, lambda x, y, axis: np.abs(y.mean(axis=axis) - x.mean(axis=axis)), "independent", seed
    )


def _sign_flip_p(a: Floats, b: Floats, seed: int) -> float:
    """The same for pairs: each person's two values are exchanged or not."""
    return _scipy_permutation(a, b, lambda x, y, axis: np.abs((y - x).mean(axis=axis)), "samples", seed)


def _scipy_permutation(a: Floats, b: Floats, statistic: Callable[..., Any], kind: str, seed: int) -> float:
    from scipy import stats

    result = stats.permutation_test(
        (a, b),
        statistic,
        permutation_type=kind,
        vectorized=True,
        n_resamples=DRAWS,
        batch=2_000,
        alternative="greater",
        random_state=np.random.default_rng(seed),
    )
    return float(result.pvalue)
