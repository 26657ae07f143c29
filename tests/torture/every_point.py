"""Every point at which a command changes a file: ``python -m tests.torture.every_point [COMMAND ...] [--points N ...]``."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.torture.commands import COMMANDS
from tests.torture.points import torture


def main() -> int:
    """Torture commands, every one by default; the exit status is 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help=f"of {', '.join(COMMANDS)}; all if none")
    parser.add_argument("--points", nargs="+", type=int, help="only these points of each command")
    asked = parser.parse_args()
    n_wrong = n_points = 0
    for command in asked.commands or COMMANDS:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            done = torture(command, Path(folder), asked.points)
        seconds = time.monotonic() - began
        print(
            f"{command}: {done.n_points} points, {done.n_states} different states, {len(done.wrong)} wrong, {seconds:.0f} s",
            flush=True,
        )
        n_wrong += len(done.wrong)
        n_points += done.n_points
    print(f"all: {n_points} points, {n_wrong} wrong", flush=True)
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
