"""Where bytes lie: the one module that knows files, folders, fsync and locks.

A lake's root is an absolute path, or ``s3://bucket/prefix``. Nothing outside this module joins it with ``os`` or opens
a file below it: what a function marked ``_by_store`` does on an object store is the one of its name in storage_s3.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import random
import re
import socket
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from neurostore.errors import ConflictError, LakeError
from neurostore.storage.stored_file import StoredFile

HEARTBEAT_S = 15.0
_P = ParamSpec("_P")
_T = TypeVar("_T")


def is_remote(path: object) -> bool:
    """Whether a resolved path lies on an object store."""
    return isinstance(path, str) and path.startswith("s3://")


def _by_store(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """The function of the same name in storage_s3 where its first argument (or the first in it) is remote."""

    @wraps(function)
    def chosen(*args: _P.args, **options: _P.kwargs) -> _T:
        first = args[0] if args else None
        if isinstance(first, list) and first:
            first = first[0]
        if is_remote(first):
            from neurostore.storage import s3

            return getattr(s3, function.__name__)(*args, **options)
        return function(*args, **options)

    return chosen


def resolve(path: object) -> str:
    """The absolute root of a lake.

    Raises
    ------
    LakeError : a path that Delta or hive readers would misread (``=``, ``%``, a backslash, a control character).
    """
    text = os.fspath(path) if isinstance(path, os.PathLike) else str(path)
    if re.match(r"s3a?:/", text):
        from neurostore.storage import s3

        return s3.resolve(text)
    if re.match(r"[a-z][a-z0-9+]+:/", text):
        raise LakeError(
            f"{text}: a lake is stored in a folder or at s3://bucket/prefix; other stores are not supported"
        )
    root = os.path.abspath(os.path.expanduser(text))
    bad = sorted(set(re.findall(r"[%\\=\x00-\x1f\x7f]", root)))
    if bad:
        raise LakeError(
            f"{root!r}: a lake's path cannot hold {', '.join(map(repr, bad))}: readers of partitioned Parquet "
            "take 'a=b' for a column and Delta decodes '%'; choose another folder"
        )
    return root


def join(root: str, *parts: str) -> str:
    """The path of something below the root."""
    return "/".join((root.rstrip("/"), *parts))


@_by_store
def exists(path: str) -> bool:
    """Whether a file or folder exists."""
    return os.path.exists(path)


@_by_store
def size_of(path: str) -> int:
    """Bytes of a file; -1 where there is none."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return -1


@_by_store
def list_files(folder: str, *, logs: bool = False) -> list[StoredFile]:
    """Every file below a folder, those of Delta's logs only if asked for."""
    found = []
    for base, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if logs or f != "_delta_log"]
        for name in names:
            path = os.path.join(base, name)
            with suppress(FileNotFoundError):
                stat = os.stat(path)
                found.append(StoredFile(os.path.relpath(path, folder), stat.st_size, stat.st_mtime))
    return found


@_by_store
def read_log(table_folder: str) -> Iterator[str]:
    """The text of every commit in a Delta table's log, oldest first."""
    for path in sorted(Path(table_folder, "_delta_log").glob("*.json")):
        yield path.read_text(encoding="utf-8")


@_by_store
def delete(paths: list[str]) -> int:
    """Delete files; those already gone are passed over. Returns how many went. Emptied folders stay."""
    n_deleted = 0
    for path in paths:
        with suppress(FileNotFoundError):
            os.unlink(path)
            n_deleted += 1
    return n_deleted


@contextmanager
def named_errors(root: str, doing: str) -> Iterator[None]:
    """Turn what the operating system says into a LakeError that names the lake and what to do."""
    try:
        yield
    except OSError as error:
        advice = {
            errno.ENOSPC: "the disk is full: free some space and repeat the command; the lake is intact",
            errno.EDQUOT: "the quota is used up: free some space and repeat the command; the lake is intact",
            errno.EACCES: "no permission to write there",
            errno.EROFS: "the file system is read-only",
            errno.ENOENT: "the folder has disappeared",
        }.get(error.errno or 0, str(error))
        raise LakeError(f"{root}: {doing} failed: {advice}") from error


@_by_store
def sync_folder(folder: str) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@_by_store
def sync_folders(root: str, folder: str) -> None:
    """Make a new folder survive a power cut, with those above it up to the root."""
    while True:
        sync_folder(folder)
        if len(folder) <= len(root):
            return
        folder = os.path.dirname(folder)


@_by_store
def sync_file(path: str) -> None:
    """Make a file that another library wrote survive a power cut."""
    with suppress(FileNotFoundError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_parquet(path: str, table: Any, **options: Any) -> tuple[int, str]:
    """Write a new Parquet file whole, encoded a row group at a time. Returns its size and SHA-256.

    options : of pyarrow's ParquetWriter; row_group_size, rows.
    """
    return write_new(path, _encoded(table, options.pop("row_group_size", 1 << 20), options))


def _encoded(table: Any, rows: int, options: dict[str, Any]) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Kept until a row group is whole: Arrow writes a wide table in thousands of small pieces, which are slow one by one.
    if table.num_rows <= rows:
        whole = pa.BufferOutputStream()  # faster by a third than pieces in Python
        pq.write_table(table, whole, row_group_size=rows, **options)
        yield whole.getvalue()
        return
    pieces = _Pieces()
    with pq.ParquetWriter(pieces, table.schema, **options) as writer:
        for first in range(0, table.num_rows, rows):
            writer.write_table(table.slice(first, rows), row_group_size=rows)
            yield pieces.taken()
    yield pieces.taken()


class _Pieces(io.RawIOBase):
    """A file to write to whose content is taken bit by bit."""

    def __init__(self) -> None:
        self._held, self._size = bytearray(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        self._size += len(data)
        return len(data)

    def tell(self) -> int:
        return self._size

    def taken(self) -> bytearray:
        """What was written since the last time."""
        held, self._held = self._held, bytearray()
        return held


def temporary_name(path: str) -> str:
    """Where a file is written before it gets its name, beside it: ``.NAME.xxxxxxxx.tmp``, which any writer may sweep."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{uuid.uuid4().hex[:8]}.tmp")


@_by_store
def write_new(path: str, pieces: Iterable[Any]) -> tuple[int, str]:
    """Write a new file of bytes-like pieces: temporary name, fsync, rename, fsync of the folder. Returns size and SHA-256."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        os.makedirs(folder, exist_ok=True)
        sync_folder(os.path.dirname(folder))
    temporary = temporary_name(path)
    digest, size = hashlib.sha256(), 0
    try:
        with open(temporary, "wb") as file:
            for piece in pieces:
                digest.update(piece)
                size += file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(folder)
    return size, digest.hexdigest()


@_by_store
def digest(path: str) -> tuple[str, int] | None:
    """SHA-256 and size of a file; None where there is none."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
    except FileNotFoundError:
        return None


@_by_store
def read_bytes(path: str) -> bytes | None:
    """A small file; None where there is none."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return None


def read_json(path: str) -> dict[str, Any] | None:
    """A small JSON file; None where there is none."""
    try:
        content = read_bytes(path)
        return None if content is None else json.loads(content)
    except (ValueError, IsADirectoryError, NotADirectoryError) as error:
        raise LakeError(f"{path}: not readable as JSON ({error})") from None


def write_json(path: str, content: dict[str, Any], *, replace: bool = True) -> bool:
    """Write a small JSON file whole or not at all. Returns False where it exists and must not be replaced.

    It ends with a check of the rest, so that a changed byte is noticed (:func:`is_intact_json`).
    """
    return write_whole(path, _checked_json(content), replace=replace)


def _checked_json(content: dict[str, Any]) -> bytes:
    said = {k: v for k, v in content.items() if k != "check"}
    check = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return json.dumps({**said, "check": check}, indent=2).encode()


def is_intact_json(path: str) -> bool | None:
    """Whether a file that :func:`write_json` wrote still holds the bytes it wrote; None where it carries no check."""
    content = read_bytes(path)
    if content is None:
        return None
    try:
        said = json.loads(content)
    except ValueError:
        return False
    if not isinstance(said, dict) or "check" not in said:
        return False if b"chec" in content or b"heck" in content else None
    return _checked_json(said) == content


@_by_store
def write_whole(path: str, content: bytes, *, replace: bool = True) -> bool:
    """Write a small file whole or not at all. Returns False where it exists and must not be replaced."""
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    temporary = temporary_name(path)
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(temporary, path)
        else:
            try:
                os.link(temporary, path)
            except FileExistsError:
                return False
            finally:
                os.unlink(temporary)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(folder)
    return True


@_by_store
@contextmanager
def lock(root: str, doing: str, timeout_s: float = 120.0) -> Iterator[bool]:
    """The lake's lock for writers, held for the length of a commit or a vacuum. Readers never take it.

    It ends with its holder, however that died. Yields whether the last holder died or failed before it was done.
    Raises ConflictError naming the holder after ``timeout_s``.
    """
    import fcntl

    path = join(root, "_neurostore", "commit.lock")
    with named_errors(root, doing):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        deadline = time.monotonic() + timeout_s
        pause = 0.002
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    holder = os.pread(handle, 200, 0).decode("utf-8", "replace").strip() or "another process"
                    raise ConflictError(
                        f"{root}: {doing}: {holder} has locked the lake for more than {timeout_s:g} s; "
                        "wait for it or end it, then repeat the command"
                    ) from None
                time.sleep(pause * (0.5 + random.random()))
                pause = min(pause * 1.5, 0.1)
        was_abandoned = os.fstat(handle).st_size > 0
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()} ({doing})\n".encode(), 0)
        yield was_abandoned
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


@_by_store
def keeps_old_versions(root: str) -> bool:
    """Whether the store keeps what is deleted or overwritten."""
    return False


@_by_store
def touch(path: str) -> None:
    """Renew a file's time."""
    os.utime(path)


@_by_store
def open_parquet(path: str) -> Any:
    """A pyarrow ParquetFile to read from; to be closed."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(path)
