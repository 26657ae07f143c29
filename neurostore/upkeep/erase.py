"""Forgetting a person: no table, version, log, statistic or path of the lake has them afterwards.

What happens, in this order, under the lake's lock:

1. a tombstone, so that the same recordings are not taken in again;
2. the trials leave ``trials``: from here on no reader sees the subject;
3. the rows leave every other table, and the new versions are named;
4. every table's log is replaced by one checkpoint of its newest version, and every file that version does not name is
   deleted: older versions of the lake end here;
5. the record of hashes is written anew.

Killed anywhere, the lake opens and a repeat of the command goes on.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from neurostore import schema, storage
from neurostore.errors import ConflictError, LakeError, UsageError
from neurostore.lake import commit, delta, hashes, heartbeat, outputs, tombstones, writing
from neurostore.lake.version import check_marker
from neurostore.lake.version import open as open_lake
from neurostore.release import VERSION
from neurostore.upkeep import erase_files

_KEYS = ("subject", "session", "trial")
_FORGET = {
    "delta.deletedFileRetentionDuration": "interval 0 seconds",
    "delta.logRetentionDuration": "interval 0 seconds",
}
_REMEMBER = {
    "delta.deletedFileRetentionDuration": "interval 1 week",
    "delta.logRetentionDuration": "interval 30 days",
}


@dataclass(slots=True)
class Receipt:
    """What was erased, without saying who.

    outside : files noted as written from this lake, for the user to look through; not kept in the lake.
    """

    receipt: str
    time: str
    lake_version: int
    software_version: str
    n_trials: int = 0
    n_rows: int = 0
    n_files: int = 0
    n_bytes: int = 0
    n_matrices: int = 0
    n_other_files: int = 0
    outside: list[str] = field(default_factory=list)


def erase(lake_path: object, subject: str) -> Receipt:
    """Erase a subject from a lake, from all of its versions.

    Raises
    ------
    UsageError : the lake has no such subject, and has erased none of that key.
    ConflictError : an ingest or a compaction runs, or another process holds the lake.
    LakeError : no permission, the disk is full; repeat the command.
    """
    root = storage.resolve(lake_path)
    check_marker(root)
    schema.check_key("subject", subject)
    if storage.keeps_old_versions(root):
        raise LakeError(
            f"{root}: its bucket keeps versions of what is deleted, so nothing would be gone: have the older versions "
            "and the versioning removed by whoever keeps the bucket, then repeat the command"
        )
    _check_nobody_writes(root)
    with writing.writing(root, "erase"), storage.named_errors(root, "erasing"):
        tables = _tables(root)
        if not _is_there(root, subject, tables) and tombstones.read(root).of_subject(subject) is None:
            known = sorted(set(open_lake(root).trials_table()["subject"].to_pylist()))
            raise UsageError(f"no subject {subject!r} in this lake; there are {', '.join(known[:20]) or 'none'}")
        receipt = Receipt(uuid.uuid4().hex, datetime.now(UTC).isoformat(timespec="seconds"), 0, VERSION)
        storage.write_json(storage.join(root, "_neurostore", "erasing.json"), {"since": receipt.time})
        tombstones.add(root, subject, _sources(root, subject))
        _check_nobody_writes(root)  # whoever staged before the stone stood had said so before
        _take_out(root, subject, tables, receipt)
        receipt.lake_version = _forget_history(root, subject, tables, receipt)
        receipt.n_matrices, receipt.n_other_files = erase_files.erase_from_files(root, subject)
        receipt.outside = _outside(root, subject)
        writing.adopt(root)
        kept = {k: v for k, v in asdict(receipt).items() if k != "outside"}
        storage.write_json(storage.join(root, "_neurostore", "erasures", f"{receipt.receipt}.json"), kept)
        storage.delete([storage.join(root, "_neurostore", "erasing.json")])
    return receipt


def _check_nobody_writes(root: str) -> None:
    if heartbeat.running_since(root) < float("inf"):
        raise ConflictError(
            f"{root}: an ingest or a compaction is running and may hold the subject's data; "
            "wait for it or end it, then repeat the command"
        )


def _tables(root: str) -> list[str]:
    return [t for t in delta.stored_tables(root) if t != "trials"]


def _is_there(root: str, subject: str, tables: Iterable[str]) -> bool:
    lake = open_lake(root)
    named = set(lake.trials_table()["subject"].to_pylist())
    named |= set(delta.read(root, "subjects", delta.open_table(root, "subjects"), ["subject"])["subject"].to_pylist())
    return subject in named or any(storage.exists(storage.join(root, t, f"subject={subject}")) for t in tables)


def _sources(root: str, subject: str) -> set[str]:
    """SHA-256 of every recording of the subject that any version still on disk names."""
    found: set[str] = set()
    for file in storage.list_files(storage.join(root, "trials")):
        path = storage.join(root, "trials", file.path)
        with suppress(OSError, pa.ArrowException), storage.open_parquet(path) as opened:
            rows = opened.read(columns=["subject", "source_sha256"]).to_pylist()
            found |= {r["source_sha256"] for r in rows if r["subject"] == subject}
    return found


def _take_out(root: str, subject: str, tables: Iterable[str], receipt: Receipt) -> None:
    """Steps 2 and 3."""
    lake = open_lake(root)
    rows = lake.trials_table().select(list(_KEYS)).to_pylist()
    gone = {(r["subject"], r["session"], r["trial"]) for r in rows if r["subject"] == subject}
    receipt.n_trials = len(gone)
    named = lake.table_versions
    if gone:
        delta.replace_rows(root, "trials", _KEYS, _no_rows, drop=gone)
    for table in tables:
        receipt.n_rows += _remove_rows(root, table, subject)
        _set_properties(root, table, _FORGET)
    newest = {t: delta.open_table(root, t).version() for t in named}
    commit.name_versions(root, newest, "erase")


def _no_rows(newest: Any) -> pa.Table:
    return delta.schema_of(newest).empty_table()


def _remove_rows(root: str, table: str, subject: str) -> int:
    """Take the subject's rows out of the newest version of a table. Returns how many they were."""
    from deltalake import Schema

    columns = schema.table(table)
    at = delta.open_table(root, table)
    if columns.partition:
        gone = [f for f in delta.files_of(at) if f.subject == subject]

        def change_of(newest: Any) -> delta.Change | None:
            actions: list[Any] = [delta.remove_action(f) for f in gone]
            return delta.Change(actions, Schema.from_arrow(delta.schema_of(newest))) if gone else None

        delta.commit(root, table, change_of)
        return sum(f.n_rows for f in gone)
    if "subject" not in delta.schema_of(at).names:
        return 0
    n = delta.read(root, table, at, ["subject"])["subject"].to_pylist().count(subject)
    if n:
        delta.replace_rows(root, table, ("subject",), _no_rows, drop={(subject,)})
    return n


def _set_properties(root: str, table: str, properties: dict[str, str]) -> None:
    at = delta.open_table(root, table)
    at.alter.set_table_properties(properties)
    delta.sync_log(root, table, at.version())


def _forget_history(root: str, subject: str, tables: list[str], receipt: Receipt) -> int:
    """Step 4: the newest version of each table is all there is. Returns the lake's version."""
    _set_properties(root, "trials", _FORGET)
    everything = ["trials", *tables]
    newest = {t: delta.open_table(root, t) for t in everything}
    kept = {t: {f.path for f in delta.files_of(at)} for t, at in newest.items()}
    hashes.forget(root, {f"{t}/{p}" for t, paths in kept.items() for p in paths})
    marker = {"oldest_version": newest["trials"].version(), "time": receipt.time}
    storage.write_json(storage.join(root, "_neurostore", "vacuumed.json"), marker)
    time.sleep(0.01)  # removals are forgotten when they are older than nothing
    for table, at in newest.items():
        at.create_checkpoint()
        version = f"{at.version():020d}"
        own = {f"{version}.json", f"{version}.checkpoint.parquet", "_last_checkpoint"}
        folder = storage.join(root, table)
        log = [f.path for f in storage.list_files(storage.join(folder, "_delta_log"), logs=True) if f.path not in own]
        storage.sync_file(storage.join(folder, "_delta_log", f"{version}.checkpoint.parquet"))
        storage.delete([storage.join(folder, "_delta_log", name) for name in log])
        old = [f for f in storage.list_files(folder) if f.path not in kept[table]]
        receipt.n_files += storage.delete([storage.join(folder, f.path) for f in old])
        receipt.n_bytes += sum(f.size for f in old)
        with suppress(OSError):
            os.rmdir(storage.join(folder, f"subject={subject}"))
    for table in everything:
        _set_properties(root, table, _REMEMBER)
    return delta.open_table(root, "trials").version()


def _outside(root: str, subject: str) -> list[str]:
    """Files written from this lake, as noted; notes whose path names the subject are removed."""
    listed = []
    for path, said in outputs.noted(root).items():
        listed += [f"{said['kind']}, {said['time']}: {p}" for p in said["paths"]]
        if any(subject in p for p in said["paths"]):
            storage.delete([storage.join(root, path)])
    return listed
