"""Figures of one session: kinematic panels, bars of the movement analysis profile, the event timeline of a trial.

Each function says what its figure shows (specification); the renderers draw it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from neurostore.report.panels import BAND_COLOUR, GVS, INK, PANELS, SIDE_COLOURS, SIDE_DASHES, TITLES, Panel
from neurostore.report.sessions import Session
from neurostore.report.specification import Axis, Band, Bars, Line, Mark, Note, Plot, Points, Rule

SIDES = ("left", "right")
PERCENT = np.arange(101.0)
CYCLE = tuple((float(at), str(at)) for at in range(0, 101, 20))
LAST_ROW = tuple(panel.angle for panel in PANELS[-3:])  # its panels name the axis of all above
_ROWS = {"left": 1.0, "right": 0.0}  # of the timeline
_SCORES = (*(f"gvs_{angle}_deg" for angle in GVS), "gps_deg")


def panel(block: Session, which: Panel) -> Plot | None:
    """One angle over the cycle: left and right, mean and SD, the reference band, foot off. None where there is no curve."""
    curves = {side: block.curves[which.angle, side] for side in SIDES if (which.angle, side) in block.curves}
    if not curves:
        return None
    is_relative = any(c.is_relative for c in curves.values())
    marks: list[Line | Band] = []
    band = None if is_fixed(block, which.angle) else block.band(which.angle)
    if band is not None:
        lower, upper = band.mean - band.sd, band.mean + band.sd
        marks += [
            Band(band.percent, lower, upper, BAND_COLOUR, {"role": "band"}, 0.28, band.name),
            Line(band.percent, band.mean, BAND_COLOUR, {"role": "band mean"}, band.name, width=1.2),
        ]
    for side, curve in curves.items():
        if np.isfinite(curve.sd).any():
            lower, upper = curve.mean - curve.sd, curve.mean + curve.sd
            marks.append(Band(PERCENT, lower, upper, SIDE_COLOURS[side], {"role": "sd", "side": side}))
    for side in curves:
        earlier = block.before.curves.get((which.angle, side)) if block.before else None
        if earlier is not None and block.before and earlier.is_relative == curves[side].is_relative:
            tags = {"role": "before", "side": side}
            name = f"{side}, {block.before.session}"
            marks.append(Line(PERCENT, earlier.mean, SIDE_COLOURS[side], tags, name, "dot", 1.3))
    for side, curve in curves.items():
        of_mean = {"role": "mean", "side": side, "n": curve.n_cycles}
        marks.append(Line(PERCENT, curve.mean, SIDE_COLOURS[side], of_mean, side, SIDE_DASHES[side]))
    rules = tuple(
        Rule(percent, SIDE_COLOURS[side], side, SIDE_DASHES[side])
        for side, percent in block.foot_off.items()
        if side in curves
    )
    is_last = which.angle in LAST_ROW
    return Plot(
        (*marks, *rules),
        x=Axis("gait cycle (%)" if is_last else "", (0, 100), CYCLE, decimals=0),
        y=Axis(range=_range(which, marks, is_relative), n_ticks=6, decimals=1),
        title=which.title,
        unit=f"°{', from neutral' if is_relative else ''}",
        notes=(Note(f"▲ {which.up}", 1, 1, "right top"), Note(f"▼ {which.down}", 1, 0, "right bottom")),
        height=230 if is_last else 215,
        margins=(34, 14, 30, 41 if is_last else 26),
        is_unified=True,
    )


def is_fixed(block: Session, angle: str) -> bool:
    """Whether a joint of this skeleton cannot move that way: its curves stay within half a degree of zero (a hinge)."""
    curves = [c.mean for (name, _), c in block.curves.items() if name == angle]
    return bool(curves) and all(np.nanmax(np.abs(mean)) < 0.5 for mean in curves)


def scores(block: Session) -> dict[str, dict[str, Any]]:
    """Rows of gait_profile by side."""
    return {r["side"]: r for r in block.rows(block.data.profile, by_condition=False).to_dicts()}


def map_bars(block: Session) -> Plot | None:
    """The movement analysis profile: a bar per gait variable score and side, and the GPS. None where nothing was scored."""
    rows = scores(block)
    if not any(rows[s][c] is not None for s in rows for c in _SCORES):
        return None
    marks: list[Bars | Points] = []
    for side, hatch in (("left", ""), ("right", "/"), ("both", "x")):
        values = [rows[side][c] if side != "both" or c == "gps_deg" else None for c in _SCORES] if side in rows else []
        if any(v is not None for v in values):
            marks.append(
                Bars(
                    np.arange(len(_SCORES), dtype=float),
                    np.array([np.nan if v is None else v for v in values], float),
                    SIDE_COLOURS.get(side, "#666666"),
                    {"role": "gvs", "side": side},
                    side,
                    hatch=hatch,
                    pointer="{y:.1f}°",
                )
            )
    usual = control_scores(block)
    if usual:
        places = np.array([_SCORES.index(c) for c in usual])
        name = f"median of {block.data.reference}"
        values = list(usual.values())
        marks.append(Points(places, np.array(values), INK, {"role": "usual"}, "dash", 26, name, pointer="{y:.1f}°"))
    missing = [i for i, c in enumerate(_SCORES) if all(rows[s][c] is None for s in rows)]
    return Plot(
        tuple(marks),
        x=Axis(categories=(*(TITLES[a].replace(" ", "\n", 1) for a in GVS), "GPS"), bold=("GPS",), has_grid=False),
        y=Axis("RMS difference (°)", is_from_zero=True),
        notes=tuple(Note("n/a", i, 0, "center bottom", is_inside=False) for i in missing),
        height=300,
        margins=(44, 10, 30, 60),
        has_legend=True,
    )


def control_scores(block: Session) -> dict[str, float]:
    """Median score of the reference group's people (each left out of its own reference), one value per person; {} without a group."""
    import polars as pl

    from neurostore.report.data import group_of

    if block.data.reference is None:
        return {}
    groups = group_of(block.data)
    members = [s for s, g in groups.items() if g == block.data.reference and s != block.subject]
    rows = block.data.profile.filter(pl.col("subject").is_in(members), pl.col("side").is_in(["left", "right"]))
    people = rows.group_by("subject").agg(pl.col("^gvs_.*_deg$").mean(), pl.col("gps_deg").mean())
    return {c: float(people[c].median()) for c in _SCORES if people[c].count() >= 3}  # type: ignore[arg-type]


def timeline(block: Session, trial: str) -> Plot:
    """Stance and swing of both feet over a trial, with every event; file events of the source as open marks."""
    marks: list[Mark] = []
    for side in SIDES:
        marks += [*_stances(block, trial, side), *_events(block, trial, side)]
    nothing = Note("no gait event found", 0.5, 0.5, "center middle")
    return Plot(
        tuple(marks),
        x=Axis("time (s)", span_of(block, trial), has_zero_line=False),
        y=Axis("", (-0.6, 1.6), ((0, "right"), (1, "left")), has_grid=False, has_zero_line=False),
        notes=() if marks else (nothing,),
        height=150,
        margins=(44, 10, 8, 34),
        has_cursor=True,
    )


def _stances(block: Session, trial: str, side: str) -> list[Bars]:
    """Bars of stance: of steady cycles, of others (hatched), and outside whole cycles (hollow)."""
    import polars as pl

    cycles = block.rows(block.data.cycles, False).filter(pl.col("trial") == trial, pl.col("side") == side)
    colour, name = SIDE_COLOURS[side], f"{side} stance"
    bars = []
    for is_steady in (True, False):
        part = cycles.filter(pl.col("is_steady") == is_steady).drop_nulls(["foot_off_s"])
        if part.height:
            length = (part["foot_off_s"] - part["start_s"]).to_numpy()
            bars.append(
                Bars(
                    np.full(part.height, _ROWS[side]),
                    length,
                    colour,
                    {"role": "stance", "side": side},
                    name,
                    part["start_s"].to_numpy(),
                    is_lying=True,
                    opacity=0.85 if is_steady else 0.3,
                    hatch="" if is_steady else "/",
                    details=tuple("steady" if is_steady else str(r or "not steady") for r in part["reason"]),
                    pointer="from {start:.2f} s for {x:.2f} s\n{detail}",
                )
            )
    outside = np.array(lone_stances(block, trial, side)).reshape(-1, 2)
    if len(outside):
        tags = {"role": "stance outside", "side": side}
        bars.append(
            Bars(
                np.full(len(outside), _ROWS[side]),
                outside[:, 1] - outside[:, 0],
                colour,
                tags,
                f"{name} outside whole cycles",
                outside[:, 0],
                is_lying=True,
                is_hollow=True,
                pointer="from {start:.2f} s for {x:.2f} s",
            )
        )
    return bars


def _events(block: Session, trial: str, side: str) -> list[Points]:
    """Points of foot strikes and foot offs; those that the source file states are open and a little higher."""
    import polars as pl

    events = block.rows(block.data.events, False).filter(pl.col("trial") == trial, pl.col("side") == side)
    points = []
    for source, is_ours in (("computed", True), ("file", False)):
        for event, symbol in (("foot_strike", "triangle-down"), ("foot_off", "triangle-up")):
            part = events.filter(pl.col("event") == event, pl.col("source") == source)
            if not part.height:
                continue
            lift = (0.34 if event == "foot_strike" else -0.34) + (0 if is_ours else 0.08)
            points.append(
                Points(
                    part["time_s"].to_numpy(),
                    np.full(part.height, _ROWS[side] + lift),
                    SIDE_COLOURS[side],
                    {"role": event, "side": side, "source": source},
                    symbol,
                    8,
                    f"{side} {event.replace('_', ' ')}",
                    is_open=not is_ours,
                    details=tuple(
                        f"{method or source}{'' if spread is None else f', methods {spread:.0f} ms apart'}"
                        for method, spread in part.select("method", "spread_ms").iter_rows()
                    ),
                    pointer="{x:.3f} s\n{detail}",
                )
            )
    return points


def span_of(block: Session, trial: str) -> tuple[float, float]:
    """First and last second of a trial: on its own clock, as far as duration and events show."""
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
    rows = list(events.select("event", "time_s").iter_rows())
    return [
        (start, end)
        for (first, start), (second, end) in pairwise(rows)
        if (first, second) == ("foot_strike", "foot_off") and start not in begun
    ]


def _range(which: Panel, marks: list[Line | Band], is_relative: bool) -> tuple[float, float]:
    """Degrees of the axis: at least the panel's own, so that charts of different people look alike."""
    shown = [v for m in marks for v in ((m.y,) if isinstance(m, Line) else (m.lower, m.upper))]
    values = np.concatenate(shown)
    least, largest = float(np.nanmin(values)), float(np.nanmax(values))
    low, high = which.low, which.high
    if is_relative and which.angle == "pelvis_tilt":
        low, high = -15, 15
    room = 0.06 * (max(high, largest) - min(low, least))  # for the words in the corners
    return (
        float(min(low, np.floor((least - room) / 5) * 5)),
        float(max(high, np.ceil((largest + room) / 5) * 5)),
    )
