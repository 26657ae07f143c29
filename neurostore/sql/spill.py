"""Where DuckDB writes what does not fit into memory: in the user's cache, not beside data or in the working folder.

Files that a killed process left there contain people's movement too; they are deleted when the next connection is made.
"""

from __future__ import annotations

import re
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

import platformdirs

from neurostore.child_process import is_alive

_OF_PROCESS = re.compile(r"duckdb_temp_(\d+)_\w+.*")


def folder() -> str:
    """The folder of this user and machine, for DuckDB's ``temp_directory``; cleared of files of dead processes."""
    path = platformdirs.user_cache_path("neurostore") / "spill" / socket.gethostname()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(path)
    except OSError:  # no writable home folder
        return tempfile.gettempdir()
    return str(path)


def sweep(place: Path) -> None:
    """Remove the files of DuckDB processes of this machine that are no more."""
    for file in place.iterdir():
        owner = _OF_PROCESS.fullmatch(file.name)
        if owner and not is_alive(int(owner[1])):
            with suppress(OSError):
                file.unlink()


def living() -> list[Path]:
    """Spill files of queries that run now; those of dead processes are removed."""
    place = Path(folder())
    return sorted(p for p in place.iterdir() if _OF_PROCESS.fullmatch(p.name)) if place.is_dir() else []
