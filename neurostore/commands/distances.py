"""neurostore distances, neighbours"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from neurostore.commands.help_sections import COMPARE
from neurostore.commands.options import (
    Engine,
    EngineOption,
    Format,
    FormatOption,
    OutputOption,
    RayAddressOption,
    TrialOptions,
    choosing_trials,
)
from neurostore.errors import UsageError


class Unit(StrEnum):
    trial = "trial"
    cycle = "cycle"
    subject = "subject"


UnitOption = Annotated[Unit, typer.Option(help="What to compare.")]
RepresentationOption = Annotated[
    str, typer.Option(help="angles, coordinates, velocities, dual, relation, per_joint or rotations.")
]
AlignOption = Annotated[str, typer.Option(help="none, root, root+scale, root+heading, procrustes or procrustes-frame.")]
MetricOption = Annotated[str | None, typer.Option(help="euclidean, angular, so3 or mahalanobis.", show_default=False)]
BandOption = Annotated[
    str | None,
    typer.Option(
        metavar="R", help="Width of the band: 5 means samples, 0.1 a share of the length.", show_default=False
    ),
]
NormalizeOption = Annotated[str, typer.Option(help="none or path_length.")]
AllCycles = Annotated[bool, typer.Option("--all-cycles", help="Include cycles that are not steady.")]


def register(app: typer.Typer) -> None:
    app.command(short_help="Write the DTW distances of all cycles, trials or subjects.", rich_help_panel=COMPARE)(
        distances
    )
    app.command(short_help="List the cycles or trials most like those of one trial.", rich_help_panel=COMPARE)(
        neighbours
    )


@choosing_trials
def distances(
    out: Annotated[Path, typer.Argument(help="File to write: .parquet (long), .npy or .csv (square).")],
    unit: UnitOption = Unit.cycle,
    representation: RepresentationOption = "angles",
    align: AlignOption = "none",
    metric: MetricOption = None,
    band: BandOption = None,
    normalize: NormalizeOption = "none",
    pairing: Annotated[
        str | None,
        typer.Option(help="Which cycles of two trials or subjects are paired: nth or all.", show_default=False),
    ] = None,
    reduce: Annotated[str, typer.Option(help="Combine the pairs of cycles by mean or sum.")] = "mean",
    clock: Annotated[str, typer.Option(help="Time axis: percent of the cycle, or seconds.")] = "percent",
    reference: Annotated[
        str | None,
        typer.Option(metavar="GROUP", help="Group that gives the covariance for mahalanobis.", show_default=False),
    ] = None,
    all_cycles: AllCycles = False,
    *,
    chosen: TrialOptions,
    engine: EngineOption = Engine.local,
    ray_address: RayAddressOption = None,
) -> None:
    """Write the DTW distances between all cycles, trials or subjects of the lake.

    Example: neurostore distances D.parquet --unit cycle --side left --lake lake/
    """
    from neurostore.commands.output import say
    from neurostore.distances import write_distances
    from neurostore.distances.matrix import read_sidecar
    from neurostore.lake import outputs
    from neurostore.lake.selection import EVERY_TRIAL
    from neurostore.wording import counted

    with outputs.noting(chosen.path, "distances", out):
        written = write_distances(
            chosen.lake(),
            out,
            progress=sys.stderr.isatty(),
            engine=engine.value,
            ray_address=ray_address,
            unit=unit.value,
            side=chosen.side,
            representation=representation,
            align=align,
            metric=metric,
            band=number(band),
            normalize=normalize,
            pairing=pairing,
            reduce=reduce,
            clock=clock,
            reference=reference,
            steady_only=not all_cycles,
            mixed=chosen.mixed,
            **chosen.filters,
        )
    for path in written:
        labels, unit_of_values, about = read_sidecar(path)
        sides = labels["side"].value_counts(sort=True).sort("side").rows() if "side" in labels.columns else []
        counts = " and ".join(f"{n} {name}" for name, n in sides) or str(labels.height)
        people = "" if unit is Unit.subject else f" of {counted(labels['subject'].n_unique(), 'subject')}"
        say(f"written: {path}, {counts} {unit.value}s{people}" + (f", in {unit_of_values}" if unit_of_values else ""))
        if about["trials"] != EVERY_TRIAL:
            say(f"chosen: {about['trials']}")
        for text in about.get("left_out_by_review", ()):
            say(f"left out by review: {text}")
        for note in about["notes"]:
            say(f"note: {note}")


@choosing_trials
def neighbours(
    subject: Annotated[str, typer.Argument(help="Subject of the trial.")],
    trial: Annotated[str, typer.Argument(help="Name of the trial, or session/trial.")],
    k: Annotated[int, typer.Option("-k", min=1, help="Number of neighbours per side.")] = 10,
    unit: UnitOption = Unit.cycle,
    representation: RepresentationOption = "angles",
    align: AlignOption = "none",
    metric: MetricOption = None,
    band: BandOption = None,
    all_cycles: AllCycles = False,
    *,
    chosen: TrialOptions,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """List the cycles (or trials) of the lake that are most like those of one trial.

    The filters choose where to look; the trial itself need not be among what they choose.

    Example: neurostore neighbours S07 walk_04 -k 5 --lake lake/
    """
    import polars as pl

    from neurostore.commands.output import say, write_frame
    from neurostore.distances import neighbours as find
    from neurostore.lake.mixture import excluded_texts
    from neurostore.lake.selection import Selection, selected
    from neurostore.wording import counted

    lake = chosen.lake()
    nearest = find(
        lake,
        subject,
        trial,
        k,
        unit=unit.value,
        side=chosen.side,
        representation=representation,
        align=align,
        metric=metric,
        band=number(band),
        steady_only=not all_cycles,
        mixed=chosen.mixed,
        **chosen.filters,
    )
    is_shown = (format or Format.table) is Format.table and output is None
    shown = nearest.drop("n_compared", "n_subjects") if is_shown else nearest
    write_frame(shown, format, output, lake=chosen.path, kind="neighbours")
    sides = nearest.select(pl.col("^side|n_compared|n_subjects$")).unique(maintain_order=True).to_dicts()
    for row in sides:
        what = f"{row['side']} {unit.value}" if "side" in row else unit.value
        say(f"compared with {counted(row['n_compared'], what)} of {counted(row['n_subjects'], 'subject')}")
    for text in excluded_texts(selected(lake, chosen.filters)):
        say(f"left out by review: {text}")
    if chosen.filters:
        say(f"chosen: {Selection(**chosen.filters).describe()}")


def number(band: str | None) -> int | float | None:
    """A band as the library takes it: a whole number is samples, one with a decimal point is a share of the length.

    Raises
    ------
    UsageError : it is not a number.
    """
    if band is None:
        return None
    try:
        return int(band) if band.strip().lstrip("+-").isdigit() else float(band)
    except ValueError:
        raise UsageError(f"--band is {band!r}; expected samples such as 10 or a share such as 0.1") from None
