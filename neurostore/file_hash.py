"""Hashes of files: SHA-256 for the record, XXH3 for the check before a file is read, which is many times faster."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, cast

import xxhash

_PIECE = 1 << 17  # fits the cache of a core

_thread = threading.local()


class Digest(NamedTuple):
    """A file's content: SHA-256 in hexadecimal, number of bytes, and XXH3 (64 bits) in hexadecimal."""

    sha256: str
    size: int
    xxh3: str


class Hasher:
    """Computes a Digest of bytes that arrive in pieces."""

    def __init__(self) -> None:
        self._sha256, self._xxh3, self._size = hashlib.sha256(), xxhash.xxh3_64(), 0

    def update(self, piece: Any) -> None:
        """Take the next piece, bytes-like."""
        self._sha256.update(piece)
        self._xxh3.update(piece)
        self._size += memoryview(piece).nbytes

    def digest(self) -> Digest:
        """The digest of all pieces so far."""
        return Digest(self._sha256.hexdigest(), self._size, self._xxh3.hexdigest())


def digest_of(content: Any) -> Digest:
    """The digest of a bytes-like object."""
    hasher = Hasher()
    hasher.update(content)
    return hasher.digest()


def _piece() -> memoryview:
    """The buffer of this thread."""
    if not hasattr(_thread, "piece"):
        _thread.piece = memoryview(bytearray(_PIECE))
    return cast(memoryview, _thread.piece)


def xxh3_and_size(path: Path | str) -> tuple[str, int]:
    """XXH3 of a file's bytes (64 bits, in hexadecimal) and how many there are. Raises OSError if it cannot be read."""
    hasher, piece, size = xxhash.xxh3_64(), _piece(), 0
    with Path(path).open("rb", buffering=0) as file:
        while n := file.readinto(piece):
            hasher.update(piece[:n])
            size += n
    return hasher.hexdigest(), size


def sha256_and_size(path: Path | str) -> tuple[str, int]:
    """SHA-256 of a file's bytes, in hexadecimal, and how many there are. Raises OSError if it cannot be read."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()


def digest_of_file(path: Path | str) -> Digest:
    """The digest of a file's bytes. Raises OSError if it cannot be read."""
    hasher = Hasher()
    with Path(path).open("rb") as file:
        while piece := file.read(_PIECE):
            hasher.update(piece)
    return hasher.digest()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal. Raises OSError if it cannot be read."""
    return sha256_and_size(path)[0]


def sha256_of_all(paths: Iterable[Path]) -> str:
    """SHA-256 over the SHA-256 of each file, in this order. Raises OSError if one cannot be read."""
    return hashlib.sha256(b"".join(bytes.fromhex(sha256_of(path)) for path in paths)).hexdigest()
