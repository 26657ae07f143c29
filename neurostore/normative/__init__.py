"""The published norm of gait: Schwartz 2008, under CC BY-SA 4.0 (README.md and the licence are in this folder).

In comes a DuckDB connection, out go the tables of the norm in it. May import: nothing of neurostore.
"""

from __future__ import annotations

import csv
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


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the table ``_norm`` (speed, angle, percent, mean_deg, sd_deg)."""
    import pyarrow as pa

    columns = list(zip(*schwartz_2008(), strict=True))
    connection.register("_given_norm", pa.table(columns, names=list(NormPoint._fields)))
    connection.execute("CREATE OR REPLACE TABLE _norm AS SELECT * FROM _given_norm")
    connection.unregister("_given_norm")
