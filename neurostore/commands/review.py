"""neurostore review"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from neurostore.commands.help_sections import LOOK
from neurostore.commands.options import LAKE, Format, FormatOption, LakeOption, OutputOption, Side
from neurostore.wording import counted

review = typer.Typer(no_args_is_help=True, help="Record and list decisions on trials, cycles and events.")


class Event(StrEnum):
    foot_strike = "foot_strike"
    foot_off = "foot_off"


class Source(StrEnum):
    force = "force"
    computed = "computed"
    file = "file"


class Change(StrEnum):
    add = "add"
    move = "move"
    delete = "delete"
    relabel = "relabel"


class SideChange(StrEnum):
    swap = "swap"
    keep = "keep"


SubjectArgument = Annotated[str, typer.Argument(help="Subject of the trial.")]
TrialArgument = Annotated[str, typer.Argument(help="Name of the trial.")]
SessionOption = Annotated[str, typer.Option("--session", help="Session of the trial.", show_default=False)]
ReviewerOption = Annotated[str, typer.Option("--reviewer", help="Code of the reviewer, not a name.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Reason for the decision.")]
BasisOption = Annotated[
    str | None, typer.Option("--basis", help="What the decision is based on, such as the video.", show_default=False)
]
SideOption = Annotated[Side | None, typer.Option("--side", help="Only this side.", show_default=False)]
CycleOption = Annotated[int | None, typer.Option("--cycle", help="Only this cycle of the side.", show_default=False)]
FromOption = Annotated[
    float | None, typer.Option("--from", metavar="S", help="Start of a time span.", show_default=False)
]
ChannelOption = Annotated[
    str | None, typer.Option("--channel", metavar="NAME", help="Only this EMG channel.", show_default=False)
]
ToOption = Annotated[float | None, typer.Option("--to", metavar="S", help="End of the time span.", show_default=False)]


def register(app: typer.Typer) -> None:
    app.add_typer(review, name="review", rich_help_panel=LOOK)


def _part_command(name: str, short_help: str, text: str) -> None:
    """A command that excludes a trial, or a part of it, or includes it again."""

    def decide(
        subject: SubjectArgument,
        trial: TrialArgument,
        reviewer: ReviewerOption,
        reason: ReasonOption,
        session: SessionOption = "",
        side: SideOption = None,
        cycle: CycleOption = None,
        from_s: FromOption = None,
        to_s: ToOption = None,
        channel: ChannelOption = None,
        basis: BasisOption = None,
        lake: LakeOption = LAKE,
    ) -> None:
        part = {"side": side, "cycle": cycle, "from_s": from_s, "to_s": to_s, "channel": channel, "basis": basis}
        _decide(lake, name, subject, session, trial, reviewer=reviewer, reason=reason, **part)

    review.command(name, short_help=short_help, help=text)(decide)


_part_command(
    "exclude",
    "Exclude a trial, side, cycle, span or EMG channel.",
    """Exclude a trial, or a side, cycle, time span or EMG channel of it, from every view, distance and report.

    Example: neurostore review exclude S07 walk_04 --session pre --reviewer R1 --reason "walked with a crutch" --lake lake/
    """,
)
_part_command(
    "include",
    "Include again what was excluded.",
    """Include a trial, or a part of it, again. The earlier decision stays in the list.

    Example: neurostore review include S07 walk_04 --session pre --reviewer R2 --reason "the crutch was the next trial" --lake lake/
    """,
)


@review.command(short_help="Exchange left and right of a trial, or undo it.")
def sides(
    change: Annotated[SideChange, typer.Argument(help="swap, or keep as in the file.")],
    subject: SubjectArgument,
    trial: TrialArgument,
    reviewer: ReviewerOption,
    reason: ReasonOption,
    session: SessionOption = "",
    basis: BasisOption = None,
    lake: LakeOption = LAKE,
) -> None:
    """Decide that the labels of a trial name the wrong sides, or that they are right as they are in the file.

    The next ingest of the cohort reads the trial again with left and right exchanged. Until then the trial is excluded.

    Example: neurostore review sides swap S07 walk_04 --session pre --reviewer R1 --reason "trial_quality: is_mirrored" --lake lake/
    """
    from neurostore.commands.output import say

    _decide(lake, f"{change.value}_sides", subject, session, trial, reviewer=reviewer, reason=reason, basis=basis)
    if change is SideChange.swap:
        say("the next `neurostore ingest` of the cohort carries this out; until then the trial is excluded")
    else:
        say("if an ingest has exchanged the sides, the next one undoes it, and the trial is excluded until then")


@review.command(short_help="Add, move, delete or rename a foot strike or foot off.")
def event(
    change: Annotated[Change, typer.Argument(help="add, move, delete or relabel.")],
    subject: SubjectArgument,
    trial: TrialArgument,
    side: Annotated[Side, typer.Option("--side", help="Side of the event.")],
    event: Annotated[Event, typer.Option("--event", help="Kind of event.")],
    time_s: Annotated[float, typer.Option("--at", metavar="S", help="Time of the event.")],
    reviewer: ReviewerOption,
    reason: ReasonOption,
    new_time_s: Annotated[
        float | None, typer.Option("--to", metavar="S", help="New time, for move.", show_default=False)
    ] = None,
    new_side: Annotated[
        Side | None, typer.Option("--new-side", help="New side, for relabel.", show_default=False)
    ] = None,
    new_event: Annotated[
        Event | None, typer.Option("--new-event", help="New kind, for relabel.", show_default=False)
    ] = None,
    source: Annotated[
        Source | None,
        typer.Option("--source", help="Only the event of this source; default: every source.", show_default=False),
    ] = None,
    session: SessionOption = "",
    basis: BasisOption = None,
    lake: LakeOption = LAKE,
) -> None:
    """Add, move, delete or rename a foot strike or foot off.

    Example: neurostore review event move S07 walk_04 --side left --event foot_strike --at 1.25 --to 1.31 --reviewer R1 --reason "late in the video" --lake lake/
    """
    part = {"side": side, "event": event, "time_s": time_s, "new_time_s": new_time_s, "new_side": new_side}
    part |= {"new_event": new_event, "source": source, "basis": basis}
    _decide(lake, f"{change.value}_event", subject, session, trial, reviewer=reviewer, reason=reason, **part)


@review.command("list", short_help="List the decisions and whether they apply.")
def list_(lake: LakeOption = LAKE, format: FormatOption = None, output: OutputOption = None) -> None:
    """List the decisions, latest first, and whether each applies, is superseded or must be checked.

    The table leaves out columns without any value and those that only a program needs; --format csv has all.

    Example: neurostore review list --lake lake/
    """
    from neurostore import reviews
    from neurostore.api import open as open_lake
    from neurostore.commands.output import write_frame

    rows = reviews.listing(open_lake(lake))
    if (format or Format.table) is Format.table and output is None:
        empty = [name for name in rows.columns if rows.height and rows[name].is_null().all()]
        rows = rows.drop(*empty, "review_id", "lake_version")
    write_frame(rows, format, output, lake=lake, kind="review")


@review.command(short_help="List the decisions of two reviewers, and where they differ.")
def agreement(lake: LakeOption = LAKE, format: FormatOption = None, output: OutputOption = None) -> None:
    """List what two reviewers both decided on, and whether they agree.

    Example: neurostore review agreement --lake lake/
    """
    from neurostore import reviews
    from neurostore.api import open as open_lake
    from neurostore.commands.output import write_frame

    write_frame(reviews.agreement(open_lake(lake)), format, output, lake=lake, kind="review")


@review.command("import", short_help="Record decisions from a TSV file.")
def import_(
    table: Annotated[Path, typer.Argument(metavar="TSV", help="A file as `review export` writes it.")],
    lake: LakeOption = LAKE,
) -> None:
    """Record the decisions in a TSV file, all of them or none. Those that are in the lake already are passed over.

    Semicolons or commas may stand in place of tabs, as spreadsheet programs write them.

    Example: neurostore review import reviews.tsv --lake lake/
    """
    from neurostore import reviews
    from neurostore.api import open as open_lake
    from neurostore.commands.output import say
    from neurostore.commands.refresh import renew
    from neurostore.reviews import tsv
    from neurostore.upkeep.erase import finish_erasures

    decisions = tsv.read(table)
    finish_erasures(lake)
    new = tsv.not_stored(open_lake(lake), decisions)
    version = reviews.decide(lake, new)
    n_there = len(decisions) - len(new)
    there = f", {n_there} {'was' if n_there == 1 else 'were'} there already" if n_there else ""
    say(f"{counted(len(new), 'decision')} recorded{there}; lake version {version}")
    renew(lake)


@review.command(short_help="Write the decisions to a TSV file.")
def export(
    table: Annotated[Path, typer.Argument(metavar="TSV", help="The file to write.")], lake: LakeOption = LAKE
) -> None:
    """Write the decisions to a TSV file.

    Example: neurostore review export reviews.tsv --lake lake/
    """
    from neurostore.api import open as open_lake
    from neurostore.commands.output import say
    from neurostore.lake import outputs
    from neurostore.reviews import tsv

    with outputs.noting(lake, "review", table):
        n = tsv.write(open_lake(lake), table)
    say(f"{counted(n, 'decision')} written: {table}")


def _decide(lake: Path, action: str, subject: str, session: str, trial: str, **part: Any) -> None:
    from neurostore import reviews
    from neurostore.commands.output import say
    from neurostore.commands.refresh import renew
    from neurostore.upkeep.erase import finish_erasures

    finish_erasures(lake)
    plain = {k: v.value if isinstance(v, StrEnum) else v for k, v in part.items()}
    decision = {"action": action, "subject": subject, "session": session, "trial": trial, **plain}
    version = reviews.decide(lake, [decision])
    renew(lake)
    say(f"recorded: {action} {'/'.join(x for x in (subject, session, trial) if x)}; lake version {version}")
