"""What was written out of a lake, so that an erasure can list what else holds data of a person: exports, matrices, reports."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from neurostore import storage
from neurostore.errors import LakeError

_FOLDER = "_neurostore/outputs"


def note(lake_path: object, kind: str, paths: list[Path] | Path) -> str | None:
    """Remember files written from a lake; the note's path, None where the lake cannot be written to."""
    listed = [os.path.abspath(p) for p in (paths if isinstance(paths, list) else [paths])]
    content = {"kind": kind, "paths": listed, "time": datetime.now(UTC).isoformat(timespec="seconds")}
    with suppress(LakeError, OSError):
        root = storage.resolve(lake_path)
        if not storage.exists(storage.join(root, "_neurostore", "lake.json")):
            return None
        path = storage.join(root, _FOLDER, f"{uuid.uuid4().hex}.json")
        storage.write_json(path, content)
        return path
    return None


@contextmanager
def noting(lake_path: object, kind: str, target: Path | str) -> Iterator[Callable[[list[Path]], None]]:
    """Note a target before anything of it is written, so that a kill leaves no file that nobody knows of.

    What it yields takes the files that were written, where they are others than the target. Where nothing was written
    the note goes: what is there under that name is a stranger's.
    """
    first = Path(os.path.abspath(os.path.expanduser(target)))
    was_there = first.exists()
    noted_at = note(lake_path, kind, first)

    def written(paths: list[Path]) -> None:
        others = [p for p in paths if first not in (Path(os.path.abspath(p)), *Path(os.path.abspath(p)).parents)]
        if others:
            note(lake_path, kind, others)

    try:
        yield written
    except BaseException:
        if noted_at is not None and (was_there or not first.exists()):
            with suppress(LakeError, OSError):
                storage.delete([noted_at])
        raise


def noted(root: str) -> dict[str, dict[str, Any]]:
    """Everything noted, by the path of its note below the root."""
    paths = [f"{_FOLDER}/{f.path}" for f in storage.list_files(storage.join(root, _FOLDER))]
    notes = {p: storage.read_json(storage.join(root, p)) for p in sorted(paths) if p.endswith(".json")}
    return {p: written for p, written in notes.items() if written is not None}
