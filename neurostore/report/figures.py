"""Figures of one session: kinematic panels and bars of the movement analysis profile.

Each function describes what its figure shows (specification); the renderers draw it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.report.cycle_lists import Curve
from neurostore.report.panels import BAND_COLOUR, GVS, INK, PANELS, SIDE_COLOURS, SIDE_DASHES, TITLES, Panel
from neurostore.report.sessions import Session
from neurostore.report.specification import Axis, Band, Bars, Line, Note, Plot, Points, Rule
from neurostore.report.strides import MOST, spread_out

SIDES = ("left", "right")
PERCENT = np.arange(101.0)
CYCLE = tuple((float(at), str(at)) for at in range(0, 101, 20))
LAST_ROW = tuple(panel.angle for panel in PANELS[-3:])  # its panels have the axis title for the whole column
_SCORES = (*(f"gvs_{angle}_deg" for angle in GVS), "gps_deg")


def panel(block: Session, which: Panel, has_strides: bool = False) -> Plot | None:
    """One angle over the cycle: left and right, mean and SD, the reference band, foot off. None if there is no curve.

    has_strides : a thin line per stride instead of SD and the session before. The page adds its strides itself, from packed
    data, so a panel without a mean has an empty figure there.
    """
    curves = {side: block.curves[which.angle, side] for side in SIDES if (which.angle, side) in block.curves}
    strides = strides_of(block, which.angle)
    if not curves and not strides:
        return None
    is_relative = any(c.is_relative for c in curves.values()) or (
        not curves and any(which.angle in s.relative for side in SIDES for s in block.strides.get(side, []))
    )
    marks: list[Line | Band] = [*_reference(block, which)]
    if not has_strides:
        marks += [*deviations(curves), *_earlier(block, which, curves)]
    lines = stride_lines(strides)
    marks += lines if has_strides else []
    for side, curve in curves.items():
        of_mean = {"role": "mean", "side": side, "n": curve.n_cycles}
        width = 1.4 if has_strides else 2.2
        marks.append(Line(PERCENT, curve.mean, SIDE_COLOURS[side], of_mean, side, SIDE_DASHES[side], width))
    rules = tuple(
        Rule(percent, SIDE_COLOURS[side], side, SIDE_DASHES[side])
        for side, percent in block.foot_off.items()
        if side in curves
    )
    is_last = which.angle in LAST_ROW
    return Plot(
        (*marks, *rules),
        x=Axis("gait cycle (%)" if is_last else "", (0, 100), CYCLE, decimals=0),
        y=Axis(range=_range(which, [*marks, *lines], is_relative), n_ticks=6, decimals=1),
        title=which.title,
        unit=f"°{', from neutral' if is_relative else ''}",
        notes=(Note(f"▲ {which.up}", 1, 1, "right top"), Note(f"▼ {which.down}", 1, 0, "right bottom")),
        height=230 if is_last else 215,
        margins=(34, 14, 30, 41 if is_last else 26),
        is_unified=True,
    )


def strides_of(block: Session, name: str) -> dict[str, list[Floats]]:
    """Side → the curves of its single strides, as many as can be distinguished."""
    strides = {}
    for side in SIDES:
        curves = [s.curves[name] for s in spread_out(block.strides.get(side, []), MOST) if name in s.curves]
        if curves:
            strides[side] = curves
    return strides


def stride_lines(strides: dict[str, list[Floats]]) -> list[Line]:
    """A thin line per stride."""
    return [
        Line(PERCENT, curve, SIDE_COLOURS[side], {"role": "stride", "side": side}, width=0.7)
        for side, curves in strides.items()
        for curve in curves
    ]


def _reference(block: Session, which: Panel) -> list[Line | Band]:
    band = None if is_fixed(block, which.angle) else block.band(which.angle)
    if band is None:
        return []
    lower, upper = band.mean - band.sd, band.mean + band.sd
    return [
        Band(band.percent, lower, upper, BAND_COLOUR, {"role": "band"}, 0.28, band.name),
        Line(band.percent, band.mean, BAND_COLOUR, {"role": "band mean"}, band.name, width=1.2),
    ]


def deviations(curves: dict[str, Curve]) -> list[Band]:
    """Mean ± SD between the strides of each side."""
    return [
        Band(PERCENT, c.mean - c.sd, c.mean + c.sd, SIDE_COLOURS[side], {"role": "sd", "side": side})
        for side, c in curves.items()
        if np.isfinite(c.sd).any()
    ]


def _earlier(block: Session, which: Panel, curves: dict[str, Curve]) -> list[Line]:
    """The mean of the session before, where it is of the same kind of angle."""
    if block.before is None:
        return []
    lines = []
    for side in curves:
        earlier = block.before.curves.get((which.angle, side))
        if earlier is not None and earlier.is_relative == curves[side].is_relative:
            tags, name = {"role": "before", "side": side}, f"{side}, {block.before.session}"
            lines.append(Line(PERCENT, earlier.mean, SIDE_COLOURS[side], tags, name, "dot", 1.3))
    return lines


def is_fixed(block: Session, angle: str) -> bool:
    """Whether a joint of this skeleton cannot move that way: its curves stay within half a degree of zero (a hinge)."""
    curves = [c.mean for (name, _), c in block.curves.items() if name == angle]
    return bool(curves) and all(np.nanmax(np.abs(mean)) < 0.5 for mean in curves)


def scores(block: Session) -> dict[str, dict[str, Any]]:
    """Rows of gait_profile by side: of several models, that with the most cycles."""
    rows = block.rows(block.data.profile, by_condition=False).sort("n_cycles", nulls_last=False)
    return {r["side"]: r for r in rows.to_dicts()}


def map_bars(block: Session) -> Plot | None:
    """The movement analysis profile: a bar per gait variable score and side, and the GPS. None if nothing was scored."""
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


def _range(which: Panel, marks: list[Line | Band], is_relative: bool) -> tuple[float, float]:
    """Degrees of the axis: at least the panel's own, so that charts of different people look alike."""
    shown = [v for m in marks for v in ((m.y,) if isinstance(m, Line) else (m.lower, m.upper))]
    values = np.concatenate(shown)
    least, largest = float(np.nanmin(values)), float(np.nanmax(values))
    low, high = which.low, which.high
    if is_relative and which.angle == "pelvis_tilt":
        low, high = -15, 15
    room = 0.06 * (max(high, largest) - min(low, least))  # room for the words in the corners
    return (
        float(min(low, np.floor((least - room) / 5) * 5)),
        float(max(high, np.ceil((largest + room) / 5) * 5)),
    )
