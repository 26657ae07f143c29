"""What the commands of the torture start from: what a command is, and a lake so small that a command takes a second."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurostore import schema
from neurostore.lake import delta, hashes, writing
from neurostore.upkeep import refresh
from tests.builders.lake_builder import build_lake, trial

WHO = "Gone"
_HEEL = np.random.default_rng(3).normal(500, 80, (30, 3))
_LEG = {"parameter": "leg_length", "side": "left", "value": 800.0, "unit": "mm", "source": "file"}


@dataclass(frozen=True)
class Command:
    """A command that writes.

    run : does it, given the lake. start : makes the folder it starts from, given that folder; returns the lake.
    is_random : what it writes beside the lake has other bytes each time. imports : modules to have in memory first.
    goes_on : a repeat goes on from what it finds, so that files beside the lake may be as in between.
    """

    run: Callable[[Path], Any]
    start: Callable[[Path], Path]
    is_random: bool = False
    imports: tuple[str, ...] = ()
    goes_on: bool = False


def cohort_of(lake: Path) -> Path:
    return lake.parent / "cohort"


def made_trial(subject: str, i: int) -> Any:
    row = {"source_sha256": f"{subject}{i}".encode().hex().ljust(64, "0"), "remark": f"{subject} limps"}
    return trial(subject, f"t{i}", left_heel=_HEEL + i, calibrations=[_LEG], row=row)


def with_one_empty_table(start: Callable[[Path], Path]) -> Callable[[Path], Path]:
    """A start whose lake has one of the tables in which nothing is stored: an erasure does the same to each, in turn.

    So is a lake of an earlier version, to which these tables came later.
    """

    def made(folder: Path) -> Path:
        lake = start(folder)
        root, empty = str(lake), []
        for name in delta.stored_tables(root):
            opened = delta.open_table(root, name)
            if opened.version() == 0 and schema.table(name).partition and not delta.files_of(opened):
                empty.append(name)
        for name in empty[1:]:
            shutil.rmtree(lake / name)
        kept = (p for p in hashes.read(root).files if schema.table_of(p) not in empty[1:])
        with writing.writing(root, "the torture"):
            hashes.forget(root, kept)
        return lake

    return made


def small_lake(folder: Path) -> Path:
    """Two people with two trials each, every trial from a commit of its own."""
    trials = [made_trial(s, i) for s in (WHO, "S1") for i in range(2)]
    people = [{"subject": WHO, "nickname_of_Gone": "Goner"}, {"subject": "S1"}]
    return Path(build_lake(folder, trials, people, one_by_one=True).path)


def with_results(folder: Path) -> Path:
    """The small lake with its results stored."""
    lake = small_lake(folder)
    refresh.refresh(lake, n_workers=1)
    return lake
