"""Queries that Ctrl-C ends: DuckDB does not check signals while it computes a result."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import duckdb

_LOOK_S = 0.1
_T = TypeVar("_T")


def interruptible(
    connection: duckdb.DuckDBPyConnection, work: Callable[[], _T], stop: Callable[[], None] = lambda: None
) -> _T:
    """The result of ``work``, which queries the connection; KeyboardInterrupt stops the query and is raised.

    stop : called too, to stop what the query itself computes elsewhere.

    Signals reach only the main thread, and only between Python's own instructions, so the query runs in another thread.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="neurostore-query", daemon=True).start()
    try:
        while not future.done():  # a signal does not always end a wait without a timeout
            wait([future], timeout=_LOOK_S)
        return future.result()
    except KeyboardInterrupt:
        connection.interrupt()
        stop()
        wait([future], timeout=10.0)  # after a signal, Thread.join takes a running thread for finished (Python 3.11)
        raise
