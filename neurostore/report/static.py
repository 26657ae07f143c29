"""The report's figures as files, by matplotlib: PNG and SVG of each, for papers and slides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.report import cohort_figures, figures
from neurostore.report.data import ReportData
from neurostore.report.matplotlib_figures import (
    QUIET,
    draw,
    draw_matrix,
    empty_figure,
    figure_of,
    legend_below,
    plain,
)
from neurostore.report.panels import BY_COLUMN, OVERVIEW, PANELS, PLANES
from neurostore.report.sessions import Session, sessions_of
from neurostore.report.specification import Line, Plot
from neurostore.report.timeline import timeline
from neurostore.storage import temporary

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_figures(data: ReportData, folder: Path) -> list[Path]:
    """Write ``<name>.png`` (150 dpi) and ``<name>.svg`` of every figure into a folder; return the paths.

    Raises
    ------
    UsageError : the folder cannot be made or written.  MissingExtraError : no matplotlib.
    """
    from matplotlib import rc_context

    written = []
    with temporary.named(folder):
        folder.mkdir(parents=True, exist_ok=True)
        # Text stays text in SVG; the salt makes its ids, and so the file, the same every time.
        with rc_context({"svg.fonttype": "none", "svg.hashsalt": "neurostore"}):
            for name, figure in _figures(data):
                for suffix in ("png", "svg"):
                    path = folder / f"{name}.{suffix}"
                    metadata = {"Date": None} if suffix == "svg" else None
                    with temporary.replacing(path) as work:
                        figure.savefig(work, format=suffix, dpi=150, metadata=metadata)
                    written.append(path)
    return written


def _figures(data: ReportData) -> Iterator[tuple[str, Figure]]:
    """(name, figure) of everything the page draws."""
    yield "cohort_parameters", _parameters(data)
    if data.group_curves.height:
        yield "cohort_curves", _group_curves(data)
    matrix, plane = cohort_figures.heatmap(data), cohort_figures.cohort_map(data)
    if matrix is not None and plane is not None:
        yield "cohort_distances", draw_matrix(matrix)
        title = f"classical scaling; the two axes hold {plane.meta['share']:.0%}"
        yield "cohort_map", figure_of(replace(plane, title=title, x=replace(plane.x, range=None)), 6.4, 6.0)
    for subject in data.shown:
        for block in sessions_of(data, subject):
            if block.curves:
                yield f"{block.slug}_kinematics", _kinematics(block)
            bars = figures.map_bars(block)
            if bars is not None:
                against = next((r["reference"] for r in figures.scores(block).values()), "")
                title = f"{block.subject} {block.name} against {against}"
                yield f"{block.slug}_profile", figure_of(replace(bars, title=title), 9.0, 3.8)
            for trial in block.rows(data.trials)["trial"]:
                title = f"{block.subject} {block.session} {trial}"
                plot = replace(timeline(block, trial), title=title)
                yield f"{block.slug}_{trial}_events", figure_of(plot, 9.0, 2.2)


def _kinematics(block: Session) -> Figure:
    """The classical chart: twelve angles, left and right, mean ± SD, band, foot off."""
    figure = empty_figure(10.0, 11.0, layout=None)  # the layout of twelve axes by their labels takes most of the time
    figure.subplots_adjust(left=0.05, right=0.985, top=0.93, bottom=0.085, hspace=0.2, wspace=0.16)
    axes = figure.subplots(4, 3, sharex=True)
    names: dict[str, Any] = {}
    for which, ax in zip(PANELS, axes.flat, strict=True):
        plot = figures.panel(block, which)
        if plot is None:
            _say(ax, which.title, "not available from this skeleton")
            continue
        draw(_with_counts(plot), ax, label_size=7)
        handles, labels = ax.get_legend_handles_labels()
        names |= dict(zip(labels, handles, strict=True))
    for plane, ax in zip(PLANES, axes[0], strict=True):
        ax.text(0.5, 1.17, f"{plane} plane", transform=ax.transAxes, ha="center", fontsize=8, color=QUIET)
    if names:
        figure.legend(list(names.values()), list(names), loc="lower center", ncols=4, frameon=False)
    figure.suptitle(plain(f"{block.subject} {block.name}".strip()), y=0.995)
    return figure


def _with_counts(plot: Plot) -> Plot:
    """The panel with the number of cycles in its legend, and the band named once."""
    marks = []
    for mark in plot.marks:
        if isinstance(mark, Line):
            n = mark.tags.get("n")
            name = "" if mark.tags["role"] == "band mean" else f"{mark.name} (n = {n})" if n else mark.name
            mark = replace(mark, name=name)
        marks.append(mark)
    return replace(plot, marks=tuple(marks))


def _parameters(data: ReportData) -> Figure:
    """A point per person by group of the overview's parameters, with mean and SD."""
    figure = empty_figure(10.0, 6.0)
    for column, ax in zip(OVERVIEW, figure.subplots(2, 3).flat, strict=True):
        plot = cohort_figures.parameter(data, column)
        if plot is None:
            _say(ax, f"{BY_COLUMN[column].title} ({BY_COLUMN[column].unit})", "no data")
        else:
            draw(plot, ax)
    return figure


def _group_curves(data: ReportData) -> Figure:
    """Mean curves of the groups with the SD between subjects, one plot per angle."""
    angles = data.group_curves["angle"].unique(maintain_order=True).to_list()
    plots = [plot for angle in angles if (plot := cohort_figures.group_curves(data, angle)) is not None]
    figure = empty_figure(3.4 * max(len(plots), 1), 3.6)
    axes = np.atleast_1d(figure.subplots(1, max(len(plots), 1)))
    for plot, ax in zip(plots, axes, strict=False):
        draw(plot, ax)
    legend_below(figure, axes[-1])
    return figure


def _say(ax: object, title: str, text: str) -> None:
    ax.set_title(title, fontsize=9, loc="left")  # type: ignore[attr-defined]
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", fontsize=8, color=QUIET)  # type: ignore[attr-defined]
