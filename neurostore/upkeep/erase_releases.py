"""An erased person is removed from every release; all other rows stay, and the release records that someone was erased."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from neurostore import schema, storage
from neurostore.lake import delta, hashes, releases
from neurostore.lake.columns import parquet_options, unify
from neurostore.lake.stored import DataFile, Stored, new_path
from neurostore.upkeep import erase_texts
from neurostore.upkeep.traces import Traces


def erase_from_releases(root: str, person: Traces) -> None:
    """Take a person out of every release; under the lake's lock. May be done again after it was cut off.

    Files of tables that are partitioned by subject leave the release, small tables are rewritten without the
    person's rows, and columns and skeletons that nobody else has go too. Nothing is deleted here.
    """
    for release in releases.every(root):
        message = "" if person.are_in_text(release.message.encode()) else release.message
        if not _names(root, release, person):
            if message != release.message:
                releases.write(root, replace(release, message=message), replace=True)
            continue
        n_trials = _rows(root, release.tables, "trials", ["subject"])["subject"].to_pylist().count(person.subject)
        note = {"date": datetime.now(UTC).date().isoformat(), "n_trials": n_trials}
        changed = replace(
            release,
            message=message,
            tables=_without_person(root, release.tables, person),
            people={name: facts for name, facts in release.people.items() if name != person.subject},
            erasures=(*release.erasures, note),
        )
        releases.write(root, changed, replace=True)


def _has_files(release: releases.Release, subject: str) -> bool:
    return any(file.subject == subject for table in release.tables.values() for file in table.files)


def _rows(root: str, tables: Mapping[str, Stored], name: str, columns: list[str] | None = None) -> pa.Table:
    return delta.read_files(root, name, tables[name].schema, tables[name].files, columns)


def _names(root: str, release: releases.Release, person: Traces) -> bool:
    """Whether a release has data of a person, or a decision on somebody else that names the person."""
    if person.subject in release.people or _has_files(release, person.subject):
        return True
    is_reviewed = erase_texts.TABLE in release.tables
    return is_reviewed and erase_texts.without_name(_rows(root, release.tables, erase_texts.TABLE), person).num_rows > 0


def _without_person(root: str, tables: Mapping[str, Stored], person: Traces) -> dict[str, Stored]:
    subject = person.subject
    left: dict[str, Stored] = {}
    for name, table in tables.items():
        if schema.table(name).partition:
            files = tuple(f for f in table.files if f.subject != subject)
            if files or not schema.table(name).per:
                left[name] = _narrowed(root, name, replace(table, files=files)) if files != table.files else table
        elif "subject" in table.schema.names:
            rows = _rows(root, tables, name)
            kept = rows.filter(pc.not_equal(rows["subject"], subject))
            changed = erase_texts.without_name(rows, person) if name == erase_texts.TABLE else None
            if changed is not None and changed.num_rows:
                stays = pc.invert(pc.is_in(kept["review_id"], value_set=changed["review_id"]))
                kept = pa.concat_tables([unify(kept.filter(stays), table.schema), unify(changed, table.schema)])
            elif kept.num_rows == rows.num_rows:
                left[name] = table
                continue
            left[name] = _written(root, name, table, kept)
        else:
            left[name] = table
    if "skeletons" in left:
        described = _rows(root, left, "skeletons")
        listed = _rows(root, left, "trials", ["skeletons"])["skeletons"].to_pylist()
        used = sorted({s for names in listed for s in (names or ())})
        kept = described.filter(pc.is_in(described["skeleton"], value_set=pa.array(used, pa.string())))
        if kept.num_rows < described.num_rows:
            left["skeletons"] = _written(root, "skeletons", left["skeletons"], kept)
    return left


def _undeclared(name: str, columns: pa.Schema) -> list[str]:
    declared = {c.name.lower() for c in schema.table(name).columns}
    return [n for n in columns.names if n.lower() not in declared and n.lower() != "subject"]


def _narrowed(root: str, name: str, table: Stored) -> Stored:
    """A partitioned table without the columns that none of its files has any more."""
    present: set[str] = set()
    layouts: set[str] = set()
    for file in table.files:
        if file.layout not in layouts:  # files of one layout have the same columns
            layouts.add(file.layout)
            with storage.open_parquet(storage.join(root, name, file.path)) as opened:
                present |= {n.lower() for n in opened.schema_arrow.names}
    gone = {n for n in _undeclared(name, table.schema) if n.lower() not in present}
    return replace(table, schema=pa.schema([f for f in table.schema if f.name not in gone]))


def _written(root: str, name: str, table: Stored, rows: pa.Table) -> Stored:
    """A small table with these rows as its one file, without columns in which nobody has a value."""
    gone = {n for n in _undeclared(name, table.schema) if not pc.any(pc.is_valid(rows[n])).as_py()}
    columns = pa.schema([f for f in table.schema if f.name not in gone])
    if not rows.num_rows:
        return replace(table, schema=columns, files=())
    path = new_path(columns, None)
    kept = rows.select(columns.names)
    digest = storage.write_parquet(storage.join(root, name, path), kept, **parquet_options(columns))
    hashes.record(root, {f"{name}/{path}": hashes.Entry.of(digest)})
    return replace(
        table, schema=columns, files=(DataFile(path, None, kept.num_rows, digest.size, int(time.time() * 1000)),)
    )
