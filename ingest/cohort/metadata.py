"""What the tables of a cohort folder say about its subjects, sessions and trials, joined by key."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from neurostore.errors import InputError, MissingExtraError
from neurostore.ingest.cohort.config import LENGTH_BASES
from neurostore.ingest.cohort.source import _OWN_SUBJECT, KEY, STATED, Metadata, _named, bare
from neurostore.ingest.cohort.tables import (
    TsvTable,
    Value,
    body_measure,
    calibrations,
    column_names,
    read_table,
    sex_of,
)
from neurostore.schema import tables
from neurostore.trial_key import key_text
from neurostore.wording import listed

if TYPE_CHECKING:
    from neurostore.ingest.cohort.source import Cohort, TrialSource

# What a column `skeleton` of trials.tsv may say of lengths: the subject's own skeleton, or one made for anybody.
SKELETON_LENGTHS = {"exact": "measured", "generic": "nominal"}
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_FRAME_KEYS = ("person", "frame", "time_s")


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
                _participants(table, metadata, cohort)
            else:
                _join(table, folders, kind, metadata, cohort)
    return metadata


def _participants(table: TsvTable, metadata: Metadata, cohort: Cohort) -> None:
    name = cohort.relative(table.path)
    key = next((c for c in table.columns if c.lower() == "participant_id"), None) or table.key_column("subject")
    if key is None:
        cohort.warnings.append(
            f"{name}: no column participant_id among {', '.join(table.columns)}; subjects have no groups"
        )
        return
    rest = [c for c in table.columns if c != key]
    own = {c.lower(): c for c in rest if c.lower() in ("group", "sex", "age", "affected_side")}
    values = {c: table.values(c) for c in rest}
    rows: dict[str, dict[str, Value]] = {}
    used: set[str] = set(own.values())
    inferred: list[str] = []
    for index, texts in enumerate(table.rows):
        subject = texts[key]
        if subject is None or subject in rows:
            where = (
                f"row {index + 1} names no subject"
                if subject is None
                else f"{subject} occurs twice; the first row is used"
            )
            cohort.warnings.append(f"{name}: {where}")
            continue
        row: dict[str, Value] = {c: values[c][index] for c in rest}
        ours: dict[str, Value] = {
            "group": texts.get(own.get("group", "")),
            "sex": sex_of(texts.get(own.get("sex", "")), inferred),
        }
        ours["affected_side"] = _affected_side(texts.get(own.get("affected_side", "")), subject, name, cohort)
        ours["age"] = _age(texts.get(own.get("age", "")), subject, name, cohort.warnings)
        for measure in ("height_m", "mass_kg"):
            ours[measure], column = body_measure(row, measure, inferred)
            used |= {column} if column else set()
        metadata.measures[(bare(subject), "")] = calibrations(row, inferred)
        rows[subject] = {**row, **ours}
    columns = column_names([c for c in rest if c not in used], ours=_OWN_SUBJECT)
    _say_renamed(name, columns, cohort)
    cohort.warnings += [f"{name}: {text}" for text in dict.fromkeys(inferred)]
    metadata.columns = tuple(columns.values())
    metadata.participants = {
        subject: {**{c: row[c] for c in _OWN_SUBJECT[1:]}, **{columns[c]: row[c] for c in columns}}
        for subject, row in rows.items()
    }
    present = {bare(t.subject) for t in cohort.trials}
    absent = [s for s in rows if bare(s) not in present]
    if all(t.is_subject_known for t in cohort.trials) and absent and len(absent) == len(rows):
        cohort.warnings.append(f"{name}: has none of the subjects in this folder; subjects have no groups")
    elif all(t.is_subject_known for t in cohort.trials) and absent:
        cohort.warnings.append(f"{name}: no trial of {listed(absent)}")
    missing = sorted({t.subject for t in cohort.trials if t.is_subject_known and not _named(rows, "sub-", t.subject)})
    if missing and len(absent) < len(rows):
        cohort.warnings.append(f"{name}: has no row for {listed(missing)}; they have no group")


_SIDE_WORDS = {
    **dict.fromkeys(("left", "l", "links", "gauche", "g"), "left"),
    **dict.fromkeys(("right", "r", "rechts", "droite", "d"), "right"),
    **dict.fromkeys(("both", "b", "bilateral", "bilat"), "both"),
    **dict.fromkeys(("none", "no", "neither", "0"), "none"),
}


def _affected_side(text: str | None, subject: str, name: str, cohort: Cohort) -> str | None:
    if text is None:
        return None
    side = _SIDE_WORDS.get(text.strip().lower())
    if side is None:
        cohort.warnings.append(
            f"{name}: the affected_side of {subject} is {text!r}; expected left, right, both or none; left empty"
        )
    return side


def _age(text: str | None, subject: str, name: str, warnings: list[str]) -> float | None:
    if text is None:
        return None
    try:
        return float(text.rstrip("+"))
    except ValueError:
        warnings.append(f"{name}: the age of {subject} is {text!r}; expected years as a number; left empty")
        return None


def _join(table: TsvTable, folders: tuple[str, ...], kind: str, metadata: Metadata, cohort: Cohort) -> None:
    """Give the columns of a table to the trials its rows name: by file, else by subject, session and trial."""
    name = cohort.relative(table.path)
    keys = {key: table.key_column(key) for key in ("subject", "session", "trial", "file")}
    if kind == "sessions":
        keys |= {"trial": None, "file": None}
    by = [k for k in ("subject", "session", "trial") if keys[k] is not None]
    needed = "session" if kind == "sessions" else "trial"
    if keys["file"] is None and needed not in by:
        cohort.warnings.append(f"{name}: no column says the {needed}; expected {needed} or file; not used")
        return
    inside = [t for t in cohort.trials if not folders or t.paths[0].is_relative_to(cohort.folder.joinpath(*folders))]
    by_file = _index_files(inside, cohort)
    by_key: dict[tuple[str, ...], list[TrialSource]] = defaultdict(list)
    for trial in inside:
        by_key[tuple(bare(getattr(trial, k)) for k in by)].append(trial)
    columns = column_names([c for c in table.columns if c not in keys.values()], _ours_in_trials())
    _say_renamed(name, columns, cohort)
    values = {c: table.values(c) for c in columns}
    named: set[int] = set()
    unmatched = []
    for index, texts in enumerate(table.rows):
        matched = _matched(texts, keys, by, by_file, by_key, folders)
        if not matched:
            unmatched.append(index + 1)
        for trial in matched:
            if id(trial) in named:
                cohort.warnings.append(f"{name}: {'/'.join(trial.key)} occurs twice; the first row is used")
                continue
            named.add(id(trial))
            subject = texts[keys["subject"]] if keys["subject"] else None
            if not trial.is_subject_known and subject:
                _give_subject(trial, subject, table.path, cohort)
                _give_keys(trial, texts, keys, table.path, cohort)
            elif keys["file"] and texts[keys["file"]]:
                _say_other_keys(trial, texts, keys, f"{name}: row {index + 1}", cohort)
            trial.metadata |= {columns[c]: values[c][index] for c in columns}
            for column in columns:
                if column.lower() in STATED:
                    trial.metadata.pop(columns[column], None)
                    trial.metadata |= _stated(column.lower(), texts[column], f"{name}: row {index + 1}", cohort)
            _give_options(trial, texts)
            _give_exclusion(trial, texts, f"{name}: row {index + 1}", cohort)
        if kind == "sessions" and matched:
            row = {c: values[c][index] for c in columns}
            metadata.measures[(bare(matched[0].subject), bare(matched[0].session))] = calibrations(row)
    if unmatched:
        shown = listed(map(str, unmatched), 5)
        cohort.warnings.append(
            f"{name}: {len(unmatched)} of {len(table.rows)} rows match no trial in this folder (rows {shown})"
            + (", or one whose files are ignored by cohort.toml" if cohort.ignored else "")
        )


def _index_files(trials: list[TrialSource], cohort: Cohort) -> dict[str, list[TrialSource]]:
    """Trials by the path of each file below the cohort folder and, where only one file has that name, by name."""
    index: dict[str, list[TrialSource]] = defaultdict(list)
    names: dict[str, list[TrialSource]] = defaultdict(list)
    for trial in trials:
        for path in trial.paths:
            index[cohort.relative(path)].append(trial)
            names[path.name].append(trial)
    for name, paths in names.items():
        if len(paths) == 1 and name not in index:
            index[name] = paths
    return index


def _matched(
    texts: dict[str, str | None],
    keys: dict[str, str | None],
    by: list[str],
    by_file: dict[str, list[TrialSource]],
    by_key: dict[tuple[str, ...], list[TrialSource]],
    folders: tuple[str, ...],
) -> list[TrialSource]:
    file = texts[keys["file"]] if keys["file"] else None
    if file:
        plain = posixpath.normpath(file.replace("\\", "/"))
        for candidate in (posixpath.join(*folders, plain), plain, posixpath.basename(plain)):
            if candidate in by_file:
                return by_file[candidate]
    if not by or (keys["file"] is not None and "trial" not in by):
        return []
    return by_key.get(tuple(bare(texts[keys[k] or ""] or "") for k in by), [])


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
                f"{where}: {cohort.relative(trial.paths[0])} is of {what} {value!r}, but is stored in the folder of {own!r}; "
                "the folder is used"
            )


def _give_options(trial: TrialSource, texts: dict[str, str | None]) -> None:
    """Lengths and treadmill from a table's columns, where cohort.toml says nothing."""
    lower = {c.lower(): (text or "").lower() for c, text in texts.items()}
    basis = lower.get("length_basis") or SKELETON_LENGTHS.get(lower.get("skeleton", ""))
    if trial.options.length_basis is None and basis in LENGTH_BASES:
        trial.options = replace(trial.options, length_basis=basis)
    is_treadmill = _FLAGS.get(lower.get("is_treadmill") or lower.get("treadmill", ""))
    if trial.options.is_treadmill is None and is_treadmill is not None:
        trial.options = replace(trial.options, is_treadmill=is_treadmill)


def _give_exclusion(trial: TrialSource, texts: dict[str, str | None], where: str, cohort: Cohort) -> None:
    """A column exclude or ignore (true, 1, yes) with a column reason: the trial is left out, as by a review."""
    lower = {c.lower(): text for c, text in texts.items()}
    words = {name: text.lower() for name in ("exclude", "ignore") if (text := lower.get(name))}
    for name, text in words.items():
        if text not in _FLAGS:
            cohort.warnings.append(f"{where}: {name} is {text!r}; expected true or false; the trial is kept")
    is_excluded = any(_FLAGS.get(text, False) for text in words.values())
    trial.exclude = (lower.get("reason") or "no reason given") if is_excluded else None
    if is_excluded and not lower.get("reason"):
        cohort.warnings.append(f"{where}: excludes {key_text(trial.key)} without a reason; add a column reason")


def _stated(name: str, text: str | None, where: str, cohort: Cohort) -> dict[str, Value]:
    """A column of trials that people state, as the lake keeps it: text, and acq_time as ISO 8601."""
    if name != "acq_time" or text is None:
        return {} if name == "session_order" else {name: text}
    try:
        return {name: datetime.fromisoformat(text).isoformat()}
    except ValueError:
        cohort.warnings.append(f"{where}: acq_time is {text!r}; expected YYYY-MM-DD or YYYY-MM-DDThh:mm:ss; left empty")
        return {name: None}


def _ours_in_trials() -> list[str]:
    return [c.name for c in tables()["trials"].columns if c.name not in STATED] + list(_FRAME_KEYS)


def _say_renamed(name: str, columns: dict[str, str], cohort: Cohort) -> None:
    cohort.renamed += [(f"{name}: column {source}", column) for source, column in columns.items() if source != column]
