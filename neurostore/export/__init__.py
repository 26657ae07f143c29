"""Trials as files for other software: TRC, MOT, C3D, Motion-BIDS, tidy CSV and Parquet.

>>> export(lake, "S07", "walk_01", "walk.c3d")      # doctest: +SKIP

Input: a Lake and the name of a trial. Output: files. Each format is a module with one function ``render(trial, out,
choices) -> Rendered``: file names and their bytes. Nothing but this module writes them. What is written is the state of
one lake version, which the files name. May import: opensim, schema, skeleton, storage, sql, lake, and what is below
them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurostore import opensim, storage
from neurostore.errors import UsageError
from neurostore.export.trial import find
from neurostore.storage import temporary

if TYPE_CHECKING:
    from neurostore.lake.version import Version

#: module of each format, by suffix; '' is a folder of Motion-BIDS
WRITERS = {
    ".trc": "trc",
    ".mot": "mot",
    ".c3d": "c3d",
    ".csv": "tidy",
    ".parquet": "tidy",
    ".tsv": "motion_bids",
    "": "motion_bids",
}
TABLES = ("angles", "events", "parameters", "points")
SOURCES = ("computed", "file")


@dataclass(frozen=True)
class Choices:
    """Options of the formats.

    points : 'poses' (as read, primary skeleton), 'landmarks', or the name of a stored skeleton.
    source : 'computed' by us, or 'file': events and angles as the source file states them.
    table : of CSV and Parquet, one of TABLES. osim_model : of MOT, one of opensim.MODELS.
    trim : TRC without the frames at its ends without points.
    relative : MOT takes the ``…_rel_deg`` columns where the plain ones are NULL.
    feet : right and left body of the OpenSim model that the forces act on.
    """

    points: str = "poses"
    source: str = "computed"
    table: str = "angles"
    osim_model: str = "rajagopal"
    relative: bool = False
    trim: bool = False
    feet: tuple[str, str] = ("calcn_r", "calcn_l")


@dataclass(frozen=True)
class Rendered:
    """Bytes of the files to write, and notes about what was inferred or left out; ``shared`` files may exist already."""

    files: dict[Path, bytes]
    notes: list[str]
    shared: dict[Path, bytes] | None = None


def export(
    lake: Version,
    subject: str,
    trial: str,
    out: Path | str,
    *,
    session: str | None = None,
    person: int = 0,
    force: bool = False,
    **choices: Any,
) -> tuple[list[Path], list[str]]:
    """Write one trial of a lake to a file, or to a Motion-BIDS data set.

    Parameters
    ----------
    out : its suffix decides the format: .trc, .mot, ``…_grf.mot`` (forces, with ExternalLoads.xml), .c3d, .csv, .parquet, ``…_motion.tsv``, or a folder (Motion-BIDS).
    session : needed only where the subject has the trial in several. person : 0 is the subject.
    force : replace files that exist.
    choices : fields of :class:`Choices`.

    Returns
    -------
    (files written, notes in plain words)

    Raises
    ------
    UsageError : no such trial (similar names are listed), what the format cannot hold, a file that exists.
    """
    chosen = _choices(choices)
    target = Path(out).expanduser()
    writer = _writer(target)
    stored = find(lake, subject, trial, session, person)
    rendered = import_module(f"neurostore.export.{writer}").render(stored, target, chosen)
    _write(rendered, force)
    return [*rendered.files, *(rendered.shared or {})], [*stored.notes, *rendered.notes]


def _choices(given: dict[str, Any]) -> Choices:
    chosen = Choices(**given)
    for name, allowed in (("source", SOURCES), ("table", TABLES), ("osim_model", tuple(opensim.MODELS))):
        value = getattr(chosen, name)
        if value not in allowed:
            raise UsageError(f"{name} = {value!r}: expected one of {', '.join(allowed)}")
    return chosen


def _writer(target: Path) -> str:
    suffix = "" if target.is_dir() else target.suffix.lower()
    known = ".trc, .mot, …_grf.mot, .c3d, .csv, .parquet, …_motion.tsv, or a folder for Motion-BIDS"
    if target.is_dir() and target.suffix.lower() in WRITERS and target.suffix:
        raise UsageError(f"{target}: is a folder; name a file in it, or a folder without {target.suffix}")
    if suffix not in WRITERS or (suffix == ".tsv" and not target.name.endswith("_motion.tsv")):
        raise UsageError(f"{target}: no format is known by that ending; expected {known}")
    if not suffix and target.exists() and not target.is_dir():
        raise UsageError(f"{target}: is a file without an extension; expected {known}")
    if suffix == ".mot" and target.stem.lower().endswith("_grf"):
        return "grf"
    return WRITERS[suffix]


def _write(rendered: Rendered, force: bool) -> None:
    """Write all files under temporary names, then rename them: a file is complete or absent."""
    there = [str(path) for path in rendered.files if path.exists()]
    if there and not force:
        raise UsageError(f"{', '.join(there)}: exists already; name another file, or replace it with --force")
    waiting: list[tuple[str, Path]] = []
    try:
        for path, content in {**(rendered.shared or {}), **rendered.files}.items():
            with temporary.named(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                temporary.announce(path)
                temporary.sweep(path)
                waiting.append((storage.write_temporary(str(path), [content]), path))
        for work, path in waiting:
            with temporary.named(path):
                storage.publish(work, path)
    finally:
        for work, _ in waiting:
            with suppress(OSError):
                os.unlink(work)
