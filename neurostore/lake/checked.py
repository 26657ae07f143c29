"""No query answers from changed bytes: files are compared with their recorded hashes before they are first read.

DuckDB and polars read Parquet without looking at page checksums (measured with DuckDB 2.0 and polars 2.1), so the whole
file is hashed (XXH3, six times as fast as SHA-256), once for each state of it: device, inode, size, and times of change
and of contents. A file found intact is remembered in the process and in the user's cache folder, as digests that name
no file and no person. Other answers about files that take long to find are remembered there too. A file without a recorded hash (an older lake's, or one whose writer was killed) is read as it
is. On an object store nothing is hashed here: the store keeps checksums of its own, and reading everything twice would
double the requests.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

import platformdirs

from neurostore import storage
from neurostore.errors import DamagedLakeError
from neurostore.lake import hashes
from neurostore.wording import listed

_MOST_REMEMBERED_BYTES = 8 << 20
_SETTLED_NS = 100_000_000  # file times have steps of milliseconds: a younger file may change without a new time
_LINE = 33
_SECOND_LOOK_S = 0.05
_LEAST_FOR_THREADS = 64 << 20
_off: ContextVar[bool] = ContextVar("unchecked", default=False)
_known: dict[str, set[str]] = {}


@contextmanager
def off() -> Iterator[None]:
    """Switch the checks off inside the block: for commands that repair a lake."""
    token = _off.set(True)
    try:
        yield
    finally:
        _off.reset(token)


def check(root: str, paths: Iterable[str]) -> None:
    """Compare files (paths below the root) with their recorded hashes, unless that was done since they last changed.

    Raises
    ------
    DamagedLakeError : bytes changed; names the files, their subjects and how to repair the lake.
    """
    if storage.is_remote(root) or _off.get():
        return
    known = _remembered(root)
    marks = {path: mark for path in paths if (mark := _mark(root, path)) is not None and mark not in known}
    if not marks:
        return
    recorded = hashes.find(root, marks)
    whole = _are_whole(root, recorded)
    damaged = sorted(path for path, is_whole in whole.items() if not is_whole)
    if damaged:  # an erasure may be replacing a log at this moment
        time.sleep(_SECOND_LOOK_S)
        again = hashes.find(root, damaged)
        damaged = [path for path in damaged if path in again and not _is_whole(root, path, again[path])]
    if damaged:
        raise DamagedLakeError(_message(root, damaged))
    _remember(root, [marks[path] for path in recorded if whole[path] and _mark(root, path) == marks[path]])


def check_log(root: str, table: str) -> None:
    """Compare the entries and checkpoints of a table's log with their recorded hashes."""
    if storage.is_remote(root) or _off.get():
        return
    folder = f"{table}/_delta_log"
    with suppress(FileNotFoundError):
        names = [n for n in os.listdir(storage.join(root, folder)) if n[:1].isdigit()]
        check(root, [f"{folder}/{n}" for n in names if n.endswith((".json", ".parquet"))])


def mark_of(root: str, paths: Iterable[str], text: str) -> str | None:
    """A digest of files (paths below the root) in their present state, and of a text.

    None if files are gone, or so young that they may change unseen, and where checks are switched off.
    """
    if _off.get():
        return None
    hashed = hashlib.blake2b(f"{root}\0{text}".encode("utf-8", "surrogateescape"), digest_size=16)
    for path in paths:
        state = path if storage.is_remote(root) else _mark(root, path)  # names in a lake are given once
        if state is None or state.startswith("young"):
            return None
        hashed.update(f"\0{state}".encode("utf-8", "surrogateescape"))
    return hashed.hexdigest()


def is_remembered(root: str, mark: str | None) -> bool:
    """Whether an earlier process, or this one, remembered a mark that :func:`mark_of` made."""
    return mark is not None and mark in _remembered(root)


def remember(root: str, mark: str | None) -> None:
    """Remember a mark that :func:`mark_of` made: that what was asked of these files was true."""
    if mark is not None:
        _remember(root, [mark])


def _message(root: str, damaged: list[str]) -> str:
    subjects = sorted({p.split("subject=", 1)[1].split("/", 1)[0] for p in damaged if "subject=" in p})
    whose = f" (subject {', '.join(subjects)})" if subjects else ""
    return (
        f"{root}: {listed(damaged, 3)}: its bytes are not those that were written{whose}; "
        f"`neurostore verify --lake {root}` lists the trials; with --drop-damaged it repairs logs and removes "
        "trials with damaged rows; ingest their files again to put these trials back"
    )


def _are_whole(root: str, recorded: dict[str, hashes.Entry]) -> dict[str, bool]:
    """Whether each file has the recorded bytes; in threads if there is enough work."""
    if sum(entry.size for entry in recorded.values()) < _LEAST_FOR_THREADS:
        return {path: _is_whole(root, path, entry) for path, entry in recorded.items()}
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        answers = pool.map(lambda path: _is_whole(root, path, recorded[path]), recorded)
        return dict(zip(recorded, answers, strict=True))


def _is_whole(root: str, path: str, entry: hashes.Entry) -> bool:
    """Whether the file has the recorded bytes; a missing file is left to the reader."""
    full = storage.join(root, path)
    if entry.xxh3:
        now = storage.quick_digest(full)
        return now is None or now == (entry.xxh3, entry.size)
    digest = storage.digest(full)
    return digest is None or digest[:2] == (entry.sha256, entry.size)


def _mark(root: str, path: str) -> str | None:
    """A digest of the file's place and state; None if it is gone."""
    full = storage.join(root, path)
    try:
        s = os.stat(full)
    except OSError:
        return None
    state = f"{full}\0{s.st_dev} {s.st_ino} {s.st_size} {s.st_mtime_ns} {s.st_ctime_ns}"
    mark = hashlib.blake2b(state.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
    return mark if time.time_ns() - max(s.st_mtime_ns, s.st_ctime_ns) > _SETTLED_NS else f"young {mark}"


def _file(root: str) -> Path:
    name = hashlib.blake2b(root.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    return platformdirs.user_cache_path("neurostore") / "verified" / f"{name}.txt"


def _remembered(root: str) -> set[str]:
    if root not in _known:
        _known[root] = set()
        with suppress(OSError):
            text = _file(root).read_bytes()
            _known[root] = {line.decode() for line in text.split(b"\n") if len(line) == _LINE - 1 and line.isalnum()}
    return _known[root]


def _remember(root: str, marks: list[str]) -> None:
    """Add marks in one write, which other processes cannot interrupt; without a cache folder, only this process remembers."""
    settled = [mark for mark in marks if not mark.startswith("young")]
    if not settled:
        return
    _known[root].update(settled)
    with suppress(OSError):
        path = _file(root)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _MOST_REMEMBERED_BYTES:
            path.unlink()
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, "".join(f"{mark}\n" for mark in settled).encode())
        finally:
            os.close(handle)
