"""Damaged small files of ``_neurostore``: what each says can be done without, or is known from elsewhere, but for two."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress

from neurostore import storage
from neurostore.errors import DamagedLakeError
from neurostore.lake import contents, outputs, tombstones
from neurostore.upkeep.erase import ANNOUNCED

_NOT_MADE_ANEW = ("_neurostore/lake.json", tombstones.FILE)
_OLDER_ANNOUNCEMENT = "_neurostore/erasing.json"
_VACUUMED = "_neurostore/vacuumed.json"


def repair(root: str, damaged: Sequence[str]) -> tuple[list[str], list[str]]:
    """Write damaged small files again, or delete those that nothing depends on; under the lake's lock.

    Returns the paths of those that are done with, and sentences about what the user is to know or do.

    Raises
    ------
    DamagedLakeError : lake.json or tombstones.json is damaged, which nothing else knows.
    """
    for path in damaged:
        if path in _NOT_MADE_ANEW:
            raise DamagedLakeError(
                f"{storage.join(root, path)}: damaged, and no copy is left; restore it from a backup"
            )
    done, remarks = [], []
    for path in damaged:
        full = storage.join(root, path)
        if path.startswith(f"{outputs.FOLDER}/"):
            storage.delete([full])
        elif path.startswith(f"{tombstones.RECEIPTS}/"):  # the receipt itself shows that somebody was erased
            storage.write_json(full, {"receipt": path.rsplit("/", 1)[1].removesuffix(".json"), "damaged": True})
            remarks.append(f"the figures in the receipt of an erasure were damaged and are lost: {path}")
        elif path.startswith(f"{ANNOUNCED}/"):
            remarks += _repair_announcement(root, path)
        elif path == _OLDER_ANNOUNCEMENT:
            storage.write_json(full, {"damaged": True})
        elif path == _VACUUMED:
            newest = max(
                f.path for f in contents.own_files(root, "trials/_delta_log", logs=True) if f.path[:1].isdigit()
            )
            storage.write_json(full, {"oldest_version": int(newest.split(".")[0])})
            remarks.append(
                "the record of the versions that can be opened was damaged: only the newest can be opened from now on"
            )
        else:
            continue
        done.append(path)
    return done, remarks


def _repair_announcement(root: str, path: str) -> list[str]:
    """Keep the announcement of an erasure if its name is one that was erased; else say that it is to be repeated.

    A changed letter could name another person, so that the wrong one would be erased.
    """
    full = storage.join(root, path)
    content = {}
    with suppress(ValueError):
        content = json.loads(storage.read_bytes(full) or b"{}")
    subject = content.get("subject") if isinstance(content, dict) else None
    if isinstance(subject, str) and tombstones.read(root).of_subject(subject) is not None:
        storage.write_json(full, {"subject": subject, "since": str(content.get("since"))})
        return []
    storage.delete([full])
    return ["an erasure was announced, but its subject cannot be read: repeat `neurostore erase SUBJECT`"]
