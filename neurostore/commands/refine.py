"""neurostore refine data | train | evaluate | apply"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from neurostore.commands.help_sections import MODELS
from neurostore.commands.options import LAKE, LakeOption, OutputOption

refine = typer.Typer(
    help="Learned refinement of depth: data, training, evaluation and use.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
DataOption = Annotated[
    Path,
    typer.Option("--data", envvar="NEUROSTORE_LAKE", help="A lake, a cohort, or a folder of BVH or ASF/AMC files."),
]
CheckpointOption = Annotated[
    Path | None, typer.Option("--checkpoint", help="A trained checkpoint.", show_default="the one in the package")
]


class Form(StrEnum):
    table = "table"
    csv = "csv"


def register(app: typer.Typer) -> None:
    app.add_typer(
        refine, name="refine", short_help="Learned refinement of depth: train, evaluate, use.", rich_help_panel=MODELS
    )


@refine.command(short_help="Show corrupted and true motion, or write windows.")
def data(
    data: DataOption = LAKE,
    config: Annotated[
        str, typer.Option(help="small, seed or a TOML file; gives marker set, window and seed.")
    ] = "small",
    out: Annotated[Path | None, typer.Option(help="Folder for the windows, which training maps into memory.")] = None,
    n_batches: Annotated[int, typer.Option(min=1, help="Number of batches to write, or pairs to show.")] = 8,
) -> None:
    """Show pairs of corrupted and true motion, or write training windows.

    Training needs no such files: it generates its windows as it runs, always the same ones from one seed. Windows that
    were written before save time if training is faster than generating them (on a GPU).

    Example: neurostore refine data --data cohort/ --out windows/ --n-batches 2000
    """
    from neurostore.commands.output import say, write_frame
    from neurostore.ingest.refine.training import preview
    from neurostore.ingest.refine.training.train import read_config
    from neurostore.lake import outputs

    settings = read_config(config)
    if out is None:
        import polars as pl

        write_frame(pl.DataFrame(preview.pairs(data, settings, n_batches, say)), None, None)
        return
    with outputs.noting(data, "refine", out):
        preview.write_windows(data, settings, out, n_batches, say)


@refine.command(short_help="Train a refiner; writes refiner.safetensors.")
def train(
    config: Annotated[str, typer.Argument(help="small, seed, or a TOML file of the same form.")],
    data: DataOption = LAKE,
    out: Annotated[Path, typer.Option(help="Folder of the run; repeat the command to continue a stopped run.")] = Path(
        "run"
    ),
    shards: Annotated[Path | None, typer.Option(help="Windows written by refine data.")] = None,
) -> None:
    """Train a refiner and write OUT/refiner.safetensors, which apply and evaluate use.

    Example: neurostore refine train small --data cohort/ --out run/
    """
    from neurostore.commands.output import say
    from neurostore.ingest.refine.training.train import read_config
    from neurostore.ingest.refine.training.train import train as run

    say(f"written: {run(read_config(config), data, out, shards, say)}")


@refine.command(short_help="Compare the refinement and baselines with the truth.")
def evaluate(
    data: DataOption = LAKE,
    checkpoint: CheckpointOption = None,
    format: Annotated[Form, typer.Option("--format", help="How the table is written.")] = Form.table,
    output: OutputOption = None,
    protocol: Annotated[list[str] | None, typer.Option(help="Only this protocol; may be repeated.")] = None,
    rate: Annotated[list[float] | None, typer.Option(help="Only this video rate in Hz; may be repeated.")] = None,
    cameras: Annotated[int, typer.Option(min=1, help="Simulated cameras per trial.")] = 2,
    every: Annotated[int, typer.Option(min=1, help="Use every n-th trial only.")] = 1,
) -> None:
    """Compare the refinement and its baselines with the truth, on people the checkpoint was not trained on.

    Long rows: protocol, rate_hz, method, metric, value; docs/refinement.md defines them.

    Example: neurostore refine evaluate --data cohort/ --format csv > proof.csv
    """
    import polars as pl

    from neurostore.commands.options import Format
    from neurostore.commands.output import say, write_frame
    from neurostore.ingest.refine.training.proof import prove

    rows = prove(data, checkpoint, protocol, rate, cameras, every, say)
    frame = pl.DataFrame([(r.protocol, r.rate_hz, r.method, r.metric, r.value) for r in rows],
                         schema=["protocol", "rate_hz", "method", "metric", "value"], orient="row")  # fmt: skip
    if format is Form.table:
        frame = frame.pivot(on="method", index=["protocol", "rate_hz", "metric"], values="value")
    write_frame(frame, Format(format.value), output)


@refine.command(short_help="Refine video trials in the lake.")
def apply(
    subjects: Annotated[
        list[str] | None, typer.Argument(help="Subjects; by default all that have trials from video.")
    ] = None,
    lake: LakeOption = LAKE,
    checkpoint: CheckpointOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also refine trials that this checkpoint has already refined.")
    ] = False,
) -> None:
    """Refine video trials in the lake. Poses stay, landmarks are computed again, and the step is recorded.

    Example: neurostore refine apply S01 --lake lake/
    """
    from neurostore.commands.output import say
    from neurostore.commands.refresh import renew
    from neurostore.ingest.refine.apply import load_refiner
    from neurostore.ingest.refine.lake_apply import apply_to_lake

    report = apply_to_lake(lake, load_refiner(checkpoint), subjects or (), force=force, say=say)
    for error in report.refused:
        say(f"refused: {error}")
    text = f"{len(report.renewed)} refined, {len(report.skipped)} were refined already, {len(report.refused)} refused"
    say(text + (f"; lake version {report.version}" if report.version is not None else ""))
    if report.renewed:
        renew(lake)
    raise typer.Exit(report.exit_code)
