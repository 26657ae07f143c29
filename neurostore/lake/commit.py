"""Writing a lake: workers stage Parquet files that no reader sees yet (stage.py), and the parent commits them here.

>>> staged = stage(lake_path, batch)                 # in worker processes
>>> version = commit(lake_path, [staged])            # in the parent; readers see all of it or nothing
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from neurostore import schema, storage
from neurostore.errors import InputError, LakeError
from neurostore.lake import columns as arrow_columns
from neurostore.lake import delta, kept_out, writing
from neurostore.lake.heartbeat import running
from neurostore.lake.stage import Staged, StagedFile, TrialTables, discard, record_files, stage, write_file
from neurostore.release import VERSION
from neurostore.trial_key import Key, key_text

__all__ = ["Key", "Staged", "TrialTables", "commit", "discard", "renew_trials", "running", "stage"]

_TRIAL = schema.table("trials").key
_SUBJECT = schema.table("subjects").key
_JOINT = ("skeleton", "joint")


def commit(
    lake_path: object,
    staged: Iterable[Staged] = (),
    *,
    subjects: Sequence[Mapping[str, Any]] | None = None,
    removed: Iterable[Key] = (),
    message: str = "",
    on_refused: Callable[[Mapping[Key, InputError]], None] | None = None,
) -> int:
    """Make staged trials part of the lake, in one step for every reader. Returns the lake's version.

    Trials already there are replaced. Safe against other processes that commit the same or other trials at once.
    After an error nothing of ``staged`` is visible and it cannot be used again: stage it again.

    Parameters
    ----------
    subjects : rows of ``subjects`` to add or replace, each with ``subject``.
    removed : trials to take out.
    message : kept with the version, shown by ``history``.
    on_refused : called with the trials that are refused because their people were erased from this lake meanwhile.

    Raises
    ------
    ConflictError : other writers won every attempt.
    LakeError : the store refused, a trial is staged twice, or without on_refused, a staged person was erased.
    """
    root = storage.resolve(lake_path)
    staged = list(staged)
    _check_once(root, staged)
    removed = set(removed)
    if not (any(s.rows for s in staged) or subjects or removed):
        return delta.open_table(root, "trials").version()
    with writing.writing(root, "commit"), storage.named_errors(root, "commit"):
        staged, refused = kept_out.without_erased(root, staged)
        if refused and on_refused is None:
            discard(root, staged)
            raise LakeError(f"{root}: {'; '.join(map(str, refused.values()))}")
        if refused and on_refused is not None:
            on_refused(refused)
        people = kept_out.subjects_let_in(root, subjects or ())
        if not (any(s.rows for s in staged) or people or removed):
            return delta.open_table(root, "trials").version()
        return _commit(root, staged, people, removed, message)


def _commit(
    root: str, staged: Sequence[Staged], people: Sequence[dict[str, Any]], removed: set[Key], message: str
) -> int:
    """Files, skeletons and subjects first, then the rows of ``trials`` that name them: from then on readers see all."""
    rows = [dict(r) for s in staged for r in s.rows]
    keys = {(r["subject"], r["session"], r["trial"]) for r in rows}
    versions = _add_files(root, [f for s in staged for f in s.files])
    described = [s.skeletons for s in staged if s.skeletons is not None]
    if described:
        versions["skeletons"] = _add_skeletons(root, pa.concat_tables(described))
    if people:
        versions["subjects"] = delta.replace_rows(root, "subjects", _SUBJECT, schema.rows_table("subjects", people))
    at = delta.open_table(root, "trials")
    there = set(_keys_of(root, at))
    counts = {
        "trials_in": len(keys - there),
        "trials_replaced": len(keys & there),
        "trials_removed": len(removed & there),
    }

    def rows_of(newest: Any) -> pa.Table:
        return _rows_naming(root, newest, rows, versions, removed)

    note = _note("commit" if rows or removed else "subjects", message, counts)
    return delta.replace_rows(root, "trials", _TRIAL, rows_of, drop=removed, note=note, at=at)


def _check_once(root: str, staged: Iterable[Staged]) -> None:
    """Raise LakeError if a trial is staged more than once."""
    keys = [(r["subject"], r["session"], r["trial"]) for s in staged for r in s.rows]
    twice = sorted({k for k in keys if keys.count(k) > 1}) if len(set(keys)) < len(keys) else []
    if twice:
        raise LakeError(f"{root}: staged more than once in one commit: {', '.join(map(key_text, twice))}")


def _note(operation: str, message: str, counts: Mapping[str, int]) -> dict[str, Any]:
    """The message that a version of ``trials`` stores about itself, for history."""
    import json

    content = {"operation": operation, "message": message, "software": VERSION, **counts}
    return {"neurostore": json.dumps(content)}


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
            "they were removed as leftovers or discarded: stage the trials again"
        )
    try:
        for name in list(waiting):
            declared = schema.table(name)
            if not delta.exists(root, name):
                columns = declared.arrow()
                for given in _different(file.columns for file in waiting[name]):
                    columns = arrow_columns.merged_schema(columns, given)
                delta.create(root, name, columns, declared.partition)
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


def _different(schemas: Iterable[pa.Schema]) -> Iterator[pa.Schema]:
    """Schemas without those that equal the one before."""
    before: pa.Schema | None = None
    for given in schemas:
        if before is None or not given.equals(before):
            yield given
        before = given


def _add_columns(root: str, name: str, waiting: dict[str, list[StagedFile]]) -> Any:
    """Give the table the columns that staged files bring; names differing only in case take the table's spelling.

    Returns the table as it is then.
    """
    at = delta.open_table(root, name)
    types = {field.name: field.type for field in delta.schema_of(at)}
    spelled = {n.lower(): n for n in types}
    new: dict[str, pa.Field] = {}
    fitting: pa.Schema | None = None  # the columns of the last file, which all files of a batch share as a rule
    for i, staged in enumerate(waiting[name]):
        if fitting is not None and staged.columns.equals(fitting):
            continue
        renames = {}
        for f in staged.columns:
            have = spelled.setdefault(f.name.lower(), f.name)
            if have != f.name:
                renames[f.name] = have
            if have not in types:
                types[have], new[have] = f.type, f
            if types[have] != f.type:
                raise LakeError(f"{root}: {name}.{have} is {types[have]} in the lake and {f.type} in the new files")
        if renames:
            waiting[name][i] = _respelled(root, staged, renames)
        else:
            fitting = staged.columns
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
    """Add the joints that the lake has not described yet, after those that it has."""
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
    return delta.replace_rows(root, "skeletons", _JOINT, schema.rows_table("skeletons", new))


def _rows_naming(
    root: str, newest: Any, rows: list[dict[str, Any]], versions: Mapping[str, int], removed: set[Key]
) -> pa.Table:
    """The rows to put into trials, each naming the newest version of every other table that the lake then shows.

    Named versions only grow: a row names at least the versions of the row that it replaces. If no trial is added, a
    remaining row names them; a lake without trials shows nothing.
    """
    current = delta.read(root, "trials", newest)
    named = arrow_columns.sum_by_key(current["table_versions"], "max")
    for table, version in versions.items():
        named[table] = max(version, named.get(table, 0))
    newest_of_each = sorted(named.items())
    if rows:
        return schema.rows_table("trials", [{**row, "table_versions": newest_of_each} for row in rows])
    stays = [i for i, key in enumerate(_keys_in(current)) if key not in removed][:1]
    at = current.schema.get_field_index("table_versions")
    column = current.schema.field(at)
    return current.take(pa.array(stays, pa.int64())).set_column(
        at, column, pa.array([newest_of_each] * len(stays), column.type)
    )


def named_versions(root: str, trials: Any) -> dict[str, int]:
    """The version of each other table that an opened version of trials names."""
    return arrow_columns.sum_by_key(delta.read(root, "trials", trials, ["table_versions"])["table_versions"], "max")


def name_versions(
    root: str, versions: Mapping[str, int], operation: str, *, drop: Iterable[Key] = (), at: Any = None
) -> int:
    """Store versions of other tables in every row of trials, as one file; under the lake's lock. Returns the version.

    drop : trials that leave in the same commit. at : the newest version of trials, if the caller has just opened it.
    """
    dropped = set(drop)

    def rows_of(newest: Any) -> pa.Table:
        rows = delta.read(root, "trials", newest)
        named = {**arrow_columns.sum_by_key(rows["table_versions"], "max")}
        named |= {t: max(v, named.get(t, 0)) for t, v in versions.items()}
        rows = rows.filter(pa.array([key not in dropped for key in _keys_in(rows)], pa.bool_()))
        at = rows.schema.get_field_index("table_versions")
        column = rows.schema.field(at)
        one = pa.array([sorted(named.items())], column.type)
        return rows.set_column(at, column, one.take(pa.repeat(pa.scalar(0), rows.num_rows)))

    note = _note(operation, "", {})
    return delta.replace_rows(root, "trials", _TRIAL, rows_of, drop=dropped, note=note, at=at)


def _keys_of(root: str, trials: Any) -> list[Key]:
    return _keys_in(delta.read(root, "trials", trials, list(_TRIAL)))


def _keys_in(rows: pa.Table) -> list[Key]:
    return list(zip(*(rows[c].to_pylist() for c in _TRIAL), strict=True))


def renew_trials(lake_path: object, changes: Mapping[Key, Mapping[str, Any]], *, message: str = "") -> int:
    """Set columns of ``trials`` for some keys, in one commit. Returns the lake's version.

    Keys that are no longer in the lake are skipped; what another process wrote meanwhile stays, except for these columns.

    Raises
    ------
    LakeError : a value does not fit its column.  ConflictError : other writers won every attempt.
    """
    root = storage.resolve(lake_path)

    def rows_of(newest: Any) -> Any:
        rows = delta.read(root, "trials", newest).to_pylist()
        chosen = [(row, changes.get((row["subject"], row["session"], row["trial"]))) for row in rows]
        return schema.rows_table("trials", [{**row, **change} for row, change in chosen if change is not None])

    content = {
        "operation": "renew",
        "message": message,
        "software": VERSION,
        "trials_in": 0,
        "trials_replaced": len(changes),
        "trials_removed": 0,
    }
    with writing.writing(root, "renew"), storage.named_errors(root, "renew"):
        return delta.replace_rows(root, "trials", _TRIAL, rows_of, note={"neurostore": json.dumps(content)})
