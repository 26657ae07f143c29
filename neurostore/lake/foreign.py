"""What another program did to a table: it is not known which rows it left out, so nothing is read or built upon it.

Delta tables are open to every program. A DELETE or an overwrite of ``trials`` would show a lake with fewer trials, and the next
compaction would drop their frames for good. Three marks tell such a commit: a feature of Delta that this software does not use,
names of files that it does not give, and what the log's entry says of itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from neurostore import storage
from neurostore.errors import DamagedLakeError, LakeError
from neurostore.lake import contents

NOTE = "neurostore"  # key of a log entry under which this software records what it did
_FEATURES = {"appendOnly", "invariants"}  # features of Delta's protocol that every table may have
_WITHOUT_NOTE = {"CREATE TABLE", "ADD COLUMN", "SET TBLPROPERTIES"}  # our operations that cannot have a note
_REMEDY = "`neurostore verify --drop-damaged` undoes what it did; otherwise restore the lake from a backup"


def check_features(path: str, protocol: Any) -> None:
    """Raise LakeError if another program turned on what this software does not read, such as deletion vectors."""
    features = {*(protocol.reader_features or ()), *(protocol.writer_features or ())} - _FEATURES
    if features or protocol.min_reader_version not in (1, 3) or protocol.min_writer_version not in (1, 2, 7):
        named = ", ".join(sorted(features)) or (
            f"reader version {protocol.min_reader_version}, writer version {protocol.min_writer_version}"
        )
        raise LakeError(
            f"{path}: another program turned on {named}, which this software does not support, so that rows it "
            "deleted would still be read; turn it off there and rewrite the table, or restore the lake from a backup"
        )


def check_files(root: str, table: str, paths: Iterable[str]) -> None:
    """Raise LakeError if another program wrote a file of a table."""
    other = next((path for path in paths if not contents.is_data_within(path)), None)
    if other is not None:
        raise LakeError(f"{storage.join(root, table)}: another program wrote {other} into this table; {_REMEDY}")


def check_entry(root: str, table: str, version: int) -> None:
    """Raise LakeError if another program made a version of a table. Nothing is known of one whose entry is gone."""
    entry = storage.read_bytes(_entry_path(root, table, version))
    if entry is not None and (done := _done_by_another(table, entry.decode(errors="replace"))):
        raise LakeError(f"{storage.join(root, table)}: another program did {done} to this table; {_REMEDY}")


def check_table(root: str, table: str, version: int, paths: Iterable[str]) -> None:
    """Raise LakeError if another program made a version of a table, or wrote one of its files."""
    check_entry(root, table, version)
    check_files(root, table, paths)


def check_newest(root: str, table: str) -> None:
    """Raise LakeError if another program made the newest version of a table, by the names in its log."""
    entries = [f.path for f in contents.own_files(root, f"{table}/_delta_log", logs=True) if f.path.endswith(".json")]
    if entries:
        check_entry(root, table, int(max(entries).removesuffix(".json")))


def take_back(root: str, table: str) -> list[str]:
    """Delete the newest entries of a table's log as far as other programs made them; under the lake's lock.

    Returns the paths of the entries, and of the files they added, which stay as files of another program.
    """
    log = f"{table}/_delta_log"
    files = [f.path for f in contents.own_files(root, log, logs=True)]
    gone: list[str] = []
    added: set[str] = set()
    for name in sorted((f for f in files if f.endswith(".json")), reverse=True):
        text = (storage.read_bytes(storage.join(root, log, name)) or b"").decode(errors="replace")
        if not _done_by_another(table, text):
            break
        gone.append(name)
        added |= added_in(text)
    if gone:
        after = [f for f in files if f[:1].isdigit() and f.split(".")[0] >= gone[-1].split(".")[0]]
        storage.delete([storage.join(root, log, name) for name in ("_last_checkpoint", *sorted(after, reverse=True))])
    return [f"{log}/{name}" for name in gone] + sorted(f"{table}/{path}" for path in added)


def added_in(text: str) -> set[str]:
    """Paths of the files that one log entry adds."""
    adds = (json.loads(line)["add"] for line in text.split("\n") if line.startswith('{"add"'))
    return {unquote(add["path"]) for add in adds}


def _entry_path(root: str, table: str, version: int) -> str:
    return storage.join(root, table, "_delta_log", f"{version:020d}.json")


def _done_by_another(table: str, text: str) -> str:
    """What a log's entry says another program did, in Delta's words; '' if it is ours, or says nothing of itself."""
    about = next((line for line in text.split("\n") if line.startswith('{"commitInfo"')), None)
    if about is None:
        return ""
    try:
        info: dict[str, Any] = json.loads(about)["commitInfo"]
    except ValueError as error:
        raise DamagedLakeError(
            f"an entry in the log of {table} cannot be read ({error}); see `neurostore verify`"
        ) from None
    operation = str(info.get("operation", "something"))
    if NOTE in info or operation in _WITHOUT_NOTE:
        return ""
    is_older = (
        operation == "WRITE" and table != "trials" and all(contents.is_data_within(path) for path in added_in(text))
    )  # before 0.1, only commits to trials had a note
    return "" if is_older else operation
