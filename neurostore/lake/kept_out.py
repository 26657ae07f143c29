"""Keeping erased people out of a commit: checked again under the lake's lock, whatever a worker saw when it staged.

A worker that read the tombstones and then slept, or hashed recordings during an erasure, does not bring the erased
person back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from neurostore import storage
from neurostore.errors import InputError
from neurostore.lake import tombstones
from neurostore.lake.stage import Staged, StagedFile, write_file
from neurostore.trial_key import Key, key_text


def without_erased(root: str, staged: Sequence[Staged]) -> tuple[list[Staged], dict[Key, InputError]]:
    """What was staged without the trials of erased people, and why each of these stays out.

    Files that hold rows of such a trial are rewritten without them, and deleted.
    """
    stones = tombstones.read(root)
    if not stones.stones:
        return list(staged), {}
    refused: dict[Key, InputError] = {}
    kept = []
    for part in staged:
        why = {_key(r): stones.refusal(r["subject"], str(r.get("source_sha256"))) for r in part.rows}
        out = {key: reason for key, reason in why.items() if reason is not None}
        refused |= {key: InputError(key_text(key), reason) for key, reason in out.items()}
        kept.append(_without(root, part, out.keys()) if out else part)
    return kept, refused


def subjects_let_in(root: str, subjects: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of ``subjects`` without those of erased people."""
    stones = tombstones.read(root)
    return [dict(row) for row in subjects if stones.of_subject(str(row["subject"])) is None]


def _key(row: Mapping[str, Any]) -> Key:
    return (row["subject"], row["session"], row["trial"])


def _without(root: str, part: Staged, out: Iterable[Key]) -> Staged:
    gone = set(out)
    rows = tuple(r for r in part.rows if _key(r) not in gone)
    ids = pa.array([r["ingest_id"] for r in rows], pa.string())
    living = {r["subject"] for r in rows}
    files = []
    for old in part.files:
        file = _rewritten(root, old, ids) if old.file.subject is None or old.file.subject in living else None
        if file is None:
            storage.delete([storage.join(root, old.table, old.file.path)])
        else:
            files.append(file)
    skeletons = part.skeletons
    if skeletons is not None:
        used = {s for r in rows for s in (r.get("skeletons") or [r.get("skeleton")])}
        skeletons = skeletons.filter(pc.is_in(skeletons["skeleton"], pa.array(sorted(filter(None, used)), pa.string())))
    return dataclasses.replace(part, rows=rows, files=tuple(files), skeletons=skeletons)


def _rewritten(root: str, old: StagedFile, ids: pa.Array) -> StagedFile | None:
    """The file with the rows of these ingests alone; the same where it has no others, None if none stays."""
    path = storage.join(root, old.table, old.file.path)
    try:
        with storage.open_parquet(path) as file:
            rows = file.read()
    except FileNotFoundError:
        return old  # the erasure removed it with rows of other people; the commit reports it
    kept = rows.filter(pc.is_in(rows["ingest_id"], ids))
    if kept.num_rows == rows.num_rows:
        return old
    new = None
    if kept.num_rows:
        if old.file.subject is not None:
            kept = kept.append_column("subject", pa.repeat(pa.scalar(old.file.subject), kept.num_rows))
        new = write_file(root, old.table, old.file.subject, kept)
        storage.delete([path])
    return new
