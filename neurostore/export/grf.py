"""OpenSim's ground reaction: ``…_grf.mot`` with the force under each foot, and the ExternalLoads.xml that applies it.

Forces act on calcn_r and calcn_l (or the bodies named), in the lab frame of the TRC export (Y up, metres). Where a foot's ground reaction is not
valid its force is zero there, which the notes say with the reason and the times: run inverse dynamics outside them.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from neurostore.errors import UsageError
from neurostore.export.trial import Trial

if TYPE_CHECKING:
    import polars as pl

    from neurostore.export import Choices, Rendered

_SIDES = (("right", "r"), ("left", "l"))


def render(trial: Trial, out: Path, choices: Choices) -> Rendered:
    """The MOT of the forces and its ExternalLoads.xml.

    Raises
    ------
    UsageError : the trial has no force platform, or no valid ground reaction of either foot.
    """
    from neurostore.export import Rendered

    rows = trial.rows("ground_reaction", order="frame, side")
    if rows.is_empty():
        raise UsageError(f"{trial.name}: has no force platform; there is no ground reaction to write")
    if not (rows["is_valid"] & (rows["plates"].list.len() > 0)).any():
        text = ", ".join(sorted(set(rows["reason"].drop_nulls())))
        raise UsageError(f"{trial.name}: no foot is alone on its platforms ({text})")
    notes = []
    for side, _ in _SIDES:
        notes += _gaps(rows, side)
    loads = out.with_name(f"{out.stem}_ExternalLoads.xml")
    return Rendered({out: _mot(trial, rows), loads: _external_loads(trial, out.name, choices.feet).encode()}, notes)


def _gaps(rows: pl.DataFrame, side: str) -> list[str]:
    import polars as pl

    bad = (
        rows.filter((pl.col("side") == side) & ~pl.col("is_valid"))
        .group_by("reason")
        .agg(pl.col("time_s").min().alias("first"), pl.col("time_s").max().alias("last"), pl.len())
    )
    return [
        f"the {side} force is zero in {n} frames between {first:.2f} and {last:.2f} s where it is not known: {reason}"
        for reason, first, last, n in bad.sort("first").iter_rows()
    ]


def _mot(trial: Trial, rows: pl.DataFrame) -> bytes:
    import polars as pl

    table = rows.select(pl.col("time_s").alias("time")).unique(maintain_order=True).sort("time")
    for side, letter in _SIDES:
        of_side = rows.filter(pl.col("side") == side).select(
            pl.col("time_s").alias("time"),
            *(pl.col("force").struct.field(a).fill_null(0.0).alias(f"ground_force_{letter}_v{a}") for a in "xyz"),
            *(
                (pl.col("cop").struct.field(a) / 1000).fill_null(0.0).alias(f"ground_force_{letter}_p{a}")
                for a in "xyz"
            ),
            pl.lit(0.0).alias(f"ground_torque_{letter}_x"),
            pl.col("free_moment_nm").fill_null(0.0).alias(f"ground_torque_{letter}_y"),
            pl.lit(0.0).alias(f"ground_torque_{letter}_z"),
        )
        table = table.join(of_side, on="time", how="left").sort("time")
    head = [
        "GroundReaction",
        "version=1",
        f"nRows={table.height}",
        f"nColumns={table.width}",
        "inDegrees=yes",
        f"Written by {trial.provenance_line}",
        "endheader",
        "",
    ]
    text = io.BytesIO()
    text.write("\n".join(head).encode())
    table.fill_null(0.0).write_csv(text, separator="\t", line_terminator="\n", float_precision=9)
    return text.getvalue()


def _external_loads(trial: Trial, mot: str, feet: tuple[str, str]) -> str:
    """OpenSim 4.6's tools refuse a file whose name has a space (findings/opensim-external-loads-name.sh)."""
    forces = "".join(
        f"""
            <ExternalForce name="{side}">
                <applied_to_body>{escape(foot)}</applied_to_body>
                <force_expressed_in_body>ground</force_expressed_in_body>
                <point_expressed_in_body>ground</point_expressed_in_body>
                <force_identifier>ground_force_{letter}_v</force_identifier>
                <point_identifier>ground_force_{letter}_p</point_identifier>
                <torque_identifier>ground_torque_{letter}_</torque_identifier>
                <data_source_name>Unassigned</data_source_name>
            </ExternalForce>"""
        for (side, letter), foot in zip(_SIDES, feet, strict=True)
    )
    return f"""<?xml version="1.0" encoding="UTF-8" ?>
<OpenSimDocument Version="40000">
    <ExternalLoads name="{escape(trial.name.replace(" ", "_"))}">
        <objects>{forces}
        </objects>
        <groups />
        <datafile>{escape(mot)}</datafile>
    </ExternalLoads>
</OpenSimDocument>
"""
