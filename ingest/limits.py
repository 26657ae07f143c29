"""Limits for recordings of people, checked after every reader and every pose estimator.

The limits are thresholds of queries/macros/thresholds.sql, where the views and the docs read them too. Single
impossible values become missing, with a note; a file with many of them is refused. The size of the body is checked
later, from landmarks (view trial_quality), since no reader knows which of its points are a head or an ankle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from neurostore.arrays import Bools, Floats
from neurostore.errors import InputError
from neurostore.ingest.recording import Recording
from neurostore.sql.views import thresholds
from neurostore.wording import listed

#: With a larger share of samples beyond the limit, the unit or the whole file is wrong.
MOST_FAR_SHARE = 0.2
_MOST_NAMES = 5


@cache
def _limit(name: str) -> float:
    return thresholds()[name][0]


def check(path: object, recording: Recording) -> None:
    """Check a recording against the limits: impossible samples become NaN, with a note.

    Raises
    ------
    InputError : an impossible frame rate or clock, or too many coordinates too far away. Every problem at once.
    """
    problems = _rate_problems(recording)
    for poses in recording.poses:
        try:
            recording.notes += drop_far(path, poses.positions, poses.skeleton.joints)
        except InputError as error:
            problems += error.problems
    neutral = recording.neutral
    if neutral is not None and _is_far(neutral.positions) is not None:
        problems.append(f"joints of its neutral pose are over {_limit('most_coordinate_m'):g} m from the origin")
    if problems:
        raise InputError(path, *problems)


def drop_far(path: object, positions: Floats, names: Sequence[str] = ()) -> list[str]:
    """Set samples that are infinite or too far from the origin to NaN, in place.

    Parameters
    ----------
    positions : (n, J, 3) mm, NaN where missing; changed.
    names : of the J points, for the note.

    Returns
    -------
    A note that says how many there were, or nothing.

    Raises
    ------
    InputError : they are more than a fifth of the samples.
    """
    far = _is_far(positions)
    if far is None:
        return []
    n_far = int(far.sum())
    n_samples = int((~np.isnan(positions)).all(axis=-1).sum())
    limit = f"{_limit('most_coordinate_m'):g} m from the origin"
    if n_far > MOST_FAR_SHARE * n_samples:
        raise InputError(
            path,
            f"{n_far} of its {n_samples} samples are infinite or over {limit}: no laboratory is so large; "
            "the unit may be wrong (scale_mm in cohort.toml), or the file is damaged",
        )
    positions[far] = np.nan
    which = [names[j] for j in np.flatnonzero(far.any(axis=0))] if len(names) == positions.shape[1] else []
    text = f", of {listed(which, _MOST_NAMES)}" if which else ""
    return [f"samples that are infinite or over {limit} were taken as missing: {n_far:,}{text}"]


def _is_far(positions: Floats) -> Bools | None:
    """(n, J) or (J,) whether a point is infinite or beyond the limit; None if none is. A missing one is not."""
    with np.errstate(invalid="ignore"):
        is_far = np.abs(positions) > 1000 * _limit("most_coordinate_m")
    return np.asarray(is_far.any(axis=-1)) if is_far.any() else None


def _rate_problems(recording: Recording) -> list[str]:
    """What is wrong with the rate that is stated, or with the clock of the frames."""
    least, most = _limit("least_rate_hz"), _limit("most_rate_hz")
    clocks = [p.time_s[p.person == 0] if (p.person == 0).any() else p.time_s for p in recording.poses[:1]]
    clocks += [a.time_s for a in recording.angles[:1]] if not recording.poses else []
    if not clocks:  # forces only, which have their own rates
        return []
    time_s = np.asarray(clocks[0], np.float64)
    if len(time_s) < 2 and recording.rate_hz == 0:  # a single posture has no rate
        return []
    advice = f"expected {least:g} to {most:g}; give rate_hz in cohort.toml if the file is wrong"
    if not least <= recording.rate_hz <= most:
        return [f"its frame rate is {recording.rate_hz:g} frames per second, {advice}"]
    if not np.isfinite(time_s).all():
        return ["its times are not all finite numbers"]
    step_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1.0 / recording.rate_hz
    clock_hz = 1 / step_s if step_s > 0 else math.inf
    if not 0.999 * least <= clock_hz <= 1.001 * most:
        return [f"its times are those of {clock_hz:g} frames per second, {advice}"]
    return []
