"""Ingest of repeated CMU captures to committed Parquet beside polars' decoding of the same numbers.

    python benchmarks/ingest.py ../shared/data/cmu [--megabytes 400]

The cohort folder is repeated under further subject names until it holds the megabytes asked for. The floor: the motion
part of each file through ``polars.read_csv`` into float64, with as many threads as there are cores. Both run on the
same cores, one after the other; start-up of our worker processes is measured separately by an ingest of one small
trial. Promise: at least 0.25 of the floor's rate (aim 0.4), below 600 MB a worker.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import statistics
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--megabytes", type=float, default=400.0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2)
    options = parser.parse_args()
    from neurostore.ingest.pipeline import ingest
    from neurostore.upkeep.refresh import refresh

    with tempfile.TemporaryDirectory() as work:
        folder, n_bytes = repeat(options.cohort, Path(work) / "cohort", options.megabytes * 1e6)
        files = sorted(folder.rglob("*.bvh"))
        small, _ = repeat(options.cohort, Path(work) / "small", 0.0, n_subjects=1)
        ingest(small, Path(work) / "warm")  # compiled kernels are on disk from here on
        first = decode(files)
        with Watch() as watch:
            start, cpu = time.perf_counter(), processor_s()
            report = ingest(folder, Path(work) / "lake", n_workers=options.workers)
            ours_s, ours_cpu = time.perf_counter() - start, processor_s() - cpu
        start, cpu = time.perf_counter(), processor_s()
        refresh(Path(work) / "lake", n_workers=options.workers)
        results_s, results_cpu = time.perf_counter() - start, processor_s() - cpu
        cpu = processor_s()
        second = decode(files)
        floor_cpu = processor_s() - cpu
        floor_s = statistics.mean([first, second])
        start = time.perf_counter()
        ingest(folder, Path(work) / "lake", n_workers=options.workers)
        again_s = time.perf_counter() - start
        start_s = worker_start()
        size = sum(f.stat().st_size for f in (Path(work) / "lake").rglob("*.parquet"))
    assert not report.failed, report.failed[:3]
    megabytes = n_bytes / 1e6
    print(f"{len(files)} trials, {megabytes:.0f} MB of text, {options.workers} workers, {os.cpu_count()} cores")
    print(f"{'':<34} {'s':>7} {'MB/s':>7} {'ratio':>6}")
    rows = (
        ("polars decodes the numbers", floor_s),
        ("ingest to committed Parquet", ours_s),
        ("  without the workers' start", ours_s - start_s),
        ("ingest and its stored results", ours_s + results_s),
        ("the same again (all skipped)", again_s),
    )
    for name, seconds in rows:
        print(f"{name:<34} {seconds:>7.2f} {megabytes / seconds:>7.1f} {floor_s / seconds:>6.2f}")
    share = f"{ours_cpu:.1f} s beside {floor_cpu:.1f} s, ratio {floor_cpu / ours_cpu:.2f}"
    print(f"processor time, start of the workers included: {share}")
    print(f"with results {ours_cpu + results_cpu:.1f} s, ratio {floor_cpu / (ours_cpu + results_cpu):.2f}")
    print(f"start of a worker {start_s:.2f} s; peak memory of a worker {watch.peak_mb:.0f} MB, of the parent "
          f"{watch.own_mb:.0f} MB; lake {size / 1e6:.0f} MB")  # fmt: skip


def processor_s() -> float:
    """Seconds of processor time of this process and its ended children: meaningful on a busy machine too."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def repeat(cohort: Path, target: Path, n_bytes: float, n_subjects: int | None = None) -> tuple[Path, int]:
    """Copies of a cohort's subjects under further names until they hold n_bytes; the first subjects for n_subjects."""
    subjects = sorted(p for p in cohort.iterdir() if p.is_dir())[:n_subjects]
    total = n = 0
    while n == 0 or total < n_bytes:
        for subject in subjects:
            (target / f"{subject.name}-{n}").mkdir(parents=True)
            for file in subject.glob("*.bvh"):
                shutil.copyfile(file, target / f"{subject.name}-{n}" / file.name)
                total += file.stat().st_size
        n += 1
    return target, total


def decode(files: list[Path]) -> float:
    """Seconds polars takes to turn the motion part of every file into numbers."""
    import polars as pl

    start = time.perf_counter()
    for file in files:
        text = file.read_bytes()
        at = text.index(b"\n", text.index(b"Frame Time")) + 1
        n = text[at : text.index(b"\n", at)].split().__len__()
        schema = {f"c{i}": pl.Float64 for i in range(n)}
        pl.read_csv(io.BytesIO(text[at:]), has_header=False, separator=" ", schema=schema, truncate_ragged_lines=True)
    return time.perf_counter() - start


def worker_start() -> float:
    """Seconds until a worker process has loaded what reading a BVH needs."""
    import subprocess
    import sys

    code = (
        "import neurostore.ingest.pipeline.workers, neurostore.ingest.landmarks, neurostore.ingest.readers.trees.bvh, "
        "neurostore.ingest.trial_tables, neurostore.lake.commit"
    )
    start = time.perf_counter()
    subprocess.run([sys.executable, "-P", "-c", code], check=True)
    return time.perf_counter() - start


class Watch:
    """Peak resident memory of this process and of its largest child, in MB."""

    def __init__(self) -> None:
        self.peak_mb = self.own_mb = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        """Linux keeps the peak of each process itself."""
        own = os.getpid()
        while not self._stop.wait(0.1):
            self.own_mb = max(self.own_mb, peak_mb(own))
            with suppress(OSError):
                children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
                self.peak_mb = max([self.peak_mb, *(peak_mb(int(child)) for child in children)])


def peak_mb(process: int) -> float:
    """VmHWM of a process, 0 if it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) / 1e3 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)


if __name__ == "__main__":
    main()
