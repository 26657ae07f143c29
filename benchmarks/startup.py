"""`neurostore --help` beside a bare typer program of as many commands, and what importing neurostore loads.

    python benchmarks/startup.py

Promise: at most 1.5 times the bare program. Runs alternate; the medians are compared.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_BARE = """
import typer
app = typer.Typer()
{commands}
app()
"""
_COMMAND = """
@app.command()
def command_{n}(folder: str, size: int = 3) -> None:
    '''Do something with a folder.'''
"""
_FILES = {"bare typer": "bare", "neurostore": "ours"}  # never the package's own name
_OURS = "from neurostore.cli import main; main()"


def main(n_runs: int = 15) -> None:
    from neurostore.cli import command_line

    n_commands = len(command_line().registered_commands)
    bare = _BARE.format(commands="".join(_COMMAND.format(n=n) for n in range(n_commands)))
    times: dict[str, list[float]] = {"bare typer": [], "neurostore": []}
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("bare typer", bare), ("neurostore", _OURS)):
            (Path(folder) / f"{_FILES[name]}.py").write_text(text)
        for _ in range(n_runs + 1):
            for name, found in times.items():
                start = time.perf_counter()
                command = [sys.executable, str(Path(folder) / f"{_FILES[name]}.py"), "--help"]
                subprocess.run(command, check=True, capture_output=True)
                found.append(time.perf_counter() - start)
    bare_s, ours_s = (statistics.median(found[1:]) for found in times.values())
    print(f"{'program':<12} {'--help, ms':>10}")
    print(f"{'bare typer':<12} {1000 * bare_s:>10.0f}   {n_commands} commands")
    print(f"{'neurostore':<12} {1000 * ours_s:>10.0f}   ratio {ours_s / bare_s:.2f} (at most 1.5)")


if __name__ == "__main__":
    main()
