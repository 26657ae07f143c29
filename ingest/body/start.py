"""The pose that a fit of one frame begins with, where no frame before it gives one.

The default pose may lead into another minimum than the best one. So the body is also built up from its root: joint after
joint takes its place by the targets of its own body (where these are too few, by those of the next bodies too), while all
others are held. A rigid body on a joint has few minima, so a few starts for each joint find its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from neurostore.arrays import Bools, Floats, Ints

from . import kernels
from .functions import CONSTANT, ITSELF, LINEAR
from .solving import solve_from
from .targets import Prepared

#: m: a joint whose own targets are missed by less needs no other start
_FOUND_M = 0.002
#: m: a fit that misses by less is near the best one; building a pose up takes as long as 100 frames
_NEAR_M = 0.01
#: share of the cost below which another pose is taken as better
_BETTER = 0.95
#: targets of points that place a body
_LEAST_POINTS = 3
#: steps of a start of one joint, and of the whole body
_JOINT_STEPS, _BODY_STEPS = 25, 200
#: starts of the root and of another joint, and number of places that are looked at to choose them; more of them for a
#: joint along other functions than a coordinate itself, which may have many minima
_ROOT_STARTS, _STARTS, _SAMPLES, _CURVED = 12, 4, 256, 4
#: rad and m: ranges where there are no limits, and distance of two starts
_TURN, _MOVE, _APART = 1.5, 0.5, 0.3

_STRAIGHT = (CONSTANT, LINEAR, ITSELF)


def begin(one: Prepared, enough_m: float = 0.0) -> Floats:
    """The pose (Q,) of one frame: the best of fits from the default pose and from quarter turns of the root.

    Where the best of them misses the targets by more than 10 mm (RMS), a pose that is built up is tried too.

    enough_m : a fit that misses the targets by less than this is taken without trying the others.
    """
    tree = one.tree
    total = float(one.weight.sum() + one.turn_weight.sum())
    guesses = _guesses(one)
    best, cost = guesses[0], np.inf
    for k, guess in enumerate([*guesses, None]):
        if cost <= enough_m**2 * total:
            break
        if guess is None and cost <= _NEAR_M**2 * total:
            continue
        q, _, found, _ = solve_from(one, built_up(one, guesses[0]) if guess is None else guess, _BODY_STEPS)
        # the first (default) pose is kept unless another one is better
        if k == 0 or found[0] < _BETTER * cost:
            best, cost = q[0], float(found[0])
    out = best.copy()
    for i in np.flatnonzero(tree.q_whole):
        out[i] -= tree.q_whole[i] * np.round((out[i] - tree.q_default[i]) / tree.q_whole[i])
    return out


def built_up(one: Prepared, guess: Floats) -> Floats:
    """A pose (Q,) of one frame in which each joint, from the root on, brings its own body's targets nearest."""
    arrays = one.tree.arrays
    q, is_placed = guess.copy(), np.zeros(len(arrays.free), bool)
    for node in range(one.tree.n_nodes):
        nodes = _until_placed(one, node)
        columns = np.concatenate([np.arange(arrays.column_start[b], arrays.column_start[b + 1]) for b in nodes])
        moved = _moved_by(one, columns) & ~is_placed
        own = _moved_by(one, np.arange(arrays.column_start[node], arrays.column_start[node + 1]))
        if (moved & own).any():
            q = _placed(one, q, moved, nodes)
        is_placed |= own
    return q


def _until_placed(one: Prepared, node: int) -> list[int]:
    """The node, and its descendants by generation until there are points or a rotation enough to place it."""
    parent, nodes, last = one.tree.arrays.parent, [node], [node]
    while True:
        n_points = sum(int((one.weight[0, one.node == b] > 0).sum()) for b in nodes)
        is_turned = any((one.turn_weight[0, one.turn_node == b] > 0).any() for b in nodes)
        last = [b for b in range(node + 1, one.tree.n_nodes) if parent[b] in last]
        if n_points >= _LEAST_POINTS or is_turned or not last or len(nodes) > 3:
            return nodes
        nodes += last


def _moved_by(one: Prepared, columns: Ints) -> Bools:
    """(U,) free coordinates that move these columns."""
    arrays = one.tree.arrays
    out = np.zeros(len(arrays.free), bool)
    for c in columns:
        out[arrays.gather[arrays.gather_start[c] : arrays.gather_start[c + 1]]] = True
    return out


def _placed(one: Prepared, q: Floats, moved: Bools, nodes: list[int]) -> Floats:
    """q with the moved coordinates (U,) where they bring the nodes' targets nearest, the others held."""
    tree, free = one.tree, one.tree.arrays.free
    weight = np.where(np.isin(one.node, nodes), one.weight, 0.0)
    turn_weight = np.where(np.isin(one.turn_node, nodes), one.turn_weight, 0.0)
    total = float(weight.sum() + turn_weight.sum())
    if total == 0:
        return q
    low, high = tree.q_low.copy(), tree.q_high.copy()
    still = free[~moved]
    low[still] = high[still] = q[still]
    part = replace(
        one, tree=replace(tree, q_low=low, q_high=high), weight=weight, turn_weight=turn_weight, tolerance=1e-3
    )
    best, cost = q, np.inf
    is_root = bool(tree.arrays.parent[nodes[0]] < 0)
    for start in _starts(one, part, q, free[moved], is_root):
        found, _, each, _ = solve_from(part, start, _JOINT_STEPS)
        if each[0] < 0.9 * cost:
            best, cost = found[0].copy(), float(each[0])
        if cost < _FOUND_M**2 * total:
            break
    return best


def _starts(one: Prepared, part: Prepared, q: Floats, moved: Ints, is_root: bool) -> Iterator[Floats]:
    """q, then the root at quarter turns; another joint at the best of many places in its ranges."""
    yield q
    if is_root:
        turns = [i for i in moved if _is_turn(one, i)][:3]
        every = list(itertools.product((0.0, np.pi, np.pi / 2, -np.pi / 2), repeat=len(turns)))[1:]
        for values in every[:: max(1, len(every) // _ROOT_STARTS)]:
            out = q.copy()
            out[turns] += values
            yield out
        return
    more = _CURVED if _is_curved(one, moved) else 1
    out, miss = _sampled(one, part, q, moved, more * _SAMPLES)
    for _ in range(more * _STARTS):
        k = int(np.argmin(miss))
        yield out[k]
        near = np.abs(out[:, moved] - out[k, moved]).max(axis=1) < _APART  # the next one leads elsewhere
        miss[near] = np.inf


def _sampled(one: Prepared, part: Prepared, q: Floats, moved: Ints, n: int) -> tuple[Floats, Floats]:
    """Poses (N, Q) with the moved coordinates anywhere in their ranges or near q, and what they miss (N,)."""
    tree, rng = one.tree, np.random.default_rng(0)
    is_turn = np.array([_is_turn(one, i) for i in moved])
    wide = np.where(is_turn, _TURN, _MOVE)
    low, high = np.maximum(tree.q_low[moved], q[moved] - wide), np.minimum(tree.q_high[moved], q[moved] + wide)
    bounded = np.isfinite(tree.q_low[moved]) & np.isfinite(tree.q_high[moved]) & is_turn
    low, high = np.where(bounded, tree.q_low[moved], low), np.where(bounded, tree.q_high[moved], high)
    share = rng.uniform(size=(n, len(moved)))
    out = np.tile(q, (n, 1))
    out[:, moved] = low + (high - low) * share
    near = np.clip(q[moved] + 0.5 * (share - 0.5) * (high - low), low, high)
    out[::2, moved] = near[::2]
    r, p = np.empty((n, tree.n_nodes, 3, 3)), np.empty((n, tree.n_nodes, 3))
    kernels.forward(tree.arrays, out, r, p, one.n_axes)
    miss = np.zeros(n)
    for m in np.flatnonzero(part.weight[0] > 0):
        at = r[:, one.node[m]] @ one.local[m] + p[:, one.node[m]]
        miss += part.weight[0, m] * ((at - one.at[0, m]) ** 2).sum(axis=1)
    for m in np.flatnonzero(part.turn_weight[0] > 0):  # 3 - trace is the square of a small angle
        turn = r[:, one.turn_node[m]] @ one.turn_local[m]
        miss += part.turn_weight[0, m] * (3 - np.einsum("tij,ij->t", turn, one.to[0, m]))
    return out, miss


def _is_curved(one: Prepared, moved: Ints) -> bool:
    """Whether an axis that one of these coordinates moves follows another function than a line."""
    arrays = one.tree.arrays
    return any(
        arrays.code[a] not in _STRAIGHT
        and np.isin(arrays.argument[arrays.argument_start[a] : arrays.argument_start[a + 1]], moved).any()
        for a in range(one.n_axes)
    )


def _is_turn(one: Prepared, q: int) -> bool:
    arrays = one.tree.arrays
    return any(
        arrays.axis_turns[a] and q in arrays.argument[arrays.argument_start[a] : arrays.argument_start[a + 1]]
        for a in range(one.n_axes)
    )


def _guesses(one: Prepared) -> list[Floats]:
    """The default pose over the targets' centre, and the same at quarter turns of the root."""
    tree = one.tree
    default = one.held[0].copy()
    seen = one.weight[0] > 0
    root = range(tree.arrays.axis_start[0], tree.arrays.axis_start[1]) if tree.n_nodes else range(0)
    moves = [a for a in root if not tree.arrays.axis_turns[a] and tree.arrays.code[a] == ITSELF]
    if seen.any() and moves:  # the root's translations move the centre of the markers to the measured one
        r, p = np.empty((1, tree.n_nodes, 3, 3)), np.empty((1, tree.n_nodes, 3))
        kernels.forward(tree.arrays, default[None].copy(), r, p, one.n_axes)
        nodes = one.node[seen]
        model = np.einsum("mij,mj->mi", r[0, nodes], one.local[seen]) + p[0, nodes]
        shift = tree.arrays.before_r[0].T @ (one.at[0, seen] - model).mean(axis=0)
        for a in moves:
            q = tree.arrays.argument[tree.arrays.argument_start[a]]
            if q in tree.arrays.free:
                default[q] += shift @ tree.arrays.axis[a]
    guesses = [default]
    turning = {
        int(tree.arrays.argument[tree.arrays.argument_start[a]])
        for a in root
        if tree.arrays.axis_turns[a] and tree.arrays.code[a] == ITSELF
    }
    for q in sorted(turning & set(tree.arrays.free.tolist())):
        for quarter in (1, 2, -1):
            guesses.append(default.copy())
            guesses[-1][q] += quarter * np.pi / 2
    return guesses
