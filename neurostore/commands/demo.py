"""neurostore demo"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurostore.commands.help_sections import START


def register(app: typer.Typer) -> None:
    app.command(short_help="Run the main steps on a small simulated cohort.", rich_help_panel=START)(demo)


def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder for cohort, lake and results.")],
    study: Annotated[
        bool, typer.Option("--study", help="A treatment study: patients and controls, before and after.")
    ] = False,
) -> None:
    """Make a small cohort of simulated walkers and run the main steps on it, with the true values beside the results.

    Example: neurostore demo demo/
    """
    if study:
        from neurostore.study import run as run_study

        run_study(folder)
    else:
        from neurostore.demo import run

        run(folder)
