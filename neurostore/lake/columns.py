"""Columns of Arrow tables: merging schemas, casting values, summing rows by key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

_KEYS = ("subject", "session", "trial")


def unify(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with exactly these columns, NULL if it has none; numbers become text where text is required."""
    if table.schema.equals(schema):
        return table
    have = dict(zip(table.column_names, table.columns, strict=True))
    columns = [
        _cast(have[field.name], field.type) if field.name in have else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _cast(column: pa.ChunkedArray, to: pa.DataType) -> pa.ChunkedArray:
    if column.type == to:
        return column
    if pa.types.is_string(to) and pa.types.is_floating(column.type):
        texts = [None if v is None else f"{v:.17g}" if v != int(v) else str(int(v)) for v in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, to)])
    return column.cast(to)


def merged_schema(old: pa.Schema, new: pa.Schema) -> pa.Schema:
    """old with new's further columns; a column that is text on one side and a number on the other becomes text.

    A new name that differs from an old one only in case is the old one.
    """
    spelled = {n.lower(): n for n in old.names}
    for field in new:
        name = spelled.get(field.name.lower())
        if name is None:
            spelled[field.name.lower()] = field.name
            old = old.append(field.with_nullable(True))
        elif old.field(name).type != field.type and not field.type.equals(pa.null()):
            types = {str(old.field(name).type), str(field.type)}
            if types == {"string", "double"}:
                old = old.set(old.get_field_index(name), pa.field(name, pa.string()))
    return old


def parquet_options(schema: pa.Schema, *, is_small: bool = False) -> dict[str, Any]:
    """Options with which every file of a lake is written; is_small : coordinates as `compact --smaller` writes them.

    Coordinates are not compressed: zstd takes 12 % off real ones and doubles the time to write them. The rest has LZ4, because
    zstd sets itself up for every column (docs/decisions/coordinates-uncompressed.md).
    Statistics are kept where readers can use them (those of texts cost as much as all the rest of a file); the Arrow schema
    is not repeated in every footer.
    """
    texts = [f.name for f in schema if pa.types.is_string(f.type)]
    keys = [name for name in texts if name in _KEYS]
    plain = [f.name for f in schema if pa.types.is_integer(f.type) or f.name == "time_s"]
    points = [f for f in schema if pa.types.is_struct(f.type)]
    split = [f"{f.name}.{c.name}" for f in points for c in f.type if pa.types.is_floating(c.type)] if is_small else []
    return {
        "compression": "none" if points and not is_small else "zstd" if is_small and not points else "lz4",
        "compression_level": 1 if is_small and not points else None,
        "use_byte_stream_split": split,
        "use_dictionary": texts or False,
        "write_statistics": keys + plain or False,
        "row_group_size": 32_768,
        "store_schema": False,
        "write_page_checksum": True,
    }


def repeated(values: Sequence[Any], counts: Sequence[int]) -> pa.Array:
    """Each value repeated by its count, one after another: far faster than an array of Python objects."""
    return pa.array(values).take(pa.array(np.repeat(np.arange(len(values)), counts)))


def repeated_texts(values: Sequence[str | None], counts: Sequence[int]) -> pa.DictionaryArray:
    """As `repeated`, of texts, dictionary-coded: Parquet stores them so, and need not look for equal ones."""
    kinds = {text: i for i, text in enumerate(dict.fromkeys(v for v in values if v is not None))}
    index = np.repeat(np.array([-1 if v is None else kinds[v] for v in values], np.int32), counts)
    coded = pa.array(index, mask=index < 0) if None in values else pa.array(index)
    return pa.DictionaryArray.from_arrays(coded, pa.array(list(kinds), pa.string()))


def one_text(value: str, n: int) -> pa.DictionaryArray:
    """One text n times, coded as `repeated_texts` does."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array([value], pa.string()))


def is_coded_text(type_: pa.DataType) -> bool:
    """Whether a type is dictionary-coded text, which is stored as text."""
    return bool(pa.types.is_dictionary(type_) and pa.types.is_string(type_.value_type))


def stored_schema(schema: pa.Schema) -> pa.Schema:
    """The columns as a file will hold them: dictionary-coded texts are texts."""
    return pa.schema([f.with_type(pa.string()) if is_coded_text(f.type) else f for f in schema])


def sum_by_key(maps: pa.ChunkedArray, how: str) -> dict[str, int]:
    """Sum or maximum (``max``) of map<string, int64> values over all rows, by key.

    Arrow's kernels would do it, but loading them takes 60 ms, in every query. Most rows have the same keys in the same
    order, so that the values are a matrix: 4,000 pairs take 0.3 ms, and 4 ms one by one.
    """
    sums: dict[str, int] = {}
    for part in maps.chunks:
        keys = part.keys.to_pylist()  # to_numpy would load pandas
        values = np.array(part.items.to_pylist(), np.int64)
        width = len(keys) // max(len(part), 1)
        if width and keys == keys[:width] * len(part):
            rows = values.reshape(len(part), width)
            keys, values = keys[:width], rows.max(axis=0) if how == "max" else rows.sum(axis=0)
        for key, value in zip(keys, values.tolist(), strict=True):
            sums[key] = max(value, sums.get(key, value)) if how == "max" else value + sums.get(key, 0)
    return sums
