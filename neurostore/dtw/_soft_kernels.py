"""Loops of soft-DTW (Cuturi and Blondel 2017, arXiv:1703.01541): arrays in, arrays out, no checks.

softmin(x, y, z) = -gamma log(exp(-x / gamma) + exp(-y / gamma) + exp(-z / gamma)), taken relative to the smallest so
that nothing overflows. Tables have a border of one cell on each side; closed cells hold inf.
"""

from __future__ import annotations

import math

import numpy as np

from neurostore.dtw._sweeps import kernel


@kernel
def soft_forward(costs, gamma, radius, table):
    """Smallest soft costs: costs (n, m) → table (n + 2, m + 2), the value at [n, m]."""
    n, m = costs.shape
    table[:] = np.inf
    table[0, 0] = 0.0
    for i in range(n):
        for j in range(max(0, i - radius), min(m, i + radius + 1)):
            x, y, z = table[i, j], table[i, j + 1], table[i + 1, j]
            low = min(x, min(y, z))
            total = math.exp((low - x) / gamma) + math.exp((low - y) / gamma) + math.exp((low - z) / gamma)
            table[i + 1, j + 1] = costs[i, j] + low - gamma * math.log(total)


@kernel
def soft_backward(costs, gamma, radius, table, share):
    """Derivative of the value by each cost: share (n, m), from the table of `soft_forward`."""
    n, m = costs.shape
    share[:] = 0.0
    share[n - 1, m - 1] = 1.0
    for i in range(n - 1, -1, -1):
        for j in range(min(m, i + radius + 1) - 1, max(0, i - radius) - 1, -1):
            if i == n - 1 and j == m - 1:
                continue
            total, here = 0.0, table[i + 1, j + 1]
            for di, dj in ((1, 0), (0, 1), (1, 1)):
                p, q = i + di, j + dj
                if p < n and q < m and abs(p - q) <= radius:
                    total += share[p, q] * math.exp((table[p + 1, q + 1] - costs[p, q] - here) / gamma)
            share[i, j] = total


@kernel
def squared_distances(a, b, costs):
    """Squared Euclidean distances of the samples of a (n, channels) and b (m, channels) into costs (n, m)."""
    for i in range(a.shape[0]):
        for j in range(b.shape[0]):
            total = 0.0
            for c in range(a.shape[1]):
                step = a[i, c] - b[j, c]
                total += step * step
            costs[i, j] = total
