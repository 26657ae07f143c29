"""Compiled kernels of the fit: sparse factors of the normal equations, and Levenberg-Marquardt within limits, frame by frame."""

from __future__ import annotations

import numpy as np

from .kernels import follow, kernel, place
from .normal_kernels import gather_targets, normal_columns, to_free

#: predicted decrease after which a frame is done at the usual tolerance: a share of the cost, and m² of the weighted mean
#: square, whichever is less. The step itself is still taken.
NEGLIGIBLE, UNSEEN, USUAL = 1e-4, 1e-9, 1e-5


@kernel
def factor(a, row_start, row):
    """a = Lᵀ D L in place over the pattern row; returns False where a pivot is not positive.

    Eliminated from the last coordinate (the leaves) to the first, so branches do not fill each other.
    """
    for u in range(a.shape[0] - 1, -1, -1):
        pivot = a[u, u]
        if not pivot > 0.0:
            return False
        inverse = 1.0 / pivot
        for k in range(row_start[u], row_start[u + 1]):
            i = row[k]
            left = a[u, i] * inverse
            if left != 0.0:
                for n in range(row_start[u], k + 1):
                    j = row[n]
                    a[i, j] -= left * a[u, j]
        for k in range(row_start[u], row_start[u + 1]):
            a[u, row[k]] *= inverse
    return True


@kernel
def solve(a, row_start, row, x):
    """x becomes the solution of the factored system, in place."""
    n = a.shape[0]
    for u in range(n - 1, -1, -1):
        for k in range(row_start[u], row_start[u + 1]):
            x[row[k]] -= a[u, row[k]] * x[u]
    for u in range(n):
        x[u] /= a[u, u]
        for k in range(row_start[u], row_start[u + 1]):
            x[u] -= a[u, row[k]] * x[row[k]]


@kernel
def bounded_step(a, y, q, free, low, high, damping, row_start, row, kept, step, fixed, delta):
    """The damped step that stays inside the limits: coordinates that would cross one stop there and the rest adapt.

    step (U,) is filled; returns False where the damped matrix has no factors. kept (U, U), fixed, delta (U,): scratch.
    """
    n = free.size
    top = 0.0
    for u in range(n):
        top = max(top, a[u, u])
        x = q[free[u]]
        fixed[u] = (x <= low[free[u]] and y[u] < 0.0) or (x >= high[free[u]] and y[u] > 0.0)
        delta[u] = 0.0
    for _ in range(6):
        for u in range(n):
            step[u] = delta[u] if fixed[u] else y[u]
            kept[u, u] = 1.0 if fixed[u] else a[u, u] * (1.0 + damping) + top * 1e-10
        for u in range(n):
            for k in range(row_start[u], row_start[u + 1]):
                i = row[k]
                if fixed[u] or fixed[i]:
                    kept[u, i] = 0.0
                    if not fixed[i]:
                        step[i] -= a[u, i] * delta[u]
                    elif not fixed[u]:
                        step[u] -= a[u, i] * delta[i]
                else:
                    kept[u, i] = a[u, i]
        if not factor(kept, row_start, row):
            return False
        solve(kept, row_start, row, step)
        n_new = 0
        for u in range(n):
            x = q[free[u]]
            if not fixed[u]:
                if x + step[u] < low[free[u]]:
                    fixed[u], delta[u] = True, low[free[u]] - x
                    n_new += 1
                elif x + step[u] > high[free[u]]:
                    fixed[u], delta[u] = True, high[free[u]] - x
                    n_new += 1
        if n_new == 0:
            break
    for u in range(n):
        x = q[free[u]]
        step[u] = min(max(step[u], low[free[u]] - x), high[free[u]] - x)
    return True


@kernel
def equations(tree, n_axes, q, wished, wish, wish_weight, points, at, weight, miss, turns, to,
              turn_weight, is_newton, work, a, y):  # fmt: skip
    """Cost of one frame at q, and its normal equations a (U, U) lower, y (U,). Coupled coordinates of q are set.

    wished (C,) : coordinates with targets of their own, wish (C,), and weights (C,).
    """
    parent = tree.parent
    code = tree.code
    data_start = tree.data_start
    data = tree.data
    argument_start = tree.argument_start
    argument = tree.argument
    column_start = tree.column_start
    column_q = tree.column_q
    ancestor_start = tree.ancestor_start
    ancestor = tree.ancestor
    dependent = tree.dependent
    free = tree.free
    gather_start = tree.gather_start
    gather = tree.gather
    r, p, screws, slopes, near, inertia, force, moment, h, g, pull, in_order = work
    follow(n_axes, code, data_start, data, argument_start, argument, dependent, free, q, pull, slopes)
    place(tree, q, r, p, screws, slopes, near)
    cost = gather_targets(r, p, points, at, weight, miss, turns, to, turn_weight, inertia, force, moment)
    if in_order:
        normal_columns(parent, column_start, ancestor_start, ancestor, screws, inertia, force, moment, is_newton, a, y)
    else:
        normal_columns(parent, column_start, ancestor_start, ancestor, screws, inertia, force, moment, is_newton, h, g)
        to_free(dependent.size, parent, column_start, column_q, ancestor_start, ancestor, gather_start, gather, pull,
                h, g, a, y)  # fmt: skip
    for k in range(wished.size):
        w, i = wish_weight[k], wished[k]
        if w > 0.0:
            d = wish[k] - q[i]
            cost += w * d * d
            for u in range(free.size):
                slope = pull[i, u]
                if slope != 0.0:
                    y[u] += w * slope * d
                    for v in range(u + 1):
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
        np.empty(12),
        np.empty((n_nodes, 10)),
        np.empty((n_nodes, 6)),
        np.empty((n_nodes, 9)),
        np.zeros((n_columns, n_columns)),
        np.empty(n_columns),
        pull,
        in_order,
    )


@kernel
def drawn_on(past, u, order):
    """The next value of coordinate u after its values past (3, U), newest first: the last one, or on a line or a parabola."""
    if order == 0:
        return past[0, u]
    if order == 1:
        return 2.0 * past[0, u] - past[1, u]
    return 3.0 * (past[0, u] - past[1, u]) + past[2, u]


@kernel
def fit_frames(tree, n_axes, pattern, limits, start, q, wished, wish, wish_weight, points, at, weight, turns, to, turn_weight,
               tolerance, max_steps, miss, cost, steps):  # fmt: skip
    """Levenberg-Marquardt frame after frame, each started from the frames before it.

    q (T, Q) in holds what is held still or prescribed, out the solution; start (Q,) the first frame's guess.
    limits : (low (Q,), high (Q,), whole (Q,) turn after which a coordinate is where it was, 0 for none). pattern : (row_start, row) of the factors. miss (T, M), cost (T,) and
    steps (T,) are filled; steps is 0 where a frame has no target, and q keeps the last solution there.
    """
    free = tree.free
    low, high, whole = limits
    row_start, row = pattern
    n = free.size
    work = scratch(tree)
    a, y = np.zeros((n, n)), np.zeros(n)
    kept, kept_y, step, before = np.empty((n, n)), np.empty(n), np.empty(n), np.empty(n)
    fixed, delta = np.zeros(n, np.bool_), np.zeros(n)
    past, off = np.empty((3, n)), np.zeros((3, n))
    share = min((tolerance / USUAL) ** 2, 1.0)
    past[:] = start[free]
    n_warm = 0
    for t in range(q.shape[0]):
        n_seen = 0
        for m in range(weight.shape[1]):
            n_seen += weight[t, m] > 0.0
        for m in range(turn_weight.shape[1]):
            n_seen += turn_weight[t, m] > 0.0
        if n_seen == 0:
            for u in range(n):
                q[t, free[u]] = past[0, u]
            steps[t] = 0
            n_warm = min(n_warm, 1)
            continue
        total = 0.0
        for m in range(weight.shape[1]):
            total += weight[t, m]
        for m in range(turn_weight.shape[1]):
            total += turn_weight[t, m]
        for u in range(n):
            order = 0
            for k in range(1, min(n_warm, 3)):
                if off[k, u] < off[order, u]:
                    order = k
            q[t, free[u]] = min(max(drawn_on(past, u, order), low[free[u]]), high[free[u]])
        damping = 1e-8 if n_warm > 0 else 1e-3
        is_newton = n_warm > 0
        now = equations(tree, n_axes, q[t], wished, wish[t], wish_weight[t], points, at[t], weight[t],
                        miss[t], turns, to[t], turn_weight[t], is_newton, work, a, y)  # fmt: skip
        k = 0
        while k < max_steps:
            k += 1
            if not bounded_step(a, y, q[t], free, low, high, damping, row_start, row, kept, step, fixed, delta):
                if is_newton:  # not convex here: continue with first derivatives only
                    is_newton = not is_newton  # for a constant numba compiles `equations` anew
                    equations(tree, n_axes, q[t], wished, wish[t], wish_weight[t], points, at[t], weight[t], miss[t], turns,
                              to[t], turn_weight[t], is_newton, work, a, y)  # fmt: skip
                else:
                    damping = max(damping * 10.0, 1e-3)
                continue
            size, gain = 0.0, 0.0
            for u in range(n):
                size = max(size, abs(step[u]))
                gain += step[u] * y[u]
            if size > 0.5:  # at most half a radian, since the equations are linear only for small steps
                for u in range(n):
                    step[u] *= 0.5 / size
            for u in range(n):
                before[u] = q[t, free[u]]
                q[t, free[u]] = before[u] + step[u]
            is_small = damping < 1e-4 and 0.0 <= gain < share * min(NEGLIGIBLE * now, UNSEEN * total)
            if size < tolerance or is_small:  # a damped step promises little, however far it is to go
                break
            for u in range(n):
                for i in range(row_start[u], row_start[u + 1]):
                    kept[u, row[i]] = a[u, row[i]]
                kept[u, u] = a[u, u]
                kept_y[u] = y[u]
            is_newton = size < 0.3
            new = equations(tree, n_axes, q[t], wished, wish[t], wish_weight[t], points, at[t], weight[t],
                            miss[t], turns, to[t], turn_weight[t], is_newton, work, a, y)  # fmt: skip
            if new <= now * (1.0 + 1e-12):
                now = new
                damping = max(damping * 0.1, 1e-10)
            else:
                for u in range(n):
                    q[t, free[u]] = before[u]
                    for i in range(row_start[u], row_start[u + 1]):
                        a[u, row[i]] = kept[u, row[i]]
                    a[u, u] = kept[u, u]
                    y[u] = kept_y[u]
                damping = max(damping * 10.0, 1e-3)
                if damping > 1e8:
                    break
        for u in range(n):  # remove whole turns, which would be carried on from frame to frame
            if whole[free[u]] > 0.0:
                q[t, free[u]] -= whole[free[u]] * np.round((q[t, free[u]] - past[0, u]) / whole[free[u]])
        cost[t] = now
        steps[t] = k
        follow(
            n_axes,
            tree.code,
            tree.data_start,
            tree.data,
            tree.argument_start,
            tree.argument,
            tree.dependent,
            free,
            q[t],
            work[10],
            work[3],
        )
        for k in range(3):
            for u in range(n):
                off[k, u] = 0.5 * off[k, u] + abs(q[t, free[u]] - drawn_on(past, u, k))
        for u in range(n):
            past[2, u], past[1, u], past[0, u] = past[1, u], past[0, u], q[t, free[u]]
        n_warm += 1


@kernel
def frame_equations(tree, n_axes, q, wished, wish, wish_weight, points, at, weight, turns, to, turn_weight, miss,
                    matrix, right, cost):  # fmt: skip
    """Normal equations of every frame at q: matrix (T, U, U), lower part, and right (T, U)."""
    work = scratch(tree)
    for t in range(q.shape[0]):
        cost[t] = equations(tree, n_axes, q[t], wished, wish[t], wish_weight[t], points, at[t], weight[t],
                            miss[t], turns, to[t], turn_weight[t], np.bool_(False), work, matrix[t], right[t])  # fmt: skip
