"""neurostore pseudonymise"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurostore.commands.help_sections import BRING_IN


def register(app: typer.Typer) -> None:
    app.command(short_help="Copy a cohort under random keys, dates moved.", rich_help_panel=BRING_IN)(pseudonymise)


def pseudonymise(
    cohort: Annotated[Path, typer.Argument(help="Folder with <subject>/<trial>.<ext>.")],
    target: Annotated[Path, typer.Argument(help="A new folder for the copy.")],
    key: Annotated[Path, typer.Option("--key", help="File that says who is who; made, or added to.")],
    allow: Annotated[list[str] | None, typer.Option(help="A free-text column that may stay.")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="A column to leave out.")] = None,
) -> None:
    """Copy a cohort under random keys, dates moved, so that a lake made of it names nobody.

    The key file must lie elsewhere. Movement itself still identifies people: see docs/data-policy.md.

    Example: neurostore pseudonymise cohort/ coded/ --key ../keys/study.json
    """
    from neurostore.commands.output import say
    from neurostore.ingest.cohort.pseudonymise import pseudonymise as run

    done = run(cohort, target, key, allow=allow or (), drop=drop or ())
    for column in done.dropped:
        say(f"left out: {column}")
    for path in done.look:
        say(f"please look: {path}")
    say(f"{done.n_files} files of {done.n_subjects} subjects, {done.n_dates} dates moved; the key is {key}")
