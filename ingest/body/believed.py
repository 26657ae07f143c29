"""Which coordinates of which frames count as known: not those that a limit or a doubtful length gives; short gaps do."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np

from neurostore.arrays import Bools, Floats
from neurostore.wording import counted

from .model import Model

#: radians: a coordinate nearer than this to the end of its range stands at it
AT_LIMIT = 1e-6


def believed(model: Model, values: Floats, is_known: Bools, doubtful: Iterable[str]) -> tuple[Bools, list[str]]:
    """is_known (T, Q) without the joints of doubtful segments and without what stands at the end of its range, and notes."""
    out, notes = is_known.copy(), []
    out[:, _at_ends(model, doubtful)] = False
    for i, c in enumerate(model.coordinates):
        if not c.is_clamped:
            continue
        for end in (c.minimum, c.maximum):
            is_at_end = out[:, i] & (np.abs(values[:, i] - end) < AT_LIMIT)
            out[is_at_end, i] = False
            if is_at_end.any():
                notes.append(
                    f"body: {c.name} is left out in {counted(int(is_at_end.sum()), 'frame')} in which it stands at the end of the model's "
                    f"range ({np.degrees(end):.0f}°), because the person's joint may be beyond it"
                )
    return out, notes


def _at_ends(model: Model, segments: Iterable[str]) -> list[int]:
    """Places of the coordinates of joints that begin or end at one of these segments."""
    index = {n: i for i, n in enumerate(model.coordinate_names)}
    of = set(segments)
    return [index[n] for j in model.joints if of & {j.parent, j.child} for n in j.coordinates]


def bridged(is_known: Bools, is_far: Bools, longest: int) -> Bools:
    """is_known (T, Q) with gaps of at most ``longest`` frames between known ones counted as known.

    is_far : (T,) frames that are not believed, which a gap must not begin or end at.
    """
    out = is_known.copy()
    for column in range(is_known.shape[1]):
        known = np.flatnonzero(is_known[:, column])
        for a, b in itertools.pairwise(known):
            if 1 < b - a <= longest + 1 and not (is_far[a] or is_far[b]):
                out[a:b, column] = True
    return out
