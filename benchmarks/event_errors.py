"""Errors of computed events on every step that a force platform times, per laboratory; the table of docs/gait.md.

    python benchmarks/event_errors.py FOLDER

FOLDER is ingested (C3D files with platforms, a folder per laboratory). A computed event within 150 ms of a platform's
event of the same foot and kind is found. There are two tables: by the rules alone, and corrected by the person's other
steps on platforms (never by the step itself). Differences are ours less the platform's. The operators' marks of the
same steps are shown beside them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from neurostore.api import open as open_lake
from neurostore.ingest.pipeline import ingest

NEAR_S = 0.15
COLUMNS = "subject, session, trial, side, event, time_s"
SOURCES = {
    "the rules alone": f"SELECT {COLUMNS} FROM _events('_foot_motion') WHERE source = 'computed' AND person = 0",
    "corrected by other steps": f"SELECT {COLUMNS} FROM gait_events WHERE source = 'computed' AND person = 0",
    "operators' marks": f"SELECT {COLUMNS} FROM gait_events WHERE source = 'file'",
}


def errors_ms(platform: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """For each event of a platform: subject, event, and the error of the nearest other event in ms; NULL if it is missed."""
    rows = []
    for subject, session, trial, side, event, time_s in platform.iter_rows():
        there = (
            others.filter(subject=subject, session=session, trial=trial, side=side, event=event)["time_s"].to_numpy()
            - time_s
        )
        best = there[np.abs(there).argmin()] if len(there) else np.inf
        rows.append((subject, event, 1000 * float(best) if abs(best) <= NEAR_S else None))
    return pl.DataFrame(rows, ["subject", "event", "ms"], orient="row")


def line(name: str, event: str, ms: pl.Series) -> str:
    known = ms.drop_nulls().to_numpy()
    figures = (
        [np.median(np.abs(known)), np.mean(known), np.quantile(np.abs(known), 0.95)] if len(known) else [np.nan] * 3
    )
    return (
        f"| {name} | {event.replace('_', ' ')} | {len(ms)} | {ms.null_count()} | "
        + " | ".join(f"{f:.1f}" for f in figures)
        + " |"
    )


def main() -> None:
    """Print one table per source of events."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ingest(given.folder, Path(folder) / "lake", n_workers=1)
        lake = open_lake(Path(folder) / "lake")
        platform = lake.sql(f"SELECT {COLUMNS} FROM gait_events WHERE source = 'force' ORDER BY ALL")
        for source, query in SOURCES.items():
            found = errors_ms(platform, lake.sql(query))
            if source.startswith("operators"):
                marked = found.filter(found["ms"].is_not_null())["subject"].unique()
                found = found.filter(found["subject"].is_in(marked.implode()))
            print(
                f"\n{source}\n| laboratory | event | steps | missed | median, ms | bias, ms | 95 %, ms |\n|---|---|---:|---:|---:|---:|---:|"
            )
            for event in ("foot_strike", "foot_off"):
                of_kind = found.filter(event=event)
                for subject in sorted(of_kind["subject"].unique()):
                    print(line(subject, event, of_kind.filter(subject=subject)["ms"]))
                print(line("all", event, of_kind["ms"]))


if __name__ == "__main__":
    main()
