"""The cohort of the demo at its smallest, ingested."""

from __future__ import annotations

from pathlib import Path

from neurostore.demo import make_cohort


def make_demo_lake(folder: Path) -> Path:
    """Three people, one of each group, four sessions, one trial in each: folder/cohort and folder/lake; returns the folder."""
    from neurostore.ingest.pipeline import ingest

    make_cohort(folder / "cohort", n_per_group=1, n_trials=1)
    ingest(folder / "cohort", folder / "lake", n_workers=1)
    return folder
