"""Staging: a worker writes trials as Parquet files that no reader sees yet, checked against the declared tables."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import pyarrow as pa

from neurostore import schema, storage
from neurostore.errors import InputError, LakeError
from neurostore.lake import columns as arrow_columns
from neurostore.lake import delta, frame_encoder, hashes, tombstones
from neurostore.lake.frames import Frames, Layout, arrow_schema
from neurostore.release import VERSION
from neurostore.trial_key import Key, key_text

_KEYS = ("subject", "session", "trial", "ingest_id")
_FILES_AT_ONCE = 8
_MOST_IN_MEMORY = 4 * frame_encoder.ROWS  # up to this many rows, the encoded file is built in memory
_FRAMES = pa.table({})  # stands for the Frames of a batch among its checked tables


@dataclass(frozen=True, slots=True)
class TrialTables:
    """One trial, ready to be written.

    Attributes
    ----------
    key : subject, session ('' if there is none), trial.
    ingest_id : unique per trial and ingest, such as ``uuid.uuid4().hex``.
    row : the trial's row of ``trials`` without its keys, ``table_rows``, ``table_versions``, ``schema_version``,
        ``software_version`` (filled in here); further columns are metadata.
    tables : rows by table name (``poses/<skeleton>``, ``landmarks``, ``source_events`` …), the columns subject,
        session, trial and ingest_id left out or equal to ``key`` and ``ingest_id``. ``skeletons`` may be among them.
        Poses and landmarks may be Frames, which are written many times faster.
    """

    key: Key
    ingest_id: str
    row: dict[str, Any]
    tables: dict[str, pa.Table | Frames]


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A Parquet file that is stored in the lake and is in no log yet."""

    table: str
    file: delta.DataFile
    stats: dict[str, Any]
    columns: pa.Schema


@dataclass(frozen=True, slots=True)
class Staged:
    """What a worker returns to the parent: small and picklable.

    rows : the trials' rows.  files : their data.  skeletons : rows of ``skeletons``, or None.
    refused : trials that break the declared tables, with everything wrong with each; nothing of them was written.
    """

    rows: tuple[dict[str, Any], ...] = ()
    files: tuple[StagedFile, ...] = ()
    skeletons: pa.Table | None = None
    refused: Mapping[Key, InputError] = field(default_factory=dict)


def stage(lake_path: object, batch: Sequence[TrialTables]) -> Staged:
    """Write a batch of trials as Parquet, one file per table and subject, in no log and not visible to readers.

    A trial that breaks the declaration of a table is left out and named in ``refused``. Files of a batch that is
    never committed are swept by ``compact``.

    Raises
    ------
    LakeError : the disk is full, or the lake cannot be written; what was written is removed.
    """
    root = storage.resolve(lake_path)
    erased = _erased(root, batch)
    trials, checked, refused = _checked(sorted((t for t in batch if t.key not in erased), key=lambda t: t.key))
    described = checked.pop("skeletons", None)
    rows = [_row(trial) for trial in trials]
    parts: dict[tuple[str, str | None], pa.Table | list[TrialTables]] = {}
    for name, table in checked.items():
        if not schema.table(name).partition:
            parts[name, None] = table
            continue
        at = 0
        for subject, group in itertools.groupby(trials, key=lambda t: t.key[0]):
            having = [t for t in group if name in t.tables]
            if having and table is _FRAMES:
                parts[name, subject] = having
                continue
            n = sum(t.tables[name].num_rows for t in having)
            if n:
                parts[name, subject] = table.slice(at, n)
            at += n
    with storage.named_errors(root, "staging"):
        files = _write_all(root, parts)
    return Staged(tuple(rows), tuple(files), described, {**refused, **erased})


def _write_all(root: str, parts: Mapping[tuple[str, str | None], pa.Table | list[TrialTables]]) -> list[StagedFile]:
    """Write the files of a batch, at once: they wait for the disk together. After an error nothing of them is left.

    They are encoded here: threads that encode side by side take a quarter more processor time. Where they are large, as
    of a long video, they are encoded and written one after another: each has a row group in memory.
    """
    n_rows = sum(part.num_rows for part in parts.values() if isinstance(part, pa.Table))
    n_at_once = _FILES_AT_ONCE if n_rows <= _MOST_IN_MEMORY else 1
    waiting: list[Future[StagedFile]] = []
    failed: BaseException | None = None
    with ThreadPoolExecutor(n_at_once, "neurostore-write") as threads:
        try:
            for (name, subject), part in parts.items():
                made = _encoded_frames(name, subject, part) if isinstance(part, list) else _encoded(name, subject, part)
                if n_at_once > 1 and made.n_rows <= _MOST_IN_MEMORY:
                    made = replace(made, pieces=list(made.pieces))
                waiting.append(threads.submit(_store, root, made))
        except BaseException as error:
            failed = error
    failed = failed or next((f.exception() for f in waiting if f.exception() is not None), None)
    if failed is not None:
        discard(root, [Staged(files=tuple(f.result() for f in waiting if f.exception() is None))])
        raise failed
    return [f.result() for f in waiting]


def _erased(root: str, batch: Iterable[TrialTables]) -> dict[Key, InputError]:
    """Trials that may not come in, since their subject or recording was erased from this lake."""
    stones = tombstones.read(root)
    if not stones.stones:
        return {}
    refusals = {t.key: stones.refusal(t.key[0], str(t.row.get("source_sha256"))) for t in batch}
    return {key: InputError(key_text(key), why) for key, why in refusals.items() if why is not None}


def discard(lake_path: object, staged: Iterable[Staged]) -> None:
    """Remove staged files that will not be committed."""
    root = storage.resolve(lake_path)
    storage.delete([storage.join(root, f.table, f.file.path) for s in staged for f in s.files])


def write_file(root: str, name: str, subject: str | None, rows: pa.Table, *, is_small: bool = False) -> StagedFile:
    """Write one data file of a table; rows hold every key, the partition's too. is_small : see `parquet_options`."""
    return _store(root, _encoded(name, subject, rows, is_small=is_small))


@dataclass(frozen=True, slots=True)
class _Encoded:
    """A data file that is not stored yet; path below its table. pieces : its bytes, perhaps not made before they are asked for."""

    table: str
    path: str
    subject: str | None
    n_rows: int
    pieces: Iterable[Any]
    stats: dict[str, Any]
    columns: pa.Schema


def _store(root: str, made: _Encoded) -> StagedFile:
    digest = storage.write_new(storage.join(root, made.table, made.path), made.pieces)
    file = delta.DataFile(made.path, made.subject, made.n_rows, digest.size, int(time.time() * 1000), digest)
    return StagedFile(made.table, file, made.stats, made.columns)


def _encoded(name: str, subject: str | None, rows: pa.Table, *, is_small: bool = False) -> _Encoded:
    body = rows.drop_columns(["subject"]) if subject is not None else rows
    columns = arrow_columns.stored_schema(body.schema)
    pieces = storage.parquet_pieces(body, **arrow_columns.parquet_options(columns, is_small=is_small))
    all_columns = arrow_columns.stored_schema(rows.schema)
    return _Encoded(name, delta.new_path(columns, subject), subject, rows.num_rows, pieces, _stats(body), all_columns)


def _encoded_frames(name: str, subject: str | None, trials: list[TrialTables]) -> _Encoded:
    """One data file of trials whose rows are Frames of one layout."""
    rows = [((*t.key[1:], t.ingest_id), frames) for t in trials if isinstance(frames := t.tables[name], Frames)]
    columns = arrow_schema(rows[0][1].layout)
    path = delta.path_of(_mark_of(rows[0][1].layout), subject)
    n_rows = sum(frames.num_rows for _, frames in rows)
    pieces = frame_encoder.encode(rows)
    ends = {c: [key[i] for key, _ in rows] for i, c in enumerate(("session", "trial"))}
    stats = _stats_of({c: (min(both), max(both)) for c, both in ends.items()})
    return _Encoded(name, path, subject, n_rows, pieces, stats, columns.append(pa.field("subject", pa.string())))


@lru_cache(maxsize=64)
def _mark_of(layout: Layout) -> str:
    return delta.mark_of(arrow_schema(layout))


def record_files(root: str, files: Iterable[StagedFile]) -> None:
    """Remember the hashes of files that a log names by now."""
    hashes.record(root, {f"{f.table}/{f.file.path}": hashes.Entry.of(f.file.digest) for f in files if f.file.digest})


def _stats(rows: pa.Table) -> dict[str, Any]:
    """Least and greatest session and trial, for readers that prune by Delta statistics."""
    kinds = {c: _texts_in(rows[c]) for c in ("session", "trial") if rows.num_rows and c in rows.column_names}
    return _stats_of({c: (min(values), max(values)) for c, values in kinds.items()})


def _texts_in(column: pa.ChunkedArray) -> set[str]:
    """The different texts of a column without NULL; of a coded one of one text, which most are, without reading its rows."""
    if pa.types.is_dictionary(column.type) and all(len(chunk.dictionary) == 1 for chunk in column.chunks):
        return {chunk.dictionary[0].as_py() for chunk in column.chunks if len(chunk)}
    return set(column.unique().to_pylist())


def _stats_of(ends: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    return {
        "minValues": {c: low for c, (low, _) in ends.items()},
        "maxValues": {c: high for c, (_, high) in ends.items()},
        "nullCount": dict.fromkeys(ends, 0),
    }


def _checked(
    batch: Sequence[TrialTables],
) -> tuple[list[TrialTables], dict[str, pa.Table], dict[Key, InputError]]:
    """The trials that can be written, their tables one behind the other as declared, and the trials that are refused.

    A batch is checked as a whole, which is several times faster than trial by trial; only a batch with something wrong
    is looked at again to name the trials.
    """
    rows, problems = _conform(batch)
    if not problems:
        return list(batch), rows, {}
    wrong = {trial.key: _conform([trial])[1] for trial in batch}
    good = [trial for trial in batch if not wrong[trial.key]]
    refused = {key: InputError(key_text(key), *reason) for key, reason in wrong.items() if reason}
    if len(good) == len(batch):
        raise LakeError(f"trials that cannot be in one batch: {'; '.join(problems)}")
    return (*_checked(good)[:2], refused) if good else ([], {}, refused)


def _conform(batch: Sequence[TrialTables]) -> tuple[dict[str, pa.Table], list[str]]:
    """Every table of the trials with their keys, as declared; and everything wrong with them.

    A table of which all trials have Frames of one layout that keep the declaration stays theirs: ``_FRAMES`` stands for
    it.
    """
    problems: list[str] = []
    parts: dict[str, list[pa.Table]] = {}
    in_frames = _in_frames(batch)
    try:
        for trial in batch:
            for what, value in zip(("subject", "session", "trial"), trial.key, strict=True):
                schema.check_key(what, value, empty=what == "session")
        schema.rows_table("trials", [_row(trial) for trial in batch])
    except LakeError as error:
        problems.append(str(error))
    for trial in batch:
        for name, table in trial.tables.items():
            if name in in_frames:
                continue
            table = table.to_arrow() if isinstance(table, Frames) else table
            try:
                if name == "skeletons":  # most trials of a batch share one table
                    if not any(table is known for known in parts.setdefault(name, [])):
                        parts[name].append(table)
                    continue
                parts.setdefault(name, []).append(_with_keys(table, (*trial.key, trial.ingest_id)))
            except LakeError as error:
                problems.append(str(error))
    conformed: dict[str, pa.Table] = {}
    for name, tables in parts.items():
        try:
            declared = schema.table(name)
            if declared.per:
                schema.check_key(declared.per, name.partition("/")[2])
            if not declared.is_keyed and name != "skeletons":
                raise LakeError(f"{name}: not a table of one trial's rows")
            conformed[name], wrong = schema.conform(name, _one_below_the_other(name, tables))
            problems += wrong
        except LakeError as error:
            problems.append(str(error))
    return {n: t for n, t in conformed.items() if t.num_rows} | dict.fromkeys(in_frames, _FRAMES), problems


def _in_frames(batch: Sequence[TrialTables]) -> list[str]:
    """Tables that can be written from the arrays as they are."""
    columns: dict[str, list[Any]] = {}
    for trial in batch:
        for name, rows in trial.tables.items():
            columns.setdefault(name, []).append(rows)
    return [
        name
        for name, all_rows in columns.items()
        if all(isinstance(rows, Frames) and rows.is_as_declared(name) for rows in all_rows)
        and len({rows.layout for rows in all_rows}) == 1
    ]


def _one_below_the_other(name: str, tables: list[pa.Table]) -> pa.Table:
    try:
        return tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="default")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise LakeError(f"{name}: columns of different types: {error}") from None


def _with_keys(table: pa.Table, values: tuple[str, ...]) -> pa.Table:
    for name, value in zip(_KEYS, values, strict=True):
        if name not in table.column_names:
            table = table.append_column(name, arrow_columns.one_text(value, table.num_rows))
        elif set(table[name].unique().to_pylist()) - {value}:
            raise LakeError(f"{name}: rows of another {name} than {value!r} in this trial's tables")
    return table


def _row(trial: TrialTables) -> dict[str, Any]:
    return {
        "ingested_at": datetime.now(UTC),
        **trial.row,
        **dict(zip(_KEYS, (*trial.key, trial.ingest_id), strict=True)),
        "table_rows": [(n, t.num_rows) for n, t in trial.tables.items() if n != "skeletons" and t.num_rows],
        "table_versions": [],
        "schema_version": schema.SCHEMA_VERSION,
        "software_version": VERSION,
    }
