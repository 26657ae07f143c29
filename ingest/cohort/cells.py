"""The cells of a table as text, from the files that spreadsheet programs write: .tsv, .csv, .txt and .xlsx.

Every inference (an encoding, a sheet, merged cells, formulas without a value) is reported in notes.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurostore.errors import InputError, MissingExtraError
from neurostore.wording import listed, rows_of

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

Cells = list[list[str]]
_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]")


def read_cells(path: Path, notes: list[str], is_header: Callable[[Sequence[str]], bool]) -> Cells:
    """Every row of a table, in order. is_header : whether a row names columns, by which a sheet of a workbook is chosen.

    Raises
    ------
    InputError : the file cannot be read.  MissingExtraError : .xlsx without openpyxl.
    """
    cells = _workbook(path, notes, is_header) if path.suffix.lower() == ".xlsx" else _text(path, notes)
    return [[plain(cell) for cell in row] for row in cells]


def plain(text: str) -> str:
    """A cell without blanks around it and signs that nobody sees."""
    return _INVISIBLE.sub("", text).replace("\u00a0", " ").strip()


def _text(path: Path, notes: list[str]) -> Cells:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from None
    lines = rows_of(_decoded(path, content, notes))
    if lines and lines[0].startswith("sep=") and len(lines[0]) == 5:  # line that Excel writes to name the separator
        delimiter, lines = lines[0][4], lines[1:]
    elif path.suffix.lower() == ".tsv":
        delimiter = "\t"
    else:
        delimiter = _delimiter(lines)
    return list(csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=False))


def _decoded(path: Path, content: bytes, notes: list[str]) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    if b"\0" in content[:2]:  # UTF-16 without a mark: the other byte of the first letter is zero
        return content.decode("utf-16-be" if content[:1] == b"\0" else "utf-16-le", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if path.suffix.lower() == ".tsv":
            raise InputError(path, f"byte {error.start} is not UTF-8; save the table as UTF-8") from None
        notes.append("is not UTF-8 and was read as Windows code page 1252")
        return content.decode("cp1252", errors="replace")


def _delimiter(lines: Sequence[str]) -> str:
    """Of tab, semicolon, comma and bar the one that divides most of the first rows alike, into most cells."""
    some = [line for line in lines if line.strip()][:20]

    def rank(sign: str) -> tuple[int, int]:
        counts = [line.count(sign) for line in some]
        usual = max((n for n in counts if n), key=counts.count, default=0)
        return (counts.count(usual) if usual else 0, usual)

    return max("\t;,|", key=rank)


def _workbook(path: Path, notes: list[str], is_header: Callable[[Sequence[str]], bool]) -> Cells:
    try:
        import openpyxl
    except ImportError:
        raise MissingExtraError(f"{path}: reading .xlsx needs openpyxl; install it, or save the sheet as CSV") from None
    try:
        content = path.read_bytes()
        books = [openpyxl.load_workbook(io.BytesIO(content), data_only=is_stored) for is_stored in (True, False)]
        sheets = [_sheet(values, typed) for values, typed in zip(*(b.worksheets for b in books), strict=True)]
        names = [sheet.title for sheet in books[0].worksheets]
    except Exception as error:  # openpyxl and zipfile raise many kinds of errors
        raise InputError(path, f"cannot be read as an .xlsx workbook: {error}") from None
    chosen = next((i for i, (cells, _) in enumerate(sheets) if any(map(is_header, cells[:30]))), None)
    if chosen is None:
        chosen = next((i for i, (cells, _) in enumerate(sheets) if any(map(any, cells))), 0)
    if len(sheets) > 1:
        notes.append(f"the sheet {names[chosen]!r} was read; there are {len(sheets)}: {listed(names)}")
    cells, remarks = sheets[chosen] if sheets else ([], [])
    notes += remarks
    return cells


def _sheet(values: Worksheet, typed: Worksheet) -> tuple[Cells, list[str]]:
    """The cells of a sheet as text and what was inferred. typed : the same sheet with the formulas that people typed."""
    remarks: list[str] = []
    cells = [[_cell_text(value) for value in row] for row in values.iter_rows(min_row=1, min_col=1, values_only=True)]
    empty = [
        cell.coordinate
        for row in typed.iter_rows(min_row=1, min_col=1)
        for cell in row
        if cell.data_type == "f" and not cells[cell.row - 1][cell.column - 1]
    ]
    if empty:
        remarks.append(
            f"{listed(empty)}: a formula without a stored value, which was taken as unknown; open the workbook in a "
            "spreadsheet program and save it"
        )
    for area in values.merged_cells.ranges:
        first = cells[area.min_row - 1][area.min_col - 1]
        if not first or area.min_col != area.max_col:  # a merged area across columns is a heading
            continue
        for row in range(area.min_row - 1, area.max_row):
            cells[row][area.min_col - 1] = first
        remarks.append(f"{area.coord}: merged cells, read as {first!r} in each row")
    return cells, remarks


def _cell_text(value: Any) -> str:
    """Dates as ISO 8601, whole numbers without a point."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
