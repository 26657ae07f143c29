"""Ingest by this build and by another, over the same files, in turn, in one run.

    python benchmarks/ingest_builds.py PATH_OF_THE_OTHER_CHECKOUT ../shared/data [--files 4] [--repeat 5]

Of each folder of the data (cmu, c3d, trc, …) the first files, spread over the folder, are made a cohort. Each build
reads it into a new lake in a process of its own, trial after trial in that process, and the two take turns, so that a
busy machine is as busy for both. The first round, in which kernels are compiled or loaded, is not counted. ratio is
this build's median over the other's; processor time is the steadier one. ``--without`` leaves out what the other build
does not have yet: the force platforms and analog channels of C3D files. The other checkout needs a virtual environment
in .venv. Start-up is measured too: ``neurostore --help`` and ``import neurostore``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SUFFIXES = (".bvh", ".c3d", ".trc")

# What each process runs: one ingest per line. Both builds have pipeline.ingest.
SERVER = """
import json, shutil, sys, time
from neurostore.ingest.pipeline import ingest
if sys.argv[1] == "without":
    try:
        from neurostore.ingest.readers import c3d
        c3d.read_forces = lambda *given: ([], [])
        c3d.read_kinetics = lambda *given: []
    except ImportError:
        pass
print("ready", flush=True)
for line in sys.stdin:
    cohort, lake = json.loads(line)
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        report = ingest(cohort, lake, n_workers=1)
        answer = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "trials": len(report.added)}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    shutil.rmtree(lake, ignore_errors=True)
    print(json.dumps(answer), flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=["cmu", "c3d", "trc"])
    parser.add_argument("--without", action="store_true")
    options = parser.parse_args()
    builds = {"other": options.other.resolve(), "this": ROOT}
    with tempfile.TemporaryDirectory() as work:
        cohorts = {n: cohort_of(options.data / n, Path(work) / n, options.files) for n in options.only}
        processes = {name: server(build, options.without) for name, build in builds.items()}
        print(
            f"{'':<10} {'trials':>6} {'other s':>9} {'this s':>9} {'ratio':>6} {'other cpu':>10} {'this cpu':>9} {'ratio':>6}"
        )
        for name, cohort in cohorts.items():
            times: dict[str, list[dict[str, Any]]] = {build: [] for build in builds}
            for k in range(options.repeat + 1):
                for build in sorted(builds, reverse=bool(k % 2)):
                    answer = asked(processes[build], cohort, Path(work) / f"lake_{build}")
                    if k:
                        times[build].append(answer)
            show(name, times)
        for process in processes.values():
            process.stdin.close()  # type: ignore[union-attr]
            process.wait()
    for label, command in (("--help", ["-m", "neurostore.cli", "--help"]), ("import", ["-c", "import neurostore"])):
        started: dict[str, list[dict[str, Any]]] = {build: [] for build in builds}
        for _ in range(options.repeat):
            for build, path in builds.items():
                started[build].append(start_up(path, command))
        show(label, started)


def cohort_of(source: Path, target: Path, n: int) -> Path:
    """A cohort of n files of a folder, each of a subject of its own."""
    files = sorted(p for p in source.rglob("*") if p.suffix in SUFFIXES)
    if not files:
        sys.exit(f"{source}: holds none of {', '.join(SUFFIXES)}")
    for k, file in enumerate(files[:: max(1, len(files) // n)][:n]):
        folder = target / f"S{k:03}"
        folder.mkdir(parents=True)
        shutil.copyfile(file, folder / file.name.replace(" ", "_"))
    return target


def server(build: Path, without: bool) -> subprocess.Popen[str]:
    command = [str(build / ".venv/bin/python"), "-c", SERVER, "without" if without else "with"]
    process = subprocess.Popen(command, cwd=build, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def asked(process: subprocess.Popen[str], cohort: Path, lake: Path) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([str(cohort), str(lake)]) + "\n")
    process.stdin.flush()
    answer: dict[str, Any] = json.loads(process.stdout.readline())
    if "error" in answer:
        sys.exit(answer["error"])
    return answer


def start_up(build: Path, command: list[str]) -> dict[str, Any]:
    import resource

    used, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([str(build / ".venv/bin/python"), *command], cwd=build, check=True, stdout=subprocess.DEVNULL)
    wall, now = time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"wall": wall, "cpu": now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime, "trials": 0}


def show(name: str, times: dict[str, list[dict[str, Any]]]) -> None:
    middle = {
        (build, what): statistics.median(answer[what] for answer in answers)
        for build, answers in times.items()
        for what in ("wall", "cpu")
    }
    cells = [f"{name:<10} {times['this'][0]['trials']:>6}"]
    for what, width in (("wall", 9), ("cpu", 10)):
        other, this = middle["other", what], middle["this", what]
        cells.append(f"{other:>{width}.3f} {this:>9.3f} {this / other:>6.2f}")
    print(" ".join(cells), flush=True)


if __name__ == "__main__":
    main()
