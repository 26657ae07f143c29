"""New metadata for trials whose data stay as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import neurostore
from neurostore import schema, storage
from neurostore.lake import delta, hashes

Key = tuple[str, str, str]
_KEY = ("subject", "session", "trial")


def renew_trials(lake_path: object, changes: Mapping[Key, Mapping[str, Any]], *, message: str = "") -> int:
    """Set columns of ``trials`` for some keys, in one commit. Returns the lake's version.

    Keys that are no longer in the lake are passed over; what another process wrote meanwhile stays but for the
    columns named.

    Raises
    ------
    LakeError : a value does not fit its column.  ConflictError : other writers won every attempt.
    """
    root = storage.resolve(lake_path)

    def rows_of(newest: Any) -> Any:
        rows = delta.read(root, "trials", newest).to_pylist()
        chosen = [(row, changes.get((row["subject"], row["session"], row["trial"]))) for row in rows]
        return schema.rows_table("trials", [{**row, **change} for row, change in chosen if change is not None])

    said = {
        "operation": "renew",
        "message": message,
        "software": neurostore.__version__,
        "trials_in": 0,
        "trials_replaced": len(changes),
        "trials_removed": 0,
    }
    with hashes.writing(root, "renew"), storage.named_errors(root, "renew"):
        return delta.replace_rows(root, "trials", _KEY, rows_of, note={"neurostore": json.dumps(said)})
