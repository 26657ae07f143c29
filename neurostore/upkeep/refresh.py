"""Results of the views, computed again and stored, for every session where they are missing or out of date."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from neurostore import storage
from neurostore.errors import LakeError, UsageError, VanishedVersionError
from neurostore.lake import heartbeat, keep, tombstones
from neurostore.lake.compute import Opened, batches, compute, side_by_side
from neurostore.lake.marker import check_marker
from neurostore.lake.results import Session
from neurostore.lake.version import Version
from neurostore.lake.version import open as open_lake
from neurostore.upkeep.erase import finish_erasures
from neurostore.wording import and_more

if TYPE_CHECKING:
    from neurostore.ray_cluster import Cluster

Inputs: TypeAlias = Mapping[Session, tuple[str, int]]

_ROUNDS = 3  # rounds: sessions that change while they are computed are computed again


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What :func:`refresh` did. n_sessions, n_trials : computed and stored. n_kept : sessions whose results count already.

    n_left : sessions that other writers changed again and again meanwhile.
    """

    n_sessions: int
    n_trials: int
    n_kept: int
    n_left: int


def refresh(
    lake_path: object,
    *,
    n_workers: int | None = None,
    engine: str = "local",
    ray_address: str | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> Refreshed:
    """Compute and store the results of every session where they are missing or out of date.

    Sessions are computed in batches, each stored when it is done: stored results stay, however the call ends, and the
    next call continues from there. Others may read and write meanwhile.

    Parameters
    ----------
    n_workers : batches computed at once; None for one per core.
    engine : ``local``, or ``ray``: batches are tasks of the cluster at ray_address, else of one started here.
    advance : called after each batch with the number of trials done and of all trials.

    Raises
    ------
    LakeError : the lake cannot be written, or the disk is full.  UsageError : an unknown engine.
    """
    if engine not in ("local", "ray"):
        raise UsageError(f"engine is {engine!r}; it can be local or ray")
    root = storage.resolve(lake_path)
    check_marker(root)
    finish_erasures(root)
    n_sessions = n_trials = 0
    n_at_once = n_workers or os.cpu_count() or 1
    lake = open_lake(root)
    stale = _stale(lake)
    n_kept = len(lake.results().fresh)
    if not stale:  # nothing is written, so a read-only lake is allowed
        return Refreshed(0, 0, n_kept, 0)
    with (
        heartbeat.running(root, "refresh"),
        storage.named_errors(root, "storing results"),
        _staging(engine, ray_address, n_workers) as staging,
    ):
        for _ in range(_ROUNDS):
            with suppress(VanishedVersionError):  # somebody was erased meanwhile: the next round has the rest
                done = _store_all(lake, _batches(lake, stale, n_at_once), staging, advance)
                n_sessions += done[0]
                n_trials += done[1]
            lake = open_lake(root)
            stale = _stale(lake)
            if not stale:
                break
        if n_sessions:
            keep.merge_small(root)
    return Refreshed(n_sessions, n_trials, n_kept, len(stale))


def _stale(lake: Version) -> dict[Session, int]:
    """Sessions whose results are missing or out of date, with their number of trials; not those of erased people."""
    stones = tombstones.read(lake.path)
    return {session: n for session, n in lake.results().stale.items() if stones.of_subject(session[0]) is None}


def _batches(lake: Version, stale: dict[Session, int], n_at_once: int) -> list[list[Session]]:
    frames = lake.frames_by_session()
    return batches({session: frames.get(session, 0) for session in stale}, n_at_once)


Staging: TypeAlias = Callable[[Version, Sequence[list[Session]], Inputs], Iterator[list[keep.StagedResults]]]


@contextmanager
def _staging(engine: str, ray_address: str | None, n_workers: int | None) -> Iterator[Staging]:
    """What computes and stages batches: threads of this process, or tasks of a Ray cluster."""
    if engine == "local":
        yield partial(_by_threads, n_workers or os.cpu_count() or 1)
        return
    from neurostore.ray_cluster import Cluster

    with closing(Cluster(ray_address, n_workers)) as cluster:
        yield partial(_by_ray, cluster)


def _store_all(
    lake: Version, batches: Sequence[list[Session]], staging: Staging, advance: Callable[[int, int], None] | None
) -> tuple[int, int]:
    """Compute and store the batches. Returns how many sessions and trials were stored."""
    inputs = lake.inputs()
    n_all = sum(inputs[session][1] for batch in batches for session in batch)
    n_sessions = n_trials = 0
    for staged in staging(lake, batches, inputs):
        if n := keep.commit(lake.path, staged):
            n_sessions += n
            n_trials += sum(row["n_trials"] for one in staged for row in one.rows)
        if advance is not None:
            advance(n_trials, n_all)
    return n_sessions, n_trials


def _by_threads(
    n_workers: int, lake: Version, batches: Sequence[list[Session]], inputs: Inputs
) -> Iterator[list[keep.StagedResults]]:
    n_at_once = max(1, min(n_workers, len(batches)))
    n_threads = max(1, (os.cpu_count() or 1) // n_at_once)
    opened = Opened()
    return side_by_side(lambda batch: _staged(lake, batch, inputs, n_threads, opened), batches, n_at_once, opened)


def _by_ray(
    cluster: Cluster, lake: Version, batches: Sequence[list[Session]], inputs: Inputs
) -> Iterator[list[keep.StagedResults]]:
    """Each batch is a task with one thread, which opens the lake's version itself. Raises LakeError if its workers died."""
    from neurostore.ray_cluster import Lost

    calls = (
        (batch, (lake.path, lake.version, batch, {session: inputs[session] for session in batch})) for batch in batches
    )
    for batch, staged in cluster.run(_staged_from, calls):
        if isinstance(staged, Lost):
            who = and_more(sorted({subject for subject, _ in batch}), 5)
            raise LakeError(
                f"{lake.path}: the processes that computed the results of {', '.join(who)} died ({staged.reason}); "
                "give them more memory, and repeat the command: what was stored stays"
            )
        yield [staged]


def _staged_from(root: str, version: int, batch: list[Session], inputs: Inputs) -> keep.StagedResults:
    return _staged(open_lake(root, version), batch, inputs, 1)


def _staged(
    lake: Version, batch: list[Session], inputs: Inputs, n_threads: int, opened: Opened | None = None
) -> keep.StagedResults:
    with lake.naming_vanished():
        computations, tables = compute(lake, batch, n_threads=n_threads, opened=opened)
    return keep.stage(lake.path, computations, tables, inputs)
