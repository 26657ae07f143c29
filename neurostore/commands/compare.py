"""neurostore compare"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from .options import LAKE, FormatOption, LakeOption, OutputOption


class Side(StrEnum):
    left = "left"
    right = "right"


class Test(StrEnum):
    welch = "welch"
    permutation = "permutation"


def register(app: typer.Typer) -> None:
    app.command()(compare)


def compare(
    parameters: Annotated[
        list[str], typer.Argument(metavar="PARAMETER", help="Columns of subject_summary, or angles of cycle_curves.")
    ],
    by: Annotated[str, typer.Option(metavar="COLUMN", help="Column of subjects or trials, or session.")] = "group",
    side: Annotated[Side | None, typer.Option(help="Else the mean of both.", show_default=False)] = None,
    test: Annotated[Test, typer.Option(help="How groups are tested.")] = Test.welch,
    seed: Annotated[int, typer.Option(help="Of the permutations.")] = 0,
    lake: LakeOption = LAKE,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Compare groups, sessions or conditions, one value a subject: difference, 95 % interval, Hedges g, test.

    Example: neurostore compare walking_speed_m_s --by group --lake lake/
    """
    from neurostore import analysis
    from neurostore.lake import open as open_lake

    from .output import write_frame

    found = analysis.compare(
        open_lake(lake), parameters, by=by, side=side.value if side else None, test=test.value, seed=seed
    )
    write_frame(found, format, output)
