"""Every point at which a command changes a file: ``python -m tests.torture.every_point [COMMAND ...]``."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.torture.points import COMMANDS, torture


def main(commands: list[str]) -> int:
    """Torture commands, every one by default; the exit status is 1 where something was wrong."""
    n_wrong = 0
    for command in commands or list(COMMANDS):
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            done = torture(command, Path(folder))
        print(
            f"{command}: {done.n_points} points, {len(done.wrong)} wrong, {time.monotonic() - began:.0f} s", flush=True
        )
        for sentence in done.wrong:
            print("  ", sentence, flush=True)
        n_wrong += len(done.wrong)
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
