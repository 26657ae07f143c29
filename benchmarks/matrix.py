"""A matrix of 20,000 cycles on disk: memory, time, a kill at a random moment, a further trial, a subject erased.

    python benchmarks/matrix.py FOLDER [--cycles 20000] [--suffix .parquet] [--options '{"band": 0.1}']

FOLDER/lake is made if it does not exist: analytic walkers (48 ways of walking, read once through the ingest, staged
again under other keys, ten trials a subject). Each step is a process of its own; its peak memory is split into its own
(anonymous) and that of mapped files, which the system can reclaim. At the end random rows are compared
with the kernel called directly.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

TRIALS_A_SUBJECT = 10
N_STRIDES = 26.0


def make_lake(path: Path, n_cycles: int) -> None:
    """Trials until the left side has n_cycles steady cycles, and one trial more that is staged later by `extend`."""
    from neurostore.api import Lake
    from neurostore.api import open as open_lake

    models = prototypes(path)
    Lake.create(path)
    n_trials, found = 0, 0
    while found < n_cycles:  # the first trials tell how many cycles one gives
        more = 100 if not found else -(-(n_cycles - found) * n_trials // found)
        add_trials(path, models, range(n_trials, n_trials + more))
        n_trials += more
        found = open_lake(path).sql(
            "SELECT count(*) AS n FROM gait_cycles WHERE is_steady AND side = 'left' AND person = 0"
        )["n"][0]
        print(f"# {n_trials} trials, {found} steady left cycles", flush=True)


def add_trials(path: Path, models: list[tuple[dict[str, Any], dict[str, Any]]], numbers: range) -> None:
    """Stage and commit trials of these numbers, subject by subject."""
    from neurostore.lake.commit import TrialTables, commit, stage

    by_subject: dict[str, list[int]] = {}
    for k in numbers:
        by_subject.setdefault(f"S{k // TRIALS_A_SUBJECT:05d}", []).append(k)
    staged = []
    for subject, own in by_subject.items():
        batch = []
        for k in own:
            row, tables = models[k % len(models)]
            batch.append(TrialTables((subject, "", f"walk_{k:06d}"), uuid.uuid4().hex, row, tables))
        staged.append(stage(path, batch))
    commit(path, staged, subjects=[{"subject": s} for s in by_subject])


def prototypes(path: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(row of trials, tables) of 48 walks: three patterns, sixteen bodies and paces, 60 frames a second."""
    import numpy as np
    from scale import read_trials

    from neurostore.ingest.pipeline import ingest
    from neurostore.walker import gait as gaits
    from neurostore.walker import walk as walker
    from neurostore.walker.bvh import write_bvh

    rng = np.random.default_rng(20_000)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        for pattern, gait_of in gaits.PATTERNS.items():
            for k in range(16):
                gait = gait_of(height_m=float(rng.uniform(1.5, 1.9)))
                gait = walker.replace(gait, cadence_steps_min=gait.cadence_steps_min * float(rng.uniform(0.9, 1.1)))
                walk = walker.walk(gait, n_strides=N_STRIDES, rate_hz=60.0, start_phase=float(rng.uniform()))
                target = Path(scratch, "cohort", "P", f"{pattern}_{k:02d}.bvh")
                target.parent.mkdir(parents=True, exist_ok=True)
                write_bvh(walk, target)
        ingest(Path(scratch, "cohort"), Path(scratch, "lake"), n_workers=1)
        return read_trials(Path(scratch, "lake"))


def write(lake: str, out: str, options: dict[str, Any]) -> None:
    """What `neurostore distances` does, in this process; prints its figures."""
    from neurostore.api import open as open_lake
    from neurostore.distances import write_distances

    start, cpu = time.monotonic(), time.process_time()
    write_distances(open_lake(lake), Path(out), unit="cycle", side="left", **options)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"wall_s": time.monotonic() - start, "cpu_s": time.process_time() - cpu, "peak_mb": peak}))


def watched(command: list[str], until: Any = None) -> dict[str, Any]:
    """Run a step and look at its memory ten times a second; kill -9 it when until() is true."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    own = mapped = 0.0
    while child.poll() is None:
        try:
            status = Path(f"/proc/{child.pid}/status").read_text()
            sizes = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if line.startswith("Rss")}
            own = max(own, int(sizes["RssAnon"]) / 1024)
            mapped = max(mapped, int(sizes["RssFile"]) / 1024)
        except (OSError, KeyError):
            pass
        if until is not None and until():
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
            return {"killed": True, "own_mb": own, "mapped_mb": mapped}
        time.sleep(0.1)
    output = child.stdout.read() if child.stdout else ""
    if child.returncode:
        raise SystemExit(f"the step ended with {child.returncode}")
    return {**json.loads(output.splitlines()[-1]), "own_mb": own, "mapped_mb": mapped}


def check(lake: Path, out: Path, options: dict[str, Any], n_rows: int = 40) -> str:
    """Random rows of the file against the kernel; the largest difference as a fraction of the tolerance for float32."""
    import numpy as np

    from neurostore import dtw
    from neurostore.api import open as open_lake
    from neurostore.distances import Choice, prepare
    from neurostore.distances.matrix import DistanceMatrix

    compared = prepare(open_lake(lake), Choice(unit="cycle", side="left", **options)).parts
    series = compared["left"].series
    rows = sorted(random.Random(3).sample(range(len(series)), n_rows))
    expected = dtw.cross([series[k] for k in rows], series, band=options.get("band"), dtype="float64")
    if out.suffix == ".npy":
        found = np.array(DistanceMatrix.read(out).values[rows])
    else:
        found = rows_of_long(out, rows, len(series))
    allowed = 1e-5 * expected + 1e-6 * expected.max()
    return f"{len(series)} cycles, {n_rows} rows checked: error / allowed {np.abs(found - expected).max() / allowed.max():.2g}"


def rows_of_long(out: Path, rows: list[int], n: int) -> Any:
    """Rows of the square from a long file, a group of its rows at a time."""
    import numpy as np
    import pyarrow.parquet as pq

    found = np.zeros((len(rows), n), np.float32)
    start = 0
    ends = np.cumsum(n - 1 - np.arange(n))  # of the pairs of row i
    for batch in pq.ParquetFile(out).iter_batches(batch_size=1 << 20, columns=["distance"]):
        values = batch["distance"].to_numpy()
        place = np.arange(start, start + len(values))
        i = np.searchsorted(ends, place, side="right")
        j = n - (ends[i] - place)
        for k, row in enumerate(rows):
            found[k, j[i == row]] = values[i == row]
            found[k, i[j == row]] = values[j == row]
        start += len(values)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cycles", type=int, default=20_000)
    parser.add_argument("--suffix", default=".parquet")
    parser.add_argument("--options", type=json.loads, default={})
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--step", nargs=3)
    options = parser.parse_args()
    if options.step:
        write(options.step[0], options.step[1], json.loads(options.step[2]))
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    lake, out = options.folder / "lake", options.folder / f"D{options.suffix}"
    if not lake.exists():
        make_lake(lake, options.cycles)
    command = [sys.executable, os.path.abspath(__file__), str(options.folder), "--step", str(lake), str(out),
               json.dumps(options.options)]  # fmt: skip
    journal = out.with_name(out.name + ".left.journal")

    def report(what: str, found: dict[str, Any]) -> None:
        times = f"{found['wall_s']:.0f} | {found['cpu_s']:.0f}" if "wall_s" in found else "killed | "
        print(f"| {what} | {times} | {found['own_mb']:.0f} | {found['mapped_mb']:.0f} |", flush=True)

    print("| step | wall s | processor s | own memory MB | mapped files MB |\n|---|---|---|---|---|")
    blocks = random.Random(options.seed).randrange(10, 180)
    moment = time.monotonic() + 1e9

    def is_time() -> bool:
        nonlocal moment
        if moment > time.monotonic() + 1e8 and journal.exists() and journal.read_text().count("\n") > blocks:
            moment = time.monotonic() + random.Random(options.seed).uniform(0, 2)
        return time.monotonic() > moment

    report(f"killed (kill -9) after {blocks} blocks and a random part of one", watched(command, is_time))
    report("the same command again", watched(command))
    print("#", check(lake, out, options.options), flush=True)
    add_trials(lake, prototypes(lake), range(1_000_003, 1_000_004))
    report("after one more trial", watched(command))
    print("#", check(lake, out, options.options), flush=True)
    from neurostore.upkeep.erase import erase

    erase(str(lake), "S00002")
    report("after a subject was erased", watched(command))
    print("#", check(lake, out, options.options), flush=True)
    print(f"# {out.name}: {out.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
