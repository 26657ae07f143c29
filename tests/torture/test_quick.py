"""The quick end of `make torture`: a few kills, four writers and two readers, a full disk, a lake that cannot be written."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys

import pytest

from neurostore.api import open as open_lake
from neurostore.upkeep.verify import verify
from tests import ROOT
from tests.builders.tiny_bvh import write_bvh
from tests.cli.cli_run import run
from tests.torture.kills import content, kill_once, make_scene
from tests.torture.writers import write_and_read_at_once


@pytest.mark.slow
def test_kills_lose_nothing(tmp_path):
    operations = ("ingest", "compact", "erase")
    scene = make_scene(tmp_path, 200, operations)
    rng = random.Random(3)
    cases = [kill_once(scene, operations[i], rng) for i in range(3)]
    assert [c for c in cases if c.losses] == []
    assert any(c.was_killed for c in cases)


@pytest.mark.slow
def test_four_writers_and_two_readers(tmp_path):
    losses, n_reads = write_and_read_at_once(tmp_path, n_trials=4, n_workers=1, pause_s=0.2)
    assert losses == []
    assert min(n_reads) > 0


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 3 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip("no right to mount a tmpfs here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_named_and_costs_nothing(small_disk, tmp_path):
    write_bvh(tmp_path / "a" / "S1" / "walk.bvh", 30)
    for i in range(3):
        write_bvh(tmp_path / "b" / f"S{i}" / f"long{i}.bvh", 6000)
    lake = small_disk / "lake"
    assert run("ingest", tmp_path / "a", "--lake", lake).returncode == 0
    before = content(lake)
    shown = run("ingest", tmp_path / "b", "--lake", lake, "--workers", 1)
    assert shown.returncode == 3
    assert "disk is full" in shown.stderr
    assert "Traceback" not in shown.stderr
    assert content(lake).items() >= before.items()
    assert verify(lake).is_clean
    assert run("sql", "SELECT count(*) FROM trials", "--lake", lake).returncode == 0


def test_a_lake_that_cannot_be_written_can_be_read(tmp_path):
    write_bvh(tmp_path / "cohort" / "S1" / "walk.bvh", 30)
    lake = tmp_path / "lake"
    assert run("ingest", tmp_path / "cohort", "--lake", lake).returncode == 0
    done = subprocess.run(["mount", "--bind", "-o", "ro", str(lake), str(lake)], capture_output=True)
    if done.returncode:
        pytest.skip("no right to mount here")
    subprocess.run(["mount", "-o", "remount,bind,ro", str(lake)], check=True)
    try:
        assert not os.access(lake, os.W_OK)
        write_bvh(tmp_path / "cohort" / "S1" / "run.bvh", 30)
        assert run("sql", "SELECT count(*) AS n FROM landmarks", "--lake", lake, "--format", "csv").stdout == "n\n30\n"
        assert run("verify", "--lake", lake).returncode == 0
        for words in (["ingest", tmp_path / "cohort"], ["compact"], ["erase", "S1", "--yes"], ["migrate"]):
            shown = run(*words, "--lake", lake)
            assert shown.returncode == (0 if words == ["migrate"] else 3), (words, shown.stderr)
            assert words == ["migrate"] or "read-only" in shown.stderr, shown.stderr
    finally:
        subprocess.run(["umount", str(lake)], check=True)
    assert verify(lake).is_clean


def test_a_folder_that_vanished_is_named(tmp_path):
    write_bvh(tmp_path / "cohort" / "S1" / "walk.bvh", 30)
    lake = tmp_path / "lake"
    assert run("ingest", tmp_path / "cohort", "--lake", lake).returncode == 0
    opened = open_lake(lake)
    shutil.rmtree(lake / "landmarks")
    for words in (["sql", "SELECT count(*) FROM landmarks"], ["compact"], ["verify"]):
        shown = run(*words, "--lake", lake)
        assert shown.returncode in (1, 3), (words, shown.stderr)
        assert "landmarks" in shown.stderr
        assert "Traceback" not in shown.stderr
    shutil.rmtree(lake)
    assert run("verify", "--lake", lake).returncode == 3
    assert opened.version > 0


@pytest.mark.slow
def test_commands_cut_off_before_a_change_and_repeated_end_as_if_undisturbed():
    """In a process of its own: it forks, which one with threads must not."""
    words = ["drop-damaged", "erase", "compact", "pseudonymise", "--points", "6", "12"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture.every_point", *words], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" 0 wrong") == 5
