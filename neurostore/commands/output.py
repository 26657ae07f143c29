"""Data to stdout or a file, talk to stderr."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurostore.commands.options import Format
from neurostore.errors import UsageError
from neurostore.wording import printable

if TYPE_CHECKING:
    import polars as pl

_SHOWN_ON_A_TERMINAL = 200


def say(text: str) -> None:
    """A line for the reader, not for the next program."""
    print(printable(text), file=sys.stderr, flush=True)


def console() -> Any:
    """rich on stderr; lines are not broken where stderr is no terminal."""
    from rich.console import Console

    return Console(stderr=True, highlight=False) if sys.stderr.isatty() else Console(stderr=True, width=200)


def write_frame(
    frame: pl.DataFrame, format: Format | None, output: Path | None, *, lake: object = None, kind: str = ""
) -> None:
    """A polars.DataFrame in the format asked for: by --format, else by the ending of the file, else a table.

    lake : where the rows are from; a file written from it is noted there, for an erasure to know of. kind : the command.

    Raises
    ------
    UsageError : the file cannot be written, or binary data would go to a terminal.
    """
    from neurostore.lake import outputs

    chosen = format or _format_of(output)
    try:
        if output is not None:
            if lake is not None:
                outputs.note(lake, kind, output)
            with output.open("wb") as file:
                _write(frame, chosen, file)
            say(f"{frame.height:,} rows to {output}")
            return
    except OSError as error:
        raise UsageError(f"{output}: cannot be written: {error.strerror}") from None
    if chosen is Format.parquet and sys.stdout.isatty():
        raise UsageError("Parquet is binary: name a file with --output")
    n_shown = frame.height
    if chosen is Format.table and sys.stdout.isatty():
        n_shown = min(n_shown, _SHOWN_ON_A_TERMINAL)
    _write(frame.head(n_shown), chosen, sys.stdout.buffer)
    sys.stdout.flush()
    if n_shown < frame.height:
        say(f"the first {n_shown} of {frame.height:,} rows; all with --output FILE or into a pipe")
    elif chosen is Format.table:
        say(f"{frame.height:,} row{'' if frame.height == 1 else 's'}")


def _format_of(output: Path | None) -> Format:
    suffix = output.suffix.lower().lstrip(".") if output is not None else ""
    return Format(suffix) if suffix in ("csv", "json", "parquet") else Format.table


def _write(frame: pl.DataFrame, format: Format, file: Any) -> None:
    if format is Format.parquet:
        frame.write_parquet(file)
    elif format is Format.json:
        file.write((frame.write_json() + "\n").encode())
    elif format is Format.csv:
        flat_csv(frame).write_csv(file)
    else:
        lines = list(table_lines(frame))
        if sys.stdout.isatty() and file is sys.stdout.buffer and len(lines[1]) > shutil.get_terminal_size().columns:
            lines = list(record_lines(frame))
        file.writelines(f"{line}\n".encode() for line in lines)


def flat_csv(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with structs as columns ``joint.x`` … and lists as JSON text, which CSV can hold."""
    import polars as pl

    while any(isinstance(t, pl.Struct) for t in frame.dtypes):
        frame = frame.select(
            column
            for name, type_ in frame.schema.items()
            for column in (
                [pl.col(name).struct.field(f.name).alias(f"{name}.{f.name}") for f in type_.fields]
                if isinstance(type_, pl.Struct)
                else [pl.col(name)]
            )
        )
    nested = [name for name, type_ in frame.schema.items() if type_.is_nested()]
    return frame.with_columns(pl.Series(n, [_json(v) for v in frame[n].to_list()], pl.String) for n in nested)


def _json(value: Any) -> str | None:
    import json

    return None if value is None else json.dumps(value, default=str, ensure_ascii=False)


def table_lines(frame: pl.DataFrame) -> Iterator[str]:
    """A plain table: every row and column, numbers to the right, unknown values as NULL."""
    columns = [_texts(frame[name]) for name in frame.columns]
    names = [printable(name) for name in frame.columns]
    widths = [max([len(n), *map(len, texts)]) for n, (texts, _) in zip(names, columns, strict=True)]
    right = [is_number for _, is_number in columns]

    def line(cells: Any) -> str:
        padded = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(cells, widths, right, strict=True))
        return "  ".join(padded).rstrip()

    yield line(names)
    yield "  ".join("─" * w for w in widths)
    for row in zip(*(texts for texts, _ in columns), strict=True):
        yield line(row)


def record_lines(frame: pl.DataFrame) -> Iterator[str]:
    """A block of lines for each row, a column a line: for tables wider than the terminal they are shown on."""
    width = max(len(printable(name)) for name in frame.columns)
    columns = [(printable(name).ljust(width), _texts(frame[name])[0]) for name in frame.columns]
    for index in range(frame.height):
        yield f"── row {index + 1} ──"
        for name, texts in columns:
            yield f"{name}  {texts[index]}"


def _texts(series: pl.Series) -> tuple[list[str], bool]:
    """The cells of a column as text, and whether they are numbers."""
    values = series.to_list()
    if series.dtype.is_float():
        decimals = _decimals([abs(v) for v in values if v is not None and math.isfinite(v)])
        return ["NULL" if v is None else _number(v, decimals) for v in values], True
    texts = ["NULL" if v is None else printable(str(v).replace("\n", " ").replace("\t", " ")) for v in values]
    return texts, series.dtype.is_integer() or series.dtype.is_decimal()


def _decimals(sizes: list[float]) -> int | None:
    """Decimals that give about five figures to the largest value of a column; None where no fixed number serves."""
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
