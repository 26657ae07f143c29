"""neurostore.dtw beside dtaidistance and tslearn."""

from __future__ import annotations

import numpy as np
import pytest

from neurostore import dtw
from neurostore.dtw.options import check_band

dtaidistance_ndim = pytest.importorskip("dtaidistance.dtw_ndim")


@pytest.fixture(scope="module")
def cycles() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(20, 50, 3)).cumsum(1)


def peer(xs, ys, window=None) -> np.ndarray:
    return np.array([[dtaidistance_ndim.distance(x, y, window=window) for y in ys] for x in xs])


@pytest.mark.parametrize("band", [None, 0, 3, 10, 0.1])
def test_equals_dtaidistance_whose_window_is_r_plus_one(cycles, band):
    samples, fraction = check_band(band, np.array([50]), np.array([50]))
    window = None if band is None else (samples if samples >= 0 else int(np.ceil(fraction * 50))) + 1
    np.testing.assert_allclose(dtw.pairwise(cycles, band=band), peer(cycles, cycles, window), rtol=1e-12, atol=1e-12)


def test_equals_dtaidistance_for_unequal_lengths():
    rng = np.random.default_rng(1)
    xs = [rng.normal(size=(rng.integers(5, 60), 4)) for _ in range(20)]
    np.testing.assert_allclose(dtw.pairwise(xs), peer(xs, xs), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("band", [None, 4, 0.1])
def test_dtaidistance_as_backend(cycles, band):
    options = {"band": band, "backend": "dtaidistance"}
    np.testing.assert_allclose(dtw.pairwise(cycles, **options), dtw.pairwise(cycles, band=band), rtol=1e-12, atol=1e-12)
    assert dtw.distance(cycles[0], cycles[1], **options) == pytest.approx(dtw.distance(cycles[0], cycles[1], band=band))


def test_the_backend_refuses_what_it_defines_otherwise():
    with pytest.raises(ValueError, match="unequal lengths"):
        dtw.distance(np.zeros(5), np.zeros(6), band=3, backend="dtaidistance")
    with pytest.raises(ValueError, match="path_length"):
        dtw.distance(np.zeros(5), np.zeros(6), normalize="path_length", backend="dtaidistance")


@pytest.mark.slow  # it compiles kernels of its own for ten seconds
def test_equals_tslearn(cycles):
    metrics = pytest.importorskip("tslearn.metrics")
    expected = [[metrics.dtw(x, y) for y in cycles[:6]] for x in cycles[:6]]
    np.testing.assert_allclose(dtw.pairwise(cycles[:6]), expected, rtol=1e-12, atol=1e-12)
    path, _ = metrics.dtw_path(cycles[0], cycles[1])
    assert dtw.path(cycles[0], cycles[1]).tolist() == [list(step) for step in path]


def test_soft_dtw_has_the_value_of_tslearn_and_the_definition(cycles):
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("tslearn.metrics")
    from neurostore.dtw.soft import soft_dtw
    from tests.twins import dtw as twin

    for gamma in (0.01, 1.0, 10.0):
        a, b = cycles[0, :20], cycles[1, :17]
        value = float(soft_dtw(torch.tensor(a), torch.tensor(b), gamma))
        assert value == pytest.approx(metrics.soft_dtw(a, b, gamma=gamma), rel=1e-9)
        assert value == pytest.approx(twin.soft(a, b, gamma), rel=1e-9)


@pytest.mark.parametrize("band", [None, 2])
def test_soft_dtw_gradients(band):
    torch = pytest.importorskip("torch")
    from neurostore.dtw.soft import soft_dtw

    torch.manual_seed(0)
    a = torch.randn(2, 5, 2, dtype=torch.float64, requires_grad=True)
    b = torch.randn(2, 6, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, y: soft_dtw(x, y, 0.5, band=band), (a, b))
    assert soft_dtw(a[0], b[0], 0.5).item() == pytest.approx(soft_dtw(a, b, 0.5)[0].item())


def test_soft_dtw_tends_to_the_squared_distance(cycles):
    torch = pytest.importorskip("torch")
    from neurostore.dtw.soft import soft_dtw

    a, b = torch.tensor(cycles[0]), torch.tensor(cycles[1])
    for band in (None, 5):
        expected = dtw.distance(cycles[0], cycles[1], band=band) ** 2
        assert float(soft_dtw(a, b, 1e-4, band=band)) == pytest.approx(expected, rel=1e-6)


def test_soft_dtw_refuses():
    torch = pytest.importorskip("torch")
    from neurostore.dtw.soft import soft_dtw

    good = torch.zeros(3, 2)
    bad = (
        (good, torch.zeros(3, 1), 1.0),
        (good, torch.zeros(0, 2), 1.0),
        (good, torch.full((2, 2), torch.nan), 1.0),
        (good, good, 0.0),
    )
    for a, b, gamma in bad:
        with pytest.raises(ValueError, match=r"channels|empty|NaN|gamma"):
            soft_dtw(a, b, gamma)
