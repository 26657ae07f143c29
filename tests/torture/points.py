"""A command is killed before each of its system calls that change a file, then repeated, then compared.

Not by chance: a process of its own counts what it is about to change (open for writing, rename, link, delete, make or
remove a folder, by Python's audit events; the commits of deltalake, which are no Python, by a wrapper) and ends itself,
as ``kill -9`` would, before the n-th. Undisturbed it says how many there are.

    python -m tests.torture.every_point [COMMAND ...]
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurostore.api import open as open_lake
from neurostore.lake import commit
from neurostore.upkeep import compact, copies, erase, migrate, repair, vacuum, verify
from tests.builders.lake_builder import build_lake, trial
from tests.builders.tiny_bvh import write_bvh
from tests.torture.kills import Content, content

KILLED = 137
WHO = "Gone"
_CHANGES = {"os.rename", "os.remove", "os.link", "os.rmdir", "os.mkdir", "os.truncate", "shutil.rmtree"}
_HEEL = np.random.default_rng(3).normal(500, 80, (30, 3))
_LEG = {"parameter": "leg_length", "side": "left", "value": 800.0, "unit": "mm", "source": "file"}


def _drop_damaged(lake: Path) -> None:
    while (found := verify.verify(lake)).damaged or found.unrecorded:
        repair.drop_damaged(lake, found)


def _ingest(lake: Path) -> None:
    from neurostore.ingest.pipeline import ingest

    ingest(lake.parent.parent / "cohort", lake, n_workers=1)


def _replace(lake: Path) -> None:
    from neurostore.ingest.pipeline import ingest

    ingest(lake.parent.parent / "cohort", lake, n_workers=1, force=True)


def _export(lake: Path) -> None:
    target = lake.parent / "export"
    if not target.exists():
        copies.export_lake(lake, target)


def _pseudonymise(lake: Path) -> None:
    from neurostore.ingest.cohort.pseudonymise import pseudonymise

    out = lake.parent / "coded"
    if not (out / "participants.tsv").exists():
        pseudonymise(lake.parent.parent / "cohort", out, lake.parent / "key.tsv")


def _commit(lake: Path) -> None:
    rows = [{"subject": "New", "group": "CP"}]
    have = set(open_lake(lake).trials()["subject"])
    if "New" not in have:
        commit.commit(lake, [commit.stage(lake, [_trial("New", 0)])], subjects=rows)


def _migrate(lake: Path) -> None:
    marker = lake / "_neurostore" / "lake.json"
    marker.write_bytes(marker.read_bytes())
    migrate.migrate(lake, {1: migrate.record_hashes}, to=2)


COMMANDS: dict[str, Callable[[Path], Any]] = {
    "drop-damaged": _drop_damaged,
    "drop-damaged-trials": _drop_damaged,
    "drop-damaged-log": _drop_damaged,
    "erase": lambda lake: erase.erase(lake, WHO),
    "compact": lambda lake: compact.compact(lake, safe_age_s=0),
    "vacuum": lambda lake: vacuum.vacuum(lake, safe_age_s=0),
    "commit": _commit,
    "ingest": _ingest,
    "replace": _replace,
    "export-lake": _export,
    "pseudonymise": _pseudonymise,
}


def _trial(subject: str, i: int) -> Any:
    row = {"source_sha256": f"{subject}{i}".encode().hex().ljust(64, "0")}
    return trial(subject, f"t{i}", left_heel=_HEEL + i, calibrations=[_LEG], row=row)


def make_start(folder: Path, command: str) -> Path:
    """The lake that a command starts from."""
    lake = Path(build_lake(folder, [_trial(s, i) for s in (WHO, "S1") for i in range(2)], one_by_one=True).path)
    for subject in ("S7", "S8"):
        write_bvh(folder / "cohort" / subject / "walk.bvh", 20)
    if command == "replace":
        _ingest_at(folder, lake)
    if command.startswith("drop-damaged"):
        _damage(lake, command)
    return lake


def _ingest_at(folder: Path, lake: Path) -> None:
    from neurostore.ingest.pipeline import ingest

    ingest(folder / "cohort", lake, n_workers=1)


def _damage(lake: Path, command: str) -> None:
    opened = open_lake(lake)
    tables = {"drop-damaged": ("landmarks", "calibrations"), "drop-damaged-trials": ("trials",)}.get(command, ())
    paths = [Path(opened.table_state(t).path(opened.table_state(t).files[-1])) for t in tables]
    if command == "drop-damaged-log":
        paths = sorted((lake / "landmarks" / "_delta_log").glob("*.json"))[1:3]
    for path in paths:
        held = bytearray(path.read_bytes())
        held[len(held) // 2] ^= 1
        path.write_bytes(held)


def _in_child(command: str, lake: str, stop_at: int, said: Any) -> None:
    """Run a command and end before its n-th change; without, say how many there were."""
    from deltalake import DeltaTable
    from deltalake.table import TableAlterer

    count = 0

    def strike() -> None:
        nonlocal count
        count += 1
        if count == stop_at:
            os._exit(KILLED)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        below = os.path.dirname(lake)
        if event == "open":
            path, _, flags = arguments
            is_writing = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            if is_writing and str(path).startswith(below) and not str(path).endswith("commit.lock"):
                strike()
        elif event in _CHANGES and str(arguments[0]).startswith(below):
            strike()

    def wrapped(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def call(*args: Any, **options: Any) -> Any:
            strike()
            result = original(*args, **options)
            strike()
            return result

        setattr(owner, name, staticmethod(call) if name == "create" else call)

    for owner, name in (
        (DeltaTable, "create_write_transaction"),
        (DeltaTable, "create_checkpoint"),
        (TableAlterer, "add_columns"),
        (TableAlterer, "set_table_properties"),
    ):
        wrapped(owner, name)
    sys.addaudithook(hook)
    COMMANDS[command](Path(lake))
    said.send(count)
    os._exit(0)


def run(command: str, lake: Path, stop_at: int = 0) -> tuple[int, int]:
    """Run a command in a process of its own; (its exit status, changes counted where it got through)."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.torture.points"])
    ours, theirs = context.Pipe()
    child = context.Process(target=_in_child, args=(command, str(lake), stop_at, theirs))
    child.start()
    theirs.close()
    child.join(120)
    status = child.exitcode if child.exitcode is not None else -1
    count = ours.recv() if status == 0 else 0
    child.close()
    ours.close()
    return status, count


@dataclass
class Outcome:
    """What came of one command. wrong : sentences, with the point of the kill."""

    command: str
    n_points: int
    wrong: list[str]


def torture(command: str, folder: Path, points: list[int] | None = None) -> Outcome:
    """Kill a command at each of its points (or at some), repeat it, and compare with an undisturbed run."""
    start = make_start(folder / "start", command)
    undisturbed = _copy(start, folder / "undisturbed")
    status, n = run(command, undisturbed)
    assert status == 0, f"{command}: undisturbed it ended with {status}"
    expected = content(undisturbed)
    wrong = []
    for point in points or range(1, n + 1):
        lake = _copy(start, folder / f"at_{point}")
        wrong += [f"{command} at point {point} of {n}: {w}" for w in _case(command, lake, point, expected)]
        shutil.rmtree(lake.parent)
    return Outcome(command, n, wrong)


def _copy(start: Path, folder: Path) -> Path:
    shutil.copytree(start, folder / "lake")
    return folder / "lake"


def _case(command: str, lake: Path, point: int, expected: Content) -> list[str]:
    status, _ = run(command, lake, point)
    if status not in (KILLED, 0):
        return [f"it ended with {status}, not killed"]
    wrong = []
    try:
        found = verify.verify(lake)
        if found.is_clean:
            content(lake)  # what is called whole can be read
    except Exception as error:
        wrong.append(f"after the kill: {type(error).__name__}: {error}")
    status, _ = run(command, lake)
    if status != 0:
        return [*wrong, f"the repeat ended with {status}"]
    try:
        left = content(lake)
        wrong += [f"{len(expected.keys() ^ left.keys())} trials differ"] if left.keys() != expected.keys() else []
        wrong += ["other rows"] if {k: left[k] for k in left if k in expected} != expected and not wrong else []
        found = verify.verify(lake)
        wrong += [f"verify: {d}" for d in found.damaged] + [f"unrecorded: {p}" for p in found.unrecorded]
    except Exception as error:
        wrong.append(f"after the repeat: {type(error).__name__}: {error}")
    if command == "erase":
        wrong += [f"still there: {p}" for p in lake.parent.rglob("*") if WHO in p.name]
        wrong += [
            f"in the bytes of {p.name}" for p in lake.rglob("*") if p.is_file() and WHO.encode() in p.read_bytes()
        ]
    if command in ("export-lake", "pseudonymise"):
        wrong += [f"left: {p.name}" for p in lake.parent.iterdir() if p.name.endswith(".tmp")]
    return wrong
