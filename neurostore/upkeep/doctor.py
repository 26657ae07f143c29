"""What this installation and a lake are made of, and what is wrong with them."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from neurostore import schema, storage
from neurostore.errors import NeurostoreError, NotALakeError
from neurostore.lake import heartbeat
from neurostore.release import VERSION, how_to_install, installed

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from neurostore.lake.version import Version

EXTRAS = ("app", "pose", "mediapipe", "refine", "report", "cluster", "s3", "dtaidistance")
_LOW_BYTES = 2 * 2**30
_OLDEST_PYTHON = "3.11"  # on which every extra can be had


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. is_bad : something needs repair; advice says how."""

    name: str
    said: str
    is_bad: bool = False


def examine(lake_path: object | None = None) -> Iterator[Finding]:
    """Everything, in order; loads none of the heavy packages. lake_path : None for the installation alone."""
    yield Finding("neurostore", f"{VERSION}, schema version {schema.SCHEMA_VERSION}")
    yield Finding("python", f"{platform.python_version()}, {platform.platform()}, {os.cpu_count()} cores")
    yield from (_package(requirement) for requirement in _requirements(""))
    yield from (_extra(extra) for extra in EXTRAS)
    yield _model()
    yield _gpu()
    yield from _space("temporary folder", Path(os.environ.get("TMPDIR", "/tmp")))
    if lake_path is not None:
        yield from _lake(lake_path)


def _requirements(extra: str, python: str | None = None) -> list[Requirement]:
    """What this installation declares to need: of the core (extra "") or of an extra alone, on this Python or another."""
    from packaging.requirements import Requirement

    at = {"python_version": python} if python else {}
    found = []
    for text in _declared():
        requirement = Requirement(text)
        marker = requirement.marker
        is_core = marker is None or marker.evaluate({**at, "extra": ""})
        if is_core != bool(extra) and (is_core or (marker is not None and marker.evaluate({**at, "extra": extra}))):
            found.append(requirement)
    return found


def _declared() -> list[str]:
    found = installed()
    with suppress(metadata.PackageNotFoundError):
        return metadata.requires(found.metadata["Name"]) or [] if found is not None else []
    return []


def _version(requirement: Requirement) -> str | None:
    """The installed version, None where the package is missing."""
    with suppress(metadata.PackageNotFoundError):
        return metadata.version(requirement.name)
    return None


def _package(requirement: Requirement) -> Finding:
    version = _version(requirement)
    if version is None:
        return Finding(requirement.name, "missing: install neurostore again", is_bad=True)
    if not requirement.specifier.contains(version, prereleases=True):
        return Finding(
            requirement.name, f"{version}, but neurostore was tested with {requirement.specifier}", is_bad=True
        )
    return Finding(requirement.name, version)


def _extra(extra: str) -> Finding:
    """Whether everything that an extra needs is installed, in versions that the code works with."""
    name, needed = f"extra {extra}", _requirements(extra)
    elsewhere = {r.name for r in _requirements(extra, _OLDEST_PYTHON)} - {r.name for r in needed}
    versions = {r.name: _version(r) for r in needed}
    if wrong := [r for r in needed if (v := versions[r.name]) and not r.specifier.contains(v, prereleases=True)]:
        found = ", ".join(f"{r.name} {versions[r.name]}, needed is {r.specifier}" for r in wrong)
        return Finding(name, f"{found}: {how_to_install(extra)}", is_bad=True)
    if elsewhere:
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        return Finding(name, f"not available on Python {python} ({', '.join(sorted(elsewhere))})")
    if absent := [n for n, version in versions.items() if version is None]:
        return Finding(name, f"not installed ({', '.join(absent)})")
    return Finding(name, "installed")


def _model() -> Finding:
    try:
        from platformdirs import user_cache_path

        folder = user_cache_path("neurostore")
        n = sum(1 for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else 0
    except OSError as error:
        return Finding("pose model", f"its folder cannot be read: {error}", is_bad=True)
    if not n:
        return Finding("pose model", "none fetched (`neurostore model fetch`)")
    return Finding("pose model", f"{n} files in {folder} (`neurostore model verify` measures them)")


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
    found = lake.results()
    how = f"; `neurostore refresh --lake {lake.path}` stores them" if found.stale else ""
    n_sessions = len(found.fresh) + len(found.stale)
    said = f"of {len(found.fresh)} of {n_sessions} sessions; {found.n_stale_trials} trials have none that count{how}"
    return Finding("stored results", said)


def _lake(lake_path: object) -> Iterator[Finding]:
    from neurostore.lake import tombstones
    from neurostore.lake.version import open as open_lake
    from neurostore.upkeep.erase import unfinished
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
    yield Finding("lake", f"{lake.path}, version {lake.version}, {len(lake.ingest_ids())} trials")
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
    if n_open := len(unfinished(lake.path)):
        advice = "the next command that writes finishes it, such as `neurostore compact`"
        yield Finding("erasure", f"{n_open} interrupted: {advice}", is_bad=True)
    n_erased = len(tombstones.read(lake.path).stones)
    back = files_of_erased(lake.path)
    text = (
        f"{n_erased}; {len(back)} files hold them, the first {back[0]}: repeat their erasure" if back else str(n_erased)
    )
    yield Finding("erased subjects", text, is_bad=bool(back))
