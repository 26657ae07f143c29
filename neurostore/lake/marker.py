"""The small files that make a folder a lake: what it is, which software can read it, whether its bytes are intact."""

from __future__ import annotations

from typing import Any

from neurostore import schema, storage
from neurostore.errors import DamagedLakeError, NewerLakeError, NotALakeError
from neurostore.release import VERSION


def check_marker(root: str) -> None:
    """Raise NotALakeError or NewerLakeError unless this software can work on the lake at root."""
    about = read_intact(storage.join(root, "_neurostore", "lake.json"))
    if about is None:
        there = "this folder is not a lake" if storage.exists(root) else "this folder does not exist"
        raise NotALakeError(f"{root}: {there}; `neurostore ingest COHORT --lake {root}` creates one")
    if about.get("schema_version", 0) > schema.SCHEMA_VERSION:
        raise NewerLakeError(
            f"{root}: written with schema version {about['schema_version']} by neurostore "
            f"{about.get('software_version')}; this is neurostore {VERSION}, which supports versions up to "
            f"{schema.SCHEMA_VERSION}: install a newer neurostore"
        )


def read_intact(path: str) -> dict[str, Any] | None:
    """A small file of the lake that carries its own check; None where there is none."""
    content = storage.read_json(path)
    if content is not None and not storage.is_remote(path) and storage.is_intact_json(path) is False:
        raise DamagedLakeError(
            f"{path}: its bytes are not those that were written; restore it from a back-up, or see `neurostore verify`"
        )
    return content
