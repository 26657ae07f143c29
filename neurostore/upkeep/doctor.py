"""What this installation and a lake are made of, and what is wrong with them."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from neurostore import schema, storage
from neurostore.errors import NeurostoreError, NotALakeError
from neurostore.lake import heartbeat
from neurostore.release import VERSION

_CORE = ("duckdb", "deltalake", "pyarrow", "polars", "numpy", "numba", "scipy", "typer", "ezc3d")
EXTRAS = {
    "pose": ("tensorflow", "av"),
    "mediapipe": ("mediapipe", "av"),
    "refine": ("torch", "safetensors", "tensorboard"),
    "report": ("plotly", "matplotlib", "sklearn", "spm1d"),
    "cluster": ("ray",),
    "s3": ("boto3",),
    "dtaidistance": ("dtaidistance",),
}
_LOW_BYTES = 2 * 2**30


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. is_bad : something to mend; advice says how."""

    name: str
    said: str
    is_bad: bool = False


def examine(lake_path: object | None = None) -> Iterator[Finding]:
    """Everything, in order; loads none of the heavy packages. lake_path : None for the installation alone."""
    yield Finding("neurostore", f"{VERSION}, schema version {schema.SCHEMA_VERSION}")
    yield Finding("python", f"{platform.python_version()}, {platform.platform()}, {os.cpu_count()} cores")
    ceilings = _ceilings()
    for package in _CORE:
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:
            yield Finding(package, "missing: install neurostore again", is_bad=True)
            continue
        ceiling = ceilings.get(package, "")
        is_beyond = bool(ceiling) and _figures(version) >= _figures(ceiling)
        yield Finding(package, f"{version}, tested below {ceiling} only" if is_beyond else version, is_beyond)
    for extra, modules in EXTRAS.items():
        absent = [m for m in modules if util.find_spec(m) is None]
        yield Finding(f"extra {extra}", f"not installed ({', '.join(absent)})" if absent else "installed")
    yield _model()
    yield _gpu()
    yield from _space("temporary folder", Path(os.environ.get("TMPDIR", "/tmp")))
    if lake_path is not None:
        yield from _lake(lake_path)


def _ceilings() -> dict[str, str]:
    """The version each package must stay below, as this installation declares it."""
    with suppress(metadata.PackageNotFoundError):
        asked = [re.match(r"([\w.-]+)[^;]*<([\d.]+)", said) for said in metadata.requires("neurostore") or []]
        return {found[1]: found[2] for found in asked if found}
    return {}


def _figures(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])


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
    said = "; ".join(done.stdout.split("\n")).strip("; ") or done.stderr.strip()
    return Finding("GPU", said or "none seen", is_bad=done.returncode != 0)


def _space(name: str, folder: Path) -> Iterator[Finding]:
    with suppress(OSError):
        free = shutil.disk_usage(folder).free
        yield Finding(f"free space, {name}", f"{free / 1e9:.1f} GB at {folder}", is_bad=free < _LOW_BYTES)


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
    said = (
        f"{n_erased}; {len(back)} files hold them, the first {back[0]}: repeat their erasure" if back else str(n_erased)
    )
    yield Finding("erased subjects", said, is_bad=bool(back))
