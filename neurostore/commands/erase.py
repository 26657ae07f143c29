"""neurostore erase"""

from __future__ import annotations

from typing import Annotated

import typer

from neurostore.commands.help_sections import MAINTAIN
from neurostore.commands.options import LAKE, LakeOption


def register(app: typer.Typer) -> None:
    app.command(short_help="Erase a person from every table, version and log.", rich_help_panel=MAINTAIN)(erase)


def erase(
    subject: Annotated[str, typer.Argument(help="Key of the person to erase.")],
    lake: LakeOption = LAKE,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Erase a person from every table, version and log of the lake.

    This cannot be undone, and older versions of the lake are removed. Files that do not belong to the lake are not
    touched, but listed: those outside the lake that were written from it, and those in its folder that hold data of the
    person or cannot be read (exit status 1). From then on the same recordings are refused, unless they are ingested with
    --consent-renewed.

    Example: neurostore erase S07 --lake lake/ --yes
    """
    from dataclasses import asdict

    from neurostore.commands.output import say
    from neurostore.upkeep.erase import check_subject
    from neurostore.upkeep.erase import erase as run

    if not yes:
        check_subject(lake, subject)
        typer.confirm(f"Erase {subject} from all versions of {lake}?", abort=True, err=True)
    receipt = run(lake, subject)
    for name, value in asdict(receipt).items():
        if name not in ("outside", "remaining"):
            say(f"{name}: {value}")
    for line in receipt.remaining:
        say(f"NOT ERASED, please check: {line}")
    for path in sorted(receipt.outside):
        say(f"outside the lake, please check: {path}")
    if receipt.remaining:
        say(
            f"{len(receipt.remaining)} files in the folder of the lake do not belong to it: deal with them and repeat the command"
        )
    say("also outside: source recordings, backups, copies, and models trained on this lake (docs/data-policy.md)")
    raise typer.Exit(1 if receipt.remaining else 0)
