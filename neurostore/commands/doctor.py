"""neurostore doctor"""

from __future__ import annotations

import typer

from neurostore.commands.help_sections import START
from neurostore.commands.options import LAKE, FormatOption, LakeOption, OutputOption


def register(app: typer.Typer) -> None:
    app.command(rich_help_panel=START)(doctor)


def doctor(lake: LakeOption = LAKE, format: FormatOption = None, output: OutputOption = None) -> None:
    """Report what is installed and the state of the lake. Exit status 1 if something needs repair.

    Example: neurostore doctor --lake lake/
    """
    import polars as pl

    from neurostore.commands.output import write_frame
    from neurostore.ingest.video.estimators import present
    from neurostore.upkeep.doctor import examine

    answers = list(examine(lake, present.models()))
    rows = [(f.name, f.text, "repair" if f.is_bad else "ok") for f in answers]
    write_frame(pl.DataFrame(rows, schema=["what", "found", "state"], orient="row"), format, output)
    raise typer.Exit(1 if any(f.is_bad for f in answers) else 0)
