"""A copy of a version of a lake as plain Parquet."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from neurostore import progress, schema, storage
from neurostore.errors import DamagedLakeError, UsageError
from neurostore.lake import columns, delta
from neurostore.lake.releases import state_facts
from neurostore.lake.version import Version
from neurostore.lake.version import open as open_lake
from neurostore.release import VERSION
from neurostore.storage import temporary


def export_lake(lake_path: object, folder: object, version: int | None = None, release: str | None = None) -> Path:
    """Write one version, or a release, as plain Parquet, partitioned by subject, with live rows only. Returns the folder.

    Every file of a table has all its columns, ``subject`` too, so that
    ``read_parquet('DIR/landmarks/**/*.parquet', hive_partitioning = true)`` needs nothing else. It is written beside
    the target and renamed when complete.

    Raises
    ------
    UsageError : the folder exists and is not empty.  LakeError : the disk is full, no permission.
    """
    lake = open_lake(lake_path, version, release)
    resolved = storage.resolve(folder)
    if storage.is_remote(resolved):
        raise UsageError(f"{resolved}: an export is written to a folder; copy it to the store from there")
    target = Path(resolved)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target}: exists and is not empty; name a new folder")
    with storage.named_errors(str(target), "export"):
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.replacing(target, is_folder=True) as work:
            for name in progress.counting(lake.tables(), "writing tables"):
                _export_table(lake, name, work)
            facts = {**state_facts(lake), "exported": _now(), "software_version": VERSION}
            storage.write_json(str(work / "export.json"), facts)
    return target


def _export_table(lake: Version, name: str, work: Path) -> None:
    state = lake.table_state(name)
    live = pa.array(lake.ingest_ids(), pa.string())
    options = {**columns.parquet_options(state.schema), "store_schema": True}
    if not schema.table(name).is_keyed and state.version >= 0:
        table = delta.read_files(lake.path, name, state.schema, state.files)
        storage.write_parquet(str(work / name / f"{name}.parquet"), table, **options)
        return
    n_written = 0
    for file in state.files:
        path = state.path(file)
        try:
            with storage.open_parquet(path) as opened:
                rows = opened.read()
        except (FileNotFoundError, pa.ArrowInvalid) as error:
            raise DamagedLakeError(f"{path}: cannot be read ({error})") from error
        if file.subject is not None:
            rows = rows.append_column("subject", pa.repeat(pa.scalar(file.subject), rows.num_rows))
        if state.is_dirty:
            rows = rows.filter(pc.is_in(rows["ingest_id"], value_set=live))
        if rows.num_rows:
            within = work / name / (f"subject={file.subject}" if file.subject is not None else "")
            storage.write_parquet(
                str(within / f"{n_written:06d}.parquet"), columns.unify(rows, state.schema), **options
            )
            n_written += 1
    if not n_written:  # an empty table still has its columns
        storage.write_parquet(str(work / name / "empty.parquet"), state.schema.empty_table(), **options)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
