"""Published norms of gait: Schwartz 2008 and normal EMG activation, under CC BY-SA 4.0 (README.md and the licence are here).

Input: a DuckDB connection. Output: the tables of the norm in it. May import: nothing of neurostore; it reads
schemas/muscles.toml.
"""

from __future__ import annotations

import csv
import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import duckdb

NAME = "Schwartz 2008"
CITATION = (
    "M. H. Schwartz, A. Rozumalski, J. P. Trost (2008), J Biomech 41:1639-1650, doi:10.1016/j.jbiomech.2008.03.015"
)
POPULATION = "typically developing children, Plug-in Gait"
TABLES = frozenset(("_norm", "_kinetic_norm"))  #: what `register` creates
EMG_NAME = "normal activation"
EMG_STANCE_PCT = 56.21  #: foot off in the cycle that the activation times refer to, percent


class NormPoint(NamedTuple):
    """Mean and SD of one angle at one percent of the cycle, for one speed band.

    speed : very_slow, slow, free, fast or very_fast. angle : column of joint_angles without side and unit.
    """

    speed: str
    angle: str
    percent: int
    mean_deg: float
    sd_deg: float


@cache
def schwartz_2008() -> tuple[NormPoint, ...]:
    """Every point of the norm: 5 speeds, 11 angles, 51 percents."""
    text = (resources.files(__name__) / "schwartz_2008.csv").read_text(encoding="ascii")
    rows = csv.DictReader(text.splitlines())
    return tuple(
        NormPoint(r["speed"], r["angle"], int(r["percent"]), float(r["mean_deg"]), float(r["sd_deg"])) for r in rows
    )


class KineticPoint(NamedTuple):
    """Mean and SD of one moment or power at one percent of the cycle, for one speed band.

    quantity : column of kinetic_curves. mean, sd : in its unit (Nm/kg or W/kg), signs as there.
    """

    speed: str
    quantity: str
    percent: int
    mean: float
    sd: float


@cache
def schwartz_2008_kinetics() -> tuple[KineticPoint, ...]:
    """Every moment and power of the norm: 5 speeds, 8 quantities, 51 percents."""
    text = (resources.files(__name__) / "schwartz_2008_kinetics.csv").read_text(encoding="ascii")
    rows = csv.DictReader(text.splitlines())
    return tuple(
        KineticPoint(r["speed"], r["quantity"], int(r["percent"]), float(r["mean"]), float(r["sd"])) for r in rows
    )


@cache
def normal_activation() -> dict[str, tuple[tuple[float, float], ...]]:
    """Muscle, as in schemas/muscles.toml, to the intervals in which it is normally active, percent of the gait cycle.

    Muscles without a norm are left out. The foot leaves the ground at ``EMG_STANCE_PCT``.
    """
    rows = csv.DictReader((resources.files(__name__) / "emg_normal_activation.csv").read_text("ascii").splitlines())
    intervals: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        intervals.setdefault(row["muscle"], []).append((float(row["start_pct"]), float(row["end_pct"])))
    muscles = tomllib.loads((resources.files("neurostore.schemas") / "muscles.toml").read_text("utf-8"))
    keys = {name: given["normal"] for name, given in muscles.items()}
    return {name: tuple(intervals[key]) for name, key in keys.items() if key in intervals}


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the tables ``_norm`` (speed, angle, percent, mean_deg, sd_deg) and ``_kinetic_norm`` (fields of KineticPoint)."""
    _fill(connection, "_norm", schwartz_2008())
    _fill(connection, "_kinetic_norm", schwartz_2008_kinetics())


def _fill(
    connection: duckdb.DuckDBPyConnection, table: str, points: tuple[NormPoint, ...] | tuple[KineticPoint, ...]
) -> None:
    kinds = {str: "VARCHAR", int: "BIGINT", float: "DOUBLE"}
    values = dict(zip(points[0]._fields, map(list, zip(*points, strict=True)), strict=True))
    columns = ", ".join(f"unnest(${name}::{kinds[type(v[0])]}[]) AS {name}" for name, v in values.items())
    connection.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT {columns}", values)
