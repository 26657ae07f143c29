"""Every row of every view of this build against another's, over the same recordings.

    python benchmarks/compare_builds.py PATH_OF_THE_OTHER_CHECKOUT FOLDER_OF_RECORDINGS... [--keep FOLDER]

Each build ingests the recordings into a lake of its own and writes every view as Parquet. The table has, per view: rows
of the other build and of this one, rows without a partner of the same key, partners of which one lacks a value or has
another text, the largest difference of a number among partners, and the columns that differ. Rows of cycles and events
are partners by their time (20 ms), so that one additional event does not shift all that follow. --keep keeps the lakes
and files in FOLDER and reuses those of an earlier run. Each release explains its differences in docs/decisions/.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl

ROOT = Path(__file__).resolve().parents[1]

# What each build runs, in its own environment: every view of a lake to a file of its name.
DUMP = """
import sys
from pathlib import Path
import neurostore
lake, folder = neurostore.open(sys.argv[1]), Path(sys.argv[2])
for view in lake.views():
    if view != "catalogue":
        lake.sql(f"SELECT * FROM {view} ORDER BY ALL").write_parquet(folder / f"{view}.parquet")
"""
TRIAL = ("subject", "session", "trial", "person")
KEYS = {
    "joint_angles": (*TRIAL, "frame"),
    "gait_events": (*TRIAL, "side", "event"),
    "gait_cycles": (*TRIAL, "side"),
    "spatiotemporal": (*TRIAL, "cycle", "side"),
    "cycle_curves": (*TRIAL, "cycle", "side", "percent"),
    "subject_summary": ("subject", "session"),
    "gait_profile": ("subject", "session"),
    "trial_quality": TRIAL,
}
TIMES = {"gait_events": "time_s", "gait_cycles": "start_s"}
BOOKKEEPING = ("ingest_id", "ingested_at")


def dump(build: Path, recordings: Path, folder: Path) -> None:
    """The views of the recordings, as this build sees them, in folder/views; not written again if they exist."""
    views = folder / "views"
    if (folder / "done").exists():
        return
    views.mkdir(parents=True, exist_ok=True)
    binary = build / ".venv" / "bin"
    lake = folder / "lake"
    ingested = subprocess.run([binary / "neurostore", "ingest", recordings, "--lake", lake], cwd=build, check=False)
    if ingested.returncode not in (0, 1):
        raise SystemExit(f"{build} could not ingest {recordings}")
    subprocess.run([binary / "python", "-c", DUMP, lake, views], cwd=build, check=True)
    (folder / "done").touch()


def compare(view: str, before: pl.DataFrame, after: pl.DataFrame) -> str:
    """A row of the table."""
    shared = [c for c in before.columns if c in set(after.columns) and c not in BOOKKEEPING]
    gone = [c for c in before.columns if c not in set(after.columns)]
    counts = f"{view} | {len(before)} | {len(after)}"
    if before.is_empty() and after.is_empty():
        return f"{counts} | 0 | 0 | 0 | 0 |"
    old, new = partners(view, before.select(shared), after.select(shared))
    largest, differing, changed = 0.0, [], pl.repeat(False, len(old), eager=True)
    for name in shared:
        gap, other = column_difference(old[name], new[name])
        changed = changed | other
        largest = max(largest, gap)
        if gap > 0 or other.any():
            differing.append(name)
    what = ", ".join(differing[:6]) + (f" and {len(differing) - 6} more" if len(differing) > 6 else "")
    what += f"; columns gone: {', '.join(gone)}" if gone else ""
    return f"{counts} | {len(before) - len(old)} | {len(after) - len(new)} | {changed.sum()} | {largest:.3g} | {what}"


def partners(view: str, before: pl.DataFrame, after: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of both that belong together, in the same order."""
    keys = [key for key in KEYS.get(view, TRIAL) if key in before.columns]
    before, after = before.with_row_index("_row"), after.with_row_index("_row")
    if view in TIMES:
        time = TIMES[view]
        left = before.select(*keys, time, "_row").sort(time)
        right = after.select(*keys, time, pl.col("_row").alias("_other")).sort(time)
        pairs = left.join_asof(right, on=time, by=keys, strategy="nearest", tolerance=0.02, check_sortedness=False)
        pairs = pairs.drop_nulls("_other").unique("_other", keep="first")
    else:
        occurrence = pl.int_range(pl.len()).over(keys).alias("_nth")
        left = before.select(*keys, occurrence, "_row")
        right = after.select(*keys, occurrence, pl.col("_row").alias("_other"))
        pairs = left.join(right, on=[*keys, "_nth"], nulls_equal=True)
    pairs = pairs.sort("_row")
    return before[pairs["_row"]].drop("_row"), after[pairs["_other"]].drop("_row")


def column_difference(old: pl.Series, new: pl.Series) -> tuple[float, pl.Series]:
    """The largest difference of the numbers in two columns, and the rows where one has no value or the texts differ."""
    lacking = old.is_null() != new.is_null()
    if old.dtype.is_numeric() and new.dtype.is_numeric():
        gap = (old.cast(pl.Float64).fill_nan(None) - new.cast(pl.Float64).fill_nan(None)).abs().max()
        return (float(gap) if isinstance(gap, float) else 0.0), lacking
    return 0.0, lacking | (old.cast(pl.String) != new.cast(pl.String)).fill_null(False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("recordings", type=Path, nargs="+")
    parser.add_argument("--keep", type=Path, help="folder for lakes and views; a temporary one if not given")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        keep = given.keep or Path(temporary)
        for recordings in given.recordings:
            for name, build in (("other", given.other), ("this", ROOT)):
                dump(build.resolve(), recordings.resolve(), keep / recordings.name / name)
            print(f"\n{recordings.name}: view | rows before | rows after | gone | new | changed | largest | differing")
            for file in sorted((keep / recordings.name / "other" / "views").glob("*.parquet")):
                same = keep / recordings.name / "this" / "views" / file.name
                if same.exists():
                    print(compare(file.stem, pl.read_parquet(file), pl.read_parquet(same)))
                else:
                    print(f"{file.stem} | {len(pl.read_parquet(file))} | the view is gone")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
