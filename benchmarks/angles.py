"""joint_angles over two million frames against summing the same input columns, and against the same angles in polars.

    python benchmarks/angles.py [--frames 2000000]

One run makes a landmarks table in Parquet (row groups as the lake writes them), then times three things over it, best
of three: DuckDB's sum of every column the view reads, DuckDB's sum of every column of the view, polars' sum of every
angle. The promise: view / sum at most 5 (aim 3.5), and the view no slower than polars.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from neurostore import schema
from tests.twins.angles import create_joint_angles, polars_angles

SEGMENTS = ["pelvis", "trunk"] + [
    f"{side}_{segment}" for side in ("left", "right") for segment in ("thigh", "shank", "foot", "upper_arm", "forearm")
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=2_000_000)
    n = parser.parse_args().frames
    sql = (resources.files("neurostore.queries") / "_segment_rotations.sql").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "landmarks.parquet"
        write_landmarks(file, n)
        connection = duckdb.connect()
        connection.execute(f"CREATE VIEW landmarks AS SELECT * FROM read_parquet('{file}')")
        create_joint_angles(connection)
        inputs = [c for c in schema.tables()["landmarks"].columns if c.name in sql or c.name.endswith("_neutral_deg")]
        sums = ", ".join(f"sum({c.name}.{axis})" for c in inputs if c.type == "rotation" for axis in "wxyz") + "".join(
            f", sum({c.name})" for c in inputs if c.type == "float32"
        )
        angles = [c[0] for c in connection.execute("DESCRIBE joint_angles").fetchall() if c[0].endswith("_deg")]
        view = ", ".join(f"sum({name})" for name in angles)
        columns = ", ".join(angles[:4] + angles[18:22])
        rows = [
            ("sum of the input columns", best(lambda: connection.execute(f"SELECT {sums} FROM landmarks").fetchall())),
            (
                "joint_angles, every column",
                best(lambda: connection.execute(f"SELECT {view} FROM joint_angles").fetchall()),
            ),
            (
                "joint_angles, eight columns",
                best(
                    lambda: connection.execute(
                        f"SELECT sum(COLUMNS(*)) FROM (SELECT {columns} FROM joint_angles)"
                    ).fetchall()
                ),
            ),
            ("polars, every angle", best(lambda: polars_angles(pl.scan_parquet(file)).sum().collect())),
        ]
    floor = rows[0][1]
    print(f"{n:,} frames, {len(inputs)} input columns, {len(angles)} angles, {duckdb.__version__=}, {pl.__version__=}")
    print(f"{'':32s} {'seconds':>8s} {'ratio':>6s}")
    for name, seconds in rows:
        print(f"{name:32s} {seconds:8.2f} {seconds / floor:6.2f}")


def best(run: Callable[[], object], times: int = 3) -> float:
    """Shortest wall time in seconds."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return min(found)


def write_landmarks(file: Path, n: int, chunk: int = 100_000) -> None:
    """A landmarks table of a three-point skeleton: segments a few tens of degrees off upright, walking along +Z."""
    rng = np.random.default_rng(1)
    arrow = schema.tables()["landmarks"].arrow()
    with pq.ParquetWriter(file, arrow, compression="zstd") as writer:
        for start in range(0, n, chunk):
            m = min(chunk, n - start)
            upright = np.array([np.sqrt(0.5), 0.0, -np.sqrt(0.5), 0.0])
            q = upright + rng.normal(0, 0.12, (len(SEGMENTS), m, 4))
            q = (q / np.linalg.norm(q, axis=-1, keepdims=True)).astype(np.float32)
            given = {f"{name}_rotation": q[k] for k, name in enumerate(SEGMENTS)}
            columns = []
            for f in arrow:
                if f.name in given:
                    axes = [pa.array(np.ascontiguousarray(given[f.name][:, i])) for i in range(4)]
                    columns.append(pa.StructArray.from_arrays(axes, fields=list(f.type)))
                elif f.name == "facing_deg":
                    columns.append(pa.array(rng.normal(0, 3, m).astype(np.float32)))
                elif f.name in ("subject", "session", "trial", "ingest_id"):
                    columns.append(pa.array([f"{f.name}{start}"] * m))
                elif f.name == "person":
                    columns.append(pa.array(np.zeros(m, np.int32)))
                elif f.name == "frame":
                    columns.append(pa.array(np.arange(m, dtype=np.int32)))
                elif f.name == "time_s":
                    columns.append(pa.array(np.arange(m) / 120.0))
                else:
                    columns.append(pa.nulls(m, f.type))
            writer.write_table(pa.Table.from_arrays(columns, schema=arrow))


if __name__ == "__main__":
    main()
