"""The tables of one lake version: which files and rows they are, as Arrow and polars.

The version is that of the Delta table ``trials``; the other tables are read at the versions its rows name, and of them
only rows whose ``ingest_id`` it names. SQL over them is in lake/version.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from neurostore import schema, storage
from neurostore.errors import DamagedLakeError, UsageError, VanishedVersionError
from neurostore.lake import checked, delta, foreign, marker, releases, shown
from neurostore.lake import columns as arrow_columns
from neurostore.lake import tables as lake_sql
from neurostore.lake.stored import Stored

if TYPE_CHECKING:
    import polars as pl


def _with_newer_columns(table: str, stored: pa.Schema) -> tuple[pa.Schema, tuple[str, ...]]:
    """The stored columns with those declared since, and the names of these: an older lake lacks them in every row."""
    declared = schema.tables()[table].arrow() if table in schema.tables() else pa.schema([])
    have = {name.lower() for name in stored.names}
    newer = [f.with_nullable(True) for f in declared if f.name.lower() not in have]
    return pa.schema([*stored, *newer]), tuple(f.name for f in newer)


class StoredVersion:
    """One version of a lake as it is stored. Made by :meth:`open`; nothing here writes."""

    def __init__(self, root: str, trials: Stored, released: releases.Release | None = None):
        self.path = root
        self.version: int = trials.version
        self.released = released
        self._trials = trials
        self._states: dict[str, lake_sql.TableState] = {}
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
        LakeError : another program made this version.
        """
        root = storage.resolve(path)
        marker.check_marker(root)
        if release is not None:
            if version is not None:
                raise UsageError(f"version {version} and release {release!r}: give one of them")
            stored = releases.read(root, release)
            return cls(root, stored.tables["trials"], stored)
        if version is not None and version < 0:
            raise UsageError(f"lake version {version}: versions count from 0; see `neurostore history`")
        checked.check_log(root, "trials")
        trials = delta.open_table(root, "trials", version)
        vacuumed = storage.read_json(storage.join(root, "_neurostore", "vacuumed.json"))
        if vacuumed and trials.version() < vacuumed["oldest_version"]:
            raise VanishedVersionError(
                f"{root}: version {version} was vacuumed; versions from {vacuumed['oldest_version']} on can be opened"
            )
        state = delta.stored(trials)
        paths = [f.path for f in state.files]
        if storage.is_remote(root):  # reading the entry would cost one more request for each opening
            foreign.check_files(root, "trials", paths)
        else:
            foreign.check_table(root, "trials", state.version, paths)
        return cls(root, state)

    # What this version contains

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
        """The ingests whose rows are live: one per trial."""
        return list(self._chosen) if self._chosen is not None else self._live["ingest_id"].to_pylist()

    def table_state(self, name: str) -> lake_sql.TableState:
        """The files of a table in this version, and whether some of their rows are not live."""
        if name not in self._states:
            if name not in self.tables():
                raise UsageError(f"no table {name!r} in this lake; there are {', '.join(self.tables())}")
            is_named = name == "trials" or name in self.table_versions
            table = self._trials if name == "trials" else self._stored(name)
            if table is None:  # declared after this state was written
                declared = schema.table(name).arrow()
                self._states[name] = lake_sql.TableState(self.path, name, -1, declared, (), False)
                return self._states[name]
            # a table that no version names yet is empty, whatever is stored in it
            files = table.files if is_named else ()
            foreign.check_files(self.path, name, (f.path for f in files))
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
        """A table other than ``trials`` as this version, or the release, has it; None if there is none."""
        if self.released is not None:
            return self.released.tables.get(name)
        if name not in self.table_versions and not delta.exists(self.path, name):
            return None
        checked.check_log(self.path, name)
        return delta.stored(delta.open_table(self.path, name, self.table_versions.get(name)))

    def trials_table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Every live row of ``trials``, ordered by key. columns : which, the key among them; None is every one."""
        keys = [("subject", "ascending"), ("session", "ascending"), ("trial", "ascending")]
        self._check_trials()
        return self._read_trials(columns).sort_by(keys)

    def take_states(self, earlier: StoredVersion) -> None:
        """Know the tables that have not changed since an earlier version of the lake, without opening them again."""
        if self.path != earlier.path or self.released is not None or self._chosen is not None:
            return
        for name, state in earlier._states.items():
            named = self.table_versions.get(name)
            is_same = name != "trials" and named == earlier.table_versions.get(name) and named in (None, state.version)
            if is_same and self.named_rows.get(name, 0) == earlier.named_rows.get(name, 0):
                self._states.setdefault(name, state)

    @property
    def chosen(self) -> tuple[str, ...] | None:
        """The ingests of the trials that are selected; None for every trial."""
        return self._chosen

    def ingests_by_session(self) -> dict[tuple[str, str], list[str]]:
        """(subject, session) -> the ingests of its trials that are shown."""
        shown = set(self.ingest_ids())
        ingests: dict[tuple[str, str], list[str]] = {}
        columns = (self._live[c].to_pylist() for c in ("subject", "session", "ingest_id"))
        for subject, session, ingest_id in zip(*columns, strict=True):
            if ingest_id in shown:
                ingests.setdefault((subject, session), []).append(ingest_id)
        return ingests

    def scan_poses(self, skeleton: str) -> pl.LazyFrame:
        """Positions as read (mm): one row per frame of a person, one STRUCT per joint."""
        return self.scan(f"poses/{skeleton}")

    def scan_landmarks(self) -> pl.LazyFrame:
        """Clean points and centres (mm) under the common names."""
        return self.scan("landmarks")

    def scan(self, table: str) -> pl.LazyFrame:
        """Any table of the lake as a polars LazyFrame of its live rows."""
        self.check([table])
        return lake_sql.lazy_frame(self.table_state(table), self.ingest_ids(), self._chosen is not None)

    def _check_trials(self) -> None:
        checked.check(self.path, [f"trials/{f.path}" for f in self._trials.files])

    def check(self, tables: Iterable[str]) -> None:
        """Raise DamagedLakeError if a file of these tables has other bytes than were written."""
        states = [self.table_state(name) for name in tables]
        checked.check(self.path, [f"{state.name}/{f.path}" for state in states for f in state.files])

    def __repr__(self) -> str:
        return f"<Lake {self.path!r} {releases.state_text(self).removeprefix('lake ')}: {self._live.num_rows} trials>"

    def _repr_html_(self) -> str:
        return shown.html(self, self._live)
