"""Where everything lies in a C3D file, checked against its size before anything is allocated or handed to ezc3d.

The format: a header of 512 bytes, a parameter section of 512-byte blocks, and frames of fixed size, each holding four
numbers a point (x, y, z, residual) and then the analog samples, as 16-bit integers or 32-bit floats (www.c3d.org).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neurostore.errors import InputError

BLOCK = 512
MOST_HEADER_FRAMES = 65_535
_FRAME_COUNTS = {
    ("POINT", "FRAMES"),
    ("POINT", "LONG_FRAMES"),
    ("TRIAL", "ACTUAL_START_FIELD"),
    ("TRIAL", "ACTUAL_END_FIELD"),
}
_PROCESSORS = {84: "intel", 85: "dec", 86: "mips"}


@dataclass(frozen=True, slots=True)
class Layout:
    """A C3D file as its own numbers describe it; all of them fit into the file.

    processor : 'intel', 'dec' (VAX floats) or 'mips' (big endian).
    scale : below zero, samples are 32-bit floats; above, 16-bit integers times scale.
    first_frame : number of the first frame, counted from 1.
    head : the header and the parameter section, as bytes, up to the first frame.
    """

    processor: str
    n_points: int
    n_analog: int
    n_frames: int
    first_frame: int
    rate_hz: float
    scale: float
    data_offset: int
    head: bytes
    notes: tuple[str, ...]

    @property
    def word(self) -> int:
        return 4 if self.scale < 0 else 2

    @property
    def frame_bytes(self) -> int:
        return (4 * self.n_points + self.n_analog) * self.word


def read_layout(path: Path) -> Layout:
    """Read and check the header and the structure of the parameter section.

    Raises
    ------
    InputError : no C3D file, or one whose numbers contradict its size; says both.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            header = file.read(BLOCK)
            if len(header) < BLOCK:
                raise InputError(path, f"has {size} bytes; a C3D file has a header of {BLOCK} bytes")
            if header[1] != 0x50 or header[0] < 2:
                raise InputError(
                    path, f"is no C3D file: bytes 0 and 1 are {header[0]} and {header[1]}, expected 2 (or more) and 80"
                )
            parameters_at = (header[0] - 1) * BLOCK
            file.seek(parameters_at)
            start = file.read(4)
            if len(start) < 4:
                raise InputError(
                    path, f"is truncated: its parameters begin at byte {parameters_at}, the file has {size} bytes"
                )
            processor = _PROCESSORS.get(start[3])
            if processor is None:
                raise InputError(
                    path,
                    f"processor type {start[3]} in its parameter section; expected 84 (Intel), 85 (DEC), 86 (MIPS)",
                )
            order = ">" if processor == "mips" else "<"
            n_points, n_analog, first, last, _gap = struct.unpack_from(f"{order}5H", header, 2)
            data_block, _per_frame = struct.unpack_from(f"{order}2H", header, 16)
            data_offset = (data_block - 1) * BLOCK
            if data_block == 0 or data_offset <= parameters_at:
                data_offset = parameters_at + max(start[2], 1) * BLOCK
            if data_offset > size:
                raise InputError(path, f"is truncated: its data begin at byte {data_offset}, the file has {size} bytes")
            file.seek(0)
            head = file.read(data_offset)
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from None

    stated = _numbers(path, head, parameters_at, order, processor)
    notes = []
    scale = stated.get(("POINT", "SCALE"), [0.0])[0] or _float(header, 12, processor)
    rate = _float(header, 20, processor)
    if not (np.isfinite(rate) and rate > 0):
        rate = stated.get(("POINT", "RATE"), [0.0])[0] or stated.get(("TRIAL", "CAMERA_RATE"), [0.0])[0]
    problems = []
    if not np.isfinite(scale) or scale == 0:
        problems.append(f"POINT:SCALE is {scale}; expected a number other than 0")
    if not (np.isfinite(rate) and 0 < rate < 1e6):
        problems.append(f"its frame rate is {rate}; expected a number of Hz above 0 (header word 11, POINT:RATE)")
    if n_points == 0:
        problems.append("it holds no points at all (header word 2 is 0): forces or EMG alone cannot be placed in space")
    if problems:
        raise InputError(path, *problems)
    used = stated.get(("POINT", "USED"))
    if used and int(used[0]) & 0xFFFF != n_points:
        notes.append(f"POINT:USED says {int(used[0])} points, the header {n_points}; read by the header")
    n_frames, first, frame_notes = _count_frames(
        path, first, last, stated, size - data_offset, (4 * n_points + n_analog) * (4 if scale < 0 else 2)
    )
    return Layout(
        processor=processor,
        n_points=n_points,
        n_analog=n_analog,
        n_frames=n_frames,
        first_frame=first,
        rate_hz=float(rate),
        scale=float(scale),
        data_offset=data_offset,
        head=head,
        notes=(*notes, *frame_notes),
    )


def _count_frames(
    path: Path, first: int, last: int, stated: dict[tuple[str, str], list[float]], data_bytes: int, frame_bytes: int
) -> tuple[int, int, list[str]]:
    """(number of frames, number of the first frame, notes), from all that the file says and what it can hold.

    Header words are 16-bit: of a longer recording they hold 65,535 or the count modulo 65,536. The true count is then
    in TRIAL:ACTUAL_START_FIELD and ACTUAL_END_FIELD (two 16-bit words each, low word first), in POINT:LONG_FRAMES or a
    float POINT:FRAMES, else only in the size of the file.
    """
    room = data_bytes // frame_bytes
    claims = {"the header": last - first + 1}
    frames = stated.get(("POINT", "FRAMES"))
    if frames:
        claims["POINT:FRAMES"] = int(frames[0]) if frames[0] > 0 else int(frames[0]) & 0xFFFF
    long_frames = stated.get(("POINT", "LONG_FRAMES"))
    if long_frames and np.isfinite(long_frames[0]):
        claims["POINT:LONG_FRAMES"] = int(long_frames[0])
    start = _two_words(stated.get(("TRIAL", "ACTUAL_START_FIELD")))
    end = _two_words(stated.get(("TRIAL", "ACTUAL_END_FIELD")))
    if start is not None and end is not None and end >= start:
        claims["TRIAL:ACTUAL_END_FIELD"] = end - start + 1
    claims = {who: n for who, n in claims.items() if n > 0}
    said = ", ".join(f"{who} says {n}" for who, n in claims.items())
    if not claims:
        raise InputError(path, f"has no frames: first frame {first}, last frame {last}")

    is_clipped = last == MOST_HEADER_FRAMES or MOST_HEADER_FRAMES in claims.values()
    longest = max(claims.values())
    notes = []
    if longest > MOST_HEADER_FRAMES and longest not in (claims.get("the header"),):
        is_long = is_clipped or longest % 65_536 in (claims.get("the header"), claims.get("POINT:FRAMES"))
        if is_long and longest > room:
            raise InputError(path, f"is truncated: it states {longest} frames, its bytes hold {room} ({said})")
    elif longest == MOST_HEADER_FRAMES and room > MOST_HEADER_FRAMES:
        # Nothing states more than 65,535: the size decides, less what pads the last block.
        n_frames = room - _padding_frames(path, data_bytes, room, frame_bytes)
        notes.append(f"nothing in the file counts beyond 65,535 frames; its size holds {n_frames}, which were read")
        return n_frames, max(start or first, 1), notes
    fitting = [n for n in claims.values() if n <= room]
    if not fitting:
        raise InputError(
            path,
            f"is truncated: {min(claims.values())} frames of {frame_bytes} bytes need "
            f"{min(claims.values()) * frame_bytes} bytes, {data_bytes} are there ({said})",
        )
    n_frames = max(fitting)
    if len(set(claims.values())) > 1:
        notes.append(f"counts of frames differ: {said}; {n_frames} were read, the largest that the file holds")
    if start is not None and n_frames == claims.get("TRIAL:ACTUAL_END_FIELD") and start % 65_536 == first:
        first = start
    return n_frames, max(first, 1), notes


def _padding_frames(path: Path, data_bytes: int, room: int, frame_bytes: int) -> int:
    """Whole frames of zeros at the end that pad the last block of 512 bytes."""
    most = min(BLOCK // frame_bytes, room)
    with path.open("rb") as file:
        file.seek(path.stat().st_size - data_bytes + (room - most) * frame_bytes)
        tail = file.read(most * frame_bytes)
    kept = len(tail.rstrip(b"\0"))
    return most - -(-kept // frame_bytes)


def _two_words(values: list[float] | None) -> int | None:
    """A frame number stored as two 16-bit words, low word first; or as one number."""
    if not values or not all(np.isfinite(v) for v in values):
        return None
    words = [int(v) for v in values]
    return (words[0] & 0xFFFF) + ((words[1] & 0xFFFF) << 16) if len(words) > 1 else words[0]


def _numbers(path: Path, head: bytes, at: int, order: str, processor: str) -> dict[tuple[str, str], list[float]]:
    """Every short numeric parameter by (GROUP, NAME); checks that the chain of records stays in the section."""
    groups: dict[int, str] = {}
    found: list[tuple[int, str, list[float]]] = []
    for record in _records(path, head, at + 4, order):
        if record.group < 0:
            groups[-record.group] = record.name
            continue
        left = len(head) - record.data_at
        if record.kind not in (-1, 1, 2, 4) or record.n_values * abs(record.kind) > left:
            raise InputError(
                path,
                f"parameter {record.name!r} states {record.n_values} values of type {record.kind}; "
                f"{left} bytes are left in its section",
            )
        if record.kind > 0 and 0 < record.n_values <= 16:
            found.append((record.group, record.name, _decode_numbers(head, record, order, processor)))
    return {(groups.get(group, ""), name): values for group, name, values in found}


class _Record(NamedTuple):
    """A record of the parameter section: a parameter, or a group where ``group`` is below zero."""

    group: int
    name: str
    link_at: int  # where the distance to the next record lies
    kind: int  # -1 text, 1 byte, 2 integer, 4 float
    n_values: int
    data_at: int


def _records(path: Path, head: bytes, at: int, order: str) -> Iterator[_Record]:
    end = len(head)
    while at + 2 <= end:
        length, group = struct.unpack_from("bb", head, at)
        link = at + 2 + abs(length)
        if length == 0 or group == 0:
            return
        if link + 4 > end:
            raise InputError(path, f"its parameter section breaks off at byte {at} of {end}, within a name")
        name = head[at + 2 : link].decode("latin-1").upper().strip()
        (offset,) = struct.unpack_from(f"{order}H", head, link)
        if group < 0:
            yield _Record(group, name, link, 0, 0, link + 2)
        else:
            kind, n_dims = struct.unpack_from("bB", head, link + 2)
            dims = head[link + 4 : link + 4 + n_dims]
            yield _Record(group, name, link, kind, math.prod(dims), link + 4 + n_dims)
        if offset == 0:
            return
        if offset < 2 or link + offset > end:
            raise InputError(
                path, f"parameter {name!r} points to byte {link + offset} for the next one; its section ends at {end}"
            )
        at = link + offset


def head_for_ezc3d(path: Path, layout: Layout) -> bytes:
    """Header and parameters of a file of one frame; of a MIPS file, which ezc3d refuses, as Intel's.

    Every count must say one: ezc3d 1.7.2 sizes its arrays by one of them and fills them by another.
    """
    head = bytearray(layout.head)
    at = (head[0] - 1) * BLOCK
    if layout.processor == "mips":
        for word in (2, 4, 6, 8, 10, 16, 18):
            head[word : word + 2] = head[word : word + 2][::-1]
        for real in (12, 20):
            head[real : real + 4] = head[real : real + 4][::-1]
        for record in _records(path, layout.head, at + 4, ">"):
            swaps = [(record.link_at, 2)]
            if record.kind in (2, 4):
                swaps += [(record.data_at + i * record.kind, record.kind) for i in range(record.n_values)]
            for start, width in swaps:
                head[start : start + width] = head[start : start + width][::-1]
        head[at + 3] = 84
    struct.pack_into("<2H", head, 6, 1, 1)
    one = {2: struct.pack("<h", 1), 4: b"\x80\x40\0\0" if layout.processor == "dec" else struct.pack("<f", 1.0)}
    groups: dict[int, str] = {}
    for record in _records(path, bytes(head), at + 4, "<"):
        if record.group < 0:
            groups[-record.group] = record.name
    for record in _records(path, bytes(head), at + 4, "<"):
        whose = groups.get(record.group), record.name
        if whose in _FRAME_COUNTS and record.n_values and record.kind in one:
            values = one[record.kind] + bytes(record.kind * (record.n_values - 1))
            head[record.data_at : record.data_at + len(values)] = values
    return bytes(head)


def _decode_numbers(head: bytes, record: _Record, order: str, processor: str) -> list[float]:
    if record.kind == 4 and processor == "dec":
        return [float(v) for v in from_vax(np.frombuffer(head, "<u4", record.n_values, record.data_at))]
    dtype = {1: "i1", 2: f"{order}i2", 4: f"{order}f4"}[record.kind]
    return [float(v) for v in np.frombuffer(head, dtype, record.n_values, record.data_at)]


def _float(header: bytes, at: int, processor: str) -> float:
    if processor == "dec":
        return float(from_vax(np.frombuffer(header, "<u4", 1, at))[0])
    return float(struct.unpack_from(">f" if processor == "mips" else "<f", header, at)[0])


def from_vax(words: np.ndarray) -> np.ndarray:
    """VAX F floats (as little-endian uint32) to float32: the 16-bit halves swapped, a quarter of the IEEE value."""
    swapped = (words << np.uint32(16)) | (words >> np.uint32(16))
    values = swapped.astype("<u4").view("<f4") / np.float32(4)
    return np.where((swapped & np.uint32(0x7F800000)) == 0, np.float32(0), values)
