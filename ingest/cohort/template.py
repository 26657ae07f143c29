"""Tables of a cohort for people to fill in: participants, sessions and trials, as far as the files say.

Input: a cohort folder. Output: participants.tsv, sessions.tsv and trials.tsv with the keys of every subject, session
and trial filled in, and empty columns for the rest. A table that is there, under any of its names, is left as it is.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from neurostore import storage
from neurostore.errors import CohortError
from neurostore.ingest.cohort.scan import scan
from neurostore.ingest.cohort.source import Cohort, TrialSource
from neurostore.storage import temporary
from neurostore.wording import counted, listed

SUFFIXES = (".tsv", ".csv", ".txt", ".xlsx")
PARTICIPANTS = ("participant_id", "group", "sex", "age", "height_m", "mass_kg", "affected_side")
SESSIONS = ("subject", "session", "acq_time")
TRIALS = ("subject", "session", "trial", "file", "condition", "exclude", "reason")
_WITHOUT_ROWS = {
    "participants": "no file lies in a subject's folder",
    "sessions": "no trial has a session (a folder in the subject's)",
}


@dataclass(slots=True)
class Template:
    """What :func:`write_template` did. written : tables.  messages : what was taken from where, and what was left, in words."""

    written: list[Path] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


def write_template(cohort: Path | str) -> Template:
    """Write participants.tsv, sessions.tsv and trials.tsv into a cohort folder, each unless it is there.

    Raises
    ------
    CohortError : the folder does not exist or has no trial.  UsageError : it cannot be written to.
    """
    scanned = scan(cohort)
    if not scanned.trials:
        raise CohortError(f"{scanned.folder}: has no trial; expected <subject>/<trial>.<ext>")
    done = Template()
    sources = sorted(scanned.trials, key=lambda t: t.key)
    for name, columns, rows, origin in (
        ("participants", PARTICIPANTS, _participants(sources), _subjects_from(scanned)),
        ("sessions", SESSIONS, _sessions(sources), "from the names of folders"),
        ("trials", TRIALS, _trials(sources, scanned), "from the names of files"),
    ):
        there = [scanned.folder / f"{name}{suffix}" for suffix in SUFFIXES]
        kept = next((path for path in there if path.exists()), None)
        target = there[0]
        temporary.sweep(target)
        if kept is not None:
            done.messages.append(f"{kept.name}: is there already and was not changed{_lacking(kept, name, rows)}")
        elif not rows:
            done.messages.append(f"{target.name}: not written, because {_WITHOUT_ROWS[name]}")
        elif _write(target, columns, rows):
            done.written.append(target)
            done.messages.append(
                f"{target.name}: {counted(len(rows), 'row')}, {origin}; to fill in: {', '.join(_empty(columns, rows)) or 'nothing'}"
            )
        else:
            done.messages.append(f"{target.name}: another process has just written it")
    done.messages += [f"not in the tables, because it cannot be read: {problem}" for problem in scanned.refused]
    return done


def _subjects_from(cohort: Cohort) -> str:
    in_folders = sum(t.is_subject_known for t in cohort.trials)
    if in_folders == len(cohort.trials):
        return "from the names of folders"
    return (
        f"from the names of folders; {len(cohort.trials) - in_folders} files directly in {cohort.folder.name} name no "
        "subject: give it in trials.tsv"
    )


def _participants(sources: Sequence[TrialSource]) -> list[dict[str, str]]:
    return [{"participant_id": s} for s in dict.fromkeys(t.subject for t in sources if t.is_subject_known)]


def _sessions(sources: Sequence[TrialSource]) -> list[dict[str, str]]:
    places = dict.fromkeys((t.subject, t.session) for t in sources if t.session)
    times = {(t.subject, t.session): str(t.metadata.get("acq_time") or "").removesuffix("T00:00:00") for t in sources}
    return [{"subject": s, "session": n, "acq_time": times[s, n]} for s, n in places]


def _trials(sources: Sequence[TrialSource], cohort: Cohort) -> list[dict[str, str]]:
    return [
        {
            "subject": t.subject if t.is_subject_known else "",
            "session": t.session,
            "trial": t.trial,
            "file": cohort.relative(t.paths[0]),
            "condition": str(t.metadata.get("condition") or ""),
        }
        for t in sources
    ]


def _empty(columns: Sequence[str], rows: Sequence[dict[str, str]]) -> list[str]:
    return [c for c in columns if not all(row.get(c) for row in rows)]


def _lacking(path: Path, name: str, rows: Sequence[dict[str, str]]) -> str:
    """Which of the keys a table that is there does not name; '' if it names them all, or cannot be read."""
    from neurostore.errors import InputError, MissingExtraError
    from neurostore.ingest.cohort.source import bare
    from neurostore.ingest.cohort.tables import read_table

    if name != "participants":
        return ""
    try:
        table = read_table(path)
    except (InputError, MissingExtraError):
        return ""
    key = table.key_column("subject")
    named = {bare(str(row[key])) for row in table.rows if key and row.get(key)}
    missing = [row["participant_id"] for row in rows if bare(row["participant_id"]) not in named]
    return f"; it does not name {listed(missing)}" if missing else ""


def _write(target: Path, columns: Sequence[str], rows: Sequence[dict[str, str]]) -> bool:
    with temporary.named(target):
        return storage.write_whole(os.path.abspath(target), table_text(columns, rows).encode(), replace=False)


def table_text(columns: Sequence[str], rows: Sequence[dict[str, str]]) -> str:
    """A table as tab-separated text; what a row lacks is empty."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row.get(column, "") for column in columns] for row in rows)
    return text.getvalue()
