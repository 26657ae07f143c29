"""Compiled kernels of the fit: Levenberg-Marquardt within limits, frame by frame, and limb by limb where that is better.

A limb whose targets say little about it, such as a straight arm with one marker at the elbow and one at the wrist, has its
minimum in a long curved valley, which steps of the whole body follow slowly. So a limb in trouble (its matrix is not
convex, or its step is long) goes to its own minimum while the rest of the body is held, at a tenth of the time of a step
of the whole body.
"""

from __future__ import annotations

import numpy as np

from .factor_kernels import bounded_step
from .frame_kernels import collect, put, scratch
from .kernels import follow, inner, kernel

#: predicted decrease after which a frame is done at the usual tolerance: a share of the cost, and m² of the weighted mean
#: square, whichever is less. The step itself is still taken.
NEGLIGIBLE, UNSEEN, USUAL = 1e-4, 1e-9, 1e-5
#: the share of the cost once a step was taken back: what is left is a flat valley
DAMPED = 1e-3
#: radians or metres that the last step may change where no limb is in trouble; the rest is then about its square
SURE = 5e-4
#: radians or metres: a limb with a longer step is in trouble, and it is still taken as such for a number of frames
LONG, TROUBLED = 0.2, 4
#: steps of a limb at most, their first damping, and what the last one promises: a share of the frame's cost, or, before
#: that is known, m² of the weighted mean square
LIMB_STEPS, LIMB_DAMPING, LIMB_SHARE, LIMB_FIRST = 12, 1e-3, 1e-3, 3e-8
#: in one of so many frames each limb is tried from its place at rest; share of the frame's cost that it must save there
RESET_EVERY, RESET = 10, 0.2
#: how much the record of a coordinate's extrapolation counts after each further frame
REMEMBERED = 0.9


@kernel
def parts(tree, points, limbs):
    """Nodes, free coordinates and points of the whole body, then of each limb: (L + 1, 6), first and last + 1 of each."""
    node = points[0]
    out = np.zeros((len(limbs) + 1, 6), np.int64)
    out[0, 1], out[0, 3], out[0, 5] = tree.parent.size, tree.free.size, node.size
    for i in range(len(limbs)):
        for k in range(4):
            out[i + 1, k] = limbs[i, k]
        for m in range(node.size):  # points are in the order of their nodes
            out[i + 1, 4] += node[m] < limbs[i, 0]
            out[i + 1, 5] += node[m] < limbs[i, 1]
    return out


@inner
def part_of(table, i):
    """Row i of the parts."""
    return table[i, 0], table[i, 1], table[i, 2], table[i, 3], table[i, 4], table[i, 5]


@inner
def settle(tree, n_axes, limb, pattern, limits, q, frame, enough, work, a, y, buffers, before):
    """A limb goes to its own minimum, or near it, while the rest of the body is held; it is placed there, in q (Q,).

    enough : predicted decrease of the cost after which it is there. before (U,) : scratch.
    """
    free, step = tree.free, buffers[1]
    first, last = limb[2], limb[3]
    damping, is_newton = LIMB_DAMPING, False
    now = collect(tree, limb, q, frame, is_newton, work, a, y)
    for _ in range(LIMB_STEPS):
        if bounded_step(a, y, limb, pattern, q, free, limits, damping, buffers) >= 0:
            if is_newton:
                is_newton = not is_newton  # for a constant numba compiles `collect` anew
                collect(tree, limb, q, frame, is_newton, work, a, y)
            else:
                damping = max(damping * 10.0, 1e-3)
            continue
        size, gain = 0.0, 0.0
        for u in range(first, last):
            size = max(size, abs(step[u]))
            gain += step[u] * y[u]
        shorter = 0.5 / size if size > 0.5 else 1.0
        for u in range(first, last):
            before[u] = q[free[u]]
            q[free[u]] = before[u] + shorter * step[u]
        put(tree, n_axes, limb, q, work)
        if 0.0 <= gain < enough:
            return
        is_newton = size < 0.3
        new = collect(tree, limb, q, frame, is_newton, work, a, y)
        if new <= now * (1.0 + 1e-12):
            now, damping = new, max(damping * 0.1, 1e-10)
        else:
            for u in range(first, last):
                q[free[u]] = before[u]
            put(tree, n_axes, limb, q, work)
            collect(tree, limb, q, frame, is_newton, work, a, y)
            damping = max(damping * 10.0, 1e-3)


@inner
def drawn_on(past, u, order):
    """The next value of coordinate u after its values past (4, U), newest first.

    order : 0 the last one, 1 on the line of four values, which is drawn on in spite of noise, 2 on a line of two, 3 on a
    parabola.
    """
    if order == 0:
        return past[0, u]
    if order == 1:
        return past[0, u] + 0.5 * (past[1, u] - past[3, u])
    if order == 2:
        return 2.0 * past[0, u] - past[1, u]
    return 3.0 * (past[0, u] - past[1, u]) + past[2, u]


@inner
def limb_of(table, u):
    """The row of the parts of the limb to which free coordinate u belongs; 0 for none."""
    for i in range(1, len(table)):
        if table[i, 2] <= u < table[i, 3]:
            return i
    return 0


@inner
def longest(step, table, i):
    """Largest change of a coordinate of part i."""
    size = 0.0
    for u in range(table[i, 2], table[i, 3]):
        size = max(size, abs(step[u]))
    return size


@inner
def longest_sure(step, table, trouble):
    """Largest change of a coordinate that is in no limb in trouble."""
    size = 0.0
    for u in range(table[0, 3]):
        i = limb_of(table, u)
        if i == 0 or trouble[i] == 0:
            size = max(size, abs(step[u]))
    return size


@inner
def shorten(step, table):
    """At most half a radian, since the equations are linear only for small steps: each limb by itself, then the rest."""
    size = 0.0
    for u in range(table[0, 3]):
        if limb_of(table, u) == 0:
            size = max(size, abs(step[u]))
    for u in range(table[0, 3]):
        if size > 0.5 and limb_of(table, u) == 0:
            step[u] *= 0.5 / size
    for i in range(1, len(table)):
        size = longest(step, table, i)
        for u in range(table[i, 2], table[i, 3]):
            if size > 0.5:
                step[u] *= 0.5 / size


@inner
def copy_pattern(pattern, a, y, to, to_y):
    """Normal equations into other arrays, where the pattern has entries."""
    starts, _, row = pattern
    for u in range(y.size):
        for k in range(starts[u], starts[u + 1]):
            to[u, row[k]] = a[u, row[k]]
        to[u, u] = a[u, u]
        to_y[u] = y[u]


@inner
def fit_frame(tree, n_axes, table, pattern, limits, q, frame, total, is_warm, tolerance, max_steps, work, equations,
              buffers, kept, trouble):  # fmt: skip
    """Levenberg-Marquardt of one frame from q (Q,), in place: its cost, and the number of steps.

    table : see parts. total : sum of the frame's weights. equations : (a, y). buffers : see bounded_step.
    kept : (a and y before a step, q before a step (U,) and before one of a limb (U,), limbs to settle (L + 1,)).
    trouble (L + 1,) : frames for which a limb is still taken as one in trouble, so that it settles first.
    """
    free, step, may_stay = tree.free, buffers[1], buffers[4]
    a, y = equations
    kept_a, kept_y, before, limb_before, is_settled = kept
    n = free.size
    whole = part_of(table, 0)
    share = min((tolerance / USUAL) ** 2, 1.0)
    damping = 1e-8 if is_warm else 1e-3
    is_newton, is_placed = is_warm, True
    may_stay[:] = False
    put(tree, n_axes, whole, q, work)
    for i in range(1, len(table)):
        trouble[i] -= trouble[i] > 0
        is_settled[i] = is_warm and trouble[i] > 0
        if is_settled[i]:
            settle(tree, n_axes, part_of(table, i), pattern, limits, q, frame, LIMB_FIRST * total, work, a, y, buffers,
                   limb_before)  # fmt: skip
            may_stay[table[i, 2] : table[i, 3]] = True
    now = collect(tree, whole, q, frame, is_newton, work, a, y)
    k = 0
    while k < max_steps:
        k += 1
        failed = bounded_step(a, y, whole, pattern, q, free, limits, damping, buffers)
        if failed >= 0:
            if is_newton:  # not convex here: the limb goes to its minimum, or first derivatives are used only
                if not is_placed:
                    put(tree, n_axes, whole, q, work)
                    is_placed = True
                i = limb_of(table, failed)
                if i > 0 and not is_settled[i]:
                    trouble[i] = TROUBLED
                    is_settled[i] = True
                    settle(tree, n_axes, part_of(table, i), pattern, limits, q, frame, LIMB_SHARE * now, work, a, y,
                           buffers, limb_before)  # fmt: skip
                    may_stay[table[i, 2] : table[i, 3]] = True
                else:
                    is_newton = not is_newton  # for a constant numba compiles `collect` anew
                    may_stay[:] = False
                now = collect(tree, whole, q, frame, is_newton, work, a, y)
            else:
                damping = max(damping * 10.0, 1e-3)
            continue
        size, gain = 0.0, 0.0
        for u in range(n):
            size = max(size, abs(step[u]))
            gain += step[u] * y[u]
        for i in range(1, len(table)):
            is_settled[i] = longest(step, table, i) > LONG
            if is_settled[i]:
                trouble[i] = TROUBLED
        shorten(step, table)
        for u in range(n):
            before[u] = q[free[u]]
            q[free[u]] = before[u] + step[u]
        enough = share * min(NEGLIGIBLE * now, UNSEEN * total) if damping < 1e-4 else share * DAMPED * now
        is_last = size < tolerance or (0.0 <= gain < enough and longest_sure(step, table, trouble) < SURE)
        if is_last and size < LONG:
            break
        copy_pattern(pattern, a, y, kept_a, kept_y)
        is_newton = size < 0.3
        may_stay[:] = False
        put(tree, n_axes, whole, q, work)
        for i in range(1, len(table)):
            if is_settled[i]:
                settle(tree, n_axes, part_of(table, i), pattern, limits, q, frame, LIMB_SHARE * now, work, a, y, buffers,
                       limb_before)  # fmt: skip
                may_stay[table[i, 2] : table[i, 3]] = True
                is_newton = True
        new = collect(tree, whole, q, frame, is_newton, work, a, y)
        is_placed = new <= now * (1.0 + 1e-12)
        if is_placed:
            now = new
            damping = max(damping * 0.1, 1e-10)
        else:
            for u in range(n):
                q[free[u]] = before[u]
            copy_pattern(pattern, kept_a, kept_y, a, y)
            is_settled[1:] = False
            may_stay[:] = False
            damping = max(damping * 10.0, 1e-3)
        if is_last or damping > 1e8:
            break
    if not is_placed:  # the distances are those of the step that was taken back
        put(tree, n_axes, whole, q, work)
        collect(tree, whole, q, frame, is_newton, work, a, y)
    return now, k


@inner
def reset_limbs(tree, n_axes, table, pattern, limits, q, rest, frame, cost, work, equations, buffers, kept):
    """Limbs that reach a much better minimum from their place at rest (U,) go there, in q (Q,); whether any does."""
    free = tree.free
    a, y = equations
    before, limb_before = kept[2], kept[3]
    is_better = False
    put(tree, n_axes, part_of(table, 0), q, work)
    buffers[4][:] = False
    for i in range(1, len(table)):
        limb = part_of(table, i)
        own = collect(tree, limb, q, frame, False, work, a, y)
        if own < RESET * cost:
            continue
        for u in range(limb[2], limb[3]):
            before[u] = q[free[u]]
            q[free[u]] = rest[u]
        put(tree, n_axes, limb, q, work)
        settle(tree, n_axes, limb, pattern, limits, q, frame, LIMB_SHARE * cost, work, a, y, buffers,
               limb_before)  # fmt: skip
        if collect(tree, limb, q, frame, False, work, a, y) < own - RESET * cost:
            is_better = True
        else:
            for u in range(limb[2], limb[3]):
                q[free[u]] = before[u]
            put(tree, n_axes, limb, q, work)
            collect(tree, limb, q, frame, False, work, a, y)  # for the distances
    return is_better


@kernel
def fit_frames(tree, n_axes, pattern, limbs, limits, start, q, wished, wish, wish_weight, points, at, weight, turns, to,
               turn_weight, tolerance, max_steps, miss, cost, steps):  # fmt: skip
    """Levenberg-Marquardt frame after frame, each started from the frames before it.

    q (T, Q) in holds what is held still or prescribed, out the solution; start (Q,) the first frame's guess.
    limits : (low (Q,), high (Q,), whole (Q,) turn after which a coordinate is where it was, 0 for none). pattern : see
        factor. limbs (L, 4) : nodes and free coordinates of each, first and last + 1.
    miss (T, M), cost (T,) and steps (T,) are filled; steps is 0 where a frame has no target, and q keeps the last
    solution there.
    """
    free = tree.free
    low, high, whole = limits
    n = free.size
    work, table = scratch(tree), parts(tree, points, limbs)
    equations = np.zeros((n, n)), np.zeros(n)
    buffers = (np.empty((n, n)), np.empty(n), np.zeros(n, np.bool_), np.zeros(n), np.zeros(n, np.bool_),
               np.zeros(n, np.bool_))  # fmt: skip
    kept = np.empty((n, n)), np.empty(n), np.empty(n), np.empty(n), np.ones(len(table), np.bool_)
    trouble = np.zeros(len(table), np.int64)
    rest, found = np.empty(n), np.empty(n)
    past, off = np.empty((4, n)), np.zeros((4, n))
    past[:] = start[free]
    n_warm = 0
    for t in range(q.shape[0]):
        total = 0.0
        for m in range(weight.shape[1]):
            total += weight[t, m]
        for m in range(turn_weight.shape[1]):
            total += turn_weight[t, m]
        if total == 0.0:
            for u in range(n):
                q[t, free[u]] = past[0, u]
            steps[t] = 0
            n_warm = min(n_warm, 1)
            continue
        for u in range(n):
            rest[u] = min(max(q[t, free[u]], low[free[u]]), high[free[u]])
            order = 0
            for k in range(1, min(n_warm, 4)):
                if off[k, u] < off[order, u]:
                    order = k
            q[t, free[u]] = min(max(drawn_on(past, u, order), low[free[u]]), high[free[u]])
        frame = (wished, wish[t], wish_weight[t], points, at[t], weight[t], miss[t], turns, to[t], turn_weight[t])
        cost[t], steps[t] = fit_frame(tree, n_axes, table, pattern, limits, q[t], frame, total, n_warm > 0, tolerance,
                                      max_steps, work, equations, buffers, kept, trouble)  # fmt: skip
        if n_warm % RESET_EVERY == 0:
            for u in range(n):
                found[u] = q[t, free[u]]
            if reset_limbs(
                tree, n_axes, table, pattern, limits, q[t], rest, frame, cost[t], work, equations, buffers, kept
            ):
                again, more = fit_frame(tree, n_axes, table, pattern, limits, q[t], frame, total, True, tolerance,
                                        max_steps, work, equations, buffers, kept, trouble)  # fmt: skip
                steps[t] += more
                if again < (1.0 - RESET) * cost[t]:
                    cost[t] = again
                else:
                    for u in range(n):
                        q[t, free[u]] = found[u]
                    put(tree, n_axes, part_of(table, 0), q[t], work)
                    collect(tree, part_of(table, 0), q[t], frame, False, work, equations[0], equations[1])
        for u in range(n):  # remove whole turns, which would be carried on from frame to frame
            if whole[free[u]] > 0.0:
                q[t, free[u]] -= whole[free[u]] * np.round((q[t, free[u]] - past[0, u]) / whole[free[u]])
        follow(n_axes, tree.code, tree.data_start, tree.data, tree.argument_start, tree.argument, tree.dependent, free,
               q[t], work[10], work[3])  # fmt: skip
        for k in range(4):
            for u in range(n):
                off[k, u] = REMEMBERED * off[k, u] + abs(q[t, free[u]] - drawn_on(past, u, k))
        for u in range(n):
            past[3, u], past[2, u], past[1, u], past[0, u] = past[2, u], past[1, u], past[0, u], q[t, free[u]]
        n_warm += 1


@kernel
def frame_equations(tree, n_axes, q, wished, wish, wish_weight, points, at, weight, turns, to, turn_weight, miss,
                    matrix, right, cost):  # fmt: skip
    """Normal equations of every frame at q: matrix (T, U, U), lower part, and right (T, U)."""
    work = scratch(tree)
    whole = 0, tree.parent.size, 0, tree.free.size, 0, points[0].size
    for t in range(q.shape[0]):
        put(tree, n_axes, whole, q[t], work)
        frame = (wished, wish[t], wish_weight[t], points, at[t], weight[t], miss[t], turns, to[t], turn_weight[t])
        cost[t] = collect(tree, whole, q[t], frame, np.bool_(False), work, matrix[t], right[t])
