"""Whether a CSV file or an array is a capture: its name and first rows decide, so that a table of people is never read as one."""

from __future__ import annotations

import re
from pathlib import Path

HEAD_BYTES = 8192
NEXUS_SECTIONS = ("trajectories", "model outputs", "joints", "segments", "devices")
PREFIX = re.compile(r"^(mediapipe_)?(body|pose|rigid_body)_(?=nose|left_|right_|mouth_)")
_ARRAY_NAME = re.compile(r"(?i)skeleton_?3d|3d_?data|_3d_xyz|freemocap")
_KEYPOINTS = ("nose", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle")


def is_points(path: Path) -> bool:
    """Whether a .csv or .npy file holds a capture that points_csv reads, by its name and first rows."""
    if path.suffix.lower() == ".npy":
        return _ARRAY_NAME.search(path.stem) is not None
    try:
        with path.open("rb") as file:
            return maker_of(text_of_head(file.read(HEAD_BYTES))) != ""
    except OSError:
        return False


def text_of_head(raw: bytes) -> str:
    """The first bytes of a file as text: UTF-16 by its mark, else UTF-8."""
    return raw.decode("utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig", "replace")


def maker_of(head: str) -> str:
    """'motive', 'nexus' or 'freemocap' by the first rows of a CSV; '' if it is none of theirs."""
    lines = [line.strip().strip('"').lower() for line in head.split("\n", 12)[:12]]
    first = lines[0] if lines else ""
    if first.startswith("format version") and "take name" in first:
        return "motive"
    if any(re.match(r'frame"?[,;\t]"?time \(seconds\)', line) for line in lines[1:]):  # exported without its header
        return "motive"
    if re.split(r"[,;\t]", first)[0].strip('" ') in NEXUS_SECTIONS and any("sub frame" in line for line in lines):
        return "nexus"
    cells = [PREFIX.sub("", cell.strip('" ')) for cell in first.split(",")]
    if sum(f"{name}_{axis}" in cells for name in _KEYPOINTS for axis in "xyz") >= 9:
        return "freemocap"
    return ""
