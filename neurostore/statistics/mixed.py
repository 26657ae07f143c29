"""Two levels compared by a linear mixed model, where people have several sessions: people with a single session are not left out."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.errors import MissingExtraError, UsageError
from neurostore.release import how_to_install
from neurostore.statistics.pairs import LEAST_TESTED

if TYPE_CHECKING:
    import polars as pl

    from neurostore.arrays import Floats


def compare_mixed(values: pl.DataFrame, a: str, b: str) -> dict[str, Any]:
    """Level b compared with level a: value ~ level + a random intercept per subject, fitted by REML.

    Interval and p are Student's t with between-within degrees of freedom (Schluchter & Elashoff 1990, J. Stat.
    Comput. Simul. 37:69): for levels that people repeat the number of values less people less one, otherwise
    people less two. With complete data these are the paired t test, and the t test of subject means, unless
    people differ by less than their own values do: then the variance between them is zero and values count singly.

    Parameters
    ----------
    values : subject, level, value; a row per subject, level and session.

    Returns
    -------
    dict : as of :func:`neurostore.statistics.pairs.compare_levels`; n, mean and SD are of subjects. hedges_g is NaN.

    Raises
    ------
    UsageError : nobody has two values.  MissingExtraError : statsmodels is not installed.
    """
    import polars as pl

    used = values.filter(pl.col("level").is_in([a, b]))
    of = {x: used.filter(pl.col("level") == x).group_by("subject").agg(pl.col("value").mean()) for x in (a, b)}
    subjects = used["subject"].unique()
    if used.height == len(subjects):
        raise UsageError(f"a mixed model needs people with several sessions; in {a} and {b} nobody has two values")
    contrast: dict[str, Any] = {}
    for name, x in (("a", a), ("b", b)):
        own = of[x]["value"].to_numpy()
        sd = float(own.std(ddof=1)) if len(own) > 1 else float("nan")
        contrast |= {f"n_{name}": len(own), f"mean_{name}": float(own.mean()), f"sd_{name}": sd}
    is_within = bool(set(of[a]["subject"]) & set(of[b]["subject"]))
    freedom = used.height - len(subjects) - 1 if is_within else len(subjects) - 2
    nothing = float("nan")
    none = {"difference": contrast["mean_b"] - contrast["mean_a"], "ci_low": nothing, "ci_high": nothing, "p": nothing}
    contrast |= {**none, "hedges_g": nothing, "left_out": []}
    if min(contrast["n_a"], contrast["n_b"]) < LEAST_TESTED or freedom < 1:
        return {**contrast, "test": f"fewer than {LEAST_TESTED} people"}
    is_b = (used["level"] == b).to_numpy().astype(float)
    fitted = _fit(used["value"].to_numpy(), is_b, used["subject"].to_numpy())
    if fitted is None:
        return {**contrast, "test": "mixed model: not converged"}
    return {**contrast, **_inference(*fitted, freedom), "test": "mixed model"}


def _fit(value: Floats, is_b: Floats, subject: Any) -> tuple[float, float] | None:
    """The estimate of the difference and its standard error; None if the fit does not converge."""
    try:
        from statsmodels.regression.mixed_linear_model import MixedLM
    except ImportError:
        raise MissingExtraError(f"mixed models are fitted by statsmodels: {how_to_install('report')}") from None
    scale = float(np.std(value))
    if scale == 0:
        return None
    design = np.stack([np.ones_like(is_b), is_b], axis=1)
    for method in ("lbfgs", "powell", "nm"):  # the first is fast, the others find a variance of zero between people
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                fit = MixedLM(value / scale, design, groups=subject).fit(reml=True, method=method)
                estimate, error = float(fit.fe_params[1]), float(fit.bse_fe[1])
            except (np.linalg.LinAlgError, ValueError):
                continue
        if fit.converged and np.isfinite(error) and error > 0:
            return estimate * scale, error * scale
    return None


def _inference(difference: float, error: float, freedom: int) -> dict[str, float]:
    from scipy import stats

    half = float(stats.t.ppf(0.975, freedom)) * error
    p = float(2 * stats.t.sf(abs(difference) / error, freedom))
    return {"difference": difference, "ci_low": difference - half, "ci_high": difference + half, "p": p}
