"""Compute the kept views for some sessions of a lake version, from the files of these sessions only."""

from __future__ import annotations

import math
import os
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from neurostore import progress, storage
from neurostore.lake import checked
from neurostore.lake import tables as lake_sql
from neurostore.lake.results import Session
from neurostore.sql import kept, views

if TYPE_CHECKING:
    import duckdb

    from neurostore.lake.queryable import Shown

# Tables of few rows, which the views read several times from a file per subject: a batch holds their rows in memory.
_HELD = frozenset(("calibrations", "force_plates", "reviews", "source_events", "subjects", "trials"))
_KEYS = "^(subject|session|trial|person|side|cycle|percent)$"


BATCH_FRAMES = 120_000  # frames whose rows are in memory at once, per batch that is computed
_AT_ONCE = 4  # batches that a query computes at once: more would need more memory
_DOING = "computing views, in batches of sessions"
_LOOK_S = 0.1
_T = TypeVar("_T")


class Opened:
    """The connections that work at the moment, so that they can be stopped."""

    def __init__(self) -> None:
        self._connections: list[duckdb.DuckDBPyConnection] = []

    @contextmanager
    def holding(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Know a connection while it works."""
        self._connections.append(connection)
        try:
            yield
        finally:
            self._connections.remove(connection)

    def interrupt(self) -> None:
        """Stop the statements that run now; what comes after them may need another call."""
        import duckdb

        for connection in list(self._connections):
            with suppress(duckdb.Error):  # closed meanwhile
                connection.interrupt()


def compute(
    lake: Shown,
    sessions: Iterable[Session],
    names: Collection[str] = kept.VIEWS,
    choices: Mapping[str, Any] | None = None,
    *,
    n_threads: int | None = None,
    opened: Opened | None = None,
) -> tuple[dict[Session, str], dict[str, pa.Table]]:
    """The rows of kept views in these sessions.

    Parameters
    ----------
    names : of the views. choices : variables that they read, as in ``views.VARIABLES``; else the defaults.
    opened : takes the connection while it works.

    Returns
    -------
    computations : a new name for what was computed of each session.
    tables : rows by view, ordered by subject and session, each with its ``computation``.
    """
    wanted = sorted(set(sessions))
    computations = {session: uuid.uuid4().hex for session in wanted}
    with _connect(lake, wanted, n_threads) as connection, (opened or Opened()).holding(connection):
        views.set_variables(connection, **(choices or {}))
        connection.execute(
            "CREATE TABLE _computations AS SELECT unnest($c) AS computation, unnest($s) AS subject, unnest($t) AS session",
            {"c": list(computations.values()), "s": [s for s, _ in wanted], "t": [t for _, t in wanted]},
        )
        has_plates = connection.execute("SELECT 1 FROM force_plates LIMIT 1").fetchone() is not None
        kept.compute_together(connection, names, has_plates=has_plates)
        return computations, {view: _rows(connection, view) for view in names}


def in_batches(
    lake: Shown,
    frames: Mapping[Session, int],
    names: Collection[str],
    choices: Mapping[str, Any],
    folder: Path,
) -> dict[str, list[Path]]:
    """The rows of kept views in many sessions, as Parquet files in a folder; memory does not grow with the sessions.

    frames : how many frames each session has. names, choices : as of :func:`compute`. Returns the files of each view.
    """
    n_most = min(os.cpu_count() or 1, _AT_ONCE)
    groups = batches(frames, n_most)
    n_at_once = max(1, min(n_most, len(groups)))
    n_threads = max(1, (os.cpu_count() or 1) // n_at_once)

    opened = Opened()

    def work(group: list[Session]) -> dict[str, Path]:
        _, tables = compute(lake, group, names, choices, n_threads=n_threads, opened=opened)
        written = {name: folder / f"{name}-{uuid.uuid4().hex}.parquet" for name in tables}
        for name, path in written.items():
            storage.write_parquet(str(path), tables[name], compression="lz4")
        return written

    made: list[dict[str, Path]] = []
    with storage.named_errors(str(folder), "computing views"):
        progress.tell(_DOING, 0, len(groups))
        for done in side_by_side(work, groups, n_at_once, opened):
            made += done
            progress.tell(_DOING, len(made), len(groups))
    return {name: [one[name] for one in made] for name in names}


def batches(frames: Mapping[Session, int], n_at_once: int = 1) -> list[list[Session]]:
    """Sessions computed together: subjects stay together, so that files are read once.

    frames : of each session. n_at_once : batches that are computed side by side. All batches have about as many frames, and
    more than one come in multiples of n_at_once, so that all processors are busy to the end.
    """
    n_frames = sum(frames.values())
    n_batches = max(1, math.ceil(n_frames / BATCH_FRAMES))
    if n_batches > 1:
        n_batches = math.ceil(n_batches / n_at_once) * n_at_once
    made: list[list[Session]] = []
    before = 0
    for session in sorted(frames):
        if not made or before + frames[session] / 2 > len(made) * n_frames / n_batches:
            made.append([])
        made[-1].append(session)
        before += frames[session]
    return made


def side_by_side(
    work: Callable[[list[Session]], _T], groups: Sequence[list[Session]], n_at_once: int, opened: Opened
) -> Iterator[list[_T]]:
    """The results of the work on each group, in the order in which they are done, several at once.

    DuckDB works outside Python's lock: threads of this process, each with a connection of its own, are enough.
    opened : the connections of the work, which is stopped after an error or Ctrl-C.
    """
    waiting = iter(groups)
    with ThreadPoolExecutor(n_at_once, "neurostore-compute") as threads:
        running: set[Future[_T]] = set()
        try:
            while True:
                running |= {threads.submit(work, group) for group in islice(waiting, n_at_once + 1 - len(running))}
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield [future.result() for future in done]
        finally:  # after an error or Ctrl-C
            for future in running:
                future.cancel()
            while wait(running, timeout=_LOOK_S).not_done:
                opened.interrupt()


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
    for state in states:
        if state.name in _HELD and state.files:
            _hold(connection, state)
    return connection


def _hold(connection: duckdb.DuckDBPyConnection, state: lake_sql.TableState) -> None:
    """Replace a table's view of files by its rows. Where there are none, DuckDB plans a view of no rows away."""
    name = lake_sql.quote(state.sql_name)
    connection.execute(f"CREATE TABLE _held AS FROM {name}")
    connection.execute(f"DROP VIEW {name}")
    if connection.execute("SELECT 1 FROM _held LIMIT 1").fetchone():
        connection.execute(f"ALTER TABLE _held RENAME TO {name}")
    else:
        connection.execute("DROP TABLE _held")
        connection.execute(f"CREATE VIEW {name} AS\n{lake_sql.relation(replace(state, files=()))}")
