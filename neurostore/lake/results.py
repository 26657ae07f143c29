"""Results that a lake keeps: which of them are those of the version shown, and the views over them.

A session's results count while three things are as they were when they were computed: the definitions (SQL, macros,
thresholds), the ingests and metadata of its trials, and its reviews. ``computations`` names the rows of ``results/…``
that do; no other row is ever read. The tables are read at their newest version: of an older version of the lake the
results of sessions count that have not changed since.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from neurostore import storage
from neurostore.errors import LakeError
from neurostore.lake import checked, delta
from neurostore.lake import tables as lake_sql
from neurostore.sql import kept
from neurostore.wording import counted

if TYPE_CHECKING:
    import duckdb

Session = tuple[str, str]
INDEX = "computations"
FEW_TRIALS = 50  # so many trials whose results are stale are computed for a question; beyond that every trial is
_ATTEMPTS = 20
_log = logging.getLogger("neurostore.results")


@dataclass(frozen=True, slots=True)
class Results:
    """The results of one version of a lake.

    fresh : the computation of each session whose results count. stale : number of trials of each other session.
    tables : the stored rows by view. is_dirty : the views of which rows are stored that do not count.
    """

    fresh: Mapping[Session, str] = field(default_factory=dict)
    stale: Mapping[Session, int] = field(default_factory=dict)
    tables: Mapping[str, lake_sql.TableState] = field(default_factory=dict)
    is_dirty: frozenset[str] = frozenset()

    @property
    def n_stale_trials(self) -> int:
        """Trials whose results are missing or out of date."""
        return sum(self.stale.values())

    @property
    def is_usable(self) -> bool:
        """Whether views are read from the results: few trials at most have to be computed."""
        return bool(self.fresh) and self.n_stale_trials <= FEW_TRIALS


def are_kept(lake_path: object) -> bool:
    """Whether a lake keeps results at all: some were stored and their index was not removed."""
    return delta.exists(storage.resolve(lake_path), INDEX)


def table_name(view: str) -> str:
    """The table that keeps a view: ``results/subject_summary``, ``results/mean_curves``."""
    return f"results/{view.lstrip('_')}"


def read(root: str, inputs: Mapping[Session, tuple[str, int]]) -> Results:
    """The results that count for the sessions of a version.

    inputs : as :func:`neurostore.sql.kept.inputs` says of the version.

    Rows are added before the index names them, and taken out after it no longer does. So what the index names is there,
    unless the index changed while the tables were opened: then both are read again.
    """
    stale = {session: n for session, (_, n) in inputs.items()}
    for _ in range(_ATTEMPTS):
        if not delta.exists(root, INDEX):
            return Results(stale=stale)
        checked.check_log(root, INDEX)
        index = delta.open_table(root, INDEX)
        rows = _rows(root, index)
        stored = _of(root, rows, inputs)
        if delta.open_table(root, INDEX).version() == index.version():
            return stored
    raise LakeError(f"{root}: results were stored faster than they could be read; repeat the question")


def _rows(root: str, index: Any) -> list[dict[str, Any]]:
    checked.check(root, [f"{INDEX}/{f.path}" for f in delta.files_of(index)])
    columns = ("subject", "session", "computation", "definitions", "inputs", "table_rows")
    rows: list[dict[str, Any]] = delta.read(root, INDEX, index, columns).to_pylist()
    return rows


def _of(root: str, rows: list[dict[str, Any]], inputs: Mapping[Session, tuple[str, int]]) -> Results:
    fresh = [row for row in rows if is_fresh(row, inputs)]
    computations = {(row["subject"], row["session"]): row["computation"] for row in fresh}
    stale = {session: n for session, (_, n) in inputs.items() if session not in computations}
    if not fresh:
        return Results(stale=stale)
    tables = {}
    dirty = set()
    for view in kept.VIEWS:
        name = table_name(view)
        checked.check_log(root, name)
        table = delta.open_table(root, name)
        files = tuple(delta.files_of(table))
        tables[view] = lake_sql.TableState(root, name, table.version(), delta.schema_of(table), files, False)
        if sum(f.n_rows for f in files) != sum(dict(row["table_rows"] or ()).get(name, 0) for row in fresh):
            dirty.add(view)
    return Results(computations, stale, tables, frozenset(dirty))


def is_fresh(row: Mapping[str, Any], inputs: Mapping[Session, tuple[str, int]]) -> bool:
    """Whether a row of ``computations`` was computed by these definitions from what the session is now."""
    now = inputs.get((row["subject"], row["session"]))
    return now is not None and row["inputs"] == now[0] and row["definitions"] == kept.definitions()


def create_views(
    connection: duckdb.DuckDBPyConnection, results: Results, view: str, computed: Mapping[str, Any] | None = None
) -> None:
    """Create a kept view on a connection from its stored rows, and from those computed now of sessions that are stale.

    computed : Arrow tables by view, as of :func:`neurostore.lake.compute.compute`.
    """
    state = results.tables[view]
    select = lake_sql.select_of(connection, state)
    live = ""
    if view in results.is_dirty:
        _create_fresh(connection, results)
        live = " AND computation IN (SELECT computation FROM _fresh_computations)"
    text = f"SELECT * EXCLUDE (computation) FROM (\n{select}\n) AS stored WHERE {kept.guard(view)}{live}"
    if computed:
        now = lake_sql.quote(f"_now_{view}")
        connection.register(f"_given_{view}", computed[view])
        connection.execute(f"CREATE OR REPLACE TABLE {now} AS SELECT * FROM {lake_sql.quote(f'_given_{view}')}")
        connection.unregister(f"_given_{view}")
        text += f"\nUNION ALL BY NAME\nSELECT * EXCLUDE (computation) FROM {now}"
    connection.execute(f"CREATE OR REPLACE VIEW {lake_sql.quote(view)} AS\n{text}")


def _create_fresh(connection: duckdb.DuckDBPyConnection, results: Results) -> None:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS _fresh_computations AS SELECT unnest($ids) AS computation",
        {"ids": list(results.fresh.values())},
    )


def say_stale(root: str, results: Results) -> None:
    """Log how many trials have no results that count, in a lake that keeps results."""
    if results.fresh and results.stale:
        how = "computed from their frames" if results.is_usable else "so every trial is computed from its frames"
        _log.warning(
            "%s without stored results, or changed since: %s; `neurostore refresh --lake %s` stores them",
            counted(results.n_stale_trials, "trial"),
            how,
            root,
        )
