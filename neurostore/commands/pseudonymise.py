"""neurostore pseudonymise"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurostore.commands.help_sections import BRING_IN


def register(app: typer.Typer) -> None:
    app.command(short_help="Copy a cohort with random keys and moved dates.", rich_help_panel=BRING_IN)(pseudonymise)


def pseudonymise(
    cohort: Annotated[Path, typer.Argument(help="Folder with <subject>/<trial>.<ext>.")],
    target: Annotated[Path, typer.Argument(help="A new folder for the copy.")],
    key: Annotated[Path, typer.Option("--key", help="File that links people to keys; created or extended.")],
    allow: Annotated[list[str] | None, typer.Option(help="Keep this free-text column; may be repeated.")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Leave out this column; may be repeated.")] = None,
) -> None:
    """Copy a cohort with random keys and moved dates, so that a lake made from it names nobody.

    The key file must be stored elsewhere. Movement itself still identifies people: see docs/data-policy.md.

    Example: neurostore pseudonymise cohort/ coded/ --key ../keys/study.json
    """
    from neurostore.commands.output import say
    from neurostore.ingest.cohort.pseudonymise import pseudonymise as run

    done = run(cohort, target, key, allow=allow or (), drop=drop or ())
    for column in done.dropped:
        say(f"left out: {column}")
    for path in done.look:
        say(f"please check: {path}")
    say(f"{done.n_files} files of {done.n_subjects} subjects, {done.n_dates} dates moved; the key is {key}")
