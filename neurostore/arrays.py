"""Types of NumPy arrays for annotations, and a reader for arrays in files that may come from anybody.

Shapes and units are stated in docstrings; these names say only the kind of number, of any size: ``Floats`` is float32
or float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.integer[Any]]
Bools = npt.NDArray[np.bool_]
#: Images (height, width, colours).
Pixels = npt.NDArray[np.uint8]
#: Of any kind: text, objects, records, or whatever a caller gave.
Array = npt.NDArray[Any]
_ROWS_AT_ONCE = 2048


def runs_of(is_so: Bools) -> tuple[Ints, Ints]:
    """Start and stop (k,) of each run of True in (n,); the stop is the first index after the run."""
    edges = np.flatnonzero(np.diff(is_so, prepend=False, append=False))
    return edges[::2], edges[1::2]


def product(rows: Floats, small: Floats) -> Floats:
    """rows @ small of (n, k) and (k, m) or (k,), in pieces for which BLAS starts no threads: they spin for 0.1 s afterwards."""
    if len(rows) <= _ROWS_AT_ONCE:
        return np.asarray((small.T @ rows.T).T)
    out = np.empty((len(rows), *small.shape[1:]), order="F")  # time along memory
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        np.matmul(rows[start : start + _ROWS_AT_ONCE], small, out=out[start : start + _ROWS_AT_ONCE])
    return out


def percentiles(values: Floats, percents: Sequence[float]) -> Floats:
    """(k, ...) percentiles of (n, ...) along the first axis, of what is not NaN; NaN where nothing is known.

    Of float64 bit for bit np.nanpercentile (linear), which takes every column by itself: 0.1 ms each.
    """
    ordered = np.sort(values, axis=0)  # NaN last
    if values.ndim == 1:
        last = max(int(np.searchsorted(ordered, np.nan)) - 1, 0)
        return np.array([_between(ordered, percent / 100 * last, last) for percent in percents])
    last = np.maximum(len(values) - 1 - np.isnan(ordered).sum(axis=0), 0)
    out = np.empty((len(percents), *values.shape[1:]))
    for i, percent in enumerate(percents):
        place = np.asarray(percent / 100 * last)
        low = np.floor(place).astype(np.intp)
        part = place - low
        a, b = (np.take_along_axis(ordered, index[None], 0)[0] for index in (low, np.minimum(low + 1, last)))
        out[i] = np.where(part < 0.5, a + (b - a) * part, b - (b - a) * (1 - part))
    return out


def _between(ordered: Floats, place: float, last: int) -> float:
    low = int(place)
    part, a, b = place - low, float(ordered[low]), float(ordered[min(low + 1, last)])
    return a + (b - a) * part if part < 0.5 else b - (b - a) * (1 - part)


def middle(values: Floats) -> Floats:
    """(...) median of (n, ...) along the first axis, of what is not NaN; NaN where nothing is known.

    Bit for bit np.nanmedian, which goes through masked arrays if n is small.
    """
    ordered = np.sort(values, axis=0)  # NaN last
    last = np.maximum(len(values) - 1 - np.isnan(ordered).sum(axis=0), 0)
    low, high = (np.take_along_axis(ordered, at[None], 0)[0] for at in (last // 2, (last + 1) // 2))
    return np.asarray((low + high) / 2)


def read_array(file: Path | BinaryIO) -> Array:
    """The array of a ``.npy`` file; pickled objects are not read.

    Raises
    ------
    ValueError : the file holds no array. NumPy reads the header as Python and raises errors of many kinds.
    OSError : it cannot be read at all. MemoryError : it contains, or claims to contain, more than fits into memory.
    """
    try:
        values = np.load(file, allow_pickle=False)
    except (OSError, MemoryError):
        raise
    except Exception as error:
        raise ValueError(str(error)) from None
    if not isinstance(values, np.ndarray):
        values.close()
        raise ValueError("it is an archive of arrays (.npz)")
    return values
