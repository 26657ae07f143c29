"""Is every byte of a lake still what was written? And dropping what is not.

>>> found = verify("lake")                       # doctest: +SKIP
>>> [(d.path, d.trials) for d in found.damaged]  # doctest: +SKIP

Data files and log entries are held against the SHA-256 recorded when they were written (hashes.py), the small files of
``_neurostore`` against their own check, ``_last_checkpoint`` against the checkpoint it describes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from neurostore import delta, hashes, lake_write, storage
from neurostore.errors import DamagedLakeError, LakeError
from neurostore.lake import NOT_KEYED, check_marker
from neurostore.lake import open as open_lake

Key = tuple[str, str, str]
_KEYS = ["subject", "session", "trial"]
_TRANSIENT = ("_neurostore/running/", "_neurostore/commit.lock")


@dataclass(frozen=True, slots=True)
class Damage:
    """A file whose bytes are not those written. trials : those it holds rows of, as far as can be known."""

    path: str
    problem: str
    trials: tuple[Key, ...] = ()
    is_current: bool = True

    def __str__(self) -> str:
        names = ", ".join("/".join(part for part in key if part) for key in self.trials)
        where = f"trials {names}" if names else "no trial of this version"
        return f"{self.path}: {self.problem}; {where}" + ("" if self.is_current else " (older versions alone)")


@dataclass(slots=True)
class Verification:
    """What :func:`verify` found.

    damaged : files that changed or are missing.  unrecorded : files in use that no hash is known of.
    leftovers : files that a crash left behind and nothing names; compact sweeps them.  others : files that are none
    of the lake's.
    """

    damaged: list[Damage] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    n_files: int = 0
    n_bytes: int = 0

    @property
    def is_clean(self) -> bool:
        return not self.damaged


def verify(lake_path: object) -> Verification:
    """Read every file of a lake and hold it against what is recorded of it. Writes nothing; others may work meanwhile.

    Raises
    ------
    NotALakeError : there is no lake.  NewerLakeError : newer software wrote it.
    """
    root = storage.resolve(lake_path)
    if storage.is_intact_json(storage.join(root, "_neurostore", "lake.json")) is not False:
        check_marker(root)
    found = Verification()
    journal = hashes.read(root)
    here = {f.path: f.size for f in storage.list_files(root, logs=True)}
    problems = _compare(root, journal, here, found)
    if problems:  # a vacuum or a writer may just have been at work
        journal = hashes.read(root)
        problems = _compare(root, journal, here, found, problems)
    problems |= {f"{hashes.FOLDER}/{n}": "its bytes changed" for n in journal.damaged}
    _check_small(root, here, problems)
    named = set(hashes.named_files(root))
    current = _current_files(root)
    for path in sorted(current - journal.files.keys()):
        if storage.size_of(storage.join(root, path)) < 0:
            problems[path] = "the file is missing"
    problems = {p: said for p, said in problems.items() if _matters(p, said, current)}
    for path, said in sorted(problems.items()):
        trials = _trials_of(root, path, journal, problems.keys())
        is_data = path.endswith(".parquet") and "/_delta_log/" not in path
        found.damaged.append(Damage(path, said, tuple(trials), not is_data or path in current or not current))
    for path in sorted(here.keys() - journal.files.keys() - problems.keys()):
        if path in named:
            found.unrecorded.append(path)
        elif _is_ours(path):
            continue
        else:
            kind = found.leftovers if _is_left_behind(root, path) else found.others
            kind.append(path)
    return found


def adopt(lake_path: object) -> list[str]:
    """Record the files in use that no hash is known of (an older lake's, a crash's), as they are now."""
    root = storage.resolve(lake_path)
    check_marker(root)
    with hashes.writing(root, "adopting files"), storage.named_errors(root, "adopting files"):
        return hashes.adopt(root)


def _compare(
    root: str, journal: hashes.Journal, here: dict[str, int], found: Verification, only: Iterable[str] | None = None
) -> dict[str, str]:
    """Problem by path of the recorded files that are not what they were."""
    problems = {}
    for path in sorted(journal.files) if only is None else sorted(set(only) & journal.files.keys()):
        entry = journal.files[path]
        said = storage.digest(storage.join(root, path))
        if said is None:
            problems[path] = "the file is missing"
        elif said[1] != entry.size:
            problems[path] = f"it has {said[1]} bytes, {entry.size} were written"
        elif said[0] != entry.sha256:
            problems[path] = "its bytes changed"
        if only is None:
            found.n_files += 1
            found.n_bytes += here.get(path, 0)
    return problems


def _matters(path: str, problem: str, current: set[str]) -> bool:
    """A missing data file that the current version does not need was vacuumed, or is gone with an older version."""
    is_log = "/_delta_log/" in path
    return is_log or path in current or "missing" not in problem


def _check_small(root: str, here: Iterable[str], problems: dict[str, str]) -> None:
    """lake.json and its like by their own check; _last_checkpoint by the checkpoint it describes."""
    for path in here:
        full = storage.join(root, path)
        if path.startswith("_neurostore/") and path.endswith(".json") and not path.startswith(_TRANSIENT):
            if storage.is_intact_json(full) is False:
                problems[path] = "its bytes changed"
        elif path.endswith("/_delta_log/_last_checkpoint") and not _is_right_hint(root, path):
            problems[path] = "it does not describe the checkpoint that is there"
    if "_neurostore/lake.json" not in set(here):
        problems["_neurostore/lake.json"] = "the file is missing"


def _is_right_hint(root: str, path: str) -> bool:
    content = storage.read_bytes(storage.join(root, path))
    if content is None:
        return True
    try:
        said = json.loads(content)
        checkpoint = storage.join(root, path.rsplit("/", 1)[0], f"{said['version']:020d}.checkpoint.parquet")
        with storage.open_parquet(checkpoint) as file:
            adds = pc.struct_field(file.read(columns=["add.path"])["add"], "path")
            right = {
                "version": said["version"],
                "size": file.metadata.num_rows,
                "sizeInBytes": storage.size_of(checkpoint),
                "numOfAddFiles": len(adds) - adds.null_count,
            }
    except (ValueError, KeyError, TypeError, OSError, pa.ArrowException):
        return False
    text = json.dumps(right, separators=(",", ":")).encode()
    return content in (text, text + b"\n")


def _current_files(root: str) -> set[str]:
    """Data files that the newest version of any table names; empty of a table whose log cannot be read."""
    paths: set[str] = set()
    for name in _tables(root):
        try:
            paths |= {f"{name}/{f.path}" for f in delta.files_of(delta.open_table(root, name))}
        except LakeError:
            continue
    return paths


def _tables(root: str) -> list[str]:
    paths = (f.path for f in storage.list_files(root, logs=True))
    return sorted({p.partition("/_delta_log/")[0] for p in paths if "/_delta_log/" in p})


def _is_ours(path: str) -> bool:
    own = ("_neurostore/hashes/", "_neurostore/running/", "_neurostore/commit.lock", "_neurostore/erasures/")
    small = path.startswith("_neurostore/") and path.endswith(".json")
    return small or path.startswith(own) or path.endswith("/_delta_log/_last_checkpoint")


def _is_left_behind(root: str, path: str) -> bool:
    table = path.split("/")[0] in (*_TABLE_FOLDERS, "_neurostore")
    return table and (path.endswith((".parquet", ".tmp")) or "/_delta_log/" in path)


_TABLE_FOLDERS = (
    "trials", "subjects", "calibrations", "skeletons", "source_events", "source_angles", "landmarks", "poses",
)  # fmt: skip


def table_of(path: str) -> str:
    """The table that a path below the root belongs to."""
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "poses" else parts[0]


# Which trials


def _trials_of(root: str, path: str, journal: hashes.Journal, damaged: Iterable[str]) -> list[Key]:
    """The trials with rows in a damaged file; of a log entry, those in the files that it adds."""
    if path.startswith("_neurostore/") or path.endswith("_last_checkpoint"):
        return []
    table = table_of(path)
    if "/_delta_log/" in path:
        return sorted({key for p in _added_by(path, journal) for key in _keys_in(root, f"{table}/{p}")})
    try:
        return _short_of_rows(root, table, path, set(damaged))
    except LakeError:  # a log is damaged too
        return sorted(_keys_in(root, path))


def _added_by(path: str, journal: hashes.Journal) -> set[str]:
    entry = journal.files.get(path)
    if entry is None or not entry.copy:
        return set()
    return delta.added_in(entry.text().decode())


def _keys_in(root: str, path: str) -> set[Key]:
    """The trials whose rows a file holds, where it can be read; of ``subjects`` all of the subject's are meant."""
    table = table_of(path)
    try:
        with storage.open_parquet(storage.join(root, path)) as file:
            columns = [c for c in (*_KEYS, "skeleton") if c in file.schema_arrow.names]
            rows = file.read(columns=columns).to_pylist()
    except (OSError, pa.ArrowException):
        return set()
    if table in ("subjects", "skeletons"):
        column = table[:-1]
        return set(_trials_with(root, column, {r[column] for r in rows}))
    subject = path.partition("subject=")[2].partition("/")[0]
    return {(r.get("subject", subject), r["session"], r["trial"]) for r in rows}


def _trials_with(root: str, column: str, values: set[str]) -> list[Key]:
    try:
        rows = open_lake(root).trials_table().to_pylist()
    except LakeError:
        return []
    return [(r["subject"], r["session"], r["trial"]) for r in rows if values & {r[column], *_listed(r, column)}]


def _listed(row: dict[str, Any], column: str) -> list[str]:
    return (row["skeletons"] or []) if column == "skeleton" else []


def _short_of_rows(root: str, table: str, path: str, damaged: set[str]) -> list[Key]:
    """Trials that name more rows of a table than its sound files hold: those whose rows lay in the damaged one."""
    newest = delta.open_table(root, table)
    files = [f for f in delta.files_of(newest) if f"{table}/{f.path}" not in damaged]
    is_named = path in {f"{table}/{f.path}" for f in delta.files_of(newest)}
    if not is_named:
        return sorted(_keys_in(root, path))
    if table == "trials":
        return _lost_trials(root, files)
    lake = open_lake(root)
    rows = lake.trials_table().to_pylist()
    if table in NOT_KEYED:
        column = table[:-1]
        have = _values(root, table, files, column)
        lost = {v for r in rows for v in ({r[column]} | set(_listed(r, column))) if v and v not in have}
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
    """Trials that older files of ``trials`` or other tables know and its sound files do not."""
    kept = {key for f in sound for key in _keys_in(root, f"trials/{f.path}")}
    known: set[Key] = set()
    for name in _tables(root):
        if name in ("subjects", "skeletons"):
            continue
        for file in storage.list_files(storage.join(root, name)):
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


# Mending


@dataclass(frozen=True, slots=True)
class Dropped:
    """What :func:`drop_damaged` did. trials : taken out, to be ingested again.  restored : put back from copies."""

    version: int
    trials: tuple[Key, ...]
    files: tuple[str, ...]
    restored: tuple[str, ...]


def drop_damaged(lake_path: object, found: Verification | None = None) -> Dropped:
    """Put damaged log entries back, take damaged data files and all their trials out of the lake.

    A repeat ingest of the sources brings the trials back.

    Raises
    ------
    DamagedLakeError : a log is damaged and no copy of it is left, or lake.json is.
    """
    root = storage.resolve(lake_path)
    found = found or verify(root)
    with hashes.writing(root, "dropping damaged files"), storage.named_errors(root, "dropping damaged files"):
        journal = hashes.read(root)
        paths = [d.path for d in found.damaged]
        restored = _restore(root, [p for p in paths if "/_delta_log/" in p or p.startswith("_neurostore/")], journal)
        data = [d for d in found.damaged if d.path.endswith(".parquet") and "/_delta_log/" not in d.path]
        dead = {d.path for d in data}
        current = _current_files(root)
        lost: set[Key] = set()
        for damage in data:
            if damage.path in current:
                lost |= set(_short_of_rows(root, table_of(damage.path), damage.path, dead))
        tables = sorted({table_of(p) for p in dead & current}, key=lambda t: t != "trials")
        if "trials" in tables:
            _remove(root, "trials", dead)
        if lost:
            delta.replace_rows(root, "trials", _KEYS, _no_rows, drop=lost)
        for table in tables:
            if table != "trials":
                _remove(root, table, dead)
        if tables:
            named = open_lake(root).table_versions
            lake_write.name_versions(
                root, {t: delta.open_table(root, t).version() for t in named}, "drop damaged files"
            )
        known = hashes.read(root).files
        hashes.forget(root, known.keys() - dead)
        storage.delete([storage.join(root, p) for p in dead])
        hashes.adopt(root)  # what a damaged segment vouched for
        return Dropped(open_lake(root).version, tuple(sorted(lost)), tuple(sorted(dead)), tuple(restored))


def _no_rows(newest: Any) -> pa.Table:
    return delta.schema_of(newest).empty_table()


def _remove(root: str, table: str, dead: set[str]) -> None:
    from deltalake import Schema

    def change_of(newest: Any) -> delta.Change | None:
        gone = [delta.remove_action(f) for f in delta.files_of(newest) if f"{table}/{f.path}" in dead]
        return delta.Change(list(gone), Schema.from_arrow(delta.schema_of(newest))) if gone else None

    delta.commit(root, table, change_of)


def _restore(root: str, paths: list[str], journal: hashes.Journal) -> list[str]:
    """Put log entries back from their copies; make checkpoints anew; drop damaged segments."""
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
            anew.add((table_of(path), int(path.rsplit("/", 1)[1].split(".")[0]), path))
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
