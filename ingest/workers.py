"""Worker processes that read and compute batches, and the parent's end of them.

A worker is a fresh interpreter, so that it works from scripts, notebooks and any start method, and threads of numerical
libraries are set before they load. It ends when its parent does, however that died: its pipe then closes (and Linux
sends a signal). A worker that dies loses the trial in work alone.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any

from neurostore.errors import InputError, NeurostoreError

from .batch import Batch, BatchResult, Outcome, process

_AHEAD = 2  # batches a worker has, so that it is never idle while the parent commits


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """A trial was read or refused; its batch is not staged yet."""

    label: str
    n_bytes: int


Event = TrialEnded | BatchResult


class InProcess:
    """The same work in this process: for cohorts too small to be worth a process's start."""

    def run(self, batches: list[Batch]) -> Iterator[Event]:
        for batch in batches:
            ended: list[TrialEnded] = []
            result = process(
                batch,
                lambda index: None,
                lambda index, batch=batch, ended=ended: ended.append(_ended(batch, index)),  # type: ignore[misc]
            )
            yield from ended
            yield result

    def close(self) -> None:
        """Nothing to end."""


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    pipe: Connection
    batches: deque[Batch] = field(default_factory=deque)
    current: int | None = None  # index of the trial in work, of batches[0]


class Pool:
    """n worker processes. ``close`` ends them at once; a dead one is replaced while there is work."""

    def __init__(self, n_workers: int):
        self._workers = [_start(n_workers) for _ in range(n_workers)]
        self._n = n_workers

    def run(self, batches: list[Batch]) -> Iterator[Event]:
        """Have every batch done, in any order, and tell what comes of it.

        Raises
        ------
        NeurostoreError : what a worker met that concerns the lake and not one trial.
        """
        waiting = deque(batches)
        while waiting or any(w.batches for w in self._workers):
            self._hand_out(waiting)
            pipes = {w.pipe: w for w in self._workers if w.batches}
            for pipe in wait(list(pipes)):
                worker = pipes[pipe]  # type: ignore[index]
                try:
                    message, content = worker.pipe.recv()
                except (EOFError, OSError):
                    yield from self._bury(worker, waiting)
                    continue
                if message == "began":
                    worker.current = content
                elif message == "ended":
                    yield _ended(worker.batches[0], content)
                elif message == "done":
                    worker.batches.popleft()
                    worker.current = None
                    self._hand_out(waiting)
                    yield content
                else:
                    raise content

    def _hand_out(self, waiting: deque[Batch]) -> None:
        for depth in range(1, _AHEAD + 1):
            for worker in self._workers:
                if waiting and len(worker.batches) < depth:
                    with suppress(OSError):  # it is dead: its pipe says so below
                        worker.pipe.send(waiting[0])
                    worker.batches.append(waiting.popleft())

    def _bury(self, worker: _Worker, waiting: deque[Batch]) -> Iterator[Event]:
        """Replace a dead worker; the trial it was at is lost, the others of its batches are done again."""
        code = worker.process.wait()
        worker.pipe.close()
        self._workers[self._workers.index(worker)] = _start(self._n)
        first = worker.batches.popleft()
        waiting.extendleft(reversed(worker.batches))
        if worker.current is None:
            if code == _NO_START:
                raise NeurostoreError("a worker process could not start; its own words are above")
            waiting.appendleft(first)
            return
        lost = first.sources[worker.current]
        name = signal.Signals(-code).name if code < 0 else f"status {code}"
        hint = "; it may have run out of memory" if code == -signal.SIGKILL else ""
        error = InputError(lost.paths[0], f"the process that read it died ({name}){hint}; the others were not affected")
        rest = [s for s in first.sources if s is not lost]
        if rest:
            first.sources = rest
            waiting.appendleft(first)
        yield _lost(lost.paths[0].name, lost.n_bytes)
        yield BatchResult(None, [Outcome(lost, lost.key, error=error)])

    def close(self) -> None:
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            if worker.batches:
                worker.process.kill()
            try:
                worker.process.wait(timeout=2)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()


def _lost(label: str, n_bytes: int) -> TrialEnded:
    return TrialEnded(label, n_bytes)


def _ended(batch: Batch, index: int) -> TrialEnded:
    source = batch.sources[index]
    return TrialEnded("/".join(part for part in source.key if part), source.n_bytes)


_NO_START = 70


def _start(n_workers: int) -> _Worker:
    """A new worker process with its share of the processor's threads."""
    ours, theirs = Pipe(duplex=True)
    threads = str(max(1, (os.cpu_count() or 1) // n_workers))
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, threads), "ARROW_NUM_THREADS": threads}
    command = f"from neurostore.ingest.workers import serve; serve({theirs.fileno()}, {os.getpid()})"
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", command],
        pass_fds=(theirs.fileno(),),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=environment,
    )
    theirs.close()
    return _Worker(process, ours)


def serve(handle: int, parent: int) -> None:
    """A worker's life: take batches from the pipe until it closes, then end at once."""
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    pipe = Connection(handle)
    batches: queue.SimpleQueue[Batch] = queue.SimpleQueue()
    threading.Thread(target=_take, args=(pipe, batches), daemon=True).start()
    while True:
        batch = batches.get()
        try:
            result: Any = process(batch, lambda i: pipe.send(("began", i)), lambda i: pipe.send(("ended", i)))
            pipe.send(("done", result))
        except (BrokenPipeError, ConnectionError):
            os._exit(0)
        except NeurostoreError as error:
            pipe.send(("failed", error))


def _take(pipe: Connection, batches: queue.SimpleQueue[Batch]) -> None:
    """Move batches from the pipe to the queue; the pipe's end is the parent's end, and ours."""
    try:
        while True:
            batches.put(pipe.recv())
    except (EOFError, OSError):
        os._exit(0)


def die_with_parent(parent: int) -> None:
    """On Linux, have the kernel end this process when its parent ends, even while it is inside a C library."""
    if sys.platform == "linux":
        import ctypes

        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # it died before we asked
        os._exit(0)
