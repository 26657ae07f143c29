"""One session of one person in memory, with the lake's views over it: answers in tens of milliseconds, and drafts.

The views are made once on a connection, which then holds one session after another. An answer is kept until something
that it reads changes: angles until the next ingest of the session, events and cycles until a decision on it.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from neurostore import schema
from neurostore.lake import delta
from neurostore.lake import tables as lake_tables
from neurostore.sql import views
from neurostore.sql.named_errors import named_errors
from neurostore.sql.views import quote
from neurostore.window import steps

if TYPE_CHECKING:
    import duckdb
    import polars as pl

    from neurostore.lake.version import Version
    from neurostore.trial_key import Key

_RowsOf = Callable[[str, Sequence[str], Mapping[str, str]], pa.Table]
MEMORY_MB = 300
MOST_KEPT_BYTES = 32_000_000
SHOWN = ("emg", "force_plates", "forces", "plate_frames")  # tables that the page of a trial reads directly
_NAMING = ("table_rows", "table_versions")  # columns of trials that change with every commit to any table


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
        self._connection = duckdb.connect(  # one thread: tables are small, and two spend twice the processor time
            config={"autoinstall_known_extensions": "false", "memory_limit": f"{MEMORY_MB}MB", "threads": "1"}
        )
        self.layout = layout(lake)
        for name, columns in self.layout.items():
            self._connection.register("_empty", columns.empty_table())
            self._connection.execute(f"CREATE TABLE {quote(lake_tables.sql_name(name))} AS SELECT * FROM _empty")
            self._connection.unregister("_empty")
        self._steps = steps.Steps(self._connection)
        self._answers: dict[tuple[str, str], pl.DataFrame] = {}
        self._is_drafted = self._is_new = False
        self._decided: set[str] = set()  # trials with decisions that the steps do not have yet
        self._chosen: str | None = None  # the trial that reviews can be applied to

    def reads_results(self) -> bool:
        """Always False: what a draft changes is computed."""
        return False

    # The session

    def load(self, lake: Version, subject: str, session: str) -> None:
        """Hold this session of this version; only tables that differ from what is held are read."""
        with self.lock, named_errors(self.path):
            is_same = self.session == (subject, session)
            if is_same and self.version == lake.version:
                return
            states = {name: _state(lake, name) for name in self.layout}
            changed = {n for n, state in states.items() if not is_same or state != self._held.get(n)}
            trials, decisions = self._trials(), self._decisions()
            self.session = None  # until everything is loaded
            if not is_same:
                self._empty()
            self._replace(lake, changed, subject, session)
            if is_same and self._trials() == trials:
                changed.discard("trials")
            elif is_same:  # of other tables, rows of trials that left may stand in files that stayed
                self._replace(lake, states.keys() - changed, subject, session)
            if is_same and changed <= {"reviews"}:
                self._forget({"reviews"} & changed)
                self._decided |= {trial for trial, _ in decisions ^ self._decisions()}
            else:
                self._answers.clear()
                self._is_new = True
            self._held, self.version, self.session = states, lake.version, (subject, session)

    def _empty(self) -> None:
        """Give the memory of the last session back before the next one needs it."""
        for name in self.layout:
            self._connection.execute(f"DELETE FROM {quote(lake_tables.sql_name(name))}")
        self._steps.empty()
        self._chosen, self._is_new = None, True
        self._answers.clear()
        self._connection.execute("CHECKPOINT")

    def _trials(self) -> list[tuple[Any, ...]]:
        """The held rows of ``trials``, without what they name of other tables."""
        columns = ", ".join(quote(n) for n in self.layout["trials"].names if n not in _NAMING)
        return self._connection.execute(f"SELECT {columns} FROM trials ORDER BY trial").fetchall()

    def _decisions(self) -> set[tuple[str, str]]:
        """(trial, id) of each decision that is held."""
        return set(self._connection.execute("SELECT trial, review_id FROM reviews").fetchall())

    def _replace(self, lake: Version, names: Collection[str], subject: str, session: str) -> None:
        """Hold the rows that this version has in these tables, or none of them."""
        where = {"subject": subject, "session": session}
        with _reader(lake, names, subject) as rows_of:
            self._connection.execute("BEGIN")
            try:
                for name in names:
                    table, columns = quote(lake_tables.sql_name(name)), self.layout[name].names
                    self._connection.execute(f"DELETE FROM {table}")
                    if any(f.subject in (None, subject) for f in lake.table_state(name).files):
                        bound = {c: where[c] for c in where if c in columns}
                        self._connection.register("_rows", rows_of(name, columns, bound))
                        self._connection.execute(f"INSERT INTO {table} SELECT * FROM _rows")
                        self._connection.unregister("_rows")
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise

    def _compute_steps(self) -> None:
        """Compute the steps that the held rows have changed."""
        if self._is_new:
            self._chosen = None
            self._steps.renew(is_reviewed=False)
            self._steps.renew(is_reviewed=True)
            self._is_new = False
            self._decided.clear()
        for trial in sorted(self._decided):
            self._choose(trial)
            self._steps.renew_trial(trial)
            self._decided.discard(trial)

    def _choose(self, trial: str) -> None:
        if self._chosen != trial:
            self._chosen = None
            self._steps.choose(trial)
            self._chosen = trial

    # Questions

    def sql(self, query: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> pl.DataFrame:
        """Run SQL over the session. Raises UsageError for wrong SQL, LakeError for anything else."""
        with self.lock, named_errors(self.path):
            words = steps.words_behind(query)
            self._steps.need(words)
            if not steps.NAMES.isdisjoint(words):
                self._compute_steps()
            is_kept = not (self._is_drafted and "reviews" in words)
            asked = (query, repr(params))
            if is_kept and asked in self._answers:
                return self._answers[asked]
            answer = self._asked(query, params)
            if is_kept:
                self._keep(asked, answer)
            return answer

    def _asked(self, query: str, params: Any) -> pl.DataFrame:
        """The answer of the connection. ``sql(query).pl()`` would plan the query twice, which takes longer than a copy."""
        import polars as pl

        result = self._connection.execute(query, params)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Arrow output on a DB-API result makes an extra copy", UserWarning)
            return pl.DataFrame(pl.from_arrow(result.to_arrow_table()))

    def _keep(self, asked: tuple[str, str], answer: pl.DataFrame) -> None:
        self._answers[asked] = answer
        while sum(a.estimated_size() for a in self._answers.values()) > MOST_KEPT_BYTES:
            del self._answers[next(iter(self._answers))]

    def _forget(self, tables: Collection[str]) -> None:
        """Drop the answers that read one of these tables."""
        for asked in list(self._answers):
            if not steps.words_behind(asked[0]).isdisjoint(tables):
                del self._answers[asked]

    @contextmanager
    def drafted(self, key: Key, rows: Sequence[Mapping[str, Any]]) -> Iterator[Bench]:
        """The session as it would be with these rows of ``reviews`` on one trial; inside, no other thread uses the bench."""
        with self.lock, named_errors(self.path):
            self._compute_steps()
            self._choose(key[2])
            made = set(self._steps.made)
            self._connection.execute("BEGIN")
            try:
                self._is_drafted = True
                self._connection.register("_drafts", schema.rows_table("reviews", [dict(row) for row in rows]))
                self._connection.execute("INSERT INTO reviews BY NAME SELECT * FROM _drafts")
                self._steps.renew_trial(key[2])
                yield self
            finally:
                self._is_drafted = False
                self._connection.execute("ROLLBACK")
                self._steps.made = made
                self._connection.unregister("_drafts")


@contextmanager
def _reader(lake: Version, names: Collection[str], subject: str) -> Iterator[_RowsOf]:
    """What gives the rows of one of these tables: its name, the columns, and the values that some of them have.

    After a decision only tables of one file for everybody have changed. Arrow reads those in less time than a connection is made.
    """
    states = [lake.table_state(name) for name in names]
    if all(not state.is_dirty and all(f.subject is None for f in state.files) for state in states):
        lake.check(names)
        yield partial(_whole_rows, lake)
    else:
        with lake.connect_tables(subject, names) as source:
            yield partial(_rows_of, source)


def _whole_rows(lake: Version, name: str, columns: Sequence[str], bound: Mapping[str, str]) -> pa.Table:
    state = lake.table_state(name)
    rows = delta.read_files(lake.path, name, state.schema, state.files, columns)
    keys = zip(*(rows[c].to_pylist() for c in bound), strict=True)
    wanted = tuple(bound.values())
    return rows.filter(pa.array([key == wanted for key in keys], pa.bool_())) if bound else rows


def _rows_of(
    source: duckdb.DuckDBPyConnection, name: str, columns: Sequence[str], bound: Mapping[str, str]
) -> pa.Table:
    table = quote(lake_tables.sql_name(name))
    condition = " AND ".join(f"{c} = ${c}" for c in bound) or "true"
    query = f"SELECT {', '.join(map(quote, columns))} FROM {table} WHERE {condition}"
    return source.sql(query, params=dict(bound)).to_arrow_table()


@cache
def _words_of_views() -> frozenset[str]:
    return frozenset(w for text in views.sources().values() for w in re.findall(r"\w+", text))


def layout(lake: Version) -> dict[str, pa.Schema]:
    """Of each table that some view reads, or that a trial's page shows, its columns in this version."""
    words = _words_of_views()
    return {n: lake.table_state(n).schema for n in lake.tables() if lake_tables.sql_name(n) in words or n in SHOWN}


def _state(lake: Version, name: str) -> tuple[Any, ...]:
    """A value that distinguishes two states of a table."""
    return tuple(f.path for f in lake.table_state(name).files)
