"""What cohort.toml states about a file of curves: where people, sides and angles are, and which angle is which of ours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from neurostore.sql.views import declared
from neurostore.wording import near

SIDES = {"left": "left", "l": "left", "right": "right", "r": "right"}
_TARGET = re.compile(r"^(?P<sign>180\s*-|-|)\s*(?:(?P<side>left|right)[ _])?(?P<angle>[a-z_]+?)(?:_deg)?$")
_WORDS = ("subject", "session", "side", "cycle", "angle", "percent", "value", "each", "points", "model")


@dataclass(frozen=True, slots=True)
class Target:
    """What a name in the file is here: ours = offset_deg + sign * file's. side : None if the file says it elsewhere."""

    angle: str
    side: str | None
    sign: int
    offset_deg: float


@dataclass(frozen=True, slots=True)
class Statement:
    """[curves] of cohort.toml, checked.

    angles : (name in the file, Target). subject, session, side, cycle, angle, percent, value : columns, or variables of a
    MAT file; side may also be 'left' or 'right' for the whole file. n_cycles : a column, or a number. each : the struct array
    with one element per person (MAT). points : 'rows' or 'columns' of a matrix are the points of the cycle (MAT).
    """

    angles: tuple[tuple[str, Target], ...]
    unit: str
    model: str
    recorded_by: str
    subject: str | None = None
    session: str | None = None
    side: str | None = None
    cycle: str | None = None
    angle: str | None = None
    percent: str | None = None
    value: str | None = None
    each: str | None = None
    points: str | None = None
    n_cycles: str | int = 1

    def target(self, name: str) -> Target | None:
        """What a name in the file is; a name of ours need not be stated."""
        return dict(self.angles).get(name) or target_of(name)


@cache
def angle_names() -> dict[str, tuple[str, ...]]:
    """Angles without side and unit -> the columns of joint_angles: one for each side, or one (``pelvis_tilt``)."""
    names: dict[str, tuple[str, ...]] = {}
    for column in (c.name for c in declared()["cycle_curves"].columns if c.name.endswith("_deg")):
        bare = column.removesuffix("_deg")
        plain = bare.removeprefix("left_").removeprefix("right_")
        names[plain] = (*names.get(plain, ()), column)
    return names


def target_of(text: str) -> Target | None:
    """The target that ``knee_flexion``, ``left knee_flexion``, ``-ankle_dorsiflexion`` or ``180 - knee_flexion`` names."""
    match = _TARGET.match(text.strip())
    if match is None or match["angle"] not in angle_names():
        return None
    return Target(match["angle"], match["side"], -1 if match["sign"] else 1, 180.0 if len(match["sign"]) > 1 else 0.0)


def problems_of(stated: object) -> list[str]:
    """Everything wrong with a [curves] table."""
    if not isinstance(stated, dict):
        return [f"[curves] is {stated!r}; expected a table"]
    problems = [
        f"[curves] has an unknown key {key!r}; it may have {', '.join((*_WORDS, 'n_cycles', 'unit', 'recorded_by', 'angles'))}"
        for key in stated
        if key not in (*_WORDS, "n_cycles", "unit", "recorded_by", "angles")
    ]
    problems += [
        f"[curves] {key} = {stated[key]!r}; expected a text"
        for key in _WORDS
        if not isinstance(stated.get(key, ""), str)
    ]
    for key, values in (("unit", ("deg", "rad")), ("recorded_by", ("mocap", "video")), ("points", ("rows", "columns"))):
        if key in stated and stated[key] not in values:
            problems.append(f"[curves] {key} = {stated[key]!r}; expected {' or '.join(values)}")
    if "unit" not in stated:
        problems.append('[curves] does not state the unit; expected unit = "deg" or unit = "rad"')
    n_cycles = stated.get("n_cycles", 1)
    if (
        isinstance(n_cycles, bool)
        or not isinstance(n_cycles, int | str)
        or (isinstance(n_cycles, int) and n_cycles < 1)
    ):
        problems.append(f"[curves] n_cycles = {n_cycles!r}; expected a number from 1 or the name of a column")
    angles = stated.get("angles", {})
    if not isinstance(angles, dict):
        return [*problems, '[curves] angles is a table of name in the file = angle, such as KneeFlex = "knee_flexion"']
    for name, text in angles.items():
        if not isinstance(text, str) or target_of(text) is None:
            known = near(str(text).strip("- "), list(angle_names()))
            problems.append(f"[curves] angles: {name} = {text!r} is not an angle; {known}")
    return problems


def statement_of(stated: dict[str, Any]) -> Statement:
    """A checked [curves] table as a Statement."""
    targets = ((name, target_of(text)) for name, text in stated.get("angles", {}).items())
    words = {key: stated[key] for key in _WORDS if key in stated and key != "model"}
    return Statement(
        angles=tuple((name, target) for name, target in targets if target is not None),
        unit=stated["unit"],
        model=stated.get("model", "plug_in_gait"),
        recorded_by=stated.get("recorded_by", "mocap"),
        n_cycles=stated.get("n_cycles", 1),
        **words,
    )
