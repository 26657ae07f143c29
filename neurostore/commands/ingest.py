"""neurostore ingest"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from neurostore.commands.help_sections import BRING_IN
from neurostore.commands.options import LAKE, Engine, EngineOption, LakeOption, RayAddressOption
from neurostore.errors import NeurostoreError


class Estimator(StrEnum):
    mediapipe = "mediapipe"
    metrabs = "metrabs"
    file = "file"


class Hips(StrEnum):
    harrington = "harrington"
    hara = "hara"
    bell = "bell"
    davis = "davis"


def register(app: typer.Typer) -> None:
    app.command(short_help="Bring a folder of recordings into a lake.", rich_help_panel=BRING_IN)(ingest)


def ingest(
    cohort: Annotated[Path, typer.Argument(help="Folder with <subject>/<trial>.<ext> or <subject>/<session>/<trial>.")],
    lake: LakeOption = LAKE,
    estimator: Annotated[Estimator, typer.Option(help="Pose estimator for videos.")] = Estimator.metrabs,
    refine: Annotated[bool, typer.Option("--refine/--no-refine", help="Refine the depth of video poses.")] = False,
    body: Annotated[
        bool, typer.Option("--body/--no-body", help="Fit a body of constant bone lengths to every trial.")
    ] = False,
    fps: Annotated[float | None, typer.Option(help="Frame rate for reading videos (Hz); default: their own.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Frames per call of the pose model.")] = None,
    num_aug: Annotated[int | None, typer.Option(min=1, help="Augmentations of MeTRAbs; 5 if not given.")] = None,
    skeletons: Annotated[
        str | None, typer.Option(help="Skeletons to store, separated by commas, primary first.")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="Whom to take as person 0: walker, longest or largest.")] = None,
    position: Annotated[str | None, typer.Option(help="MediaPipe: root_relative or camera_fov_guessed.")] = None,
    max_persons: Annotated[int | None, typer.Option(min=1, help="Maximum number of people per frame.")] = None,
    model: Annotated[str | None, typer.Option(help="Name of a declared pose model.")] = None,
    models: Annotated[Path | None, typer.Option(help="TOML file that declares more pose models.")] = None,
    cutoff: Annotated[float, typer.Option(metavar="HZ", min=0, help="Low-pass cut-off; 0 for none.")] = 6.0,
    hips: Annotated[
        Hips, typer.Option(help="Hip centres from pelvis markers; davis is as in Plug-in Gait.")
    ] = Hips.harrington,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes; 1 uses this process.", show_default="one per core")
    ] = None,
    engine: EngineOption = Engine.local,
    ray_address: RayAddressOption = None,
    force: Annotated[bool, typer.Option("--force", help="Also read trials again that have not changed.")] = False,
    consent_renewed: Annotated[
        bool, typer.Option("--consent-renewed", help="Accept recordings of people who were erased from this lake.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove trials whose files are no longer in the cohort.")
    ] = False,
    results: Annotated[
        bool, typer.Option("--results/--no-results", help="Store the results of the views for each session.")
    ] = True,
    log_json: Annotated[
        bool, typer.Option("--log-json", help="Report progress as lines of JSON, for programs.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and change nothing.")] = False,
) -> None:
    """Bring a folder of recordings into a lake.

    Trials that are already in the lake are skipped; changed ones are replaced. Files that cannot be read are listed and
    the others are ingested (exit status 1). If nothing could be read, the exit status is 3.

    Example: neurostore ingest cohort/ --lake lake/
    """
    from neurostore.commands.output import console, say
    from neurostore.ingest.pipeline import ingest as run
    from neurostore.ingest.pipeline.json_log import JsonLines, log_fatal, log_report
    from neurostore.ingest.pipeline.progress import Bar, Lines, print_report
    from neurostore.ingest.pipeline.results import store_results
    from neurostore.ingest.pipeline.settings import Settings
    from neurostore.ingest.pipeline.workers import RayEngine

    talk = console()
    video = {
        "fps": fps, "batch_size": batch_size, "num_aug": num_aug, "skeletons": skeletons, "subject": subject,
        "position": position, "max_persons": max_persons, "model": model,
        "models_toml": str(models) if models else None,
    }  # fmt: skip
    video = {name: value for name, value in video.items() if value is not None}
    progress = JsonLines(sys.stderr) if log_json else Bar(talk) if sys.stderr.isatty() else Lines(sys.stderr)
    try:
        report = run(
            cohort,
            lake,
            Settings(
                cutoff_hz=cutoff,
                hip_method=hips.value,
                estimator=estimator.value,
                estimator_options=video,
                refine=refine,
                body=body,
            ),
            n_workers=workers,
            force=force,
            dry_run=dry_run,
            consent_renewed=consent_renewed,
            prune=prune,
            engine=RayEngine(ray_address) if engine is Engine.ray else "local",
            progress=progress,
        )
        if results:
            store_results(report, workers)
    except KeyboardInterrupt:
        if not log_json:
            say(f"interrupted: what was committed is stored in {lake}; repeat the command to continue")
        raise typer.Exit(130) from None
    except NeurostoreError as error:
        if not log_json:
            raise
        log_fatal(error, sys.stderr)
        raise typer.Exit(error.exit_code) from None
    if log_json:
        log_report(report, sys.stderr)
    else:
        print_report(report, talk)
    raise typer.Exit(report.exit_code)
