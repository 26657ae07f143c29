"""The report: one HTML page of a lake for a lab meeting, and its figures as files.

Input: a Lake. Output: files. May import: distances, statistics, export, and what is below them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neurostore.errors import UsageError
from neurostore.lake.selection import selected
from neurostore.report.details import Details
from neurostore.storage import temporary

if TYPE_CHECKING:
    from typing import Unpack

    from neurostore.lake.selection import Filters
    from neurostore.lake.version import Version
    from neurostore.report.data import ReportData

__all__ = ["Details", "write_report"]

SUFFIXES = (".html", ".htm", ".pdf")


def write_report(
    lake: Version,
    out: Path | str,
    *,
    reference: str | None = None,
    subjects: Sequence[str] = (),
    figures: Path | str | None = None,
    retest_group: str | None = None,
    details: Details | None = None,
    side: str | None = None,
    mixed: bool = False,
    **filters: Unpack[Filters],
) -> list[Path]:
    """Write the report of a lake.

    Parameters
    ----------
    out : the HTML file, or a PDF for print by its name (``.pdf``); it is replaced if it is there.
    reference : a group of subjects that curves, scores and parameters are compared with; None takes the published norm.
    subjects : whose pages are wanted; () is everybody, with the figures of the cohort. With names the page holds nobody else.
    figures : a folder for every figure as PNG and SVG; made if missing.
    retest_group : the group whose sessions repeat one state, for the detectable change.
    details : title, laboratory, clinician, affected side and comment, in place of those of participants.tsv.
    side : left, right, affected or unaffected: the cycles that are shown and pooled; None is both.
    mixed : take trials of different models, cut-offs or zeros of angles together.
    filters : where, session, condition, event_source: which trials (:class:`neurostore.lake.selection.Selection`).

    Returns
    -------
    The files written, the page first.

    Raises
    ------
    UsageError : an unknown subject or group, trials that must not be pooled, a file that cannot be written, a PDF without
        a Chromium on this machine.
    MissingExtraError : plotly or matplotlib is not installed.
    """
    from neurostore.report import chromium, data

    out = Path(out)
    temporary.check_folder(out)
    if out.is_dir() or out.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{out.name}: a report is written as {' or '.join(SUFFIXES)}")
    if _is_pdf(out):
        chromium.find()  # fails before anything is computed
    collected = data.collect(
        selected(lake, filters), reference, tuple(subjects), retest_group, details or Details(), side, mixed=mixed
    )
    with temporary.named(out):
        _write(collected, out)
    written = [out]
    if figures is not None:
        from neurostore.report.static import write_figures

        written += write_figures(collected, Path(figures))
    return written


def _is_pdf(out: Path) -> bool:
    return out.suffix.lower() == ".pdf"


def _write(collected: ReportData, out: Path) -> None:
    from neurostore.report import chromium, page, print_page

    if _is_pdf(out):
        chromium.print_page(print_page.build(collected), out)
        return
    text = page.build(collected)
    with temporary.replacing(out) as work:
        work.write_text(text, encoding="utf-8")
