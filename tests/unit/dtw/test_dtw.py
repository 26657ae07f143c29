"""The verbs of neurostore.dtw against the definition, and what they refuse."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from neurostore import dtw
from neurostore.dtw.distance import circular_cross, paired
from neurostore.dtw.nearest import Collection, search
from neurostore.errors import NeurostoreError, SeriesError, UsageError
from tests.twins import dtw as twin


def walks(n: int, low: int, high: int, channels: int, seed: int = 0, dtype=np.float64) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(rng.integers(low, high + 1), channels)).cumsum(0).astype(dtype) for _ in range(n)]


def table(xs, ys, band=None) -> np.ndarray:
    return np.array([[twin.distance(x, y, band) for y in ys] for x in xs])


def close(found: np.ndarray, expected: np.ndarray) -> bool:
    """The exactness that is promised: 1e-12 in float64; 1e-5 d + 1e-6 of the largest d in float32."""
    relative, absolute = (1e-5, 1e-6) if found.dtype == np.float32 else (1e-12, 1e-12)
    return bool((np.abs(found - expected) <= relative * expected + absolute * expected.max()).all())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 3, 6])
def test_all_verbs_compute_the_definition_for_unequal_lengths(dtype, channels):
    xs, ys = walks(19, 1, 23, channels, 1, dtype), walks(5, 1, 23, channels, 2, dtype)
    assert close(dtw.pairwise(xs), table(xs, xs))
    assert close(dtw.cross(xs, ys), table(xs, ys))
    assert close(dtw.cross(ys, xs), table(ys, xs))
    assert close(paired(xs[:5], ys), np.diag(table(xs[:5], ys)))
    assert dtw.pairwise(xs).dtype == dtype
    assert dtw.distance(xs[0], ys[0]) == pytest.approx(twin.distance(xs[0], ys[0]), rel=1e-5)


@pytest.mark.parametrize("band", [0, 1, 3, 4, 20, 0.0, 0.1, 0.5, 1.0])
def test_a_band_opens_cells_within_r_samples(band):
    xs = list(np.random.default_rng(3).normal(size=(20, 21, 2)))
    expected = table(xs, xs, band)
    assert close(dtw.pairwise(xs, band=band), expected)
    assert close(dtw.cross(xs[:3], xs, band=band), expected[:3])
    assert close(paired(xs[:-1], xs[1:], band=band), np.diag(expected, 1))


@pytest.mark.parametrize("band", [None, 9, 20])
def test_columns_worked_in_blocks_are_the_same_matrix(band):
    """With 150 channels a block is 13 samples in float32 and 27 in float64, so that rows begin and end inside blocks."""
    xs = walks(18, 41, 50, 150, 7)
    expected = table(xs, xs, band)
    assert close(dtw.pairwise(xs, band=band), expected)
    assert close(dtw.pairwise([x.astype(np.float32) for x in xs], band=band), expected)


@pytest.mark.parametrize("band", [9, 0.6])
def test_a_band_on_unequal_lengths_goes_by_each_pair(band):
    xs = walks(37, 12, 20, 2, 4)
    assert close(dtw.pairwise(xs, band=band), table(xs, xs, band))


@pytest.mark.parametrize("band", [None, 12, 0.7])
def test_path_is_the_best_and_breaks_ties_as_stated(band):
    rng = np.random.default_rng(5)
    for n, m in [(1, 1), (1, 7), (9, 4), (12, 12)]:
        a, b = rng.integers(0, 3, (n, 1)).astype(float), rng.integers(0, 3, (m, 1)).astype(float)
        if twin.radius(n, m, band) >= abs(n - m):
            assert dtw.path(a, b, band=band).tolist() == [list(step) for step in twin.path(a, b, band)]


def test_path_of_equal_series_is_the_diagonal():
    assert dtw.path(np.zeros(4), np.zeros(4)).tolist() == [[0, 0], [1, 1], [2, 2], [3, 3]]
    # with one row left over, the step in the first series comes last, seen from the end
    assert dtw.path(np.zeros(3), np.zeros(2)).tolist() == [[0, 0], [1, 0], [2, 1]]


@pytest.mark.parametrize("band", [None, 15, 0.8])
def test_path_length_divides_by_the_samples_matched(band):
    xs = [x.round() for x in walks(21, 10, 20, 2, 6)]  # rounded: many ties
    ys = [x.round() for x in walks(21, 10, 20, 2, 7)]
    steps = np.array([[len(twin.path(x, y, band)) for y in ys] for x in xs])
    expected = table(xs, ys, band) / np.sqrt(steps)
    assert close(dtw.cross(xs, ys, band=band, normalize="path_length"), expected)
    assert close(paired(xs, ys, band=band, normalize="path_length"), np.diag(expected))
    both = dtw.pairwise(xs, band=band, normalize="path_length")
    for i in range(3):
        for j in range(i + 1, 21):
            rms = twin.distance(xs[i], xs[j], band) / np.sqrt(len(twin.path(xs[i], xs[j], band)))
            assert both[i, j] == both[j, i] == pytest.approx(rms, rel=1e-12)


def test_path_length_of_a_constant_offset_is_the_offset():
    x = np.arange(50.0)[:, None] * 100
    assert dtw.distance(x, x + 3.0, normalize="path_length") == pytest.approx(3.0)


def test_square_is_symmetric_with_a_zero_diagonal_whatever_the_threads():
    xs = walks(50, 5, 40, 3, 8, np.float32)
    one = dtw.pairwise(xs, n_threads=1)
    assert np.array_equal(one, one.T)
    assert not one.diagonal().any()
    assert np.array_equal(one, dtw.pairwise(xs, n_threads=3))


def test_what_a_series_may_be():
    assert dtw.distance([0, 1, 2], (0, 2)) == 1.0
    assert dtw.pairwise(np.zeros((3, 5))).shape == (3, 3)  # three series of one channel
    assert dtw.pairwise([[1.0, 2.0]]).tolist() == [[0.0]]
    fixed = np.zeros((3, 5, 2), np.float32)
    fixed.setflags(write=False)
    assert dtw.pairwise(fixed[:, ::2]).dtype == np.float32
    assert dtw.cross([np.zeros(3, np.float32)], [np.ones(3)]).dtype == np.float64


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: dtw.pairwise([]), "no series"),
        (lambda: dtw.pairwise(np.zeros((0, 5, 2))), "shape"),
        (lambda: dtw.pairwise([np.zeros((3, 2)), np.zeros((0, 2))]), r"xs\[1\] is empty"),
        (lambda: dtw.pairwise([np.zeros((3, 2)), np.zeros((3, 3))]), r"2 channels and xs\[1\] has 3"),
        (lambda: dtw.distance(np.zeros((3, 2)), np.zeros((3, 1))), "2 channels, the second 1"),
        (lambda: dtw.distance([1.0, np.nan], [1.0]), "NaN at sample 1, channel 0"),
        (lambda: dtw.distance([1.0], [np.inf]), "infinite"),
        (lambda: dtw.cross([[1.0]], [[1e300]], dtype="float32"), "infinite in float32"),
        (lambda: dtw.distance([1e300], [-1e300]), "too large"),
        (lambda: dtw.distance(["a"], [1.0]), "not numbers"),
        (lambda: dtw.distance(np.zeros((2, 2, 2)), [1.0]), "3 dimensions"),
        (lambda: dtw.distance([1.0, 2, 3], [1.0], band=1), "differ by 2"),
        (lambda: dtw.pairwise([np.zeros(9), np.zeros(5)], band=0.2), "allows 2 samples"),
        (lambda: dtw.path(np.zeros(9), np.zeros(5), band=0.2), "allows 2 samples"),
        (lambda: dtw.nearest(np.zeros(9), [np.zeros(5)], band=3), "allows 3 samples"),
        (lambda: dtw.distance([1.0], [1.0], band=-1), "at least 0"),
        (lambda: dtw.distance([1.0], [1.0], band=float("nan")), "at least 0"),
        (lambda: dtw.distance([1.0], [1.0], band=True), "band is True"),
        (lambda: dtw.distance([1.0], [1.0], dtype="int8"), "float32 or float64"),
        (lambda: dtw.distance([1.0], [1.0], normalize="length"), "path_length"),
        (lambda: dtw.distance([1.0], [1.0], missing="skip"), "propagate"),
        (lambda: dtw.distance([1.0], [1.0], backend="c"), "dtaidistance"),
        (lambda: paired([[1.0]], [[1.0], [2.0]]), "1 series cannot be paired with 2"),
        (lambda: dtw.nearest([1.0], [[1.0]], k=2), "1 to 1"),
        (lambda: dtw.nearest([1.0], [[1.0]], k=0), "1 to 1"),
        (lambda: search([[1.0]], Collection([[1.0]]), band=3), "belong to the Collection"),
        (lambda: circular_cross([np.zeros((2, 3))], [np.zeros((2, 3))], "so3"), "4 channels"),
    ],
)
def test_what_is_refused_is_reported(call, said):
    with pytest.raises(SeriesError, match=said) as caught:
        call()
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, NeurostoreError)
    assert caught.value.exit_code == 2


def test_threads_must_be_some():
    with pytest.raises(UsageError, match="n_threads"):
        dtw.pairwise(np.zeros((3, 5)), n_threads=0)


def test_missing_values_propagate_only_to_their_own_pairs():
    xs = walks(20, 8, 12, 2, 9)
    whole = dtw.pairwise(xs)
    xs[4] = xs[4].copy()
    xs[4][3, 1] = np.nan
    found = dtw.pairwise(xs, missing="propagate")
    assert np.isnan(found[4]).all()
    assert np.isnan(found[:, 4]).all()
    others = np.delete(np.arange(20), 4)
    assert np.array_equal(found[np.ix_(others, others)], whole[np.ix_(others, others)])
    assert np.isnan(dtw.cross(xs[4:5], xs, missing="propagate")).all()


@pytest.mark.parametrize(("n", "band"), [(1, None), (15, 0.2), (40, None)])
def test_nearest_is_brute_force(n, band):
    rng = np.random.default_rng(n)
    xs = rng.normal(size=(300, 30, 2)).cumsum(1).round(1)
    xs[200:] = xs[:100]  # ties, to be broken by index
    queries = xs[:n] + 0.1
    distances = dtw.cross(queries, xs, band=band)
    order = np.argsort(distances, axis=1, kind="stable")[:, :7]
    found = search(queries, Collection(xs, band=band), 7)
    assert np.array_equal(found.indices, order)
    assert np.array_equal(found.distances, np.take_along_axis(distances, order, 1))
    indices, values = dtw.nearest(queries[0], xs, 7, band=band)
    assert np.array_equal(indices, order[0])
    assert np.array_equal(values, found.distances[0])


def test_nearest_prunes_what_is_far_and_not_what_is_random():
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(50, 40, 3)).cumsum(1)
    near = (centres[rng.integers(0, 50, 3000)] + 0.05 * rng.normal(size=(3000, 40, 3))).astype(np.float32)
    found = search(near[:5], Collection(near, band=0.1), 5)
    assert found.warped.max() < 300
    noise = rng.normal(size=(3000, 40, 3)).astype(np.float32)
    random = search(noise[:3] + np.float32(0.01), Collection(noise, band=0.1), 5)
    assert random.warped.min() == 3000
    distances = dtw.cross(noise[:3] + np.float32(0.01), noise, band=0.1)
    assert np.array_equal(random.indices, np.argsort(distances, axis=1, kind="stable")[:, :5])


def test_nearest_of_unequal_lengths():
    xs = walks(200, 20, 30, 2, 10)
    distances = dtw.cross(xs[:4], xs, band=0.5)
    for q in range(4):
        indices, _ = dtw.nearest(xs[q], xs, 5, band=0.5)
        assert np.array_equal(indices, np.argsort(distances[q], kind="stable")[:5])


def test_angles_are_compared_around_the_circle():
    a, b = np.array([[179.0], [-179.0]]), np.array([[-180.0], [180.0]])
    assert circular_cross([a], [b], "angular")[0, 0] == pytest.approx(np.sqrt(2))
    assert circular_cross([a], [a + 720], "angular")[0, 0] == pytest.approx(0.0)


def test_rotations_are_compared_by_the_angle_between_them():
    half = np.radians(np.array([0.0, 10.0, 30.0])) / 2
    about_x = np.column_stack([np.cos(half), np.sin(half), 0 * half, 0 * half])
    still = np.array([[1.0, 0, 0, 0]])
    expected = np.sqrt(0 + 100 + 900)
    assert circular_cross([about_x], [still], "so3")[0, 0] == pytest.approx(expected)
    assert circular_cross([-about_x], [still], "so3")[0, 0] == pytest.approx(expected)  # q and -q are one rotation


_WITHOUT_JIT = """
import numpy as np
from neurostore import dtw
from neurostore.dtw.nearest import Collection, search
from tests.twins import dtw as twin
rng = np.random.default_rng(0)
xs = [rng.normal(size=(rng.integers(6, 10), 2)) for _ in range(18)]
expected = np.array([[twin.distance(x, y, 5) for y in xs] for x in xs])
assert np.allclose(dtw.pairwise(xs, band=5), expected, rtol=1e-12, atol=1e-12)
assert np.allclose(dtw.cross(xs[:2], xs, band=5), expected[:2], rtol=1e-12, atol=1e-12)
assert dtw.path(xs[0], xs[1]).tolist() == [list(s) for s in twin.path(xs[0], xs[1])]
same = rng.normal(size=(40, 12, 1))
found = search(same[:1], Collection(same, band=0.2), 3)
assert found.indices[0].tolist() == np.argsort(dtw.cross(same[:1], same, band=0.2)[0])[:3].tolist()
"""


def test_kernels_run_as_plain_python_too():
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-c", _WITHOUT_JIT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_cached_kernel_is_dropped_when_a_kernel_that_it_calls_has_changed():
    """numba looks at the function's own file alone, so the stamp of its cache names every file of kernels."""
    from neurostore.dtw import _bounds, _kernels, _sweeps

    own = _kernels.pack._cache._cache_file._source_stamp
    assert own[1] == _bounds.envelope._cache._cache_file._source_stamp[1] == _sweeps.SOURCES
    assert own[0] != _bounds.envelope._cache._cache_file._source_stamp[0]


def test_works_where_nothing_can_be_cached(tmp_path):
    """numba refuses cache=True if no folder can be written; the kernels are then compiled without a cache."""
    code = (
        "import numba.core.caching as c\n"
        "c.CacheImpl._locator_classes = []\n"
        "from neurostore.dtw import _kernels\n"
        "import numpy as np\n"
        "tile = np.zeros(16, np.float32)\n"
        "_kernels.begin(tile, 0)\n"
        "assert tile[0] == 0\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
