"""Making an empty lake."""

from __future__ import annotations

from datetime import UTC, datetime

from neurostore import schema, storage
from neurostore.errors import NotALakeError
from neurostore.lake import delta, hashes
from neurostore.release import VERSION


def create(path: object) -> str:
    """Make an empty lake where there is none. Returns its root. Two processes may create it at once.

    Raises
    ------
    NotALakeError : the folder holds other things.  LakeError : it cannot be written.
    """
    root = storage.resolve(path)
    marker = storage.join(root, "_neurostore", "lake.json")
    with storage.named_errors(root, "creating the lake"):
        if not storage.exists(marker):
            others = _others(root)
            if others:
                raise NotALakeError(f"{root}: not empty ({others[0]} …) and no lake; choose another folder")
            with hashes.gathered(root):  # recorded before the folder counts as a lake: a killed process leaves no gap
                for name in schema.single_tables():
                    delta.create(root, name, schema.table(name).arrow(), schema.table(name).partition)
            created = {
                "schema_version": schema.SCHEMA_VERSION,
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "software_version": VERSION,
            }
            storage.write_json(marker, created, replace=False)
    return root


def is_unfinished(path: object) -> bool:
    """Whether a lake was being made here when its process was killed; :func:`create` finishes it."""
    root = storage.resolve(path)
    return not storage.exists(storage.join(root, "_neurostore", "lake.json")) and not _others(root)


def _others(root: str) -> list[str]:
    """Files of a folder that are in no table's folder."""
    own = {*schema.tables(), "_neurostore"}
    return [f.path for f in storage.list_files(root) if f.path.split("/")[0] not in own]
