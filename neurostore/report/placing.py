"""Positions of dots and their names in a figure so that they do not cover each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurostore.arrays import Floats

# Places of a name beside its dot, best first: plotly's word, then the offset from the dot as shares of the name's size.
AROUND = {
    "middle right": (0.5, 0.0),
    "top center": (0.0, 0.5),
    "bottom center": (0.0, -0.5),
    "middle left": (-0.5, 0.0),
    "top right": (0.5, 0.5),
    "bottom right": (0.5, -0.5),
    "top left": (-0.5, 0.5),
    "bottom left": (-0.5, -0.5),
}
HEIGHT = 12.0  # height of a line of text, in pixels
LETTER = 5.8  # mean width of a letter, in pixels
DOT = 7.0  # half the width of a dot, in pixels


def swarm(
    values: Sequence[float] | Floats,
    low: float,
    high: float,
    n_rows: int = 22,
    step: float = 0.085,
    widest: float = 0.26,
) -> Floats:
    """Sideways offsets for a column of dots that do not overlap, each as close to the middle as possible.

    Parameters
    ----------
    values : (n,) what the dots show, along the axis from low to high that ``n_rows`` dots fill.
    step : from one dot to the next beside it, in the unit of the offsets; less where a row would pass ``widest``.

    Returns
    -------
    (n,) offsets; equal values go 0, +step, -step, +2 step and so on.
    """
    room = (high - low) / n_rows if high > low else 1.0
    offsets = np.zeros(len(values))
    placed: list[tuple[float, int]] = []
    for i in np.argsort(values, kind="stable"):
        near = {k for v, k in placed if abs(values[i] - v) < room}
        k = next(k for k in (((j + 1) // 2) * (1 if j % 2 else -1) for j in range(len(values) + 1)) if k not in near)
        placed.append((float(values[i]), k))
        offsets[i] = k * step
    largest = np.abs(offsets).max(initial=0.0)
    return offsets * min(1.0, widest / largest) if largest else offsets


def places_of_names(points: Floats, names: Sequence[str], pixels: tuple[float, float]) -> list[str]:
    """For each dot the word of ``AROUND`` with which its name covers the fewest dots and other names.

    Parameters
    ----------
    points : (n, 2) in data units, shown with one scale on both axes. pixels : width and height of the figure inside its axes.
    """
    extent = np.maximum(np.ptp(points, axis=0), 1e-9)
    at = points / max(extent[0] / pixels[0], extent[1] / pixels[1])
    taken = [(x - DOT, y - DOT, x + DOT, y + DOT) for x, y in at]
    places = []
    for i, name in enumerate(names):
        width = LETTER * len(name)
        costs = {}
        for word, (right, up) in AROUND.items():
            x = at[i, 0] + right * (width + 2 * DOT)
            y = at[i, 1] + up * (HEIGHT + 2 * DOT)
            box = (x - width / 2, y - HEIGHT / 2, x + width / 2, y + HEIGHT / 2)
            costs[word] = sum(_shared(box, other) for k, other in enumerate(taken) if k != i), box
        best = min(costs, key=lambda word: costs[word][0])
        taken.append(costs[best][1])
        places.append(best)
    return places


def _shared(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Area that two boxes (left, bottom, right, top) share."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
