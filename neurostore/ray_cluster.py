"""Work on more than one machine, by Ray: tasks are distributed, and those of a lost worker are repeated.

Ray's workers run the same code as the caller, so every machine of a cluster has the same neurostore, and what a task
reads and writes by path (recordings, the lake) is stored where all machines see it: a shared file system, or S3 for the
lake.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from neurostore.errors import MissingExtraError, NeurostoreError
from neurostore.release import how_to_install

RETRIES = 3  # how often a task is repeated after its worker died
_STORE_BYTES = 256 * 2**20  # shared memory of a Ray cluster that is started here
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS")


@dataclass(frozen=True, slots=True)
class Lost:
    """What is known of a task that its workers did not survive."""

    reason: str


class Cluster:
    """A Ray cluster: the one at an address, else one started on this machine and ended by ``close``.

    n_cpus : tasks at once; None for as many as the cluster has processors.
    """

    def __init__(self, address: str | None = None, n_cpus: int | None = None):
        try:
            import ray
        except ImportError:
            raise MissingExtraError(f"--engine ray needs Ray: {how_to_install('cluster')}") from None
        self._ray = ray
        self._is_ours = not ray.is_initialized()
        if self._is_ours:
            self._start(address, n_cpus)
        resources = ray.cluster_resources()
        self.n_gpus = int(resources.get("GPU", 0))
        self.n_at_once = n_cpus or max(1, int(resources.get("CPU", 1)))

    def _start(self, address: str | None, n_cpus: int | None) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # do not send usage statistics
        here: dict[str, Any] = {"num_cpus": n_cpus, "include_dashboard": False, "object_store_memory": _STORE_BYTES}
        environment = {"env_vars": dict.fromkeys(_ONE_THREAD, "1")}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._ray.init(
                    address=address or "local", **({} if address else here), runtime_env=environment,
                    log_to_driver=False, logging_level=logging.ERROR, configure_logging=False,
                )  # fmt: skip
        except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
            where = address or "this machine"
            raise NeurostoreError(f"Ray cannot be reached at {where}: {str(error).splitlines()[0]}") from error

    def share(self, value: Any) -> Any:
        """Put a value where every task can read it, once."""
        return self._ray.put(value)

    def run(
        self,
        function: Callable[..., Any],
        calls: Iterable[tuple[Any, tuple[Any, ...]]],
        n_gpus_of: Callable[[Any], float] = lambda key: 0,
    ) -> Iterator[tuple[Any, Any]]:
        """Have ``function(*arguments)`` done for every (key, arguments), and yield (key, result) in any order.

        Arguments from :meth:`share` reach the function as their values. The result is :class:`Lost` where every
        worker that tried died. At most two tasks per processor wait, so that ``calls`` may be produced as they are needed.

        Raises
        ------
        Exception : what the function raised.
        """
        ray = self._ray
        task = ray.remote(max_retries=RETRIES, num_cpus=1)(function)
        waiting = iter(calls)
        running: dict[Any, Any] = {}
        try:
            while True:
                while len(running) < 2 * self.n_at_once and (call := next(waiting, None)) is not None:
                    key, arguments = call
                    running[task.options(num_gpus=n_gpus_of(key)).remote(*arguments)] = key
                if not running:
                    return
                for done in ray.wait(list(running))[0]:
                    key = running.pop(done)
                    yield key, self._result(done)
        finally:
            for left in running:
                ray.cancel(left, force=True)

    def _result(self, reference: Any) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except errors.RayTaskError as error:
            raise error.cause from error
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError, errors.ObjectLostError) as e:
            hint = "out of memory" if isinstance(e, errors.OutOfMemoryError) else type(e).__name__
            return Lost(f"{hint}, {RETRIES + 1} times")

    def close(self) -> None:
        """End the cluster if it was started here; otherwise leave it running."""
        if self._is_ours:
            self._ray.shutdown()
