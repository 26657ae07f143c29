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

from neurostore.dtw._kernels import kernel
from neurostore.dtw._lanes import larger, load, splat, spread, store, width


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
    """Summaries of series of one length, side by side: out (tiles, (2 + stretches) * channels, width)."""
    one = np.empty(out.shape[1], values.dtype)
    for k in range(starts.shape[0]):
        summarise(values, starts[k], m, channels, edges, one)
        for c in range(one.shape[0]):
            out[k // out.shape[2], c, k % out.shape[2]] = one[c]


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
def smallest(values, n, places):
    """Indices of the smallest values among the first n, in no order: places is filled."""
    size = places.shape[0]
    for k in range(size):
        places[k] = k
    worst = int(np.argmax(values[:size]))
    for k in range(size, n):
        if values[k] < values[places[worst]]:
            places[worst] = k
            for p in range(size):
                if values[places[p]] > values[places[worst]]:
                    worst = p


@kernel
def at_most(values, n, limit, places):
    """Indices of the values <= limit among the first n, ascending, into places; returns how many."""
    found = 0
    for k in range(n):
        if values[k] <= limit:
            places[found] = k
            found += 1
    return found


@kernel
def keogh_bounds(values, starts, lengths, members, query, n, channels, lower, upper, out):
    """Squared bound of listed series: the two corners and, between them, what lies outside the box."""
    count = width(values)
    lanes = np.empty(count, values.dtype)
    zero = splat(values, 0.0)
    for k in range(members.shape[0]):
        start, m = starts[members[k]], lengths[members[k]]
        total, end = 0.0, (m - 1) * channels
        for c in range(channels):
            step = values[start + c] - query[c]
            total += step * step
            if n > 1 or m > 1:
                step = values[start + end + c] - query[(n - 1) * channels + c]
                total += step * step
        sums, c = zero, channels
        while c + count <= end:
            x = load(values, start + c)
            step = larger(larger(x - load(upper, c), load(lower, c) - x), zero)
            sums = sums + step * step
            c += count
        store(lanes, 0, sums)
        for lane in range(count):
            total += lanes[lane]
        while c < end:
            x = values[start + c]
            step = max(x - upper[c], lower[c] - x, 0.0)
            total += step * step
            c += 1
        out[k] = total
