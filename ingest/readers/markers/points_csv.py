"""CSV of marker positions: Motive (OptiTrack), Vicon Nexus, FreeMoCap with its arrays (.npy), and a column per coordinate.

The first rows of a file decide what it is. Layouts as seen in public files of Motive 1.10 to 3.1 (format version 1.1 to
1.24), Nexus 2 (sections Trajectories, Model Outputs, Joints, Segments, Devices) and FreeMoCap 1 (one column per
coordinate).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neurostore import skeleton as skeletons
from neurostore.arrays import Floats, read_array
from neurostore.errors import InputError
from neurostore.ingest.readers.c3d.outputs import source_angles
from neurostore.ingest.readers.c3d.parameters import Parameters
from neurostore.ingest.readers.markers.assemble import one_person, rate_of
from neurostore.ingest.readers.markers.points_kind import HEAD_BYTES, NEXUS_SECTIONS, PREFIX, header_of, maker_of
from neurostore.ingest.readers.markers.trc import recording_of
from neurostore.ingest.readers.text_table import numbers, read_bytes
from neurostore.ingest.recording import ReadOptions, Recording, SourceAngle, Step
from neurostore.wording import listed

VERSION = 2

#: types of Motive's columns: markers seen by cameras, and markers where its model of the body expects them
_MEASURED, _EXPECTED = ("marker",), ("marker constraint", "bone marker", "skeleton marker", "rigid body marker")


@dataclass(slots=True)
class _Points:
    """What a file says: positions (n, J, 3) in ``unit``, NaN where missing; time_s (n,)."""

    names: list[str]
    positions: Floats
    time_s: Floats
    rate_hz: float
    unit: str
    notes: list[str] = field(default_factory=list)
    angles: list[SourceAngle] = field(default_factory=list)
    usual_up: str = "y"


def read(path: Path, options: ReadOptions) -> Recording:
    """Read a CSV of Motive, Nexus or FreeMoCap, or an array of FreeMoCap. Positions in mm, Y up.

    Raises
    ------
    InputError : none of these, no marker positions in it, no frame rate, cells that are not numbers.
    """
    if path.suffix.lower() == ".npy":
        points = _array(path, options)
    else:
        raw = read_bytes(path)
        maker = maker_of(raw[:HEAD_BYTES].decode("utf-8", "replace"))
        if not maker:
            raise InputError(
                path,
                f"is not a CSV of Motive, Vicon Nexus or FreeMoCap, and its header does not name x, y and z of markers; it begins {raw[:60].decode('utf-8', 'replace')!r}",
            )
        points = {"motive": _motive, "nexus": _nexus, "freemocap": _freemocap, "columns": _columns}[maker](
            path, raw, options
        )
    if not points.names:
        recording = Recording(kind="angles", rate_hz=points.rate_hz, poses=[], notes=points.notes)
        recording.steps = [Step("read_points_csv", VERSION, {})]
    else:
        names, positions, notes = _one_person(path, points, options)
        recording = recording_of(
            path, names, positions, points.time_s, points.rate_hz, points.unit, options, notes, "read_points_csv",
            points.usual_up,
        )  # fmt: skip
    recording.angles = points.angles
    return recording


def _one_person(path: Path, points: _Points, options: ReadOptions) -> tuple[list[str], Floats, list[str]]:
    """Labels without subject, positions and notes of the person with most markers; unlabelled ones are dropped."""
    notes = points.notes
    columns: dict[str, int] = {}
    for i, name in one_person(points.names, path, options, notes):
        columns.setdefault(name, i)
    if not columns:
        raise InputError(path, f"has no labelled marker; its {len(points.names)} points are {listed(points.names, 5)}")
    return list(columns), points.positions[:, list(columns.values())], notes


def _time(path: Path, time_s: Floats, options: ReadOptions, stated_hz: float = np.nan) -> tuple[Floats, float]:
    """(time from the file's or, if it has none, from the rate; rate). cohort.toml's rate_hz wins."""
    rate = options.rate_hz or (stated_hz if np.isfinite(stated_hz) else np.nan)
    n = len(time_s)
    if n > 1 and np.isfinite(time_s).all():
        if (np.diff(time_s) <= 0).any():
            row = int(np.argmax(np.diff(time_s) <= 0)) + 2
            raise InputError(path, f"time does not increase at row {row} of its data")
        rate = options.rate_hz or rate_of(time_s)
    if not (np.isfinite(rate) and rate > 0):
        raise InputError(path, "states no frame rate: give rate_hz for it in cohort.toml")
    if options.rate_hz or not np.isfinite(time_s).all():
        return np.arange(n) / rate, float(rate)
    return time_s, float(rate)


def _triplets(labels: list[str], axes: list[str]) -> Iterator[tuple[str, int]]:
    """(label, column of x) where x, y and z of one label stand side by side."""
    for i in range(len(axes) - 2):
        if [a.strip().lower() for a in axes[i : i + 3]] == ["x", "y", "z"]:
            yield labels[i], i


# Motive


def _motive(path: Path, raw: bytes, options: ReadOptions) -> _Points:
    lines = raw.split(b"\n")
    separator = _separator(b"\n".join(lines[:8]))
    rows = [line.decode("utf-8", "replace").split(separator.decode()) for line in lines[:16]]
    rows = [[cell.strip().strip('"') for cell in row] for row in rows]
    has_head = rows[0][0].lower() == "format version"
    about = dict(zip(rows[0][::2], rows[0][1::2], strict=False)) if has_head else {}
    at = next((i for i, row in enumerate(rows) if row[0].lower() == "frame" and len(row) > 4), None)
    if at is None:
        raise InputError(
            path, "is a Motive CSV without the row 'Frame,Time (Seconds),X,Y,Z': export it with its header"
        )
    types, names, parts = _motive_labels(rows[has_head:at])
    wanted = _MEASURED if any(t.lower() in _MEASURED for t in types) else _EXPECTED
    columns = [
        (name, i)
        for name, i in _triplets(names, rows[at])
        if types[i].lower() in wanted and parts[i].lower() in ("position", "")
    ]
    if not columns:
        types_text = ", ".join(sorted({t for t in types[2:] if t}))
        raise InputError(
            path,
            f"holds no marker positions but {types_text or 'nothing'}: export markers too, or the skeleton as BVH, or C3D",
        )
    block = _with_points(b"\n".join(lines[at + 1 :]), separator)
    table = numbers(path, block, max(i for _, i in columns) + 3, at + 2, separator)
    notes = (
        [] if wanted is _MEASURED else ["its markers are those that Motive's model expects, not those that cameras saw"]
    )
    space = about.get("Coordinate Space", "Global")
    if space.lower() not in ("global", "world"):
        raise InputError(path, f"holds positions in the space {space!r}: export with global coordinates")
    stated = _number(about.get("Export Frame Rate") or about.get("Capture Frame Rate"))
    time_s, rate_hz = _time(path, table[:, 1], options, stated)
    positions = np.stack([table[:, i : i + 3] for _, i in columns], axis=1)
    return _Points([n for n, _ in columns], positions, time_s, rate_hz, about.get("Length Units", ""), notes)


def _motive_labels(rows: list[list[str]]) -> tuple[list[str], list[str], list[str]]:
    """(type, name, Position or Rotation) of each column, from the rows above the axes; unlabelled rows go by content."""
    width = max((len(row) for row in rows), default=0)
    padded = [row + [""] * (width - len(row)) for row in rows if any(row)]
    known = {*_MEASURED, *_EXPECTED, "bone", "rigid body", "skeleton"}
    types = next((r for r in padded if any(cell.lower() in known for cell in r[2:])), [""] * width)
    parts = next((r for r in padded if any(cell.lower() == "position" for cell in r[2:])), [""] * width)
    after = [r for r in padded if r is not types and r is not parts]
    names = next((r for r in after if r[1].lower() == "name"), after[0] if after else [""] * width)
    return types, names, parts


def _separator(head: bytes) -> bytes:
    """Semicolon, tab or comma: whichever separates most cells; decimal commas are fewer than semicolons."""
    return max((b";", b"\t", b","), key=head.count)


def _with_points(block: bytes, separator: bytes) -> bytes:
    """Numbers with decimal points where they have decimal commas."""
    return block.replace(b",", b".") if separator != b"," and b"," in block and b"." not in block else block


def _number(text: str | None) -> float:
    try:
        return float(text.replace(",", ".")) if text else np.nan
    except ValueError:
        return np.nan


# Vicon Nexus


def _nexus(path: Path, raw: bytes, options: ReadOptions) -> _Points:
    sections: dict[str, _Points] = {}
    for title, lines, first_line in _nexus_sections(raw):
        if title in ("trajectories", "model outputs") and title not in sections:
            sections[title] = _nexus_section(path, lines, first_line, options)
    outputs, points = sections.get("model outputs"), sections.get("trajectories")
    if points is None and outputs is None:
        raise InputError(
            path, "is a CSV of Vicon Nexus without Trajectories or Model Outputs: export one of them, or C3D"
        )
    angles: list[SourceAngle] = []
    notes: list[str] = []
    if outputs is not None:
        labels = [name.rpartition(":")[2] for name in outputs.names]
        is_angle = [i for i, label in enumerate(labels) if re.search(r"(?i)angles?$", label)]
        angles, notes = source_angles(
            [labels[i] for i in is_angle], outputs.positions[:, is_angle], outputs.time_s, Parameters({})
        )
        if len(is_angle) < len(labels):
            notes.append(f"{len(labels) - len(is_angle)} model outputs that are not angles were left out: C3D has them")
    if points is not None:
        points.angles, points.notes = angles, [*points.notes, *notes]
        return points
    assert outputs is not None
    if not angles:
        raise InputError(
            path, f"holds no trajectories, and no angles among its model outputs {listed(outputs.names, 5)}"
        )
    return _Points([], np.empty((0, 0, 3)), outputs.time_s, outputs.rate_hz, "", notes, angles)


def _nexus_sections(raw: bytes) -> Iterator[tuple[str, list[bytes], int]]:
    """(title, lines below it, number of the first of them) of each section; a blank line ends one."""
    lines = raw.split(b"\n")
    starts = [
        i
        for i, line in enumerate(lines)
        if re.split(rb"[,;\t]", line)[0].strip(b'" ').decode("latin-1").lower() in NEXUS_SECTIONS
    ]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        title = re.split(rb"[,;\t]", lines[start])[0].strip(b'" ').decode("latin-1").lower()
        yield title, lines[start + 1 : end], start + 2


def _nexus_section(path: Path, lines: list[bytes], first_line: int, options: ReadOptions) -> _Points:
    axes_at = next((i for i, line in enumerate(lines[:6]) if b"sub frame" in line.lower()), None)
    if axes_at is None or axes_at < 2:
        raise InputError(path, f"line {first_line}: expected the rate, the labels and 'Frame,Sub Frame,X,Y,Z'")
    separator = _separator(lines[axes_at])
    cells = [
        [c.strip().strip('"') for c in line.decode("utf-8", "replace").split(separator.decode())] for line in lines[:6]
    ]
    stated = _number(cells[0][0])
    width = len(cells[axes_at])
    names = [*cells[axes_at - 1], *[""] * width][:width]
    units = cells[axes_at + 1] if axes_at + 1 < len(cells) else []
    columns = list(_triplets(names, cells[axes_at]))
    block = _with_points(b"\n".join(lines[axes_at + 2 :]), separator)
    table = numbers(path, block, width, first_line + axes_at + 2, separator)
    table = table[np.isfinite(table[:, 0])]
    if not len(table) or not columns:
        raise InputError(path, f"line {first_line}: the section holds no positions")
    frames = table[:, 0]
    time_s, rate_hz = _time(
        path, (frames - frames[0]) / stated if stated > 0 else np.full(len(frames), np.nan), options
    )
    unit = units[columns[0][1]] if len(units) > columns[0][1] else ""
    notes = [f"its first frame is {frames[0]:g}; time counts from it"] if frames[0] != 1 else []
    positions = np.stack([table[:, i : i + 3] for _, i in columns], axis=1)
    return _Points([n for n, _ in columns], positions, time_s, rate_hz, unit, notes, usual_up="z")


# FreeMoCap


def _freemocap(path: Path, raw: bytes, options: ReadOptions) -> _Points:
    head, _, block = raw.partition(b"\n")
    cells = [PREFIX.sub("", c.strip().strip('"')) for c in head.decode("utf-8", "replace").split(",")]
    table = numbers(path, block, len(cells), 2, b",")
    places = {cell: i for i, cell in enumerate(cells)}
    names = [c[:-2] for c in cells if c.endswith("_x") and f"{c[:-2]}_y" in places and f"{c[:-2]}_z" in places]
    columns = [[places[f"{name}_{axis}"] for axis in "xyz"] for name in names]
    clock = next((places[c] for c in ("timestamp", "timestamps", "timestamp_by_camera", "time") if c in places), None)
    times = table[:, clock] if clock is not None else np.full(len(table), np.nan)
    time_s, rate_hz = _time(path, times - times[:1], options)
    return _Points(names, table[:, columns], time_s, rate_hz, "", usual_up="z")


# any program: a header with x, y and z of each marker

_CLOCK = re.compile(r"(?i)(time|timestamp|t|zeit|temps|tempo)( ?[\[(]?(s|sec|seconds|ms)?[\])]?)")


def _columns(path: Path, raw: bytes, options: ReadOptions) -> _Points:
    header = header_of(raw[: 64 * HEAD_BYTES].decode("utf-8", "replace"))
    separator, places, cells = header.separator.encode(), header.places, header.cells
    block = b"\n".join(raw.splitlines()[header.n_rows :]).replace(b'"', b"")
    table = numbers(path, _with_points(block, separator), len(cells), header.n_rows + 1, separator)
    clock = next((i for i, cell in enumerate(cells) if _CLOCK.fullmatch(cell)), None)
    times = table[:, clock] if clock is not None else np.full(len(table), np.nan)
    if clock is not None and "ms" in cells[clock].lower():
        times = times / 1000.0
    time_s, rate_hz = _time(path, times - times[:1], options)
    note = "a table of markers of a program that is not known: unit and vertical axis are judged from the markers"
    return _Points(
        list(places), table[:, list(places.values())], time_s, rate_hz, header.unit,
        [note.replace("unit and ", "") if header.unit else note], usual_up="z",
    )  # fmt: skip


def _array(path: Path, options: ReadOptions) -> _Points:
    try:
        values = read_array(path)
    except (OSError, ValueError) as error:
        raise InputError(path, f"is not an array of numbers: {error}") from None
    joints = skeletons.load("blazepose_33").source_names
    if values.ndim != 3 or values.shape[2] != 3 or values.shape[1] < len(joints) or values.dtype.kind != "f":
        raise InputError(
            path, f"has the shape {values.shape} of {values.dtype}; expected (frames, {len(joints)} or more points, 3)"
        )
    time_s, rate_hz = _time(path, np.full(len(values), np.nan), options)
    return _Points(
        list(joints), values[:, : len(joints)].astype(np.float64), time_s, rate_hz, "",
        ["its points are taken in MediaPipe's order: the array names none"], usual_up="z",
    )  # fmt: skip
