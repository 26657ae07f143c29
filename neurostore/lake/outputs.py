"""What was written out of a lake, so that an erasure can list what else holds data of a person: exports, matrices, reports."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from neurostore import storage
from neurostore.errors import LakeError

_FOLDER = "_neurostore/outputs"


def note(lake_path: object, kind: str, paths: list[Path] | Path) -> None:
    """Remember files written from a lake; a lake that cannot be written to stays as it is."""
    listed = [os.path.abspath(p) for p in (paths if isinstance(paths, list) else [paths])]
    content = {"kind": kind, "paths": listed, "time": datetime.now(UTC).isoformat(timespec="seconds")}
    with suppress(LakeError, OSError):
        root = storage.resolve(lake_path)
        storage.write_json(storage.join(root, _FOLDER, f"{uuid.uuid4().hex}.json"), content)


def noted(root: str) -> dict[str, dict[str, Any]]:
    """Everything noted, by the path of its note below the root."""
    paths = [f"{_FOLDER}/{f.path}" for f in storage.list_files(storage.join(root, _FOLDER))]
    found = {p: storage.read_json(storage.join(root, p)) for p in sorted(paths) if p.endswith(".json")}
    return {p: said for p, said in found.items() if said is not None}
