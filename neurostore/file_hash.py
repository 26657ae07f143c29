"""SHA-256 of files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def sha256_and_size(path: Path | str) -> tuple[str, int]:
    """SHA-256 of a file's bytes, in hexadecimal, and how many there are. Raises OSError where it cannot be read."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal. Raises OSError where it cannot be read."""
    return sha256_and_size(path)[0]


def sha256_of_all(paths: Iterable[Path]) -> str:
    """SHA-256 over the SHA-256 of each file, in this order. Raises OSError where one cannot be read."""
    return hashlib.sha256(b"".join(bytes.fromhex(sha256_of(path)) for path in paths)).hexdigest()
