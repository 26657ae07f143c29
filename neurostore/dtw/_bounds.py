"""Loops of lower bounds: arrays in, arrays out, no checks. Names as in _kernels.

For a candidate x and a query q, every path holds the first and the last cell and at least one cell in each column j
between them, whose cost is at least the distance of x[j] to the box (envelope) of the q[i] with abs(i - j) <= radius.
Their sum is LB_Kim (the two corners) with LB_Keogh (the box; Keogh and Ratanamahatana 2005,
doi:10.1007/s10115-004-0154-9),
one box a channel. The summary is the same with means of stretches of samples against means of the box: smaller still,
because the squared distance to an interval is convex (Zhu and Shasha 2003, doi:10.1145/872757.872780).
"""

from __future__ import annotations

import numpy as np

from neurostore.dtw._kernels import kernel, rows_against_tile
from neurostore.dtw._lanes import larger, load, splat, spread, store, where_above, width


@kernel
def envelope(query, n, m, channels, radius, lower, upper):
    """Box of the query around each of m samples, flat (m * channels): least and greatest q[i], |i - j| <= radius."""
    for j in range(m):
        first, last = max(0, min(j - radius, n - 1)), min(n, j + radius + 1)
        for c in range(channels):
            low = high = query[first * channels + c]
            for i in range(first + 1, last):
                low, high = min(low, query[i * channels + c]), max(high, query[i * channels + c])
            lower[j * channels + c], upper[j * channels + c] = low, high


@kernel
def summarise(values, start, m, channels, edges, out):
    """First and last sample, then the means of edges[s] … edges[s + 1] - 1: out ((2 + stretches) * channels)."""
    for c in range(channels):
        out[c] = values[start + c]
        out[channels + c] = values[start + (m - 1) * channels + c]
        for s in range(edges.shape[0] - 1):
            total = 0.0
            for j in range(edges[s], edges[s + 1]):
                total += values[start + j * channels + c]
            out[(2 + s) * channels + c] = total / (edges[s + 1] - edges[s])


@kernel
def summarise_all(values, starts, m, channels, edges, out):
    """Summaries of series of one length: out (series, (2 + stretches) * channels)."""
    for k in range(starts.shape[0]):
        summarise(values, starts[k], m, channels, edges, out[k])


@kernel
def summary_bounds(summaries, n_tiles, n_ends, lower, upper, weights, out):
    """Squared bound of every series from its summary; the first n_ends values count in full, others beyond the box."""
    count = width(summaries)
    zero = splat(summaries, 0.0)
    size = lower.shape[0]
    for t in range(n_tiles):
        total = zero
        for c in range(n_ends):
            step = load(summaries, (t * size + c) * count) - spread(lower, c)
            total = total + step * step
        for c in range(n_ends, size):
            x = load(summaries, (t * size + c) * count)
            step = larger(larger(x - spread(upper, c), spread(lower, c) - x), zero)
            total = total + step * step * spread(weights, c)
        store(out, t * count, total)


@kernel
def keogh_bounds(b, b_starts, tiles, members, lengths, query, n, channels, lower, upper, out):
    """Squared bounds of the lanes of listed tiles, out (tiles, width): the corners and, between them, what is outside the box.

    Lanes without a series get inf.
    """
    count = width(b)
    last, sums = np.empty(count, b.dtype), np.empty(count, b.dtype)
    zero = splat(b, 0.0)
    for k in range(tiles.shape[0]):
        t = tiles[k]
        start, m = b_starts[t], 0
        for lane in range(count):
            m = max(m, lengths[t, lane])
            last[lane] = lengths[t, lane] - 2  # the last sample between the corners
        interior, total = load(last, 0), zero
        for j in range(1, m - 1):
            part = zero
            for c in range(channels):
                x = load(b, start + (j * channels + c) * count)
                high, low = x - spread(upper, j * channels + c), spread(lower, j * channels + c) - x
                step = larger(larger(high, low), zero)
                part = part + step * step
            total = total + where_above(splat(b, j), interior, zero, part)
        store(sums, 0, total)
        for lane in range(count):
            out[k, lane] = np.inf
            if members[t, lane] < 0:
                continue
            end = lengths[t, lane] - 1
            corners = 0.0
            for c in range(channels):
                step = b[start + c * count + lane] - query[c]
                corners += step * step
                if n > 1 or end > 0:
                    step = b[start + (end * channels + c) * count + lane] - query[(n - 1) * channels + c]
                    corners += step * step
            out[k, lane] = sums[lane] + corners


@kernel
def query_against_tiles(
    a, starts, lengths, q, b, b_starts, tiles, members, member_lengths, channels, samples, fraction, limit, out
):
    """Distances of first series q to the lanes of listed tiles, into out[0, member]; tiles wholly beyond limit get inf."""
    rows, limits = np.zeros(1, np.int64), np.full(1, limit)
    start, length = starts[q : q + 1], lengths[q : q + 1]
    for k in range(tiles.shape[0]):
        t = tiles[k]
        rows_against_tile(
            a,
            start,
            length,
            rows,
            b,
            b_starts[t],
            members[t],
            member_lengths[t],
            channels,
            samples,
            fraction,
            limits,
            False,
            out,
        )
