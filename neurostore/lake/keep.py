"""Results written into a lake: workers stage files that nothing names, and a commit under the lake's lock names them.

Rows are written first and the index that makes them valid last; what is removed leaves the index first. A reader that
opens the index, then the tables, then sees the same index, finds every row that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from neurostore import schema, storage
from neurostore.lake import delta, heartbeat, tombstones, writing
from neurostore.lake.columns import sum_by_key
from neurostore.lake.results import INDEX, Session, table_name
from neurostore.lake.stage import Staged, StagedFile, discard, record_files, write_file
from neurostore.release import VERSION
from neurostore.sql import kept

_KEY = ("subject", "session")
_SMALL_BYTES = 16 * 2**20  # files that are larger are not merged: a query of one person opens few of them


@dataclass(frozen=True, slots=True)
class StagedResults:
    """The results of some sessions, in files that nothing names yet.

    rows : rows of ``computations``. files : what is in them. schemas : the columns of every table of results.
    """

    rows: tuple[dict[str, Any], ...]
    files: tuple[StagedFile, ...]
    schemas: Mapping[str, pa.Schema]


def stage(
    root: str,
    computations: Mapping[Session, str],
    tables: Mapping[str, pa.Table],
    inputs: Mapping[Session, tuple[str, int]],
) -> StagedResults:
    """Write what was computed, one file per table. Nothing of it is left after an error.

    computations, tables : as of :func:`neurostore.lake.compute.compute`. inputs : what the sessions were then.
    """
    files: list[StagedFile] = []
    counts: dict[str, dict[str, int]] = {c: {} for c in computations.values()}
    with storage.named_errors(root, "staging results"):
        try:
            for view, rows in tables.items():
                name = table_name(view)
                for counted in rows["computation"].value_counts().to_pylist():
                    counts[counted["values"]][name] = counted["counts"]
                if rows.num_rows:
                    files.append(write_file(root, name, None, rows))
        except BaseException:
            discard(root, [Staged(files=tuple(files))])
            raise
    now = datetime.now(UTC)
    index = tuple(
        {
            "subject": session[0],
            "session": session[1],
            "computation": computation,
            "definitions": kept.definitions(),
            "inputs": inputs[session][0],
            "n_trials": inputs[session][1],
            "table_rows": sorted(counts[computation].items()),
            "computed_at": now,
            "software_version": VERSION,
        }
        for session, computation in computations.items()
    )
    return StagedResults(index, tuple(files), {table_name(view): rows.schema for view, rows in tables.items()})


def commit(root: str, staged: Sequence[StagedResults]) -> int:
    """Make staged results valid. Returns how many sessions; 0 if a person among them was erased meanwhile.

    Results of other definitions leave the lake then, since a lake keeps those of one set of definitions.
    """
    files = [file for one in staged for file in one.files]
    rows = [row for one in staged for row in one.rows]
    if not rows:
        return 0
    with writing.writing(root, "storing results"), storage.named_errors(root, "storing results"):
        stones = tombstones.read(root)
        paths = [storage.join(root, f.table, f.file.path) for f in files]
        is_gone = any(storage.size_of(p) != f.file.size for p, f in zip(paths, files, strict=True))
        if is_gone or any(stones.of_subject(row["subject"]) is not None for row in rows):
            discard(root, [Staged(files=tuple(files))])
            return 0
        if not delta.exists(root, INDEX):
            delta.create(root, INDEX, schema.table(INDEX).arrow(), ())
        _forget_others(root, staged[0].schemas)
        for name, columns in staged[0].schemas.items():
            _add(root, name, columns, [f for f in files if f.table == name])
        delta.replace_rows(root, INDEX, _KEY, schema.rows_table(INDEX, rows))
    return len(rows)


def _forget_others(root: str, schemas: Mapping[str, pa.Schema]) -> None:
    """Empty the index and the tables where they hold results of other definitions, or tables have other columns."""
    index = delta.open_table(root, INDEX)
    definitions = set(delta.read(root, INDEX, index, ["definitions"])["definitions"].to_pylist())
    have = {name: _columns_of(root, name) for name in schemas}
    is_same = all(columns is None or columns == _in_delta(schemas[name]) for name, columns in have.items())
    if is_same and definitions <= {kept.definitions()}:
        return
    keep_rows(root, lambda row: False)
    for name, columns in have.items():
        if columns is not None:
            _overwrite(root, name, schemas[name])


def _columns_of(root: str, name: str) -> dict[str, str] | None:
    return _in_delta(delta.schema_of(delta.open_table(root, name))) if delta.exists(root, name) else None


def _in_delta(columns: pa.Schema) -> dict[str, str]:
    """Columns and their types; a table's log does not distinguish large strings from strings."""
    return {f.name: str(f.type).replace("large_", "").replace("_view", "") for f in columns}


def _overwrite(root: str, name: str, columns: pa.Schema) -> None:
    change = delta.Change([], delta.Schema.from_arrow(columns), overwrite=True)
    delta.commit(root, name, lambda newest: change)


def _add(root: str, name: str, columns: pa.Schema, files: Sequence[StagedFile]) -> None:
    if not delta.exists(root, name):
        delta.create(root, name, columns, ())
    if files:
        actions: list[Any] = [delta.add_action(f.file, f.stats) for f in files]
        delta.commit(root, name, lambda newest: delta.Change(actions, delta.Schema.from_arrow(delta.schema_of(newest))))
        record_files(root, files)


def merge_small(root: str) -> None:
    """Merge small files of each table of results, which a query of one person would open one by one, and drop dead rows in them.

    Their commit names the new file in place of the old ones, which stay until `vacuum`. Files are taken together while the
    next is not much larger than those before it, so that a small refresh does not rewrite what many stored. A compaction
    that runs at the moment merges what it found, so nothing is done then.
    """
    with writing.writing(root, "merging results"), storage.named_errors(root, "merging results"):
        if heartbeat.running_since(root, "compact") < float("inf"):
            return
        index = delta.open_table(root, INDEX)
        live = delta.read(root, INDEX, index, ["computation"])["computation"]
        for name in map(table_name, kept.VIEWS):
            table = delta.open_table(root, name)
            groups = list(_small_files(delta.files_of(table)))
            if groups:
                _merge(root, name, table, groups, live)


def _small_files(files: Iterable[delta.DataFile]) -> Iterator[list[delta.DataFile]]:
    """Files to merge with each other, largest last."""
    group: list[delta.DataFile] = []
    for file in sorted((f for f in files if f.size < _SMALL_BYTES), key=lambda f: (f.size, f.path)):
        before = sum(f.size for f in group)
        if group and (file.size > 2 * before or before + file.size > 2 * _SMALL_BYTES):
            if len(group) > 1:
                yield group
            group = []
        group.append(file)
    if len(group) > 1:
        yield group


def _merge(root: str, name: str, table: delta.DeltaTable, groups: list[list[delta.DataFile]], live: Any) -> None:
    import pyarrow.compute as pc

    columns = delta.schema_of(table)
    new: list[StagedFile] = []
    try:
        for group in groups:
            rows = delta.read_files(root, name, columns, group)
            rows = rows.filter(pc.is_in(rows["computation"], value_set=live.combine_chunks()))
            if rows.num_rows:
                new.append(write_file(root, name, None, rows.sort_by([(key, "ascending") for key in _KEY])))
        is_same = sum(f.file.n_rows for f in new) == sum(f.n_rows for group in groups for f in group)
        actions: list[Any] = [delta.add_action(f.file, f.stats, data_change=not is_same) for f in new]
        actions += [delta.remove_action(f, data_change=not is_same) for group in groups for f in group]
        delta.commit(root, name, lambda newest: delta.Change(actions, delta.Schema.from_arrow(columns)), at=table)
    except BaseException:
        named = {f.path for f in delta.files_of(delta.open_table(root, name))}
        discard(root, [Staged(files=tuple(f for f in new if f.file.path not in named))])
        raise
    record_files(root, new)


def keep_rows(root: str, stays: Callable[[Mapping[str, Any]], bool]) -> list[dict[str, Any]]:
    """Take every other row out of the index, under the lake's lock. Returns the rows that stay."""
    if not delta.exists(root, INDEX):
        return []
    index = delta.open_table(root, INDEX)
    rows: list[dict[str, Any]] = delta.read(root, INDEX, index).to_pylist()
    kept_rows = [row for row in rows if stays(row)]
    gone = {(row["subject"], row["session"]) for row in rows} - {(r["subject"], r["session"]) for r in kept_rows}
    if gone:
        delta.replace_rows(root, INDEX, _KEY, delta.schema_of(index).empty_table(), drop=gone)
    return kept_rows


def named_rows(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many rows of each table of results the rows of an index name."""
    listed = pa.array([row["table_rows"] for row in rows], pa.map_(pa.string(), pa.int64()))
    return sum_by_key(pa.chunked_array([listed]), "sum")
