"""A command is cut off before each of its system calls that change a file, then repeated, then compared.

Not by chance: a process of its own runs the command undisturbed, and records its files each time it is about to change one (open
for writing, rename, link, delete, truncate, make or remove a folder, by Python's audit events; the commits of deltalake and
the files of pyarrow and DuckDB, which are no Python, by wrappers). Each state is what ``kill -9`` at that point leaves
(tests/torture/states.py). It is put back where the command ran, looked at, and the command is repeated. Processes are forked
from one that has imported everything and runs nothing.

    python -m tests.torture.every_point [COMMAND ...]
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from neurostore.lake import tombstones
from neurostore.storage import temporary
from tests.torture.cases import case, content, forked, listed
from tests.torture.commands import COMMANDS
from tests.torture.states import Recorder, recorded, restore
from tests.torture.warm import import_everything

_CHANGES = {"os.rename", "os.remove", "os.link", "os.rmdir", "os.mkdir", "os.truncate", "shutil.rmtree"}


def _at_changes(below: str, strike: Callable[[], None], strays: set[str]) -> None:
    """Have this process call something before each of its changes below a folder.

    strays : gets files of the machine's temporary folder that no sweep and no erasure would find after a kill.
    """
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
            elif is_writing and _is_stray(path_of(path), below):
                strays.add(path_of(path))
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


def _is_stray(path: str, below: str) -> bool:
    machine = Path(tempfile.gettempdir())
    if Path(below).parent in Path(path).parents or machine not in Path(path).parents:
        return False
    return not temporary.is_temporary(Path(path).relative_to(machine).parts[0])


def run(command: str, lake: Path, store: Path) -> tuple[int, list[str]]:
    """Run a command in a process of its own and record its states; its exit status, and its strays."""

    def work() -> list[str]:
        recorder, strays = Recorder(str(lake.parent), store), set[str]()
        _at_changes(str(lake.parent), recorder.record, strays)
        COMMANDS[command].run(lake)
        return sorted(strays)

    status, strays = forked(work)
    return status, strays or []


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
    tombstones._SCRYPT["n"] = 2  # hashing a key is slow on purpose
    for module in COMMANDS[command].imports:
        importlib.import_module(module)
    here, start, undisturbed, store = (folder / name for name in ("case", "start", "undisturbed", "store"))
    here.mkdir()
    status, name = forked(lambda: str(COMMANDS[command].start(here)))
    assert status == 0, f"{command}: its lake could not be made"
    lake = Path(name)
    shutil.copytree(here, start)
    status, strays = run(command, lake, store)
    assert status == 0, f"{command}: undisturbed it ended with {status}"
    here.rename(undisturbed)
    lakes = [start / lake.name, undisturbed / lake.name]
    status, contents = forked(lambda: [listed(content(path)) for path in lakes])
    assert status == 0, f"{command}: what it wrote cannot be read"
    states = recorded(store)
    n = sum(len(state.points) for state in states)
    asked = [state for state in states if points is None or set(state.points) & set(points)]
    wrong = [f"{command}: a kill would leave {path} for ever" for path in strays]
    for i, state in enumerate(asked):
        restore(state, store, here)
        for sentence in case(command, lake, contents, (start, undisturbed)):
            wrong.append(f"{command} at point {state.points[0]} of {n}: {sentence}")
            print("  ", wrong[-1], flush=True)
        shutil.rmtree(here)
        if i % 5 == 4:
            print(f"   {command}: {i + 1} of {len(asked)} states", flush=True)
    return Outcome(command, sum(len(state.points) for state in asked), len(asked), wrong)
