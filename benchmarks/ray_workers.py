"""Two Ray workers against one, for a distance matrix and for ingest; the promise is 1.7 times.

Run on a quiet machine: python benchmarks/ray_workers.py [--cycles 3000] [--trials 48 | --cohort ../shared/data/cmu]. A
given cohort is read five times over. Workers are started and warm before the clock runs. Shown are wall-clock times,
the best of three in turn, the load from other processes, and the largest possible ratio on this machine: one worker's
wall time over what all processors spent on the work (workers, parent, Ray itself) shared evenly.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from neurostore.distances import matrix_files
from neurostore.distances.comparison import Comparison, Part
from neurostore.ingest.pipeline import ingest
from neurostore.ray_cluster import Cluster
from neurostore.walker import gait
from neurostore.walker import walk as walker
from neurostore.walker.bvh import write_bvh


def matrix(n: int, cluster: Cluster | None, folder: Path) -> float:
    rng = np.random.default_rng(0)
    series = list(rng.normal(size=(n, 101, 3)).cumsum(axis=1).astype(np.float32))
    labels = [{"subject": f"S{k}", "group": None} for k in range(n)]
    part = Part(labels, series, [np.array([k]) for k in range(n)], "deg", {}, [])
    comparison = Comparison("euclidean", None, "none", "float32", None, "mean", False, n_threads=1)
    out = folder / f"{time.monotonic_ns()}.npy"
    start = time.monotonic()
    matrix_files.write(
        out, {"left": part}, comparison, {"options": {}}, progress=False, block=max(64, n // 8), cluster=cluster
    )
    return time.monotonic() - start


def reading(cohort: Path, folder: Path) -> float:
    """An ingest on the cluster that runs now."""
    start = time.monotonic()
    ingest(cohort, folder / f"{time.monotonic_ns()}", engine="ray")
    return time.monotonic() - start


def busy_s() -> float:
    """Processor seconds that this machine has been busy, all processes together."""
    return sum(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:4])) / os.sysconf("SC_CLK_TCK")


def make_cohort(target: Path, given: Path | None, n_trials: int) -> None:
    """Walkers, or the trials of a given cohort folder under five names each."""
    if given is None:
        for k in range(n_trials):
            walk = walker.walk(gait.normal(height_m=1.5 + 0.01 * (k % 50)), n_strides=12)
            file = target / f"S{k:02d}" / "walk.bvh"
            file.parent.mkdir(parents=True)
            write_bvh(walk, file)
        return
    for file in sorted(given.glob("*/*.bvh")):
        for k in range(5):
            link = target / f"{file.parent.name}x{k}" / file.name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file.resolve())


def warm(seconds: float) -> None:
    """A task that loads what the others need, and is long enough that every worker gets one."""
    from neurostore import dtw

    dtw.cross(np.zeros((8, 101, 3), np.float32), np.zeros((8, 101, 3), np.float32))
    time.sleep(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=3000)
    parser.add_argument("--trials", type=int, default=48)
    parser.add_argument("--cohort", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", nargs="+", choices=("matrix", "ingest"), default=["matrix", "ingest"])
    options = parser.parse_args()
    best: dict[tuple[str, int], float] = {}
    busy: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_cohort(folder / "cohort", options.cohort, options.trials)
        if "matrix" in options.work:
            matrix(200, None, folder)
            print(f"this process alone, one thread, matrix: {matrix(options.cycles, None, folder):.2f} s", flush=True)
        for n_workers in (1, 2):
            cluster = Cluster(n_cpus=n_workers)
            try:
                list(cluster.run(warm, ((k, (1.0,)) for k in range(2 * n_workers))))
                works: dict[str, Callable[[], float]] = {
                    "matrix": partial(matrix, options.cycles, cluster, folder),
                    "ingest": partial(reading, folder / "cohort", folder),
                }
                if "ingest" in options.work:
                    works["ingest"]()
                for what in options.rounds * options.work:
                    before = busy_s()
                    seconds = works[what]()
                    busy[what] = min(busy_s() - before, busy.get(what, float("inf")))
                    best[what, n_workers] = min(seconds, best.get((what, n_workers), seconds))
                    print(f"{n_workers} worker(s), {what}: {seconds:.2f} s", flush=True)
                load = os.getloadavg()[0]
            finally:
                cluster.close()
            print(f"{n_workers} worker(s) done; load of the last minute {load:.1f} on {os.cpu_count()} processors")
    print("| work | one worker, s | two workers, s | ratio | at most, on these processors |\n|---|---|---|---|---|")
    for what, size in (
        ("matrix", f"{options.cycles} cycles"),
        ("ingest", str(options.cohort or f"{options.trials} walkers")),
    ):
        if what not in options.work:
            continue
        one, two = best[what, 1], best[what, 2]
        print(f"| {what}, {size} | {one:.2f} | {two:.2f} | {one / two:.2f} | {one / (busy[what] / 2):.2f} |")


if __name__ == "__main__":
    main()
