"""The gait views over many walking trials: cost per trial, its growth, and cost with a filter on one subject.

    python benchmarks/views.py [--trials 1000]

The floor, in the same run: DuckDB summing the columns of landmarks that the views read. Trials are walkers of 5
strides at 120 Hz, ten to a subject.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from neurostore.walker import gait
from neurostore.walker import walk as walker
from tests.builders import view_builder

VIEWS = ("gait_events", "event_agreement", "gait_cycles", "cycle_curves", "spatiotemporal", "subject_summary")
VIEWS += ("trial_quality", "gait_profile", "change")
POINTS = (
    "pelvis",
    "left_hip",
    "right_hip",
    "left_heel",
    "left_toe",
    "left_ankle",
    "right_heel",
    "right_toe",
    "right_ankle",
)
FLOOR = " + ".join(f"sum({p}.x) + sum({p}.y) + sum({p}.z)" for p in POINTS)


def tables(n_trials: int) -> dict[str, pa.Table]:
    """landmarks, trials and stand-in joint angles of n walking trials."""
    walks = [
        walker.walk(gait.normal(cadence_steps_min=100.0 + 2 * i, stride_length_m=1.2 + 0.02 * i), n_strides=5)
        for i in range(8)
    ]
    parts = []
    for i in range(n_trials):
        key = {"subject": f"S{i // 10:04d}", "trial": f"walk_{i % 10}"}
        walk = walks[i % len(walks)]
        part = view_builder.of_walk(walk, **key)
        parts.append(part | {"joint_angles": view_builder.joint_angles(walk.time_s, walk.angles, **key)})
    return view_builder.together(*parts)


def seconds(connection, query: str, repeat: int = 3) -> float:
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        connection.execute(f"CREATE OR REPLACE TEMP TABLE result AS {query}")
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=1000)
    n_trials = parser.parse_args().trials
    small = view_builder.connect(**tables(n_trials // 4))
    large = view_builder.connect(**tables(n_trials))
    n_frames = large.execute("SELECT count(*) FROM landmarks").fetchall()[0][0]
    floor = seconds(large, f"SELECT {FLOOR} FROM landmarks")
    print(f"{n_trials} trials, {n_frames} frames; sum of the columns read: {floor:.2f} s")
    print(f"{'view':16} {'s':>7} {'ms/trial':>9} {'x floor':>8} {'growth 4x':>10} {'one subject s':>14} {'share':>7}")
    for view in VIEWS:
        whole = seconds(large, f"SELECT * FROM {view}")
        quarter = seconds(small, f"SELECT * FROM {view}")
        one = seconds(large, f"SELECT * FROM {view} WHERE subject = 'S0003'")
        print(
            f"{view:16} {whole:7.2f} {1000 * whole / n_trials:9.2f} {whole / floor:8.1f} {whole / quarter:10.2f} "
            f"{one:14.3f} {one / whole:7.3f}"
        )


if __name__ == "__main__":
    main()
