"""neurostore serve"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurostore.commands.help_sections import LOOK
from neurostore.commands.options import LAKE, LakeOption, ReleaseOption


def register(app: typer.Typer) -> None:
    app.command(short_help="Show the lake in a browser, and record decisions.", rich_help_panel=LOOK)(serve)


def serve(
    reviewer: Annotated[
        str | None,
        typer.Option(
            metavar="CODE",
            help="Store decisions under this code; without it, the pages are read-only.",
            show_default=False,
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(metavar="GROUP", help="Compare trials with this group; else with everybody.", show_default=False),
    ] = None,
    cohort: Annotated[
        Path | None,
        typer.Option(help="Folder that the trials were read from, to show their videos.", show_default=False),
    ] = None,
    release: ReleaseOption = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address, open no browser.")] = False,
    lake: LakeOption = LAKE,
) -> None:
    """Show the lake in a browser: cohort, trials with their skeleton and curves, comparisons; and record decisions.

    The server answers on this machine only. It prints an address with a token; stop it with Ctrl-C.

    Example: neurostore serve --reviewer R1 --lake lake/
    """
    import os
    import webbrowser

    # Arrow's own pool keeps what was freed: 40 MB of a server that runs all day. It is chosen when Arrow is first used.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

    from neurostore.commands.output import say
    from neurostore.upkeep.erase import finish_erasures
    from neurostore.window import serve as run

    def announce(address: str) -> None:
        only_shown = "; a release, read-only" if release else "; read-only, use --reviewer CODE to store decisions"
        say(f"{address}\nstop with Ctrl-C" + ("" if reviewer else only_shown))
        if not no_browser:
            webbrowser.open(address)

    if reviewer is not None:
        finish_erasures(lake)
    run(lake, reviewer=reviewer, reference=reference, cohort=cohort, release=release, port=port, say=announce)
