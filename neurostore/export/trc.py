"""TRC: positions in mm, Y up, as OpenSim reads them.

Numbers are the shortest text that gives the same float32 (times: float64); a missing sample is three empty cells.
Every line ends with a tab, as OpenSim's own: without it an empty last cell would not count.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neurostore.arrays import Array
from neurostore.export.trial import Points, Trial, read_points

if TYPE_CHECKING:
    from neurostore.export import Choices, Rendered


def render(trial: Trial, out: Path, choices: Choices) -> Rendered:
    """The TRC file of a trial."""
    from neurostore.export import Rendered

    points, notes = _seen(read_points(trial, choices.points), trim=choices.trim)
    head = _head(trial, points, out.name)
    return Rendered({out: head.encode() + b"\n" + _body(points)}, notes)


def _seen(points: Points, *, trim: bool) -> tuple[Points, list[str]]:
    """(the points, without empty frames at the ends where ``trim``; notes): OpenSim's inverse kinematics stops at an empty frame."""
    seen = np.isfinite(points.positions).all(axis=-1).any(axis=-1)
    if seen.all() or not seen.any():
        return points, []
    first, last = np.flatnonzero(seen)[[0, -1]]
    n_ends = int(first + len(seen) - 1 - last)
    notes = []
    if n_ends and trim:
        keep = slice(first, last + 1)
        points = replace(points, frame=points.frame[keep], time_s=points.time_s[keep], positions=points.positions[keep])
        notes.append(f"{n_ends} frames without points at the ends were cut")
    elif n_ends:
        notes.append(
            f"{n_ends} frames at the ends have no points, and OpenSim's inverse kinematics stops there; --trim cuts them"
        )
    n_within = int((~seen).sum()) - n_ends
    if n_within:
        notes.append(
            f"{n_within} frames in the middle have no points, and OpenSim's inverse kinematics stops there; give it a time range"
        )
    return points, notes


def _head(trial: Trial, points: Points, name: str) -> str:
    rate, n = f"{trial.row['rate_hz']:.12g}", len(points.frame)
    words = {
        "DataRate": rate,
        "CameraRate": rate,
        "NumFrames": n,
        "NumMarkers": len(points.names),
        "Units": "mm",
        "OrigDataRate": rate,
        "OrigDataStartFrame": 1,
        "OrigNumFrames": n,
    }
    axes = "".join(f"X{i}\tY{i}\tZ{i}\t" for i in range(1, len(points.names) + 1))
    return "\n".join(
        [
            f"PathFileType\t4\t(X/Y/Z)\t{name}\t{trial.provenance_line}, {points.table}",
            "\t".join(words),
            "\t".join(map(str, words.values())),
            "Frame#\tTime\t" + "".join(f"{label}\t\t\t" for label in points.names),
            f"\t\t{axes}",
            "",
        ]
    )


def _body(points: Points) -> bytes:
    import polars as pl

    flat = points.positions.reshape(len(points.frame), -1)
    columns: dict[str, Array] = {"frame": np.arange(1, len(flat) + 1), "time": points.time_s}
    columns |= {str(i): np.ascontiguousarray(flat[:, i]) for i in range(flat.shape[1])}
    text = io.BytesIO()
    end = pl.lit(None, pl.String).alias("end")
    frame = pl.DataFrame(columns).with_columns(pl.selectors.float().fill_nan(None), end)
    frame.write_csv(text, separator="\t", include_header=False, null_value="", line_terminator="\n")
    return text.getvalue()
