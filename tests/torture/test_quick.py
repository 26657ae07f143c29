"""The quick end of `make torture`: a few kills, four writers and two readers, a full disk, a lake that cannot be written."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from neurostore.lake import open as open_lake
from neurostore.verify import verify
from tests.cli.cli_run import run
from tests.tiny_bvh import write_bvh
from tests.torture.kills import content, kill_once, make_scene

CLI = [sys.executable, "-m", "neurostore.cli"]


@pytest.mark.slow
def test_kills_lose_nothing(tmp_path):
    operations = ("ingest", "compact", "erase")
    scene = make_scene(tmp_path, 200, operations)
    rng = random.Random(3)
    cases = [kill_once(scene, operations[i % 3], rng) for i in range(6)]
    assert [c for c in cases if c.losses] == []
    assert sum(c.was_killed for c in cases) > 1


@pytest.mark.slow
def test_four_writers_and_two_readers(tmp_path):
    """Overlapping cohorts at once give what one ingest gives, and nobody sees half a trial."""
    for i in range(8):
        for cohort in {i % 4, (i + 1) % 4}:
            write_bvh(tmp_path / f"cohort{cohort}" / f"S{i % 3}" / f"walk{i}.bvh", 40 + i)
        write_bvh(tmp_path / "all" / f"S{i % 3}" / f"walk{i}.bvh", 40 + i)
    assert run("ingest", tmp_path / "all", "--lake", tmp_path / "one", "--workers", 1).returncode == 0
    lake = tmp_path / "many"
    words = [[*CLI, "ingest", str(tmp_path / f"cohort{i}"), "--lake", str(lake)] for i in range(4)]
    writers = [subprocess.Popen(w, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for w in words]
    reader = "import sys, time; from tests.torture.test_quick import read_until; read_until(sys.argv[1], sys.argv[2])"
    stop = tmp_path / "stop"
    readers = [
        subprocess.Popen([sys.executable, "-c", reader, str(lake), str(stop)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [w.communicate(timeout=200)[1] for w in writers]
    stop.touch()
    seen = [r.communicate(timeout=100)[0].split() for r in readers]
    assert [w.returncode for w in writers] == [0] * 4, said
    assert [r.returncode for r in readers] == [0, 0]
    assert all(int(n) > 0 for n, _ in seen)
    assert [int(n_bad) for _, n_bad in seen] == [0, 0]
    expected = {k: v for k, v in content(tmp_path / "one").items() if k[0] != "trials"}  # a trial's row says its folder
    assert {k: v for k, v in content(lake).items() if k[0] != "trials"} == expected
    assert len(open_lake(lake).ingest_ids()) == 8
    assert verify(lake).is_clean


def read_until(lake: str, stop: str) -> None:
    """Open and count in a loop; print how often, and how many trials were not whole."""
    from neurostore.errors import NotALakeError

    n = n_bad = 0
    while not Path(stop).exists() or n == 0:
        with suppress(NotALakeError):
            opened = open_lake(lake)
            counts = dict(opened.scan("landmarks").collect()["ingest_id"].value_counts().iter_rows())
            for row in opened.trials_table().to_pylist():
                n_bad += counts.get(row["ingest_id"], 0) != dict(row["table_rows"])["landmarks"]
            n += 1
        time.sleep(0.01)
    print(n, n_bad)


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
