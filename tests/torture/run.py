"""Kills, concurrent writers, full disks: ``python -m tests.torture.run [--kills 200]`` prints cases, faults, losses."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.torture.kills import OPERATIONS, kill_once, make_scene


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this many")
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    cases: Counter[str] = Counter()
    kills: Counter[str] = Counter()
    losses: Counter[str] = Counter()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="neurostore-torture-") as folder:
        scene = make_scene(Path(folder))
        print({k: round(v, 1) for k, v in scene.seconds.items()}, flush=True)
        for i in range(asked.kills):
            if time.monotonic() - began > asked.seconds:
                break
            case = kill_once(scene, OPERATIONS[i % len(OPERATIONS)], rng)
            cases[case.operation] += 1
            kills[case.operation] += case.was_killed
            losses[case.operation] += bool(case.losses)
            for loss in case.losses:
                print(f"LOSS {case.operation} at {case.moment:.3f}: {loss}", flush=True)
            if i % 10 == 9:
                print(f"{i + 1} cases, {sum(losses.values())} losses, {time.monotonic() - began:.0f} s", flush=True)
    print(f"{'operation':12}{'cases':>8}{'kills':>8}{'losses':>8}")
    for operation in OPERATIONS:
        print(f"{operation:12}{cases[operation]:8}{kills[operation]:8}{losses[operation]:8}")
    print(f"{'all':12}{sum(cases.values()):8}{sum(kills.values()):8}{sum(losses.values()):8}")
    return 1 if sum(losses.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
