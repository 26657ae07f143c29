"""neurostore report"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurostore.commands.help_sections import COMPARE
from neurostore.commands.options import TrialOptions, choosing_trials


def register(app: typer.Typer) -> None:
    app.command(short_help="Write a report of the lake as one web page.", rich_help_panel=COMPARE)(report)


@choosing_trials
def report(
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT.html", help="The page to write, or OUT.pdf for print by Chromium; replaced if there."
        ),
    ],
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="GROUP", help="Compare with this group instead of the published norm.", show_default=False
        ),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Also write every figure as PNG and SVG into this folder.", show_default=False
        ),
    ] = None,
    subject: Annotated[
        list[str] | None,
        typer.Option(metavar="SUBJECT", help="Only this person; may be repeated.", show_default=False),
    ] = None,
    retest_group: Annotated[
        str | None,
        typer.Option(
            metavar="GROUP",
            help="Group measured twice in the same state; gives the minimal detectable change.",
            show_default=False,
        ),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title of the page.", show_default=False)] = None,
    laboratory: Annotated[str | None, typer.Option(help="Laboratory, in the heading.", show_default=False)] = None,
    clinician: Annotated[str | None, typer.Option(help="Clinician, in the heading.", show_default=False)] = None,
    affected_side: Annotated[
        str | None,
        typer.Option(metavar="SIDE", help="left, right, both or none; for one person.", show_default=False),
    ] = None,
    comment: Annotated[str | None, typer.Option(help="Comment to print; for one person.", show_default=False)] = None,
    *,
    chosen: TrialOptions,
) -> None:
    """Write a report of the lake as one web page, or as a PDF for the patient's file.

    The page needs no network and no server. Curves and scores are compared with --reference, else with the published norm.
    Trials of different models, cut-offs or angle zeros are refused without --mixed.

    Example: neurostore report report.html --reference control --lake lake/
    """
    from neurostore.commands.output import say
    from neurostore.lake import outputs
    from neurostore.report import Details, write_report

    with outputs.noting(chosen.path, "report", out):
        written = write_report(
            chosen.lake(),
            out,
            reference=reference,
            subjects=subject or (),
            figures=figures,
            retest_group=retest_group,
            details=Details(title, laboratory, clinician, affected_side, comment),
            side=chosen.side,
            mixed=chosen.mixed,
            **chosen.filters,
        )
    size = written[0].stat().st_size / 1e6
    say(f"{written[0]}: {size:.1f} MB" + (f"; {len(written) - 1} figures in {figures}" if figures else ""))
