"""Whether a session's static trial is of the person of a trial: lengths that no pose changes, compared between the two.

For a user's own model these are the set-up's measurements, as far as they hardly depend on the pose, and the distances of
registered markers on one body; for our own model the lengths of limbs. A marker may be placed anew and a length measured
badly, so the static trial is another person's only if at least half of them differ, all to the same side.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neurostore.arrays import Floats
from neurostore.wording import listed

from .forward import marker_places
from .model import ROTATIONAL, Model
from .scale_setup import Measurement

#: share by which lengths of one person differ less, as for landmarks
OTHER_PERSON = 0.12
#: share by which a measurement may change with the pose and still tell persons apart
_FROM_POSE = 0.15
#: m: shorter distances of markers say little about a person
_LONG_M = 0.08
_POSES, _TURN = 100, 1.2


def different(here: Mapping[str, float], there: Mapping[str, float], unit: str = "") -> str | None:
    """What differs, if these lengths are not those of one person. here : this trial's, there : the static trial's."""
    both = [n for n in here if n in there and here[n] > 0 and there[n] > 0]
    for side in (1, -1):
        off = [n for n in both if side * (here[n] / there[n] - 1) > OTHER_PERSON]
        if off and 2 * len(off) >= len(both):
            return listed(f"{n} {here[n]:.3g}{unit} here, {there[n]:.3g}{unit} there" for n in off)
    return None


def note(differ: str) -> str:
    """For the notes of a trial."""
    return f"the static trial of the session is of another person or in another scale, and was not used for the body: {differ}"


def steady(model: Model, measurements: tuple[Measurement, ...]) -> set[str]:
    """Measurements that hardly depend on the pose, by markers in random poses within the ranges of the coordinates."""
    rng = np.random.default_rng(0)
    q = np.tile([c.default for c in model.coordinates], (_POSES, 1)).astype(float)
    for i, c in enumerate(model.coordinates):
        if c.motion == ROTATIONAL and not c.is_locked and c.prescribed is None:
            q[:, i] = rng.uniform(max(c.minimum, -_TURN), max(min(c.maximum, _TURN), max(c.minimum, -_TURN)), _POSES)
    index = {m.name: k for k, m in enumerate(model.markers)}
    at = marker_places(model, q)
    out = set()
    for m in measurements:
        pairs = [np.linalg.norm(at[:, index[a]] - at[:, index[b]], axis=1) for a, b in m.pairs if {a, b} <= set(index)]
        if pairs and all(np.ptp(d) < _FROM_POSE * d.mean() for d in pairs):
            out.add(m.name)
    return out


def registered_lengths(
    model: Model, places: Mapping[str, Floats], points_m: Mapping[str, Floats]
) -> tuple[dict[str, float], dict[str, float]]:
    """Body -> mean distance in mm of its registered markers: in this trial, and as the static trial has them."""
    here, there = {}, {}
    for body in model.bodies:
        names = [m.name for m in model.markers if m.body == body and m.name in places and m.name in points_m]
        mine, its = [], []
        for k, a in enumerate(names):
            for b in names[:k]:
                apart = float(np.linalg.norm(places[a] - places[b]))
                now = np.linalg.norm(points_m[a] - points_m[b], axis=1)
                if apart > _LONG_M and np.isfinite(now).any():
                    mine.append(1000 * float(np.nanmedian(now)))
                    its.append(1000 * apart)
        if mine:
            here[f"markers on {body}"], there[f"markers on {body}"] = float(np.mean(mine)), float(np.mean(its))
    return here, there
