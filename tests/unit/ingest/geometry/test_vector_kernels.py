"""Compiled loops over vectors against NumPy, bit for bit."""

from __future__ import annotations

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.geometry.rotations import from_matrix
from neurostore.ingest.landmarks.axes import across, cross, unit


def vectors(seed: int) -> Floats:
    """Ordinary vectors, and one that is zero, one that is missing, one of which a part is missing."""
    made = np.random.default_rng(seed).normal(size=(40, 3))
    made[3], made[5], made[7, 1] = 0.0, np.nan, np.nan
    return made


def test_vectors_are_those_of_numpy() -> None:
    a, b = vectors(1), unit(vectors(2))
    with np.errstate(invalid="ignore", divide="ignore"):
        length = np.sqrt((a * a).sum(-1, keepdims=True))
        np.testing.assert_array_equal(unit(a), np.where(length > 1e-9, a / length, np.nan))
        rest = a - (a * b).sum(-1, keepdims=True) * b
        length = np.sqrt((rest * rest).sum(-1, keepdims=True))
        np.testing.assert_array_equal(across(a, b), np.where(length > 1e-9, rest / length, np.nan))
    np.testing.assert_array_equal(cross(a, b), np.cross(a, b))
    np.testing.assert_array_equal(cross(a[::2], b[::2]), np.cross(a[::2], b[::2]))  # not contiguous


def test_vectors_of_other_shapes_and_types_are_taken() -> None:
    a, b = vectors(1), vectors(2)
    np.testing.assert_array_equal(unit(a[0]), unit(a[:1])[0])
    np.testing.assert_array_equal(cross(a, b[0]), np.cross(a, b[0]))
    assert unit(a.astype(np.float32)).dtype == np.float32


def test_rows_of_matrices_become_the_quaternions_of_single_ones() -> None:
    x, y = unit(vectors(3)), vectors(4)
    z = unit(np.cross(x, y))
    matrices = np.stack([x, np.cross(z, x), z], axis=-1)
    half_turns = np.array([np.diag(d) for d in ((1.0, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))])
    matrices = np.concatenate([matrices, half_turns])
    np.testing.assert_array_equal(from_matrix(matrices), from_matrix(matrices[None])[0])  # more axes: by NumPy
