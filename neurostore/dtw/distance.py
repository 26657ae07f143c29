"""Exact dynamic time warping: distance, path, pairwise, cross.

The distance of a and b is the square root of the smallest sum of squared Euclidean distances between matched samples
over all warping paths (Sakoe and Chiba 1978, doi:10.1109/TASSP.1978.1163055, with symmetric steps of weight one); that
is what dtaidistance and tslearn compute. Nothing is approximated.

Options shared by all verbs
---------------------------
band : None, an int (r samples) or a float (r = ceil(band * max(n, m))): only cells with abs(i - j) <= r are open.
    r < abs(n - m) is an error: no path would exist. dtaidistance's ``window`` is r + 1 (for equal lengths).
dtype : float32 or float64; by default float32 if all series are float32, else float64. In float32 samples are rounded
    once (take out large offsets before), long series and path lengths go in float64: abs(error) <= 1e-5 d + 1e-6 largest d.
normalize : ``"none"`` or ``"path_length"``: divided by the root of the number of matched samples, which gives the root
    mean square difference per matched sample in the unit of the series. Ties between paths: diagonal first, then the
    step in the first series; in `pairwise` the first series is the one with the smaller index.
missing : ``"raise"`` (NaN is an error) or ``"propagate"`` (distances of series with NaN are NaN).
n_threads : None uses every core this process may run on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neurostore.arrays import Floats, Ints
from neurostore.dtw import _kernels
from neurostore.dtw.batches import compare_listed, compare_tiles, finished, tile_jobs, wasted
from neurostore.dtw.dtaidistance_backend import dtaidistance_distances
from neurostore.dtw.options import check_band, check_normalize, common_dtype, radii, read_pair, widened
from neurostore.dtw.series import check_dtype, pack_tiles, read_series
from neurostore.errors import SeriesError


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
    options = {"band": band, "dtype": common_dtype(a, b, dtype), "normalize": normalize, "missing": missing}
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
) -> Floats:
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
        return dtaidistance_distances(series, None, band, is_counted, backend)
    dtype, series = series.values.dtype, widened(series, is_counted=is_counted)
    result = np.zeros((len(series), len(series)), series.values.dtype)
    if is_counted:
        i, j = np.triu_indices(len(series), 1)
        result[i, j] = result[j, i] = compare_listed(series, i, series, j, samples, fraction, True, n_threads)
        return finished(result, dtype, series.is_missing, series.is_missing)
    tiles = pack_tiles(series)
    # Every tile against the series of the tiles before it; pairs within a tile are computed separately.
    jobs, first, second = [], [], []
    for t, members in enumerate(tiles.members):
        members = members[members >= 0]
        rows = tiles.members[:t].ravel()
        jobs += tile_jobs(series, rows[rows >= 0], tiles, t)
        p, q = np.triu_indices(len(members), 1)
        first.append(members[p])
        second.append(members[q])
    compare_tiles(series, tiles, jobs[::-1], samples, fraction, True, result, n_threads)
    i, j = np.concatenate(first), np.concatenate(second)
    result[i, j] = result[j, i] = compare_listed(series, i, series, j, samples, fraction, False, n_threads)
    return finished(result, dtype, series.is_missing, series.is_missing)


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
) -> Floats:
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
        return dtaidistance_distances(first, second, band, is_counted, backend)
    dtype = first.values.dtype
    first, second = (widened(x, y, is_counted=is_counted) for x, y in ((first, second), (second, first)))
    if is_counted:
        result = np.empty((len(first), len(second)), first.values.dtype)
        i, j = (k.ravel() for k in np.indices(result.shape))
        result[:] = compare_listed(first, i, second, j, samples, fraction, True, n_threads).reshape(result.shape)
        return finished(result, dtype, first.is_missing, second.is_missing)
    # The distance is symmetric, so the set that fills the lanes better is put into the tiles.
    swapped = wasted(len(second), first) > wasted(len(first), first)
    rows, columns = (second, first) if swapped else (first, second)
    result = np.empty((len(rows), len(columns)), first.values.dtype)
    tiles = pack_tiles(columns)
    jobs = []
    for t in range(len(tiles.members)):
        jobs += tile_jobs(rows, np.arange(len(rows)), tiles, t)
    compare_tiles(rows, tiles, jobs[::-1], samples, fraction, False, result, n_threads)
    return finished(result.T.copy() if swapped else result, dtype, first.is_missing, second.is_missing)


def paired(
    xs: Any,
    ys: Any,
    *,
    band: float | None = None,
    dtype: Any = None,
    normalize: str = "none",
    missing: str = "raise",
    n_threads: int | None = None,
) -> Floats:
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
    dtype, is_counted = first.values.dtype, check_normalize(normalize)
    first, second = (widened(x, y, is_counted=is_counted) for x, y in ((first, second), (second, first)))
    k = np.arange(len(first))
    result = compare_listed(first, k, second, k, samples, fraction, is_counted, n_threads)
    none = np.zeros(1, bool)
    return finished(result[:, None], dtype, first.is_missing | second.is_missing, none)[:, 0]


def circular_cross(
    xs: Any,
    ys: Any,
    metric: str,
    *,
    band: float | None = None,
    normalize: str = "none",
    n_threads: int | None = None,
) -> Floats:
    """`cross` of angles, float64.

    metric : ``"angular"``, channels in degrees, differences modulo 360; ``"so3"``, channels are unit quaternions
    (w, x, y, z) one after another, differences are geodesic angles in degrees.
    """
    first, second = read_pair(xs, ys, np.float64, "raise")
    if metric not in ("angular", "so3"):
        raise SeriesError(f"metric is {metric!r}; it can be 'angular' or 'so3'")
    if metric == "so3" and first.channels % 4:
        raise SeriesError(f"quaternions have 4 channels each; the series have {first.channels}")
    samples, fraction = check_band(band, first.lengths, second.lengths)
    i, j = (k.ravel() for k in np.indices((len(first), len(second))))
    compared = compare_listed(first, i, second, j, samples, fraction, check_normalize(normalize), n_threads, metric)
    return compared.reshape(len(first), len(second))


def path(a: Any, b: Any, *, band: float | None = None, dtype: Any = None) -> Ints:
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
    radius = int(radii(n, second.lengths, samples, fraction)[0])
    table = np.empty((n + 1, m + 1))
    _kernels.costs(first.one(0), second.one(0), radius, table)
    if not np.isfinite(table[n, m]):
        raise SeriesError("the distance is too large for float64; scale the series down")
    steps = np.empty((n + m, 2), np.int64)
    return steps[_kernels.trace(table, steps) :].copy()
