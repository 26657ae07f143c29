"""Forces on the person from wrenches of a platform: which way they point, the centre of pressure, the baseline.

Input: what a reader found in the lab's axes (Y up). Output: a ForcePlate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from neurostore.arrays import Bools, Floats, percentiles, product
from neurostore.ingest.readers.plate_doubts import doubts, remarks, spikes
from neurostore.ingest.recording import ForcePlate

THRESHOLD_N = 20.0
MARGIN_MM = 0.5
_MOST_REST = 5.0  # N or Nm that an unloaded platform may read
_MOST_SMALL_N = 40.0  # an unloaded platform reads less
_REST_N, _QUIET_N = 10.0, 4.0  # around the median, and between the quartiles, of the vertical force of one at rest
_LEAST_REST_S = 0.25
_LEAST_LOADED_N = 50.0
_UNLOADED_S = 0.05
_LONGEST_GAP_S = 0.01  # missing samples up to this duration are interpolated linearly


class UnusableWrenchError(Exception):
    """Why a platform's samples cannot be used."""


@dataclass(frozen=True, slots=True)
class Wrench:
    """What a file holds of one platform, in the lab's axes (Y up).

    Attributes
    ----------
    plate : its number from 1. type_ : of C3D, 0 for forces that stand alone.
    force : (n, 3) N, moment_nmm : (n, 3) Nmm about the middle of the surface. normal : (3,) unit vector across the surface.
    corners : (4, 3) mm; centre : (3,) mm, the middle if there are no corners. origin, matrix : as the file has them.
    start_s : time of the first sample. zero : how the baseline was removed, '' if it was not yet.
    """

    plate: int
    type_: int
    rate_hz: float
    start_s: float
    force: Floats
    moment_nmm: Floats
    normal: Floats
    zero: str
    units: tuple[str, ...]
    channels: tuple[int, ...] = ()
    corners: Floats | None = None
    centre: Floats | None = None
    origin: Floats | None = None
    matrix: Floats | None = None
    side: str | None = None


def plate_from_wrench(wrench: Wrench, notes: list[str], threshold_n: float = THRESHOLD_N) -> ForcePlate:
    """A platform of forces on the person; the notes say what was changed.

    Raises
    ------
    UnusableWrenchError : samples are missing over more than 10 ms.
    """
    middle = np.asarray(wrench.corners, float).mean(axis=0) if wrench.corners is not None else wrench.centre
    assert middle is not None
    name = f"force platform {wrench.plate}"
    force, moment_nmm = _bridged(wrench, notes)
    is_flipped = _is_flipped(force[:, 1])
    if is_flipped:
        force, moment_nmm = -force, -moment_nmm
        notes.append(_reversal(wrench))
    baseline_n, returns = baseline(force[:, 1], wrench.rate_hz, threshold_n)
    zero = wrench.zero or "none: never unloaded"
    is_unloaded = np.abs(force[:, 1] - baseline_n) < threshold_n
    if not wrench.zero and returns and is_unloaded.any():
        force = force - np.nanmedian(force[is_unloaded], axis=0)
        moment_nmm = moment_nmm - np.nanmedian(moment_nmm[is_unloaded], axis=0)
        zero = "median of the unloaded samples"
        notes.append(
            f"{name}: no FORCE_PLATFORM:ZERO; the baseline ({baseline_n:.1f} N vertical) is the median of the unloaded samples"
        )
        baseline_n = 0.0
    elif returns and (rest := _rest(force, moment_nmm, wrench.rate_hz)) is not None:
        baseline_n = float(rest[1])
        notes += _rest_notes(name, rest)
    if not returns:
        least = _least(force[:, 1])
        notes.append(f"{name}: the vertical force never returns to zero (least {least:.0f} N); its forces are not used")
    cop, free = _pressure(force, moment_nmm, middle, wrench.normal, threshold_n, wrench.corners)
    plate = ForcePlate(
        plate=wrench.plate,
        type=wrench.type_,
        corners=wrench.corners,
        origin=wrench.origin,
        matrix=wrench.matrix,
        channels=wrench.channels,
        units=wrench.units,
        rate_hz=wrench.rate_hz,
        start_s=wrench.start_s,
        force=force,
        moment=moment_nmm / 1000.0,
        centre=np.asarray(middle, float),
        cop=cop,
        free_moment=free,
        threshold_n=threshold_n,
        baseline_n=float(baseline_n),
        zero=zero,
        is_flipped=is_flipped,
        returns_to_zero=returns,
        side=wrench.side,
    )
    if not returns:
        return plate
    doubtful = doubts(plate)
    notes += [*doubtful, *remarks(plate)]
    return replace(plate, is_doubtful=bool(doubtful))


def _rest(force: Floats, moment_nmm: Floats, rate_hz: float) -> Floats | None:
    """(6,) force in N and moment in Nmm that a platform reads unloaded; None if that is not known.

    Unloaded is where the vertical force hardly changes for most of the time that it is small. On a treadmill, whose
    platforms oscillate, it is not known.
    """
    up = force[:, 1]
    is_small = np.abs(up) < _MOST_SMALL_N
    if is_small.sum() < _LEAST_REST_S * rate_hz:
        return None
    is_rest = is_small & (np.abs(up - np.median(up[is_small])) < _REST_N)
    n_rest = int(is_rest.sum())
    low, high = percentiles(up[is_rest], [25, 75]) if n_rest else (0.0, np.inf)
    if n_rest < 0.5 * is_small.sum() or high - low > _QUIET_N:
        return None
    return np.array([np.median(column[is_rest]) for column in (*force.T, *moment_nmm.T)])


def _rest_notes(name: str, rest: Floats) -> list[str]:
    """A note if an unloaded platform reads more than 5 N or 5 Nm."""
    horizontal, moment = float(np.hypot(rest[0], rest[2])), float(np.abs(rest[3:]).max()) / 1000.0
    if max(abs(rest[1]), horizontal, moment) <= _MOST_REST:
        return []
    return [
        f"{name}: unloaded it reads {rest[1]:.1f} N vertically, {horizontal:.1f} N horizontally and up to {moment:.1f} Nm; its "
        "forces are used as recorded: set FORCE_PLATFORM:ZERO to frames without load, or zero the platform"
    ]


def _reversal(wrench: Wrench) -> str:
    is_upside_down = wrench.corners is not None and wrench.normal[1] > 0
    return (
        f"force platform {wrench.plate}: its forces point into the floor, like those of feet on the platform; their signs were reversed"
        + (
            "; the order of its corners makes its z axis point up: if it is wrong, so are centres of pressure"
            if is_upside_down
            else ""
        )
    )


def _bridged(wrench: Wrench, notes: list[str]) -> tuple[Floats, Floats]:
    """Force and moment with short gaps bridged: a step in the force in the middle of a stance would be mistaken for an event."""
    is_spike = spikes(wrench.force)
    n_spikes = int(is_spike.sum())
    if not n_spikes and np.isfinite(wrench.force.sum() + wrench.moment_nmm.sum()):  # only if every sample is
        return wrench.force, wrench.moment_nmm
    both = np.hstack([wrench.force, wrench.moment_nmm])
    if n_spikes:
        both[is_spike] = np.nan
        notes.append(f"force platform {wrench.plate}: {n_spikes} single samples of 2,000 N and more count as missing")
    is_known = np.isfinite(both).all(axis=1)
    if is_known.all():
        return wrench.force, wrench.moment_nmm
    known = np.flatnonzero(is_known)
    longest = int(np.diff(np.concatenate([[-1], known, [len(both)]])).max()) - 1
    missing = f"{len(both) - len(known)} of its {len(both)} samples are missing, up to {longest} in a row"
    if longest > _LONGEST_GAP_S * wrench.rate_hz:
        raise UnusableWrenchError(f"{missing}; gaps of up to {_LONGEST_GAP_S * 1000:g} ms are bridged")
    at = np.arange(len(both))
    whole = np.stack([np.interp(at, known, column[is_known]) for column in both.T], axis=1)
    notes.append(f"force platform {wrench.plate}: {missing}; they are bridged by straight lines")
    return whole[:, :3], whole[:, 3:]


def _least(vertical: Floats) -> float:
    finite = vertical[np.isfinite(vertical)]
    return float(finite.min()) if len(finite) else float("nan")


def _is_flipped(vertical: Floats) -> bool:
    """Nobody pulls on the floor: the larger side of the vertical force is the one on the person, upward."""
    finite = vertical[np.isfinite(vertical)]
    if not len(finite):
        return False
    if finite.min() > -_LEAST_LOADED_N:
        return False
    down, up = percentiles(finite, [0.5, 99.5])
    return bool(-down > max(up, _LEAST_LOADED_N))


def baseline(vertical: Floats, rate_hz: float, threshold_n: float) -> tuple[float, bool]:
    """(vertical force that is left unloaded, whether the platform is unloaded at some time)."""
    size = np.abs(vertical[np.isfinite(vertical)])
    if not len(size):
        return 0.0, False
    n = min(len(size), max(3, round(_UNLOADED_S * rate_hz)))
    level = float(np.median(vertical[np.abs(vertical) <= np.partition(size, n - 1)[n - 1]]))
    return level, bool(abs(level) < threshold_n)


def _pressure(
    force: Floats,
    moment_nmm: Floats,
    middle: Floats,
    normal: Floats,
    threshold_n: float,
    corners: Floats | None,
) -> tuple[Floats, Floats]:
    """(centre of pressure (n, 3) mm on the surface, NaN where it says nothing; free moment (n,) Nm about the vertical).

    r = n × M / (n·F) is the point of the surface with a moment about its normal alone; what is left there is the free
    moment.
    """
    free, cop = np.full(len(force), np.nan), np.full(force.shape, np.nan)
    with np.errstate(invalid="ignore"):
        at = np.flatnonzero(force[:, 1] >= threshold_n)  # only loaded samples, which are few
        at = at[np.abs(product(force[at], normal)) > 0.5 * threshold_n]
    loaded, moment = force[at], moment_nmm[at]
    x, y, z = normal
    turned = np.array([[0.0, z, -y], [-z, 0.0, x], [y, -x, 0.0]])  # v @ turned is normal × v, faster than np.cross
    offset = product(moment, turned) / product(loaded, normal)[:, None]
    up = np.sign(normal[1]) if normal[1] else 1.0
    free[at] = up * (product(moment, normal) - (loaded * product(offset, turned)).sum(axis=1)) / 1000.0
    places = offset + middle
    if corners is not None:
        places[~_is_inside(places, np.asarray(corners, float), normal)] = np.nan
    cop[at] = places
    return cop, free


def _is_inside(points: Floats, corners: Floats, normal: Floats) -> Bools:
    """Whether each point is on the four-cornered surface, within half a millimetre."""
    side = np.roll(corners, -1, axis=0) - corners
    inward = np.cross(normal, side)
    inward /= np.linalg.norm(inward, axis=1, keepdims=True)
    middle = corners.mean(axis=0)
    inward *= np.sign(((middle - corners) * inward).sum(axis=1))[:, None]
    with np.errstate(invalid="ignore"):
        distance = product(points, inward.T) - (corners * inward).sum(axis=1)
        return (distance >= -MARGIN_MM).all(axis=1)
