"""The timeline of a trial: stance and swing of both feet, and every event by its source."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from neurostore.report.conduct import SOURCES
from neurostore.report.figures import SIDES
from neurostore.report.panels import SIDE_COLOURS
from neurostore.report.sessions import Session
from neurostore.report.specification import Axis, Bars, Mark, Note, Plot, Points

_ROWS = {"left": 1.0, "right": 0.0}


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
    """Points of foot strikes and foot offs by source; of platforms and of the source file a little farther from the bar."""
    import polars as pl

    events = block.rows(block.data.events, False).filter(pl.col("trial") == trial, pl.col("side") == side)
    points = []
    for source, lift_of_source in (("computed", 0.0), ("force", 0.08), ("file", 0.16)):
        for event, symbol in (("foot_strike", "triangle-down"), ("foot_off", "triangle-up")):
            part = events.filter(pl.col("event") == event, pl.col("source") == source)
            if not part.height:
                continue
            away = 1 if event == "foot_strike" else -1
            symbol = "diamond" if source == "force" else symbol
            points.append(
                Points(
                    part["time_s"].to_numpy(),
                    np.full(part.height, _ROWS[side] + away * (0.32 + lift_of_source)),
                    SIDE_COLOURS[side],
                    {"role": event, "side": side, "source": source},
                    symbol,
                    8,
                    f"{side} {event.replace('_', ' ')}, {SOURCES[source]}",
                    is_open=source == "file",
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
    """(strike, off) in seconds of stances that belong to no complete cycle, from consecutive computed events."""
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
