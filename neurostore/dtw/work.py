"""Sharing jobs among threads. Kernels release the GIL, so plain threads use every core.

numba's own parallel loops are not used: their default threading layer may not be entered from several Python threads
at once, which DuckDB does when it calls functions, and none of the layers survives every fork.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from neurostore.errors import UsageError


def cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share_out(work: Callable[[Any], Any], jobs: Sequence[Any], n_threads: int | None = None) -> None:
    """Call work(job) for every job; each thread takes the next one when it is free. The first error is raised."""
    if n_threads is not None and (isinstance(n_threads, bool) or n_threads < 1):
        raise UsageError(f"n_threads is {n_threads!r}; it must be at least 1")
    n = min(n_threads or cores(), len(jobs))
    if n <= 1:
        for job in jobs:
            work(job)
        return
    queue = iter(jobs)

    def take() -> None:
        for job in queue:  # next() on a list iterator is atomic under the GIL
            work(job)

    with ThreadPoolExecutor(n) as pool:
        for done in [pool.submit(take) for _ in range(n)]:
            done.result()
