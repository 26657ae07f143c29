"""Worker processes that read and compute batches, and the parent's end of them.

A worker is a fresh interpreter, so that it works from scripts, notebooks and any start method, and threads of numerical
libraries are set before they load. It ends when its parent does, however that died: its pipe then closes (and Linux
sends a signal). If a worker dies, only the trial it was reading is lost. While a batch is written and waits for the
disk, the next is computed already.
"""

from __future__ import annotations

import itertools
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, TypeAlias

from neurostore import no_pandas
from neurostore.errors import InputError, NeurostoreError
from neurostore.ingest.pipeline.batch import Batch, BatchResult, Computed, Outcome, compute
from neurostore.trial_key import key_text

_AHEAD = 2  # batches that a worker has, so that it is not idle while the parent commits


@dataclass(frozen=True, slots=True)
class RayEngine:
    """Read in tasks of the Ray cluster at an address, else of one started here."""

    address: str | None = None


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """A trial was read or refused; its batch is not staged yet."""

    label: str
    n_bytes: int


Event: TypeAlias = TrialEnded | BatchResult


class InProcess:
    """The same work in this process: for cohorts too small to justify starting a process."""

    def run(self, batches: list[Batch]) -> Iterator[Event]:
        """Process batches and yield their events; one batch is computed while the previous one is written."""
        before: Future[BatchResult] | None = None
        with ThreadPoolExecutor(1, "neurostore-stage") as staging:
            for batch in batches:
                computed = compute(batch, lambda index: None, lambda index: None)
                yield from (_ended(batch, index) for index in range(len(batch.sources)))
                if before is not None:
                    yield before.result()
                before = staging.submit(computed.stage)
            if before is not None:
                yield before.result()

    def close(self) -> None:
        """Nothing to end."""


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    pipe: Connection
    batches: deque[Batch] = field(default_factory=deque)  # sent to the worker and not finished
    n_done: int = 0
    # the trial being read: number of its batch since the worker's start, index in the batch
    current: tuple[int, int] | None = None

    def batch(self, number: int) -> Batch:
        return self.batches[number - self.n_done]


class Pool:
    """n worker processes. ``close`` ends them at once; a dead one is replaced while there is work."""

    def __init__(self, n_workers: int):
        self._workers = [_start(n_workers) for _ in range(n_workers)]
        self._n = n_workers

    def run(self, batches: list[Batch]) -> Iterator[Event]:
        """Process every batch, in any order, and yield the events.

        Raises
        ------
        NeurostoreError : an error in a worker that concerns the lake and not a single trial.
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
                    number, index = content
                    yield _ended(worker.batch(number), index)
                elif message == "done":
                    worker.batches.popleft()
                    worker.n_done += 1
                    self._hand_out(waiting)
                    yield content
                else:
                    raise content

    def _hand_out(self, waiting: deque[Batch]) -> None:
        for depth in range(1, _AHEAD + 1):
            for worker in self._workers:
                if waiting and len(worker.batches) < depth:
                    with suppress(OSError):  # it is dead, which reading its pipe will show
                        worker.pipe.send(waiting[0])
                    worker.batches.append(waiting.popleft())

    def _bury(self, worker: _Worker, waiting: deque[Batch]) -> Iterator[Event]:
        """Replace a dead worker; the trial it was at is lost, the others of its batches are done again."""
        code = worker.process.wait()
        worker.pipe.close()
        self._workers[self._workers.index(worker)] = _start(self._n)
        batches = list(worker.batches)
        if code == _NO_START and worker.current is None:
            raise NeurostoreError("a worker process could not start; its own message is above")
        number, index = worker.current or (-1, 0)
        if number < worker.n_done:  # it had not begun any of the remaining trials
            waiting.extendleft(reversed(batches))
            return
        lost = worker.batch(number).sources[index]
        name = signal.Signals(-code).name if code < 0 else f"status {code}"
        hint = "; it may have run out of memory" if code == -signal.SIGKILL else ""
        error = InputError(
            lost.paths[0], f"the process that read it died ({name}){hint}; the other files were not affected"
        )
        worker.batch(number).sources = [s for s in worker.batch(number).sources if s is not lost]
        waiting.extendleft(reversed([b for b in batches if b.sources]))
        yield TrialEnded(lost.paths[0].name, lost.n_bytes)
        yield BatchResult(None, [Outcome(lost, lost.key, error=error)])

    def close(self) -> None:
        """End all workers; those that are busy are killed."""
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


def _ended(batch: Batch, index: int) -> TrialEnded:
    source = batch.sources[index]
    return TrialEnded(key_text(source.key), source.n_bytes)


_NO_START = 70


def _start(n_workers: int) -> _Worker:
    """A new worker process with its share of the processor's threads."""
    ours, theirs = Pipe(duplex=True)
    threads = str(max(1, (os.cpu_count() or 1) // n_workers))
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, threads), "ARROW_NUM_THREADS": threads}
    command = (  # the first line runs before slow imports
        f"from neurostore.child_process import end_with_parent; end_with_parent({os.getpid()})\n"
        f"from neurostore.ingest.pipeline.workers import serve; serve({theirs.fileno()})"
    )
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", command],
        pass_fds=(theirs.fileno(),),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=environment,
    )
    theirs.close()
    return _Worker(process, ours)


def serve(handle: int) -> None:
    """A worker's life: take batches from the pipe until it closes, then end at once."""
    with no_pandas.kept_out():
        _serve(handle)


def _serve(handle: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the parent handles it
    pipe = Connection(handle)
    batches: queue.SimpleQueue[Batch] = queue.SimpleQueue()
    computed: queue.Queue[Computed] = queue.Queue(maxsize=1)  # so that at most three batches are in memory
    one_at_a_time = threading.Lock()

    def send(message: str, content: Any) -> None:
        try:
            with one_at_a_time:
                pipe.send((message, content))
        except (BrokenPipeError, ConnectionError):
            os._exit(0)

    threading.Thread(target=_take, args=(pipe, batches), daemon=True).start()
    threading.Thread(target=_stage, args=(computed, send), daemon=True).start()
    for number in itertools.count():
        batch = batches.get()
        computed.put(
            compute(
                batch,
                lambda index, number=number: send("began", (number, index)),  # type: ignore[misc]
                lambda index, number=number: send("ended", (number, index)),  # type: ignore[misc]
            )
        )


def _stage(computed: queue.Queue[Computed], send: Callable[[str, Any], None]) -> None:
    """Write what is computed, batch after batch; what concerns the lake and not one trial goes to the parent."""
    while True:
        try:
            send("done", computed.get().stage())
        except NeurostoreError as error:
            send("failed", error)
        except Exception as error:  # if the thread ended silently, the parent would wait forever
            send("failed", NeurostoreError(f"files could not be written: {type(error).__name__}: {error}"))


def _take(pipe: Connection, batches: queue.SimpleQueue[Batch]) -> None:
    """Move batches from the pipe to the queue; the pipe's end is the parent's end, and ours."""
    try:
        while True:
            batches.put(pipe.recv())
    except (EOFError, OSError):
        os._exit(0)
