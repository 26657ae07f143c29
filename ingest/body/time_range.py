"""The time that a part of a ScaleTool set-up averages, and the frames in it."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np

from neurostore.arrays import Bools, Floats

from .elements import numbers, text_of

#: what OpenSim writes where no time is chosen
_NONE = (-1.0, -1.0)
_CLOSE_S = 1e-6


def read_time_range(element: Element, what: str, problems: list[str]) -> tuple[float, float] | None:
    """(first, last) in s of a set-up's part, None where it states none; adds what is wrong with it.

    Raises
    ------
    ValueError : it is not two numbers.
    """
    first, last = numbers(element, "time_range", 2, _NONE, is_finite=False)
    if first > last:
        problems.append(f"{what}: <time_range> is {first:g} to {last:g} s; expected the first time first")
    return (first, last) if text_of(element, "time_range") and (first, last) != _NONE else None


def frames_within(time_range: tuple[float, float] | None, time_s: Floats) -> Bools:
    """(T,) the frames of a time: from the last one before it to the first one after it, as OpenSim takes them.

    None are in a time that the trial does not have (OpenSim takes the first or the last frame); without a time, all.
    """
    if time_range is None:
        return np.ones(len(time_s), bool)
    first, last = time_range
    if not len(time_s) or last < time_s[0] - _CLOSE_S or first > time_s[-1] + _CLOSE_S:
        return np.zeros(len(time_s), bool)
    begin = max(int(np.searchsorted(time_s, first + _CLOSE_S, side="right")) - 1, 0)
    end = min(int(np.searchsorted(time_s, last - _CLOSE_S)), len(time_s) - 1)
    out = np.zeros(len(time_s), bool)
    out[begin : end + 1] = True
    return out
