"""Blocks of numbers in text files (TRC, MOT, STO, BIDS): decoded by polars, checked cell by cell where that fails."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.wording import and_more

#: cells that mean "missing"
MISSING = frozenset(
    {"", "nan", "na", "n/a", "null", "none", "-", "--", "-nan", "nan(ind)", "-nan(ind)", "1.#qnan", "-1.#ind"}
)
MOST_PROBLEMS = 5


def read_bytes(path: Path) -> bytes:
    """The file with plain line ends and without a byte order mark.

    Raises
    ------
    InputError : unreadable, empty, or binary.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from None
    if not raw.strip():
        raise InputError(path, "is empty")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raw = raw.decode("utf-16", "replace").encode()
    if b"\0" in raw:
        raise InputError(path, f"is not text: byte {raw.index(0)} is zero")
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in raw else raw


def separator_of(row: bytes) -> bytes:
    """Tab, comma or semicolon, whichever the row has, else blanks."""
    return next((s for s in (b"\t", b",", b";") if s in row), b" ")


def numbers(path: Path, block: bytes, n_columns: int, first_line: int, separator: bytes = b"\t") -> Floats:
    r"""Rows of numbers as (n_rows, n_columns) float64; empty and missing cells are NaN, blank lines are skipped.

    Cells beyond ``n_columns`` are ignored, absent ones at the end of a row are missing.

    Parameters
    ----------
    block : the rows, with ``\n`` at their ends.
    first_line : number of the block's first line in the file, for messages.

    Raises
    ------
    InputError : cells that are not numbers, each with its line and column.
    """
    import polars as pl

    plain = block
    if separator == b" ":
        plain = b"\n".join(b"\t".join(line.split()) for line in plain.split(b"\n"))
    elif b" " in plain:
        plain = plain.replace(b" ", b"")
    if separator == b"\t" and b"," in plain and b"." not in plain:  # decimal commas
        plain = plain.replace(b",", b".")
    plain = plain.strip(b"\n")
    if not plain:
        return np.empty((0, n_columns))
    try:
        frame = pl.read_csv(
            io.BytesIO(plain),
            separator="\t" if separator == b" " else separator.decode(),
            has_header=False,
            schema={f"c{i}": pl.Float64 for i in range(n_columns)},
            truncate_ragged_lines=True,
            quote_char=None,
        )
        values = frame.fill_null(np.nan).to_numpy()
        if b"\n\n" in plain:
            values = values[~np.isnan(values).all(axis=1)]
        return np.ascontiguousarray(values, dtype=np.float64)
    except pl.exceptions.PolarsError:
        return _cell_by_cell(path, block, n_columns, first_line, separator)


def _cell_by_cell(path: Path, block: bytes, n_columns: int, first_line: int, separator: bytes) -> Floats:
    rows: list[list[float]] = []
    problems: list[str] = []
    for line, text in enumerate(block.decode("latin-1").split("\n"), start=first_line):
        if not text.strip():
            continue
        cells = text.split() if separator == b" " else text.split(separator.decode())
        row = [np.nan] * n_columns
        for i, cell in enumerate(cells[:n_columns]):
            word = cell.strip().strip('"')
            if word.lower() in MISSING:
                continue
            try:
                row[i] = float(word.replace("_", "?"))  # float() would accept 1_000
            except ValueError:
                problems.append(f"line {line}, column {i + 1}: {word[:30]!r} is not a number")
        rows.append(row)
    if problems:
        raise InputError(path, *and_more(problems, MOST_PROBLEMS))
    return np.array(rows, dtype=np.float64).reshape(-1, n_columns)


def breaks_off(block: bytes, separator: bytes) -> bool:
    """Whether the text ends within a row: no line end, and fewer cells than the row before."""
    if block.endswith(b"\n"):
        return False
    lines = [line for line in block.rsplit(b"\n", 3) if line.strip()][-2:]
    counts = [len(line.split() if separator == b" " else line.split(separator)) for line in lines]
    return len(counts) == 2 and counts[1] < counts[0]
