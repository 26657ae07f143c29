"""pandas, which pyarrow loads to look at a list, stays out of the processes of the command line and of ingest."""

from __future__ import annotations

import sys

import pytest

from neurostore import no_pandas


def test_pandas_cannot_be_loaded_inside_and_can_be_afterwards(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "pandas"]:
        monkeypatch.delitem(sys.modules, name)
    before = list(sys.meta_path)
    with no_pandas.kept_out(), pytest.raises(ModuleNotFoundError, match="pandas is not used"):
        import pandas  # noqa: F401
    assert sys.meta_path == before
