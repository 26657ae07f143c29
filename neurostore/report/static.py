"""The report's figures as files, by matplotlib: PNG and SVG of each, for papers and slides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.errors import UsageError
from neurostore.report import figures
from neurostore.report.cohort_figures import group_dashes, groups_in_order, spread_of, style_of
from neurostore.report.data import LEAST_REFERENCE, ReportData, group_of, subject_values
from neurostore.report.figures import SIDES, control_scores, is_fixed, lone_stances
from neurostore.report.ordination import classical_mds, cluster
from neurostore.report.panels import (
    BAND_COLOUR,
    BY_COLUMN,
    GVS,
    INK,
    NO_GROUP,
    OVERVIEW,
    PANELS,
    PLANES,
    SIDE_COLOURS,
    TITLES,
    Panel,
)
from neurostore.report.placing import AROUND, places_of_names, swarm
from neurostore.report.plot import empty_figure
from neurostore.report.sessions import Session, sessions_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONGEST = 40  # characters of a label
_LINES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-.", "longdash": (0, (8, 3))}
_ANCHORS = {-1.0: "right", 0.0: "center", 1.0: "left"}
_ANCHORS_UP = {-1.0: "top", 0.0: "center", 1.0: "bottom"}
_MARKERS = {
    "circle": "o", "diamond": "D", "square": "s", "triangle-up": "^", "cross": "P", "triangle-down": "v", "x": "X", "star": "*",
}  # fmt: skip


def write_figures(data: ReportData, folder: Path) -> list[Path]:
    """Write ``<name>.png`` (150 dpi) and ``<name>.svg`` of every figure into a folder; return the paths.

    Raises
    ------
    UsageError : the folder cannot be made or written.  MissingExtraError : no matplotlib.
    """
    from matplotlib import rc_context

    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Text stays text in SVG; the salt makes its ids, and so the file, the same every time.
        with rc_context({"svg.fonttype": "none", "svg.hashsalt": "neurostore"}):
            for name, figure in _figures(data):
                for suffix in ("png", "svg"):
                    path = folder / f"{name}.{suffix}"
                    figure.savefig(path, dpi=150, metadata={"Date": None} if suffix == "svg" else None)
                    written.append(path)
    except OSError as error:
        raise UsageError(f"{folder}: figures cannot be written: {error.strerror}") from None
    return written


def _figures(data: ReportData) -> Any:
    """(name, figure) of everything the page draws."""
    yield "cohort_parameters", parameters(data)
    if data.group_curves.height:
        yield "cohort_curves", group_curves(data)
    if data.distances is not None:
        yield "cohort_distances", heatmap(data)
        yield "cohort_map", cohort_map(data)
    for subject in data.shown:
        for block in sessions_of(data, subject):
            if block.curves:
                yield f"{block.slug}_kinematics", kinematics(block)
            if any(r[f"gvs_{a}_deg"] is not None for r in _scores(block).values() for a in GVS):
                yield f"{block.slug}_profile", profile(block)
            for trial in block.rows(data.trials)["trial"]:
                yield f"{block.slug}_{trial}_events", timeline(block, trial)


def kinematics(block: Session) -> Figure:
    """The classical chart: twelve angles, left and right, mean ± SD, band, foot off."""
    figure = empty_figure(10.0, 11.0, layout=None)  # laying out twelve axes by their labels takes most of the time
    figure.subplots_adjust(left=0.05, right=0.985, top=0.94, bottom=0.085, hspace=0.2, wspace=0.16)
    axes = figure.subplots(4, 3, sharex=True)
    for which, ax in zip(PANELS, axes.flat, strict=True):
        _panel(ax, block, which)
    for plane, ax in zip(PLANES, axes[0], strict=True):
        ax.text(0.5, 1.17, f"{plane} plane", transform=ax.transAxes, ha="center", fontsize=8, color="0.4")
    handles, labels = axes.flat[6].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="lower center", ncols=4, frameon=False)
    for ax in axes[-1]:
        ax.set_xlabel("gait cycle (%)")
    figure.suptitle(_plain(f"{block.subject} {block.name}".strip()))
    return figure


def _panel(ax: Any, block: Session, which: Panel) -> None:
    percent = np.arange(101)
    band = None if is_fixed(block, which.angle) else block.band(which.angle)
    if band is not None:
        ax.fill_between(band.percent, band.mean - band.sd, band.mean + band.sd, color=BAND_COLOUR, alpha=0.3, linewidth=0,
                        label=f"mean ± SD of {_plain(band.name)}")  # fmt: skip
        ax.plot(band.percent, band.mean, color=BAND_COLOUR, linewidth=0.9)
    is_relative = False
    for side, line in zip(SIDES, ("-", "--"), strict=True):
        curve = block.curves.get((which.angle, side))
        if curve is None:
            continue
        is_relative = curve.is_relative
        colour = SIDE_COLOURS[side]
        ax.fill_between(percent, curve.mean - curve.sd, curve.mean + curve.sd, color=colour, alpha=0.2, linewidth=0)
        ax.plot(percent, curve.mean, line, color=colour, linewidth=1.6, label=f"{side} (n = {curve.n_cycles})")
        if side in block.foot_off:
            ax.axvline(block.foot_off[side], color=colour, linestyle=line, linewidth=0.9)
    if not any((which.angle, side) in block.curves for side in SIDES):
        ax.text(
            0.5, 0.5, "not available from this skeleton", transform=ax.transAxes, ha="center", fontsize=8, color="0.4"
        )
    ax.axhline(0, color="0.7", linewidth=0.6, zorder=0)
    ax.set_title(f"{which.title} (°{', from neutral' if is_relative else ''})", fontsize=9, loc="left")
    ax.set_xlim(0, 100)
    low, high = ax.get_ylim()
    ax.set_ylim(min(low, -15 if is_relative else which.low), max(high, which.high))
    ax.text(0.99, 0.98, f"▲ {which.up}", transform=ax.transAxes, ha="right", va="top", fontsize=6.5, color="0.4")
    ax.text(0.99, 0.02, f"▼ {which.down}", transform=ax.transAxes, ha="right", va="bottom", fontsize=6.5, color="0.4")
    ax.tick_params(labelsize=7)


def profile(block: Session) -> Figure:
    """The movement analysis profile as bars."""
    figure = empty_figure(9.0, 3.8)
    ax = figure.subplots()
    columns = [f"gvs_{angle}_deg" for angle in GVS] + ["gps_deg"]
    rows = _scores(block)
    for side, shift, hatch in (("left", -0.2, ""), ("right", 0.2, "//")):
        values = [np.nan if rows.get(side, {}).get(c) is None else rows[side][c] for c in columns]
        ax.bar(
            np.arange(10) + shift, values, 0.38, color=SIDE_COLOURS[side], hatch=hatch, edgecolor="white", label=side
        )
    usual = control_scores(block)
    if usual:
        places = [columns.index(c) for c in usual]
        ax.hlines(
            list(usual.values()),
            np.array(places) - 0.4,
            np.array(places) + 0.4,
            color=INK,
            label="median of the reference",
        )
    ax.set_xticks(range(10), [*(TITLES[a].replace(" ", "\n", 1) for a in GVS), "GPS"], fontsize=7)
    against = next((r["reference"] for r in rows.values()), "")
    ax.set_ylabel("RMS difference (°)")
    ax.set_title(_plain(f"{block.subject} {block.name} against {against}"), fontsize=9, loc="left")
    for place, column in enumerate(columns):
        if all(r[column] is None for r in rows.values()):
            ax.annotate("n/a", (place, 0), (0, 3), textcoords="offset points", ha="center", fontsize=7, color="0.4")
    ax.set_xlim(-0.6, 9.6)
    figure.legend(frameon=False, fontsize=8, loc="outside lower center", ncols=3)
    return figure


def timeline(block: Session, trial: str) -> Figure:
    """Stance bars and events of both feet over a trial."""
    import polars as pl

    figure = empty_figure(9.0, 2.2)
    ax = figure.subplots()
    cycles = block.rows(block.data.cycles, False).filter(pl.col("trial") == trial).drop_nulls("foot_off_s")
    events = block.rows(block.data.events, False).filter(pl.col("trial") == trial)
    for side, row in (("left", 1), ("right", 0)):
        for is_steady in (True, False):
            part = cycles.filter(pl.col("side") == side, pl.col("is_steady") == is_steady)
            if part.height:
                ax.barh([row] * part.height, part["foot_off_s"] - part["start_s"], 0.44, part["start_s"], color=SIDE_COLOURS[side],
                        alpha=0.85 if is_steady else 0.3, hatch="" if is_steady else "//")  # fmt: skip
        for start, end in lone_stances(block, trial, side):
            ax.barh(row, end - start, 0.44, start, facecolor="none", edgecolor=SIDE_COLOURS[side])
        for event, marker, lift in (("foot_strike", "v", 0.34), ("foot_off", "^", -0.34)):
            for source, fill in (("computed", SIDE_COLOURS[side]), ("file", "none")):
                part = events.filter(pl.col("side") == side, pl.col("event") == event, pl.col("source") == source)
                ax.scatter(part["time_s"], [row + lift] * part.height, s=26, marker=marker, facecolors=fill,
                           edgecolors=SIDE_COLOURS[side])  # fmt: skip
    ax.set_yticks([0, 1], ["right", "left"])
    ax.set(xlim=figures.span_of(block, trial), ylim=(-0.6, 1.6), xlabel="time (s)")
    ax.set_title(_plain(f"{block.subject} {block.session} {trial}"), fontsize=9, loc="left")
    return figure


def parameters(data: ReportData) -> Figure:
    """A dot a person by group of the overview's parameters, with mean and SD."""
    figure = empty_figure(10.0, 6.0)
    names, groups, styles = groups_in_order(data), group_of(data), style_of(data)
    for column, ax in zip(OVERVIEW, figure.subplots(2, 3).flat, strict=True):
        values = subject_values(data.summary, column)
        ax.set_title(f"{BY_COLUMN[column].title} ({BY_COLUMN[column].unit})", fontsize=9, loc="left")
        ax.set_xticks(range(len(names)), [_plain(n[:18]) for n in names], fontsize=8)
        ax.tick_params(axis="y", labelsize=8)
        ax.set_xlim(-0.6, len(names) - 0.3)
        if not values:
            ax.text(0.5, 0.5, "no data", transform=ax.transAxes, ha="center", fontsize=8, color="0.4")
            continue
        low, high = spread_of(data, values)
        ax.set_ylim(low, high)
        for place, group in enumerate(names):
            mine = np.array([v for s, v in values.items() if (groups.get(s) or NO_GROUP) == group])
            if mine.size:
                colour, symbol = styles[group]
                ax.scatter(place + swarm(mine, low, high), mine, color=colour, marker=_MARKERS[symbol], s=30)
            if mine.size > 1:
                ax.errorbar(place + 0.36, mine.mean(), mine.std(ddof=1), color=INK, marker="_", markersize=9, capsize=3)
    return figure


def group_curves(data: ReportData) -> Figure:
    """Mean curves of the groups with the SD between subjects."""
    import polars as pl

    angles = data.group_curves["angle"].unique(maintain_order=True).to_list()
    figure = empty_figure(3.4 * len(angles), 3.4)
    styles, dashes = style_of(data), group_dashes(data)
    for angle, ax in zip(angles, np.atleast_1d(figure.subplots(1, len(angles))), strict=True):
        rows = data.group_curves.filter(pl.col("angle") == angle).sort("percent")
        for group in groups_in_order(data):
            mine = rows.filter(pl.col("group").fill_null(NO_GROUP) == group)
            if mine.height:
                percent, mean = mine["percent"].to_numpy(), mine["mean_deg"].to_numpy()
                sd = mine["sd_deg"].cast(pl.Float64).to_numpy()
                colour = styles[group][0]
                label = _plain(f"{group} (n = {int(mine['n_subjects'].to_numpy().max())})")
                ax.plot(percent, mean, linestyle=_LINES[dashes[group]], color=colour, label=label)
                if mine["n_subjects"].to_numpy().min() >= LEAST_REFERENCE:
                    ax.fill_between(percent, mean - sd, mean + sd, color=colour, alpha=0.16, linewidth=0)
        relative = ", from neutral" if rows["is_relative"].any() else ""
        ax.set_title(f"{TITLES[angle]} (°{relative})", fontsize=9, loc="left")
        ax.set(xlim=(0, 100), xlabel="gait cycle (%)")
        ax.axhline(0, color="0.7", linewidth=0.6, zorder=0)
    ax.legend(frameon=False, fontsize=7)
    return figure


def heatmap(data: ReportData) -> Figure:
    """The distance matrix, ordered by similarity, with its tree."""
    assert data.distances is not None
    figure = empty_figure(7.2, 7.6)
    values = np.asarray(data.distances.values, float)
    tree = cluster(values)
    names = [data.distances.labels["subject"][int(i)] for i in tree.order]
    groups, styles = group_of(data), style_of(data)
    top, main = figure.subplots(2, 1, height_ratios=(1, 4), sharex=True)
    for x, y in tree.lines:
        top.plot(x, y, color="0.35", linewidth=1)
    top.axis("off")
    for group in groups_in_order(data):
        places = [i for i, name in enumerate(names) if (groups.get(name) or NO_GROUP) == group]
        if places:
            colour, symbol = styles[group]
            top.scatter(
                places,
                [0] * len(places),
                color=colour,
                marker=_MARKERS[symbol],
                label=_plain(group),
                clip_on=False,
                zorder=3,
            )
    figure.legend(frameon=False, fontsize=8, loc="outside upper center", ncols=6)
    image = main.imshow(
        values[np.ix_(tree.order, tree.order)], cmap="cividis_r", aspect="auto", interpolation="nearest"
    )
    size = 7 if len(names) <= 40 else 4
    main.set_xticks(range(len(names)), [_plain(n) for n in names], rotation=90, fontsize=size)
    main.set_yticks(range(len(names)), [_plain(n) for n in names], fontsize=size)
    unit = f" ({data.distances.unit})" if data.distances.unit else ""
    figure.colorbar(image, ax=main, location="bottom", shrink=0.6, label=f"DTW distance{unit}")
    return figure


def cohort_map(data: ReportData) -> Figure:
    """People as points in a plane, near where they walk alike."""
    assert data.distances is not None
    figure = empty_figure(6.4, 6.0)
    ax = figure.subplots()
    points, share = classical_mds(data.distances.values)
    names = data.distances.labels["subject"].to_list()
    groups, styles = group_of(data), style_of(data)
    for group in groups_in_order(data):
        mine = [i for i, name in enumerate(names) if (groups.get(name) or NO_GROUP) == group]
        if mine:
            colour, symbol = styles[group]
            ax.scatter(
                points[mine, 0], points[mine, 1], color=colour, marker=_MARKERS[symbol], label=_plain(group), s=42
            )
    for name, point, word in zip(names, points, places_of_names(points, names, (420.0, 380.0)), strict=True):
        right, up = (2 * step for step in AROUND[word])
        ha, va = _ANCHORS[right], _ANCHORS_UP[up]
        ax.annotate(_plain(name), point, (6 * right, 6 * up), textcoords="offset points", ha=ha, va=va, fontsize=7)
    ax.margins(0.12)
    ax.set_aspect("equal", adjustable="datalim")
    unit = f" ({data.distances.unit})" if data.distances.unit else ""
    ax.set(xlabel=f"first axis{unit}", ylabel=f"second axis{unit}")
    ax.set_title(f"classical scaling; the two axes hold {share:.0%}", fontsize=9, loc="left")
    ax.legend(frameon=False, fontsize=8)
    return figure


def _scores(block: Session) -> dict[str, dict[str, Any]]:
    return {r["side"]: r for r in block.rows(block.data.profile, by_condition=False).to_dicts()}


def _plain(text: str) -> str:
    """Text without matplotlib's mathematics, cut where it would leave no room for the figure."""
    return (text if len(text) <= LONGEST else text[: LONGEST - 1] + "…").replace("$", r"\$")
