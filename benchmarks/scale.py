"""How a lake grows: writing, compaction, every view with and without a subject, a distance matrix.

Run: python benchmarks/scale.py [--trials 1000 10000] [--folder DIR] [--cycles 2000]. The trials are those of the
analytic walker, read once through the ingest and staged again under other keys, ten a subject, with 1,500 frames or
so each. Every step runs in a process of its own; shown are wall-clock and processor time, peak memory, bytes.
A step that takes longer than --limit seconds is ended, and the table says so.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

TRIALS_A_SUBJECT = 10
TABLES = ("landmarks", "poses/cmu_31")


def make(path: str, n_trials: int) -> dict[str, Any]:
    """Stage and commit n trials, a subject at a time, 50 subjects a commit."""
    from neurostore.api import Lake
    from neurostore.lake.commit import TrialTables, commit, stage

    models = prototypes(path)
    Lake.create(path)
    start, cpu = time.monotonic(), time.process_time()
    staged = []
    for first in range(0, n_trials, TRIALS_A_SUBJECT):
        subject = f"S{first // TRIALS_A_SUBJECT:05d}"
        batch = []
        for k in range(first, min(n_trials, first + TRIALS_A_SUBJECT)):
            row, tables = models[k % len(models)]
            batch.append(TrialTables((subject, "", f"walk_{k:06d}"), uuid.uuid4().hex, row, tables))
        staged.append(stage(path, batch))
        if len(staged) == 50 or first + TRIALS_A_SUBJECT >= n_trials:
            commit(path, staged, subjects=[{"subject": s.rows[0]["subject"]} for s in staged])
            staged = []
    return {"wall_s": time.monotonic() - start, "cpu_s": time.process_time() - cpu}


def prototypes(path: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(row of trials, tables) of six walks: three patterns at two sizes, about 1,500 frames at 120 Hz."""
    from neurostore.ingest.pipeline import ingest
    from neurostore.walker import gait as gaits
    from neurostore.walker import walk as walker
    from neurostore.walker.bvh import write_bvh

    with tempfile.TemporaryDirectory(dir=Path(path).parent) as scratch:
        for pattern, gait_of in gaits.PATTERNS.items():
            for height in (1.62, 1.78):
                gait = gait_of(height_m=height)
                walk = walker.walk(gait, n_strides=12.5 / gait.stride_time_s, rate_hz=120.0)
                target = Path(scratch, "cohort", "P", f"{pattern}_{round(height * 100)}.bvh")
                target.parent.mkdir(parents=True, exist_ok=True)
                write_bvh(walk, target)
        ingest(Path(scratch, "cohort"), Path(scratch, "lake"), n_workers=1)
        return read_trials(Path(scratch, "lake"))


def read_trials(path: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(row of trials, tables) of every trial of a lake, to be staged again under other keys."""
    from neurostore.api import open as open_lake

    lake = open_lake(path)
    made = []
    for row in lake.trials_table().to_pylist():
        tables = {}
        for name in TABLES:
            frame = lake.scan(name).collect().filter(trial=row["trial"]).sort("person", "frame")
            here = frame.drop("subject", "session", "trial", "ingest_id")
            tables[name] = here.select([s.name for s in here if s.null_count() < len(s)]).to_arrow()
        managed = ("subject", "session", "trial", "ingest_id", "table_rows", "table_versions", "schema_version",
                   "software_version")  # fmt: skip
        made.append(({k: v for k, v in row.items() if k not in managed}, tables))
    return made


def compact(path: str) -> dict[str, Any]:
    from neurostore.upkeep import compact as maintenance

    done = maintenance.compact(path)
    return {"files": f"{done.n_files_before} to {done.n_files_after}"}


def view(path: str, name: str, subject: str) -> dict[str, Any]:
    """Every column of a view, counted; how many files of each table the plan opens."""
    from neurostore.api import open as open_lake

    connection = open_lake(path).connect()
    connection.execute("SET memory_limit = '8GB'")
    query = f"SELECT count(COLUMNS(*)) FROM {name}" + (f" WHERE subject = '{subject}'" if subject else "")
    plan = connection.sql(f"EXPLAIN {query}").fetchall()[0][1]
    read = sorted(set(re.findall(r"Scanning Files:\s*(\d+/\d+)", plan)))
    start, cpu = time.monotonic(), time.process_time()
    connection.execute(query).fetchall()
    return {"wall_s": time.monotonic() - start, "cpu_s": time.process_time() - cpu, "files": ", ".join(read)}


def refresh(path: str) -> dict[str, Any]:
    """The results of every session, computed and stored; how large they are."""
    from neurostore.upkeep.refresh import refresh as run

    start, cpu = time.monotonic(), time.process_time()
    run(path)
    spent = {"wall_s": time.monotonic() - start, "cpu_s": time.process_time() - cpu}
    n_bytes = sum(f.stat().st_size for f in Path(path, "results").rglob("*.parquet"))
    return {**spent, "files": f"{n_bytes / 1e6:.0f} MB"}


def question(path: str, name: str, subject: str, is_stored: bool) -> dict[str, Any]:
    """Every column of a view, counted, from opening the lake to the answer: from stored results, or from frames."""
    from neurostore.api import open as open_lake

    query = f"SELECT count(COLUMNS(*)) FROM {name}" + (f" WHERE subject = '{subject}'" if subject else "")
    start, cpu = time.monotonic(), time.process_time()
    lake = open_lake(path)
    (lake if is_stored else lake.without_results()).sql(query)
    return {"wall_s": time.monotonic() - start, "cpu_s": time.process_time() - cpu}


def matrix(n: int) -> dict[str, Any]:
    """All pairs of n cycles of 101 points and three angles."""
    import numpy as np

    from neurostore import dtw

    cycles = np.random.default_rng(0).normal(size=(n, 101, 3)).cumsum(axis=1).astype(np.float32)
    dtw.pairwise(cycles[:64])
    start, cpu = time.monotonic(), time.process_time()
    dtw.pairwise(cycles)
    return {"wall_s": time.monotonic() - start, "cpu_s": time.process_time() - cpu}


STEPS = {"make": make, "compact": compact, "view": view, "refresh": refresh, "question": question, "matrix": matrix}


def step(limit_s: float, name: str, *arguments: Any) -> dict[str, Any]:
    """A step in a process of its own; its figures with peak_mb, or {'ended': …}."""
    command = [sys.executable, os.path.abspath(__file__), "--step", name, json.dumps(arguments)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s)
    except subprocess.TimeoutExpired:
        return {"ended": f"after {limit_s:g} s"}
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return {"ended": lines[-1][:120] if lines else f"with status {done.returncode}"}
    return json.loads(done.stdout.splitlines()[-1])


def run_step(name: str, arguments: list[Any]) -> None:
    start, cpu = time.monotonic(), time.process_time()
    found = STEPS[name](*arguments)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
    whole = {"wall_s": time.monotonic() - start, "cpu_s": time.process_time() - cpu}
    print(json.dumps({**whole, "peak_mb": peak, **found}))


def measured(path: str, n_trials: int, views: list[str], limit_s: float) -> dict[str, dict[str, Any]]:
    from neurostore.api import open as open_lake

    found = {"write": step(limit_s, "make", path, n_trials)}
    print_line(n_trials, "write", found["write"])
    lake = open_lake(path)
    n_bytes = sum(f.size for name in lake.tables() for f in lake.table_state(name).files)
    n_frames = lake.named_rows["landmarks"]
    print(f"{n_trials} trials, {n_frames:,} frames, {n_bytes / 1e6:,.0f} MB, {n_bytes / n_frames:.0f} bytes a frame")
    for what, name, *arguments in [
        ("compact", "compact", path),
        *((f"{v}{' of one subject' * bool(s)}", "view", path, v, s) for v in views for s in ("", "S00001")),
        *results_steps(path),
    ]:
        found[what] = step(limit_s, name, *arguments)
        print_line(n_trials, what, found[what])
    return found


KEPT = ("subject_summary", "gait_profile", "change", "gait_cycles", "cycle_curves", "trial_quality")


def results_steps(path: str) -> list[tuple[Any, ...]]:
    """Questions without and with stored results, whole processes apart from imports."""
    asked = [(v, s) for v in KEPT for s in ("", "S00001")]
    names = {(v, s): f"{v}{' of one subject' * bool(s)}" for v, s in asked}
    return [
        *((f"{names[v, s]}, from frames", "question", path, v, s, False) for v, s in asked),
        ("refresh", "refresh", path),
        *((f"{names[v, s]}, stored", "question", path, v, s, True) for v, s in asked),
    ]


def print_line(n: int, what: str, figures: dict[str, Any]) -> None:
    if "ended" in figures:
        print(f"| {n:,} | {what} | ended {figures['ended']} | | | |", flush=True)
    else:
        line = (
            f"{figures['wall_s']:.2f} | {figures['cpu_s']:.2f} | {figures['peak_mb']:.0f} | {figures.get('files', '')}"
        )
        print(f"| {n:,} | {what} | {line} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--folder", type=Path, default=None, help="where the lakes are written and removed")
    parser.add_argument("--cycles", type=int, default=2000)
    parser.add_argument("--views", nargs="*", default=None)
    parser.add_argument("--limit", type=float, default=3600.0)
    parser.add_argument("--step", nargs=2)
    options = parser.parse_args()
    if options.step:
        run_step(options.step[0], json.loads(options.step[1]))
        return
    from neurostore.sql import views

    chosen = options.views or [v for v in views.names() if v != "catalogue"]
    print("| trials | step | wall s | processor s | peak MB | files the plan opens |\n|---|---|---|---|---|---|")
    results = {}
    for n in options.trials:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            results[n] = measured(str(Path(folder, "lake")), n, chosen, options.limit)
    figures = step(options.limit, "matrix", options.cycles)
    print_line(options.cycles, "matrix of as many cycles", figures)
    if "ended" not in figures:
        print(
            f"20,000 cycles, by the square of the number: {figures['cpu_s'] * (20_000 / options.cycles) ** 2:.0f} s CPU"
        )
    first, last = min(results), max(results)
    if first < last:
        print(f"\ngrowth of processor time from {first:,} to {last:,} trials ({last / first:g} times the trials):")
        for what, small in results[first].items():
            large = results[last][what]
            if "ended" not in small and "ended" not in large:
                print(f"| {what} | {large['cpu_s'] / max(small['cpu_s'], 1e-3):.1f} |")


if __name__ == "__main__":
    main()
