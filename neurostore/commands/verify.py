"""neurostore verify"""

from __future__ import annotations

from typing import Annotated

import typer

from neurostore.commands.help_sections import MAINTAIN
from neurostore.commands.options import LAKE, LakeOption
from neurostore.wording import and_more


def register(app: typer.Typer) -> None:
    app.command(short_help="Read every file; list those that have changed.", rich_help_panel=MAINTAIN)(verify)


def verify(
    lake: LakeOption = LAKE,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Record files that no hash is known of, such as an older lake's.")
    ] = False,
    drop_damaged: Annotated[
        bool, typer.Option("--drop-damaged", help="Take damaged files and their trials out of the lake.")
    ] = False,
) -> None:
    """Read every file of the lake and say which are not what was written (exit status 1 if any).

    A damaged file is named with all trials that have rows in it. With --drop-damaged they are taken out, and a repeat
    of the ingest brings them back.

    Example: neurostore verify --lake lake/
    """
    from neurostore.commands.output import say
    from neurostore.upkeep import verify as library

    if adopt:
        say(f"recorded {len(library.adopt(lake))} files")
    found = library.verify(lake)
    for damage in found.damaged:
        say(f"damaged: {damage}")
    _say_some(say, "no hash is known of", found.unrecorded, "record them with --adopt")
    _say_some(say, "left behind", found.leftovers, "compact sweeps them")
    _say_some(say, "not the lake's own", found.others, "nothing checks them")
    _say_some(
        say, "holds somebody who was erased", found.erased, "repeat `neurostore erase SUBJECT`", len(found.erased)
    )
    if found.unfinished:
        say(
            f"{found.unfinished} erasures were interrupted; the next command that writes finishes them, such as compact"
        )
    state = "damaged" if found.damaged else "whole" if found.is_clean else "whole, but an erasure is not complete"
    if found.unrecorded:
        state += f"; nothing can be said of {len(found.unrecorded)} more"
    say(f"{found.n_files} files, {found.n_bytes / 1e6:.1f} MB: {state}")
    if drop_damaged and (found.damaged or found.unrecorded):
        from neurostore.upkeep.repair import drop_damaged as drop

        done = drop(lake, found)
        for path in done.restored:
            say(f"restored: {path}")
        for path in done.files:
            say(f"dropped: {path}")
        for key in done.trials:
            say(f"taken out: {'/'.join(part for part in key if part)}")
        if done.trials:
            say(f"version {done.version}; ingest the sources of these {len(done.trials)} trials again")
    raise typer.Exit(0 if found.is_clean else 1)


def _say_some(say: object, what: str, paths: list[str], advice: str, n_shown: int = 5) -> None:
    for path in and_more(paths, n_shown):
        say(f"{what}: {path}")  # type: ignore[operator]
    if paths:
        say(f"({advice})")  # type: ignore[operator]
