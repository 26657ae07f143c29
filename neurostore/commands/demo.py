"""neurostore demo"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
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
    show: Annotated[
        bool | None,
        typer.Option(
            "--open/--no-open", help="Open the report in a browser; the default does so in a terminal with a screen."
        ),
    ] = None,
) -> None:
    """Make a small cohort of simulated walkers and run the main steps on it, with the true values beside the results.

    Example: neurostore demo demo/
    """
    if study:
        from neurostore.study import run as run_study

        run_study(folder)
    else:
        from neurostore.demo import run

        page = run(folder)["report"]
        if show if show is not None else _has_a_screen():
            _show(page)


def _has_a_screen() -> bool:
    """Whether this runs in a terminal on a desktop, where a browser can be opened."""
    is_desktop = sys.platform in ("win32", "darwin") or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    return sys.stdout.isatty() and is_desktop and "SSH_CONNECTION" not in os.environ and "CI" not in os.environ


def _show(page: Path) -> None:
    import webbrowser

    with suppress(webbrowser.Error):
        if webbrowser.open(page.resolve().as_uri()):
            return
    typer.echo(f"No browser was found; open {page.resolve()}", err=True)
