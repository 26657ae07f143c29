"""Lakes that earlier releases wrote open, verify, migrate and go on. One file a schema version, made by its release.

tests/older_lakes/schema_1.zip: release 0.1.0, the trials of ``tests.builders.tiny_bvh`` (S0/walk0, S0/walk2, S1/walk1 of 20, 22
and 21 frames) taken in at a cut-off of 6 Hz, then at 5 Hz. Never made again: a lake in the field cannot be made again either.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from neurostore import schema
from neurostore.api import open as open_lake
from neurostore.upkeep.migrate import migrate
from neurostore.upkeep.verify import verify
from tests import ROOT
from tests.builders.tiny_bvh import write_bvh
from tests.cli.cli_run import run

LAKES = sorted((ROOT / "tests" / "older_lakes").glob("schema_*.zip"))


@pytest.fixture(params=LAKES, ids=lambda p: p.stem)
def old(request, tmp_path) -> Path:
    with zipfile.ZipFile(request.param) as packed:
        packed.extractall(tmp_path / "lake")
    return tmp_path / "lake"


def test_every_schema_version_since_the_first_release_is_kept():
    assert [p.stem for p in LAKES] == [f"schema_{v}" for v in range(1, schema.SCHEMA_VERSION + 1)]


def test_an_older_lake_reads_migrates_and_goes_on(old, tmp_path):
    assert verify(old).is_clean
    for _ in range(2):  # as it is, and migrated
        lake = open_lake(old)
        frames = lake.sql("SELECT trial, count(*) AS n FROM landmarks GROUP BY ALL ORDER BY ALL")
        assert frames.rows() == [("walk0", 20), ("walk1", 21), ("walk2", 22)]
        assert lake.sql('SELECT "group" FROM subjects ORDER BY subject')["group"].to_list() == ["CP", "TD"]
        assert lake.sql("SELECT DISTINCT cutoff_hz AS hz FROM trials")["hz"].to_list() == [5.0]
        before = open_lake(old, version=lake.version - 1)
        assert before.sql("SELECT DISTINCT cutoff_hz AS hz FROM trials")["hz"].to_list() == [6.0]
        assert migrate(old).after == schema.SCHEMA_VERSION
    with open_lake(old).connect() as connection:  # every view is bound to the tables as they are
        for view in ("subject_summary", "trial_quality", "catalogue"):
            connection.execute(f"SELECT count(COLUMNS(*)) FROM {view}")
    write_bvh(tmp_path / "cohort" / "S1" / "walk1.bvh", 30)  # replaces
    write_bvh(tmp_path / "cohort" / "S2" / "walk3.bvh", 31)  # is new
    assert run("ingest", tmp_path / "cohort", "--lake", old, "--workers", 1).returncode == 0
    assert run("compact", "--lake", old).returncode == 0
    frames = open_lake(old).sql("SELECT trial, count(*) AS n FROM landmarks GROUP BY ALL ORDER BY ALL")
    assert frames.rows() == [("walk0", 20), ("walk1", 30), ("walk2", 22), ("walk3", 31)]
    assert verify(old).is_clean
