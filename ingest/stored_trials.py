"""Trials that are in a lake already: read back, renewed by a step, and written again, one commit per subject."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from neurostore import skeleton as skeletons
from neurostore.arrays import Floats
from neurostore.errors import InputError, NeurostoreError, UsageError
from neurostore.ingest.recording import Calibration, Poses
from neurostore.lake.commit import TrialTables, commit, running, stage
from neurostore.lake.version import Version
from neurostore.lake.version import open as open_lake
from neurostore.schema import components_of
from neurostore.skeleton import Skeleton
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
    is_first : whether the subject's other trials need it, so that it is renewed before them.
    """

    name: str
    takes: Callable[[dict[str, Any], bool], bool]
    none_found: str
    is_done: Callable[[Version, dict[str, Any]], bool]
    renew: Callable[[Version, dict[str, Any]], TrialTables]
    is_first: Callable[[dict[str, Any]], bool] = lambda row: False


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
                staged = stage(lake.path, made)
                for key, error in staged.refused.items():
                    report.refused.append(InputError(key_text(key), *error.problems))
                report.renewed += [key for key in (trial.key for trial in made) if key not in staged.refused]
                report.version = commit(lake.path, [staged], message=f"{renewal.name} {subject}")
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
    for row in sorted(rows, key=lambda row: not renewal.is_first(row)):
        key = key_of(row)
        if not force and renewal.is_done(lake, row):
            report.skipped.append(key)
            continue
        try:
            made.append(renewal.renew(lake, row))
        except NeurostoreError as error:
            problems = error.problems if isinstance(error, InputError) else (str(error),)
            report.refused.append(InputError(key_text(key), *problems))
            continue
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
    rows = scan.drop([k for k in _KEYS if k in names]).collect().to_arrow()
    return rows.cast(pa.schema([_with_short_lists(field) for field in rows.schema]))


def _with_short_lists(field: pa.Field) -> pa.Field:
    """A list column of the type that tables declare; polars returns large lists, which a lake refuses."""
    if not pa.types.is_large_list(field.type):
        return field
    return field.with_type(pa.list_(field.type.value_type))


def poses_of(lake: Version, row: dict[str, Any], stored: Mapping[str, Any]) -> Poses:
    """The primary poses of a trial. stored : its rows of every table, by name (:func:`trial_rows`)."""
    table = stored[f"poses/{row['skeleton']}"]
    skeleton = _skeleton_of(lake, row["skeleton"], table.column_names)
    positions = np.stack([components_of(table[j]) for j in skeleton.joints], axis=1)
    n, m = positions.shape[:2]
    return Poses(
        skeleton,
        person=table["person"].to_numpy(),
        frame=table["frame"].to_numpy(),
        time_s=table["time_s"].to_numpy(),
        positions=positions,
        confidence=_lists(table, "confidence", n, m),
        sd_mm=_lists(table, "sd_mm", n, m),
    )


def _skeleton_of(lake: Version, name: str, columns: list[str]) -> Skeleton:
    """The skeleton as the lake describes it, with what is declared under its name; joints without a column are left out."""
    described = lake.scan("skeletons").filter(pl.col("skeleton") == name).collect().sort("joint_index")
    joints = described.filter(pl.col("joint").is_in(columns))
    names, source = tuple(joints["joint"]), tuple(joints["source_name"])
    if name in skeletons.names():
        return replace(skeletons.load(name), joints=names, source_names=source)
    return Skeleton(name, names, source)


def _lists(table: Any, name: str, n: int, m: int) -> Floats | None:
    """(n, m) float32 of a list column, NaN where NULL; None if the table has none."""
    if name not in table.column_names or table[name].null_count == len(table):
        return None
    out = np.full((n, m), np.nan, np.float32)
    for i, values in enumerate(table[name].to_pylist()):
        if values is not None and len(values) == m:
            out[i] = [np.nan if v is None else v for v in values]
    return out


def calibrations_of(stored: Mapping[str, Any]) -> list[Calibration]:
    """What a trial's rows of ``calibrations`` say."""
    rows = stored["calibrations"].to_pylist() if "calibrations" in stored else []
    return [Calibration(**{k: r[k] for k in ("parameter", "side", "value", "unit", "source")}) for r in rows]
