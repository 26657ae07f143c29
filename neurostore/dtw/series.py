"""Series as the kernels want them: checked, in one flat array, and packed side by side in tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurostore.arrays import Array, Bools, Floats, Ints
from neurostore.dtw import _kernels, _sweeps
from neurostore.dtw._lanes import lane_count
from neurostore.errors import SeriesError


@dataclass(frozen=True)
class Series:
    """Some series of equal channels.

    values : flat; value (i, c) of series k at ``values[starts[k] + i * channels + c]``. starts, lengths : (n,) int64.
    is_missing : (n,) bool, series with a NaN (only with ``missing="propagate"``; their values are zeroed).
    """

    values: Floats
    starts: Ints
    lengths: Ints
    channels: int
    is_missing: Bools

    def __len__(self) -> int:
        return len(self.starts)

    def one(self, k: int) -> Floats:
        """Series k as (samples, channels)."""
        stop = self.starts[k] + self.lengths[k] * self.channels
        return self.values[self.starts[k] : stop].reshape(-1, self.channels)


@dataclass(frozen=True)
class Tiles:
    """Series side by side, one per lane.

    values : flat, tile t at ``values[starts[t] : starts[t + 1]]`` as (longest, channels, lanes);
    members : (tiles, lanes) index of each lane's series or -1; lengths : (tiles, lanes).
    """

    values: Floats
    starts: Ints
    members: Ints
    lengths: Ints


def read_series(xs: Any, dtype: Any = None, *, missing: str = "raise", name: str = "xs") -> Series:
    """Check series and lay them flat.

    Parameters
    ----------
    xs : list of arrays (samples, channels) or (samples,), one array (series, samples[, channels]), or Series without
    gaps.
    dtype : float32 or float64; by default float32 if every series is, else float64.
    missing : ``"raise"``, or ``"propagate"`` to mark series with NaN. Infinite values are always an error.

    Raises
    ------
    SeriesError : no series, an empty one, unequal channels, NaN, infinite, not numbers; every fault is named.
    """
    if missing not in ("raise", "propagate"):
        raise SeriesError(f"missing is {missing!r}; it can be 'raise' or 'propagate'")
    dtype = check_dtype(dtype)
    if isinstance(xs, Series):
        with np.errstate(over="ignore"):
            values = xs.values if dtype is None else xs.values.astype(dtype, copy=False)
        return _checked(values, xs.lengths, xs.channels, missing, name)
    if isinstance(xs, np.ndarray) and xs.dtype != object:
        if xs.ndim not in (2, 3):
            raise SeriesError(f"{name} is an array of {xs.ndim} dimensions; expected (series, samples[, channels])")
        return _from_array(xs, dtype, missing, name)
    if not isinstance(xs, Sequence | np.ndarray):
        xs = list(xs)
    if len(xs) == 0:
        raise SeriesError(f"{name} holds no series; at least one is needed")
    arrays = [_one_array(x, f"{name}[{k}]") for k, x in enumerate(xs)]
    channels = {x.shape[1] for x in arrays}
    if len(channels) > 1:
        odd = next(k for k, x in enumerate(arrays) if x.shape[1] != arrays[0].shape[1])
        raise SeriesError(
            f"{name}[0] has {arrays[0].shape[1]} channels and {name}[{odd}] has {arrays[odd].shape[1]}; "
            "series can only be compared channel by channel"
        )
    if dtype is None:
        dtype = np.dtype(np.float32 if all(x.dtype == np.float32 for x in arrays) else np.float64)
    lengths = np.array([len(x) for x in arrays], np.int64)
    if (lengths == 0).any():
        raise SeriesError(f"{name}[{int(np.argmin(lengths))}] is empty; a series needs at least one sample")
    with np.errstate(over="ignore"):
        values = np.concatenate([x.ravel() for x in arrays]).astype(dtype, copy=False)
    return _checked(values, lengths, channels.pop(), missing, name)


def check_dtype(dtype: Any) -> np.dtype[Any] | None:
    """float32, float64 or None (as the series are)."""
    if dtype is None:
        return None
    try:
        known = np.dtype(dtype)
    except TypeError:
        known = None
    if known not in (np.float32, np.float64):
        raise SeriesError(f"dtype is {dtype!r}; it can be float32 or float64")
    return known


def pack_tiles(series: Series, order: Ints | None = None) -> Tiles:
    """Lay series side by side in the order given, else shortest first."""
    width = lane_count(series.values.dtype)
    if order is None:
        order = np.argsort(series.lengths, kind="stable")
    padded = side_by_side(order, width)
    n_tiles = len(padded)
    lengths = np.where(padded >= 0, series.lengths[padded], 1)
    sizes = lengths.max(axis=1) * series.channels * width
    starts = np.concatenate([[0], np.cumsum(sizes)])
    values = _sweeps.aligned(int(starts[-1]), series.values)
    for t in range(n_tiles):
        tile = values[starts[t] : starts[t + 1]]
        _kernels.pack(series.values, series.starts, series.lengths, padded[t], series.channels, tile)
    return Tiles(values, starts, padded, lengths)


def side_by_side(order: Ints, width: int) -> Ints:
    """(tiles, width) of the indices in order, -1 for lanes without a series: in the first tile, at its beginning."""
    n_tiles = -(-len(order) // width)
    padded = np.full(n_tiles * width, -1, np.int64)
    padded[n_tiles * width - len(order) :] = order
    return padded.reshape(n_tiles, width)


def _one_array(x: Any, name: str) -> Array:
    array = np.asarray(x)
    if array.dtype.kind not in "fiub":
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            raise SeriesError(f"{name} holds {array.dtype}, not numbers") from None
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise SeriesError(f"{name} has {array.ndim} dimensions; expected (samples,) or (samples, channels)")
    if array.shape[1] == 0:
        raise SeriesError(f"{name} has no channels; expected (samples, channels) with at least one")
    return array


def _from_array(xs: Array, dtype: np.dtype[Any] | None, missing: str, name: str) -> Series:
    if xs.dtype.kind not in "fiub":
        raise SeriesError(f"{name} holds {xs.dtype}, not numbers")
    if 0 in xs.shape:
        raise SeriesError(f"{name} has the shape {xs.shape}; series, samples and channels must be at least one")
    if dtype is None:
        dtype = np.dtype(np.float32 if xs.dtype == np.float32 else np.float64)
    with np.errstate(over="ignore"):
        values = np.require(xs, dtype, ["C", "W"]).reshape(-1)  # numba would compile again for a read-only array
    lengths = np.full(xs.shape[0], xs.shape[1], np.int64)
    return _checked(values, lengths, 1 if xs.ndim == 2 else xs.shape[2], missing, name)


def _checked(values: Floats, lengths: Ints, channels: int, missing: str, name: str) -> Series:
    starts = np.concatenate([[0], np.cumsum(lengths * channels)[:-1]]).astype(np.int64)
    is_missing = np.zeros(len(lengths), bool)
    # A sum is finite only if every value is; if it is not, each value is checked.
    with np.errstate(over="ignore", invalid="ignore"):
        sums_to_finite = bool(np.isfinite(values.sum()))
    if not sums_to_finite:
        is_nan, is_infinite = np.isnan(values), np.isinf(values)
        if is_infinite.any():
            k, i, c = _place(int(np.argmax(is_infinite)), starts, channels)
            raise SeriesError(
                f"{name}[{k}] is infinite in {values.dtype} at sample {i}, channel {c}; "
                "expected finite values (float64 holds larger ones)"
            )
        if is_nan.any() and missing == "raise":
            k, i, c = _place(int(np.argmax(is_nan)), starts, channels)
            n = int(np.logical_or.reduceat(is_nan, starts).sum())
            raise SeriesError(
                f"{name}[{k}] is NaN at sample {i}, channel {c} ({n} of {len(lengths)} series hold NaN); "
                "fill or leave out what is missing, or pass missing='propagate' for NaN distances"
            )
        if is_nan.any():
            is_missing = np.logical_or.reduceat(is_nan, starts)
            values = np.where(is_nan, values.dtype.type(0), values)
    return Series(values, starts, lengths, channels, is_missing)


def _place(flat: int, starts: Ints, channels: int) -> tuple[int, int, int]:
    k = int(np.searchsorted(starts, flat, side="right")) - 1
    return k, (flat - int(starts[k])) // channels, (flat - int(starts[k])) % channels
