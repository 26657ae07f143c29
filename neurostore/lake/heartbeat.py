"""Which processes stage files in a lake now: heartbeats that a compaction checks before it deletes, and an erasure before it begins."""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from neurostore import storage
from neurostore.child_process import is_alive
from neurostore.errors import DamagedLakeError, LakeError
from neurostore.lake import contents

HEARTBEAT_S = 15.0
STALE_S = 20 * HEARTBEAT_S  # an ingest without a heartbeat for this long is dead
_RUNNING = "_neurostore/running"


@contextmanager
def running(root: str, doing: str = "ingest") -> Iterator[None]:
    """Mark that something stages files in this lake, so that they are not deleted. A thread renews the mark."""
    path = storage.join(root, _RUNNING, f"{uuid.uuid4().hex}.json")
    with storage.named_errors(root, doing):
        storage.write_json(
            path, {"pid": os.getpid(), "host": socket.gethostname(), "started_s": time.time(), "doing": doing}
        )
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_S):
            with suppress(OSError, LakeError):
                storage.touch(path)

    thread = threading.Thread(target=beat, name="neurostore-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        with suppress(OSError, LakeError):
            storage.delete([path])


def _read(path: str) -> dict[str, Any] | None:
    """The content of a heartbeat; nothing if it is damaged: it counts until it is old."""
    try:
        return storage.read_json(path)
    except DamagedLakeError:
        return {}


def running_since(root: str, doing: str | None = None) -> float:
    """When the oldest that runs began (seconds since the epoch); infinity if none runs. Removes marks of dead processes.

    doing : count only those that do this, and those whose mark is damaged; None counts all.
    """
    since = float("inf")
    for file in contents.own_files(root, _RUNNING):
        path = storage.join(root, _RUNNING, file.path)
        beat = None if file.path.endswith(".tmp") else _read(path)
        dead = time.time() - file.modified_s > STALE_S
        if beat and beat.get("host") == socket.gethostname() and not is_alive(beat["pid"]):
            dead = True
        if dead:
            storage.delete([path])
        elif beat is not None and (doing is None or beat.get("doing", doing) == doing):
            since = min(since, beat.get("started_s", file.modified_s))
    return since
