"""Bytes of a lake, in a folder or on an object store.

Input: a path and bytes. Output: bytes, sizes, hashes and names of files. A lake's root is an absolute path, or
``s3://bucket/prefix``, and nothing outside this package joins it with ``os`` or opens a file below it. This module only
chooses the `Store`: `local` or `s3`. May import: errors, file_hash.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from neurostore.errors import DamagedLakeError, LakeError
from neurostore.file_hash import Digest
from neurostore.storage import encode, local, s3
from neurostore.storage.local import named_errors, publish, quick_digest, write_temporary
from neurostore.storage.paths import is_remote, join
from neurostore.storage.store import Store
from neurostore.storage.stored_file import StoredFile

__all__ = [
    "Store", "StoredFile", "delete", "digest", "exists", "is_intact_json", "is_remote", "join", "keeps_old_versions",
    "list_files", "lock", "named_errors", "open_parquet", "parquet_pieces", "publish", "quick_digest", "read_bytes", "read_json", "read_log", "resolve",
    "size_of", "sync_file", "sync_folder", "sync_folders", "touch", "write_json", "write_new",
    "write_parquet", "write_temporary", "write_whole",
]  # fmt: skip


def _store(path: str) -> Store:
    """The store that holds a resolved path."""
    return s3 if is_remote(path) else local


def resolve(path: object) -> str:
    """The absolute root of a lake.

    Raises
    ------
    LakeError : a path that Delta or hive readers would misread (``=``, ``%``, a backslash, a control character).
    """
    text = os.fspath(path) if isinstance(path, os.PathLike) else str(path)
    if re.match(r"s3a?:/", text):
        return s3.resolve(text)
    if re.match(r"[a-z][a-z0-9+]+:/", text):
        raise LakeError(
            f"{text}: a lake is stored in a folder or at s3://bucket/prefix; other stores are not supported"
        )
    return local.resolve(text)


def exists(path: str) -> bool:
    """Whether there is such a file, or anything below that folder."""
    return _store(path).exists(path)


def size_of(path: str) -> int:
    """Bytes of a file; -1 if there is none."""
    return _store(path).size_of(path)


def list_files(folder: str, *, logs: bool = False) -> list[StoredFile]:
    """Every file below a folder, those of Delta's logs only if asked for."""
    return _store(folder).list_files(folder, logs=logs)


def read_log(table_folder: str) -> Iterator[str]:
    """The text of every commit in a Delta table's log, oldest first."""
    return _store(table_folder).read_log(table_folder)


def digest(path: str) -> Digest | None:
    """Hashes and size of a file; None if there is none."""
    return _store(path).digest(path)


def read_bytes(path: str) -> bytes | None:
    """A small file; None if there is none."""
    return _store(path).read_bytes(path)


def read_json(path: str) -> dict[str, Any] | None:
    """A small JSON file; None if there is none.

    Raises DamagedLakeError if it carries a check (:func:`write_json`) and holds other bytes, or is no JSON.
    """
    try:
        content = read_bytes(path)
    except (IsADirectoryError, NotADirectoryError) as error:
        raise LakeError(f"{path}: not readable as JSON ({error})") from None
    if content is None:
        return None
    if encode.is_intact_json(content) is False:
        raise DamagedLakeError(
            f"{path}: its bytes are not those that were written; `neurostore verify --drop-damaged` makes it "
            "again if it can; otherwise restore it from a backup"
        )
    return dict(json.loads(content))


def open_parquet(path: str) -> Any:
    """A pyarrow ParquetFile to read from; to be closed."""
    return _store(path).open_parquet(path)


def write_new(path: str, pieces: Iterable[Any]) -> Digest:
    """Write a new file of bytes-like pieces, completely or not at all. Returns its hashes and size."""
    return _store(path).write_new(path, pieces)


def write_parquet(path: str, table: Any, **options: Any) -> Digest:
    """Write a new Parquet file whole, encoded a row group at a time. Returns its hashes and size.

    options : of pyarrow's ParquetWriter, and row_group_size (rows).
    """
    return write_new(path, parquet_pieces(table, **options))


def parquet_pieces(table: Any, **options: Any) -> Iterator[Any]:
    """The bytes of the file that :func:`write_parquet` writes, a row group at a time."""
    return encode.parquet_pieces(table, options.pop("row_group_size", 1 << 20), options)


def write_whole(path: str, content: Any, *, replace: bool = True) -> bool:
    """Write a small file completely or not at all. Returns False if it exists and must not be replaced."""
    return _store(path).write_whole(path, content, replace=replace)


def write_json(path: str, content: dict[str, Any], *, replace: bool = True) -> bool:
    """Write a small JSON file completely or not at all. Returns False if it exists and must not be replaced.

    It ends with a check of the rest, so that a changed byte is noticed (:func:`is_intact_json`).
    """
    return write_whole(path, encode.checked_json(content), replace=replace)


def is_intact_json(path: str) -> bool | None:
    """Whether a file that :func:`write_json` wrote still holds the bytes it wrote; None if it carries no check."""
    content = read_bytes(path)
    return None if content is None else encode.is_intact_json(content)


def delete(paths: list[str]) -> int:
    """Delete files of one store; those already gone are skipped. Returns how many were deleted, or asked for.

    Emptied folders stay.
    """
    return _store(paths[0]).delete(paths) if paths else 0


def touch(path: str) -> None:
    """Renew a file's time."""
    _store(path).touch(path)


def sync_folder(folder: str) -> None:
    """Make the names in a folder survive a power cut."""
    _store(folder).sync_folder(folder)


def sync_folders(root: str, folder: str) -> None:
    """Make a new folder survive a power cut, with those above it up to the root."""
    _store(root).sync_folders(root, folder)


def sync_file(path: str) -> None:
    """Make a file that another library wrote survive a power cut."""
    _store(path).sync_file(path)


def keeps_old_versions(root: str) -> bool:
    """Whether the store keeps what is deleted or overwritten."""
    return _store(root).keeps_old_versions(root)


def lock(root: str, doing: str, timeout_s: float = 120.0) -> AbstractContextManager[bool]:
    """The lake's lock for writers, held for the length of a commit or a vacuum. Readers never take it.

    It ends with its holder, however that died. Yields whether the last holder died or failed before it was done.

    Raises
    ------
    ConflictError : another process held it for longer than ``timeout_s``; names it.
    """
    return _store(root).lock(root, doing, timeout_s)
