"""Percentiles, medians and products of arrays against NumPy, bit for bit."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from neurostore import arrays

PERCENTS = (0, 2.5, 25, 50, 95, 99.5, 100)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 601])
@pytest.mark.parametrize("missing", [0.0, 0.3, 1.0])
def test_percentiles_and_medians_are_numpys(n: int, missing: float) -> None:
    random = np.random.default_rng(n)
    table = random.normal(size=(n, 4))
    table[random.random((n, 4)) < missing] = np.nan
    for values in (table, table[:, 0]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # columns of NaN alone
            percentiles, median = np.nanpercentile(values, PERCENTS, axis=0), np.nanmedian(values, axis=0)
        np.testing.assert_array_equal(arrays.percentiles(values, PERCENTS), percentiles)
        np.testing.assert_array_equal(arrays.middle(values), median)


@pytest.mark.parametrize("small", [(3,), (3, 4)])
@pytest.mark.parametrize("n", [0, 5, 5000])
def test_a_product_in_pieces_is_the_product(n: int, small: tuple[int, ...]) -> None:
    random = np.random.default_rng(3)
    rows, matrix = random.normal(size=(n, 3)), random.normal(size=small)
    np.testing.assert_allclose(arrays.product(rows, matrix), rows @ matrix, rtol=0, atol=1e-14)
