"""The tables of a cohort folder: participants.tsv, sessions.tsv, trials.tsv, *_scans.tsv.

Tab-separated, a header line, ``n/a`` or nothing for unknown (BIDS). A column is of doubles where every value in it is
a plain number (``02`` and ``02_01`` are not), else of strings.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from neurostore.errors import InputError
from neurostore.ingest.recording import Calibration
from neurostore.wording import and_more

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
    r"(?:(left|right)_)?(leg_length|knee_width|ankle_width|inter_asis)(?:_distance)?(?:_(left|right))?_(mm|cm|m)"
)
_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0}


@dataclass(frozen=True, slots=True)
class TsvTable:
    """A table as text. ``rows[i][column]`` is None where unknown; keys are the header's own names."""

    path: Path
    columns: tuple[str, ...]
    rows: list[dict[str, str | None]]

    def key_column(self, key: str) -> str | None:
        """The column that holds 'subject', 'session', 'trial' or 'file'; None where there is none."""
        lower = {c.lower(): c for c in self.columns}
        return next((lower[name] for name in KEY_COLUMNS[key] if name in lower), None)

    def values(self, column: str) -> list[Value]:
        """A column, as doubles where every known value is a plain number."""
        texts = [row[column] for row in self.rows]
        known = [t for t in texts if t is not None]
        if known and all(_NUMBER.fullmatch(t) for t in known):
            return [None if t is None else float(t) for t in texts]
        return list(texts)


def read_tsv(path: Path) -> TsvTable:
    """Read a table.

    Raises
    ------
    InputError : no header, columns named twice, rows of another length; every problem at once.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise InputError(path, f"byte {error.start} is not UTF-8; save the table as UTF-8") from None
    cells = list(csv.reader(lines, delimiter="\t", strict=False))
    if not cells or not any(c.strip() for c in cells[0]):
        raise InputError(path, "is empty; expected a header line of tab-separated column names")
    header = [c.strip() for c in cells[0]]
    problems = [f"column {name!r} is named twice" for name in sorted({c for c in header if header.count(c) > 1})]
    if "" in header:
        problems.append(f"column {header.index('') + 1} of the header has no name")
    rows = []
    for number, row in enumerate(cells[1:], 2):
        if not any(c.strip() for c in row):
            continue
        if len(row) != len(header):
            problems.append(f"line {number} has {len(row)} cells, the header {len(header)}")
        texts = [c.strip() for c in row]
        rows.append({h: None if t in UNKNOWN else t for h, t in zip(header, texts, strict=False)})
    if problems:
        raise InputError(path, *and_more(problems, 5))
    return TsvTable(path, tuple(header), rows)


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


def calibrations(row: dict[str, Value]) -> tuple[Calibration, ...]:
    """Body measures among the columns of a participant or a session, in mm.

    Recognised: leg_length, knee_width, ankle_width, inter_asis with a unit (``_mm``, ``_cm``, ``_m``) and, where it has
    sides, ``left_`` or ``right_`` before it or ``_left``, ``_right`` after; without a side it holds for both.
    """
    measures = []
    for column, value in row.items():
        match = _LENGTH.fullmatch(column.lower())
        if match is None or not isinstance(value, float) or value <= 0:
            continue
        before, parameter, after, unit = match.groups()
        side = before or after
        sides = [None] if parameter == "inter_asis" else [side] if side else ["left", "right"]
        measures += [Calibration(parameter, s, value * _MM[unit], "mm", "participants") for s in sides]
    return tuple(measures)


def body_measure(row: dict[str, Value], name: str, warnings: list[str]) -> tuple[float | None, str | None]:
    """Height in m or mass in kg of a participant, and the column it came from. name : 'height_m' or 'mass_kg'.

    Columns with a unit are taken as they say; ``height`` without one is judged by its size and said so.
    """
    lower = {c.lower(): c for c in row}
    known: dict[str, dict[str, float | None]] = {
        "height_m": {"height_m": 1.0, "height_cm": 0.01, "height_mm": 0.001, "height": None},
        "mass_kg": {"mass_kg": 1.0, "weight_kg": 1.0, "mass": 1.0, "weight": 1.0, "mass_g": 0.001},
    }
    for column, factor in known[name].items():
        value = row.get(lower.get(column, ""))
        if not isinstance(value, float):
            continue
        if factor is None:
            factor = 1.0 if value < 3 else 0.01 if value < 300 else 0.001
            unit = {1.0: "metres", 0.01: "centimetres", 0.001: "millimetres"}[factor]
            warnings.append(f"participants.tsv: column 'height' has no unit and was taken as {unit} by its size")
        return value * factor, lower[column]
    return None, None
