"""Repairing a lake: damaged log entries are restored, damaged data files are removed with all their trials."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from neurostore import schema, storage
from neurostore.errors import DamagedLakeError, LakeError
from neurostore.lake import checked, commit, delta, foreign, hashes, keep, writing
from neurostore.lake.version import open as open_lake
from neurostore.trial_key import Key
from neurostore.upkeep import small_files
from neurostore.upkeep.damage import short_of_rows
from neurostore.upkeep.erase import finish_erasures
from neurostore.upkeep.verify import Verification, current_files, verify

_KEYS = ("subject", "session", "trial")


@dataclass(frozen=True, slots=True)
class Dropped:
    """What :func:`drop_damaged` did.

    trials : removed, to be ingested again. restored : from copies, or rebuilt.
    remarks : sentences about what the user is to know or do.
    """

    version: int
    trials: tuple[Key, ...]
    files: tuple[str, ...]
    restored: tuple[str, ...]
    remarks: tuple[str, ...] = ()


@checked.off()
def drop_damaged(lake_path: object, verification: Verification | None = None) -> Dropped:
    """Restore damaged log entries, and remove damaged data files with all their trials from the lake.

    Ingesting the sources again brings the trials back. What another program did to a table meanwhile is undone.

    Raises
    ------
    DamagedLakeError : a log is damaged and no copy of it is left, or lake.json or tombstones.json is.
    """
    root = storage.resolve(lake_path)
    verification = verification or verify(root)
    with _repairing(root):
        small, remarks = small_files.repair(root, [d.path for d in verification.damaged])
    if finish_erasures(root):
        verification = verify(root)
    with _repairing(root):
        journal = hashes.read(root)
        paths = [d.path for d in verification.damaged if d.path not in small]
        restored = _restore(root, [p for p in paths if "/_delta_log/" in p or p.startswith("_neurostore/")], journal)
        if taken := _take_back(root):
            remarks += [f"another program's change was undone: {path}" for path in taken]
            verification = verify(root)
        dead = {p for d in verification.damaged if (p := d.path).endswith(".parquet") and "/_delta_log/" not in p}
        lost = _take_out(root, dead)
        known = hashes.read(root).files
        hashes.forget(root, known.keys() - dead)
        storage.delete([storage.join(root, p) for p in dead])
        writing.adopt(root)  # record the files that a damaged segment listed
        version = open_lake(root).version
        return Dropped(version, tuple(sorted(lost)), tuple(sorted(dead)), (*small, *restored), tuple(remarks))


@contextmanager
def _repairing(root: str) -> Iterator[None]:
    doing = "dropping damaged files"
    with writing.writing(root, doing, is_repair=True), storage.named_errors(root, doing):
        yield


def _take_back(root: str) -> list[str]:
    """Undo what other programs did to tables since the last entry of ours. Paths of their entries."""
    taken = [path for table in delta.stored_tables(root) for path in foreign.take_back(root, table)]
    hashes.forget(root, hashes.read(root).files.keys() - set(taken))
    return [path for path in taken if "/_delta_log/" in path]


def _take_out(root: str, dead: set[str]) -> set[Key]:
    """Take damaged data files out of their tables, and the trials that had rows in them out of the lake."""
    current = current_files(root)
    lost: set[Key] = set()
    for path in sorted(dead & current):
        lost |= set(short_of_rows(root, _table_of(path), path, dead))
    tables = sorted({_table_of(p) for p in dead & current}, key=lambda t: t != "trials")
    if "trials" in tables:
        _remove(root, "trials", dead)
    if any(schema.table(table).derived for table in tables):
        keep.keep_rows(root, lambda row: False)  # `neurostore refresh` computes them again
    if lost:
        delta.replace_rows(root, "trials", _KEYS, _no_rows, drop=lost)
    for table in tables:
        if table != "trials":
            _remove(root, table, dead)
    named = open_lake(root).table_versions
    newest = {t: delta.open_table(root, t).version() for t in named}
    if tables or newest != named:  # or an earlier repair was interrupted before it named them
        commit.name_versions(root, newest, "drop damaged files")
    return lost


def _table_of(path: str) -> str:
    table = schema.table_of(path)
    if table is None:
        raise DamagedLakeError(f"{path}: the file is in no table of a lake")
    return table


def _no_rows(newest: Any) -> pa.Table:
    return delta.schema_of(newest).empty_table()


def _remove(root: str, table: str, dead: set[str]) -> None:
    from deltalake import Schema

    def change_of(newest: Any) -> delta.Change | None:
        gone = [delta.remove_action(f) for f in delta.files_of(newest) if f"{table}/{f.path}" in dead]
        return delta.Change(list(gone), Schema.from_arrow(delta.schema_of(newest))) if gone else None

    delta.commit(root, table, change_of)


def _restore(root: str, paths: list[str], journal: hashes.Journal) -> list[str]:
    """Restore log entries from their copies, write checkpoints again, and drop damaged segments."""
    restored = []
    anew = set()
    for path in sorted(paths, key=lambda p: not p.endswith(".json")):
        full = storage.join(root, path)
        entry = journal.files.get(path)
        if path.startswith(hashes.FOLDER) or path.endswith("_last_checkpoint"):
            storage.delete([full])
        elif entry is not None and entry.copy:
            storage.write_whole(full, entry.text())
        elif path.endswith(".checkpoint.parquet"):
            anew.add((_table_of(path), int(path.rsplit("/", 1)[1].split(".")[0]), path))
        else:
            raise DamagedLakeError(f"{full}: its bytes changed and no copy is left; restore it from a backup")
        restored.append(path)
    for table, version, path in sorted(anew):
        storage.delete([storage.join(root, path), storage.join(root, table, "_delta_log", "_last_checkpoint")])
        try:
            delta.open_table(root, table, version)
        except LakeError:
            raise DamagedLakeError(
                f"{storage.join(root, path)}: its bytes changed and the log before it was cleaned away; "
                "restore it from a backup"
            ) from None
    hashes.forget(root, journal.files.keys() - {p for _, _, p in anew})
    return restored
