"""How every capture of a folder would be read, without storing anything: for a laboratory's archive before an ingest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurostore.errors import CohortError, InputError
from neurostore.ingest.cohort.scan import scan
from neurostore.ingest.pipeline import ingest
from neurostore.ingest.pipeline.progress import Telling
from neurostore.ingest.pipeline.settings import Settings
from neurostore.storage import temporary
from neurostore.wording import counted


@dataclass(frozen=True, slots=True)
class Checked:
    """One file. is_read : whether it gave a trial; otherwise the other fields are None and ``verdict`` says why.

    up : which axis of the file is up. scale_mm : millimetres per unit. bone_change_pct : largest coefficient of variation of
    a thigh or shank over the trial.
    """

    file: str
    is_read: bool
    up: str | None
    scale_mm: float | None
    skeleton: str | None
    bone_change_pct: float | None
    verdict: str
    n_notes: int


def check(cohort: Path | str, settings: Settings | None = None, *, n_workers: int | None = None) -> list[Checked]:
    """Read every capture (no videos) of a cohort folder into a temporary lake, and report the outcome for each file.

    Raises
    ------
    CohortError : the folder does not exist, or no capture in it.
    """
    scanned = scan(cohort)
    n_videos = sum(source.is_video for source in scanned.trials)
    scanned.trials = [source for source in scanned.trials if not source.is_video]
    if not scanned.trials and not scanned.refused:
        raise CohortError(
            f"{scanned.folder}: has no capture to check ({counted(n_videos, 'video')}, "
            f"{counted(len(scanned.unknown), 'other file')})"
        )
    with temporary.scratch() as folder:
        lake = folder / "lake"
        try:
            report = ingest(scanned, lake, settings, n_workers=n_workers, progress=Telling())
            failed, read = report.failed, _rows(lake)
        except CohortError:  # nothing could be read; the command shows why
            failed, read = _failures(scanned.folder, settings, scanned.refused), []
    refused = [
        Checked(_relative(error.path, scanned.folder), False, None, None, None, None, "; ".join(error.problems), 0)
        for error in failed
    ]
    return sorted([*read, *refused], key=lambda line: line.file)


def _failures(folder: Path, settings: Settings | None, refused: list[InputError]) -> list[InputError]:
    """Every error of a folder of which nothing could be read."""
    from neurostore.ingest.pipeline.batch import read_trial

    errors = list(refused)
    for source in scan(folder).trials:
        if source.is_video:
            continue
        try:
            read_trial(source, settings or Settings())
        except InputError as error:
            errors.append(error)
    return errors


def _rows(lake: Path) -> list[Checked]:
    from neurostore.lake.version import Version

    rows = Version.open(str(lake)).sql(
        "SELECT source_path, skeleton, steps, len(notes) AS n_notes, bone_length_cv_pct, verdict "
        "FROM trials JOIN trial_quality USING (subject, session, trial)"
    )
    outcome = []
    for row in rows.to_dicts():
        content: dict[str, Any] = {}
        for step in json.loads(row["steps"]):
            content = {**step.get("parameters", {}), **content}
        outcome.append(
            Checked(
                row["source_path"],
                True,
                content.get("up"),
                content.get("scale_mm"),
                row["skeleton"],
                row["bone_length_cv_pct"],
                row["verdict"],
                row["n_notes"],
            )
        )
    return outcome


def _relative(path: object, folder: Path) -> str:
    try:
        return Path(str(path)).relative_to(folder).as_posix()
    except ValueError:
        return str(path)
