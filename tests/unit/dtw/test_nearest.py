"""Whether bounds are tried at all: on data without structure they cost more than they save."""

from __future__ import annotations

import numpy as np
import pytest

from neurostore import dtw
from neurostore.dtw.nearest import _Search, search

N = 10_000


def random_series():
    rng = np.random.default_rng(5)
    return rng.normal(size=(N, 50, 6)).astype(np.float32), rng.normal(size=(1, 50, 6)).astype(np.float32)


def alike_series():
    rng = np.random.default_rng(6)
    xs = 10 * rng.normal(size=(N, 1, 2)) + rng.normal(size=(N, 12, 2))
    return xs.astype(np.float32), xs[:1].astype(np.float32) + np.float32(0.1)


@pytest.mark.parametrize(("made", "is_hopeless"), [(random_series, True), (alike_series, False)])
def test_a_sample_tells_whether_bounds_help(made, is_hopeless, monkeypatch):
    xs, queries = made()
    asked = []
    bounds_of = _Search.keogh_bounds

    def counted(self, n_threads, every=1):
        bounds = bounds_of(self, n_threads, every)
        asked.append(np.isfinite(bounds).sum())
        return bounds

    monkeypatch.setattr(_Search, "keogh_bounds", counted)
    found = search(queries, xs, 3, band=0.2)
    assert asked[0] <= N / 12  # a part of the series first
    assert asked[1:] == ([] if is_hopeless else [N])
    distances = dtw.cross(queries, xs, band=0.2)[0]
    order = np.argsort(distances, kind="stable")[:3]
    np.testing.assert_array_equal(found.indices[0], order)
    np.testing.assert_array_equal(found.distances[0], distances[order])
    assert bool(found.warped[0] == N) is is_hopeless
