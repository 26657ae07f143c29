"""Data go to stdout or a file, messages to stderr."""

from __future__ import annotations

import shutil
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurostore.commands.options import Format
from neurostore.errors import UsageError
from neurostore.text_table import is_plain, lines_of
from neurostore.wording import counted, printable

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

_SHOWN_ON_A_TERMINAL = 200


def say(text: str) -> None:
    """Print a message for the reader on stderr, not for the next program."""
    print(printable(text), file=sys.stderr, flush=True)


def console() -> Any:
    """rich on stderr; lines are not broken where stderr is not a terminal."""
    from rich.console import Console

    return Console(stderr=True, highlight=False) if sys.stderr.isatty() else Console(stderr=True, width=200)


def write_frame(
    rows: pl.DataFrame | pa.Table, format: Format | None, output: Path | None, *, lake: object = None, kind: str = ""
) -> None:
    """Write rows in the requested format: by --format, else by the suffix of the file, else as a table.

    polars is not loaded for an Arrow table of plain values that is printed as a table: it takes longer than most queries.

    lake : where the rows come from; a file written from it is recorded there, so that an erasure knows of it. kind : the command.

    Raises
    ------
    UsageError : the file cannot be written, or binary data would go to a terminal.
    """
    from neurostore.lake import outputs
    from neurostore.storage import temporary

    chosen = format or _format_of(output)
    frame, n_rows = _readable(rows, chosen), len(rows)
    if output is not None:
        with (
            temporary.named(output),
            outputs.noting(lake, kind, output) if lake is not None else nullcontext(),
            temporary.replacing(output) as work,
            work.open("wb") as file,
        ):
            _write(frame, chosen, file)
        say(f"{counted(n_rows, 'row')} to {output}")
        return
    if chosen is Format.parquet and sys.stdout.isatty():
        raise UsageError("Parquet is binary: name a file with --output")
    n_shown = n_rows
    if chosen is Format.table and sys.stdout.isatty():
        n_shown = min(n_shown, _SHOWN_ON_A_TERMINAL)
    _write(frame[:n_shown], chosen, sys.stdout.buffer)
    sys.stdout.flush()
    if n_shown < n_rows:
        say(f"the first {n_shown} of {n_rows:,} rows; use --output FILE or a pipe for all")
    elif chosen is Format.table:
        say(counted(n_rows, "row"))


def _readable(rows: pl.DataFrame | pa.Table, format: Format) -> Any:
    """The rows as they are written in a format: an Arrow table where its text can be made from it, else a polars.DataFrame."""
    if not hasattr(rows, "to_pylist") or (format is Format.table and is_plain(rows)):
        return rows
    import polars as pl

    return pl.from_arrow(rows)


def _format_of(output: Path | None) -> Format:
    suffix = output.suffix.lower().lstrip(".") if output is not None else ""
    return Format(suffix) if suffix in ("csv", "json", "parquet") else Format.table


def _write(frame: Any, format: Format, file: Any) -> None:
    if format is Format.parquet:
        frame.write_parquet(file)
    elif format is Format.json:
        file.write((frame.write_json() + "\n").encode())
    elif format is Format.csv:
        flat_csv(frame).write_csv(file)
    else:
        is_shown = sys.stdout.isatty() and file is sys.stdout.buffer
        width = shutil.get_terminal_size().columns if is_shown else None
        file.writelines(f"{line}\n".encode() for line in lines_of(frame, width))


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
