"""Files that were written from a lake, so that an erasure can list what else contains data of a person: exports, matrices, reports."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from neurostore import storage
from neurostore.errors import LakeError
from neurostore.lake import contents
from neurostore.storage import temporary

FOLDER = "_neurostore/outputs"


def note(lake_path: object, kind: str, paths: list[Path] | Path) -> str | None:
    """Remember files written from a lake; the note's path, None if the lake cannot be written to."""
    listed = [os.path.abspath(p) for p in (paths if isinstance(paths, list) else [paths])]
    content = {"kind": kind, "paths": listed, "time": datetime.now(UTC).isoformat(timespec="microseconds")}
    with suppress(LakeError, OSError):
        root = storage.resolve(lake_path)
        if not storage.exists(storage.join(root, "_neurostore", "lake.json")):
            return None
        path = storage.join(root, FOLDER, f"{uuid.uuid4().hex}.json")
        storage.write_json(path, content)
        return path
    return None


@contextmanager
def noting(lake_path: object, kind: str, *targets: Path | str) -> Iterator[None]:
    """Note targets before anything of them is written, so that a kill leaves no unknown file.

    A file that is written meanwhile and is not one of the targets, nor below one, is noted before it is written too. If
    nothing was written, the note is removed: a file of that name is then foreign.
    """
    notes: dict[Path, tuple[tuple[int, int] | None, str | None]] = {}

    def noted_first(path: Path | str) -> None:
        full = Path(os.path.abspath(os.path.expanduser(path)))
        if not {full, *full.parents} & notes.keys():
            notes[full] = _mark(full), note(lake_path, kind, full)

    for target in targets:
        noted_first(target)
    try:
        with temporary.listening(noted_first):
            yield
    except BaseException:
        unwritten = [at for path, (before, at) in notes.items() if at and _mark(path) == before]
        with suppress(LakeError, OSError):
            storage.delete(unwritten)
        raise


def _mark(path: Path) -> tuple[int, int] | None:
    """A value that changes when a file is replaced or a folder gets a file; None if it does not exist."""
    with suppress(OSError):
        stat = path.stat()
        return stat.st_ino, stat.st_mtime_ns
    return None


def noted(root: str) -> dict[str, dict[str, Any]]:
    """Everything noted, by the path of its note below the root; what was written first comes first."""
    paths = sorted(f"{FOLDER}/{f.path}" for f in contents.own_files(root, FOLDER))
    notes = {p: storage.read_json(storage.join(root, p)) for p in paths if not contents.is_temporary(p)}
    there = [(p, written) for p, written in notes.items() if written is not None]
    return dict(sorted(there, key=lambda item: str(item[1].get("time", ""))))
