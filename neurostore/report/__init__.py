"""The report: one HTML page of a lake for a lab meeting, and its figures as files.

In comes a Lake, out go files. May import: distances, statistics, export, and what is below them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neurostore.errors import UsageError
from neurostore.storage import temporary

if TYPE_CHECKING:
    from neurostore.lake.version import Version

__all__ = ["write_report"]


def write_report(
    lake: Version,
    out: Path | str,
    *,
    reference: str | None = None,
    subjects: Sequence[str] = (),
    figures: Path | str | None = None,
    retest_group: str | None = None,
) -> list[Path]:
    """Write the report of a lake.

    Parameters
    ----------
    out : the HTML file; it is replaced if it is there.
    reference : a group of subjects that curves, scores and parameters are compared with; None takes the published norm.
    subjects : whose pages are wanted; () is everybody.
    figures : a folder for every figure as PNG and SVG; made if missing.
    retest_group : the group whose sessions repeat one state, for the detectable change.

    Returns
    -------
    The files written, the page first.

    Raises
    ------
    UsageError : an unknown subject or group, a file that cannot be written.
    MissingExtraError : plotly or matplotlib is not installed.
    """
    from neurostore.report import data, page

    out = Path(out)
    if not out.parent.is_dir():
        raise UsageError(f"{out.parent}: this folder does not exist; make it, or write {out.name} elsewhere")
    found = data.collect(lake, reference, tuple(subjects), retest_group)
    text = page.build(found)
    try:
        with temporary.replacing(out) as work:
            work.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}") from None
    written = [out]
    if figures is not None:
        from neurostore.report.static import write_figures

        written += write_figures(found, Path(figures))
    return written
