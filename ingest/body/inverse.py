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

from . import kernels
from .forward import unlocked
from .model import Model
from .solving import solve_from
from .start import begin
from .targets import TOLERANCE, Prepared, Targets, prepare
from .tree import Tree, build_tree
from .unknown import spread_unknown, unknown

#: mean distance, m, below which a frame is not improved any further
SETTLED_M = 0.001
#: mean distance, m, below which a first pose is not sought any further
EXACT_M = 0.0001
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


def _solve_all(prepared: Prepared, start: Floats | None, is_rough: bool = False) -> tuple[Floats, Floats, Floats, Ints]:
    """Begin at the frame with the most targets, continue to both ends, and fit outlying frames again."""
    n_seen = (prepared.weight > 0).sum(axis=1) + (prepared.turn_weight > 0).sum(axis=1)
    first = int(np.argmax(n_seen))
    if start is None:
        pose = begin(prepared.of(slice(first, first + 1)), ROUGH_M if is_rough else EXACT_M)
    else:
        pose = start[first]
    result: list[Array] = list(solve_from(prepared.of(slice(first, None)), pose))
    if first:
        back = solve_from(prepared.of(np.arange(first - 1, -1, -1)), result[0][0])
        result = [np.concatenate([b[::-1], f]) for b, f in zip(back, result, strict=True)]
    if not is_rough:
        _escape(prepared, result)
    _look_again(prepared, result)
    for i in np.flatnonzero(prepared.tree.q_whole):
        result[0][:, i] = np.unwrap(result[0][:, i])
    return result[0], result[1], result[2], result[3]


def _escape(prepared: Prepared, result: list[Array]) -> None:
    """Leave a worse minimum in which warm starts keep the trial, such as an arm against its limits.

    The worst frames, of parts of the trial, are fitted from the default pose of all but the root. Where that is clearly
    better, the frames before and after it are fitted from there, and each keeps its better fit.
    """
    tree = prepared.tree
    root = set(tree.arrays.column_q[: tree.arrays.column_start[1]].tolist()) if tree.n_nodes else set()
    limbs = np.array([i for i in tree.arrays.free if i not in root], np.int64)
    total = prepared.weight.sum(axis=1) + prepared.turn_weight.sum(axis=1)
    tried: dict[int, float] = {}  # frames that were no better, and their cost
    for _ in range(ESCAPES):
        q, _, cost, steps = result
        mean = np.where(steps > 0, cost / np.where(total > 0, total, 1.0), 0.0)
        parts = np.array_split(np.arange(len(mean)), min(len(mean), PARTS))
        worst = sorted((int(part[np.argmax(mean[part])]) for part in parts), key=lambda t: -mean[t])
        least = max(SETTLED_M**2, float(np.median(mean)))
        worst = [t for t in worst if mean[t] >= least and tried.get(t) != cost[t]]
        better = None
        for t in worst:
            guess = q[t].copy()
            guess[limbs] = prepared.held[t, limbs]
            solved = solve_from(prepared.of(slice(t, t + 1)), guess, 200)
            if solved[2][0] < 0.8 * cost[t]:
                better = (t, solved[0][0])
                break
            tried[t] = cost[t]
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
    for guess in [begin(one, EXACT_M), *(q[n] for n in (t - 1, t + 1) if 0 <= n < len(q))]:
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
