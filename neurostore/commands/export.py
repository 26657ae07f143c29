"""neurostore export"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from neurostore.commands.help_sections import TAKE_OUT
from neurostore.commands.options import LAKE, LakeOption, ReleaseOption, VersionOption


class OsimModel(StrEnum):
    rajagopal = "rajagopal"
    opencap = "opencap"
    gait2392 = "gait2392"
    gait10dof18musc = "gait10dof18musc"


class Source(StrEnum):
    computed = "computed"
    file = "file"


class Table(StrEnum):
    angles = "angles"
    events = "events"
    parameters = "parameters"
    points = "points"


def register(app: typer.Typer) -> None:
    app.command(short_help="Write a trial as TRC, MOT, C3D, Motion-BIDS, CSV, Parquet.", rich_help_panel=TAKE_OUT)(
        export
    )


def export(
    subject: Annotated[str, typer.Argument(help="Subject of the trial.")],
    trial: Annotated[str, typer.Argument(help="Name of the trial.")],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="File .trc, .mot, _grf.mot (forces), .c3d, .csv, .parquet, _motion.tsv; or a BIDS folder.",
        ),
    ],
    lake: LakeOption = LAKE,
    session: Annotated[
        str | None, typer.Option(help="Session of the trial, if several have one of this name.", show_default=False)
    ] = None,
    person: Annotated[int, typer.Option(min=0, help="0 is the subject; others are bystanders.")] = 0,
    points: Annotated[
        str, typer.Option(help="poses (as read, primary skeleton), landmarks, or a stored skeleton.")
    ] = "poses",
    source: Annotated[
        Source, typer.Option(help="Events and angles: computed here, or from the source file.")
    ] = Source.computed,
    table: Annotated[Table, typer.Option(help="What a CSV or Parquet file holds.")] = Table.angles,
    osim_model: Annotated[
        OsimModel, typer.Option(help="OpenSim model whose coordinates and signs a MOT has.")
    ] = OsimModel.rajagopal,
    relative: Annotated[
        bool,
        typer.Option("--relative", help="MOT: change from the neutral pose if there is no anatomical zero."),
    ] = False,
    trim: Annotated[bool, typer.Option("--trim", help="TRC: cut frames without points at both ends.")] = False,
    version: VersionOption = None,
    release: ReleaseOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
) -> None:
    """Write a trial for other software: TRC, MOT, C3D with events, Motion-BIDS, tidy CSV or Parquet.

    Example: neurostore export S07 walk_01 walk_01.c3d --lake lake/
    """
    from neurostore.api import open as open_lake
    from neurostore.commands.output import say
    from neurostore.export import export as export_trial
    from neurostore.lake import outputs

    with outputs.noting(lake, "export", out):
        files, notes = export_trial(
            open_lake(lake, version, release),
            subject,
            trial,
            out,
            session=session,
            person=person,
            force=force,
            points=points,
            source=source.value,
            table=table.value,
            osim_model=osim_model.value,
            relative=relative,
            trim=trim,
        )
    for note in notes:
        say(f"note: {note}")
    named = (
        ", ".join(map(str, files)) if len(files) < 4 else f"{len(files)} files below {out}, such as {files[-1].name}"
    )
    say(f"written: {named}")
