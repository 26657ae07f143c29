"""What a process would leave behind if it were killed now: the files below a folder, recorded at each of its changes.

A file system keeps what was written when a process is killed, and nothing else of it. So the files as they are at a change
are what ``kill -9`` at that change leaves, and one run of a command gives the state at every one of its changes. States
that are equal byte by byte (before and after a call that changed nothing) are looked at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

_TICK_NS = 200_000_000  # of a file that changed less long ago, the times may be those of the change before


@dataclass(frozen=True)
class State:
    """Files below a folder: the SHA-256 of each by its path, None for a folder. points : changes before which it was so."""

    files: dict[str, str | None]
    points: list[int]


class Recorder:
    """Records the files below a folder, each content once.

    Parameters
    ----------
    below : str
        The folder that is recorded.
    store : pathlib.Path
        Where contents and states are written; not below the folder.
    """

    def __init__(self, below: str, store: Path):
        self._below, self._store = below, store
        self._known: dict[str, tuple[tuple[int, ...], str]] = {}
        self._alone = threading.RLock()
        store.mkdir(exist_ok=True)

    def record(self) -> None:
        """Append the state of now."""
        with self._alone:
            state = json.dumps(self._files(), sort_keys=True)
            name = hashlib.sha256(state.encode()).hexdigest()
            path = self._store / f"{name}.json"
            if not path.exists():
                path.write_text(state)
            with (self._store / "points.txt").open("a") as file:
                file.write(name + "\n")

    def _files(self) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        for folder, _, names in os.walk(self._below):
            found[os.path.relpath(folder, self._below)] = None
            for name in names:
                path = os.path.join(folder, name)
                try:
                    found[os.path.relpath(path, self._below)] = self._content_of(path)
                except FileNotFoundError:  # another thread of the command removed it while we looked
                    continue
        return found

    def _content_of(self, path: str) -> str:
        stat = os.stat(path)
        mark = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        known, digest = self._known.get(path, ((), ""))
        if known == mark and stat.st_ctime_ns < time.time_ns() - _TICK_NS:
            return digest
        with open(path, "rb") as file:
            held = file.read()
        digest = hashlib.sha256(held).hexdigest()
        kept = self._store / digest
        if not kept.exists():
            kept.write_bytes(held)
        self._known[path] = (mark, digest)
        return digest


def recorded(store: Path) -> list[State]:
    """The states in the order of their first points, counted from one."""
    points: dict[str, list[int]] = {}
    for number, name in enumerate((store / "points.txt").read_text().split(), 1):
        points.setdefault(name, []).append(number)
    return [State(json.loads((store / f"{name}.json").read_text()), at) for name, at in points.items()]


def restore(state: State, store: Path, folder: Path) -> None:
    """Write the files of a state into a folder that does not exist yet."""
    for path, digest in sorted(state.files.items()):
        if digest is None:
            (folder / path).mkdir(parents=True)
        else:
            (folder / path).write_bytes((store / digest).read_bytes())
