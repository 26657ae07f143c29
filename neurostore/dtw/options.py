"""Allowed values of the options, and what they mean for the kernels."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from neurostore.arrays import Ints
from neurostore.dtw.series import Series, read_series
from neurostore.errors import SeriesError

# Each step of a path rounds the sum of costs, and equal costs (people who stand) are rounded the same way: in float32 the
# promised 1e-5 fails for paths of about 1,700 steps and more. Two series with more samples than this use float64.
LONGEST_IN_FLOAT32 = 1500  # samples of both series together


def read_pair(xs: Any, ys: Any, dtype: Any, missing: str) -> tuple[Series, Series]:
    """Two sets of equal channels and one dtype (float64 unless both are float32)."""
    first, second = read_series(xs, dtype, missing=missing), read_series(ys, dtype, missing=missing, name="ys")
    if first.channels != second.channels:
        raise SeriesError(
            f"the first series have {first.channels} channels, the second {second.channels}; they must be equal"
        )
    if first.values.dtype != second.values.dtype:
        return read_pair(xs, ys, np.float64, missing)
    return first, second


def widened(series: Series, other: Series | None = None, *, is_counted: bool = False) -> Series:
    """The series in float64 where it and the other (itself) are too long for sums in float32.

    is_counted : for the length of paths, always: rounding must not choose between paths of one cost.
    """
    longest = int(series.lengths.max()) + int((series if other is None else other).lengths.max())
    if series.values.dtype == np.float64 or (longest <= LONGEST_IN_FLOAT32 and not is_counted):
        return series
    return replace(series, values=series.values.astype(np.float64))


def check_band(band: float | None, n_lengths: Ints, m_lengths: Ints, *, is_paired: bool = False) -> tuple[int, float]:
    """(samples, fraction) for the kernels, -1 for what does not apply; an error where a pair has no path."""
    if band is None:
        return -1, -1.0
    is_int = isinstance(band, int | np.integer) and not isinstance(band, bool | np.bool_)
    if not is_int and not isinstance(band, float | np.floating):
        raise SeriesError(f"band is {band!r}; it can be None, an int (samples) or a float (fraction of the longer)")
    if not band >= 0 or (not is_int and not math.isfinite(band)):
        raise SeriesError(f"band is {band!r}; it must be at least 0" + ("" if is_int else " and finite"))
    if is_paired:
        n, m = n_lengths[:, None], m_lengths[:, None]
    else:
        n, m = np.unique(n_lengths)[:, None], np.unique(m_lengths)[None, :]
    n, m = np.broadcast_arrays(n, m)
    radius = np.full(n.shape, band) if is_int else np.ceil(float(band) * np.maximum(n, m))
    short = np.abs(n - m) - radius
    if (short > 0).any():
        i, j = np.unravel_index(np.argmax(short), short.shape)
        raise SeriesError(
            f"a band of {band!r} allows {int(radius[i, j])} samples, but series of {n[i, j]} and {m[i, j]} samples "
            f"differ by {abs(int(n[i, j]) - int(m[i, j]))}: no warping path exists; widen the band or resample"
        )
    limit = int(max(n.max(), m.max()))  # a wider band opens nothing more
    return (min(int(band), limit), -1.0) if is_int else (-1, min(float(band), 1.0))


def radii(n: int, lengths: Ints, samples: int, fraction: float) -> Ints:
    """Radius of the band between a series of n samples and those of each of `lengths`, in samples."""
    if fraction >= 0:
        return np.ceil(fraction * np.maximum(n, lengths)).astype(np.int64)
    return np.full(len(lengths), samples) if samples >= 0 else n + lengths


def check_normalize(normalize: str) -> bool:
    """True for path_length."""
    if normalize not in ("none", "path_length"):
        raise SeriesError(f"normalize is {normalize!r}; it can be 'none' or 'path_length'")
    return normalize == "path_length"


def common_dtype(a: Any, b: Any, dtype: Any) -> Any:
    """The dtype asked for, else float32 where both series are float32, else float64."""
    if dtype is None:
        both = all(getattr(x, "dtype", None) == np.float32 for x in (a, b))
        return np.float32 if both else np.float64
    return dtype
