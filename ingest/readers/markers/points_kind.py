"""Whether a CSV file or an array is a capture: its name and first rows decide, so that a table of people is never read as one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from neurostore.ingest.readers.markers.assemble import squeezed
from neurostore.ingest.readers.markers.up import n_of_body

HEAD_BYTES = 8192
_LEAST_MARKERS = 4
# LASI_x, LASI X (mm), LASI:x, LASI.PosX (D-Flow), LASI Position X; X_LASI
_AXIS = re.compile(r"(?P<name>.+?)[ _.:-]*[_ .:-](?i:pos(?:ition)?[ _.]?)?(?P<axis>[xyzXYZ])(?: ?[\[(]\w+[\])])?")
_AXIS_FIRST = re.compile(r"(?P<axis>[xyzXYZ])[ _.:-]+(?P<name>.+?)(?: ?[\[(]\w+[\])])?")
_UNITS = ("mm", "cm", "m")
_MOST_HEADER_ROWS = 8
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


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a table of markers. places : name to the columns of its x, y and z. cells : name of each column.

    n_rows : rows before the first sample. unit : of the positions, '' if no row of units says it.
    """

    separator: str
    places: dict[str, tuple[int, int, int]]
    cells: list[str]
    n_rows: int = 1
    unit: str = ""


def header_of(head: str) -> Header:
    """The header of the first rows of a table: ``time,LASI_x,LASI_y,LASI_z``, ``LASI X``, or names in a row above X, Y, Z."""
    lines = head.splitlines()[: _MOST_HEADER_ROWS + 2]
    first = lines[0] if lines else ""
    separator = max(("\t", ";", ","), key=first.count)
    cells = _cells(first, separator)
    for pattern in (_AXIS, _AXIS_FIRST):
        if places := _places([pattern.fullmatch(cell) for cell in cells]):
            return Header(separator, places, cells)
    for at in range(1, min(len(lines), _MOST_HEADER_ROWS)):
        separator = max(("\t", ";", ","), key=lines[at].count)
        axes = _cells(lines[at], separator)
        names = [*_cells(lines[at - 1], separator), *[""] * len(axes)][: len(axes)]
        places = _places_below(names, axes)
        if len(places) >= _LEAST_MARKERS:
            below = _cells(lines[at + 1], separator) if at + 1 < len(lines) else []
            unit = next((cell.strip("[]()").lower() for cell in below if cell.strip("[]()").lower() in _UNITS), "")
            clock = [axis or name for name, axis in zip(names, axes, strict=True)]
            return Header(separator, places, clock, at + 1 + bool(unit), unit)
    return Header(separator, {}, cells)


def _cells(line: str, separator: str) -> list[str]:
    return [cell.strip().strip('"') for cell in line.rstrip("\r\n").split(separator)]


def _places(cells: list[re.Match[str] | None]) -> dict[str, tuple[int, int, int]]:
    places: dict[str, tuple[int, int, int]] = {}
    for i, three in enumerate(zip(cells, cells[1:], cells[2:], strict=False)):
        if all(three) and [m["axis"].lower() for m in three if m] == ["x", "y", "z"]:
            names = {m["name"] for m in three if m}
            if len(names) == 1:
                places.setdefault(names.pop(), (i, i + 1, i + 2))
    return places


def _places_below(names: list[str], axes: list[str]) -> dict[str, tuple[int, int, int]]:
    """Names that stand above the x of their marker, or above each of its coordinates; X1, Y1, Z1 of TRC count too."""
    places: dict[str, tuple[int, int, int]] = {}
    letters = [re.sub(r"(?<=^[xyz])\d+$", "", axis.lower()) for axis in axes]
    for i in range(len(axes) - 2):
        if letters[i : i + 3] == ["x", "y", "z"] and names[i] and set(names[i + 1 : i + 3]) <= {"", names[i]}:
            places.setdefault(names[i], (i, i + 1, i + 2))
    return places


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
    names = header_of(head).places
    bare = [squeezed(name.rpartition(":")[2]) for name in names]
    return "columns" if n_of_body(bare) >= _LEAST_MARKERS else ""
