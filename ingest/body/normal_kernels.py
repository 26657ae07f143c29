"""Compiled kernels of the fit: normal equations over a tree of bodies.

The Gauss-Newton matrix of weighted points on a tree of bodies is the joint-space inertia matrix of the same tree with
a point mass (the weight) at each target, and its gradient is the joint forces of the weighted residuals. Both come
from the composite-rigid-body and Newton-Euler recursions (Featherstone 2008, Rigid Body Dynamics Algorithms, chapters
5 and 6). A frame then costs what its bodies and their ancestors cost, not targets times coordinates.

An inertia is (mass, first moment 3, second moment xx, yy, zz, xy, xz, yz); a force is (torque, force) about the lab's
origin. The derivatives of points are exact; those of a rotation's residual vector are exact in the gradient.
"""

from __future__ import annotations

import math

from .kernels import inner


@inner
def gather_targets(part, r, p, points, at, weight, miss, turns, to, turn_weight, inertia, force, moment):
    """Weighted sum of squares of one frame; inertia (B, 10), force (B, 6) and moment (B, 9) of each node's own targets.

    moment is the sum of place times force, row by row: what second derivatives need.

    part : nodes, free coordinates and points of the whole body or of a limb, each as first and last + 1; only these are
        summed. points : (node (M,), place (M, 3)) of the model's markers; at (M, 3) their targets and weight (M,), 0 for missing.
    turns : (node (K,), rotation (K, 3, 3)); to (K, 3, 3) and turn_weight (K,) likewise. miss (M,) gets the distances.
    """
    node, local = points
    cost = 0.0
    first, last, _, _, first_point, last_point = part
    inertia[first:last] = 0.0
    force[first:last] = 0.0
    moment[first:last] = 0.0
    for m in range(first_point, last_point):
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
        fx, fy, fz = w * dx, w * dy, w * dz
        force[b, 0] += y * fz - z * fy
        force[b, 1] += z * fx - x * fz
        force[b, 2] += x * fy - y * fx
        force[b, 3] += fx
        force[b, 4] += fy
        force[b, 5] += fz
        moment[b, 0] += x * fx
        moment[b, 1] += x * fy
        moment[b, 2] += x * fz
        moment[b, 3] += y * fx
        moment[b, 4] += y * fy
        moment[b, 5] += y * fz
        moment[b, 6] += z * fx
        moment[b, 7] += z * fy
        moment[b, 8] += z * fz
    if turns[0].size:
        cost += _gather_turns(first, last, r, turns, to, turn_weight, inertia, force)
    return cost


@inner
def _gather_turns(first, last, r, turns, to, weight, inertia, force):
    """Rotation targets: residual = rotation vector that takes the body to its target, in the lab."""
    node, local = turns
    cost = 0.0
    for k in range(node.size):
        w, b = weight[k], node[k]
        if w == 0.0 or b < first or b >= last:
            continue
        # to @ (r @ local).T, written out because products of small arrays allocate memory
        trace, x, y, z = 0.0, 0.0, 0.0, 0.0
        for j in range(3):
            u = r[b, 0, 0] * local[k, 0, j] + r[b, 0, 1] * local[k, 1, j] + r[b, 0, 2] * local[k, 2, j]
            v = r[b, 1, 0] * local[k, 0, j] + r[b, 1, 1] * local[k, 1, j] + r[b, 1, 2] * local[k, 2, j]
            s = r[b, 2, 0] * local[k, 0, j] + r[b, 2, 1] * local[k, 1, j] + r[b, 2, 2] * local[k, 2, j]
            trace += to[k, 0, j] * u + to[k, 1, j] * v + to[k, 2, j] * s
            x += to[k, 2, j] * v - to[k, 1, j] * s
            y += to[k, 0, j] * s - to[k, 2, j] * u
            z += to[k, 1, j] * u - to[k, 0, j] * v
        sine = 0.5 * math.sqrt(x * x + y * y + z * z)
        cosine = 0.5 * (trace - 1.0)
        angle = math.atan2(sine, cosine)
        scale = 0.5 if sine < 1e-9 else 0.5 * angle / sine
        cost += w * angle * angle
        force[b, 0] += w * scale * x
        force[b, 1] += w * scale * y
        force[b, 2] += w * scale * z
        # as unit distances on each axis without a total mass: second moment with I_rot = w * identity
        inertia[b, 4] += 0.5 * w
        inertia[b, 5] += 0.5 * w
        inertia[b, 6] += 0.5 * w
    return cost


@inner
def held_above(tree, part):
    """Number of columns above a limb, which are held; 0 for the whole body."""
    first, last = part[0], part[1]
    return 0 if last - first == tree.parent.size else tree.ancestor_start[first + 1] - tree.ancestor_start[first]


@inner
def normal_columns(tree, part, screws, inertia, force, moment, is_newton, h, g):
    """Matrix h (C, C), lower part, and right side g (C,) from the nodes' targets, whose sums become composite.

    With is_newton the second derivatives of the points times their residuals are taken off: turning i before j moves a
    point by turn_i x (motion_j at the point). Curvature of a coordinate's own functions is left out.
    """
    parent, column_start, ancestor_start, ancestor = tree.parent, tree.column_start, tree.ancestor_start, tree.ancestor
    first, last = part[0], part[1]
    n_above = held_above(tree, part)
    for b in range(last - 1, first - 1, -1):
        up = parent[b]
        if up >= first:
            for k in range(10):
                inertia[up, k] += inertia[b, k]
            for k in range(6):
                force[up, k] += force[b, k]
            for k in range(9):
                moment[up, k] += moment[b, k]
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
            # momentum of the targets that this column moves
            nx = (yy + zz) * wx - xy * wy - xz * wz + hy * vz - hz * vy
            ny = (xx + zz) * wy - xy * wx - yz * wz + hz * vx - hx * vz
            nz = (xx + yy) * wz - xz * wx - yz * wy + hx * vy - hy * vx
            fx = m * vx + wy * hz - wz * hy
            fy = m * vy + wz * hx - wx * hz
            fz = m * vz + wx * hy - wy * hx
            sx, sy, sz = 0.0, 0.0, 0.0
            if is_newton:
                trace = moment[b, 0] + moment[b, 4] + moment[b, 8]
                px, py, pz = force[b, 3], force[b, 4], force[b, 5]
                sx = vy * pz - vz * py + (moment[b, 0] - trace) * wx + moment[b, 1] * wy + moment[b, 2] * wz
                sy = vz * px - vx * pz + moment[b, 3] * wx + (moment[b, 4] - trace) * wy + moment[b, 5] * wz
                sz = vx * py - vy * px + moment[b, 6] * wx + moment[b, 7] * wy + (moment[b, 8] - trace) * wz
            turns = wx != 0.0 or wy != 0.0 or wz != 0.0
            for d in range(column_start[b], c + 1):
                h[c, d] = (
                    screws[d, 0] * nx + screws[d, 1] * ny + screws[d, 2] * nz
                    + screws[d, 3] * fx + screws[d, 4] * fy + screws[d, 5] * fz
                )  # fmt: skip
                if turns:  # a joint does not rotate its own translations
                    h[c, d] -= screws[d, 0] * sx + screws[d, 1] * sy + screws[d, 2] * sz
            for k in range(ancestor_start[b] + n_above, ancestor_start[b + 1]):
                d = ancestor[k]
                h[c, d] = (
                    screws[d, 0] * (nx - sx) + screws[d, 1] * (ny - sy) + screws[d, 2] * (nz - sz)
                    + screws[d, 3] * fx + screws[d, 4] * fy + screws[d, 5] * fz
                )  # fmt: skip


@inner
def to_free(tree, part, pull, h, g, a, y):
    """a (U, U), lower part, and y (U,): the columns' equations h, g in the free coordinates, couplers followed."""
    parent, column_start, column_q = tree.parent, tree.column_start, tree.column_q
    ancestor_start, ancestor, gather_start, gather = tree.ancestor_start, tree.ancestor, tree.gather_start, tree.gather
    first, last = part[0], part[1]
    n_above = held_above(tree, part)
    if tree.dependent.size == 0 or last - first < parent.size:
        # every column is a free coordinate or none, in the same order; in a limb always
        for b in range(first, last):
            for c in range(column_start[b], column_start[b + 1]):
                if gather_start[c] == gather_start[c + 1]:
                    continue
                u = gather[gather_start[c]]
                y[u] = g[c]
                for d in range(column_start[b], c + 1):
                    if gather_start[d] < gather_start[d + 1]:
                        a[u, gather[gather_start[d]]] = h[c, d]
                for k in range(ancestor_start[b] + n_above, ancestor_start[b + 1]):
                    d = ancestor[k]
                    if gather_start[d] < gather_start[d + 1]:
                        a[u, gather[gather_start[d]]] = h[c, d]
        return
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


@inner
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
    if c == d and c1 - c0 > 1:  # each pair within a column was counted twice
        for i in range(c0, c1):
            for j in range(c0, i):
                u, v = gather[i], gather[j]
                extra = pull[column_q[c], u] * value * pull[column_q[c], v]
                a[max(u, v), min(u, v)] -= extra
