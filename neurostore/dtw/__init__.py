"""Exact dynamic time warping of movement, many pairs in parallel.

Input: arrays of samples. Output: distances and paths. Five verbs, the same options for each: `distance`, `path`,
`pairwise`, `cross`, `nearest`. soft-DTW with gradients is in `neurostore.dtw.soft` and needs torch. May import: arrays,
compiled, errors, file_hash.
"""

from __future__ import annotations

from neurostore.dtw.distance import cross, distance, pairwise, path
from neurostore.dtw.nearest import nearest

__all__ = ["cross", "distance", "nearest", "pairwise", "path"]
