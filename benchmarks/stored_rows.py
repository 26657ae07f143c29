"""Every row of every view with and without stored results, over whole cohorts.

    python benchmarks/stored_rows.py ../shared/data/cmu ../shared/data/cc_base ../shared/data/c3d

Each cohort is ingested into a lake of its own. All views are read from frames, the results are stored, and all views
are read again. Printed per view: its rows, its values, and how many of them are not the same, with the largest
difference of a number. The command ends with status 1 if rows are missing or a value differs by more than 1e-9 of its
size: sums may be taken in another order.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import polars as pl
import polars.selectors as cs

from neurostore.api import Lake
from neurostore.api import open as open_lake
from neurostore.ingest.pipeline import ingest
from neurostore.sql import views
from neurostore.upkeep.refresh import refresh

TOLERANCE = 1e-9


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cohorts", nargs="+", type=Path)
    parser.add_argument("--views", nargs="*", default=[v for v in views.names() if v != "catalogue"])
    options = parser.parse_args()
    print("| cohort | view | rows | values | not the same | largest difference |\n|---|---|---|---|---|---|")
    is_same = True
    for cohort in options.cohorts:
        with tempfile.TemporaryDirectory() as folder:
            is_same &= compared(cohort, Path(folder), options.views)
    return 0 if is_same else 1


def compared(cohort: Path, folder: Path, names: list[str]) -> bool:
    """Print a line per view of a cohort. Returns whether all rows are the same."""
    report = ingest(cohort, folder / "lake")
    lake = open_lake(folder / "lake")
    computed = folder / "computed"
    computed.mkdir()
    for name in names:
        rows_of(lake, name).write_parquet(computed / f"{name}.parquet")
    done = refresh(folder / "lake")
    stored = open_lake(folder / "lake")
    assert stored.reads_results()
    assert done.n_left == 0
    is_same = True
    for name in names:
        before, after = pl.read_parquet(computed / f"{name}.parquet"), rows_of(stored, name)
        n_different, largest = difference(before, after)
        is_same &= n_different == 0
        shown = f"{largest:.1g}" if largest else "0"
        size = f"{after.height:,} | {after.height * after.width:,}"
        print(f"| {cohort.name} ({len(report.added)} trials) | {name} | {size} | {n_different} | {shown} |", flush=True)
    return is_same


def rows_of(lake: Lake, name: str) -> pl.DataFrame:
    """Every row of a view, flat, in an order that the numbers do not change."""
    rows = lake.sql(f"SELECT * FROM {views.quote(name)}")
    keys = rows.select(~cs.float() & ~cs.nested()).columns
    return rows.sort([*keys, *rows.select(cs.float()).columns])


def difference(before: pl.DataFrame, after: pl.DataFrame) -> tuple[int, float]:
    """(values that are not the same, the largest difference of a number); all values if rows or columns differ."""
    if before.schema != after.schema or before.height != after.height:
        return max(before.height, after.height) * max(before.width, after.width), float("nan")
    n_different, largest = 0, 0.0
    for one, other in zip(before.iter_columns(), after.iter_columns(), strict=True):
        if not one.dtype.is_float():
            n_different += (~one.eq_missing(other)).sum()
            continue
        gap = (one - other).abs().fill_nan(0.0)
        allowed = TOLERANCE * pl.select(pl.max_horizontal(one.abs(), pl.lit(1.0))).to_series()
        is_known_in_one = one.is_null() != other.is_null()
        is_number_in_one = one.is_nan().fill_null(False) != other.is_nan().fill_null(False)
        n_different += ((gap > allowed).fill_null(False) | is_known_in_one | is_number_in_one).sum()
        largest = max(largest, gap.max() or 0.0)
    return n_different, largest


if __name__ == "__main__":
    sys.exit(main())
