"""Whether a person is in a file. Its contents are decoded first, because compression hides a key from a search of raw bytes."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from neurostore.upkeep.database import in_database
from neurostore.upkeep.decoded import in_array_file, in_table, is_array_file, schema_text, worst
from neurostore.upkeep.traces import Answer, Traces

_PIECE = 16 * 2**20
_OVERLAP = 4096
_MOST_LAYERS = 4  # archives within archives
_PLAIN_BINARY = (b"\x00\x00\x00\x01Bud1", b"SQLite format 3")  # formats whose content is not encoded
_OPENERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}


def search(path: Path, traces: Traces) -> Answer:
    """Whether a file holds a person; ``may hold`` where its contents cannot be decoded, or the key is ambiguous."""
    try:
        with path.open("rb") as file:
            return _in_file(file, traces, 0)
    except Exception:  # libraries that decode unknown content raise many kinds of errors, MemoryError among them
        return "may hold"


def _in_file(file: BinaryIO, traces: Traces, layer: int) -> Answer:
    head = file.read(65536)
    file.seek(0)
    if not head:
        return "holds nothing"
    if head[:4] == b"PAR1":
        return _in_parquet(file, traces)
    if head[:6] == b"ARROW1":
        return _in_arrow(file, traces)
    if is_array_file(head):
        return in_array_file(file, traces)
    if head[8:12] == b"DUCK":
        return in_database(file, traces)
    if layer < _MOST_LAYERS:
        packed = _in_packed(file, head, traces, layer)
        if packed is not None:
            return packed
    is_text = b"\x00" not in head
    answer = _in_pieces(file, traces, is_text=is_text)
    is_plain = (is_text and not head.startswith(b"%PDF")) or head.startswith(_PLAIN_BINARY)
    return answer if is_plain or answer == "holds" else "may hold"


def _in_packed(file: BinaryIO, head: bytes, traces: Traces, layer: int) -> Answer | None:
    """The contents of an archive or a compressed file; None for any other file."""
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return worst(_in_zip(file, traces, layer))
    if head[257:262] == b"ustar":
        return worst(_in_tar(file, traces, layer))
    if traces.are_in_text(_names_of_gzip(head)):
        return "holds"
    for magic, opener in _OPENERS.items():
        if head.startswith(magic):
            with opener(file, "rb") as stream, _whole(stream) as content:
                return _in_file(content, traces, layer + 1)
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        with pa.CompressedInputStream(pa.PythonFile(file), "zstd") as stream, _whole(stream) as content:
            return _in_file(content, traces, layer + 1)
    return None


def _names_of_gzip(head: bytes) -> bytes:
    """The name and the comment that a gzip file begins with; nothing of any other file."""
    if not head.startswith(b"\x1f\x8b"):
        return b""
    has_extra, n = bool(head[3] & 4), 10
    n += 2 + int.from_bytes(head[10:12], "little") if has_extra else 0
    texts = bool(head[3] & 8) + bool(head[3] & 16)
    return b"\n".join(head[n:].split(b"\0", texts)[:texts])


@contextmanager
def _whole(stream: Any) -> Iterator[BinaryIO]:
    """The decoded stream as a file that can be sought in; large ones are kept on disk."""
    with tempfile.SpooledTemporaryFile(max_size=_PIECE) as file:
        shutil.copyfileobj(stream, file, 1 << 20)
        file.seek(0)
        yield file  # type: ignore[misc]


def _in_pieces(file: BinaryIO, traces: Traces, *, is_text: bool) -> Answer:
    """Text must be UTF-8 to its end: other encodings cannot be recognised."""
    file.seek(0)
    before, answers, decoder = b"", set[Answer](), codecs.getincrementaldecoder("utf-8")("replace")
    while piece := file.read(_PIECE):
        content = before + piece
        if is_text and "\ufffd" in decoder.decode(piece):
            answers.add("may hold")
        answers.add(traces.in_text(content) if is_text else traces.in_binary(content))
        if "holds" in answers:
            break
        before = content[-_OVERLAP:]
    return worst(answers)


def _in_zip(file: BinaryIO, traces: Traces, layer: int) -> Iterator[Answer]:
    with zipfile.ZipFile(file) as archive:
        yield traces.in_text(archive.comment)
        for item in archive.infolist():
            yield traces.in_text(item.filename.encode() + b"\n" + item.comment)
            if not item.is_dir():
                with archive.open(item) as stream, _whole(stream) as content:
                    yield _in_file(content, traces, layer + 1)


def _in_tar(file: BinaryIO, traces: Traces, layer: int) -> Iterator[Answer]:
    with tarfile.open(fileobj=file) as archive:
        for item in archive:
            text = "\n".join([item.name, item.linkname, item.uname, item.gname, *item.pax_headers.values()])
            yield traces.in_text(text.encode(errors="surrogateescape"))
            opened = archive.extractfile(item) if item.isfile() else None
            if opened is not None:
                with opened, _whole(opened) as content:
                    yield _in_file(content, traces, layer + 1)


def _in_parquet(file: BinaryIO, traces: Traces) -> Answer:
    """Names, metadata and statistics of a Parquet file as text, then its row groups."""
    opened = pq.ParquetFile(file)
    metadata = [v for k, v in (opened.metadata.metadata or {}).items() if k != b"ARROW:schema"]
    texts = [schema_text(opened.schema_arrow), *metadata]
    for i in range(opened.num_row_groups):
        group = opened.metadata.row_group(i)
        statistics = [group.column(j).statistics for j in range(group.num_columns)]
        texts += [f"{s.min!s}\n{s.max!s}".encode() for s in statistics if s is not None and s.has_min_max]
    if traces.are_in_text(b"\n".join(texts)):
        return "holds"
    return worst(in_table(opened.read_row_group(i), traces) for i in range(opened.num_row_groups))


def _in_arrow(file: BinaryIO, traces: Traces) -> Answer:
    opened = pa.ipc.open_file(file)
    if traces.are_in_text(schema_text(opened.schema)):
        return "holds"
    batches = (opened.get_batch(i) for i in range(opened.num_record_batches))
    return worst(in_table(pa.Table.from_batches([batch]), traces) for batch in batches)
