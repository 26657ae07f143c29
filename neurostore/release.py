"""The version and the distribution of this release: everything that shows or writes the software's name reads it here.

The version is declared here, for pyproject.toml too. The name of the distribution is declared in pyproject.toml alone; the
package is imported as ``neurostore``, which on PyPI is another project's name.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import Distribution

VERSION = "0.1.0"
_COMMAND = "neurostore.cli:main"


def installed() -> Distribution | None:
    """The installed distribution that has our command; None if the package runs without being installed."""
    from importlib import metadata  # the import takes a quarter of a command's start-up, and few commands need it

    for entry in metadata.entry_points(group="console_scripts", name="neurostore"):
        if entry.value == _COMMAND and entry.dist is not None:
            return entry.dist
    return None


def distribution() -> str | None:
    """The name under which pip installs this package: a checkout's pyproject.toml says it, else what is installed."""
    import tomllib

    with suppress(OSError, KeyError, tomllib.TOMLDecodeError):
        project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        if project["scripts"]["neurostore"] == _COMMAND:
            return str(project["name"])
    package = installed()
    return package.metadata["Name"] if package is not None else None


def how_to_install(extra: str) -> str:
    """The command that installs an extra of this package, for messages."""
    name = distribution()
    return f"pip install '{name}[{extra}]'" if name else f"install the extra {extra!r} of this package"
