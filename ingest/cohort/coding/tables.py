"""Tables of a cohort: which columns may name somebody or give a date away, and the tables without names."""

from __future__ import annotations

import csv
import io
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from neurostore.ingest.cohort import people
from neurostore.ingest.cohort.coding import dates
from neurostore.ingest.cohort.coding.labels import Masks
from neurostore.ingest.cohort.coding.study import Coder
from neurostore.ingest.cohort.coding.words import unknown_words, word_set
from neurostore.ingest.cohort.tables import KEY_COLUMNS, TsvTable, plain_name
from neurostore.storage import temporary
from neurostore.wording import listed

NOTHING = ("", "n/a", "na", "nan", "null", "none", "-")
# A number with more digits before the point may be the number of a person.
_NUMBER = re.compile(r"[-+]?\d{0,5}([.,]\d*)?(e[-+]?\d+)?", re.IGNORECASE)
_MOST_WORDS = 2
_MOST_LETTERS = 40
_FEWEST_TO_JUDGE = 4  # values needed to tell names (most of them different) from categories
_NAMING = re.compile(
    r"(^|_)(name|surname|forename|initials|mrn|ssn|email|e_mail|phone|telephone|mobile|address|street|postcode|zip|"
    r"insurance|doctor|physician|clinician|therapist|operator|examiner|ward|comments?|notes?|remarks?)(_|$)"
)
_REMARKS = re.compile(r"comment|note|remark|ward|hospital|address|street|city")
_NUMBERING = re.compile(
    r"(^|_)(patient|hospital|chart|record|case|study|person|lab|mri)_?(id|no|nr|num|number|code)(_|$)"
)
_PART_OF_A_DATE = re.compile(
    r"(^|_)(year|yr|month|weekday|day_of_(week|year)|dow|doy|calendar_week|quarter|season|epoch|unix|timestamp)(_|$)"
)
_A_DATE = re.compile(r"(^|_)(date|dob|born|birth|birthday|visit|acq|recorded|measured|exam)(_|$)")
_YEAR = re.compile(r"(19|20)\d{2}(\.0*)?")
_SERIAL = re.compile(r"[1-6]\d{4}(\.\d*)?")  # days since 1900, as spreadsheets count them
#: columns of BIDS sidecars that name channels and markers
_SIDECAR = word_set(
    "name component type tracked_point units placement reference_frame sampling_frequency status onset duration trial_type "
    "value sample"
)
_FOR_ALL = 3  # least number of people with one shared date: moving it differently for each would show by how much


@dataclass(slots=True)
class CohortTable:
    """A table, and to whom its rows belong. is_sidecar : of one recording. subject : of the folder it is in, or None."""

    table: TsvTable
    subject: str | None
    is_sidecar: bool = False
    columns: dict[str, str] = field(default_factory=dict)  # column -> subject, session, trial or file

    def __post_init__(self) -> None:
        for kind, names in KEY_COLUMNS.items():
            for column in self.table.columns:
                if plain_name(column) in names:
                    self.columns[column] = kind

    def rows_subject(self, row: dict[str, str | None], of_file: Callable[[str], str | None]) -> str | None:
        """The subject of a row: by its subject column, else by the file it names, else by the folder."""
        for column, kind in self.columns.items():
            value = row[column]
            if kind == "subject" and value:
                return value.removeprefix("sub-")
            if kind == "file" and value and (subject := of_file(value)):
                return subject
        return self.subject

    def rename(self, names: Mapping[str, str]) -> None:
        """Give people other keys: key without ``sub-`` -> the new one."""
        for column in (c for c, kind in self.columns.items() if kind == "subject"):
            for row in self.table.rows:
                row[column] = names.get((row[column] or "").removeprefix("sub-"), row[column])

    def subjects(self) -> set[str]:
        """Every subject that a column names, without ``sub-``."""
        named = [c for c, kind in self.columns.items() if kind == "subject"]
        return {value.removeprefix("sub-") for row in self.table.rows for c in named if (value := row[c])}


def doubts(
    table: CohortTable, coder: Coder, settled: Iterable[str], of_file: Callable[[str], str | None]
) -> dict[str, str]:
    """Column -> why it may name somebody, or why its dates cannot be moved; those that are settled are left out."""
    doubtful: dict[str, str] = {}
    whose = [table.rows_subject(row, of_file) for row in table.table.rows]
    for column in table.table.columns:
        if column in settled:
            continue
        if coder.has_name(column) or dates.spoken(column):
            doubtful[column] = "its own name holds a name or a date"
        if column in table.columns or (table.is_sidecar and column.lower() in _SIDECAR):
            continue
        values = [(row[column] or "").strip() for row in table.table.rows]
        known = [(value, who) for value, who in zip(values, whose, strict=True) if value.lower() not in NOTHING]
        why = _why(plain_name(column), [v for v, _ in known], coder) or _why_not_moved(known)
        if why:
            doubtful[column] = why
    return doubtful


def learn(table: CohortTable, coder: Coder) -> None:
    """Remember the names in columns that are called names, to search for them elsewhere."""
    for column in table.table.columns if not table.is_sidecar else ():
        if (
            column not in table.columns
            and _NAMING.search(plain_name(column))
            and not _REMARKS.search(plain_name(column))
        ):
            for row in table.table.rows:
                coder.learn(row[column] or "")


def _why(column: str, values: list[str], coder: Coder) -> str:
    """Why a column may contain names; '' for numbers, dates that can be moved, and plain words."""
    if not values:
        return ""
    if _NAMING.search(column):
        return "by its name"
    if any(dates.OTHER.fullmatch(v) for v in values):
        return "dates cannot be moved unless they are written YYYY-MM-DD"
    if why := _part_of_a_date(column, values):
        return why
    words = [v for v in values if not dates.ISO.fullmatch(v) and not _NUMBER.fullmatch(v)]
    if any(len(v) > _MOST_LETTERS or len(v.split()) > _MOST_WORDS for v in words):
        return "long text"
    if any(dates.spoken(v) for v in words):
        return "dates cannot be moved unless they are written YYYY-MM-DD"
    words = [] if all(v.lower() in people.WORDS for v in words) else words
    unknown = [v for v in words if len(v) > 1 and unknown_words(v, coder.keep)]  # one letter is a category
    if unknown and len(words) >= _FEWEST_TO_JUDGE and len(set(words)) > len(words) / 2:
        return "nearly every value is different"
    if _NUMBERING.search(column):
        return "by its name"
    if unknown:
        return f"words that may be a name: {listed(dict.fromkeys(unknown), 3)}"
    return ""


def _part_of_a_date(column: str, values: list[str]) -> str:
    if _PART_OF_A_DATE.search(column) or all(_YEAR.fullmatch(v) for v in values):
        return "a part of a date would show how far the other dates were moved"
    if _A_DATE.search(column) and any(_SERIAL.fullmatch(v) for v in values):
        return "dates cannot be moved unless they are written YYYY-MM-DD"
    return ""


def _why_not_moved(known: list[tuple[str, str | None]]) -> str:
    moved = [(value, who) for value, who in known if dates.ISO.fullmatch(value)]
    if any(who is None for _, who in moved):
        return "no column names the subject that its dates belong to"
    people = {who for _, who in moved}
    if len(people) >= _FOR_ALL and len({value[:10] for value, _ in moved}) == 1:
        return "everybody has the same date, which would show how far each was moved"
    return ""


def coded(
    table: CohortTable,
    suffix: str,
    coder: Coder,
    drop: set[str],
    paths: dict[str, str],
    of_file: Callable[[str], str | None],
) -> bytes:
    """The table as a file of the same kind: keys coded as folders and files are, dates moved, rows by their new keys."""
    kept = [c for c in table.table.columns if c not in drop]
    masks = Masks(coder)
    rows: list[tuple[str, list[str]]] = []
    for row in table.table.rows:
        subject = table.rows_subject(row, of_file)
        cells = [_cell(table, c, row[c] or "", subject, coder, masks, paths) for c in kept]
        rows.append((str(coder.keys[subject]["pseudonym"]) if subject in coder.keys else "", cells))
    if any(kind == "subject" for kind in table.columns.values()):
        rows.sort(key=lambda row: row[0])  # they may be in the order of names or dates
    header = [coder.cell(c, None) for c in kept]
    body = [cells for _, cells in rows]
    return _workbook(header, body) if suffix == ".xlsx" else _text(header, body, "\t" if suffix == ".tsv" else ",")


def _cell(
    table: CohortTable, column: str, value: str, subject: str | None, coder: Coder, masks: Masks, paths: dict[str, str]
) -> str:
    kind = table.columns.get(column)
    if not value:
        return "n/a"
    if kind == "subject":
        return coder.pseudonym(value)
    if kind == "file":
        return path_coded(value, subject or "", coder, paths)
    if kind is not None:
        return coder.name(value, subject or "")
    if table.is_sidecar and column.lower() in _SIDECAR:
        return masks.label(value)
    return coder.cell(value, subject)


def path_coded(value: str, subject: str, coder: Coder, paths: dict[str, str]) -> str:
    """A path in a table as the files were renamed; one that names no file here is coded part by part."""
    plain = posixpath.normpath(value.replace("\\", "/"))
    for candidate in (plain, posixpath.basename(plain)):
        if candidate in paths:
            return paths[candidate]
    stem, dot, suffix = posixpath.basename(plain).rpartition(".")
    return coder.name(stem, subject) + dot + suffix if dot else coder.name(suffix, subject)


def _text(header: list[str], rows: list[list[str]], separator: str) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=separator, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue().encode()


def _workbook(header: list[str], rows: list[list[str]]) -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(header)
    for row in rows:
        sheet.append([float(v) if re.fullmatch(r"-?\d{1,15}(\.\d+)?", v) and not v.startswith("0") else v for v in row])
    buffer = io.BytesIO()
    with temporary.of_libraries():
        book.save(buffer)
    return buffer.getvalue()
