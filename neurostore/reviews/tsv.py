"""Reviews as a table of text, to read, edit and pass on."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from neurostore import reviews, schema
from neurostore.errors import InputError
from neurostore.storage import temporary
from neurostore.wording import near

COLUMNS = (
    "subject", "session", "trial", "action", "side", "cycle", "from_s", "to_s", "channel", "event", "source", "time_s", "new_time_s",
    "new_side", "new_event", "reviewer", "reason", "basis",
)  # fmt: skip


def write(lake: Any, path: Path) -> int:
    """Write the decisions that hold as TSV, which `read` takes. Returns how many."""
    rows = reviews.listing(lake).reverse()
    with temporary.named(path), temporary.replacing(path) as work, work.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow([*COLUMNS, "reviewed_at", "state"])
        for row in rows.iter_rows(named=True):
            writer.writerow(["" if row[c] is None else str(row[c]) for c in (*COLUMNS, "reviewed_at", "state")])
    return rows.height


def read(path: Path) -> list[dict[str, Any]]:
    """Decisions of a TSV, for `reviews.decide`.

    Raises
    ------
    InputError : it cannot be read, a column is unknown, or a number is not valid.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, delimiter="\t")
            rows, header = list(reader), list(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, f"cannot be read as a table of UTF-8 text: {error}") from None
    unknown = [c for c in header if c not in (*COLUMNS, "reviewed_at", "state")]
    if unknown:
        raise InputError(path, *(f"there is no column {c!r}; {near(c, COLUMNS)}" for c in unknown))
    types = {c.name: c.type for c in schema.table("reviews").columns}
    decisions, problems = [], []
    for number, row in enumerate(rows, start=2):
        decision: dict[str, Any] = {}
        for name in COLUMNS:
            text = (row.get(name) or "").strip()
            if not text:
                continue
            try:
                decision[name] = {"int32": int, "float64": float}.get(types[name], str)(text)
            except ValueError:
                problems.append(f"line {number}: {name} is {text!r}; expected a number")
        decisions.append(decision)
    if problems:
        raise InputError(path, *problems)
    return decisions
