"""neurostore pseudonymise"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurostore.commands.help_sections import BRING_IN
from neurostore.wording import counted


def register(app: typer.Typer) -> None:
    app.command(short_help="Copy a cohort with random keys and moved dates.", rich_help_panel=BRING_IN)(pseudonymise)


def pseudonymise(
    cohort: Annotated[Path, typer.Argument(help="Folder with <subject>/<trial>.<ext>.")],
    target: Annotated[Path, typer.Argument(help="A new folder for the copy.")],
    key: Annotated[Path, typer.Option("--key", help="File that links people to keys; created or extended.")],
    allow: Annotated[list[str] | None, typer.Option(help="Keep this free-text column; may be repeated.")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Leave out this column; may be repeated.")] = None,
    keep_word: Annotated[
        list[str] | None, typer.Option(help="A word in file names that identifies nobody; may be repeated.")
    ] = None,
    leave_out: Annotated[
        list[str] | None, typer.Option(help="Do not copy files that match this pattern; may be repeated.")
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option(help="Copy files that match this pattern as they are; may be repeated.")
    ] = None,
) -> None:
    """Copy a cohort with random keys and moved dates, so that a lake made from it contains no names.

    Names of files and folders, dates and texts inside recordings are coded too. If something cannot be coded, nothing
    is written and the exit status is 3. The key file must be stored elsewhere. Movement itself still identifies people:
    see docs/data-policy.md.

    Example: neurostore pseudonymise cohort/ coded/ --key ../keys/study.json
    """
    from neurostore.commands.output import say
    from neurostore.ingest.cohort.pseudonymise import pseudonymise as run
    from neurostore.wording import listed

    done = run(
        cohort,
        target,
        key,
        allow=allow or (),
        drop=drop or (),
        keep_words=keep_word or (),
        leave_out=leave_out or (),
        keep=keep or (),
    )
    for column in done.dropped:
        say(f"left out: {column}")
    for path in done.left_out:
        say(f"left out: {path}")
    for note in done.notes:
        say(note)
    if done.words:
        say(
            f"coded in names of files, because they may name somebody: {counted(len(done.words), 'word')}, {listed(done.words)}; "
            "--keep-word WORD keeps one that does not"
        )
    for path in done.look:
        say(f"please check: {path}")
    what = f"{counted(done.n_files, 'file')} of {counted(done.n_subjects, 'subject')}"
    say(f"{what}, {counted(done.n_dates, 'date')} moved; the key is {key}")
