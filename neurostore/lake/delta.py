"""Delta tables of a lake: open, list files, commit with compare-and-swap, replace rows by key.

Every commit here is strict: it succeeds only as the version after the one it was computed from
(``max_commit_retries=0`` makes deltalake give up instead of rebasing), is computed again otherwise, and ends in
ConflictError when the retries are used up. This holds wherever Delta's log store can put if absent: on a local disk
by hard link, on object stores by conditional put.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from neurostore import schema as declarations
from neurostore import storage
from neurostore.errors import ConflictError, DamagedLakeError, LakeError, VanishedVersionError
from neurostore.lake import contents, foreign, hashes
from neurostore.lake.columns import merged_schema, parquet_options, unify
from neurostore.lake.stored import DataFile as DataFile
from neurostore.lake.stored import Stored
from neurostore.lake.stored import mark_of as mark_of
from neurostore.lake.stored import new_path as new_path
from neurostore.lake.stored import path_of as path_of
from neurostore.release import VERSION

ATTEMPTS = 40
# Logs are kept whole: a lake version can be opened until it is vacuumed.
_CONFIGURATION = {"delta.checkpointInterval": "20", "delta.enableExpiredLogCleanup": "false"}


def stored(table: DeltaTable) -> Stored:
    """What a version of a Delta table stores."""
    return Stored(table.version(), schema_of(table), tuple(files_of(table)))


def create(root: str, table: str, schema: pa.Schema, partition: Sequence[str]) -> None:
    """Create an empty table; nothing happens where it exists, nor when two create it at once."""
    path = storage.join(root, table)
    if not exists(root, table):
        storage.write_whole(
            storage.join(path, "_delta_log", f"{0:020d}.json"), _first_entry(schema, partition), replace=False
        )
    hashes.record_log(root, table, 0)
    storage.sync_folders(root, path)


def _first_entry(schema: pa.Schema, partition: Sequence[str]) -> bytes:
    """The log entry that makes an empty table, as deltalake writes it (it takes ten times as long to)."""
    now_ms = int(time.time() * 1000)
    about = {
        "id": str(uuid.uuid4()),
        "name": None,
        "description": None,
        "format": {"provider": "parquet", "options": {}},
        "schemaString": Schema.from_arrow(schema).to_json(),
        "partitionColumns": list(partition),
        "createdTime": now_ms,
        "configuration": _CONFIGURATION,
    }
    made = {
        "timestamp": now_ms,
        "operation": "CREATE TABLE",
        "operationParameters": {},
        "engineInfo": f"neurostore:{VERSION}",
    }
    entry = [{"commitInfo": made}, {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}, {"metaData": about}]
    return "\n".join(map(json.dumps, entry)).encode()


def open_table(root: str, table: str, version: int | None = None) -> DeltaTable:
    """The Delta table at a version, or the newest.

    Raises
    ------
    VanishedVersionError : the version is not there.  DamagedLakeError : the table is not.
    LakeError : the table has a feature of Delta that this software does not know.
    """
    path = storage.join(root, table)
    try:
        opened = DeltaTable(path, version=version)
        foreign.check_features(path, opened.protocol())
        return opened
    except TableNotFoundError as error:
        if version is not None and exists(root, table):  # the log begins with a later version
            raise VanishedVersionError(f"{path}: version {version} of {table} is no longer there ({error})") from None
        raise DamagedLakeError(f"{path}: the table {table} is missing from the lake ({error})") from None
    except DeltaError as error:
        if version is None:
            raise DamagedLakeError(f"{path}: the log of {table} cannot be read ({error})") from None
        raise VanishedVersionError(f"{path}: version {version} of {table} is not there ({error})") from None
    except OSError as error:
        raise LakeError(f"{path}: the log of {table} cannot be reached ({error})") from error
    except LakeError:
        raise
    except BaseException as error:  # damaged bytes make deltalake raise ValueError, KeyError or a panic of Rust
        if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit | MemoryError):
            raise
        raise DamagedLakeError(
            f"{path}: the log of {table} cannot be read ({error}); `neurostore verify --drop-damaged` repairs logs"
        ) from None


def exists(root: str, table: str) -> bool:
    """Whether the lake has this table."""
    return bool(DeltaTable.is_deltatable(storage.join(root, table)))


def is_newest(root: str, table: str, version: int) -> bool:
    """Whether a version that was opened is still the newest; it takes a hundredth of opening the table again."""
    entry, next_entry = (
        storage.size_of(storage.join(root, table, "_delta_log", f"{v:020d}.json")) for v in (version, version + 1)
    )
    if entry >= 0:  # no version after it was cleaned away
        return next_entry < 0
    return bool(open_table(root, table).version() == version)


def schema_of(table: DeltaTable) -> pa.Schema:
    """The table's columns as pyarrow."""
    return pa.schema(table.schema().to_arrow())


def files_of(table: DeltaTable) -> list[DataFile]:
    """The files that this version of the table names."""
    adds = pa.RecordBatchReader.from_stream(table.get_add_actions(flatten=True)).read_all()  # pa.table loads pandas
    subjects = (
        adds["partition.subject"].to_pylist() if "partition.subject" in adds.column_names else [None] * adds.num_rows
    )
    columns = ("path", "num_records", "size_bytes", "modification_time")
    return [
        DataFile(path, subject, rows, size, modified)
        for (path, rows, size, modified), subject in zip(
            zip(*(adds[c].to_pylist() for c in columns), strict=True), subjects, strict=True
        )
    ]


def ever_added(root: str, table: str) -> set[str]:
    """Paths of all files that any version of the table named, from its whole log and, where that was cleaned, now."""
    now = {f.path for f in files_of(open_table(root, table))}
    return now | {path for text in storage.read_log(storage.join(root, table)) for path in foreign.added_in(text)}


def add_action(file: DataFile, stats: Mapping[str, Any] | None = None, *, data_change: bool = True) -> AddAction:
    """The log entry that adds a file."""
    partition: dict[str, str | None] = {} if file.subject is None else {"subject": file.subject}
    content = json.dumps({"numRecords": file.n_rows, **(stats or {})})
    return AddAction(file.path, file.size, partition, file.modified_ms, data_change, content)


def remove_action(file: DataFile, *, data_change: bool = True) -> RemoveAction:
    """The log entry that removes a file."""
    partition: dict[str, str | None] = {} if file.subject is None else {"subject": file.subject}
    return RemoveAction(file.path, data_change, int(time.time() * 1000), file.size, partition)


@dataclass(slots=True)
class Change:
    """What one commit does. schema is the table's after it; overwrite removes all files and may change types.

    keeps_files : overwrite changes the schema alone; of a table that is partitioned by subject.
    """

    actions: list[AddAction | RemoveAction]
    schema: Schema
    overwrite: bool = False
    keeps_files: bool = False


def commit(
    root: str,
    table: str,
    change_of: Callable[[DeltaTable], Change | None],
    note: Mapping[str, Any] | None = None,
    at: DeltaTable | None = None,
) -> int:
    """Commit what ``change_of`` makes of the newest version, as the very next version; else compute it again.

    at : the newest version that the caller has just opened, which saves opening it again.
    Returns the version committed, or the newest where there was nothing to change.

    Raises
    ------
    ConflictError : other writers won every attempt.  LakeError : the store refused, or another program made the newest version.
    """
    metadata = {foreign.NOTE: json.dumps({"software": VERSION})} | dict(note or {})
    properties = CommitProperties(max_commit_retries=0, custom_metadata=metadata)
    pause = 0.005
    for _ in range(ATTEMPTS):
        newest, at = at or open_table(root, table), None
        foreign.check_entry(root, table, newest.version())
        change = change_of(newest)
        if change is None:
            return newest.version()
        try:
            newest.create_write_transaction(
                change.actions,
                "overwrite" if change.overwrite else "append",
                change.schema,
                newest.metadata().partition_columns,
                [("subject", "=", "")] if change.keeps_files else None,  # matches no row: no key is empty
                commit_properties=properties,
            )
        except (DeltaError, OSError) as error:
            if not _is_committed(root, table, change):
                if not isinstance(error, CommitFailedError):
                    raise LakeError(f"{storage.join(root, table)}: the commit failed: {error}") from error
                time.sleep(pause * (0.5 + random.random()))
                pause = min(2 * pause, 0.5)
                continue
        version = newest.version() + 1
        sync_log(root, table, version)
        return version
    raise ConflictError(
        f"{storage.join(root, table)}: other writers won {ATTEMPTS} times in a row; "
        "repeat the command when they are done"
    )


def _is_committed(root: str, table: str, change: Change) -> bool:
    """Whether a commit that reported an error succeeded nevertheless: its checkpoint failed, or its answer was lost."""
    added = {a.path for a in change.actions if isinstance(a, AddAction)}
    return bool(added) and added <= {f.path for f in files_of(open_table(root, table))}


def add_columns(root: str, table: str, fields: Iterable[pa.Field]) -> DeltaTable:
    """Add nullable columns that the table lacks; two processes may do so at once. Returns the table."""
    fields = list(fields)
    for _ in range(ATTEMPTS):
        newest = open_table(root, table)
        have = set(schema_of(newest).names)
        missing = pa.schema([f.with_nullable(True) for f in fields if f.name not in have])
        if not missing.names:
            return newest
        try:
            newest.alter.add_columns(list(Schema.from_arrow(missing).fields))
        except CommitFailedError:
            time.sleep(0.01 * (0.5 + random.random()))
            continue
        sync_log(root, table, newest.version())
        return open_table(root, table)
    raise ConflictError(f"{storage.join(root, table)}: other writers kept changing its columns; repeat the command")


def sync_log(root: str, table: str, version: int) -> None:
    """Make a commit survive a power cut (deltalake writes its log without fsync), and record its hash."""
    folder = storage.join(root, table, "_delta_log")
    storage.sync_file(storage.join(folder, f"{version:020d}.json"))
    storage.sync_folder(folder)
    hashes.record_log(root, table, version)


def read(root: str, table: str, at: DeltaTable, columns: Sequence[str] | None = None) -> pa.Table:
    """Rows of a small unpartitioned table, columns in the table's order, NULL where a file lacks one."""
    return read_files(root, table, schema_of(at), files_of(at), columns)


def read_files(
    root: str, table: str, schema: pa.Schema, files: Iterable[DataFile], columns: Sequence[str] | None = None
) -> pa.Table:
    """As `read`, of these files of an unpartitioned table."""
    if columns is not None:
        schema = pa.schema([schema.field(c) for c in columns if c in schema.names])
    parts = [_read_file(root, table, f.path, schema) for f in files]
    return pa.concat_tables(parts) if parts else schema.empty_table()


def _read_file(root: str, table: str, path: str, schema: pa.Schema) -> pa.Table:
    full = storage.join(root, table, path)
    try:
        with storage.open_parquet(full) as file:
            names = set(file.schema_arrow.names)
            content = file.read(columns=[n for n in schema.names if n in names])
    except FileNotFoundError:
        raise VanishedVersionError(f"{full}: the file was vacuumed; open a newer version of the lake") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise DamagedLakeError(f"{full}: cannot be read ({error})") from None
    return unify(content, schema)


def replace_rows(
    root: str,
    table: str,
    key: Sequence[str],
    rows: pa.Table | Callable[[DeltaTable], pa.Table],
    *,
    drop: Iterable[tuple[Any, ...]] = (),
    note: Mapping[str, Any] | None = None,
    at: DeltaTable | None = None,
) -> int:
    """Replace the rows of these keys, and drop those of others, in one commit. Returns the version.

    rows : the new rows, or what makes them from the version that is being replaced.
    Files are kept in sizes that grow (a new file takes in every older one not larger than itself), so that a
    commit writes little and a read opens few: at most about log2 of the rows.
    """
    dropped = set(drop)
    written: list[str] = []
    recorded: dict[str, hashes.Entry] = {}

    def change_of(newest: DeltaTable) -> Change | None:
        # files of an attempt that another writer preceded
        storage.delete([storage.join(root, table, p) for p in written])
        written.clear()
        recorded.clear()
        new = rows(newest) if callable(rows) else rows
        schema = merged_schema(schema_of(newest), new.schema)
        overwrite = schema != schema_of(newest)
        full, replaced = _merged(root, table, newest, new, schema, key, dropped)
        actions: list[Any] = [] if overwrite else [remove_action(file) for file in replaced]
        if full.num_rows:
            path = new_path(schema, None)
            full = full.sort_by([(c, "ascending") for c in key])
            digest = storage.write_parquet(storage.join(root, table, path), full, **parquet_options(schema))
            written.append(path)
            recorded[f"{table}/{path}"] = hashes.Entry.of(digest)
            actions.append(add_action(DataFile(path, None, full.num_rows, digest.size, int(time.time() * 1000))))
        if not actions and not overwrite:
            return None
        return Change(actions, Schema.from_arrow(schema), overwrite)

    with storage.named_errors(root, f"writing {table}"):
        try:
            version = commit(root, table, change_of, note, at)
            hashes.record(root, recorded)
            return version
        except (LakeError, OSError):
            live = {f.path for f in files_of(open_table(root, table))}
            storage.delete([storage.join(root, table, p) for p in written if p not in live])
            raise


def _merged(
    root: str,
    table: str,
    newest: DeltaTable,
    new: pa.Table,
    schema: pa.Schema,
    key: Sequence[str],
    dropped: set[tuple[Any, ...]],
) -> tuple[pa.Table, list[DataFile]]:
    """The new rows with the live ones of older files that they replace or take in, and these files."""
    old_schema = schema_of(newest)
    incoming = set(zip(*(new[c].to_pylist() for c in key), strict=True))
    spelled = {n.lower(): n for n in schema.names}
    kept = [unify(new.rename_columns([spelled[n.lower()] for n in new.column_names]), schema)]
    n_kept = new.num_rows
    replaced = []
    for file in sorted(files_of(newest), key=lambda f: f.n_rows):
        keys = _read_file(root, table, file.path, pa.schema([old_schema.field(c) for c in key]))
        listed = list(zip(*(keys[c].to_pylist() for c in key), strict=True))
        stays = [k not in incoming and k not in dropped for k in listed]
        if not any(stays):
            replaced.append(file)
        elif schema != old_schema or file.n_rows <= n_kept or not all(stays):
            part = _read_file(root, table, file.path, old_schema).filter(pa.array(stays, pa.bool_()))
            kept.append(unify(part, schema))
            n_kept += part.num_rows
            replaced.append(file)
    return pa.concat_tables(kept), replaced


def stored_tables(root: str) -> list[str]:
    """Every declared table that has a log, whether a version names it or not; foreign folders are not tables.

    Nor is one whose first entry was being written when its writer died.
    """
    here = (f.path for f in storage.list_files(root, logs=True) if "/_delta_log/" in f.path)
    logged = (path for path in here if not contents.is_strange(path) and not contents.is_temporary(path))
    names = {(declarations.table_of(path), path.partition("/_delta_log/")[0]) for path in logged}
    return sorted(name for name, folder in names if name == folder and name is not None)
