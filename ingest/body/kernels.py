"""Compiled forward kinematics of a tree of bodies: functions of coordinates, couplers, places and motions.

The motion of a column (a coordinate of a node) is (turn, velocity at the lab's origin), both per unit of it.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import numpy as np

from neurostore import compiled

#: numba's cache depends only on the file of a kernel, so it gets a hash of the files of all kernels. error_model "numpy"
#: omits the check for division by zero, because pivots are checked before a division.
kernel = partial(
    compiled.kernel, error_model="numpy", sources=compiled.hash_of(Path(__file__).parent.glob("*kernels.py"))
)
#: for the functions that a step consists of. They make no arrays; counting references took half of their time
inner = partial(kernel, counts_references=False)


@inner
def function_value(code, data, start, arguments, first, last, q, slopes):
    """Value of a function (see functions.Function); slopes[k] gets the derivative to its k-th argument."""
    if code == 0:
        return data[start]
    if code == 1:
        value = data[start + last - first]
        for k in range(last - first):
            value += data[start + k] * q[arguments[first + k]]
            slopes[k] = data[start + k]
        return value
    x = q[arguments[first]]
    if code == 4:
        angle = data[start + 1] * x + data[start + 2]
        slopes[0] = data[start] * data[start + 1] * math.cos(angle)
        return data[start] * math.sin(angle) + data[start + 3]
    return math.nan


@inner
def polynomial_value(data, start, end, x, slopes):
    """Value of a polynomial, highest power first, by Horner's rule."""
    value, slope = 0.0, 0.0
    for k in range(start, end):
        slope = slope * x + value
        value = value * x + data[k]
    slopes[0] = slope
    return value


@inner
def cubic_value(data, start, end, x, slopes):
    """Value of a cubic spline, straight beyond its ends."""
    n = (end - start) // 5
    low, high = 0, n - 1
    if x >= data[start + high]:
        low = high
    else:
        while high - low > 1:
            middle = (low + high) // 2
            if x >= data[start + middle]:
                low = middle
            else:
                high = middle
    s = x - data[start + low]
    y, b = data[start + n + low], data[start + 2 * n + low]
    if s < 0.0 or low == n - 1:
        slopes[0] = b
        return y + b * s
    c, d = data[start + 3 * n + low], data[start + 4 * n + low]
    slopes[0] = b + s * (2.0 * c + 3.0 * d * s)
    return y + s * (b + s * (c + s * d))


@inner
def evaluate(i, code, data_start, data, argument_start, argument, q, slopes):
    """Function number i of a tree at the coordinates q."""
    if code[i] == 5:
        slopes[0] = 1.0
        return q[argument[argument_start[i]]]
    start, end, first = data_start[i], data_start[i + 1], argument_start[i]
    if code[i] == 2:
        return cubic_value(data, start, end, q[argument[first]], slopes)
    if code[i] == 3:
        return polynomial_value(data, start, end, q[argument[first]], slopes)
    return function_value(code[i], data, start, argument, first, argument_start[i + 1], q, slopes)


@inner
def follow(n_axes, code, data_start, data, argument_start, argument, dependent, free, q, pull, slopes):
    """Set the coupled coordinates of q, and pull (Q, U) to the derivative of every coordinate to the free ones.

    Rows of pull of free coordinates are the identity's; those of coordinates held still are zero.
    """
    for k in range(dependent.size):
        i = n_axes + k
        j = dependent[k]
        q[j] = evaluate(i, code, data_start, data, argument_start, argument, q, slopes)
        for u in range(free.size):
            pull[j, u] = 0.0
        for a in range(argument_start[i + 1] - argument_start[i]):
            row = argument[argument_start[i] + a]
            for u in range(free.size):
                pull[j, u] += slopes[a] * pull[row, u]


@inner
def place(tree, first, last, q, r, p, screws, slopes, near):
    """Forward kinematics: rotation r (B, 3, 3), origin p (B, 3) of each node and the motion of each column (C, 6).

    Only nodes from ``first`` to before ``last`` are placed; those that carry them lie where r and p say.
    near (48,) is scratch: the joint's frame in the lab, turned on axis by axis.
    """
    parent = tree.parent
    sign = tree.sign
    before_r = tree.before_r
    before_p = tree.before_p
    after_r = tree.after_r
    after_p = tree.after_p
    axis_start = tree.axis_start
    axis_turns = tree.axis_turns
    axis = tree.axis
    code = tree.code
    data_start = tree.data_start
    data = tree.data
    argument_start = tree.argument_start
    argument = tree.argument
    argument_column = tree.argument_column
    column_start = tree.column_start
    for b in range(first, last):
        up = parent[b]
        a0, a1 = axis_start[b], axis_start[b + 1]
        for c in range(column_start[b], column_start[b + 1]):
            for k in range(6):
                screws[c, k] = 0.0
        if sign[b] < 0:
            _place_backward(b, tree, q, r, p, screws, slopes, near)
            continue
        # frame of the near body in the lab
        if up < 0:
            for i in range(3):
                for j in range(3):
                    near[3 * i + j] = before_r[b, i, j]
                near[9 + i] = before_p[b, i]
        else:
            for i in range(3):
                x, y, z = r[up, i, 0], r[up, i, 1], r[up, i, 2]
                for j in range(3):
                    near[3 * i + j] = x * before_r[b, 0, j] + y * before_r[b, 1, j] + z * before_r[b, 2, j]
                near[9 + i] = p[up, i] + x * before_p[b, 0] + y * before_p[b, 1] + z * before_p[b, 2]
        # translations first, because they move the centre of rotation
        for a in range(a0, a1):
            if axis_turns[a]:
                continue
            amount = evaluate(a, code, data_start, data, argument_start, argument, q, slopes)
            x, y, z = axis[a, 0], axis[a, 1], axis[a, 2]
            dx = near[0] * x + near[1] * y + near[2] * z
            dy = near[3] * x + near[4] * y + near[5] * z
            dz = near[6] * x + near[7] * y + near[8] * z
            near[9] += amount * dx
            near[10] += amount * dy
            near[11] += amount * dz
            for k in range(argument_start[a + 1] - argument_start[a]):
                c = argument_column[argument_start[a] + k]
                if c >= 0:
                    screws[c, 3] += slopes[k] * dx
                    screws[c, 4] += slopes[k] * dy
                    screws[c, 5] += slopes[k] * dz
        px, py, pz = near[9], near[10], near[11]
        for a in range(a0, a1):
            if not axis_turns[a]:
                continue
            x, y, z = axis[a, 0], axis[a, 1], axis[a, 2]
            wx = near[0] * x + near[1] * y + near[2] * z
            wy = near[3] * x + near[4] * y + near[5] * z
            wz = near[6] * x + near[7] * y + near[8] * z
            vx, vy, vz = py * wz - pz * wy, pz * wx - px * wz, px * wy - py * wx
            if code[a] == 5:
                amount = q[argument[argument_start[a]]]
                c = argument_column[argument_start[a]]
                if c >= 0:
                    screws[c, 0] += wx
                    screws[c, 1] += wy
                    screws[c, 2] += wz
                    screws[c, 3] += vx
                    screws[c, 4] += vy
                    screws[c, 5] += vz
            else:
                amount = evaluate(a, code, data_start, data, argument_start, argument, q, slopes)
                for k in range(argument_start[a + 1] - argument_start[a]):
                    c = argument_column[argument_start[a] + k]
                    if c >= 0:
                        s = slopes[k]
                        screws[c, 0] += s * wx
                        screws[c, 1] += s * wy
                        screws[c, 2] += s * wz
                        screws[c, 3] += s * vx
                        screws[c, 4] += s * vy
                        screws[c, 5] += s * vz
            turn(near, amount, x, y, z)
        for i in range(3):
            x, y, z = near[3 * i], near[3 * i + 1], near[3 * i + 2]
            for j in range(3):
                r[b, i, j] = x * after_r[b, 0, j] + y * after_r[b, 1, j] + z * after_r[b, 2, j]
            p[b, i] = near[9 + i] + x * after_p[b, 0] + y * after_p[b, 1] + z * after_p[b, 2]


@inner
def turn(m, angle, x, y, z):
    """m (first nine numbers, row by row) turned by an angle about its own axis (x, y, z), in place."""
    s, c = math.sin(angle), math.cos(angle)
    if x == 1.0 or y == 1.0 or z == 1.0:
        i = 1 if x == 1.0 else (2 if y == 1.0 else 0)
        j = (i + 1) % 3
        for row in range(0, 9, 3):
            u, v = m[row + i], m[row + j]
            m[row + i] = u * c + v * s
            m[row + j] = v * c - u * s
        return
    t = 1.0 - c
    a, b, d = t * x * x + c, t * x * y - s * z, t * x * z + s * y
    e, f, g = t * x * y + s * z, t * y * y + c, t * y * z - s * x
    h, i2, j2 = t * x * z - s * y, t * y * z + s * x, t * z * z + c
    for row in range(0, 9, 3):
        u, v, w = m[row], m[row + 1], m[row + 2]
        m[row] = u * a + v * e + w * h
        m[row + 1] = u * b + v * f + w * i2
        m[row + 2] = u * d + v * g + w * j2


@inner
def _place_backward(b, tree, q, r, p, screws, slopes, near):
    """A node that hangs on its joint's child: the joint's way from parent to child is walked backwards.

    near (48,) is scratch: the joint's rotation and shift, the child's frame, the parent's, and that turned on axis by axis.
    """
    up, axis = tree.parent[b], tree.axis
    across, child, far, walked = near[:12], near[12:24], near[24:36], near[36:48]
    first, last = tree.axis_start[b], tree.axis_start[b + 1]
    for i in range(12):
        across[i] = 1.0 if i in (0, 4, 8) else 0.0
    for a in range(first, last):
        amount = evaluate(a, tree.code, tree.data_start, tree.data, tree.argument_start, tree.argument, q, slopes)
        if tree.axis_turns[a]:
            turn(across, amount, axis[a, 0], axis[a, 1], axis[a, 2])
        else:
            for i in range(3):
                across[9 + i] += amount * axis[a, i]
    if up < 0:
        for i in range(3):
            for j in range(3):
                child[3 * i + j] = tree.before_r[b, i, j]
            child[9 + i] = tree.before_p[b, i]
    else:
        _compose(r[up], p[up], tree.before_r[b], tree.before_p[b], child)
    # far frame (the joint's parent frame): inverse of the joint's transform
    for i in range(3):
        far[9 + i] = child[9 + i]
        for j in range(3):
            far[3 * i + j] = 0.0
            for k in range(3):
                far[3 * i + j] += child[3 * i + k] * across[3 * j + k]
        for j in range(3):
            far[9 + i] -= far[3 * i + j] * across[9 + j]
    for i in range(12):
        walked[i] = far[i]
    cx, cy, cz = child[9], child[10], child[11]  # rotations are about the child frame's origin
    for a in range(first, last):
        amount = evaluate(a, tree.code, tree.data_start, tree.data, tree.argument_start, tree.argument, q, slopes)
        x, y, z = axis[a, 0], axis[a, 1], axis[a, 2]
        base = walked if tree.axis_turns[a] else far
        wx = base[0] * x + base[1] * y + base[2] * z
        wy = base[3] * x + base[4] * y + base[5] * z
        wz = base[6] * x + base[7] * y + base[8] * z
        for k in range(tree.argument_start[a + 1] - tree.argument_start[a]):
            c = tree.argument_column[tree.argument_start[a] + k]
            if c < 0:
                continue
            s = slopes[k]
            if tree.axis_turns[a]:
                screws[c, 0] -= s * wx
                screws[c, 1] -= s * wy
                screws[c, 2] -= s * wz
                screws[c, 3] -= s * (cy * wz - cz * wy)
                screws[c, 4] -= s * (cz * wx - cx * wz)
                screws[c, 5] -= s * (cx * wy - cy * wx)
            else:
                screws[c, 3] -= s * wx
                screws[c, 4] -= s * wy
                screws[c, 5] -= s * wz
        if tree.axis_turns[a]:
            turn(walked, amount, x, y, z)
    for i in range(3):
        x, y, z = far[3 * i], far[3 * i + 1], far[3 * i + 2]
        for j in range(3):
            r[b, i, j] = x * tree.after_r[b, 0, j] + y * tree.after_r[b, 1, j] + z * tree.after_r[b, 2, j]
        p[b, i] = far[9 + i] + x * tree.after_p[b, 0] + y * tree.after_p[b, 1] + z * tree.after_p[b, 2]


@inner
def _compose(r, p, before_r, before_p, out):
    """A frame (rotation row by row, then origin) in the lab, given in a body that lies at r (3, 3) and p (3,)."""
    for i in range(3):
        x, y, z = r[i, 0], r[i, 1], r[i, 2]
        for j in range(3):
            out[3 * i + j] = x * before_r[0, j] + y * before_r[1, j] + z * before_r[2, j]
        out[9 + i] = p[i] + x * before_p[0] + y * before_p[1] + z * before_p[2]


@kernel
def forward(tree, q, rotations, origins, n_axes):
    """Nodes of every frame: q (T, Q) in, its coupled coordinates set; rotations (T, B, 3, 3), origins (T, B, 3) out."""
    code, data_start, data, argument_start, argument = (
        tree.code,
        tree.data_start,
        tree.data,
        tree.argument_start,
        tree.argument,
    )
    dependent, free = tree.dependent, tree.free
    screws, slopes, near = np.empty((tree.column_q.size, 6)), np.empty(16), np.empty(48)
    pull = np.zeros((q.shape[1], free.size))
    for t in range(q.shape[0]):
        follow(n_axes, code, data_start, data, argument_start, argument, dependent, free, q[t], pull, slopes)
        place(tree, 0, tree.parent.size, q[t], rotations[t], origins[t], screws, slopes, near)
