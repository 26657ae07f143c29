"""Which file calibrates the cameras of a trial, and which of its cameras filmed which video."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from neurostore.errors import InputError
from neurostore.ingest.multiview import calibration_opencap, calibration_qca, calibration_toml
from neurostore.ingest.multiview.rig import CalibratedCamera, Rig
from neurostore.wording import listed

_TOML = re.compile(r"(?i)calib.*\.toml|.*calib(ration)?\.toml|camera_array\.toml")
_KNOWN = (
    "Calib*.toml (Pose2Sim, Anipose, FreeMoCap, Caliscope), *.qca.txt (Qualisys) or OpenCap's "
    f"{calibration_opencap.FILE_NAME} in the folder of each camera"
)
#: words in the name of a camera's file that do not identify the camera
_FILLING = re.compile(r"(?i)^(int|ext|intrinsics?|extrinsics?|camera|cam|video|view|img|images?|json|sync)$")


def is_calibration(name: str) -> bool:
    """Whether a file is the calibration of cameras, by its name."""
    return bool(_TOML.fullmatch(name)) or name.lower().endswith(".qca.txt") or name == calibration_opencap.FILE_NAME


def read_rig(paths: Sequence[Path], scale_mm: float | None = None) -> Rig:
    """Read a calibration: one file of all cameras, or OpenCap's one for each.

    Raises
    ------
    InputError : the format is not known, or the reader finds the content wrong.
    """
    if all(path.name == calibration_opencap.FILE_NAME or path.suffix == ".pickle" for path in paths):
        return calibration_opencap.read(paths, scale_mm)
    if len(paths) > 1:
        names = listed((path.name for path in paths), 5)
        raise InputError(
            paths[0], f"is one of several calibrations ({names}); name the right one: calibration in cohort.toml"
        )
    path = paths[0]
    if path.suffix.lower() == ".toml":
        return calibration_toml.read(path, scale_mm)
    if path.name.lower().endswith(".qca.txt"):
        return calibration_qca.read(path, scale_mm)
    raise InputError(path, f"is not a calibration that can be read; expected {_KNOWN}")


def matched(rig: Rig, videos: Sequence[str], where: Path) -> tuple[list[CalibratedCamera], list[str]]:
    """The camera of each video, by name, else by the number in the name, else (as many of both) in order; and notes.

    videos : names of the cameras as the folder has them.

    Raises
    ------
    InputError : a video without a camera, or two that could be one.
    """
    notes = []
    pairs = _by_key(rig, videos, _plain) or _by_key(rig, videos, _number)
    if pairs is None and len(rig.cameras) == len(videos):
        pairs = list(zip(sorted(videos, key=natural), sorted(rig.cameras, key=lambda c: natural(c.name)), strict=True))
        notes.append(
            "videos and calibration name the cameras differently and were paired in the order of their names: "
            + ", ".join(f"{video} with {camera.name}" for video, camera in pairs)
        )
    if pairs is None:
        known = {_plain(c.name) for c in rig.cameras} | {_number(c.name) for c in rig.cameras} - {""}
        absent = [v for v in videos if _plain(v) not in known and _number(v) not in known] or list(videos)
        names = ", ".join(camera.name for camera in rig.cameras)
        raise InputError(
            where,
            f"has the video {listed(absent, 5)}, whose camera is not in {rig.path.name} ({names}); name the videos as the "
            f"calibration names the cameras, or leave the video out with ignore = true in cohort.toml",
        )
    by_video = dict(pairs)
    if spare := [c.name for c in rig.cameras if c.name not in {camera.name for camera in by_video.values()}]:
        notes.append(f"{rig.path.name} has cameras without a video of this trial: {listed(spare, 5)}")
    return [by_video[video] for video in videos], notes


def is_by_name(rig: Rig, videos: Sequence[str]) -> bool:
    """Whether every video has the name of one of the cameras, apart from words such as cam and leading zeros."""
    return _by_key(rig, videos, _plain) is not None


def _by_key(rig: Rig, videos: Sequence[str], key: object) -> list[tuple[str, CalibratedCamera]] | None:
    """(video, camera) where every video's key is that of exactly one camera and no two share it."""
    assert callable(key)
    cameras: dict[str, list[CalibratedCamera]] = {}
    for camera in rig.cameras:
        cameras.setdefault(key(camera.name), []).append(camera)
    keys = [key(video) for video in videos]
    if "" in keys or len(set(keys)) < len(keys) or any(len(cameras.get(k, ())) != 1 for k in keys):
        return None
    return [(video, cameras[k][0]) for video, k in zip(videos, keys, strict=True)]


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z]+|[0-9]+", name.lower())


def _plain(name: str) -> str:
    """A camera's name without words such as cam: int_cam01_img and cam01 are 1."""
    return "".join(w.lstrip("0") or "0" if w.isdigit() else w for w in _words(name) if not _FILLING.fullmatch(w))


def _number(name: str) -> str:
    """The last number in a name; '' if it has none."""
    numbers = [w for w in _words(name) if w.isdigit()]
    return numbers[-1].lstrip("0") or "0" if numbers else ""


def natural(name: str) -> list[tuple[int, str]]:
    """Key of natural order: cam2 before cam10."""
    return [(int(w), "") if w.isdigit() else (-1, w) for w in _words(name)]


def near(folders: Iterable[Path], names: dict[Path, list[str]]) -> list[Path]:
    """The calibrations nearest to a trial: of the first of ``folders`` that has any, in itself or in ``calibration``.

    names : the names of the files of each folder of the cohort.
    """
    for folder in folders:
        for place in (folder, folder / "calibration", folder / "Calibration"):
            if files := [place / name for name in names.get(place, ()) if is_calibration(name)]:
                return files
    return []
