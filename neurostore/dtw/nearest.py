"""The k most similar series of a collection: the same answers as brute force, although most candidates are never compared exactly.

The cascade for each query: a coarse summary bounds every series, the most promising are warped to learn how near the
k-th best is, a fine summary bounds what the coarse one leaves, and what that leaves is warped in the order of its
bounds, side by side, with LB_Kim and LB_Keogh before and what they say of the columns to come during it. Without
summaries (unequal lengths, or `Collection` not built) LB_Kim with LB_Keogh bounds every series. Where the bounds leave
too many, as on random data, the query is answered by brute force that abandons early. A bound prunes only beyond the
rounding errors of bound and distance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurostore.arrays import Floats, Ints
from neurostore.dtw import _bounds, _kernels
from neurostore.dtw.collection import Collection, Summary
from neurostore.dtw.options import check_band, radii, widened
from neurostore.dtw.series import Series, read_series
from neurostore.dtw.work import share_out
from neurostore.errors import SeriesError

FIRST_TILES = 64  # most promising tiles, searched first to estimate the k-th smallest distance
TRIED_TILES = 64  # tiles left by the coarse summary on which the fine one is tried
HOPELESS = 0.5  # share of series left by the bounds above which brute force is cheaper
QUERIES_AT_ONCE = 64  # rows of distances that brute force keeps in memory
WORTH_BUILDING = 200  # number of queries from which building summaries pays off
BOUNDS_A_JOB = 5000
SAMPLED_EVERY, SAMPLED_TOGETHER = 16, 128  # sample of series that is bounded first, to see whether bounds save time
NEARLY_ALL = 0.9  # share of the sample that the bounds leave above which they are given up
NOBODY = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Found:
    """Answers for each query (row), nearest first, ties by index; and the work done for them.

    indices (queries, k) int64; distances (queries, k); after_coarse, after_fine, warped (queries,): series left by the
    first bound, by the second, and begun to be compared exactly (all of them where brute force was used).
    """

    indices: Ints
    distances: Floats
    after_coarse: Ints
    after_fine: Ints
    warped: Ints


def nearest(
    query: Any,
    xs: Any,
    k: int = 1,
    *,
    band: float | None = None,
    dtype: Any = None,
    n_threads: int | None = None,
) -> tuple[Ints, Floats]:
    """The k series nearest to a query, exactly.

    Parameters
    ----------
    query : one series (samples, channels) or (samples,).
    xs : list of series, an array (series, samples[, channels]), or a `Collection` (which has its own band and dtype, and
        pays from some hundred searches on).
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
    neighbours = search([query], xs, k, band=band, dtype=dtype, n_threads=n_threads)
    return neighbours.indices[0], neighbours.distances[0]


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
            raise SeriesError("band and dtype belong to the Collection; set them when you build it")
        collection = xs
    else:
        given, own = read_series(queries, dtype, name="query"), read_series(xs, dtype)
        dtype = np.result_type(widened(given, own).values.dtype, widened(own, given).values.dtype)
        collection = Collection(own, band=band, dtype=dtype, summarise=len(queries) >= WORTH_BUILDING)
    series = collection.series
    asked = read_series(queries, series.values.dtype, name="query")
    if asked.channels != series.channels:
        raise SeriesError(f"the query has {asked.channels} channels, the series {series.channels}; they must be equal")
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k <= len(series):
        raise SeriesError(f"k is {k!r}; it can be 1 to {len(series)}, the number of series")
    samples, fraction = check_band(collection.band, asked.lengths, series.lengths)
    neighbours = Found(
        np.empty((len(asked), k), np.int64),
        np.empty((len(asked), k), series.values.dtype),
        *(np.full(len(asked), len(series), np.int64) for _ in range(3)),
    )
    limits = np.full(len(asked), np.nan)  # filled only for queries that are left to brute force
    inner = n_threads if len(asked) == 1 else 1

    def work(q: int) -> None:
        limits[q] = _Search(collection, asked, q, samples, fraction).cascade(int(k), neighbours, inner)

    share_out(work, range(len(asked)), n_threads)
    left = np.flatnonzero(~np.isnan(limits))
    for first in range(0, len(left), QUERIES_AT_ONCE):
        part = left[first : first + QUERIES_AT_ONCE]
        _brute_force(collection, asked, part, limits, samples, fraction, neighbours, n_threads)
    if not np.isfinite(neighbours.distances).all():
        raise SeriesError(f"a distance is too large for {series.values.dtype}; use float64 or smaller units")
    return neighbours


class _Search:
    """One query in a collection: its envelope, and the bounds from it."""

    def __init__(self, collection: Collection, asked: Series, q: int, samples: int, fraction: float):
        series = collection.series
        self.collection, self.q, self.samples, self.fraction = collection, q, samples, fraction
        self.n, self.channels = int(asked.lengths[q]), series.channels
        self.query = asked.values[asked.starts[q] : asked.starts[q] + self.n * self.channels]
        m = int(collection.lengths[-1])
        self.radius = int(radii(self.n, collection.lengths, samples, fraction).max())
        self.lower, self.upper = (np.empty(m * self.channels, series.values.dtype) for _ in range(2))
        _bounds.envelope(self.query, 0, self.n, m, self.channels, self.radius, self.lower, self.upper)
        # relative and absolute rounding error of bound and distance together
        eps, size = float(np.finfo(self.query.dtype).eps), (self.n + m) * self.channels
        largest = max(collection.largest, float(np.abs(self.query).max()))
        self.slack = 2 * eps * size, 16 * eps * math.sqrt(size) * largest

    def cascade(self, k: int, neighbours: Found, n_threads: int | None) -> float:
        """Answer into found, or return the distance of the k-th best so far for brute force to end it."""
        best = np.full(k, np.inf, self.query.dtype)
        indices = np.full(k, NOBODY)
        by_stages = self._by_summaries if self.collection.summaries is not None else self._by_keogh
        counts = by_stages(best, indices, n_threads)
        if counts is None:
            return float(best[-1])
        neighbours.after_coarse[self.q], neighbours.after_fine[self.q], neighbours.warped[self.q] = counts
        neighbours.indices[self.q], neighbours.distances[self.q] = indices, best
        return math.nan

    def _by_summaries(self, best: Floats, indices: Ints, n_threads: int | None) -> tuple[int, ...] | None:
        """Fill best and indices; (left by coarse, left by fine, warped), or None if that is hopeless."""
        assert self.collection.summaries is not None
        coarse, fine = self.collection.summaries
        members, n_tiles = self.collection.members, len(self.collection.members)
        _, least = self.summary_bounds(coarse, np.arange(n_tiles), math.inf)
        n_seeds = 1 + -(-len(best) // members.shape[1])
        first = np.argpartition(least, min(n_tiles, n_seeds + FIRST_TILES) - 1)[: n_seeds + FIRST_TILES]
        first = first[np.argsort(least[first])]
        n_fine, warped = 0, 0
        for tiles, hopeless in ((first[:n_seeds], 0.9), (first[n_seeds:], HOPELESS)):
            listed, bounds = self.near(fine, tiles, best)
            n_fine, warped = n_fine + len(listed), warped + self.warp(listed, bounds, best, indices)
            is_left = least <= self.limit(best)
            is_left[first] = False
            left = np.flatnonzero(is_left)
            tried = left[:: max(1, len(left) // TRIED_TILES)]
            if len(self.near(fine, tried, best)[0]) * len(left) > hopeless * members.size * len(tried):
                return None
        listed, bounds = self.near(fine, left, best)
        warped += self.warp(listed, bounds, best, indices)
        return int(self.collection.n_members[left].sum()) + n_fine, n_fine + len(listed), warped

    def _by_keogh(self, best: Floats, indices: Ints, n_threads: int | None) -> tuple[int, ...] | None:
        """As `_by_summaries`, by one bound of every series."""
        if self.is_hopeless(best, n_threads):
            return None
        bounds = self.keogh_bounds(n_threads)
        listed = np.argsort(bounds, kind="stable")
        bounds = bounds[listed]
        first = min(len(listed), 2 * self.collection.members.shape[1] + len(best))
        warped = self.warp(listed[:first], bounds[:first], best, indices)
        n_near = int(np.searchsorted(bounds, self.limit(best), side="right"))
        if n_near > HOPELESS * len(bounds) and len(bounds) > 8 * first:
            return None
        warped += self.warp(listed[first:n_near], bounds[first:n_near], best, indices)
        return len(bounds), n_near, warped

    def is_hopeless(self, best: Floats, n_threads: int | None) -> bool:
        """Whether the bounds of a sample of the series leave nearly all of it; best is then filled from the sample."""
        n_first = 2 * self.collection.members.shape[1] + len(best)
        if len(self.collection.series) < 8 * SAMPLED_EVERY * n_first:
            return False
        bounds = self.keogh_bounds(n_threads, every=SAMPLED_EVERY)
        listed = np.flatnonzero(np.isfinite(bounds))
        first = listed[np.argsort(bounds[listed], kind="stable")[:n_first]]
        costs, indices = np.full_like(best, np.inf), np.full(len(best), NOBODY)
        self.warp(first, bounds[first], costs, indices)
        if (bounds[listed] <= self.limit(costs)).mean() < NEARLY_ALL:
            return False
        best[:] = costs
        return True

    def near(self, summary: Summary, tiles: Ints, best: Floats) -> tuple[Ints, Floats]:
        """Series of tiles that a summary does not rule out, by their bounds, and these."""
        bounds, _ = self.summary_bounds(summary, tiles, self.limit(best))
        members = self.collection.members[tiles]
        is_near = (bounds <= self.limit(best)) & (members >= 0)
        listed, bounds = members[is_near], bounds[is_near]
        order = np.argsort(bounds)
        return listed[order], bounds[order]

    def limit(self, best: Floats) -> float:
        """Squared bounds above this cannot belong to one of the k nearest."""
        return float(_bounds.squared_limit(float(best[-1]), *self.slack))

    def warp(self, listed: Ints, bounds: Floats, best: Floats, indices: Ints) -> int:
        """Compare listed series exactly, in this order, as far as their bounds allow; best and indices are kept up."""
        series = self.collection.series
        return _bounds.warp_in_order(
            self.query,
            self.n,
            series.values,
            series.starts,
            series.lengths,
            listed,
            bounds,
            self.channels,
            self.samples,
            self.fraction,
            self.lower,
            self.upper,
            *self.slack,
            best,
            indices,
        )

    def summary_bounds(self, summary: Summary, tiles: Ints, limit: float) -> tuple[Floats, Floats]:
        """Squared bounds of the lanes of tiles (tiles, lanes; any if there is no series), and the least of each."""
        channels, n, m = self.channels, self.n, int(self.collection.lengths[0])
        dtype, n_means = self.query.dtype, (len(summary.edges) - 1) * channels
        means, lower, upper = (np.zeros(n_means, dtype) for _ in range(3))
        _bounds.stretch_means(self.lower, 0, channels, summary.edges, lower)
        _bounds.stretch_means(self.upper, 0, channels, summary.edges, upper)
        boxes = summary.has_boxes and n == m and self.radius <= self.collection.radius
        if boxes:
            _bounds.stretch_means(self.query, 0, channels, summary.edges, means)
        bounds, least = np.empty((len(tiles), self.collection.members.shape[1]), dtype), np.empty(len(tiles), dtype)
        _bounds.summary_bounds(
            summary.values,
            tiles,
            summary.size,
            2 * channels,
            np.concatenate([self.query[:channels], self.query[(n - 1) * channels :]]),
            means,
            lower,
            upper,
            np.repeat(np.diff(summary.edges), channels).astype(dtype),
            boxes,
            limit,
            bounds.reshape(-1),
            least,
        )
        return bounds, least

    def keogh_bounds(self, n_threads: int | None, every: int = 1) -> Floats:
        """Squared bounds of every series; else of SAMPLED_TOGETHER of ``every`` times as many, infinite for the others."""
        series = self.collection.series
        bounds = np.full(len(series), np.inf, series.values.dtype)
        n_together = BOUNDS_A_JOB if every == 1 else SAMPLED_TOGETHER

        def work(first: int) -> None:
            last = min(len(series), first + n_together)
            _bounds.keogh_bounds(
                series.values,
                series.starts,
                series.lengths,
                first,
                last,
                self.query,
                self.n,
                self.channels,
                self.lower,
                self.upper,
                bounds,
            )

        share_out(work, range(0, len(series), every * n_together), n_threads)
        return bounds


def _brute_force(
    collection: Collection,
    asked: Series,
    part: Ints,
    limits: Floats,
    samples: int,
    fraction: float,
    neighbours: Found,
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
    k = neighbours.indices.shape[1]
    for row, q in zip(distances, part, strict=True):
        # include all series equal to the k-th smallest, so that ties are decided by index
        candidates = np.flatnonzero(row <= np.partition(row, k - 1)[k - 1])
        nearest_first = candidates[np.lexsort((candidates, row[candidates]))][:k]
        neighbours.indices[q], neighbours.distances[q] = nearest_first, row[nearest_first]
