"""Whether a person is in a DuckDB file: in its tables, or in its views, columns, types and comments."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from neurostore.storage import temporary
from neurostore.upkeep.decoded import in_table, worst
from neurostore.upkeep.traces import Answer, Traces

_SAID = (
    "SELECT database_name, schema_name, table_name, comment, sql FROM duckdb_tables()",
    "SELECT view_name, comment, sql FROM duckdb_views() WHERE NOT internal",
    "SELECT column_name, comment, column_default FROM duckdb_columns() WHERE NOT internal",
    "SELECT type_name, labels::VARCHAR AS labels FROM duckdb_types() WHERE NOT internal",
    "SELECT function_name, macro_definition FROM duckdb_functions() WHERE NOT internal",
)


def in_database(file: BinaryIO, traces: Traces) -> Answer:
    """Whether a DuckDB file holds the person; ``may hold`` where it is locked, of other software, or has free blocks.

    A copy is opened, with its journal, so that the file stays as it is. Views are not run, because they read other files.
    """
    import duckdb

    with temporary.scratch() as folder:
        copy = folder / "copy.duckdb"
        with copy.open("wb") as out:
            shutil.copyfileobj(file, out, 1 << 20)
        journal = Path(f"{getattr(file, 'name', '')}.wal")
        if journal.is_file():
            shutil.copyfile(journal, folder / "copy.duckdb.wal")
        try:
            with duckdb.connect(str(copy), config={"enable_external_access": "false"}) as connection:
                return worst(_answers(connection, traces))
        except (duckdb.Error, UnicodeDecodeError):
            return "may hold"


def _answers(connection: Any, traces: Traces) -> Iterator[Answer]:
    for query in _SAID:
        for row in connection.execute(query).fetchall():
            if traces.are_in_text("\n".join(str(v) for v in row if v is not None).encode()):
                yield "holds"
    tables = connection.execute("SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal").fetchall()
    for names in tables:
        quoted = ".".join('"' + name.replace('"', '""') + '"' for name in names)
        for batch in connection.sql(f"SELECT * FROM {quoted}").to_arrow_reader(100_000):
            yield in_table(pa.Table.from_batches([batch]), traces)
    (free,) = connection.execute("SELECT sum(free_blocks) FROM pragma_database_size()").fetchone()
    if free:  # the file still has blocks of deleted rows
        yield "may hold"
