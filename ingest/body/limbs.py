"""Limbs of a tree: parts that hang on the rest by one joint and are small enough to be solved by themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurostore.arrays import Ints

#: coordinates of a limb at most, as a share of those of the whole body
_SHARE = 1 / 3


def limbs_of(
    parent: Sequence[int], column_start: Sequence[int], gather_start: Sequence[int], gather: Sequence[int], n_free: int
) -> Ints:
    """Nodes and free coordinates of each limb, first and last + 1 of each: (L, 4).

    They are the largest parts of the tree with at most a third of its free coordinates. These move nothing else, and none
    of them is coupled. See tree.Arrays for the arguments; the nodes are depth first.
    """
    last = list(range(1, len(parent) + 1))
    for node in range(len(parent) - 1, -1, -1):
        if parent[node] >= 0:
            last[parent[node]] = max(last[parent[node]], last[node])
    n_moved = np.bincount(np.array(gather, np.int64), minlength=n_free)
    limbs, node = [], 0
    while node < len(parent):
        columns = range(column_start[node], column_start[last[node]])
        each = [gather[gather_start[c] : gather_start[c + 1]] for c in columns]
        own = [u for of in each for u in of]
        is_small = 0 < len(own) <= _SHARE * n_free and parent[node] >= 0
        if (
            is_small
            and max(map(len, each)) == 1
            and (n_moved[own] == 1).all()
            and own == list(range(own[0], own[-1] + 1))
        ):
            limbs.append((node, last[node], own[0], own[-1] + 1))
            node = last[node]
        else:
            node += 1
    return np.array(limbs, np.int64).reshape(-1, 4)


def own_rows(limbs: Ints, row_start: Sequence[int], row: Sequence[int]) -> Ints:
    """(U,) where in ``row`` the earlier coordinates of a coordinate's own limb begin."""
    out = np.array(row_start[:-1], np.int64)
    for _, _, first, last in limbs:
        for u in range(first, last):
            while out[u] < row_start[u + 1] and row[out[u]] < first:
                out[u] += 1
    return out
