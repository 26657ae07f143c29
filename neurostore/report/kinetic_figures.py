"""Figures of kinetics and EMG over the gait cycle: panels of moments, powers and ground reaction; envelopes with normal activation.

Each function describes what its figure shows (specification); the renderers draw it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from neurostore import normative
from neurostore.report.cycle_lists import Band as Reference
from neurostore.report.cycle_lists import Curve
from neurostore.report.figures import CYCLE, PERCENT, SIDES, deviations
from neurostore.report.kinetic_panels import KINETIC_PANELS, KineticPanel
from neurostore.report.panels import BAND_COLOUR, SIDE_COLOURS, SIDE_DASHES
from neurostore.report.specification import Axis, Band, Bars, Line, Note, Plot, Rule

if TYPE_CHECKING:
    import polars as pl


def kinetics_figure(
    curves: Mapping[tuple[str, str], Curve], bands: Mapping[str, Reference], foot_off: Mapping[str, float]
) -> list[Plot]:
    """The plots of the kinetic chart, in the order of ``KINETIC_PANELS``; quantities without a curve are left out.

    Parameters
    ----------
    curves : (quantity, side) → Curve, as of ``kinetic_data.kinetic_curves``. bands : as of ``kinetic_data.norm_bands``.
    foot_off : side → percent of the cycle.
    """
    panels = [kinetic_panel(which, curves, bands.get(which.quantity), foot_off) for which in KINETIC_PANELS]
    return [plot for plot in panels if plot is not None]


def kinetic_panel(
    which: KineticPanel,
    curves: Mapping[tuple[str, str], Curve],
    band: Reference | None,
    foot_off: Mapping[str, float],
    lines: Sequence[Line] = (),
    has_spread: bool = True,
) -> Plot | None:
    """One quantity over the cycle: left and right, mean and SD, the norm, foot off. None if there is no curve.

    Parameters
    ----------
    lines : below the means: of single strides, or of the session before. has_spread : the SD is shown.
    """
    mine = {side: curves[which.quantity, side] for side in SIDES if (which.quantity, side) in curves}
    if not mine and not lines:
        return None
    marks: list[Line | Band] = []
    if band is not None and mine:
        marks += [
            Band(
                band.percent, band.mean - band.sd, band.mean + band.sd, BAND_COLOUR, {"role": "band"}, 0.28, band.name
            ),
            Line(band.percent, band.mean, BAND_COLOUR, {"role": "band mean"}, band.name, width=1.2),
        ]
    marks += [*(deviations(mine) if has_spread else ()), *lines]
    for side, curve in mine.items():
        of_mean = {"role": "mean", "side": side, "n": curve.n_cycles}
        width = 2.2 if has_spread else 1.4
        marks.append(Line(PERCENT, curve.mean, SIDE_COLOURS[side], of_mean, side, SIDE_DASHES[side], width))
    rules = [Rule(foot_off[s], SIDE_COLOURS[s], s, SIDE_DASHES[s]) for s in mine if s in foot_off]
    notes = [Note(f"▲ {which.up}", 1, 1, "right top")]
    if which.down:
        notes.append(Note(f"▼ {which.down}", 1, 0, "right bottom"))
    return Plot(
        (*marks, *rules),
        x=Axis("", (0, 100), CYCLE, decimals=0),
        y=Axis(range=_range(which, marks), n_ticks=6, decimals=2),
        title=which.title,
        unit=which.unit,
        notes=tuple(notes),
        height=215,
        margins=(40, 14, 30, 26),
        is_unified=True,
        meta={"quantity": which.quantity},
    )


def emg_figure(rows: pl.DataFrame, foot_off: Mapping[str, float]) -> list[Plot]:
    """A plot per muscle and side: the mean envelope over the cycle, a bar where the muscle is normally active, foot off.

    Channels that are dead, saturated or full of hum have a plot that says so and shows no curve.

    Parameters
    ----------
    rows : of ``kinetic_data.read_emg``, of one subject, session and condition. foot_off : side → percent of the cycle.
    """
    channels = rows.group_by("muscle", "side", "channel", maintain_order=True)
    panels = [
        _emg_panel(str(muscle or channel), side if side in SIDES else None, part, foot_off)
        for (muscle, side, channel), part in channels
    ]
    return sorted(panels, key=lambda plot: (str(plot.meta["muscle"]), str(plot.meta["side"])))


def normal_bars(muscle: str) -> list[Bars]:
    """When a muscle is normally active, as bars below zero; nothing for a muscle without a norm."""
    intervals = normative.normal_activation().get(muscle, ())
    if not intervals:
        return []
    start, end = np.array(intervals).T
    name, tags = normative.EMG_NAME, {"role": "normal activation"}
    return [Bars(np.full(len(start), -0.12), end - start, BAND_COLOUR, tags, name, start, is_lying=True, width=0.12)]


def _emg_panel(muscle: str, side: object, part: pl.DataFrame, foot_off: Mapping[str, float]) -> Plot:
    colour = SIDE_COLOURS.get(str(side), BAND_COLOUR)
    known = part.drop_nulls(["percent", "mean"]).sort("percent")
    marks: list[Line | Band | Bars | Rule] = []
    problem = part["problem"].drop_nulls().to_list()
    if known.height:
        percent, mean, sd = (known[c].cast(float).to_numpy() for c in ("percent", "mean", "sd"))
        tags = {"side": side, "n": int(known["n_cycles"].to_numpy().max())}
        if np.isfinite(sd).any():
            marks.append(Band(percent, np.maximum(mean - sd, 0), mean + sd, colour, {**tags, "role": "sd"}))
        marks.append(Line(percent, mean, colour, {**tags, "role": "mean"}, str(side or "")))
    marks += normal_bars(muscle)
    if str(side) in foot_off:
        marks.append(Rule(foot_off[str(side)], colour, str(side), "dash"))
    top = max([1.2, *(float(np.nanmax(m.upper)) for m in marks if isinstance(m, Band))])
    problem_text = problem[0] if problem else "" if known.height else "no steady cycle"
    return Plot(
        tuple(marks),
        x=Axis("", (0, 100), CYCLE, decimals=0),
        y=Axis(range=(-0.22, round(top + 0.05, 1)), n_ticks=4, decimals=2),
        title=" ".join(str(word) for word in (side, muscle.replace("_", " ")) if word),
        unit="of the peak",
        notes=(Note(problem_text, 0.5, 0.5, "center middle"),) if problem_text else (),
        height=170,
        margins=(40, 14, 30, 26),
        is_unified=True,
        meta={"muscle": muscle, "side": side or ""},
    )


def _range(which: KineticPanel, marks: list[Line | Band]) -> tuple[float, float]:
    """Values of the axis: at least the panel's own, so that charts of different people look alike."""
    shown = np.concatenate([v for m in marks for v in ((m.y,) if isinstance(m, Line) else (m.lower, m.upper))])
    least, largest = float(np.nanmin(shown)), float(np.nanmax(shown))
    room = 0.06 * (max(which.high, largest) - min(which.low, least))  # room for the words in the corners
    low = min(which.low, np.floor((least - room) * 4) / 4)
    return float(low), float(max(which.high, np.ceil((largest + room) * 4) / 4))
