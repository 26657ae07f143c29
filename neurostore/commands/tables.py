"""neurostore trials, subjects, history, version"""

from __future__ import annotations

import typer

from neurostore.commands.help_sections import LOOK, MAINTAIN, START
from neurostore.commands.options import (
    LAKE,
    FormatOption,
    LakeOption,
    OutputOption,
    ReleaseOption,
    TrialOptions,
    VersionOption,
    choosing_trials,
)

_COLUMNS = (
    *("subject", "session", "trial", "kind", "skeleton", "n_frames", "rate_hz", "duration_s", "condition"),
    *("length_basis", "ingested_at", "n_steady_cycles"),
)
_SUBJECTS = (
    "SELECT s.*, count(t.trial) AS n_trials, count(DISTINCT t.session) AS n_sessions "
    "FROM subjects AS s LEFT JOIN trials AS t USING (subject) GROUP BY ALL ORDER BY subject"
)


def register(app: typer.Typer) -> None:
    app.command(rich_help_panel=LOOK)(trials)
    app.command(short_help="List the subjects with their columns of participants.tsv.", rich_help_panel=LOOK)(subjects)
    app.command(rich_help_panel=MAINTAIN)(history)
    app.command(rich_help_panel=START)(version)


@choosing_trials
def trials(
    *,
    chosen: TrialOptions,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """List the trials of the lake.

    With --side or --event-source, only trials with steady cycles of this side or source, and how many each has.

    Example: neurostore trials --session pre --lake lake/ --format csv
    """
    from neurostore.commands.output import say, write_frame
    from neurostore.lake import shown

    lake = chosen.lake()
    frame, about = shown.list_trials(lake, side=chosen.side, mixed=chosen.mixed, **chosen.filters)
    write_frame(frame.select(c for c in _COLUMNS if c in frame.columns), format, output, lake=lake.path, kind="table")
    for text in about:
        say(text)


def subjects(
    version: VersionOption = None,
    release: ReleaseOption = None,
    lake: LakeOption = LAKE,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """List the subjects of the lake with their columns of participants.tsv.

    Example: neurostore subjects --lake lake/
    """
    from neurostore.api import open as open_lake
    from neurostore.commands.output import write_frame

    opened = open_lake(lake, version, release)
    write_frame(opened.sql(_SUBJECTS), format, output, lake=opened.path, kind="table")


def history(lake: LakeOption = LAKE, format: FormatOption = None, output: OutputOption = None) -> None:
    """List the versions of the lake, newest first.

    Example: neurostore history --lake lake/
    """
    from neurostore.api import open as open_lake
    from neurostore.commands.output import write_frame

    write_frame(open_lake(lake).history(), format, output, lake=lake, kind="history")


def version() -> None:
    """Print the version of this software.

    Example: neurostore version
    """
    from neurostore.release import VERSION

    print(VERSION)
