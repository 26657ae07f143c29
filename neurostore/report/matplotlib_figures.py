"""Figures as matplotlib draws them, for files and notebooks: one pair of axes of a ``Plot``, a whole figure of a ``Matrix``.

Sizes of a specification are pixels of the page; here they become points.
"""

from __future__ import annotations

import io
from functools import cache, singledispatch
from typing import TYPE_CHECKING, Any

from neurostore.errors import MissingExtraError
from neurostore.release import how_to_install
from neurostore.report.placing import AROUND
from neurostore.report.specification import Axis, Band, Bars, Line, Matrix, Note, Plot, Points, Rule

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONGEST = 40  # characters of a label
QUIET = "0.4"
_MOST_NAMES = 40  # largest number of names beside a full-size matrix
_POINT = 0.72  # points per pixel
_MARK = 0.6  # points per pixel of a marker, whose area is its size squared
_LINES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-.", "longdash": (0, (8, 3))}
_MARKERS = {
    "circle": "o", "diamond": "D", "square": "s", "triangle-up": "^", "cross": "P", "triangle-down": "v", "x": "X", "star": "*",
}  # fmt: skip
_BEFORE = {-1.0: "right", 0.0: "center", 1.0: "left"}
_ABOVE = {-1.0: "top", 0.0: "center", 1.0: "bottom"}


def empty_figure(width: float, height: float, layout: Any = "constrained") -> Figure:
    """A figure of inches. Raises MissingExtraError without matplotlib."""
    return _shown_figure()(figsize=(width, height), layout=layout, dpi=150)


@cache
def _shown_figure() -> type[Figure]:
    """The class of our figures: a notebook shows them by themselves, without pyplot. Raises MissingExtraError."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError(f"figures need matplotlib: {how_to_install('report')}") from None

    class ShownFigure(Figure):
        """A figure that a notebook shows as PNG where a cell ends with it."""

        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png", dpi=100)
            return buffer.getvalue()

    return ShownFigure


def figure_of(plot: Plot, width: float, height: float) -> Figure:
    """A figure of one plot. width, height : inches."""
    figure = empty_figure(width, height)
    axes = figure.add_subplot()
    draw(plot, axes)
    if plot.has_legend:
        legend_below(figure, axes, plot.legend_title)
    return figure


def legend_below(figure: Figure, axes: Any, title: str = "") -> None:
    """One legend below all axes, each name once."""
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    if once:
        place: dict[str, Any] = {
            "loc": "outside lower center",
            "ncols": min(len(once), 6),
            "title": plain(title) or None,
        }
        figure.legend(list(once.values()), list(once), frameon=False, fontsize=8, title_fontsize=8, **place)


def draw(plot: Plot, axes: Any, label_size: float = 8.0) -> None:
    """Draw a plot on axes of a figure, which may have others beside them."""
    slots = [mark for mark in plot.marks if isinstance(mark, Bars) and not mark.is_lying]
    for mark in plot.marks:
        if isinstance(mark, Bars) and not mark.is_lying:
            width = 0.78 / len(slots)
            shift = (slots.index(mark) - (len(slots) - 1) / 2) * width
            axes.bar(mark.at + shift, mark.length, width, **_of_bars(mark))
        else:
            _draw(mark, axes)
    if plot.title:
        axes.set_title(plain(plot.title, 90) + (f" ({plain(plot.unit)})" if plot.unit else ""), fontsize=9, loc="left")
    axes.tick_params(labelsize=label_size)
    _axis(plot.x, axes.xaxis, axes.set_xlim, label_size)
    _axis(plot.y, axes.yaxis, axes.set_ylim, label_size)
    if plot.y.is_from_zero:
        axes.set_ylim(bottom=0)
    if plot.y.has_zero_line and not plot.is_square:
        axes.axhline(0, color="0.7", linewidth=0.6, zorder=0)
    if plot.is_square:
        axes.margins(0.12)
        axes.set_aspect("equal", adjustable="datalim")
    for note in plot.notes:
        _note(note, axes)


def _axis(axis: Axis, theirs: Any, set_range: Any, label_size: float) -> None:
    if axis.range is not None:
        set_range(*axis.range)
    if axis.ticks:
        theirs.set_ticks([at for at, _ in axis.ticks], [plain(label, 18) for _, label in axis.ticks])
    if axis.categories:
        labels = theirs.set_ticks(range(len(axis.categories)), [plain(name) for name in axis.categories], fontsize=7)
        for tick, name in zip(labels, axis.categories, strict=True):
            tick.label1.set_fontweight("bold" if name in axis.bold else "normal")
        set_range(-0.6, len(axis.categories) - 0.4)
    if axis.title:
        theirs.set_label_text(plain(axis.title), fontsize=label_size + 1)


@singledispatch
def _draw(mark: Any, axes: Any) -> None:
    raise TypeError(f"{type(mark).__name__} cannot be drawn")


@_draw.register
def _(mark: Line, axes: Any) -> None:
    axes.plot(
        mark.x,
        mark.y,
        linestyle=_LINES[mark.dash],
        color=mark.colour,
        linewidth=_POINT * mark.width,
        label=_label(mark),
    )


@_draw.register
def _(mark: Band, axes: Any) -> None:
    # The legend shows the reference; the bands of groups are shown by their lines.
    label = f"mean ± SD of {plain(mark.name)}" if mark.name else None
    axes.fill_between(mark.x, mark.lower, mark.upper, color=mark.colour, alpha=mark.opacity, linewidth=0, label=label)


@_draw.register
def _(mark: Points, axes: Any) -> None:
    if mark.spread is not None:
        axes.errorbar(
            mark.x, mark.y, mark.spread, color=mark.colour, marker="_", markersize=9, capsize=3, linestyle="none"
        )
        return
    if mark.symbol == "dash":
        half = 0.5 * mark.size / 26 * 0.8
        axes.hlines(mark.y, mark.x - half, mark.x + half, color=mark.colour, label=_label(mark))
        return
    fill = {"facecolors": "none", "edgecolors": mark.colour} if mark.is_open else {"color": mark.colour}
    axes.scatter(
        mark.x, mark.y, s=(_MARK * mark.size) ** 2, marker=_MARKERS[mark.symbol], label=_label(mark), clip_on=False, zorder=3, **fill
    )  # fmt: skip
    for text, x, y, place in zip(mark.texts, mark.x, mark.y, mark.places, strict=False):
        right, up = (2 * step for step in AROUND[place])
        axes.annotate(
            plain(text), (x, y), (6 * right, 6 * up), textcoords="offset points", ha=_BEFORE[right], va=_ABOVE[up], fontsize=7
        )  # fmt: skip


@_draw.register
def _(mark: Bars, axes: Any) -> None:
    axes.barh(mark.at, mark.length, mark.width, mark.start, **_of_bars(mark))


def _of_bars(mark: Bars) -> dict[str, Any]:
    if mark.is_hollow:
        return {"facecolor": "none", "edgecolor": mark.colour}
    return {
        "color": mark.colour, "alpha": mark.opacity, "hatch": 2 * mark.hatch, "edgecolor": "white", "linewidth": 0.5,
        "label": _label(mark),
    }  # fmt: skip


@_draw.register
def _(mark: Rule, axes: Any) -> None:
    label = plain(mark.label) if mark.label else None
    axes.axvline(mark.at, color=mark.colour, linestyle=_LINES[mark.dash], linewidth=_POINT * mark.width, label=label)


def _note(note: Note, axes: Any) -> None:
    across, up = note.anchor.split()
    style = {"ha": across, "va": {"middle": "center"}.get(up, up), "fontsize": 6.5, "color": QUIET}
    if note.is_inside:
        axes.text(0.01 + 0.98 * note.x, 0.02 + 0.96 * note.y, plain(note.text), transform=axes.transAxes, **style)
    else:
        axes.annotate(plain(note.text), (note.x, note.y), (0, 3), textcoords="offset points", **style)


def draw_matrix(matrix: Matrix) -> Figure:
    """A matrix as a figure: with its tree and a strip of the groups above, where it has them."""
    figure = empty_figure(7.2, 7.6 if matrix.tree else 6.2)
    if matrix.tree:
        above, main = figure.subplots(2, 1, height_ratios=(1, 4), sharex=True)
        for x, y in matrix.tree:
            above.plot(x, y, color="0.35", linewidth=1)
        above.axis("off")
        for group in matrix.groups:
            _draw(group, above)
        figure.legend(frameon=False, fontsize=8, loc="outside upper center", ncols=6)
    else:
        main = figure.add_subplot()
    image = main.imshow(
        matrix.values, cmap="cividis_r", interpolation="nearest", aspect="auto" if matrix.tree else "equal"
    )
    where = {"location": "bottom", "shrink": 0.6} if matrix.tree else {"shrink": 0.8}
    figure.colorbar(image, ax=main, label=plain(matrix.scale), **where)
    for border in matrix.borders:
        main.axhline(border - 0.5, color="white", linewidth=1.2)
        main.axvline(border - 0.5, color="white", linewidth=1.2)
    if matrix.group_names:
        places = [place for place, _ in matrix.group_names]
        groups = [plain(name) for _, name in matrix.group_names]
        main.set_xticks(places, groups)
        main.set_yticks(places, groups, rotation=90, va="center")
    else:
        size = 7 if len(matrix.names) <= _MOST_NAMES else 4
        names = [plain(n) for n in matrix.names]
        main.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
        main.set_yticks(range(len(names)), names, fontsize=size)
    if matrix.title:
        main.set_title(plain(matrix.title, 90))
    return figure


def _label(mark: Line | Points | Bars) -> str | None:
    return plain(mark.name) if mark.name else None


def plain(text: str, longest: int = LONGEST) -> str:
    """Text without matplotlib's mathematics, cut where it would leave no room for the figure."""
    return (text if len(text) <= longest else text[: longest - 1] + "…").replace("$", r"\$")
