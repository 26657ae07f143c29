"""The name of an erased person is removed from what reviewers wrote about others, which no later decision could do."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from neurostore import schema
from neurostore.lake import delta
from neurostore.upkeep.traces import Traces

TABLE = "reviews"
_KEPT = {"review_id", "subject", "session", "trial"}


def without_name(rows: pa.Table, person: Traces) -> pa.Table:
    """The decisions on others whose text names a person, with the name replaced; the other rows are left out."""
    texts = [c.name for c in schema.table(TABLE).columns if c.type == "string" and not c.values and c.name not in _KEPT]
    changed: list[dict[str, Any]] = []
    for row in rows.filter(pc.not_equal(rows["subject"], person.subject)).to_pylist():
        new = {name: person.unnamed(row[name]) for name in texts if row.get(name)}
        if any(row[name] != text for name, text in new.items()):
            changed.append({**row, **new})
    return schema.rows_table(TABLE, changed)


def erase_from_decisions(root: str, person: Traces, shown: int | None) -> set[str]:
    """Replace a person's name in the decisions on others, in a version that no reader sees yet.

    shown : the version of the decisions that readers see. Returns whom the decisions are about, also those that a call which
    was cut off had changed.
    """
    changed = without_name(delta.read(root, TABLE, delta.open_table(root, TABLE)), person)
    if changed.num_rows:
        delta.replace_rows(root, TABLE, schema.table(TABLE).key, changed)
    if shown is None:
        return set(changed["subject"].to_pylist())
    seen = without_name(delta.read(root, TABLE, delta.open_table(root, TABLE, shown)), person)
    return {*changed["subject"].to_pylist(), *seen["subject"].to_pylist()}
