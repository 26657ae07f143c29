"""Mixed models against t tests, where these are exact, and against a REML likelihood written out."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import optimize, stats

from neurostore.errors import UsageError
from neurostore.statistics.mixed import compare_mixed

pytest.importorskip("statsmodels")
RNG = np.random.default_rng(3)
PEOPLE = [f"P{i}" for i in range(9)]
BEFORE = RNG.normal(1.0, 0.2, 9)
AFTER = BEFORE + RNG.normal(0.12, 0.08, 9)


def frame(rows):
    return pl.DataFrame(rows, schema=["subject", "level", "value"], orient="row")


def before_and_after():
    return [
        (p, level, v)
        for level, values in (("pre", BEFORE), ("post", AFTER))
        for p, v in zip(PEOPLE, values, strict=True)
    ]


def test_complete_pairs_are_the_paired_t_test():
    found = compare_mixed(frame(before_and_after()), "pre", "post")
    peer = stats.ttest_rel(AFTER, BEFORE)
    interval = peer.confidence_interval(0.95)
    assert found["difference"] == pytest.approx(np.mean(AFTER - BEFORE))
    assert found["p"] == pytest.approx(peer.pvalue, rel=1e-3)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((interval.low, interval.high), rel=1e-3)
    assert (found["n_a"], found["n_b"], found["test"]) == (9, 9, "mixed model")
    assert found["sd_b"] == pytest.approx(np.std(AFTER, ddof=1))


def test_groups_with_two_sessions_each_are_the_t_test_of_subject_means():
    rows = [(p, "control" if i < 5 else "stroke", v) for i, p in enumerate(PEOPLE) for v in (BEFORE[i], AFTER[i])]
    found = compare_mixed(frame(rows), "control", "stroke")
    means = (BEFORE + AFTER) / 2
    peer = stats.ttest_ind(means[5:], means[:5])
    assert found["difference"] == pytest.approx(means[5:].mean() - means[:5].mean())
    assert found["p"] == pytest.approx(peer.pvalue, rel=1e-3)
    assert (found["n_a"], found["n_b"]) == (5, 4)


def test_people_seen_once_count_as_the_likelihood_says():
    rows = [r for r in before_and_after() if (r[0], r[1]) not in {("P0", "pre"), ("P1", "post"), ("P2", "post")}]
    found = compare_mixed(frame(rows), "pre", "post")
    y = np.array([r[2] for r in rows])
    x = np.stack([np.ones(len(rows)), [r[1] == "post" for r in rows]], axis=1).astype(float)
    same = np.equal.outer([r[0] for r in rows], [r[0] for r in rows]).astype(float)

    def parts(log_variances):
        between, within = np.exp(log_variances)
        weight = np.linalg.inv(between * same + within * np.eye(len(rows)))
        covariance = np.linalg.inv(x.T @ weight @ x)
        return weight, covariance, covariance @ x.T @ weight @ y

    def minus_reml(log_variances):
        weight, covariance, beta = parts(log_variances)
        left = y - x @ beta
        return -np.linalg.slogdet(weight)[1] - np.linalg.slogdet(covariance)[1] + left @ weight @ left

    best = optimize.minimize(minus_reml, [-3.0, -5.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10})
    _, covariance, beta = parts(best.x)
    assert found["difference"] == pytest.approx(beta[1], rel=1e-4)
    t = beta[1] / np.sqrt(covariance[1, 1])
    assert found["p"] == pytest.approx(2 * stats.t.sf(abs(t), len(rows) - 9 - 1), rel=1e-2)
    assert (found["n_a"], found["n_b"], found["left_out"]) == (8, 7, [])


def test_without_variance_between_people_the_error_is_that_of_single_values():
    changes = [0.0] * 4 + [0.16] * 4
    first = [1.27, 1.40, 1.41, 1.32, 0.673, 0.640, 0.614, 0.583]
    groups = ["control"] * 4 + ["stroke"] * 4
    rows = [(f"P{i}", g, v) for i, g in enumerate(groups) for v in (first[i], first[i] + changes[i])]
    found = compare_mixed(frame(rows), "control", "stroke")
    y = np.array([r[2] for r in rows])
    is_b = np.array([r[1] == "stroke" for r in rows])
    difference = y[is_b].mean() - y[~is_b].mean()
    variance = (y[is_b].var() * 8 + y[~is_b].var() * 8) / 14  # ordinary least squares
    assert found["difference"] == pytest.approx(difference)
    assert found["p"] == pytest.approx(2 * stats.t.sf(abs(difference) / np.sqrt(variance / 4), 6), rel=1e-3)


def test_two_people_get_no_p_and_people_seen_once_no_model():
    few = compare_mixed(frame([r for r in before_and_after() if r[0] in ("P0", "P1")]), "pre", "post")
    assert np.isnan(few["p"])
    assert few["test"] == "fewer than 3 people"
    once = [(p, "pre" if i % 2 else "post", BEFORE[i]) for i, p in enumerate(PEOPLE)]
    with pytest.raises(UsageError, match="nobody has two values"):
        compare_mixed(frame(once), "pre", "post")


def test_values_without_spread_have_no_p():
    found = compare_mixed(frame([(p, level, 1.0) for p in PEOPLE for level in ("pre", "post")]), "pre", "post")
    assert found["test"] == "mixed model: not converged"
    assert np.isnan(found["p"])
