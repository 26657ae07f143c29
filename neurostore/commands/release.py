"""neurostore release"""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from neurostore.commands.help_sections import COMPARE
from neurostore.commands.options import LAKE, FormatOption, LakeOption, OutputOption, VersionOption
from neurostore.errors import UsageError

if TYPE_CHECKING:
    from neurostore.lake.releases import Release


def register(app: typer.Typer) -> None:
    app.command(short_help="Give a state of the lake a name to cite.", rich_help_panel=COMPARE)(release)


def release(
    name: Annotated[
        str | None, typer.Argument(help="Name of the release, such as trial-2026 or v1.0.", show_default=False)
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the releases with their hashes.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Read a release again and compare its hashes.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove a release; vacuum then frees its files.")] = False,
    message: Annotated[str, typer.Option("--message", help="A text that is stored with the release.")] = "",
    version: VersionOption = None,
    lake: LakeOption = LAKE,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Give this version of the lake a name that a paper can cite, with a hash of its rows, reviews and definitions.

    A release never changes, and vacuum keeps its files. --release NAME opens it in every command that takes --version.
    If a person is erased, their rows leave the release too, and the release records this.

    Example: neurostore release trial-2026 --message "as submitted" --lake lake/
    """
    from neurostore.upkeep import release as releasing

    _check_options(name, list_=list_, check=check, remove=remove, message=message, version=version)
    if list_ or name is None:
        _list(lake, format, output)
    elif check:
        _say(releasing.check(lake, name), "unchanged")
    elif remove:
        _say(releasing.remove(lake, name), "removed")
    else:
        made, is_new = releasing.make(lake, name, version=version, message=message)
        _say(made, "made" if is_new else "exists already, with this content")
        _say_citation(made, lake)


def _check_options(
    name: str | None, *, list_: bool, check: bool, remove: bool, message: str, version: int | None
) -> None:
    asked = [option for option, is_given in (("--list", list_), ("--check", check), ("--remove", remove)) if is_given]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)}: give one of them")
    if list_ and name is not None:
        raise UsageError(f"--list lists every release; leave out {name!r}")
    if name is None and not list_:
        raise UsageError("name the release, as in `neurostore release trial-2026`, or list them with --list")
    if asked and (message or version is not None):
        raise UsageError(f"--message and --version are for a new release; leave them out with {asked[0]}")


def _list(lake: Path, format: FormatOption, output: OutputOption) -> None:
    from neurostore.api import open as open_lake
    from neurostore.commands.options import Format
    from neurostore.commands.output import write_frame

    releases = open_lake(lake).releases()
    if (format or Format.table) is Format.table and output is None:
        releases = releases.drop("rows_sha256")
    write_frame(releases, format, output, lake=lake, kind="release")


def _say(release: Release, what: str) -> None:
    from neurostore.commands.output import say

    say(f"{release.text}: {what}; {release.n_subjects} people, {release.n_trials} trials")
    say(f"content  {release.content_sha256}")
    say(f"rows     {release.rows_sha256}")


def _say_citation(release: Release, lake: Path) -> None:
    from neurostore.commands.output import say

    say(f"open it with --release {release.name} --lake {quote(str(lake))}")
    say(f"cite it as: {release.citation}")
