"""Captures in formats that no reader here reads, recognised by name and first bytes, so that a capture is never silently ignored."""

from __future__ import annotations

import re
from pathlib import Path

from neurostore.ingest.readers.markers.points_kind import HEAD_BYTES, maker_of, text_of_head

_BY_SUFFIX = {
    ".tak": "a take of Motive (OptiTrack): export C3D",
    ".qtm": "a measurement of Qualisys Track Manager: export C3D",
    ".mvn": "a recording of Xsens MVN: export MVNX or C3D",
    ".fbx": "an FBX scene: export BVH",
    ".trb": "binary tracks of Motion Analysis: export TRC or C3D",
    ".x2d": "raw camera data of Vicon: reconstruct, label and export C3D",
    ".cap": "a capture of Motion Analysis: export TRC or C3D",
    ".tdf": "a recording of BTS: export C3D",
    ".emt": "a table of BTS: export C3D",
    ".mdx": "a recording of BTS: export C3D",
    ".cmz": "a workspace of Visual3D: export C3D",
    ".cmo": "a workspace of Visual3D: export C3D",
    ".glb": "a 3D scene (glTF): export BVH",
    ".gltf": "a 3D scene (glTF): export BVH",
    ".usd": "a 3D scene (USD): export BVH",
}
_RAW = frozenset(
    {".x2d", ".tak", ".qtm", ".mvn", ".trb", ".cap", ".tdf", ".mdx", ".cmz", ".cmo", ".glb"}
)  # are stored beside the export that is read


_PACKED = dict.fromkeys((".gz", ".zip", ".7z", ".bz2", ".xz"), "a packed {} file: unpack it") | dict.fromkeys(
    (".part", ".crdownload", ".tmp", ".download"), "an unfinished copy of a {} file: copy it again"
)
_CAPTURES = frozenset({".c3d", ".trc", ".bvh", ".amc", ".mvnx", ".mot", ".sto"})


def _under_another_name(path: Path, head: str) -> str | None:
    """What a file is by its first bytes, if they are those of C3D, TRC or BVH."""
    if head.lstrip().upper().startswith("HIERARCHY"):
        return "a BVH file by its content: let its name end in .bvh"
    if head.startswith("PathFileType"):
        return "a TRC file by its content: let its name end in .trc"
    try:
        with path.open("rb") as file:
            first = file.read(512)
    except OSError:
        return None
    if len(first) == 512 and first[1] == 0x50 and 2 <= first[0] <= 20 and first[2:4] != b"\0\0":
        return "a C3D file by its content: let its name end in .c3d"
    return None


def foreign_capture(path: Path, exported: frozenset[str]) -> str | None:
    """What a file is that no reader reads, and what to do with it; None for anything but a capture of movement.

    exported : stems in the same folder of files that are read: raw data beside its export is not a lost capture.
    """
    suffix = path.suffix.lower()
    inner = Path(path.stem).suffix.lower()
    if suffix in _PACKED and inner in _CAPTURES:
        return _PACKED[suffix].format(inner)
    if suffix in _BY_SUFFIX:
        return None if suffix in _RAW and path.stem in exported else _BY_SUFFIX[suffix]
    head = _head(path)
    if (what := _under_another_name(path, head)) and (suffix in ("", ".txt", ".dat") or inner in _CAPTURES):
        return what
    if suffix not in (".csv", ".txt", ".tsv"):
        return None
    if re.match(r"(FILE_VERSION\t.*\s+)?NO_OF_FRAMES\t", head):
        return "a TSV of Qualisys Track Manager without 3D data: export 3D data as TSV, or C3D"
    if re.match(r"(FILE_VERSION\t.*\s+)?NO_OF_SAMPLES\t", head):
        return "a table of forces or analog channels of Qualisys Track Manager: export C3D, which holds them beside the markers"
    if re.match(r"(\t[^\t\n]*\.c3d\b)+", head, re.IGNORECASE):
        return "a table of Visual3D: export C3D, or curves with [curves] in cohort.toml"
    first = head.split("\n", 1)[0].strip().strip('"').lower()
    if first.rstrip(",").rstrip('"') in ("trajectories", "model outputs", "devices", "joints", "segments"):
        return "a CSV of Vicon Nexus: export C3D"
    if "sub frame" in head.lower() and "frame" in head.lower():
        return "a CSV of Vicon Nexus: export C3D"
    if suffix == ".txt" and maker_of(head):
        return "a table of marker positions by its content: let its name end in .csv"
    keypoints = ("nose", "left_hip", "right_hip", "left_ankle", "right_ankle")
    if sum(word in first for word in keypoints) >= 3 or first.startswith(("frame,keypoint,", "timestamp,keypoint,")):
        return "a CSV of FreeMoCap or another pose estimator: export TRC or C3D"
    return None


def _head(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return text_of_head(file.read(HEAD_BYTES))
    except OSError:
        return ""
