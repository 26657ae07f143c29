"""Whether a person is in an Arrow table or a NumPy array. Texts are searched as text, numbers only for coordinates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neurostore.arrays import read_array
from neurostore.upkeep.coordinates import N
from neurostore.upkeep.traces import Answer, Traces, is_key_column

_NUMPY = b"\x93NUMPY"


def worst(answers: Iterable[Answer]) -> Answer:
    """``holds`` where any part holds the person, else ``may hold`` where any may."""
    given = set[Answer]()
    for answer in answers:
        if answer == "holds":
            return answer
        given.add(answer)
    return "may hold" if "may hold" in given else "holds nothing"


def in_table(table: pa.Table, traces: Traces) -> Answer:
    """Whether any column of a table holds the person."""
    parts = (
        (field, chunk) for field, column in zip(table.schema, table.columns, strict=True) for chunk in column.chunks
    )
    answer = worst(_in_array(chunk, traces, is_key=is_key_column(field.name)) for field, chunk in parts)
    return "holds" if answer == "holds" or _are_side_by_side(table, traces) else answer


def schema_text(columns: pa.Schema) -> bytes:
    """Every name and all metadata of a schema, of nested fields too."""
    waiting, parts = list(columns), _metadata(columns.metadata)
    while waiting:
        field = waiting.pop()
        parts += [field.name.encode(), *_metadata(field.metadata)]
        kind = field.type
        if pa.types.is_map(kind):
            waiting += [kind.key_field, kind.item_field]
        elif hasattr(kind, "value_field"):
            waiting.append(kind.value_field)
        elif pa.types.is_struct(kind) or pa.types.is_union(kind):
            waiting += [kind.field(i) for i in range(kind.num_fields)]
    return b"\n".join(parts)


def _metadata(metadata: dict[bytes, bytes] | None) -> list[bytes]:
    return [part for pair in (metadata or {}).items() for part in pair]


def _in_array(array: pa.Array, traces: Traces, *, is_key: bool = False) -> Answer:
    """Texts as one text, numbers as their bytes, nested columns by their parts."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _in_array(array.dictionary, traces, is_key=is_key)
    if pa.types.is_struct(kind):
        parts = [array.field(i) for i in range(kind.num_fields)]
        fields = zip(kind, parts, strict=True)
        answer = worst(_in_array(part, traces, is_key=is_key_column(field.name)) for field, part in fields)
        return "holds" if _in_rows(parts, traces) else answer
    if pa.types.is_map(kind):
        return worst(_in_array(part, traces) for part in (array.keys, array.items))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _in_array(array.flatten(), traces, is_key=is_key)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return traces.in_binary(b"\n".join(filter(None, pc.unique(array).to_pylist())))
    if pa.types.is_floating(kind) and traces.coordinates.are_among(array.to_numpy(zero_copy_only=False)):
        return "holds"
    if pa.types.is_primitive(kind):
        return _answer("holds" if is_key and _is_among_numbers(array, traces.subject) else "")
    texts = [str(v) for v in pc.unique(array).to_pylist() if v is not None] if _is_text(kind) else _as_texts(array)
    if is_key and traces.subject in texts:
        return "holds"
    return traces.in_text("\n".join(texts).encode())


def _answer(answer: str) -> Answer:
    return "holds" if answer else "holds nothing"


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _as_texts(array: pa.Array) -> list[str]:
    """Of views, unions, extensions."""
    return [str(v) for v in array.to_pylist() if v is not None]


def _is_among_numbers(array: pa.Array, subject: str) -> bool:
    """Whether a column of keys that was stored as numbers has the subject's: ``01`` may have become 1."""
    if not subject.isdigit() or not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
        return False
    return any(value is not None and value == int(subject) for value in pc.unique(array).to_pylist())


def _in_rows(parts: list[pa.Array], traces: Traces) -> bool:
    """Coordinates of a point side by side, as no column has them."""
    if not all(pa.types.is_floating(p.type) for p in parts):
        return False
    return traces.coordinates.are_among(np.stack([p.to_numpy(zero_copy_only=False) for p in parts], axis=1))


def _are_side_by_side(table: pa.Table, traces: Traces) -> bool:
    """Coordinates of a point in columns of their own."""
    columns = [c.to_numpy() for c in table.columns if pa.types.is_floating(c.type)]
    return len(columns) >= N and traces.coordinates.are_among(np.stack(columns, axis=1))


def is_array_file(head: bytes) -> bool:
    """Whether a file begins as NumPy's .npy."""
    return head.startswith(_NUMPY)


def in_array_file(file: BinaryIO, traces: Traces) -> Answer:
    """Whether a .npy holds the person; ``may hold`` where it has pickled objects."""
    try:
        values = read_array(file)
    except (ValueError, MemoryError):
        file.seek(0)
        return worst(["may hold", traces.in_binary(file.read())])
    return _in_values(values, traces)


def _in_values(values: np.ndarray[Any, Any], traces: Traces) -> Answer:
    if values.dtype.names:
        return worst(_in_values(values[name], traces) for name in values.dtype.names)
    if values.dtype.kind == "U":
        return traces.in_text("\n".join(np.unique(values).tolist()).encode())
    if values.dtype.kind == "S":
        return traces.in_text(b"\n".join(np.unique(values).tolist()))
    is_among = values.dtype.kind == "f" and any(map(traces.coordinates.are_among, (values, values.T)))
    return _answer("holds" if is_among else "")
