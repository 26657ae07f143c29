"""A command is cut off before each of its system calls that change a file, then repeated, then compared.

Not by chance: a process of its own runs the command undisturbed, and records its files each time it is about to change one (open
for writing, rename, link, delete, truncate, make or remove a folder, by Python's audit events; the commits of deltalake and
the files of pyarrow and DuckDB, which are no Python, by wrappers). Each state is what ``kill -9`` at that point leaves
(tests/torture/states.py). It is put back where the command ran, looked at, and the command is repeated. Processes are forked
from one that has imported everything and runs nothing.

    python -m tests.torture.every_point [COMMAND ...]
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from neurostore.api import open as open_lake
from neurostore.errors import NotALakeError
from neurostore.lake import checked, releases, writing
from neurostore.lake.version import Version
from neurostore.storage import temporary
from neurostore.upkeep import erase, verify
from tests.torture.commands import COMMANDS, WHO
from tests.torture.kills import Content
from tests.torture.states import Recorder, recorded, restore
from tests.torture.warm import import_everything

_CHANGES = {"os.rename", "os.remove", "os.link", "os.rmdir", "os.mkdir", "os.truncate", "shutil.rmtree"}
_LEFT_OUT = {"ingest_id", "ingested_at", "table_versions", "review_id", "reviewed_at"}  # differ each time


def _at_changes(below: str, strike: Callable[[], None]) -> None:
    """Have this process call something before each of its changes below a folder."""
    import duckdb
    from deltalake import DeltaTable
    from deltalake.table import TableAlterer

    def path_of(argument: Any) -> str:
        return os.readlink(f"/proc/self/fd/{argument}") if isinstance(argument, int) else str(argument)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            is_writing = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            if is_writing and path_of(path).startswith(below):
                strike()
        elif event in _CHANGES and path_of(arguments[0]).startswith(below):
            strike()

    def wrapped(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def call(*args: Any, **options: Any) -> Any:
            strike()
            result = original(*args, **options)
            strike()
            return result

        setattr(owner, name, staticmethod(call) if isinstance(owner, type) and name == "create" else call)

    for owner, name in (
        (DeltaTable, "create"),
        (DeltaTable, "create_write_transaction"),
        (DeltaTable, "create_checkpoint"),
        (TableAlterer, "add_columns"),
        (TableAlterer, "set_table_properties"),
        (pq.ParquetWriter, "write_table"),
        (pq.ParquetWriter, "close"),
        (duckdb, "connect"),
    ):
        wrapped(owner, name)
    sys.addaudithook(hook)


def _forked(work: Callable[[], Any]) -> tuple[int, Any]:
    """Do something in a process of its own; (its exit status, what it returned)."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        status = 1
        try:
            os.write(writer, json.dumps(work()).encode())
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status, json.loads(said) if status == 0 else None


def run(command: str, lake: Path, store: Path) -> int:
    """Run a command in a process of its own and record its states; its exit status."""

    def work() -> None:
        recorder = Recorder(str(lake.parent), store)
        _at_changes(str(lake.parent), recorder.record)
        COMMANDS[command].run(lake)

    return _forked(work)[0]


@dataclass
class Outcome:
    """What came of one command. n_states : different states among its points. wrong : sentences, with the point of the kill."""

    command: str
    n_points: int
    n_states: int
    wrong: list[str]


def torture(command: str, folder: Path, points: Sequence[int] | None = None) -> Outcome:
    """Cut a command off at each of its points (or at some), repeat it, and compare with an undisturbed run."""
    import_everything()
    for module in COMMANDS[command].imports:
        importlib.import_module(module)
    here, start, undisturbed, store = (folder / name for name in ("case", "start", "undisturbed", "store"))
    here.mkdir()
    status, name = _forked(lambda: str(COMMANDS[command].start(here)))
    assert status == 0, f"{command}: its lake could not be made"
    lake = Path(name)
    shutil.copytree(here, start)
    status = run(command, lake, store)
    assert status == 0, f"{command}: undisturbed it ended with {status}"
    here.rename(undisturbed)
    lakes = [start / lake.name, undisturbed / lake.name]
    status, contents = _forked(lambda: [_listed(_content(path)) for path in lakes])
    assert status == 0, f"{command}: what it wrote cannot be read"
    states = recorded(store)
    n = sum(len(state.points) for state in states)
    asked = [state for state in states if points is None or set(state.points) & set(points)]
    wrong = []
    for i, state in enumerate(asked):
        restore(state, store, here)
        for sentence in _case(command, lake, contents, (start, undisturbed)):
            wrong.append(f"{command} at point {state.points[0]} of {n}: {sentence}")
            print("  ", wrong[-1], flush=True)
        shutil.rmtree(here)
        if i % 20 == 19:
            print(f"   {command}: {i + 1} of {len(asked)} states", flush=True)
    return Outcome(command, sum(len(state.points) for state in asked), len(asked), wrong)


def _content(lake: Path) -> Content:
    """The rows of every trial in every table as text, of every subject, and of every release as if it were other people;
    nothing where there is no lake."""
    with checked.off():  # what is damaged on purpose is read too
        try:
            opened = open_lake(lake)
        except NotALakeError:
            return {}
        found = _rows_of(opened, "")
        for release in releases.every(opened.path):
            of_release = f"{release.name} "
            found |= _rows_of(open_lake(lake, release=release.name), of_release)
            said = [release.content_sha256, str(len(release.erasures)), *sorted(release.people), release.message]
            found["release", of_release, "", ""] = said
    return {key: hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest() for key, rows in found.items()}


def _rows_of(opened: Version, of_release: str) -> dict[tuple[str, str, str, str], list[str]]:
    """Live rows as text by table, subject, session and trial. of_release : put before the subject."""
    live = set(opened.ingest_ids())
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for table in opened.tables():
        state = opened.table_state(table)
        for file in state.files:
            try:
                with pq.ParquetFile(state.path(file)) as parquet:
                    rows = parquet.read().to_pylist()
            except OSError:  # damaged on purpose: what ends like that differs from the undisturbed run
                found.setdefault((table, of_release + (file.subject or ""), "", ""), []).append("cannot be read")
                continue
            for row in rows:
                if row.get("ingest_id", "") in live or "ingest_id" not in row:
                    subject = of_release + (row.get("subject") or file.subject or "")
                    keys = (subject, row.get("session") or "", row.get("trial") or "")
                    said = sorted((k, str(v)) for k, v in row.items() if k not in _LEFT_OUT and v is not None)
                    found.setdefault((table, *keys), []).append(str(said))
    return found


def _listed(held: Content) -> list[list[Any]]:
    return [[list(key), value] for key, value in held.items()]


def _case(command: str, lake: Path, contents: list[list[Any]], folders: tuple[Path, Path]) -> list[str]:
    """What is wrong with a state. folders : as they were before the command, and after it undisturbed."""
    before, after = ({tuple(key): value for key, value in content} for content in contents)

    def look_and_repeat() -> list[str]:
        wrong = _cut_off(command, lake, before, after)
        if not (COMMANDS[command].is_random or COMMANDS[command].goes_on):
            wrong += _half_written(lake.parent, folders)
        try:
            result = COMMANDS[command].run(lake)
        except Exception as error:
            return [*wrong, f"the repeat: {type(error).__name__}: {error}"]
        wrong += _repeated(command, lake, after, folders[1])
        return wrong + (_not_erased(lake, result) if isinstance(result, erase.Receipt) else [])

    status, wrong = _forked(look_and_repeat)
    return wrong if status == 0 else [f"looking at it and repeating it ended with {status}"]


def _cut_off(command: str, lake: Path, before: Content, after: Content) -> list[str]:
    """What is wrong after the kill: the lake does not open, or a trial is neither as before nor as after."""
    try:
        if not verify.verify(lake).is_clean and command.startswith("drop-damaged"):
            return []  # some of it is as damaged as it was
        found = _content(lake)
    except NotALakeError:  # killed before there was one
        found = {}
    except Exception as error:
        return [f"after the kill: {type(error).__name__}: {error}"]
    wrong = []
    wholes = [(key, lambda k, key=key: k[1:] == key) for key in sorted({k[1:] for k in found})]
    if command.startswith("erase"):  # of whom everything goes at once, wherever it is
        people = sorted({k[1] for k in found if k[1].endswith(WHO)})
        wholes += [((person,), lambda k, person=person: k[1] == person) for person in people]
    for name, is_of in wholes:
        ours, *either = ({k: v for k, v in c.items() if is_of(k)} for c in (found, before, after))
        if ours not in either:
            wrong.append(f"after the kill {'/'.join(name)} is not whole")
    lost = {k[1:] for k in before} & {k[1:] for k in after} - {k[1:] for k in found}
    return wrong + [f"after the kill {'/'.join(key)} is lost" for key in sorted(lost)]


def _half_written(folder: Path, folders: tuple[Path, Path]) -> list[str]:
    """Files beside the lake, but for temporary ones, that are neither as before the command nor as after it."""
    ours, *wholes = (_files_beside(place) for place in (folder, *folders))
    named = {name: content for name, content in ours.items() if not any(map(temporary.is_temporary, Path(name).parts))}
    return [
        f"after the kill {name} is neither as before nor as after"
        for name, content in named.items()
        if content not in [whole.get(name) for whole in wholes]
    ]


def _not_erased(lake: Path, receipt: erase.Receipt) -> list[str]:
    """Names and bytes that still hold the person, but for files that are not the lake's own and that the receipt names."""
    files = [p for p in lake.rglob("*") if p.is_file()]
    said = tuple(f"{line} " for line in receipt.remaining)  # each begins with the path of a file
    held = [p for p in files if WHO in str(p.relative_to(lake)) or WHO.encode() in p.read_bytes()]
    empty = [p for p in lake.rglob("*") if p.is_dir() and WHO in p.name and not any(q.is_file() for q in p.rglob("*"))]
    left = [p for p in held if not any(line.startswith(f"{p.relative_to(lake)} ") for line in said)]
    return [f"still there: {p}" for p in left] + [f"empty: {p}" for p in empty]


def _repeated(command: str, lake: Path, after: Content, undisturbed: Path) -> list[str]:
    """What is wrong after the repeat: other content than that of an undisturbed run, damage, something left."""
    wrong = []
    try:
        left = _content(lake)
        if left.keys() != after.keys():
            wrong.append(f"{len(after.keys() ^ left.keys())} trials differ")
        elif left != after:
            wrong.append("other rows")
        found = verify.verify(lake)
        if found.unrecorded:  # the repeat had nothing to do; the next that writes records them
            with writing.writing(str(lake), "the next writer"):
                pass
            found = verify.verify(lake)
        wrong += [f"verify: {d}" for d in found.damaged] + [f"unrecorded: {p}" for p in found.unrecorded]
        wrong += [f"erased and there: {p}" for p in found.erased] + [f"{found.unfinished} unfinished"] * (
            found.unfinished > 0
        )
    except Exception as error:
        wrong.append(f"after the repeat: {type(error).__name__}: {error}")
    return wrong + _beside(lake.parent, undisturbed, is_random=COMMANDS[command].is_random)


def _beside(folder: Path, undisturbed: Path, *, is_random: bool) -> list[str]:
    """What differs among the files beside the lake, and temporary ones in it."""
    ours, theirs = (_files_beside(place) for place in (folder, undisturbed))
    if is_random:  # names differ too
        return [] if len(ours) == len(theirs) else [f"beside the lake are {sorted(ours)}, not {sorted(theirs)}"]
    wrong = [f"beside the lake {name} is in one alone" for name in sorted(ours.keys() ^ theirs.keys())]
    return wrong + [
        f"{name} is not that of an undisturbed run" for name in ours.keys() & theirs if ours[name] != theirs[name]
    ]


def _files_beside(folder: Path) -> dict[str, bytes]:
    paths = (p for p in folder.rglob("*") if p.is_file() and folder / "lake" not in p.parents)
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths}
