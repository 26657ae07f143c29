"""What a path below the root of a lake is: the one place that distinguishes the lake's own files from others.

A lake's folder holds its tables, ``_neurostore`` and what people put beside them. Only names that this software
gives are its own; everything else is passed over by every command, and listed by ``verify`` and ``erase``.
"""

from __future__ import annotations

import re

from neurostore import schema
from neurostore.storage import temporary

_OF_DELTALAKE = re.compile(r"_commit_[0-9a-f-]+\.json\.tmp|\d{20}\..+#\d+")  # ours: storage.temporary
_OLDER_TEMPORARY = re.compile(r"[^/]+\.[0-9a-f]{8}\.tmp")  # as written until 0.1
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
    return table is not None and bool(_DATA.fullmatch(path[len(table) + 1 :]))


def is_strange(path: str) -> bool:
    """Whether a file is none of the lake's: beside the tables, or in a table's folder under a name of its own."""
    if path.startswith("_neurostore/"):
        return False
    table = schema.table_of(path)
    if table is None:
        return True
    within = path[len(table) + 1 :]
    name = within.rsplit("/", 1)[-1]
    is_known = (
        within.startswith("_delta_log/") or _DATA.fullmatch(within) or _OLDER_TEMPORARY.fullmatch(name.lstrip("."))
    )
    return not is_known
