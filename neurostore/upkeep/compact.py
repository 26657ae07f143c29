"""Compact a lake: merge small files and remove what nothing names."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from neurostore import progress, schema, storage
from neurostore.errors import ConflictError, DamagedLakeError
from neurostore.lake import columns as arrow_columns
from neurostore.lake import commit, delta, foreign, heartbeat, keep, writing
from neurostore.lake.marker import check_marker
from neurostore.lake.version import Version
from neurostore.lake.version import open as open_lake
from neurostore.upkeep.erase import finish_erasures
from neurostore.upkeep.vacuum import SAFE_AGE_S, sweep

TARGET_BYTES = 128 * 2**20  # largest size of a compacted file, approximately
TARGET_ROWS = 131_072  # most rows of a compacted file, so that merging needs only a few hundred MB of memory


@dataclass(frozen=True, slots=True)
class Compaction:
    """What :func:`compact` did. version : the lake's version after it."""

    version: int
    n_files_before: int
    n_files_after: int
    n_rows_dropped: int
    n_files_swept: int


@dataclass(frozen=True, slots=True)
class _Rewrite:
    """Files of one table and what takes their place."""

    table: str
    old: list[delta.DataFile]
    new: list[commit.StagedFile]
    n_rows_dropped: int


def compact(
    lake_path: object, *, target_bytes: int = TARGET_BYTES, safe_age_s: float = SAFE_AGE_S, smaller: bool = False
) -> Compaction:
    """Merge small files, drop rows that no trial names, delete what a crash left; readers see one new version.

    Safe beside ingests and readers: dead rows are determined under the lake's lock, files are rewritten outside it.
    Old files stay until :func:`vacuum`, so that older versions can be opened.

    Parameters
    ----------
    target_bytes : size up to which files of a subject are merged.
    safe_age_s : files in no log that are younger than this, or than the oldest running ingest, are kept.
    smaller : write coordinates a third smaller, also in files that need no other change. Not every reader can read them.

    Raises
    ------
    ConflictError : another process compacted the same files first.
    LakeError : the disk is full, no permission; what was written is removed.
    """
    root = storage.resolve(lake_path)
    check_marker(root)
    finish_erasures(root)
    with heartbeat.running(root, "compact"), storage.named_errors(root, "compacting"):
        # no commit is in progress: rows that trials does not name now will never be named
        with writing.writing(root, "compact"):
            lake = open_lake(root)
            for name in lake.tables():
                lake.table_state(name)  # raises if a file is missing or damaged
            names = [n for n in delta.stored_tables(root) if _belongs_to(n)]
            named = _named_rows(root, lake)
            files = {}
            for name in names:
                newest = delta.open_table(root, name)
                files[name] = delta.files_of(newest)
                foreign.check_table(root, name, newest.version(), (f.path for f in files[name]))
        live = {"ingest_id": lake.ingest_ids(), "computation": list(lake.results().fresh.values())}
        rewrites: list[_Rewrite] = []
        try:
            for name in progress.counting(names, "merging tables"):
                is_dirty = sum(f.n_rows for f in files[name]) != named.get(name, 0)
                ids = pa.array(live[_belongs_to(name)], pa.string())
                large = {f.path for f in files[name] if smaller and _is_large(root, name, f)}
                for group in _groups(root, name, files[name], ids if is_dirty else None, target_bytes, large):
                    rewrites.append(_rewrite(root, name, group, ids, smaller))
            version = _commit(root, lake, rewrites)
        except BaseException:
            _discard_unnamed(root, rewrites)
            raise
    before = sum(map(len, files.values()))
    after = before - sum(len(r.old) for r in rewrites) + sum(len(r.new) for r in rewrites)
    swept = sweep(root, safe_age_s)
    return Compaction(version, before, after, sum(r.n_rows_dropped for r in rewrites), swept)


def _belongs_to(table: str) -> str:
    """The column that says to which ingest rows of a table belong, if rows may be dead; '' if they never are."""
    declared = schema.table(table)
    is_of_results = declared.derived and bool(declared.per)
    return "computation" if is_of_results else "ingest_id" if declared.is_keyed else ""


def _named_rows(root: str, lake: Version) -> dict[str, int]:
    """How many rows of each table are live. The index of results loses those that do not count, before their rows go."""
    computations = set(lake.results().fresh.values())
    rows = keep.keep_rows(root, lambda row: row["computation"] in computations)
    return {**lake.named_rows, **keep.named_rows(rows)}


def _is_large(root: str, name: str, file: delta.DataFile) -> bool:
    """Whether a file has coordinates that `compact --smaller` would write smaller."""
    with storage.open_parquet(storage.join(root, name, file.path)) as opened:
        split = arrow_columns.parquet_options(opened.schema_arrow, is_small=True)["use_byte_stream_split"]
        metadata = opened.metadata
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        columns = [group.column(i) for group in groups for i in range(group.num_columns)]
    return any(c.path_in_schema in split and "BYTE_STREAM_SPLIT" not in c.encodings for c in columns)


def _groups(
    root: str,
    name: str,
    files: Sequence[delta.DataFile],
    live: pa.Array | None,
    target_bytes: int,
    large: Collection[str] = (),
) -> Iterator[list[delta.DataFile]]:
    """Files to rewrite together: small ones of a subject up to the target, and any that hold dead rows or are large.

    live : the ingest_ids that are, or None if every row is live. large : paths of files to be written smaller.
    """
    by_subject: dict[str | None, list[delta.DataFile]] = {}
    for file in files:
        by_subject.setdefault(file.subject, []).append(file)
    for held in by_subject.values():
        due = {f.path for f in held if f.path in large or (live is not None and _has_dead(root, name, f, live))}
        chosen = [f for f in held if f.path in due or (f.size < target_bytes // 2 and f.n_rows < TARGET_ROWS // 2)]
        group: list[delta.DataFile] = []
        for file in sorted(chosen, key=lambda f: (f.modified_ms, f.path)):
            n_bytes, n_rows = sum(f.size for f in group), sum(f.n_rows for f in group)
            if group and (n_bytes + file.size > target_bytes or n_rows + file.n_rows > TARGET_ROWS):
                yield from _worth(group, due)
                group = []
            group.append(file)
        yield from _worth(group, due)


def _worth(group: list[delta.DataFile], due: set[str]) -> Iterator[list[delta.DataFile]]:
    if len(group) > 1 or any(f.path in due for f in group):
        yield group


def _has_dead(root: str, name: str, file: delta.DataFile, live: pa.Array) -> bool:
    import pyarrow.compute as pc

    column = _belongs_to(name)
    ids = _read(root, name, file, [column])[column]
    return not pc.all(pc.is_in(pc.unique(ids), value_set=live)).as_py()


def _read(root: str, name: str, file: delta.DataFile, columns: list[str] | None = None) -> pa.Table:
    path = storage.join(root, name, file.path)
    try:
        with storage.open_parquet(path) as opened:
            return opened.read(columns=columns)
    except (FileNotFoundError, pa.ArrowInvalid) as error:
        raise DamagedLakeError(f"{path}: cannot be read ({error})") from error


def _rewrite(root: str, name: str, group: list[delta.DataFile], live: pa.Array, is_small: bool) -> _Rewrite:
    import pyarrow.compute as pc

    parts = []
    for file in group:
        part = _read(root, name, file)
        part = part.filter(pc.is_in(part[_belongs_to(name)], value_set=live))
        if part.num_rows:
            parts.append(part)
    kept = sum(p.num_rows for p in parts)
    new = []
    if parts:
        rows = pa.concat_tables(parts, promote_options="default")
        subject = group[0].subject
        if subject is not None:
            rows = rows.append_column("subject", pa.repeat(pa.scalar(subject), rows.num_rows))
        elif schema.table(name).derived:
            rows = rows.sort_by([("subject", "ascending"), ("session", "ascending")])
        new.append(commit.write_file(root, name, subject, rows, is_small=is_small))
    return _Rewrite(name, group, new, sum(f.n_rows for f in group) - kept)


def _commit(root: str, lake: Version, rewrites: list[_Rewrite]) -> int:
    """Put the new files in place of the old, table by table, then name the new versions in every row of trials."""
    from deltalake import Schema

    if not rewrites:
        return lake.version
    with writing.writing(root, "compact"):
        versions: dict[str, int] = {}
        for name in dict.fromkeys(r.table for r in rewrites):
            of_table = [r for r in rewrites if r.table == name]

            def change_of(newest: Any, of_table: list[_Rewrite] = of_table, name: str = name) -> delta.Change:
                here = {f.path for f in delta.files_of(newest)}
                gone = [f.path for r in of_table for f in r.old if f.path not in here]
                if gone:
                    raise ConflictError(f"{root}: {name}/{gone[0]} was rewritten by another process; compact again")
                changes = any(r.n_rows_dropped for r in of_table)
                actions: list[Any] = [
                    delta.add_action(f.file, f.stats, data_change=changes) for r in of_table for f in r.new
                ]
                actions += [delta.remove_action(f, data_change=changes) for r in of_table for f in r.old]
                return delta.Change(actions, Schema.from_arrow(delta.schema_of(newest)))

            versions[name] = delta.commit(root, name, change_of)
            commit.record_files(root, [f for r in of_table for f in r.new])
        named = {n: v for n, v in versions.items() if n in lake.table_versions}  # other tables hold no live rows
        return commit.name_versions(root, named, "compact")


def _discard_unnamed(root: str, rewrites: list[_Rewrite]) -> None:
    """Remove the new files of a compaction that failed, but for those a log has by now."""
    for name in {r.table for r in rewrites}:
        named = {f.path for f in delta.files_of(delta.open_table(root, name))}
        new = [f for r in rewrites if r.table == name for f in r.new if f.file.path not in named]
        commit.discard(root, [commit.Staged(files=tuple(new))])
