"""The cache of compiled kernels, with two processes at work."""

from __future__ import annotations

import importlib.util
from functools import partial

import numpy as np
import pytest
from numba import config
from numba.core.errors import NumbaError

from neurostore.compiled import kernel

SOURCE = """
from neurostore.compiled import kernel

@kernel
def total(values):
    result = values[0]
    for value in values[1:]:
        result += value
    return result
"""


@pytest.fixture
def total(tmp_path, monkeypatch):
    """A kernel as a new process finds it: with what is in the cache alone."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")  # beside the file
    path = tmp_path / "sums.py"
    path.write_text(SOURCE)

    def load():
        spec = importlib.util.spec_from_file_location("sums", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.total

    return load


def test_two_processes_that_compile_at_once_keep_their_own_code(total):
    """Both read the index before the other has written it: numba gave both the file number 1."""
    ones = {kind: np.ones(8, kind) for kind in (np.float64, np.int16)}
    first, second = total(), total()
    file = first._cache._cache_file
    store = file._save_data
    second._cache._cache_file._load_index = dict

    def store_after_the_other(*given):
        second(ones[np.int16])
        store(*given)

    file._save_data = store_after_the_other
    first(ones[np.float64])
    for kind, values in ones.items():
        assert total()(values) == 8, kind


def test_what_was_compiled_is_loaded(total):
    values = np.ones(8)
    assert total()(values) == 8
    again = total()
    assert again(values) == 8
    assert sum(again.stats.cache_hits.values()) == 1
    assert total()(np.ones(8, np.float32)) == 8
    assert sum((both := total()).stats.cache_hits.values()) == 0
    assert both(values) == both(np.ones(8, np.float32)) == 8
    assert sum(both.stats.cache_hits.values()) == 2


def test_code_of_earlier_sources_is_removed(total, tmp_path):
    total()(np.ones(8))
    (tmp_path / "sums.py").write_text(SOURCE.replace("+=", "-="))
    assert total()(np.ones(8)) == -6
    assert len(list((tmp_path / "__pycache__").glob("sums.total-*.nbc"))) == 1


def test_a_function_that_counts_no_references_cannot_make_an_array():
    """Its memory would never be freed: numba says so instead of leaking."""
    inner = partial(kernel, counts_references=False)

    @inner
    def total(values):
        result = 0.0
        for value in values[1:]:
            result += value
        return result

    @inner
    def doubled(values):
        return (values * 2).sum()

    assert total(np.ones(8)) == 7
    if not config.DISABLE_JIT:
        with pytest.raises(NumbaError):
            doubled(np.ones(8))
