"""Tables for tests of the views, straight into an in-memory DuckDB: from walkers, arrays and small text tables."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from neurostore import schema
from neurostore.sql import views
from neurostore.walker.walk import Walk

KEY = {"subject": "S01", "session": "", "trial": "walk"}


_MADE: dict[Any, list[tuple[duckdb.DuckDBPyConnection, weakref.ref[Any]]]] = {}


def connect(
    *, with_views: bool = True, only: Iterable[str] | None = None, **tables: pa.Table
) -> duckdb.DuckDBPyConnection:
    """A connection with every declared table (empty where not given) and the views over them.

    Views take a second to make, so a database that no test uses any more gets other rows. Nothing may be created in one
    that has views.

    tables : may also hold a table that stands in for a view of its name. only : these views and what they need.
    """
    has_plates = "force_plates" in tables
    empty = {n: t.arrow().empty_table() for n, t in schema.tables().items() if n != "poses" and n not in tables}
    if not with_views:
        return _database(empty | tables)
    shapes = frozenset((name, str(given.schema)) for name, given in tables.items())
    made = _MADE.setdefault((None if only is None else frozenset(only), shapes, has_plates), [])
    free = next((database for database, user in made if user() is None), None)
    if free is not None:
        refill(free, **empty, **tables)
    else:
        free = _database(empty | tables)
        texts = views.texts_for(True, stored={*empty, *tables})
        wanted = set(texts) if only is None else _needed(set(only), texts, {*empty, *tables})
        views.register(free, {name: text for name, text in texts.items() if name in wanted}, has_plates)
    connection = free.cursor()  # without the variables that the test before may have set
    made[:] = [pair for pair in made if pair[0] is not free] + [(free, weakref.ref(connection))]
    return connection


def _database(tables: Mapping[str, pa.Table]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for name, given in tables.items():
        connection.register("given", given)
        connection.execute(f"CREATE TABLE {views.quote(name)} AS SELECT * FROM given")
        connection.unregister("given")
    return connection


def _needed(wanted: set[str], texts: dict[str, str], given: set[str]) -> set[str]:
    """The views and all they read, but nothing below a table that stands in for a view."""
    uses = views.uses(texts)
    found: set[str] = set()
    while wanted:
        name = wanted.pop()
        found.add(name)
        wanted |= uses[name] - given - found
    return found


def table(name: str, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows of a declared table; columns not given are NULL, or what ``_DEFAULTS`` says."""
    declared = schema.tables()[name].arrow()
    filled = [{f.name: row.get(f.name, _DEFAULTS.get(f.name)) for f in declared} for row in rows]
    return pa.Table.from_pylist(filled, schema=declared)


_DEFAULTS: dict[str, Any] = {
    "subject": "S01",
    "session": "",
    "trial": "walk",
    "person": 0,
    "ingest_id": "i",
    "source_path": "walk.bvh",
    "source_sha256": "0",
    "settings_sha256": "0",
    "kind": "mocap",
    "skeleton": "cmu_31",
    "n_frames": 0,
    "n_persons": 1,
    "rate_hz": 120.0,
    "duration_s": 0.0,
    "up_source": "lab",
    "position_basis": "lab",
    "length_basis": "measured",
    "steps": "[]",
    "ingested_at": 0,
    "schema_version": 1,
    "software_version": "test",
    "label": "",
    "source_name": "",
    "component": "",
    "unit": "mm",
    "source": "file",
}


def trial_row(**values: Any) -> dict[str, Any]:
    return {**KEY, **values}


def landmarks(time_s: np.ndarray, points: Mapping[str, np.ndarray], person: int = 0, **key: str) -> pa.Table:
    """The table landmarks of one trial: points are (n, 3) mm, NaN rows become NULL."""
    declared = schema.tables()["landmarks"].arrow()
    n = len(time_s)
    keys = {**KEY, "ingest_id": "i", **key}
    columns = []
    for f in declared:
        if f.name in keys:
            columns.append(pa.array([keys[f.name]] * n, f.type))
        elif f.name == "person":
            columns.append(pa.array(np.full(n, person), f.type))
        elif f.name == "frame":
            columns.append(pa.array(np.arange(n), f.type))
        elif f.name == "time_s":
            columns.append(pa.array(time_s, f.type))
        elif f.name in points:
            columns.append(_structs(np.asarray(points[f.name], np.float32), f.type))
        else:
            columns.append(pa.nulls(n, f.type))
    return pa.Table.from_arrays(columns, schema=declared)


def _structs(values: np.ndarray, type_: pa.StructType) -> pa.Array:
    missing = pa.array(np.isnan(values).any(axis=1))
    parts = [pa.array(np.ascontiguousarray(values[:, i])) for i in range(values.shape[1])]
    return pa.StructArray.from_arrays(parts, fields=list(type_), mask=missing)


def walk_points(walk: Walk, *, without: Iterable[str] = ()) -> dict[str, np.ndarray]:
    """The walker's joints that are landmarks."""
    known = set(schema.tables()["landmarks"].arrow().names)
    return {k: v for k, v in walk.joints.items() if k in known and k not in set(without)}


def of_walk(walk: Walk, *, without: Iterable[str] = (), row: Mapping[str, Any] | None = None, **key: str) -> dict:
    """The tables landmarks and trials of one walk. row : what trials says besides."""
    row = {"rate_hz": walk.rate_hz, "n_frames": len(walk.time_s), "duration_s": float(walk.time_s[-1]), **(row or {})}
    return {
        "landmarks": landmarks(walk.time_s, walk_points(walk, without=without), **key),
        "trials": table("trials", [trial_row(**{**row, **key})]),
    }


def together(*parts: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """Several trials' tables as one set."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: pa.concat_tables([part[name] for part in parts if name in part]) for name in names}


def angle_columns() -> list[str]:
    """The angles of joint_angles, as cycle_curves declares them."""
    return [c.name for c in views.declared()["cycle_curves"].columns if c.name.endswith("_deg")]


def joint_angles(time_s: np.ndarray, angles: Mapping[str, np.ndarray], **key: str) -> pa.Table:
    """A table that stands in for the view joint_angles: angles are (n,) degrees; those not given are NULL."""
    n = len(time_s)
    columns: dict[str, pa.Array] = {k: pa.array([v] * n, pa.string()) for k, v in {**KEY, **key}.items()}
    columns |= {"person": pa.array(np.zeros(n, np.int32)), "frame": pa.array(np.arange(n, dtype=np.int32))}
    columns["time_s"] = pa.array(np.asarray(time_s, float))
    for name in angle_columns():
        values = np.asarray(angles.get(name, np.full(n, np.nan)), float)
        columns[name] = pa.array(values, mask=np.isnan(values))
    return pa.table(columns)


def refill(connection: duckdb.DuckDBPyConnection, **tables: pa.Table) -> None:
    """Other rows into the tables of a connection: much cheaper than a new one, whose views have to be made again."""
    for name, rows in tables.items():
        connection.register("given", rows)
        connection.execute(f"DELETE FROM {views.quote(name)}")
        connection.execute(f"INSERT INTO {views.quote(name)} BY NAME SELECT * FROM given")
        connection.unregister("given")


def text_table(text: str) -> pa.Table:
    """A small table as people write it: a header line, then rows, cells parted by ``|``; ``-`` is NULL, ``''`` is empty."""
    lines = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    header, rows = lines[0], lines[1:]
    return pa.table({name: pa.array([_cell(row[i]) for row in rows]) for i, name in enumerate(header)})


def _cell(text: str) -> Any:
    words: dict[str, Any] = {"-": None, "''": "", "true": True, "false": False}
    if text in words:
        return words[text]
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def rows_of(connection: duckdb.DuckDBPyConnection, query: str, digits: int = 6) -> list[tuple[Any, ...]]:
    """Rows of a query, floats rounded."""
    found = connection.execute(query).fetchall()
    return [tuple(round(c, digits) if isinstance(c, float) else c for c in row) for row in found]
