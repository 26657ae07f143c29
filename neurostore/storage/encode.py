"""Bytes of stored files: Parquet in pieces, JSON with a checksum of itself."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from typing import Any


def checked_json(content: dict[str, Any]) -> bytes:
    """JSON that ends with a check of the rest, so that a changed byte is noticed (:func:`is_intact_json`)."""
    rest = {k: v for k, v in content.items() if k != "check"}
    check = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
    return json.dumps({**rest, "check": check}, indent=2).encode()


def is_intact_json(content: bytes) -> bool | None:
    """Whether these are the bytes that :func:`checked_json` made; None if they have no checksum."""
    try:
        read = json.loads(content)
    except ValueError:
        return False
    if not isinstance(read, dict) or "check" not in read:
        return False if b"chec" in content or b"heck" in content else None
    return checked_json(read) == content


def parquet_pieces(table: Any, rows: int, options: dict[str, Any]) -> Iterator[Any]:
    """A Parquet file of a table in bytes-like pieces, a row group of this many rows at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Pieces are collected until a row group is complete: Arrow writes a wide table in thousands of small pieces.
    if table.num_rows <= rows:
        whole = pa.BufferOutputStream()  # a third faster than collecting pieces in Python
        pq.write_table(table, whole, row_group_size=rows, **options)
        yield whole.getvalue()
        return
    pieces = _Pieces()
    with pq.ParquetWriter(pieces, table.schema, **options) as writer:
        for first in range(0, table.num_rows, rows):
            writer.write_table(table.slice(first, rows), row_group_size=rows)
            yield pieces.taken()
    yield pieces.taken()


class _Pieces(io.RawIOBase):
    """A file to write to whose content is taken bit by bit."""

    def __init__(self) -> None:
        self._held, self._size = bytearray(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        self._size += len(data)
        return len(data)

    def tell(self) -> int:
        return self._size

    def taken(self) -> bytearray:
        """What was written since the last time."""
        held, self._held = self._held, bytearray()
        return held
