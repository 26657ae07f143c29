"""What a figure shows, independent of the library that draws it: axes, lines, bands, bars, points, marks, titles and units.

One function per figure makes a ``Plot`` or a ``Matrix`` (figures, cohort_figures, plot); ``plotly_figures`` draws it in
the page and ``matplotlib_figures`` in files and notebooks. Texts are plain: each renderer escapes what its library
would interpret. Sizes are pixels of the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from neurostore.arrays import Floats

#: By which the page's filters find a mark: role, side, group.
Tags = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis. range : may be reversed; None fits the marks. ticks : (place, label); empty leaves them to the renderer.

    categories : labels of the places 0, 1, 2 … instead of ticks; a line break in one is kept. bold : labels in bold type.
    decimals : of the value that is shown at the pointer.
    """

    title: str = ""
    range: tuple[float, float] | None = None
    ticks: tuple[tuple[float, str], ...] = ()
    categories: tuple[str, ...] = ()
    bold: tuple[str, ...] = ()
    n_ticks: int | None = None
    decimals: int | None = None
    has_grid: bool = True
    has_zero_line: bool = True
    is_from_zero: bool = False


@dataclass(frozen=True, eq=False)
class Line:
    """A line through (x, y). dash : solid, dash, dot, dashdot or longdash."""

    x: Floats
    y: Floats
    colour: str
    tags: Tags
    name: str = ""
    dash: str = "solid"
    width: float = 2.2


@dataclass(frozen=True, eq=False)
class Band:
    """The area between two lines."""

    x: Floats
    lower: Floats
    upper: Floats
    colour: str
    tags: Tags
    opacity: float = 0.2
    name: str = ""


@dataclass(frozen=True, eq=False)
class Points:
    """Marks at (x, y). symbol : circle, diamond, square, triangle-up … or dash, a short horizontal line.

    details : a text per point, shown at the pointer. pointer : a template of it with ``{x}``, ``{y}`` and ``{detail}``, each with
    a format. texts : written beside the points, each where ``places`` says (a key of placing.AROUND). spread : half the length of
    an error bar. is_open : an outline only.
    """

    x: Floats
    y: Floats
    colour: str
    tags: Tags
    symbol: str = "circle"
    size: float = 9.0
    name: str = ""
    opacity: float = 1.0
    is_open: bool = False
    is_outlined: bool = False
    details: tuple[str, ...] = ()
    pointer: str = ""
    texts: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    spread: Floats | None = None


@dataclass(frozen=True, eq=False)
class Bars:
    """Bars of ``length`` from ``start``. Upright bars stand at categories, side by side; lying ones at a place on the y axis.

    hatch : '', '/' or 'x', so that bars differ on grey prints. is_hollow : an outline only. details, pointer : as of Points.
    """

    at: Floats
    length: Floats
    colour: str
    tags: Tags
    name: str = ""
    start: Floats | None = None
    is_lying: bool = False
    width: float = 0.44
    opacity: float = 1.0
    hatch: str = ""
    is_hollow: bool = False
    details: tuple[str, ...] = ()
    pointer: str = ""


@dataclass(frozen=True, eq=False)
class Rule:
    """A vertical line over the whole height. name : by which the page finds it. label : in the legend."""

    at: float
    colour: str
    name: str = ""
    dash: str = "solid"
    width: float = 1.2
    label: str = ""


@dataclass(frozen=True, eq=False)
class Note:
    """A word on the figure. x, y : in units of the axes, or where ``is_inside`` shares of their length from the lower left corner.

    anchor : which part of the text is at that point, such as 'right top', 'center bottom', 'center middle'.
    """

    text: str
    x: float
    y: float
    anchor: str
    is_inside: bool = True


Mark = Line | Band | Points | Bars | Rule


@dataclass(frozen=True, eq=False)
class Plot:
    """One pair of axes with its marks, the hindmost first.

    unit : beside the title. margins : left, right, top, bottom. has_cursor : the page moves a line of time over it. has_ring : the
    page rings the person chosen. is_square : one scale on both axes. is_unified : all values at one x are shown together.
    """

    marks: tuple[Mark, ...]
    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    title: str = ""
    unit: str = ""
    notes: tuple[Note, ...] = ()
    height: int = 230
    margins: tuple[int, int, int, int] = (36, 14, 30, 40)
    has_legend: bool = False
    legend_title: str = ""
    has_cursor: bool = False
    has_ring: bool = False
    is_square: bool = False
    is_unified: bool = False
    meta: Tags = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Matrix:
    """Distances of all items with all: rows from top to bottom as columns from left to right.

    values : (n, n). names : of the items. scale : title of the colours. groups : Points at y = 0, one set per group, for the strip
    above. tree : lines (x, height) above the strip. borders : between which rows groups meet, drawn as lines if there is no strip.
    group_names : (place, name) in place of names where these would not fit.
    """

    values: Floats
    names: tuple[str, ...]
    scale: str
    unit: str = ""
    groups: tuple[Points, ...] = ()
    tree: tuple[tuple[Floats, Floats], ...] = ()
    borders: tuple[int, ...] = ()
    group_names: tuple[tuple[float, str], ...] = ()
    title: str = ""
    height: int = 520
