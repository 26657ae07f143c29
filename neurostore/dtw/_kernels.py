"""The loops of dynamic time warping, and nothing else: arrays in, arrays out, no checks.

Names used throughout
    n, m        samples of the first series and of the longest series of a tile
    channels    values per sample
    a           samples of first series, flat: value (i, c) of one at a[start + i * channels + c]; or, where each lane
                has a first series of its own, (n * channels, width)
    b           a tile: `width` second series side by side, value (j, c) of lane l at b[start + (j * channels + c) *
    width + l]
    front       one row of the matrix of smallest costs, (m + 1) * width; entry 0 is the column before the first
    radius      width values: cells with |i - j| > radius are closed
All costs are sums of squares; square roots are taken on the way out.
"""

from __future__ import annotations

import math

import numpy as np

from neurostore.dtw._lanes import least, load, smaller, splat, store, width, zip_high, zip_low
from neurostore.dtw._sweeps import aligned, begin, counted_sweep, kernel, sweep

ROWS_A_LOOK = 15  # rows between two checks whether a tile can be abandoned


@kernel
def pack(values, starts, lengths, members, channels, tile):
    """Lay the series `members` (width; -1 for none) side by side in `tile` (flat; zero where a series has ended).

    A square of width x width values at a time is transposed: as often as a lane index has bits, its upper and its lower
    half of rows are zipped together.
    """
    count = width(tile)
    half, size = count // 2, tile.shape[0] // count
    rows, zipped = np.empty(count * count, tile.dtype), np.empty(count * count, tile.dtype)
    for first in range(0, size, count):
        for lane in range(count):
            member = members[lane]
            left = 0 if member < 0 else lengths[member] * channels - first
            if left >= count:
                store(rows, lane * count, load(values, starts[member] + first))
            else:
                store(rows, lane * count, splat(rows, 0.0))
                for k in range(left):
                    rows[lane * count + k] = values[starts[member] + first + k]
        bits = half
        while bits > 0:
            for row in range(half):
                x, y = load(rows, row * count), load(rows, (row + half) * count)
                store(zipped, 2 * row * count, zip_low(x, y))
                store(zipped, (2 * row + 1) * count, zip_high(x, y))
            rows, zipped = zipped, rows
            bits //= 2
        for k in range(min(count, size - first)):
            store(tile, (first + k) * count, load(rows, k * count))


@kernel
def band_radius(n, m, samples, fraction):
    """Radius of one pair's band in samples: `fraction` of the longer series or `samples`; both < 0 for no band."""
    if fraction >= 0.0:
        return int(math.ceil(fraction * max(n, m)))  # noqa: RUF046 (a float in numba)
    if samples >= 0:
        return samples
    return n + m


@kernel
def row_minimum(front, m, i, radius):
    """Smallest cost in row i of all lanes; every path crosses the row, so no distance can be smaller."""
    count = width(front)
    best = splat(front, np.inf)
    for j in range(max(0, i - radius), min(m, i + radius + 1)):
        best = smaller(load(front, (j + 1) * count), best)
    return least(best)


@kernel
def rows_against_tile(
    a, starts, lengths, rows, b, b_start, members, member_lengths, channels, samples, fraction, limits, mirror, out
):
    """Distances of some first series to the lanes of a tile.

    rows : indices of the first series; members (width) : column of each lane, -1 for none; both index `out`.
    limits : for each of `rows` the largest distance of interest: where every lane is beyond it, out may hold inf.
    mirror : True for one set against itself: each distance is written at (row, column) and (column, row).
    """
    count, zero, m = width(b), np.int64(0), np.int64(1)
    for lane in range(count):
        m = max(m, member_lengths[lane])
    front = aligned((m + 1) * count, b)
    radius = np.empty(count, b.dtype)
    for k in range(rows.shape[0]):
        row = rows[k]
        n = lengths[row]
        low, high = n + m, zero
        for lane in range(count):
            radius[lane] = n + m
            if members[lane] >= 0:
                r = band_radius(n, member_lengths[lane], samples, fraction)
                radius[lane] = r
                low, high = min(low, r), max(high, r)
        begin(front, m)
        stop = n if np.isinf(limits[k]) else min(n, ROWS_A_LOOK)
        sweep(a, starts[row], zero, stop, b, b_start, m, channels, radius, low, high, front)
        while stop < n and row_minimum(front, m, stop - 1, high) <= limits[k] * limits[k]:
            i, stop = stop, min(n, stop + ROWS_A_LOOK)
            sweep(a, starts[row], i, stop, b, b_start, m, channels, radius, low, high, front)
        if stop < n:
            for lane in range(count):
                if members[lane] >= 0:
                    out[row, members[lane]] = np.inf
            continue
        for lane in range(count):
            column = members[lane]
            if column >= 0:
                out[row, column] = math.sqrt(front[member_lengths[lane] * count + lane])
                if mirror:
                    out[column, row] = out[row, column]


@kernel
def pairs(
    a, a_starts, a_lengths, a_members, b, b_starts, b_lengths, b_members, channels, samples, fraction, counted, out
):
    """Distances of listed pairs: series a_members[k] of a to series b_members[k] of b, into out[k].

    counted : divide by the length of the path (root mean square per matched sample).
    """
    count, zero, one = width(a), np.int64(0), np.int64(1)
    n_max, m_max = one, one
    for k in range(a_members.shape[0]):
        n_max = max(n_max, a_lengths[a_members[k]])
        m_max = max(m_max, b_lengths[b_members[k]])
    a_tile = aligned(n_max * channels * count, a).reshape((n_max * channels, count))
    b_tile = aligned(m_max * channels * count, a)
    front = aligned((m_max + 1) * count, a)
    steps = np.zeros((m_max + 1) * count if counted else 0, a.dtype)
    radius = np.empty(count, a.dtype)
    a_lanes, b_lanes = np.empty(count, np.int64), np.empty(count, np.int64)
    for k in range(0, a_members.shape[0], count):
        n, m, low, high = one, one, n_max + m_max, zero
        for lane in range(count):
            a_lanes[lane] = b_lanes[lane] = -1
            radius[lane] = n_max + m_max
            if k + lane < a_members.shape[0]:
                a_lanes[lane], b_lanes[lane] = a_members[k + lane], b_members[k + lane]
                n_lane, m_lane = a_lengths[a_lanes[lane]], b_lengths[b_lanes[lane]]
                r = band_radius(n_lane, m_lane, samples, fraction)
                radius[lane] = r
                n, m, low, high = max(n, n_lane), max(m, m_lane), min(low, r), max(high, r)
        pack(a, a_starts, a_lengths, a_lanes, channels, a_tile.reshape(-1)[: n * channels * count])
        pack(b, b_starts, b_lengths, b_lanes, channels, b_tile[: m * channels * count])
        begin(front, m)
        i = zero
        while i < n:  # up to the next row at which some lane ends
            stop = n
            for lane in range(count):
                if a_lanes[lane] >= 0 and a_lengths[a_lanes[lane]] > i:
                    stop = min(stop, a_lengths[a_lanes[lane]])
            if counted:
                counted_sweep(a_tile, zero, i, stop, b_tile, zero, m, channels, radius, high, front, steps)
            else:
                sweep(a_tile, zero, i, stop, b_tile, zero, m, channels, radius, low, high, front)
            for lane in range(count):
                if a_lanes[lane] >= 0 and a_lengths[a_lanes[lane]] == stop:
                    end = b_lengths[b_lanes[lane]] * count + lane
                    cost = front[end] / steps[end] if counted else front[end]
                    out[k + lane] = math.sqrt(cost)
            i = stop


@kernel
def circular_pairs(
    a,
    a_starts,
    a_lengths,
    a_members,
    b,
    b_starts,
    b_lengths,
    b_members,
    channels,
    samples,
    fraction,
    quaternions,
    counted,
    out,
):
    """As `pairs`, of angles: the difference of two samples is circular, one pair at a time.

    quaternions : False for channels in degrees (difference modulo 360); True for unit quaternions, four channels each,
    whose difference is the angle of the rotation between them, in degrees, the same for q and -q.
    """
    m_max = 1
    for k in range(b_members.shape[0]):
        m_max = max(m_max, b_lengths[b_members[k]])
    front, steps = np.empty(m_max + 1), np.zeros(m_max + 1)
    for k in range(a_members.shape[0]):
        n, m = a_lengths[a_members[k]], b_lengths[b_members[k]]
        radius = band_radius(n, m, samples, fraction)
        front[:] = np.inf
        front[0] = 0.0
        for i in range(n):
            row = a_starts[a_members[k]] + i * channels
            first, last = max(0, i - radius), min(m, i + radius + 1)
            diagonal, diagonal_steps = front[first], steps[first]
            front[first] = np.inf
            left, left_steps = np.inf, 0.0
            for j in range(first, last):
                column = b_starts[b_members[k]] + j * channels
                cost = 0.0
                if quaternions:
                    for c in range(0, channels, 4):
                        dot = 0.0
                        for d in range(c, c + 4):
                            dot += a[row + d] * b[column + d]
                        step = math.degrees(2.0 * math.acos(min(1.0, abs(dot))))
                        cost += step * step
                else:
                    for c in range(channels):
                        step = abs(a[row + c] - b[column + c]) % 360.0
                        step = min(step, 360.0 - step)
                        cost += step * step
                above, above_steps = front[j + 1], steps[j + 1]
                if diagonal <= above and diagonal <= left:
                    left, left_steps = diagonal, diagonal_steps
                elif above <= left:
                    left, left_steps = above, above_steps
                left, left_steps = left + cost, left_steps + 1.0
                diagonal, diagonal_steps = above, above_steps
                front[j + 1], steps[j + 1] = left, left_steps
        out[k] = math.sqrt(front[m] / steps[m] if counted else front[m])


@kernel
def costs(a, b, radius, table):
    """Smallest costs (n + 1, m + 1) of a (n, channels) against b (m, channels); row and column 0 lie before them."""
    n, m = a.shape[0], b.shape[0]
    table[:] = np.inf
    table[0, 0] = 0.0
    for i in range(n):
        for j in range(max(0, i - radius), min(m, i + radius + 1)):
            cost = 0.0
            for c in range(a.shape[1]):
                step = a[i, c] - b[j, c]
                cost += step * step
            best = min(table[i, j], min(table[i, j + 1], table[i + 1, j]))
            table[i + 1, j + 1] = cost + best


@kernel
def trace(table, steps):
    """Walk back through a matrix of `costs`; ties: diagonal first, then the step in the first series.

    steps (n + m, 2) is filled from its end; returns the index of the first step.
    """
    i, j = table.shape[0] - 1, table.shape[1] - 1
    k = steps.shape[0]
    while i > 0 and j > 0:
        k -= 1
        steps[k, 0], steps[k, 1] = i - 1, j - 1
        diagonal, first, second = table[i - 1, j - 1], table[i - 1, j], table[i, j - 1]
        if diagonal <= first and diagonal <= second:
            i, j = i - 1, j - 1
        elif first <= second:
            i -= 1
        else:
            j -= 1
    return k
