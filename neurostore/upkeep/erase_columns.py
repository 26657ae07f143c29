"""Columns and skeletons that nobody has any more: names that came only with the erased person's data may identify them."""

from __future__ import annotations

import time
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from neurostore import schema, storage
from neurostore.lake import delta, hashes
from neurostore.lake.columns import parquet_options


def drop_columns_of_nobody(root: str, table: str) -> None:
    """Take undeclared columns in which no row has a value out of a table's schema, and out of its files.

    Of a table that is partitioned by subject, a column is removed if no file has it; the files stay as they are.
    """
    at = delta.open_table(root, table)
    if not _empty(root, table, at):
        return
    is_partitioned = bool(schema.table(table).partition)
    written: list[str] = []
    recorded: dict[str, hashes.Entry] = {}

    def change_of(newest: Any) -> delta.Change | None:
        # files of an attempt that another writer preceded
        storage.delete([storage.join(root, table, p) for p in written])
        written.clear()
        recorded.clear()
        gone = _empty(root, table, newest)
        if not gone:
            return None
        kept = pa.schema([f for f in delta.schema_of(newest) if f.name not in gone])
        actions: list[Any] = []
        if not is_partitioned:
            rows = delta.read(root, table, newest, kept.names)
            path = delta.new_path(kept, None)
            digest = storage.write_parquet(storage.join(root, table, path), rows, **parquet_options(kept))
            written.append(path)
            recorded[f"{table}/{path}"] = hashes.Entry.of(digest)
            now_ms = int(time.time() * 1000)
            actions.append(delta.add_action(delta.DataFile(path, None, rows.num_rows, digest.size, now_ms)))
        return delta.Change(actions, delta.Schema.from_arrow(kept), overwrite=True, keeps_files=is_partitioned)

    delta.commit(root, table, change_of)
    hashes.record(root, recorded)


def drop_skeletons_of_nobody(root: str, trials: pa.Table) -> None:
    """Take the joints of skeletons that no trial has out of ``skeletons``."""
    used = {s for row in trials.select(["skeleton", "skeletons"]).to_pylist() for s in _skeletons(row)}
    at = delta.open_table(root, "skeletons")
    described = set(delta.read(root, "skeletons", at, ["skeleton"])["skeleton"].to_pylist())
    gone = {(name,) for name in described - used}
    if gone:
        none = delta.schema_of(at).empty_table()
        delta.replace_rows(root, "skeletons", ("skeleton",), none, drop=gone)


def _skeletons(row: dict[str, Any]) -> set[str]:
    return {s for s in (row["skeleton"], *(row["skeletons"] or ())) if s}


def _empty(root: str, table: str, at: Any) -> set[str]:
    """Undeclared columns of a table that have no value."""
    if schema.table(table).derived:  # its columns are those of a view and name no person
        return set()
    declared = {c.name.lower() for c in schema.table(table).columns}
    further = [n for n in delta.schema_of(at).names if n.lower() not in declared and n.lower() != "subject"]
    if not further:
        return set()
    if not schema.table(table).partition:
        rows = delta.read(root, table, at, further)
        return {n for n in further if not pc.any(pc.is_valid(rows[n])).as_py()}
    present: set[str] = set()
    layouts: set[str] = set()
    for file in delta.files_of(at):
        if file.layout not in layouts:  # files of one layout have the same columns
            layouts.add(file.layout)
            with storage.open_parquet(storage.join(root, table, file.path)) as opened:
                present |= {n.lower() for n in opened.schema_arrow.names}
    return {n for n in further if n.lower() not in present}
