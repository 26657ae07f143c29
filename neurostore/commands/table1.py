"""neurostore table1"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurostore.commands.help_sections import COMPARE
from neurostore.commands.options import (
    ByOption,
    TrialOptions,
    choosing_trials,
    in_a_folder,
)
from neurostore.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

    from neurostore.statistics.table1 import Table1

SUFFIXES = (".csv", ".xlsx", ".html", ".tex")


class Centre(StrEnum):
    mean = "mean"
    median = "median"


def register(app: typer.Typer) -> None:
    app.command(short_help="Write 'Table 1' of a paper: people and gait per group.", rich_help_panel=COMPARE)(table1)


@choosing_trials
def table1(
    parameters: Annotated[
        list[str] | None,
        typer.Argument(metavar="PARAMETER", help="Parameters; default: speed, cadence, stride, width, stance, GPS."),
    ] = None,
    by: ByOption = "group",
    centre: Annotated[Centre, typer.Option(help="mean ± SD or median [quartiles].")] = Centre.mean,
    *,
    chosen: TrialOptions,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File .csv, .xlsx, .html (for Word) or .tex.",
            show_default=False,
            callback=in_a_folder,
        ),
    ] = None,
    numbers: Annotated[
        bool, typer.Option("--numbers", help="Every number unrounded, one row per parameter and level.")
    ] = False,
) -> None:
    """Write "Table 1" of a paper: people and gait per group, differences with 95 % intervals, p and Holm's p.

    Example: neurostore table1 --by group --session pre --output table1.html --lake lake/
    """
    from neurostore.commands.output import say, write_frame
    from neurostore.lake import outputs
    from neurostore.lake.releases import state_text

    if output is not None and output.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{output.name}: a table is written as {', '.join(SUFFIXES)}")
    lake = chosen.lake()
    how: dict[str, Any] = {"side": chosen.side, "mixed": chosen.mixed, "centre": centre.value}
    table = lake.table1(parameters or (), by, **how, **chosen.filters)
    notes = [*table.notes, state_text(lake)]
    if output is None:
        write_frame(table.cells if numbers else table.printed(), None, None)
    else:
        with outputs.noting(lake.path, "table1", output):
            write(table, output, notes, numbers=numbers)
        say(f"written: {output}")
    for note in notes:
        say(note)


def write(table: Table1, path: Path, notes: list[str], *, numbers: bool = False) -> None:
    """Write a table in the format of the file's suffix; a workbook also contains every figure.

    Raises UsageError if the file cannot be written.
    """
    from neurostore.storage import temporary

    frame = table.cells if numbers else table.printed()
    suffix = path.suffix.lower()
    with temporary.named(path), temporary.replacing(path) as work:
        if suffix == ".csv":
            frame.write_csv(work)
        elif suffix == ".xlsx":
            _workbook(table, work, notes)
        else:
            work.write_text(_html(frame, notes) if suffix == ".html" else _latex(frame, notes), encoding="utf-8")


def _workbook(table: Table1, path: Path, notes: list[str]) -> None:
    import openpyxl

    from neurostore.storage import temporary

    book = openpyxl.Workbook()
    book.remove(book.active)
    contrasts = table.contrasts.drop("left_out")
    for name, frame in (("Table 1", table.printed()), ("cells", table.cells), ("contrasts", contrasts)):
        sheet = book.create_sheet(name)
        for row in (frame.columns, *frame.iter_rows()):
            sheet.append(list(row))
        if name == "Table 1":
            for note in notes:
                sheet.append([note])
    with temporary.of_libraries():
        book.save(path)


def _html(frame: pl.DataFrame, notes: list[str]) -> str:
    """A plain HTML table that Word and Pages import as a table."""
    from html import escape

    def line(cells: list[str], name: str) -> str:
        return "<tr>" + "".join(f"<{name}>{escape(c)}</{name}>" for c in cells) + "</tr>"

    rows = [line(list(frame.columns), "th"), *(line([str(c) for c in row], "td") for row in frame.iter_rows())]
    below = "".join(f"<p>{escape(note)}</p>" for note in notes)
    style = "<style>table{border-collapse:collapse}th,td{padding:2px 8px;text-align:left}th{border-bottom:1px solid}</style>"
    head = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Table 1</title>{style}</head>'
    return f"{head}<body><table>{''.join(rows)}</table>{below}</body></html>\n"


def _latex(frame: pl.DataFrame, notes: list[str]) -> str:
    def plain(text: str) -> str:
        escaped = "".join("\\" + c if c in "&%$#_{}" else c for c in text)
        marks = {"±": r"$\pm$", "−": "$-$", "<": "$<$", ">": "$>$", "²": "$^2$", "°": r"$^\circ$", "–": "--"}
        return "".join(marks.get(c, c) for c in escaped)

    rows = [" & ".join(plain(str(c)) for c in row) + r" \\" for row in (frame.columns, *frame.iter_rows())]
    columns = "l" + "c" * (frame.width - 1)
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\hline", rows[0], r"\hline", *rows[1:], r"\hline", r"\end{tabular}"]
    return "\n".join([*(f"% {note}" for note in notes), *lines]) + "\n"
