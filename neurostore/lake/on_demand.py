"""Sessions without results that count: their rows are computed when a query asks for them, and no other session's.

Of such a session a kept view calls a function on the key of each trial (of each session, where a row is of a session).
DuckDB applies a query's conditions on keys before it calls the function, so these decide which sessions are computed.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from neurostore.lake.compute import Opened, batches, compute
from neurostore.lake.results import Session, say_stale
from neurostore.schema import duckdb_type
from neurostore.sql import kept
from neurostore.sql.views import quote

if TYPE_CHECKING:
    import duckdb

    from neurostore.lake.queryable import Computing, Shown

_KEYS = ("subject", "session", "trial")
_OF_TRIALS, _OF_SESSIONS = "_stale_trials", "_stale_sessions"


class Computed:
    """The rows of kept views in sessions of a lake, computed once each.

    The views that a query reads are computed together, since they share steps; at the second query about a session,
    all the others are.
    """

    def __init__(self, lake: Shown):
        self._lake = lake
        self._rows: dict[tuple[Session, str], pa.Table] = {}
        self._lock = threading.Lock()
        self._opened = Opened()
        self._failure: BaseException | None = None

    def stop(self) -> None:
        """Stop what is computed at the moment."""
        self._opened.interrupt()

    def raise_failure(self) -> None:
        """Raise the error by which computing ended, once."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def rows(self, view: str, sessions: Iterable[Session], with_views: Collection[str]) -> dict[Session, pa.Table]:
        """The rows of a view by session. with_views : views that the query reads too."""
        wanted = sorted(set(sessions))
        with self._lock:  # DuckDB may ask for two views at once
            try:
                for names, group in self._lacking(view, wanted, with_views).items():
                    self._add(group, names)
            except BaseException as error:
                self._failure = error
                raise
            return {session: self._rows[session, view] for session in wanted}

    def _lacking(
        self, view: str, sessions: Iterable[Session], with_views: Collection[str]
    ) -> dict[frozenset[str], list[Session]]:
        """What is to be computed: views, and the sessions that lack them."""
        lacking: dict[frozenset[str], list[Session]] = {}
        for session in sessions:
            if (session, view) not in self._rows:
                there = {name for name in kept.VIEWS if (session, name) in self._rows}
                names = frozenset(kept.VIEWS if there else {view, *with_views}) - there
                lacking.setdefault(names, []).append(session)
        return lacking

    def _add(self, sessions: list[Session], names: Collection[str]) -> None:
        import pyarrow.compute as pc

        frames, n_trials = self._frames(sessions)
        say_stale(self._lake.path, n_trials)
        for group in batches(frames):
            with self._lake.naming_vanished():
                tables = compute(self._lake, group, names, opened=self._opened)[1]
            for name, rows in tables.items():
                for subject, session in group:
                    is_one = pc.and_(pc.equal(rows["subject"], subject), pc.equal(rows["session"], session))
                    self._rows[(subject, session), name] = rows.filter(is_one)

    def _frames(self, sessions: Iterable[Session]) -> tuple[dict[Session, int], int]:
        """The frames of each session, and how many trials they have together."""
        frames, n_trials = dict.fromkeys(sessions, 0), 0
        shown = {
            i for session, ingests in self._lake.ingests_by_session().items() if session in frames for i in ingests
        }
        trials = self._lake.trials_table(["subject", "session", "trial", "ingest_id", "n_frames"])
        for trial in trials.to_pylist():
            if trial["ingest_id"] in shown:
                frames[trial["subject"], trial["session"]] += trial["n_frames"] or 0
                n_trials += 1
        return frames, n_trials


def prepare(connection: duckdb.DuckDBPyConnection, stale: Collection[Session]) -> None:
    """Give a connection, which has ``trials``, the keys of these sessions and of their trials."""
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {_OF_SESSIONS} AS "
        "SELECT unnest($subjects) AS subject, unnest($sessions) AS session",
        {"subjects": [s for s, _ in stale], "sessions": [s for _, s in stale]},
    )
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {_OF_TRIALS} AS "
        f"SELECT subject, session, trial FROM trials SEMI JOIN {_OF_SESSIONS} USING (subject, session)"
    )


def select_of(
    connection: duckdb.DuckDBPyConnection, view: str, columns: pa.Schema, computed: Computing, together: Collection[str]
) -> str:
    """SQL of the rows of a kept view in the sessions that :func:`prepare` was given.

    columns : of the view. together : what the query reads, as it will be then; those views are computed with it.
    """
    keys = [key for key in _KEYS if key in columns.names]
    others = pa.schema([f for f in columns if f.name not in (*keys, "computation")])
    fields = ", ".join(f"{quote(f.name)} {duckdb_type(f.type)}" for f in others)
    table = _OF_TRIALS if len(keys) == len(_KEYS) else _OF_SESSIONS
    stale = frozenset(connection.execute(f"FROM {_OF_SESSIONS}").fetchall())

    def rows(*asked: pa.Array) -> pa.ListArray:
        listed = list(zip(*(column.to_pylist() for column in asked), strict=True))
        sessions = [(key[0], key[1]) for key in listed if (key[0], key[1]) in stale]
        by_session = computed.rows(view, sessions, together) if sessions else {}
        return _lists(listed, by_session, others)

    name = f"_now_{view}"
    types: list[Any] = ["VARCHAR"] * len(keys)
    function = (lambda a, b, c: rows(a, b, c)) if len(keys) == 3 else (lambda a, b: rows(a, b))  # DuckDB counts them
    about: dict[str, Any] = {"type": "arrow", "side_effects": True}
    connection.create_function(name, function, types, f"STRUCT({fields})[]", **about)
    named = ", ".join(keys)
    return f"SELECT {named}, unnest({quote(name)}({named}), recursive := true) FROM {table}"


def _lists(keys: list[tuple[str, ...]], by_session: dict[Session, pa.Table], columns: pa.Schema) -> pa.ListArray:
    """The rows of each key as a list of structs of these columns."""
    import pyarrow.compute as pc

    parts, offsets = [columns.empty_table()], [0]
    for key in keys:
        rows = by_session.get((key[0], key[1]))
        if rows is not None:
            part = rows if len(key) == 2 else rows.filter(pc.equal(rows["trial"], key[2]))
            parts.append(part.select(columns.names).cast(columns))
        offsets.append(offsets[-1] + (parts[-1].num_rows if rows is not None else 0))
    whole = pa.concat_tables(parts).combine_chunks()
    arrays = [
        pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type) for column in whole.columns
    ]
    structs = pa.StructArray.from_arrays(arrays, fields=list(columns))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), structs)
