"""Tables of curves as text: one row per curve, per point, or per value; comma, semicolon, tab or blanks between cells."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from neurostore.arrays import Floats, Ints
from neurostore.errors import InputError
from neurostore.ingest.readers.curves.layout import LEAST_POINTS, RawCurve
from neurostore.ingest.readers.curves.statement import SIDES, Statement
from neurostore.ingest.readers.text_table import MISSING, read_bytes, separator_of
from neurostore.wording import near

_POINT = re.compile(r"^(?P<before>[^0-9]*?)(?P<number>\d+)(?:\.0+)?(?P<after>\s*%?)$")
Row = Mapping[str, str]


def read_text(path: Path, statement: Statement, notes: list[str]) -> Iterator[RawCurve]:
    """Every curve of a text file.

    Raises
    ------
    InputError : a stated column is absent, or a cell is not a number.
    """
    names, rows = _cells(path)
    missing = [
        f"[curves] {key} = {name!r}, but there is no such column; {near(name, names)}"
        for key in ("subject", "session", "side", "cycle", "angle", "percent", "value", "n_cycles")
        if isinstance(name := getattr(statement, key), str) and name not in names
        if not (key == "side" and name.lower() in SIDES)
    ]
    if missing:
        raise InputError(path, *missing)
    points = _point_columns(names)
    if statement.value is None and statement.percent is None and points:
        return _row_per_curve(path, rows, points, statement)
    if statement.value is not None and statement.angle is None:
        raise InputError(
            path, "[curves] value names a column, but angle does not; expected both, or one column per angle"
        )
    return _row_per_point(path, names, rows, statement)


def _cells(path: Path) -> tuple[list[str], list[Row]]:
    """The names of the columns and the rows; columns without names are called by their numbers."""
    raw = read_bytes(path)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    lines = [line for line in text.split("\n") if line.strip()]
    separator = separator_of(lines[0].encode()).decode()
    table = [line.split() for line in lines] if separator == " " else list(csv.reader(lines, delimiter=separator))
    first = [cell.strip() for cell in table[0]]
    has_names = any(_number(cell, separator) is None for cell in first) or _point_columns(first) != []
    names = first if has_names else [str(i) for i in range(1, len(first) + 1)]
    comma = separator != ","
    rows: list[Row] = [
        {
            name: cell.strip().replace(",", ".") if comma else cell.strip()
            for name, cell in zip(names, row, strict=False)
        }
        for row in table[has_names:]
    ]
    if not rows:
        raise InputError(path, "has no row below its names")
    return names, rows


def _number(cell: str, separator: str = ",") -> float | None:
    """A cell as a number, NaN where it is missing, None if it is neither."""
    if cell.lower() in MISSING:
        return np.nan
    try:
        return float(cell if separator == "," else cell.replace(",", "."))
    except ValueError:
        return None


def _point_columns(names: list[str]) -> list[str]:
    """The longest run of columns whose names count up by one step: from 0 to 100, or from p1 to p101."""
    best: list[str] = []
    run: list[str] = []
    last: tuple[str, int] | None = None
    step: int | None = None
    for name in names:
        match = _POINT.match(name)
        here = (match["before"], int(match["number"])) if match else None
        gap = here[1] - last[1] if here and last and here[0] == last[0] else None
        if here and gap and gap > 0 and step in (None, gap):
            run, step = [*run, name], gap
        else:
            run, step = ([name] if here else []), None
        best, last = (run if len(run) > len(best) else best), here
    return best if len(best) >= LEAST_POINTS else []


def _row_per_curve(path: Path, rows: list[Row], points: list[str], statement: Statement) -> Iterator[RawCurve]:
    stated = [name for name, _ in statement.angles]
    for number, row in enumerate(rows, start=1):
        name = row.get(statement.angle, "") if statement.angle else (stated[0] if len(stated) == 1 else "")
        if not name:
            raise InputError(path, 'each row is a curve, but its angle is not stated; set angle = "COLUMN" in [curves]')
        values = _values(path, [row.get(p, "") for p in points], f"row {number}")
        yield RawCurve(
            name, *_person(row, statement), _cycle(row, statement), _n_cycles(path, row, statement), None, values
        )


def _row_per_point(path: Path, names: list[str], rows: list[Row], statement: Statement) -> Iterator[RawCurve]:
    """Rows of one person, side and cycle are the points of one curve; a percent that falls begins the next."""
    named = {
        statement.subject,
        statement.session,
        statement.side,
        statement.cycle,
        statement.percent,
        statement.n_cycles,
    }
    columns = [name for name in names if name not in named]
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        name = (row.get(statement.angle, ""),) if statement.angle and statement.value else ()
        groups.setdefault((*name, *_person(row, statement), _cycle(row, statement) or ""), []).append(row)
    for key, group in groups.items():
        percents = (
            _values(path, [r.get(statement.percent, "") for r in group], "percent") if statement.percent else None
        )
        for part in _cycles(path, key, percents, len(group)):
            points = [group[i] for i in part]
            for column in [statement.value] if statement.value else columns:
                if not statement.value and statement.target(column) is None:
                    values: Floats = np.full(len(points), np.nan)  # listed as left out; its content is not read
                else:
                    values = _values(path, [r.get(column, "") for r in points], f"column {column}")
                yield RawCurve(
                    key[0] if statement.value else column,
                    *_person(points[0], statement),
                    _cycle(points[0], statement),
                    _n_cycles(path, points[0], statement),
                    percents[part] if percents is not None else None,
                    values,
                )


def _cycles(path: Path, key: tuple[str, ...], percents: Floats | None, n: int) -> list[Ints]:
    """Indices of the rows of each cycle in a group."""
    if percents is None:
        size = next((s for s in (101, 51, 100) if n % s == 0), n if n < 202 else 0)
        if not size:
            raise InputError(
                path,
                f"{n} rows of {'/'.join(filter(None, key)) or 'one person'} are not a whole number of cycles of 101; state percent or cycle in [curves]",
            )
        return list(np.arange(n).reshape(-1, size))
    if np.isnan(percents).any():
        raise InputError(path, f"a percent of {'/'.join(filter(None, key)) or 'the person'} is missing")
    return np.split(np.arange(n), np.flatnonzero(np.diff(percents) <= 0) + 1)


def _person(row: Row, statement: Statement) -> tuple[str, str, str]:
    """Subject, session and side of a row, '' if the file has no such column."""
    side = statement.side or ""
    constant = side.lower() in SIDES and side not in row
    subject, session = (row.get(name, "") if name else "" for name in (statement.subject, statement.session))
    return subject.removesuffix(".0"), session.removesuffix(".0"), side if constant else row.get(side, "")


def _cycle(row: Row, statement: Statement) -> str | None:
    return row.get(statement.cycle, "") if statement.cycle else None


def _n_cycles(path: Path, row: Row, statement: Statement) -> int:
    if isinstance(statement.n_cycles, int):
        return statement.n_cycles
    n = _number(row.get(statement.n_cycles, ""))
    if n is None or np.isnan(n) or n < 1:
        raise InputError(
            path, f"column {statement.n_cycles} is {row.get(statement.n_cycles)!r}; expected a number from 1"
        )
    return int(n)


def _values(path: Path, cells: list[str], where: str) -> Floats:
    numbers = [_number(cell) for cell in cells]
    if None in numbers:
        raise InputError(path, f"{where}: {cells[numbers.index(None)]!r} is not a number")
    return np.array(numbers, np.float64)
