"""neurostore body fit | apply | export"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurostore.commands.help_sections import MODELS
from neurostore.commands.options import LAKE, LakeOption

body = typer.Typer(
    help="The fitted body: an OpenSim model, scaled to the person and fitted to every frame.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
SubjectArgument = Annotated[str, typer.Argument(help="Subject of the trial.")]
TrialArgument = Annotated[str, typer.Argument(help="Name of the trial.")]
OutArgument = Annotated[Path, typer.Argument(help="Folder for the files.")]
SessionOption = Annotated[str, typer.Option(help="Session of the trial, if the cohort has sessions.")]


def register(app: typer.Typer) -> None:
    app.add_typer(body, name="body", short_help="A scaled OpenSim model fitted to every frame.", rich_help_panel=MODELS)


@body.command(short_help="Fit a body to trials in the lake.")
def apply(
    subjects: Annotated[list[str] | None, typer.Argument(help="Subjects; by default all that have landmarks.")] = None,
    lake: LakeOption = LAKE,
    smooth: Annotated[
        float | None,
        typer.Option(
            metavar="HZ",
            min=0,
            help="Cut-off frequency of the smoother; 0 for none.",
            show_default="10 if markers are missing; in trials without a low-pass each coordinate's own",
        ),
    ] = None,
    sides_apart: Annotated[
        bool, typer.Option("--sides-apart", help="Scale the left and right limbs separately.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Also fit trials that already have a body.")] = False,
) -> None:
    """Fit a body to trials in the lake. Writes body_angles, body_fit and body_models; nothing else changes.

    Example: neurostore body apply S01 --lake lake/
    """
    from neurostore.commands.output import say
    from neurostore.commands.refresh import renew
    from neurostore.ingest.body.fitting import BodySettings
    from neurostore.ingest.body.lake_apply import apply_to_lake

    report = apply_to_lake(lake, subjects or (), BodySettings(smooth, sides_apart), force=force, say=say)
    for error in report.refused:
        say(f"refused: {error}")
    text = f"{len(report.renewed)} fitted, {len(report.skipped)} already had one, {len(report.refused)} refused"
    say(text + (f"; lake version {report.version}" if report.version is not None else ""))
    if report.renewed:
        renew(lake)
    raise typer.Exit(report.exit_code)


@body.command(short_help="Fit your own .osim to a trial's markers.")
def fit(
    subject: SubjectArgument,
    trial: TrialArgument,
    out: OutArgument,
    model: Annotated[Path, typer.Option(help="OpenSim 4 model (.osim), scaled to the person.")],
    markers: Annotated[Path | None, typer.Option(help="OpenSim marker set (.xml) to add to the model.")] = None,
    setup: Annotated[
        Path | None, typer.Option(help="OpenSim IK set-up (.xml) with markers, coordinate tasks and weights.")
    ] = None,
    session: SessionOption = "",
    lake: LakeOption = LAKE,
) -> None:
    """Fit your own OpenSim model, as it is, to the markers of a trial: inverse kinematics as OpenSim's tool does it.

    Example: neurostore body fit S01 walk_01 out/ --model scaled.osim --lake lake/
    """
    from neurostore.commands.output import say
    from neurostore.ingest.body.lake_export import fit_model
    from neurostore.lake import outputs

    with outputs.noting(lake, "body", out):
        paths, notes = fit_model(lake, subject, trial, out, model, markers, session, setup)
    for note in notes:
        say(note)
    say(f"written: {', '.join(str(p) for p in paths)}")


@body.command(short_help="Write a trial's body as OpenSim's files.")
def export(
    subject: SubjectArgument,
    trial: TrialArgument,
    out: OutArgument,
    session: SessionOption = "",
    lake: LakeOption = LAKE,
) -> None:
    """Write a trial's body for OpenSim: the scaled model, every coordinate, the landmarks and an IK set-up.

    A trial with valid ground reaction also gets its forces, ExternalLoads.xml and a set-up of inverse dynamics.

    Example: neurostore body export S01 walk_01 out/ --lake lake/
    """
    from neurostore.commands.output import say
    from neurostore.errors import UsageError
    from neurostore.export import export as export_trial
    from neurostore.ingest.body.exchange import notes_of_motion
    from neurostore.ingest.body.lake_export import FEET, export_body, write_id_setup
    from neurostore.lake import outputs
    from neurostore.lake.version import open as open_lake

    opened = open_lake(lake)
    with outputs.noting(lake, "body", out):
        paths = export_body(opened, subject, trial, out, session)
        forces = out / f"{subject}_{trial}_grf.mot"
        try:
            loads, notes = export_trial(opened, subject, trial, forces, session=session, force=True, feet=FEET)
            paths += [*loads, write_id_setup(opened, subject, trial, out, session)]
        except UsageError as error:
            notes = [f"no forces: {error}"]
    notes = [f"{paths[1].name}: {note}" for note in notes_of_motion(paths[1])] + notes
    for note in notes:
        say(note)
    say(f"written: {', '.join(str(p) for p in paths)}")
