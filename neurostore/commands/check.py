"""neurostore check and neurostore markers: how files would be read, before anything is ingested"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurostore.commands.help_sections import BRING_IN
from neurostore.commands.options import FormatOption, OutputOption


def register(app: typer.Typer) -> None:
    app.command(short_help="Read every capture of a folder; store nothing.", rich_help_panel=BRING_IN)(check)
    app.command(short_help="Show which label of a file became which landmark.", rich_help_panel=BRING_IN)(markers)


def check(
    cohort: Annotated[Path, typer.Argument(help="Folder with <subject>/<trial>.<ext>, as for ingest.")],
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes; 1 uses this process.", show_default="one per core")
    ] = None,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Read every capture of a folder and store nothing; show one line per file with the verdict. Videos are left out.

    The exit status is 1 if a file cannot be read.

    Example: neurostore check cohort/
    """
    from dataclasses import asdict

    import polars as pl

    from neurostore.commands.output import write_frame
    from neurostore.ingest.pipeline.check import check as run

    checks = run(cohort, n_workers=workers)
    write_frame(pl.DataFrame([asdict(line) for line in checks]), format, output)
    raise typer.Exit(0 if all(line.is_read for line in checks) else 1)


def markers(
    file: Annotated[Path, typer.Argument(help="A C3D or TRC file, or any other capture.")],
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Show which label of a file became which landmark, and which labels are left for [markers] in cohort.toml.

    Example: neurostore markers cohort/S01/walk.c3d
    """
    import numpy as np
    import polars as pl

    from neurostore.commands.output import say, write_frame
    from neurostore.ingest.landmarks.names import labels_of
    from neurostore.ingest.readers import read

    recording = read(file)
    if not recording.poses:
        say(f"{file}: has only angles and no markers")
        raise typer.Exit(1)
    poses = recording.poses[0]
    skeleton = poses.skeleton
    seen = np.isfinite(poses.positions).all(axis=-1).any(axis=0)
    present = frozenset(joint for joint, is_seen in zip(skeleton.joints, seen, strict=True) if is_seen)
    rows = labels_of(skeleton, present - recording.model_points)
    write_frame(pl.DataFrame(rows, schema=["label", "column", "landmark"], orient="row"), format, output)
    say(f"skeleton {skeleton.name}")
    for note in recording.notes:
        say(note)
