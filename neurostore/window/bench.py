"""One session of one person in memory, with the lake's views over it: answers in tens of milliseconds, and drafts.

Making the views on a connection takes about two seconds, so a bench makes them once and then changes the rows of its
tables. Steps that no review changes (the motion of the feet, events before review, forces) are computed when a session
is loaded and stand in for their definitions; what reviews change is computed from the definitions each time, so a
draft gives what the lake will give once it is saved.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from neurostore import schema
from neurostore.lake import tables as lake_tables
from neurostore.sql import views
from neurostore.sql.named_errors import named_errors
from neurostore.sql.views import quote

if TYPE_CHECKING:
    import duckdb
    import polars as pl

    from neurostore.lake.version import Version
    from neurostore.trial_key import Key

MEMORY_MB = 300
SHOWN = ("emg", "force_plates", "forces", "plate_frames")  # tables that the page of a trial reads directly
# Steps that reviews do not change: (name, SQL of its rows), each after those it reads.
_KEPT_MACROS = (
    ("_ground_reaction", "motion", "_now_ground_reaction('_foot_motion')"),
    ("_force_events", "reaction", "_now_force_events('_kept_ground_reaction')"),
    ("_events", "motion", "_now_events('_foot_motion')"),
)
_REVIEWED_MACROS = (("_all_events", "motion", "_now_all_events('_foot_motion')"),)


class Bench:
    """A DuckDB connection with one session's rows. Methods may be called from several threads; one works at a time.

    Attributes
    ----------
    version : version of the lake whose rows it holds. session : (subject, session) or None.
    """

    def __init__(self, lake: Version):
        import duckdb

        self.lock = threading.RLock()
        self.path, self.version = lake.path, -1
        self.session: tuple[str, str] | None = None
        self._held: dict[str, tuple[Any, ...]] = {}
        self._connection = duckdb.connect(
            config={"autoinstall_known_extensions": "false", "memory_limit": f"{MEMORY_MB}MB", "threads": "2"}
        )
        self.layout = layout(lake)
        for name, columns in self.layout.items():
            self._connection.register("_empty", columns.empty_table())
            self._connection.execute(f"CREATE TABLE {quote(lake_tables.sql_name(name))} AS SELECT * FROM _empty")
            self._connection.unregister("_empty")
        views.register(self._connection)
        self._keep_steps()

    def reads_results(self) -> bool:
        """Always False: what a draft changes is computed."""
        return False

    def _keep_steps(self) -> None:
        run = self._connection.execute
        texts = views.sources()
        run(f"CREATE VIEW _now_foot_motion AS\n{texts['_foot_motion']}")
        self._stand_in("_foot_motion")
        for name, argument, rows in (*_KEPT_MACROS, *_REVIEWED_MACROS):
            run(f"CREATE MACRO _now{name}({argument}) AS TABLE\n{texts[name].rstrip().rstrip(';')}")
            run(f"CREATE TABLE _kept{name} AS SELECT * FROM {rows}")
            run(f"CREATE OR REPLACE MACRO {name}({argument}) AS TABLE SELECT * FROM _kept{name}")
        self._stand_in("_measured_cycles")
        run("CREATE TABLE _trial_motion AS FROM _foot_motion")
        self._motion_of: Key | None = None  # the trial whose rows _trial_motion has
        self._motion_is_new = self._cycles_are_new = False

    def _stand_in(self, view: str) -> None:
        self._connection.execute(f"CREATE TABLE _stand_in AS SELECT * FROM {view}")
        self._connection.execute(f"DROP VIEW {view}")
        self._connection.execute(f"ALTER TABLE _stand_in RENAME TO {view}")

    def load(self, lake: Version, subject: str, session: str) -> None:
        """Hold this session of this version; only tables that differ from what is held are read."""
        with self.lock, named_errors(self.path):
            is_same = self.session == (subject, session)
            if is_same and self.version == lake.version:
                return
            self.session = None  # until everything is loaded
            where = {"subject": subject, "session": session}
            states = {name: _state(lake, name) for name in self.layout}
            changed = [n for n, state in states.items() if not is_same or state != self._held.get(n)]
            with lake.connect_tables(subject) as source:
                self._connection.execute("BEGIN")
                try:
                    for name in changed:
                        self._connection.execute(f"DELETE FROM {quote(lake_tables.sql_name(name))}")
                        if any(f.subject in (None, subject) for f in lake.table_state(name).files):
                            self._fill(name, source, where)
                    self._connection.execute("COMMIT")
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
            self._motion_is_new |= bool(not is_same or set(changed) - {"reviews"})
            self._cycles_are_new |= bool(self._motion_is_new or changed)
            self._held, self.version, self.session = states, lake.version, (subject, session)

    def ready(self) -> Bench:
        """Compute the steps that events, cycles and parameters read; angles and landmarks need none of them."""
        with self.lock, named_errors(self.path):
            if self._motion_is_new:
                self._renew(self._motion_steps())
                self._motion_is_new, self._motion_of = False, None
            if self._cycles_are_new:
                self._renew(self._review_steps())
                self._cycles_are_new = False
        return self

    def _fill(self, name: str, source: duckdb.DuckDBPyConnection, where: Mapping[str, str]) -> None:
        table = quote(lake_tables.sql_name(name))
        columns = self.layout[name].names
        bound = {c: where[c] for c in ("subject", "session") if c in columns}
        condition = " AND ".join(f"{c} = ${c}" for c in bound) or "true"
        rows = source.sql(f"SELECT {', '.join(map(quote, columns))} FROM {table} WHERE {condition}", params=bound)
        self._connection.register("_rows", rows.to_arrow_table())
        self._connection.execute(f"INSERT INTO {table} SELECT * FROM _rows")
        self._connection.unregister("_rows")

    def _motion_steps(self) -> list[tuple[str, str]]:
        return [("_foot_motion", "_now_foot_motion"), *((f"_kept{name}", rows) for name, _, rows in _KEPT_MACROS)]

    def _event_steps(self) -> list[tuple[str, str]]:
        return [(f"_kept{name}", rows) for name, _, rows in _REVIEWED_MACROS]

    def _review_steps(self) -> list[tuple[str, str]]:
        return [*self._event_steps(), ("_measured_cycles", "_all_cycles('_foot_motion')")]

    def _hold_motion_of(self, key: Key) -> None:
        """Put the motion of the feet in one trial into a table of its own."""
        if self._motion_of != key:
            self._motion_of = None
            self._connection.execute("DELETE FROM _trial_motion")
            rows = "SELECT * FROM _foot_motion WHERE trial = $trial"
            self._connection.execute(f"INSERT INTO _trial_motion {rows}", {"trial": key[2]})
            self._motion_of = key

    def _renew(self, steps: list[tuple[str, str]]) -> None:
        for table, rows in steps:
            self._connection.execute(f"DELETE FROM {table}")
            self._connection.execute(f"INSERT INTO {table} SELECT * FROM {rows}")

    def sql(self, query: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> pl.DataFrame:
        """Run SQL over the session. Raises UsageError for wrong SQL, LakeError for anything else."""
        with self.lock, named_errors(self.path):
            return self._connection.sql(query, params=params).pl()

    @contextmanager
    def drafted(self, key: Key, rows: Sequence[Mapping[str, Any]]) -> Iterator[Bench]:
        """The session as it would be with these rows of ``reviews`` on one trial; inside, no other thread uses the bench.

        Cycles are measured within their trial, so those of the other trials stay as they are.
        """
        with self.lock, named_errors(self.path):
            self.ready()
            self._hold_motion_of(key)
            self._connection.execute("BEGIN")
            try:
                self._connection.register("_drafts", schema.rows_table("reviews", [dict(row) for row in rows]))
                self._connection.execute("INSERT INTO reviews BY NAME SELECT * FROM _drafts")
                self._renew(self._event_steps())
                self._connection.execute("DELETE FROM _measured_cycles WHERE trial = $trial", {"trial": key[2]})
                self._connection.execute("INSERT INTO _measured_cycles SELECT * FROM _all_cycles('_trial_motion')")
                yield self
            finally:
                self._connection.execute("ROLLBACK")
                self._connection.unregister("_drafts")


def layout(lake: Version) -> dict[str, pa.Schema]:
    """Of each table that some view reads, or that a trial's page shows, its columns in this version."""
    words = {w for text in views.sources().values() for w in re.findall(r"\w+", text)}
    return {n: lake.table_state(n).schema for n in lake.tables() if lake_tables.sql_name(n) in words or n in SHOWN}


def _state(lake: Version, name: str) -> tuple[Any, ...]:
    """A value that distinguishes two states of a table."""
    return tuple(f.path for f in lake.table_state(name).files)
