"""A disk that fills while a command writes: ``python -m tests.torture.full_disk [COMMAND ...]``.

Each command of the torture is started on a small file system of its own (a tmpfs; root alone may mount one) that has room
for a part of what the command writes. It must end well or with an error that names the full disk; nothing may be lost, and
nothing beside the lake half-written. Then room is made, the command is repeated, and the result is compared with an
undisturbed run.
"""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neurostore.errors import NeurostoreError
from tests.torture.cases import case, content, forked, listed
from tests.torture.commands import COMMANDS
from tests.torture.warm import import_everything

SHARES = (0.0, 0.15, 0.4, 0.7)  # of what the command writes: so much room there is
_SIZE = 256 << 20
_PAGE = 4096


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of 256 MB at a folder."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(path: Path, free: int) -> None:
    """Fill a file system except for the given number of bytes, rounded to pages."""
    pages = os.statvfs(path.parent).f_bavail - free // _PAGE
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, pages * _PAGE)


def run(command: str, lake: Path) -> list[str]:
    """What is wrong with how a command ends: with an error that does not name the disk."""

    def work() -> str:
        try:
            COMMANDS[command].run(lake)
        except (NeurostoreError, OSError) as error:
            text = str(error).lower()
            is_named = "disk is full" in text or "no space left" in text
            return "" if is_named else f"on a full disk: {type(error).__name__}: {error}"
        except BaseException as error:
            return f"on a full disk: {type(error).__name__}: {error}"
        return ""

    status, sentence = forked(work)
    return [f"on a full disk it ended with {status}"] if status else [sentence] * bool(sentence)


def torture(command: str, folder: Path) -> list[str]:
    """Run a command with too little room, in several measures; what is wrong, in words."""
    import_everything()
    for module in COMMANDS[command].imports:
        importlib.import_module(module)
    here, start, undisturbed = (folder / name for name in ("case", "start", "undisturbed"))
    with small_disk(here):
        status, name = forked(lambda: str(COMMANDS[command].start(here)))
        assert status == 0, f"{command}: its lake could not be made"
        lake = Path(name)
        shutil.copytree(here, start)
        free = os.statvfs(here).f_bavail
        least, status = _least_free(command, lake)
        assert status == 0, f"{command}: undisturbed it ended with {status}"
        shutil.copytree(here, undisturbed)
    lakes = [start / lake.name, undisturbed / lake.name]
    status, contents = forked(lambda: [listed(content(path)) for path in lakes])
    assert status == 0, f"{command}: what it wrote cannot be read"
    wrong = []
    for share in SHARES:
        room = int((free - least) * share) * _PAGE
        with small_disk(here):
            shutil.copytree(start, here, dirs_exist_ok=True)
            fill(here / "filler", room)
            found = run(command, lake)
            (here / "filler").unlink()
            found += case(command, lake, contents, (start, undisturbed))
        for sentence in found:
            wrong.append(f"{command} with room for {room} bytes: {sentence}")
            print("  ", wrong[-1], flush=True)
    return wrong


def _least_free(command: str, lake: Path) -> tuple[int, int]:
    """Pages that were free at the worst moment of an undisturbed run, and its exit status."""
    pid = os.fork()
    if pid == 0:
        status, _ = forked(lambda: COMMANDS[command].run(lake) and None)
        os._exit(min(abs(status), 1))
    least = os.statvfs(lake.parent).f_bavail
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        least = min(least, os.statvfs(lake.parent).f_bavail)
        if ended:
            return least, status
        time.sleep(0.001)


def main() -> int:
    """Torture commands, every one by default; the exit status is 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help=f"of {', '.join(COMMANDS)}; all if none")
    n_wrong = n_commands = 0
    for command in parser.parse_args().commands or COMMANDS:
        with tempfile.TemporaryDirectory(prefix="neurostore-torture-") as folder:
            wrong = torture(command, Path(folder))
        n_wrong += len(wrong)
        n_commands += 1
        print(f"{command}: {len(SHARES)} disks, {len(wrong)} wrong", flush=True)
    print(f"all: {n_commands * len(SHARES)} full disks, {n_wrong} wrong", flush=True)
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
