"""Ground reaction forces as OpenSim writes them: columns ``ground_force_vx``, ``ground_force_px``, ``ground_torque_x`` in MOT and STO.

Any beginning will do (``FP1_vx``, ``R_ground_force_vx``), as long as force and point have the same one.

Forces in N on the person, points in metres, moments in Nm, Y up: the lab of the TRC of the same stem.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.ingest.readers.wrenches import THRESHOLD_N, UnusableWrenchError, Wrench, plate_from_wrench
from neurostore.ingest.recording import ForcePlate

_SIDE = re.compile(r"(?:^|_)(?P<side>l|r|left|right)(?:_|$)", re.IGNORECASE)


def force_columns(labels: list[str]) -> list[tuple[str, list[int], list[int], list[int]]]:
    """(name, columns of the force, of the point, of the moment) of each wrench that the labels name; [] where one is missing."""
    place = {label.lower(): i for i, label in enumerate(labels)}
    columns = []
    for label in place:
        if not label.endswith("vx"):
            continue
        stem = label[:-2]
        force = [place.get(f"{stem}v{axis}", -1) for axis in "xyz"]
        point = [place.get(f"{stem}p{axis}", -1) for axis in "xyz"]
        moment = _moment(stem, place)
        if min(force) >= 0 and min(point) >= 0:
            columns.append((stem.strip("_"), force, point, moment))
    return columns


def _moment(stem: str, place: dict[str, int]) -> list[int]:
    """Columns of the free moment: 'torque' or 'moment' for 'force', or behind it, with or without m or t before the axis."""
    swapped = [f"{stem.replace('force', word)}{mark}" for word in ("torque", "moment") for mark in ("", "m")]
    for start in (*swapped, f"{stem}m", f"{stem}t", f"{stem}torque_", f"{stem}moment_"):
        columns = [place.get(f"{start}{axis}", -1) for axis in "xyz"]
        if min(columns) >= 0:
            return columns
    return []


def read_ground_forces(
    path: Path, labels: list[str], table: Floats, rate_hz: float, notes: list[str]
) -> list[ForcePlate]:
    """Every wrench of the table as a platform without corners (type 0).

    Parameters
    ----------
    labels : names of the columns, 'time' first. table : (n, columns).

    Raises
    ------
    InputError : the clock has no rate, or no wrench has a force and a point of application.
    """
    wrenches = force_columns(labels)
    if not wrenches:
        raise InputError(path, "has forces, but no columns such as ground_force_vx … with the point ground_force_px …")
    if rate_hz <= 0 or len(table) < 3:
        raise InputError(path, f"has {len(table)} rows of forces; at least 3 with an even clock are needed")
    plates = []
    for number, (name, force_at, point_at, moment_at) in enumerate(wrenches, 1):
        force, point = table[:, force_at], table[:, point_at] * 1000.0
        free = table[:, moment_at] * 1000.0 if moment_at else np.zeros_like(force)
        is_loaded = np.abs(force[:, 1]) >= THRESHOLD_N
        centre = np.nanmedian(point[is_loaded], axis=0) if is_loaded.any() else np.zeros(3)
        with np.errstate(invalid="ignore"):
            moment: Floats = np.asarray(np.cross(point - centre, force) + free, float)
        # without load there is no centre of pressure
        moment[~is_loaded & np.isfinite(force).all(axis=1) & np.isnan(moment).any(axis=1)] = 0.0
        side = _SIDE.search(name)
        wrench = Wrench(
            plate=number,
            type_=0,
            rate_hz=rate_hz,
            start_s=float(table[0, 0]),
            force=force,
            moment_nmm=moment,
            normal=np.array([0.0, 1.0, 0.0]),
            zero="as recorded",
            units=("N", "m", "Nm"),
            centre=centre,
            side=None if side is None else {"l": "left", "r": "right"}[side["side"][0].lower()],
        )
        try:
            plates.append(plate_from_wrench(wrench, notes))
        except UnusableWrenchError as why:
            notes.append(f"{name} is left out: {why}")
    notes.append(f"{len(plates)} ground reaction forces were read ({', '.join(w[0] for w in wrenches)})")
    return plates
