"""A lake that is a connection, and rows of subject_summary for it."""

from __future__ import annotations

import pyarrow as pa

from neurostore.sql import views


class FakeLake:
    """A connection with the methods of a Lake that analysis uses."""

    def __init__(self, connection):
        self.connection = connection
        there = {name for (name,) in connection.sql("SELECT table_name FROM duckdb_columns()").fetchall()}
        if "trials" in there and "gait_cycles" not in there:  # every trial has a steady cycle
            connection.execute(
                "CREATE VIEW gait_cycles AS SELECT subject, session, trial, 0 AS person, true AS is_steady FROM trials"
            )

    def reads_results(self):
        return False

    def sql(self, query, params=None):
        return self.connection.sql(query, params=params).pl()


def summary_table(rows):
    """Rows of subject_summary; what is not given is NULL, but a value given is one of n_strides cycles."""
    names = [c.name for c in views.declared()["subject_summary"].columns]
    text = {"subject", "session", "condition", "side", "length_basis"}
    schema = pa.schema([(n, pa.string() if n in text else pa.float64()) for n in names])
    counts = [{f"{name}_n": r.get("n_strides") for name in r if f"{name}_n" in names} for r in rows]
    given = [{**dict.fromkeys(names), **n, **r} for n, r in zip(counts, rows, strict=True)]
    return pa.Table.from_pylist(given, schema=schema)
