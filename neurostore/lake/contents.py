"""What a path below the root of a lake is: the one place that distinguishes the lake's own files from others.

A lake's folder holds its tables, ``_neurostore`` and what people put beside them. Only names that this software gives
are its own; every command ignores everything else, and ``verify`` and ``erase`` list it.
"""

from __future__ import annotations

import re

from neurostore import schema, storage
from neurostore.storage import temporary

# Temporary files of deltalake; those of Neurostore are named by storage.temporary.
_OF_DELTALAKE = re.compile(r"_commit_[0-9a-f-]+\.json\.tmp|\d{20}\..+#\d+")
_OLDER_TEMPORARY = re.compile(r"[^/]+\.[0-9a-f]{8}\.tmp")  # as written before 0.1
_OF_NEUROSTORE = re.compile(
    r"(lake|tombstones|vacuumed|erasing)\.json|commit\.lock|(running|erasing|erasures|outputs)/[0-9a-f]{32}\.json"
    r"|hashes/\d+-[0-9a-f]{32}\.txt|releases/[A-Za-z0-9][A-Za-z0-9._-]*\.json"
)
_OF_LOG = re.compile(r"\d{20}\.(json|crc|checkpoint\.([\w-]+\.)*parquet)|_last_checkpoint")
_DATA = re.compile(r"(subject=[A-Za-z0-9_-]+/)?[0-9a-f]{8}-[0-9a-f]{32}\.parquet")


def is_temporary(path: str) -> bool:
    """Whether a file was being written when its process ended. A name of ours, wherever it is."""
    *_, name = parts = path.split("/")
    if any(map(temporary.is_temporary, parts)) or _OF_DELTALAKE.fullmatch(name):
        return True
    return bool(not is_strange(path) and _OLDER_TEMPORARY.fullmatch(name))


def is_data(path: str) -> bool:
    """Whether a name is one that this software gives to a data file of a table."""
    table = schema.table_of(path)
    return table is not None and is_data_within(path[len(table) + 1 :])


def is_data_within(path: str) -> bool:
    """Whether a path below a table's folder is one that this software gives to a data file."""
    return bool(_DATA.fullmatch(path))


def is_strange(path: str) -> bool:
    """Whether a file does not belong to the lake: it is beside the tables, or among the lake's files under a foreign name.

    This includes ``._NAME``, which macOS stores beside each file on a foreign disk.
    """
    table = schema.table_of(path)
    name = path.rsplit("/", 1)[-1]
    if path.startswith("_neurostore/"):
        is_known = bool(_OF_NEUROSTORE.fullmatch(path.removeprefix("_neurostore/")))
    elif table is None:
        return True
    else:
        within = path[len(table) + 1 :]
        in_log = within.removeprefix("_delta_log/")
        is_known = is_data_within(within) if in_log == within else bool(_OF_LOG.fullmatch(in_log))
    being_written = _OLDER_TEMPORARY.fullmatch(name.lstrip(".")) or _OF_DELTALAKE.fullmatch(name)
    return not (is_known or being_written)


def is_of_file_browser(path: str) -> bool:
    """Whether a file is one that the Finder or Windows leaves in every folder that is opened."""
    name = path.rsplit("/", 1)[-1].lower()
    return name in (".ds_store", ".localized", ".directory", "thumbs.db", "desktop.ini") or name.startswith("._")


def own_files(root: str, folder: str, *, logs: bool = False) -> list[storage.StoredFile]:
    """The lake's own files in a folder of the lake, by their paths below the folder."""
    files = storage.list_files(storage.join(root, folder), logs=logs)
    return [file for file in files if not is_strange(f"{folder}/{file.path}")]
