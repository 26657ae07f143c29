"""The small file that makes a folder a lake: what it is, and which software can read it."""

from __future__ import annotations

import os
from shlex import quote

from neurostore import schema, storage
from neurostore.errors import NewerLakeError, NotALakeError
from neurostore.release import VERSION


def check_marker(root: str) -> None:
    """Raise NotALakeError, NewerLakeError or DamagedLakeError unless this software can work on the lake at root."""
    check_folder(root)
    about = storage.read_json(storage.join(root, "_neurostore", "lake.json"))
    if about is None:
        there = "this folder is not a lake" if storage.exists(root) else "this folder does not exist"
        raise NotALakeError(f"{root}: {there}; `neurostore ingest COHORT --lake {quote(root)}` creates one")
    if about.get("schema_version", 0) > schema.SCHEMA_VERSION:
        raise NewerLakeError(
            f"{root}: written with schema version {about['schema_version']} by neurostore "
            f"{about.get('software_version')}; this is neurostore {VERSION}, which supports versions up to "
            f"{schema.SCHEMA_VERSION}: install a newer neurostore"
        )


def check_folder(root: str) -> None:
    """Raise NotALakeError if root is a file."""
    if os.path.isfile(root):
        raise NotALakeError(f"{root}: this is a file; expected the folder of a lake")
