"""Data frames as text for people: a plain table, or a block of lines per row where the terminal is too narrow for it.

Nothing is cut, because people read keys here and type them again. Columns are as wide as a terminal shows their text
(rich's table of widths), so that letters of two cells and of none do not move the columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from neurostore.wording import printable

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

_GAP = "  "


def lines_of(frame: pl.DataFrame | pa.Table, width: int | None = None) -> Iterator[str]:
    """The lines of a frame as a table; of blocks, one per row, where the table is wider than ``width`` cells.

    Parameters
    ----------
    frame : any columns, as an Arrow table those of `is_plain`; numbers stand to the right, unknown values are NULL, a cell is always on one line.
    width : cells of the terminal; None means that the table may have any width (a pipe, a file).
    """
    columns = list(map(_texts, frame.iter_columns() if hasattr(frame, "iter_columns") else frame.columns))
    names = [_on_one_line(name) for name in getattr(frame, "column_names", frame.columns)]
    widths = [max([_cells(n), *map(_cells, texts)]) for n, (texts, _) in zip(names, columns, strict=True)]
    if width is not None and sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        yield from _blocks(names, [texts for texts, _ in columns])
        return
    is_right = [is_number for _, is_number in columns]
    yield _line(names, widths, is_right)
    yield _GAP.join("─" * w for w in widths)
    for row in zip(*(texts for texts, _ in columns), strict=True):
        yield _line(row, widths, is_right)


def _line(cells: Sequence[str], widths: Sequence[int], is_right: Sequence[bool]) -> str:
    padded = (_padded(c, w, right) for c, w, right in zip(cells, widths, is_right, strict=True))
    return _GAP.join(padded).rstrip()


def _padded(text: str, width: int, is_right: bool = False) -> str:
    spaces = " " * (width - _cells(text))
    return spaces + text if is_right else text + spaces


def _cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    if text.isascii() and text.isprintable():
        return len(text)
    from rich.cells import cell_len  # its tables take longer to load than most queries to print

    return cell_len(text)


def _blocks(names: Sequence[str], columns: Sequence[Sequence[str]]) -> Iterator[str]:
    width = max(map(_cells, names))
    for index, cells in enumerate(zip(*columns, strict=True)):
        yield f"── row {index + 1} ──"
        for name, text in zip(names, cells, strict=True):
            yield f"{_padded(name, width)}{_GAP}{text}"


def is_plain(rows: pa.Table) -> bool:
    """Whether a table says the same of every value as a polars.DataFrame of it, which need not be made then."""
    return all(_is_plain(field.type) for field in rows.schema)


def _is_plain(type_: pa.DataType) -> bool:
    import pyarrow.types as of

    if of.is_struct(type_):
        return all(_is_plain(field.type) for field in type_.fields)
    if of.is_list(type_):
        return _is_plain(type_.value_type)
    numbers = (of.is_integer, of.is_float32, of.is_float64, of.is_decimal)
    others = (of.is_string, of.is_string_view, of.is_boolean, of.is_date32, of.is_null)
    return any(is_of_kind(type_) for is_of_kind in (*numbers, *others))


def _texts(column: pl.Series | pa.ChunkedArray) -> tuple[list[str], bool]:
    """The cells of a column as text, and whether they are numbers."""
    values, is_float, is_number = _values(column)
    if is_float:
        decimals = _decimals([abs(v) for v in values if v is not None and math.isfinite(v)])
        return ["NULL" if v is None else _number(v, decimals) for v in values], True
    return ["NULL" if v is None else _on_one_line(_plain(v)) for v in values], is_number


def _values(column: Any) -> tuple[list[Any], bool, bool]:
    """The values of a column, whether they are floats, and whether they are other numbers."""
    if hasattr(column, "to_pylist"):
        import pyarrow.types as of

        return column.to_pylist(), of.is_floating(column.type), of.is_integer(column.type) or of.is_decimal(column.type)
    return column.to_list(), column.dtype.is_float(), column.dtype.is_integer() or column.dtype.is_decimal()


def _plain(value: object) -> str:
    """A value as people read it: times to the second (UTC, as stored); files hold them whole."""
    return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else str(value)


def _on_one_line(text: str) -> str:
    return printable(text.replace("\n", " ").replace("\t", " "))


def _decimals(sizes: list[float]) -> int | None:
    """Decimals that give about five figures to the largest value of a column; None if no fixed number serves."""
    largest = max(sizes, default=0.0)
    if largest == 0:
        return 1
    if largest >= 1e9 or largest < 1e-3:
        return None
    if all(size == int(size) for size in sizes):
        return 1
    return min(4, max(1, 4 - math.floor(math.log10(largest))))


def _number(value: float, decimals: int | None) -> str:
    return f"{value:.6g}" if decimals is None else f"{value:.{decimals}f}"
