"""Copies of a version of a lake: plain Parquet, or a DuckDB file of views."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from neurostore import schema, storage
from neurostore.errors import DamagedLakeError, LakeError, UsageError
from neurostore.lake import columns, delta
from neurostore.lake import tables as lake_sql
from neurostore.lake.releases import state_facts
from neurostore.lake.version import Version
from neurostore.lake.version import open as open_lake
from neurostore.release import VERSION
from neurostore.storage import temporary

_OF_PYTHON = ("dtw_distance(a, b, band := NULL)", "soft_dtw(a, b, gamma)")
_NOT_HERE = "is a function of Python and not in this file: use neurostore.open(lake).connect(), or neurostore distances"
STORAGE_VERSION = "v1.0.0"  # storage version of DuckDB files: the oldest, which every DuckDB 1.x reads


def export_lake(lake_path: object, folder: object, version: int | None = None, release: str | None = None) -> Path:
    """Write one version, or a release, as plain Parquet, partitioned by subject, with live rows only. Returns the folder.

    Every file of a table has all its columns, ``subject`` too, so that
    ``read_parquet('DIR/landmarks/**/*.parquet', hive_partitioning = true)`` needs nothing else. It is written beside
    the target and renamed when complete.

    Raises
    ------
    UsageError : the folder exists and is not empty.  LakeError : the disk is full, no permission.
    """
    lake = open_lake(lake_path, version, release)
    resolved = storage.resolve(folder)
    if storage.is_remote(resolved):
        raise UsageError(f"{resolved}: an export is written to a folder; copy it to the store from there")
    target = Path(resolved)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target}: exists and is not empty; name a new folder")
    with storage.named_errors(str(target), "export"):
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.replacing(target, is_folder=True) as work:
            for name in lake.tables():
                _export_table(lake, name, work)
            facts = {**state_facts(lake), "exported": _now(), "software_version": VERSION}
            storage.write_json(str(work / "export.json"), facts)
    return target


def _export_table(lake: Version, name: str, work: Path) -> None:
    state = lake.table_state(name)
    live = pa.array(lake.ingest_ids(), pa.string())
    options = {**columns.parquet_options(state.schema), "store_schema": True}
    if not schema.table(name).is_keyed and state.version >= 0:
        table = delta.read_files(lake.path, name, state.schema, state.files)
        storage.write_parquet(str(work / name / f"{name}.parquet"), table, **options)
        return
    n_written = 0
    for file in state.files:
        path = state.path(file)
        try:
            with storage.open_parquet(path) as opened:
                rows = opened.read()
        except (FileNotFoundError, pa.ArrowInvalid) as error:
            raise DamagedLakeError(f"{path}: cannot be read ({error})") from error
        if file.subject is not None:
            rows = rows.append_column("subject", pa.repeat(pa.scalar(file.subject), rows.num_rows))
        if state.is_dirty:
            rows = rows.filter(pc.is_in(rows["ingest_id"], value_set=live))
        if rows.num_rows:
            within = work / name / (f"subject={file.subject}" if file.subject is not None else "")
            storage.write_parquet(
                str(within / f"{n_written:06d}.parquet"), columns.unify(rows, state.schema), **options
            )
            n_written += 1
    if not n_written:  # an empty table still has its columns
        storage.write_parquet(str(work / name / "empty.parquet"), state.schema.empty_table(), **options)


def catalogue_file(
    lake_path: object,
    file: object,
    version: int | None = None,
    *,
    release: str | None = None,
    delta_scan: bool = False,
) -> Path:
    """Write a .duckdb file with the tables and views of one lake version, for other DuckDB clients. Returns its path.

    The views read the exact files of that version where the lake is now; the table ``neurostore_lake`` says which. The
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

    from neurostore.sql import views

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
                connection.execute(f"CREATE TABLE {lake_sql.LIVE}")
        views.register(connection)
        for call in _OF_PYTHON:
            connection.execute(f"CREATE MACRO {call} AS error('{call.split('(')[0]} {_NOT_HERE}')")
        facts = {
            "path": lake.path,
            "version": None if delta_scan else lake.version,
            "release": lake.released.name if lake.released else None,
            "sha256": lake.released.content_sha256 if lake.released else None,
            "created": _now(),
            "software": VERSION,
        }
        connection.execute(
            "CREATE TABLE neurostore_lake AS SELECT $path AS path, $version::BIGINT AS version, "
            "$release::VARCHAR AS release, $sha256::VARCHAR AS release_sha256, $created AS created, $software AS software_version",
            facts,
        )


def _load_delta(connection: object) -> None:
    import duckdb

    if connection.execute("SELECT 1 FROM duckdb_functions() WHERE function_name = 'delta_scan'").fetchone():  # type: ignore[attr-defined]
        return
    try:
        connection.execute("LOAD delta")  # type: ignore[attr-defined]
    except duckdb.Error as error:
        raise LakeError(
            "DuckDB's delta extension is not installed here: run `INSTALL delta` in DuckDB where there is a network, "
            f"or leave --delta-scan out ({str(error).splitlines()[0]})"
        ) from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
