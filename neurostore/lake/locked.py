"""SQL from untrusted users: one SELECT over the lake's tables and views, and nothing else.

Five barriers, each tested alone (tests/unit/lake/test_locked.py): DuckDB's own parser must find one SELECT; every relation
in its tree must be a table or view of the lake, a WITH query, or one of a few functions that make rows; the connection
may open the files of this version and no other, and its settings are locked; time, memory and rows are limited; and all
of it happens in a process of its own (locked_child.py), which the operating system ends where DuckDB's limits do not
reach, and whose crash affects nothing else.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

from neurostore import errors, storage
from neurostore.errors import LakeError, UsageError
from neurostore.lake import tables as lake_sql
from neurostore.sql.statements import check_query, kind_of, nodes_of, reserved_word_hint, tree_of
from neurostore.sql.views import literal

if TYPE_CHECKING:
    import polars as pl

    from neurostore.lake.version import Version

TIME_LIMIT_S = 30.0
MEMORY_LIMIT_MB = 1024
ROW_LIMIT = 1_000_000
_ROW_MAKERS = {"range", "generate_series", "unnest", "generate_subscripts", "repeat_row"}
_REFUSED = {"getenv", "read_text", "read_blob", "query", "query_table", "setseed", "write_log", "nextval", "currval", "setval",
            "current_setting", "current_query", "pg_get_viewdef"}  # fmt: skip


def run(
    lake: Version,
    text: str,
    *,
    time_limit_s: float = TIME_LIMIT_S,
    memory_limit_mb: int = MEMORY_LIMIT_MB,
    row_limit: int = ROW_LIMIT,
) -> pl.DataFrame:
    """The result of one SELECT from any source. It runs in a process of its own, about a second more than the query.

    The process ends at the latest at 1.2 times the time limit, and has at most twice the memory limit and 1 GB.

    Raises
    ------
    UsageError : the text is not one SELECT over the lake, is wrong, or meets a limit.
    LakeError : a file of the lake cannot be read.
    """
    import polars as pl

    asked = {
        "path": lake.path, "version": None if lake.released else lake.version,
        "release": lake.released.name if lake.released else None, "text": text,
        "time_limit_s": time_limit_s, "memory_limit_mb": memory_limit_mb, "row_limit": row_limit,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-P", "-m", "neurostore.lake.locked_child"],
        input=json.dumps(asked).encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "MALLOC_ARENA_MAX": "4"},  # otherwise every thread would reserve its own memory
        start_new_session=True,  # Ctrl-C goes to the parent only
    )
    kind, body = done.stdout[:1], done.stdout[1:]
    if kind == b"R":
        return pl.read_ipc_stream(io.BytesIO(body))
    if kind == b"E":
        name, message = json.loads(body)
        raise getattr(errors, name)(message)
    if done.returncode == -signal.SIGALRM:
        raise UsageError(_too_long(time_limit_s))
    raise UsageError(f"{too_much(memory_limit_mb)} (its process ended with status {done.returncode})")


def _too_long(time_limit_s: float) -> str:
    return f"stopped after {time_limit_s:g} s; ask for less, for example one subject or trial at a time"


def too_much(memory_limit_mb: int) -> str:
    """Message for a query that needs more memory than allowed."""
    return f"more than {memory_limit_mb} MB of memory would be needed; ask for less"


def answer(
    connection: Any,
    text: str,
    time_limit_s: float = TIME_LIMIT_S,
    memory_limit_mb: int = MEMORY_LIMIT_MB,
    row_limit: int = ROW_LIMIT,
) -> pl.DataFrame:
    """As :func:`run`, over a connection that :func:`lock` has locked and that may answer many questions.

    For a service that limits its own process: inside a single function DuckDB looks at no limit.
    """
    import duckdb

    try:
        check(connection, text)
        return _fetch(connection, text, time_limit_s, memory_limit_mb, row_limit)
    except duckdb.InterruptException:
        raise UsageError(_too_long(time_limit_s)) from None
    except duckdb.OutOfMemoryException:
        raise UsageError(too_much(memory_limit_mb)) from None
    except duckdb.IOException as error:
        raise LakeError(str(error)) from None
    except duckdb.Error as error:
        raise UsageError(f"{error}{reserved_word_hint(error, text)}") from None
    except RecursionError:
        raise UsageError("the query is nested too deeply") from None


def check(connection: Any, text: str) -> None:
    """Raise UsageError unless the text is one SELECT that names tables and views of the connection alone."""
    statements = connection.extract_statements(text)
    if len(statements) != 1:
        raise UsageError(f"found {len(statements)} statements; --locked takes one SELECT")
    kind = kind_of(statements[0])
    if kind != "SELECT":
        raise UsageError(f"{kind} is not allowed: --locked takes one SELECT")
    tree = tree_of(connection, text)
    if tree.get("error"):  # DuckDB counts DESCRIBE, SHOW, PRAGMA functions and the like as SELECT
        raise UsageError(f"not a plain SELECT: {tree.get('error_message', 'it cannot be shown as a tree')}")
    known = connection.execute(
        "SELECT table_name FROM duckdb_tables() UNION SELECT view_name FROM duckdb_views() WHERE NOT internal"
    ).fetchall()
    names = {name.lower() for (name,) in known if not name.startswith("duckdb_")}
    names |= {node["key"].lower() for node in nodes_of(tree) if {"key", "value"} <= node.keys() and _is_query(node)}
    odd = sorted(name for name in names if not name.isidentifier())  # a WITH query whose name looks like a file
    if odd:
        raise UsageError(f"{odd[0]!r}: name a WITH query by letters, digits and _")
    for node in nodes_of(tree):
        _check_node(node, names)


def _is_query(node: dict[str, Any]) -> bool:
    value = node["value"]
    is_named = isinstance(node["key"], str) and isinstance(value, dict)
    return is_named and ("query" in value or "query_node" in value)


def _check_node(node: dict[str, Any], names: set[str]) -> None:
    check_query(node)
    kind = node.get("type")
    if kind == "BASE_TABLE":
        name = node["table_name"]
        if node.get("schema_name") not in ("", "main") or node.get("catalog_name") not in ("", "memory"):
            raise UsageError(f"{node.get('schema_name')}.{name}: --locked reads the lake's own tables and views")
        if name.lower() not in names:
            raise UsageError(f"there is no table or view {name!r} in this lake; docs/tables.md lists them")
    elif kind == "TABLE_FUNCTION":
        name = node.get("function", {}).get("function_name", "")
        if name.lower() not in _ROW_MAKERS:
            raise UsageError(f"{name or 'this function'}: --locked allows no table function except {_listed()}")
    elif kind in ("SHOW_REF", "COPY_DATABASE", "EXTERNAL_FILE"):
        raise UsageError(f"{kind}: --locked takes one SELECT over tables and views")
    elif node.get("class") == "FUNCTION" and str(node.get("function_name", "")).lower() in _REFUSED:
        raise UsageError(f"{node['function_name']}: --locked does not allow this function")


def _listed() -> str:
    return ", ".join(sorted(_ROW_MAKERS))


def lock(connection: Any, lake: Version, memory_limit_mb: int) -> None:
    """Let the connection open this version's files and nothing else, and keep it so."""
    states = [*map(lake.table_state, lake.tables()), *(stored.state for stored in lake.stored_results().values())]
    paths = [state.path(file) for state in states for file in state.files]
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET allowed_directories = []")
    if paths and not storage.is_remote(lake.path):
        spelled = dict.fromkeys([*paths, *(p.translate(lake_sql.GLOB) for p in paths)])  # as the views name them
        listed = ", ".join(map(literal, spelled))
        connection.execute(f"SET allowed_paths = [{listed}]")
    connection.execute("SET temp_directory = ''")
    connection.execute(f"SET memory_limit = '{int(memory_limit_mb)}MB'")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _fetch(connection: Any, text: str, time_limit_s: float, memory_limit_mb: int, row_limit: int) -> pl.DataFrame:
    import polars as pl

    timer = threading.Timer(time_limit_s, connection.interrupt)
    timer.start()
    try:
        reader = connection.sql(text).to_arrow_reader(10_000)
        batches, n_rows, n_bytes = [], 0, 0
        for batch in reader:
            n_rows += batch.num_rows
            n_bytes += batch.nbytes
            if n_rows > row_limit or n_bytes > memory_limit_mb * 2**20:
                raise UsageError(f"more than {row_limit:,} rows or {memory_limit_mb} MB; add a LIMIT or ask for less")
            batches.append(batch)
    except OSError as error:  # how Arrow reports an error in the middle of a result
        if "interrupt" in str(error).lower():
            raise UsageError(_too_long(time_limit_s)) from None
        raise UsageError(str(error)) from None
    finally:
        timer.cancel()
    import pyarrow as pa

    names = reader.schema.names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"several columns are called {', '.join(twice)}; give them different names with AS")
    return pl.DataFrame(pl.from_arrow(pa.Table.from_batches(batches, schema=reader.schema)))
