"""The files of a cohort folder, and what each is by its name or its first bytes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from neurostore.errors import CohortError, InputError
from neurostore.ingest.cohort.config import FILE_NAME
from neurostore.ingest.multiview.calibration import is_calibration
from neurostore.ingest.multiview.keypoint_files import is_key_points
from neurostore.ingest.readers import READERS, VIDEO_SUFFIXES, suffix_of
from neurostore.ingest.readers.markers.points_kind import is_points
from neurostore.ingest.readers.markers.qtm_tsv import is_qtm

ANGLE_SUFFIXES = frozenset({".mot", ".sto"})
_KNOWN = ("_scans.json", "_sessions.json", "_events.json")
_TABLES = tuple(
    f"{kind}{suffix}"
    for kind in ("participants", "sessions", "trials", "scans")
    for suffix in (".tsv", ".csv", ".txt", ".xlsx")
)
_PLAIN = {FILE_NAME, "participants.json", "sessions.json", "trials.json", "dataset_description.json", ".bidsignore"}
SIDECARS = ("_channels.tsv", "_channels.json", "_motion.json", "_coordsystem.json", "_events.tsv")


@dataclass(frozen=True, slots=True)
class CohortFile:
    """A file of a cohort folder. parts : of its path below that folder."""

    path: Path
    parts: tuple[str, ...]
    n_bytes: int

    @property
    def name(self) -> str:
        """Its name, with the ending."""
        return self.parts[-1]

    @property
    def relative(self) -> str:
        """Its path below the folder, with forward slashes."""
        return "/".join(self.parts)

    @property
    def role(self) -> str:
        """'positions', 'video', 'angles', 'results', 'table', 'asf', 'sidecar', 'known' or 'unknown'."""
        name, suffix = self.name.lower(), suffix_of(self.path)
        if name in _PLAIN or name.endswith(_KNOWN) or is_calibration(self.name) or is_key_points(self.parts):
            return "known"
        if name.startswith("."):
            return "unknown"
        if name.endswith("_motion.tsv") or (suffix == ".tsv" and is_qtm(self.path)):
            return "positions"
        if name in _TABLES or name.endswith(tuple(f"_{t}" for t in _TABLES)):
            return "table"
        if name.endswith(SIDECARS):
            return "sidecar"
        if suffix == ".json":
            return "results" if _is_results(self.path) else "unknown"
        if suffix == ".asf":
            return "asf"
        if suffix in VIDEO_SUFFIXES:
            return "video"
        if suffix in ANGLE_SUFFIXES:
            return "forces" if _holds_forces_alone(self.path) else "angles"
        if suffix in (".csv", ".npy"):
            return "positions" if is_points(self.path) else "unknown"
        return "positions" if suffix in READERS and suffix != ".tsv" else "unknown"


def walk(folder: Path, refused: list[InputError]) -> list[CohortFile]:
    """Every file below the folder, sorted; links are followed, loops and unreadable folders refused."""
    files: list[CohortFile] = []

    def enter(path: Path, parts: tuple[str, ...], above: frozenset[tuple[int, int]]) -> None:
        here = path.stat()
        above = above | {(here.st_dev, here.st_ino)}
        try:
            entries = sorted(os.scandir(path), key=lambda e: e.name)
        except OSError as error:
            refused.append(InputError(path, f"the folder cannot be read: {error.strerror}"))
            return
        for entry in entries:
            below = (*parts, entry.name)
            try:
                stat = entry.stat()
                if not entry.is_dir():
                    files.append(CohortFile(Path(entry.path), below, stat.st_size))
                elif (stat.st_dev, stat.st_ino) in above:
                    refused.append(InputError(entry.path, "is a symbolic link to a folder that contains it (a loop)"))
                else:
                    enter(Path(entry.path), below, above)
            except OSError as error:
                what = "a symbolic link to a file that does not exist" if entry.is_symlink() else "unreadable"
                refused.append(InputError(entry.path, f"is {what}: {error.strerror}"))

    try:
        enter(folder, (), frozenset())
    except OSError as error:
        raise CohortError(f"{folder}: cannot be read: {error.strerror}") from None
    return files


def _holds_forces_alone(path: Path) -> bool:
    """Whether a MOT or STO file names ground forces and no coordinate of a joint among its columns."""
    try:
        with path.open("rb") as file:
            head = file.read(1 << 16).lower()
    except OSError:
        return False
    columns = head.partition(b"endheader")[2].lstrip().split(b"\n", 1)[0]
    is_force = b"_vx" in columns or b"ground_force" in columns or b"grf" in columns
    return is_force and not any(name in columns for name in (b"knee", b"hip_flexion", b"ankle_angle", b"pelvis_t"))


def _is_results(path: Path) -> bool:
    """Whether a JSON file is NeuroPose output, by its name or the first 64 kB."""
    if path.name == "results.json":
        return True
    try:
        with path.open("rb") as file:
            head = file.read(65536)
    except OSError:
        return False
    return b'"frame_count"' in head or b'"frame_0' in head
