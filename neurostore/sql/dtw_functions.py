"""DTW in SQL: dtw_distance(a, b), dtw_distance(a, b, band) and soft_dtw(a, b, gamma).

a and b are FLOAT[] (one channel) or FLOAT[][] (time × channels). NULL in, NULL out. DuckDB passes Arrow vectors, which
the kernels read as they are. It has no overloads of Python functions, so each name is a macro over functions of one
type.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.arrays import Floats, Ints
from neurostore.errors import SeriesError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from neurostore.dtw.series import Series

_MACROS = """
CREATE OR REPLACE TEMP MACRO dtw_distance
    (a FLOAT[], b FLOAT[]) AS _dtw_1(a, b, NULL),
    (a FLOAT[][], b FLOAT[][]) AS _dtw_n(a, b, NULL),
    (a DOUBLE[], b DOUBLE[]) AS _dtw_1(a::FLOAT[], b::FLOAT[], NULL),
    (a DOUBLE[][], b DOUBLE[][]) AS _dtw_n(a::FLOAT[][], b::FLOAT[][], NULL),
    (a FLOAT[], b FLOAT[], band INTEGER) AS CASE WHEN band IS NOT NULL THEN _dtw_1(a, b, band) END,
    (a FLOAT[][], b FLOAT[][], band INTEGER) AS CASE WHEN band IS NOT NULL THEN _dtw_n(a, b, band) END,
    (a FLOAT[], b FLOAT[], band DOUBLE) AS CASE WHEN band IS NOT NULL THEN _dtw_part_1(a, b, band) END,
    (a FLOAT[][], b FLOAT[][], band DOUBLE) AS CASE WHEN band IS NOT NULL THEN _dtw_part_n(a, b, band) END,
    (a DOUBLE[], b DOUBLE[], band INTEGER) AS
        CASE WHEN band IS NOT NULL THEN _dtw_1(a::FLOAT[], b::FLOAT[], band) END,
    (a DOUBLE[][], b DOUBLE[][], band INTEGER) AS
        CASE WHEN band IS NOT NULL THEN _dtw_n(a::FLOAT[][], b::FLOAT[][], band) END,
    (a DOUBLE[], b DOUBLE[], band DOUBLE) AS
        CASE WHEN band IS NOT NULL THEN _dtw_part_1(a::FLOAT[], b::FLOAT[], band) END,
    (a DOUBLE[][], b DOUBLE[][], band DOUBLE) AS
        CASE WHEN band IS NOT NULL THEN _dtw_part_n(a::FLOAT[][], b::FLOAT[][], band) END;
CREATE OR REPLACE TEMP MACRO soft_dtw
    (a FLOAT[], b FLOAT[], gamma) AS _soft_dtw_1(a, b, gamma::DOUBLE),
    (a FLOAT[][], b FLOAT[][], gamma) AS _soft_dtw_n(a, b, gamma::DOUBLE),
    (a DOUBLE[], b DOUBLE[], gamma) AS _soft_dtw_1(a::FLOAT[], b::FLOAT[], gamma::DOUBLE),
    (a DOUBLE[][], b DOUBLE[][], gamma) AS _soft_dtw_n(a::FLOAT[][], b::FLOAT[][], gamma::DOUBLE);
"""


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the functions and macros on a DuckDB connection; calling it again changes nothing."""
    kinds = {"1": "FLOAT[]", "n": "FLOAT[][]"}
    functions: dict[str, tuple[Callable[..., Any], str]] = {
        "_dtw": (_distances, "INTEGER"),
        "_dtw_part": (_distances, "DOUBLE"),
        "_soft_dtw": (_soft, "DOUBLE"),
    }
    known = connection.execute("SELECT function_name FROM duckdb_functions() WHERE function_name = '_dtw_1'").fetchone()
    if not known:
        for name, (function, third) in functions.items():
            for suffix, kind in kinds.items():
                about: dict[str, Any] = {"type": "arrow", "null_handling": "special"}
                connection.create_function(f"{name}_{suffix}", function, [kind, kind, third], "DOUBLE", **about)
    for statement in _MACROS.split(";"):
        if statement.strip():
            connection.execute(statement)


def _distances(a: Any, b: Any, band: Any) -> Any:  # DuckDB evaluates the annotations
    """dtw_distance over one vector of rows; band NULL means none, and rows are processed by band."""
    from neurostore.dtw.distance import paired

    def work(first: Series, second: Series, radius: float | None) -> Floats:
        return paired(first, second, band=radius)

    return _by_row(a, b, band, work, none_is_value=True)


def _soft(a: Any, b: Any, gamma: Any) -> Any:
    from neurostore.dtw import _soft_kernels

    def work(first: Series, second: Series, smoothing: float | None) -> Floats:
        if smoothing is None or not (math.isfinite(smoothing) and smoothing > 0):
            raise SeriesError(f"gamma is {smoothing!r}; it must be above 0")
        out = np.empty(len(first))
        for k in range(len(first)):
            x, y = first.one(k).astype(np.float64), second.one(k).astype(np.float64)
            costs, table = np.empty((len(x), len(y))), np.empty((len(x) + 2, len(y) + 2))
            _soft_kernels.squared_distances(x, y, costs)
            _soft_kernels.soft_forward(costs, smoothing, len(x) + len(y), table)
            out[k] = table[len(x), len(y)]
        return out

    return _by_row(a, b, gamma, work, none_is_value=False)


def _by_row(a: Any, b: Any, third: Any, work: Callable[..., Any], *, none_is_value: bool) -> pa.Array:
    """Call work(first, second, value) for the rows of each value of the third argument that have both series."""
    import pyarrow as pa
    import pyarrow.compute as pc

    a, b, third = (x.combine_chunks() if isinstance(x, pa.ChunkedArray) else x for x in (a, b, third))
    has = pc.and_(a.is_valid(), b.is_valid())
    if not none_is_value:
        has = pc.and_(has, third.is_valid())
    rows = np.flatnonzero(has.to_numpy(zero_copy_only=False))
    out = np.full(len(a), np.nan)
    if len(rows):
        values = third.take(pa.array(rows))
        distinct = pc.unique(values).to_pylist()
        for value in distinct:
            part = rows if len(distinct) == 1 else rows[[v == value for v in values.to_pylist()]]
            first, second = _series(a, part, "a"), _series(b, part, "b")
            out[part] = work(first, second, value)
    mask = np.ones(len(a), bool)
    mask[rows] = False
    return pa.array(out, pa.float64(), mask=mask)


def _series(column: pa.Array, rows: Ints, name: str) -> Series:
    """Rows of a FLOAT[] or FLOAT[][] vector as Series, without a copy where all rows are taken."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from neurostore.dtw.series import Series, read_series

    taken = column if len(rows) == len(column) else column.take(pa.array(rows))
    lengths = pc.list_value_length(taken).to_numpy(zero_copy_only=False).astype(np.int64)
    samples, channels = taken.flatten(), 1
    if (lengths == 0).any():
        raise SeriesError(f"{name} is an empty list in a row; a series needs at least one sample")
    if pa.types.is_list(samples.type) or pa.types.is_large_list(samples.type):
        if samples.null_count:
            raise SeriesError(f"{name} holds a NULL sample; expected a list of samples, each a list of channels")
        sizes = pc.min_max(pc.list_value_length(samples)).as_py()
        if sizes["max"] == 0:
            raise SeriesError(f"{name} has samples without a value; expected lists of channels, at least one")
        if sizes["min"] != sizes["max"]:
            raise SeriesError(
                f"{name} has samples of {sizes['min']} and of {sizes['max']} channels; expected the same in every row"
            )
        channels, samples = sizes["min"], samples.flatten()
    if samples.null_count:
        raise SeriesError(f"{name} holds a NULL value; leave such rows out or fill them")
    values = np.require(samples.to_numpy(zero_copy_only=False), np.float32, ["C", "W"])
    starts = np.concatenate([[0], np.cumsum(lengths * channels)[:-1]]).astype(np.int64)
    return read_series(Series(values, starts, lengths, channels, np.zeros(len(lengths), bool)), name=name)
