"""Reviews as a table of text, to read, edit and pass on."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neurostore import reviews, schema
from neurostore.errors import InputError
from neurostore.lake.version import Version
from neurostore.storage import temporary
from neurostore.wording import near

COLUMNS = (
    "subject", "session", "trial", "action", "side", "cycle", "from_s", "to_s", "channel", "event", "source", "time_s", "new_time_s",
    "new_side", "new_event", "reviewer", "reason", "basis",
)  # fmt: skip
_ABOUT = ("reviewed_at", "state", "review_id")  # written for the reader; review_id also tells what is there already
_DELIMITERS = "\t;,"


def write(lake: Version, path: Path) -> int:
    """Write the decisions that hold as TSV, which `read` takes. Returns how many."""
    rows = reviews.listing(lake).reverse()
    with temporary.named(path), temporary.replacing(path) as work, work.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow([*COLUMNS, *_ABOUT])
        for row in rows.iter_rows(named=True):
            writer.writerow(["" if row[c] is None else str(row[c]) for c in (*COLUMNS, *_ABOUT)])
    return rows.height


def read(path: Path) -> list[dict[str, Any]]:
    """Decisions of a table, for `reviews.decide`: separated by tabs, semicolons or commas, as the header is.

    Raises
    ------
    InputError : it cannot be read, a column is unknown, or a number is not valid.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(path, f"is not UTF-8 text ({error.reason}); save it as UTF-8") from None
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from None
    header = text.partition("\n")[0]
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=header.count))
        rows, columns = list(reader), list(reader.fieldnames or ())
    except csv.Error as error:
        raise InputError(path, f"cannot be read as a table: {error}") from None
    unknown = [c for c in columns if c not in (*COLUMNS, *_ABOUT)]
    if unknown:
        raise InputError(path, *(f"there is no column {c!r}; {near(c, COLUMNS)}" for c in unknown))
    types = {c.name: c.type for c in schema.table("reviews").columns}
    decisions, problems = [], []
    for number, row in enumerate(rows, start=2):
        decision: dict[str, Any] = {}
        for name in (*COLUMNS, "review_id"):
            cell = (row.get(name) or "").strip()
            if not cell:
                continue
            try:
                decision[name] = {"int32": int, "float64": float}.get(types[name], str)(cell)
            except ValueError:
                problems.append(f"line {number}: {name} is {cell!r}; expected a number")
        decisions.append(decision)
    if problems:
        raise InputError(path, *problems)
    return decisions


def not_stored(lake: Version, decisions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The decisions that a lake does not have yet. One with a review_id of the lake and other contents is a new decision."""
    stored = {row["review_id"]: row for row in reviews.listing(lake).iter_rows(named=True)}
    new = []
    for decision in decisions:
        before = stored.get(decision.get("review_id"))
        if before is None:
            new.append(dict(decision))
        elif any(decision.get(c, "") != ("" if before[c] is None else before[c]) for c in COLUMNS):
            new.append({name: value for name, value in decision.items() if name != "review_id"})
    return new
