"""TSV of Qualisys Track Manager: 3D positions of markers, in mm, behind a header of names and values.

The header has a line per value (``NO_OF_FRAMES``, ``FREQUENCY``, ``MARKER_NAMES`` …). Columns of frame and time and the row
of column names are options of the export. A sample of 0, 0, 0 or an empty one is missing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.ingest.readers.c3d.event_names import event_name
from neurostore.ingest.readers.markers.assemble import one_person, rate_of
from neurostore.ingest.readers.markers.points_kind import HEAD_BYTES, text_of_head
from neurostore.ingest.readers.markers.trc import recording_of
from neurostore.ingest.readers.text_table import breaks_off, numbers, read_bytes
from neurostore.ingest.recording import ReadOptions, Recording, SourceEvent
from neurostore.wording import listed

_START = re.compile(r"(?:FILE_VERSION\t[^\n]*\n)?NO_OF_FRAMES\t", re.IGNORECASE)
_KEY = re.compile(r"[A-Z][A-Z_0-9]+$")
_MOST_HEADER_LINES = 400  # each event has one
_SAME_RATE = 0.01


@dataclass(slots=True)
class _Head:
    """values : by key in capitals, cells of its line. events : cells of the lines EVENT. first_line : of the numbers, from 0."""

    values: dict[str, list[str]]
    events: list[list[str]]
    columns: list[str]
    first_line: int
    notes: list[str] = field(default_factory=list)


def is_qtm(path: Path) -> bool:
    """Whether a file begins like a TSV of Qualisys Track Manager with positions of markers."""
    try:
        with path.open("rb") as file:
            head = text_of_head(file.read(HEAD_BYTES)).replace("\r\n", "\n")
    except OSError:
        return False
    return _START.match(head) is not None and ("\nMARKER_NAMES\t" in head or len(head) >= HEAD_BYTES // 2)


def read(path: Path, options: ReadOptions) -> Recording:
    """Read a TSV of Qualisys Track Manager. Positions in mm, Y up.

    Raises
    ------
    InputError : not one with 3D positions, no frame rate, another number of columns than markers, or cells that are no numbers.
    """
    raw = read_bytes(path)
    head = _head(path, raw)
    notes = head.notes
    kinds = [kind.strip().upper() for kind in head.values.get("DATA_INCLUDED", ["3D"])]
    names = [name.strip() for name in head.values.get("MARKER_NAMES", [])]
    while names and not names[-1]:
        names.pop()
    if "3D" not in kinds or not names:
        raise InputError(
            path, f"is a TSV of Qualisys Track Manager with {listed(kinds) or 'no'} data: export 3D data, or C3D"
        )
    block = b"\n".join(raw.split(b"\n")[head.first_line :])
    if breaks_off(block, b"\t"):
        block = block.rpartition(b"\n")[0] + b"\n"
        notes.append("its last row breaks off and was left out")
    frame_at, time_at, first = _places(path, head, block, len(names))
    table = numbers(path, block, first + 3 * len(names), head.first_line + 1)
    if not len(table):
        raise InputError(path, "holds no frame")
    time_s, rate_hz, ratio = _clock(path, head, table, frame_at, time_at, options)
    of_person: dict[str, int] = {}
    for place, name in one_person(names, path, options, notes):
        of_person.setdefault(name, place)
    if not of_person:
        raise InputError(path, f"has no labelled marker; its {len(names)} trajectories are {listed(names, 5)}")
    positions = table[:, first:].reshape(len(table), len(names), 3)[:, list(of_person.values())]
    recording = recording_of(
        path, list(of_person), positions, time_s, rate_hz, "mm", options, notes, "read_qtm_tsv", usual_up="z"
    )
    recording.events = _events(head.events)
    recording.quality |= _missing(head, len(table), recording.notes)
    if ratio != 1.0:
        recording.quality["rate_claims_ratio"] = ratio
    return recording


def _head(path: Path, raw: bytes) -> _Head:
    """The lines before the numbers. Raises InputError if it does not begin like a TSV of Qualisys Track Manager."""
    text = raw[: 1 << 20].decode("utf-8", "replace")
    if not _START.match(text):
        raise InputError(path, f"is not a TSV of Qualisys Track Manager; it begins {text[:40]!r}")
    values: dict[str, list[str]] = {}
    events: list[list[str]] = []
    for number, line in enumerate(text.split("\n")[:_MOST_HEADER_LINES]):
        key, *cells = line.split("\t")
        if key.strip().upper() == "EVENT":
            events.append(cells)
        elif _KEY.match(key.strip().upper()) and key.strip().upper() not in ("FRAME", "TIME") and not _is_axes(line):
            values[key.strip().upper()] = cells
        elif line.strip():
            columns = [cell.strip() for cell in line.split("\t")] if not _is_number(key) else []
            return _Head(values, events, columns, number + bool(columns))
    raise InputError(path, "holds a header and no frame")


def _is_axes(line: str) -> bool:
    """Whether a line names the columns, as LASI X, LASI Y, LASI Z do."""
    return len(re.findall(r" [XYZ](?=\t|$)", line.rstrip())) >= 3


def _is_number(cell: str) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True


def _places(path: Path, head: _Head, block: bytes, n_markers: int) -> tuple[int | None, int | None, int]:
    """(column of the frame, column of the time, first column of the positions)."""
    rows = [line.rstrip(b"\t ").split(b"\t") for line in block.split(b"\n", 51)[:50] if line.strip()]
    width = len(head.columns) or max((len(row) for row in rows), default=0)
    while head.columns and not head.columns[width - 1]:
        width -= 1
    first = width - 3 * n_markers
    if first not in (0, 1, 2):
        raise InputError(
            path,
            f"has {width} columns; expected 3 for each of the {n_markers} MARKER_NAMES, after Frame and Time if they are there",
        )
    names = [name.lower() for name in head.columns[:first]] or ["frame", "time"][:first]
    if first == 1 and not head.columns and any(b"." in row[0] for row in rows):
        names = ["time"]
    places = {name: i for i, name in enumerate(names)}
    return places.get("frame"), places.get("time"), first


def _clock(
    path: Path, head: _Head, table: Floats, frame_at: int | None, time_at: int | None, options: ReadOptions
) -> tuple[Floats, float, float]:
    """(time of each frame, frames per second, how often the times hold FREQUENCY: 1 where they agree)."""
    stated = head.values.get("FREQUENCY", [""])[0].strip()
    rate = options.rate_hz or (float(stated) if stated and _is_number(stated) else 0.0)
    times = table[:, time_at] if time_at is not None else np.full(len(table), np.nan)
    has_times = len(times) > 1 and bool(np.isfinite(times).all() and (np.diff(times) > 0).all())
    ratio = 1.0
    if has_times and not options.rate_hz:
        of_times = rate_of(times)
        ratio = rate / of_times if rate > 0 and abs(rate / of_times - 1) > _SAME_RATE else 1.0
        if ratio != 1.0:
            head.notes.append(
                f"FREQUENCY says {rate:g} frames per second, the column Time {of_times:g}, which was used; give rate_hz in "
                "cohort.toml if it is wrong"
            )
        rate = of_times if ratio != 1.0 or not rate > 0 else rate
    if not (np.isfinite(rate) and rate > 0):
        raise InputError(path, f"states no frame rate (FREQUENCY is {stated!r}): give rate_hz for it in cohort.toml")
    if has_times and not options.rate_hz:
        return times, float(rate), ratio
    start = table[0, frame_at] - 1 if frame_at is not None and np.isfinite(table[0, frame_at]) else 0.0
    return (max(start, 0.0) + np.arange(len(table))) / rate, float(rate), ratio


def _events(lines: list[list[str]]) -> list[SourceEvent]:
    """Events, each a line of label, frame and time."""
    events = []
    for cells in lines:
        if len(cells) >= 3 and cells[2].strip() and _is_number(cells[2]):
            event, side = event_name(cells[0], "")
            events.append(SourceEvent(event, side, float(cells[2]), cells[0].strip()))
    return sorted(events, key=lambda event: event.time_s)


def _missing(head: _Head, n_frames: int, notes: list[str]) -> dict[str, float]:
    """Figures for trials.quality if the file has another number of rows than NO_OF_FRAMES says; noted."""
    stated = head.values.get("NO_OF_FRAMES", [""])[0].strip()
    n_stated = int(stated) if stated.isdigit() else n_frames
    if n_stated == n_frames:
        return {}
    if n_stated < n_frames:
        notes.append(f"NO_OF_FRAMES says {n_stated}; all {n_frames} rows were read")
        return {}
    notes.append(f"the file was cut off: of {n_stated} frames {n_stated - n_frames} are missing; export it again")
    return {"missing_frames_pct": 100.0 * (n_stated - n_frames) / n_stated}
