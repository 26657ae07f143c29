"""Positions of the bodies and markers of a model at given coordinates."""

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
    values : (T, Q) of every coordinate in the model's order; coupled ones are computed, whatever is given for them.
    """
    bodies = model.bodies if bodies is None else tuple(bodies)
    tree = build_tree(unlocked(model), bodies, or_more=True)
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
        elif place.is_identity:
            rotations[:, k], origins[:, k] = r[:, node], p[:, node]
        else:
            rotations[:, k] = r[:, node] @ place.rotation
            origins[:, k] = p[:, node] + r[:, node] @ place.origin
    return rotations, origins


def marker_places(model: Model, values: Floats, names: Sequence[str] | None = None) -> Floats:
    """Markers (T, M, 3) in metres at the coordinates (T, Q); all of the model's by default."""
    chosen = markers_of(model, [m.name for m in model.markers] if names is None else names)
    bodies = tuple(dict.fromkeys(m.body for m in chosen if m.body != GROUND))
    return places_on(chosen, bodies, *forward(model, values, bodies))


def places_on(chosen: Sequence[Marker], bodies: Sequence[str], r: Floats, p: Floats) -> Floats:
    """Markers (T, M, 3) in metres on bodies that are placed by r (T, n, 3, 3) and p (T, n, 3)."""
    out = np.empty((len(p), len(chosen), 3))
    for k, marker in enumerate(chosen):
        if marker.body == GROUND:
            out[:, k] = marker.location
        else:
            b = list(bodies).index(marker.body)
            out[:, k] = p[:, b] + r[:, b] @ marker.location
    return out


def unlocked(model: Model) -> Model:
    """The model with every coordinate free to take a value; the same object where none is held."""
    if not any(c.is_locked or c.prescribed is not None for c in model.coordinates):
        return model
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
