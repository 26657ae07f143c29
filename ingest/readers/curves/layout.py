"""From curves as a file has them to curves of 101 points in degrees, with our names, sides and signs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.ingest.readers.curves.statement import SIDES, Statement, angle_names
from neurostore.wording import and_more, listed

N_POINTS = 101
LEAST_POINTS = 20  #: with fewer points, the stance peak of the knee would be lost
_PERCENT = np.arange(N_POINTS, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class RawCurve:
    """A curve as the file has it. cycle, percent : None if the file has none. values : (m,) in the file's unit."""

    name: str
    subject: str
    session: str
    side: str
    cycle: str | None
    n_cycles: int
    percent: Floats | None
    values: Floats


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve of an angle over one cycle, or the mean of ``n_cycles``.

    angle : column of joint_angles. n_given : points in the file. values : (101,) degrees, our sign, NaN where missing.
    """

    source_name: str
    subject: str
    session: str
    side: str
    cycle: int
    n_cycles: int
    angle: str
    n_given: int
    values: Floats


def curves_of(path: Path, raw: Iterable[RawCurve], statement: Statement, notes: list[str]) -> list[Curve]:
    """Every curve whose name is an angle; names that are none are noted.

    Raises
    ------
    InputError : no name is an angle, a side is not known, a curve has too few points, or two curves have one key.
    """
    curves: list[Curve] = []
    counts: Counter[tuple[str, ...]] = Counter()
    numbers: dict[tuple[str, str, str], dict[str, int]] = {}
    unknown: dict[str, None] = {}
    problems: dict[str, None] = {}
    for one in raw:
        target = statement.target(one.name)
        if target is None:
            unknown[one.name] = None
            continue
        side = SIDES.get((target.side or one.side).strip().lower())
        if side is None:
            stated = "no side is stated" if not one.side else f"the side is {one.side!r}"
            problems[
                f'{one.name}: {stated}; expected left or right, by side = "COLUMN" or by "left {target.angle}"'
            ] = None
            continue
        if len(one.values) < LEAST_POINTS:
            problems[f"{one.name}: a curve has {len(one.values)} points; expected 101, at least {LEAST_POINTS}"] = None
            continue
        column = f"{side}_{target.angle}_deg"
        column = column if column in angle_names()[target.angle] else f"{target.angle}_deg"
        key = (one.subject, one.session, side, column)
        if one.cycle is None:
            cycle = counts[key]
        else:
            known = numbers.setdefault(key[:3], {})
            cycle = known.setdefault(one.cycle, len(known))
        counts[key] += 1
        values = _in_percent(one.percent, _in_degrees(one.values, statement.unit), notes)
        values = target.offset_deg + target.sign * values
        curves.append(Curve(one.name, *key[:3], cycle, one.n_cycles, column, len(one.values), values))
    if unknown:
        notes.append(f"not read, because [curves] gives no angle for them: {listed(unknown, 6)}")
    problems |= dict.fromkeys(_twice(curves))
    if problems:
        raise InputError(path, *and_more(list(problems), 5))
    if not curves:
        raise InputError(
            path,
            f"none of its names is an angle ({listed(unknown, 8) if unknown else 'it has none'}); "
            'state them in [curves.angles] of cohort.toml, such as KneeFlex = "knee_flexion"',
        )
    return curves


def _twice(curves: list[Curve]) -> list[str]:
    """Curves of one person, side, cycle and angle that occur more than once."""
    keys = Counter((c.subject, c.session, c.side, c.cycle, c.angle) for c in curves)
    return [
        f"{n} curves are {angle} of {subject or 'the person'} in cycle {cycle + 1} of the {side} side; state what tells "
        "them apart (subject, session or cycle in [curves])"
        for (subject, _, side, cycle, angle), n in keys.items()
        if n > 1
    ]


def _in_degrees(values: Floats, unit: str) -> Floats:
    return np.degrees(values) if unit == "rad" else np.asarray(values, np.float64)


def _in_percent(percent: Floats | None, values: Floats, notes: list[str]) -> Floats:
    """(101,) values at 0 to 100 %, linear between the points given; NaN beside a missing point."""
    n = len(values)
    even = np.linspace(0.0, 100.0, n)
    places = even if percent is None else np.asarray(percent, np.float64)
    if percent is not None:
        if np.nanmax(places) <= 1.0:
            places = places * 100.0
        steps = np.diff(places)
        is_even = np.allclose(steps, steps[0], atol=1e-6 * 100)
        if is_even and np.abs(places - even).max() <= 1.001 * steps[0] and not np.allclose(places, even):
            note = f"percents run from {places[0]:g} to {places[-1]:g} in {n} even steps: taken as evenly spaced from 0 to 100"
            if note not in notes:
                notes.append(note)
            places = even
    if n == N_POINTS and np.allclose(places, _PERCENT):
        return values.astype(np.float64)
    out: Floats = np.interp(_PERCENT, places, values, left=np.nan, right=np.nan)
    return out
