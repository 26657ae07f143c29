"""Trials that are in a lake already: read back, renewed by a step, and written again, one commit per subject."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from neurostore.errors import InputError, NeurostoreError, UsageError
from neurostore.lake.commit import TrialTables, commit, running, stage
from neurostore.lake.version import Version
from neurostore.lake.version import open as open_lake
from neurostore.trial_key import Key, key_text
from neurostore.upkeep.erase import finish_erasures

_KEYS = ("subject", "session", "trial", "ingest_id")
_OF_THE_STORE = ("table_rows", "table_versions", "ingested_at")  # columns of trials_table that the commit fills in


@dataclass(frozen=True, slots=True)
class Renewal:
    """A step that is run on trials of a lake.

    Attributes
    ----------
    name : begins the message of each commit.
    takes : whether a row of trials_table is taken; second argument: its subject was asked for by name.
    none_found : why there may be no such trial, after ``PATH: holds no trial``.
    is_done : whether the trial has been through this very step.
    renew : the trial as it is to be staged. Raises NeurostoreError for a trial that stays as it is.
    """

    name: str
    takes: Callable[[dict[str, Any], bool], bool]
    none_found: str
    is_done: Callable[[dict[str, Any]], bool]
    renew: Callable[[Version, dict[str, Any]], TrialTables]


@dataclass(slots=True)
class RenewalReport:
    """Keys of trials. skipped : had been through this step already. refused : named, unchanged. version : of the lake."""

    renewed: list[Key] = field(default_factory=list)
    skipped: list[Key] = field(default_factory=list)
    refused: list[InputError] = field(default_factory=list)
    version: int | None = None

    @property
    def exit_code(self) -> int:
        """0 without refusals, 1 with some, 3 where nothing else is left."""
        return 0 if not self.refused else 1 if self.renewed or self.skipped else 3


def renew_trials(
    path: Path | str,
    renewal: Renewal,
    subjects: Iterable[str] = (),
    *,
    force: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> RenewalReport:
    """Run a step on the trials of a lake that it takes, or on those of some subjects. One commit per subject.

    force : also on those that have been through it. say : is given the name of each trial that is renewed.

    Raises
    ------
    UsageError : a subject that the lake does not have, or no trial that the step takes.
    """
    finish_erasures(path)
    lake = open_lake(path)
    rows = lake.trials_table().to_pylist()
    wanted = set(subjects)
    unknown = sorted(wanted - {r["subject"] for r in rows})
    if unknown:
        raise UsageError(f"{path}: holds no subject {', '.join(unknown)}")
    chosen: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if (not wanted or row["subject"] in wanted) and renewal.takes(row, bool(wanted)):
            chosen.setdefault(row["subject"], []).append(row)
    if not chosen:
        raise UsageError(f"{path}: holds no trial {renewal.none_found}")
    report = RenewalReport()
    with running(lake.path):
        for subject in sorted(chosen):
            made = _renewed(lake, renewal, chosen[subject], force, say, report)
            if made:
                report.version = commit(lake.path, [stage(lake.path, made)], message=f"{renewal.name} {subject}")
    return report


def _renewed(
    lake: Version,
    renewal: Renewal,
    rows: list[dict[str, Any]],
    force: bool,
    say: Callable[[str], None],
    report: RenewalReport,
) -> list[TrialTables]:
    """Trials of one subject as they are to be staged; the report is added to."""
    made = []
    for row in rows:
        key = key_of(row)
        if not force and renewal.is_done(row):
            report.skipped.append(key)
            continue
        try:
            made.append(renewal.renew(lake, row))
        except NeurostoreError as error:
            problems = error.problems if isinstance(error, InputError) else (str(error),)
            report.refused.append(InputError(key_text(key), *problems))
            continue
        report.renewed.append(key)
        say(key_text(key))
    return made


def key_of(row: dict[str, Any]) -> Key:
    """The key of a row of trials_table."""
    return row["subject"], row["session"], row["trial"]


def steps_of(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps that a trial has been through: name, version, parameters of each."""
    steps: list[dict[str, Any]] = json.loads(row["steps"] or "[]")
    return steps


def columns_to_keep(row: dict[str, Any]) -> dict[str, Any]:
    """What stays of a row of trials_table when the trial is staged again."""
    return {k: v for k, v in row.items() if k not in _OF_THE_STORE}


def trial_rows(lake: Version, table: str, row: dict[str, Any]) -> Any:
    """The trial's live rows of a table as Arrow, keys left out, in the order of person and frame where there are."""
    scan = lake.scan(table).filter((pl.col("subject") == row["subject"]) & (pl.col("ingest_id") == row["ingest_id"]))
    names = scan.collect_schema().names()
    if "frame" in names and "person" in names:
        scan = scan.sort("person", "frame")
    return scan.drop([k for k in _KEYS if k in names]).collect().to_arrow()
