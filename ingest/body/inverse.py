"""Inverse kinematics of an OpenSim model: from targets to coordinates.

Inverse kinematics is weighted least squares per frame, as in OpenSim's InverseKinematicsTool: the sum of
weight · distance² over markers, plus weight · angle² over body rotations and weight · difference² over coordinates.
Differences: targets may be missing in single frames, and a coordinate that the targets of a frame do not determine is
NaN there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurostore.arrays import Array, Floats, Ints

from . import fit_kernels, kernels
from .forward import unlocked
from .functions import ITSELF
from .model import Model
from .targets import TOLERANCE, Prepared, Targets, prepare
from .tree import Tree, build_tree
from .unknown import spread_unknown, unknown

MAX_STEPS = 60
#: mean distance, m, below which a frame is not improved any further
SETTLED_M = 0.001
#: mean distance, m, below which a rough fit does not search for another minimum
ROUGH_M = 0.015
#: number of times a trial may leave a worse minimum, and number of starts for frames that are far worse than the others
ESCAPES, LOOKED_AGAIN = 8, 40
#: parts of a trial of which each has its worst frame fitted afresh, if that is worse than the usual frame
PARTS = 20
#: frames that are fitted from a better pose before it is asked whether they are better too
CARRIED = 16


@dataclass(frozen=True, slots=True)
class Fit:
    """Coordinates of every frame, and the distances from the targets.

    Attributes
    ----------
    names : Q coordinates in the model's order. values : (T, Q) radians or metres; NaN where a frame does not
        determine them. filled : (T, Q) the same without NaN, each held from the nearest frame; for forward kinematics.
    markers : M names. distances_m : (T, M), NaN where there was no target. steps : (T,) 0 where no target was.
    """

    names: tuple[str, ...]
    values: Floats
    filled: Floats
    markers: tuple[str, ...]
    distances_m: Floats
    steps: Ints

    @property
    def rms_m(self) -> Floats:
        """(T,) root mean square of the distances, NaN where no marker was seen."""
        with np.errstate(invalid="ignore"):
            n = np.isfinite(self.distances_m).sum(axis=1)
            total = np.nansum(self.distances_m**2, axis=1)
        return np.sqrt(np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0))


def fit(
    model: Model,
    targets: Targets,
    time_s: Floats | None = None,
    start: Floats | None = None,
    tolerance: float = TOLERANCE,
) -> Fit:
    """Coordinates that bring the model's markers and bodies nearest to their targets, frame by frame.

    Parameters
    ----------
    time_s : (T,) for prescribed coordinates; needed only where the model has some.
    start : (T, Q) guesses, of which the first frame fitted takes its own; the default pose and a few turned ones are
        tried without.
    tolerance : see :func:`~.targets.prepare`.

    Raises
    ------
    UsageError : a target that the model does not have, arrays of different lengths, a negative weight.
    """
    prepared = prepare(model, targets, time_s, tolerance)
    tree = prepared.tree
    q, distances, _, steps = _solve_all(prepared, start)
    whole = _whole(model, tree)
    filled = _complete(whole, q)
    values = filled.copy()
    moved = set(tree.arrays.column_q.tolist())
    lost = unknown(prepared, filled, steps)
    dependents = set(whole.arrays.dependent.tolist())
    for i, coordinate in enumerate(model.coordinates):
        if i not in moved and i not in tree.arrays.free and i not in dependents and coordinate.prescribed is None:
            values[:, i] = np.nan
    values[:, tree.arrays.free] = np.where(lost, np.nan, values[:, tree.arrays.free])
    spread_unknown(whole, values)
    for i, coordinate in enumerate(model.coordinates):
        if coordinate.is_locked:
            values[:, i] = coordinate.default
    return Fit(tree.names, values, filled, prepared.markers, distances, steps)


def poses_of(model: Model, targets: Targets, start: Floats | None, tolerance: float, is_rough: bool = False) -> Floats:
    """(T, Q) as :func:`fit` fills them, without checking what the targets determine.

    is_rough : worse minima are not looked for.
    """
    prepared = prepare(model, targets, None, tolerance)
    return _complete(_whole(model, prepared.tree), _solve_all(prepared, start, is_rough)[0])


def _whole(model: Model, tree: Tree) -> Tree:
    """The tree in which every coupled coordinate is set."""
    return build_tree(unlocked(model)) if model.couplers else tree


def solve_from(prepared: Prepared, start: Floats, max_steps: int = MAX_STEPS) -> tuple[Floats, Floats, Floats, Ints]:
    """Fit the frames one after another from a guess (Q,): q (T, Q), distances (T, M), cost (T,), steps (T,)."""
    tree, n = prepared.tree, len(prepared.at)
    q = prepared.held.copy()
    distances = np.full((n, len(prepared.markers)), np.nan)
    cost, steps = np.zeros(n), np.zeros(n, np.int64)
    fit_kernels.fit_frames(
        tree.arrays,
        prepared.n_axes,
        (tree.row_start, tree.row),
        (tree.q_low, tree.q_high, tree.q_whole),
        np.asarray(start, dtype=float),
        q,
        prepared.wished,
        prepared.wish,
        prepared.wish_weight,
        (prepared.node, prepared.local),
        prepared.at,
        prepared.weight,
        (prepared.turn_node, prepared.turn_local),
        prepared.to,
        prepared.turn_weight,
        prepared.tolerance,
        max_steps,
        distances,
        cost,
        steps,
    )
    return q, distances, cost, steps


def _solve_all(prepared: Prepared, start: Floats | None, is_rough: bool = False) -> tuple[Floats, Floats, Floats, Ints]:
    """Begin at the frame with the most targets, continue to both ends, and fit outlying frames again."""
    n_seen = (prepared.weight > 0).sum(axis=1) + (prepared.turn_weight > 0).sum(axis=1)
    first = int(np.argmax(n_seen))
    begin = _begin(prepared, first, ROUGH_M if is_rough else 0.0) if start is None else start[first]
    result: list[Array] = list(solve_from(prepared.of(slice(first, None)), begin))
    if first:
        back = solve_from(prepared.of(np.arange(first - 1, -1, -1)), result[0][0])
        result = [np.concatenate([b[::-1], f]) for b, f in zip(back, result, strict=True)]
    if not is_rough:
        _escape(prepared, result)
    _look_again(prepared, result)
    for i in np.flatnonzero(prepared.tree.q_whole):
        result[0][:, i] = np.unwrap(result[0][:, i])
    return result[0], result[1], result[2], result[3]


def _begin(prepared: Prepared, frame: int, enough_m: float = 0.0) -> Floats:
    """The pose of one frame, the best of fits that begin at the default pose and at quarter turns of the root.

    enough_m : a fit that misses the targets by less than this is taken without trying the others.
    """
    tree, one = prepared.tree, prepared.of(slice(frame, frame + 1))
    enough = enough_m**2 * float(one.weight.sum() + one.turn_weight.sum())
    best: tuple[float, Floats] | None = None
    for guess in _guesses(one):
        if best is not None and best[0] < enough:
            break
        q, _, cost, _ = solve_from(one, guess, 200)
        # the first (default) pose is kept unless another one is clearly better
        if best is None or cost[0] < 0.9 * best[0]:
            best = (cost[0], q[0])
    assert best is not None
    out = best[1].copy()
    for i in np.flatnonzero(tree.q_whole):
        out[i] -= tree.q_whole[i] * np.round((out[i] - tree.q_default[i]) / tree.q_whole[i])
    return out


def _guesses(one: Prepared) -> list[Floats]:
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


def _escape(prepared: Prepared, result: list[Array]) -> None:
    """Leave a worse minimum in which warm starts keep the trial, such as an arm against its limits.

    The worst frames, of parts of the trial, are fitted from the default pose of all but the root. Where that is clearly
    better, the frames before and after it are fitted from there, and each keeps its better fit.
    """
    tree = prepared.tree
    root = set(tree.arrays.column_q[: tree.arrays.column_start[1]].tolist()) if tree.n_nodes else set()
    limbs = np.array([i for i in tree.arrays.free if i not in root], np.int64)
    total = prepared.weight.sum(axis=1) + prepared.turn_weight.sum(axis=1)
    for _ in range(ESCAPES):
        q, _, cost, steps = result
        mean = np.where(steps > 0, cost / np.where(total > 0, total, 1.0), 0.0)
        parts = np.array_split(np.arange(len(mean)), min(len(mean), PARTS))
        worst = sorted((int(part[np.argmax(mean[part])]) for part in parts), key=lambda t: -mean[t])
        least = max(SETTLED_M**2, float(np.median(mean)))
        worst = [t for t in worst if mean[t] >= least]
        better = None
        for t in worst:
            guess = q[t].copy()
            guess[limbs] = prepared.held[t, limbs]
            solved = solve_from(prepared.of(slice(t, t + 1)), guess, 200)
            if solved[2][0] < 0.8 * cost[t]:
                better = (t, solved[0][0])
                break
        if better is None:
            return
        for towards in (1, -1):
            _carry(prepared, result, better[0], better[1], towards)


def _carry(prepared: Prepared, result: list[Array], t: int, start: Floats, towards: int) -> None:
    """Fit from a better pose of frame t to one end of the trial (towards 1 or -1) as long as that is better.

    Each frame keeps its better fit. It ends where none of a number of frames is better.
    """
    end = len(result[2]) if towards > 0 else -1
    t += min(towards, 0)
    while (end - t) * towards > 0:
        frames = np.arange(t, t + towards * min(CARRIED, abs(end - t)), towards)
        again = solve_from(prepared.of(frames), start)
        wins = again[2] < 0.95 * result[2][frames]
        for old, new in zip(result, again, strict=True):
            old[frames[wins]] = new[wins]
        if not wins[CARRIED // 2 :].any():
            return
        t, start = t + towards * len(frames), again[0][-1]


def _look_again(prepared: Prepared, result: list[Array]) -> None:
    """Frames far worse than the best one are fitted afresh, from the begin and from the frames beside them.

    Such frames come in runs. Where the worst one of a run has a better pose, the run is fitted from there to both ends and
    each frame keeps its better fit; what is still bad is a run again, until no start helps or enough were tried.
    """
    cost, steps = result[2], result[3]
    total = prepared.weight.sum(axis=1) + prepared.turn_weight.sum(axis=1)
    done = steps > 0
    if done.sum() < 3:
        return
    mean = np.divide(cost, total, out=np.zeros(len(cost)), where=total > 0)
    bad = np.flatnonzero(done & (mean > max(9 * mean[done].min(), 0.03**2)))
    waiting = _runs(bad)
    for _ in range(LOOKED_AGAIN):
        if not waiting:
            return
        waiting.sort(key=len)
        run = waiting.pop()
        t = int(run[np.argmax(cost[run] / total[run])])
        pose = _better(prepared, result, t)
        if pose is None:  # the frames before and after it may still have a better pose
            waiting += [part for part in (run[run < t - len(run) // 4], run[run > t + len(run) // 4]) if len(part)]
            continue
        again = solve_from(prepared.of(np.arange(t, run[-1] + 1)), pose)
        if t > run[0]:
            back = solve_from(prepared.of(np.arange(t - 1, run[0] - 1, -1)), pose)
            again = tuple(np.concatenate([b[::-1], f]) for b, f in zip(back, again, strict=True))
        wins = again[2] < 0.9 * cost[run]
        for old, new in zip(result, again, strict=True):
            old[run[wins]] = new[wins]
        waiting += _runs(run[~wins])


def _runs(frames: Ints) -> list[Ints]:
    """Sorted frames as runs without a gap."""
    return np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1) if len(frames) else []


def _better(prepared: Prepared, result: list[Array], t: int) -> Floats | None:
    """A pose (Q,) of frame t that is clearly better than the one found; None if no start leads to one."""
    q, _, cost, _ = result
    one = prepared.of(slice(t, t + 1))
    best, pose = 0.9 * cost[t], None
    for guess in [_begin(one, 0), *(q[n] for n in (t - 1, t + 1) if 0 <= n < len(q))]:
        again = solve_from(one, guess, 200)
        if again[2][0] < best:
            best, pose = again[2][0], again[0][0]
    return pose


def _complete(whole: Tree, q: Floats) -> Floats:
    """q with every coupled coordinate of the model set."""
    out = q.copy()
    if len(whole.arrays.dependent):
        r, p = np.empty((len(q), whole.n_nodes, 3, 3)), np.empty((len(q), whole.n_nodes, 3))
        kernels.forward(whole.arrays, out, r, p, int(whole.arrays.axis_start[-1]))
    return out
