"""Figures of forces and muscles of one session of the report, with single strides or with the session before.

Each function describes what its figure shows (specification); the renderers draw it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurostore.report import kinetic_figures
from neurostore.report.figures import CYCLE, PERCENT, SIDES, deviations, stride_lines, strides_of
from neurostore.report.kinetic_panels import KINETIC_PANELS, KineticPanel
from neurostore.report.panels import SIDE_COLOURS, SIDE_DASHES
from neurostore.report.sessions import Session
from neurostore.report.specification import Axis, Band, Line, Mark, Plot, Rule

_LAST_ROW = tuple(panel.quantity for panel in KINETIC_PANELS[-3:])


def kinetic_panel(block: Session, which: KineticPanel, has_strides: bool = False) -> Plot | None:
    """One moment, power or force over the cycle: left and right, mean and SD, band, foot off. None if there is no curve."""
    name = which.quantity
    strides = stride_lines(strides_of(block, name))
    lines = strides if has_strides else _earlier(block, name)
    band = block.kinetic_band(name)
    plot = kinetic_figures.kinetic_panel(which, block.kinetics, band, block.foot_off, lines, not has_strides)
    # gives the range of the axis
    whole = kinetic_figures.kinetic_panel(which, block.kinetics, band, block.foot_off, strides)
    if whole is None:
        return None
    plot = plot or replace(whole, marks=())
    is_last = name in _LAST_ROW
    return replace(
        plot,
        x=Axis("gait cycle (%)" if is_last else "", (0, 100), CYCLE, decimals=0),
        y=replace(plot.y, range=whole.y.range),
        height=230 if is_last else 215,
        margins=(40, 14, 30, 41 if is_last else 26),
    )


def _earlier(block: Session, name: str) -> list[Line]:
    """The mean of the session before."""
    if block.before is None:
        return []
    kinetics = block.before.kinetics
    return [
        Line(PERCENT, kinetics[name, side].mean, SIDE_COLOURS[side], {"role": "before", "side": side},
             f"{side}, {block.before.session}", "dot", 1.3)
        for side in SIDES
        if (name, side) in kinetics and (name, side) in block.kinetics
    ]  # fmt: skip


def emg_panel(block: Session, muscle: str, has_strides: bool = False) -> Plot | None:
    """Envelopes of a muscle of both sides over their cycles, by the peak of the mean cycle. None without any."""
    curves = {side: block.emg[muscle, side] for side in SIDES if (muscle, side) in block.emg}
    strides = strides_of(block, f"emg {muscle}")
    if not curves and not strides:
        return None
    lines = stride_lines(strides)
    marks: list[Line | Band] = [*lines] if has_strides else [*deviations(curves)]
    marks += [
        Line(PERCENT, c.mean, SIDE_COLOURS[side], {"role": "mean", "side": side, "n": c.n_cycles}, side, SIDE_DASHES[side],
             1.4 if has_strides else 2.2)
        for side, c in curves.items()
    ]  # fmt: skip
    _, high = _range([*marks, *lines], 0.0, 1.2)
    bars: list[Mark] = [*kinetic_figures.normal_bars(muscle)]
    return Plot(
        (*bars, *marks, *foot_offs(block, tuple(curves))),
        x=Axis("gait cycle (%)", (0, 100), CYCLE, decimals=0),
        y=Axis(range=(-0.22, min(high, 4.0)), n_ticks=4, decimals=2),
        title=muscle.replace("_", " ").capitalize(),
        height=190,
        margins=(38, 14, 30, 41),
        is_unified=True,
    )


def foot_offs(block: Session, sides: tuple[str, ...]) -> tuple[Rule, ...]:
    """The mean foot off of these sides."""
    return tuple(
        Rule(percent, SIDE_COLOURS[side], side, SIDE_DASHES[side])
        for side, percent in block.foot_off.items()
        if side in sides
    )


def _range(marks: list[Line | Band], low: float, high: float) -> tuple[float, float]:
    """The axis: at least the panel's own, and what is shown with a little room."""
    shown = [v for m in marks for v in ((m.y,) if isinstance(m, Line) else (m.lower, m.upper))]
    values = np.concatenate(shown) if shown else np.array([low, high])
    values = values[np.isfinite(values)]
    room = 0.05 * (high - low)
    return (
        round(float(min(low, values.min(initial=low) - room)), 2),
        round(float(max(high, values.max(initial=high) + room)), 2),
    )
