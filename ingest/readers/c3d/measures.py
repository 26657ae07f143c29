"""Measures of the subject that a C3D file states: lengths, widths and the static trial's angles, as Plug-in Gait names them."""

from __future__ import annotations

import math
import re
from typing import Any

from neurostore.ingest.readers.c3d.parameters import Parameters
from neurostore.ingest.recording import Calibration

# Plug-in Gait's name -> (our parameter, unit). Lengths are in mm.
_MEASURES = {
    "bodymass": ("body_mass", "kg"),
    "height": ("height", "mm"),
    "interasisdistance": ("inter_asis", "mm"),
    "markerdiameter": ("marker_diameter", "mm"),
}
_SIDED_MEASURES = {
    "leglength": ("leg_length", "mm"),
    "asistrocanterdistance": ("asis_trochanter_distance", "mm"),
    "asistrochanterdistance": ("asis_trochanter_distance", "mm"),
    "kneewidth": ("knee_width", "mm"),
    "anklewidth": ("ankle_width", "mm"),
    "shoulderoffset": ("shoulder_offset", "mm"),
    "elbowwidth": ("elbow_width", "mm"),
    "wristwidth": ("wrist_width", "mm"),
    "handthickness": ("hand_thickness", "mm"),
    "staticplantflex": ("static_foot_offset", "deg"),
    "staticrotoff": ("static_foot_rotation_offset", "deg"),
    "tibialtorsion": ("tibial_torsion", "deg"),
    "thighrotation": ("thigh_rotation", "deg"),
    "shankrotation": ("shank_rotation", "deg"),
    "ankleabadd": ("ankle_ab_add", "deg"),
}
# Of a person, from a newborn's to the largest, mm. Each range is narrower than the factor between mm and cm.
_POSSIBLE_MM = {
    "height": (450.0, 2500.0),
    "leg_length": (180.0, 1400.0),
    "inter_asis": (70.0, 450.0),
    "knee_width": (30.0, 220.0),
    "ankle_width": (18.0, 160.0),
    "elbow_width": (22.0, 160.0),
    "wrist_width": (18.0, 120.0),
}
_UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
_SIDE_WORD = re.compile(r"^(left|right)")
_MOST_RADIANS = 1.2
_JOINT_BELOW = {"thigh_rotation": "knee_width", "shank_rotation": "ankle_width"}


def calibrations(parameters: Parameters, subject: str | None) -> tuple[list[Calibration], list[str]]:
    """Measures of the subject from the groups PROCESSING and SUBJECTS, and one named after the subject.

    Angles are radians (Nexus) where the largest is below 1.2, else degrees (Workstation, also where they are small).
    Zero means not measured; but where a joint's width is stated, a rotation of the wand above it of zero is the model's
    own and is kept. Lengths are in mm; where the leg length is below 3 they are metres, and a single one that is no
    person's in mm, but in cm or m, is in those.
    """
    values: dict[str, float] = {}
    for group in ("SUBJECTS", (subject or "").upper(), "PROCESSING"):
        for name, content in parameters.groups.get(group, {}).items() if group else ():
            short = name.rsplit(":", 1)[-1] if not subject or ":" not in name else _own(name, subject)
            value = _number(content)
            if short and value is not None:
                values[_SIDE_WORD.sub(lambda m: m[0][0], re.sub(r"[^a-z]", "", short.lower()))] = value
    stated: dict[tuple[str, str | None], tuple[float, str]] = {}
    for name, value in values.items():
        side = {"l": "left", "r": "right"}.get(name[:1])
        if name in _MEASURES:
            parameter, unit = _MEASURES[name]
            stated[parameter, None] = value, unit
        elif side and name[1:] in _SIDED_MEASURES:
            parameter, unit = _SIDED_MEASURES[name[1:]]
            stated[parameter, side] = value, unit
    notes = []
    is_metres = 0 < max((v for (p, _), (v, _) in stated.items() if p == "leg_length"), default=0.0) < 3
    if is_metres:
        notes.append("subject measures are in metres (leg length below 3); converted to mm")
    largest = max((abs(v) for v, unit in stated.values() if unit == "deg"), default=0.0)
    in_radians = 0 < largest < _MOST_RADIANS and "workstation" not in _written_by(parameters)
    if in_radians:
        notes.append("the subject's angles are read as radians, the largest being below 1.2, and converted to degrees")
    measured = []
    for (parameter, side), (value, unit) in stated.items():
        above = _JOINT_BELOW.get(parameter)
        if value == 0 and not (above and stated.get((above, side), (0.0, ""))[0] > 0):
            continue
        if unit == "deg" and in_radians:
            value = math.degrees(value)
        if unit == "mm" and is_metres:
            value *= 1000
        if unit == "mm":
            length = _in_mm(parameter, side, value, notes)
            if length is None:
                continue
            value = length
        measured.append(Calibration(parameter, side, value, unit, "file"))
    return measured, notes


def _in_mm(parameter: str, side: str | None, value: float, notes: list[str]) -> float | None:
    """A length in mm: as stated, or from the unit in which it is a person's; None if it is in none."""
    low, high = _POSSIBLE_MM.get(parameter, (-math.inf, math.inf))
    unit = next((unit for unit, mm in _UNITS.items() if low <= value * mm <= high), None)
    if unit == "mm":
        return value
    name = " ".join(part for part in (side, parameter.replace("_", " ")) if part)
    if unit is None:
        notes.append(f"the {name} of {value:g} mm is no person's and is not used")
        return None
    notes.append(f"the {name} of {value:g} is in {unit}, not in mm: read as {value * _UNITS[unit]:g} mm")
    return value * _UNITS[unit]


def _written_by(parameters: Parameters) -> str:
    return parameters.string("MANUFACTURER", "SOFTWARE").lower()


def _number(content: list[Any]) -> float | None:
    """The one finite number of a parameter, written as a number or as text."""
    if len(content) != 1:
        return None
    try:
        value = float(content[0])
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _own(name: str, subject: str) -> str:
    """The parameter's name without its subject prefix, '' if it is another subject's."""
    prefix, short = name.rsplit(":", 1)
    return short if prefix.lower() == subject.lower() else ""
