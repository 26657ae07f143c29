"""A DuckDB file with the tables and views of a version of a lake, for the DuckDB clients that people have."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from neurostore import storage
from neurostore.errors import LakeError, UsageError
from neurostore.lake import tables as lake_sql
from neurostore.lake.results import ResultsChangedError, are_kept, stored_rows
from neurostore.lake.version import Version
from neurostore.lake.version import open as open_lake
from neurostore.release import VERSION
from neurostore.sql import kept, views
from neurostore.storage import temporary
from neurostore.wording import counted

if TYPE_CHECKING:
    import duckdb

    from neurostore.lake.results import StoredView

_OF_PYTHON = ("dtw_distance(a, b, band := NULL)", "soft_dtw(a, b, gamma)")
_NOT_HERE = "is a function of Python and not in this file: use neurostore.open(lake).connect(), or neurostore distances"
STORAGE_VERSION = "v1.0.0"  # storage version of DuckDB files: the oldest, which every DuckDB 1.x reads
_log = logging.getLogger("neurostore.results")


def catalogue_file(
    lake_path: object,
    file: object,
    version: int | None = None,
    *,
    release: str | None = None,
    delta_scan: bool = False,
) -> Path:
    """Write a .duckdb file with the tables and views of one lake version, for other DuckDB clients. Returns its path.

    The views read the exact files of that version where the lake is now; the table ``neurostore_lake`` says which. Views
    that the lake keeps read its results, unless a choice is made by SET VARIABLE; the rows of sessions without results are
    computed, and every row where these have many trials. The
    DTW functions are Python functions and are not included: their names exist and raise an error that says so. The file
    is in the storage format of DuckDB 1.0.

    Parameters
    ----------
    version, release : which state; without either the newest.
    delta_scan : read the newest version through DuckDB's delta extension instead, whenever asked.

    Raises
    ------
    UsageError : the file exists, or delta_scan is asked of a release.  LakeError : it cannot be written, or the delta extension is not installed.
    """
    import duckdb

    lake = open_lake(lake_path, version, release)
    if delta_scan and (version is not None or release is not None):
        raise UsageError("--delta-scan always reads the newest version; leave it out for a version or a release")
    target = Path(os.path.abspath(os.path.expanduser(os.fspath(file) if isinstance(file, os.PathLike) else str(file))))
    if target.exists():
        raise UsageError(f"{target}: exists already; name a new file")
    with storage.named_errors(str(target), "writing the catalogue"):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.sweep(target)
        try:
            with temporary.folder_beside(target) as folder:  # DuckDB creates its file itself, with a journal beside it
                _write_catalogue(lake, folder / target.name, delta_scan=delta_scan)
                os.replace(folder / target.name, target)
                storage.sync_folder(str(target.parent))
        except duckdb.Error as error:
            raise LakeError(f"{target}: {error}") from error
    return target


def _write_catalogue(lake: Version, file: Path, *, delta_scan: bool) -> None:
    import duckdb

    with duckdb.connect() as connection:
        written_as = f"(STORAGE_VERSION '{STORAGE_VERSION}')"
        connection.execute(f"ATTACH {views.literal(str(file))} AS catalogue_file {written_as}")
        connection.execute("USE catalogue_file")
        if delta_scan:
            _load_delta(connection)
        if storage.is_remote(lake.path) and not delta_scan:
            lake_sql.require_s3(connection)
        for name in lake.tables():
            state = lake.table_state(name)
            is_delta = delta_scan and state.version >= 0
            select = lake_sql.delta_relation(state) if is_delta else lake_sql.relation(state)
            connection.execute(f"CREATE VIEW {lake_sql.quote(state.sql_name)} AS\n{select}")
            if name == "trials":
                connection.execute(f"CREATE {lake_sql.LIVE}")
        _create_views(connection, lake, {} if delta_scan else stored_for_catalogue(lake), is_newest_always=delta_scan)
        for call in _OF_PYTHON:
            connection.execute(f"CREATE MACRO {call} AS error('{call.split('(')[0]} {_NOT_HERE}')")
        facts = {
            "path": lake.path,
            "version": None if delta_scan else lake.version,
            "release": lake.released.name if lake.released else None,
            "sha256": lake.released.content_sha256 if lake.released else None,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "software": VERSION,
        }
        connection.execute(
            "CREATE TABLE neurostore_lake AS SELECT $path AS path, $version::BIGINT AS version, "
            "$release::VARCHAR AS release, $sha256::VARCHAR AS release_sha256, $created AS created, $software AS software_version",
            facts,
        )


def stored_for_catalogue(lake: Version) -> Mapping[str, StoredView]:
    """The stored results of the views; nothing where many trials lack them, and the views compute."""
    results = lake.results()
    if are_kept(lake.path) and (results.stale or not results.fresh):
        _log.warning(
            "%s: %s without stored results, or changed since: views of the catalogue compute %s; `neurostore refresh "
            "--lake %s` stores them for a catalogue that is written again, which is faster",
            lake.path,
            counted(results.n_stale_trials, "trial"),
            "their rows" if results.is_usable else "every row",
            lake.path,
        )
    if not results.is_usable:
        return {}
    try:
        return lake.stored_results()
    except ResultsChangedError:
        return {}


def _create_views(
    connection: duckdb.DuckDBPyConnection, lake: Version, stored: Mapping[str, StoredView], *, is_newest_always: bool
) -> None:
    """The views. A kept one reads its stored rows where every choice has its default, and otherwise computes.

    DuckDB chooses by name before it plans, so that a client plans nothing of what it does not read: those before 1.4
    plan each step once for each time it is named, and need minutes for subject_summary.
    is_newest_always : whether tables show what the lake will be, so that trials with platforms may come.
    """
    stale = (
        " OR ".join(
            f"(subject = {views.literal(subject)} AND session = {views.literal(session)})"
            for subject, session in lake.results().stale
        )
        if stored
        else ""
    )
    texts = views.texts_for(is_newest_always or bool(lake.named_rows.get("force_plates")), stored=stored)
    for name, view in stored.items():
        rows = stored_rows(connection, lake.results(), view, lake_sql.relation(view.state))
        select = f"SELECT * EXCLUDE (computation) FROM (\n{rows}\n) AS stored"
        texts[f"_computed_{name}"] = texts[name]
        if stale:
            select += f"\nUNION ALL BY NAME\nSELECT * FROM _computed_{name} WHERE {stale}"
        texts[f"_stored_{name}"] = select
        chosen = f"CASE WHEN {kept.has_choices(name)} THEN '_stored_{name}' ELSE '_computed_{name}' END"
        texts[name] = f"SELECT * FROM query_table({chosen})"
    views.register_base(connection)
    for name in views.ordered(texts):
        views.create(connection, name, texts[name])


def _load_delta(connection: duckdb.DuckDBPyConnection) -> None:
    import duckdb

    if connection.execute("SELECT 1 FROM duckdb_functions() WHERE function_name = 'delta_scan'").fetchone():
        return
    try:
        connection.execute("LOAD delta")
    except duckdb.Error as error:
        raise LakeError(
            "DuckDB's delta extension is not installed here: run `INSTALL delta` in DuckDB where there is a network, "
            f"or leave --delta-scan out ({str(error).splitlines()[0]})"
        ) from error
