"""Files in a lake's folder that do not belong to its tables.

Rows and columns are removed from distance matrices. Other files that a command of ours wrote are deleted if they
contain the person, or may. Foreign files are never touched: those that contain the person, or may, are listed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from neurostore import storage
from neurostore.lake import contents, outputs
from neurostore.matrix_names import SUFFIXES, sidecar
from neurostore.storage import temporary
from neurostore.upkeep.decoded import worst
from neurostore.upkeep.search import search
from neurostore.upkeep.traces import Traces

_UNFINISHED = re.compile(
    r".*\.(npy|csv|parquet)(\.\w+)?\.(partial|journal|writing|earlier)(\.\w+)?"
)  # unfinished matrices before 0.1; later ones have names of temporary files
_REMOVED = "removed when a subject was erased"


@dataclass(slots=True)
class Erased:
    """What was done about files beside the tables. remaining : sentences about files that the user has to handle."""

    n_matrices: int = 0
    n_deleted: int = 0
    remaining: list[str] = field(default_factory=list)


def erase_from_files(root: str, traces: Traces) -> Erased:
    """Take a person out of every file below the root that is in no table, as far as these are ours.

    Unfinished matrices are always removed, because their rows have no names.
    """
    done = Erased()
    if storage.is_remote(root):
        _erase_objects(root, traces, done)
        return done
    own = set(_written_by_us(root))
    files = [
        Path(storage.join(root, f.path)) for f in storage.list_files(root, logs=True) if contents.is_strange(f.path)
    ]
    matrices = {p for p in files if p.suffix in SUFFIXES and _matrix_labels(p) is not None}
    for path in sorted(matrices):
        try:
            done.n_matrices += _erase_from_matrix(path, traces)
        except (ValueError, LookupError, OSError, pa.ArrowException):  # damaged: search it like any other file
            matrices.remove(path)
    described = {sidecar(p) for p in matrices}
    for path in sorted(set(files) - matrices - described):
        within = os.path.relpath(path, root)
        if _UNFINISHED.fullmatch(path.name) or contents.is_temporary(within):
            done.n_deleted += storage.delete([os.fspath(path)])
            continue
        answer = worst([traces.in_text(os.fsencode(within)), search(path, traces)])
        if answer == "holds nothing":
            continue
        if own & {path, *path.parents}:
            done.n_deleted += storage.delete([os.fspath(path)])
        else:
            done.remaining.append(f"{within} {answer} data of the person")
    done.remaining += _links(root, traces)
    _remove_empty_folders(root, traces)
    return done


def _links(root: str, traces: Traces) -> Iterator[str]:
    """Sentences about links: to folders, which are not followed, and those that name the person."""
    for base, folders, names in os.walk(root):
        for path in (os.path.join(base, name) for name in (*folders, *names)):
            if not os.path.islink(path):
                continue
            within = os.path.relpath(path, root)
            answer = worst(traces.in_text(os.fsencode(text)) for text in (within, os.readlink(path)))
            if os.path.isdir(path):
                yield f"{within} may hold data of the person: it is a link to a folder, which was not searched"
            elif answer != "holds nothing":
                yield f"{within} {answer} data of the person: it is a link"


def _written_by_us(root: str) -> Iterator[Path]:
    """Files and folders that commands noted as written from this lake."""
    for note in outputs.noted(root).values():
        yield from (Path(p) for p in note["paths"])


def _remove_empty_folders(root: str, traces: Traces) -> None:
    """Empty folders whose name contains the key."""
    for base, _, _ in os.walk(root, topdown=False):
        if base != root and traces.are_in_text(os.fsencode(os.path.basename(base))):
            with suppress(OSError):
                os.rmdir(base)


def _erase_objects(root: str, traces: Traces, done: Erased) -> None:
    """As for files, on an object store: each is fetched and searched."""
    own = {os.fspath(p) for p in _written_by_us(root)}
    for file in storage.list_files(root):
        if not contents.is_strange(file.path):
            continue
        path = storage.join(root, file.path)
        with temporary.scratch() as folder:
            (folder / "copy").write_bytes(storage.read_bytes(path) or b"")
            answer = worst([traces.in_text(file.path.encode()), search(folder / "copy", traces)])
        if answer == "holds nothing":
            continue
        if path in own or contents.is_temporary(file.path):
            done.n_deleted += storage.delete([path])
        else:
            done.remaining.append(f"{file.path} {answer} data of the person")


def _matrix_labels(path: Path) -> dict[str, list[Any]] | None:
    """The labels of a distance matrix; None for any other file."""
    from neurostore.distances.matrix import sidecar

    try:
        about = json.loads(sidecar(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    labels = about.get("labels") if isinstance(about, dict) and isinstance(about.get("provenance"), dict) else None
    return labels if isinstance(labels, dict) and isinstance(labels.get("subject"), list) else None


def _erase_from_matrix(path: Path, traces: Traces) -> bool:
    """Rewrite a matrix without a subject. Its hashes are removed, so that a later run computes it again."""
    from neurostore.distances.matrix import sidecar

    about = json.loads(sidecar(path).read_text(encoding="utf-8"))
    labels: dict[str, list[Any]] = about["labels"]
    subject = traces.subject
    stays = np.array([s != subject for s in labels["subject"]], bool)
    about_text = json.dumps(about).encode()
    if stays.all() and not traces.are_in_text(about_text):
        return False
    about["labels"] = {
        name: [v for v, keep in zip(values, stays, strict=True) if keep] for name, values in labels.items()
    }
    provenance = {k: v for k, v in about["provenance"].items() if k not in ("digests", "recipe")}
    if isinstance(provenance.get("options"), dict) and provenance["options"].get("where"):
        provenance["options"] = {**provenance["options"], "where": _REMOVED}
    if provenance.get("where"):
        provenance["where"] = _REMOVED
    about["provenance"] = _without(provenance, traces)
    with temporary.replacing(path) as work:
        if path.suffix == ".npy":
            values = np.load(path)  # after an interrupted erasure, the person may be gone already
            with work.open("wb") as file:
                np.save(file, values if len(values) == stays.sum() else values[np.ix_(stays, stays)])
        elif path.suffix == ".csv":
            _erase_from_csv(path, work, stays)
        else:
            rows = pq.read_table(path)
            keep = pc.and_(pc.not_equal(rows["subject_a"], subject), pc.not_equal(rows["subject_b"], subject))
            text = json.dumps({"unit": about["unit"], "provenance": about["provenance"]})
            pq.write_table(rows.filter(keep).replace_schema_metadata({"neurostore": text}), work, compression="zstd")
    storage.write_whole(os.fspath(sidecar(path)), json.dumps(about, indent=1).encode())
    return True


def _erase_from_csv(path: Path, target: Path, stays: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
    import csv

    with path.open(newline="", encoding="utf-8") as source:
        rows = list(csv.reader(source))
    # otherwise an interrupted erasure removed the person
    keep = [True, *stays] if len(rows) == len(stays) + 1 else [True] * len(rows)
    with target.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        for row, is_row_kept in zip(rows, keep, strict=True):
            if is_row_kept:
                writer.writerow([cell for cell, is_kept in zip(row, keep, strict=True) if is_kept])


def _without(value: Any, traces: Traces) -> Any:
    """The same without any key or value about the person."""
    if isinstance(value, dict):
        return {k: _without(v, traces) for k, v in value.items() if not _tells(str(k), traces)}
    if isinstance(value, list):
        return [_without(v, traces) for v in value if not (isinstance(v, str) and _tells(v, traces))]
    return None if isinstance(value, str) and _tells(value, traces) else value


def _tells(text: str, traces: Traces) -> bool:
    """Whether a text of a matrix's description is of the person; the name of a trial begins with the subject's key."""
    return text.startswith(f"{traces.subject}/") or traces.are_in_text(text.encode())
