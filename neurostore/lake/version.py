"""The lake: open a version of it, read it by SQL, polars or arrays.

>>> lake = Version.open("lake")                      # doctest: +SKIP
>>> lake.sql("SELECT count(*) AS n FROM trials")        # doctest: +SKIP

A :class:`Version` is one version, unchanged for as long as its files are not vacuumed. The version is that of the Delta
table ``trials``; the other tables are read at the versions its rows name, and of them only rows whose ``ingest_id``
it names. Writing is in lake/commit, what a user may do with a lake in neurostore/api.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from neurostore import storage
from neurostore.errors import DamagedLakeError, VanishedVersionError
from neurostore.lake import checked, releases, shown
from neurostore.lake import tables as lake_sql
from neurostore.lake.selection import Selection, check_names, check_values, chosen_ids
from neurostore.lake.stored import Stored
from neurostore.lake.stored_version import StoredVersion
from neurostore.sql.statements import reserved_word_hint

if TYPE_CHECKING:
    from typing import Unpack

    import duckdb
    import polars as pl

    from neurostore.lake.on_demand import Computed
    from neurostore.lake.relations import Relations
    from neurostore.lake.results import Results, StoredView
    from neurostore.lake.selection import Filters

__all__ = ["Version", "open"]

_ATTEMPTS = 20


def open(path: object, version: int | None = None, release: str | None = None) -> Version:
    """Open a version or a release of a lake for reading: see :meth:`Version.open`."""
    return Version.open(path, version, release)


class Version(StoredVersion):
    """One version of a lake. Made by :meth:`open`; nothing here writes.

    Attributes
    ----------
    path : the folder.
    version : the version shown.
    released : the release shown, where one was opened by its name.
    """

    def __init__(self, root: str, trials: Stored, released: releases.Release | None = None):
        super().__init__(root, trials, released)
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._relations: Relations | None = None
        self._uses_results = True
        self._computed: Computed | None = None
        self.choices: dict[str, Any] = {}
        self.selection = Selection()

    # Tables

    def trials(
        self, *columns: str, side: str | None = None, mixed: bool = True, **filters: Unpack[Filters]
    ) -> pl.DataFrame:
        """The trials, ordered by subject, session and trial.

        Parameters
        ----------
        columns : further columns beside the ten of every call, ``"*"`` for all; ``describe("trials")`` lists them.
        side : left, right, affected or unaffected. With a side or an event_source, only trials that then have steady
            cycles are listed, with ``n_steady_cycles``. mixed : False raises UsageError for trials that must not be pooled.
        filters : fields of :class:`~neurostore.lake.selection.Selection`.
        """
        return shown.trials(self, columns, side, mixed=mixed, filters=filters)

    def subjects(self) -> pl.DataFrame:
        """The subjects with their metadata."""
        return self.sql("SELECT * FROM subjects ORDER BY subject")

    def joint_angles(
        self, subject: str | None = None, session: str | None = None, trial: str | None = None
    ) -> pl.DataFrame:
        """Joint angles in degrees, one row per frame of a person, of the matching trials.

        Raises UsageError where no trial has the subject, the session or the trial; so do `joint_kinetics` and `emg`.
        """
        return self._rows_of("joint_angles", "person, frame", subject, session, trial)

    def joint_kinetics(
        self, subject: str | None = None, session: str | None = None, trial: str | None = None
    ) -> pl.DataFrame:
        """Moments (Nm/kg) and powers (W/kg) of hip, knee and ankle, one row per frame, of the matching trials."""
        return self._rows_of("joint_kinetics", "frame", subject, session, trial)

    def emg(self, subject: str | None = None, session: str | None = None, trial: str | None = None) -> pl.DataFrame:
        """Envelopes of EMG over gait cycles, one row per channel, cycle and percent, of the matching trials."""
        return self._rows_of("emg_envelopes", "channel, cycle, percent", subject, session, trial)

    def _rows_of(
        self, view: str, order: str, subject: str | None, session: str | None, trial: str | None
    ) -> pl.DataFrame:
        given = {"subject": subject, "session": session, "trial": trial}
        bound = {k: v for k, v in given.items() if v is not None}
        where = " AND ".join(f"{k} = ${k}" for k in bound) or "true"
        rows = self.sql(f"SELECT * FROM {view} WHERE {where} ORDER BY subject, session, trial, {order}", bound)
        for column, name in bound.items() if not rows.height else ():
            check_values(self, column, (name,))
        return rows

    # SQL

    def connect(self, reading: str = "") -> duckdb.DuckDBPyConnection:
        """A new in-memory DuckDB connection with the tables, views and DTW functions of this version.

        reading : the SQL that will be run: what it does not name is not there, and views are read from stored results
            where the lake has them. Where it is not known everything is there, and views compute.
        """
        return self._connect(reading).connection

    def connect_in_one_query(self, reading: str) -> duckdb.DuckDBPyConnection:
        """As :meth:`connect`, for many small queries, or one whose time is limited: nothing is computed before it."""
        return self._connect(reading, in_batches=False).connection

    def _connect(self, reading: str, *, in_batches: bool = True) -> Relations:
        from neurostore.lake.relations import Relations, choices_in
        from neurostore.lake.results import ResultsChangedError
        from neurostore.sql import views

        for attempts_left in reversed(range(_ATTEMPTS)):
            relations = Relations(
                self,
                self._connect_duckdb(),
                self._other_choices(),
                choices_in(reading),
                uses_results=self._uses_results and bool(reading),
                in_batches=in_batches,
            )
            try:
                with self.naming_vanished():
                    relations.need(reading)
                break
            except ResultsChangedError:
                if not attempts_left:
                    raise
        views.set_variables(relations.connection, **self.choices)
        return relations

    def connect_tables(
        self, subject: str | None = None, names: Iterable[str] | None = None
    ) -> duckdb.DuckDBPyConnection:
        """A new connection with the tables alone.

        subject : whose files are enough; others' rows may be missing. names : of the tables; None is every one.
        """
        chosen = self.tables() if names is None else ["trials", *(n for n in names if n != "trials")]
        states = [self.table_state(name) for name in chosen]
        if subject is not None:
            states = [replace(s, files=tuple(f for f in s.files if f.subject in (None, subject))) for s in states]
        checked.check(self.path, [f"{state.name}/{f.path}" for state in states for f in state.files])
        connection = self._connect_duckdb()
        lake_sql.register(connection, states, self._chosen)
        return connection

    def _connect_duckdb(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        from neurostore.sql import spill

        return duckdb.connect(config={"autoinstall_known_extensions": "false", "temp_directory": spill.folder()})

    # Results

    @property
    def computed(self) -> Computed:
        """The rows of kept views in sessions whose results are stale, computed once when they are asked for."""
        from neurostore.lake.on_demand import Computed

        if self._computed is None:
            self._computed = Computed(self)
        return self._computed

    def without_results(self) -> Self:
        """The same version, whose views compute every row from frames."""
        other = self.with_choices()
        other._uses_results = False
        return other

    def _other_choices(self) -> dict[str, Any]:
        """The choices that are not the defaults, which stored results have."""
        from neurostore.sql import kept

        return {name: value for name, value in self.choices.items() if not kept.is_default(name, value)}

    def reads_results(self) -> bool:
        """Whether every view that a lake keeps is read from stored results, given the choices of this version."""
        from neurostore.sql import kept

        is_default = all(kept.choices_of(view).isdisjoint(self._other_choices()) for view in kept.VIEWS)
        return self._uses_results and is_default and self.results().is_usable

    def compute_in_batches(self) -> bool:
        """Compute all views that a lake keeps, if queries over them would be computed in batches; whether they are."""
        from neurostore.sql import kept

        self.results()
        assert self._relations is not None
        is_large = any(map(self._relations.is_computed_in_batches, kept.VIEWS))
        if is_large:
            self.sql(f"SELECT 1 FROM {', '.join(kept.VIEWS)} LIMIT 0")
        return is_large

    def stored_results(self) -> dict[str, StoredView]:
        """The stored rows that views may be read from, by view."""
        from neurostore.sql import kept

        self.results()
        assert self._relations is not None
        return self._relations.stored(kept.VIEWS)

    def frames_by_session(self) -> dict[tuple[str, str], int]:
        """(subject, session) -> the frames of its trials."""
        rows = self.sql("SELECT subject, session, sum(n_frames)::BIGINT AS n FROM trials GROUP BY ALL").rows()
        return {(subject, session): n for subject, session, n in rows}

    def inputs(self) -> dict[tuple[str, str], tuple[str, int]]:
        """What the kept views read of each session: see :func:`neurostore.sql.kept.inputs`."""
        from neurostore.lake import results
        from neurostore.sql import kept

        with self.naming_vanished(), self.connect("SELECT 1 FROM trials, subjects, reviews") as connection:
            return kept.inputs(connection, results.inputs_sql(self))

    def results(self) -> Results:
        """The stored results that count for this version."""
        self.sql("SELECT 1 FROM trials LIMIT 0")
        assert self._relations is not None
        return self._relations.results()

    def select(self, selection: Selection | None = None, **filters: Any) -> Self:
        """The version restricted to some trials: every table, view, distance and report then reads only these.

        Parameters
        ----------
        selection : what is chosen. filters : fields of :class:`~neurostore.lake.selection.Selection` in place of one:
            where, session, condition, event_source, subject.

        Raises
        ------
        UsageError : an unknown session or condition, a condition that is not SQL, or no trial that matches.
        """
        selection = selection or Selection(**filters)
        chosen = copy.copy(self)
        chosen._connection, chosen._relations, chosen._computed = None, None, None
        chosen.choices, chosen.selection = dict(self.choices), selection
        if not selection.is_everything:
            chosen._chosen = tuple(chosen_ids(self, selection))
        return chosen.choose(event_source=selection.event_source) if selection.event_source else chosen

    def with_choices(self, **choices: Any) -> Self:
        """The same version on a connection of its own, with further choices: see :meth:`choose`."""
        other = copy.copy(self)
        other._connection, other._relations, other.choices = None, None, dict(self.choices)
        return other.choose(**choices)

    def choose(self, **choices: Any) -> Self:
        """The lake with choices that its views read, such as ``event_source="file"`` or ``reference="control"``.

        Raises UsageError for a name no view reads (``neurostore.sql.views.VARIABLES`` lists them), and for a word,
        group or trial that is not known.
        """
        from neurostore.sql import views

        views.check_variables(choices)
        check_names(self, choices)
        self.choices |= choices
        self._connection = None  # stored results have the default choices
        return self

    def sql(self, query: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> pl.DataFrame:
        """Run SQL over this version. Values are bound: ``?`` from a sequence, ``$name`` from a mapping.

        Raises
        ------
        UsageError : the SQL is wrong.  DamagedLakeError : a file is missing or unreadable.
        VanishedVersionError : the version was vacuumed while it was read.  LakeError : anything else, such as memory.
        """
        import duckdb

        from neurostore.sql.named_errors import named

        try:
            try:
                return self._rows(query, params)
            except duckdb.IOException:
                if not self._have_results_vanished():
                    raise
                return self._rows(query, params)
        except duckdb.Error as error:
            self.raise_if_computing_failed()
            self.raise_if_vanished(error)
            if self.path in str(error) and ".parquet" in str(error):
                raise DamagedLakeError(f"{self.path}: a file cannot be read: {error}") from error
            raise named(error, self.path, reserved_word_hint(error, query)) from error

    def _rows(self, query: str, params: Sequence[Any] | Mapping[str, Any] | None) -> pl.DataFrame:
        import polars as pl

        from neurostore.sql import views
        from neurostore.sql.interruptible import interruptible

        opened = self._opened_for(query)
        is_local = not storage.is_remote(self.path)  # only the connection that registered an Arrow dataset knows it
        connection = opened.cursor() if is_local else opened
        if self.choices:  # variables belong to a connection; a cursor starts without them
            views.set_variables(connection, **self.choices)

        def rows() -> pl.DataFrame:
            result = connection.sql(query, params=params)
            return result.pl() if result is not None else pl.DataFrame()

        return interruptible(connection, rows, lambda: self.computed.stop())

    def raise_if_computing_failed(self) -> None:
        """Raise the error that ended a query while it computed what is not stored: DuckDB says it in its own words."""
        if self._computed is not None:
            self._computed.raise_failure()

    def _have_results_vanished(self) -> bool:
        """Whether files of results were vacuumed since they were opened; then they are opened again."""
        if self._relations is None or all(storage.size_of(p) >= 0 for p in self._relations.result_paths()):
            return False
        self._connection = self._relations = None
        return True

    def _opened_for(self, query: str) -> duckdb.DuckDBPyConnection:
        """The connection of this version with what a query names; one of its own where the query makes choices itself."""
        from neurostore.lake.relations import choices_in
        from neurostore.lake.results import ResultsChangedError

        if choices_in(query):
            return self.connect(query)
        if self._connection is None:
            self._relations = self._connect(query or " ")
            self._connection = self._relations.connection
        elif self._relations is not None and self._relations.connection is self._connection:
            try:
                self._relations.need(query)
            except ResultsChangedError:  # the open connection keeps the old results; a new one reads the new results
                self._relations = self._connect(query)
                self._connection = self._relations.connection
        return self._connection

    @contextmanager
    def naming_vanished(self) -> Iterator[None]:
        """Raise a named error if files of this version were deleted while they were read; other errors stay DuckDB's."""
        import duckdb

        try:
            yield
        except duckdb.IOException as error:
            self.raise_if_vanished(error)
            raise

    def raise_if_vanished(self, error: Exception) -> None:
        """Raise VanishedVersionError or DamagedLakeError if files of this version are gone; else return."""
        gone = {
            (name, file.path)
            for name, state in self._states.items()
            for file in state.files
            if storage.size_of(state.path(file)) < 0
        }
        if not gone:
            return
        newest = open(self.path, release=self.released.name if self.released else None)
        for name, path in sorted(gone):
            if name in newest.tables() and path in {f.path for f in newest.table_state(name).files}:
                raise DamagedLakeError(
                    f"{self.path}: the file {name}/{path} is missing; run `neurostore verify`, which lists what is damaged"
                ) from error
        raise VanishedVersionError(
            f"{self.path}: version {self.version} was vacuumed while it was read; open the lake again"
        ) from error

    def views(self) -> tuple[str, ...]:
        """Names of the views."""
        from neurostore.sql import views

        return views.names()

    def describe(self, name: str) -> pl.DataFrame:
        """The columns of a table or view: name, type, unit, sign, meaning and source."""
        return shown.describe(self, name)
