"""The compiled fit, called for targets that are laid out for it."""

from __future__ import annotations

import numpy as np

from neurostore.arrays import Floats, Ints

from . import fit_kernels
from .targets import Prepared

MAX_STEPS = 60


def solve_from(prepared: Prepared, start: Floats, max_steps: int = MAX_STEPS) -> tuple[Floats, Floats, Floats, Ints]:
    """Fit the frames one after another from a guess (Q,): q (T, Q), distances (T, M), cost (T,), steps (T,)."""
    tree, n = prepared.tree, len(prepared.at)
    q = prepared.held.copy()
    distances = np.full((n, len(prepared.markers)), np.nan)
    cost, steps = np.zeros(n), np.zeros(n, np.int64)
    fit_kernels.fit_frames(
        tree.arrays,
        prepared.n_axes,
        tree.pattern,
        tree.limbs,
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
