"""Where bodies and markers of a model are at given coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import UsageError

from . import kernels
from .model import GROUND, Marker, Model
from .tree import build_tree


def forward(model: Model, values: Floats, bodies: Sequence[str] | None = None) -> tuple[Floats, Floats]:
    """Rotations (T, n, 3, 3) and origins (T, n, 3) in metres of bodies (all of the model's by default).

    Parameters
    ----------
    values : (T, Q) of every coordinate in the model's order; coupled ones are worked out, whatever is given for them.
    """
    bodies = model.bodies if bodies is None else tuple(bodies)
    tree = build_tree(unlocked(model), bodies)
    q = np.array(np.atleast_2d(values), dtype=float, order="C")
    if q.shape[1] != len(model.coordinates):
        raise UsageError(f"values of {q.shape[1]} coordinates; {model.name} has {len(model.coordinates)}")
    r, p = np.empty((len(q), tree.n_nodes, 3, 3)), np.empty((len(q), tree.n_nodes, 3))
    kernels.forward(tree.arrays, q, r, p, int(tree.arrays.axis_start[-1]))
    rotations, origins = np.empty((len(q), len(bodies), 3, 3)), np.empty((len(q), len(bodies), 3))
    for k, body in enumerate(bodies):
        node, place = tree.body_node[body], tree.body_place[body]
        if node < 0:
            rotations[:, k], origins[:, k] = place.rotation, place.origin
        else:
            rotations[:, k] = r[:, node] @ place.rotation
            origins[:, k] = p[:, node] + r[:, node] @ place.origin
    return rotations, origins


def marker_places(model: Model, values: Floats, names: Sequence[str] | None = None) -> Floats:
    """Markers (T, M, 3) in metres at the coordinates (T, Q); all of the model's by default."""
    chosen = markers_of(model, [m.name for m in model.markers] if names is None else names)
    bodies = tuple(dict.fromkeys(m.body for m in chosen if m.body != GROUND))
    r, p = forward(model, values, bodies)
    out = np.empty((len(p), len(chosen), 3))
    for k, marker in enumerate(chosen):
        if marker.body == GROUND:
            out[:, k] = marker.location
        else:
            b = bodies.index(marker.body)
            out[:, k] = p[:, b] + r[:, b] @ marker.location
    return out


def unlocked(model: Model) -> Model:
    """The model with every coordinate free to take a value."""
    """The model with every coordinate moved to the given value."""
    return replace(model, coordinates=tuple(replace(c, is_locked=False, prescribed=None) for c in model.coordinates))


def markers_of(model: Model, names: Sequence[str]) -> list[Marker]:
    """The model's markers of these names. Raises UsageError for one that it does not have."""
    known = {m.name: m for m in model.markers}
    strangers = [n for n in names if n not in known]
    if strangers:
        raise UsageError(
            f"{', '.join(strangers)}: no marker of the model {model.name}; its markers are {', '.join(known) or 'none'}"
        )
    return [known[n] for n in names]
