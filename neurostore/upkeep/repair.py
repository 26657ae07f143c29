"""Repairing a lake: damaged log entries are restored, damaged data files are removed with all their trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from neurostore import schema, storage
from neurostore.errors import DamagedLakeError, LakeError
from neurostore.lake import checked, commit, delta, hashes, keep, outputs, writing
from neurostore.lake.version import open as open_lake
from neurostore.trial_key import Key
from neurostore.upkeep.damage import short_of_rows
from neurostore.upkeep.erase import finish_erasures
from neurostore.upkeep.verify import Verification, current_files, verify

_KEYS = ("subject", "session", "trial")


@dataclass(frozen=True, slots=True)
class Dropped:
    """What :func:`drop_damaged` did. trials : removed, to be ingested again. restored : from copies."""

    version: int
    trials: tuple[Key, ...]
    files: tuple[str, ...]
    restored: tuple[str, ...]


@checked.off()
def drop_damaged(lake_path: object, verification: Verification | None = None) -> Dropped:
    """Restore damaged log entries, and remove damaged data files with all their trials from the lake.

    Ingesting the sources again brings the trials back.

    Raises
    ------
    DamagedLakeError : a log is damaged and no copy of it is left, or lake.json is.
    """
    root = storage.resolve(lake_path)
    finish_erasures(root)
    verification = verification or verify(root)
    with writing.writing(root, "dropping damaged files"), storage.named_errors(root, "dropping damaged files"):
        journal = hashes.read(root)
        paths = [d.path for d in verification.damaged]
        restored = _restore(root, [p for p in paths if "/_delta_log/" in p or p.startswith("_neurostore/")], journal)
        data = [d for d in verification.damaged if d.path.endswith(".parquet") and "/_delta_log/" not in d.path]
        dead = {d.path for d in data}
        current = current_files(root)
        lost: set[Key] = set()
        for damage in data:
            if damage.path in current:
                lost |= set(short_of_rows(root, _table_of(damage.path), damage.path, dead))
        tables = sorted({_table_of(p) for p in dead & current}, key=lambda t: t != "trials")
        if "trials" in tables:
            _remove(root, "trials", dead)
        if any(schema.table(table).derived for table in tables):
            keep.keep_rows(root, lambda row: False)  # `neurostore refresh` computes them anew
        if lost:
            delta.replace_rows(root, "trials", _KEYS, _no_rows, drop=lost)
        for table in tables:
            if table != "trials":
                _remove(root, table, dead)
        named = open_lake(root).table_versions
        newest = {t: delta.open_table(root, t).version() for t in named}
        if tables or newest != named:  # or cut off before it named them
            commit.name_versions(root, newest, "drop damaged files")
        known = hashes.read(root).files
        hashes.forget(root, known.keys() - dead)
        storage.delete([storage.join(root, p) for p in dead])
        writing.adopt(root)  # what a damaged segment vouched for
        return Dropped(open_lake(root).version, tuple(sorted(lost)), tuple(sorted(dead)), tuple(restored))


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
        if path.startswith((hashes.FOLDER, outputs.FOLDER)) or path.endswith("_last_checkpoint"):
            storage.delete([full])
        elif entry is not None and entry.copy:
            storage.write_whole(full, entry.text())
        elif path.endswith(".checkpoint.parquet"):
            anew.add((_table_of(path), int(path.rsplit("/", 1)[1].split(".")[0]), path))
        else:
            raise DamagedLakeError(f"{full}: its bytes changed and no copy is left; restore it from a back-up")
        restored.append(path)
    for table, version, path in sorted(anew):
        storage.delete([storage.join(root, path), storage.join(root, table, "_delta_log", "_last_checkpoint")])
        try:
            delta.open_table(root, table, version)
        except LakeError:
            raise DamagedLakeError(
                f"{storage.join(root, path)}: its bytes changed and the log before it was cleaned away; "
                "restore it from a back-up"
            ) from None
    hashes.forget(root, journal.files.keys() - {p for _, _, p in anew})
    return restored
