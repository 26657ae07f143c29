"""Exact dynamic time warping: distance, path, pairwise, cross.

The distance of a and b is the square root of the smallest sum of squared Euclidean distances between matched samples
over all warping paths (Sakoe and Chiba 1978, doi:10.1109/TASSP.1978.1163055, with symmetric steps of weight one); that
is what dtaidistance and tslearn compute. Nothing is approximated.

Options shared by all verbs
---------------------------
band : None, an int (r samples) or a float (r = ceil(band * max(n, m))): only cells with abs(i - j) <= r are open.
    r < abs(n - m) is an error: no path would exist. dtaidistance's ``window`` is r + 1 (for equal lengths).
dtype : float32 or float64; by default float32 if all series are float32, else float64.
normalize : ``"none"`` or ``"path_length"``: divided by the root of the number of matched samples, which gives the root
    mean square difference per matched sample in the unit of the series. Ties between paths: diagonal first, then the
    step in the first series; in `pairwise` the first series is the one with the smaller index.
missing : ``"raise"`` (NaN is an error) or ``"propagate"`` (distances of series with NaN are NaN).
n_threads : None uses every core this process may run on.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from neurostore.dtw import _kernels
from neurostore.dtw._lanes import lane_count
from neurostore.dtw.series import Series, Tiles, check_dtype, pack_tiles, read_series
from neurostore.dtw.work import share_out
from neurostore.errors import MissingExtraError, SeriesError

WORK_A_JOB = (
    200_000_000  # cells times channels, some 10 ms: small enough to balance, large enough to hide the hand-over
)


def distance(
    a: Any,
    b: Any,
    *,
    band: float | None = None,
    dtype: Any = None,
    normalize: str = "none",
    missing: str = "raise",
    backend: str = "numba",
) -> float:
    """Distance of two series.

    Parameters
    ----------
    a, b : arrays (samples, channels), or (samples,) for one channel; lengths may differ.

    Returns
    -------
    float, in the unit of the series.

    Raises
    ------
    SeriesError : empty, NaN or infinite series, different channel counts, a band narrower than the length difference.

    Examples
    --------
    >>> distance([0.0, 1.0, 2.0], [0.0, 2.0])
    1.0
    """
    options = {"band": band, "dtype": _common_dtype(a, b, dtype), "normalize": normalize, "missing": missing}
    return float(cross([a], [b], **options, n_threads=1, backend=backend)[0, 0])


def pairwise(
    xs: Any,
    *,
    band: float | None = None,
    dtype: Any = None,
    normalize: str = "none",
    missing: str = "raise",
    n_threads: int | None = None,
    backend: str = "numba",
) -> np.ndarray:
    """Distances of all pairs of one set.

    Parameters
    ----------
    xs : list of series, or an array (series, samples[, channels]).

    Returns
    -------
    (n, n) symmetric array of `dtype` with a zero diagonal (one series gives ``[[0.]]``).

    Examples
    --------
    >>> pairwise([[0.0, 1.0], [0.0, 3.0], [0.0, 1.0, 1.0]])
    array([[0.        , 2.        , 0.        ],
           [2.        , 0.        , 2.82842712],
           [0.        , 2.82842712, 0.        ]])
    """
    series = read_series(xs, dtype, missing=missing)
    samples, fraction = check_band(band, series.lengths, series.lengths)
    is_counted = check_normalize(normalize)
    if backend != "numba":
        return _dtaidistance(series, None, band, is_counted, backend)
    result = np.zeros((len(series), len(series)), series.values.dtype)
    if is_counted:
        i, j = np.triu_indices(len(series), 1)
        result[i, j] = result[j, i] = _listed(series, i, series, j, samples, fraction, True, n_threads)
        return _finished(result, series.is_missing, series.is_missing)
    tiles = pack_tiles(series)
    # Every tile against the series of the tiles before it; pairs within one tile apart.
    jobs, first, second = [], [], []
    for t, members in enumerate(tiles.members):
        members = members[members >= 0]
        rows = tiles.members[:t].ravel()
        jobs += _jobs(series, rows[rows >= 0], tiles, t)
        p, q = np.triu_indices(len(members), 1)
        first.append(members[p])
        second.append(members[q])
    _run(series, tiles, jobs[::-1], samples, fraction, True, result, n_threads)
    i, j = np.concatenate(first), np.concatenate(second)
    result[i, j] = result[j, i] = _listed(series, i, series, j, samples, fraction, False, n_threads)
    return _finished(result, series.is_missing, series.is_missing)


def cross(
    xs: Any,
    ys: Any,
    *,
    band: float | None = None,
    dtype: Any = None,
    normalize: str = "none",
    missing: str = "raise",
    n_threads: int | None = None,
    backend: str = "numba",
) -> np.ndarray:
    """Distances of every series of one set to every series of another.

    Parameters
    ----------
    xs, ys : lists of series, or arrays (series, samples[, channels]), of equal channel counts.

    Returns
    -------
    (len(xs), len(ys)) array of `dtype`.

    Examples
    --------
    >>> cross([[0.0, 1.0]], [[0.0, 3.0], [0.0, 1.0, 1.0]])
    array([[2., 0.]])
    """
    first, second = read_pair(xs, ys, dtype, missing)
    samples, fraction = check_band(band, first.lengths, second.lengths)
    is_counted = check_normalize(normalize)
    if backend != "numba":
        return _dtaidistance(first, second, band, is_counted, backend)
    if is_counted:
        result = np.empty((len(first), len(second)), first.values.dtype)
        i, j = (k.ravel() for k in np.indices(result.shape))
        result[:] = _listed(first, i, second, j, samples, fraction, True, n_threads).reshape(result.shape)
        return _finished(result, first.is_missing, second.is_missing)
    # The distance is the same both ways, so the set that fills the lanes better lies in the tiles.
    swapped = _wasted(len(second), first) > _wasted(len(first), first)
    rows, columns = (second, first) if swapped else (first, second)
    result = np.empty((len(rows), len(columns)), first.values.dtype)
    tiles = pack_tiles(columns)
    jobs = []
    for t in range(len(tiles.members)):
        jobs += _jobs(rows, np.arange(len(rows)), tiles, t)
    _run(rows, tiles, jobs[::-1], samples, fraction, False, result, n_threads)
    return _finished(result.T.copy() if swapped else result, first.is_missing, second.is_missing)


def paired(
    xs: Any,
    ys: Any,
    *,
    band: float | None = None,
    dtype: Any = None,
    normalize: str = "none",
    missing: str = "raise",
    n_threads: int | None = None,
) -> np.ndarray:
    """Distances of the first series of xs to the first of ys, the second to the second, and so on.

    Examples
    --------
    >>> paired([[0.0, 1.0], [0.0, 1.0]], [[0.0, 3.0], [0.0, 1.0, 1.0]])
    array([2., 0.])
    """
    first, second = read_pair(xs, ys, dtype, missing)
    if len(first) != len(second):
        raise SeriesError(f"{len(first)} series cannot be paired with {len(second)}; the numbers must be equal")
    samples, fraction = check_band(band, first.lengths, second.lengths, is_paired=True)
    k = np.arange(len(first))
    result = _listed(first, k, second, k, samples, fraction, check_normalize(normalize), n_threads)
    none = np.zeros(1, bool)
    return _finished(result[:, None], first.is_missing | second.is_missing, none)[:, 0]


def circular_cross(
    xs: Any,
    ys: Any,
    metric: str,
    *,
    band: float | None = None,
    normalize: str = "none",
    n_threads: int | None = None,
) -> np.ndarray:
    """`cross` of angles, float64.

    metric : ``"angular"``, channels in degrees, differences modulo 360; ``"so3"``, channels are unit quaternions
    (w, x, y, z) one after the other, differences are geodesic angles in degrees.
    """
    first, second = read_pair(xs, ys, np.float64, "raise")
    if metric not in ("angular", "so3"):
        raise SeriesError(f"metric is {metric!r}; it can be 'angular' or 'so3'")
    if metric == "so3" and first.channels % 4:
        raise SeriesError(f"quaternions have 4 channels each; the series have {first.channels}")
    samples, fraction = check_band(band, first.lengths, second.lengths)
    i, j = (k.ravel() for k in np.indices((len(first), len(second))))
    found = _listed(first, i, second, j, samples, fraction, check_normalize(normalize), n_threads, metric)
    return found.reshape(len(first), len(second))


def path(a: Any, b: Any, *, band: float | None = None, dtype: Any = None) -> np.ndarray:
    """The best warping path.

    Ties: diagonal first, then the step in the first series, read from the end. float64 within.

    Parameters
    ----------
    a, b : arrays (samples, channels), or (samples,) for one channel.

    Returns
    -------
    (p, 2) int64: matched samples (i, j) from (0, 0) to (n - 1, m - 1).

    Examples
    --------
    >>> path([0.0, 1.0, 2.0], [0.0, 2.0]).tolist()
    [[0, 0], [1, 0], [2, 1]]
    """
    check_dtype(dtype)
    first, second = read_pair([a], [b], np.float64, "raise")
    n, m = int(first.lengths[0]), int(second.lengths[0])
    samples, fraction = check_band(band, first.lengths, second.lengths)
    radius = math.ceil(fraction * max(n, m)) if fraction >= 0 else samples if samples >= 0 else n + m
    table = np.empty((n + 1, m + 1))
    _kernels.costs(first.one(0), second.one(0), radius, table)
    if not np.isfinite(table[n, m]):
        raise SeriesError("the distance is too large for float64; scale the series down")
    steps = np.empty((n + m, 2), np.int64)
    return steps[_kernels.trace(table, steps) :].copy()


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


def check_band(
    band: float | None, n_lengths: np.ndarray, m_lengths: np.ndarray, *, is_paired: bool = False
) -> tuple[int, float]:
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
            f"a band of {band!r} opens {int(radius[i, j])} samples, but series of {n[i, j]} and {m[i, j]} samples "
            f"differ by {abs(int(n[i, j]) - int(m[i, j]))}: no warping path exists; widen the band or resample"
        )
    limit = int(max(n.max(), m.max()))  # a wider band opens nothing more
    return (min(int(band), limit), -1.0) if is_int else (-1, min(float(band), 1.0))


def check_normalize(normalize: str) -> bool:
    """True for path_length."""
    if normalize not in ("none", "path_length"):
        raise SeriesError(f"normalize is {normalize!r}; it can be 'none' or 'path_length'")
    return normalize == "path_length"


def _common_dtype(a: Any, b: Any, dtype: Any) -> Any:
    if dtype is None:
        both = all(getattr(x, "dtype", None) == np.float32 for x in (a, b))
        return np.float32 if both else np.float64
    return dtype


def _wasted(n: int, series: Series) -> float:
    """Lanes computed per lane wanted if n series lie in tiles."""
    width = lane_count(series.values.dtype)
    return -(-n // width) * width / n


def _jobs(series: Series, rows: np.ndarray, tiles: Tiles, t: int) -> list[tuple[int, np.ndarray]]:
    """Rows against one tile, in pieces of about WORK_A_JOB."""
    cells = int(series.lengths[rows].sum()) * int(tiles.lengths[t].max()) * tiles.members.shape[1]
    pieces = max(1, min(len(rows), cells * series.channels // WORK_A_JOB))
    return [(t, piece) for piece in np.array_split(rows, pieces) if len(piece)]


def _listed(
    first: Series,
    i: np.ndarray,
    second: Series,
    j: np.ndarray,
    samples: int,
    fraction: float,
    is_counted: bool,
    n_threads: int | None,
    metric: str = "euclidean",
) -> np.ndarray:
    """Distances of pairs (i[k], j[k]), those of like lengths side by side."""
    order = np.lexsort((second.lengths[j], first.lengths[i]))
    i, j = i[order], j[order]
    sorted_result = np.empty(len(i), first.values.dtype)
    width = lane_count(first.values.dtype)
    work_a_tile = int(first.lengths.max() * second.lengths.max()) * first.channels * width
    step = max(1, WORK_A_JOB // work_a_tile) * width

    circular = () if metric == "euclidean" else (metric == "so3",)
    run = _kernels.circular_pairs if circular else _kernels.pairs

    def work(k: int) -> None:
        part = slice(k, k + step)
        run(
            first.values,
            first.starts,
            first.lengths,
            i[part],
            second.values,
            second.starts,
            second.lengths,
            j[part],
            first.channels,
            samples,
            fraction,
            *circular,
            is_counted,
            sorted_result[part],
        )

    share_out(work, range(0, len(i), step), n_threads)
    result = np.empty_like(sorted_result)
    result[order] = sorted_result
    return result


def _run(
    series: Series,
    tiles: Tiles,
    jobs: list[tuple[int, np.ndarray]],
    samples: int,
    fraction: float,
    is_one_set: bool,
    out: np.ndarray,
    n_threads: int | None,
) -> None:
    limits = np.full(len(series), np.inf)

    def work(job: tuple[int, np.ndarray]) -> None:
        t, rows = job
        _kernels.rows_against_tile(
            series.values,
            series.starts,
            series.lengths,
            rows,
            tiles.values,
            tiles.starts[t],
            tiles.members[t],
            tiles.lengths[t],
            series.channels,
            samples,
            fraction,
            limits,
            is_one_set,
            out,
        )

    share_out(work, jobs, n_threads)


def _finished(result: np.ndarray, rows_missing: np.ndarray, columns_missing: np.ndarray) -> np.ndarray:
    if not np.isfinite(result).all():
        wider = "float64" if result.dtype == np.float32 else "smaller units"
        raise SeriesError(f"a distance is too large for {result.dtype}; use {wider}")
    result[rows_missing, :] = np.nan
    result[:, columns_missing] = np.nan
    return result


def _dtaidistance(
    first: Series, second: Series | None, band: float | None, is_counted: bool, backend: str
) -> np.ndarray:
    """The same distances by dtaidistance, in float64: one pair at a time, for comparison."""
    if backend != "dtaidistance":
        raise SeriesError(f"backend is {backend!r}; it can be 'numba' or 'dtaidistance'")
    try:
        from dtaidistance import dtw, dtw_ndim
    except ImportError:
        raise MissingExtraError(
            "backend='dtaidistance' needs dtaidistance: pip install 'neurostore[dtaidistance]'"
        ) from None
    if is_counted:
        raise SeriesError("normalize='path_length' is not there with backend='dtaidistance'; use 'numba'")
    other = first if second is None else second
    if band is not None and len(np.unique(np.concatenate([first.lengths, other.lengths]))) > 1:
        raise SeriesError("backend='dtaidistance' defines a band otherwise for unequal lengths; use 'numba'")
    samples, fraction = check_band(band, first.lengths, other.lengths)
    if fraction >= 0:
        samples = math.ceil(fraction * int(first.lengths[0]))
    window = None if samples < 0 else samples + 1
    use_c = dtw.try_import_c()
    result = np.zeros((len(first), len(other)), first.values.dtype)
    for i in range(len(first)):
        for j in range(i + 1 if second is None else 0, len(other)):
            a, b = first.one(i).astype(np.float64), other.one(j).astype(np.float64)
            result[i, j] = dtw_ndim.distance(a, b, window=window, use_c=use_c)
            if second is None:
                result[j, i] = result[i, j]
    return _finished(result, first.is_missing, other.is_missing)
