"""What the tables of a cohort folder say about its subjects, sessions and trials, joined by key."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from neurostore.errors import InputError, MissingExtraError
from neurostore.ingest.cohort.config import LENGTH_BASES
from neurostore.ingest.cohort.participants import read_participants
from neurostore.ingest.cohort.people import Inferred, calibrations, flag_of
from neurostore.ingest.cohort.source import KEY, STATED, Metadata, alike, bare, composed, key_from, say_renamed
from neurostore.ingest.cohort.tables import TsvTable, Value, column_names, plain_name, read_table, texts_among_numbers
from neurostore.ingest.cohort.times import OTHER_NAMES, times_of
from neurostore.schema import tables
from neurostore.trial_key import key_text
from neurostore.wording import listed

if TYPE_CHECKING:
    from neurostore.ingest.cohort.source import Cohort, TrialSource

# Values of a column `skeleton` of trials.tsv: lengths of the subject's own skeleton, or of a generic one.
SKELETON_LENGTHS = {"exact": "measured", "generic": "nominal"}
_FRAME_KEYS = ("person", "frame", "time_s")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")


def read_metadata(cohort: Cohort, recordings: list[tuple[Path, tuple[str, ...]]]) -> Metadata:
    """Read the tables and give each trial its columns. found : (path, folders below the cohort) of each table.

    A table that cannot be read is refused and named; the trials are ingested without it. If two tables have the same
    column, the later one counts: sessions, then scans, then trials.tsv.
    """
    metadata = Metadata()
    order = ("participants", "sessions", "scans", "trials")
    for kind in order:
        for path, folders in recordings:
            if not path.stem.lower().endswith(kind):
                continue
            try:
                table = read_table(path)
            except MissingExtraError as error:
                cohort.refused.append(InputError(path, str(error)))
                continue
            except InputError as error:
                cohort.refused.append(error)
                continue
            cohort.warnings += [f"{cohort.relative(path)}: {note}" for note in table.notes]
            if kind == "participants":
                read_participants(table, metadata, cohort)
            else:
                _join(table, folders, kind, metadata, cohort)
    return metadata


def _join(table: TsvTable, folders: tuple[str, ...], kind: str, metadata: Metadata, cohort: Cohort) -> None:
    """Give the columns of a table to the trials its rows name: by file, else by subject, session and trial."""
    name = cohort.relative(table.path)
    keys = {key: table.key_column(key) for key in ("subject", "session", "trial", "file")}
    if kind == "sessions":
        keys |= {"trial": None, "file": None}
    by = [k for k in ("subject", "session", "trial") if keys[k] is not None]
    needed = "session" if kind == "sessions" else "trial"
    if keys["file"] is None and needed not in by:
        cohort.warnings.append(
            f"{name}: none of its columns ({', '.join(table.columns)}) gives the {needed}; expected {needed} or file; not used"
        )
        return
    inside = [t for t in cohort.trials if not folders or t.paths[0].is_relative_to(cohort.folder.joinpath(*folders))]
    cells = _Cells(table, keys, by, inside, cohort)
    stated = {c: names for c, names in _stated(table, name, cohort).items() if c not in keys.values()}
    columns = column_names([c for c in table.columns if c not in (*keys.values(), *stated)], _ours_in_trials())
    say_renamed(name, columns, cohort)
    cohort.warnings += [f"{name}: {text}" for text in texts_among_numbers(table, columns)]
    values = {c: table.values(c) for c in columns}
    inferred = Inferred()
    named: set[int] = set()
    unmatched = []
    for index in range(len(table.rows)):
        inferred.where = table.where(index)
        texts = cells.row(index)
        matched = cells.matched(texts, folders)
        if not matched:
            unmatched.append(table.numbers[index])
        for trial in matched:
            if id(trial) in named:
                cohort.warnings.append(f"{name}: {'/'.join(trial.key)} occurs twice; the first row is used")
                continue
            named.add(id(trial))
            _give_place(trial, texts, keys, f"{name}: {table.where(index)}", cohort, table.path)
            trial.metadata |= {columns[c]: values[c][index] for c in columns}
            trial.metadata |= {ours: of_rows[index] for ours, of_rows in stated.values()}
            _give_options(trial, texts)
            _give_exclusion(trial, texts, f"{name}: {table.where(index)}", cohort)
        if kind == "sessions" and matched:
            row = {c: values[c][index] for c in columns}
            metadata.measures[(bare(matched[0].subject), bare(matched[0].session))] = calibrations(row, inferred)
    cohort.warnings += [f"{name}: {text}" for text in inferred.texts()]
    if unmatched:
        shown = listed(map(str, unmatched), 5)
        cohort.warnings.append(
            f"{name}: {len(unmatched)} of {len(table.rows)} rows match no trial in this folder (rows {shown})"
            + (", or one whose files are ignored by cohort.toml" if cohort.ignored else "")
        )


class _Cells:
    """The rows of a table and the trials that they name."""

    def __init__(
        self, table: TsvTable, keys: dict[str, str | None], by: list[str], trials: list[TrialSource], cohort: Cohort
    ):
        self.table, self.keys, self.by = table, keys, by
        self.by_file = _index_files(trials, cohort)
        self.by_key: dict[tuple[str, ...], list[TrialSource]] = defaultdict(list)
        for trial in trials:
            self.by_key[tuple(bare(getattr(trial, k)) for k in by)].append(trial)
        self.alike = {k: self._alike(k, {getattr(t, k) for t in trials if t.is_subject_known}, cohort) for k in by}

    def _alike(self, key: str, there: set[str], cohort: Cohort) -> dict[str, str]:
        """Keys of the table that differ slightly from those of the folder, with a warning."""
        column = self.keys[key]
        same = alike({t for row in self.table.rows if column and (t := row[column]) is not None}, there - {""})
        renamed = [f"{text!r} as {name}" for text, name in sorted(same.items()) if key_from(text) != name]
        if renamed:
            shown = listed(renamed)
            cohort.warnings.append(
                f"{cohort.relative(self.table.path)}: no {key} has exactly this name, so the most similar one was used: {shown}"
            )
        return same

    def row(self, index: int) -> dict[str, str | None]:
        """A row with the keys that the folder has for those that differ a little."""
        same = {self.keys[k]: keys for k, keys in self.alike.items()}
        return {
            c: same[c].get(text, text) if c in same and text else text for c, text in self.table.rows[index].items()
        }

    def matched(self, texts: dict[str, str | None], folders: tuple[str, ...]) -> list[TrialSource]:
        """The trials that a row names: by its file, else by its keys."""
        file = texts[self.keys["file"]] if self.keys["file"] else None
        if file:
            plain = composed(posixpath.normpath(file.replace("\\", "/")))
            for candidate in (posixpath.join(*folders, plain), plain, posixpath.basename(plain)):
                if candidate in self.by_file:
                    return self.by_file[candidate]
        if not self.by or (self.keys["file"] is not None and "trial" not in self.by):
            return []
        return self.by_key.get(tuple(bare(texts[self.keys[k] or ""] or "") for k in self.by), [])


def _stated(table: TsvTable, name: str, cohort: Cohort) -> dict[str, tuple[str, Sequence[Value]]]:
    """Columns that state something of a trial: source column -> what it is here, and its values."""
    columns = {plain_name(c): c for c in reversed(table.columns)}
    stated: dict[str, tuple[str, Sequence[Value]]] = {}
    if column := columns.get("condition"):
        stated[column] = ("condition", [row[column] for row in table.rows])
    if column := columns.get("session_order"):
        stated[column] = ("session_order", ())
    column = next((columns[n] for n in ("acq_time", *OTHER_NAMES) if n in columns), None)
    if column is not None:
        if plain_name(column) != "acq_time":
            cohort.warnings.append(f"{name}: column {column!r} was read as acq_time, because no column has that name")
        inferred = Inferred()
        texts = _with_clock([row[column] for row in table.rows], table, columns.get("time"))
        where = [table.where(i) for i in range(len(table.rows))]
        stated[column] = ("acq_time", times_of(texts, column, where, inferred))
        cohort.warnings += [f"{name}: {text}" for text in inferred.texts()]
    return {c: pair for c, pair in stated.items() if pair[1]}


def _with_clock(texts: list[str | None], table: TsvTable, column: str | None) -> list[str | None]:
    """Dates with the time of day that a column ``time`` has beside them."""
    if column is None:
        return texts
    clocks = [row[column] or "" for row in table.rows]
    return [
        f"{text} {clock}" if text and ":" not in text and _CLOCK.fullmatch(clock) else text
        for text, clock in zip(texts, clocks, strict=True)
    ]


def _index_files(trials: list[TrialSource], cohort: Cohort) -> dict[str, list[TrialSource]]:
    """Trials by the path of each file below the cohort folder and, where only one file has that name, by name."""
    index: dict[str, list[TrialSource]] = defaultdict(list)
    names: dict[str, list[TrialSource]] = defaultdict(list)
    for trial in trials:
        for path in trial.paths:
            index[composed(cohort.relative(path))].append(trial)
            names[composed(path.name)].append(trial)
    for name, paths in names.items():
        if len(paths) == 1 and name not in index:
            index[name] = paths
    return index


def _give_place(
    trial: TrialSource,
    texts: dict[str, str | None],
    keys: dict[str, str | None],
    where: str,
    cohort: Cohort,
    path: Path,
) -> None:
    """Whose a file directly in the folder is, as its row says; of one in a folder, that the row says otherwise."""
    subject = texts[keys["subject"]] if keys["subject"] else None
    if not trial.is_subject_known and subject:
        _give_subject(trial, subject, path, cohort)
        _give_keys(trial, texts, keys, path, cohort)
    elif keys["file"] and texts[keys["file"]]:
        _say_other_keys(trial, texts, keys, where, cohort)


def _give_subject(trial: TrialSource, subject: str, path: Path, cohort: Cohort) -> None:
    if KEY.fullmatch(subject):
        trial.subject, trial.is_subject_known = subject, True
    else:
        problem = (
            f"{subject!r} cannot be used as the key of a subject ({path.name}): expected letters, digits, _ and -, "
            "beginning with a letter or digit, at most 64"
        )
        cohort.refused.append(InputError(trial.paths[0], problem))
        cohort.trials = [t for t in cohort.trials if t is not trial]


def _give_keys(
    trial: TrialSource, texts: dict[str, str | None], keys: dict[str, str | None], path: Path, cohort: Cohort
) -> None:
    """Session and trial of a file that is directly in the folder, as the row that names the file says."""
    for what in ("session", "trial"):
        value = texts[keys[what] or ""] if keys[what] else None
        if value is None:
            continue
        if KEY.fullmatch(value):
            setattr(trial, what, value)
        else:
            problem = (
                f"{value!r} cannot be used as the key of a {what} ({path.name}): expected letters, digits, _ and -"
            )
            cohort.refused.append(InputError(trial.paths[0], problem))


def _say_other_keys(
    trial: TrialSource, texts: dict[str, str | None], keys: dict[str, str | None], where: str, cohort: Cohort
) -> None:
    """Warn where a table gives a file another subject or session than its folder does; the folder counts."""
    for what in ("subject", "session"):
        value = texts[keys[what] or ""] if keys[what] else None
        own = getattr(trial, what)
        if value is not None and bare(value) != bare(own):
            cohort.warnings.append(
                f"{where}: {cohort.relative(trial.paths[0])} belongs to {what} {value!r}, but is stored in the folder of {own!r}; "
                "the folder is used"
            )


def _give_options(trial: TrialSource, texts: dict[str, str | None]) -> None:
    """Lengths and treadmill from a table's columns, where cohort.toml says nothing."""
    lower = {plain_name(c): (text or "").lower() for c, text in texts.items()}
    basis = lower.get("length_basis") or SKELETON_LENGTHS.get(lower.get("skeleton", ""))
    if trial.options.length_basis is None and basis in LENGTH_BASES:
        trial.options = replace(trial.options, length_basis=basis)
    is_treadmill = flag_of(lower.get("is_treadmill") or lower.get("treadmill"))
    if trial.options.is_treadmill is None and is_treadmill is not None:
        trial.options = replace(trial.options, is_treadmill=is_treadmill)


def _give_exclusion(trial: TrialSource, texts: dict[str, str | None], where: str, cohort: Cohort) -> None:
    """A column exclude or ignore (true, 1, yes) with a column reason: the trial is left out as by a review."""
    lower = {plain_name(c): text for c, text in texts.items()}
    words = {name: text for name in ("exclude", "excluded", "ignore") if (text := lower.get(name))}
    for name, text in words.items():
        if flag_of(text) is None:
            cohort.warnings.append(f"{where}: {name} is {text!r}; expected true or false; the trial is kept")
    is_excluded = any(map(flag_of, words.values()))
    trial.exclude = (lower.get("reason") or "no reason given") if is_excluded else None
    if is_excluded and not lower.get("reason"):
        cohort.warnings.append(f"{where}: excludes {key_text(trial.key)} without a reason; add a column reason")


def _ours_in_trials() -> list[str]:
    return [c.name for c in tables()["trials"].columns if c.name not in STATED] + list(_FRAME_KEYS)
