"""Where queries write what does not fit into memory: in the user's cache, not beside data or in the working folder.

Files that a killed process left there contain people's movement too; they are deleted when the next connection is made.
Each connection has a folder named after its process: before 2.0 the names of DuckDB's files do not say whose they are.
"""

from __future__ import annotations

import os
import re
import socket
import tempfile
import time
import uuid
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from neurostore.child_process import is_alive
from neurostore.storage import temporary

if TYPE_CHECKING:
    import duckdb

_OF_PROCESS = re.compile(r"(?:duckdb_temp_)?(\d+)_\w+.*")  # until 0.1, files of all processes lay side by side
_OF_NOBODY = re.compile(r"duckdb_temp_(?:storage|block)[-_].*")  # those of DuckDB before 2.0
_STALE_S = 3600.0


def place() -> Path:
    """The folder of this user and machine, in which each connection has its own."""
    return platformdirs.user_cache_path("neurostore") / "spill" / socket.gethostname()


def folder() -> str:
    """The folder of a new connection, for DuckDB's ``temp_directory``; those of dead processes are removed.

    DuckDB makes it when it needs it, and removes it with the connection.
    """
    try:
        place().mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(place())
    except OSError:  # no home that can be written
        return tempfile.gettempdir()
    return str(place() / f"{os.getpid()}_{uuid.uuid4().hex[:8]}")


def beside(connection: duckdb.DuckDBPyConnection) -> Path:
    """A new folder for files that a connection reads; it is removed with the connection, or swept after a kill."""
    path = Path(folder())
    if path.is_dir():  # no home that can be written
        return temporary.scratch_for(connection)
    path.mkdir(mode=0o700)
    weakref.finalize(connection, temporary.remove, path)
    return path


def sweep(place: Path) -> None:
    """Remove what DuckDB wrote for processes of this machine that are no more."""
    for path in place.iterdir():
        owner = _OF_PROCESS.fullmatch(path.name)
        if owner and not is_alive(int(owner[1])):
            temporary.remove(path)
        elif _OF_NOBODY.fullmatch(path.name):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _STALE_S:
                    path.unlink()


def living() -> list[Path]:
    """What queries that run now have written; what dead processes left is removed."""
    if not place().is_dir():
        return []
    sweep(place())
    return sorted(p for p in place().iterdir() if _OF_PROCESS.fullmatch(p.name) or _OF_NOBODY.fullmatch(p.name))
