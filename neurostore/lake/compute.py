"""Compute the stored views for some sessions of a lake version, from the files of these sessions only."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from neurostore.lake import checked
from neurostore.lake import tables as lake_sql
from neurostore.lake.results import Session
from neurostore.sql import kept

if TYPE_CHECKING:
    import duckdb

    from neurostore.lake.queryable import Shown

_KEYS = "^(subject|session|trial|person|side|cycle|percent)$"


def compute(
    lake: Shown, sessions: Iterable[Session], *, n_threads: int | None = None
) -> tuple[dict[Session, str], dict[str, pa.Table]]:
    """Every stored view of these sessions, under the default choices.

    Returns
    -------
    computations : a new name for what was computed of each session.
    tables : rows by view, ordered by subject and session, each with its ``computation``.
    """
    wanted = sorted(set(sessions))
    computations = {session: uuid.uuid4().hex for session in wanted}
    with _connect(lake, wanted, n_threads) as connection:
        connection.execute(
            "CREATE TABLE _computations AS SELECT unnest($c) AS computation, unnest($s) AS subject, unnest($t) AS session",
            {"c": list(computations.values()), "s": [s for s, _ in wanted], "t": [t for _, t in wanted]},
        )
        has_plates = connection.execute("SELECT 1 FROM force_plates LIMIT 1").fetchone() is not None
        kept.compute_together(connection, has_plates=has_plates)
        return computations, {view: _rows(connection, view) for view in kept.VIEWS}


def _rows(connection: duckdb.DuckDBPyConnection, view: str) -> pa.Table:
    """Rows of a view in the order of their keys, so that the rows of a cycle are stored together."""
    return connection.sql(
        f"FROM (SELECT computation, rows.* FROM {lake_sql.quote(view)} AS rows "
        f"INNER JOIN _computations USING (subject, session)) ORDER BY COLUMNS('{_KEYS}')"
    ).to_arrow_table()


def _connect(lake: Shown, sessions: Collection[Session], n_threads: int | None) -> duckdb.DuckDBPyConnection:
    """A connection with the tables that the kept views read, of these sessions alone."""
    import duckdb

    from neurostore.sql import spill

    named = set(sessions)
    ids = [i for session, ingests in lake.ingests_by_session().items() if session in named for i in ingests]
    subjects = {subject for subject, _ in named}
    states = []
    for name in lake.tables():
        if name == "trials" or lake_sql.sql_name(name) in kept.words():
            state = lake.table_state(name)
            states.append(replace(state, files=tuple(f for f in state.files if f.subject in (None, *subjects))))
    checked.check(lake.path, [f"{state.name}/{f.path}" for state in states for f in state.files])
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "temp_directory": spill.folder()})
    if n_threads:
        connection.execute(f"SET threads = {int(n_threads)}")
    lake_sql.register(connection, states, ids)
    return connection
