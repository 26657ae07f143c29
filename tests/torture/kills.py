"""kill -9 at random moments of real commands, and what must hold afterwards.

A case copies a lake, starts ``neurostore …`` on the copy (in a process forked from one that has imported everything, so
that no kill meets an import), kills it after a random part of the time that the command takes undisturbed, and checks: no process of it lives on; the lake opens; nothing is damaged; every trial is there whole,
with the rows of a run before or after the command; a repeat of the command ends well, with the content of an
undisturbed run.
"""

from __future__ import annotations

import hashlib
import io
import random
import shutil
import signal
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

from neurostore.api import open as open_lake
from neurostore.errors import NotALakeError
from neurostore.lake.version import Version
from neurostore.upkeep.verify import verify
from tests.builders.tiny_bvh import write_bvh
from tests.torture.warm import MARK, Running, machine, run

OPERATIONS = ("ingest", "replace", "compact", "erase", "distances", "refresh")
VIEWS = (
    "gait_events",
    "gait_cycles",
    "trial_quality",
    "subject_summary",
)  # whose stored rows are compared with those from frames
WHO = "Gone"
Content = dict[tuple[str, str, str, str], str]  # table, subject, session, trial -> hash of the rows


def content(lake: Path | str) -> Content:
    """A hash of the rows of every trial in every table, without what differs from ingest to ingest."""
    opened = open_lake(lake)
    found: Content = {}
    for table in opened.tables():
        if table in ("skeletons", "subjects"):
            continue
        frame = opened.scan(table).collect()
        frame = frame.drop([c for c in ("ingest_id", "ingested_at", "table_versions") if c in frame.columns])
        for key, rows in frame.partition_by("subject", "session", "trial", as_dict=True).items():
            plain = [c for c, t in rows.schema.items() if not t.is_nested()]
            said = io.BytesIO()
            rows.select(sorted(rows.columns)).sort(plain).rechunk().write_parquet(said, statistics=False)
            found[table, *key] = hashlib.sha256(said.getvalue()).hexdigest()
    return found


@dataclass(frozen=True)
class Scene:
    """What the operations start from: a lake, the cohorts, and what comes of each command undisturbed.

    rows : of each of VIEWS, computed from the frames that a refresh starts from and does not change.
    """

    folder: Path
    before: dict[str, Content]
    after: dict[str, Content]
    seconds: dict[str, float]
    rows: dict[str, pl.DataFrame]

    def start_lake(self, operation: str) -> Path:
        return self.folder / f"start_{operation}"


def command(operation: str, scene: Path, lake: Path) -> list[str]:
    words = {
        "ingest": ["ingest", scene / "cohort", "--workers", "2"],
        "replace": ["ingest", scene / "changed", "--workers", "2"],
        "compact": ["compact", "--vacuum"],
        "erase": ["erase", WHO, "--yes"],
        "distances": ["distances", lake / "results.npy", "--unit", "trial"],
        "refresh": ["refresh", "--workers", "2"],
    }[operation]
    return [*map(str, words), "--lake", str(lake)]


def make_scene(folder: Path, n_frames: int = 1500, operations: tuple[str, ...] = OPERATIONS) -> Scene:
    """Make cohorts and lakes, and run every command: once to warm caches, once by the clock."""
    for at, name in enumerate(("cohort", "changed")):
        for i in range(6):
            subject = (WHO, "S1", "S2")[i % 3]
            write_bvh(folder / name / subject / f"walk{i}.bvh", n_frames + i, sway_deg=5.0 + at)
    full = folder / "full"
    for i in range(6):  # one by one, so that there is something to compact
        subject = (WHO, "S1", "S2")[i % 3]
        part = folder / f"part{i}" / subject
        part.mkdir(parents=True)
        shutil.copy(folder / "cohort" / subject / f"walk{i}.bvh", part)
        _run(["ingest", part.parent, "--workers", "1", "--lake", full])
    before, after, seconds = {}, {}, {}
    rows: dict[str, pl.DataFrame] = {}
    for operation in operations:
        start = folder / f"start_{operation}"
        if operation == "refresh":
            _run(["ingest", folder / "cohort", "--no-results", "--workers", "1", "--lake", start])
            before[operation] = content(start)
            rows = {view: _rows_of(open_lake(start).without_results(), view) for view in VIEWS}
        elif operation != "ingest":
            shutil.copytree(full, start)
            before[operation] = content(start)
        else:
            before[operation] = {}
        undisturbed = folder / f"undisturbed_{operation}"
        for lake in (folder / f"warm_{operation}", undisturbed):
            if start.exists():
                shutil.copytree(start, lake)
            status, said, seconds[operation] = run(command(operation, folder, lake))
            assert status == 0, f"{operation}: {said}"
        after[operation] = content(undisturbed)
    return Scene(folder, before, after, seconds, rows)


def _run(words: list[object]) -> None:
    status, said, _ = run([*map(str, words)])
    assert status == 0, said


@dataclass
class Case:
    """One kill. losses : what was found wrong, in words; nothing is well."""

    operation: str
    moment: float
    was_killed: bool = False
    losses: list[str] = field(default_factory=list)


def kill_once(scene: Scene, operation: str, rng: random.Random) -> Case:
    """One case. moment : the part of the command's time after which it was killed."""
    case = Case(operation, rng.random())
    lake = scene.folder / f"case_{uuid.uuid4().hex[:8]}"
    if scene.start_lake(operation).exists():
        shutil.copytree(scene.start_lake(operation), lake)
    mark = uuid.uuid4().hex
    words = command(operation, scene.folder, lake)
    process = Running(words, mark)
    if not process.wait(case.moment * scene.seconds[operation]):
        process.send(signal.SIGKILL)
        case.was_killed = True
    process.ended()
    _check_nobody_lives(mark, case)
    _check_lake(scene, operation, lake, case)
    if operation == "refresh":
        case.losses += other_rows(lake, scene.rows, rng.choice(VIEWS))
    status, said, _ = run(words)
    if status != 0:
        case.losses.append(f"the repeat ended with {status}: {said[-500:]}")
    elif content(lake) != scene.after[operation]:
        case.losses.append("the repeat's content is not that of an undisturbed run")
    else:
        case.losses += [f"after the repeat: {d}" for d in verify(lake).damaged]
    if operation == "refresh":
        case.losses += other_rows(lake, scene.rows, rng.choice(VIEWS))
        if n_stale := open_lake(lake).results().n_stale_trials:
            case.losses.append(f"after the repeat {n_stale} trials have no results")
    if operation == "erase":
        case.losses += [f"erased, and still in {p}" for p in holding(WHO, lake)]
    if operation == "distances":
        undisturbed = scene.folder / "undisturbed_distances"
        for whole in sorted(undisturbed.glob("results*.npy")):
            if (lake / whole.name).read_bytes() != whole.read_bytes():
                case.losses.append(f"the matrix {whole.name} is not that of an undisturbed run")
    shutil.rmtree(lake, ignore_errors=True)
    return case


def _rows_of(lake: Version, view: str) -> pl.DataFrame:
    return lake.sql(f"SELECT * FROM {view} ORDER BY ALL")


def other_rows(lake: Path, rows: dict[str, pl.DataFrame], view: str) -> list[str]:
    """What differs where a view shows other rows than are computed from the frames. One view at a time: each takes seconds."""
    try:
        assert_frame_equal(_rows_of(open_lake(lake), view), rows[view], rel_tol=1e-9)
    except AssertionError as error:
        return [f"{view}: {error}"]
    return []


def holding(key: str, lake: Path) -> list[Path]:
    """Files with a key in their name or bytes: in the lake, the user's cache and the commands' temporary folder."""
    from neurostore.sql import spill

    paths = [p for place in (lake, spill.place(), machine()) for p in (place, *place.rglob("*"))]
    return [p for p in paths if key in p.name or (p.is_file() and key.encode() in p.read_bytes())]


def _check_lake(scene: Scene, operation: str, lake: Path, case: Case) -> None:
    try:
        found = content(lake)
    except NotALakeError:  # killed before there was a lake
        if operation != "ingest":
            case.losses.append("the lake is gone")
        return
    except Exception as error:
        case.losses.append(f"it does not open: {error!r}")
        return
    case.losses += [f"damaged: {d}" for d in verify(lake).damaged]
    before, after = scene.before[operation], scene.after[operation]
    for key in sorted({k[1:] for k in found}):
        ours = {k: v for k, v in found.items() if k[1:] == key}
        wholes = [{k: v for k, v in c.items() if k[1:] == key} for c in (before, after)]
        if ours not in wholes:
            case.losses.append(f"{'/'.join(key)} is not whole")
    missing = {k[1:] for k in before} & {k[1:] for k in after} - {k[1:] for k in found}
    case.losses += [f"{'/'.join(key)} is lost" for key in sorted(missing)]


def _check_nobody_lives(mark: str, case: Case) -> None:
    """Workers end by themselves within a few seconds."""
    deadline = time.monotonic() + 20
    while alive := _alive(mark):
        if time.monotonic() > deadline:
            case.losses.append(f"processes {alive} live on")
            return
        time.sleep(0.05)


def _alive(mark: str) -> list[int]:
    """Processes that were started with our mark in their environment."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                said = (folder / "environ").read_bytes()
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if f"{MARK}={mark}".encode() in said and state != "Z":
                found.append(int(folder.name))
    return found
