"""Older lakes open and migrate, step by step and again after a kill; newer ones are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from neurostore.api import open as open_lake
from neurostore.errors import LakeError, NewerLakeError
from neurostore.lake import hashes
from neurostore.upkeep import migrate
from neurostore.upkeep.verify import verify
from tests.builders.lake_builder import build_lake, trial
from tests.cli.cli_run import run


@pytest.fixture
def old(tmp_path):
    """A lake as the first layout left it: no hashes, no check in lake.json, version 0."""
    lake = Path(build_lake(tmp_path, [trial("S1", "walk", left_heel=np.zeros((5, 3)))]).path)
    shutil.rmtree(lake / hashes.FOLDER)
    marker = lake / "_neurostore" / "lake.json"
    said = json.loads(marker.read_text())
    del said["check"]
    marker.write_text(json.dumps({**said, "schema_version": 0}))
    return lake


def test_an_older_lake_opens_and_migrates(old):
    assert open_lake(old).sql("SELECT count(*) AS n FROM landmarks")["n"].to_list() == [5]
    assert verify(old).unrecorded
    shown = run("migrate", "--lake", old)
    assert shown.returncode == 0, shown.stderr
    assert "0 to 1: recorded the hashes of" in shown.stderr
    assert not verify(old).unrecorded
    assert verify(old).is_clean
    assert migrate.migrate(old) == migrate.Migration(1, 1, ())
    assert open_lake(old).sql("SELECT count(*) AS n FROM landmarks")["n"].to_list() == [5]


def test_a_migration_that_failed_is_repeated(old):
    calls = []

    def fails(root):
        calls.append("fails")
        raise LakeError("no")

    def works(root):
        calls.append("works")
        return "did it"

    with pytest.raises(LakeError, match="no step"):
        migrate.migrate(old, {}, to=2)
    with pytest.raises(LakeError):
        migrate.migrate(old, {0: works, 1: fails}, to=2)
    assert json.loads((old / "_neurostore" / "lake.json").read_text())["schema_version"] == 0
    assert migrate.migrate(old, {0: works, 1: works}, to=2).done == ("0 to 1: did it", "1 to 2: did it")
    assert calls == ["works", "fails", "works", "works"]


def test_newer_lakes_are_refused(old):
    marker = old / "_neurostore" / "lake.json"
    marker.write_text(json.dumps({"schema_version": 99, "software_version": "9.9"}))
    with pytest.raises(NewerLakeError, match=r"9\.9"):
        migrate.migrate(old)
    assert run("verify", "--lake", old).returncode == 3
