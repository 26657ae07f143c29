"""Figures of the whole cohort, as plotly.js draws them: parameters by group, mean curves, heat map with tree, map."""

from __future__ import annotations

from html import escape

import numpy as np

from neurostore.arrays import Floats
from neurostore.report.data import LEAST_REFERENCE, ReportData, group_of, subject_values
from neurostore.report.figures import LEGEND, Figure, _area, _rounded, angle_title, base_layout, small_title
from neurostore.report.ordination import Tree, classical_mds, cluster
from neurostore.report.panels import BY_COLUMN, GROUP_COLOURS, GROUP_SYMBOLS, INK, NO_GROUP, PANELS, Parameter
from neurostore.report.placing import LETTER, places_of_names, swarm

# Drawn by the page around the person chosen.
RING: Figure = {
    "type": "scatter",
    "mode": "markers",
    "x": [],
    "y": [],
    "showlegend": False,
    "hoverinfo": "skip",
    "meta": {"role": "ring"},
    "marker": {"symbol": "circle-open", "size": 18, "color": INK, "line": {"width": 2}},
}
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


def groups_in_order(data: ReportData) -> list[str]:
    """Names of the groups: the reference first, then by name; people without a group last."""
    found = {g if g is not None else NO_GROUP for g in group_of(data).values()}
    return sorted(found, key=lambda g: (g != data.reference, g == NO_GROUP, g))


def style_of(data: ReportData) -> dict[str, tuple[str, str]]:
    """Group → (colour, symbol)."""
    n, m = len(GROUP_COLOURS), len(GROUP_SYMBOLS)
    return {g: (GROUP_COLOURS[i % n], GROUP_SYMBOLS[(i + i // n) % m]) for i, g in enumerate(groups_in_order(data))}


def parameter(data: ReportData, column: str) -> Figure | None:
    """A dot a subject by group, with each group's mean and SD. None where nobody has the parameter."""
    values = subject_values(data.summary, column)
    if not values:
        return None
    names = groups_in_order(data)
    low, high = spread_of(data, values)
    traces: list[Figure] = []
    for place, group in enumerate(names):
        mine = {s: v for s, v in values.items() if (group_of(data).get(s) or NO_GROUP) == group}
        if mine:
            traces.append(_dots(data, column, group, mine, place + swarm(list(mine.values()), low, high)))
        if len(mine) > 1:
            traces.append(_mean_and_sd(BY_COLUMN[column], group, np.array(list(mine.values())), place + 0.36))
    traces.append(RING)
    about = BY_COLUMN[column]
    layout = base_layout(height=230, margin={"l": 46, "r": 8, "t": 30, "b": 42})
    layout |= {
        "showlegend": False,
        "hovermode": "closest",
        "title": small_title(f"<b>{about.title}</b> ({about.unit})"),
    }
    layout["xaxis"] |= {
        "tickvals": list(range(len(names))),
        "ticktext": [escape(g) for g in names],
        "zeroline": False,
        "range": [-0.6, len(names) - 0.3],
        "showgrid": False,
        "tickfont": {"size": 10.5},
    }
    layout["yaxis"] |= {"zeroline": False, "nticks": 6, "range": [low, high]}
    return {"data": traces, "layout": layout}


def _dots(data: ReportData, column: str, group: str, values: dict[str, float], at: Floats) -> Figure:
    """A dot for each subject of a group."""
    colour, symbol = style_of(data)[group]
    about = BY_COLUMN[column]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": escape(group),
        "x": _rounded(at),
        "y": _rounded(values.values(), 4),
        "customdata": [escape(s) for s in values],
        "meta": {"role": "subjects", "group": group},
        "marker": {
            "color": colour,
            "symbol": symbol,
            "size": 9,
            "opacity": 0.85,
            "line": {"width": 1, "color": "white"},
        },
        "hovertemplate": f"<b>%{{customdata}}</b> %{{y:.{about.decimals}f}} {about.unit}<extra>{escape(group)}</extra>",
    }


def _mean_and_sd(about: Parameter, group: str, values: Floats, at: float) -> Figure:
    """The mean of a group with its standard deviation."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [at],
        "y": [round(float(np.mean(values)), 4)],
        "meta": {"role": "mean", "group": group},
        "marker": {"color": INK, "symbol": "line-ew", "size": 12, "line": {"width": 2.5, "color": INK}},
        "error_y": {
            "type": "data",
            "array": [round(float(np.std(values, ddof=1)), 4)],
            "color": INK,
            "thickness": 1.2,
            "width": 3,
        },
        "hovertemplate": f"mean %{{y:.{about.decimals}f}} {about.unit}, n = {len(values)}<extra>{escape(group)}</extra>",
    }


def spread_of(data: ReportData, values: dict[str, float]) -> tuple[float, float]:
    """The axis of a parameter: all values and mean ± SD of groups with a little room, at least a tenth of their size."""
    groups = group_of(data)
    shown = list(values.values())
    for group in set(groups.values()):
        mine = [v for s, v in values.items() if groups.get(s) == group]
        if len(mine) > 1:
            mean, sd = np.mean(mine), np.std(mine, ddof=1)
            shown += [float(mean - sd), float(mean + sd)]
    low, high = min(shown), max(shown)
    least = 0.1 * max(abs(low), abs(high)) or 1.0
    room = max(0.12 * (high - low), (least - (high - low)) / 2)
    return round(low - room, 6), round(high + room, 6)


def group_curves(data: ReportData, angle: str) -> Figure | None:
    """Mean of subject means by group with the SD between subjects. None where no group has the angle."""
    import polars as pl

    rows = data.group_curves.filter(pl.col("angle") == angle).sort("percent")
    which = next(p for p in PANELS if p.angle == angle)
    traces: list[Figure] = []
    lines: list[Figure] = []
    for i, group in enumerate(groups_in_order(data)):
        mine = rows.filter(pl.col("group").fill_null(NO_GROUP) == group)
        if mine.height != 101:
            continue
        colour = style_of(data)[group][0]
        mean, sd = mine["mean_deg"].to_numpy(), mine["sd_deg"].cast(pl.Float64).to_numpy()
        meta = {"role": "group", "group": group}
        if np.isfinite(sd).all() and mine["n_subjects"].to_numpy().min() >= LEAST_REFERENCE:
            traces += _area(mean - sd, mean + sd, 1, colour, 0.16, meta | {"role": "sd"})
        n = int(mine["n_subjects"].to_numpy().max())
        lines.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x0": 0,
                "dx": 1,
                "y": _rounded(mean),
                "name": f"{escape(group)} (n = {n})",
                "line": {"color": colour, "width": 2.2, "dash": _DASHES[i % len(_DASHES)]},
                "meta": meta,
            }
        )
    if not lines:
        return None
    is_relative = bool(rows["is_relative"].any())
    layout = base_layout(height=250, margin={"l": 36, "r": 14, "t": 30, "b": 40})
    layout |= {"hovermode": "x unified", "showlegend": False, "title": angle_title(which, is_relative)}
    layout["xaxis"] |= {"range": [0, 100], "title": {"text": "gait cycle (%)", "standoff": 2}, "hoverformat": ".0f"}
    layout["yaxis"] |= {"nticks": 7, "hoverformat": ".1f"}
    layout["xaxis"] |= {"tickvals": [0, 20, 40, 60, 80, 100]}
    return {"data": traces + lines, "layout": layout}


def _with_room(values: Floats, share: float) -> list[float]:
    """A range around values, wider by a share at each end: for the names beside the dots."""
    room = share * (float(np.ptp(values)) or 1.0)
    return [round(float(values.min()) - room, 2), round(float(values.max()) + room, 2)]


def group_dashes(data: ReportData) -> dict[str, str]:
    """Group → dash of its mean curve."""
    return {group: _DASHES[i % len(_DASHES)] for i, group in enumerate(groups_in_order(data))}


def heatmap(data: ReportData) -> Figure | None:
    """The distance matrix, ordered by similarity, with the tree above it and a strip of the groups. None without distances."""
    if data.distances is None:
        return None
    values = np.asarray(data.distances.values, float)
    tree = cluster(values)
    names = data.distances.labels["subject"].to_list()
    ordered = [names[i] for i in tree.order]
    n = len(names)
    traces = [_cells(values[np.ix_(tree.order, tree.order)], ordered, data.distances.unit)]
    for group in groups_in_order(data):
        places = [i for i, name in enumerate(ordered) if (group_of(data).get(name) or NO_GROUP) == group]
        if places:
            traces.append(_strip(data, group, places, 9 if n <= 40 else 6))
    traces.append(_tree(tree))
    side = int(min(16 + LETTER * max(map(len, names)), 130)) if n <= 60 else 16
    layout = base_layout(height=520, margin={"l": side, "r": 10, "t": 40, "b": side})
    tick = (
        {
            "tickvals": list(range(n)),
            "ticktext": [escape(s) for s in ordered],
            "tickfont": {"size": 10 if n <= 30 else 8},
            "showgrid": False,
            "zeroline": False,
        }
        if n <= 60
        else {"showticklabels": False, "showgrid": False, "zeroline": False}
    )
    layout |= {"legend": LEGEND, "hovermode": "closest"}
    layout["xaxis"] |= tick | {"range": [-0.5, n - 0.5], "tickangle": -90}
    layout["yaxis"] |= tick | {"range": [n - 0.5, -0.5], "domain": [0, 0.76]}
    hidden = {"visible": False, "fixedrange": True}
    layout["yaxis2"] = hidden | {"domain": [0.77, 0.81], "range": [-1, 1], "anchor": "x"}
    layout["yaxis3"] = hidden | {"domain": [0.82, 1], "anchor": "x", "rangemode": "tozero"}
    return {"data": traces, "layout": layout}


def _cells(z: Floats, names: list[str], unit: str) -> Figure:
    """The matrix itself, (n, n) in the order of the names."""
    n = len(names)
    return {
        "type": "heatmap",
        "z": [_rounded(row, 2) for row in z],
        "x": list(range(n)),
        "y": list(range(n)),
        "colorscale": "Cividis",
        "reversescale": True,
        "xgap": 1 if n <= 60 else 0,
        "ygap": 1 if n <= 60 else 0,
        "meta": {"role": "distances"},
        "customdata": [[f"{escape(a)} and {escape(b)}" for b in names] for a in names],
        "hovertemplate": f"%{{customdata}}: %{{z:.1f}} {escape(unit)}<extra></extra>",
        "colorbar": {
            "title": {"text": f"DTW distance ({escape(unit)})" if unit else "DTW distance", "side": "right"},
            "thickness": 12,
            "len": 0.7,
            "y": 0.36,
            "outlinewidth": 0,
            "tickfont": {"size": 10},
        },
    }


def _strip(data: ReportData, group: str, places: list[int], size: int) -> Figure:
    """The marks of a group above the matrix."""
    colour, symbol = style_of(data)[group]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": places,
        "y": [0] * len(places),
        "yaxis": "y2",
        "name": escape(group),
        "marker": {"color": colour, "symbol": symbol, "size": size},
        "hoverinfo": "name",
        "meta": {"role": "strip", "group": group},
    }


def _tree(tree: Tree) -> Figure:
    """The tree above the matrix."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [v for places, _ in tree.lines for v in [*_rounded(places), None]],
        "y": [v for _, heights in tree.lines for v in [*_rounded(heights), None]],
        "yaxis": "y3",
        "line": {"color": "#52606D", "width": 1.3},
        "hoverinfo": "skip",
        "showlegend": False,
        "meta": {"role": "tree"},
    }


def cohort_map(data: ReportData) -> Figure | None:
    """People as points in a plane, near where they walk alike (classical scaling). None without distances."""
    if data.distances is None:
        return None
    names = data.distances.labels["subject"].to_list()
    points, share = classical_mds(data.distances.values)
    beside = places_of_names(points, names, (330.0, 330.0))
    groups, styles = group_of(data), style_of(data)
    traces: list[Figure] = []
    for group in groups_in_order(data):
        mine = [i for i, name in enumerate(names) if (groups.get(name) or NO_GROUP) == group]
        if mine:
            colour, symbol = styles[group]
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers+text" if len(names) <= 40 else "markers",
                    "name": escape(group),
                    "x": _rounded(points[mine, 0], 2),
                    "y": _rounded(points[mine, 1], 2),
                    "text": [escape(names[i]) for i in mine],
                    "customdata": [names[i] for i in mine],
                    "textposition": [beside[i] for i in mine],
                    "textfont": {"size": 9.5},
                    "marker": {"color": colour, "symbol": symbol, "size": 12, "line": {"width": 1, "color": "white"}},
                    "hovertemplate": "<b>%{text}</b><extra>" + escape(group) + "</extra>",
                    "meta": {"role": "map", "group": group},
                }
            )
    traces.append(RING)
    layout = base_layout(height=520, margin={"l": 48, "r": 10, "t": 40, "b": 44})
    unit = f" ({escape(data.distances.unit)})" if data.distances.unit else ""
    layout |= {"legend": LEGEND, "hovermode": "closest", "meta": {"share": round(share, 3)}}
    layout["xaxis"] |= {"title": {"text": f"first axis{unit}", "standoff": 4}, "range": _with_room(points[:, 0], 0.16)}
    layout["yaxis"] |= {"title": {"text": f"second axis{unit}", "standoff": 4}, "scaleanchor": "x", "scaleratio": 1}
    return {"data": traces, "layout": layout}
