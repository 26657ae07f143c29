"""Make a cohort folder from a pile of files and a table that assigns each file to a subject.

Files are copied and never moved. Everything is checked before anything is written, the folder is made under a temporary
name, and it gets its name when it is complete.
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from neurostore import storage
from neurostore.errors import CohortError, InputError, UsageError
from neurostore.file_hash import sha256_and_size
from neurostore.ingest.cohort.source import KEY, composed, key_from, key_like
from neurostore.ingest.cohort.tables import TsvTable, read_table, rows_text
from neurostore.ingest.cohort.template import table_text
from neurostore.ingest.cohort.times import date_in
from neurostore.ingest.readers import READERS, VIDEO_SUFFIXES, stem_of, suffix_of
from neurostore.storage import temporary
from neurostore.wording import and_more, listed, near

_MOST_PROBLEMS = 12
_KEYS = ("subject", "session", "trial", "file")
_WITH_A_CAPTURE = {".mot", ".sto", ".asf", ".json", ".xml"}


@dataclass(slots=True)
class Organised:
    """What :func:`organise` did.

    left : files of the pile, relative to it, that the table does not name. renamed : ``walk 1.bvh is walk_1``, of files
    whose names cannot be keys and whose row gives no trial.
    """

    target: Path
    n_files: int = 0
    n_trials: int = 0
    n_subjects: int = 0
    left: list[str] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the table: the trial, its files, and the further cells."""

    number: int
    place: tuple[str, str, str]
    files: tuple[Path, ...]
    cells: dict[str, str]
    is_renamed: bool


def organise(pile: Path | str, cohort: Path | str, table: Path | str) -> Organised:
    """Copy the files of a pile to ``cohort/<subject>/[<session>/]<trial>.<ext>``, as a table says.

    Parameters
    ----------
    pile : a folder with files, in folders or not.
    cohort : the folder to make; it must not exist, or be empty.
    table : .tsv, .csv, .txt or .xlsx with the columns ``file`` (path below the pile, or a name that is there once, with or
        without its ending) and ``subject``; ``session`` and ``trial`` where there are; without a trial, the name of
        the file is taken. Further columns go into trials.tsv of the cohort.

    Raises
    ------
    CohortError : rows without a file or key, files named twice, two files of one name: every problem at once; nothing
        is written then.
    UsageError : the pile does not exist, or the cohort does.
    """
    pile, target = Path(pile), Path(os.path.abspath(cohort))
    if not pile.is_dir():
        raise UsageError(f"{pile}: there is no such folder")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target}: exists and is not empty; name a new folder (files are never added to one)")
    if target == pile.resolve() or pile.resolve() in target.parents:
        raise UsageError(f"{target}: is in the pile; name a folder outside of it")
    try:
        read = read_table(Path(table))
    except InputError as error:
        raise CohortError(str(error)) from None
    files = _files_of(pile, Path(table))
    problems: list[str] = []
    rows = _rows(read, pile, files, problems)
    copies = _copies(rows, problems)
    if problems:
        raise CohortError(f"{read.path}: " + "; ".join(and_more(problems, _MOST_PROBLEMS)))
    with temporary.named(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.replacing(target, is_folder=True) as work:
            for place, source in copies.items():
                _copy(source, work / place)
            _write_table(work, rows)
            for folder in [path for path in work.rglob("*") if path.is_dir()]:
                storage.sync_folder(str(folder))
    used = {path for row in rows for path in row.files}
    left = [path.relative_to(pile).as_posix() for path in files if path not in used]
    subjects = {row.place[0] for row in rows}
    renamed = [f"{row.files[0].name} is {row.place[2]}" for row in rows if row.is_renamed]
    return Organised(target, len(copies), len({row.place for row in rows}), len(subjects), left, renamed)


def _files_of(pile: Path, table: Path) -> list[Path]:
    """Every file of the pile but the table itself, and hidden ones."""
    files = sorted(p for p in pile.rglob("*") if p.is_file() and not p.name.startswith("."))
    return [p for p in files if not table.exists() or not p.samefile(table)]


def _rows(table: TsvTable, pile: Path, files: Sequence[Path], problems: list[str]) -> list[_Row]:
    columns = {key: table.key_column(key) for key in _KEYS}
    missing = [key for key in ("file", "subject") if columns[key] is None]
    if missing:
        problems.append(
            f"no column {' or '.join(missing)} among {', '.join(table.columns)}; call the columns file, subject and, where "
            "there are, session and trial"
        )
        return []
    index: dict[str, list[Path]] = defaultdict(list)
    for path in files:
        relative = PurePosixPath(path.relative_to(pile).as_posix())
        stem = stem_of(path)
        for name in {str(relative), relative.name, stem, str(relative.with_name(stem))}:
            index[composed(name)].append(path)
    rows = []
    no_keys: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, row in zip(table.numbers, table.rows, strict=True):
        cells = {key: (row.get(column) or "").strip() if column else "" for key, column in columns.items()}
        asked = composed(cells["file"].replace("\\", "/").removeprefix("./"))
        matching = _found(asked, index, number, problems)
        place = _place(cells, matching, number, no_keys)
        if matching and place:
            further = {c: row.get(c) or "" for c in table.columns if c not in columns.values()}
            is_renamed = not cells["trial"] and place[2] != stem_of(matching[0])
            rows.append(_Row(number, place, tuple(matching), further, is_renamed))
    problems += _key_problems(no_keys)
    return rows


def _key_problems(no_keys: dict[tuple[str, str], list[int]]) -> list[str]:
    """Values that cannot be keys, each once with its rows and a possible key; the last says what is expected."""
    problems = []
    for (what, value), numbers in no_keys.items():
        like = (date_in(value) if what == "session" else None) or key_like(value)
        such = f", such as {like}" if like else ""
        problems.append(f"{rows_text(numbers)}: {what} is {value!r}; expected a key{such}")
    return (
        [*problems[:-1], f"{problems[-1]} (letters, digits, _ and -, beginning with a letter or digit, at most 64)"]
        if problems
        else []
    )


def _found(asked: str, index: dict[str, list[Path]], number: int, problems: list[str]) -> list[Path]:
    """The files that a cell names: one, or those of one trial where it names them without their ending."""
    files = index.get(asked, [])
    if not asked:
        problems.append(f"row {number}: names no file")
    elif not files:
        problems.append(f"row {number}: the pile has no {asked!r}; {near(asked, index)}")
    elif len({(path.parent, stem_of(path)) for path in files}) > 1:
        problems.append(f"row {number}: {asked!r} is in the pile {len(files)} times, as in {files[0]}; give its path")
        return []
    elif len(files) > 1 and len([p for p in files if _is_capture(p)]) > 1:
        problems.append(f"row {number}: {asked!r} can be {listed(p.name for p in files)}; give the extension too")
        return []
    return files


def _is_capture(path: Path) -> bool:
    suffix = suffix_of(path)
    return suffix not in _WITH_A_CAPTURE and (suffix in READERS or suffix in VIDEO_SUFFIXES)


def _place(
    cells: dict[str, str], files: Sequence[Path], number: int, no_keys: dict[tuple[str, str], list[int]]
) -> tuple[str, str, str] | None:
    """Subject, session and trial of a row; None if one of them cannot be a key, which goes into no_keys with the row."""
    trial = cells["trial"] or (key_from(stem_of(files[0])) if files else "")
    given = (("subject", cells["subject"]), ("session", cells["session"]), ("trial", trial))
    bad = [pair for pair in given if (pair[1] or pair[0] == "subject") and not KEY.fullmatch(pair[1])]
    for pair in bad:
        no_keys[pair].append(number)
    return None if bad or not trial else (cells["subject"], cells["session"], trial)


def _copies(rows: Sequence[_Row], problems: list[str]) -> dict[str, Path]:
    """Where in the cohort each file goes; files that are named twice, or would have one name, are problems."""
    copies: dict[str, Path] = {}
    folded: dict[str, tuple[str, int]] = {}
    owners: dict[Path, int] = {}
    for row in rows:
        subject, session, trial = row.place
        for source in row.files:
            if source in owners:
                problems.append(f"rows {owners[source]} and {row.number} both name {source.name}")
                continue
            owners[source] = row.number
            ending = source.name[len(stem_of(source)) :]
            place = "/".join(filter(None, (subject, session, trial + ending)))
            if place.lower() in folded:
                other, number = folded[place.lower()]
                is_same = other == place
                how = "become" if is_same else "would be one file on a disk that ignores case:"
                problems.append(f"rows {number} and {row.number} {how} {place}; give them different trials")
                continue
            folded[place.lower()] = (place, row.number)
            copies[place] = source
    return copies


def _copy(source: Path, target: Path) -> None:
    """Copy a file with its time, down to the disk, and compare the copy with the source."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    temporary.sync(target)
    if sha256_and_size(target) != sha256_and_size(source):
        raise CohortError(f"{source}: changed while it was copied; nothing was written: repeat the command")


def _write_table(work: Path, rows: Sequence[_Row]) -> None:
    """trials.tsv of the cohort: keys and the further columns of the table."""
    further = list(dict.fromkeys(c for row in rows for c in row.cells))
    named = [
        {**dict(zip(("subject", "session", "trial"), row.place, strict=True)), **row.cells}
        for row in sorted(rows, key=lambda r: r.place)
    ]
    if further:
        text = table_text(("subject", "session", "trial", *further), named)
        storage.write_whole(str(work / "trials.tsv"), text.encode())
