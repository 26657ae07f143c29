"""The store that is a folder: the one module of a lake that knows files, folders, fsync and locks."""

from __future__ import annotations

import errno
import os
import random
import re
import socket
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from neurostore.errors import ConflictError, LakeError
from neurostore.file_hash import Digest, Hasher, digest_of_file, xxh3_and_size
from neurostore.storage.paths import join
from neurostore.storage.stored_file import StoredFile
from neurostore.storage.temporary import hold, name_beside, sync


def resolve(text: str) -> str:
    """The absolute path of a folder.

    Raises
    ------
    LakeError : a path that Delta or hive readers would misread (``=``, ``%``, a backslash, a control character).
    """
    root = os.path.abspath(os.path.expanduser(text))
    bad = sorted(set(re.findall(r"[%\\=\x00-\x1f\x7f]", root)))
    if bad:
        raise LakeError(
            f"{root!r}: a lake's path cannot hold {', '.join(map(repr, bad))}: readers of partitioned Parquet "
            "take 'a=b' for a column and Delta decodes '%'; choose another folder"
        )
    return root


@contextmanager
def named_errors(root: str, doing: str) -> Iterator[None]:
    """Turn an error of the operating system into a LakeError that names the lake and what to do."""
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


def exists(path: str) -> bool:
    """Whether there is such a file or folder."""
    return os.path.exists(path)


def size_of(path: str) -> int:
    """Bytes of a file; -1 if there is none."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return -1


def list_files(folder: str, *, logs: bool = False) -> list[StoredFile]:
    """Every file below a folder, those of Delta's logs only if asked for; no pipes, sockets and devices."""
    files = []
    for base, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if logs or f != "_delta_log"]
        for name in names:
            path = os.path.join(base, name)
            with suppress(FileNotFoundError):
                status = os.stat(path)
                if stat.S_ISREG(status.st_mode):
                    files.append(StoredFile(os.path.relpath(path, folder), status.st_size, status.st_mtime))
    return files


def read_log(table_folder: str) -> Iterator[str]:
    """The text of every commit in a Delta table's log, oldest first."""
    for path in sorted(Path(table_folder, "_delta_log").glob("[0-9]" * 20 + ".json")):
        yield path.read_text(encoding="utf-8")


def delete(paths: list[str]) -> int:
    """Delete files; those already gone are skipped. Returns how many went. Emptied folders stay."""
    n_deleted = 0
    for path in paths:
        with suppress(FileNotFoundError):
            os.unlink(path)
            n_deleted += 1
    return n_deleted


def sync_folder(folder: str) -> None:
    """Make the names in a folder survive a power cut."""
    sync(folder)


def sync_folders(root: str, folder: str) -> None:
    """Make a new folder survive a power cut, with those above it up to the root."""
    while True:
        sync_folder(folder)
        if len(folder) <= len(root):
            return
        folder = os.path.dirname(folder)


def sync_file(path: str) -> None:
    """Make a file that another library wrote survive a power cut."""
    with suppress(FileNotFoundError):
        sync(path)


def write_new(path: str, pieces: Iterable[Any]) -> Digest:
    """Write a new file of bytes-like pieces: temporary name, fsync, rename, fsync of the folder. Returns its digest."""
    hasher = Hasher()

    def seen() -> Iterator[Any]:
        for piece in pieces:
            hasher.update(piece)
            yield piece

    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        os.makedirs(folder, exist_ok=True)
        sync_folder(os.path.dirname(folder))
    _rename(write_temporary(path, seen()), path)
    return hasher.digest()


def write_whole(path: str, content: Any, *, replace: bool = True, mode: int = 0o666) -> bool:
    """Write a small file completely or not at all. Returns False if it exists and must not be replaced.

    mode : permissions of the file, less the process's umask.
    """
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    temporary = write_temporary(path, [content], mode)
    if replace:
        _rename(temporary, path)
        return True
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(temporary)
    sync_folder(os.path.dirname(path) or ".")
    return True


def write_temporary(path: str, pieces: Iterable[Any], mode: int = 0o666) -> str:
    """Write what is to be at ``path`` beside it, down to the disk; returns where. :func:`publish` gives it its name.

    While it is being written it is held: outside a lake, the next writer of ``path`` deletes what nobody holds.
    """
    temporary = name_beside(path)
    try:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            hold(file.fileno())
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    return temporary


def publish(temporary: str | os.PathLike[str], path: str | os.PathLike[str]) -> None:
    """Give what was written beside ``path``, a file or a folder, its name, so that both survive a power cut.

    Where that fails, a file is deleted and a folder is left.
    """
    sync_file(os.fspath(temporary))
    _rename(os.fspath(temporary), os.fspath(path))


def _rename(temporary: str, path: str) -> None:
    try:
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(os.path.dirname(path) or ".")


def digest(path: str) -> Digest | None:
    """Hashes and size of a file; None if there is none."""
    try:
        return digest_of_file(path)
    except FileNotFoundError:
        return None


def quick_digest(path: str) -> tuple[str, int] | None:
    """XXH3 and size of a file; None if there is none."""
    try:
        return xxh3_and_size(path)
    except FileNotFoundError:
        return None


def read_bytes(path: str) -> bytes | None:
    """A small file; None if there is none."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return None


@contextmanager
def lock(root: str, doing: str, timeout_s: float = 120.0) -> Iterator[bool]:
    """The lake's lock for writers, held for the length of a commit or a vacuum. Readers never take it.

    It ends with its holder, however that died. Yields whether the last holder died or failed before it was done.

    Raises
    ------
    ConflictError : another process held it for longer than ``timeout_s``; names it.
    """
    with named_errors(root, doing):
        handle = os.open(join(root, "_neurostore", "commit.lock"), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _take(handle, timeout_s, f"{root}: {doing}")
        was_abandoned = os.fstat(handle).st_size > 0
        holder = f"process {os.getpid()} on {socket.gethostname()} ({doing})\n".encode()
        os.pwrite(handle, holder, 0)  # the file is never empty meanwhile, so the mark of a holder that died is not lost
        os.ftruncate(handle, len(holder))
        yield was_abandoned
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _take(handle: int, timeout_s: float, what: str) -> None:
    """Take the lock of an open file."""
    import fcntl

    deadline = time.monotonic() + timeout_s
    pause = 0.002
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                holder = os.pread(handle, 200, 0).decode("utf-8", "replace").strip() or "another process"
                raise ConflictError(
                    f"{what}: {holder} has locked the lake for more than {timeout_s:g} s; "
                    "wait for it or end it, then repeat the command"
                ) from None
            time.sleep(pause * (0.5 + random.random()))
            pause = min(pause * 1.5, 0.1)


def keeps_old_versions(root: str) -> bool:
    """Whether the store keeps what is deleted or overwritten."""
    return False


def touch(path: str) -> None:
    """Renew a file's time."""
    os.utime(path)


def open_parquet(path: str) -> Any:
    """A pyarrow ParquetFile to read from; to be closed."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(path, page_checksum_verification=True)
