"""Files and folders that are being written: the pattern of their names, and who deletes them.

``.NAME.xxxxxxxx.tmp`` beside NAME, or ``.neurostore.xxxxxxxx.tmp`` in the machine's temporary folder. Whoever writes
one outside a lake's lock holds a lock on it (flock, which ends with its holder), so that the next writer of NAME can
delete what a killed process left and keep what a living one is writing.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
import time
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from neurostore.errors import NeurostoreError, UsageError

_PATTERN = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.tmp")
_SCRATCH = "neurostore"
_STALE_S = 3600.0  # without file locks, a file older than this is abandoned
_LISTENER: ContextVar[Callable[[Path], None] | None] = ContextVar("listener", default=None)


def name_beside(path: str | os.PathLike[str], mark: str = "") -> str:
    """Where a file is written before it gets its name: ``.NAME.xxxxxxxx.tmp`` in the same folder.

    mark : eight hexadecimal digits for work that a repeat goes on with; random ones otherwise.
    """
    folder, name = os.path.split(os.fspath(path))
    return os.path.join(folder, f".{name}.{mark or uuid.uuid4().hex[:8]}.tmp")


@contextmanager
def listening(listener: Callable[[Path], None]) -> Iterator[None]:
    """Call a function with the path of every file that is about to be written here, before it is written."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def check_folder(out: Path) -> None:
    """Raise UsageError if the folder that a file is to be written to does not exist: before anything is computed."""
    if not out.expanduser().parent.is_dir():
        raise UsageError(f"{out.parent}: this folder does not exist; make it, or write {out.name} elsewhere")


def announce(target: Path | str) -> None:
    """Announce that a file is about to be written; `replacing` and `folder_beside` do so themselves."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(Path(target))


def is_temporary(name: str) -> bool:
    """Whether a file or folder has a name of that pattern."""
    return _PATTERN.fullmatch(name) is not None


@contextmanager
def replacing(target: Path | str, *, is_folder: bool = False, mode: int = 0o666) -> Iterator[Path]:
    """A path to write to that takes the target's name at the end: the target is complete or absent.

    What killed processes left of the same target is swept first. A target that is not a file to be replaced (a pipe, a
    terminal, ``/dev/stdout``) is written to as it is.

    mode : of a new file, before the user's umask; one that is replaced keeps its own.
    """
    target = Path(target)
    is_device = target.is_absolute() and target.is_relative_to("/dev")
    if target.exists() and not target.is_dir() and (is_device or not target.is_file()):
        yield target
        return
    announce(target)
    target = Path(os.path.realpath(target))
    sweep(target)
    work, handle = _made(target, is_folder=is_folder, mode=mode)
    try:
        yield work
        os.fsync(handle)
        if target.is_file():
            with suppress(OSError):
                os.chmod(work, stat.S_IMODE(target.stat().st_mode))
        os.replace(work, target)
        with suppress(OSError):
            sync(target.parent)
    except BaseException:
        remove(work)
        raise
    finally:
        os.close(handle)


@contextmanager
def named(target: Path | str) -> Iterator[None]:
    """Errors of writing a file as a UsageError with its name and what to do.

    polars and pyarrow hide the system's error in ones of their own; a full disk is known by its text there.
    """
    try:
        yield
    except NeurostoreError:
        raise
    except Exception as error:
        is_full = "no space left on device" in str(error).lower() or "disk quota exceeded" in str(error).lower()
        if not (is_full or isinstance(error, OSError)):
            raise
        met = getattr(error, "filename", None) or target
        where = target if is_temporary(os.path.basename(os.fspath(met))) else met
        reason = getattr(error, "strerror", None) or str(error)
        text = "the disk is full: free some space and repeat the command" if is_full else reason
        raise UsageError(f"{where}: cannot be written: {text}") from None


@contextmanager
def folder_beside(target: Path | str) -> Iterator[Path]:
    """A folder beside the target for what leads to it, removed at the end; what killed processes left is swept."""
    announce(target)
    with _working(target) as work:
        yield work


@contextmanager
def _working(target: Path | str) -> Iterator[Path]:
    sweep(target)
    work, handle = _made(Path(target), is_folder=True, mode=0o700)
    try:
        yield work
    finally:
        _end(work, handle)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder of this process in the machine's temporary folder; what killed processes left there is swept."""
    with _working(Path(tempfile.gettempdir()) / _SCRATCH) as work:
        yield work


def scratch_for(owner: object) -> Path:
    """A folder as of :func:`scratch`, for as long as an object lives."""
    sweep()
    work, handle = _made(Path(tempfile.gettempdir()) / _SCRATCH, is_folder=True, mode=0o700)
    weakref.finalize(owner, _end, work, handle)
    return work


def _end(work: Path, handle: int) -> None:
    remove(work)
    os.close(handle)


@contextmanager
def of_libraries() -> Iterator[None]:
    """Have libraries make their own temporary files in a folder of ours, which is swept after a kill.

    openpyxl, for one, writes each sheet to ``openpyxl.xxxxxxxx`` in the machine's temporary folder first.
    """
    with scratch() as folder:
        before, tempfile.tempdir = tempfile.tempdir, str(folder)
        try:
            yield
        finally:
            tempfile.tempdir = before


def scratches() -> list[Path]:
    """Folders of ours in the machine's temporary folder, of processes that live or were killed."""
    return left_of(Path(tempfile.gettempdir()) / _SCRATCH)


def sweep(target: Path | str | None = None) -> int:
    """Remove what killed processes left of a target, or without one in the machine's temporary folder; how many."""
    target = Path(tempfile.gettempdir()) / _SCRATCH if target is None else Path(target)
    left = [path for path in left_of(target) if is_abandoned(path)]
    for path in left:
        remove(path)
    return len(left)


def left_of(target: Path | str) -> list[Path]:
    """Temporary files and folders that have the target's name in theirs."""
    target = Path(target)
    with suppress(OSError):
        named = ((path, _PATTERN.fullmatch(path.name)) for path in target.parent.iterdir())
        return sorted(path for path, match in named if match and match["name"] == target.name)
    return []


def begun_for(target: Path | str) -> list[Path]:
    """Temporary files of a target and of what leads to it, such as the square of a matrix that is being computed."""
    target = Path(target)
    with suppress(OSError):
        begun = (path for path in target.parent.iterdir() if path.name.startswith(f".{target.name}"))
        return sorted(path for path in begun if is_temporary(path.name))
    return []


def is_abandoned(path: Path) -> bool:
    """Whether nobody who lives is writing a temporary file or folder."""
    import fcntl

    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:
        return _is_stale(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return _is_stale(path)
    finally:
        os.close(handle)
    return True


def hold(handle: int) -> None:
    """Say that an open temporary file is being written, for as long as the handle is open."""
    import fcntl

    with suppress(OSError):  # a file system without locks
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_stale(path: Path) -> bool:
    with suppress(OSError):
        return time.time() - path.stat().st_mtime > _STALE_S
    return False


def _made(target: Path, *, is_folder: bool, mode: int) -> tuple[Path, int]:
    """A new temporary file or folder, and the handle whose lock says that it is being written."""
    while True:
        work = Path(name_beside(target))
        if is_folder:
            work.mkdir(0o700 if mode == 0o700 else 0o777)
            try:
                handle = os.open(work, os.O_RDONLY)
            except FileNotFoundError:  # another process removed it
                continue
        else:
            handle = os.open(work, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        hold(handle)
        if work.exists():  # no other process removed it before it was locked
            return work, handle
        os.close(handle)


def remove(path: Path) -> None:
    """Remove a temporary file or folder, if it can be."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def sync(path: str | os.PathLike[str]) -> None:
    """Make a file, or the names in a folder, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
