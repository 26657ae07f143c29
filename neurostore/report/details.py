"""The heading of a report: title, laboratory, clinician, affected side and comment, from participants.tsv or from options."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from neurostore.errors import UsageError

#: Columns of participants.tsv that give a field, the first that a person has a value in.
COLUMNS = {
    "title": ("report_title", "title"),
    "laboratory": ("laboratory", "lab"),
    "clinician": ("clinician", "physician", "referring_clinician"),
    "affected_side": ("affected_side", "side_affected", "affected"),
    "comment": ("comment", "comments"),
}
SIDES = {
    "left": "left",
    "l": "left",
    "right": "right",
    "r": "right",
    "both": "both",
    "bilateral": "both",
    "none": "none",
}


@dataclass(frozen=True)
class Details:
    """The heading above a person's figures; None means not given.

    Attributes
    ----------
    affected_side : left, right, both or none; any other text of the table is shown as it is.
    """

    title: str | None = None
    laboratory: str | None = None
    clinician: str | None = None
    affected_side: str | None = None
    comment: str | None = None

    def is_affected(self, side: str) -> bool:
        """Whether this side is the affected one; where both are, neither is marked."""
        return self.affected_side == side


def details_of(row: dict[str, Any], given: Details) -> Details:
    """The fields of one person: an option before the person's row of participants.tsv.

    Parameters
    ----------
    row : columns of the table subjects for that person. given : the options.
    """
    lower = {name.lower(): value for name, value in row.items()}
    values: dict[str, str | None] = {}
    for field in fields(Details):
        stated = [str(lower[c]) for c in COLUMNS[field.name] if lower.get(c) not in (None, "")]
        values[field.name] = getattr(given, field.name) or (stated[0] if stated else None)
    side = values["affected_side"]
    values["affected_side"] = SIDES.get(side.strip().lower(), side) if side else None
    return Details(**values)


def is_detail(column: str) -> bool:
    """Whether a column of participants.tsv is one of the heading's, and so needs no second mention."""
    return any(column.lower() in names for names in COLUMNS.values())


def check(given: Details, rows: list[dict[str, Any]]) -> None:
    """Raise UsageError for an affected side that does not exist or differs from the lake's, or for fields of one person for several.

    rows : of the table subjects, of the people shown.
    """
    if given.affected_side is not None and given.affected_side not in SIDES.values():
        raise UsageError(f"affected side {given.affected_side!r}; it is left, right, both or none")
    personal = [name for name in ("affected_side", "comment") if getattr(given, name) is not None]
    if personal and len(rows) != 1:
        names = " and ".join(name.replace("_", " ") for name in personal)
        raise UsageError(
            f"{names} of one person, but the report shows {len(rows)}; name the person with --subject, or write a column into "
            "participants.tsv"
        )
    stated = details_of(rows[0], Details()).affected_side if given.affected_side else None
    if stated not in (None, given.affected_side):  # symmetry and marks would refer to different sides
        raise UsageError(
            f"affected side {given.affected_side}, but the lake has {stated} from participants.tsv; correct it there and ingest"
        )
