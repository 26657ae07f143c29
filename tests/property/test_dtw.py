"""Properties of dynamic time warping on any series."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neurostore import dtw
from neurostore.dtw.nearest import Collection, search
from tests.twins import dtw as twin

VALUES = st.floats(-1e3, 1e3, width=32)


@st.composite
def sets_of_series(draw, most: int = 6):
    channels = draw(st.integers(1, 3))
    shapes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=most))
    return [draw(hnp.arrays(np.float64, (n, channels), elements=VALUES)) for n in shapes]


@settings(max_examples=60)
@given(sets_of_series())
def test_pairwise_is_the_definition(xs):
    found = dtw.pairwise(xs)
    expected = np.array([[twin.distance(x, y) for y in xs] for x in xs])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * (expected.max() + 1))


@settings(max_examples=60)
@given(sets_of_series(), st.integers(0, 9), st.integers(0, 9))
def test_distance_does_not_grow_as_the_band_widens(xs, first, second):
    a, b = xs[0], xs[-1]
    least = abs(len(a) - len(b))
    narrow, wide = least + min(first, second), least + max(first, second)
    assert dtw.distance(a, b, band=wide) <= dtw.distance(a, b, band=narrow)
    assert dtw.distance(a, b) <= dtw.distance(a, b, band=wide)


@settings(max_examples=60)
@given(sets_of_series())
def test_the_path_is_continuous_and_costs_the_distance(xs):
    a, b = xs[0], xs[-1]
    path = dtw.path(a, b)
    steps = np.diff(path, axis=0)
    assert path[0].tolist() == [0, 0]
    assert path[-1].tolist() == [len(a) - 1, len(b) - 1]
    assert all(tuple(step) in {(1, 0), (0, 1), (1, 1)} for step in steps)
    cost = ((a[path[:, 0]] - b[path[:, 1]]) ** 2).sum()
    assert np.sqrt(cost) == pytest.approx(dtw.distance(a, b), rel=1e-9, abs=1e-9)


@settings(max_examples=40)
@given(
    hnp.arrays(np.float32, st.tuples(st.integers(2, 40), st.just(12), st.integers(1, 2)), elements=st.integers(-3, 3)),
    st.integers(0, 3),
    st.sampled_from([None, 0.0, 0.2]),
)
def test_nearest_is_brute_force(xs, shift, band):
    """Small integers: distances tie, and the tie goes to the smaller index."""
    queries = np.roll(xs[:2], shift, axis=1)
    k = min(3, len(xs))
    distances = dtw.cross(queries, xs, band=band)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    assert np.array_equal(search(queries, Collection(xs, band=band), k).indices, order)
