"""Compiled kernels of the fit: sparse factors of the normal equations, and a step that stays within limits."""

from __future__ import annotations

from .kernels import inner


@inner
def factor(a, part, pattern, may_stay, stays):
    """a = Lᵀ D L in place over the pattern; -1, or the coordinate whose pivot is not positive.

    Eliminated from the last coordinate (the leaves) to the first, so branches do not fill each other.

    may_stay (U,) : a coordinate that stays where it is, instead, if its pivot is not positive; stays (U,) is filled.

    part : see gather_targets; of a limb only its own coordinates are eliminated.
    pattern : (start (U + 1,) of each coordinate in row, own (U,) where those of its own limb begin, row).
    """
    starts, own, row = pattern
    first, last = part[2], part[3]
    is_limb = last - first < a.shape[0]
    for u in range(last - 1, first - 1, -1):
        pivot = a[u, u]
        start, end = own[u] if is_limb else starts[u], starts[u + 1]
        stays[u] = not pivot > 0.0
        if stays[u]:
            if not may_stay[u]:
                return u
            for k in range(start, end):
                a[u, row[k]] = 0.0
            a[u, u] = 1.0
            continue
        inverse = 1.0 / pivot
        for k in range(start, end):
            i = row[k]
            left = a[u, i] * inverse
            if left != 0.0:
                for n in range(start, k + 1):
                    j = row[n]
                    a[i, j] -= left * a[u, j]
        for k in range(start, end):
            a[u, row[k]] *= inverse
    return -1


@inner
def solve(a, part, pattern, stays, x):
    """x becomes the solution of the factored system, in place."""
    starts, own, row = pattern
    first, last = part[2], part[3]
    is_limb = last - first < a.shape[0]
    for u in range(last - 1, first - 1, -1):
        if stays[u]:
            x[u] = 0.0
        for k in range(own[u] if is_limb else starts[u], starts[u + 1]):
            x[row[k]] -= a[u, row[k]] * x[u]
    for u in range(first, last):
        x[u] /= a[u, u]
        for k in range(own[u] if is_limb else starts[u], starts[u + 1]):
            x[u] -= a[u, row[k]] * x[row[k]]


@inner
def reduce_to_free(a, y, part, pattern, damping, top, buffers):
    """The damped matrix in kept and its right side in step, with what is fixed taken out. See bounded_step."""
    kept, step, fixed, delta, _, _ = buffers
    starts, own, row = pattern
    first, last = part[2], part[3]
    is_limb = last - first < a.shape[0]
    for u in range(first, last):
        step[u] = delta[u] if fixed[u] else y[u]
        kept[u, u] = 1.0 if fixed[u] else a[u, u] * (1.0 + damping) + top * 1e-10
    for u in range(first, last):
        for k in range(own[u] if is_limb else starts[u], starts[u + 1]):
            i = row[k]
            if fixed[u] or fixed[i]:
                kept[u, i] = 0.0
                if not fixed[i]:
                    step[i] -= a[u, i] * delta[u]
                elif not fixed[u]:
                    step[u] -= a[u, i] * delta[i]
            else:
                kept[u, i] = a[u, i]


@inner
def bounded_step(a, y, part, pattern, q, free, limits, damping, buffers):
    """The damped step that stays inside the limits: coordinates that would cross one stop there and the rest adapt.

    The step is filled; returns -1, or the coordinate at which the damped matrix has no factors.
    buffers : kept (U, U), scratch; step (U,); fixed (U,) and delta (U,), scratch; may_stay and stays (U,), see factor.
    """
    kept, step, fixed, delta, may_stay, stays = buffers
    low, high, _ = limits
    first, last = part[2], part[3]
    top = 0.0
    for u in range(first, last):
        top = max(top, a[u, u])
        x = q[free[u]]
        fixed[u] = (x <= low[free[u]] and y[u] < 0.0) or (x >= high[free[u]] and y[u] > 0.0)
        delta[u] = 0.0
    for _ in range(6):
        reduce_to_free(a, y, part, pattern, damping, top, buffers)
        failed = factor(kept, part, pattern, may_stay, stays)
        if failed >= 0:
            return failed
        solve(kept, part, pattern, stays, step)
        n_new = 0
        for u in range(first, last):
            x = q[free[u]]
            if not fixed[u] and x + step[u] < low[free[u]]:
                fixed[u], delta[u] = True, low[free[u]] - x
                n_new += 1
            elif not fixed[u] and x + step[u] > high[free[u]]:
                fixed[u], delta[u] = True, high[free[u]] - x
                n_new += 1
        if n_new == 0:
            break
    for u in range(first, last):
        x = q[free[u]]
        step[u] = min(max(step[u], low[free[u]] - x), high[free[u]] - x)
    return -1
