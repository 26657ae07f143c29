"""The tables and views that an SQL query names, created on a connection when they are first named.

Views bind every step below them when they are created, which takes most of a second for all of them together. A query
of one table needs none of them.

Views that a lake keeps have one of three sources: stored results, with what is asked for of other trials computed; rows
computed in batches of sessions and written to the cache for as long as the connection lives, where a query over many frames would need more memory the
more trials there are; or the view itself, for a query of some people, for few trials, and for choices made in its SQL.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from neurostore.lake import checked, results
from neurostore.lake import tables as lake_sql
from neurostore.sql import dtw_functions, kept, spill, views

if TYPE_CHECKING:
    import duckdb

    from neurostore.lake.queryable import Shown
    from neurostore.lake.results import StoredView

MANY_FRAMES = 300_000  # of more, what a query needs of each is computed in batches: a frame needs 3 kB in one query
_WORD = re.compile(r"[a-z_][a-z0-9_]*")
_SET = re.compile(r"\bset\s+variable\s+\"?(\w+)", re.IGNORECASE)
_FROM = re.compile(r"\b(?:from|join)\s+\"?([a-z_]\w*)\"?(?!\w|\"|\s*\()")
_WITH = re.compile(r"\"?([a-z_]\w*)\"?\s*(?:\([^()]*\)\s*)?as\s+(?:not\s+)?(?:materialized\s*)?\(")
_NARROW = re.compile(  # a query that needs no rows, or those of some people
    r"^\s*(?:describe|desc|explain)\b(?!\s+analyze)|\b(?:subject|session|trial)\"?\s*(?:==?|in\b|like\b)\s*[('?$]",
    re.IGNORECASE,
)
_ASK_FOR_ALL = {"show", "pragma", "information_schema", "query_table", "query", "sqlite_master", "database"}


def choices_in(text: str) -> set[str]:
    """Names of the variables that a text sets."""
    return set(_SET.findall(text))


def _asks_for_all(words: Collection[str]) -> bool:
    """Whether SQL with these words may read anything, or lists what exists."""
    return not words or not _ASK_FOR_ALL.isdisjoint(words) or any(w.startswith("duckdb_") for w in words)


class Relations:
    """The tables and views of a lake version on one connection.

    Parameters
    ----------
    lake : the version. choices : those made that are not the default: views that they change are computed.
    made_in_sql : choices whose values are not known yet.
    uses_results : whether anything but the views themselves may be read. in_batches : whether views may be computed
        before the query, in batches, where there are many frames.
    """

    def __init__(
        self,
        lake: Shown,
        connection: duckdb.DuckDBPyConnection,
        choices: Mapping[str, Any] | None = None,
        made_in_sql: Collection[str] = (),
        *,
        uses_results: bool = True,
        in_batches: bool = True,
    ):
        self.lake, self.connection, self.uses_results = lake, connection, uses_results
        self._choices, self._made_in_sql = dict(choices or {}), frozenset(made_in_sql)
        self._may_compute_in_batches, self._is_narrow = in_batches, False
        self._frames: dict[results.Session, int] | None = None
        self._in_batches: set[str] = set()
        self._made: set[str] = set()
        self._tables = {lake_sql.sql_name(name): name for name in lake.tables()}
        self._results: results.Results | None = None
        self._stored: dict[str, StoredView] = {}
        self._read_now: set[str] = set()  # kept views that the latest query reads
        self._on_demand: dict[str, str] = {}
        self._texts = views.texts_for(bool(lake.named_rows.get("force_plates")))
        self._lock = threading.RLock()
        lake_sql.prepare(connection, lake.chosen)

    def need(self, text: str) -> None:
        """Create what a query names, with what that reads; everything if the text is empty or lists what exists.

        Raises DamagedLakeError if a file that the query may read has other bytes than were written, and
        ResultsChangedError if stored results that it may read have left the lake.
        """
        with self._lock:
            names = self._named_in(text)
            is_everything = len(names) == len(self._tables) + len(
                self._texts
            )  # it lists what exists, or names what does not
            self._is_narrow = is_everything or _NARROW.search(text) is not None
            needed = self._behind(names)
            if any(name in self._made - self._in_batches and self.is_computed_in_batches(name) for name in needed):
                self._made -= self._texts.keys()  # an earlier query was of some people
            tables = needed & self._tables.keys()
            self.lake.check([self._tables[name] for name in tables])
            self._read_now.clear()
            self._read_now.update(name for name in needed if self._is_stored(name))
            self._check_results(name for name in needed if self._is_kept(name) and self._is_default(name))
            self._create_base(text, needed)
            self._create(needed)

    def _named_in(self, text: str) -> set[str]:
        lowered = text.lower()
        words = set(_WORD.findall(lowered))
        spelled = {name.lower(): name for name in [*self._tables, *self._texts]}
        unknown = set(_FROM.findall(lowered)) - spelled.keys() - set(_WITH.findall(lowered))
        if unknown or _asks_for_all(words):
            return set(spelled.values())
        return {spelled[word] for word in words & spelled.keys()}

    def _behind(self, names: Iterable[str]) -> set[str]:
        """The names with all that they read."""

        def reads(name: str) -> Collection[str]:
            if name not in self._texts or self._is_kept(name):
                return ()
            return views.words_of(self._text(name)) & (self._tables.keys() | self._texts.keys())

        return views.behind(names, reads)

    def _text(self, name: str) -> str:
        """The SQL of a view or step; where a view that it can read is stored, the text that reads it."""
        reading = views.from_results().get(name)
        if reading is not None and any(self._is_kept(one) for one in views.words_of(reading) & set(kept.VIEWS)):
            return reading
        return self._texts[name]

    def _is_kept(self, name: str) -> bool:
        """Whether the rows of a view are read, from stored results or from what was computed in batches."""
        return self._is_stored(name) or self.is_computed_in_batches(name)

    def _may_be_kept(self, name: str) -> bool:
        return self.uses_results and name in kept.VIEWS and kept.choices_of(name).isdisjoint(self._made_in_sql)

    def _is_default(self, name: str) -> bool:
        """Whether a view has the choices that stored results were computed with."""
        return kept.choices_of(name).isdisjoint(self._choices)

    def _is_stored(self, name: str) -> bool:
        """Whether a view is read from stored results, and of other sessions those that are asked for are computed.

        Few trials at most lack results, or the query is of some people.
        """
        if not self._may_be_kept(name) or not self._is_default(name):
            return False
        return self.results().is_usable or (self._is_narrow and bool(self.results().fresh))

    def is_computed_in_batches(self, name: str) -> bool:
        """Whether the rows of a view are, or would be, computed in batches before the query is run."""
        if not self._may_compute_in_batches or not self._may_be_kept(name) or self._is_stored(name):
            return False
        if name in self._in_batches or self._is_narrow:
            return name in self._in_batches
        return bool(self._fresh(name)) or sum(self._missing(name).values()) > MANY_FRAMES

    def _fresh(self, name: str) -> Collection[results.Session]:
        """Sessions whose stored rows of a view count."""
        return self.results().fresh.keys() if self._is_default(name) else ()

    def _missing(self, name: str) -> dict[results.Session, int]:
        """The frames of each session that has no stored rows of a view."""
        if self._frames is None:
            self._create_table("trials")
            rows = self.connection.execute(
                "SELECT subject, session, coalesce(sum(n_frames), 0)::BIGINT FROM trials GROUP BY ALL"
            )
            self._frames = {(subject, session): n for subject, session, n in rows.fetchall()}
        fresh = self._fresh(name)
        return {session: n for session, n in self._frames.items() if session not in fresh}

    def results(self) -> results.Results:
        """The stored results that count for this version."""
        if self._results is None:
            self.lake.check(kept.INPUTS)
            self._results = results.read(self.lake, self._inputs)
        return self._results

    def _inputs(self, question: str) -> dict[tuple[str, str], tuple[str, int]]:
        for name in kept.INPUTS:
            self._create_table(name)
        return kept.inputs(self.connection, question)

    def result_paths(self) -> list[str]:
        """The files of the stored results that have been opened."""
        states = [stored.state for stored in self._stored.values()]
        return [state.path(file) for state in states for file in state.files]

    def stored(self, names: Iterable[str]) -> dict[str, StoredView]:
        """The stored rows of these kept views; none where no session's results count.

        Raises ResultsChangedError if the lake no longer has the results that this connection reads.
        """
        names = list(names)
        if not names or not self.results().fresh:
            return {}
        self._stored |= results.open_views(self.lake.path, self.results(), [n for n in names if n not in self._stored])
        return {name: self._stored[name] for name in names}

    def _check_results(self, names: Iterable[str]) -> None:
        states = [stored.state for stored in self.stored(names).values()]
        checked.check(self.lake.path, [f"{state.name}/{f.path}" for state in states for f in state.files])

    def _create_base(self, text: str, names: set[str]) -> None:
        """Create what the query and the views behind it read beside tables, and the DTW functions where it names one."""
        words = set(_WORD.findall(text.lower()))
        own = [name for name in names if name in self._texts and not self._is_kept(name)]
        parts = views.base_named(words.union(*(views.words_of(self._text(name)) for name in own)))
        is_all = _asks_for_all(words)
        missing = (views.BASE if is_all else parts) - self._made
        if "macros" in self._made:  # all of them
            missing &= views.BASE
        views.register_base(self.connection, missing)
        self._made |= missing
        if "dtw" not in self._made and (is_all or any("dtw" in word for word in words)):
            dtw_functions.register(self.connection)
            self._made.add("dtw")

    def _create(self, names: set[str]) -> None:
        tables = [n for n in names if n in self._tables]
        if tables:
            self._create_table("trials")  # the other tables ask it which of their rows are live
        for name in sorted(tables):
            self._create_table(name)
        texts = {n: self._text(n) for n in names if n in self._texts and n not in self._made}
        if not texts:
            return
        own = {n: t for n, t in texts.items() if not self._is_kept(n)}
        self._create_kept(texts.keys() - own.keys())
        for name in views.ordered(own):
            views.create(self.connection, name, own[name])
            self._made.add(name)

    def _create_kept(self, names: Iterable[str]) -> None:
        names = sorted(names)
        parts: dict[str, list[str]] = {name: [] for name in names}
        for name in names:
            if self._fresh(name):
                stored_view = self._stored[name]
                select = lake_sql.select_of(self.connection, stored_view.state)
                parts[name].append(results.stored_rows(self.connection, self.results(), stored_view, select))
        stored = [name for name in names if self._is_stored(name)]
        if stored and self.results().stale:
            from neurostore.lake import on_demand

            self._create_table("trials")
            on_demand.prepare(self.connection, self.results().stale)
            for name in stored:
                if name not in self._on_demand:
                    self._on_demand[name] = on_demand.select_of(
                        self.connection, name, self._stored[name].state.schema, self.lake.computed, self._read_now
                    )
                parts[name].append(self._on_demand[name])
        for is_default in (True, False):
            self._compute([n for n in names if n not in stored and self._is_default(n) is is_default], parts)
        for name in names:
            results.create_view(self.connection, name, parts[name], self._choices)
            self._made.add(name)

    def _compute(self, names: Collection[str], parts: Mapping[str, list[str]]) -> None:
        """Compute views of the same sessions in batches, and add the SQL of their rows to the parts."""
        from neurostore.lake.compute import in_batches

        if not names:
            return
        missing = self._missing(next(iter(names)))
        if not self.results().fresh:
            results.say_computed(self.lake.path, len(missing))
        elif self._is_default(next(iter(names))):
            results.say_stale(self.lake.path, self.results().n_stale_trials)
        files = in_batches(self.lake, missing, names, self._choices, spill.beside(self.connection))
        for name in names:
            parts[name].append(results.written_rows(files[name]))
        self._in_batches.update(names)

    def _create_table(self, name: str) -> None:
        if name not in self._made:
            state = self.lake.table_state(self._tables[name])
            lake_sql.create(self.connection, state, is_selection=self.lake.chosen is not None)
            self._made.add(name)
