"""The rows of the matrix of smallest costs, carried on for all lanes of a tile at once. Names as in _kernels.

Callers give integers of type int64, never constants: numba gives a constant a type of its own while it infers types, and
compiles what is called with it once more (16 compilations of `five_rows` instead of 4).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from neurostore import compiled
from neurostore.dtw._lanes import load, not_unrolled, smaller, splat, spread, store, where_above, width

BLOCK_VALUES = 1 << 15  # values of a tile that are used for all rows before the next ones are read: 128 KB in float32

SOURCES = compiled.hash_of(Path(__file__).parent.glob("_*.py"))


kernel = partial(compiled.kernel, error_model="numpy", sources=SOURCES)


@kernel
def aligned(size, like):
    """An empty array of `size` values of the type of `like`, each vector of which is within one cache line."""
    line = 64 // like.itemsize
    values = np.empty(size + line, like.dtype)
    first = (-(values.ctypes.data // like.itemsize)) % line
    return values[first : first + size]


@kernel
def begin(front, m):
    """No row yet: everything closed but the corner before the first cell."""
    count = width(front)
    for j in range(m + 1):
        store(front, j * count, splat(front, np.inf))
    store(front, 0, splat(front, 0.0))


@kernel
def sweep(a, start, i, stop, b, b_start, m, channels, radius, radius_min, radius_max, front):
    """Carry `front` from row i to row `stop`: costs of warping a's first rows onto every beginning of the lanes.

    Afterwards entry (j + 1) * width + l of front is the cost of rows 0 … stop - 1 against samples 0 … j of lane l. Columns
    are worked in blocks whose samples stay in the cache for all rows: read anew for every five rows, the samples of long
    series with many channels come from memory at half the speed. radius_min, radius_max: the smallest and largest lane
    of `radius`; only columns that some lane has closed are masked.
    """
    count = width(b)
    closed = splat(b, np.inf)
    before, after = aligned((stop - i + 1) * count, b), aligned((stop - i + 1) * count, b)
    for k in range(1, stop - i + 1):
        store(before, k * count, closed)
    store(before, 0, load(front, 0))
    store(front, 0, closed)
    block = max(1, BLOCK_VALUES // (channels * count) // 2) * 2
    for low in range(0, m, block):
        high = min(m, low + block)
        store(after, 0, load(front, high * count))
        five_rows(
            a, start, i, stop, b, b_start, low, high, channels, radius, radius_min, radius_max, front, before, after
        )
        before, after = after, before


@kernel
def five_rows(a, start, i, stop, b, b_start, low, high, channels, radius, radius_min, radius_max, front, before, after):
    """`sweep` of columns low … high - 1, five rows at a time, so that a sample of the tile is loaded once for five cells.

    before, after : entry k * width is row i - 1 + k in the column before low, and in column high - 1. Where fewer than five
    rows are left, the last one is read in place of the missing ones, and what comes of it is not stored.
    """
    count = width(b)
    zero, closed = splat(b, 0.0), splat(b, np.inf)
    limit = load(radius, 0)
    at = 0
    while i < stop:
        rows = min(5, stop - i)
        row0 = start + i * channels
        row1 = row0 + min(1, rows - 1) * channels
        row2 = row0 + min(2, rows - 1) * channels
        row3 = row0 + min(3, rows - 1) * channels
        row4 = row0 + (rows - 1) * channels
        first, last = max(low, i - radius_max), min(high, i + rows + radius_max)
        open_first, open_last = i + rows - 1 - radius_min, i + radius_min
        diagonal = load(before, at)
        left0 = load(before, at + count)
        left1 = load(before, at + min(2, rows) * count)
        left2 = load(before, at + min(3, rows) * count)
        left3 = load(before, at + min(4, rows) * count)
        left4 = load(before, at + min(5, rows) * count)
        if first > low:
            left0, left1, left2, left3, left4 = closed, closed, closed, closed, closed
            if first < last:
                diagonal = load(front, first * count)
        for j in range(first, last - 1, 2):
            cost0, cost1, cost2, cost3, cost4 = zero, zero, zero, zero, zero
            next0, next1, next2, next3, next4 = zero, zero, zero, zero, zero
            column = b_start + j * channels * count
            beside = column + channels * count
            for c in range(channels):
                not_unrolled()
                x, y = load(b, column + c * count), load(b, beside + c * count)
                one = spread(a, row0 + c)
                step, step_beside = x - one, y - one
                cost0, next0 = cost0 + step * step, next0 + step_beside * step_beside
                one = spread(a, row1 + c)
                step, step_beside = x - one, y - one
                cost1, next1 = cost1 + step * step, next1 + step_beside * step_beside
                one = spread(a, row2 + c)
                step, step_beside = x - one, y - one
                cost2, next2 = cost2 + step * step, next2 + step_beside * step_beside
                one = spread(a, row3 + c)
                step, step_beside = x - one, y - one
                cost3, next3 = cost3 + step * step, next3 + step_beside * step_beside
                one = spread(a, row4 + c)
                step, step_beside = x - one, y - one
                cost4, next4 = cost4 + step * step, next4 + step_beside * step_beside
            if j < open_first or j > open_last:
                cost0 = where_above(splat(b, abs(j - i)), limit, closed, cost0)
                cost1 = where_above(splat(b, abs(j - i - 1)), limit, closed, cost1)
                cost2 = where_above(splat(b, abs(j - i - 2)), limit, closed, cost2)
                cost3 = where_above(splat(b, abs(j - i - 3)), limit, closed, cost3)
                cost4 = where_above(splat(b, abs(j - i - 4)), limit, closed, cost4)
            if j + 1 < open_first or j + 1 > open_last:
                next0 = where_above(splat(b, abs(j - i + 1)), limit, closed, next0)
                next1 = where_above(splat(b, abs(j - i)), limit, closed, next1)
                next2 = where_above(splat(b, abs(j - i - 1)), limit, closed, next2)
                next3 = where_above(splat(b, abs(j - i - 2)), limit, closed, next3)
                next4 = where_above(splat(b, abs(j - i - 3)), limit, closed, next4)
            above, above_beside = load(front, (j + 1) * count), load(front, (j + 2) * count)
            here0 = cost0 + smaller(left0, smaller(diagonal, above))
            here1 = cost1 + smaller(here0, smaller(left0, left1))
            here2 = cost2 + smaller(here1, smaller(left1, left2))
            here3 = cost3 + smaller(here2, smaller(left2, left3))
            here4 = cost4 + smaller(here3, smaller(left3, left4))
            left0 = next0 + smaller(here0, smaller(above, above_beside))
            left1 = next1 + smaller(left0, smaller(here0, here1))
            left2 = next2 + smaller(left1, smaller(here1, here2))
            left3 = next3 + smaller(left2, smaller(here2, here3))
            left4 = next4 + smaller(left3, smaller(here3, here4))
            diagonal = above_beside
            if rows == 5:
                store(front, (j + 1) * count, here4)
                store(front, (j + 2) * count, left4)
            else:
                store(front, (j + 1) * count, nth(rows, here0, here1, here2, here3))
                store(front, (j + 2) * count, nth(rows, left0, left1, left2, left3))
        for j in range(last - (last - first) % 2 if last > first else last, last):
            cost0, cost1, cost2, cost3, cost4 = zero, zero, zero, zero, zero
            column = b_start + j * channels * count
            for c in range(channels):
                x = load(b, column + c * count)
                step = x - spread(a, row0 + c)
                cost0 = cost0 + step * step
                step = x - spread(a, row1 + c)
                cost1 = cost1 + step * step
                step = x - spread(a, row2 + c)
                cost2 = cost2 + step * step
                step = x - spread(a, row3 + c)
                cost3 = cost3 + step * step
                step = x - spread(a, row4 + c)
                cost4 = cost4 + step * step
            if j < open_first or j > open_last:
                cost0 = where_above(splat(b, abs(j - i)), limit, closed, cost0)
                cost1 = where_above(splat(b, abs(j - i - 1)), limit, closed, cost1)
                cost2 = where_above(splat(b, abs(j - i - 2)), limit, closed, cost2)
                cost3 = where_above(splat(b, abs(j - i - 3)), limit, closed, cost3)
                cost4 = where_above(splat(b, abs(j - i - 4)), limit, closed, cost4)
            above = load(front, (j + 1) * count)
            here0 = cost0 + smaller(left0, smaller(diagonal, above))
            here1 = cost1 + smaller(here0, smaller(left0, left1))
            here2 = cost2 + smaller(here1, smaller(left1, left2))
            here3 = cost3 + smaller(here2, smaller(left2, left3))
            here4 = cost4 + smaller(here3, smaller(left3, left4))
            diagonal = above
            left0, left1, left2, left3, left4 = here0, here1, here2, here3, here4
            store(front, (j + 1) * count, here4 if rows == 5 else nth(rows, here0, here1, here2, here3))
        if last < high or first >= last:  # the band ends before the block does
            left0, left1, left2, left3, left4 = closed, closed, closed, closed, closed
        store(after, at + count, left0)
        if rows == 5:
            store(after, at + 2 * count, left1)
            store(after, at + 3 * count, left2)
            store(after, at + 4 * count, left3)
            store(after, at + 5 * count, left4)
        else:
            for k in range(2, rows + 1):
                store(after, at + k * count, nth(k, left0, left1, left2, left3))
        i, at = i + 5, at + 5 * count


@kernel
def nth(n, x1, x2, x3, x4):
    """The n-th of four vectors."""
    if n == 1:
        return x1
    if n == 2:
        return x2
    return x3 if n == 3 else x4


@kernel
def counted_sweep(a, start, i, stop, b, b_start, m, channels, radius, radius_max, front, steps):
    """As `sweep`, and `steps` holds the samples matched on the best path (ties: diagonal, then the step in a)."""
    count = width(b)
    zero, one, closed = splat(b, 0.0), splat(b, 1.0), splat(b, np.inf)
    limit = load(radius, 0)
    while i < stop:
        first, last = max(0, i - radius_max), min(m, i + 1 + radius_max)
        diagonal, diagonal_steps = load(front, first * count), load(steps, first * count)
        if first == 0:
            store(front, 0, closed)
        left, left_steps = closed, zero
        for j in range(first, last):
            cost = zero
            column = b_start + j * channels * count
            for c in range(channels):
                step = load(b, column + c * count) - spread(a, start + i * channels + c)
                cost = cost + step * step
            cost = where_above(splat(b, abs(j - i)), limit, closed, cost)
            above, above_steps = load(front, (j + 1) * count), load(steps, (j + 1) * count)
            best, best_steps = smaller(left, above), where_above(above, left, left_steps, above_steps)
            best_steps = where_above(diagonal, best, best_steps, diagonal_steps)
            left = cost + smaller(best, diagonal)
            left_steps = best_steps + one
            diagonal, diagonal_steps = above, above_steps
            store(front, (j + 1) * count, left)
            store(steps, (j + 1) * count, left_steps)
        i += 1
