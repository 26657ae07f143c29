"""Which trials a damaged file of a lake held: inferred from what is missing, since the file cannot be read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from neurostore import schema, storage
from neurostore.errors import DamagedLakeError, LakeError
from neurostore.lake import contents, delta, foreign, hashes
from neurostore.lake.version import open as open_lake
from neurostore.trial_key import Key

_KEYS = ["subject", "session", "trial"]


def trials_of(root: str, path: str, journal: hashes.Journal, damaged: Iterable[str]) -> list[Key]:
    """The trials with rows in a damaged file; of a log entry, those in the files that it adds."""
    if path.startswith("_neurostore/") or path.endswith("_last_checkpoint"):
        return []
    table = schema.table_of(path)
    if table is None or schema.table(table).derived:  # damaged results remove no trial
        return []
    if "/_delta_log/" in path:
        return sorted({key for p in _added_by(path, journal) for key in _keys_in(root, f"{table}/{p}")})
    try:
        return short_of_rows(root, table, path, set(damaged))
    except LakeError:  # a log is also damaged
        return sorted(_keys_in(root, path))


def _added_by(path: str, journal: hashes.Journal) -> set[str]:
    entry = journal.files.get(path)
    if entry is None or not entry.copy:
        return set()
    return foreign.added_in(entry.text().decode())


def _keys_in(root: str, path: str) -> set[Key]:
    """The trials whose rows a file holds, where it can be read; for ``subjects``, all trials of the subject."""
    table = schema.table(str(schema.table_of(path)))
    try:
        with storage.open_parquet(storage.join(root, path)) as file:
            columns = [c for c in dict.fromkeys((*_KEYS, table.key[0])) if c in file.schema_arrow.names]
            rows = file.read(columns=columns).to_pylist()
    except (OSError, pa.ArrowException):
        return set()
    if _is_of_many(table):
        column = table.key[0]
        return set(_trials_with(root, column, {r[column] for r in rows}))
    subject = path.partition("subject=")[2].partition("/")[0]
    return {(r.get("subject", subject), r["session"], r["trial"]) for r in rows}


def _is_of_many(table: schema.Table) -> bool:
    """Whether a row of the table is about many trials, such as one about a subject."""
    return not table.is_keyed and table.name != "trials"


def _trials_with(root: str, column: str, values: set[str]) -> list[Key]:
    try:
        rows = open_lake(root).trials_table().to_pylist()
    except LakeError:
        return []
    return [(r["subject"], r["session"], r["trial"]) for r in rows if values & {r.get(column), *_listed(r, column)}]


def _listed(row: dict[str, Any], column: str) -> list[str]:
    return (row["skeletons"] or []) if column == "skeleton" else []


def short_of_rows(root: str, table: str, path: str, damaged: set[str]) -> list[Key]:
    """Trials that name more rows of a table than its sound files hold: their rows were in the damaged one."""
    if schema.table(table).derived:
        return []
    newest = delta.open_table(root, table)
    files = [f for f in delta.files_of(newest) if f"{table}/{f.path}" not in damaged]
    is_named = path in {f"{table}/{f.path}" for f in delta.files_of(newest)}
    if not is_named:
        return sorted(_keys_in(root, path))
    if table == "trials":
        return _lost_trials(root, files)
    lake = open_lake(root)
    rows = lake.trials_table().to_pylist()
    declared = schema.table(table)
    if _is_of_many(declared):
        column = declared.key[0]
        have = _values(root, table, files, column)
        lost = {v for r in rows for v in ({r.get(column)} | set(_listed(r, column))) if v and v not in have}
        return sorted(_trials_with(root, column, lost))
    subject = path.partition("subject=")[2].partition("/")[0]
    held: dict[str, int] = {}
    for file in files:
        if file.subject is None or file.subject == subject:
            for value in _column(root, table, file.path, "ingest_id"):
                held[value] = held.get(value, 0) + 1
    short = []
    for row in rows:
        named = dict(row["table_rows"] or []).get(table, 0)
        is_here = not subject or row["subject"] == subject
        if is_here and held.get(row["ingest_id"], 0) < named:
            short.append((row["subject"], row["session"], row["trial"]))
    return sorted(short)


def _lost_trials(root: str, sound: list[delta.DataFile]) -> list[Key]:
    """Trials that occur in older files of ``trials`` or in other tables, but not in its sound files."""
    kept = {key for f in sound for key in _keys_in(root, f"trials/{f.path}")}
    known: set[Key] = set()
    for name in delta.stored_tables(root):
        if _is_of_many(schema.table(name)) or schema.table(name).derived:
            continue
        for file in contents.own_files(root, name):
            if file.path.endswith(".parquet"):
                known |= _keys_in(root, f"{name}/{file.path}")
    return sorted(known - kept)


def _column(root: str, table: str, path: str, column: str) -> list[str]:
    full = storage.join(root, table, path)
    try:
        with storage.open_parquet(full) as file:
            return file.read(columns=[column])[column].to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise DamagedLakeError(f"{full}: cannot be read ({error})") from error


def _values(root: str, table: str, files: list[delta.DataFile], column: str) -> set[str]:
    return {v for f in files for v in _column(root, table, f.path, column)}
