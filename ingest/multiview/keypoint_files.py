"""2D key points that OpenPose, RTMPose or another program wrote of each camera's video: one JSON file per frame.

The folders are those of Pose2Sim: ``pose/<camera>_json`` beside the folder of the videos (``pose-sync`` first, where it
is there), with the file's number as the frame of the video. A file holds ``people``, each with ``pose_keypoints_2d``:
x, y in pixels and the confidence of every point. The number of points says which skeleton it is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurostore import skeleton as skeletons
from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.skeleton import Skeleton

VERSION = 1
#: number of points -> skeleton
SKELETONS = {17: "coco_17", 25: "body_25", 26: "halpe_26", 133: "coco_133"}
FOLDERS = ("pose-sync", "pose")
_ENDING = "_json"
_NUMBER = re.compile(r"(\d+)(?:_keypoints)?\.json$")


@dataclass(frozen=True, slots=True)
class KeyPoints:
    """What one folder holds. persons : frame -> (persons, J, 3) x, y in px and confidence."""

    folder: Path
    skeleton: Skeleton
    persons: dict[int, Floats]


def is_key_points(parts: tuple[str, ...]) -> bool:
    """Whether a path below the cohort folder is a file of such a folder."""
    return len(parts) > 2 and parts[-1].endswith(".json") and parts[-2].endswith(_ENDING) and parts[-3] in FOLDERS


def folder_of(video: Path) -> Path | None:
    """The folder of the key points of a camera's video; None if there is none, or several could be it."""
    name = re.compile(rf"(?<![A-Za-z0-9]){re.escape(video.stem)}(?![A-Za-z0-9])")
    for above in (video.parent.parent, video.parent):
        for kind in FOLDERS:
            where = above / kind
            candidates = sorted(p for p in where.glob(f"*{_ENDING}") if name.search(p.name.removesuffix(_ENDING)))
            exact = [p for p in candidates if p.name == f"{video.stem}{_ENDING}"]
            if exact or len(candidates) == 1:
                return (exact or candidates)[0]
    return None


def sha256_of(videos: Iterable[Path]) -> list[str]:
    """Hash of the files of each video's folder, for the hash of a trial's settings."""
    hashes = []
    for video in videos:
        digest, folder = hashlib.sha256(), folder_of(video)
        for path in sorted(folder.glob("*.json")) if folder is not None else []:
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
        hashes.append(digest.hexdigest())
    return hashes


def read(video: Path) -> KeyPoints:
    """The key points of a camera's video.

    Raises
    ------
    InputError : no folder, a file that cannot be read, several numbers of points, no person, points that are not pixels.
    """
    folder = folder_of(video)
    if folder is None:
        raise InputError(
            video,
            f"has no 2D key points of another program; expected a folder pose/{video.stem}{_ENDING} with a JSON file per "
            "frame beside the folder of the videos (as Pose2Sim writes them), or choose --estimator metrabs or mediapipe",
        )
    people: dict[int, list[Floats]] = {}
    for path in sorted(folder.glob("*.json")):
        number = _NUMBER.search(path.name)
        if number is None:
            raise InputError(
                path, "has no number at the end of its name; expected that of the frame: cam01_000123.json"
            )
        if int(number[1]) in people:
            raise InputError(path, f"is a second file of frame {int(number[1])}; expected one file per frame")
        people[int(number[1])] = _people(path)
    counts = sorted({len(person) for persons in people.values() for person in persons})
    if not counts:
        raise InputError(folder, f"shows no person in its {len(people)} files; expected pose_keypoints_2d of a person")
    if len(counts) > 1 or counts[0] not in SKELETONS:
        known = ", ".join(f"{n} ({name})" for n, name in SKELETONS.items())
        raise InputError(folder, f"has persons of {' and '.join(map(str, counts))} points; expected one of {known}")
    stacked = {f: np.array(persons).reshape(-1, counts[0], 3) for f, persons in people.items()}
    seen = np.concatenate([p.reshape(-1, 3) for p in stacked.values()])
    seen = seen[seen[:, 2] > 0]
    if len(seen) and float(np.abs(seen[:, :2]).max()) <= 1.0:
        raise InputError(
            folder, "has points between 0 and 1, which are shares of the image; expected pixels (--keypoint_scale 0)"
        )
    return KeyPoints(folder, skeletons.load(SKELETONS[counts[0]]), stacked)


def _people(path: Path) -> list[Floats]:
    """Each person (J, 3) of a file."""
    try:
        people = json.loads(path.read_bytes())["people"]
        return [np.array(person["pose_keypoints_2d"], dtype=float).reshape(-1, 3) for person in people]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            path,
            f'is not a file of 2D key points ({error}); expected {{"people": [{{"pose_keypoints_2d": [x, y, c, …]}}]}}',
        ) from None
