"""Making an empty lake."""

from __future__ import annotations

from datetime import UTC, datetime

from neurostore import schema, storage
from neurostore.errors import NotALakeError
from neurostore.lake import contents, delta, hashes, marker
from neurostore.release import VERSION


def create(path: object) -> str:
    """Make an empty lake if there is none. Returns its root. Two processes may create it at once.

    Raises
    ------
    NotALakeError : the folder holds other things.  LakeError : it cannot be written.
    """
    root = storage.resolve(path)
    marker.check_folder(root)
    marker_file = storage.join(root, "_neurostore", "lake.json")
    with storage.named_errors(root, "creating the lake"):
        if not storage.exists(marker_file):
            _check_empty(root)
            # hashes are recorded before the folder counts as a lake, so a killed process leaves no gap
            with hashes.gathered(root):
                for name in schema.single_tables():
                    delta.create(root, name, schema.table(name).arrow(), schema.table(name).partition)
            created = {
                "schema_version": schema.SCHEMA_VERSION,
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "software_version": VERSION,
            }
            storage.write_json(marker_file, created, replace=False)
    return root


def is_to_be_made(path: object) -> bool:
    """Whether there is no lake yet, or one whose making was cut off; :func:`create` finishes it.

    Raises NotALakeError if the folder holds other things.
    """
    root = storage.resolve(path)
    marker.check_folder(root)
    if storage.exists(storage.join(root, "_neurostore", "lake.json")):
        return False
    _check_empty(root)
    return True


def _check_empty(root: str) -> None:
    """Raise NotALakeError if a folder has files that are in no table's folder, but for those of file browsers."""
    own = {*schema.tables(), "_neurostore"}
    others = [f.path for f in storage.list_files(root) if f.path.split("/")[0] not in own]
    others = sorted(path for path in others if not contents.is_of_file_browser(path))
    if others:
        raise NotALakeError(f"{root}: not empty ({others[0]} …) and no lake; choose another folder")
