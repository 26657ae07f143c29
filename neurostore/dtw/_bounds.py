"""Loops of lower bounds and of the search they serve: arrays in, arrays out, no checks. Names as in _kernels.

For a candidate x and a query q, every path holds the first and the last cell and at least one cell in each column j
between them, whose cost is at least the distance of x[j] to the box (envelope) of the q[i] with abs(i - j) <= radius.
Their sum is LB_Kim (the two corners) with LB_Keogh (the box; Keogh and Ratanamahatana 2005,
doi:10.1007/s10115-004-0154-9), one box per channel. A summary holds means of stretches of samples: against means of the
box they bound from below, because the squared distance to an interval is convex (Zhu and Shasha 2003,
doi:10.1145/872757.872780). It holds the means of the candidate's own box too, for the same bound the other way round.
"""

from __future__ import annotations

import math

import numpy as np

from neurostore.dtw._kernels import band_radius, pack
from neurostore.dtw._lanes import larger, least, load, smaller, splat, spread, store, where_above, width
from neurostore.dtw._sweeps import begin, kernel, sweep

VALUES_A_LOOK = 32  # values of a summary between two checks whether its tile can be ruled out
ROWS_A_LOOK = 10  # rows between two checks whether the pairs side by side can be abandoned


@kernel
def envelope(values, start, n, m, channels, radius, lower, upper):
    """Box of a series around each of m samples, flat (m * channels): least and greatest x[i], |i - j| <= radius."""
    for j in range(m):
        first, last = max(0, min(j - radius, n - 1)), min(n, j + radius + 1)
        for c in range(channels):
            low = high = values[start + first * channels + c]
            for i in range(first + 1, last):
                x = values[start + i * channels + c]
                low, high = min(low, x), max(high, x)
            lower[j * channels + c], upper[j * channels + c] = low, high


@kernel
def stretch_means(values, start, channels, edges, out):
    """Means of the samples edges[s] … edges[s + 1] - 1: out (stretches * channels)."""
    for s in range(edges.shape[0] - 1):
        for c in range(channels):
            total = 0.0
            for j in range(edges[s], edges[s + 1]):
                total += values[start + j * channels + c]
            out[s * channels + c] = total / (edges[s + 1] - edges[s])


@kernel
def summarise(values, starts, members, m, channels, radius, edges, boxes, summaries):
    """Summaries of listed series of m samples: summaries (members, values).

    The first and the last sample, the means of stretches and, if `boxes`, the means of the lower and of the upper edge
    of the envelope.
    """
    n_means = (edges.shape[0] - 1) * channels
    lower, upper = np.empty(m * channels, values.dtype), np.empty(m * channels, values.dtype)
    for k in range(members.shape[0]):
        start, out = starts[members[k]], summaries[k]
        for c in range(channels):
            out[c] = values[start + c]
            out[channels + c] = values[start + (m - 1) * channels + c]
        place = 2 * channels
        stretch_means(values, start, channels, edges, out[place : place + n_means])
        if boxes:
            envelope(values, start, m, m, channels, radius, lower, upper)
            stretch_means(lower, 0, channels, edges, out[place + n_means : place + 2 * n_means])
            stretch_means(upper, 0, channels, edges, out[place + 2 * n_means :])


@kernel
def summary_bounds(summaries, tiles, size, n_ends, ends, means, lower, upper, weights, boxes, limit, out, nearest):
    """Squared bounds of the series of listed tiles from their summaries: out (tiles, width), nearest (tiles) their least.

    summaries : flat, value v of lane l of tile t at (t * size + v) * width + l; ends, means, lower, upper : of the
    query; weights : samples of each mean. boxes : the summaries hold boxes, used where no lane is beyond limit already.
    """
    count = width(summaries)
    n_means = means.shape[0]
    zero = splat(summaries, 0.0)
    for k in range(tiles.shape[0]):
        place = tiles[k] * size
        corners = zero
        for c in range(n_ends):
            step = load(summaries, (place + c) * count) - spread(ends, c)
            corners = corners + step * step
        place += n_ends
        total = corners
        for c in range(n_means):
            x = load(summaries, (place + c) * count)
            step = larger(larger(x - spread(upper, c), spread(lower, c) - x), zero)
            total = total + step * step * spread(weights, c)
            if c % VALUES_A_LOOK == VALUES_A_LOOK - 1 and least(total) > limit:
                break
        if boxes and not least(total) > limit:
            other = corners
            for c in range(n_means):
                x = spread(means, c)
                low, high = (
                    load(summaries, (place + n_means + c) * count),
                    load(summaries, (place + 2 * n_means + c) * count),
                )
                step = larger(larger(x - high, low - x), zero)
                other = other + step * step * spread(weights, c)
            total = larger(total, other)
        store(out, k * count, total)
        nearest[k] = least(total)


@kernel
def keogh_bounds(values, starts, lengths, first, last, query, n, channels, lower, upper, out):
    """Squared bounds of series first … last - 1: the corners and, between them, what is outside the query's box."""
    count = width(values)
    zero, sums = splat(values, 0.0), np.empty(count, values.dtype)
    for k in range(first, last):
        start, end = starts[k], (lengths[k] - 1) * channels
        total, place = zero, channels
        while place + count <= end:
            x = load(values, start + place)
            step = larger(larger(x - load(upper, place), load(lower, place) - x), zero)
            total = total + step * step
            place += count
        store(sums, 0, total)
        bound = 0.0
        for lane in range(count):
            bound += sums[lane]
        while place < end:
            x = values[start + place]
            step = max(max(x - upper[place], lower[place] - x), 0.0)
            bound += step * step
            place += 1
        for c in range(channels):
            step = values[start + c] - query[c]
            bound += step * step
            if n > 1 or end > 0:
                step = values[start + end + c] - query[(n - 1) * channels + c]
                bound += step * step
        out[k] = bound


@kernel
def bounds_to_come(tile, m, members, lengths, query, n, channels, lower, upper, bounds):
    """For the lanes of a tile what the columns j … at least cost: bounds ((m + 1) * width); bounds[0] is of all.

    A path that stands in column j - 1 above the last row has the last cell and a cell in each column from j before it.
    Lanes without a series get inf.
    """
    count = width(tile)
    zero = splat(tile, 0.0)
    start_cost, end_cost, last = np.empty(count, tile.dtype), np.empty(count, tile.dtype), np.empty(count, tile.dtype)
    for lane in range(count):
        start_cost[lane] = end_cost[lane] = np.inf
        last[lane] = 0
        if members[lane] < 0:
            continue
        end = lengths[members[lane]] - 1
        last[lane] = end - 1  # last sample between the corners
        first_corner, last_corner = 0.0, 0.0
        for c in range(channels):
            step = tile[(end * channels + c) * count + lane] - query[(n - 1) * channels + c]
            last_corner += step * step
            if n > 1 or end > 0:
                step = tile[c * count + lane] - query[c]
                first_corner += step * step
        start_cost[lane], end_cost[lane] = first_corner, last_corner
    interior, total = load(last, 0), load(end_cost, 0)
    store(bounds, m * count, total)
    for j in range(m - 1, 0, -1):
        part = zero
        for c in range(channels):
            x = load(tile, (j * channels + c) * count)
            high, low = x - spread(upper, j * channels + c), spread(lower, j * channels + c) - x
            step = larger(larger(high, low), zero)
            part = part + step * step
        total = total + where_above(splat(tile, j), interior, zero, part)
        store(bounds, j * count, total)
    store(bounds, 0, total + load(start_cost, 0))


@kernel
def least_to_come(front, bounds, m, i, radius):
    """Least that any lane can still reach from row i: its smallest cost with what the columns to come cost."""
    count = width(front)
    best = splat(front, np.inf)
    for j in range(max(0, i - radius), min(m, i + radius + 1)):
        best = smaller(load(front, (j + 1) * count) + load(bounds, (j + 1) * count), best)
    return least(best)


@kernel
def squared_limit(distance, relative, absolute):
    """Squared bounds above this cannot belong to a distance that is smaller or equal, whatever was rounded."""
    reach = distance * (1.0 + relative) + absolute
    return reach * reach


@kernel
def warp_in_order(
    query,
    n,
    values,
    starts,
    lengths,
    listed,
    listed_bounds,
    channels,
    samples,
    fraction,
    lower,
    upper,
    relative,
    absolute,
    best,
    indices,
):
    """Exact distances of the query to listed series, in the order of their squared bounds, until those exceed the k-th best.

    As many as there are lanes go side by side; they are abandoned when what they cost and what is to come exceeds
    the k-th best for all of them. best, indices (k,) : the nearest so far, by distance, then index; kept up to date.
    Returns how many series were begun.
    """
    count, k_best, zero, one = width(values), best.shape[0], np.int64(0), np.int64(1)
    m_most = one
    for k in range(listed.shape[0]):
        m_most = max(m_most, lengths[listed[k]])
    whole_tile = np.empty(m_most * channels * count, values.dtype)
    front, bounds = np.empty((m_most + 1) * count, values.dtype), np.empty((m_most + 1) * count, values.dtype)
    radius, members = np.empty(count, values.dtype), np.empty(count, np.int64)
    distances = np.empty(count, values.dtype)
    n_begun = 0
    for first in range(0, listed.shape[0], count):
        limit = squared_limit(best[k_best - 1], relative, absolute)
        if listed_bounds[first] > limit:
            break
        m, begun = one, 0
        for lane in range(count):
            members[lane] = -1
            if first + lane < listed.shape[0] and not listed_bounds[first + lane] > limit:
                members[lane] = listed[first + lane]
                m = max(m, lengths[members[lane]])
                begun += 1
        low, high = n + m, zero
        for lane in range(count):
            radius[lane] = n + m
            if members[lane] >= 0:
                r = band_radius(n, lengths[members[lane]], samples, fraction)
                radius[lane] = r
                low, high = min(low, r), max(high, r)
        tile = whole_tile[: m * channels * count]
        pack(values, starts, lengths, members, channels, tile)
        bounds_to_come(tile, m, members, lengths, query, n, channels, lower, upper, bounds)
        if least(load(bounds, 0)) > limit:
            continue
        n_begun += begun
        begin(front, m)
        stop, is_left = zero, True
        while stop < n and is_left:
            i, stop = stop, min(n, stop + ROWS_A_LOOK)
            sweep(query, zero, i, stop, tile, zero, m, channels, radius, low, high, front)
            is_left = stop == n or not least_to_come(front, bounds, m, stop - 1, high) > limit
        if not is_left:
            continue
        for lane in range(count):
            if members[lane] < 0:
                continue
            distances[lane] = math.sqrt(front[lengths[members[lane]] * count + lane])  # rounded before it is compared
            x, k = distances[lane], k_best
            while k > 0 and (x < best[k - 1] or (x == best[k - 1] and members[lane] < indices[k - 1])):
                k -= 1
                if k + 1 < k_best:
                    best[k + 1], indices[k + 1] = best[k], indices[k]
            if k < k_best:
                best[k], indices[k] = x, members[lane]
    return n_begun
