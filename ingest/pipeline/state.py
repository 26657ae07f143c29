"""What a lake holds before an ingest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurostore.ingest.pipeline.plan import LakeState
from neurostore.ingest.recording import Calibration
from neurostore.trial_key import Key

if TYPE_CHECKING:
    from neurostore.lake.version import Version


def is_lake(path: Path | str) -> bool:
    """Whether there is a lake at this path (or something else than a missing or empty folder, which open() names)."""
    from neurostore import storage

    root = storage.resolve(path)
    if storage.is_remote(root):
        return storage.exists(root)
    folder = Path(root)
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def read_state(path: Path | str) -> LakeState:
    """What a lake holds; nothing if there is none yet.

    Raises
    ------
    NotALakeError, NewerLakeError : the folder is not a lake, or one of an unknown version.
    """
    state = LakeState()
    from neurostore.lake.create import is_to_be_made
    from neurostore.lake.version import open as open_lake

    if not is_lake(path) or (Path(path).is_dir() and is_to_be_made(path)):
        return state
    lake = open_lake(path)
    for row in lake.trials_table().to_pylist():
        state.rows[(row["subject"], row["session"], row["trial"])] = row
    ingested = {key: row["ingest_id"] for key, row in state.rows.items()}
    static = {key for key, row in state.rows.items() if row["kind"] == "static"}
    if any(map(_gives_to_session, state.rows.values())):
        for row in lake.scan("calibrations").collect().to_dicts():
            key = (row["subject"], row["session"], row["trial"])
            is_used = row["source"] == "functional" or (key in static and row["source"] != "participants")
            if is_used and ingested.get(key) == row["ingest_id"]:
                calibration = Calibration(row["parameter"], row["side"], row["value"], row["unit"], row["source"])
                given = state.statics.setdefault(key[:2], {})
                given[key[2]] = (*given.get(key[2], ()), calibration)
    state.subjects = {row["subject"]: row for row in lake.scan("subjects").collect().to_dicts()}
    state.sides = _sides(lake)
    return state


def _sides(lake: Version) -> dict[Key, dict[str, Any]]:
    """Of each trial the latest decision on its left and right."""
    from neurostore.reviews import SIDE_ACTIONS

    if "reviews" not in lake.table_versions:
        return {}
    rows = lake.scan("reviews").collect().sort("reviewed_at", "review_id").to_dicts()
    return {(r["subject"], r["session"], r["trial"]): r for r in rows if r["action"] in SIDE_ACTIONS}


def _gives_to_session(row: dict[str, Any]) -> bool:
    """Whether other trials may use what this one measured."""
    return row["kind"] == "static" or '"functional":' in row["steps"]
