"""What a query writes to the disk is in the cache, and is removed after its process was killed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from neurostore.api import Lake
from neurostore.sql import spill
from neurostore.storage import temporary

KILLED = """
import os, sys
from neurostore.api import open as open_lake
connection = open_lake(sys.argv[1]).connect("SELECT * FROM trials")
connection.execute("SET threads = 1")
connection.execute("SET memory_limit = '80MB'")
connection.execute("CREATE TEMP TABLE t AS SELECT random() AS x, repeat('x', 20) || range AS y FROM range(2000000)")
os.kill(os.getpid(), 9)
"""


def test_what_a_killed_query_left_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    lake = Lake.create(tmp_path / "lake")
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "lake")], capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    if sys.platform == "linux":  # elsewhere the cache is in another place
        assert list((tmp_path / "cache").rglob("duckdb_temp_*"))
    own, place = Path(spill.folder()), spill.place()
    assert own.parent == place
    assert place.stat().st_mode & 0o077 == 0, "nobody else may read it"
    assert list(place.iterdir()) == []
    assert not (tmp_path / ".tmp").exists()
    with (
        lake.connect("SELECT * FROM trials") as connection,
        lake.connect("SELECT * FROM trials") as other,
    ):
        ((one,),) = connection.execute("SELECT current_setting('temp_directory')").fetchall()
        ((two,),) = other.execute("SELECT current_setting('temp_directory')").fetchall()
    assert Path(one).parent == Path(two).parent == place
    assert one != two, "before DuckDB 2.0 files of two connections have the same names"


def test_files_of_living_processes_stay(tmp_path: Path) -> None:
    alive = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    stay = [
        f"duckdb_temp_{alive.pid}_0_storage_DEFAULT-0.tmp",
        f"{alive.pid}_0123abcd",
        "notes.txt",
        "duckdb_temp_block-1.block",
    ]
    go = ["duckdb_temp_999999999_0_owner", "999999999_0123abcd", "duckdb_temp_storage_S32K-0.tmp"]
    for name in (*stay, *go):
        path = tmp_path / name
        path.mkdir() if name.endswith("0123abcd") else path.touch()
    os.utime(tmp_path / go[2], (0, 0))  # of DuckDB 1.3, whose names do not say the process
    spill.sweep(tmp_path)
    alive.communicate(b"\n")
    assert sorted(f.name for f in tmp_path.iterdir()) == sorted(stay)


def test_without_a_home_a_connection_has_a_folder_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "folder", lambda: str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    owner = {*()}
    made = spill.beside(owner)
    assert made.parent == tmp_path
    assert temporary.sweep() == 0
    assert made.is_dir()
    del owner
    assert not made.exists()
