"""Erasing a person: afterwards no table, version, log, statistic or path of the lake contains them.

What happens, in this order, under the lake's lock:

1. the erasure is announced in ``_neurostore/erasing/``, with the key, until it is done;
2. a tombstone, so that the same recordings are not taken in again;
3. the person is removed from files beside the tables, while the tables still show what to look for;
4. the rows leave every table but ``trials``, in versions that no reader sees yet;
5. the trials leave ``trials`` in the commit that names these versions: from here on no reader sees anything of the subject.
   The rows leave every release, which keeps the rows of everybody else and records that a person was erased;
6. every table's log is replaced by one checkpoint of its newest version, and every file that neither that version nor a
   release names is deleted: older versions of the lake can no longer be opened;
7. the record of hashes is rewritten.

If the command is killed at any point, the lake opens, and the next command that writes to it finishes the erasure.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from neurostore import progress, schema, storage
from neurostore.errors import ConflictError, LakeError, UsageError
from neurostore.lake import commit, contents, delta, hashes, heartbeat, outputs, releases, tombstones, writing
from neurostore.lake.marker import check_marker
from neurostore.lake.version import open as open_lake
from neurostore.release import VERSION
from neurostore.sql import spill
from neurostore.storage import temporary
from neurostore.upkeep import erase_columns, erase_files, erase_releases, erase_texts, traces
from neurostore.upkeep.search import search

_KEYS = ("subject", "session", "trial")
ANNOUNCED = "_neurostore/erasing"
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
    """What was erased, without the name of the person.

    outside : files noted as written from this lake, for the user to look through.  remaining : files within the lake's folder that contain the person, or may, and that we must not delete. Neither is stored in the lake.
    n_texts : other people in the decisions on whom the person was named, by key or name, which is ``(erased)`` there now.
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
    n_texts: int = 0
    outside: list[str] = field(default_factory=list)
    remaining: list[str] = field(default_factory=list)


def erase(lake_path: object, subject: str) -> Receipt:
    """Erase a subject from a lake, from all of its versions.

    Raises
    ------
    UsageError : the lake has no such subject, and has erased none of that key.
    ConflictError : an ingest, a compaction or a release runs, or another process holds the lake.
    LakeError : no permission, the disk is full; repeat the command.
    """
    root = storage.resolve(lake_path)
    check_marker(root)
    schema.check_key("subject", subject)
    if storage.keeps_old_versions(root):
        raise LakeError(
            f"{root}: its bucket keeps versions of what is deleted, so nothing would be gone: have the older versions "
            "and the versioning removed by the owner of the bucket, then repeat the command"
        )
    _check_nobody_writes(root)
    progress.tell("erasing and searching every file")
    with writing.writing(root, "erase"), storage.named_errors(root, "erasing"):
        if subject not in check_subject(root, subject):
            content = {"subject": subject, "since": _now()}
            storage.write_json(storage.join(root, ANNOUNCED, f"{uuid.uuid4().hex}.json"), content)
        receipts = _finish(root)
        storage.delete([storage.join(root, "_neurostore", "erasing.json")])  # written by older software, without a name
    return receipts[subject]


def check_subject(lake_path: object, subject: str) -> set[str]:
    """The subjects whose erasure has begun. Raises UsageError if a lake neither has this one nor has erased it."""
    root = storage.resolve(lake_path)
    check_marker(root)
    begun = set(unfinished(root).values())
    is_known = subject in begun or tombstones.read(root).of_subject(subject) is not None
    if not is_known and not _is_there(root, subject, _tables(root)):
        known = sorted(set(open_lake(root).trials_table()["subject"].to_pylist()))
        raise UsageError(f"no subject {subject!r} in this lake; there are {', '.join(known[:20]) or 'none'}")
    return begun


def announced(root: str) -> list[str]:
    """Paths of the announcements of erasures that are not done."""
    files = contents.own_files(root, ANNOUNCED)
    return sorted(storage.join(root, ANNOUNCED, f.path) for f in files if f.path.endswith(".json"))


def unfinished(root: str) -> dict[str, str]:
    """Erasures that were announced and are not done: the subject by the path of the announcement.

    Raises DamagedLakeError if an announcement is damaged: it may name another person.
    """
    read = {path: storage.read_json(path) for path in announced(root)}
    return {path: str(one["subject"]) for path, one in read.items() if one is not None}


def finish_erasures(lake_path: object) -> int:
    """Finish an erasure that was interrupted, unless another process is writing. Returns how many.

    Every command that writes begins with it.
    """
    root = storage.resolve(lake_path)
    if not unfinished(root) or heartbeat.running_since(root) < float("inf"):
        return 0
    with writing.writing(root, "finishing an erasure"), storage.named_errors(root, "erasing"):
        return len(_finish(root))


def _finish(root: str) -> dict[str, Receipt]:
    """Do every erasure that is announced. Under the lake's lock."""
    receipts = {}
    for path, subject in unfinished(root).items():
        receipts[subject] = _erase_one(root, subject)
        storage.delete([path])
    return receipts


def _erase_one(root: str, subject: str) -> Receipt:
    receipt = Receipt(uuid.uuid4().hex, _now(), 0, VERSION)
    person = traces.of_person(root, subject)
    tombstones.add(root, subject, person.sources)  # a recording that is also another person's stays allowed
    _check_nobody_writes(root)  # a worker that staged files before the tombstone was written has announced itself
    done = erase_files.erase_from_files(root, person)
    receipt.n_matrices, receipt.n_other_files, receipt.remaining = done.n_matrices, done.n_deleted, done.remaining
    tables = _tables(root)
    _take_out(root, person, tables, receipt)
    erase_releases.erase_from_releases(root, person)
    receipt.lake_version = _forget_history(root, subject, tables, receipt)
    receipt.outside = _outside(root, person) + _elsewhere(root, person)
    writing.adopt(root)
    kept = {k: v for k, v in asdict(receipt).items() if k not in ("outside", "remaining")}
    storage.write_json(storage.join(root, "_neurostore", "erasures", f"{receipt.receipt}.json"), kept)
    _sweep_temporary(root)
    receipt.remaining += own_files_with(root, person)
    return receipt


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _sweep_temporary(root: str) -> None:
    """Files that were being written when a process was killed; no other process is writing now."""
    files = storage.list_files(root, logs=True)
    storage.delete([storage.join(root, f.path) for f in files if contents.is_temporary(f.path)])


def own_files_with(root: str, person: traces.Traces) -> list[str]:
    """The lake's own files whose decoded contents still contain a person; there should be none.

    Data files of other people, which are partitioned by subject, are not read again: their rows were not touched.
    """
    if storage.is_remote(root):
        return []
    sentences = []
    for file in storage.list_files(root, logs=True):
        is_announced = file.path.startswith(f"{ANNOUNCED}/")
        if contents.is_strange(file.path) or "/subject=" in file.path or is_announced:
            continue
        if file.path.startswith(f"{hashes.FOLDER}/"):
            continue
        if search(Path(storage.join(root, file.path)), person) == "holds":
            sentences.append(f"{file.path} holds data of the person")
    copies = ((p, e.text()) for p, e in hashes.read(root).files.items() if e.copy)
    sentences += [f"the record of {p} holds data of the person" for p, text in copies if person.are_in_text(text)]
    return sentences


def _check_nobody_writes(root: str) -> None:
    if heartbeat.running_since(root) < float("inf"):
        raise ConflictError(
            f"{root}: an ingest, a compaction or a release is running and may hold the subject's data; "
            "wait for it or end it, then repeat the command"
        )


def _tables(root: str) -> list[str]:
    return [t for t in delta.stored_tables(root) if t != "trials"]


def _is_there(root: str, subject: str, tables: Iterable[str]) -> bool:
    lake = open_lake(root)
    named = set(lake.trials_table()["subject"].to_pylist())
    named |= {name for release in releases.every(root) for name in release.people}
    named |= set(delta.read(root, "subjects", delta.open_table(root, "subjects"), ["subject"])["subject"].to_pylist())
    return subject in named or any(storage.exists(storage.join(root, t, f"subject={subject}")) for t in tables)


def _take_out(root: str, person: traces.Traces, tables: Sequence[str], receipt: Receipt) -> None:
    """Steps 4 and 5, but for the releases."""
    lake, subject = open_lake(root), person.subject
    rows = lake.trials_table().select(list(_KEYS)).to_pylist()
    gone = {(r["subject"], r["session"], r["trial"]) for r in rows if r["subject"] == subject}
    receipt.n_trials = len(gone)
    others: set[str] = set()
    if erase_texts.TABLE in tables:
        others = erase_texts.erase_from_decisions(root, person, lake.table_versions.get(erase_texts.TABLE))
    receipt.n_texts = len(others)
    for table in tables:
        receipt.n_rows += _remove_rows(root, table, subject)
        for other in others if schema.table(table).derived else ():  # refresh computes these results again
            _remove_rows(root, table, other)
        erase_columns.drop_columns_of_nobody(root, table)
        _set_properties(root, table, _FORGET)
    trials = delta.read(root, "trials", delta.open_table(root, "trials"))
    erase_columns.drop_skeletons_of_nobody(root, trials.filter(pc.not_equal(trials["subject"], subject)))
    newest = {t: delta.open_table(root, t).version() for t in lake.table_versions}
    commit.name_versions(root, newest, "erase", drop=gone)
    erase_columns.drop_columns_of_nobody(root, "trials")


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
    """Step 4: only the newest version of each table remains. Returns the lake's version."""
    _set_properties(root, "trials", _FORGET)
    everything = ["trials", *tables]
    newest = {t: delta.open_table(root, t) for t in everything}
    kept = {t: {f.path for f in delta.files_of(at)} for t, at in newest.items()}
    for path in releases.held_files(root):
        table = str(schema.table_of(path))
        kept.setdefault(table, set()).add(path[len(table) + 1 :])
    hashes.forget(root, {f"{t}/{p}" for t, paths in kept.items() for p in paths})
    marker = {"oldest_version": newest["trials"].version(), "time": receipt.time}
    storage.write_json(storage.join(root, "_neurostore", "vacuumed.json"), marker)
    time.sleep(0.01)  # so that removals are older than the retention of 0 s, and are forgotten
    for table, at in newest.items():
        at.create_checkpoint()
        version = f"{at.version():020d}"
        own = {f"{version}.json", f"{version}.checkpoint.parquet", "_last_checkpoint"}
        folder = storage.join(root, table)
        log = [f.path for f in contents.own_files(root, f"{table}/_delta_log", logs=True) if f.path not in own]
        storage.sync_file(storage.join(folder, "_delta_log", f"{version}.checkpoint.parquet"))
        storage.delete([storage.join(folder, "_delta_log", name) for name in log])
        old = [
            f
            for f in storage.list_files(folder)
            if f.path not in kept[table] and not contents.is_strange(f"{table}/{f.path}")
        ]
        receipt.n_files += storage.delete([storage.join(folder, f.path) for f in old])
        receipt.n_bytes += sum(f.size for f in old)
        with suppress(OSError):
            os.rmdir(storage.join(folder, f"subject={subject}"))
    for table in everything:
        _set_properties(root, table, _REMEMBER)
    return delta.open_table(root, "trials").version()


def _elsewhere(root: str, person: traces.Traces) -> list[str]:
    """Delete what killed processes left outside the lake; files that living ones are writing there are listed.

    These are DuckDB's spill files in the user's cache, folders of ours in the machine's temporary folder (listed if the
    person is in them), and temporary files beside everything that was written from this lake.
    """
    temporary.sweep()
    spilled = spill.living()
    scratches = [p for p in temporary.scratches() if _holds(p, person)]
    begun = {p for note in outputs.noted(root).values() for path in note["paths"] for p in temporary.begun_for(path)}
    for path in sorted(begun):
        if temporary.is_abandoned(path):
            temporary.remove(path)
    written = [f"is being written by another process: {p}" for p in (*sorted(begun), *scratches) if p.exists()]
    return written + [f"spill file of a running query; it is deleted when the query ends: {p}" for p in spilled]


def _holds(folder: Path, person: traces.Traces) -> bool:
    """Whether files of a folder that another process writes and deletes as it likes hold a person, or may."""
    for where, _, names in os.walk(folder):  # passes over folders that have gone
        for name in names:
            path = Path(where, name)
            with suppress(OSError):
                if path.is_file() and search(path, person) != "holds nothing":
                    return True
    return False


def _outside(root: str, person: traces.Traces) -> list[str]:
    """Files written from this lake, as noted; notes whose path names the subject are removed."""
    listed = []
    for path, note in outputs.noted(root).items():
        time = datetime.fromisoformat(note["time"]).isoformat(timespec="seconds")
        listed += [f"{note['kind']}, {time}: {p}" for p in note["paths"]]
        if any(person.are_in_text(p.encode()) for p in note["paths"]):
            storage.delete([storage.join(root, path)])
    return listed
