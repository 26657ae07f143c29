"""neurostore refresh"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurostore.commands.help_sections import MAINTAIN
from neurostore.commands.options import LAKE, Engine, EngineOption, LakeOption, RayAddressOption
from neurostore.wording import counted


def register(app: typer.Typer) -> None:
    app.command(short_help="Compute and store the results of the views.", rich_help_panel=MAINTAIN)(refresh)


def refresh(
    lake: LakeOption = LAKE,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Number of batches of sessions computed at once.", show_default="one per core"),
    ] = None,
    engine: EngineOption = Engine.local,
    ray_address: RayAddressOption = None,
) -> None:
    """Compute the results of sessions whose results are missing or out of date, and store them.

    Queries on a cohort then read small tables. If the command is interrupted, run it again: it continues where it stopped.

    Example: neurostore refresh --lake lake/
    """
    from neurostore.commands.output import say
    from neurostore.upkeep.refresh import refresh as run

    done = run(
        lake,
        n_workers=workers,
        engine=engine.value,
        ray_address=ray_address,
        advance=lambda n, n_all: say(f"{n} of {n_all} trials"),
    )
    what = f"{counted(done.n_trials, 'trial')} in {counted(done.n_sessions, 'session')}"
    say(f"results of {what} stored, {counted(done.n_kept, 'session')} up to date")
    if done.n_left:
        say(f"{counted(done.n_left, 'session')} changed meanwhile: repeat the command")


def renew(lake: Path) -> None:
    """Store the results of trials that a command has changed, in a lake that keeps results."""
    from neurostore.commands.output import say
    from neurostore.lake.results import are_kept
    from neurostore.upkeep.refresh import refresh as run

    if are_kept(lake):
        done = run(lake)
        if done.n_trials:
            say(f"results of {counted(done.n_trials, 'trial')} stored")
