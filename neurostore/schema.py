"""Tables, declared once in schemas/*.toml: Arrow schemas, write checks and the catalogue come from here.

A TOML file declares one table: ``name``, ``row`` (what one row is), ``partition``, ``key`` and ``[[column]]`` entries
with ``name``, ``type``, ``unit``, ``meaning`` and, where they hold, ``nullable``, ``minimum``, ``maximum``, ``values``.
Types: string, bool, int32, int64, float32, float64, timestamp, point (STRUCT x, y, z), rotation (STRUCT w, x, y, z),
list<string>, map<string,int64>, map<string,float64>.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Column:
    """A declared column. minimum and maximum are inclusive and checked at each write."""

    name: str
    type: str
    unit: str = ""
    meaning: str = ""
    nullable: bool = True
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A declared table."""

    name: str
    row: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition: tuple[str, ...] = ()

    def column(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    def arrow(self) -> Any:
        """The pyarrow.Schema."""
        import pyarrow as pa

        return pa.schema([pa.field(c.name, arrow_type(c.type), c.nullable) for c in self.columns])


def arrow_type(name: str) -> Any:
    """The pyarrow type of a declared type name."""
    import pyarrow as pa

    plain = {
        "string": pa.string(),
        "bool": pa.bool_(),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "float32": pa.float32(),
        "float64": pa.float64(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "point": pa.struct([(a, pa.float32()) for a in "xyz"]),
        "rotation": pa.struct([(a, pa.float32()) for a in "wxyz"]),
        "list<string>": pa.list_(pa.string()),
        "map<string,int64>": pa.map_(pa.string(), pa.int64()),
        "map<string,float64>": pa.map_(pa.string(), pa.float64()),
    }
    return plain[name]


@cache
def tables() -> dict[str, Table]:
    """Every declared table by name; ``poses`` holds only the columns all ``poses/<skeleton>`` tables share."""
    folder = resources.files("neurostore.schemas")
    found = {}
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml") and not file.name.startswith("view"):
            declared = tomllib.loads(file.read_text(encoding="utf-8"))
            if "columns_of" in declared or "column" in declared:
                table = _table(declared)
                found[table.name] = table
    return found


def _table(declared: dict[str, Any]) -> Table:
    columns = [
        Column(**{**c, "values": tuple(c.get("values", ()))}) for c in declared["column"]
    ]
    for type_name, what in (("point", "points"), ("rotation", "segments")):
        for name, meaning in declared.get(what, {}).items():
            unit = "mm" if type_name == "point" else "quaternion w, x, y, z"
            columns.append(Column(name if type_name == "point" else f"{name}_rotation", type_name, unit, meaning))
    return Table(
        name=declared["name"],
        row=declared["row"],
        columns=tuple(columns),
        key=tuple(declared["key"]),
        partition=tuple(declared.get("partition", ())),
    )
