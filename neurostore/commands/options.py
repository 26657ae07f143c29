"""Options that several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from neurostore.api import Lake

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
    SideOfPerson | None, typer.Option("--side", help="Only this side of a person; default: both.", show_default=False)
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
    bool, typer.Option("--mixed", help="Take trials of different models, cut-offs or angle zeros together.")
]


@dataclass(frozen=True)
class TrialOptions:
    """The options of every command that reads trials: which trials, of which side, of which state of the lake.

    filters : the fields of :class:`neurostore.lake.selection.Filters` that were given.
    """

    path: Path
    filters: dict[str, Any]
    side: str | None
    mixed: bool
    version: int | None
    release: str | None

    def lake(self) -> Lake:
        """The lake in the state asked for, with all its trials."""
        from neurostore.api import open as open_lake

        return open_lake(self.path, self.version, self.release)


def trial_options(
    where: WhereOption = None,
    session: SessionsOption = None,
    condition: ConditionsOption = None,
    side: SideOfPersonOption = None,
    event_source: EventSourceOption = None,
    mixed: MixedOption = False,
    version: VersionOption = None,
    release: ReleaseOption = None,
    lake: LakeOption = LAKE,
) -> TrialOptions:
    """What the options of a command that reads trials say; `choosing_trials` gives a command these options."""
    given = {"where": where, "session": session, "condition": condition, "event_source": event_source}
    filters = {name: value for name, value in given.items() if value}
    return TrialOptions(lake, filters, side.value if side else None, mixed, version, release)


def choosing_trials(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options of `trial_options` in place of its argument ``chosen``, which is then made of them."""
    own = inspect.signature(command, eval_str=True).parameters
    shared = inspect.signature(trial_options, eval_str=True).parameters
    parameters: list[inspect.Parameter] = []
    for name, parameter in own.items():
        parameters += shared.values() if name == "chosen" else [parameter]

    @wraps(command)
    def run(**given: Any) -> None:
        options = {name: given.pop(name) for name in shared}
        command(chosen=trial_options(**options), **given)

    keyword = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    run.__signature__ = inspect.Signature(keyword)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


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
