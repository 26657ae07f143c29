"""The k most similar series, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurostore.dtw.distance import cross
from neurostore.errors import SeriesError


def nearest(query: Any, xs: Any, k: int = 1, *, band: float | None = None, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Indices and distances of the k series of xs nearest to query, nearest first; ties by index."""
    if k < 1:
        raise SeriesError(f"k is {k}; at least 1 is needed")
    found = cross([query], xs, band=band, **options)[0]
    order = np.argsort(found, kind="stable")[:k]
    return order, found[order]
