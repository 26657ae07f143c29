"""The k most similar series of a collection: the answers of brute force, most candidates never warped.

A collection lies in tiles of similar series (a k-d tree over their summaries), so that a tile is bounded, warped, abandoned
or skipped as a whole. The cascade for each query: a bound from 16 means a channel for every series (summary), exact distances
in the most promising tiles, LB_Kim and LB_Keogh for the tiles that the summary leaves, exact distances in the order of their
bounds until the bound exceeds the k-th best. Where the summary leaves too many, as on random data, the query is answered by
brute force that abandons early. A bound prunes only beyond the rounding errors of bound and distance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurostore.dtw import _bounds, _kernels
from neurostore.dtw._lanes import lane_count
from neurostore.dtw.distance import check_band
from neurostore.dtw.series import Series, Tiles, pack_tiles, read_series
from neurostore.dtw.work import share_out
from neurostore.errors import SeriesError

STRETCHES = 16  # means a channel in a summary
SEED_TILES = 2  # warped to learn how near the k-th best is
HOPELESS = 0.5  # share of tiles left by the summary above which brute force is cheaper
TILES_A_STEP = 8  # tiles warped between two looks at the k-th best
QUERIES_AT_ONCE = 64  # brute force keeps this many rows of distances


@dataclass(frozen=True)
class Found:
    """Answers for each query (row), nearest first, ties by index; and the work done for them.

    indices (queries, k) int64; distances (queries, k); after_summary, after_keogh, warped (queries,): series in the tiles
    left by the summary, left by LB_Keogh, and exactly compared (all of them where brute force was used).
    """

    indices: np.ndarray
    distances: np.ndarray
    after_summary: np.ndarray
    after_keogh: np.ndarray
    warped: np.ndarray


class Collection:
    """Series prepared for many searches. Build once, pass to `nearest` or `search` in place of the series.

    Parameters
    ----------
    xs : list of series, or an array (series, samples[, channels]).
    band, dtype : as for the other verbs.
    """

    def __init__(self, xs: Any, *, band: float | None = None, dtype: Any = None):
        self.band = band
        self.series: Series = read_series(xs, dtype)
        self.largest = float(max(self.series.values.max(), -self.series.values.min()))
        self.edges, self.summaries = np.zeros(0, np.int64), np.zeros(0, self.series.values.dtype)
        self.lengths, order = np.unique(self.series.lengths), None
        if len(self.lengths) == 1 and self.lengths[0] >= STRETCHES + 2:
            summaries = self._summarise(int(self.lengths[0]))
            order = similar_together(summaries, lane_count(summaries.dtype))
        self.tiles: Tiles = pack_tiles(self.series, order)
        if order is not None:
            side_by_side = summaries[
                self.tiles.members
            ]  # (tiles, lanes, values); lanes without a series are masked later
            self.summaries = np.ascontiguousarray(side_by_side.transpose(0, 2, 1)).reshape(-1)

    def _summarise(self, m: int) -> np.ndarray:
        series = self.series
        self.edges = np.linspace(1, m - 1, STRETCHES + 1).round().astype(np.int64)
        out = np.empty((len(series), (2 + STRETCHES) * series.channels), series.values.dtype)
        _bounds.summarise_all(series.values, series.starts, m, series.channels, self.edges, out)
        return out


def similar_together(points: np.ndarray, size: int) -> np.ndarray:
    """Order of points (n, values) in which each run of `size` holds similar ones, the first run being the one not full.

    Halves at the median of the value that varies most, down to runs (a balanced k-d tree; Bentley 1975).
    """
    n = len(points)
    order = np.arange(n)
    first = n % size or size
    pending = [(0, n)]
    while pending:
        start, stop = pending.pop()
        runs = -(-(stop - start) // size)
        if runs < 2:
            continue
        part = order[start:stop]
        sample = points[part[:: max(1, len(part) // 500)]]
        axis = int(sample.var(axis=0).argmax())
        middle = (first if start == 0 else size) + (runs // 2 - 1) * size  # whole runs to the left
        order[start:stop] = part[np.argpartition(points[part, axis], middle)]
        pending += [(start, start + middle), (start + middle, stop)]
    return order


def nearest(
    query: Any,
    xs: Any,
    k: int = 1,
    *,
    band: float | None = None,
    dtype: Any = None,
    n_threads: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The k series nearest to a query, exactly.

    Parameters
    ----------
    query : one series (samples, channels) or (samples,).
    xs : list of series, an array (series, samples[, channels]), or a `Collection` (which has its own band and dtype).
    k : how many; at most the number of series.
    band : as for the other verbs.

    Returns
    -------
    indices (k,) int64 and distances (k,), nearest first; equal distances in order of index.

    Raises
    ------
    SeriesError : as `distance`; k below 1 or above the number of series.

    Examples
    --------
    >>> indices, distances = nearest([0.0, 1.0], [[5.0, 5.0], [0.0, 2.0], [0.0, 1.0]], k=2)
    >>> indices.tolist(), distances.tolist()
    ([2, 1], [0.0, 1.0])
    """
    found = search([query], xs, k, band=band, dtype=dtype, n_threads=n_threads)
    return found.indices[0], found.distances[0]


def search(
    queries: Any,
    xs: Any,
    k: int = 1,
    *,
    band: float | None = None,
    dtype: Any = None,
    n_threads: int | None = None,
) -> Found:
    """`nearest` for many queries at once, with the counts of what was pruned."""
    if isinstance(xs, Collection):
        if band is not None or dtype is not None:
            raise SeriesError("band and dtype belong to the Collection; give them when it is built")
        collection = xs
    else:
        if dtype is None:
            both = (read_series(queries, name="query").values.dtype, read_series(xs).values.dtype)
            dtype = np.result_type(*both)
        collection = Collection(xs, band=band, dtype=dtype)
    series = collection.series
    asked = read_series(queries, series.values.dtype, name="query")
    if asked.channels != series.channels:
        raise SeriesError(f"the query has {asked.channels} channels, the series {series.channels}; they must be equal")
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k <= len(series):
        raise SeriesError(f"k is {k!r}; it can be 1 to {len(series)}, the number of series")
    samples, fraction = check_band(collection.band, asked.lengths, series.lengths)
    found = Found(
        np.empty((len(asked), k), np.int64),
        np.empty((len(asked), k), series.values.dtype),
        *(np.full(len(asked), len(series), np.int64) for _ in range(3)),
    )
    limits = np.full(len(asked), np.nan)  # filled for the queries left to brute force

    def work(q: int) -> None:
        limits[q] = _cascade(collection, asked, q, int(k), samples, fraction, found)

    share_out(work, range(len(asked)), n_threads)
    left = np.flatnonzero(~np.isnan(limits))
    for first in range(0, len(left), QUERIES_AT_ONCE):
        part = left[first : first + QUERIES_AT_ONCE]
        _brute_force(collection, asked, part, limits, samples, fraction, found, n_threads)
    if not np.isfinite(found.distances).all():
        raise SeriesError(f"a distance is too large for {series.values.dtype}; use float64 or smaller units")
    return found


def _cascade(
    collection: Collection, asked: Series, q: int, k: int, samples: int, fraction: float, found: Found
) -> float:
    """Answer one query into found, or return the distance of the k-th best so far for brute force to end it."""
    series, tiles, dtype = collection.series, collection.tiles, collection.series.values.dtype
    n, channels = int(asked.lengths[q]), series.channels
    m = int(collection.lengths[-1])
    radius = int(_radius(n, collection.lengths, samples, fraction).max())
    query = asked.values[asked.starts[q] : asked.starts[q] + n * channels]
    lower, upper = np.empty(m * channels, dtype), np.empty(m * channels, dtype)
    _bounds.envelope(query, n, m, channels, radius, lower, upper)
    slack = _slack(collection, query, n, m)
    best, row = _Best(k, dtype), np.empty((1, len(series)), dtype)
    warped = 0

    def warp(some: np.ndarray) -> None:
        nonlocal warped
        _bounds.query_against_tiles(
            asked.values,
            asked.starts,
            asked.lengths,
            q,
            tiles.values,
            tiles.starts,
            some,
            tiles.members,
            tiles.lengths,
            channels,
            samples,
            fraction,
            best.worst * (1 + 1e-6),
            row,
        )
        members = tiles.members[some].ravel()
        members = members[members >= 0]
        warped += len(members)
        best.add(members[row[0, members] <= best.worst], row[0])

    left = np.arange(len(tiles.members))
    if len(collection.summaries):
        bounds = _summary_bounds(collection, query, n, lower, upper)
        n_seeds = min(len(left), max(SEED_TILES, -(-k // bounds.shape[1]) + 1))
        nearest_tiles = np.argpartition(bounds.min(axis=1), n_seeds - 1)
        warp(nearest_tiles[:n_seeds])
        is_left = bounds.min(axis=1) <= _limit(best.worst, slack)
        is_left[nearest_tiles[:n_seeds]] = False
        left = np.flatnonzero(is_left)
        found.after_summary[q] = warped + int((tiles.members[left] >= 0).sum())
        if len(left) > HOPELESS * len(bounds) and len(left) > 8 * n_seeds:
            return best.worst
    bounds = np.empty((len(left), tiles.members.shape[1]), dtype)
    _bounds.keogh_bounds(
        tiles.values, tiles.starts, left, tiles.members, tiles.lengths, query, n, channels, lower, upper, bounds
    )
    nearest_lane = bounds.min(axis=1, initial=np.inf)
    order = np.argsort(nearest_lane, kind="stable")
    for first in range(0, len(order), TILES_A_STEP):
        part = order[first : first + TILES_A_STEP]
        part = part[nearest_lane[part] <= _limit(best.worst, slack)]
        if not len(part):
            break
        warp(left[part])
    found.after_keogh[q] = int((bounds <= _limit(best.worst, slack)).sum())
    found.warped[q] = warped
    found.indices[q], found.distances[q] = best.indices, best.distances
    return math.nan


class _Best:
    """The k nearest so far, by distance, then index."""

    def __init__(self, k: int, dtype: np.dtype):
        self.k = k
        self.indices, self.distances = np.zeros(0, np.int64), np.zeros(0, dtype)

    @property
    def worst(self) -> float:
        return float(self.distances[-1]) if len(self.distances) == self.k else math.inf

    def add(self, indices: np.ndarray, row: np.ndarray) -> None:
        """Take in the series of these indices; row holds the distance of each at its index."""
        distances = np.concatenate([self.distances, row[indices]])
        indices = np.concatenate([self.indices, indices])
        order = np.lexsort((indices, distances))[: self.k]
        self.indices, self.distances = indices[order], distances[order]


def _radius(n: int, lengths: np.ndarray, samples: int, fraction: float) -> np.ndarray:
    if fraction >= 0:
        return np.ceil(fraction * np.maximum(n, lengths))
    return np.full(len(lengths), samples) if samples >= 0 else n + lengths


def _slack(collection: Collection, query: np.ndarray, n: int, m: int) -> tuple[float, float]:
    """(relative, absolute) rounding error that bound and distance may have together."""
    eps, size = float(np.finfo(query.dtype).eps), (n + m) * collection.series.channels
    largest = max(collection.largest, float(np.abs(query).max()))
    return 2 * eps * size, 16 * eps * math.sqrt(size) * largest


def _limit(worst: float, slack: tuple[float, float]) -> float:
    """Squared bounds above this cannot belong to a distance <= worst."""
    return (worst * (1 + slack[0]) + slack[1]) ** 2


def _summary_bounds(collection: Collection, query: np.ndarray, n: int, lower: Any, upper: Any) -> np.ndarray:
    series, edges = collection.series, collection.edges
    channels, m = series.channels, int(series.lengths[0])
    boxes = []
    for box in (lower, upper):
        summary = np.empty((2 + STRETCHES) * channels, query.dtype)
        _bounds.summarise(box, 0, m, channels, edges, summary)
        summary[:channels], summary[channels : 2 * channels] = query[:channels], query[(n - 1) * channels :]
        boxes.append(summary)
    weights = np.repeat(np.concatenate([[1, 1], np.diff(edges)]), channels).astype(query.dtype)
    members = collection.tiles.members
    bounds = np.empty(members.shape, query.dtype)
    _bounds.summary_bounds(
        collection.summaries, len(members), 2 * channels, boxes[0], boxes[1], weights, bounds.reshape(-1)
    )
    bounds[members < 0] = np.inf
    return bounds


def _brute_force(
    collection: Collection,
    asked: Series,
    part: np.ndarray,
    limits: np.ndarray,
    samples: int,
    fraction: float,
    found: Found,
    n_threads: int | None,
) -> None:
    """Every candidate for these queries; a tile is abandoned where all its lanes are beyond the k-th best known."""
    series, tiles = collection.series, collection.tiles
    distances = np.empty((len(part), len(series)), series.values.dtype)
    starts, lengths, rows = asked.starts[part], asked.lengths[part], np.arange(len(part))
    beyond = limits[part] * (1 + 1e-6) + np.finfo(np.float32).tiny

    def work(t: int) -> None:
        _kernels.rows_against_tile(
            asked.values,
            starts,
            lengths,
            rows,
            tiles.values,
            tiles.starts[t],
            tiles.members[t],
            tiles.lengths[t],
            series.channels,
            samples,
            fraction,
            beyond,
            False,
            distances,
        )

    share_out(work, range(len(tiles.members)), n_threads)
    k = found.indices.shape[1]
    for row, q in zip(distances, part, strict=True):
        # all that equal the k-th smallest, so that ties are decided by index
        candidates = np.flatnonzero(row <= np.partition(row, k - 1)[k - 1])
        best = _Best(k, row.dtype)
        best.add(candidates, row)
        found.indices[q], found.distances[q] = best.indices, best.distances
