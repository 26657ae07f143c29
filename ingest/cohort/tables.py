"""The tables of a cohort folder: participants, sessions, trials and *_scans, as .tsv, .csv or .xlsx.

A header line, ``n/a`` or nothing for unknown (BIDS). A column is of doubles where every value in it is
a plain number (``02`` and ``02_01`` are not), else of strings.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, time
from pathlib import Path

from neurostore.errors import InputError, MissingExtraError
from neurostore.ingest.recording import Calibration
from neurostore.wording import and_more, rows_of

Value = str | float | None
UNKNOWN = frozenset({"", "n/a", "N/A"})
KEY_COLUMNS = {
    "subject": ("subject", "participant_id", "participant", "subject_id"),
    "session": ("session", "session_id", "ses"),
    "trial": ("trial", "trial_id", "trial_name"),
    "file": ("file", "filename", "file_name", "path"),
}
_NUMBER = re.compile(r"-?(?:(?:0|[1-9]\d{0,14})(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_]+")
_LENGTH = re.compile(
    r"(?:(left|right)_)?(leg_length|knee_width|ankle_width|inter_asis)(?:_distance)?(?:_(left|right))?(?:_(mm|cm|m))?"
)
_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0}


@dataclass(frozen=True, slots=True)
class TsvTable:
    """A table as text. ``rows[i][column]`` is None where unknown; keys are the header's own names."""

    path: Path
    columns: tuple[str, ...]
    rows: list[dict[str, str | None]]
    notes: list[str] = field(default_factory=list)

    def key_column(self, key: str) -> str | None:
        """The column that holds 'subject', 'session', 'trial' or 'file'; None where there is none."""
        lower = {c.lower(): c for c in self.columns}
        return next((lower[name] for name in KEY_COLUMNS[key] if name in lower), None)

    def values(self, column: str) -> list[Value]:
        """A column, as doubles where every known value is a plain number."""
        texts = [row.get(column) for row in self.rows]
        known = [t for t in texts if t is not None]
        if known and all(_NUMBER.fullmatch(t) for t in known):
            return [None if t is None else float(t) for t in texts]
        return list(texts)


def read_table(path: Path) -> TsvTable:
    """Read a table as people keep it: .tsv, .csv (comma, semicolon or tab) or .xlsx (its first sheet).

    A decimal comma, a byte-order mark, UTF-16 and the Windows code page are read; ``notes`` lists what was inferred.

    Raises
    ------
    InputError : no header, columns named twice, rows of another length; every problem at once.
    MissingExtraError : .xlsx without openpyxl.
    """
    notes: list[str] = []
    cells = _sheet(path, notes) if path.suffix.lower() == ".xlsx" else _text_cells(path, notes)
    if not cells or not any(c.strip() for c in cells[0]):
        raise InputError(path, "is empty; expected a header line of column names")
    header = [c.strip() for c in cells[0]]
    while header and not header[-1] and all(len(row) < len(header) or not row[len(header) - 1] for row in cells[1:]):
        header.pop()  # spreadsheets leave empty columns behind
    problems = [f"column {name!r} is named twice" for name in sorted({c for c in header if c and header.count(c) > 1})]
    if "" in header:
        problems.append(f"column {header.index('') + 1} of the header has no name")
    rows = []
    for number, row in enumerate(cells[1:], 2):
        if not any(c.strip() for c in row):
            continue
        while len(row) > len(header) and not row[-1].strip():
            row = row[:-1]
        if len(row) != len(header):
            problems.append(f"line {number} has {len(row)} cells, the header {len(header)}")
        texts = [c.strip() for c in row]
        rows.append({h: None if t in UNKNOWN else t for h, t in zip(header, texts, strict=False)})
    if problems:
        raise InputError(path, *and_more(problems, 5))
    table = TsvTable(path, tuple(header), rows, notes)
    _decimal_commas(table)
    return table


def _text_cells(path: Path, notes: list[str]) -> list[list[str]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from None
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = content.decode("utf-16", errors="replace")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            if path.suffix.lower() == ".tsv":
                raise InputError(path, f"byte {error.start} is not UTF-8; save the table as UTF-8") from None
            text = content.decode("cp1252", errors="replace")
            notes.append("is not UTF-8 and was read as Windows code page 1252")
    lines = rows_of(text)
    if lines and lines[0].startswith("sep=") and len(lines[0]) == 5:  # written by Excel for itself
        delimiter, lines = lines[0][4], lines[1:]
    elif path.suffix.lower() == ".tsv":
        delimiter = "\t"
    else:
        head = next((line for line in lines if line.strip()), "")
        delimiter = max("\t;,", key=head.count)
    return list(csv.reader(lines, delimiter=delimiter, strict=False))


def _sheet(path: Path, notes: list[str]) -> list[list[str]]:
    """The first sheet of a workbook as text: dates as ISO 8601, whole numbers without a point."""
    try:
        import openpyxl
    except ImportError:
        raise MissingExtraError(f"{path}: reading .xlsx needs openpyxl; install it, or save the sheet as CSV") from None
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        sheet = book.worksheets[0]
        if len(book.worksheets) > 1:
            notes.append(f"the first sheet, {sheet.title!r}, was read; there are {len(book.worksheets)}")
        return [[_cell_text(value) for value in row] for row in sheet.iter_rows(values_only=True)]
    except Exception as error:  # openpyxl and zipfile raise many kinds
        raise InputError(path, f"cannot be read as an .xlsx workbook: {error}") from None


def _cell_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _decimal_commas(table: TsvTable) -> None:
    """Give columns of numbers with a decimal comma a point, and say so; all their values must be such numbers."""
    for column in table.columns:
        known = [row.get(column) for row in table.rows if row.get(column) is not None]
        is_number = [bool(_NUMBER.fullmatch(t.replace(",", ".", 1))) for t in known if t is not None]
        if any("," in t for t in known if t) and all(is_number):
            for row in table.rows:
                text = row.get(column)
                row[column] = text.replace(",", ".", 1) if text is not None else None
            table.notes.append(f"column {column!r}: the comma was read as a decimal comma")


def column_names(columns: Iterable[str], ours: Iterable[str]) -> dict[str, str]:
    """Source column -> column in the lake: letters, digits, _; ``meta_`` before a name that is ours, no two alike."""
    taken = {name.lower() for name in ours}
    named = {}
    for source in columns:
        plain = _NOT_IN_A_NAME.sub("_", source).strip("_") or "column"
        column = f"meta_{plain}" if plain.lower() in taken else plain
        n = 1
        while column.lower() in taken:
            n += 1
            column = f"meta_{plain}_{n}"
        taken.add(column.lower())
        named[source] = column
    return named


_LARGEST_M = {"leg_length": 1.5, "knee_width": 0.25, "ankle_width": 0.2, "inter_asis": 0.5}


def calibrations(row: dict[str, Value], notes: list[str] | None = None) -> tuple[Calibration, ...]:
    """Body measures among the columns of a participant or a session, in mm.

    Recognised: leg_length, knee_width, ankle_width, inter_asis with a unit (``_mm``, ``_cm``, ``_m``) and, where it has
    sides, ``left_`` or ``right_`` before it or ``_left``, ``_right`` after; without a side it holds for both. Without
    a unit it is judged by its size, and notes say so.
    """
    measures = []
    for column, value in row.items():
        match = _LENGTH.fullmatch(column.lower())
        if match is None or not isinstance(value, float) or value <= 0:
            continue
        before, parameter, after, unit = match.groups()
        if unit is None:
            largest = _LARGEST_M[parameter]
            unit = "m" if value <= largest else "cm" if value <= 100 * largest else "mm"
            if notes is not None:
                notes.append(
                    f"column {column!r} has no unit; judging by its size it was read as {unit}; name it {column}_{unit}"
                )
        side = before or after
        sides = [None] if parameter == "inter_asis" else [side] if side else ["left", "right"]
        measures += [Calibration(parameter, s, value * _MM[unit], "mm", "participants") for s in sides]
    return tuple(measures)


# Of a person, in m and kg: outside these a number is in another unit, or is not what its column says.
_LEAST_AND_MOST = {"height_m": (0.4, 2.5), "mass_kg": (2.0, 350.0)}
_FACTORS: dict[str, tuple[tuple[str, float], ...]] = {
    "height_m": (("m", 1.0), ("cm", 0.01), ("mm", 0.001), ("feet", 0.3048), ("inches", 0.0254)),
    "mass_kg": (("kg", 1.0), ("g", 0.001)),
}


def body_measure(row: dict[str, Value], name: str, warnings: list[str]) -> tuple[float | None, str | None]:
    """Height in m or mass in kg of a participant, and the column it came from. name : 'height_m' or 'mass_kg'.

    The unit of a column is used if it gives a person's size; else the unit is judged by the size,
    and warnings say so; what fits none is left empty.
    """
    lower = {c.lower(): c for c in row}
    known: dict[str, dict[str, str | None]] = {
        "height_m": {"height_m": "m", "height_cm": "cm", "height_mm": "mm", "height": None},
        "mass_kg": {"mass_kg": "kg", "weight_kg": "kg", "mass_g": "g", "mass": None, "weight": None},
    }
    factors = dict(_FACTORS[name])
    least, most = _LEAST_AND_MOST[name]
    for column, stated in known[name].items():
        value = row.get(lower.get(column, ""))
        if isinstance(value, str):
            warnings.append(
                f"column {lower[column]!r}: {value!r} is not a number; left empty for all subjects until this is corrected"
            )
            return None, lower[column]
        if not isinstance(value, float):
            continue
        if stated is not None and least <= value * factors[stated] <= most:
            return value * factors[stated], lower[column]
        unit = next((u for u, f in factors.items() if u not in ("feet", "inches") and least <= value * f <= most), None)
        if unit is None:
            what = f"{value:g} is no {name.split('_')[0]} of a person in {stated or ' or '.join(factors)}"
            warnings.append(f"column {lower[column]!r}: {what}; left empty")
            return None, lower[column]
        if stated is not None or unit != next(iter(factors)):
            text = f"says {stated}, but" if stated else "has no unit and"
            warnings.append(
                f"column {lower[column]!r}: {value:g} {text} was taken as {_WORDS.get(unit, unit)} by its size"
            )
        return value * factors[unit], lower[column]
    return None, None


_WORDS = {"m": "metres", "cm": "centimetres", "mm": "millimetres"}
_SEXES = {**dict.fromkeys(("m", "male", "man"), "M"), **dict.fromkeys(("f", "female", "w", "woman"), "F")}


def sex_of(text: str | None, warnings: list[str]) -> str | None:
    """M or F for the usual ways to write them, with a note; any other text as it is."""
    if text is None:
        return None
    plain = _SEXES.get(text.lower(), text)
    if plain != text:
        warnings.append(f"column 'sex': {text!r} was taken as {plain}")
    return plain
