"""The group FORCE_PLATFORM of a C3D file: what each platform measured, as forces on the person.

Channels of the types 1 to 4, the frame of a platform from its corners and the centre of pressure: www.c3d.org, "Force
platforms". A platform that cannot be read is named in the notes and left out; the trial goes in.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

import numpy as np

from neurostore.arrays import Floats, product
from neurostore.ingest.readers.c3d.analog import Analog
from neurostore.ingest.readers.c3d.parameters import Parameters
from neurostore.ingest.readers.markers.assemble import to_y_up
from neurostore.ingest.readers.plate_doubts import LOADED_N
from neurostore.ingest.readers.wrenches import THRESHOLD_N, UnusableWrenchError, Wrench, baseline, plate_from_wrench
from neurostore.ingest.recording import ForcePlate

N_CHANNELS = {1: 6, 2: 6, 3: 8, 4: 6}
# units, without spaces and signs between their parts
_NEWTONS = {"n": 1.0, "newton": 1.0, "newtons": 1.0, "dan": 10.0, "kn": 1000.0, "lb": 4.4482216152605,
            "lbs": 4.4482216152605, "lbf": 4.4482216152605, "kg": 9.80665, "kgf": 9.80665, "kp": 9.80665}  # fmt: skip
_NEWTON_METRES = {"nmm": 1e-3, "nm": 1.0, "newtonmeter": 1.0, "newtonmeters": 1.0, "newtonmetre": 1.0, "newtonmetres": 1.0,
                  "ncm": 1e-2, "knmm": 1.0, "knm": 1000.0, "kgm": 9.80665, "kgfm": 9.80665, "kpm": 9.80665} | dict.fromkeys(
    ("lbin", "inlb", "lbsin", "inlbs", "lbfin", "inlbf"), 0.1129848290276167) | dict.fromkeys(
    ("lbft", "ftlb", "lbsft", "ftlbs", "lbfft", "ftlbf"), 1.3558179483314004)  # fmt: skip
_VOLTS = ("v", "mv", "uv", "µv", "volt", "volts")
_LEAST_AREA_MM2 = 10_000.0  # 10 cm by 10 cm
_LEAST_LEVEL = 0.5  # cosine of the steepest slope of a surface
_LARGEST_FORCE_N = 20_000.0
_FARTHEST_MM = 50_000.0
_MOST_PLATES = 64


def force_plate_channels(parameters: Parameters) -> list[int]:
    """Indices (from 0) of the analog channels that FORCE_PLATFORM:CHANNEL names."""
    return [int(v) - 1 for v in parameters.numbers("FORCE_PLATFORM", "CHANNEL") if v >= 1]


def read_plates(
    parameters: Parameters, analog: Analog | None, scale_mm: float, up: str, start_s: float, notes: list[str]
) -> list[ForcePlate]:
    """Every platform that can be read.

    Parameters
    ----------
    scale_mm : millimetres per unit of the file's lengths. up : its axis that points up. start_s : time of the first sample.
    """
    used = parameters.number("FORCE_PLATFORM", "USED")
    types = parameters.numbers("FORCE_PLATFORM", "TYPE")
    stated = int(used) if used is not None and np.isfinite(used) else len(types)
    n_plates = min(max(stated, 0), len(types), _MOST_PLATES)
    if stated > n_plates:
        notes.append(f"FORCE_PLATFORM:USED says {stated} platforms, TYPE names {len(types)}; {n_plates} were read")
    if not n_plates:
        if len(types):
            notes.append(f"FORCE_PLATFORM:USED says {stated} platforms, though TYPE names {len(types)}; none was read")
        return []
    if analog is None:
        notes.append(f"{n_plates} force platforms are declared, but the file has no analog samples; they are left out")
        return []
    shared = _shared_channels(parameters, n_plates)
    plates = []
    for i in range(n_plates):
        try:
            plates.append(_plate(i, int(types[i]), parameters, analog, scale_mm, up, start_s, shared, notes))
        except (_LeftOutError, UnusableWrenchError) as why:
            notes.append(f"force platform {i + 1} is left out: {why}")
    return plates


class _LeftOutError(Exception):
    """Why a platform cannot be read."""


def _plate(
    index: int,
    type_: int,
    parameters: Parameters,
    analog: Analog,
    scale_mm: float,
    up: str,
    start_s: float,
    shared: dict[int, list[int]],
    notes: list[str],
) -> ForcePlate:
    if type_ not in N_CHANNELS:
        raise _LeftOutError(f"type {type_}; the types 1, 2, 3 and 4 are read")
    corners = _corners(index, parameters, scale_mm)
    channels = _channels(index, type_, parameters, analog)
    twice = sorted({other + 1 for c in channels for other in shared.get(c, []) if other != index})
    if twice:
        raise _LeftOutError(f"its channels are also those of platform {', '.join(map(str, twice))}")
    units = [analog.units[c] for c in channels]
    raw = analog.samples[channels].astype(np.float64)
    recorded = raw
    raw, zero = _zeroed(recorded, parameters, analog.per_frame, type_)
    origin = _origin(index, parameters) * scale_mm
    values, matrix = _calibrated(index, type_, raw, units, parameters, notes)
    force, moment_mm = _wrench(type_, values, origin)
    if raw is not recorded and abs(_across(index, type_, recorded - raw, units, parameters)) >= LOADED_N:
        before = _wrench(type_, _calibrated(index, type_, recorded, units, parameters, [])[0], origin)
        if baseline(before[0][2], analog.rate_hz, THRESHOLD_N)[1]:
            (force, moment_mm), zero = before, f"{zero}, in which somebody stands on it: as recorded"
            notes.append(f"force platform {index + 1}: {zero}")
    if np.fmax.reduce(np.abs(force), axis=None, initial=0.0) > _LARGEST_FORCE_N:
        raise _LeftOutError(
            f"its forces reach {np.nanmax(np.abs(force)):.3g} N (units {', '.join(dict.fromkeys(units)) or 'none'}); "
            f"people stay below {_LARGEST_FORCE_N:g} N: its scale or calibration matrix is wrong"
        )
    axes = _axes(corners)
    turn = to_y_up(np.eye(3), up).T  # columns: directions of the file's axes in the lab
    to_lab = turn @ axes
    normal = turn @ axes[:, 2]
    if abs(normal[1]) < _LEAST_LEVEL:
        slope = np.degrees(np.arccos(abs(normal[1])))
        raise _LeftOutError(
            f"its surface is {slope:.0f} degrees from level, too steep to stand on: its corners or the vertical axis are wrong"
        )
    wrench = Wrench(
        plate=index + 1,
        type_=type_,
        corners=corners @ turn.T,
        origin=origin,
        matrix=matrix,
        channels=tuple(c + 1 for c in channels),
        units=tuple(units),
        rate_hz=analog.rate_hz,
        start_s=start_s,
        force=product(force.T, to_lab.T),
        moment_nmm=product(moment_mm.T, to_lab.T),
        normal=normal,
        zero=zero,
    )
    return plate_from_wrench(wrench, notes)


def _shared_channels(parameters: Parameters, n_plates: int) -> dict[int, list[int]]:
    """Channels (from 0) that more than one platform names, with the indices of those platforms."""
    table = _of_plates(parameters, "CHANNEL")
    if table.ndim != 2:
        return {}
    owners: dict[int, list[int]] = {}
    for plate in range(min(n_plates, table.shape[1])):
        for channel, count in Counter(int(v) - 1 for v in table[:, plate] if v >= 1).items():
            owners.setdefault(channel, []).extend([plate] * min(count, 1))
    return {c: plates for c, plates in owners.items() if len(plates) > 1}


def _of_plates(parameters: Parameters, name: str, *of_one: int) -> Floats:
    """A parameter with a platform in its last dimension: (*of_one, n); of_one empty for a column of unknown length.

    Software that writes it flat, or that drops the last dimension of a single platform, gives the same numbers in the same order.
    """
    table = parameters.array("FORCE_PLATFORM", name)
    head = of_one or (table.size // max(len(parameters.numbers("FORCE_PLATFORM", "TYPE")), 1),)
    if table.ndim > len(head) or not table.size or not math.prod(head) or table.size % math.prod(head):
        return table
    return table.reshape((*head, -1), order="F")


def _corners(index: int, parameters: Parameters, scale_mm: float) -> Floats:
    """(4, 3) mm in the file's axes."""
    table = _of_plates(parameters, "CORNERS", 3, 4)
    if table.ndim != 3 or table.shape[:2] != (3, 4) or index >= table.shape[2]:
        raise _LeftOutError(f"FORCE_PLATFORM:CORNERS has no corners for it (its shape is {table.shape})")
    corners: Floats = table[:, :, index].T * scale_mm
    if not np.isfinite(corners).all() or np.abs(corners).max() > _FARTHEST_MM:
        raise _LeftOutError("its corners are not finite numbers within 50 m of the origin")
    area = 0.5 * _length(_cross(corners[2] - corners[0], corners[3] - corners[1]))
    if area < _LEAST_AREA_MM2:
        raise _LeftOutError(f"its corners span {area:.0f} mm²; expected at least {_LEAST_AREA_MM2:.0f} mm²")
    return corners


def _channels(index: int, type_: int, parameters: Parameters, analog: Analog) -> list[int]:
    table = _of_plates(parameters, "CHANNEL")
    wanted = N_CHANNELS[type_]
    if table.ndim != 2 or index >= table.shape[1] or table.shape[0] < wanted:
        raise _LeftOutError(f"FORCE_PLATFORM:CHANNEL does not have the {wanted} channels of a platform of type {type_}")
    channels = [int(v) for v in table[:wanted, index]]
    wrong = [c for c in channels if not 1 <= c <= len(analog.labels)]
    if wrong:
        raise _LeftOutError(
            f"it is not connected: its channels are {', '.join(map(str, channels))}, "
            f"the file has the channels 1 to {len(analog.labels)}"
        )
    if len(set(channels)) < wanted:
        raise _LeftOutError(f"its channels {', '.join(map(str, channels))} name one twice")
    return [c - 1 for c in channels]


def _zeroed(raw: Floats, parameters: Parameters, per_frame: int, type_: int) -> tuple[Floats, str]:
    """Channels (c, n) less their baseline, and where it came from."""
    zero = [int(v) for v in parameters.numbers("FORCE_PLATFORM", "ZERO") if np.isfinite(v)]
    if len(zero) == 2:
        first, last = zero
        if first < 1 or last < first:
            return raw, "FORCE_PLATFORM:ZERO names no frames: as recorded"
        first, last = (first - 1) * per_frame, min(last * per_frame, raw.shape[1])
        source = f"FORCE_PLATFORM:ZERO, frames {zero[0]} to {zero[1]}"
        if first < last and type_ == 1:
            return raw, f"{source}, not applied to type 1, whose channels are centres of pressure: as recorded"
        if first < last:
            base = np.nanmean(raw[:, first:last], axis=1, keepdims=True)
            return raw - np.nan_to_num(base), source
        return raw, "FORCE_PLATFORM:ZERO names frames that are not in the file: as recorded"
    return raw, ""


def _across(index: int, type_: int, base: Floats, units: Sequence[str], parameters: Parameters) -> float:
    """The force in N across the surface that a baseline (c, n), the same in all samples, stands for; 0 where nothing is known."""
    known = np.flatnonzero(np.isfinite(base.sum(axis=0)))[:1]
    values = _calibrated(index, type_, base[:, known], units, parameters, [])[0]
    return float(_wrench(type_, values, np.zeros(3))[0][2].sum())


def _origin(index: int, parameters: Parameters) -> Floats:
    table = _of_plates(parameters, "ORIGIN", 3)
    if table.ndim != 2 or table.shape[0] != 3 or index >= table.shape[1] or not np.isfinite(table[:, index]).all():
        raise _LeftOutError("FORCE_PLATFORM:ORIGIN has no origin for it")
    origin: Floats = table[:, index]
    return origin


def _calibrated(
    index: int, type_: int, raw: Floats, units: Sequence[str], parameters: Parameters, notes: list[str]
) -> tuple[Floats, Floats | None]:
    """Channels in N and Nmm (type 1: N, mm and Nmm), and the calibration matrix of type 4."""
    matrix = None
    if type_ == 4:
        table = _of_plates(parameters, "CAL_MATRIX", 6, 6)
        if table.ndim != 3 or table.shape[:2] != (6, 6) or index >= table.shape[2]:
            raise _LeftOutError(f"type 4 needs a calibration matrix of 6 by 6; CAL_MATRIX has the shape {table.shape}")
        matrix = table[:, :, index]
        if not np.isfinite(matrix).all() or np.linalg.matrix_rank(matrix) < 6:
            raise _LeftOutError("its calibration matrix is not a finite, regular matrix")
        if all(u.strip().lower() in ("", *_VOLTS) for u in units) or not np.array_equal(
            matrix, np.diag(np.diag(matrix))
        ):
            return product(raw.T, matrix.T).T, matrix  # volts: the calibration matrix gives N and Nmm
        raw = product(raw.T, matrix.T).T
    factors = [_factor(unit, is_force=i < 3 or type_ == 3) for i, unit in enumerate(units)]
    if type_ == 1:
        factors[3] = factors[4] = 1.0
    unknown = {u for u, f in zip(units, factors, strict=True) if f is None}
    if unknown:
        kinds = ", ".join(repr(u) for u in sorted(unknown))
        raise _LeftOutError(f"the unit of its channels is {kinds}; expected N, lb or kg and Nmm or Nm")
    factor = np.array([f if i < 3 or type_ == 3 else f * 1e3 for i, f in enumerate(factors) if f is not None])
    if type_ == 1:
        factor[3:5] = 1.0
    volts = sorted({u for u in units if u.strip().lower() in _VOLTS})
    if volts and type_ != 4:
        notes.append(
            f"force platform {index + 1}: channels in {', '.join(volts)}; their scaled values were taken as N and Nmm"
        )
    odd = sorted({u for u in units if u.strip().lower() not in ("n", "nmm", "", "mm", *_VOLTS)})
    if odd:
        notes.append(f"force platform {index + 1}: channels in {', '.join(odd)} were converted to N and Nmm")
    return raw * factor[:, None], matrix


@cache
def _factor(unit: str, *, is_force: bool) -> float | None:
    """Newtons or newton metres of a unit; None if it is unknown."""
    word = re.sub(r"[\s.·⋅*-]", "", unit.lower())
    if word in ("", *_VOLTS):
        return 1.0 if is_force else 1e-3
    return (_NEWTONS if is_force else _NEWTON_METRES).get(word)


def _wrench(type_: int, values: Floats, origin: Floats) -> tuple[Floats, Floats]:
    """(force (3, n) N, moment (3, n) Nmm about the middle of the surface) in the platform's axes.

    ORIGIN leads from the sensors' origin to the surface; its third part is negative with the axes pointing down. Some
    software writes the opposite vector, which has a positive third part.
    """
    if type_ == 1:
        force, (x, y, free) = values[:3], values[3:]
        moment = np.stack([y * force[2], -x * force[2], x * force[1] - y * force[0] + free])
        return force, moment
    if type_ == 3:
        x12, x34, y14, y23, z1, z2, z3, z4 = values
        a, b, depth = abs(origin[0]), abs(origin[1]), -abs(origin[2])
        force = np.stack([x12 + x34, y14 + y23, z1 + z2 + z3 + z4])
        moment = np.stack([b * (z1 + z2 - z3 - z4), a * (-z1 + z2 + z3 - z4), b * (-x12 + x34) + a * (y14 - y23)])
        return force, moment + np.cross(force.T, [0.0, 0.0, depth]).T
    down = -origin if origin[2] > 0 else origin
    x, y, z = values[:3]
    a, b, c = down
    # force × down, faster than np.cross
    return values[:3], values[3:] + np.stack([y * c - z * b, z * a - x * c, x * b - y * a])


def _axes(corners: Floats) -> Floats:
    """(3, 3), columns x, y, z of the platform: x from corners 2 and 3 to 1 and 4, y from 3 and 4 to 1 and 2."""
    x = corners[0] + corners[3] - corners[1] - corners[2]
    y = corners[0] + corners[1] - corners[2] - corners[3]
    if not (_length(x) > 0 and _length(y) > 0):
        raise _LeftOutError("its corners are not in order around it")
    x = x / _length(x)
    z = _cross(x, y)
    if _length(z) < 0.5 * _length(y):
        raise _LeftOutError("its corners are not in order around it")
    z = z / _length(z)
    return np.array([x, _cross(z, x), z]).T


def _cross(a: Floats, b: Floats) -> Floats:
    """a × b of two vectors (3,), in a tenth of the time of np.cross."""
    (a0, a1, a2), (b0, b1, b2) = a.tolist(), b.tolist()
    return np.array([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0])


def _length(vector: Floats) -> float:
    return math.sqrt(vector @ vector)
