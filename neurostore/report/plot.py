"""Static figures for papers and the demonstration (matplotlib; the extra ``report``).

Each function draws one figure from a lake or a distance matrix and returns the matplotlib Figure; nothing is saved.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore import distances, statistics
from neurostore.errors import MissingExtraError, UsageError
from neurostore.export.trial import find
from neurostore.report.panels import GROUP_COLOURS, SIDE_COLOURS

if TYPE_CHECKING:
    from typing import Unpack

    from matplotlib.figure import Figure

    from neurostore.distances import DistanceMatrix
    from neurostore.distances.choice import Options
    from neurostore.lake.version import Version

LINES = ("-", "--", ":", "-.", (0, (8, 3)))  # groups differ on grey prints too


class Plots:
    """``lake.plot``: figures of one lake."""

    def __init__(self, lake: Version):
        self._lake = lake

    def curves(self, angle: str = "left_knee_flexion_deg", by: str = "group") -> Figure:
        """Mean curve and SD between subjects over the gait cycle (0 to 100 %), one band a value of ``by``."""
        return curves(self._lake, angle, by)

    def events(self, subject: str, trial: str, session: str | None = None) -> Figure:
        """Height of the heels (ankles where there are none) with foot strikes and foot offs of one trial."""
        return events(self._lake, subject, trial, session)

    def heatmap(self, matrix: DistanceMatrix | None = None, **options: Unpack[Options]) -> Figure:
        """A distance matrix, rows ordered by group; ``options`` go to ``lake.distances`` where no matrix is given."""
        if matrix is None:
            chosen: Options = {"unit": "subject", **options}
            found = distances.distances(self._lake, **chosen)
            if isinstance(found, dict):
                raise UsageError(f"there is one matrix per side, {' and '.join(found)}; say side='{next(iter(found))}'")
            matrix = found
        return heatmap(matrix)


def heatmap(matrix: DistanceMatrix, title: str = "") -> Figure:
    """A square distance matrix as a heat map, rows sorted by group and label, group borders drawn."""
    figure = empty_figure(7.2, 6.2)
    axes = figure.add_subplot()
    labels = matrix.labels
    groups = (
        [str(g) if g is not None else "" for g in labels["group"]] if "group" in labels.columns else [""] * len(labels)
    )
    names = [
        " ".join(str(v) for v in row if v not in (None, "")) for row in labels.drop("group", strict=False).iter_rows()
    ]
    order = sorted(range(len(names)), key=lambda i: (groups[i], names[i]))
    image = axes.imshow(matrix.values[np.ix_(order, order)], cmap="viridis", interpolation="nearest")
    unit = f" ({matrix.unit})" if matrix.unit else ""
    figure.colorbar(image, ax=axes, label=f"DTW distance{unit}", shrink=0.8)
    sorted_groups = [groups[i] for i in order]
    borders = [i for i in range(1, len(order)) if sorted_groups[i] != sorted_groups[i - 1]]
    for border in borders:
        axes.axhline(border - 0.5, color="white", linewidth=1.2)
        axes.axvline(border - 0.5, color="white", linewidth=1.2)
    if len(order) <= 40:
        axes.set_xticks(range(len(order)), [names[i] for i in order], rotation=90, fontsize=7)
        axes.set_yticks(range(len(order)), [names[i] for i in order], fontsize=7)
    else:
        edges = [0, *borders, len(order)]
        middles = [(a + b - 1) / 2 for a, b in pairwise(edges)]
        axes.set_xticks(middles, [sorted_groups[int(m)] for m in middles])
        axes.set_yticks(middles, [sorted_groups[int(m)] for m in middles], rotation=90, va="center")
    axes.set_title(title or f"{len(order)} items, ordered by group")
    return figure


def curves(lake: Version, angle: str, by: str = "group") -> Figure:
    """Mean of subject means with the SD between subjects, over 0 to 100 % of the gait cycle."""
    frame = statistics.mean_curves(lake, angle, by=by)
    if frame.is_empty():
        raise UsageError(f"no steady gait cycle has {angle}; lake.describe('joint_angles') lists the angles")
    figure = empty_figure(7.0, 4.2)
    axes = figure.add_subplot()
    for i, ((value,), part) in enumerate(frame.sort("percent").group_by([by], maintain_order=True)):
        percent, mean, sd = (part[c].cast(float).to_numpy() for c in ("percent", "mean_deg", "sd_deg"))
        colour, n = GROUP_COLOURS[i % len(GROUP_COLOURS)], int(part["n_subjects"].to_numpy().max())
        axes.plot(percent, mean, color=colour, linestyle=LINES[i % len(LINES)], label=f"{value} (n = {n})")
        axes.fill_between(percent, mean - sd, mean + sd, color=colour, alpha=0.18, linewidth=0)
    axes.set(xlim=(0, 100), xlabel="gait cycle (%)", ylabel=angle.removesuffix("_deg").replace("_", " ") + " (°)")
    axes.axhline(0, color="0.7", linewidth=0.6)
    axes.set_title("mean of subject means ± SD between subjects", fontsize=9, loc="left")
    axes.legend(frameon=False, title=by)
    return figure


def events(lake: Version, subject: str, trial: str, session: str | None = None) -> Figure:
    """Foot heights over time with the events of both sides; session where the subject has the trial in several.

    Raises
    ------
    UsageError : no such trial, or it has no points.
    """
    found_trial = find(lake, subject, trial, session, 0)
    keys = list(found_trial.key.values())
    where = "WHERE subject = ? AND session = ? AND trial = ? AND person = 0"
    columns = ", ".join(f"coalesce({s}_heel.y, {s}_ankle.y) AS {s}" for s in ("left", "right"))
    frame = lake.sql(f"SELECT time_s, {columns} FROM landmarks {where} ORDER BY frame", keys)
    if frame.is_empty():
        raise UsageError(f"{found_trial.name}: has no points, only angles (kind {found_trial.row['kind']})")
    found = lake.sql(f"SELECT side, event, time_s FROM gait_events {where} AND source = 'computed'", keys)
    figure = empty_figure(9.0, 3.6)
    axes = figure.add_subplot()
    for side, colour in SIDE_COLOURS.items():
        axes.plot(frame["time_s"], frame[side], color=colour, label=side)
        for event, style in (("foot_strike", "-"), ("foot_off", ":")):
            mine = found.filter((found["side"] == side) & (found["event"] == event))
            for i, t in enumerate(mine["time_s"]):
                axes.axvline(t, color=colour, linestyle=style, linewidth=0.9,
                             label=f"{side} {event.replace('_', ' ')}" if i == 0 else None)  # fmt: skip
    axes.set(xlabel="time (s)", ylabel="heel height (mm)", title=found_trial.name)
    figure.legend(frameon=False, ncols=6, fontsize=8, loc="outside lower center")
    return figure


def empty_figure(width: float, height: float, layout: Any = "constrained") -> Figure:
    """A figure of inches. Raises MissingExtraError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("figures need matplotlib: pip install 'neurostore[report]'") from None
    return Figure(figsize=(width, height), layout=layout, dpi=150)
