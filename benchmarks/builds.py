"""joint_angles and the gait views of this build against those of another, over the same files, in one run.

    python benchmarks/builds.py PATH_OF_THE_OTHER_CHECKOUT [--trials 300] [--repeat 9] [--only joint_angles ...]

One run writes the tables of n walking trials (5 strides at 120 Hz, ten trials to a subject, with points and segment
rotations, no platforms) as Parquet. Each build opens them in a process of its own, and the two answer each query in
turn, so that a busy machine is as busy for both. Only columns that both have are queried. ratio is this build's median
divided by the other's; the ratio of processor time is the steadier one, and on a busy machine that of the least
processor time (the last three columns). The other checkout needs a virtual environment in .venv.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

VIEWS = ("gait_events", "gait_cycles", "cycle_curves", "spatiotemporal", "subject_summary", "trial_quality")
VIEWS += ("gait_profile", "change", "event_agreement", "_cycle_path", "_mean_curves")
THREE = ("left_knee_flexion_deg", "right_hip_adduction_deg", "pelvis_tilt_deg")
ONE_SUBJECT = "WHERE subject = 'S0003'"

# What each process runs: it knows the homes of register() in old and new builds, and answers one query per line.
SERVER = """
import inspect, json, sys, time
from pathlib import Path
import duckdb
from neurostore import schema
try:
    from neurostore.sql import views
except ImportError:
    from neurostore import views
connection = duckdb.connect()
connection.execute("SET enable_progress_bar = false")
folder = Path(sys.argv[1])
for name, declared in schema.tables().items():
    file = folder / f"{name}.parquet"
    if file.exists():
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{file}')")
    elif name != "poses":
        empty = declared.arrow().empty_table()
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM empty")
# a lake without platforms is planned without them, where the build knows how
knows = "has_plates" in inspect.signature(views.register).parameters
views.register(connection, **({"has_plates": False} if knows else {}))
print("ready", flush=True)
for line in sys.stdin:
    try:
        wall, cpu = time.perf_counter(), time.process_time()
        rows = connection.execute(json.loads(line)).fetchall()
        answer = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        answer["rows"] = rows if len(rows) < 1000 else []
    except Exception as error:
        answer = {"error": str(error).splitlines()[0]}
    print(json.dumps(answer, default=str), flush=True)
"""


class Build:
    """A build that answers queries in a process of its own."""

    def __init__(self, root: Path, tables: Path) -> None:
        python = root / ".venv" / "bin" / "python"
        self.process = subprocess.Popen(
            [str(python), "-c", SERVER, str(tables)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
        )
        if self.process.stdout is None or self.process.stdout.readline() != "ready\n":
            raise SystemExit(f"the build in {root} could not open the tables; its message stands above")

    def ask(self, query: str) -> dict[str, Any]:
        """Seconds and rows of a query, or the first line of its error."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(query) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def columns(self, view: str) -> list[str]:
        return [row[0] for row in self.ask(f"DESCRIBE {view}").get("rows", [])]

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def write_tables(folder: Path, n_trials: int) -> int:
    """landmarks and trials of n walking trials as Parquet, a row group per trial as in a lake; the number of frames."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from angles import SEGMENTS

    from neurostore.walker import gait
    from neurostore.walker import walk as walker
    from tests.builders import view_builder

    walks = [
        walker.walk(gait.normal(cadence_steps_min=100.0 + 2 * i, stride_length_m=1.2 + 0.02 * i), n_strides=5)
        for i in range(8)
    ]
    rng = np.random.default_rng(1)
    upright = np.array([np.sqrt(0.5), 0.0, -np.sqrt(0.5), 0.0])
    parts, n_frames = [], 0
    for i in range(n_trials):
        part = view_builder.of_walk(walks[i % 8], subject=f"S{i // 10:04d}", trial=f"walk_{i % 10}")
        landmarks = part["landmarks"]
        n = len(landmarks)
        for name in SEGMENTS:
            q = upright + rng.normal(0, 0.12, (n, 4))
            q = (q / np.linalg.norm(q, axis=-1, keepdims=True)).astype(np.float32)
            place = landmarks.schema.get_field_index(f"{name}_rotation")
            fields = list(landmarks.schema.field(place).type)
            struct = pa.StructArray.from_arrays(
                [pa.array(np.ascontiguousarray(q[:, k])) for k in range(4)], fields=fields
            )
            landmarks = landmarks.set_column(place, landmarks.schema.field(place), struct)
        place = landmarks.schema.get_field_index("facing_deg")
        facing = pa.array(rng.normal(0, 3, n).astype(np.float32))
        landmarks = landmarks.set_column(place, landmarks.schema.field(place), facing)
        parts.append(part | {"landmarks": landmarks})
        n_frames += n
    with pq.ParquetWriter(folder / "landmarks.parquet", parts[0]["landmarks"].schema, compression="zstd") as writer:
        for part in parts:
            writer.write_table(part["landmarks"])
    pq.write_table(pa.concat_tables([part["trials"] for part in parts]), folder / "trials.parquet")
    return n_frames


def queries(this: Build, other: Build) -> dict[str, str]:
    """Label -> query, over the columns that both builds have."""
    asked: dict[str, str] = {}
    angles = [c for c in this.columns("joint_angles") if c.endswith("_deg") and c in set(other.columns("joint_angles"))]
    for label, columns, where in (
        ("joint_angles, every column", angles, ""),
        ("joint_angles, 3 columns", list(THREE), ""),
        ("joint_angles, 1 column", list(THREE[:1]), ""),
        ("joint_angles, one subject", angles, ONE_SUBJECT),
        ("joint_angles, one subject, 3", list(THREE), ONE_SUBJECT),
    ):
        asked[label] = f"SELECT {', '.join(f'sum({c})' for c in columns)} FROM joint_angles {where}"
    for view in VIEWS:
        theirs = set(other.columns(view))
        columns = [c for c in this.columns(view) if c in theirs]
        if columns:
            for label, where in ((view, ""), (f"{view}, one subject", ONE_SUBJECT)):
                asked[label] = f"CREATE OR REPLACE TEMP TABLE result AS SELECT {', '.join(columns)} FROM {view} {where}"
    return asked


def compare(this: Build, other: Build, query: str, repeat: int) -> str:
    """Medians and ratios of one query; the builds take turns."""
    times: dict[str, list[dict[str, Any]]] = {"this": [], "other": []}
    for _ in range(repeat):
        for name, build in (("other", other), ("this", this)):
            answer = build.ask(query)
            if "error" in answer:
                return f"{name} build: {answer['error']}"
            times[name].append(answer)
    median = {
        (name, clock): statistics.median(answer[clock] for answer in answers)
        for name, answers in times.items()
        for clock in ("wall", "cpu")
    }
    wall = median["this", "wall"] / median["other", "wall"]
    cpu = median["this", "cpu"] / median["other", "cpu"]
    least = {name: min(answer["cpu"] for answer in answers) for name, answers in times.items()}
    text = f"{median['other', 'wall']:8.3f} {median['this', 'wall']:8.3f} {wall:6.2f} {cpu:9.2f}"
    return f"{text} {least['other']:8.3f} {least['this']:8.3f} {least['this'] / least['other']:6.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="checkout of the other build, with its .venv")
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--only", nargs="*", default=[""], help="queries whose label begins with one of these")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        n_frames = write_tables(folder, given.trials)
        this, other = Build(ROOT, folder), Build(given.other.resolve(), folder)
        print(f"{given.trials} trials, {n_frames} frames, median of {given.repeat}")
        print(
            f"{'':34s} {'other s':>8s} {'this s':>8s} {'ratio':>6s} {'processor':>9s} {'other s':>8s} {'this s':>8s} {'least':>6s}"
        )
        for label, query in queries(this, other).items():
            if label.startswith(tuple(given.only)):
                print(f"{label:34s} {compare(this, other, query, given.repeat)}", flush=True)
        this.close()
        other.close()


if __name__ == "__main__":
    main()
