"""Whether a CSV file or an array is a capture: its name and first rows decide, so that a table of people is never read as one."""

from __future__ import annotations

import re
from pathlib import Path

from neurostore.ingest.readers.markers.assemble import squeezed
from neurostore.ingest.readers.markers.up import n_of_body

HEAD_BYTES = 8192
_LEAST_MARKERS = 4
_AXIS = re.compile(r"(?P<name>.+?)[ _.:-]*[_ .:-](?P<axis>[xyzXYZ])(?: ?[\[(]\w+[\])])?")
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


def columns_of(first: str) -> tuple[str, dict[str, tuple[int, int, int]]]:
    """(separator, name to the columns of its x, y and z) from a header such as ``time,LASI_x,LASI_y,LASI_z`` or ``LASI X``."""
    separator = max(("\t", ";", ","), key=first.count)
    cells = [_AXIS.fullmatch(cell.strip().strip('"')) for cell in first.rstrip("\r\n").split(separator)]
    places: dict[str, tuple[int, int, int]] = {}
    for i, three in enumerate(zip(cells, cells[1:], cells[2:], strict=False)):
        if all(three) and [m["axis"].lower() for m in three if m] == ["x", "y", "z"]:
            names = {m["name"] for m in three if m}
            if len(names) == 1:
                places.setdefault(names.pop(), (i, i + 1, i + 2))
    return separator, places


def maker_of(head: str) -> str:
    """'motive', 'nexus', 'freemocap' or 'columns' by the first rows of a CSV; '' if it is none of theirs.

    'columns' is a table that any program may have written: a header with x, y and z of each marker, of which at least
    four have the names of markers of a body.
    """
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
    names = columns_of(head.split("\n", 1)[0])[1]
    bare = [squeezed(name.rpartition(":")[2]) for name in names]
    return "columns" if n_of_body(bare) >= _LEAST_MARKERS else ""
