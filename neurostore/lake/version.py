"""The lake: open a version of it, read it by SQL, polars or arrays.

>>> lake = Version.open("lake")                      # doctest: +SKIP
>>> lake.sql("SELECT count(*) AS n FROM trials")        # doctest: +SKIP

A :class:`Version` is one version, unchanged for as long as its files are not vacuumed. The version is that of the Delta
table ``trials``; the other tables are read at the versions its rows name, and of them only rows whose ``ingest_id``
it names. Writing is in lake/commit, what a user may do with a lake in neurostore/api.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from neurostore import schema, storage
from neurostore.errors import (
    DamagedLakeError,
    LakeError,
    UsageError,
    VanishedVersionError,
)
from neurostore.lake import checked, delta, marker, releases, shown
from neurostore.lake import columns as arrow_columns
from neurostore.lake import tables as lake_sql
from neurostore.lake.selection import Selection, check_names, chosen_ids
from neurostore.lake.stored import Stored

if TYPE_CHECKING:
    import duckdb
    import polars as pl

__all__ = ["Version", "open"]


def open(path: object, version: int | None = None, release: str | None = None) -> Version:
    """Open a version or a release of a lake for reading: see :meth:`Version.open`."""
    return Version.open(path, version, release)


def _with_newer_columns(table: str, stored: pa.Schema) -> tuple[pa.Schema, tuple[str, ...]]:
    """The stored columns with those declared since, and the names of these: an older lake lacks them in every row."""
    declared = schema.tables()[table].arrow() if table in schema.tables() else pa.schema([])
    have = {name.lower() for name in stored.names}
    newer = [f.with_nullable(True) for f in declared if f.name.lower() not in have]
    return pa.schema([*stored, *newer]), tuple(f.name for f in newer)


class Version:
    """One version of a lake. Made by :meth:`open`; nothing here writes.

    Attributes
    ----------
    path : the folder.
    version : the version shown.
    released : the release shown, where one was opened by its name.
    """

    def __init__(self, root: str, trials: Stored, released: releases.Release | None = None):
        self.path = root
        self.version: int = trials.version
        self.released = released
        self._trials = trials
        self._states: dict[str, lake_sql.TableState] = {}
        self._connection: duckdb.DuckDBPyConnection | None = None
        self.choices: dict[str, Any] = {}
        self.selection = Selection()
        self._chosen: tuple[str, ...] | None = None

    @classmethod
    def open(cls, path: object, version: int | None = None, release: str | None = None) -> Self:
        """Open a lake for reading.

        Parameters
        ----------
        path : its folder, or ``s3://bucket/prefix``.
        version : the version to show; None is the newest. release : the name of a release, in place of a version.

        Raises
        ------
        NotALakeError : the folder is missing or is not a lake.
        NewerLakeError : newer software wrote it.
        VanishedVersionError : that version was vacuumed, or never was.
        UsageError : there is no such release, or a version was given too.
        """
        root = storage.resolve(path)
        marker.check_marker(root)
        if release is not None:
            if version is not None:
                raise UsageError(f"version {version} and release {release!r}: give one of them")
            found = releases.read(root, release)
            return cls(root, found.tables["trials"], found)
        if version is not None and version < 0:
            raise UsageError(f"lake version {version}: versions count from 0; see `neurostore history`")
        checked.check_log(root, "trials")
        trials = delta.open_table(root, "trials", version)
        vacuumed = marker.read_intact(storage.join(root, "_neurostore", "vacuumed.json"))
        if vacuumed and trials.version() < vacuumed["oldest_version"]:
            raise VanishedVersionError(
                f"{root}: version {version} was vacuumed; versions from {vacuumed['oldest_version']} on can be opened"
            )
        return cls(root, delta.stored(trials))

    # What this version names

    @cached_property
    def _live(self) -> pa.Table:
        columns = ["subject", "session", "trial", "ingest_id", "table_rows", "table_versions"]
        self._check_trials()
        return self._read_trials(columns)

    def _read_trials(self, columns: Sequence[str] | None = None) -> pa.Table:
        return delta.read_files(self.path, "trials", self._trials.schema, self._trials.files, columns)

    @cached_property
    def table_versions(self) -> dict[str, int]:
        """The version of each other table that this version of the lake reads."""
        return arrow_columns.sum_by_key(self._live["table_versions"], "max")

    @cached_property
    def named_rows(self) -> dict[str, int]:
        """How many rows of each other table the trials of this version name."""
        return arrow_columns.sum_by_key(self._live["table_rows"], "sum")

    def tables(self) -> tuple[str, ...]:
        """Names of the tables: those declared, and a ``poses/<skeleton>`` for each skeleton in this version."""
        single = schema.single_tables()
        return (*single, *sorted(t for t in self.table_versions if t not in single))

    def ingest_ids(self) -> list[str]:
        """The ingests whose rows are live: one a trial."""
        return list(self._chosen) if self._chosen is not None else self._live["ingest_id"].to_pylist()

    def table_state(self, name: str) -> lake_sql.TableState:
        """The files of a table in this version, and whether some of their rows are not live."""
        if name not in self._states:
            if name not in self.tables():
                raise UsageError(f"no table {name!r} in this lake; there are {', '.join(self.tables())}")
            is_named = name == "trials" or name in self.table_versions
            table = self._trials if name == "trials" else self._stored(name)
            if table is None:  # declared since this state was written
                declared = schema.table(name).arrow()
                self._states[name] = lake_sql.TableState(self.path, name, -1, declared, (), False)
                return self._states[name]
            files = table.files if is_named else ()  # a table that nothing names yet is empty, whatever is stored in it
            stored = sum(f.n_rows for f in files)
            named = self.named_rows.get(name, 0)
            keyed = schema.table(name).is_keyed
            if keyed and stored < named:
                raise DamagedLakeError(f"{self.path}: {name} holds {stored} rows, trials names {named}")
            dirty = keyed and stored != named
            columns, newer = _with_newer_columns(name, table.schema)
            self._states[name] = lake_sql.TableState(self.path, name, table.version, columns, files, dirty, newer)
        return self._states[name]

    def _stored(self, name: str) -> Stored | None:
        """A table other than ``trials`` as this version, or the release, has it; None where there is none."""
        if self.released is not None:
            return self.released.tables.get(name)
        if name not in self.table_versions and not delta.exists(self.path, name):
            return None
        checked.check_log(self.path, name)
        return delta.stored(delta.open_table(self.path, name, self.table_versions.get(name)))

    def trials_table(self) -> pa.Table:
        """Every live row of ``trials`` with every column, ordered by key."""
        keys = [("subject", "ascending"), ("session", "ascending"), ("trial", "ascending")]
        self._check_trials()
        return self._read_trials().sort_by(keys)

    # Tables

    def trials(self, *columns: str) -> pl.DataFrame:
        """The trials, ordered by subject, session and trial.

        Parameters
        ----------
        columns : further columns beside the ten of every call, ``"*"`` for all; ``describe("trials")`` lists them.
        """
        return shown.trials(self, columns)

    def subjects(self) -> pl.DataFrame:
        """The subjects with their metadata."""
        return self.sql("SELECT * FROM subjects ORDER BY subject")

    def joint_angles(
        self, subject: str | None = None, session: str | None = None, trial: str | None = None
    ) -> pl.DataFrame:
        """Joint angles in degrees, a row per frame of a person, of the trials that match what is given."""
        return self._rows_of("joint_angles", "person, frame", subject, session, trial)

    def joint_kinetics(
        self, subject: str | None = None, session: str | None = None, trial: str | None = None
    ) -> pl.DataFrame:
        """Moments (Nm/kg) and powers (W/kg) of hip, knee and ankle, a row per frame, of the trials that match what is given."""
        return self._rows_of("joint_kinetics", "frame", subject, session, trial)

    def emg(self, subject: str | None = None, session: str | None = None, trial: str | None = None) -> pl.DataFrame:
        """Envelopes of EMG over gait cycles, a row per channel, cycle and percent, of the trials that match what is given."""
        return self._rows_of("emg_envelopes", "channel, cycle, percent", subject, session, trial)

    def _rows_of(
        self, view: str, order: str, subject: str | None, session: str | None, trial: str | None
    ) -> pl.DataFrame:
        given = {"subject": subject, "session": session, "trial": trial}
        bound = {k: v for k, v in given.items() if v is not None}
        where = " AND ".join(f"{k} = ${k}" for k in bound) or "true"
        return self.sql(f"SELECT * FROM {view} WHERE {where} ORDER BY subject, session, trial, {order}", bound)

    def scan_poses(self, skeleton: str) -> pl.LazyFrame:
        """Positions as read (mm), a row per frame of a person, a STRUCT per joint."""
        return self.scan(f"poses/{skeleton}")

    def scan_landmarks(self) -> pl.LazyFrame:
        """Clean points and centres (mm) under the common names."""
        return self.scan("landmarks")

    def scan(self, table: str) -> pl.LazyFrame:
        """Any table of the lake as a polars LazyFrame of its live rows."""
        self._check([table])
        return lake_sql.lazy_frame(self.table_state(table), self.ingest_ids(), self._chosen is not None)

    # SQL

    def _check_trials(self) -> None:
        checked.check(self.path, [f"trials/{f.path}" for f in self._trials.files])

    def _check(self, tables: Iterable[str]) -> None:
        """Raise DamagedLakeError where a file of these tables has other bytes than were written."""
        states = [self.table_state(name) for name in tables]
        checked.check(self.path, [f"{state.name}/{f.path}" for state in states for f in state.files])

    def _read_by(self, query: str) -> list[str]:
        """The tables that a query may read, by the names in it and in the views it names; all where it is empty."""
        from neurostore.sql import views

        asked = query.lower()
        words = [asked, *(behind for name, behind in views.words_behind().items() if name in asked)]
        return [t for t in self.tables() if not asked or any(lake_sql.sql_name(t).lower() in w for w in words)]

    def connect(self, reading: str = "") -> duckdb.DuckDBPyConnection:
        """A new in-memory DuckDB connection with the tables, views and DTW functions of this version.

        reading : the SQL that will be run, so that the files of its tables alone are checked; all are where it is not known.
        """
        self._check(self._read_by(reading))
        return self._connect()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        from neurostore.sql import dtw_functions, views

        connection = self._connect_tables()
        views.register(connection, has_plates=bool(self.table_state("force_plates").files))
        dtw_functions.register(connection)
        return connection

    def connect_tables(self) -> duckdb.DuckDBPyConnection:
        """A new connection with the tables alone."""
        self._check(self.tables())
        return self._connect_tables()

    def _connect_tables(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        from neurostore.sql import spill

        connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "temp_directory": spill.folder()})
        states = [self.table_state(name) for name in self.tables()]
        lake_sql.register(connection, states, self._chosen)
        return connection

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
        chosen._connection, chosen.choices, chosen.selection = None, dict(self.choices), selection
        if not selection.is_everything:
            chosen._chosen = tuple(chosen_ids(self, selection))
        return chosen.choose(event_source=selection.event_source) if selection.event_source else chosen

    def choose(self, **choices: Any) -> Self:
        """The lake with choices that its views read, such as ``event_source="file"`` or ``reference="control"``.

        Raises UsageError for a name no view reads (``neurostore.sql.views.VARIABLES`` lists them), and for a word,
        group or trial that is not known.
        """
        from neurostore.sql import views

        views.check_variables(choices)
        check_names(self, choices)
        self.choices |= choices
        return self

    def sql(self, query: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> pl.DataFrame:
        """Run SQL over this version. Values are bound: ``?`` from a sequence, ``$name`` from a mapping.

        Raises
        ------
        UsageError : the SQL is wrong.  DamagedLakeError : a file is missing or unreadable.
        VanishedVersionError : the version was vacuumed while it was read.  LakeError : anything else, such as memory.
        """
        import duckdb
        import polars as pl

        from neurostore.sql import views
        from neurostore.sql.interruptible import interruptible

        self._check(self._read_by(query))
        try:
            if self._connection is None:
                self._connection = self._connect()
            is_local = not storage.is_remote(self.path)  # Arrow datasets are known to their own connection alone
            connection = self._connection.cursor() if is_local else self._connection
            if self.choices:  # variables belong to one connection, a cursor starts without them
                views.set_variables(connection, **self.choices)

            def rows() -> pl.DataFrame:
                result = connection.sql(query, params=params)
                return result.pl() if result is not None else pl.DataFrame()

            return interruptible(connection, rows)
        except duckdb.Error as error:
            self.raise_if_vanished(error)
            if self.path in str(error) and ".parquet" in str(error):
                raise DamagedLakeError(f"{self.path}: a file cannot be read: {error}") from error
            if isinstance(error, duckdb.ProgrammingError | duckdb.DataError | duckdb.NotSupportedError):
                raise UsageError(str(error)) from error
            raise LakeError(f"{self.path}: {error}") from error

    def raise_if_vanished(self, error: Exception) -> None:
        """Raise VanishedVersionError or DamagedLakeError where files of this version are gone; else return."""
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
                raise DamagedLakeError(f"{self.path}: the file {name}/{path} is missing") from error
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

    def __repr__(self) -> str:
        return f"<Lake {self.path!r} {releases.state_text(self).removeprefix('lake ')}: {self._live.num_rows} trials>"

    def _repr_html_(self) -> str:
        return shown.html(self, self._live)
