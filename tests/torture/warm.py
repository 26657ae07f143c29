"""The command line in processes forked from one that has imported everything and runs nothing: a start costs nothing."""

from __future__ import annotations

import atexit
import gc
import importlib
import multiprocessing
import os
import pkgutil
import shutil
import signal
import sys
import tempfile
import time
from functools import cache
from multiprocessing.process import BaseProcess
from pathlib import Path

_LIBRARIES = ("deltalake", "duckdb", "pandas", "polars", "pyarrow.compute", "pyarrow.dataset", "pyarrow.parquet")
_PACKAGES = (
    "cli", "commands", "lake", "upkeep", "distances", "storage", "reviews", "sql", "ingest.cohort", "ingest.pipeline",
    "ingest.readers.trees", "ingest.landmarks", "ingest.geometry", "ingest.body",
)  # fmt: skip
MARK = "NEUROSTORE_TORTURE_CASE"


def import_everything() -> None:
    """Import what the commands import. Imports alone: threads would not live on in a forked process."""
    os.environ.setdefault("TOKIO_WORKER_THREADS", "1")  # deltalake opens small tables in half the time
    for name in (*_LIBRARIES, *(f"neurostore.{package}" for package in _PACKAGES)):
        found = importlib.import_module(name)
        if name.startswith("neurostore.") and hasattr(found, "__path__"):
            for module in pkgutil.walk_packages(found.__path__, f"{name}."):
                if not module.name.endswith(("ray_pool", "locked_child", "s3")):
                    importlib.import_module(module.name)
    _load_kernels()
    gc.freeze()  # a forked process does not copy the pages of what was imported


def _load_kernels() -> None:
    """Have the compiled kernels of an ingest in memory."""
    from neurostore.ingest.landmarks import compute_landmarks
    from neurostore.ingest.readers import read
    from tests.builders.tiny_bvh import write_bvh

    with tempfile.TemporaryDirectory() as folder:
        write_bvh(Path(folder) / "walk.bvh", 20)
        compute_landmarks(read(Path(folder) / "walk.bvh"))


@cache
def machine() -> Path:
    """The temporary folder of the commands: who is erased is searched for in all of it."""
    made = Path(tempfile.mkdtemp(prefix="neurostore-torture-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


class Running:
    """``neurostore …`` at work. stale_s : seconds after which a process that sleeps is taken for dead."""

    def __init__(self, words: list[str], mark: str = "", stale_s: float | None = None):
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.torture.preloaded"])
        with tempfile.NamedTemporaryFile(prefix="torture-", suffix=".txt", delete=False) as file:
            self._said = Path(file.name)
        self._process: BaseProcess = context.Process(
            target=_main, args=(words, mark, str(self._said), stale_s, str(machine()))
        )
        self._process.start()

    def wait(self, timeout_s: float) -> bool:
        """Whether it ended within the given number of seconds."""
        self._process.join(timeout_s)
        return self._process.exitcode is not None

    def send(self, sent: signal.Signals) -> None:
        """Send a signal to it."""
        if self._process.exitcode is None and self._process.pid is not None:
            os.kill(self._process.pid, sent)

    def ended(self, timeout_s: float = 300.0) -> tuple[int, str]:
        """Its exit status and output when it has ended; its files are closed."""
        if not self.wait(timeout_s):
            self.send(signal.SIGKILL)
            self._process.join()
        status, said = self._process.exitcode or 0, self._said.read_text(errors="replace")
        self._process.close()
        self._said.unlink()
        return status, said


def run(words: list[str], **options: float) -> tuple[int, str, float]:
    """Exit status, words and seconds of a command."""
    began = time.monotonic()
    status, said = Running(words, **options).ended()  # type: ignore[arg-type]
    return status, said, time.monotonic() - began


def _main(words: list[str], mark: str, said: str, stale_s: float | None, machine: str) -> None:
    from neurostore import cli
    from neurostore.lake import heartbeat

    os.environ[MARK] = mark
    os.environ["TMPDIR"] = tempfile.tempdir = machine
    handle = os.open(said, os.O_WRONLY)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    if stale_s is not None:
        heartbeat.STALE_S, heartbeat.HEARTBEAT_S = stale_s, stale_s / 20
    sys.argv = ["neurostore", *words]
    cli.main()
