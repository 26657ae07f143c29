"""Static figures for papers and the demonstration (matplotlib; the extra ``report``).

Each function draws one figure from a lake or a distance matrix and returns the matplotlib Figure; nothing is saved.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from neurostore import distances, statistics
from neurostore.errors import UsageError
from neurostore.export.trial import find
from neurostore.report.cohort_figures import DASHES
from neurostore.report.figures import CYCLE
from neurostore.report.matplotlib_figures import draw_matrix, figure_of
from neurostore.report.panels import GROUP_COLOURS, SIDE_COLOURS
from neurostore.report.specification import Axis, Band, Line, Matrix, Plot, Rule

if TYPE_CHECKING:
    from typing import Unpack

    from matplotlib.figure import Figure

    from neurostore.distances import DistanceMatrix
    from neurostore.distances.choice import Options
    from neurostore.lake.version import Version

_MOST_NAMES = 40  # largest number of names beside a matrix; the axes of a larger one name the groups


class Plots:
    """``lake.plot``: figures of one lake."""

    def __init__(self, lake: Version):
        self._lake = lake

    def curves(self, angle: str = "left_knee_flexion_deg", by: str = "group") -> Figure:
        """Mean curve and SD between subjects over the gait cycle (0 to 100 %), one band per value of ``by``."""
        return curves(self._lake, angle, by)

    def events(self, subject: str, trial: str, session: str | None = None) -> Figure:
        """Height of the heels (ankles if there are none) with foot strikes and foot offs of one trial."""
        return events(self._lake, subject, trial, session)

    def kinetics(self, subject: str, session: str | None = None, condition: str | None = None) -> Figure:
        """Moments, powers and ground reaction of both legs over the gait cycle, with the bands of Schwartz 2008."""
        from neurostore.report import kinetic_plots

        return kinetic_plots.kinetics(self._lake, subject, session, condition)

    def emg(self, subject: str, session: str | None = None, condition: str | None = None) -> Figure:
        """Mean envelope of each EMG channel over the gait cycle, with bars where the muscle is normally active."""
        from neurostore.report import kinetic_plots

        return kinetic_plots.emg(self._lake, subject, session, condition)

    def heatmap(self, matrix: DistanceMatrix | None = None, **options: Unpack[Options]) -> Figure:
        """A distance matrix, rows ordered by group; ``options`` go to ``lake.distances`` where no matrix is given."""
        if matrix is None:
            chosen: Options = {"unit": "subject", **options}
            measured = distances.distances(self._lake, **chosen)
            if isinstance(measured, dict):
                raise UsageError(
                    f"there is one matrix per side, {' and '.join(measured)}; give side='{next(iter(measured))}'"
                )
            matrix = measured
        return heatmap(matrix)


def heatmap(matrix: DistanceMatrix, title: str = "") -> Figure:
    """A square distance matrix as a heat map, rows sorted by group and label, group borders drawn."""
    labels = matrix.labels
    groups = (
        [str(g) if g is not None else "" for g in labels["group"]] if "group" in labels.columns else [""] * len(labels)
    )
    names = [
        " ".join(str(v) for v in row if v not in (None, "")) for row in labels.drop("group", strict=False).iter_rows()
    ]
    order = sorted(range(len(names)), key=lambda i: (groups[i], names[i]))
    in_order = [groups[i] for i in order]
    borders = tuple(i for i in range(1, len(order)) if in_order[i] != in_order[i - 1])
    middles = [(a + b - 1) / 2 for a, b in pairwise((0, *borders, len(order)))]
    return draw_matrix(
        Matrix(
            matrix.values[np.ix_(order, order)],
            tuple(names[i] for i in order),
            f"DTW distance ({matrix.unit})" if matrix.unit else "DTW distance",
            matrix.unit or "",
            borders=borders,
            group_names=tuple((m, in_order[int(m)]) for m in middles) if len(order) > _MOST_NAMES else (),
            title=title or f"{len(order)} items, ordered by group",
        )
    )


def curves(lake: Version, angle: str, by: str = "group") -> Figure:
    """Mean of subject means with the SD between subjects, over 0 to 100 % of the gait cycle."""
    frame = statistics.mean_curves(lake, angle, by=by)
    if frame.is_empty():
        raise UsageError(f"no steady gait cycle has {angle}; lake.describe('joint_angles') lists the angles")
    marks: list[Band | Line] = []
    for i, ((value,), part) in enumerate(frame.sort("percent").group_by([by], maintain_order=True)):
        percent, mean, sd = (part[c].cast(float).to_numpy() for c in ("percent", "mean_deg", "sd_deg"))
        colour, n = GROUP_COLOURS[i % len(GROUP_COLOURS)], int(part["n_subjects"].to_numpy().max())
        tags = {"group": value}
        marks.append(Band(percent, mean - sd, mean + sd, colour, tags, 0.18))
        marks.append(Line(percent, mean, colour, tags, f"{value} (n = {n})", DASHES[i % len(DASHES)]))
    plot = Plot(
        tuple(marks),
        x=Axis("gait cycle (%)", (0, 100), CYCLE),
        y=Axis(angle.removesuffix("_deg").replace("_", " ") + " (°)"),
        title="mean of subject means ± SD between subjects",
        has_legend=True,
        legend_title=by,
    )
    return figure_of(plot, 7.0, 4.4)


def events(lake: Version, subject: str, trial: str, session: str | None = None) -> Figure:
    """Foot heights over time with the events of both sides; session where the subject has the trial in several.

    Raises
    ------
    UsageError : no such trial, or it has no points.
    """
    chosen = find(lake, subject, trial, session, 0)
    keys = list(chosen.key.values())
    where = "WHERE subject = ? AND session = ? AND trial = ? AND person = 0"
    columns = ", ".join(f"coalesce({s}_heel.y, {s}_ankle.y) AS {s}" for s in ("left", "right"))
    frame = lake.sql(f"SELECT time_s, {columns} FROM landmarks {where} ORDER BY frame", keys)
    if frame.is_empty():
        raise UsageError(f"{chosen.name}: has only angles (kind {chosen.row['kind']}); this plot needs points")
    rows = lake.sql(f"SELECT side, event, time_s FROM gait_events {where} AND source = 'computed'", keys)
    time_s = frame["time_s"].to_numpy()
    marks: list[Line | Rule] = []
    for side, colour in SIDE_COLOURS.items():
        marks.append(Line(time_s, frame[side].cast(float).to_numpy(), colour, {"side": side}, side))
        for event, dash in (("foot_strike", "solid"), ("foot_off", "dot")):
            mine = rows.filter((rows["side"] == side) & (rows["event"] == event))
            label = f"{side} {event.replace('_', ' ')}"
            marks += [Rule(t, colour, side, dash, label=label) for t in mine["time_s"]]
    plot = Plot(
        tuple(marks),
        x=Axis("time (s)"),
        y=Axis("heel height (mm)", has_zero_line=False),
        title=chosen.name,
        has_legend=True,
    )
    return figure_of(plot, 9.0, 3.6)
