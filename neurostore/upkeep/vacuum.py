"""Delete files that no version needs any more."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from neurostore import schema, storage
from neurostore.lake import contents, delta, hashes, heartbeat, releases, writing
from neurostore.lake.marker import check_marker
from neurostore.lake.version import open as open_lake
from neurostore.storage import temporary
from neurostore.upkeep.erase import finish_erasures

SAFE_AGE_S = 3600.0  # files in no log are kept this long, even if no ingest is running


def sweep(lake_path: object, safe_age_s: float = SAFE_AGE_S) -> int:
    """Delete files that no log ever named: what writers staged and never committed, or were writing when they died.

    Foreign files stay. Returns how many were deleted.
    """
    root = storage.resolve(lake_path)
    with writing.writing(root, "sweep"), storage.named_errors(root, "sweeping"):
        oldest_kept_s = min(time.time() - safe_age_s, heartbeat.running_since(root))
        n_swept = 0
        here = storage.list_files(root, logs=True)
        held = releases.held_files(root)  # no log names them after an erasure
        for name in delta.stored_tables(root):
            named = held | {f"{name}/{path}" for path in delta.ever_added(root, name)}
            left = [f for f in here if schema.table_of(f.path) == name and contents.is_data(f.path)]
            paths = [f.path for f in left if f.path not in named and f.modified_s < oldest_kept_s]
            n_swept += storage.delete([storage.join(root, path) for path in paths])
        left = [f for f in here if f.modified_s < oldest_kept_s and _is_abandoned(root, f.path)]
        return n_swept + storage.delete([storage.join(root, f.path) for f in left])


def _is_abandoned(root: str, path: str) -> bool:
    """Whether a file was being written, or is in a folder that was, by a process that has ended."""
    if not contents.is_temporary(path):
        return False
    parts = path.split("/")
    at = next((i for i, part in enumerate(parts) if temporary.is_temporary(part)), None)
    if at is None or storage.is_remote(root):
        return True
    return temporary.is_abandoned(Path(storage.join(root, *parts[: at + 1])))


@dataclass(frozen=True, slots=True)
class Vacuum:
    """What :func:`vacuum` did. oldest_version : the oldest that can still be opened."""

    oldest_version: int
    n_files: int
    n_bytes: int


def vacuum(lake_path: object, *, safe_age_s: float = SAFE_AGE_S) -> Vacuum:
    """Delete every file that neither the current version nor a release needs; older versions cannot be opened afterwards.

    Takes the lake's lock. Files that running ingests have staged are kept. A reader of an older version gets
    VanishedVersionError.
    """
    root = storage.resolve(lake_path)
    check_marker(root)
    finish_erasures(root)
    with writing.writing(root, "vacuum"), storage.named_errors(root, "vacuum"):
        lake = open_lake(root)
        marker = {"oldest_version": lake.version, "time": datetime.now(UTC).isoformat(timespec="seconds")}
        storage.write_json(storage.join(root, "_neurostore", "vacuumed.json"), marker)
        oldest_kept_s = min(time.time() - safe_age_s, heartbeat.running_since(root))
        held = releases.held_files(root)
        gone: list[tuple[str, storage.StoredFile]] = []
        for name in delta.stored_tables(root):
            keep = {f.path for f in delta.files_of(delta.open_table(root, name))}
            if name in lake.tables():
                keep |= {f.path for f in lake.table_state(name).files}
            named = delta.ever_added(root, name)
            gone += [
                (name, f)
                for f in storage.list_files(storage.join(root, name))
                if f.path not in keep
                and f"{name}/{f.path}" not in held
                and (f.path in named or (f.modified_s < oldest_kept_s and not contents.is_strange(f"{name}/{f.path}")))
            ]
        paths = {f"{name}/{f.path}" for name, f in gone}
        hashes.forget(root, (p for p in hashes.read(root).files if p not in paths))
        n_files = storage.delete([storage.join(root, path) for path in sorted(paths)])
        n_bytes = sum(f.size for _, f in gone)
        return Vacuum(lake.version, n_files, n_bytes)
