"""Where true motions come from: folders of BVH or ASF/AMC files, cohorts, a checkout of cmu-mocap, lakes.

Split by person.
"""

from __future__ import annotations

import re
import tomllib
import zlib
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError, NeurostoreError, UsageError
from neurostore.file_hash import sha256_of_all
from neurostore.ingest.readers import read
from neurostore.ingest.recording import ReadOptions, Recording
from neurostore.ingest.refine.marker_set import MarkerSet
from neurostore.ingest.refine.training.motions import Motion
from neurostore.lake.version import Version
from neurostore.schema import components_of
from neurostore.trial_key import key_text

SPLITS = ("train", "validation", "test")
# Place of the heel relative to the ankle for skeletons without a heel (x forward along the foot, y up), as shares of the
# distance from ankle to toe.
HEEL_FROM_ANKLE = (-0.38, -0.45)
NEEDED = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("hip", "knee", "ankle", "shoulder"))
_AVATARS = "cc_base"  # the same motions with other proportions, so they are not new people
_LEAST_S = 1.0


def read_motions(
    root: Path | str,
    markers: MarkerSet,
    splits: tuple[str, ...] = SPLITS,
    *,
    unknown_split: str | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> list[Motion]:
    """Every motion in a lake, or in the BVH and AMC files below a folder, of people of the splits asked for.

    people.toml says who each person is; else each subject's folder (of AMC files: the number before the underscore)
    is one person. ``<number>/<number>_<trial>`` is the numbering of mocap.cs.cmu.edu, where subject 2 is ``cmu_02``.
    unknown_split : where people go whom people.toml does not name; None: by a hash of the name, 8 of 10 to train, one
    each to validation and test. say : called with every file left out.

    Raises
    ------
    UsageError : the folder does not exist, or has no motion at all.
    """
    root = Path(root)
    if not root.is_dir():
        raise UsageError(f"{root}: no such folder; give a lake, a cohort, or a folder of BVH or ASF/AMC files")
    is_lake = (root / "trials" / "_delta_log").is_dir()
    motions, n_seen = [], 0
    for person, source, own, load in _of_lake(root, markers) if is_lake else _of_folder(root, markers):
        n_seen += 1
        split = split_of(person, unknown_split)
        if split not in splits:
            continue
        try:
            rate_hz, points, sha256 = load()
        except NeurostoreError as error:
            say(f"left out: {error}")
            continue
        if len(points) < _LEAST_S * rate_hz:
            say(f"left out: {source} is shorter than {_LEAST_S:g} s")
            continue
        motions.append(Motion(person, split, source, rate_hz, points.astype(np.float32), own, sha256))
    if not n_seen:
        raise UsageError(
            f"{root}: holds no motion; expected .bvh or .amc files (avatars of {_AVATARS} do not count) or a lake"
        )
    return motions


def split_of(person: str, unknown_split: str | None = None) -> str:
    """The split of a person by name (as in people.toml)."""
    known = {p["name"]: p["split"] for p in people().values()}
    if person in known:
        return known[person]
    if unknown_split:
        return unknown_split
    return {0: "validation", 1: "test"}.get(zlib.crc32(person.encode()) % 10, "train")


@cache
def people() -> dict[str, dict[str, Any]]:
    """``folder/subject`` → its person's entry of people.toml."""
    table = tomllib.loads((resources.files(__package__) / "people.toml").read_text(encoding="utf-8"))
    return {subject: person for person in table["person"] for subject in person["subjects"]}


#: person, source, whether the skeleton is their own, and the function that reads (rate, points, hash of the files)
_Found = Iterator[tuple[str, str, bool, Callable[[], tuple[float, Floats, str]]]]


def _of_folder(root: Path, markers: MarkerSet) -> _Found:
    """(person, source, own skeleton, how to read it) of every file, in a fixed order."""
    root = root.resolve()
    is_cohort = any((root / name).exists() for name in ("participants.tsv", "trials.tsv", "cohort.toml"))
    for path in sorted(p for p in root.rglob("*") if p.suffix.lower() in (".bvh", ".amc")):
        folder, subject = _subject(path, root, is_cohort)
        if folder == _AVATARS:
            continue
        person = people().get(f"{folder}/{subject}")
        name = person["name"] if person else _cmu_number(subject, path) or f"{folder}/{subject}"
        own = person is None or bool(person.get("own", False))
        yield name, f"{folder}/{subject}/{path.stem}", own, partial(_read_file, path, markers)


def _subject(path: Path, root: Path, is_cohort: bool) -> tuple[str, str]:
    if path.suffix.lower() == ".amc" and "_" in path.stem and path.parent.name != path.stem.split("_")[0]:
        return path.parent.name, path.stem.split("_")[0]
    inside = path.relative_to(root).parts[:-1]
    if is_cohort and len(inside) > 1:  # <subject>/<session>/<trial>
        return root.name, inside[0]
    return path.parent.parent.name, path.parent.name


def _cmu_number(subject: str, path: Path) -> str | None:
    """``cmu_02`` for 002/02_01.bvh, the layout of the public cmu-mocap repository and of mocap.cs.cmu.edu."""
    match = re.fullmatch(r"0*(\d+)_\d+\w*", path.stem)
    if match and re.fullmatch(r"\d{2,3}", subject) and int(subject) == int(match[1]):
        return f"cmu_{int(subject):02d}"
    return None


def _read_file(path: Path, markers: MarkerSet) -> tuple[float, Floats, str]:
    beside = sorted(path.parent.glob("*.asf")) if path.suffix.lower() == ".amc" else []
    recording = read(path, ReadOptions(companions=tuple(map(str, beside))))
    own = [p for p in beside if path.stem.startswith(p.stem)]
    # the hash that the lake has for the trial, whose only companion is the skeleton
    return recording.rate_hz, points_of(recording, markers, str(path)), sha256_of_all([path, *own])


def points_of(recording: Recording, markers: MarkerSet, where: str = "recording") -> Floats:
    """(n, M, 3) mm: the marker set's points of the subject of a recording, not filtered.

    NaN where the skeleton has none.

    Raises
    ------
    InputError : hips, knees, ankles or shoulders are missing; named.
    """
    if markers.name == "opencap":
        from neurostore.ingest.refine.opencap import opencap_points

        return opencap_points(recording, where)
    from neurostore.ingest.landmarks import compute_landmarks

    landmarks = compute_landmarks(recording, cutoff_hz=0.0)
    mine = landmarks.person == 0
    points = {name: values[mine] for name, values in landmarks.points.items()}
    return stacked(points, int(mine.sum()), markers, where)


def stacked(points: dict[str, Floats], n: int, markers: MarkerSet, where: str) -> Floats:
    """(n, M, 3) of points by name; a heel is made for a foot without one. Raises InputError."""
    lacking = [p for p in NEEDED if p not in points or not np.isfinite(points[p]).any()]
    if lacking:
        raise InputError(where, f"its skeleton gives no {', '.join(lacking)}, which the depth refinement needs")
    blank = np.full((n, 3), np.nan, np.float32)
    for side in ("left", "right"):
        if f"{side}_heel" not in points and f"{side}_toe" in points:
            points[f"{side}_heel"] = _heel(points, side)
    return np.stack([points.get(name, blank) for name in markers.names], axis=1)


def _heel(points: dict[str, Floats], side: str) -> Floats:
    """The heel of a skeleton without one: behind and below the ankle in the plane of shank and foot."""
    ankle, toe, knee = (points[f"{side}_{p}"] for p in ("ankle", "toe", "knee"))
    foot = toe - ankle
    length = np.linalg.norm(foot, axis=-1, keepdims=True)
    shank = knee - ankle
    across = np.cross(foot, shank)
    up = np.cross(across, foot)
    up /= np.linalg.norm(up, axis=-1, keepdims=True) + 1e-9
    # With a flat sole, the line from ankle to toe descends by about 30 degrees: turn it level first.
    level = foot / length * np.cos(np.pi / 6) + up * np.sin(np.pi / 6)
    normal = up * np.cos(np.pi / 6) - foot / length * np.sin(np.pi / 6)
    return ankle + length * (HEEL_FROM_ANKLE[0] * level + HEEL_FROM_ANKLE[1] * normal)


def _of_lake(root: Path, markers: MarkerSet) -> _Found:
    """The mocap trials of a lake, from the table landmarks (filtered as it is there)."""
    from neurostore.lake.version import open as open_lake

    if markers.name != "landmarks":
        raise UsageError(f"{root}: a lake holds landmarks; the marker set {markers.name} is made from BVH or AMC files")
    lake = open_lake(root)
    for row in sorted(lake.trials_table().to_pylist(), key=lambda r: (r["subject"], r["session"], r["trial"])):
        if row["kind"] != "mocap" or not row["skeleton"]:
            continue
        source = key_text((row["subject"], row["session"], row["trial"]))
        known = [s for s in people() if s.split("/")[1] == row["subject"] and not row["subject"].isdigit()]
        if any(s.startswith(f"{_AVATARS}/") for s in known):
            continue
        name = people()[known[0]]["name"] if known else f"{root.resolve().name}/{row['subject']}"
        yield name, source, row["length_basis"] == "measured", partial(_read_trial, lake, row, markers)


def _read_trial(lake: Version, row: dict[str, Any], markers: MarkerSet) -> tuple[float, Floats, str]:
    import polars as pl

    key = (pl.col("subject") == row["subject"]) & (pl.col("session") == row["session"])
    frame = (
        lake.scan_landmarks()
        .filter(key & (pl.col("trial") == row["trial"]) & (pl.col("person") == 0))
        .sort("frame")
        .collect()
    )
    points = {
        name: components_of(frame[name].to_arrow())
        for name in (*markers.names, *NEEDED)
        if name in frame.columns and frame[name].null_count() < frame.height
    }
    where = key_text((row["subject"], row["session"], row["trial"]))
    return row["rate_hz"], stacked(points, frame.height, markers, where), row["source_sha256"]
