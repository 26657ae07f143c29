"""The table of participants: whose row each is, and what it says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from neurostore.ingest.cohort.people import AGE, Inferred, age_of, body_measure, calibrations, sex_of, side_of
from neurostore.ingest.cohort.source import OWN_SUBJECT, Metadata, alike, bare, named_row, say_renamed
from neurostore.ingest.cohort.tables import TsvTable, Value, column_names, texts_among_numbers
from neurostore.wording import counted, listed

if TYPE_CHECKING:
    from neurostore.ingest.cohort.source import Cohort

#: our columns of a subject, and their names in tables (:func:`neurostore.ingest.cohort.tables.plain_name`)
_OWN = {"group": ("group",), "sex": ("sex", "gender"), "affected_side": ("affected_side", "side_affected"), "age": AGE}
_LEAST_SHARE = 0.5  # share of the cohort's subjects that the key column, whatever its name, must contain


def read_participants(table: TsvTable, metadata: Metadata, cohort: Cohort) -> None:
    """Take the rows of a table of participants into the metadata, and say what was inferred."""
    name = cohort.relative(table.path)
    key = _key_column(table, cohort, name)
    if key is None:
        cohort.warnings.append(
            f"{name}: no column participant_id among {', '.join(table.columns)}, and none names the subjects' folders; "
            "subjects have no groups"
        )
        return
    subjects = _subjects(table, key, cohort, name)
    rest = [c for c in table.columns if c != key]
    inferred = Inferred()
    used = {column for names in _OWN.values() if (column := table.named(*names))}
    rows: dict[str, dict[str, Value]] = {}
    values = {c: table.values(c) for c in rest}
    for index in _first_rows(table, key, subjects, cohort, name):
        inferred.where = table.where(index)
        row: dict[str, Value] = {c: values[c][index] for c in rest}
        own, measured = _own(table, index, row, inferred)
        used |= measured
        metadata.measures[(bare(subjects[index]), "")] = calibrations(row, inferred)
        rows[subjects[index]] = {**row, **own}
    columns = column_names([c for c in rest if c not in used], ours=OWN_SUBJECT)
    say_renamed(name, columns, cohort)
    cohort.warnings += [f"{name}: {text}" for text in [*inferred.texts(), *texts_among_numbers(table, columns)]]
    _keep(rows, columns, metadata, cohort, name)
    _say_absent(rows, cohort, name)


def _key_column(table: TsvTable, cohort: Cohort, name: str) -> str | None:
    """The column of keys: by its name, else the one that names most of the subjects' folders, with a warning."""
    if column := (table.named("participant_id") or table.key_column("subject")):
        return column
    there = {t.subject for t in cohort.trials if t.is_subject_known}
    bare_there = {bare(s) for s in there}
    n_named: dict[str, int] = {}
    for column in table.columns:
        texts = {t for row in table.rows if (t := row.get(column)) is not None}
        n_named[column] = len({bare(t) for t in texts} & bare_there) + len(alike(texts, there, one_each=True))
    best = max(n_named, key=lambda c: n_named[c], default=None)
    if best is None or not there or n_named[best] < max(1.0, _LEAST_SHARE * len(there)):
        return None
    cohort.warnings.append(
        f"{name}: column {best!r} was read as participant_id, because it names {n_named[best]} of {counted(len(there), 'subject')} here"
    )
    return best


def _subjects(table: TsvTable, key: str, cohort: Cohort, name: str) -> list[str]:
    """The subject of each row by the name of its folder, '' if it names none; warns about keys that differ slightly."""
    texts = [row[key] for row in table.rows]
    same = alike(
        {t for t in texts if t is not None}, {t.subject for t in cohort.trials if t.is_subject_known}, one_each=True
    )
    if same:
        shown = listed(f"{text!r} as {there}" for text, there in sorted(same.items()))
        cohort.warnings.append(
            f"{name}: no folder has exactly these names, so the most similar folder was used: {shown}"
        )
    return ["" if text is None else same.get(text, text) for text in texts]


def _first_rows(table: TsvTable, key: str, subjects: Sequence[str], cohort: Cohort, name: str) -> list[int]:
    """The index of each subject's row; warns about rows without a subject and further rows of the same subject."""
    first: dict[str, int] = {}
    for index, subject in enumerate(subjects):
        if not subject:
            cohort.warnings.append(f"{name}: {table.where(index)} names no subject; not used")
        elif subject not in first:
            first[subject] = index
        else:
            one, other = table.rows[first[subject]], table.rows[index]
            differ = [f"{c} ({one[c]} and {other[c]})" for c in table.columns if c != key and one[c] != other[c]]
            what = f"they differ in {listed(differ, 3)}" if differ else "they are the same"
            cohort.warnings.append(
                f"{name}: {subject} occurs twice, in {table.where(first[subject])} and {table.where(index)}; {what}; the first "
                "row is used"
                + (
                    "; values that differ by session belong in sessions.tsv"
                    if differ and table.key_column("session")
                    else ""
                )
            )
    return list(first.values())


def _own(
    table: TsvTable, index: int, row: Mapping[str, Value], inferred: Inferred
) -> tuple[dict[str, Value], set[str]]:
    """The columns of a subject that are ours, and the columns of the table that its height and mass came from."""
    texts = table.rows[index]
    own: dict[str, Value] = {}
    used: set[str] = set()
    for ours, names in _OWN.items():
        column = table.named(*names)
        read = {"sex": sex_of, "affected_side": side_of, "age": age_of}.get(ours)
        own[ours] = None if column is None else read(texts[column], column, inferred) if read else texts[column]
    for measure in ("height_m", "mass_kg"):
        own[measure], column = body_measure(row, measure, inferred)
        used |= {column} if column else set()
    return own, used


def _keep(
    rows: Mapping[str, Mapping[str, Value]], columns: Mapping[str, str], metadata: Metadata, cohort: Cohort, name: str
) -> None:
    """Add the rows to those of other tables of participants, which hold where both have a row of a subject."""
    twice = [s for s in rows if s in metadata.participants]
    if twice:
        cohort.warnings.append(f"{name}: another table of participants has {listed(twice)} already; that one is used")
    metadata.columns = tuple(dict.fromkeys((*metadata.columns, *columns.values())))
    for subject, row in rows.items():
        ours = {c: row[c] for c in OWN_SUBJECT[1:]}
        metadata.participants.setdefault(subject, {**ours, **{columns[c]: row[c] for c in columns}})


def _say_absent(rows: Mapping[str, dict[str, Value]], cohort: Cohort, name: str) -> None:
    """Rows without a trial, and subjects without a row."""
    if not cohort.trials:
        return
    present = {bare(t.subject) for t in cohort.trials}
    absent = [s for s in rows if bare(s) not in present]
    is_known = all(t.is_subject_known for t in cohort.trials)
    if is_known and absent and len(absent) == len(rows):
        folders = listed(sorted({t.subject for t in cohort.trials}), 3)
        cohort.warnings.append(
            f"{name}: has none of the subjects in this folder ({folders}), but {listed(absent, 3)}; subjects have no groups"
        )
    elif is_known and absent:
        cohort.warnings.append(f"{name}: no trial of {listed(absent)}")
    missing = sorted({t.subject for t in cohort.trials if t.is_subject_known and not named_row(dict(rows), t.subject)})
    if missing and (len(absent) < len(rows) or not rows):
        cohort.warnings.append(f"{name}: has no row for {listed(missing)}; they have no group")
