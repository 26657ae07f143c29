"""Work that every worker of a test run needs done, done by the first one that asks."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path


def once(base: Path, name: str, work: Callable[[Path], object]) -> Path:
    """A folder that ``work`` has filled; other workers wait for it. base : pytest's base folder of this worker."""
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = shared / name, shared / f"{name}.done"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            folder.mkdir(exist_ok=True)
            work(folder)
            done.touch()
    return folder
