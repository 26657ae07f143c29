"""Trials filmed by several calibrated cameras: which videos of a cohort folder belong together, and to which calibration.

Three layouts are known, each with a calibration in the folder of the trial or in one above it (or in a ``calibration``
folder there): Pose2Sim's ``<trial>/videos/<camera>.mp4``, OpenCap's ``Videos/<camera>/InputMedia/<trial>/<trial>.mov``,
and ``<trial>/<camera>.mp4``. Without a calibration every video is a trial of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from neurostore.errors import InputError
from neurostore.ingest.cohort.config import CohortConfig
from neurostore.ingest.multiview import calibration

_OUTPUT = ("outputmedia", "calibration")  # folders whose videos are not trials, in these layouts
Parts = tuple[str, ...]  # parts of a path below the cohort folder


@dataclass(slots=True)
class Filmed:
    """A trial of several cameras. place : the folders above it. videos : path parts of each, in the order of names.

    cameras : their names. calibration : its files. left_out : videos that are copies of others.
    """

    place: Parts
    trial: str
    videos: list[Parts]
    cameras: list[str]
    calibration: list[Path]
    left_out: list[Parts]


def filmed_trials(
    folder: Path, videos: Sequence[Parts], others: Iterable[Parts], config: CohortConfig
) -> tuple[list[Filmed], set[Parts]]:
    """The trials of several cameras, and the videos that belong to none but are not trials either.

    videos, others : path parts below ``folder`` of the videos and of all other files.
    """
    names: dict[Path, list[str]] = defaultdict(list)
    for parts in others:
        names[folder.joinpath(*parts[:-1])].append(parts[-1])
    groups: dict[tuple[Parts, str], list[tuple[str, Parts]]] = defaultdict(list)
    idle = set()
    for parts in videos:
        where, stem = _opencap(parts) or _pose2sim(parts) or (parts[:-1], Path(parts[-1]).stem)
        is_output = any(part.lower() in _OUTPUT for part in parts[:-1])
        if is_output and any(calibration.is_calibration(n) for place in names.values() for n in place):
            idle.add(parts)
        else:
            groups[where, _kind(parts)].append((stem, parts))
    trials = []
    for (place, kind), members in groups.items():
        files = _calibration(folder, place, kind, members, names, config)
        if files:
            trials.append(_filmed(folder, place, members, files))
    return trials, idle


def _kind(parts: Parts) -> str:
    return "opencap" if _opencap(parts) else "pose2sim" if _pose2sim(parts) else "plain"


def _opencap(parts: Parts) -> tuple[Parts, str] | None:
    """(folders and trial, camera) of Videos/<camera>/[InputMedia/]<trial>/<file>."""
    lower = [part.lower() for part in parts]
    if "videos" not in lower[:-3]:
        return None
    at = lower.index("videos")
    inside = [part for part in parts[at + 2 : -1] if part.lower() != "inputmedia"]
    return ((*parts[:at], inside[0]), parts[at + 1]) if len(inside) == 1 else None


def _pose2sim(parts: Parts) -> tuple[Parts, str] | None:
    """(folders and trial, camera) of <trial>/videos/<camera>.<ending>."""
    return (parts[:-2], Path(parts[-1]).stem) if len(parts) > 1 and parts[-2].lower() == "videos" else None


def _calibration(
    folder: Path,
    place: Parts,
    kind: str,
    members: list[tuple[str, Parts]],
    names: dict[Path, list[str]],
    config: CohortConfig,
) -> list[Path]:
    """The files that calibrate a group of videos; none where the group is not a trial of several cameras."""
    stated = {config.options("/".join(parts)).camera.get("calibration") for _, parts in members} - {None}
    if stated:
        return [folder / str(path) for path in sorted(map(str, stated))]
    if kind == "opencap":
        top = folder.joinpath(*members[0][1][: [p.lower() for p in members[0][1]].index("videos") + 1])
        files = [top / camera / calibration.calibration_opencap.FILE_NAME for camera in sorted({c for c, _ in members})]
        return [path for path in files if path.name in names.get(path.parent, ())]
    above = [folder.joinpath(*place[:n]) for n in range(len(place), -1, -1)]
    files = calibration.near(above, names)
    if not files or kind == "pose2sim":
        return files
    own = calibration.near(above[:1], names)
    return own or (files if _all_named(files, [camera for camera, _ in members]) else [])


def _all_named(files: list[Path], cameras: list[str]) -> bool:
    """Whether each of several videos is called as a camera of a calibration in a folder above."""
    try:
        rig = calibration.read_rig(files)
    except InputError:
        return False
    return len(cameras) > 1 and calibration.is_by_name(rig, cameras)


def _filmed(folder: Path, place: Parts, members: list[tuple[str, Parts]], files: list[Path]) -> Filmed:
    """One video per camera: of several, the synchronised copy that OpenCap writes."""
    by_camera: dict[str, list[Parts]] = defaultdict(list)
    for camera, parts in members:
        by_camera[camera].append(parts)
    chosen: dict[str, Parts] = {}
    left_out: list[Parts] = []
    for camera, videos in by_camera.items():
        best = sorted(videos, key=lambda p: ("_sync" not in p[-1].lower(), p))
        chosen[camera] = best[0]
        left_out += best[1:]
    cameras = sorted(chosen, key=calibration.natural)
    trial = place[-1] if place else folder.resolve().name
    return Filmed(place[:-1], trial, [chosen[camera] for camera in cameras], cameras, files, left_out)
