"""Frames to the bytes of a Parquet file, block by block.

Every column of a block has the same number of values and no gaps as a rule, so its pages differ in the numbers alone:
the block is copied behind one page header. What comes out is plain Parquet (version 2.6, data pages v1, PLAIN, not
compressed, keys dictionary-coded), as pyarrow would write it with the options of ``delta.parquet_options``; tests read
it by pyarrow, DuckDB and polars. Measured against ``pyarrow.parquet``: docs/decisions/frames-encoded-in-blocks.md.

Format: https://github.com/apache/parquet-format (README, Encodings, parquet.thrift) and Thrift's compact protocol.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import numpy as np

from neurostore.arrays import Array, Bools, Floats
from neurostore.lake.frames import Block, Frames, Layout
from neurostore.release import VERSION

ROWS = 32_768  # rows of a row group
_MAGIC = b"PAR1"
_INT32, _FLOAT, _DOUBLE, _BYTES = 1, 4, 5, 6  # physical types
_PLAIN, _RLE, _RLE_DICTIONARY = 0, 3, 8  # encodings
_KEYS = ("session", "trial", "ingest_id")

Piece = bytes | Array
#: (rows of one trial, its index, first row, one behind the last) that a row group takes
_Part = tuple[Frames, int, int, int]


def encode(trials: Sequence[tuple[tuple[str, str, str], Frames]]) -> Iterator[Piece]:
    """The pieces of one file, in order, made a row group at a time: a long video's file is as large as its poses.

    trials : (session, trial, ingest_id) and rows of each, of one layout.
    """
    layout = trials[0][1].layout
    keys = [list(dict.fromkeys(key[i] for key, _ in trials)) for i in range(3)]
    file = _File()
    for parts in _row_groups([frames for _, frames in trials]):
        file.begin_rows(sum(b - a for _, _, a, b in parts))
        for name, values, constants in zip(_KEYS, keys, zip(*(k for k, _ in trials), strict=True), strict=True):
            file.key(name, values, [(values.index(constants[i]), b - a) for _, i, a, b in parts])
        for name, kind in (("person", _INT32), ("frame", _INT32), ("time_s", _DOUBLE)):
            file.numbers(name, kind, _joined(getattr(f, name)[a:b] for f, _, a, b in parts))
        for name in layout[0]:
            file.scalar(name, _joined(f.scalars[name][a:b] for f, _, a, b in parts))
        for index in range(len(layout[1])):
            file.block([f.blocks[index] for f, _, _, _ in parts], [slice(a, b) for _, _, a, b in parts])
        file.end_rows()
        yield from file.taken()
    file.end(layout)
    yield from file.taken()


def _row_groups(trials: Sequence[Frames]) -> Iterable[list[_Part]]:
    group: list[_Part] = []
    n = 0
    for index, frames in enumerate(trials):
        at = 0
        while at < frames.num_rows:
            end = min(frames.num_rows, at + ROWS - n)
            group.append((frames, index, at, end))
            n += end - at
            at = end
            if n == ROWS:
                yield group
                group, n = [], 0
    if group:
        yield group


def _joined(parts: Iterable[Array]) -> Floats:
    arrays = list(parts)
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


class _File:
    """Pages not yet taken and what the footer is to say of all of them."""

    def __init__(self) -> None:
        self._pieces: list[Piece] = [_MAGIC]
        self.size = len(_MAGIC)
        self.n_rows = 0
        self.groups: list[bytes] = []
        self._columns: list[bytes] = []
        self._n = self._first = 0

    def begin_rows(self, n: int) -> None:
        self._n, self._first, self._columns = n, self.size, []

    def end_rows(self) -> None:
        group = b"\x19" + _list(12, len(self._columns)) + b"".join(self._columns)
        n_bytes = self.size - self._first
        group += b"\x16" + _int(n_bytes) + b"\x16" + _int(self._n)
        group += b"\x26" + _int(self._first) + b"\x16" + _int(n_bytes)
        self.groups.append(group + b"\x14" + _int(len(self.groups)) + b"\x00")
        self.n_rows += self._n

    def key(self, name: str, values: list[str], runs: list[tuple[int, int]]) -> None:
        """A column of text that is the same over runs of rows: (index of the value, rows)."""
        encoded = [v.encode() for v in values]
        dictionary = b"".join(struct.pack("<I", len(v)) + v for v in encoded)
        head = b"\x15\x04" + b"\x15" + _int(len(dictionary)) + b"\x15" + _int(len(dictionary))
        first = self._write(head + b"\x4c\x15" + _int(len(values)) + b"\x15\x00\x00\x00" + dictionary)
        bits = max(1, (len(values) - 1).bit_length())
        body = _levels_of_one(1, self._n) + bytes([bits])
        for index, n in runs:
            body += _varint(n << 1) + index.to_bytes((bits + 7) // 8, "little")
        page = self._write(_page_header(self._n, len(body), _RLE_DICTIONARY) + body)
        used = [encoded[i] for i, _ in runs]
        self._describe((name,), _BYTES, _RLE_DICTIONARY, page, self.size - first, first, (min(used), max(used)))

    def numbers(self, name: str, kind: int, values: Array) -> None:
        """A column without gaps, with statistics."""
        body = np.ascontiguousarray(values, "<i4" if kind == _INT32 else "<f8")
        levels = _levels_of_one(1, self._n)
        page = self._write(_page_header(self._n, len(levels) + body.nbytes, _PLAIN) + levels, body.view(np.uint8))
        ends = (body.min().tobytes(), body.max().tobytes())
        self._describe((name,), kind, _PLAIN, page, self.size - page, None, ends)

    def scalar(self, name: str, values: Array) -> None:
        """A float32 column, NULL where NaN."""
        missing = np.isnan(values)
        if missing.any():
            self._with_gaps((name,), np.asarray(values, "<f4")[~missing], ~missing, 1)
        else:
            levels, body = _levels_of_one(1, self._n), np.ascontiguousarray(values, "<f4")
            page = self._write(_page_header(self._n, len(levels) + body.nbytes, _PLAIN) + levels, body.view(np.uint8))
            self._describe((name,), _FLOAT, _PLAIN, page, self.size - page)

    def block(self, blocks: list[Block], rows: list[slice]) -> None:
        """The STRUCT columns of a block, whose rows belong to several trials."""
        names = blocks[0].names
        is_whole = np.all([b.is_whole for b in blocks], axis=0)
        parts = [b.values[:, :, at] for b, at in zip(blocks, rows, strict=True)]
        edges = np.flatnonzero(np.diff(is_whole.astype(np.int8))) + 1
        for first, stop in zip([0, *edges], [*edges, len(names)], strict=True):
            if stop == first:
                continue
            if is_whole[first]:
                self._whole(names[first:stop], [p[first:stop] for p in parts])
                continue
            for k in range(first, stop):
                values = np.concatenate([p[k] for p in parts], axis=1)
                seen = ~np.isnan(values).any(axis=0)
                for axis, part in zip(_axes(len(values)), values, strict=True):
                    self._with_gaps((names[k], axis), part[seen], seen, 2)

    def _whole(self, names: tuple[str, ...], parts: list[Floats]) -> None:
        """Columns without gaps: one header before each, and all of them in one piece."""
        n_parts = parts[0].shape[1]
        levels = _levels_of_one(2, self._n)
        start = _page_header(self._n, len(levels) + 4 * self._n, _PLAIN) + levels
        pages = np.empty((len(names), n_parts, len(start) + 4 * self._n), np.uint8)
        pages[:, :, : len(start)] = np.frombuffer(start, np.uint8)
        at = len(start)
        for part in parts:
            pages[:, :, at : at + 4 * part.shape[2]] = part.view(np.uint8)
            at += 4 * part.shape[2]
        page, size = self._write(pages.reshape(-1)), pages.shape[2]
        sizes = _sizes(self._n, size)  # the same for all; the rest is what `_describe` writes
        for name in names:
            for axis in _axes(n_parts):
                head = _column_head((name, axis), _FLOAT, _PLAIN)
                self._columns.append(b"".join((head, sizes, _int(page), b"\x00\x00")))
                page += size

    def _with_gaps(self, path: tuple[str, ...], present: Floats, seen: Bools, depth: int) -> None:
        """A float32 column of which only the values that are there are written."""
        bits = np.zeros((-(-len(seen) // 8) * 8, depth), np.bool_)
        bits[: len(seen), depth - 1] = seen  # level 0: NULL, level `depth`: a value
        packed = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
        run = _varint((len(bits) // 8) << 1 | 1) + packed
        levels = struct.pack("<I", len(run)) + run
        body = np.ascontiguousarray(present, "<f4").view(np.uint8)
        page = self._write(_page_header(self._n, len(levels) + body.size, _PLAIN) + levels, body)
        self._describe(path, _FLOAT, _PLAIN, page, self.size - page)

    def _write(self, *pieces: Piece) -> int:
        """Where the pieces begin in the file."""
        at = self.size
        for piece in pieces:
            self._pieces.append(piece)
            self.size += len(piece)
        return at

    def taken(self) -> list[Piece]:
        """The pages written since the last time."""
        pieces, self._pieces = self._pieces, []
        return pieces

    def _describe(
        self,
        path: tuple[str, ...],
        kind: int,
        encoding: int,
        page: int,
        size: int,
        dictionary: int | None = None,
        ends: tuple[bytes, bytes] | None = None,
    ) -> None:
        described = _column_head(path, kind, encoding) + _sizes(self._n, size) + _int(page)
        if dictionary is not None:
            described += b"\x26" + _int(dictionary)
        if ends is not None:
            low, high = (_varint(len(end)) + end for end in ends)
            described += (
                (b"\x1c" if dictionary is not None else b"\x3c") + b"\x36\x00\x28" + high + b"\x18" + low + b"\x00"
            )
        self._columns.append(described + b"\x00\x00")

    def end(self, layout: Layout) -> None:
        schema, n_leaves = _schema(layout)
        footer = b"\x15\x04" + schema + b"\x16" + _int(self.n_rows)
        footer += b"\x19" + _list(12, len(self.groups)) + b"".join(self.groups)
        footer += (
            b"\x28"
            + _text(f"neurostore version {VERSION}")
            + b"\x19"
            + _list(12, n_leaves)
            + b"\x1c\x00\x00" * n_leaves
            + b"\x00"
        )
        self._write(footer, struct.pack("<I", len(footer)), _MAGIC)


def _axes(n_parts: int) -> str:
    return "xyz" if n_parts == 3 else "wxyz"


def _levels_of_one(level: int, n: int) -> bytes:
    """Definition levels of n values that are all there, with their length."""
    run = _varint(n << 1) + bytes([level])
    return struct.pack("<I", len(run)) + run


def _page_header(n: int, size: int, encoding: int) -> bytes:
    header = b"\x15" + _int(n) + b"\x15" + _int(encoding) + b"\x15\x06\x15\x06\x00"
    return b"\x15\x00\x15" + _int(size) + b"\x15" + _int(size) + b"\x2c" + header + b"\x00"


@lru_cache(maxsize=4096)
def _column_head(path: tuple[str, ...], kind: int, encoding: int) -> bytes:
    """ColumnChunk and ColumnMetaData up to the number of values."""
    encodings = [_PLAIN, _RLE, *([] if encoding == _PLAIN else [encoding])]
    listed = _list(5, len(encodings)) + b"".join(_int(e) for e in encodings)
    names = _list(8, len(path)) + b"".join(_text(p) for p in path)
    return b"\x26\x00\x1c\x15" + _int(kind) + b"\x19" + listed + b"\x19" + names + b"\x15\x00\x16"


def _sizes(n: int, size: int) -> bytes:
    """The part of ColumnMetaData from the number of values up to the place of the page."""
    n_bytes = _int(size)
    return b"".join((_int(n), b"\x16", n_bytes, b"\x16", n_bytes, b"\x26"))


@lru_cache(maxsize=64)
def _schema(layout: Layout) -> tuple[bytes, int]:
    """The list of schema elements, and how many columns have pages."""
    flat = [(n, _BYTES) for n in _KEYS] + [("person", _INT32), ("frame", _INT32), ("time_s", _DOUBLE)]
    flat += [(n, _FLOAT) for n in layout[0]]
    elements = [_leaf(name, kind) for name, kind in flat]
    n_leaves, n_top = len(flat), len(flat)
    for names, n_parts in layout[1]:
        for name in names:
            group = b"\x35\x02\x18" + _text(name) + b"\x15" + _int(n_parts) + b"\x00"
            elements += [group, *(_leaf(axis, _FLOAT) for axis in _axes(n_parts))]
        n_top += len(names)
        n_leaves += n_parts * len(names)
    root = b"\x48" + _text("schema") + b"\x15" + _int(n_top) + b"\x00"
    return b"\x19" + _list(12, 1 + len(elements)) + root + b"".join(elements), n_leaves


def _leaf(name: str, kind: int) -> bytes:
    text = b"\x25\x00\x4c\x1c\x00\x00" if kind == _BYTES else b""  # converted type UTF8, logical type STRING
    return b"\x15" + _int(kind) + b"\x25\x02\x18" + _text(name) + text + b"\x00"


_SHORT = [bytes([value]) for value in range(128)]


def _varint(value: int) -> bytes:
    if value < 1 << 7:
        return _SHORT[value]
    if value < 1 << 14:
        return bytes((value & 127 | 128, value >> 7))
    if value < 1 << 21:
        return bytes((value & 127 | 128, value >> 7 & 127 | 128, value >> 14))
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _int(value: int) -> bytes:
    """A number of no sign as Thrift's zigzag."""
    return _varint(value << 1)


def _text(text: str) -> bytes:
    encoded = text.encode()
    return _varint(len(encoded)) + encoded


def _list(kind: int, n: int) -> bytes:
    return bytes([n << 4 | kind]) if n < 15 else bytes([0xF0 | kind]) + _varint(n)
