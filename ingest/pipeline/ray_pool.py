"""Batches of an ingest as Ray tasks: the same work as `workers.Pool`, on one machine or many.

The parent stays where it is and commits; workers stage. A lost worker's batch is repeated; one that kills its workers
each time is split into single trials, so that the trial at fault is named and the others are ingested. Files that a
lost worker had staged are in no log and are deleted by ``compact``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from neurostore.errors import InputError, NeurostoreError
from neurostore.ingest.pipeline.batch import Batch, BatchResult, Outcome, compute
from neurostore.ingest.pipeline.workers import Event, TrialEnded
from neurostore.ray_cluster import Cluster, Lost
from neurostore.trial_key import key_text


class RayPool:
    """Ray's workers as the pool of an ingest. address : of a running cluster; None starts one on this machine.

    A video's task asks for a GPU of its own where the cluster has any.
    """

    def __init__(self, n_workers: int | None, address: str | None = None):
        self._cluster = Cluster(address, n_workers)
        self.n_workers = self._cluster.n_at_once

    def run(self, batches: list[Batch]) -> Iterator[Event]:
        """Process every batch, in any order, and yield the events.

        Raises
        ------
        NeurostoreError : an error in a worker that concerns the lake and not a single trial.
        """
        retries: list[Batch] = []
        for batch, result in self._done(batches):
            if isinstance(result, Lost) and len(batch.sources) > 1:
                retries += [replace(batch, sources=[source]) for source in batch.sources]
                continue
            yield from _events(batch, result)
        for batch, result in self._done(retries):
            yield from _events(batch, result)

    def _done(self, batches: list[Batch]) -> Iterator[tuple[Batch, BatchResult | Lost]]:
        calls = ((index, (batch,)) for index, batch in enumerate(batches))
        for index, result in self._cluster.run(_process, calls, lambda index: self._gpus(batches[index])):
            if isinstance(result, NeurostoreError):
                raise result
            yield batches[index], result

    def _gpus(self, batch: Batch) -> int:
        return int(self._cluster.n_gpus > 0 and any(s.is_video for s in batch.sources))

    def close(self) -> None:
        """Disconnect from the cluster."""
        self._cluster.close()


def _process(batch: Batch) -> BatchResult | NeurostoreError:
    """A worker's task. What concerns the lake is handed back: Ray would wrap what is raised."""
    try:
        return compute(batch, lambda index: None, lambda index: None).stage()
    except NeurostoreError as error:
        return error


def _events(batch: Batch, result: BatchResult | Lost) -> Iterator[Event]:
    for source in batch.sources:
        yield TrialEnded(key_text(source.key), source.n_bytes)
    if isinstance(result, Lost):
        source = batch.sources[0]
        problem = f"the Ray worker that read it died ({result.reason}); the other files were not affected"
        result = BatchResult(None, [Outcome(source, source.key, error=InputError(source.paths[0], problem))])
    yield result
