"""The tables of a cohort folder: participants, sessions, trials and *_scans, as .tsv, .csv, .txt or .xlsx.

A header line, ``n/a`` or nothing for unknown (BIDS). A column has doubles if every value in it is
a plain number (``02`` and ``02_01`` are not), otherwise strings. Notes report every inference with its cells.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from neurostore.errors import InputError
from neurostore.ingest.cohort.cells import read_cells
from neurostore.wording import and_more, counted, listed

Value = str | float | None
#: words for an unknown value in BIDS and in empty cells, and those that programs and people write instead
UNKNOWN = frozenset({"", "n/a"})
_ALSO_UNKNOWN = frozenset({"na", "nan", "null", "#n/a", "-", "--", "–", "—", ".", "?"})
_ERRORS = frozenset({"#div/0!", "#ref!", "#value!", "#name?", "#num!", "#null!"})  # errors of a spreadsheet program
KEY_COLUMNS = {
    "subject": ("subject", "participant_id", "participant", "subject_id"),
    "session": ("session", "session_id", "ses"),
    "trial": ("trial", "trial_id", "trial_name"),
    "file": ("file", "filename", "file_name", "path"),
}
_KEY_NAMES = frozenset(name for names in KEY_COLUMNS.values() for name in names)
_USUAL_NAMES = frozenset(
    {"group", "sex", "gender", "age", "affected_side", "condition", "acq_time", "exclude", "reason"}
)
_NUMBER = re.compile(r"-?(?:(?:0|[1-9]\d{0,14})(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")
_GROUPED = {",": re.compile(r"-?\d{1,3}(?:\.\d{3})+,\d+|-?\d{1,3}(?:[ ']\d{3})+(?:,\d+)?"),
            ".": re.compile(r"-?\d{1,3}(?:,\d{3})+\.\d+|-?\d{1,3}(?:[ ']\d{3})+(?:\.\d+)?")}  # fmt: skip
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_]+")
_MOST_TEXTS_AMONG_NUMBERS = 0.1


@dataclass(frozen=True, slots=True)
class TsvTable:
    """A table as text. ``rows[i][column]`` is None if unknown; keys are the header's own names.

    numbers : of each row, as a spreadsheet program counts them.
    """

    path: Path
    columns: tuple[str, ...]
    rows: list[dict[str, str | None]]
    notes: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def named(self, *names: str) -> str | None:
        """The column with the first of these names that is there, however it is written; None if there is none."""
        by_plain = {plain_name(c): c for c in reversed(self.columns)}
        return next((by_plain[name] for name in names if name in by_plain), None)

    def key_column(self, key: str) -> str | None:
        """The column that holds 'subject', 'session', 'trial' or 'file'; None if there is none."""
        return self.named(*KEY_COLUMNS[key])

    def values(self, column: str) -> list[Value]:
        """A column, as doubles where every known value is a plain number."""
        texts = [row.get(column) for row in self.rows]
        known = [t for t in texts if t is not None]
        if known and all(_NUMBER.fullmatch(t) for t in known):
            return [None if t is None else float(t) for t in texts]
        return list(texts)

    def where(self, index: int) -> str:
        """A row in words: ``row 3``."""
        return f"row {self.numbers[index]}"


def plain_name(column: str) -> str:
    """A header as it would be named here: ``Height (cm)`` is height_cm, ``Participant ID`` participant_id."""
    text = unicodedata.normalize("NFKC", column)
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text).lower()
    return "_".join(re.findall(r"[^\W_]+", text))


def read_table(path: Path) -> TsvTable:
    """Read a table as people keep it: .tsv, .csv and .txt (comma, semicolon, tab or bar) or .xlsx.

    A title above the header, rows that begin with ``#``, a decimal comma, a byte-order mark, UTF-16, the Windows code
    page and merged cells are read; ``notes`` says what was inferred.

    Raises
    ------
    InputError : no header, columns named twice, rows of another length; every problem at once.
    MissingExtraError : .xlsx without openpyxl.
    """
    notes: list[str] = []
    cells = read_cells(path, notes, lambda row: _n_named(row) > 0)
    numbered = _below_comments([(n, row) for n, row in enumerate(cells, 1) if any(row)], notes)
    if not numbered:
        raise InputError(path, "is empty; expected a header line of column names")
    at = _header_place([row for _, row in numbered])
    if at:
        above = [next(filter(None, row)) for _, row in numbered[:at]]
        notes.append(
            f"{rows_text([n for n, _ in numbered[:at]])}: above the header, not read: {listed(map(repr, above), 3)}"
        )
    top, body = numbered[at][1], numbered[at + 1 :]
    width = max(i for i, cell in enumerate(top) if cell) + 1
    used = [i for i in range(width) if top[i] or any(i < len(row) and row[i] for _, row in body)]
    header = [top[i] for i in used]
    problems = [f"column {name!r} is named twice" for name in sorted({c for c in header if c and header.count(c) > 1})]
    problems += [f"column {i + 1} of the header has no name" for i in used if not top[i]][:1]
    least = 0 if path.suffix.lower() == ".xlsx" else width
    lengths = [(number, _length(row, width)) for number, row in body]
    ragged = [
        f"row {number} has {counted(n, 'cell')}, the header {width}" for number, n in lengths if not least <= n <= width
    ]
    if problems or ragged:
        how = (
            ["every row needs a cell for each column, an empty one too; a table saved as .xlsx has them"]
            if ragged
            else []
        )
        raise InputError(path, *and_more(problems + ragged, 5), *how)
    numbers = [number for number, _ in body]
    rows = [{h: row[i] if i < len(row) else None for h, i in zip(header, used, strict=True)} for _, row in body]
    table = TsvTable(path, tuple(header), _known_cells(rows, numbers, notes), notes, numbers)
    _decimal_commas(table)
    return table


def _length(row: Sequence[str], most: int) -> int:
    """How many cells a row has, without empty ones at its end beyond the header."""
    n = len(row)
    while n > most and not row[n - 1]:
        n -= 1
    return n


def _below_comments(numbered: list[tuple[int, list[str]]], notes: list[str]) -> list[tuple[int, list[str]]]:
    """The rows that do not begin with #; where such a row names columns, it is the header."""
    kept, comments = [], []
    for number, row in numbered:
        first = next(i for i, cell in enumerate(row) if cell)
        if not row[first].startswith("#") or row[first].lower() in _ERRORS | _ALSO_UNKNOWN:
            kept.append((number, row))
        elif _n_named(bare := [cell.lstrip("# ") for cell in row]):
            kept.append((number, bare))
        else:
            comments.append(number)
    if comments:
        notes.append(f"{rows_text(comments)}: a remark (#), not read")
    return kept


def rows_text(numbers: Sequence[object]) -> str:
    """Rows in words: ``row 3``, ``rows 1, 3``."""
    return f"row{'s' if len(numbers) > 1 else ''} {listed(map(str, numbers))}"


def _n_named(row: Sequence[str]) -> int:
    """How many cells are names of columns that hold keys."""
    return sum(plain_name(cell) in _KEY_NAMES for cell in row)


def _header_place(rows: Sequence[Sequence[str]]) -> int:
    """Which row is the header: the first, unless one below has more cells and alone names columns that are known here."""
    first = rows[0]
    known = _KEY_NAMES | _USUAL_NAMES
    if any(plain_name(cell) in known for cell in first):
        return 0
    width = sum(map(bool, first))
    for at, row in enumerate(rows[1:30], 1):
        if sum(map(bool, row)) > width and any(plain_name(cell) in known for cell in row):
            return at
    return 0


def _known_cells(
    rows: list[dict[str, str | None]], numbers: Sequence[int], notes: list[str]
) -> list[dict[str, str | None]]:
    """The rows with None for unknown values; notes report words other than n/a."""
    unknown: dict[str, list[str]] = {}
    for row, number in zip(rows, numbers, strict=True):
        for column, text in row.items():
            low = (text or "").lower()
            if low in UNKNOWN:
                row[column] = None
            elif low in _ALSO_UNKNOWN or low in _ERRORS:
                unknown.setdefault(str(text), []).append(f"{column}, row {number}")
                row[column] = None
    notes += [f"{word!r} was read as unknown: {'; '.join(and_more(where, 5))}" for word, where in unknown.items()]
    return rows


def _decimal_commas(table: TsvTable) -> None:
    """Give columns of numbers with a decimal comma or with groups of thousands a plain form, and say so.

    All values of such a column must be such numbers.
    """
    for column in table.columns:
        known = [text for row in table.rows if (text := row.get(column)) is not None]
        if all(_NUMBER.fullmatch(text) for text in known):
            continue
        for point in (",", "."):
            plain = {text: _plain_number(text, point) for text in known}
            if all(_NUMBER.fullmatch(number) for number in plain.values()):
                for row in table.rows:
                    text = row.get(column)
                    row[column] = text if text is None else plain[text]
                grouped = [text for text in known if _GROUPED[point].fullmatch(text)]
                what = f"the {'comma' if point == ',' else 'point'} was read as a decimal {'comma' if point == ',' else 'point'}"
                what += f", and {listed(grouped, 3)} as grouped in thousands" if grouped else ""
                table.notes.append(f"column {column!r}: {what}")
                break


def _plain_number(text: str, point: str) -> str:
    """A number with this decimal sign as one with a point and without groups; other texts as they are."""
    if _GROUPED[point].fullmatch(text):
        return re.sub(r"[ ']", "", text).replace("," if point == "." else ".", "").replace(",", ".")
    return text.replace(",", ".", 1) if point == "," and re.fullmatch(r"-?\d*,\d*(?:[eE][+-]?\d{1,3})?", text) else text


def texts_among_numbers(table: TsvTable, columns: Iterable[str]) -> list[str]:
    """Sentences on those of these columns that are text because of a few cells that are not numbers."""
    sentences = []
    for column in columns:
        known = [(t, i) for i, row in enumerate(table.rows) if (t := row.get(column)) is not None]
        texts = [(t, i) for t, i in known if not _NUMBER.fullmatch(t)]
        if texts and len(texts) <= max(1, _MOST_TEXTS_AMONG_NUMBERS * len(known)) < len(known) - 1:
            cells = "; ".join(and_more([f"{t!r} in {table.where(i)}" for t, i in texts], 5))
            sentences.append(f"column {column!r} is stored as text, because not every cell is a number: {cells}")
    return sentences


def column_names(columns: Iterable[str], ours: Iterable[str]) -> dict[str, str]:
    """Source column -> column in the lake: letters, digits, _; ``meta_`` before a name that is ours, no two alike."""
    taken = {name.lower() for name in ours}
    named = {}
    for source in columns:
        plain = _NOT_IN_A_NAME.sub("_", source).strip("_") or "column"
        column = f"meta_{plain}" if plain.lower() in taken else plain
        n = 1
        while column.lower() in taken:
            n += 1
            column = f"meta_{plain}_{n}"
        taken.add(column.lower())
        named[source] = column
    return named
