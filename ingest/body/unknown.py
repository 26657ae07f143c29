"""What the targets of a frame do not determine: their normal equations, and the coordinates without information."""

from __future__ import annotations

import numpy as np

from neurostore.arrays import Bools, Floats, Ints

from . import fit_kernels
from .targets import Prepared
from .tree import Tree

#: a coordinate is unknown where 1 mm in the targets can turn it by more than this (radians), or move it (metres)
UNKNOWN_TURN_PER_M = 60.0
UNKNOWN_MOVE_PER_M = 20.0


def equations(prepared: Prepared, q: Floats, with_coordinates: bool = True) -> tuple[Floats, Floats]:
    """Normal equations (T, U, U), both halves, and right sides (T, U) of the targets alone at q (T, Q).

    with_coordinates : whether the targets of coordinates count as well.
    """
    tree, n, u = prepared.tree, len(q), len(prepared.tree.arrays.free)
    matrix, right = np.zeros((n, u, u)), np.zeros((n, u))
    fit_kernels.frame_equations(
        tree.arrays,
        prepared.n_axes,
        np.array(q, order="C"),
        prepared.wished,
        prepared.wish,
        prepared.wish_weight if with_coordinates else np.zeros_like(prepared.wish),
        (prepared.node, prepared.local),
        prepared.at,
        prepared.weight,
        (prepared.turn_node, prepared.turn_local),
        prepared.to,
        prepared.turn_weight,
        np.empty((n, len(prepared.markers))),
        matrix,
        right,
        np.zeros(n),
    )
    low = np.tril(np.ones((u, u)), -1).astype(bool)
    matrix += np.where(low, matrix, 0.0).transpose(0, 2, 1)
    return matrix, right


def unknown(prepared: Prepared, q: Floats, steps: Ints) -> Floats:
    """(T, U) bool: free coordinates that the targets of a frame do not determine.

    Of the frames that have every target of the trial, one in fifty is tested for all; the others are tested one by one.
    """
    n, u = len(q), len(prepared.tree.arrays.free)
    out = np.zeros((n, u), bool)
    seen = np.hstack([prepared.weight > 0, prepared.turn_weight > 0])
    whole = (seen == seen.any(axis=0)).all(axis=1)
    some = np.flatnonzero(~whole | (np.arange(n) % 50 == 0))
    some = some[steps[some] > 0]
    top = max(float(prepared.weight.max(initial=0.0)), 1e-300)
    limit = np.where(_is_turn(prepared.tree), UNKNOWN_TURN_PER_M, UNKNOWN_MOVE_PER_M)
    for block in np.array_split(some, max(1, len(some) // 2000)):
        if not len(block):
            continue
        matrix, _ = equations(prepared.of(block), q[block], with_coordinates=False)
        spread = _spread(matrix / top)
        out[block] = spread > limit
    tested = out[some][whole[some]]
    if len(tested):
        out[whole] = np.median(tested, axis=0) > 0.5
    out[steps == 0] = True
    return out


def _spread(matrix: Floats) -> Floats:
    """(T, U) standard deviation of each unknown for targets that are off by one; infinite if undetermined."""
    diagonal = np.einsum("tii->ti", matrix)
    is_blind = diagonal < 1e-12
    scale = 1 / np.sqrt(np.where(is_blind, 1.0, diagonal))
    scaled = matrix * scale[:, :, None] * scale[:, None, :]
    scaled += np.eye(matrix.shape[1]) * 1e-12 + np.einsum("ti,ij->tij", is_blind.astype(float), np.eye(matrix.shape[1]))
    variance = np.einsum("tii->ti", np.linalg.inv(scaled)) * scale**2
    return np.where(is_blind, np.inf, np.sqrt(np.maximum(variance, 0)))


def _is_turn(tree: Tree) -> Bools:
    """(U,) whether a free coordinate turns anything (what it is measured in)."""
    turns = np.zeros(len(tree.names), bool)
    for a in np.flatnonzero(tree.arrays.axis_turns):
        turns[tree.arrays.argument[tree.arrays.argument_start[a] : tree.arrays.argument_start[a + 1]]] = True
    return turns[tree.arrays.free]


def spread_unknown(tree: Tree, values: Floats) -> None:
    """A coupled coordinate is unknown where one it follows is."""
    n_axes = int(tree.arrays.axis_start[-1])
    for k, j in enumerate(tree.arrays.dependent):
        of = tree.arrays.argument[tree.arrays.argument_start[n_axes + k] : tree.arrays.argument_start[n_axes + k + 1]]
        values[np.isnan(values[:, of]).any(axis=1), j] = np.nan
