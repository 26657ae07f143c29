"""A cohort folder whose names, dates and free text identify nobody, with the key stored elsewhere.

A copy of the cohort is written: subjects get random keys, dates are moved by a random number of days (one for each
subject, so that intervals stay) in tables, in names and inside recordings; words of file names that may name
somebody are coded; texts inside recordings are masked or blanked. Whatever cannot be coded stops the whole run.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from neurostore import progress
from neurostore.errors import CohortError, InputError, UsageError
from neurostore.ingest.cohort.coding import c3d, documents, mvnx, residue, text, video
from neurostore.ingest.cohort.coding.pile import Pile, PileFile, look, own_name
from neurostore.ingest.cohort.coding.study import Coder, new_key, read_keys, write_keys
from neurostore.ingest.cohort.coding.tables import coded, doubts, learn
from neurostore.ingest.readers import stem_of, suffix_of
from neurostore.storage import temporary
from neurostore.wording import and_more, listed

_MOST_PROBLEMS = 20


@dataclass(slots=True)
class Pseudonymised:
    """What was done. look : files whose contents may name people, for the user to check. words : that were coded."""

    n_subjects: int = 0
    n_files: int = 0
    n_dates: int = 0
    dropped: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    look: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def pseudonymise(
    cohort: Path | str,
    target: Path | str,
    key_file: Path | str,
    *,
    allow: Iterable[str] = (),
    drop: Iterable[str] = (),
    keep_words: Iterable[str] = (),
    leave_out: Iterable[str] = (),
    keep: Iterable[str] = (),
) -> Pseudonymised:
    """Write a copy of a cohort under pseudonyms.

    Parameters
    ----------
    key_file : JSON of subject -> {pseudonym, shift_days, words}; made, or used and added to. Keep it apart from the copy.
    allow : columns that may stay though they look like names.  drop : columns to leave out.
    keep_words : words in names of files that name nobody.
    leave_out : patterns of files that are not copied.  keep : patterns of files that are copied as they are.

    Raises
    ------
    CohortError : no such folder, or something in it cannot be coded; nothing is written then.
    UsageError : the target exists, or the key file is inside it or inside the cohort.
    """
    source, target, key_file = _checked(cohort, target, key_file)
    words = frozenset(w.lower() for w in keep_words)
    pile = look(source, leave_out, keep, words)
    keys = read_keys(key_file)
    for name in sorted(pile.subjects):
        keys.setdefault(name, new_key({str(k["pseudonym"]) for k in keys.values()}))
    coder = Coder(keys, words)
    drop = set(drop)
    _refuse(pile.problems + _doubtful_columns(pile, coder, {*allow, *drop}))
    _learn(pile, coder)
    paths = _new_paths(pile, coder)
    done = Pseudonymised(n_subjects=len(pile.subjects), left_out=pile.left_out)
    done.notes = [_without_paths(note, paths) for note in pile.notes]
    done.dropped = [f"{t.table.path.name}: {c}" for t in pile.tables.values() for c in t.table.columns if c in drop]
    target.parent.mkdir(parents=True, exist_ok=True)
    with temporary.replacing(target, is_folder=True) as work:
        problems = []
        for file in progress.counting(pile.files, "coding files"):
            to = work / paths[file.relative]
            to.parent.mkdir(parents=True, exist_ok=True)
            try:
                _write(file, to, pile, coder, drop, paths)
            except InputError as error:
                problems.append(f"{file.relative}: {'; '.join(error.problems)}")
            done.n_files += 1
            if why := _why_look(file):
                done.look.append(f"{paths[file.relative]}: {why}")
        _refuse(problems)
        _refuse(_left_over(pile, work, coder, paths))
        write_keys(key_file, keys)
    done.n_dates, done.words = coder.n_dates, sorted(coder.used)
    done.notes += coder.notes
    return done


def _checked(cohort: Path | str, target: Path | str, key_file: Path | str) -> tuple[Path, Path, Path]:
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
    return source, target, key_file


def _refuse(problems: list[str]) -> None:
    if not problems:
        return
    shown = and_more(problems, _MOST_PROBLEMS)
    raise CohortError("nothing was written, because this cannot be coded:\n  " + "\n  ".join(shown))


def _learn(pile: Pile, coder: Coder) -> None:
    """Every name that tables and recordings call one, before the first file is coded."""
    for table in pile.tables.values():
        learn(table, coder)
    for file in pile.files:
        if file.kind == "motion" and (named := own_name(file.path)):
            coder.learn(named)


def _doubtful_columns(pile: Pile, coder: Coder, settled: set[str]) -> list[str]:
    doubtful: dict[str, str] = {}
    for relative, table in pile.tables.items():
        for column, why in doubts(table, coder, settled, pile.of_file).items():
            doubtful.setdefault(column, f"{relative.rpartition('/')[2]}, column {column} ({why})")
    if not doubtful:
        return []
    return [
        "free text may contain names: "
        + "; ".join(doubtful.values())
        + "; use --allow COLUMN for columns without names, --drop COLUMN for the others"
    ]


def _new_paths(pile: Pile, coder: Coder) -> dict[str, str]:
    """Path below the folder -> path below the copy. A file directly in the folder moves into the folder of its subject."""
    paths: dict[str, str] = {}
    taken: dict[str, str] = {}
    for file in pile.files:
        stem = coder.name(stem_of(file.path), file.subject)
        name = stem + file.path.name[len(stem_of(file.path)) :].lower()
        folders = [coder.pseudonym(file.parts[0])] if len(file.parts) > 1 else []
        folders += [coder.name(part, file.subject) for part in file.parts[1:-1]]
        if len(file.parts) == 1 and file.subject:
            folders = [coder.pseudonym(file.subject)]
        new = "/".join([*folders, name])
        if new.lower() in taken:
            raise CohortError(f"{file.relative} and {taken[new.lower()]} would both be named {new}; rename one of them")
        taken[new.lower()] = file.relative
        paths[file.relative] = new
    return paths


def _without_paths(note: str, paths: dict[str, str]) -> str:
    """A note whose file is named as in the copy."""
    path, colon, rest = note.partition(": ")
    return paths.get(path, path) + colon + rest


def _write(file: PileFile, to: Path, pile: Pile, coder: Coder, drop: set[str], paths: dict[str, str]) -> None:
    suffix = suffix_of(file.path)
    if file.kind == "kept":
        shutil.copyfile(file.path, to)  # without the file's dates
        return
    if file.kind == "video":
        video.copy_frames(file.path, to, coder.notes)
        return
    if file.kind in ("table", "sidecar"):
        content = coded(pile.tables[file.relative], suffix, coder, drop, paths, pile.of_file)
    elif file.kind == "toml":
        content = documents.config(file.path, coder)
    elif file.kind == "json":
        content = documents.json_file(file.path, coder, file.subject)
    elif file.kind == "poses":
        make = documents.poses_json if suffix == ".poses.json" else documents.poses_parquet
        content = make(file.path, coder, file.subject)
    elif file.kind == "points":
        content = text.points_csv(file.path, coder, file.subject)
    elif file.kind == "qtm":
        content = text.qtm_tsv(file.path, coder, file.subject)
    elif suffix == ".c3d":
        content = c3d.coded(file.path, coder, file.subject)
    elif suffix == ".mvnx":
        content = mvnx.coded(file.path, coder, file.subject)
    elif suffix == ".tsv":
        content = text.motion_tsv(file.path, coder, file.subject)
    else:
        content = text.FORMATS[suffix](file.path, coder, file.subject)
    to.write_bytes(content)


def _why_look(file: PileFile) -> str:
    """Files that the user should look at: images, and files that were copied as they are."""
    if file.kind == "video":
        return "shows a person"
    return "was copied as it is" if file.kind == "kept" else ""


def _left_over(pile: Pile, work: Path, coder: Coder, paths: dict[str, str]) -> list[str]:
    """Names and dates that are still in a file of the copy, in plain words."""
    problems = []
    all_moved = {d for moved in coder.dates.values() for d in moved}
    for file in progress.counting(pile.files, "searching the copy"):
        own = coder.dates.get(file.subject, set()) - coder.moved.get(file.subject, set())
        if file.kind == "kept" and not file.subject:
            own = all_moved
        residues = residue.search(work / paths[file.relative], coder.seen - coder.keep, own)
        if residues:
            problems.append(
                f"{file.relative} would still hold {listed(map(repr, residues))}; --keep-word for words that name nobody"
            )
    return problems
