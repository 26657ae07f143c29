"""The files to be coded: every file below a folder, its kind and its subject; and the reasons why files cannot be coded."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from neurostore.errors import InputError, NeurostoreError
from neurostore.ingest.cohort.coding import c3d, dates, mvnx
from neurostore.ingest.cohort.coding.tables import CohortTable
from neurostore.ingest.cohort.coding.words import unknown_words, word_set
from neurostore.ingest.cohort.config import FILE_NAME
from neurostore.ingest.cohort.source import alike, composed, key_from
from neurostore.ingest.cohort.tables import read_table
from neurostore.ingest.readers import VIDEO_SUFFIXES, stem_of, suffix_of
from neurostore.ingest.readers.markers.points_kind import is_points
from neurostore.ingest.readers.markers.qtm_tsv import is_qtm
from neurostore.lake.contents import is_of_file_browser
from neurostore.wording import listed

_SIDECARS = ("_channels.tsv", "_events.tsv")
_TABLES = re.compile(r"(?i)(.*_)?(participants|sessions|trials|scans)\.(tsv|csv|txt|xlsx)")
_MOTION = frozenset({".bvh", ".asf", ".amc", ".trc", ".mot", ".sto", ".npy", ".c3d", ".mvnx"})
_GROUPS = word_set(
    "patients patient controls control healthy cases case group groups td cp pd ms stroke participants subjects people data "
    "raw c3d bvh trc videos video export exports trials recordings cohort study adults children men women male female"
)


@dataclass(slots=True)
class PileFile:
    """A file below the folder. kind : table, sidecar, points, motion, poses, json, video, toml, skeleton or kept."""

    path: Path
    parts: tuple[str, ...]
    kind: str
    subject: str = ""

    @property
    def relative(self) -> str:
        """Its path below the folder."""
        return "/".join(self.parts)


@dataclass(slots=True)
class Pile:
    """All files, the tables among them, and the problems. strange : pattern → files that cannot be coded and match it."""

    files: list[PileFile] = field(default_factory=list)
    tables: dict[str, CohortTable] = field(default_factory=dict)
    subjects: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    strange: dict[str, list[str]] = field(default_factory=dict)

    def of_file(self, name: str) -> str | None:
        """The subject of a file that a table names."""
        plain = composed(posixpath.normpath(name.replace("\\", "/")))
        for file in self.files:
            relative = composed(file.relative)
            if file.subject and (relative == plain or posixpath.basename(relative) == posixpath.basename(plain)):
                return file.subject
        return None


def look(source: Path, leave_out: Iterable[str], keep: Iterable[str], keep_words: frozenset[str]) -> Pile:
    """Every file below a folder with its kind and subject, and every reason why it cannot be coded."""
    pile = Pile()
    _walk(source, (), pile, tuple(leave_out), tuple(keep))
    pile.problems += _strange_texts(pile.strange)
    for file in pile.files:
        if file.kind in ("table", "sidecar"):
            _add_table(file, pile)
    _take_folders_names(pile)
    people = {s for t in pile.tables.values() for s in t.subjects()}
    for file in pile.files:
        if len(file.parts) > 1:
            file.subject = file.parts[0].removeprefix("sub-")
            pile.subjects.add(file.subject)
    _judge_folders(pile, people, keep_words)
    _give_subjects(pile)
    pile.subjects |= people
    return pile


def _walk(folder: Path, parts: tuple[str, ...], pile: Pile, leave_out: tuple[str, ...], keep: tuple[str, ...]) -> None:
    for entry in sorted(os.scandir(folder), key=lambda e: e.name):
        below = (*parts, entry.name)
        relative = "/".join(below)
        if any(fnmatchcase(relative, p) or fnmatchcase(entry.name, p) for p in leave_out):
            pile.left_out.append(relative)
        elif entry.is_symlink():
            pile.problems.append(
                f"{relative} is a link, and what it points to may not be coded; put the file itself there"
            )
        elif entry.is_dir() and os.path.exists(os.path.join(entry.path, "_neurostore", "lake.json")):
            pile.problems.append(f"{relative} is a lake: put it elsewhere, or use --leave-out {entry.name}")
        elif entry.is_dir():
            _walk(Path(entry.path), below, pile, leave_out, keep)
        elif is_of_file_browser(entry.name):
            pile.left_out.append(relative)
        elif any(fnmatchcase(relative, p) or fnmatchcase(entry.name, p) for p in keep):
            pile.files.append(PileFile(Path(entry.path), below, "kept"))
        else:
            kind = _kind(Path(entry.path), len(below))
            if kind:
                pile.files.append(PileFile(Path(entry.path), below, kind))
            else:
                pile.strange.setdefault(_quoted(entry.name), []).append(relative)


def _strange_texts(strange: dict[str, list[str]]) -> list[str]:
    """One sentence per pattern: its files cannot be coded, and what to do."""
    texts = []
    for pattern, names in strange.items():
        what = "is not a recording or table" if len(names) == 1 else "are no recordings or tables"
        them, they = ("it", "it is") if len(names) == 1 else ("them", "they are")
        texts.append(
            f"{listed(names, 5)} {what} that can be coded: --leave-out {pattern} leaves {them} out, "
            f"--keep {pattern} copies {them} as {they}"
        )
    return texts


def _quoted(name: str) -> str:
    suffix = Path(name).suffix
    return f"'*{suffix}'" if suffix else f"'{name}'"


def _kind(path: Path, depth: int) -> str:
    """What a file is; '' for one that nothing here can code."""
    name, suffix = path.name.lower(), suffix_of(path)
    if name.startswith("."):
        return ""
    if suffix.startswith(".poses"):
        return "poses"
    if name.endswith("_motion.tsv"):
        return "motion"
    if name.endswith(_SIDECARS):
        return "sidecar"
    if suffix in VIDEO_SUFFIXES:
        return "video"
    if suffix == ".tsv" and is_qtm(path):
        return "qtm"
    if suffix == ".csv" and not _TABLES.fullmatch(name) and is_points(path):
        return "points"
    if suffix in (".tsv", ".csv", ".xlsx") or _TABLES.fullmatch(name):
        return "table"
    if suffix == ".toml":
        return "toml" if name == FILE_NAME and depth == 1 else ""
    return {".json": "json"}.get(suffix, "motion" if suffix in _MOTION else "")


def _add_table(file: PileFile, pile: Pile) -> None:
    try:
        table = read_table(file.path)
    except NeurostoreError as error:
        pile.problems.append(f"{file.relative} cannot be read as a table: {error}")
        return
    subject = file.parts[0].removeprefix("sub-") if len(file.parts) > 1 else None
    pile.tables[file.relative] = CohortTable(table, subject, is_sidecar=file.kind == "sidecar")
    pile.notes += [f"{file.relative}: {note}" for note in table.notes]


def _take_folders_names(pile: Pile) -> None:
    """Name people in tables as their folders do, where a spreadsheet program has changed a key: 1 for 001."""
    folders = {file.parts[0] for file in pile.files if len(file.parts) > 1}
    for relative, table in pile.tables.items():
        same = alike(table.subjects(), folders, one_each=True)
        table.rename(same)
        if same:
            shown = listed(f"{text!r} as {there}" for text, there in sorted(same.items()))
            pile.notes.append(
                f"{relative}: no folder has exactly these names, so the most similar folder was used: {shown}"
            )


def _judge_folders(pile: Pile, people: set[str], keep_words: frozenset[str]) -> None:
    """Report folders that are not a person's, and folders in them that are not sessions, because the person of a recording is then uncertain."""
    firsts: dict[str, list[PileFile]] = {}
    for file in pile.files:
        if len(file.parts) > 1:
            firsts.setdefault(file.parts[0], []).append(file)
    for folder, files in firsts.items():
        bare = folder.removeprefix("sub-")
        if bare.lower() in _GROUPS and bare not in people:
            pile.problems.append(
                f"the folder {folder!r} is a group or a kind of file, not a person: name {folder}/ itself as the cohort, or "
                "put each person's folder at the top and the group into participants.tsv"
            )
            continue
        strangers = sorted(
            {f.parts[1] for f in files if len(f.parts) > 2 and not _is_session(f.parts[1], bare, keep_words)}
        )
        inside = sorted({f.parts[1] for f in files if len(f.parts) > 2} & people)
        if strangers or inside:
            names = listed(repr(n) for n in (inside or strangers))
            pile.problems.append(
                f"{names} in the folder {folder!r} may be people, not sessions: put each person's folder at the top; if they "
                "are sessions, name them with --keep-word"
            )
        deep = next((f for f in files if len([p for p in f.parts if p != "motion"]) > 3), None)
        if deep is not None:
            pile.problems.append(f"{deep.relative} is more than two folders deep; expected <subject>/<session>/<trial>")


def _is_session(name: str, subject: str, keep_words: frozenset[str]) -> bool:
    plain = dates.IN_TEXT.sub(" ", name.removeprefix("ses-"))
    plain = re.sub(re.escape(subject), " ", plain, flags=re.IGNORECASE) if len(subject) > 2 else plain
    return name == "motion" or not unknown_words(plain, keep_words)


def _give_subjects(pile: Pile) -> None:
    """The subject of each file directly in the folder: a table's row, else what the file itself says; else a problem."""
    by_file, by_trial = _rows_of_files(pile)
    unknown, by_own_name = [], []
    for file in pile.files:
        if len(file.parts) > 1 or file.kind in ("table", "toml", "sidecar") or _OF_ALL.fullmatch(file.parts[0].lower()):
            continue
        stem = stem_of(file.path)
        whose = by_file.get(file.parts[0]) or by_trial.get(stem) or by_trial.get(key_from(stem))
        if not whose:
            whose = next((w for f, w in by_file.items() if f.rpartition(".")[0] == stem), None)
        if not whose and (whose := own_name(file.path)):
            by_own_name.append(file.parts[0])
        if whose:
            file.subject = whose
            pile.subjects.add(whose)
        elif file.kind != "kept":
            unknown.append(file.parts[0])
    if by_own_name:
        pile.notes.append(f"{listed(by_own_name)}: in no table; the name stored in the file identifies the person")
    if unknown:
        pile.problems.append(
            f"it is not known whose {listed(unknown)} are, directly in the folder: put them into a folder for each person, or "
            "write a trials.tsv with the columns subject and file (neurostore template makes one to fill in)"
        )


#: JSON that BIDS stores at the top for every recording
_OF_ALL = re.compile(
    r"(participants|sessions|trials|dataset_description|(.*_)?(motion|channels|coordsystem|events|scans))\.json"
)


def own_name(path: Path) -> str:
    """The person that a C3D or MVNX file names; '' if it names none."""
    try:
        named = {".c3d": c3d.subject_named, ".mvnx": mvnx.subject_named}.get(path.suffix.lower(), lambda _: "")(path)
    except (InputError, OSError):
        return ""
    return named.strip()


def _rows_of_files(pile: Pile) -> tuple[dict[str, str], dict[str, str]]:
    """Subject by the name of a file, and by the name of a trial that one subject alone has."""
    by_file: dict[str, str] = {}
    by_trial: dict[str, set[str]] = {}
    for table in pile.tables.values():
        named = {kind: column for column, kind in table.columns.items()}
        for row in table.table.rows if "subject" in named else []:
            subject = (row[named["subject"]] or "").removeprefix("sub-")
            file, trial = (row[named[k]] if k in named else None for k in ("file", "trial"))
            if subject and file:
                by_file[posixpath.basename(file.replace("\\", "/"))] = subject
            if subject and trial:
                by_trial.setdefault(trial, set()).add(subject)
    return by_file, {trial: next(iter(who)) for trial, who in by_trial.items() if len(who) == 1}
