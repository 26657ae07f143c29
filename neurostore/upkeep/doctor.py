"""The state of this installation and of a lake, and what needs repair."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from neurostore import schema, storage
from neurostore.errors import NeurostoreError, NotALakeError
from neurostore.lake import heartbeat
from neurostore.release import VERSION, how_to_install, installed
from neurostore.wording import counted

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from neurostore.lake.version import Version

EXTRAS = ("app", "pose", "mediapipe", "refine", "report", "cluster", "s3", "dtaidistance")
_LOW_BYTES = 2 * 2**30
_PYTHONS = ("3.11", "3.13")  # the oldest, on which every extra can be installed, and the newest


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. is_bad : something needs repair; advice says how."""

    name: str
    text: str
    is_bad: bool = False


def examine(lake_path: object | None = None, models: Iterable[Finding] = ()) -> Iterator[Finding]:
    """All findings, in order; loads none of the heavy packages.

    Parameters
    ----------
    lake_path : None for the installation alone.
    models : findings about pose models, which this package does not know.
    """
    yield Finding("neurostore", f"{VERSION}, schema version {schema.SCHEMA_VERSION}")
    yield Finding("python", f"{platform.python_version()}, {platform.platform()}, {os.cpu_count()} cores")
    yield from (_package(requirement) for requirement in _requirements(""))
    yield from (_extra(extra) for extra in EXTRAS)
    yield from models
    yield _gpu()
    yield from _space("temporary folder", Path(os.environ.get("TMPDIR", "/tmp")))
    if lake_path is not None:
        yield from _lake(lake_path)


def _requirements(extra: str, python: str | None = None) -> list[Requirement]:
    """What this installation declares to need: of the core (extra "") or of an extra alone, on this Python or another."""
    from packaging.requirements import Requirement

    at = {"python_version": python} if python else {}
    requirements = []
    for text in _declared():
        requirement = Requirement(text)
        marker = requirement.marker
        is_core = marker is None or marker.evaluate({**at, "extra": ""})
        if is_core != bool(extra) and (is_core or (marker is not None and marker.evaluate({**at, "extra": extra}))):
            requirements.append(requirement)
    return requirements


def _declared() -> list[str]:
    package = installed()
    with suppress(metadata.PackageNotFoundError):
        return metadata.requires(package.metadata["Name"]) or [] if package is not None else []
    return []


def _version(package: str) -> str | None:
    """The installed version, None if the package is missing."""
    with suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    return None


def _package(requirement: Requirement) -> Finding:
    version = _version(requirement.name)
    if version is None:
        return Finding(requirement.name, "missing: install neurostore again", is_bad=True)
    if not requirement.specifier.contains(version, prereleases=True):
        return Finding(
            requirement.name, f"{version}, but neurostore was tested with {requirement.specifier}", is_bad=True
        )
    return Finding(requirement.name, version)


def _ranges(requirement: Requirement, extra: str) -> list[Requirement]:
    """What the code works with: the range for this Python, and those for others where they differ."""
    others = [r for python in _PYTHONS for r in _requirements(extra, python) if r.name == requirement.name]
    return list({str(r.specifier): r for r in (requirement, *others)}.values())


def _works(requirement: Requirement, version: str, extra: str) -> bool:
    return any(r.specifier.contains(version, prereleases=True) for r in _ranges(requirement, extra))


def _extra(extra: str) -> Finding:
    """Whether everything that an extra needs is installed, in versions that the code works with."""
    name, needed = f"extra {extra}", _requirements(extra)
    elsewhere = {r.name for r in _requirements(extra, _PYTHONS[0])} - {r.name for r in needed}
    versions = {r.name: _version(r.name) for r in needed}
    if wrong := [r for r in needed if (v := versions[r.name]) and not _works(r, v, extra)]:
        ranges = [" or ".join(str(r.specifier) for r in _ranges(one, extra)) for one in wrong]
        texts = [f"{r.name} {versions[r.name]}, but {text} is needed" for r, text in zip(wrong, ranges, strict=True)]
        return Finding(name, f"{'; '.join(texts)}: {how_to_install(extra)}", is_bad=True)
    if elsewhere:
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        return Finding(name, f"not available on Python {python} ({', '.join(sorted(elsewhere))})")
    if absent := [n for n, version in versions.items() if version is None]:
        return Finding(name, f"not installed ({', '.join(absent)})")
    return Finding(name, "installed")


def _gpu() -> Finding:
    program = shutil.which("nvidia-smi")
    if program is None:
        is_apple = sys.platform == "darwin" and platform.machine() == "arm64"
        return Finding("GPU", "Apple silicon" if is_apple else "none seen (no nvidia-smi)")
    asked = [program, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("GPU", f"nvidia-smi does not answer ({error})", is_bad=True)
    text = "; ".join(done.stdout.split("\n")).strip("; ") or done.stderr.strip()
    return Finding("GPU", text or "none seen", is_bad=done.returncode != 0)


def _space(name: str, folder: Path) -> Iterator[Finding]:
    with suppress(OSError):
        free = shutil.disk_usage(folder).free
        yield Finding(f"free space, {name}", f"{free / 1e9:.1f} GB at {folder}", is_bad=free < _LOW_BYTES)


def _results(lake: Version) -> Finding:
    results = lake.results()
    how = f"; `neurostore refresh --lake {lake.path}` stores them" if results.stale else ""
    n_sessions = len(results.fresh) + len(results.stale)
    text = f"of {len(results.fresh)} of {n_sessions} sessions; {counted(results.n_stale_trials, 'trial')} without current results{how}"
    return Finding("stored results", text)


def _lake(lake_path: object) -> Iterator[Finding]:
    from neurostore.lake import tombstones
    from neurostore.lake.version import open as open_lake
    from neurostore.upkeep.erase import announced
    from neurostore.upkeep.returned import files_of_erased

    try:
        lake = open_lake(lake_path)
        counts = [(t, len(lake.table_state(t).files)) for t in lake.tables()]
    except NotALakeError as error:
        yield Finding("lake", str(error))
        return
    except NeurostoreError as error:
        yield Finding("lake", f"{error}; see `neurostore verify`", is_bad=True)
        return
    yield Finding("lake", f"{lake.path}, version {lake.version}, {counted(len(lake.ingest_ids()), 'trial')}")
    yield _results(lake)
    n_files = sum(n for _, n in counts)
    dirty = [t for t, _ in counts if lake.table_state(t).is_dirty]
    worth = " (`neurostore compact` would make queries faster)" if n_files > 50 * len(counts) or dirty else ""
    yield Finding("data files", f"{n_files} in {len(counts)} tables{worth}")
    if not storage.is_remote(lake.path):
        yield from _space("lake", Path(lake.path))
        writable = os.access(lake.path, os.W_OK)
        yield Finding("lake can be written", "yes" if writable else "no: queries work, ingest does not")
    running = (
        heartbeat.running_since(lake.path) if storage.is_remote(lake.path) or os.access(lake.path, os.W_OK) else None
    )
    yield Finding("running ingest", "yes" if running is not None and running < float("inf") else "none")
    if storage.exists(storage.join(lake.path, "_neurostore", "erasing.json")):
        yield Finding("erasure", "one was interrupted: repeat `neurostore erase SUBJECT`", is_bad=True)
    if n_open := len(announced(lake.path)):
        advice = "the next command that writes, such as `neurostore compact`, finishes it"
        yield Finding("erasure", f"{n_open} interrupted: {advice}", is_bad=True)
    try:
        n_erased = len(tombstones.read(lake.path).stones)
    except NeurostoreError as error:
        yield Finding("erased subjects", str(error), is_bad=True)
        return
    back = files_of_erased(lake.path)
    text = (
        f"{n_erased}; {len(back)} files hold them, the first {back[0]}: repeat their erasure" if back else str(n_erased)
    )
    yield Finding("erased subjects", text, is_bad=bool(back))
