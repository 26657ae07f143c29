"""neurostore erase"""

from __future__ import annotations

from typing import Annotated

import typer

from neurostore.commands.options import LAKE, LakeOption


def register(app: typer.Typer) -> None:
    app.command(short_help="Erase a person from every table, version and log.")(erase)


def erase(
    subject: Annotated[str, typer.Argument(help="Key of the person to forget.")],
    lake: LakeOption = LAKE,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Erase a person from every table, version and log of the lake. It cannot be undone, and older versions end.

    What lies outside the lake is listed, for you to handle. The same recordings are refused from then on, unless
    ingested with --consent-renewed.

    Example: neurostore erase S07 --lake lake/ --yes
    """
    from dataclasses import asdict

    from neurostore.commands.output import say
    from neurostore.upkeep.erase import erase as run

    if not yes:
        typer.confirm(f"Erase {subject} from all versions of {lake}?", abort=True, err=True)
    receipt = run(lake, subject)
    for name, value in asdict(receipt).items():
        if name != "outside":
            say(f"{name}: {value}")
    for path in receipt.outside:
        say(f"outside the lake, please look: {path}")
    say("also outside: source recordings, back-ups, copies, and models trained on this lake (docs/data-policy.md)")
