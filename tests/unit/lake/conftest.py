"""A lake with stored results, made once."""

from __future__ import annotations

import shutil

import pytest

from neurostore.upkeep.refresh import refresh
from tests.builders.kept_lake import VIEWS, kept_lake, rows_of


@pytest.fixture(scope="package")
def made(tmp_path_factory):
    """A lake with its results, and the rows that its views compute."""
    folder = tmp_path_factory.mktemp("kept")
    lake = kept_lake(folder)
    computed = {view: rows_of(lake, view) for view in VIEWS}
    done = refresh(lake.path)
    assert (done.n_sessions, done.n_trials, done.n_left) == (4, 8, 0)
    return lake.path, computed


@pytest.fixture
def lake(made, tmp_path):
    """A copy of it that a test may change."""
    path = tmp_path / "lake"
    shutil.copytree(made[0], path)
    return str(path)
