"""Figures of the page for print: grids of small panels, drawn by matplotlib as SVG."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from neurostore.report import figures
from neurostore.report.html import Html, tag
from neurostore.report.kinetic_panels import KINETIC_PANELS
from neurostore.report.matplotlib_figures import QUIET, draw, empty_figure
from neurostore.report.panels import PANELS
from neurostore.report.session_kinetics import emg_panel, kinetic_panel
from neurostore.report.sessions import Session
from neurostore.report.specification import Plot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH_MM = 188.0  # width of the text on an A4 page
EMG_COLUMNS = 4
_INCH_MM = 25.4


def kinematics(block: Session, height_mm: float, has_strides: bool) -> Figure | None:
    """The twelve angles: a thin line per stride, or the means of this session and of the one before. None without curves."""
    plots = [figures.panel(block, which, has_strides=has_strides) for which in PANELS]
    if not any(plots):
        return None
    shown = [replace(plot, notes=()) if plot else which.title for plot, which in zip(plots, PANELS, strict=True)]
    return grid(shown, 3, height_mm)


def kinetics(block: Session, height_mm: float) -> Figure | None:
    """Moments, powers and ground reaction, a thin line per stride. None without any."""
    plots = [(which, kinetic_panel(block, which, has_strides=True)) for which in KINETIC_PANELS]
    if not any(plot for _, plot in plots):
        return None
    return grid([replace(plot, notes=()) if plot else which.title for which, plot in plots], 3, height_mm)


def emg(block: Session, muscles: Sequence[str], height_mm: float) -> Figure | None:
    """Envelopes of muscles, a thin line per stride. None without any."""
    plots = [plot for muscle in muscles if (plot := emg_panel(block, muscle, has_strides=True)) is not None]
    return grid(plots, EMG_COLUMNS, height_mm) if plots else None


def grid(plots: Iterable[Plot | str], n_columns: int, height_mm: float, width_mm: float = WIDTH_MM) -> Figure:
    """Small panels in rows; a text in place of one names a panel that is not there."""
    plots = list(plots)
    n_rows = -(-len(plots) // n_columns)
    figure = empty_figure(width_mm / _INCH_MM, height_mm / _INCH_MM, layout=None)
    edge, top, below = 7.5 / width_mm, 4.5 / height_mm, 6.5 / height_mm
    figure.subplots_adjust(
        left=edge, right=1 - 1.5 / width_mm, top=1 - top, bottom=below,
        wspace=n_columns * 8.5 / width_mm, hspace=n_rows * 6.0 / height_mm * 1.35,
    )  # fmt: skip
    axes = figure.subplots(n_rows, n_columns, squeeze=False)
    for index, ax in enumerate(axes.flat):
        if index >= len(plots):
            ax.axis("off")
            continue
        _panel(ax, plots[index], is_last=index + n_columns >= len(plots))
    return figure


def profile(bars: Plot, height_mm: float) -> Figure:
    """The bars of a movement analysis profile."""
    figure = empty_figure(WIDTH_MM / _INCH_MM, height_mm / _INCH_MM, layout=None)
    figure.subplots_adjust(left=9 / WIDTH_MM, right=0.99, top=1 - 2 / height_mm, bottom=9 / height_mm)
    ax = figure.add_subplot()
    draw(replace(bars, title=""), ax, label_size=5.5)
    ax.yaxis.label.set_fontsize(5.5)
    for label in ax.get_xticklabels():
        label.set_fontsize(5.5)
    ax.legend(loc="upper right", frameon=False, fontsize=5.5, ncols=4)
    return figure


def _panel(ax: Any, plot: Plot | str, is_last: bool) -> None:
    if isinstance(plot, str):
        ax.set_title(plot, fontsize=6.5, loc="left", pad=2)
        ax.text(0.5, 0.5, "not available", transform=ax.transAxes, ha="center", fontsize=6, color=QUIET)
        ax.set_xticks([])
        ax.set_yticks([])
    else:
        draw(replace(plot, title=""), ax, label_size=5.5)
        ax.set_title(f"{plot.title} ({plot.unit})" if plot.unit else plot.title, fontsize=6.5, loc="left", pad=2)
        ax.tick_params(labelsize=5.5, length=1.5, width=0.4, pad=1)
        ax.set_xlabel("gait cycle (%)" if is_last else "", fontsize=5.5, labelpad=0.5)
        if not is_last:
            ax.tick_params(labelbottom=False)
        for line in ax.lines:
            line.set_linewidth(0.75 * line.get_linewidth())
        for text in ax.texts:
            text.set_fontsize(4.5)
    for spine in ax.spines.values():
        spine.set_linewidth(0.4)


def element(figure: Figure, label: str) -> Html:
    """A drawn figure as an image of the page, with its text for those who cannot see it."""
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "neurostore", "path.simplify": True}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    source = f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
    return tag("img", src=source, alt=label)
