"""The header and the parameter section of a C3D file, and the order of bytes in which their numbers make sense.

The fourth byte of the section states the processor, and the header states where the frames begin. Files that were
converted, or whose section grew, state the wrong one: then the numbers of the section are nonsense, or its chain of
parameters runs on beyond the first frame.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from neurostore.errors import InputError
from neurostore.ingest.readers.c3d.parameters import BLOCK, Parameters, from_vax, parse_parameters, text_of

_PROCESSORS = {84: "intel", 85: "dec", 86: "mips"}
_NAMES = {"intel": "Intel", "dec": "DEC", "mips": "MIPS"}
_MOST_BLOCKS = 255
# Events in the header (www.c3d.org, "Header events"): bytes of the key, the first time and the first label.
_EVENTS_AT, _EVENT_TIMES_AT, _EVENT_LABELS_AT = 298, 304, 396
_EVENTS_KEY, _MOST_EVENTS = 12345, 18


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before the frames.

    header : its 512 bytes. n_bytes : of everything before the first frame, by the header or else by the section's own
    count of blocks. section_ends : other bytes at which the frames may begin: after as many blocks as the section
    counts, and after its last record. size : bytes of the file.
    """

    header: bytes
    n_bytes: int
    processor: str
    parameters: Parameters
    section_ends: tuple[int, ...]
    size: int
    notes: tuple[str, ...] = ()

    def number(self, at: int) -> float:
        """The 32-bit float of the header at a byte."""
        return _float(self.header, at, self.processor)

    def words(self, at: int, n: int) -> tuple[int, ...]:
        """16-bit words of the header from a byte on."""
        return struct.unpack_from(f"{_order(self.processor)}{n}H", self.header, at)


def read_head(path: Path) -> Head:
    """Read header and parameters.

    Raises
    ------
    InputError : no C3D file, or one that ends before its frames.
    """
    try:
        with path.open("rb") as file:
            return _read(path, file, path.stat().st_size)
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from None


def _read(path: Path, file: BinaryIO, size: int) -> Head:
    header = file.read(BLOCK)
    if len(header) < BLOCK:
        raise InputError(path, f"has {size} bytes; a C3D file has a header of {BLOCK} bytes")
    if header[1] != 0x50 or header[0] < 2:
        raise InputError(
            path, f"is not a C3D file: bytes 0 and 1 are {header[0]} and {header[1]}, expected 2 (or more) and 80"
        )
    start = (header[0] - 1) * BLOCK
    file.seek(start)
    leading = file.read(4)
    if len(leading) < 4:
        raise InputError(path, f"is truncated: its parameters begin at byte {start}, the file has {size} bytes")
    stated = _PROCESSORS.get(leading[3])
    by_count = start + leading[2] * BLOCK
    for processor in dict.fromkeys(p for p in (stated, *_PROCESSORS.values()) if p):
        found = _as(file, header, start, by_count, processor, size)
        if _makes_sense(found):
            if processor == stated:
                return found
            says = f"{_NAMES[stated]}" if stated else f"processor type {leading[3]}, which C3D does not know"
            note = f"the parameter section states {says}; its numbers make sense as those of {_NAMES[processor]}, which was used"
            return replace(found, notes=(note, *found.notes))
    if stated is None:
        raise InputError(
            path, f"processor type {leading[3]} in its parameter section; expected 84 (Intel), 85 (DEC), 86 (MIPS)"
        )
    found = _as(file, header, start, by_count, stated, size)
    if found.n_bytes > size:
        raise InputError(path, f"is truncated: its data begin at byte {found.n_bytes}, the file has {size} bytes")
    return found


def _as(file: BinaryIO, header: bytes, start: int, by_count: int, processor: str, size: int) -> Head:
    """Header and parameters in one order of bytes. by_count : where the section ends by its own count of blocks."""
    (data_block,) = struct.unpack_from(f"{_order(processor)}H", header, 16)
    first_frame = (data_block - 1) * BLOCK
    if data_block == 0 or first_frame <= start:
        first_frame = max(by_count, start + BLOCK)
    file.seek(0)
    head = file.read(min(first_frame, start + _MOST_BLOCKS * BLOCK))
    parameters = parse_parameters(head, start, processor)
    notes = []
    if parameters.notes and (whole := _longer(file, head, start, processor)):
        parameters = whole
        at = by_count if by_count >= whole.end else -(-(whole.end + 2) // BLOCK) * BLOCK
        notes.append(
            f"the header says that frames begin at byte {first_frame}, within the parameters; {at} was used: they end there"
        )
        first_frame = at
    _add_header_events(parameters, header, processor)
    ends = (by_count, -(-(parameters.end + 2) // BLOCK) * BLOCK)
    others = tuple(dict.fromkeys(end for end in ends if parameters.end <= end < size and end != first_frame))
    return Head(header, first_frame, processor, parameters, others, size, tuple(notes))


def _add_header_events(parameters: Parameters, header: bytes, processor: str) -> None:
    """Put the events of the header (up to 18, labels of four letters) into the group EVENT of a file that has none there."""
    key, n = struct.unpack_from(f"{_order(processor)}2H", header, _EVENTS_AT)
    if key != _EVENTS_KEY or not 0 < n <= _MOST_EVENTS or parameters.numbers("EVENT", "TIMES"):
        return
    times = [_float(header, _EVENT_TIMES_AT + 4 * i, processor) for i in range(n)]
    labels = [text_of(header[at : at + 4]) for at in range(_EVENT_LABELS_AT, _EVENT_LABELS_AT + 4 * n, 4)]
    parameters.groups["EVENT"] = {
        "USED": [n], "LABELS": labels, "CONTEXTS": [], "TIMES": [part for time in times for part in (0.0, time)]
    }  # fmt: skip


def _longer(file: BinaryIO, head: bytes, start: int, processor: str) -> Parameters | None:
    """The parameters with all that may belong to the section, if it runs on beyond ``head`` and ends properly."""
    file.seek(0)
    longest = file.read(start + _MOST_BLOCKS * BLOCK)
    parameters = parse_parameters(longest, start, processor)
    return None if parameters.notes or parameters.end <= len(head) else parameters


def _makes_sense(head: Head) -> bool:
    """Whether frame rate and scale are numbers that a C3D file may hold."""
    rates = (head.parameters.number("POINT", "RATE"), head.number(20))
    scales = (head.parameters.number("POINT", "SCALE"), head.number(12))
    return (
        head.n_bytes <= head.size
        and "POINT" in head.parameters.groups
        and any(rate is not None and 0.01 < rate < 1e5 for rate in rates)
        and any(scale is not None and 1e-9 < abs(scale) < 1e6 for scale in scales)
    )


def _order(processor: str) -> str:
    return ">" if processor == "mips" else "<"


def _float(header: bytes, at: int, processor: str) -> float:
    if processor == "dec":
        return float(from_vax(np.frombuffer(header, "<u4", 1, at))[0])
    return float(struct.unpack_from(f"{_order(processor)}f", header, at)[0])
