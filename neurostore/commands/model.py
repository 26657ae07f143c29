"""neurostore model fetch, verify, inspect, bench"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from neurostore.commands.help_sections import MODELS

NameOption = Annotated[
    str | None, typer.Option("--model", help="Name of a declared pose model; else the default model.")
]
ModelsOption = Annotated[
    Path | None,
    typer.Option("--models", envvar="NEUROSTORE_MODELS_TOML", help="TOML file that adds models or mirrors."),
]


def register(app: typer.Typer) -> None:
    model = typer.Typer(help="The pose model: download, check, measure.", no_args_is_help=True, rich_markup_mode=None)
    model.command()(fetch)
    model.command(short_help="Check the hash of every file of the model.")(verify)
    model.command(short_help="Show what saved_model.pb contains, without running it.")(inspect)
    model.command(short_help="Measure the pose model on this machine.")(bench)
    app.add_typer(model, name="model", rich_help_panel=MODELS)


def fetch(
    name: NameOption = None,
    models: ModelsOption = None,
    from_file: Annotated[
        Path | None, typer.Option("--from", help="A tarball that you have downloaded yourself.")
    ] = None,
    mirror: Annotated[
        list[str] | None,
        typer.Option(
            help="Address to try first; a folder if it ends in '/'. Also $NEUROSTORE_MODEL_MIRRORS, separated by spaces."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Download again even if the model is there.")] = False,
) -> None:
    """Download the pose model, check its SHA-256 and unpack it.

    A private mirror's bearer token is read from $NEUROSTORE_MODEL_TOKEN. The cache is $NEUROSTORE_MODELS, else the
    user's cache folder.

    Example: neurostore model fetch --mirror https://models.example.org/metrabs/
    """
    from neurostore.commands.output import say
    from neurostore.ingest.video.models import declared, store

    model = declared.find(name, models)
    if force:
        store.remove(model)
    with _bar(model.file) as shown:
        got = store.fetch(
            model,
            tarball=from_file,
            mirrors=[*(mirror or ()), *os.environ.get("NEUROSTORE_MODEL_MIRRORS", "").split()],
            token=os.environ.get("NEUROSTORE_MODEL_TOKEN"),
            progress=shown,
        )
    say(f"{model.name} is at {got.path}; the hash of its files is {got.tree_sha256}")


def verify(name: NameOption = None, models: ModelsOption = None) -> None:
    """Check the hash of every file of the model against the hashes from when it was unpacked.

    Example: neurostore model verify
    """
    from neurostore.commands.output import say
    from neurostore.ingest.video.models import declared, store

    got = store.verify(declared.find(name, models))
    say(f"{got.model.name}: every file is as it was unpacked; the hash of the files is {got.tree_sha256}")


def inspect(
    name: NameOption = None,
    models: ModelsOption = None,
    path: Annotated[Path | None, typer.Option(help="A folder with saved_model.pb, instead of the cache.")] = None,
) -> None:
    """Show what saved_model.pb contains, without running it: writer, methods, ops, and differences from the record.

    Example: neurostore model inspect
    """
    from neurostore.commands.output import say
    from neurostore.ingest.video.models import declared, inspection, store

    model = declared.find(name, models)
    if store.is_bundle(model):
        store.check_bundle(path if path is not None else store.installed(model).path)
        print(f"{model.name}: a bundle of {' and '.join(store.BUNDLED)}")
        return
    inspected = inspection.inspect(path if path is not None else store.installed(model).path)
    new, gone = inspection.op_difference(inspected, model)
    print(f"written by TensorFlow {inspected.producer} (recorded: {model.producer or 'nothing'})")
    for method, arguments in sorted(inspected.methods.items()):
        print(f"{method}({', '.join(arguments)})")
    print(f"attributes: {', '.join(sorted(inspected.attributes))}")
    print(f"{len(inspected.ops)} ops; not in the record: {', '.join(new) or 'none'}")
    print(f"ops of the record that it does not have: {', '.join(gone) or 'none'}")
    unknown = inspection.unknown_ops(inspected)
    print(f"ops this TensorFlow does not know: {', '.join(unknown) or 'none'}")
    if warning := inspection.version_warning(model):
        say(warning)
    inspection.check(inspected, model)


def bench(
    video: Annotated[Path, typer.Argument(help="A video with a person in it.")],
    estimator: Annotated[str, typer.Option(help="metrabs or mediapipe.")] = "metrabs",
    models: ModelsOption = None,
    name: NameOption = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Frames per call of the model.")] = 8,
    num_aug: Annotated[int, typer.Option(min=1, help="Augmentations (MeTRAbs).")] = 5,
    frames: Annotated[int, typer.Option(min=1, help="Frames to measure, after the warm-up.")] = 120,
    compare_cpu: Annotated[
        bool, typer.Option("--compare-cpu", help="Also run on the CPU, and show how the poses differ.")
    ] = False,
) -> None:
    """Measure the pose model on this machine: latency, frames per second, peak memory, device, GPU against CPU.

    Example: neurostore model bench walk.mp4 --estimator mediapipe
    """
    import json

    from neurostore.ingest.video.estimators.bench import bench as run

    given: dict[str, Any] = {"batch_size": batch_size, "num_aug": num_aug, "model": name}
    given["models_toml"] = str(models) if models else None
    print(json.dumps(run(video, estimator, given, n_frames=frames, compare_cpu=compare_cpu), indent=2))


class _bar:
    """A progress bar on a terminal, elsewhere a line per tenth of the download."""

    def __init__(self, label: str):
        self.label, self.shown = label, -1
        self.bar: Any = None

    def __enter__(self) -> Callable[[int, int | None], None]:
        if sys.stderr.isatty():
            from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

            from neurostore.commands.output import console

            self.bar = Progress(
                "{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(),
                console=console(),
            )  # fmt: skip
            self.task = self.bar.add_task(self.label, total=None)
            self.bar.start()
        return self.show

    def show(self, done: int, total: int | None) -> None:
        if self.bar is not None:
            self.bar.update(self.task, completed=done, total=total)
            return
        tenth = done * 10 // total if total else -1
        if tenth > self.shown:
            self.shown = tenth
            print(f"{self.label}: {done / 1e6:.0f} of {(total or 0) / 1e6:.0f} MB", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()
