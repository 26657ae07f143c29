"""What a table says of a person's body, age, sex and side, in the ways people write it; each inference is kept with its cell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from neurostore.ingest.cohort.tables import Value, plain_name, rows_text
from neurostore.ingest.recording import Calibration
from neurostore.wording import listed

_LENGTH = re.compile(
    r"(?:(left|right)_)?(leg_length|knee_width|ankle_width|inter_asis)(?:_distance)?(?:_(left|right))?(?:_(mm|cm|m))?"
)
_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
_LARGEST_M = {"leg_length": 1.5, "knee_width": 0.25, "ankle_width": 0.2, "inter_asis": 0.5}


@dataclass(slots=True)
class Inferred:
    """Inferences and the cells they were made on. where : the row that is read now."""

    where: str = ""
    cells: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def say(self, what: str, cell: object) -> None:
        """Remember an inference on a cell of the row."""
        self.cells.setdefault(what, {}).setdefault(str(cell), []).append(self.where.removeprefix("row "))

    def texts(self) -> list[str]:
        """Each inference once, with its cells and their rows."""
        return [
            f"{what}: {listed((f'{cell} ({rows_text(rows)})' for cell, rows in cells.items()), 5)}"
            for what, cells in self.cells.items()
        ]


def calibrations(row: Mapping[str, Value], inferred: Inferred) -> tuple[Calibration, ...]:
    """Body measures among the columns of a participant or a session, in mm.

    Recognised: leg_length, knee_width, ankle_width, inter_asis with a unit (``_mm``, ``_cm``, ``_m``) and, where it has
    sides, ``left_`` or ``right_`` before it or ``_left``, ``_right`` after; without a side it holds for both. Without
    a unit it is inferred by its size, and `inferred` says so.
    """
    measures = []
    for column, cell in row.items():
        match = _LENGTH.fullmatch(plain_name(column))
        value, own_unit = _quantity(cell)
        if match is None or value is None or value <= 0:
            if match is not None and cell is not None:
                inferred.say(f"column {column!r} holds a length that is not a number above 0; left empty", repr(cell))
            continue
        before, parameter, after, unit = match.groups()
        unit = own_unit if own_unit in _MM else unit
        if unit is None:
            largest = _LARGEST_M[parameter]
            unit = "m" if value <= largest else "cm" if value <= 100 * largest else "mm"
            name = f"{plain_name(column)}_{unit}"
            inferred.say(
                f"column {column!r} has no unit; judging by its size it was read as {unit}; name it {name}",
                f"{value:g}",
            )
        side = before or after
        sides = [None] if parameter == "inter_asis" else [side] if side else ["left", "right"]
        measures += [Calibration(parameter, s, value * _MM[unit], "mm", "participants") for s in sides]
    return tuple(measures)


# Least and largest height and mass of a person, m and kg. A number beyond has another unit, or is in the wrong column.
_LEAST_AND_MOST = {"height_m": (0.4, 2.5), "mass_kg": (2.0, 350.0)}
_FACTORS: dict[str, dict[str, float]] = {
    "height_m": {"m": 1.0, "cm": 0.01, "mm": 0.001, "ft": 0.3048, "in": 0.0254},
    "mass_kg": {"kg": 1.0, "g": 0.001, "lb": 0.45359237},
}
_GUESSED = {"height_m": ("m", "cm", "mm"), "mass_kg": ("kg", "g")}
_UNIT_OF_COLUMN: dict[str, dict[str, str | None]] = {
    "height_m": {"height_m": "m", "height_cm": "cm", "height_mm": "mm", "height_in": "in", "height_ft": "ft"},
    "mass_kg": {
        f"{what}_{unit}": unit.removesuffix("s") for what in ("mass", "weight") for unit in ("kg", "g", "lb", "lbs")
    },
}
_UNIT_OF_COLUMN["height_m"] |= dict.fromkeys(("height", "body_height", "stature"))
_UNIT_OF_COLUMN["mass_kg"] |= dict.fromkeys(("mass", "weight", "body_mass", "body_weight"))
_WORDS = {
    "m": "metres", "cm": "centimetres", "mm": "millimetres", "kg": "kilograms", "g": "grams", "lb": "pounds", "ft": "feet",
    "in": "inches",
}  # fmt: skip
_WITH_UNIT = re.compile(r"(\d*[.,]?\d+)\s*(mm|cm|m|kg|g|lb|ft|in)?s?\.?", re.IGNORECASE)
_FEET = re.compile(
    r"(\d)\s*(?:'|′|’|ft\.?|feet)\s*(?:(\d{1,2}(?:\.\d+)?)\s*(?:\"|″|”|''|in\.?|inches)?)?", re.IGNORECASE
)


def _quantity(cell: Value) -> tuple[float | None, str | None]:
    """The number in a cell and the unit that stands beside it; None if it holds no number, or no unit."""
    if not isinstance(cell, str):
        return cell, None
    if feet := _FEET.fullmatch(cell):
        return int(feet[1]) + float(feet[2] or 0) / 12, "ft"
    match = _WITH_UNIT.fullmatch(cell)
    return (float(match[1].replace(",", ".")), match[2] and match[2].lower()) if match else (None, None)


def body_measure(row: Mapping[str, Value], name: str, inferred: Inferred) -> tuple[float | None, str | None]:
    """Height in m or mass in kg of a participant, and the column it came from. name : 'height_m' or 'mass_kg'.

    Columns and cells with a unit are taken as they say where that gives a person's size; else the unit is inferred by
    the size, and `inferred` says so; what fits none is left empty.
    """
    by_plain = {plain_name(c): c for c in reversed(list(row))}
    factors = _FACTORS[name]
    least, most = _LEAST_AND_MOST[name]
    for plain, stated in _UNIT_OF_COLUMN[name].items():
        column = by_plain.get(plain)
        if column is None or row[column] is None:
            continue
        value, unit = _quantity(row[column])
        if value is None:
            inferred.say(f"column {column!r} holds a value that is not a number; left empty", repr(row[column]))
            return None, column
        if unit in factors and least <= value * factors[unit] <= most:
            inferred.say(f"column {column!r} was taken in the unit that the cell states", row[column])
            return value * factors[unit], column
        if stated is not None and least <= value * factors[stated] <= most:
            return value * factors[stated], column
        unit = next((u for u in _GUESSED[name] if least <= value * factors[u] <= most), None)
        if unit is None:
            what = f"not a {name.split('_')[0]} of a person in {stated or ' or '.join(_GUESSED[name])}"
            inferred.say(f"column {column!r}: {what}; left empty", f"{value:g}")
            return None, column
        text = f"says {stated}, but" if stated else "has no unit and"
        inferred.say(f"column {column!r} {text} was taken as {_WORDS[unit]} by its size", f"{value:g}")
        return value * factors[unit], column
    return None, next((by_plain[plain] for plain in _UNIT_OF_COLUMN[name] if plain in by_plain), None)


AGE = ("age", "age_years", "age_year", "age_yrs", "age_yr", "age_y", "age_a", "age_months", "age_month", "age_mo")
_AGE = re.compile(r"(-?\d*[.,]?\d+)\s*(?:\+|y(?:ea)?r?s?\.?(?: old)?|j(?:ahre)?|a(?:ns|ños)?)?", re.IGNORECASE)
_OLDEST = 125


def age_of(text: str | None, column: str, inferred: Inferred) -> float | None:
    """Years of a person; None, with a note, if the cell holds no age."""
    if text is None:
        return None
    match = _AGE.fullmatch(text)
    years = float(match[1].replace(",", ".")) if match else None
    if years is not None and plain_name(column).startswith("age_mo"):
        inferred.say(f"column {column!r} was taken as months and stored in years", text)
        years /= 12
    if years is None or not 0 <= years <= _OLDEST:
        inferred.say(f"column {column!r} holds a value that is not an age in years; left empty", repr(text))
        return None
    if not text.replace(".", "").replace(",", "").isdigit() and not text.endswith("+"):
        inferred.say(f"column {column!r} was taken as years", repr(text))
    return years


_SEXES = {
    **dict.fromkeys(("m", "male", "man", "boy", "männlich", "mann", "homme", "masculin", "hombre", "masculino", "uomo", "maschio", "♂"), "M"),
    **dict.fromkeys(("f", "female", "w", "woman", "girl", "weiblich", "frau", "femme", "féminin", "mujer", "femenino", "donna", "femmina", "♀"), "F"),
}  # fmt: skip


def sex_of(text: str | None, column: str, inferred: Inferred) -> str | None:
    """M or F for the ways in which people write them; any other text stays as it is. Both with a note."""
    if text is None:
        return None
    plain = _SEXES.get(text.lower(), text)
    if plain not in ("M", "F"):
        inferred.say(f"column {column!r} holds neither F nor M; kept as it is", repr(text))
    elif plain != text:
        inferred.say(f"column {column!r} was taken as {plain}", repr(text))
    return plain


_SIDES = {
    **dict.fromkeys(("left", "l", "li", "links", "gauche", "g", "izquierda", "izq", "sinistra", "sx"), "left"),
    **dict.fromkeys(("right", "r", "re", "rechts", "droite", "d", "derecha", "der", "destra", "dx"), "right"),
    **dict.fromkeys(("both", "b", "bilateral", "bilat", "beide", "les deux", "ambos", "entrambe"), "both"),
    **dict.fromkeys(
        ("none", "no", "neither", "0", "keine", "aucun", "aucune", "ninguno", "ninguna", "nessuna"), "none"
    ),
}


def side_of(text: str | None, column: str, inferred: Inferred) -> str | None:
    """left, right, both or none for the ways in which people write them; None for any other text. Both with a note."""
    if text is None:
        return None
    side = _SIDES.get(text.lower())
    if side is None:
        inferred.say(f"column {column!r}: expected left, right, both or none; left empty", repr(text))
    elif text.lower() != side:
        inferred.say(f"column {column!r} was taken as {side}", repr(text))
    return side


#: all words of the lists above, which are no names
WORDS = frozenset((*_SEXES, *_SIDES))

_FLAGS = {
    **dict.fromkeys(("true", "1", "1.0", "yes", "y", "x", "ja", "j", "oui", "o", "si", "sí", "sì", "wahr", "vrai", "excluded", "exclude", "verdadero", "vero"), True),
    **dict.fromkeys(("false", "0", "0.0", "no", "n", "nein", "non", "falsch", "faux"), False),
}  # fmt: skip


def flag_of(text: str | None) -> bool | None:
    """Whether a cell says yes; None for an empty one, or another word."""
    return None if text is None else _FLAGS.get(text.lower())
