"""Compiled kernels of the fit: one frame of a body or of one of its limbs, placed and summed into normal equations."""

from __future__ import annotations

import numpy as np

from .kernels import follow, inner, kernel, place
from .normal_kernels import gather_targets, normal_columns, to_free


@inner
def put(tree, n_axes, part, q, work):
    """Place the part's nodes at q (Q,), whose coupled coordinates are set."""
    follow(n_axes, tree.code, tree.data_start, tree.data, tree.argument_start, tree.argument, tree.dependent, tree.free,
           q, work[10], work[3])  # fmt: skip
    place(tree, part[0], part[1], q, work[0], work[1], work[2], work[3], work[4])


@inner
def collect(tree, part, q, frame, is_newton, work, a, y):
    """Cost of the part's targets where its nodes are placed, and its normal equations a (U, U) lower, y (U,).

    frame : (wished (C,), coordinates with targets of their own, wish (C,), weights (C,), then as in gather_targets:
        points, at, weight, miss, turns, to, turn_weight).
    """
    wished, wish, wish_weight, points, at, weight, miss, turns, to, turn_weight = frame
    r, p, screws, _, _, inertia, force, moment, h, g, pull, in_order = work
    first, last = part[2], part[3]
    cost = gather_targets(part, r, p, points, at, weight, miss, turns, to, turn_weight, inertia, force, moment)
    if in_order:
        normal_columns(tree, part, screws, inertia, force, moment, is_newton, a, y)
    else:
        normal_columns(tree, part, screws, inertia, force, moment, is_newton, h, g)
        to_free(tree, part, pull, h, g, a, y)
    for k in range(wished.size):
        w, i = wish_weight[k], wished[k]
        if w > 0.0:
            d = wish[k] - q[i]
            cost += w * d * d
            for u in range(first, last):
                slope = pull[i, u]
                if slope != 0.0:
                    y[u] += w * slope * d
                    for v in range(first, u + 1):
                        a[u, v] += w * slope * pull[i, v]
    return cost


@kernel
def scratch(tree):
    """Work arrays that are reused for every frame, and whether each column is the free coordinate of its number."""
    n_nodes, n_columns, n_free = tree.parent.size, tree.column_q.size, tree.free.size
    n_q = 0
    for i in range(tree.free.size):
        n_q = max(n_q, tree.free[i] + 1)
    for i in range(tree.argument.size):
        n_q = max(n_q, tree.argument[i] + 1)
    for i in range(tree.dependent.size):
        n_q = max(n_q, tree.dependent[i] + 1)
    for i in range(tree.column_q.size):
        n_q = max(n_q, tree.column_q[i] + 1)
    pull = np.zeros((n_q, n_free))
    for u in range(n_free):
        pull[tree.free[u], u] = 1.0
    in_order = tree.dependent.size == 0 and n_free == n_columns and tree.gather.size == n_columns
    for c in range(tree.gather.size):
        in_order = in_order and tree.gather[c] == c and tree.gather_start[c] == c
    return (
        np.empty((n_nodes, 3, 3)),
        np.empty((n_nodes, 3)),
        np.empty((n_columns, 6)),
        np.empty(16),
        np.empty(48),
        np.empty((n_nodes, 10)),
        np.empty((n_nodes, 6)),
        np.empty((n_nodes, 9)),
        np.zeros((n_columns, n_columns)),
        np.empty(n_columns),
        pull,
        in_order,
    )
