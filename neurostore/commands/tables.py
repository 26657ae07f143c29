"""neurostore trials, subjects, history, version"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from neurostore.commands.help_sections import LOOK, MAINTAIN, START
from neurostore.commands.options import (
    LAKE,
    ConditionsOption,
    FormatOption,
    LakeOption,
    OutputOption,
    ReleaseOption,
    SessionsOption,
    VersionOption,
    WhereOption,
    open_selected,
)

if TYPE_CHECKING:
    from neurostore.api import Lake

_TRIALS = (
    "SELECT subject, session, trial, kind, skeleton, n_frames, rate_hz, duration_s, condition, length_basis, "
    "ingested_at FROM trials ORDER BY subject, session, trial"
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


def trials(
    where: WhereOption = None,
    session: SessionsOption = None,
    condition: ConditionsOption = None,
    version: VersionOption = None,
    release: ReleaseOption = None,
    lake: LakeOption = LAKE,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """List the trials of the lake.

    Example: neurostore trials --session pre --lake lake/ --format csv
    """
    chosen = open_selected(lake, where=where, session=session, condition=condition, version=version, release=release)
    _show(_TRIALS, chosen, format, output)


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
    _show(_SUBJECTS, open_selected(lake, version=version, release=release), format, output)


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


def _show(query: str, lake: Lake, format: FormatOption, output: OutputOption) -> None:
    from neurostore.commands.output import write_frame

    with lake.connect(query) as connection:
        write_frame(connection.sql(query).pl(), format, output, lake=lake.path, kind="table")
