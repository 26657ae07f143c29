"""The lake against bare Parquet: writing, opening after many commits, and querying trials that were ingested one at a time.

Run: python benchmarks/lake.py [--trials 200]. Prints tables of processor time and ratios; peers run on the same rows
in the same run.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import write_deltalake

from neurostore import schema
from neurostore.api import Lake
from neurostore.api import open as open_lake
from neurostore.lake.commit import TrialTables, commit, stage
from neurostore.upkeep import compact

N_FRAMES, N_JOINTS, N_SUBJECTS = 600, 31, 20
RNG = np.random.default_rng(0)
SUM = "SELECT " + ", ".join(f"sum(j{j}.{a})" for j in range(19) for a in "xyz") + " FROM poses_walker"


def trials(n: int) -> list[TrialTables]:
    """n trials of poses with positions and rotations and of 24 landmarks, smooth with noise of 0.05 mm."""
    names = [c.name for c in schema.table("landmarks").columns if c.type == "point"][:24]
    time_s = np.arange(N_FRAMES) / 120
    common = {"person": np.zeros(N_FRAMES, np.int32), "frame": np.arange(N_FRAMES, dtype=np.int32), "time_s": time_s}
    made = []
    for i in range(n):
        phase = RNG.uniform(0, 6, (N_JOINTS, 3))
        points = 500 * np.sin(2 * np.pi * time_s[:, None, None] + phase) + RNG.normal(0, 0.05, (N_FRAMES, N_JOINTS, 3))
        turns = RNG.normal(size=(N_FRAMES, N_JOINTS, 4))
        turns /= np.linalg.norm(turns, axis=2, keepdims=True)
        poses = {f"j{j}": schema.point_array(points[:, j]) for j in range(N_JOINTS)}
        poses |= {f"j{j}_rotation": schema.rotation_array(turns[:, j]) for j in range(N_JOINTS)}
        marks = {name: schema.point_array(points[:, k]) for k, name in enumerate(names)}
        row = {
            "source_path": f"{i}.bvh", "source_sha256": "0" * 64, "settings_sha256": "0" * 64, "kind": "mocap",
            "skeleton": "walker", "n_frames": N_FRAMES, "n_persons": 1, "rate_hz": 120.0, "duration_s": 5.0,
            "steps": '[{"name": "read_bvh", "version": 1, "parameters": {}}]',
        }  # fmt: skip
        tables = {"poses/walker": pa.table({**common, **poses}), "landmarks": pa.table({**common, **marks})}
        made.append(TrialTables((f"S{i % N_SUBJECTS:02d}", "", f"t{i:05d}"), f"i{i}", row, tables))
    return made


def best_of(n: int, work: Callable[[], object]) -> float:
    """The least processor time of n runs, all threads, in seconds: it hardly changes when others use the machine."""
    times = []
    for _ in range(n):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def by_subject(made: list[TrialTables]) -> list[list[TrialTables]]:
    groups: dict[str, list[TrialTables]] = {}
    for one in made:
        groups.setdefault(one.key[0], []).append(one)
    return list(groups.values())


def writing(work: Path) -> list[tuple[str, float, float]]:
    """(what, seconds, ratio to bare pyarrow) for 40 trials of two subjects."""
    batches = by_subject(trials(40 * N_SUBJECTS // 2))[:2]
    plain = [
        pa.concat_tables([t.tables[name] for t in batch]) for batch in batches for name in ("poses/walker", "landmarks")
    ]

    def bare() -> None:
        for i, table in enumerate(plain):
            pq.write_table(table, work / f"bare{i}.parquet")

    def deltalake() -> None:
        for i, table in enumerate(plain):
            write_deltalake(work / f"delta{i % 2}", table, mode="append")

    def lake() -> None:
        shutil.rmtree(work / "lake", ignore_errors=True)
        path = Lake.create(work / "lake").path
        start.append(time.process_time())
        commit(path, [stage(path, batch) for batch in batches])
        start.append(time.process_time())

    start: list[float] = []
    floor = best_of(3, bare)
    for _ in range(3):
        lake()
    ours = min(b - a for a, b in zip(start[::2], start[1::2], strict=True))
    theirs = best_of(3, deltalake)
    return [
        ("pyarrow.parquet.write_table, as it comes, no fsync", floor, 1.0),
        ("stage + commit (checked, fsynced, committed)", ours, ours / floor),
        ("deltalake.write_deltalake", theirs, theirs / floor),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200, help="trials ingested singly (the promise is for 1000)")
    n = parser.parse_args().trials
    work = Path(tempfile.mkdtemp(prefix="neurostore-bench-"))
    try:
        print("| writing 40 trials x 600 frames | CPU s | ratio |\n|---|---|---|")
        for what, seconds, ratio in writing(work):
            print(f"| {what} | {seconds:.2f} | {ratio:.2f} |")
        singly, at_once = Lake.create(work / "singly").path, Lake.create(work / "at_once").path
        taken = []
        for i in range(0, n, 100):  # made in portions: memory
            for one in trials_from(i, min(100, n - i)):
                begin = time.process_time()
                commit(singly, [stage(singly, [one])])
                taken.append(time.process_time() - begin)
        for i in range(0, n, 200):
            commit(at_once, [stage(at_once, batch) for batch in by_subject(trials_from(i, min(200, n - i)))])

        def opening() -> None:
            open_lake(singly).connect_tables().execute("SELECT count(*) FROM trials").fetchall()

        open_s = best_of(3, opening)
        raw = open_lake(singly).connect_tables()
        loose_s = best_of(3, lambda: raw.execute(SUM).fetchall())
        begin = time.process_time()
        compact.compact(singly)
        compact_s = time.process_time() - begin
        merged, together = open_lake(singly).connect_tables(), open_lake(at_once).connect_tables()
        merged_s = best_of(5, lambda: merged.execute(SUM).fetchall())
        together_s = best_of(5, lambda: together.execute(SUM).fetchall())
        print(f"\n| {n} trials, one commit each | |\n|---|---|")
        print(f"| a commit, median of the first 20 | CPU {1000 * statistics.median(taken[:20]):.0f} ms |")
        print(f"| a commit, median of the last 20 | CPU {1000 * statistics.median(taken[-20:]):.0f} ms |")
        print(f"| open, connect and count before compaction | CPU {1000 * open_s:.0f} ms |")
        print(f"| sum of 19 joints before compaction / at once | {loose_s / together_s:.2f} |")
        print(f"| sum of 19 joints compacted / at once (promise: 1.2) | {merged_s / together_s:.2f} |")
        print(f"| compaction | CPU {compact_s:.1f} s |")
    finally:
        shutil.rmtree(work)


def trials_from(first: int, n: int) -> list[TrialTables]:
    """Trials numbered from ``first``."""
    return [
        TrialTables((f"S{(first + i) % N_SUBJECTS:02d}", "", f"t{first + i:05d}"), f"i{first + i}", t.row, t.tables)
        for i, t in enumerate(trials(n))
    ]


if __name__ == "__main__":
    main()
