"""Compiled kernels of the fit: normal equations over a tree of bodies, their sparse factors, Levenberg-Marquardt.

The Gauss-Newton matrix of weighted points on a tree of bodies is the joint-space inertia matrix of the same tree with
a point mass (the weight) at each target, and its gradient is the joint forces of the weighted residuals. Both come
from the composite-rigid-body and Newton-Euler recursions (Featherstone 2008, Rigid Body Dynamics Algorithms, chapters
5 and 6). A frame then costs what its bodies and their ancestors cost, not targets times coordinates.

An inertia is (mass, first moment 3, second moment xx, yy, zz, xy, xz, yz); a force is (torque, force) about the lab's
origin. The derivatives of points are exact; those of a rotation's residual vector are exact in the gradient.
"""

from __future__ import annotations

import math

import numpy as np

from ..compiled import kernel
from .kernels import follow, place


@kernel
def gather_targets(r, p, points, at, weight, miss, turns, to, turn_weight, inertia, force):
    """Weighted sum of squares of one frame; inertia (B, 10) and force (B, 6) of each node's own targets.

    points : (node (M,), place (M, 3)) of the model's markers; at (M, 3) their targets and weight (M,), 0 for missing.
    turns : (node (K,), rotation (K, 3, 3)); to (K, 3, 3) and turn_weight (K,) likewise. miss (M,) gets the distances.
    """
    node, local = points
    cost = 0.0
    inertia[:] = 0.0
    force[:] = 0.0
    for m in range(node.size):
        w = weight[m]
        if w == 0.0:
            continue
        b = node[m]
        u, v, s = local[m, 0], local[m, 1], local[m, 2]
        if b >= 0:
            x = p[b, 0] + r[b, 0, 0] * u + r[b, 0, 1] * v + r[b, 0, 2] * s
            y = p[b, 1] + r[b, 1, 0] * u + r[b, 1, 1] * v + r[b, 1, 2] * s
            z = p[b, 2] + r[b, 2, 0] * u + r[b, 2, 1] * v + r[b, 2, 2] * s
        else:
            x, y, z = u, v, s
        dx, dy, dz = at[m, 0] - x, at[m, 1] - y, at[m, 2] - z
        square = dx * dx + dy * dy + dz * dz
        cost += w * square
        miss[m] = math.sqrt(square)
        if b < 0:
            continue
        inertia[b, 0] += w
        inertia[b, 1] += w * x
        inertia[b, 2] += w * y
        inertia[b, 3] += w * z
        inertia[b, 4] += w * x * x
        inertia[b, 5] += w * y * y
        inertia[b, 6] += w * z * z
        inertia[b, 7] += w * x * y
        inertia[b, 8] += w * x * z
        inertia[b, 9] += w * y * z
        force[b, 0] += w * (y * dz - z * dy)
        force[b, 1] += w * (z * dx - x * dz)
        force[b, 2] += w * (x * dy - y * dx)
        force[b, 3] += w * dx
        force[b, 4] += w * dy
        force[b, 5] += w * dz
    if turns[0].size:
        cost += _gather_turns(r, turns, to, turn_weight, inertia, force)
    return cost


@kernel
def _gather_turns(r, turns, to, weight, inertia, force):
    """Rotation targets: residual = rotation vector that takes the body to its target, in the lab."""
    node, local = turns
    cost = 0.0
    for k in range(node.size):
        w, b = weight[k], node[k]
        if w == 0.0 or b < 0:
            continue
        left = to[k] @ (r[b] @ local[k]).T
        x, y, z = left[2, 1] - left[1, 2], left[0, 2] - left[2, 0], left[1, 0] - left[0, 1]
        sine = 0.5 * math.sqrt(x * x + y * y + z * z)
        cosine = 0.5 * (left[0, 0] + left[1, 1] + left[2, 2] - 1.0)
        angle = math.atan2(sine, cosine)
        scale = 0.5 if sine < 1e-9 else 0.5 * angle / sine
        cost += w * angle * angle
        force[b, 0] += w * scale * x
        force[b, 1] += w * scale * y
        force[b, 2] += w * scale * z
        # a mass at a unit's distance on each axis, without the mass: (second moment) I with I_rot = w * identity
        inertia[b, 4] += 0.5 * w
        inertia[b, 5] += 0.5 * w
        inertia[b, 6] += 0.5 * w
    return cost


@kernel
def normal_columns(parent, column_start, ancestor_start, ancestor, screws, inertia, force, h, g):
    """Matrix h (C, C), lower part, and right side g (C,) from the nodes' targets; inertia and force become composite."""
    for b in range(parent.size - 1, -1, -1):
        up = parent[b]
        if up >= 0:
            for k in range(10):
                inertia[up, k] += inertia[b, k]
            for k in range(6):
                force[up, k] += force[b, k]
        m, hx, hy, hz = inertia[b, 0], inertia[b, 1], inertia[b, 2], inertia[b, 3]
        xx, yy, zz = inertia[b, 4], inertia[b, 5], inertia[b, 6]
        xy, xz, yz = inertia[b, 7], inertia[b, 8], inertia[b, 9]
        for c in range(column_start[b], column_start[b + 1]):
            wx, wy, wz = screws[c, 0], screws[c, 1], screws[c, 2]
            vx, vy, vz = screws[c, 3], screws[c, 4], screws[c, 5]
            g[c] = (
                wx * force[b, 0] + wy * force[b, 1] + wz * force[b, 2]
                + vx * force[b, 3] + vy * force[b, 4] + vz * force[b, 5]
            )  # fmt: skip
            # momentum of the targets that move with this column
            nx = (yy + zz) * wx - xy * wy - xz * wz + hy * vz - hz * vy
            ny = (xx + zz) * wy - xy * wx - yz * wz + hz * vx - hx * vz
            nz = (xx + yy) * wz - xz * wx - yz * wy + hx * vy - hy * vx
            fx = m * vx + wy * hz - wz * hy
            fy = m * vy + wz * hx - wx * hz
            fz = m * vz + wx * hy - wy * hx
            for d in range(column_start[b], c + 1):
                h[c, d] = (
                    screws[d, 0] * nx + screws[d, 1] * ny + screws[d, 2] * nz
                    + screws[d, 3] * fx + screws[d, 4] * fy + screws[d, 5] * fz
                )  # fmt: skip
            for k in range(ancestor_start[b], ancestor_start[b + 1]):
                d = ancestor[k]
                h[c, d] = (
                    screws[d, 0] * nx + screws[d, 1] * ny + screws[d, 2] * nz
                    + screws[d, 3] * fx + screws[d, 4] * fy + screws[d, 5] * fz
                )  # fmt: skip


@kernel
def to_free(parent, column_start, column_q, ancestor_start, ancestor, gather_start, gather, pull, h, g, a, y):
    """a (U, U), lower part, and y (U,): the columns' equations h, g in the free coordinates, couplers followed."""
    a[:] = 0.0
    y[:] = 0.0
    for b in range(parent.size):
        for c in range(column_start[b], column_start[b + 1]):
            c0, c1 = gather_start[c], gather_start[c + 1]
            for i in range(c0, c1):
                u = gather[i]
                y[u] += pull[column_q[c], u] * g[c]
            for d in range(column_start[b], c + 1):
                _add_pair(c, d, c0, c1, column_q, gather_start, gather, pull, h, a)
            for k in range(ancestor_start[b], ancestor_start[b + 1]):
                _add_pair(c, ancestor[k], c0, c1, column_q, gather_start, gather, pull, h, a)


@kernel
def _add_pair(c, d, c0, c1, column_q, gather_start, gather, pull, h, a):
    value = h[c, d]
    d0, d1 = gather_start[d], gather_start[d + 1]
    for i in range(c0, c1):
        u = gather[i]
        left = pull[column_q[c], u] * value
        for j in range(d0, d1):
            v = gather[j]
            right = left * pull[column_q[d], v]
            if u > v:
                a[u, v] += right
            elif v > u:
                a[v, u] += right
            elif c == d:
                a[u, u] += right
            else:
                a[u, u] += 2.0 * right
    if c == d and c1 - c0 > 1:  # each pair of one column was met from both sides
        for i in range(c0, c1):
            for j in range(c0, i):
                u, v = gather[i], gather[j]
                extra = pull[column_q[c], u] * value * pull[column_q[c], v]
                a[max(u, v), min(u, v)] -= extra


@kernel
def factor(a, row_start, row, scale):
    """a = Lᵀ D L in place over the pattern row; returns False where a pivot is not positive.

    Eliminated from the last coordinate (the leaves) to the first, so branches do not fill each other.
    """
    for u in range(a.shape[0] - 1, -1, -1):
        pivot = a[u, u]
        if not pivot > scale[u] * 1e-14:
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
def walls(q, free, low, high, stiffness, a, y):
    """Soft walls at the limits: cost, and their part of the equations."""
    cost = 0.0
    for u in range(free.size):
        i = free[u]
        over = 0.0
        if q[i] < low[i]:
            over = low[i] - q[i]
        elif q[i] > high[i]:
            over = high[i] - q[i]
        if over != 0.0:
            cost += stiffness * over * over
            a[u, u] += stiffness
            y[u] += stiffness * over
    return cost


@kernel
def equations(tree, n_axes, q, low, high, stiffness, prior, prior_weight, points, at, weight, miss, turns, to,
              turn_weight, work, a, y):  # fmt: skip
    """Cost of one frame at q, and its normal equations a (U, U) lower, y (U,). Coupled coordinates of q are set."""
    (parent, sign, before_r, before_p, after_r, after_p, axis_start, axis_turns, axis, code, data_start, data,
     argument_start, argument, argument_column, column_start, column_q, ancestor_start, ancestor, dependent, free,
     gather_start, gather) = tree  # fmt: skip
    r, p, screws, slopes, near, inertia, force, h, g, pull = work
    follow(n_axes, code, data_start, data, argument_start, argument, dependent, free, q, pull, slopes)
    place(tree, q, r, p, screws, slopes, near)
    cost = gather_targets(r, p, points, at, weight, miss, turns, to, turn_weight, inertia, force)
    normal_columns(parent, column_start, ancestor_start, ancestor, screws, inertia, force, h, g)
    to_free(parent, column_start, column_q, ancestor_start, ancestor, gather_start, gather, pull, h, g, a, y)
    cost += walls(q, free, low, high, stiffness, a, y)
    for u in range(free.size):
        w = prior_weight[u]
        if w > 0.0:
            d = prior[u] - q[free[u]]
            cost += w * d * d
            a[u, u] += w
            y[u] += w * d
    return cost


@kernel
def scratch(tree):
    """Arrays that one frame after another is worked out in."""
    n_nodes, n_columns, n_free = tree[0].size, tree[16].size, tree[20].size
    n_q = 0
    for i in range(tree[20].size):
        n_q = max(n_q, tree[20][i] + 1)
    for i in range(tree[13].size):
        n_q = max(n_q, tree[13][i] + 1)
    for i in range(tree[19].size):
        n_q = max(n_q, tree[19][i] + 1)
    for i in range(tree[16].size):
        n_q = max(n_q, tree[16][i] + 1)
    pull = np.zeros((n_q, n_free))
    for u in range(n_free):
        pull[tree[20][u], u] = 1.0
    return (
        np.empty((n_nodes, 3, 3)),
        np.empty((n_nodes, 3)),
        np.empty((n_columns, 6)),
        np.empty(16),
        np.empty(12),
        np.empty((n_nodes, 10)),
        np.empty((n_nodes, 6)),
        np.zeros((n_columns, n_columns)),
        np.empty(n_columns),
        pull,
    )


@kernel
def fit_frames(tree, n_axes, pattern, limits, start, q, prior, prior_weight, points, at, weight, turns, to, turn_weight,
               tolerance, max_steps, miss, cost, steps):  # fmt: skip
    """Levenberg-Marquardt frame after frame, each warm from the ones before.

    q (T, Q) in holds what is held still or prescribed, out the solution; start (Q,) the first frame's guess.
    limits : (low (Q,), high (Q,), stiffness). pattern : (row_start, row) of the factors. miss (T, M), cost (T,) and
    steps (T,) are filled; steps is 0 where a frame has no target, and q keeps the last solution there.
    """
    free = tree[20]
    low, high, stiffness = limits
    row_start, row = pattern
    n = free.size
    work = scratch(tree)
    a, y = np.empty((n, n)), np.empty(n)
    kept, kept_y, step, before = np.empty((n, n)), np.empty(n), np.empty(n), np.empty(n)
    scale = np.empty(n)
    last, last_but_one = start[free].copy(), start[free].copy()
    n_warm = 0
    for t in range(q.shape[0]):
        n_seen = 0
        for m in range(weight.shape[1]):
            n_seen += weight[t, m] > 0.0
        for m in range(turn_weight.shape[1]):
            n_seen += turn_weight[t, m] > 0.0
        for u in range(n):
            q[t, free[u]] = last[u]
            if n_warm > 1:
                q[t, free[u]] += last[u] - last_but_one[u]
        if n_seen == 0:
            for u in range(n):
                q[t, free[u]] = last[u]
            steps[t] = 0
            n_warm = min(n_warm, 1)
            continue
        damping = 1e-8 if n_warm > 0 else 1e-3
        now = equations(tree, n_axes, q[t], low, high, stiffness, prior[t], prior_weight, points, at[t], weight[t],
                        miss[t], turns, to[t], turn_weight[t], work, a, y)  # fmt: skip
        k = 0
        while k < max_steps:
            k += 1
            top = 0.0
            for u in range(n):
                top = max(top, a[u, u])
            for u in range(n):
                for i in range(row_start[u], row_start[u + 1]):
                    kept[u, row[i]] = a[u, row[i]]
                kept[u, u] = a[u, u] * (1.0 + damping) + top * 1e-10
                scale[u] = kept[u, u]
                step[u] = y[u]
                before[u] = q[t, free[u]]
            if not factor(kept, row_start, row, scale):
                damping = max(damping * 10.0, 1e-6)
                continue
            solve(kept, row_start, row, step)
            size = 0.0
            for u in range(n):
                size = max(size, abs(step[u]))
            if size > 0.5:  # half a radian: the equations are straight lines only near by
                for u in range(n):
                    step[u] *= 0.5 / size
            for u in range(n):
                q[t, free[u]] = before[u] + step[u]
            if size < tolerance:
                break
            for u in range(n):
                for i in range(row_start[u], row_start[u + 1]):
                    kept[u, row[i]] = a[u, row[i]]
                kept[u, u] = a[u, u]
                kept_y[u] = y[u]
            new = equations(tree, n_axes, q[t], low, high, stiffness, prior[t], prior_weight, points, at[t], weight[t],
                            miss[t], turns, to[t], turn_weight[t], work, a, y)  # fmt: skip
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
                damping = max(damping * 10.0, 1e-6)
                if damping > 1e8:
                    break
        cost[t] = now
        steps[t] = k
        follow(n_axes, tree[9], tree[10], tree[11], tree[12], tree[13], tree[19], free, q[t], work[9], work[3])
        for u in range(n):
            last_but_one[u] = last[u] if n_warm > 0 else q[t, free[u]]
            last[u] = q[t, free[u]]
        n_warm += 1


@kernel
def frame_equations(tree, n_axes, limits, q, prior, prior_weight, points, at, weight, turns, to, turn_weight, miss,
                    matrix, right, cost):  # fmt: skip
    """Normal equations of every frame at q: matrix (T, U, U), lower part, and right (T, U)."""
    low, high, stiffness = limits
    work = scratch(tree)
    for t in range(q.shape[0]):
        cost[t] = equations(tree, n_axes, q[t], low, high, stiffness, prior[t], prior_weight, points, at[t], weight[t],
                            miss[t], turns, to[t], turn_weight[t], work, matrix[t], right[t])  # fmt: skip
