"""Check types in every room under the name that it is imported by.

``ingest``, ``queries`` and ``schemas`` stand at the top of the repository and are imported as ``neurostore.ingest`` and so on. mypy reads
folders, finds no ``neurostore/ingest`` and would take everything that comes from there for ``Any``. Here it is given a folder of links in
which the packages stand as they are installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREE = ROOT / "build" / "types"


def lay_out() -> None:
    """``build/types/neurostore`` with a link to each module and room, and to each package at the top."""
    package = TREE / "neurostore"
    package.mkdir(parents=True, exist_ok=True)
    wanted = {
        p.name: p for p in [*(ROOT / "neurostore").iterdir(), *(ROOT / n for n in ("ingest", "queries", "schemas"))]
    }
    wanted.pop("__pycache__", None)
    for link in package.iterdir():
        if link.name not in wanted or not link.exists():
            link.unlink()
    for name, target in wanted.items():
        link = package / name
        if not link.is_symlink():
            link.symlink_to(os.path.relpath(target, package), target_is_directory=target.is_dir())


if __name__ == "__main__":
    lay_out()
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        ROOT / "pyproject.toml",
        "--cache-dir",
        ROOT / ".mypy_cache",
    ]
    sys.exit(subprocess.run([*command, *sys.argv[1:], "neurostore"], cwd=TREE).returncode)
