"""A distance matrix as a figure: clustering order, dendrogram, and points in a plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurostore.arrays import Floats, Ints


@dataclass(frozen=True)
class Tree:
    """An average-linkage tree (UPGMA) with its leaves in the order that puts similar items side by side (Bar-Joseph et al. 2001).

    order : (n,) indices of items. lines : for each merge x (4,) in places of leaves and y (4,) in distance.
    """

    order: Ints
    lines: list[tuple[Floats, Floats]]


def cluster(distances: Floats) -> Tree:
    """The tree of a square distance matrix of at least 2 items."""
    from scipy.cluster.hierarchy import dendrogram, linkage
    from scipy.spatial.distance import squareform

    values = np.asarray(distances, float)
    links = linkage(squareform(values, checks=False), method="average", optimal_ordering=True)
    drawn = dendrogram(links, no_plot=True)
    lines = [((np.array(x) - 5) / 10, np.array(y)) for x, y in zip(drawn["icoord"], drawn["dcoord"], strict=True)]
    return Tree(np.array(drawn["leaves"]), lines)


def classical_mds(distances: Floats) -> tuple[Floats, float]:
    """Points in a plane whose distances come closest to a matrix: classical scaling (Torgerson 1952, doi 10.1007/BF02288916).

    Parameters
    ----------
    distances : (n, n) symmetric, n >= 2.

    Returns
    -------
    (n, 2) coordinates in the unit of the distances, each axis turned so that its largest value is positive, and the share of
    the sum of absolute eigenvalues that the two axes hold, 0 to 1.
    """
    squared = np.asarray(distances, float) ** 2
    centred = squared - squared.mean(axis=0) - squared.mean(axis=1)[:, None] + squared.mean()
    values, vectors = np.linalg.eigh(-0.5 * centred)
    first = np.argsort(values)[::-1][:2]
    points = vectors[:, first] * np.sqrt(np.maximum(values[first], 0.0))
    largest = points[np.abs(points).argmax(axis=0), [0, 1]]
    total = np.abs(values).sum()
    share = float(np.maximum(values[first], 0).sum() / total) if total else 1.0
    return points * np.where(largest < 0, -1.0, 1.0), share
