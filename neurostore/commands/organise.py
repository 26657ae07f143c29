"""neurostore template, organise"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurostore.commands.help_sections import BRING_IN
from neurostore.wording import counted


def register(app: typer.Typer) -> None:
    app.command(short_help="Write tables of a cohort to fill in.", rich_help_panel=BRING_IN)(template)
    app.command(short_help="Copy a pile of files into a cohort folder.", rich_help_panel=BRING_IN)(organise)


def template(
    cohort: Annotated[Path, typer.Argument(help="Folder with <subject>/<trial>.<ext>, as for ingest.")],
) -> None:
    """Write participants.tsv, sessions.tsv and trials.tsv into a cohort folder, with a row for everything that is there.

    Keys are taken from the names of folders and files; the other columns are empty, for you to fill in. A table that
    exists, as .tsv, .csv, .txt or .xlsx, is not changed.

    Example: neurostore template cohort/
    """
    from neurostore.commands.output import say
    from neurostore.ingest.cohort.template import write_template

    done = write_template(cohort)
    for sentence in done.messages:
        say(sentence)
    if done.written:
        say("empty cells are unknown; columns may be removed, added and filled in with any spreadsheet program")


def organise(
    pile: Annotated[Path, typer.Argument(help="Folder with the files; its subfolders are searched too.")],
    cohort: Annotated[Path, typer.Argument(help="The cohort folder to make.")],
    table: Annotated[
        Path,
        typer.Option("--table", help="Table (.tsv, .csv, .txt, .xlsx) with columns file, subject, session, trial."),
    ],
) -> None:
    """Copy a pile of files to COHORT/<subject>/<session>/<trial>.<ext>, according to a table; nothing is moved.

    The table has one row per trial, with the columns file and subject, and session and trial where needed. Other
    columns are written to trials.tsv. A file name without an extension means all files of that name (walk.trc and
    walk.mot). If anything is wrong with the table, nothing is written. Files that are not in the table are listed.

    Example: neurostore organise downloads/ cohort/ --table files.xlsx
    """
    from neurostore.commands.output import say
    from neurostore.ingest.cohort.organise import organise as run
    from neurostore.wording import listed

    done = run(pile, cohort, table)
    if done.renamed:
        say(f"renamed: {listed(done.renamed, 20)}")
    if done.left:
        say(f"not copied, because the table does not name them: {listed(done.left, 20)}")
    what = (
        f"{counted(done.n_files, 'file')}, {counted(done.n_trials, 'trial')} of {counted(done.n_subjects, 'subject')}"
    )
    say(f"{done.target}: {what} copied")
