"""`neurostore ingest`: what it says, its exit statuses, bad input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neurostore import storage
from neurostore.api import open as open_lake
from tests.builders.tiny_bvh import bvh_text, write_bvh
from tests.cli.cli_run import run


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    write_bvh(tmp_path / "cohort" / "S01" / "walk.bvh")
    return tmp_path / "cohort"


def trials(lake: Path) -> list[str]:
    return sorted(r["trial"] for r in open_lake(lake).trials_table().to_pylist())


def test_it_writes_to_stderr_and_skips_the_second_time(cohort, tmp_path):
    (cohort / "notes.txt").write_text("x")
    first = run("ingest", cohort, "--lake", tmp_path / "lake")
    assert first.returncode == 0
    assert first.stdout == ""
    assert "reading 1 trial," in first.stderr
    assert "not a trial: " in first.stderr
    assert "notes.txt" in first.stderr
    second = run("ingest", cohort, env={"NEUROSTORE_LAKE": str(tmp_path / "lake")})
    assert second.returncode == 0
    assert "version 1" in second.stderr
    assert trials(tmp_path / "lake") == ["walk"]


def test_dry_run(cohort, tmp_path):
    shown = run("ingest", cohort, "--dry-run", cwd=tmp_path)
    assert shown.returncode == 0
    assert "nothing was written" in shown.stderr
    assert not (tmp_path / "lake").exists()


_GOOD = bvh_text()
_LAST = _GOOD.splitlines()[-1]
BAD = {
    "empty": "",
    "truncated header": _GOOD[:200],
    "truncated row": _GOOD[: -len(_LAST) // 2],
    "rubbish": bytes(range(256)) * 40,
    "non-numeric": _GOOD.replace("90.000000", "ninety", 1),
    "nan everywhere": "\n".join(
        " ".join(["nan"] * len(line.split())) if line[:1].isdigit() else line for line in _GOOD.splitlines()
    ),
    "infinite": _GOOD.replace("90.000000", "inf"),
    "zero frames": _GOOD[: _GOOD.index("Frames:")] + "Frames: 0\nFrame Time: 0.0166667\n",
    "frames disagree": _GOOD.replace("Frames: 30", "Frames: 31"),
}


def test_bad_files_are_named_and_the_others_are_ingested(cohort, tmp_path):
    for name, content in BAD.items():
        path = cohort / "S01" / f"bad {name}.bvh"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    shown = run("ingest", cohort, "--no-results", "--lake", tmp_path / "lake")
    assert shown.returncode == 1
    failed = [line for line in shown.stderr.splitlines() if line.startswith("failed: ")]
    assert len(failed) == len(BAD)
    for name in BAD:
        (line,) = [f for f in failed if f"bad {name}.bvh: " in f]
        assert "unexpected" not in line, line
    assert "Traceback" not in shown.stderr
    assert trials(tmp_path / "lake") == ["walk"]


@pytest.mark.parametrize("folder", ["a b", "..x"])
def test_a_bad_subject_folder(cohort, tmp_path, folder):
    write_bvh(cohort / folder / "run.bvh")
    shown = run("ingest", cohort, "--no-results", "--lake", tmp_path / "lake")
    assert shown.returncode == 1
    assert f"failed: {cohort / folder}: {folder!r} cannot be used as the key of a subject" in shown.stderr
    assert trials(tmp_path / "lake") == ["walk"]


def test_colliding_keys_and_link_loops(cohort, tmp_path):
    write_bvh(cohort / "S01" / "a b.bvh")
    write_bvh(cohort / "S01" / "a_b.bvh")
    (cohort / "S01" / "loop").symlink_to(cohort)
    shown = run("ingest", cohort, "--no-results", "--lake", tmp_path / "lake")
    assert shown.returncode == 1
    assert "2 files belong to the trial S01/a_b: S01/a b.bvh, S01/a_b.bvh" in shown.stderr
    assert "a loop" in shown.stderr
    assert trials(tmp_path / "lake") == ["walk"]


@pytest.mark.parametrize(
    ("table", "group"), [("id\tgroup\nS01\tCP\n", "CP"), ("participant_id\tgroup\nS77\tCP\n", None)]
)
def test_participants_that_are_not_as_expected_only_warn(cohort, tmp_path, table, group):
    """A column of keys with another name is found by its values, with a warning."""
    (cohort / "participants.tsv").write_text(table)
    shown = run("ingest", cohort, "--no-results", "--lake", tmp_path / "lake")
    assert shown.returncode == 0
    assert "warning: participants.tsv" in shown.stderr
    (row,) = open_lake(tmp_path / "lake").scan("subjects").collect().to_dicts()
    assert row["group"] == group


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_files_and_folders(cohort, tmp_path):
    secret = write_bvh(cohort / "S01" / "secret.bvh")
    folder = write_bvh(cohort / "S02" / "walk.bvh").parent
    secret.chmod(0)
    folder.chmod(0)
    try:
        shown = run("ingest", cohort, "--no-results", "--lake", tmp_path / "lake")
    finally:
        folder.chmod(0o700)
    assert shown.returncode == 1
    assert "secret.bvh: cannot be read: Permission denied" in shown.stderr
    assert "S02: the folder cannot be read: Permission denied" in shown.stderr
    assert trials(tmp_path / "lake") == ["walk"]


def test_status_3_where_nothing_can_be_done(cohort, tmp_path):
    assert run("ingest", tmp_path / "none", "--lake", tmp_path / "lake").returncode == 3
    assert not (tmp_path / "lake").exists()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "readme.txt").write_text("x")
    shown = run("ingest", cohort, "--no-results", "--lake", tmp_path / "text")
    assert shown.returncode == 3
    assert "no lake" in shown.stderr
    assert run("trials", "--lake", tmp_path / "text").returncode == 3
    assert run("trials", "--lake", tmp_path / "none").returncode == 3
    (cohort / "S01" / "walk.bvh").write_text("")
    shown = run("ingest", cohort, "--no-results", "--lake", tmp_path / "lake")
    assert shown.returncode == 3
    assert "walk.bvh" in shown.stderr


def test_status_3_for_a_lake_of_a_newer_schema(cohort, tmp_path):
    run("ingest", cohort, "--no-results", "--lake", tmp_path / "lake")
    marker = tmp_path / "lake" / "_neurostore" / "lake.json"
    storage.write_json(str(marker), {**json.loads(marker.read_text()), "schema_version": 99})
    for arguments in (("ingest", cohort), ("trials",), ("sql", "SELECT 1")):
        shown = run(*arguments, "--lake", tmp_path / "lake")
        assert shown.returncode == 3
        assert "99" in shown.stderr


def test_a_bad_cohort_toml_names_the_key_and_the_allowed_ones(cohort, tmp_path):
    (cohort / "cohort.toml").write_text("scalemm = 1\n")
    shown = run("ingest", cohort, "--no-results", "--lake", tmp_path / "lake")
    assert shown.returncode == 3
    assert "unknown key 'scalemm'; allowed are scale_mm" in shown.stderr


def test_ctrl_c_leaves_a_whole_lake(cohort, tmp_path):
    """SIGINT while a reader hangs: status 130, what was finished is kept or absent, a repeat finishes the work."""
    write_bvh(cohort / "S02" / "walk.bvh")
    hanging = cohort / "S03" / "walk.bvh"
    hanging.parent.mkdir()
    os.mkfifo(hanging)
    command = [sys.executable, "-m", "neurostore.cli", "ingest", str(cohort), "--lake", str(tmp_path / "lake")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        process.stderr.readline()  # it reads by now
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
        said = process.stderr.read()
    assert "Traceback" not in said
    assert "interrupted: what was committed is stored in" in said
    hanging.unlink()
    write_bvh(hanging)
    assert set(trials(tmp_path / "lake")) <= {"walk"}
    assert run("ingest", cohort, "--lake", tmp_path / "lake").returncode == 0
    assert len(trials(tmp_path / "lake")) == 3


def test_log_json_is_one_object_a_line(tmp_path):
    import json

    write_bvh(tmp_path / "cohort" / "S1" / "walk.bvh", 10)
    (tmp_path / "cohort" / "S1" / "bad.bvh").write_text("no BVH")
    shown = run("ingest", tmp_path / "cohort", "--lake", tmp_path / "lake", "--log-json")
    assert shown.returncode == 1
    said = [json.loads(line) for line in shown.stderr.splitlines()]
    assert {"time", "level", "event"} <= set.intersection(*(set(s) for s in said))
    assert [s["event"] for s in said].count("trial") == 2
    (failed,) = (s for s in said if s["event"] == "failed")
    assert failed["path"].endswith("bad.bvh")
    assert said[-1]["event"] == "end"
    assert (said[-1]["n_in"], said[-1]["n_failed"]) == (1, 1)
    shown = run("ingest", tmp_path / "none", "--lake", tmp_path / "lake", "--log-json")
    assert shown.returncode == 3
    (fatal,) = (json.loads(line) for line in shown.stderr.splitlines())
    assert (fatal["event"], fatal["level"], fatal["kind"]) == ("fatal", "error", "CohortError")
