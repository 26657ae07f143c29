"""A cohort folder whose names, dates and free text identify no one, with the key to them kept elsewhere.

A copy of the cohort is written: subjects get random keys, dates of their tables are moved by a random number of days
(one for each subject, so that intervals stay), columns that may contain names are refused unless allowed. What
recordings say inside (names in a C3D's parameters, paths in a TRC's first line, faces in a video) is not changed; such
files are listed.
"""

from __future__ import annotations

import csv
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from neurostore import schema
from neurostore.errors import CohortError, UsageError
from neurostore.storage import temporary

TABLES = ("participants.tsv", "trials.tsv", "sessions.tsv")
_KEY_COLUMNS = ("participant_id", "subject")
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:([T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:?\d{2})?)?")
_OTHER_DATE = re.compile(
    r"\d{1,2}[./-]\d{1,2}[./-](\d{2}|\d{4})|\d{4}[./]\d{1,2}[./]\d{1,2}|(19|20)\d{2}(0[1-9]|1[0-2])[0-3]\d"
)
_NUMBER = re.compile(
    r"[-+]?\d{0,5}([.,]\d*)?(e[-+]?\d+)?", re.IGNORECASE
)  # more figures before the point number people
_NOTHING = ("", "n/a", "na", "nan", "null", "none", "-")
_MOST_DAYS = 365
_MOST_WORDS = 2
_MOST_LETTERS = 40
_FEWEST_TO_JUDGE = 4  # of so many values, most of them different, a word is not a category but a name
_NAMING = re.compile(
    r"(^|_)(name|surname|forename|initials|mrn|ssn|email|e_mail|phone|telephone|mobile|address|street|postcode|zip|"
    r"insurance|doctor|physician|operator|examiner|comments?|notes?|remarks?)(_|$)"
)
_SPEAKS = {".c3d": "may hold a name in SUBJECTS:NAMES", ".json": "may hold file names"}
_MOTION = {".bvh", ".asf", ".amc", ".trc", ".mot", ".sto", ".tsv", ".toml", ".c3d", ".json"}
_FACES = {".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v"}


@dataclass(slots=True)
class Pseudonymised:
    """What was done. look : files whose contents may name people, for the user to check."""

    n_subjects: int = 0
    n_files: int = 0
    n_dates: int = 0
    dropped: list[str] = field(default_factory=list)
    look: list[str] = field(default_factory=list)


def pseudonymise(
    cohort: Path | str, target: Path | str, key_file: Path | str, *, allow: Iterable[str] = (), drop: Iterable[str] = ()
) -> Pseudonymised:
    """Write a copy of a cohort under pseudonyms.

    Parameters
    ----------
    key_file : JSON of subject -> {pseudonym, shift_days}; made, or used and added to. Keep it apart from the copy.
    allow : columns that may stay though they look like names.  drop : columns to leave out.

    Raises
    ------
    CohortError : no such folder, or it has columns that may contain names and are neither allowed nor dropped.
    UsageError : the target exists, or the key file is inside it or inside the cohort.
    """
    source, target, key_file = (Path(os.path.abspath(p)) for p in (cohort, target, key_file))
    if not source.is_dir():
        raise CohortError(f"{source}: this folder does not exist")
    if target.exists():
        raise UsageError(f"{target}: exists already; name a new folder")
    for folder in (source, target):
        if folder in key_file.parents:
            raise UsageError(f"{key_file}: the key would be stored beside the data; store it elsewhere")
    if target in source.parents or source in target.parents:
        raise UsageError(f"{target}: is inside {source}, or the other way round; name another folder")
    tables = sorted(p for p in source.rglob("*.tsv") if p.name in TABLES or p.name.endswith("_scans.tsv"))
    _check_free_text(tables, set(allow) | set(drop))
    keys = _read_keys(key_file)
    for name in _subjects(source, tables):
        keys.setdefault(name, _new_key({str(k["pseudonym"]) for k in keys.values()}))
    done = Pseudonymised(n_subjects=len(keys))
    target.parent.mkdir(parents=True, exist_ok=True)
    with temporary.replacing(target, is_folder=True) as work:
        for path in sorted(p for p in source.rglob("*") if p.is_file()):
            to = work / _renamed(path.relative_to(source), keys)
            to.parent.mkdir(parents=True, exist_ok=True)
            if path in tables:
                _write_table(path, to, keys, set(drop), done)
            else:
                shutil.copyfile(path, to)  # not its dates
            done.n_files += 1
            if path not in tables and (why := _why_look(path, keys)):
                done.look.append(f"{to.relative_to(work)}: {why}")
        _write_keys(key_file, keys)
    return done


def _why_look(path: Path, keys: Iterable[str]) -> str:
    """Why the user should look into a file that was copied as it is; '' where nothing speaks for it."""
    suffix = path.suffix.lower()
    if suffix in _FACES:
        return "shows a person"
    if any(re.search(_word(name).encode(), path.read_bytes(), re.IGNORECASE) for name in keys):
        return "contains the name of a subject"
    if suffix in _SPEAKS:
        return _SPEAKS[suffix]
    return "" if suffix in _MOTION else "is not a recording"


def _check_free_text(tables: list[Path], settled: set[str]) -> None:
    doubts: dict[str, str] = {}
    for path in tables:
        columns, rows = _rows(path)
        for column in columns:
            if column not in (*_KEY_COLUMNS, *settled):
                why = _why_doubt(column, [v for row in rows if (v := row[column].strip()).lower() not in _NOTHING])
                if why:
                    doubts.setdefault(column, f"{path.name}, column {column} ({why})")
    if doubts:
        raise CohortError(
            "free text may contain names: "
            + "; ".join(doubts.values())
            + "; use --allow COLUMN for columns without names, --drop COLUMN for the others"
        )


def _why_doubt(column: str, values: list[str]) -> str:
    """Why a column may contain names; '' for numbers, dates that can be moved, and categories."""
    if not values:
        return ""
    if _NAMING.search(column.lower()):
        return "by its name"
    if any(_OTHER_DATE.fullmatch(v) for v in values):
        return "dates cannot be moved unless they are written YYYY-MM-DD"
    words = [v for v in values if not _DATE.fullmatch(v) and not _NUMBER.fullmatch(v)]
    if any(len(v) > _MOST_LETTERS or len(v.split()) > _MOST_WORDS for v in words):
        return "long text"
    if len(words) >= _FEWEST_TO_JUDGE and len(set(words)) > len(words) / 2:
        return "nearly every value is different"
    return ""


def _rows(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, delimiter="\t")
            rows = [{k: v or "" for k, v in row.items() if k is not None} for row in reader]
            return list(reader.fieldnames or []), rows
    except (UnicodeDecodeError, csv.Error) as error:
        raise CohortError(f"{path}: not a table of UTF-8 text ({error})") from None


def _subjects(source: Path, tables: list[Path]) -> list[str]:
    """Keys of subjects, from folders and tables, without ``sub-``."""
    names = {p.name for p in source.iterdir() if p.is_dir() and not p.name.startswith(".")}
    for path in tables:
        names |= {row[c] for row in _rows(path)[1] for c in _KEY_COLUMNS if row.get(c)}
    return sorted({n.removeprefix("sub-") for n in names})


def _new_key(taken: set[str]) -> dict[str, str | int]:
    while (pseudonym := "P" + secrets.token_hex(4).upper()) in taken:
        continue
    return {"pseudonym": pseudonym, "shift_days": -1 - secrets.randbelow(_MOST_DAYS)}


def _read_keys(path: Path) -> dict[str, dict[str, str | int]]:
    if not path.exists():
        return {}
    try:
        keys = json.loads(path.read_text(encoding="utf-8"))
        for key in keys.values():
            schema.check_key("pseudonym", key["pseudonym"])
            int(key["shift_days"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: not a key file ({error})") from None
    return keys


def _write_keys(path: Path, keys: dict[str, dict[str, str | int]]) -> None:
    """Whole or not at all, for the owner's eyes alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary.replacing(path, mode=0o600) as work:
        work.write_text(json.dumps(keys, indent=1, sort_keys=True), encoding="utf-8")


def _renamed(path: Path, keys: dict[str, dict[str, str | int]]) -> Path:
    """The path with every subject's name in it replaced: whole words, longest first."""
    return Path(*(_pseudonymised(part, keys) for part in path.parts))


def _pseudonymised(text: str, keys: dict[str, dict[str, str | int]]) -> str:
    names = "|".join(_word(n) for n in sorted(keys, key=len, reverse=True))
    if not names:
        return text
    however = {n.lower(): n for n in keys}

    def pseudonym(found: re.Match[str]) -> str:
        return str(keys[found[0] if found[0] in keys else however[found[0].lower()]]["pseudonym"])

    return re.sub(names, pseudonym, text, flags=re.IGNORECASE)


def _word(name: str) -> str:
    return rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])"


def _write_table(
    path: Path, to: Path, keys: dict[str, dict[str, str | int]], drop: set[str], done: Pseudonymised
) -> None:
    columns, rows = _rows(path)
    done.dropped += [f"{path.name}: {c}" for c in columns if c in drop]
    kept = [c for c in columns if c not in drop]
    folder = next((p for p in (part.removeprefix("sub-") for part in path.parts) if p in keys), None)
    with to.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(kept)
        for row in rows:
            named = next((row[c].removeprefix("sub-") for c in _KEY_COLUMNS if row.get(c)), folder)
            days = int(keys[named]["shift_days"]) if named in keys else 0
            writer.writerow([_cell(row[c], days, keys, done) for c in kept])


def _cell(value: str, days: int, keys: dict[str, dict[str, str | int]], done: Pseudonymised) -> str:
    found = _DATE.fullmatch(value)
    if not found:
        return _pseudonymised(value, keys)
    try:
        moved = date.fromisoformat(found[1]) + timedelta(days=days)
        if found[2]:
            datetime.fromisoformat(value.replace("Z", "+00:00"))
    except (ValueError, OverflowError):
        return ""  # looks like a date and is none: better nothing than a name for a day
    done.n_dates += 1
    return moved.isoformat() + (found[2] or "") + (found[3] or "")
