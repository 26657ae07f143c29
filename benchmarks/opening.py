"""How long the first question takes: `neurostore sql` on one subject, process start included, and opening a lake in Python.

Run: python benchmarks/opening.py LAKE [--other CHECKOUT] [--other-lake LAKE] [--rounds 9]. Shown are wall-clock and processor
time of whole processes, medians and least of the rounds, of this build and of another checkout with its own .venv, in
turns. --other-lake is what the other build reads: the same lake as it would store it. --make N makes the lake first, of N
trials of three frames, ten a subject, whose rows of `trials` are those of real ingests, with their results.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import scale

HERE = Path(__file__).resolve().parents[1]
QUERIES = (
    "SELECT * FROM subject_summary WHERE subject = 'S00001'",
    "SELECT * FROM trial_quality WHERE subject = 'S00001'",
    "SELECT count(*) FROM trials",
)
OPEN = """
import sys, time
import neurostore.api
began = time.process_time()
lake = neurostore.open(sys.argv[1])
opened = time.process_time()
lake.connect("SELECT count(*) FROM trials").sql("SELECT count(*) FROM trials").fetchall()
print(opened - began, time.process_time() - began)
"""


def make(path: str, n_trials: int) -> None:
    """A lake of short trials with their results."""
    from neurostore.api import Lake
    from neurostore.lake.commit import TrialTables, commit, stage
    from neurostore.upkeep.refresh import refresh

    models = scale.prototypes(path)
    Lake.create(path)
    n_a_subject, subjects_a_commit = scale.TRIALS_A_SUBJECT, 50
    staged = []
    for first in range(0, n_trials, n_a_subject):
        subject, batch = f"S{first // n_a_subject:05d}", []
        for k in range(first, min(n_trials, first + n_a_subject)):
            row, tables = models[k % len(models)]
            short = {name: rows.slice(0, 3) for name, rows in tables.items()}
            batch.append(TrialTables((subject, "", f"walk_{k:06d}"), uuid.uuid4().hex, {**row, "n_frames": 3}, short))
        staged.append(stage(path, batch))
        if len(staged) == subjects_a_commit or first + n_a_subject >= n_trials:
            commit(path, staged, subjects=[{"subject": s.rows[0]["subject"]} for s in staged])
            staged = []
    refresh(path)


def timed(checkout: Path, command: list[str]) -> tuple[float, float, str]:
    """Wall-clock and processor seconds of a process, and what it printed. Modules are compiled once, as where they are installed."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    words = [str(checkout / ".venv" / "bin" / command[0]), *command[1:]]
    done = subprocess.run(words, cwd=checkout, env=environment, capture_output=True, text=True, check=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def measured(builds: dict[str, tuple[Path, str]], command: list[str], n_rounds: int) -> None:
    """Print the figures of a command over a lake, of each build in turns; the first round compiles modules and hashes files."""
    figures: dict[str, list[tuple[float, ...]]] = {name: [] for name in builds}
    for _ in range(n_rounds + 1):
        for name, (checkout, lake) in builds.items():
            wall, processor, said = timed(checkout, [*command, lake])
            figures[name].append(tuple(map(float, said.split())) if command[0] == "python" else (wall, processor))
    for name, rounds in figures.items():
        columns = list(zip(*rounds[1:], strict=True))
        shown = " | ".join(f"median {statistics.median(c):.3f}, least {min(c):.3f}" for c in columns)
        print(f"    {name}: {shown}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lake", type=os.path.abspath)
    parser.add_argument("--other", type=Path)
    parser.add_argument("--other-lake", type=os.path.abspath)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--make", type=int)
    asked = parser.parse_args()
    if asked.make:
        make(asked.lake, asked.make)
    builds = {"this build": (HERE, asked.lake)}
    if asked.other:
        builds["the other"] = (asked.other, asked.other_lake or asked.lake)
    for query in QUERIES:
        print(f"{query}: wall s | processor s")
        measured(builds, ["neurostore", "sql", query, "--lake"], asked.rounds)
    print("neurostore.open, and then connect and count the trials: processor s | processor s from the beginning")
    measured(builds, ["python", "-c", OPEN], asked.rounds)


if __name__ == "__main__":
    main()
