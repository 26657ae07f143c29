"""Figures as plotly.js draws them in the page: ``{"data": [...], "layout": {...}}`` of plain Python values.

Traces carry their tags in ``meta`` and shapes their side in ``name``, by which the page's filters find them. All text is escaped:
plotly reads a little HTML in labels.
"""

from __future__ import annotations

from functools import singledispatch
from html import escape
from typing import Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.report.panels import INK
from neurostore.report.placing import LETTER
from neurostore.report.specification import Axis, Band, Bars, Line, Matrix, Note, Plot, Points, Rule

Figure = dict[str, Any]
FONT = {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif", "size": 12, "color": INK}
GRID = "#E4E7EB"
QUIET = "#616E7C"
LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 11}}
MOST_NAMES = 60  # largest number of names beside a matrix; more would overlap
# White lines over the colour, so that sides differ in a grey print too.
_HATCH = {"fillmode": "overlay", "fgcolor": "white", "size": 6, "solidity": 0.25}
_POINTER = {"x": "%{{x{}}}", "y": "%{{y{}}}", "detail": "%{{customdata{}}}"}
# Drawn by the page around the person chosen.
_RING: Figure = {
    "type": "scatter", "mode": "markers", "x": [], "y": [], "showlegend": False, "hoverinfo": "skip", "meta": {"role": "ring"},
    "marker": {"symbol": "circle-open", "size": 18, "color": INK, "line": {"width": 2}},
}  # fmt: skip


def plotly_figure(content: Plot | Matrix) -> Figure:
    """The figure for plotly.js."""
    return _of_matrix(content) if isinstance(content, Matrix) else _of_plot(content)


def _of_plot(plot: Plot) -> Figure:
    data: list[Figure] = []
    for mark in plot.marks:
        if not isinstance(mark, Rule):
            data += _traces(mark, plot)
    data += [_RING] if plot.has_ring else []
    layout = _base(plot.height, plot.margins)
    layout |= {"showlegend": plot.has_legend, "hovermode": "x unified" if plot.is_unified else "closest"}
    if plot.has_legend:
        layout["legend"] = LEGEND
    if plot.title:
        text = f"<b>{escape(plot.title)}</b>" + (f" ({escape(plot.unit)})" if plot.unit else "")
        layout["title"] = {"text": text, "font": {"size": 12.5}, "x": 0, "xref": "paper", "xanchor": "left", "y": 0.97}
    layout["xaxis"] |= _axis(plot.x, standoff=2)
    layout["yaxis"] |= _axis(plot.y, standoff=4)
    if plot.is_square:
        layout["yaxis"] |= {"scaleanchor": "x", "scaleratio": 1}
    bars = [mark for mark in plot.marks if isinstance(mark, Bars)]
    if bars:
        layout |= {"barmode": "overlay"} if bars[0].is_lying else {"barmode": "group", "bargap": 0.28}
    layout["shapes"] = [_rule(mark) for mark in plot.marks if isinstance(mark, Rule)]
    if plot.has_cursor:
        start = plot.x.range[0] if plot.x.range else 0.0
        layout["shapes"] += [_rule(Rule(start, INK, "cursor", width=1.5)) | {"visible": False}]
    layout["annotations"] = [_note(note, plot) for note in plot.notes]
    if plot.meta:
        layout["meta"] = dict(plot.meta)
    return {"data": data, "layout": layout}


def _base(height: int, margins: tuple[int, int, int, int]) -> Figure:
    """What all figures share: font, white ground, quiet grid, no dragging by mistake on a phone."""
    axis = {
        "gridcolor": GRID, "zerolinecolor": "#9AA5B1", "zerolinewidth": 1, "linecolor": "#9AA5B1", "ticks": "",
        "automargin": False, "fixedrange": True,
    }  # fmt: skip
    return {
        "font": FONT, "height": height, "margin": dict(zip("lrtb", margins, strict=True)), "paper_bgcolor": "white",
        "plot_bgcolor": "white", "xaxis": dict(axis), "yaxis": dict(axis), "dragmode": False,
        "hoverlabel": {"font": {"size": 11}},
    }  # fmt: skip


def _axis(axis: Axis, standoff: int) -> Figure:
    options: Figure = {"showgrid": axis.has_grid, "zeroline": axis.has_zero_line}
    if axis.title:
        options["title"] = {"text": escape(axis.title), "standoff": standoff, "font": {"size": 11}}
    if axis.range is not None:
        options["range"] = list(axis.range)
    if axis.n_ticks is not None:
        options["nticks"] = axis.n_ticks
    if axis.decimals is not None:
        options["hoverformat"] = f".{axis.decimals}f"
    if axis.is_from_zero:
        options["rangemode"] = "tozero"
    if axis.ticks:
        options |= {"tickvals": [at for at, _ in axis.ticks], "ticktext": [escape(label) for _, label in axis.ticks]}
        options["tickfont"] = {"size": 10.5}
    if axis.categories:
        names = [_category(axis, i) for i in range(len(axis.categories))]
        options |= {"type": "category", "categoryarray": names, "tickangle": 0, "tickfont": {"size": 10}}
        options["range"] = [-0.5, len(names) - 0.5]
    return options


def _category(axis: Axis, index: int) -> str:
    name = axis.categories[index]
    text = escape(name).replace("\n", "<br>")
    return f"<b>{text}</b>" if name in axis.bold else text


@singledispatch
def _traces(mark: Any, plot: Plot) -> list[Figure]:
    raise TypeError(f"{type(mark).__name__} cannot be drawn")


@_traces.register
def _(mark: Line, plot: Plot) -> list[Figure]:
    line = {"color": mark.colour, "width": mark.width, "dash": mark.dash}
    return [
        {"type": "scatter", "mode": "lines", **_even(mark.x), "y": rounded(mark.y), "name": escape(mark.name), "line": line,
         "meta": dict(mark.tags)}
    ]  # fmt: skip


@_traces.register
def _(mark: Band, plot: Plot) -> list[Figure]:
    """Two traces without lines and the area between them."""
    red, green, blue = (int(mark.colour[i : i + 2], 16) for i in (1, 3, 5))
    shared = {
        "type": "scatter", "mode": "lines", **_even(mark.x), "line": {"width": 0, "color": mark.colour}, "hoverinfo": "skip",
        "showlegend": False,
    }  # fmt: skip
    tags = dict(mark.tags) | ({"name": escape(mark.name)} if mark.name else {})
    fill = {"fill": "tonexty", "fillcolor": f"rgba({red},{green},{blue},{mark.opacity})"}
    return [
        shared | {"y": rounded(mark.lower), "meta": tags | {"edge": "lower"}},
        shared | {"y": rounded(mark.upper), "meta": tags | {"edge": "upper"}} | fill,
    ]


@_traces.register
def _(mark: Points, plot: Plot) -> list[Figure]:
    marker: Figure = {
        "color": mark.colour,
        "symbol": mark.symbol + ("-open" if mark.is_open else ""),
        "size": mark.size,
    }
    if mark.symbol == "dash":
        marker |= {"symbol": "line-ew", "line": {"width": 2.5, "color": mark.colour}}
    if mark.opacity < 1:
        marker["opacity"] = mark.opacity
    if mark.is_outlined:
        marker["line"] = {"width": 1, "color": "white"}
    x = [_category(plot.x, int(i)) for i in mark.x] if plot.x.categories else rounded(mark.x, 4)
    trace: Figure = {
        "type": "scatter", "mode": "markers", "name": escape(mark.name), "x": x, "y": rounded(mark.y, 4), "marker": marker,
        "meta": dict(mark.tags),
    }  # fmt: skip
    if mark.texts:
        trace |= {"mode": "markers+text", "text": [escape(t) for t in mark.texts], "textposition": list(mark.places)}
        trace["textfont"] = {"size": 9.5}
    if mark.spread is not None:
        bars = {"type": "data", "array": rounded(mark.spread, 4), "color": mark.colour, "thickness": 1.2, "width": 3}
        trace["error_y"] = bars
    return [trace | _pointer(mark)]


@_traces.register
def _(mark: Bars, plot: Plot) -> list[Figure]:
    trace: Figure = {"type": "bar", "name": escape(mark.name), "meta": dict(mark.tags)}
    if mark.is_hollow:
        trace["marker"] = {"color": "white", "line": {"color": mark.colour, "width": 1.3}}
    else:
        trace["marker"] = {"color": mark.colour, "opacity": mark.opacity, "pattern": _HATCH | {"shape": mark.hatch}}
    if mark.is_lying:
        trace |= {"orientation": "h", "width": mark.width, "y": mark.at.tolist(), "x": rounded(mark.length, 4)}
        trace["base"] = rounded(mark.start, 4)
    else:
        trace |= {"x": [_category(plot.x, int(i)) for i in mark.at], "y": rounded(mark.length)}
    return [trace | _pointer(mark)]


def _pointer(mark: Points | Bars) -> Figure:
    """What is shown at the pointer: the template in plotly's words, and the details it names."""
    options: Figure = {"customdata": [escape(d) for d in mark.details]} if mark.details else {}
    if not mark.pointer:
        return options
    template = escape(mark.pointer).replace("\n", "<br>")
    for word, theirs in _POINTER.items():
        for decimals in ("", ":.0f", ":.1f", ":.2f", ":.3f"):
            template = template.replace(f"{{{word}{decimals}}}", theirs.format(decimals))
    if isinstance(mark, Bars) and mark.is_lying:
        template = template.replace("{start:.2f}", "%{base:.2f}")
    return options | {"hovertemplate": f"{template}<extra>{escape(mark.name)}</extra>"}


def _rule(rule: Rule) -> Figure:
    at = round(rule.at, 2)
    return {
        "type": "line", "name": rule.name, "xref": "x", "yref": "paper", "x0": at, "x1": at, "y0": 0, "y1": 1,
        "line": {"color": rule.colour, "width": rule.width, "dash": rule.dash},
    }  # fmt: skip


def _note(note: Note, plot: Plot) -> Figure:
    across, up = note.anchor.split()
    annotation: Figure = {
        "x": note.x, "y": note.y, "xanchor": across, "yanchor": up, "text": escape(note.text), "showarrow": False,
        "font": {"size": 9.5, "color": QUIET}, "bgcolor": "rgba(255,255,255,0.75)", "borderpad": 0,
    }  # fmt: skip
    if note.is_inside:
        return annotation | {"xref": "paper", "yref": "paper"}
    return annotation | ({"x": _category(plot.x, int(note.x))} if plot.x.categories else {})


def _of_matrix(matrix: Matrix) -> Figure:
    """The matrix with the tree above it and a strip of the groups."""
    n = len(matrix.names)
    names = [escape(name) for name in matrix.names]
    unit = escape(matrix.unit)
    gap = 1 if n <= MOST_NAMES else 0
    data: list[Figure] = [
        {
            "type": "heatmap", "z": [rounded(row, 2) for row in matrix.values], "x": list(range(n)), "y": list(range(n)),
            "colorscale": "Cividis", "reversescale": True, "xgap": gap, "ygap": gap, "meta": {"role": "distances"},
            "customdata": [[f"{a} and {b}" for b in names] for a in names],
            "hovertemplate": f"%{{customdata}}: %{{z:.1f}} {unit}<extra></extra>",
            "colorbar": {
                "title": {"text": escape(matrix.scale), "side": "right"}, "thickness": 12, "len": 0.7, "y": 0.36,
                "outlinewidth": 0, "tickfont": {"size": 10},
            },
        }
    ]  # fmt: skip
    for group in matrix.groups:
        data += [trace | {"yaxis": "y2", "hoverinfo": "name"} for trace in _traces(group, Plot(()))]
    for across, heights in [_joined(matrix.tree)] if matrix.tree else []:
        data.append(
            {"type": "scatter", "mode": "lines", "x": rounded(across), "y": rounded(heights), "yaxis": "y3",
             "line": {"color": "#52606D", "width": 1.3}, "hoverinfo": "skip", "showlegend": False, "meta": {"role": "tree"}}
        )  # fmt: skip
    side = int(min(16 + LETTER * max(map(len, matrix.names)), 130)) if n <= MOST_NAMES else 16
    layout = _base(matrix.height, (side, 10, 40, side))
    tick: Figure = {"showticklabels": False}
    if n <= MOST_NAMES:
        tick = {"tickvals": list(range(n)), "ticktext": names, "tickfont": {"size": 10 if n <= 30 else 8}}
    tick |= {"showgrid": False, "zeroline": False}
    layout |= {"legend": LEGEND, "hovermode": "closest"}
    layout["xaxis"] |= tick | {"range": [-0.5, n - 0.5], "tickangle": -90}
    layout["yaxis"] |= tick | {"range": [n - 0.5, -0.5], "domain": [0, 0.76]}
    hidden = {"visible": False, "fixedrange": True}
    layout["yaxis2"] = hidden | {"domain": [0.77, 0.81], "range": [-1, 1], "anchor": "x"}
    layout["yaxis3"] = hidden | {"domain": [0.82, 1], "anchor": "x", "rangemode": "tozero"}
    return {"data": data, "layout": layout}


def _joined(lines: tuple[tuple[Floats, Floats], ...]) -> tuple[list[float], list[float]]:
    """Lines one after another with a gap between them."""
    return (
        [v for x, _ in lines for v in [*x, np.nan]],
        [v for _, y in lines for v in [*y, np.nan]],
    )


def _even(x: Floats) -> Figure:
    """First x and step, which is shorter than every x of an even clock."""
    return {"x0": float(x[0]), "dx": float(x[1] - x[0])}


def rounded(values: Any, decimals: int = 3) -> list[float | None]:
    """Values as JSON takes them: rounded, None if there is none."""
    return [None if v is None or not np.isfinite(v) else round(float(v), decimals) for v in values]
