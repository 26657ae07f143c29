"""Checks that every byte of a lake is still what was written.

>>> found = verify("lake")                       # doctest: +SKIP
>>> [(d.path, d.trials) for d in found.damaged]  # doctest: +SKIP

Data files and log entries are compared with the SHA-256 recorded when they were written (hashes.py), the small files of
``_neurostore`` with their own checksum, ``_last_checkpoint`` with the checkpoint it describes. repair.py repairs what
is found.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from neurostore import progress, storage
from neurostore.errors import LakeError
from neurostore.lake import checked, contents, delta, foreign, hashes, releases, tombstones, writing
from neurostore.lake.marker import check_folder, check_marker
from neurostore.lake.version import open as open_lake
from neurostore.trial_key import Key, key_text
from neurostore.upkeep.damage import trials_of
from neurostore.upkeep.erase import announced, finish_erasures
from neurostore.upkeep.returned import files_of_erased
from neurostore.upkeep.vacuum import sweep

_TRANSIENT = ("_neurostore/running/", "_neurostore/commit.lock")


@dataclass(frozen=True, slots=True)
class Damage:
    """A file whose bytes are not those written. trials : those it holds rows of, as far as can be known."""

    path: str
    problem: str
    trials: tuple[Key, ...] = ()
    is_current: bool = True

    def __str__(self) -> str:
        names = ", ".join(key_text(key) for key in self.trials)
        where = f"trials {names}" if names else "no trial of this version"
        return f"{self.path}: {self.problem}; {where}" + ("" if self.is_current else " (older versions alone)")


@dataclass(slots=True)
class Verification:
    """What :func:`verify` found.

    damaged : files that changed or are missing.  unrecorded : files in use without a known hash.
    leftovers : files that a crash left behind and nothing names; compact removes them.  others : files that do not belong to the lake.  erased : files with rows of people who were erased.  unfinished : erasures that were cut off.
    """

    damaged: list[Damage] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    unfinished: int = 0
    n_files: int = 0
    n_bytes: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether nothing is damaged, erased or unfinished."""
        return not (self.damaged or self.erased or self.unfinished)


@checked.off()
def verify(lake_path: object) -> Verification:
    """Read every file of a lake and compare it with its record. Writes nothing; others may work meanwhile.

    Raises
    ------
    NotALakeError : there is no lake.  NewerLakeError : newer software wrote it.
    """
    root = storage.resolve(lake_path)
    check_folder(root)
    if storage.is_intact_json(storage.join(root, "_neurostore", "lake.json")) is not False:
        check_marker(root)
    verification = Verification()
    journal = hashes.read(root)
    here = {f.path: f.size for f in storage.list_files(root, logs=True)}
    problems = _compare(root, journal, here, verification)
    if problems:  # a vacuum or a writer may have changed files meanwhile
        journal = hashes.read(root)
        problems = _compare(root, journal, here, verification, problems)
    problems |= {f"{hashes.FOLDER}/{n}": "its bytes changed" for n in journal.damaged}
    _check_small(root, here, problems)
    named = set(writing.named_files(root))
    current = current_files(root)
    needed = _needed_by_releases(root)
    for path in sorted((current | needed.keys()) - journal.files.keys()):
        if storage.size_of(storage.join(root, path)) < 0:
            problems[path] = "the file is missing"
    problems = {p: reason for p, reason in problems.items() if _matters(p, reason, current | needed.keys())}
    problems = {p: f"{reason}{needed.get(p, '')}" for p, reason in problems.items()}
    for path, reason in sorted(problems.items()):
        trials = trials_of(root, path, journal, problems.keys())
        is_data = path.endswith(".parquet") and "/_delta_log/" not in path
        verification.damaged.append(Damage(path, reason, tuple(trials), not is_data or path in current or not current))
    for path in sorted(here.keys() - journal.files.keys() - problems.keys()):
        if path in named:
            verification.unrecorded.append(path)
        elif contents.is_strange(path):
            verification.others.append(path)
        elif contents.is_temporary(path) or not _is_ours(path):
            verification.leftovers.append(path)
    if not verification.damaged and (why := _opening(root)) is not None:  # an intact lake can be opened
        verification.damaged.append(Damage("trials", why))
    if tombstones.FILE not in problems:
        verification.erased = files_of_erased(root)
    verification.unfinished = len(announced(root))
    return verification


def adopt(lake_path: object) -> list[str]:
    """Record the files in use without a known hash (of an older lake, or after a crash), as they are now.

    Files that no version names and that are older than an hour are removed. Returns the paths recorded.
    """
    root = storage.resolve(lake_path)
    check_marker(root)
    finish_erasures(root)
    known = hashes.read(root).files
    with writing.writing(root, "adopting files"), storage.named_errors(root, "adopting files"):
        writing.adopt(root)
    sweep(root)
    return sorted(p for p in hashes.read(root).files if p not in known)


def _compare(
    root: str,
    journal: hashes.Journal,
    here: dict[str, int],
    verification: Verification,
    only: Iterable[str] | None = None,
) -> dict[str, str]:
    """Problem by path of the recorded files that are not what they were."""
    problems = {}
    chosen = sorted(journal.files) if only is None else sorted(set(only) & journal.files.keys())
    for path in progress.counting(chosen, "reading files"):
        entry = journal.files[path]
        digest = storage.digest(storage.join(root, path))
        if digest is None:
            problems[path] = "the file is missing"
        elif digest[1] != entry.size:
            problems[path] = f"it has {digest[1]} bytes, {entry.size} were written"
        elif digest[0] != entry.sha256:
            problems[path] = "its bytes changed"
        if only is None:
            verification.n_files += 1
            verification.n_bytes += here.get(path, 0)
    return problems


def _matters(path: str, problem: str, current: set[str]) -> bool:
    """A missing data file that the current version does not need was vacuumed, or is gone with an older version."""
    is_log = "/_delta_log/" in path or path.startswith(f"{releases.FOLDER}/")
    return is_log or path in current or "missing" not in problem


def _needed_by_releases(root: str) -> dict[str, str]:
    """For each file of a release, and those that it needs, a remark that names the releases."""
    names: dict[str, list[str]] = {}
    for name in releases.names(root):
        with suppress(LakeError):
            for path in (releases.path_of(name), *releases.files_of(releases.read(root, name))):
                names.setdefault(path, []).append(name)
    return {path: f" (needed by release {', '.join(of)})" for path, of in names.items()}


def _check_small(root: str, here: Iterable[str], problems: dict[str, str]) -> None:
    """lake.json and its like by their own check; _last_checkpoint by the checkpoint it describes."""
    for path in here:
        full = storage.join(root, path)
        if contents.is_strange(path):
            continue
        if path.startswith("_neurostore/") and path.endswith(".json") and not path.startswith(_TRANSIENT):
            if storage.is_intact_json(full) is False:
                problems[path] = "its bytes changed"
        elif path.endswith("/_delta_log/_last_checkpoint") and not _is_right_hint(root, path):
            problems[path] = "it does not describe the checkpoint that is there"
    if "_neurostore/lake.json" not in set(here):
        problems["_neurostore/lake.json"] = "the file is missing"
    if tombstones.are_missing(root):
        problems[tombstones.FILE] = "it is gone, so that erased people could come back"


def _is_right_hint(root: str, path: str) -> bool:
    content = storage.read_bytes(storage.join(root, path))
    if content is None:
        return True
    try:
        record = json.loads(content)
        checkpoint = storage.join(root, path.rsplit("/", 1)[0], f"{record['version']:020d}.checkpoint.parquet")
        with storage.open_parquet(checkpoint) as file:
            adds = pc.struct_field(file.read(columns=["add.path"])["add"], "path")
            right = {
                "version": record["version"],
                "size": file.metadata.num_rows,
                "sizeInBytes": storage.size_of(checkpoint),
                "numOfAddFiles": len(adds) - adds.null_count,
            }
    except (ValueError, KeyError, TypeError, OSError, pa.ArrowException):
        return False
    text = json.dumps(right, separators=(",", ":")).encode()
    return content in (text, text + b"\n")


def _is_ours(path: str) -> bool:
    own = (
        "_neurostore/hashes/",
        "_neurostore/running/",
        "_neurostore/commit.lock",
        "_neurostore/erasures/",
        "_neurostore/erasing/",
    )
    small = path.startswith("_neurostore/") and path.endswith(".json")
    return small or path.startswith(own) or path.endswith("/_delta_log/_last_checkpoint")


def current_files(root: str) -> set[str]:
    """Data files that the newest version of any table names, or the version of it that the newest ``trials`` names.

    They differ where a writer was killed between the two. None of a table whose log cannot be read.
    """
    paths: set[str] = set()
    try:
        shown = open_lake(root).table_versions
    except LakeError:
        shown = {}
    for name in delta.stored_tables(root):
        for version in {None, shown.get(name)}:
            with suppress(LakeError):
                paths |= {f"{name}/{f.path}" for f in delta.files_of(delta.open_table(root, name, version))}
    return paths


def _opening(root: str) -> str | None:
    """Why the newest version cannot be opened with all of its tables, or is another program's; None if it can."""
    try:
        lake = open_lake(root)
        for name in lake.tables():
            lake.table_state(name)
        for name in delta.stored_tables(root):
            newest = delta.open_table(root, name)
            foreign.check_table(root, name, newest.version(), (f.path for f in delta.files_of(newest)))
    except LakeError as error:
        return str(error)
    return None
