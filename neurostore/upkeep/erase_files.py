"""Files in a lake's folder that are none of its tables: distance matrices lose rows and columns, others go."""

from __future__ import annotations

import json
import mmap
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from neurostore import schema, storage
from neurostore.distances.matrix import SUFFIXES, sidecar


def erase_from_files(root: str, subject: str) -> tuple[int, int]:
    """Take a subject out of every matrix below the root; delete other files that say its key.

    Unfinished matrices go too: their rows are not named. Returns (matrices mended, files deleted).
    """
    if storage.is_remote(root):
        return 0, _erase_objects(root, subject)
    n_matrices = n_deleted = 0
    for file in sorted(storage.list_files(root), key=lambda f: f.path):
        if _is_ours(file.path):
            continue
        path = Path(storage.join(root, file.path))
        if path.suffix in SUFFIXES and sidecar(path).is_file():
            n_matrices += _erase_from_matrix(path, subject)
    for file in storage.list_files(root):
        if _is_ours(file.path):
            continue
        path = Path(storage.join(root, file.path))
        is_unfinished = path.suffix in (".partial", ".journal", ".writing")
        if is_unfinished or _word(subject).search(file.path.encode()) or _says(path, subject):
            n_deleted += storage.delete([os.fspath(path)])
    return n_matrices, n_deleted


def _is_ours(path: str) -> bool:
    return schema.table_of(path) is not None or path.startswith("_neurostore/")


def _erase_objects(root: str, subject: str) -> int:
    """Delete what others put beside the tables on an object store, where it says the subject's key."""
    gone = []
    for file in storage.list_files(root):
        path = storage.join(root, file.path)
        if _is_ours(file.path):
            continue
        if _word(subject).search(file.path.encode()) or _is_said(subject, storage.read_bytes(path) or b""):
            gone.append(path)
    return storage.delete(gone)


def _says(path: Path, subject: str) -> bool:
    if path.stat().st_size == 0:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return _is_said(subject, content)


def _is_said(subject: str, content: bytes | mmap.mmap) -> bool:
    """In a text as a word of its own, so that S10 is not deleted with S1; in anything else wherever its bytes are."""
    is_text = b"\x00" not in content[:65536]
    return bool(_word(subject).search(content)) if is_text else content.find(subject.encode()) >= 0


def _word(subject: str) -> re.Pattern[bytes]:
    """Keys are of letters, figures, ``_`` and ``-``; ``S1_walk`` says S1."""
    return re.compile(rb"(?<![A-Za-z0-9])" + re.escape(subject.encode()) + rb"(?![A-Za-z0-9])")


def _erase_from_matrix(path: Path, subject: str) -> bool:
    """Rewrite a matrix without a subject. Its digests go: a later run computes it anew."""
    about = json.loads(sidecar(path).read_text(encoding="utf-8"))
    labels: dict[str, list[Any]] = about["labels"]
    stays = np.array([s != subject for s in labels["subject"]], bool)
    if stays.all():
        return False
    about["labels"] = {
        name: [v for v, keep in zip(values, stays, strict=True) if keep] for name, values in labels.items()
    }
    provenance = {k: v for k, v in about["provenance"].items() if k not in ("digests", "recipe")}
    about["provenance"] = _without(provenance, subject)
    temporary = path.with_name(f"{path.name}.writing{path.suffix}")
    if path.suffix == ".npy":
        np.save(temporary, np.load(path)[np.ix_(stays, stays)])
    elif path.suffix == ".csv":
        _erase_from_csv(path, temporary, stays)
    else:
        rows = pq.read_table(path)
        keep = pc.and_(pc.not_equal(rows["subject_a"], subject), pc.not_equal(rows["subject_b"], subject))
        said = json.dumps({"unit": about["unit"], "provenance": about["provenance"]})
        pq.write_table(rows.filter(keep).replace_schema_metadata({"neurostore": said}), temporary, compression="zstd")
    os.replace(temporary, path)
    storage.write_whole(os.fspath(sidecar(path)), json.dumps(about, indent=1).encode())
    return True


def _erase_from_csv(path: Path, target: Path, stays: np.ndarray) -> None:
    import csv

    with path.open(newline="", encoding="utf-8") as source, target.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        keep = [True, *stays]
        for at, row in enumerate(csv.reader(source)):
            if keep[at]:
                writer.writerow([cell for cell, is_kept in zip(row, keep, strict=True) if is_kept])


def _without(said: Any, subject: str) -> Any:
    """The same without any key or value that says the subject."""
    if isinstance(said, dict):
        return {k: _without(v, subject) for k, v in said.items() if not _word(subject).search(str(k).encode())}
    if isinstance(said, list):
        return [_without(v, subject) for v in said if not (isinstance(v, str) and _word(subject).search(v.encode()))]
    return None if isinstance(said, str) and _word(subject).search(said.encode()) else said
