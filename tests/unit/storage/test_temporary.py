"""What is being written: whole or not at all, and swept by the next to write it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import openpyxl
import pytest
from openpyxl.worksheet._writer import WorksheetWriter

from neurostore import storage
from neurostore.storage import temporary

_HOLD = """
import sys, time
from neurostore.storage import temporary
with temporary.replacing(sys.argv[1], is_folder=sys.argv[2] == "folder") as work:
    print(work, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_living_process_writes_stays_and_what_a_killed_one_left_goes(tmp_path, kind):
    target = tmp_path / "out.csv"
    words = [sys.executable, "-c", _HOLD, str(target), kind]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        work = other.stdout.readline().strip()
        assert temporary.sweep(target) == 0
        assert os.path.exists(work)
        other.kill()
        other.wait()
    assert not target.exists()
    assert temporary.left_of(target)
    with temporary.replacing(target) as mine:
        mine.write_text("whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.csv"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("old")
    target.chmod(0o640)
    with pytest.raises(FileNotFoundError), temporary.replacing(target) as work:
        (work.parent / "nowhere" / "half").write_text("half")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("out.csv", "old")]
    with temporary.replacing(target) as work:
        work.write_text("new")
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_link_is_followed_and_a_pipe_is_written_to_as_it_is(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "there" / "out.csv")
    with temporary.replacing(tmp_path / "link.csv") as work:
        work.write_text("whole")
    assert (tmp_path / "there" / "out.csv").read_text() == "whole"
    assert (tmp_path / "link.csv").is_symlink()
    with temporary.replacing("/dev/null") as work:
        assert str(work) == "/dev/null"


def test_a_scratch_folder_that_was_left_goes_with_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / ".neurostore.0123abcd.tmp"
    (left / "lake").mkdir(parents=True)
    with temporary.scratch() as folder:
        assert folder.parent == tmp_path
        assert not left.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_another_process_removes_before_it_is_held_is_made_again(tmp_path, monkeypatch):
    mkdir, made = Path.mkdir, []

    def mkdir_and_swept(path, *args):
        mkdir(path, *args)
        made.append(path)
        if len(made) == 1:
            path.rmdir()

    monkeypatch.setattr(Path, "mkdir", mkdir_and_swept)
    with temporary.replacing(tmp_path / "out", is_folder=True) as work:
        assert work.is_dir()
    assert len(made) == 2


def test_files_of_libraries_are_in_a_scratch_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with temporary.of_libraries():
        sheet = WorksheetWriter(openpyxl.Workbook().create_sheet("people"))
        (folder,) = tmp_path.iterdir()
        assert Path(sheet.out).parent == folder
        assert temporary.is_temporary(folder.name)
    assert tempfile.tempdir == str(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_mark_of_a_holder_that_died_outlives_the_next_that_dies(tmp_path, monkeypatch):
    """It is never empty while one holder's mark takes the place of another's."""
    root = str(tmp_path)
    (tmp_path / "_neurostore").mkdir()

    class Cut(BaseException):
        pass

    with pytest.raises(Cut), storage.lock(root, "first"):
        raise Cut

    def cut(*_):
        raise Cut

    with monkeypatch.context() as killed:
        killed.setattr(os, "ftruncate", cut)
        with pytest.raises(Cut), storage.lock(root, "second"):
            pass
    with storage.lock(root, "third") as was_abandoned:
        assert was_abandoned
    with storage.lock(root, "fourth") as was_abandoned:
        assert not was_abandoned
