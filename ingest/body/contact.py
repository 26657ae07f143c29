"""Standing feet: points of a foot that do not move are held at one place during stance.

A point stands while, in the smoothed movement, it is slower than :data:`SLOW_M_S` for at least :data:`LEAST_S` and
within :data:`SPREAD_M` of its mean place. No floor is assumed, so steps of a stair count as well. The hold is an
additional target at the mean place, combined with the point's own target, which gives the same least squares.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurostore.arrays import Floats

from .forward import marker_places
from .model import Model
from .targets import Prepared

SLOW_M_S = 0.2
LEAST_S = 0.1
SPREAD_M = 0.015
#: weight of the hold relative to the point's own target
HELD = 5.0
_FEET = ("toe", "heel", "metatarsal_1", "metatarsal_5")


def hold_feet(model: Model, prepared: Prepared, q: Floats, rate_hz: float) -> tuple[Prepared, int]:
    """The targets, with standing points of the feet held in place, and the number of stances. q (T, Q) is smoothed."""
    names = [n for n in prepared.markers if n.split("_", 1)[-1] in _FEET]
    if not names or len(q) < 3:
        return prepared, 0
    places = marker_places(model, q, names)
    at, weight, n_stances = prepared.at.copy(), prepared.weight.copy(), 0
    usual = np.median(weight[weight > 0]) if (weight > 0).any() else 1.0
    for k, name in enumerate(names):
        m = prepared.markers.index(name)
        for a, b in stances(places[:, k], rate_hz):
            own, held = weight[a:b, m], usual * HELD
            place = at[a:b, m][own > 0].mean(axis=0) if (own > 0).any() else places[a:b, k].mean(axis=0)
            share = (held / (own + held))[:, None]
            at[a:b, m] = (1 - share) * at[a:b, m] + share * place
            weight[a:b, m] = own + held
            n_stances += 1
    return replace(prepared, at=at, weight=weight), n_stances


def stances(place: Floats, rate_hz: float) -> list[tuple[int, int]]:
    """First frame, and frame after the last, of each period in which a point (T, 3) in metres stands."""
    speed = np.linalg.norm(np.gradient(place, axis=0), axis=1) * rate_hz
    slow = np.concatenate([[False], speed < SLOW_M_S, [False]])
    edges = np.flatnonzero(np.diff(slow.astype(int)))
    spans = []
    for a, b in edges.reshape(-1, 2):
        if b - a < LEAST_S * rate_hz:
            continue
        middle = place[a + (b - a) // 4 : b - (b - a) // 4].mean(axis=0)
        near = np.flatnonzero(np.linalg.norm(place[a:b] - middle, axis=1) < SPREAD_M)
        if len(near) and near[-1] + 1 - near[0] >= LEAST_S * rate_hz and len(near) == near[-1] + 1 - near[0]:
            spans.append((int(a + near[0]), int(a + near[-1] + 1)))
    return spans
