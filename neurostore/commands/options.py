"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

LakeOption = Annotated[Path, typer.Option("--lake", envvar="NEUROSTORE_LAKE", help="Folder of the lake.")]
LAKE = Path("lake")


class Format(StrEnum):
    """How a table is written."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


class Side(StrEnum):
    """A side of the body."""

    left = "left"
    right = "right"


class SideOfPerson(StrEnum):
    """A side of the body, or the affected or unaffected side of the person."""

    left = "left"
    right = "right"
    affected = "affected"
    unaffected = "unaffected"


class Engine(StrEnum):
    """Where work is done: in processes of this machine or on a Ray cluster."""

    local = "local"
    ray = "ray"


EngineOption = Annotated[Engine, typer.Option("--engine", help="Run on this machine or on a Ray cluster.")]
RayAddressOption = Annotated[
    str | None,
    typer.Option(
        "--ray-address", help="Address of a running Ray cluster; default: start one here.", show_default=False
    ),
]
ByOption = Annotated[
    str, typer.Option("--by", metavar="COLUMN", help="Column of the subjects table, or session or condition.")
]
SideOfPersonOption = Annotated[
    SideOfPerson | None, typer.Option("--side", help="Only this side; default: the mean of both.", show_default=False)
]
WhereOption = Annotated[
    str | None,
    typer.Option("--where", metavar="SQL", help="Condition on trials (t) and subjects (s).", show_default=False),
]
SessionsOption = Annotated[
    list[str] | None,
    typer.Option("--session", metavar="NAME", help="Trials of this session; may be repeated.", show_default=False),
]
ConditionsOption = Annotated[
    list[str] | None,
    typer.Option("--condition", metavar="NAME", help="Trials of this condition; may be repeated.", show_default=False),
]
EventSourceOption = Annotated[
    str | None,
    typer.Option(
        "--event-source", metavar="SOURCE", help="Source of gait events: force, computed or file.", show_default=False
    ),
]
VersionOption = Annotated[
    int | None, typer.Option("--version", help="An older version of the lake (see history).", show_default=False)
]
ReleaseOption = Annotated[
    str | None,
    typer.Option("--release", metavar="NAME", help="A release of the lake, instead of a version.", show_default=False),
]
MixedOption = Annotated[
    bool, typer.Option("--mixed", help="Pool trials with different models, cut-offs or angle zeros.")
]


def open_selected(
    lake: Path,
    *,
    where: str | None = None,
    session: list[str] | None = None,
    condition: list[str] | None = None,
    event_source: str | None = None,
    version: int | None = None,
    release: str | None = None,
) -> Any:
    """The lake with the trials that the options of a command choose."""
    from neurostore.api import open as open_lake
    from neurostore.lake.selection import Selection

    selection = Selection(where, tuple(session or ()), tuple(condition or ()), event_source)
    opened = open_lake(lake, version, release)
    return opened if selection == Selection() else opened.select(selection)


FormatOption = Annotated[
    Format | None,
    typer.Option("--format", help="Default: from the extension of --output, else a table.", show_default=False),
]


def in_a_folder(output: Path | None) -> Path | None:
    """The file to write. Raises UsageError if its folder does not exist, before anything is computed."""
    if output is not None:
        from neurostore.storage import temporary

        temporary.check_folder(output)
    return output


OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Write to this file.", show_default=False, callback=in_a_folder),
]
