"""MOT: joint angles under the names and signs of an OpenSim model, in degrees.

Pelvis angles are about the direction of progression: the motion is written as a walk along +X, the way OpenSim's
models face. There are no translations: the origin of a model's pelvis is not a point of ours.
"""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neurostore import opensim
from neurostore.arrays import Floats
from neurostore.errors import UsageError
from neurostore.export.trial import Trial, read_angles

if TYPE_CHECKING:
    import polars as pl

    from neurostore.export import Choices, Rendered

LONGEST_FILL_S = 0.2


def render(trial: Trial, out: Path, choices: Choices) -> Rendered:
    """The MOT file of a trial: coordinates that are NULL throughout are left out.

    OpenSim's Storage stops reading at a row with ``nan`` and says nothing, so no file has one: gaps of at most 0.2 s
    are filled by a line, rows that still lack a value are left out, and where that leaves several stretches each is a
    file of its own (walk_1.mot, walk_2.mot …).

    Raises
    ------
    UsageError : none of the model's coordinates has a value.
    """
    import polars as pl

    from neurostore.export import Rendered

    angles = read_angles(trial, choices.source)
    columns, absent, relative = [], [], []
    for coordinate, column, sign in opensim.coordinates(choices.osim_model):
        from_neutral = column.replace("_deg", "_rel_deg")
        if column not in angles.columns and choices.relative and from_neutral in angles.columns:
            column = from_neutral
            relative.append(coordinate)
        if column in angles.columns:
            columns.append((pl.col(column).cast(float) * sign + 0.0).alias(coordinate))  # + 0.0 changes -0.0 to 0.0
        else:
            absent.append((coordinate, from_neutral in angles.columns))
    if not columns:
        raise UsageError(f"{trial.name}: none of the coordinates of {choices.osim_model} has a value{_advice(absent)}")
    notes = []
    if absent:
        notes.append(f"coordinates without a value were left out: {', '.join(n for n, _ in absent)}{_advice(absent)}")
    if relative:
        notes.append(f"coordinates written as change from the neutral pose: {', '.join(relative)}")
    frame = angles.select(pl.col("time_s").alias("time"), *columns).with_columns(
        pl.selectors.float().fill_null(float("nan"))
    )
    stretches, gap_notes = whole_stretches(frame.to_numpy())
    if not stretches:
        raise UsageError(f"{trial.name}: no frame has a value of every coordinate; choose a part of the trial that has")
    notes += gap_notes
    parts = [out] if len(stretches) == 1 else [out.with_stem(f"{out.stem}_{k}") for k in range(1, len(stretches) + 1)]
    return Rendered(
        {
            part: _text(pl.DataFrame(values, schema=frame.columns, orient="row"), trial, choices, notes)
            for part, values in zip(parts, stretches, strict=True)
        },
        notes,
    )


def whole_stretches(values: Floats) -> tuple[list[Floats], list[str]]:
    """(stretches of rows without a missing value, at least two rows each; notes).

    values : (n, 1 + k), time first, NaN = missing. Gaps of at most 0.2 s between values are filled by a line.
    """
    filled, time_s, n_filled = values.copy(), values[:, 0], 0
    for column in range(1, values.shape[1]):
        known = np.flatnonzero(np.isfinite(values[:, column]))
        for a, b in itertools.pairwise(known):
            if b - a > 1 and time_s[b] - time_s[a] <= LONGEST_FILL_S:
                inner = slice(a + 1, b)
                filled[inner, column] = np.interp(time_s[inner], time_s[[a, b]], values[[a, b], column])
                n_filled += b - a - 1
    is_whole = np.isfinite(filled).all(axis=1)
    edges = np.flatnonzero(np.diff(is_whole.astype(np.int8), prepend=0, append=0))
    stretches = [filled[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 1]
    notes = []
    if n_filled:
        notes.append(f"{n_filled} missing values in gaps of at most {LONGEST_FILL_S:g} s were filled by a line")
    n_left_out = len(values) - sum(map(len, stretches))
    if n_left_out and stretches:
        notes.append(
            f"{n_left_out} of {len(values)} rows lack a value and were left out, because OpenSim stops reading at NaN"
            + (f"; the rest is in {len(stretches)} files" if len(stretches) > 1 else "")
        )
    return stretches, notes


def _text(frame: pl.DataFrame, trial: Trial, choices: Choices, notes: list[str]) -> bytes:
    """The text of one file."""
    comments = [
        "Units are S.I. units (second, meters, Newtons, ...)",
        "Angles are in degrees.",
        f"Written by {trial.provenance_line}",
        f"Coordinates and signs of {choices.osim_model}; pelvis angles about the direction of progression",
        *(f"Note: {note}" for note in notes),
    ]
    head = [
        "Coordinates",
        "version=1",
        f"nRows={frame.height}",
        f"nColumns={frame.width}",
        "inDegrees=yes",
        f"osim_model={choices.osim_model}",
        "",
        *comments,
    ]
    text = io.BytesIO()
    text.write("\n".join([*head, "", "endheader", ""]).encode())
    frame.write_csv(text, separator="\t", line_terminator="\n")
    return text.getvalue()


def _advice(absent: list[tuple[str, bool]]) -> str:
    return "; those from the neutral pose are written with --relative" if any(has for _, has in absent) else ""
