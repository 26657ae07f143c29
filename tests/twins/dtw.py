"""The obviously right dynamic time warping, one cell at a time."""

from __future__ import annotations

import math

import numpy as np


def radius(n: int, m: int, band: float | None) -> float:
    if band is None:
        return math.inf
    return band if isinstance(band, int) else math.ceil(band * max(n, m))


def table(a: np.ndarray, b: np.ndarray, band: float | None = None) -> np.ndarray:
    """(n, m) smallest sums of squares up to each cell; inf where closed."""
    n, m = len(a), len(b)
    best = np.full((n + 1, m + 1), np.inf)
    best[0, 0] = 0.0
    for i in range(n):
        for j in range(m):
            if abs(i - j) <= radius(n, m, band):
                cost = float(((a[i] - b[j]) ** 2).sum())
                best[i + 1, j + 1] = cost + min(best[i, j], best[i, j + 1], best[i + 1, j])
    return best[1:, 1:]


def distance(a: np.ndarray, b: np.ndarray, band: float | None = None) -> float:
    return math.sqrt(table(np.asarray(a, float), np.asarray(b, float), band)[-1, -1])


def path(a: np.ndarray, b: np.ndarray, band: float | None = None) -> list[tuple[int, int]]:
    """Ties: diagonal first, then the step in the first series."""
    costs = table(a, b, band)
    i, j = len(a) - 1, len(b) - 1
    steps = [(i, j)]
    while (i, j) != (0, 0):
        before = [(i - 1, j - 1), (i - 1, j), (i, j - 1)]
        inside = [(p, q) for p, q in before if p >= 0 and q >= 0]
        i, j = min(inside, key=lambda cell: (costs[cell], before.index(cell)))
        steps.append((i, j))
    return steps[::-1]


def soft(a: np.ndarray, b: np.ndarray, gamma: float) -> float:
    """soft-DTW from its definition, Cuturi and Blondel 2017 equation 1."""
    best = np.full((len(a) + 1, len(b) + 1), np.inf)
    best[0, 0] = 0.0
    for i in range(len(a)):
        for j in range(len(b)):
            three = -np.array([best[i, j], best[i, j + 1], best[i + 1, j]]) / gamma
            soft_minimum = -gamma * np.logaddexp.reduce(three)
            best[i + 1, j + 1] = ((a[i] - b[j]) ** 2).sum() + soft_minimum
    return float(best[-1, -1])
