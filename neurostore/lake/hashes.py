"""Hashes of every file of a lake, kept outside the files and outside Delta's logs.

They are stored in ``_neurostore/hashes/``: segments, each a line with the SHA-256 of the rest and a JSON object
``path -> [sha256, size, copy, xxh3]``. A segment is written whole and never changed; a new one takes in older ones that
are not larger, so there are about log2 of the files. ``copy`` holds the text of a Delta log entry or a release (zlib,
base64): they are small, everything depends on them, so a damaged entry is restored instead of being worked around.

A writer records what it wrote before it gives the lake's lock back. Where it was killed before that, the next writer
sees that the lock was not given back and records what is missing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from neurostore import storage
from neurostore.file_hash import Digest, digest_of
from neurostore.lake import contents
from neurostore.wording import is_whole

FOLDER = "_neurostore/hashes"
RELEASES = "_neurostore/releases"
_gathered = threading.local()


@dataclass(frozen=True, slots=True)
class Entry:
    """The content of a file when it was written.

    copy : the text of a log entry or a release, packed; '' for other files.
    xxh3 : for the check before a read; '' if an earlier version recorded SHA-256 alone.
    """

    sha256: str
    size: int
    copy: str = ""
    xxh3: str = ""

    @classmethod
    def of(cls, digest: Digest, copy: str = "") -> Entry:
        """The entry of a file with this digest."""
        return cls(digest.sha256, digest.size, copy, digest.xxh3)

    def text(self) -> bytes:
        """The bytes of the copy."""
        return zlib.decompress(base64.b64decode(self.copy))


@dataclass(frozen=True, slots=True)
class Journal:
    """All that is recorded. damaged : segments whose own bytes changed."""

    files: dict[str, Entry]
    damaged: tuple[str, ...]


@contextmanager
def gathered(root: str) -> Iterator[None]:
    """Write everything that is recorded inside the block as one segment."""
    if getattr(_gathered, "files", None) is not None:  # inside another block: the outer one writes
        yield
        return
    _gathered.files = {}
    try:
        yield
    finally:
        files, _gathered.files = _gathered.files, None
        _append(root, files)


def record(root: str, files: Mapping[str, Entry]) -> None:
    """Remember files by their path below the root."""
    waiting = getattr(_gathered, "files", None)
    if waiting is not None:
        waiting.update(files)
    else:
        _append(root, files)


def record_log(root: str, table: str, version: int) -> None:
    """Remember the log entry of a version that was just committed, and the checkpoint it made, if any."""
    paths = [f"{table}/_delta_log/{version:020d}.{kind}" for kind in ("json", "checkpoint.parquet")]
    record(root, {p: e for p in paths if (e := measured(root, p)) is not None})


def measured(root: str, path: str) -> Entry | None:
    """The entry of a file as it is now; None if there is none."""
    if path.endswith(".json") and ("/_delta_log/" in path or path.startswith(f"{RELEASES}/")):
        content = storage.read_bytes(storage.join(root, path))
        return None if content is None else _with_copy(content)
    if path.endswith(".checkpoint.parquet") and storage.size_of(storage.join(root, _first_entry(path))) < 0:
        # the log before it was cleaned away, so the checkpoint is the only copy
        content = storage.read_bytes(storage.join(root, path))
        return None if content is None else _with_copy(content)
    digest = storage.digest(storage.join(root, path))
    return None if digest is None else Entry.of(digest)


def _first_entry(path: str) -> str:
    return f"{path.rsplit('/', 1)[0]}/{0:020d}.json"


def _with_copy(content: bytes) -> Entry:
    copy = base64.b64encode(zlib.compress(content)).decode()
    return Entry.of(digest_of(content), copy)


def read(root: str) -> Journal:
    """Everything recorded."""
    files: dict[str, Entry] = {}
    damaged = []
    for name in _segments(root):
        segment = _read_segment(root, name)
        if segment is None:
            damaged.append(name)
        else:
            files.update(segment)
    return Journal(files, tuple(damaged))


def find(root: str, paths: Iterable[str]) -> dict[str, Entry]:
    """What is recorded of these files. The smallest segments, where the newest files are, are read first."""
    found: dict[str, Entry] = {}
    wanted = set(paths)
    for name in reversed(_segments(root)):
        if not wanted:
            break
        segment = _read_segment(root, name) or {}
        found |= {path: segment[path] for path in wanted & segment.keys()}
        wanted -= segment.keys()
    return found


def forget(root: str, kept: Iterable[str]) -> None:
    """Rewrite the record with these paths alone; under the lake's lock, before the other files are deleted."""
    old = _segments(root)
    known = read(root).files
    here = set(kept)
    waiting: dict[str, Entry] = getattr(_gathered, "files", None) or {}
    for path in waiting.keys() - here:
        del waiting[path]
    _write_segment(root, {p: e for p, e in known.items() if p in here})
    storage.delete([storage.join(root, FOLDER, name) for name in old])


def _append(root: str, files: Mapping[str, Entry]) -> None:
    """Write a segment with these files and those of older segments that are not larger."""
    if not files:
        return
    merged, absorbed = dict(files), []
    for size, name in sorted((_count_of(name), name) for name in _segments(root)):
        if size > len(merged):
            break
        segment = _read_segment(root, name)
        if segment is not None:
            merged = {**segment, **merged}
            absorbed.append(storage.join(root, FOLDER, name))
    _write_segment(root, merged)
    storage.delete(absorbed)


def _segments(root: str) -> list[str]:
    listed = contents.own_files(root, FOLDER)
    return sorted((f.path for f in listed if f.path.endswith(".txt")), key=lambda n: (_count_of(n), n), reverse=True)


def _count_of(name: str) -> int:
    """How many files a segment lists: the number its name begins with."""
    number = name.split("-", 1)[0]
    return int(number) if is_whole(number) else 0


def _write_segment(root: str, files: Mapping[str, Entry]) -> None:
    record = {p: [e.sha256, e.size, e.copy, e.xxh3] for p, e in files.items()}
    body = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
    name = f"{len(files)}-{uuid.uuid4().hex}.txt"
    content = hashlib.sha256(body).hexdigest().encode() + b"\n" + body
    storage.write_whole(storage.join(root, FOLDER, name), content)


def _read_segment(root: str, name: str) -> dict[str, Entry] | None:
    """A segment's files; None if its bytes changed; empty if another writer has just taken it in."""
    content = storage.read_bytes(storage.join(root, FOLDER, name))
    if content is None:
        return {}
    check, _, body = content.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != check:
        return None
    return {path: Entry(*entry) for path, entry in json.loads(body).items()}
