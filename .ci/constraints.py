"""Writes constraints.txt: versions that are known to work together, from the environments of this checkout.

The versions are those of .venv. Where .venv-core uses another Python and another version, the file contains both.
"""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: packages that are part of every environment
LEFT_OUT = {"pip", "setuptools", "wheel", tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"]}
HEADER = "# Versions known to work together. Made by `make constraints`; used by the Makefile, never by the package itself.\n"


def installed(environment: Path) -> tuple[str, dict[str, str]]:
    """Python version of an environment, as "3.11", and the version of each of its packages by name."""
    python = str(environment / "bin" / "python")
    asked = "import sys; print('.'.join(map(str, sys.version_info[:2])))"
    version = subprocess.run([python, "-c", asked], check=True, capture_output=True, text=True).stdout.strip()
    command = [python, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"]
    packages = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    # a local build (2.13.0+cpu) satisfies its public version
    found = {p["name"].lower().replace("_", "-"): p["version"].partition("+")[0] for p in packages}
    return version, {name: version for name, version in found.items() if name not in LEFT_OUT}


def merged(older: tuple[str, dict[str, str]], newer: tuple[str, dict[str, str]] | None) -> list[str]:
    """Lines of a constraints file; if the versions differ, each applies to its own Python."""
    lines = []
    newest, packages = newer if newer and newer[0] != older[0] else (older[0], older[1])
    for name in sorted({*older[1], *packages}):
        old, new = older[1].get(name), packages.get(name)
        if old == new or new is None or old is None:
            lines.append(f"{name}=={old or new}")
        else:
            lines.append(f'{name}=={old}; python_version < "{newest}"')
            lines.append(f'{name}=={new}; python_version >= "{newest}"')
    return lines


def main() -> None:
    """Write constraints.txt at the top of the repository."""
    core = ROOT / ".venv-core"
    lines = merged(installed(ROOT / ".venv"), installed(core) if core.is_dir() else None)
    (ROOT / "constraints.txt").write_text(HEADER + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
