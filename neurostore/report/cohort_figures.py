"""Figures of the whole cohort: parameters by group, mean curves, matrix of distances with tree, map.

Each function describes what its figure shows (specification); the renderers draw it.
"""

from __future__ import annotations

import numpy as np

from neurostore.arrays import Floats
from neurostore.report.data import LEAST_REFERENCE, ReportData, group_of, subject_values
from neurostore.report.figures import CYCLE, PERCENT
from neurostore.report.ordination import classical_mds, cluster
from neurostore.report.panels import BY_COLUMN, GROUP_COLOURS, GROUP_SYMBOLS, INK, NO_GROUP, TITLES
from neurostore.report.placing import places_of_names, swarm
from neurostore.report.specification import Axis, Band, Line, Matrix, Plot, Points

DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
_MOST_NAMES = 40  # largest number of names beside the points of the map


def groups_in_order(data: ReportData) -> list[str]:
    """Names of the groups: the reference first, then by name; people without a group last."""
    names = {g if g is not None else NO_GROUP for g in group_of(data).values()}
    return sorted(names, key=lambda g: (g != data.reference, g == NO_GROUP, g))


def style_of(data: ReportData) -> dict[str, tuple[str, str]]:
    """Group → (colour, symbol)."""
    n, m = len(GROUP_COLOURS), len(GROUP_SYMBOLS)
    return {g: (GROUP_COLOURS[i % n], GROUP_SYMBOLS[(i + i // n) % m]) for i, g in enumerate(groups_in_order(data))}


def group_dashes(data: ReportData) -> dict[str, str]:
    """Group → dash of its mean curve."""
    return {group: DASHES[i % len(DASHES)] for i, group in enumerate(groups_in_order(data))}


def parameter(data: ReportData, column: str) -> Plot | None:
    """A point per subject by group, with each group's mean and SD. None if nobody has the parameter."""
    values = subject_values(data.summary, column)
    if not values:
        return None
    groups, styles = group_of(data), style_of(data)
    shown = BY_COLUMN[column]
    names = groups_in_order(data)
    low, high = spread_of(data, values)
    number = f"{{y:.{shown.decimals}f}} {shown.unit}"
    marks: list[Points] = []
    for place, group in enumerate(names):
        mine = {s: v for s, v in values.items() if (groups.get(s) or NO_GROUP) == group}
        if not mine:
            continue
        colour, symbol = styles[group]
        own = np.array(list(mine.values()))
        marks.append(
            Points(
                place + swarm(own, low, high),
                own,
                colour,
                {"role": "subjects", "group": group},
                symbol,
                name=group,
                opacity=0.85,
                is_outlined=True,
                details=tuple(mine),
                pointer=f"{{detail}} {number}",
            )
        )
        if len(own) > 1:
            tags = {"role": "mean", "group": group}
            at, mean, sd = np.array([place + 0.36]), np.array([own.mean()]), np.array([own.std(ddof=1)])
            text = f"mean {number}, n = {len(own)}"
            marks.append(Points(at, mean, INK, tags, "dash", 12, group, pointer=text, spread=sd))
    return Plot(
        tuple(marks),
        x=Axis("", (-0.6, len(names) - 0.3), tuple(enumerate(names)), has_grid=False, has_zero_line=False),
        y=Axis(range=(low, high), n_ticks=6, has_zero_line=False),
        title=shown.title,
        unit=shown.unit,
        margins=(46, 8, 30, 42),
        has_ring=True,
    )


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


def group_curves(data: ReportData, angle: str) -> Plot | None:
    """Mean of subject means by group with the SD between subjects. None if no group has the angle."""
    import polars as pl

    rows = data.group_curves.filter(pl.col("angle") == angle).sort("percent")
    styles, dashes = style_of(data), group_dashes(data)
    bands: list[Band] = []
    lines: list[Line] = []
    for group in groups_in_order(data):
        mine = rows.filter(pl.col("group").fill_null(NO_GROUP) == group)
        if mine.height != len(PERCENT):
            continue
        colour = styles[group][0]
        mean, sd = mine["mean_deg"].to_numpy(), mine["sd_deg"].cast(pl.Float64).to_numpy()
        n = mine["n_subjects"].to_numpy()
        if np.isfinite(sd).all() and n.min() >= LEAST_REFERENCE:
            tags = {"role": "sd", "group": group}
            bands.append(Band(PERCENT, mean - sd, mean + sd, colour, tags, 0.16))
        tags = {"role": "group", "group": group}
        lines.append(Line(PERCENT, mean, colour, tags, f"{group} (n = {int(n.max())})", dashes[group]))
    if not lines:
        return None
    return Plot(
        (*bands, *lines),
        x=Axis("gait cycle (%)", (0, 100), CYCLE, decimals=0),
        y=Axis(n_ticks=7, decimals=1),
        title=TITLES[angle],
        unit=f"°{', from neutral' if rows['is_relative'].any() else ''}",
        height=250,
        is_unified=True,
    )


def heatmap(data: ReportData) -> Matrix | None:
    """The distance matrix, ordered by similarity, with the tree and a strip of the groups. None without distances."""
    if data.distances is None:
        return None
    values = np.asarray(data.distances.values, float)
    tree = cluster(values)
    names = data.distances.labels["subject"].to_list()
    groups, styles = group_of(data), style_of(data)
    ordered = [names[i] for i in tree.order]
    strip = []
    for group in groups_in_order(data):
        places = np.array([i for i, name in enumerate(ordered) if (groups.get(name) or NO_GROUP) == group])
        if len(places):
            colour, symbol = styles[group]
            size = 9 if len(names) <= _MOST_NAMES else 6
            tags = {"role": "strip", "group": group}
            strip.append(Points(places, np.zeros(len(places)), colour, tags, symbol, size, group))
    unit = data.distances.unit
    return Matrix(
        values[np.ix_(tree.order, tree.order)],
        tuple(ordered),
        f"DTW distance ({unit})" if unit else "DTW distance",
        unit,
        tuple(strip),
        tuple((np.asarray(x), np.asarray(y)) for x, y in tree.lines),
    )


def cohort_map(data: ReportData) -> Plot | None:
    """People as points in a plane, close together if their gait is similar (classical scaling). None without distances."""
    if data.distances is None:
        return None
    names = data.distances.labels["subject"].to_list()
    points, share = classical_mds(data.distances.values)
    beside = places_of_names(points, names, (330.0, 330.0))
    groups, styles = group_of(data), style_of(data)
    marks = []
    for group in groups_in_order(data):
        mine = [i for i, name in enumerate(names) if (groups.get(name) or NO_GROUP) == group]
        if mine:
            colour, symbol = styles[group]
            people = tuple(names[i] for i in mine)
            is_named = len(names) <= _MOST_NAMES
            marks.append(
                Points(
                    points[mine, 0],
                    points[mine, 1],
                    colour,
                    {"role": "map", "group": group},
                    symbol,
                    12,
                    group,
                    is_outlined=True,
                    details=people,
                    pointer="{detail}",
                    texts=people if is_named else (),
                    places=tuple(beside[i] for i in mine) if is_named else (),
                )
            )
    unit = f" ({data.distances.unit})" if data.distances.unit else ""
    return Plot(
        tuple(marks),
        x=Axis(f"first axis{unit}", _with_room(points[:, 0], 0.16)),
        y=Axis(f"second axis{unit}"),
        height=520,
        margins=(48, 10, 40, 44),
        has_legend=True,
        has_ring=True,
        is_square=True,
        meta={"share": round(share, 3)},
    )


def _with_room(values: Floats, share: float) -> tuple[float, float]:
    """A range around values, wider by a share at each end: for the names beside the points."""
    room = share * (float(np.ptp(values)) or 1.0)
    return round(float(values.min()) - room, 2), round(float(values.max()) + room, 2)
