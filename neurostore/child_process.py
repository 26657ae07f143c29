"""What a child process that may receive any input does first: it ends with its parent, and limits its memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys


def end_with_parent(parent: int | None = None) -> None:
    """Ask Linux to kill this process when its parent dies, even within a C library; elsewhere the pipe's end and the alarm do it.

    parent : its process id, to notice a parent that died before this call.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
    if parent is not None and os.getppid() != parent:
        os._exit(0)


def limit_memory(n_bytes: int) -> None:
    """Let the address space grow by at most n_bytes from here (Linux; elsewhere the limit is not kept)."""
    with contextlib.suppress(OSError, ValueError, ImportError):
        import resource

        with open("/proc/self/statm") as status:
            now = int(status.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + n_bytes, now + n_bytes))


def is_alive(pid: int) -> bool:
    """Whether there is a process of this number on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
