"""Figures of one block, as plotly.js draws them: kinematic panels, MAP bars, the event timeline of a trial.

Each function returns ``{"data": [...], "layout": {...}}`` of plain Python values; traces and shapes carry their side in ``meta`` or
``name``, by which the page's side filter finds them. Text from the data is escaped: plotly reads a little HTML in labels.
"""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.report.panels import BAND_COLOUR, GVS, INK, PANELS, SIDE_COLOURS, SIDE_DASHES, TITLES, Panel
from neurostore.report.sessions import Session

Figure = dict[str, Any]
FONT = {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif", "size": 12, "color": INK}
GRID = "#E4E7EB"
SIDES = ("left", "right")
ROW_OF_SIDE = {"left": 1.0, "right": 0.0}  # of the timeline
LAST_ROW = tuple(panel.angle for panel in PANELS[-3:])  # its panels name the axis of all above


def panel(block: Session, which: Panel) -> Figure | None:
    """One angle over the cycle: left and right, mean and SD, the reference band, foot off. None where there is no curve."""
    curves = {side: block.curves[which.angle, side] for side in SIDES if (which.angle, side) in block.curves}
    if not curves:
        return None
    is_relative = any(c.is_relative for c in curves.values())
    traces: list[Figure] = []
    band = None if is_fixed(block, which.angle) else block.band(which.angle)
    if band is not None:
        step = float(band.percent[1] - band.percent[0])
        lower, upper = band.mean - band.sd, band.mean + band.sd
        traces += _area(lower, upper, step, BAND_COLOUR, 0.28, {"role": "band", "name": band.name})
        middle = {"x0": 0, "dx": step, "y": _rounded(band.mean), "line": {"color": BAND_COLOUR, "width": 1.2}}
        traces.append(
            {"type": "scatter", "mode": "lines", "name": escape(band.name), "meta": {"role": "band mean"}} | middle
        )
    for side, curve in curves.items():
        if np.isfinite(curve.sd).any():
            traces += _area(
                curve.mean - curve.sd, curve.mean + curve.sd, 1, SIDE_COLOURS[side], 0.2, {"role": "sd", "side": side}
            )
    for side in curves:
        earlier = block.before.curves.get((which.angle, side)) if block.before else None
        if earlier is not None and block.before and earlier.is_relative == curves[side].is_relative:
            traces.append(
                _line(earlier.mean, side, "dot", 1.3, f"{side}, {block.before.session}")
                | {"meta": {"role": "before", "side": side}}
            )
    traces += [
        _line(c.mean, side, SIDE_DASHES[side], 2.2, side) | {"meta": {"role": "mean", "side": side, "n": c.n_cycles}}
        for side, c in curves.items()
    ]
    lines = [
        _vertical(percent, SIDE_COLOURS[side], SIDE_DASHES[side], side)
        for side, percent in block.foot_off.items()
        if side in curves
    ]
    is_last = which.angle in LAST_ROW
    layout = base_layout(height=230 if is_last else 215, margin={"l": 34, "r": 14, "t": 30, "b": 41 if is_last else 26})
    layout |= {
        "title": angle_title(which, is_relative),
        "showlegend": False,
        "hovermode": "x unified",
        "shapes": lines,
        "annotations": [_corner(f"▲ {which.up}", 1, "top"), _corner(f"▼ {which.down}", 0, "bottom")],
    }
    layout["xaxis"] |= {"range": [0, 100], "tickvals": [0, 20, 40, 60, 80, 100], "hoverformat": ".0f"}
    if is_last:
        layout["xaxis"]["title"] = {"text": "gait cycle (%)", "standoff": 2, "font": {"size": 10.5}}
    layout["yaxis"] |= {"range": _range(which, traces, is_relative), "nticks": 6, "hoverformat": ".1f"}
    return {"data": traces, "layout": layout}


def small_title(text: str) -> Figure:
    """Title of a small figure, above its left edge."""
    return {"text": text, "font": {"size": 12.5}, "x": 0, "xref": "paper", "xanchor": "left", "y": 0.97}


def angle_title(which: Panel, is_relative: bool) -> Figure:
    """Title of an angle's figure: degrees, or degrees from the neutral pose."""
    return small_title(f"<b>{which.title}</b> (°{', from neutral' if is_relative else ''})")


def is_fixed(block: Session, angle: str) -> bool:
    """Whether a joint of this skeleton cannot move that way: its curves stay within half a degree of zero (a hinge)."""
    curves = [c.mean for (name, _), c in block.curves.items() if name == angle]
    return bool(curves) and all(np.nanmax(np.abs(mean)) < 0.5 for mean in curves)


def map_bars(block: Session) -> Figure | None:
    """The movement analysis profile: a bar a gait variable score and side, and the GPS. None where nothing was scored."""
    rows = {r["side"]: r for r in block.rows(block.data.profile, by_condition=False).to_dicts()}
    columns = [f"gvs_{angle}_deg" for angle in GVS] + ["gps_deg"]
    if not any(rows[s][c] is not None for s in rows for c in columns):
        return None
    names = [TITLES[a].replace(" ", "<br>", 1) for a in GVS] + ["<b>GPS</b>"]
    traces: list[Figure] = []
    for side, pattern in (("left", ""), ("right", "/"), ("both", "x")):
        if side not in rows:
            continue
        values = [rows[side][c] if side != "both" or c == "gps_deg" else None for c in columns]
        if any(v is not None for v in values):
            traces.append(
                {
                    "type": "bar",
                    "name": side,
                    "x": names,
                    "y": [_round(v) for v in values],
                    "marker": {"color": SIDE_COLOURS.get(side, "#666666"), "pattern": PATTERN | {"shape": pattern}},
                    "meta": {"role": "gvs", "side": side},
                    "hovertemplate": "%{y:.1f}°<extra>" + side + "</extra>",
                }
            )
    usual = control_scores(block)
    if usual:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"median of {escape(str(block.data.reference))}",
                "x": [names[columns.index(c)] for c in usual],
                "y": [_round(v) for v in usual.values()],
                "marker": {"symbol": "line-ew", "size": 26, "line": {"width": 2.5, "color": INK}},
                "meta": {"role": "usual"},
                "hovertemplate": "%{y:.1f}°<extra>usual</extra>",
            }
        )
    layout = base_layout(height=300, margin={"l": 44, "r": 10, "t": 30, "b": 60})
    layout |= {"barmode": "group", "bargap": 0.28, "legend": LEGEND, "shapes": [], "annotations": []}
    layout["xaxis"] |= {
        "showgrid": False,
        "tickangle": 0,
        "tickfont": {"size": 10},
        "categoryarray": names,
        "type": "category",
    }
    layout["xaxis"] |= {"range": [-0.5, len(names) - 0.5]}
    layout["yaxis"] |= {"title": {"text": "RMS difference (°)", "standoff": 4}, "rangemode": "tozero"}
    layout["annotations"] = [
        _not_scored(n) for n, c in zip(names, columns, strict=True) if all(rows[s][c] is None for s in rows)
    ]
    return {"data": traces, "layout": layout}


def _not_scored(name: str) -> Figure:
    """What stands in the place of a bar that there is no score for."""
    font = {"size": 10, "color": "#616E7C"}
    return {"x": name, "y": 0, "yanchor": "bottom", "text": "n/a", "showarrow": False, "font": font}


def control_scores(block: Session) -> dict[str, float]:
    """Median score of the reference group's people (each left out of its own reference), a side a person; {} without a group."""
    import polars as pl

    from neurostore.report.data import group_of

    if block.data.reference is None:
        return {}
    groups = group_of(block.data)
    members = [s for s, g in groups.items() if g == block.data.reference and s != block.subject]
    rows = block.data.profile.filter(pl.col("subject").is_in(members), pl.col("side").is_in(["left", "right"]))
    people = rows.group_by("subject").agg(pl.col("^gvs_.*_deg$").mean(), pl.col("gps_deg").mean())
    columns = [*(f"gvs_{angle}_deg" for angle in GVS), "gps_deg"]
    return {c: float(people[c].median()) for c in columns if people[c].count() >= 3}  # type: ignore[arg-type]


def timeline(block: Session, trial: str) -> Figure:
    """Stance and swing of both feet over a trial, with every event; file events of the source as open marks."""
    traces: list[Figure] = []
    for side in SIDES:
        traces += _stances(block, trial, side)
        traces += _events(block, trial, side)
    layout = base_layout(height=150, margin={"l": 44, "r": 10, "t": 8, "b": 34})
    layout |= {"showlegend": False, "barmode": "overlay", "hovermode": "closest"}
    start, end = span_of(block, trial)
    layout["xaxis"] |= {"title": {"text": "time (s)", "standoff": 2}, "range": [start, end], "zeroline": False}
    layout["yaxis"] |= {
        "tickvals": [0, 1],
        "ticktext": ["right", "left"],
        "range": [-0.6, 1.6],
        "showgrid": False,
        "zeroline": False,
    }
    cursor = {
        "type": "line",
        "name": "cursor",
        "xref": "x",
        "yref": "paper",
        "x0": start,
        "x1": start,
        "y0": 0,
        "y1": 1,
    }
    layout["shapes"] = [cursor | {"line": {"color": INK, "width": 1.5}, "visible": False}]
    if not traces:
        layout["annotations"] = [
            {"xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5, "text": "no gait event found", "showarrow": False}
        ]
    return {"data": traces, "layout": layout}


def _stances(block: Session, trial: str, side: str) -> list[Figure]:
    """Bars of the stances of a side: of steady cycles, of others, and outside whole cycles."""
    import polars as pl

    mine = block.rows(block.data.cycles, False).filter(pl.col("trial") == trial, pl.col("side") == side)
    colour = SIDE_COLOURS[side]
    traces: list[Figure] = []
    for is_steady in (True, False):
        part = mine.filter(pl.col("is_steady") == is_steady).drop_nulls(["foot_off_s"])
        if not part.height:
            continue
        why = ["steady" if s else (r or "not steady") for s, r in part.select("is_steady", "reason").iter_rows()]
        pattern = PATTERN | {"shape": "" if is_steady else "/"}
        traces.append(
            _bars(side, part["start_s"], part["foot_off_s"])
            | {
                "marker": {"color": colour, "opacity": 0.85 if is_steady else 0.3, "pattern": pattern},
                "customdata": [escape(str(w)) for w in why],
                "hovertemplate": f"{side} stance, from %{{base:.2f}} s for %{{x:.2f}} s<br>%{{customdata}}<extra></extra>",
                "name": f"{side} stance",
                "meta": {"role": "stance", "side": side},
            }
        )
    outside = np.array(lone_stances(block, trial, side)).reshape(-1, 2)
    if len(outside):
        name = f"{side} stance outside whole cycles"
        traces.append(
            _bars(side, outside[:, 0], outside[:, 1])
            | {
                "marker": {"color": "white", "line": {"color": colour, "width": 1.3}},
                "hovertemplate": f"{name}, from %{{base:.2f}} s for %{{x:.2f}} s<extra></extra>",
                "name": name,
                "meta": {"role": "stance outside", "side": side},
            }
        )
    return traces


def _bars(side: str, start: Any, end: Any) -> Figure:
    """Bars in the row of a side, from start (n,) to end (n,) in seconds."""
    return {
        "type": "bar",
        "orientation": "h",
        "width": 0.44,
        "y": [ROW_OF_SIDE[side]] * len(start),
        "base": _rounded(start, 4),
        "x": _rounded(end - start, 4),
    }


def _events(block: Session, trial: str, side: str) -> list[Figure]:
    """Marks of the events of a side: ours filled, those of the source file open and a little higher."""
    import polars as pl

    events = block.rows(block.data.events, False).filter(pl.col("trial") == trial, pl.col("side") == side)
    traces: list[Figure] = []
    for source, is_ours in (("computed", True), ("file", False)):
        for event, symbol, lift in (("foot_strike", "triangle-down", 0.34), ("foot_off", "triangle-up", -0.34)):
            part = events.filter(pl.col("event") == event, pl.col("source") == source)
            if not part.height:
                continue
            how = [
                f"{method or source}{'' if spread is None else f', methods {spread:.0f} ms apart'}"
                for method, spread in part.select("method", "spread_ms").iter_rows()
            ]
            name = f"{side} {event.replace('_', ' ')}"
            symbol_shown = symbol + ("" if is_ours else "-open")
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": _rounded(part["time_s"], 4),
                    "y": [ROW_OF_SIDE[side] + lift + (0 if is_ours else 0.08)] * part.height,
                    "marker": {"symbol": symbol_shown, "size": 8, "color": SIDE_COLOURS[side]},
                    "customdata": [escape(h) for h in how],
                    "hovertemplate": f"{name} %{{x:.3f}} s<br>%{{customdata}}<extra></extra>",
                    "name": name,
                    "meta": {"role": event, "side": side, "source": source},
                }
            )
    return traces


def span_of(block: Session, trial: str) -> tuple[float, float]:
    """First and last second of a trial: on its own clock, as far as duration and events tell."""
    import polars as pl

    row = block.rows(block.data.trials, False).filter(pl.col("trial") == trial)
    times = block.rows(block.data.events, False).filter(pl.col("trial") == trial)["time_s"].to_list()
    duration = float(row["duration_s"][0])
    start = min([0.0, *times]) if not times or min(times) < duration else min(times) - 0.2
    return round(start, 3), round(max([start + duration, *times]), 3)


def lone_stances(block: Session, trial: str, side: str) -> list[tuple[float, float]]:
    """(strike, off) in seconds of stances that belong to no whole cycle: of computed events that follow each other."""
    import polars as pl

    mine = pl.col("trial") == trial, pl.col("side") == side
    begun = set(block.rows(block.data.cycles, False).filter(*mine)["start_s"])
    events = block.rows(block.data.events, False).filter(*mine, pl.col("source") == "computed").sort("time_s")
    found = list(events.select("event", "time_s").iter_rows())
    return [
        (start, end)
        for (first, start), (second, end) in pairwise(found)
        if (first, second) == ("foot_strike", "foot_off") and start not in begun
    ]


# White lines over the colour: sides differ on a grey print too.
PATTERN = {"fillmode": "overlay", "fgcolor": "white", "size": 6, "solidity": 0.25}
LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 11}}


def base_layout(height: int, margin: dict[str, int]) -> Figure:
    """What all figures share: font, white ground, quiet grid, no dragging by mistake on a phone."""
    axis = {
        "gridcolor": GRID,
        "zerolinecolor": "#9AA5B1",
        "zerolinewidth": 1,
        "linecolor": "#9AA5B1",
        "ticks": "",
        "automargin": False,
        "fixedrange": True,
    }
    return {
        "font": FONT,
        "height": height,
        "margin": margin,
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "xaxis": dict(axis),
        "yaxis": dict(axis),
        "dragmode": False,
        "hoverlabel": {"font": {"size": 11}},
    }


def _area(lower: Floats, upper: Floats, step: float, colour: str, opacity: float, meta: Figure) -> list[Figure]:
    """Two traces without lines and the area between them."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    shared = {
        "type": "scatter",
        "mode": "lines",
        "x0": 0,
        "dx": step,
        "line": {"width": 0, "color": colour},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    fill = {"fill": "tonexty", "fillcolor": f"rgba({red},{green},{blue},{opacity})"}
    if "name" in meta:
        meta = meta | {"name": escape(str(meta["name"]))}
    return [
        shared | {"y": _rounded(lower), "meta": meta | {"edge": "lower"}},
        shared | {"y": _rounded(upper), "meta": meta | {"edge": "upper"}} | fill,
    ]


def _line(values: Floats, side: str, dash: str, width: float, name: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "x0": 0,
        "dx": 1,
        "y": _rounded(values),
        "name": escape(name),
        "line": {"color": SIDE_COLOURS[side], "width": width, "dash": dash},
    }


def _vertical(at: float, colour: str, dash: str, name: str) -> Figure:
    return {
        "type": "line",
        "name": name,
        "xref": "x",
        "yref": "paper",
        "x0": round(at, 2),
        "x1": round(at, 2),
        "y0": 0,
        "y1": 1,
        "line": {"color": colour, "width": 1.2, "dash": dash},
    }


def _corner(text: str, y: float, anchor: str) -> Figure:
    return {
        "xref": "paper",
        "yref": "paper",
        "x": 1,
        "y": y,
        "xanchor": "right",
        "yanchor": anchor,
        "text": text,
        "showarrow": False,
        "font": {"size": 9.5, "color": "#616E7C"},
        "bgcolor": "rgba(255,255,255,0.75)",
        "borderpad": 0,
    }


def _range(which: Panel, traces: list[Figure], is_relative: bool) -> list[float]:
    values = np.array([v for t in traces for v in t["y"] if v is not None])
    low, high = which.low, which.high
    if is_relative and which.angle == "pelvis_tilt":
        low, high = -15, 15
    room = 0.06 * (max(high, values.max()) - min(low, values.min()))  # for the words in the corners
    return [
        float(min(low, np.floor((values.min() - room) / 5) * 5)),
        float(max(high, np.ceil((values.max() + room) / 5) * 5)),
    ]


def _rounded(values: Any, decimals: int = 3) -> list[float | None]:
    return [_round(v, decimals) for v in values]


def _round(value: float | None, decimals: int = 3) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), decimals)
