"""Doubts about the samples of a single force platform, in words for the notes."""

from __future__ import annotations

import numpy as np

from neurostore.arrays import Bools, Floats, percentiles, runs_of
from neurostore.ingest.recording import ForcePlate
from neurostore.sql.views import thresholds

LOADED_N = 50.0
_LEAST_LOADED_S = 0.05
_LEAST_STANCE_S = 0.2
_LEAST_MOVEMENT_MM = 1.0
_BEYOND = 0.95
_LEAST_SHEAR_N = 100.0
_FLAT_S = 0.03
_SPIKE_N = 2000.0


def doubts(plate: ForcePlate) -> list[str]:
    """Sentences on a platform whose channels, corners or units can hardly be what the file says; nothing is changed."""
    up = plate.force[:, 1]
    sentences = []
    shear = np.hypot(plate.force[:, 0], plate.force[:, 2])
    most_shear, most_up = (
        (percentiles(values, [99])[0] for values in (shear, up)) if shear.max() > _LEAST_SHEAR_N else (0, 0)
    )
    if most_shear > max(_LEAST_SHEAR_N, 2 * most_up):
        sentences.append(
            f"its horizontal force reaches {most_shear:.0f} N and its vertical force {most_up:.0f} N: "
            "the order of its channels or of its corners is probably wrong"
        )
    is_loaded = up >= LOADED_N
    cop = plate.cop[is_loaded]
    is_known = np.isfinite(cop[:, 0])
    if len(cop) >= _LEAST_LOADED_S * plate.rate_hz and is_known.mean() <= 1 - _BEYOND:
        sentences.append(
            "its centre of pressure is beyond its corners while it is loaded: its corners, its channels or the unit of its "
            "moments are probably wrong"
        )
    elif is_known.sum() >= _LEAST_STANCE_S * plate.rate_hz:
        low, high = percentiles(cop[is_known], [5, 95])
        if np.linalg.norm(high - low) < _LEAST_MOVEMENT_MM:
            sentences.append(
                f"its centre of pressure moves by less than {_LEAST_MOVEMENT_MM:g} mm, as under a dead weight: "
                "if a person stands on it, the unit of its moments is wrong"
            )
    if _longest_run(up == up.max()) > max(3, _FLAT_S * plate.rate_hz) and up.max() >= LOADED_N:
        sentences.append(f"its vertical force stays at its largest value, {up.max():.0f} N: it is saturated")
    return [f"force platform {plate.plate}: {text}" for text in sentences]


def remarks(plate: ForcePlate) -> list[str]:
    """Sentences on what a platform cannot give although its forces are right."""
    if not is_smoothed(plate.force[:, 1], plate.rate_hz):
        return []
    return [
        f"force platform {plate.plate}: its vertical force was low-pass filtered, so it passes 20 N up to 30 ms before a foot "
        "touches it: it gives no foot strikes and foot offs"
    ]


def is_smoothed(up: Floats, rate_hz: float) -> bool:
    """Whether a vertical force in N that rises from nothing to a load bends less than raw samples do (view _force_events)."""
    limits = thresholds()
    contact_n, sharp = limits["contact_n"][0], limits["sharp_force_per_s2"][0]
    if not (up.max(initial=0) >= LOADED_N and ((up[:-1] < contact_n) & (up[1:] >= contact_n)).any()):
        return False
    return bool(np.abs(np.diff(up, 2)).max(initial=0) * rate_hz**2 < sharp * up.max())


def spikes(force: Floats) -> Bools:
    """Samples (n,) at which a component of the force (n, 3) stands 2,000 N or more above, or below, both neighbours."""
    out = np.zeros(len(force), bool)
    if len(force) > 2 and not np.abs(np.diff(force.T)).max() < _SPIKE_N:
        before, after = force[1:-1] - force[:-2], force[1:-1] - force[2:]
        out[1:-1] = ((np.minimum(np.abs(before), np.abs(after)) >= _SPIKE_N) & (before * after > 0)).any(axis=1)
    return out


def _longest_run(is_so: Bools) -> int:
    start, stop = runs_of(is_so)
    return int((stop - start).max(initial=0))
