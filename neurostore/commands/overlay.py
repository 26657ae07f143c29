"""neurostore overlay"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurostore.commands.help_sections import LOOK
from neurostore.commands.options import LAKE, LakeOption


def register(app: typer.Typer) -> None:
    app.command(short_help="Draw stored poses on their video, and a contact sheet.", rich_help_panel=LOOK)(overlay)


def overlay(
    subject: Annotated[str, typer.Argument(help="Subject of the trial.")],
    trial: Annotated[str, typer.Argument(help="Name of the trial.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.mp4", help="Video to write.")],
    lake: LakeOption = LAKE,
    session: Annotated[str, typer.Option(help="Session of the trial, if the cohort has sessions.")] = "",
    cohort: Annotated[
        Path | None, typer.Option(help="Folder of the cohort that the trial was read from; default: here.")
    ] = None,
    video: Annotated[Path | None, typer.Option(help="The video file, if it is not in the cohort.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="Contact sheet to write; default: OUT.png.")] = None,
) -> None:
    """Draw the stored poses on their video, and make a contact sheet of twelve frames.

    Left is orange, right is blue, bystanders are grey.

    Example: neurostore overlay S07 walk_01 walk_01.mp4 --cohort cohort/
    """
    from neurostore import api as lakes
    from neurostore.commands.output import say
    from neurostore.ingest.video.overlay import overlay_trial
    from neurostore.lake import outputs

    sheet = sheet or out.with_suffix(".png")
    opened = lakes.open(lake)
    with outputs.noting(lake, "overlay", out, sheet):
        n = overlay_trial(opened, subject, trial, out, session=session, cohort=cohort, source=video, sheet=sheet)
    say(f"{n} frames to {out}, contact sheet to {sheet}")
