"""A small film beside a trial: its grey tells which frame is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neurostore import schema
from neurostore.lake import delta
from neurostore.lake.commit import name_versions
from neurostore.lake.version import Version
from neurostore.trial_key import Key

RATE_HZ = 25.0
GREY_A_FRAME = 2


def add_video(lake: Path, cohort: Path, key: Key) -> Path:
    """Write the film into the cohort's folder and name it among the source files of the trial."""
    cv2 = pytest.importorskip("cv2")
    rows = Version.open(lake).trials_table()
    row = next(r for r in rows.to_pylist() if (r["subject"], r["session"], r["trial"]) == key)
    film = (cohort / row["source_path"]).with_suffix(".mp4")
    film.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter_fourcc(*"vp09"), RATE_HZ, (64, 48))
    assert writer.isOpened()
    for i in range(min(120, round(row["duration_s"] * RATE_HZ))):
        writer.write(np.full((48, 64, 3), 8 + GREY_A_FRAME * i, np.uint8))
    writer.release()
    row["source_paths"] = [*row["source_paths"], str(film.relative_to(cohort))]
    declared = schema.table("trials")
    version = delta.replace_rows(str(lake), "trials", declared.key, schema.rows_table("trials", [row]))
    name_versions(str(lake), {"trials": version}, "ingest")
    return film
