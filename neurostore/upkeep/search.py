"""Is a person in a file? Its contents are decoded first: compression hides a key from a search of raw bytes."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from neurostore.upkeep.traces import Traces

Answer = Literal["holds", "may hold", "holds nothing"]

_PIECE = 16 * 2**20
_OVERLAP = 4096
_MOST_LAYERS = 4  # an archive within an archive within …
_PLAIN_BINARY = (b"\x93NUMPY", b"\x00\x00\x00\x01Bud1", b"SQLite format 3")  # what is in them is stored as it is
_OPENERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
_UNREADABLE = (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zlib.error, zipfile.BadZipFile,
               tarfile.TarError, lzma.LZMAError, pa.ArrowException)  # fmt: skip


def search(path: Path, traces: Traces) -> Answer:
    """Whether a file holds a person; ``may hold`` where its contents cannot be decoded."""
    try:
        with path.open("rb") as file:
            return _in_file(file, traces, 0)
    except _UNREADABLE:
        return "may hold"


def _in_file(file: BinaryIO, traces: Traces, layer: int) -> Answer:
    head = file.read(65536)
    file.seek(0)
    if not head:
        return "holds nothing"
    if head[:4] == b"PAR1":
        return _said(any(_in_table(part, traces) for part in _parquet(file)))
    if head[:6] == b"ARROW1":
        return _said(any(_in_table(part, traces) for part in _arrow(file)))
    if layer < _MOST_LAYERS:
        if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
            return _worst(_in_zip(file, traces, layer))
        if head[257:262] == b"ustar":
            return _worst(_in_tar(file, traces, layer))
        for magic, opener in _OPENERS.items():
            if head.startswith(magic):
                with opener(file, "rb") as stream, _whole(stream) as content:
                    return _in_file(content, traces, layer + 1)
        if head.startswith(b"\x28\xb5\x2f\xfd"):
            with pa.CompressedInputStream(pa.PythonFile(file), "zstd") as stream, _whole(stream) as content:
                return _in_file(content, traces, layer + 1)
    is_text = b"\x00" not in head
    if _in_pieces(file, traces, is_text=is_text):
        return "holds"
    is_plain = (is_text and _is_utf8(head)) or head.startswith(_PLAIN_BINARY)
    return "holds nothing" if is_plain else "may hold"


def _said(is_held: bool) -> Answer:
    return "holds" if is_held else "holds nothing"


def _worst(answers: Iterator[Answer]) -> Answer:
    found = set(answers)
    return "holds" if "holds" in found else "may hold" if "may hold" in found else "holds nothing"


def _is_utf8(head: bytes) -> bool:
    try:
        head[:-4].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not head.startswith(b"%PDF")


@contextmanager
def _whole(stream: Any) -> Iterator[BinaryIO]:
    """The decoded stream as a file that can be sought in; large ones are kept on disk."""
    with tempfile.SpooledTemporaryFile(max_size=_PIECE) as file:
        shutil.copyfileobj(stream, file, 1 << 20)
        file.seek(0)
        yield file  # type: ignore[misc]


def _in_pieces(file: BinaryIO, traces: Traces, *, is_text: bool) -> bool:
    before = b""
    while piece := file.read(_PIECE):
        content = before + piece
        if traces.are_in_text(content) if is_text else traces.are_in_binary(content):
            return True
        before = content[-_OVERLAP:]
    return False


def _in_zip(file: BinaryIO, traces: Traces, layer: int) -> Iterator[Answer]:
    with zipfile.ZipFile(file) as archive:
        for item in archive.infolist():
            yield _said(traces.are_in_text(item.filename.encode()))
            if not item.is_dir():
                with archive.open(item) as stream, _whole(stream) as content:
                    yield _in_file(content, traces, layer + 1)


def _in_tar(file: BinaryIO, traces: Traces, layer: int) -> Iterator[Answer]:
    with tarfile.open(fileobj=file) as archive:
        for item in archive:
            yield _said(traces.are_in_text(item.name.encode()))
            opened = archive.extractfile(item) if item.isfile() else None
            if opened is not None:
                with opened, _whole(opened) as content:
                    yield _in_file(content, traces, layer + 1)


def _parquet(file: BinaryIO) -> Iterator[pa.Table]:
    """Names, metadata and statistics of a Parquet file as a table of text, then its row groups."""
    opened = pq.ParquetFile(file)
    texts = [*opened.schema_arrow.names, str(opened.metadata.metadata), str(opened.schema_arrow.metadata)]
    for i in range(opened.num_row_groups):
        group = opened.metadata.row_group(i)
        statistics = [group.column(j).statistics for j in range(group.num_columns)]
        texts += [f"{s.min!s}\n{s.max!s}" for s in statistics if s is not None and s.has_min_max]
    yield pa.table({"said": pa.array(texts, pa.string())})
    for i in range(opened.num_row_groups):
        yield opened.read_row_group(i)


def _arrow(file: BinaryIO) -> Iterator[pa.Table]:
    opened = pa.ipc.open_file(file)
    yield pa.table({"said": pa.array([*opened.schema.names, str(opened.schema.metadata)], pa.string())})
    for i in range(opened.num_record_batches):
        yield pa.Table.from_batches([opened.get_batch(i)])


def _in_table(table: pa.Table, traces: Traces) -> bool:
    return any(_in_array(chunk, traces) for column in table.columns for chunk in column.chunks)


def _in_array(array: pa.Array, traces: Traces) -> bool:
    """Texts as one text, numbers as their bytes, nested columns by their parts."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _in_array(array.dictionary, traces)
    if pa.types.is_struct(kind):
        parts = [array.field(i) for i in range(kind.num_fields)]
        return any(_in_array(part, traces) for part in parts) or _in_rows(parts, traces)
    if pa.types.is_map(kind):
        return _in_array(array.keys, traces) or _in_array(array.items, traces)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _in_array(array.flatten(), traces)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return traces.are_in_text("\n".join(filter(None, pc.unique(array).to_pylist())).encode())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        content = io.BytesIO(b"\n".join(filter(None, pc.unique(array).to_pylist())))
        return _in_pieces(content, traces, is_text=False)
    if pa.types.is_floating(kind):
        return traces.are_in_binary(array.to_numpy(zero_copy_only=False).tobytes())
    if pa.types.is_primitive(kind):
        return False
    return traces.are_in_text("\n".join(str(v) for v in array.to_pylist()).encode())  # views, unions, extensions


def _in_rows(parts: list[pa.Array], traces: Traces) -> bool:
    """Coordinates of a point side by side, as no column has them."""
    import numpy as np

    if not traces.runs or not all(pa.types.is_floating(p.type) for p in parts):
        return False
    return traces.are_in_binary(np.stack([p.to_numpy(zero_copy_only=False) for p in parts], axis=1).tobytes())
