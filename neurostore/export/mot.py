"""MOT: joint angles under the names and signs of an OpenSim model, in degrees.

Pelvis angles are about the direction of progression: the motion is written as a walk along +X, the way OpenSim's
models face. There are no translations: the origin of a model's pelvis is not a point of ours.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from neurostore import opensim
from neurostore.errors import UsageError
from neurostore.export.trial import Trial, read_angles

if TYPE_CHECKING:
    from neurostore.export import Choices, Rendered


def render(trial: Trial, out: Path, choices: Choices) -> Rendered:
    """The MOT file of a trial: coordinates that are NULL throughout are left out, a missing value is ``nan``.

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
            columns.append((pl.col(column).cast(float) * sign + 0.0).alias(coordinate))  # + 0.0: no minus zero
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
    return Rendered({out: text.getvalue().replace(b"NaN", b"nan")}, notes)


def _advice(absent: list[tuple[str, bool]]) -> str:
    return "; those from the neutral pose are written with --relative" if any(has for _, has in absent) else ""
