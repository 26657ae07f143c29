"""A catalogue in the DuckDB clients that people have: the oldest that reads it fast, and the newest command line of PyPI."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from neurostore.api import open as open_lake
from neurostore.demo import make_cohort
from neurostore.ingest.pipeline import ingest
from neurostore.upkeep.catalogue import catalogue_file
from neurostore.upkeep.refresh import refresh

pytestmark = pytest.mark.slow

MOST_SECONDS = 10.0  # processor time for one row count of every view; 1.2.2 and 1.5.6 take 1 to 2 s
ASK = "import sys; sys.path.insert(0, sys.argv[1]); import duckdb; connection = duckdb.connect(sys.argv[2], read_only=True); "
PRINT = "import json; print(json.dumps([duckdb.__version__, connection.execute(sys.argv[3]).fetchall()]))"


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clients")
    make_cohort(folder / "cohort", n_per_group=1, n_trials=1)
    for part in ("C01", "S01", "H01/ses2"):  # one trial is enough
        shutil.rmtree(folder / "cohort" / part)
    ingest(folder / "cohort", folder / "lake", n_workers=1)
    refresh(folder / "lake")
    return open_lake(folder / "lake")


@pytest.fixture(scope="module")
def catalogue(lake, tmp_path_factory):
    return catalogue_file(lake.path, tmp_path_factory.mktemp("catalogue") / "lake.duckdb")


def _install(package: str, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), package]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        pytest.skip(f"{package} cannot be installed here: {done.stderr.strip().splitlines()[-1:]}")


def _counting(views: tuple[str, ...]) -> str:
    return " UNION ALL ".join(f"SELECT '{view}' AS view_name, count(*) AS n FROM {view}" for view in views)


def _run(*command: object) -> tuple[str, float]:
    before = os.times()
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=240, check=False)
    after = os.times()
    assert done.returncode == 0, done.stderr
    return done.stdout, after.children_user + after.children_system - before.children_user - before.children_system


def test_duckdb_1_2_reads_every_view_of_a_catalogue_in_seconds(lake, catalogue, tmp_path):
    _install("duckdb==1.2.2", tmp_path / "old")
    text, seconds = _run(sys.executable, "-c", ASK + PRINT, tmp_path / "old", catalogue, _counting(lake.views()))
    version, rows = json.loads(text)
    assert version == "1.2.2"
    assert dict(rows) == dict(lake.sql(_counting(lake.views())).rows())
    assert seconds < MOST_SECONDS


def test_the_newest_command_line_of_pypi_reads_every_view_of_a_catalogue_in_seconds(lake, catalogue, tmp_path):
    _install("duckdb-cli", tmp_path / "cli")
    program = next(path for path in (tmp_path / "cli").rglob("duckdb") if path.is_file() and os.access(path, os.X_OK))
    text, seconds = _run(program, "-readonly", "-json", catalogue, "-c", _counting(lake.views()))
    assert {row["view_name"]: row["n"] for row in json.loads(text)} == dict(lake.sql(_counting(lake.views())).rows())
    assert seconds < MOST_SECONDS
