"""Tidy CSV and Parquet: one row per observation.

Units, meanings and provenance are in ``NAME.csv.json`` beside a CSV, and under the key ``neurostore`` in the metadata of
Parquet.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.errors import UsageError
from neurostore.export.trial import Trial, read_angles, read_points
from neurostore.sql import views

if TYPE_CHECKING:
    import polars as pl

    from neurostore.export import Choices, Rendered

_CYCLE = ("subject", "session", "trial", "person", "cycle", "side", "is_steady", "reason", "length_basis")


def render(trial: Trial, out: Path, choices: Choices) -> Rendered:
    """One of the tables angles, events, parameters and points of a trial, long.

    Raises
    ------
    UsageError : the trial has no row in that table.
    """
    from neurostore.export import Rendered

    rows, described = _TABLES[choices.table](trial, choices)
    if rows.is_empty():
        raise UsageError(f"{trial.name}: has no {choices.table} of person {trial.person}")
    content = {"table": choices.table, **trial.provenance, "columns": described}
    if out.suffix.lower() == ".parquet":
        return Rendered({out: _parquet(rows, content)}, [])
    text = io.BytesIO()
    rows.write_csv(text)
    about = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    return Rendered({out.with_name(f"{out.name}.json"): about.encode(), out: text.getvalue()}, [])


def _parquet(rows: pl.DataFrame, metadata: dict[str, Any]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = rows.to_arrow(compat_level=None)
    table = pa.table(
        {
            n: c.cast(pa.string()) if pa.types.is_large_string(c.type) or pa.types.is_string_view(c.type) else c
            for n, c in zip(table.column_names, table.columns, strict=True)
        }
    )
    table = table.replace_schema_metadata({"neurostore": json.dumps(metadata, ensure_ascii=False)})
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _keyed(trial: Trial, rows: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    keys = {**trial.key, "person": np.int32(trial.person)}
    typed = [pl.lit(v, pl.Int32 if n == "person" else pl.String).alias(n) for n, v in keys.items()]
    return rows.select(*typed, pl.all())


def _angles(trial: Trial, choices: Choices) -> tuple[pl.DataFrame, dict[str, Any]]:
    wide = read_angles(trial, choices.source)
    rows = wide.unpivot(index=["frame", "time_s"], variable_name="angle", value_name="value_deg")
    columns = {c.name: c for c in views.declared()["joint_angles"].columns}
    angles = {n: {"sign": columns[n].sign, "meaning": columns[n].meaning} for n in wide.columns if n.endswith("_deg")}
    content = {
        "time_s": {"unit": "s", "meaning": "the trial's clock"},
        "angle": {"meaning": f"column of joint_angles, {choices.source}", "values": angles},
        "value_deg": {"unit": "deg"},
    }
    return _keyed(trial, rows), content


def _events(trial: Trial, choices: Choices) -> tuple[pl.DataFrame, dict[str, Any]]:
    return trial.of_person("gait_events", order="time_s, side, event, source"), _described("gait_events")


def _parameters(trial: Trial, choices: Choices) -> tuple[pl.DataFrame, dict[str, Any]]:
    import polars as pl

    rows = trial.of_person("spatiotemporal", order="cycle, side")
    index = [n for n in _CYCLE if n in rows.columns]
    numbers = [n for n, t in rows.schema.items() if t.is_numeric() and n not in index]
    units = {c.name: c.unit for c in views.declared()["spatiotemporal"].columns}
    long = rows.with_columns(pl.col(numbers).cast(float)).unpivot(
        on=numbers, index=index, variable_name="parameter", value_name="value"
    )
    unit = pl.col("parameter").replace_strict(units, default="", return_dtype=pl.String).alias("unit")
    described = _described("spatiotemporal")
    parameters = {n: described.pop(n) for n in numbers}
    return long.with_columns(unit), {
        **{n: d for n, d in described.items() if n in index},
        "parameter": {"meaning": "column of spatiotemporal", "values": parameters},
        "value": {"meaning": "in the unit of the row"},
    }


def _points(trial: Trial, choices: Choices) -> tuple[pl.DataFrame, dict[str, Any]]:
    import polars as pl

    points = read_points(trial, choices.points)
    n, n_points = points.positions.shape[:2]
    flat = points.positions.transpose(1, 0, 2).reshape(-1, 3)
    rows = pl.DataFrame(
        {
            "frame": np.tile(points.frame, n_points).astype(np.int32),
            "time_s": np.tile(points.time_s, n_points),
            "point": np.repeat(np.array(points.names, dtype=object), n).tolist(),
            **{f"{axis}_mm": np.ascontiguousarray(flat[:, i]) for i, axis in enumerate("xyz")},
        }
    ).with_columns(pl.selectors.float().fill_nan(None))
    where = {"unit": "mm", "meaning": f"{points.table}; right-handed lab frame, y up"}
    return _keyed(trial, rows), {
        "point": {"meaning": "name in the source"},
        **{f"{a}_mm": where for a in "xyz"},
    }


def _described(view: str) -> dict[str, Any]:
    """Unit, sign and meaning of a view's columns."""
    return {
        c.name: {k: v for k, v in (("unit", c.unit), ("sign", c.sign), ("meaning", c.meaning)) if v}
        for c in views.declared()[view].columns
    }


_TABLES = {"angles": _angles, "events": _events, "parameters": _parameters, "points": _points}
