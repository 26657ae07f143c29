"""What a version of a lake contains, as one hash that does not depend on when or in which files it was written.

A row counts by its values alone: the order of commits, the layout of files, the number of workers and the ids of ingests
change nothing. Columns that are declared with ``content = false`` in schemas/tables/*.toml, such as the time of an
ingest, and the column ``ingest_id`` are left out. A missing value is the same as a missing column.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neurostore import schema, storage
from neurostore.errors import DamagedLakeError, VanishedVersionError
from neurostore.lake import delta
from neurostore.lake.definitions import definitions_sha256, software

if TYPE_CHECKING:
    from neurostore.lake.tables import TableState
    from neurostore.lake.version import Version

REVIEWS = "reviews"
_TRIAL = ("subject", "session", "trial")


@dataclass(frozen=True, slots=True)
class Content:
    """Hashes (SHA-256) of what a version of a lake contains.

    Attributes
    ----------
    rows, reviews : by subject, of the rows of all tables and of the decisions of reviewers; '' is for rows of no person.
    definitions : of the SQL of the views, their thresholds and the published norm.
    software : versions of neurostore, Python and the packages that compute.
    n_trials : trials.
    """

    rows: dict[str, str]
    reviews: dict[str, str]
    definitions: str
    software: dict[str, str] = field(default_factory=dict)
    n_trials: int = 0

    @property
    def rows_sha256(self) -> str:
        """One hash of the rows of everybody."""
        return _of_lines(self.rows.values())

    @property
    def reviews_sha256(self) -> str:
        """One hash of the decisions on everybody's trials."""
        return _of_lines(self.reviews.values())

    @property
    def sha256(self) -> str:
        """The hash of all of it: rows, reviews, definitions and software."""
        parts = {
            "rows": self.rows_sha256,
            "reviews": self.reviews_sha256,
            "definitions": self.definitions,
            "software": self.software,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def people_of(content: Content) -> dict[str, dict[str, str]]:
    """The hashes of rows and reviews by subject."""
    names = sorted({*content.rows, *content.reviews})
    both = (("rows", content.rows), ("reviews", content.reviews))
    return {name: {what: facts[name] for what, facts in both if name in facts} for name in names}


def content_of(lake: Version) -> Content:
    """Read every row of a version and hash it.

    Raises
    ------
    VanishedVersionError : a file was vacuumed meanwhile.  DamagedLakeError : a file cannot be read.
    """
    lines: dict[str, list[str]] = {}
    reviews: dict[str, str] = {}
    for name in lake.tables():
        if not is_source(name):
            continue
        state = lake.table_state(name)
        left_out = _not_content(name)
        for (subject, session, trial), rows in _parts(lake, state):
            digests = digest(rows, left_out)
            if name == REVIEWS:
                reviews[subject] = digests
            else:
                lines.setdefault(subject, []).append(f"{name}\t{session}\t{trial}\t{digests}")
    rows_by_subject = {subject: _of_lines(digests) for subject, digests in sorted(lines.items())}
    return Content(
        rows_by_subject, dict(sorted(reviews.items())), definitions_sha256(), software(), len(lake.ingest_ids())
    )


def is_source(table: str) -> bool:
    """Whether a table contains recorded data; a table of results can be computed again and is not content."""
    return not getattr(schema.table(table), "derived", False)


def _not_content(table: str) -> set[str]:
    declared = schema.table(table)
    return {"ingest_id", *(c.name for c in declared.columns if not c.content)}


def _of_lines(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


# Rows of one trial, wherever they are stored


def _parts(lake: Version, state: TableState) -> Iterator[tuple[tuple[str, str, str], pa.Table]]:
    """The live rows of a table by subject, session and trial, each in the order of the table's key.

    Rows of a subject alone have the keys (subject, '', ''), those of nobody ('', '', '').
    """
    declared = schema.table(state.name)
    if declared.partition:
        yield from _partitioned(state, pa.array(lake.ingest_ids(), pa.string()))
        return
    rows = delta.read_files(state.root, state.name, state.schema, state.files)
    left_out = _not_content(state.name)
    if declared.is_keyed and state.is_dirty:
        rows = rows.filter(pc.is_in(rows["ingest_id"], value_set=pa.array(lake.ingest_ids(), pa.string())))
    if state.name == REVIEWS:  # the later decision on a part counts: their order is content, their times are not
        rows = rows.sort_by([("reviewed_at", "ascending"), ("review_id", "ascending")])
        rows = rows.append_column("place", pa.array(_places(rows)))
    if state.name == "skeletons":  # skeletons of removed trials do not count
        used = {s for r in lake.trials_table().select(["skeletons"]).to_pylist() for s in (r["skeletons"] or ())}
        rows = rows.filter(pc.is_in(rows["skeleton"], value_set=pa.array(sorted(used), pa.string())))
    keys = [k for k in _TRIAL if k in rows.column_names]
    for key, part in _split(rows, keys[:1] if state.name == REVIEWS else keys):
        padded = (*key, *("" for _ in range(3 - len(key))))
        yield (padded[0], padded[1], padded[2]), _in_order(part, left_out=left_out)


def _places(rows: pa.Table) -> list[int]:
    """The place of each decision among those on its trial."""
    counts: dict[tuple[str, str, str], int] = {}
    places = []
    for row in rows.select(list(_TRIAL)).to_pylist():
        key = (row["subject"], row["session"], row["trial"])
        counts[key] = counts.get(key, 0) + 1
        places.append(counts[key])
    return places


def _partitioned(state: TableState, live: pa.Array) -> Iterator[tuple[tuple[str, str, str], pa.Table]]:
    """As `_parts`, one file in memory at a time, but for trials whose rows are in several files."""
    by_subject: dict[str | None, list[delta.DataFile]] = {}
    for file in state.files:
        by_subject.setdefault(file.subject, []).append(file)
    key = schema.table(state.name).key
    for subject, files in sorted(by_subject.items(), key=lambda item: str(item[0])):
        spread = _in_several(state, files)
        waiting: dict[str, list[pa.Table]] = {}
        for file in files:
            rows = _read(state, file)
            if state.is_dirty:
                rows = rows.filter(pc.is_in(rows["ingest_id"], value_set=live))
            for (ingest_id,), part in _split(rows, ["ingest_id"]):
                if ingest_id in spread:
                    waiting.setdefault(ingest_id, []).append(part)
                else:
                    yield _named(subject, part), _in_order(part, key)
        for parts in waiting.values():
            whole = pa.concat_tables(parts, promote_options="default")
            yield _named(subject, whole), _in_order(whole, key)


def _named(subject: str | None, part: pa.Table) -> tuple[str, str, str]:
    first = part.slice(0, 1).select(["session", "trial"]).to_pylist()[0]
    return str(subject), first["session"], first["trial"]


def _in_several(state: TableState, files: list[delta.DataFile]) -> set[str]:
    """Ingests that have rows in more than one of the files."""
    if len(files) < 2:
        return set()
    seen: set[str] = set()
    twice: set[str] = set()
    for file in files:
        here = set(pc.unique(_read(state, file, ["ingest_id"])["ingest_id"]).to_pylist())
        twice |= seen & here
        seen |= here
    return twice


def _read(state: TableState, file: delta.DataFile, columns: list[str] | None = None) -> pa.Table:
    path = state.path(file)
    try:
        with storage.open_parquet(path) as opened:
            return opened.read(columns=columns)
    except FileNotFoundError:
        raise VanishedVersionError(f"{path}: the file was vacuumed; open a newer version of the lake") from None
    except (pa.ArrowException, OSError) as error:
        raise DamagedLakeError(f"{path}: cannot be read ({error})") from error


def _split(rows: pa.Table, keys: list[str]) -> Iterator[tuple[tuple[str, ...], pa.Table]]:
    """The rows by the values of some columns; where those of one value are together they are not copied."""
    if not keys:
        yield (), rows
        return
    if not rows.num_rows:
        return
    codes = np.zeros(rows.num_rows, np.int64)
    for key in keys:
        column = rows[key].combine_chunks()
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        codes = codes * (len(encoded.dictionary) + 1) + encoded.indices.to_numpy(zero_copy_only=False)
    bounds = np.flatnonzero(np.diff(codes)) + 1
    starts, ends = np.r_[0, bounds], np.r_[bounds, len(codes)]
    runs: dict[int, list[tuple[int, int]]] = {}
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        runs.setdefault(int(codes[start]), []).append((start, end))
    for pieces in runs.values():
        parts = [rows.slice(start, end - start) for start, end in pieces]
        part = parts[0] if len(parts) == 1 else pa.concat_tables(parts)
        first = part.slice(0, 1).select(keys).to_pylist()[0]
        yield tuple("" if first[k] is None else str(first[k]) for k in keys), part


def _in_order(rows: pa.Table, key: Iterable[str] = (), left_out: Iterable[str] = ()) -> pa.Table:
    """Rows by their key, or where that is not given by every plain column that is content."""
    plain = [f.name for f in rows.schema if not pa.types.is_nested(f.type)]
    chosen = [k for k in key if k in plain] or sorted(set(plain) - set(left_out))
    return rows.sort_by([(name, "ascending") for name in chosen]) if rows.num_rows > 1 else rows


# Hash of rows


def digest(rows: pa.Table, left_out: Iterable[str] = ()) -> str:
    """SHA-256 (hex) of rows in their order, column by column in the order of names; columns without a value count nothing.

    Numbers are hashed as little-endian bytes, every NaN as one; text as UTF-8 with its lengths in bytes.
    """
    hashed = hashlib.sha256(rows.num_rows.to_bytes(8, "little"))
    for name in sorted(set(rows.column_names) - set(left_out)):
        column = rows[name].combine_chunks()
        _add(hashed, name, column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column)
    return hashed.hexdigest()


def _add(hashed: Any, name: str, column: pa.Array) -> None:
    kind = column.type
    if column.null_count == len(column):
        return
    if pa.types.is_dictionary(kind):
        _add(hashed, name, column.dictionary_decode())
    elif pa.types.is_struct(kind):
        for part, child in zip(kind, column.flatten(), strict=True):
            _add(hashed, f"{name}.{part.name}", child)
    elif pa.types.is_nested(kind):
        _add_list(hashed, name, column)
    else:
        hashed.update(f"{name}\0{_spelled(kind)}\0".encode())
        if column.null_count:
            hashed.update(b"nulls" + np.packbits(column.is_valid().to_numpy(zero_copy_only=False)).tobytes())
        _add_values(hashed, column)


def _spelled(kind: pa.DataType) -> str:
    return "string" if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) else str(kind)


def _add_list(hashed: Any, name: str, column: pa.Array) -> None:
    """Lists as their lengths (-1 for NULL) and all values; maps, which are few, as JSON with sorted keys."""
    if pa.types.is_map(column.type):
        texts = [None if v is None else json.dumps(dict(v), sort_keys=True) for v in column.to_pylist()]
        _add(hashed, name, pa.array(texts, pa.string()))
        return
    lengths = pc.list_value_length(column).fill_null(-1).cast(pa.int64())
    _add(hashed, f"{name}#", lengths)
    _add(hashed, f"{name}[]", column.flatten())


def _add_values(hashed: Any, column: pa.Array) -> None:
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        texts = [(text or "").encode() for text in column.to_pylist()]
        hashed.update(np.array([len(t) for t in texts], "<i8").tobytes())
        hashed.update(b"".join(texts))
        return
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        _add_values(hashed, column.cast(pa.string()))
        return
    zero = pa.scalar(0).cast(column.type)
    values = column.fill_null(zero).to_numpy(zero_copy_only=False)
    if values.dtype.kind == "f" and (missing := np.isnan(values)).any():
        values = np.where(missing, np.array(np.nan, values.dtype), values)
    hashed.update(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes())
