"""Rotation matrices of our quaternions, by scipy."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation


def matrices_of(q: np.ndarray) -> np.ndarray:
    """(…, 3, 3) of unit quaternions (…, 4) as (w, x, y, z); columns are the child's axes in the parent."""
    q = np.asarray(q, np.float64)
    return Rotation.from_quat(q.reshape(-1, 4)[:, [1, 2, 3, 0]]).as_matrix().reshape(*q.shape[:-1], 3, 3)
