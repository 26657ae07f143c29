"""neurostore verify"""

from __future__ import annotations

from typing import Annotated

import typer

from neurostore.commands.help_sections import MAINTAIN
from neurostore.commands.options import LAKE, LakeOption
from neurostore.wording import and_more, counted


def register(app: typer.Typer) -> None:
    app.command(short_help="Read every file; list those that have changed.", rich_help_panel=MAINTAIN)(verify)


def verify(
    lake: LakeOption = LAKE,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Record the hashes of files that have none, and remove what a crash left.")
    ] = False,
    drop_damaged: Annotated[
        bool, typer.Option("--drop-damaged", help="Take damaged files and their trials out of the lake.")
    ] = False,
) -> None:
    """Read every file of the lake and list those that differ from what was written (exit status 1 if any).

    A damaged file is listed with all trials that have rows in it. --drop-damaged takes them out of the lake; ingest the
    cohort again to bring them back.

    Example: neurostore verify --lake lake/
    """
    from neurostore.commands.output import say
    from neurostore.upkeep import verify as library

    if adopt:
        say(f"recorded {counted(len(library.adopt(lake)), 'file')}")
    verification = library.verify(lake)
    for damage in verification.damaged:
        say(f"damaged: {damage}")
    advice = "in use, but their writer was killed or is still writing; the next command that writes records their hashes, or use --adopt"
    _say_some(say, "no hash is known for", verification.unrecorded, advice)
    _say_some(
        say,
        "left behind",
        verification.leftovers,
        "no version uses them; compact and --adopt remove them when they are an hour old",
    )
    _say_some(say, "does not belong to the lake", verification.others, "they are not checked")
    _say_some(
        say,
        "holds data of an erased person",
        verification.erased,
        "repeat `neurostore erase SUBJECT`",
        len(verification.erased),
    )
    if verification.unfinished:
        say(
            f"{verification.unfinished} erasures were interrupted; the next command that writes, such as compact, finishes them"
        )
    state = (
        "damaged"
        if verification.damaged
        else "intact"
        if verification.is_clean
        else "intact, but an erasure is not complete"
    )
    if verification.unrecorded:
        state += f"; {len(verification.unrecorded)} more could not be checked"
    say(f"{counted(verification.n_files, 'file')}, {verification.n_bytes / 1e6:.1f} MB: {state}")
    if drop_damaged and (verification.damaged or verification.unrecorded):
        from neurostore.upkeep.repair import drop_damaged as drop

        done = drop(lake, verification)
        for path in done.restored:
            say(f"restored: {path}")
        for path in done.files:
            say(f"dropped: {path}")
        for sentence in done.remarks:
            say(sentence)
        for key in done.trials:
            say(f"removed: {'/'.join(part for part in key if part)}")
        if done.trials:
            say(f"version {done.version}; ingest the sources of these {len(done.trials)} trials again")
    raise typer.Exit(0 if verification.is_clean else 1)


def _say_some(say: object, what: str, paths: list[str], advice: str, n_shown: int = 5) -> None:
    for path in and_more(paths, n_shown):
        say(f"{what}: {path}")  # type: ignore[operator]
    if paths:
        say(f"({advice})")  # type: ignore[operator]
