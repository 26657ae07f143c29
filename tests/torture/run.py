"""Kills, and writers at once: ``python -m tests.torture.run [--kills 200] [--rounds 20]`` prints cases, faults, losses."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.torture.kills import OPERATIONS, kill_once, make_scene
from tests.torture.writers import erase_amid_writers, write_and_read_at_once


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=20, help="of four writers and two readers at once")
    parser.add_argument("--erasures", type=int, default=20, help="rounds of an erasure amid writers, some asleep")
    parser.add_argument("--frames", type=int, default=600, help="of each trial")
    parser.add_argument("--operations", nargs="+", default=OPERATIONS, choices=OPERATIONS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this many")
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    cases: Counter[str] = Counter()
    kills: Counter[str] = Counter()
    losses: Counter[str] = Counter()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="neurostore-torture-") as folder:
        scene = make_scene(Path(folder), asked.frames, tuple(asked.operations))
        print({k: round(v, 1) for k, v in scene.seconds.items()}, flush=True)
        while kills.total() < asked.kills and time.monotonic() - began < asked.seconds:
            operation = min(
                asked.operations, key=lambda o: kills[o]
            )  # a command that ended before its kill is tried again
            case = kill_once(scene, operation, rng)
            cases[case.operation] += 1
            kills[case.operation] += case.was_killed
            losses[case.operation] += bool(case.losses)
            for loss in case.losses:
                print(f"LOSS {case.operation} at {case.moment:.3f}: {loss}", flush=True)
            if cases.total() % 10 == 0:
                print(f"{kills.total()} kills, {losses.total()} losses, {time.monotonic() - began:.0f} s", flush=True)
    n_reads = n_lossy = 0
    for _ in range(asked.rounds):
        with tempfile.TemporaryDirectory(prefix="neurostore-torture-") as folder:
            lost, reads = write_and_read_at_once(Path(folder))
        n_reads += sum(reads)
        n_lossy += bool(lost)
        for loss in lost:
            print(f"LOSS writers: {loss}", flush=True)
    n_back = 0
    for _ in range(asked.erasures):
        with tempfile.TemporaryDirectory(prefix="neurostore-torture-") as folder:
            wrong = erase_amid_writers(Path(folder), rng)
        n_back += bool(wrong)
        for sentence in wrong:
            print(f"LOSS erasure amid writers: {sentence}", flush=True)
    print(f"{'operation':12}{'cases':>8}{'kills':>8}{'losses':>8}")
    for operation in asked.operations:
        print(f"{operation:12}{cases[operation]:8}{kills[operation]:8}{losses[operation]:8}")
    print(f"{'all':12}{cases.total():8}{kills.total():8}{losses.total():8}")
    print(f"four writers, two readers: {asked.rounds} rounds, {n_reads} reads, {n_lossy} with losses")
    print(f"erasure amid four writers, some asleep, compact and vacuum: {asked.erasures} rounds, {n_back} with losses")
    return 1 if losses.total() + n_lossy + n_back else 0


if __name__ == "__main__":
    raise SystemExit(main())
