"""Results that a lake keeps: which of them are those of the version shown, and the views over them.

A session's results count while three things are as they were when they were computed: the definitions (SQL, macros,
thresholds), the ingests and metadata of its trials, and its reviews. ``computations`` names the valid rows of
``results/…``; no other row is ever read. The tables are read at their newest version: of an older version of the lake
the results of sessions count that have not changed since.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from neurostore import storage
from neurostore.errors import LakeError
from neurostore.lake import checked, delta
from neurostore.lake import tables as lake_sql
from neurostore.lake.columns import sum_by_key
from neurostore.sql import kept
from neurostore.sql.views import literal, quote
from neurostore.wording import counted

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from neurostore.lake.queryable import Shown
    from neurostore.lake.stored import Stored

Session = tuple[str, str]
INDEX = "computations"
_SESSION = ("subject", "session")
FEW_TRIALS = 50  # up to this many stale trials are computed, in every view, beside stored results
_log = logging.getLogger("neurostore.results")


class ResultsChangedError(LakeError):
    """Results that a query was about to read were removed from the lake meanwhile."""


@dataclass(frozen=True, slots=True)
class StoredView:
    """The stored rows of a view. is_dirty : some of its rows are not valid."""

    state: lake_sql.TableState
    is_dirty: bool


@dataclass(frozen=True, slots=True)
class Results:
    """The results of one version of a lake, as the index names them; their tables are opened when a view is asked.

    fresh : the computation of each session whose results count. stale : number of trials of each other session.
    n_rows : the rows that count in each table. index : the version of the index.
    """

    fresh: Mapping[Session, str] = field(default_factory=dict)
    stale: Mapping[Session, int] = field(default_factory=dict)
    n_rows: Mapping[str, int] = field(default_factory=dict)
    index: int = -1

    @property
    def n_stale_trials(self) -> int:
        """Trials whose results are missing or out of date."""
        return sum(self.stale.values())

    @property
    def is_usable(self) -> bool:
        """Whether every view is read from the results: few trials at most have to be computed."""
        return bool(self.fresh) and self.n_stale_trials <= FEW_TRIALS


def are_kept(lake_path: object) -> bool:
    """Whether a lake keeps results at all: some were stored and their index was not removed."""
    return delta.exists(storage.resolve(lake_path), INDEX)


def table_name(view: str) -> str:
    """The table that keeps a view: ``results/subject_summary``, ``results/mean_curves``."""
    return f"results/{view.lstrip('_')}"


def inputs_sql(lake: Shown) -> str:
    """The SQL that tells what the results of each session of a version depend on."""
    return kept.inputs_sql({name: lake.table_state(name).schema.names for name in kept.INPUTS})


def read(lake: Shown, ask: Callable[[str], Mapping[Session, tuple[str, int]]]) -> Results:
    """The results that count for the sessions of a version.

    ask : the answer to `inputs_sql` for this version, as of :func:`neurostore.sql.kept.inputs`. It reads every trial, so
    it is not called where the same files were found to hold the results of every session before.
    """
    question = inputs_sql(lake)
    if not delta.exists(lake.path, INDEX):
        return Results(stale={session: n for session, (_, n) in ask(question).items()})
    index = _open_index(lake.path)
    mark = _mark_of_all_fresh(lake, index, question)
    if checked.is_remembered(lake.path, mark):
        rows = delta.read_files(
            lake.path, INDEX, index.schema, index.files, ["subject", "session", "computation", "table_rows"]
        )
        fresh = zip(*(rows[name].to_pylist() for name in (*_SESSION, "computation")), strict=True)
        n_rows = sum_by_key(rows["table_rows"], "sum")
        return Results({(subject, session): c for subject, session, c in fresh}, {}, n_rows, index.version)
    found, n_indexed = _compared(lake.path, index, ask(question))
    if n_indexed == len(found.fresh) and not found.stale:
        checked.remember(lake.path, mark)
    return found


def _open_index(root: str) -> Stored:
    checked.check_log(root, INDEX)
    index = delta.stored(delta.open_table(root, INDEX))
    checked.check(root, [f"{INDEX}/{f.path}" for f in index.files])
    return index


def _mark_of_all_fresh(lake: Shown, index: Stored, question: str) -> str | None:
    """A mark of everything by which it is decided which results count; for the whole of a version, not for a selection."""
    if lake.chosen is not None:
        return None
    states = map(lake.table_state, kept.INPUTS)
    files = [f"{state.name}/{file.path}" for state in states for file in state.files]
    files += [f"{INDEX}/{file.path}" for file in index.files]
    return checked.mark_of(lake.path, files, f"all fresh\0{question}\0{kept.definitions()}")


def _compared(root: str, index: Stored, inputs: Mapping[Session, tuple[str, int]]) -> tuple[Results, int]:
    """The results that count, and how many computations the index names."""
    columns = [*_SESSION, "computation", "definitions", "inputs", "table_rows"]
    rows = delta.read_files(root, INDEX, index.schema, index.files, columns).to_pylist()
    fresh = [row for row in rows if is_fresh(row, inputs)]
    computations = {(row["subject"], row["session"]): row["computation"] for row in fresh}
    n_rows: Counter[str] = Counter()
    for row in fresh:
        n_rows.update(dict(row["table_rows"] or ()))
    stale = {session: n for session, (_, n) in inputs.items() if session not in computations}
    return Results(computations, stale, n_rows, index.version), len(rows)


def open_views(root: str, results: Results, views: Iterable[str]) -> dict[str, StoredView]:
    """The stored rows of kept views.

    Rows are added before the index names them, and taken out after it no longer does. So what the index names is there,
    unless the index changed while the tables were opened and no longer names something that is to be read.

    Raises
    ------
    ResultsChangedError : it does not; read the results again.
    """
    opened = {}
    for view in views:
        name = table_name(view)
        checked.check_log(root, name)
        table = delta.open_table(root, name)
        files = tuple(delta.files_of(table))
        state = lake_sql.TableState(root, name, table.version(), delta.schema_of(table), files, False)
        opened[view] = StoredView(state, sum(f.n_rows for f in files) != results.n_rows.get(name, 0))
    if opened and not delta.is_newest(root, INDEX, results.index):
        index = _open_index(root)
        named = delta.read_files(root, INDEX, index.schema, index.files, ["computation"])["computation"].to_pylist()
        if not set(named).issuperset(results.fresh.values()):
            raise ResultsChangedError(f"{root}: results were stored while they were read; repeat the question")
    return opened


def is_fresh(row: Mapping[str, Any], inputs: Mapping[Session, tuple[str, int]]) -> bool:
    """Whether a row of ``computations`` was computed by these definitions from what the session is now."""
    now = inputs.get((row["subject"], row["session"]))
    return now is not None and row["inputs"] == now[0] and row["definitions"] == kept.definitions()


def create_view(
    connection: duckdb.DuckDBPyConnection,
    view: str,
    parts: Iterable[str],
    choices: Mapping[str, Any] | None = None,
) -> None:
    """Create a kept view on a connection from the rows of its parts: what is stored, and what was computed now.

    parts : SELECT statements. choices : those that the rows were computed with, other than the defaults.
    """
    rows = "\nUNION ALL BY NAME\n".join(parts)
    text = f"SELECT * EXCLUDE (computation) FROM (\n{rows}\n) AS kept WHERE {kept.guard(view, choices)}"
    connection.execute(f"CREATE OR REPLACE VIEW {quote(view)} AS\n{text}")


def stored_rows(connection: duckdb.DuckDBPyConnection, results: Results, stored: StoredView, select: str) -> str:
    """SQL of the stored rows of a view that count. select : SQL of all that are stored."""
    if not stored.is_dirty:
        return select
    connection.execute(
        "CREATE TABLE IF NOT EXISTS _fresh_computations AS SELECT unnest($ids) AS computation",
        {"ids": list(results.fresh.values())},
    )
    live = "computation IN (SELECT computation FROM _fresh_computations)"
    return f"SELECT * FROM (\n{select}\n) AS stored WHERE {live}"


def written_rows(files: Iterable[Path]) -> str:
    """SQL of the rows of a view in Parquet files."""
    paths = ", ".join(literal(str(path).translate(lake_sql.GLOB)) for path in files)
    return f"SELECT * FROM read_parquet([{paths}], hive_partitioning = false)"


def say_computed(root: str, n_sessions: int) -> None:
    """Log that a query computes many frames first, in a lake that keeps no results."""
    _log.warning(
        "%s without stored results: computed from their frames, which takes a while; "
        "`neurostore refresh --lake %s` stores them",
        counted(n_sessions, "session"),
        root,
    )


def say_stale(root: str, n_trials: int) -> None:
    """Log how many of the trials that are asked for have no results that count, in a lake that keeps results."""
    _log.warning(
        "%s without stored results, or changed since: computed from their frames; "
        "`neurostore refresh --lake %s` stores them",
        counted(n_trials, "trial"),
        root,
    )
