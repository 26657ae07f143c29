"""Properties of dynamic time warping on any series."""

from __future__ import annotations

import sys
from unittest.mock import patch

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


def laid_out(x: np.ndarray, how: str) -> np.ndarray:
    """The same values in another layout."""
    if how == "fortran":
        return np.asfortranarray(x)
    if how == "strided":
        wide = np.zeros((2 * len(x), 3 * x.shape[1]), x.dtype)
        wide[::2, ::3] = x
        return wide[::2, ::3]
    if how == "reversed":
        return x[::-1].copy()[::-1]
    if how == "big-endian":
        return x.astype(x.dtype.newbyteorder(">"))
    x = x.copy()
    x.setflags(write=how != "read-only")
    return x


@settings(max_examples=60)
@given(
    st.data(),
    st.sampled_from(["float64", "float32", "float16", "int16", "int64", "bool"]),
    st.sampled_from(["C", "fortran", "strided", "reversed", "big-endian", "read-only"]),
    st.sampled_from([(0, 1), (1000, 1), (1e6, 1e-1), (-3e4, 1e-2), (0, 1e-12), (0, 1e12)]),
)
def test_the_promised_exactness_whatever_the_numbers_and_their_layout(data, given_dtype, layout, offset_and_size):
    """Against the float64 twin of what the series hold: 1e-12 in float64, 1e-5 d + 1e-6 of the largest d in float32."""
    offset, size = offset_and_size if given_dtype in ("float32", "float64") else (3, 5)
    band = data.draw(st.sampled_from([None, 2, 0.5]))
    shortest = 1 if band is None else 5
    lengths = data.draw(st.lists(st.integers(shortest, 7), min_size=2, max_size=19))
    rng, channels = np.random.default_rng(data.draw(st.integers(0, 99))), data.draw(st.integers(1, 4))
    xs = [(offset + size * rng.normal(size=(n, channels))).astype(given_dtype) for n in lengths]
    expected = np.array([[twin.distance(x.astype(float), y.astype(float), band) for y in xs] for x in xs])
    own = [laid_out(x, layout) for x in xs]
    relative, absolute = (1e-5, 1e-6) if given_dtype == "float32" and layout != "big-endian" else (1e-12, 1e-12)
    allowed = relative * expected + absolute * expected.max()
    assert (np.abs(dtw.pairwise(own, band=band) - expected) <= allowed).all()
    assert (np.abs(dtw.cross(own[:3], own, band=band) - expected[:3]) <= allowed[:3]).all()
    indices, distances = dtw.nearest(own[0], own, len(own), band=band)
    assert (np.abs(distances - expected[0, indices]) <= allowed[0, indices]).all()
    single = dtw.pairwise([x.astype(np.float32) for x in own], band=band)
    if given_dtype != "float64" and given_dtype != "int64":  # those are rounded on the way in
        assert (np.abs(single - expected) <= 1e-5 * expected + 1e-6 * expected.max()).all()


@pytest.mark.parametrize("n", [700, 2000])
def test_equal_costs_do_not_add_up_to_an_error_in_float32(n):
    """People who stand differ by a constant: every step is rounded the same way."""
    values = np.random.default_rng(n).uniform(0.1, 30, 20).astype(np.float32)
    xs = [np.full((n, 2), v) for v in values]
    expected = np.sqrt(2 * n) * np.abs(np.subtract.outer(values.astype(float), values))
    for found in (dtw.pairwise(xs, band=10), dtw.cross(xs, xs, band=10)):
        assert found.dtype == np.float32
        assert (np.abs(found - expected) <= 1e-5 * expected + 1e-6 * expected.max()).all()


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


@st.composite
def searches(draw):
    """(queries, series, band): small integers, so that distances tie, on a large offset, of one length or of several."""
    channels, length = draw(st.integers(1, 2)), draw(st.sampled_from([2, 12, 20]))
    n, dtype = draw(st.integers(1, 40)), draw(st.sampled_from([np.float32, np.float64]))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    offset, step = draw(st.sampled_from([0, 1000, -1e6])), draw(st.sampled_from([1, 1e-3]))
    is_equal = draw(st.booleans())
    lengths = np.full(n, length) if is_equal else rng.integers(max(1, length - 3), length + 1, n)
    smooth = draw(st.booleans())

    def series(m: int) -> np.ndarray:
        steps = rng.integers(-2, 3, (m, channels))
        return (offset + step * (steps.cumsum(0) if smooth else steps)).astype(dtype)

    xs = [series(m) for m in lengths]
    queries = [
        xs[int(k)] if copy else series(length) for k, copy in zip(rng.integers(0, n, 2), (True, False), strict=True)
    ]
    return queries, xs, draw(st.sampled_from([None, 3, 0.3, 1.0] if length > 2 or is_equal else [None, 3]))


@settings(max_examples=60)
@given(searches(), st.integers(1, 12), st.booleans())
def test_nearest_is_brute_force(made, k, is_built):
    """Whatever bounds are used; ties go to the smaller index."""
    queries, xs, band = made
    k = min(k, len(xs))
    distances = dtw.cross(queries, xs, band=band)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    found = search(queries, Collection(xs, band=band, summarise=is_built), k)
    assert np.array_equal(found.indices, order)
    assert np.array_equal(found.distances, np.take_along_axis(distances, order, 1))
    with patch.object(sys.modules[search.__module__], "HOPELESS", 0.0 if is_built else 1.0):
        again = search(queries, Collection(xs, band=band, summarise=is_built), k)
    assert np.array_equal(again.indices, order)
