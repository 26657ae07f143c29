"""What a body is fitted to: markers and rotations of bodies, checked against the model and laid out for the kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neurostore.arrays import Floats, Ints
from neurostore.errors import UsageError

from .forward import markers_of
from .model import Model
from .tree import Tree, build_tree

TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Targets:
    """What a body is fitted to, T frames.

    Attributes
    ----------
    points : marker of the model -> (T, 3) in metres in the model's lab frame, NaN where missing.
    weights : marker -> one weight or (T,), 1 where not given; a weight of 0 leaves it out.
    rotations : body -> (T, 3, 3) rotation matrix to the lab, NaN where missing. rotation_weights : likewise, in m² per
        rad²: 0.01 counts an error of 1 rad like one of 0.1 m.
    coordinates : coordinate -> the value, or (T,), in radians or metres that it is drawn to. coordinate_weights :
        likewise one or (T,), in m² per rad² for an angle; every coordinate in ``coordinates`` needs one.
    """

    points: Mapping[str, Floats]
    weights: Mapping[str, float | Floats] | None = None
    rotations: Mapping[str, Floats] | None = None
    rotation_weights: Mapping[str, float | Floats] | None = None
    coordinates: Mapping[str, float | Floats] | None = None
    coordinate_weights: Mapping[str, float | Floats] | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """Targets as the kernels take them; one of these serves the fit, the smoother and the check of what is known."""

    tree: Tree
    markers: tuple[str, ...]
    node: Ints
    local: Floats
    at: Floats
    weight: Floats
    turn_node: Ints
    turn_local: Floats
    to: Floats
    turn_weight: Floats
    wished: Ints
    wish: Floats
    wish_weight: Floats
    held: Floats
    tolerance: float

    @property
    def n_axes(self) -> int:
        """Axes of all joints of the tree."""
        return int(self.tree.arrays.axis_start[-1])

    def of(self, frames: Ints | slice) -> Prepared:
        """The same for some frames."""
        by_frame = ("at", "weight", "to", "turn_weight", "wish", "wish_weight", "held")
        changed = {n: np.ascontiguousarray(getattr(self, n)[frames]) for n in by_frame}
        return Prepared(**{n: changed.get(n, getattr(self, n)) for n in self.__slots__})


def prepare(model: Model, targets: Targets, time_s: Floats | None = None, tolerance: float = TOLERANCE) -> Prepared:
    """Check targets against the model and lay them out for the kernels.

    tolerance : the step, in radians or metres, after which a frame is done. The step itself is still taken, so that with
    exact second derivatives the rest is about its square.
    """
    weights, turn_weights = targets.weights or {}, targets.rotation_weights or {}
    rotations = targets.rotations or {}
    chosen = markers_of(model, list(targets.points))
    for name in [*weights, *turn_weights]:
        if name not in targets.points and name not in rotations:
            raise UsageError(f"a weight for {name!r}, which has no target")
    lengths = {len(v) for v in [*targets.points.values(), *rotations.values()]}
    if len(lengths) != 1:
        raise UsageError(
            f"targets with {sorted(lengths) or 'no'} frames; expected targets that all have the same number of frames"
        )
    n = lengths.pop()
    tree = build_tree(model, list(dict.fromkeys([*(m.body for m in chosen), *rotations])))
    order = sorted(range(len(chosen)), key=lambda k: tree.body_node[chosen[k].body])
    chosen = [chosen[k] for k in order]
    names = tuple(m.name for m in chosen)
    at = _stack([targets.points[m.name] for m in chosen], (n, 0, 3))
    weight = _weights([weights.get(m.name, 1.0) for m in chosen], n, names)
    weight[~np.isfinite(at).all(axis=2)] = 0.0
    to = _stack([rotations[b] for b in rotations], (n, 0, 3, 3))
    turn_weight = _weights([turn_weights.get(b, 0.01) for b in rotations], n, tuple(rotations))
    turn_weight[~np.isfinite(to).all(axis=(2, 3))] = 0.0
    wished, wish, wish_weight = _wishes(model, targets, n)
    places = [tree.body_place[m.body] for m in chosen]
    local = [p.rotation @ m.location + p.origin for m, p in zip(chosen, places, strict=True)]
    held = np.tile(tree.q_default, (n, 1))
    for i, coordinate in enumerate(model.coordinates):
        if coordinate.prescribed is not None:
            if time_s is None:
                raise UsageError(f"coordinate {coordinate.name} is prescribed over time, and no times were given")
            held[:, i] = coordinate.prescribed.value(np.asarray(time_s, dtype=float))
    moving = [
        k for k, i in enumerate(wished) if not model.coordinates[i].is_locked and not model.coordinates[i].prescribed
    ]
    held[:, wished[moving]] = wish[:, moving]  # start of the fit; a coordinate that moves no marker keeps this value
    return Prepared(
        tree,
        names,
        np.array([tree.body_node[m.body] for m in chosen], np.int64),
        np.array(local, float).reshape(-1, 3),
        np.nan_to_num(at),
        weight,
        np.array([tree.body_node[b] for b in rotations], np.int64),
        np.array([tree.body_place[b].rotation for b in rotations], float).reshape(-1, 3, 3),
        np.nan_to_num(to),
        turn_weight,
        wished,
        wish,
        wish_weight,
        held,
        tolerance,
    )


def _wishes(model: Model, targets: Targets, n: int) -> tuple[Ints, Floats, Floats]:
    """Places (C,) of the coordinates with targets of their own, the targets (T, C) and their weights (T, C)."""
    wanted, weights = targets.coordinates or {}, targets.coordinate_weights or {}
    strangers = sorted(set(wanted) - set(model.coordinate_names))
    if strangers:
        raise UsageError(
            f"{', '.join(strangers)}: no coordinate of the model {model.name}; its coordinates are "
            f"{', '.join(model.coordinate_names)}"
        )
    wish = np.zeros((n, len(wanted)))
    for k, value in enumerate(wanted.values()):
        wish[:, k] = value
    weight = _weights([weights[name] for name in wanted], n, tuple(wanted))
    weight[~np.isfinite(wish)] = 0.0
    at = [model.coordinate_names.index(name) for name in wanted]
    return np.array(at, np.int64), np.nan_to_num(wish), weight


def _stack(values: Sequence[Floats], empty: tuple[int, ...]) -> Floats:
    if not values:
        return np.zeros(empty)
    return np.ascontiguousarray(np.stack([np.asarray(v, dtype=float) for v in values], axis=1))


def _weights(values: Sequence[float | Floats], n: int, names: Sequence[str]) -> Floats:
    out = np.empty((n, len(values)))
    for k, value in enumerate(values):
        out[:, k] = value
    out[~np.isfinite(out)] = 0.0
    negative = (out < 0).any(axis=0)
    if negative.any():
        raise UsageError(f"the weight of {names[int(np.argmax(negative))]} is negative")
    return out
