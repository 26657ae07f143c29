"""The parameter section of a C3D file: groups, parameters, their dimensions and values, straight from its bytes.

The section is a chain of records (www.c3d.org, "The Parameter Section"): the length of a name (below zero where it is
locked), the number of its group (below zero for the group itself), the name, and the distance to the next record. A
parameter goes on with its type (-1 text, 1 byte, 2 integer, 4 float), its dimensions, its values and a description.
Only the chain and the values are needed, so descriptions are never read.
"""

from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from neurostore.arrays import Floats, Ints

BLOCK = 512
_CODES = {1: "b", 2: "h", 4: "f"}
_SPACES = " \t\n\r\x0b\x0c"  # what bytes.strip takes off


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters by group and name, both in upper case; texts stripped.

    Attributes
    ----------
    groups : group -> name -> flat values, the first dimension running fastest; a text counts as one value.
    dims : group -> name -> dimensions of the values as the file states them; of texts without the width, their first.
    notes : irregularities of the section, in plain words. end : the byte after its last record.
    """

    groups: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    dims: dict[str, dict[str, tuple[int, ...]]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    end: int = 0

    def strings(self, group: str, name: str) -> list[str]:
        """A text parameter with its continuations (LABELS, LABELS2, LABELS3, …); empty if there is none."""
        of_group = self.groups.get(group, {})
        values = list(of_group.get(name, []))
        number = 2
        while f"{name}{number}" in of_group:
            values += of_group[f"{name}{number}"]
            number += 1
        return [v for v in values if isinstance(v, str)] if all(isinstance(v, str) for v in values) else []

    def numbers(self, group: str, name: str) -> list[float]:
        """A numeric parameter, flat, the first dimension running fastest; empty if there is none."""
        values = self.groups.get(group, {}).get(name, [])
        return [float(v) for v in values if isinstance(v, int | float)]

    def number(self, group: str, name: str) -> float | None:
        """The first value of a numeric parameter that is finite, None if there is none."""
        return next((v for v in self.numbers(group, name) if math.isfinite(v)), None)

    def array(self, group: str, name: str) -> Floats:
        """A numeric parameter in its own dimensions, float64: CORNERS of two plates is (3, 4, 2). Empty if there is none."""
        values = self.numbers(group, name)
        shape = self.dims.get(group, {}).get(name, ())
        if math.prod(shape) != len(values):
            shape = (len(values),)
        return np.array(values, np.float64).reshape(shape, order="F")

    def string(self, group: str, name: str) -> str:
        """The first string of a text parameter, '' if there is none."""
        return next(iter(self.strings(group, name)), "")


class Record(NamedTuple):
    """A record of the section: a parameter, or a group where ``group`` is below zero. ``kind`` 0 for a group.

    data_at : where its values begin; of a group, its description. name_at, name_end : where its name is.
    """

    group: int
    name: str
    kind: int
    dims: tuple[int, ...]
    data_at: int
    name_at: int
    name_end: int

    @property
    def n_bytes(self) -> int:
        """Bytes of its values."""
        return math.prod(self.dims) * abs(self.kind)


def parse_parameters(head: bytes, start: int, processor: str) -> Parameters:
    """Every parameter of a section.

    Parameters
    ----------
    head : the file up to its first frame. start : where the section begins in it (its four leading bytes).
    processor : 'intel', 'dec' (VAX floats) or 'mips' (big endian): the order of bytes.

    A parameter whose values do not fit into the section is left out, and a chain that leads out of it ends there; both
    are reported in ``notes``.
    """
    notes: list[str] = []
    names: dict[int, str] = {}
    parsed: list[Record] = []
    end = start + 4
    for record in records(head, start + 4, ">" if processor == "mips" else "<", notes):
        end = max(end, record.data_at + record.n_bytes)
        if record.group < 0:
            names.setdefault(-record.group, record.name)
        elif record.kind not in (-1, 1, 2, 4):
            notes.append(
                f"parameter {record.name!r} is of type {record.kind}, which C3D does not know; it was left out"
            )
        elif record.n_bytes > len(head) - record.data_at:
            notes.append(
                f"parameter {record.name!r} states {math.prod(record.dims)} values of type {record.kind}, "
                f"{len(head) - record.data_at} bytes remain in its section; it was left out"
            )
        else:
            parsed.append(record)
    groups: dict[str, dict[str, list[Any]]] = {name: {} for name in names.values()}
    dims: dict[str, dict[str, tuple[int, ...]]] = {}
    for record in parsed:
        group = names.get(record.group, "")
        values, shape = _values(head, record, processor)
        groups.setdefault(group, {})[record.name] = values
        dims.setdefault(group, {})[record.name] = shape
    return Parameters(groups, dims, tuple(notes), min(end, len(head)))


def records(head: bytes, at: int, order: str, notes: list[str]) -> Iterator[Record]:
    """The chain of records from byte ``at`` on, to a length or a link of zero or the end of the section."""
    end = len(head)
    last = ""
    while at + 2 <= end:
        length, group = struct.unpack_from("bb", head, at)
        link = at + 2 + abs(length)
        if length == 0 or group == 0:
            return
        if link + 3 > end:
            notes.append(f"the parameter section breaks off after {last!r}, within a name")
            return
        last = name = head[at + 2 : link].decode("latin-1").upper().strip()
        (offset,) = struct.unpack_from(f"{order}H", head, link)
        if group < 0:
            yield Record(group, name, 0, (), link + 2, at + 2, link)
        else:
            if link + 4 > end or link + 4 + head[link + 3] > end:
                notes.append(f"the parameter section breaks off within {name!r}")
                return
            kind, n_dims = struct.unpack_from("bB", head, link + 2)
            dims = tuple(head[link + 4 : link + 4 + n_dims])
            yield Record(group, name, kind, dims, link + 4 + n_dims, at + 2, link)
        if offset == 0:
            return
        if offset < 2 or link + offset > end:
            notes.append(
                f"parameter {name!r} points beyond the section for the next one; the section was read up to there"
            )
            return
        at = link + offset


def _values(head: bytes, record: Record, processor: str) -> tuple[list[Any], tuple[int, ...]]:
    """(flat values, their dimensions) of a parameter that is in the section."""
    at, dims = record.data_at, record.dims
    if record.kind == -1:
        width = dims[0] if dims else 1
        # Empty texts take no bytes, so a damaged file could state billions of them; a list has up to 255.
        count = math.prod(dims[1:]) if width or len(dims) == 2 else 0
        return _texts(head[at : at + count * width], width, count), dims[1:]
    n = math.prod(dims)
    if record.kind == 4 and processor == "dec":
        return from_vax(np.frombuffer(head, "<u4", n, at)).tolist(), dims
    order = ">" if processor == "mips" else "<"
    return list(struct.unpack_from(f"{order}{n}{_CODES[record.kind]}", head, at)), dims


def _texts(block: bytes, width: int, count: int) -> list[str]:
    """Texts of one width that follow one another."""
    starts = range(0, count * width, width) if width else [0] * count
    if block.isascii() and b"\0" not in block:  # nearly always; decoded at once, as `text_of` does one
        whole = block.decode("ascii")
        return [whole[i : i + width].strip(_SPACES) for i in starts]
    return [text_of(block[i : i + width]) for i in starts]


def text_of(raw: bytes) -> str:
    """Text as the file means it: UTF-8, or else Latin-1 (older Windows software), up to a zero byte, without padding."""
    raw = raw.lstrip(b"\0 \t\r\n").split(b"\0", 1)[0].strip()
    with contextlib.suppress(UnicodeDecodeError):
        return raw.decode("utf-8")
    return raw.decode("latin-1")


def two_words(values: list[float] | None) -> int | None:
    """A frame number stored as two 16-bit words, low word first; or as one number."""
    if not values or not all(math.isfinite(v) for v in values):
        return None
    words = [int(v) for v in values]
    return (words[0] & 0xFFFF) + ((words[1] & 0xFFFF) << 16) if len(words) > 1 else words[0]


def from_vax(words: Ints) -> Floats:
    """VAX F floats (as little-endian uint32) to float32: the 16-bit halves swapped, a quarter of the IEEE value."""
    swapped = (words << np.uint32(16)) | (words >> np.uint32(16))
    values = swapped.astype("<u4").view("<f4") / np.float32(4)
    return np.where((swapped & np.uint32(0x7F800000)) == 0, np.float32(0), values)
