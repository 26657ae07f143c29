"""The vertical axis of a marker file: the markers decide, and what the file says of its screen only breaks ties.

X_SCREEN and Y_SCREEN of a C3D describe a screen: Qualisys writes −X and −Z into every file whose Z points up, others
+Y where Z does. So the axis is taken along which the pelvis, trunk and head are away from the feet and along which
the feet on the ground keep one height. In a crouch the trunk is ahead of the feet; their common height then decides.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from neurostore.arrays import Floats, middle, percentiles
from neurostore.schemas.common_names import words

# fmt: off
_FEET = frozenset((
    "HEE", "HEEL", "HEL", "HEELFOOT", "HEELPOST", "CAL", "CALC", "CALCA", "CALCN", "CALCANEUS", "FCC", "CA", "TOE",
    "TOES", "TOETIP", "TOEMID", "TOEBASE", "BIGTOE", "SMALLTOE", "MT1", "MT2", "MT3", "MT5", "MTH1", "MTH2", "MTH5",
    "MET1", "MET2", "MET5", "FM1", "FM2", "FM5", "FMH", "SMH", "VMH", "D1M", "D2M", "D5M", "1MT", "2MT", "5MT",
    "FIRSTMETATARSAL", "SECONDMETATARSAL", "FIFTHMETATARSAL", "5META", "ANK", "ANKLE", "ANKLELAT", "ANKLEMED",
    "ANKLELATERAL", "ANKLEMEDIAL", "LATANKLE", "MEDANKLE", "LMAL", "MMAL", "LATMAL", "MEDMAL", "LMALL", "MMALL",
    "MALL", "LATMALLEOLUS", "MEDMALLEOLUS", "MALLEOLUS", "FAL", "TAM", "FOOT", "FOOTLAT", "FOOTMED", "TOELAT",
    "TOEMED", "MANKLE", "LANKLE", "ANKL", "ANKM", "ANM",
))
_ABOVE = frozenset((
    "FHD", "BHD", "HEAD", "FRONTHEAD", "BACKHEAD", "HEADFRONT", "HEADBACK", "TOPHEAD", "TOPOFHEAD", "NOSE", "NECK",
    "EAR", "EYE", "SHO", "SHOULDER", "SHLD", "ACR", "ACROMION", "AC", "AA", "C7", "CV7", "C7SPINALPROCESS", "CLAV",
    "CLAVICLE", "STRN", "STERN", "STERNUM", "CHEST", "T10", "TV10", "T8", "T8SPINALPROCESS", "PX", "IJ", "XIPHOID",
    "SXS", "SUPRASTERNAL", "ASI", "ASIS", "IAS", "PSI", "PSIS", "IPS", "SACR", "SACRUM", "SACRAL", "VSACRAL",
    "VSAC", "SAC", "SAJ", "MPSI", "PELVIS", "HIP", "HIPS", "MIDHIP", "FWT", "BWT", "MWT", "GT", "TROCH",
    "TROCHANTER", "GREATERTROCHANTER", "GTR", "ILIAC", "CREST", "HJC", "SIAS", "SIPS", "EIAS", "EIPS",
    "ANTERIORSUPERIORILIACSPINE", "POSTERIORSUPERIORILIACSPINE",
))
_KNEES = frozenset((
    "KNE", "KNEE", "KNI", "KNM", "KNEM", "KNEL", "KNEELAT", "KNEEMED", "KNEELATERAL", "KNEEMEDIAL", "LATKNEE", "MEDKNEE",
    "LATERALKNEE", "MEDIALKNEE", "MKNEE", "LKNEE", "MKNE", "LKNE", "FLE", "FME", "LFC", "MFC", "LFE", "MFE", "KNEEOUT", "KNEEIN",
    "LATERALFEMORALEPICONDYLE", "MEDIALFEMORALEPICONDYLE", "KJC",
))
_HEAD = frozenset(("FHD", "BHD", "HEAD", "FRONTHEAD", "BACKHEAD", "HEADFRONT", "HEADBACK", "TOPHEAD", "TOPOFHEAD", "NOSE", "EAR", "EYE"))
_TRUNK = frozenset(("T10", "TV10", "T8", "T8SPINALPROCESS", "STRN", "STERN", "STERNUM", "PX", "XIPHOID", "SXS", "CHEST"))
_PELVIS = frozenset((
    "ASI", "ASIS", "IAS", "PSI", "PSIS", "IPS", "SACR", "SACRUM", "SACRAL", "VSACRAL", "VSAC", "SAC", "MPSI", "PELVIS", "HIP", "HIPS",
    "MIDHIP", "FWT", "BWT", "MWT", "SIAS", "SIPS", "EIAS", "EIPS",
))
# fmt: on
_LEAST_NAMES = 4
_LEAST_LIFT_MM = 50.0
_LEAST_TRAVEL_MM = 500.0
_UPRIGHT = 0.9  # least share of the axis in the line from the lower to the upper markers
_CLEAR = 0.75  # the second best direction must score less than this share of the best


@dataclass(frozen=True, slots=True)
class Up:
    """axis : 'x', '-x', … 'z'. how : why, in plain words. is_sure : by markers whose names are known, without a rival.

    is_upright : sure, the upper markers are within 26 degrees above the lower ones, and the body travels across this axis, as in
    walking and running: a person who lies on a bench does not.
    """

    axis: str
    how: str
    is_sure: bool
    is_upright: bool = False


@cache
def _feet() -> frozenset[str]:
    return _FEET | words("heel", "toe", "metatarsal_1", "metatarsal_5", "ankle_lateral", "ankle_medial")


@cache
def _above() -> frozenset[str]:
    sided = ("asis", "psis", "trochanter", "acromion", "head_front", "head_back")
    return _ABOVE | words(*sided, "sacrum", "c7", "t10", "clavicle", "sternum", "head_marker")


@cache
def _knees() -> frozenset[str]:
    return _KNEES | words("knee_lateral", "knee_medial")


def is_foot(name: str) -> bool:
    """Whether a squeezed name (upper case, letters and digits) is that of a marker at the foot or ankle."""
    return not _feet().isdisjoint(_variants(name))


def is_above(name: str) -> bool:
    """Whether a squeezed name is that of a marker at the pelvis, trunk or head."""
    return not _above().isdisjoint(_variants(name))


def is_of_body(name: str) -> bool:
    """Whether a squeezed name is that of a marker at a foot, a knee, the pelvis, the trunk or the head."""
    return is_foot(name) or is_above(name) or not _knees().isdisjoint(_variants(name))


def n_of_body(names: Sequence[str]) -> int:
    """How many squeezed names are those of markers of a body, without a beginning that all share."""
    return sum(map(is_of_body, _without_prefix(names)))


def _having(names: Sequence[str], words: frozenset[str]) -> list[int]:
    return [i for i, name in enumerate(names) if not words.isdisjoint(_variants(name))]


@lru_cache(maxsize=4096)  # the files of a laboratory have the same names
def _variants(name: str) -> frozenset[str]:
    """A name with and without its side, at its beginning or end; whole words only: WHEELCHAIR holds no heel."""
    for suffix in ("STUDY", "MARKER"):
        name = name.removesuffix(suffix)
    prefixes = ("LEFT", "RIGHT", "PLEFT", "PRIGHT", "L", "R", "P")
    starts = [name, *(name.removeprefix(p) for p in prefixes if name.startswith(p))]
    ends = (start.removesuffix(s) for start in starts for s in ("LEFT", "RIGHT", "L", "R") if start.endswith(s))
    return frozenset((*starts, *ends))


def judge_up(names: Sequence[str], positions: Floats, default: str, screen: str = "") -> Up:
    """Which axis points up.

    Parameters
    ----------
    names : squeezed marker names. positions : (n, J, 3) mm, NaN = missing. default : the convention of the format.
    screen : what the file says ('' if it says nothing): decides where the markers do not.
    """
    names = _without_prefix(names)
    low = [i for i, n in enumerate(names) if is_foot(n)]
    high = [i for i, n in enumerate(names) if is_above(n) and i not in low]
    sample = positions[:: max(1, len(positions) // 500)].astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # frames of NaN only give NaN, as intended
        for feet, above, how in _pairs(names, low, high):
            judged = _by_body(sample[:, feet], sample[:, above], screen, how)
            if judged is not None:
                return judged
        return _by_cloud(sample, default, screen)


def _without_prefix(names: Sequence[str]) -> Sequence[str]:
    """The names without the beginning that all share (a subject's: P01LASI), where more of them are known then."""
    if len(names) < _LEAST_NAMES:
        return names
    first, last = min(names), max(names)
    n_shared = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last))
    )
    if not n_shared:
        return names
    bare = [name[n_shared:] for name in names]
    known, known_bare = (sum(map(is_of_body, some)) for some in (names, bare))
    return bare if known_bare > known else names


def _pairs(names: Sequence[str], low: list[int], high: list[int]) -> Iterator[tuple[list[int], list[int], str]]:
    """(lower markers, upper markers, their description), the surest first: feet and trunk, feet and knees, parts of the trunk."""
    knees = _having(names, _knees())
    trunk, pelvis, head = _having(names, _TRUNK), _having(names, _PELVIS), _having(names, _HEAD)
    shoulders = [i for i in high if i not in {*trunk, *pelvis, *head}]
    if low and high:
        yield low, high, "pelvis, trunk and head lie above the feet along it"
    elif low and knees:
        yield low, knees, "the knees lie above the feet along it"
    elif knees and high:
        yield knees, high, "pelvis, trunk and head lie above the knees along it"
    for lower in (pelvis, trunk, shoulders) if not low else ():
        upper = head or (shoulders if lower is not shoulders else [])
        if lower and upper and lower is not upper:
            yield lower, upper, "the upper trunk and the head lie above the rest of the trunk along it"
            return


def _by_body(feet: Floats, above: Floats, screen: str, how: str) -> Up | None:
    lift = middle(np.nanmean(above, axis=1) - np.nanmean(feet, axis=1))
    spread = _ground_spread(feet)
    if not (np.isfinite(lift).all() and np.linalg.norm(lift) > _LEAST_LIFT_MM):
        return None
    share = np.abs(lift) / np.linalg.norm(lift)
    level = np.nanmin(spread) / spread if np.isfinite(spread).all() and (spread > 0).all() else np.ones(3)
    score = np.where(np.abs(lift) > _LEAST_LIFT_MM, share * level, 0.0)
    order = np.argsort(score)[::-1]
    best, second = int(order[0]), int(order[1])
    if share[best] < _UPRIGHT:
        how += ", and the feet on the ground keep one height"
    if score[second] > _CLEAR * score[best]:
        stated = "xyz".find(screen[-1:]) if screen else -1
        if stated not in (best, second):
            return Up(_signed(best, lift), f"{how}; {'xyz'[second]} is nearly as likely", False)
        return Up(
            _signed(stated, lift),
            "the markers leave two axes possible, and the screen axes of the file name this one",
            False,
        )
    return Up(_signed(best, lift), how, True, bool(share[best] >= _UPRIGHT) and _travels(above, best))


def _travels(above: Floats, axis: int) -> bool:
    """Whether the middle of the upper markers goes over 0.5 m across the axis, and three times as far as along it."""
    way = np.nanmax(np.nanmean(above, axis=1), axis=0) - np.nanmin(np.nanmean(above, axis=1), axis=0)
    across = float(np.linalg.norm(np.delete(way, axis)))
    return across > _LEAST_TRAVEL_MM and across > 3 * float(way[axis])


def _signed(axis: int, direction: Floats) -> str:
    return ("" if direction[axis] > 0 else "-") + "xyz"[axis]


def _ground_spread(feet: Floats) -> Floats:
    """(3,) range along each axis of all samples in which a foot marker hardly moves, which are those on the ground."""
    step = np.linalg.norm(np.diff(feet, axis=0), axis=-1)
    if not len(step):
        return np.full(3, np.nan)
    limit = 0.2 * percentiles(step, [95])[0]
    is_known = np.isfinite(feet).all(-1)
    still = np.concatenate([step <= limit, np.zeros((1, feet.shape[1]), bool)]) & is_known
    ground = feet[still] if still.sum() >= 10 else feet[is_known]
    if not len(ground):
        return np.full(3, np.nan)
    low, high = percentiles(ground, [5, 95])
    return high - low + 1.0


def _by_cloud(sample: Floats, default: str, screen: str) -> Up:
    """Without names that say which way is up: the screen's axis, its positive side up unless the markers are below zero; else the longest side."""
    if screen:
        axis = "xyz".index(screen[-1])
        values = sample[..., axis][np.isfinite(sample[..., axis])]
        is_below = len(values) and np.percentile(values, 90) < 0
        up = ("-" if is_below else "") + "xyz"[axis]
        return Up(up, "the screen axes of the file name this axis, and the markers are on this side of zero", False)
    spread = np.nanmedian(np.nanmax(sample, axis=1) - np.nanmin(sample, axis=1), axis=0)
    if np.isfinite(spread).all():
        order = np.argsort(spread)
        if spread[order[2]] > 1.3 * spread[order[1]]:
            return Up("xyz"[order[2]], "the markers spread most along it", False)
    return Up(default, "the convention of the format, because the data do not decide it", False)
