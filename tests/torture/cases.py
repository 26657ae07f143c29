"""Whether a command that was cut off lost anything: what is left, and what a repeat makes of it, against an undisturbed run."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from neurostore.api import open as open_lake
from neurostore.errors import DamagedLakeError, NotALakeError
from neurostore.lake import checked, delta, hashes, releases, writing
from neurostore.lake.version import Version
from neurostore.storage import temporary
from neurostore.upkeep import erase, verify
from tests.torture.commands import COMMANDS, WHO
from tests.torture.kills import Content

_LEFT_OUT = {"ingest_id", "ingested_at", "table_versions", "review_id", "reviewed_at"}  # differ each time


def forked(work: Callable[[], Any]) -> tuple[int, Any]:
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


@contextmanager
def _tables_opened_once() -> Iterator[None]:
    """A Delta table whose log has the same files, of the same times, is opened once: opening is most of the work."""
    opened: dict[Any, Any] = {}
    original = delta.open_table

    def open_table(root: str, table: str, version: int | None = None) -> Any:
        log = Path(root, table, "_delta_log")
        stats = (
            sorted((e.name, e.stat().st_size, e.stat().st_mtime_ns) for e in os.scandir(log)) if log.is_dir() else []
        )
        key = (root, table, version, *stats)
        if key not in opened:
            opened[key] = original(root, table, version)
        return opened[key]

    delta.open_table = open_table
    try:
        yield
    finally:
        delta.open_table = original


def content(lake: Path) -> Content:
    """The rows of every trial in every table as text, of every subject, and of every release as if it were other people;
    nothing where there is no lake, or one that is not read before its damage is repaired."""
    with checked.off():  # what is damaged on purpose is read too
        try:
            opened = open_lake(lake)
        except (NotALakeError, DamagedLakeError):
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
            except OSError:  # damaged on purpose: a state with such a file differs from the undisturbed run
                found.setdefault((table, of_release + (file.subject or ""), "", ""), []).append("cannot be read")
                continue
            for row in rows:
                if row.get("ingest_id", "") in live or "ingest_id" not in row:
                    subject = of_release + (row.get("subject") or file.subject or "")
                    keys = (subject, row.get("session") or "", row.get("trial") or "")
                    said = sorted((k, str(v)) for k, v in row.items() if k not in _LEFT_OUT and v is not None)
                    found.setdefault((table, *keys), []).append(str(said))
    return found


def listed(held: Content) -> list[list[Any]]:
    return [[list(key), value] for key, value in held.items()]


def case(command: str, lake: Path, contents: list[list[Any]], folders: tuple[Path, Path]) -> list[str]:
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

    with _tables_opened_once():
        status, wrong = forked(look_and_repeat)
    return wrong if status == 0 else [f"looking at it and repeating it ended with {status}"]


def _cut_off(command: str, lake: Path, before: Content, after: Content) -> list[str]:
    """What is wrong after the kill: the lake does not open, or a trial is neither as before nor as after."""
    try:
        if not verify.verify(lake).is_clean and command.startswith("drop-damaged"):
            return []  # some of it is as damaged as it was
        found = content(lake)
    except NotALakeError:  # killed before there was a lake
        found = {}
    except Exception as error:
        return [f"after the kill: {type(error).__name__}: {error}"]
    wrong = []
    wholes = [(key, lambda k, key=key: k[1:] == key) for key in sorted({k[1:] for k in found})]
    if command.startswith("erase"):  # all data of the person is removed at once
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
    held = [p for p in files if WHO in str(p.relative_to(lake)) or WHO.encode() in _bytes(p)]
    empty = [p for p in lake.rglob("*") if p.is_dir() and WHO in p.name and not any(q.is_file() for q in p.rglob("*"))]
    left = [p for p in held if not any(line.startswith(f"{p.relative_to(lake)} ") for line in said)]
    return [f"still there: {p}" for p in left] + [f"empty: {p}" for p in empty]


def _bytes(path: Path) -> bytes:
    """The bytes of a file; of a record of hashes its copies of logs unpacked: four letters of base64 are a key by chance."""
    if path.parent.name != "hashes":
        return path.read_bytes()
    entries = json.loads(path.read_bytes().partition(b"\n")[2])
    copies = (hashes.Entry(*entry).text() for entry in entries.values() if entry[2])
    return b"\n".join([*map(str.encode, entries), *copies])


def _repeated(command: str, lake: Path, after: Content, undisturbed: Path) -> list[str]:
    """What is wrong after the repeat: other content than that of an undisturbed run, damage, something left."""
    wrong = []
    try:
        left = content(lake)
        found = verify.verify(lake)
        if left.keys() != after.keys():
            wrong.append(f"{len(after.keys() ^ left.keys())} trials differ")
        elif left != after:
            wrong.append("other rows")
        if found.unrecorded:  # the repeat had nothing to do; the next command that writes records them
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
