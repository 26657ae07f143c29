"""Cost of moments and platforms: joint_kinetics against joint_angles, and ingest of C3D with and without analog samples.

    python benchmarks/kinetics_speed.py COHORT [--frames 1000000] [--repeats 3]

COHORT holds C3D files with platforms. Its trials are ingested once and repeated under other names until they have
--frames frames; each view is then computed whole, in processor time, and joint_kinetics also from its stored step, as a
lake reads it. For ingest every file is written twice by ezc3d, with all it has and without analog samples and
platforms; each folder is ingested --repeats times, least processor time, workers included.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import time
from pathlib import Path

import duckdb
import ezc3d
import numpy as np

import neurostore
from neurostore import schema
from neurostore.ingest.pipeline import ingest
from neurostore.sql import views

KEYED = ("landmarks", "trials", "plate_frames", "force_plates", "forces", "calibrations", "subjects")


def processor_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def repeated(lake_path: Path, n_frames: int) -> tuple[duckdb.DuckDBPyConnection, int]:
    """A connection with every table of the lake, its trials repeated under other subjects until they have n_frames frames."""
    lake = neurostore.open(lake_path)
    tables = {n: lake.sql(f"SELECT * FROM {n}").to_arrow() for n in schema.tables() if n in lake.tables()}
    own = tables["landmarks"].num_rows
    copies = -(-n_frames // own)
    connection = duckdb.connect()
    for name, declared in schema.tables().items():
        if name == "poses":
            continue
        connection.register("given", tables.get(name, declared.arrow().empty_table()))
        of_copies = "* EXCLUDE (copy) REPLACE (subject || '-' || copy AS subject)"
        query = f"SELECT {of_copies} FROM given CROSS JOIN (SELECT unnest(range({copies})) AS copy)"
        connection.execute(f"CREATE TABLE {views.quote(name)} AS {query if name in KEYED else 'SELECT * FROM given'}")
        connection.unregister("given")
    views.register(connection)
    return connection, own * copies


def compare_views(lake_path: Path, n_frames: int, repeats: int) -> None:
    connection, n = repeated(lake_path, n_frames)
    taken = {}
    for shown in ("joint_angles", "joint_kinetics", "joint_kinetics, stored"):
        view = shown.split(",")[0]
        if view != shown:
            connection.execute("CREATE TABLE stored AS SELECT * FROM _frame_moments")
            connection.execute("CREATE OR REPLACE VIEW _frame_moments AS SELECT * FROM stored")
        columns = [c.name for c in views.declared()[view].columns if c.type == "float64" and c.name != "time_s"]
        query = f"SELECT {', '.join(f'sum({views.quote(c)})' for c in columns)} FROM {view}"
        times = []
        for _ in range(repeats):
            start = time.process_time()
            connection.execute(query).fetchall()
            times.append(time.process_time() - start)
        taken[shown] = min(times)
        ratio = taken[shown] / taken["joint_angles"]
        print(f"{shown}: {n:,} frames, {taken[shown]:.2f} s of processor time, {ratio:.2f} of joint_angles", flush=True)


def written(path: Path, out: Path, *, with_analog: bool) -> None:
    file = ezc3d.c3d(str(path))
    if not with_analog:
        n_frames = file["data"]["points"].shape[2]
        file["data"]["analogs"] = np.zeros((1, 0, n_frames))
        group = file["parameters"]["ANALOG"]
        for name in ("LABELS", "DESCRIPTIONS", "UNITS", "SCALE", "OFFSET"):
            group[name]["value"] = []
        group["RATE"]["value"] = [file["parameters"]["POINT"]["RATE"]["value"][0]]
        if "FORCE_PLATFORM" in file["parameters"]:
            file["parameters"]["FORCE_PLATFORM"]["USED"]["value"] = np.array([0])
    out.parent.mkdir(parents=True, exist_ok=True)
    file.write(str(out))


def compare_ingest(cohort: Path, repeats: int) -> None:
    taken: dict[bool, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for with_analog in (True, False):
            base = Path(folder) / str(with_analog)
            for path in sorted(cohort.rglob("*.c3d")):
                written(path, base / "cohort" / path.relative_to(cohort), with_analog=with_analog)
            times = []
            for _ in range(repeats):
                start = processor_s()
                ingest(base / "cohort", base / "lake", n_workers=1)
                times.append(processor_s() - start)
                shutil.rmtree(base / "lake")
            taken[with_analog] = min(times)
            print(
                f"ingest {'with' if with_analog else 'without'} analog samples: {taken[with_analog]:.2f} s", flush=True
            )
    print(f"with / without: {taken[True] / taken[False]:.2f} (limit 1.3)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    compare_ingest(given.cohort, given.repeats)
    with tempfile.TemporaryDirectory() as folder:
        ingest(given.cohort, Path(folder) / "lake", n_workers=1)
        compare_views(Path(folder) / "lake", given.frames, given.repeats)


if __name__ == "__main__":
    main()
