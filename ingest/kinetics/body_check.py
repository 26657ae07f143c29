"""Whether a force platform agrees with the person on it: what its own samples cannot show.

Corners given in a turned or mirrored order, and channels with a wrong sign, leave a platform's numbers plausible by
themselves. The body tells: the force of a walker points from the foot towards the trunk, so that it brakes while the pelvis
is behind the foot and drives while it is ahead, and leans inwards (Winter 2009, ch. 5); the centre of pressure is under the
foot that stands on the platform.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neurostore.arrays import Bools, Floats, runs_of
from neurostore.ingest.landmarks import Landmarks
from neurostore.ingest.landmarks.names import SIDES
from neurostore.ingest.recording import ForcePlate, Recording
from neurostore.wording import listed

_LOADED_N = 100.0
_LEAST_STANCE_S = 0.3
_LONGEST_STANCE_S = 2.0  # a longer contact is standing, not walking
_LEAST_REACH = 0.05  # share of pelvis height by which the pelvis is first behind the foot, then ahead of it
_LEAST_SHEAR = 0.03  # root mean square of horizontal over vertical force
_MOST_TURNED_DEG = 60.0  # at most 22 in the walks of six laboratories
_LEAST_COHERENCE = 0.6  # 0.7 to 0.98 in these walks
_MOST_MIRRORED = -0.5  # coherence across the foot; -0.1 to 0.99 in these walks
_MOST_BESIDE_MM = 60.0  # distance from the line of heel and toe; up to 36 in these walks
_MARGIN_MM = 20.0
# shares of the frames of a contact: on the platform by the standing foot, by the other one
_OWN_SHARE, _OTHER_SHARE = 0.9, 0.5

_HEELS = ("heel", "ankle")  # the first that exists is used
_TOES = ("toe", "metatarsal_5", "metatarsal_1")
_READ = {"pelvis", *(f"{side}_{name}" for side in SIDES for name in (*_HEELS, *_TOES))}


@dataclass(frozen=True, slots=True)
class _Contact:
    """One foot's time on a platform: complex numbers are places in the floor's plane, x + iz.

    weight : (n,) N. force : horizontal over vertical. lever : from foot to pelvis over the height of the pelvis. ahead : unit
    number from heel to toe. beside_mm : (n,) of the centre of pressure from the line of heel and toe.
    """

    weight: Floats
    force: Floats
    lever: Floats
    ahead: complex
    beside_mm: Floats


def judge(recording: Recording, landmarks: Landmarks) -> list[str]:
    """Set ``contradicts_body`` of a recording's platforms by the landmarks of its subject; returns notes on those that do."""
    is_subject = landmarks.person == 0
    whole = slice(None) if is_subject.all() else is_subject
    points = {name: values[whole] for name, values in landmarks.points.items() if name in _READ}
    time_s = landmarks.time_s[whole]
    notes = []
    for i, plate in enumerate(recording.plates):
        problems = contradictions(plate, points, time_s)
        recording.plates[i] = replace(plate, contradicts_body=None if problems is None else bool(problems))
        if problems:
            notes.append(
                f"force platform {plate.plate} contradicts the person on it: {listed(problems)}; the order of its corners or "
                "the sign or order of its channels is probably wrong, and its forces are not used"
            )
    return notes


def contradictions(plate: ForcePlate, points: Mapping[str, Floats], time_s: Floats) -> list[str] | None:
    """A description of how a platform disagrees with the person on it; None if nobody walks over it.

    Parameters
    ----------
    points : landmark to (n, 3) mm of the person, y up. time_s : (n,) their clock.
    """
    contacts = list(_contacts(plate, points, time_s)) if plate.returns_to_zero else []
    if not contacts:
        return None
    return [text for text in (_turned(contacts), _mirrored(contacts), _beside(contacts)) if text]


def _turned(contacts: list[_Contact]) -> str:
    """Horizontal force against the way from foot to pelvis."""
    turn = sum((c.weight * np.conj(c.lever) * c.force).sum() for c in contacts)
    size = _size([(np.abs(c.force), np.abs(c.lever), c.weight) for c in contacts])
    degrees = float(np.degrees(np.angle(turn)))
    if abs(turn) < _LEAST_COHERENCE * size or abs(degrees) <= _MOST_TURNED_DEG:
        return ""
    return f"its horizontal force is turned by {abs(degrees):.0f} degrees from the way of the body over the foot"


def _mirrored(contacts: list[_Contact]) -> str:
    """Horizontal force across the foot, which leans inwards, to the pelvis."""
    parts = [((c.force / c.ahead).imag, (c.lever / c.ahead).imag, c.weight) for c in contacts]
    across = sum((weight * force * lever).sum() for force, lever, weight in parts)
    return "its horizontal force leans away from the body" if across < _MOST_MIRRORED * _size(parts) else ""


def _beside(contacts: list[_Contact]) -> str:
    far = max(float(np.average(c.beside_mm, weights=c.weight)) for c in contacts)
    return f"its centre of pressure is {far:.0f} mm beside the foot" if far > _MOST_BESIDE_MM else ""


def _size(parts: Sequence[tuple[Floats, Floats, Floats]]) -> float:
    """The largest that a sum of force times lever can be, of parts (force, lever, weight)."""
    forces = sum((weight * force**2).sum() for force, _, weight in parts)
    levers = sum((weight * lever**2).sum() for _, lever, weight in parts)
    return float(np.sqrt(forces * levers))


def _contacts(plate: ForcePlate, points: Mapping[str, Floats], time_s: Floats) -> Iterator[_Contact]:
    """Steps over a platform by one foot alone, from before to behind the foot."""
    if plate.corners is None or "pelvis" not in points or len(time_s) < 2:
        return
    at = np.round((time_s - plate.start_s) * plate.rate_hz).astype(int)
    is_there = (at >= 0) & (at < len(plate.force))
    at = np.clip(at, 0, len(plate.force) - 1)
    is_loaded = is_there & (plate.force[:, 1][at] >= _LOADED_N)
    pelvis = points["pelvis"]
    steps = [
        slice(start, stop)
        for start, stop in zip(*runs_of(is_loaded & np.isfinite(pelvis[:, 0])), strict=True)
        if _LEAST_STANCE_S <= time_s[stop - 1] - time_s[start] <= _LONGEST_STANCE_S
    ]
    feet = {side: foot for side in SIDES if steps and (foot := _foot(points, side)) is not None}
    if len(feet) < len(SIDES):
        return
    force, moment = plate.force[at], plate.moment[at]
    over = {side: _is_over(plate, (heel + toe) / 2) for side, (heel, toe) in feet.items()}
    for side, other in zip(SIDES, reversed(SIDES), strict=True):
        heel, toe = feet[side]
        for own in steps:
            if over[side][own].mean() < _OWN_SHARE or over[other][own].mean() > _OTHER_SHARE:
                continue
            weight = force[own, 1]
            ahead = (toe - heel)[own].mean()
            ahead /= abs(ahead)
            lever = (_flat(pelvis) - (heel + toe) / 2)[own] / (pelvis[own, 1] - plate.centre[1])
            shear = _flat(force[own]) / weight
            along = (lever / ahead).real
            is_over_it = along.min() < -_LEAST_REACH and along.max() > _LEAST_REACH
            if is_over_it and np.sqrt(np.mean(np.abs(shear) ** 2)) > _LEAST_SHEAR:
                pressure = _flat(plate.centre) + 1000 * (moment[own, 2] - 1j * moment[own, 0]) / weight
                yield _Contact(weight, shear, lever, ahead, _distance(pressure, heel[own], toe[own]))


def _foot(points: Mapping[str, Floats], side: str) -> tuple[Floats, Floats] | None:
    """(heel, toe) of a foot in the floor's plane, or what stands for them."""
    heel = next((points[f"{side}_{n}"] for n in _HEELS if f"{side}_{n}" in points), None)
    toe = next((points[f"{side}_{n}"] for n in _TOES if f"{side}_{n}" in points), None)
    return None if heel is None or toe is None else (_flat(heel), _flat(toe))


def _flat(vectors: Floats) -> Floats:
    return np.asarray(vectors[..., 0] + 1j * vectors[..., 2])


def _is_over(plate: ForcePlate, places: Floats) -> Bools:
    """Whether places in the floor's plane are over a platform or at most 20 mm from its edge."""
    assert plate.corners is not None
    corners = _flat(np.asarray(plate.corners, float))
    inside = np.ones(len(places), bool)
    for half in (
        (corners[0] + corners[3] - corners[1] - corners[2]) / 4,
        (corners[0] + corners[1] - corners[2] - corners[3]) / 4,
    ):
        inside &= np.abs(((places - corners.mean()) * np.conj(half)).real) <= np.abs(half) * (np.abs(half) + _MARGIN_MM)
    return inside


def _distance(places: Floats, heel: Floats, toe: Floats) -> Floats:
    """(n,) mm of places from the lines from heel to toe."""
    line = toe - heel
    along = np.clip(((places - heel) * np.conj(line)).real / np.abs(line) ** 2, 0, 1)
    return np.asarray(np.abs(places - heel - along * line))
