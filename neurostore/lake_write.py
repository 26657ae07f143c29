"""Writing a lake: workers stage Parquet files that nobody sees, the parent commits them.

>>> staged = stage(lake_path, batch)                 # in worker processes
>>> version = commit(lake_path, [staged])            # in the parent; readers see all of it or nothing
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

import neurostore
from neurostore import delta, hashes, schema, storage, tombstones
from neurostore.errors import InputError, LakeError
from neurostore.storage import running

__all__ = ["Key", "Staged", "TrialTables", "commit", "discard", "known_trials", "running", "stage"]

Key = tuple[str, str, str]  # subject, session, trial
_KEYS = ("subject", "session", "trial", "ingest_id")
_KEYED = {"trials": ("subject", "session", "trial"), "subjects": ("subject",), "skeletons": ("skeleton", "joint")}


@dataclass(frozen=True, slots=True)
class TrialTables:
    """One trial, ready to be written.

    Attributes
    ----------
    key : subject, session ('' where there is none), trial.
    ingest_id : unique per trial and ingest, such as ``uuid.uuid4().hex``.
    row : the trial's row of ``trials`` without its keys, ``table_rows``, ``table_versions``, ``schema_version``,
        ``software_version`` (filled in here); further columns are metadata.
    tables : rows by table name (``poses/<skeleton>``, ``landmarks``, ``source_events`` …), the columns subject,
        session, trial and ingest_id left out or equal to ``key`` and ``ingest_id``. ``skeletons`` may be among them.
    """

    key: Key
    ingest_id: str
    row: dict[str, Any]
    tables: dict[str, pa.Table]


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A Parquet file that lies in the lake and is in no log yet."""

    table: str
    file: delta.DataFile
    stats: dict[str, Any]
    columns: pa.Schema


@dataclass(frozen=True, slots=True)
class Staged:
    """What a worker hands to the parent: small and picklable.

    rows : the trials' rows.  files : their data.  skeletons : rows of ``skeletons``, or None.
    refused : trials that break the declared tables, with everything wrong with each; nothing of them was written.
    """

    rows: tuple[dict[str, Any], ...] = ()
    files: tuple[StagedFile, ...] = ()
    skeletons: pa.Table | None = None
    refused: Mapping[Key, InputError] = field(default_factory=dict)


def stage(lake_path: object, batch: Sequence[TrialTables]) -> Staged:
    """Write a batch of trials as Parquet, one file per table and subject, in no log and seen by nobody.

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
    parts: dict[tuple[str, str | None], pa.Table] = {}
    for name, table in checked.items():
        if not schema.table(name).partition:
            parts[name, None] = table
            continue
        at = 0
        for subject, group in itertools.groupby(trials, key=lambda t: t.key[0]):
            n = sum(t.tables[name].num_rows for t in group if name in t.tables)
            if n:
                parts[name, subject] = table.slice(at, n)
            at += n
    files: list[StagedFile] = []
    with storage.named_errors(root, "staging"):
        try:
            for (name, subject), table in parts.items():
                files.append(write_file(root, name, subject, table))
        except BaseException:
            discard(root, [Staged(files=tuple(files))])
            raise
    return Staged(tuple(rows), tuple(files), described, {**refused, **erased})


def _erased(root: str, batch: Iterable[TrialTables]) -> dict[Key, InputError]:
    """Trials that may not come in, since their subject or recording was erased from this lake."""
    stones = tombstones.read(root)
    if not stones.stones:
        return {}
    said = {t.key: stones.refusal(t.key[0], str(t.row.get("source_sha256"))) for t in batch}
    return {key: InputError("/".join(k for k in key if k), why) for key, why in said.items() if why is not None}


def discard(lake_path: object, staged: Iterable[Staged]) -> None:
    """Remove staged files that will not be committed."""
    root = storage.resolve(lake_path)
    storage.delete([storage.join(root, f.table, f.file.path) for s in staged for f in s.files])


def write_file(root: str, name: str, subject: str | None, rows: pa.Table) -> StagedFile:
    """Write one data file of a table; rows hold every key, the partition's too."""
    body = rows.drop_columns(["subject"]) if subject is not None else rows
    path = delta.new_path(body.schema, subject)
    size, sha256 = storage.write_parquet(storage.join(root, name, path), body, **delta.parquet_options(body.schema))
    file = delta.DataFile(path, subject, rows.num_rows, size, int(time.time() * 1000), sha256)
    return StagedFile(name, file, _stats(body), rows.schema)


def record_files(root: str, files: Iterable[StagedFile]) -> None:
    """Remember the hashes of files that a log names by now."""
    hashes.record(root, {f"{f.table}/{f.file.path}": hashes.Entry(f.file.sha256, f.file.size) for f in files})


def _stats(rows: pa.Table) -> dict[str, Any]:
    """Least and greatest session and trial, for readers that prune by Delta statistics."""
    import pyarrow.compute as pc

    ends = {c: pc.min_max(rows[c]).as_py() for c in ("session", "trial") if rows.num_rows}
    return {
        "minValues": {c: e["min"] for c, e in ends.items()},
        "maxValues": {c: e["max"] for c, e in ends.items()},
        "nullCount": dict.fromkeys(ends, 0),
    }


def _checked(
    batch: Sequence[TrialTables],
) -> tuple[list[TrialTables], dict[str, pa.Table], dict[Key, InputError]]:
    """The trials that can be written, their tables one behind the other as declared, and the trials that are refused.

    A batch is checked as a whole, which is several times faster than trial by trial; only a batch with something wrong
    is looked at again to name the trials.
    """
    found, problems = _conform(batch)
    if not problems:
        return list(batch), found, {}
    wrong = {trial.key: _conform([trial])[1] for trial in batch}
    good = [trial for trial in batch if not wrong[trial.key]]
    refused = {key: InputError("/".join(k for k in key if k), *said) for key, said in wrong.items() if said}
    if len(good) == len(batch):
        raise LakeError(f"trials that cannot be in one batch: {'; '.join(problems)}")
    return (*_checked(good)[:2], refused) if good else ([], {}, refused)


def _conform(batch: Sequence[TrialTables]) -> tuple[dict[str, pa.Table], list[str]]:
    """Every table of the trials with their keys, as declared; and everything wrong with them."""
    problems: list[str] = []
    parts: dict[str, list[pa.Table]] = {}
    try:
        for trial in batch:
            for what, value in zip(("subject", "session", "trial"), trial.key, strict=True):
                schema.check_key(what, value, empty=what == "session")
        schema.rows_table("trials", [_row(trial) for trial in batch])
    except LakeError as error:
        problems.append(str(error))
    for trial in batch:
        for name, table in trial.tables.items():
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
            if name.startswith("poses/"):
                schema.check_key("skeleton", name.removeprefix("poses/"))
            if name in ("trials", "subjects"):
                raise LakeError(f"{name}: not a table of one trial's rows")
            conformed[name], wrong = schema.conform(name, _one_below_the_other(name, tables))
            problems += wrong
        except LakeError as error:
            problems.append(str(error))
    return {n: t for n, t in conformed.items() if t.num_rows}, problems


def _one_below_the_other(name: str, tables: list[pa.Table]) -> pa.Table:
    try:
        return tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="default")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise LakeError(f"{name}: columns of different types: {error}") from None


def _with_keys(table: pa.Table, values: tuple[str, ...]) -> pa.Table:
    for name, value in zip(_KEYS, values, strict=True):
        if name not in table.column_names:
            table = table.append_column(name, pa.repeat(pa.scalar(value, pa.string()), table.num_rows))
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
        "software_version": neurostore.__version__,
    }


def commit(
    lake_path: object,
    staged: Iterable[Staged] = (),
    *,
    subjects: Sequence[Mapping[str, Any]] | None = None,
    removed: Iterable[Key] = (),
    message: str = "",
) -> int:
    """Make staged trials part of the lake, in one step for every reader. Returns the lake's version.

    Trials already there are replaced. Safe against other processes that commit the same or other trials at once.
    After an error nothing of ``staged`` is visible and it is spent: stage it again.

    Parameters
    ----------
    subjects : rows of ``subjects`` to add or replace, each with ``subject``.
    removed : trials to take out.
    message : kept with the version, shown by ``history``.

    Raises
    ------
    ConflictError : other writers won every attempt.  LakeError : the store refused, or a trial is staged twice.
    """
    root = storage.resolve(lake_path)
    staged = list(staged)
    rows = [dict(r) for s in staged for r in s.rows]
    keys = [(r["subject"], r["session"], r["trial"]) for r in rows]
    twice = sorted({k for k in keys if keys.count(k) > 1}) if len(set(keys)) < len(keys) else []
    if twice:
        raise LakeError(f"{root}: staged more than once in one commit: {', '.join('/'.join(k) for k in twice)}")
    removed = set(removed)
    if not (rows or subjects or removed):
        return delta.open_table(root, "trials").version()
    with hashes.writing(root, "commit"), storage.named_errors(root, "commit"):
        versions = _add_files(root, [f for s in staged for f in s.files])
        described = [s.skeletons for s in staged if s.skeletons is not None]
        if described:
            versions["skeletons"] = _add_skeletons(root, pa.concat_tables(described))
        if subjects:
            people = schema.rows_table("subjects", [dict(s) for s in subjects])
            versions["subjects"] = delta.replace_rows(root, "subjects", _KEYED["subjects"], people)
        at = delta.open_table(root, "trials")
        there = set(_keys_of(root, at))
        note = {
            "trials_in": len(set(keys) - there),
            "trials_replaced": len(set(keys) & there),
            "trials_removed": len(removed & there),
        }

        def rows_of(newest: Any) -> pa.Table:
            return _rows_naming(root, newest, rows, versions, removed)

        said = _note("commit" if rows or removed else "subjects", message, note)
        return delta.replace_rows(root, "trials", _KEYED["trials"], rows_of, drop=removed, note=said, at=at)


def _note(operation: str, message: str, counts: Mapping[str, int]) -> dict[str, Any]:
    """What a version of ``trials`` keeps about itself, for history."""
    import json

    said = {"operation": operation, "message": message, "software": neurostore.__version__, **counts}
    return {"neurostore": json.dumps(said)}


def _add_files(root: str, files: Sequence[StagedFile]) -> dict[str, int]:
    """Add files to their tables' logs; the version of each table that has them."""
    from deltalake import Schema

    waiting: dict[str, list[StagedFile]] = {}
    for file in files:
        waiting.setdefault(file.table, []).append(file)
    versions: dict[str, int] = {}
    gone = [f for f in files if storage.size_of(storage.join(root, f.table, f.file.path)) != f.file.size]
    if gone:
        raise LakeError(
            f"{root}: {len(gone)} staged files are gone or changed, the first {gone[0].table}/{gone[0].file.path}; "
            "they were swept as left behind, or discarded: stage the trials again"
        )
    try:
        for name in list(waiting):
            declared = schema.table(name)
            if name.startswith("poses/") and not delta.exists(root, name):
                delta.create(root, name, declared.arrow(), declared.partition)
            at = _add_columns(root, name, waiting)
            actions = [delta.add_action(f.file, f.stats) for f in waiting[name]]

            def change_of(newest: Any, actions: list[Any] = actions) -> delta.Change:
                return delta.Change(actions, Schema.from_arrow(delta.schema_of(newest)))

            versions[name] = delta.commit(root, name, change_of, at=at)
            record_files(root, waiting.pop(name))
    except BaseException:
        storage.delete([storage.join(root, f.table, f.file.path) for fs in waiting.values() for f in fs])
        raise
    return versions


def _add_columns(root: str, name: str, waiting: dict[str, list[StagedFile]]) -> Any:
    """Give the table the columns that staged files bring; names differing only in case take the table's spelling.

    Returns the table as it is then.
    """
    at = delta.open_table(root, name)
    table = delta.schema_of(at)
    spelled = {n.lower(): n for n in table.names}
    new: dict[str, pa.Field] = {}
    for i, staged in enumerate(waiting[name]):
        renames = {}
        for f in staged.columns:
            have = spelled.setdefault(f.name.lower(), f.name)
            if have != f.name:
                renames[f.name] = have
            known = table.field(have) if have in table.names else new.setdefault(have, f)
            if known.type != f.type:
                raise LakeError(f"{root}: {name}.{have} is {known.type} in the lake and {f.type} in the new files")
        if renames:
            waiting[name][i] = _respelled(root, staged, renames)
    return delta.add_columns(root, name, new.values()) if new else at


def _respelled(root: str, staged: StagedFile, renames: Mapping[str, str]) -> StagedFile:
    old = storage.join(root, staged.table, staged.file.path)
    with storage.open_parquet(old) as file:
        rows = file.read()
    rows = rows.rename_columns([renames.get(n, n) for n in rows.column_names])
    if staged.file.subject is not None:
        rows = rows.append_column("subject", pa.repeat(pa.scalar(staged.file.subject), rows.num_rows))
    new = write_file(root, staged.table, staged.file.subject, rows)
    storage.delete([old])
    return new


def _add_skeletons(root: str, rows: pa.Table) -> int:
    """Add the joints that the lake has not described yet; a further joint comes after those it has."""
    at = delta.open_table(root, "skeletons")
    have = delta.read(root, "skeletons", at, ["skeleton", "joint", "joint_index"]).to_pylist()
    known = {(r["skeleton"], r["joint"].lower()) for r in have}
    following: dict[str, int] = {}
    for r in have:
        following[r["skeleton"]] = max(following.get(r["skeleton"], 0), r["joint_index"] + 1)
    new = []
    for row in rows.to_pylist():
        name = (row["skeleton"], row["joint"].lower())
        if name not in known:
            known.add(name)
            index = max(row["joint_index"], following.get(row["skeleton"], 0))
            following[row["skeleton"]] = index + 1
            new.append({**row, "joint_index": index})
    if not new:
        return at.version()
    return delta.replace_rows(root, "skeletons", _KEYED["skeletons"], schema.rows_table("skeletons", new))


def _rows_naming(
    root: str, newest: Any, rows: list[dict[str, Any]], versions: Mapping[str, int], removed: set[Key]
) -> pa.Table:
    """The rows to put into trials, each naming the newest version of every other table that the lake then shows.

    Versions named only grow: what a replaced row named, its successor names. Where no trial comes in, a row that
    stays names them; a lake without trials shows nothing.
    """
    current = delta.read(root, "trials", newest)
    named = delta.sum_by_key(current["table_versions"], "max")
    for table, version in versions.items():
        named[table] = max(version, named.get(table, 0))
    said = sorted(named.items())
    if rows:
        return schema.rows_table("trials", [{**row, "table_versions": said} for row in rows])
    keys = zip(*(current[c].to_pylist() for c in _KEYED["trials"]), strict=True)
    stays = [i for i, key in enumerate(keys) if key not in removed][:1]
    at = current.schema.get_field_index("table_versions")
    column = current.schema.field(at)
    return current.take(pa.array(stays, pa.int64())).set_column(at, column, pa.array([said] * len(stays), column.type))


def name_versions(root: str, versions: Mapping[str, int], operation: str) -> int:
    """Name versions of other tables in every row of trials, as one file; under the lake's lock. Returns the version."""

    def rows_of(newest: Any) -> pa.Table:
        rows = delta.read(root, "trials", newest)
        named = {**delta.sum_by_key(rows["table_versions"], "max")}
        named |= {t: max(v, named.get(t, 0)) for t, v in versions.items()}
        at = rows.schema.get_field_index("table_versions")
        column = rows.schema.field(at)
        return rows.set_column(at, column, pa.array([sorted(named.items())] * rows.num_rows, column.type))

    return delta.replace_rows(root, "trials", _KEYED["trials"], rows_of, note=_note(operation, "", {}))


def _keys_of(root: str, trials: Any) -> list[Key]:
    rows = delta.read(root, "trials", trials, list(_KEYED["trials"]))
    return list(zip(*(rows[c].to_pylist() for c in rows.column_names), strict=True))


def known_trials(lake_path: object) -> dict[Key, tuple[str, str]]:
    """(source_sha256, settings_sha256) of every trial now in the lake: what an ingest may skip."""
    root = storage.resolve(lake_path)
    columns = [*_KEYED["trials"], "source_sha256", "settings_sha256"]
    rows = delta.read(root, "trials", delta.open_table(root, "trials"), columns)
    return {
        (subject, session, trial): (source, settings)
        for subject, session, trial, source, settings in zip(*(rows[c].to_pylist() for c in columns), strict=True)
    }
