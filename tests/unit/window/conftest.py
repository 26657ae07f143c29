"""One small cohort, a copy of its lake per test that writes, and a running server."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

import pytest

from tests.builders.demo_lake import make_demo_lake
from tests.builders.window_server import running

if not all(map(find_spec, ("starlette", "uvicorn"))):  # the extra `app`
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Three people, one of each group, four sessions; one trial in each."""
    from neurostore.upkeep.refresh import refresh

    folder = make_demo_lake(tmp_path_factory.mktemp("window"))
    refresh(folder / "lake")
    return folder


@pytest.fixture
def path(made, tmp_path):
    """A copy of the lake that a test may write to."""
    shutil.copytree(made / "lake", tmp_path / "lake")
    return tmp_path / "lake"


@pytest.fixture(scope="session")
def server(made):
    """A read-only server for all tests that only look."""
    with running(made / "lake", "--cohort", str(made / "cohort")) as one:
        yield one
