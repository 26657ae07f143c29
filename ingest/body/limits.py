"""Limits of a model's coordinates: those of clamped ones, and of what moves a clamped coordinate by a coupler."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurostore.arrays import Floats

from .functions import LINEAR, Function
from .model import Coordinate, Coupler

#: radians or metres around the default that are searched where a function is not linear, and number of values tried
_FAR, _N_TRIED = 10.0, 4001


def limits(coordinates: Sequence[Coordinate], couplers: Sequence[Coupler]) -> Floats:
    """(Q, 2) lowest and highest value of each coordinate, infinite where nothing limits it.

    A coupled coordinate has no freedom of its own: where it is clamped, the one that it follows stops instead.
    OpenSim 4.6's tool ends with an error there. One that follows several coordinates limits none of them.

    couplers : in an order in which each follows those that its independents depend on.
    """
    limit = np.array([[c.minimum, c.maximum] if c.is_clamped else [-np.inf, np.inf] for c in coordinates]).reshape(
        -1, 2
    )
    at = {c.name: i for i, c in enumerate(coordinates)}
    for coupler in reversed(couplers):
        wanted = limit[at[coupler.dependent]]
        if len(coupler.independents) == 1 and np.isfinite(wanted).any():
            i = at[coupler.independents[0]]
            limit[i] = _within(coupler.function, wanted, limit[i], coordinates[i].default)
    return limit


def _within(function: Function, wanted: Floats, own: Floats, start: float) -> Floats:
    """The part (2,) of an argument's own limits nearest to ``start`` in which the function's value is as wanted (2,)."""
    if function.code == LINEAR:
        slope, at_zero = function.data
        if slope == 0:
            return own
        ends = np.sort((wanted - at_zero) / slope)
        both = np.array([max(ends[0], own[0]), min(ends[1], own[1])])
        return both if both[0] <= both[1] else own
    tried = np.linspace(max(own[0], start - _FAR), min(own[1], start + _FAR), _N_TRIED)
    value = function.value(tried)
    is_bad = (value < wanted[0]) | (value > wanted[1])
    if is_bad.all():
        return own
    k = int(np.argmin(np.where(is_bad, np.inf, np.abs(tried - start))))
    before, after = np.flatnonzero(is_bad[:k]), np.flatnonzero(is_bad[k:])
    low = _end(function, wanted, tried[before[-1]], tried[before[-1] + 1]) if len(before) else own[0]
    high = _end(function, wanted, tried[k + after[0]], tried[k + after[0] - 1]) if len(after) else own[1]
    return np.array([low, high])


def _end(function: Function, wanted: Floats, bad: float, good: float) -> float:
    """The last good argument on the way to a bad one, by halving."""
    for _ in range(50):
        middle = (bad + good) / 2
        if wanted[0] <= float(function.value(middle)) <= wanted[1]:
            good = middle
        else:
            bad = middle
    return good
