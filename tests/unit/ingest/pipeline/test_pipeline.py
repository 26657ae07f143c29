"""A cohort folder into a lake: idempotence, replacement, failures, workers and their death."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from neurostore.api import Lake
from neurostore.api import open as open_lake
from neurostore.errors import CohortError, InputError, NotALakeError
from neurostore.ingest.cohort.scan import scan
from neurostore.ingest.cohort.source import Cohort, Metadata, TrialSource
from neurostore.ingest.pipeline import ingest, workers
from neurostore.ingest.pipeline.batch import BatchResult, calibrations_for, read_trial
from neurostore.ingest.pipeline.plan import make_batches
from neurostore.ingest.pipeline.progress import Silent
from neurostore.ingest.pipeline.settings import Settings
from neurostore.ingest.recording import Calibration
from tests.builders.c3d_files import LEGS, walker
from tests.builders.c3d_files import write as write_c3d
from tests.builders.tiny_bvh import write_bvh
from tests.shared_data import SHARED, needs_shared


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    for subject in ("S01", "S02"):
        for trial in ("walk_1", "walk_2"):
            write_bvh(tmp_path / "cohort" / subject / f"{trial}.bvh")
    return tmp_path / "cohort"


def rows(lake: Path) -> dict[tuple[str, str], dict]:
    return {(r["subject"], r["trial"]): r for r in open_lake(lake).trials_table().to_pylist()}


def test_first_ingest_then_skip(cohort, tmp_path):
    lake = tmp_path / "lake"
    report = ingest(cohort, lake)
    assert report.counts() == {"in": 4, "replaced": 0, "skipped": 0, "renewed": 0, "failed": 0}
    assert report.exit_code == 0
    state = open_lake(lake)
    assert state.scan_landmarks().collect().height == 4 * 30
    row = rows(lake)["S01", "walk_1"]
    assert row["n_frames"] == 30
    assert row["rate_hz"] == 60
    assert row["source_path"] == "S01/walk_1.bvh"
    assert row["cutoff_hz"] == 6.0
    again = ingest(cohort, lake)
    assert again.counts() == {"in": 0, "replaced": 0, "skipped": 4, "renewed": 0, "failed": 0}
    assert open_lake(lake).version == state.version


def test_changed_bytes_settings_and_force_replace(cohort, tmp_path):
    lake = tmp_path / "lake"
    ingest(cohort, lake)
    before = rows(lake)
    write_bvh(cohort / "S01" / "walk_1.bvh", 40)
    report = ingest(cohort, lake)
    assert report.replaced == [("S01", "", "walk_1")]
    assert len(report.skipped) == 3
    after = rows(lake)
    assert after["S01", "walk_1"]["n_frames"] == 40
    assert after["S01", "walk_2"]["ingest_id"] == before["S01", "walk_2"]["ingest_id"]
    assert open_lake(lake).scan_landmarks().collect().height == 3 * 30 + 40
    assert len(ingest(cohort, lake, Settings(cutoff_hz=10.0)).replaced) == 4
    assert len(ingest(cohort, lake, Settings(cutoff_hz=10.0), force=True).replaced) == 4
    assert len(ingest(cohort, lake, Settings(cutoff_hz=10.0)).skipped) == 4


def test_a_changed_option_in_cohort_toml_reads_its_files_again(cohort, tmp_path):
    ingest(cohort, tmp_path / "lake")
    (cohort / "cohort.toml").write_text('[[match]]\nfiles = "S02/*"\ndrop_frames = 10\n')
    report = ingest(cohort, tmp_path / "lake")
    assert sorted(report.replaced) == [("S02", "", "walk_1"), ("S02", "", "walk_2")]
    assert rows(tmp_path / "lake")["S02", "walk_1"]["n_frames"] == 20


def test_tables_alone_renew_without_reading(cohort, tmp_path):
    lake = tmp_path / "lake"
    ingest(cohort, lake)
    before = rows(lake)
    (cohort / "trials.tsv").write_text("subject\ttrial\tcondition\tspeed\nS01\twalk_1\tbarefoot\t1.2\n")
    (cohort / "participants.tsv").write_text("participant_id\tgroup\nS01\tCP\nS02\tTD\n")
    report = ingest(cohort, lake)
    assert report.updated == [("S01", "", "walk_1")]
    assert report.replaced == []
    after = rows(lake)
    assert after["S01", "walk_1"]["condition"] == "barefoot"
    assert after["S01", "walk_1"]["speed"] == 1.2
    assert after["S01", "walk_1"]["ingest_id"] == before["S01", "walk_1"]["ingest_id"]
    assert open_lake(lake).scan_landmarks().collect().height == 4 * 30
    groups = {r["subject"]: r["group"] for r in open_lake(lake).scan("subjects").collect().to_dicts()}
    assert groups == {"S01": "CP", "S02": "TD"}
    assert len(ingest(cohort, lake).skipped) == 4
    (cohort / "trials.tsv").unlink()
    assert ingest(cohort, lake).updated == [("S01", "", "walk_1")]
    assert rows(lake)["S01", "walk_1"]["condition"] is None


def test_bad_files_are_named_and_the_others_are_ingested(cohort, tmp_path):
    (cohort / "S01" / "empty.bvh").write_text("")
    (cohort / "S01" / "rubbish.bvh").write_bytes(bytes(range(256)) * 4)
    (cohort / "S02" / "a b.bvh").write_bytes((cohort / "S01" / "walk_1.bvh").read_bytes())
    report = ingest(cohort, tmp_path / "lake")
    assert len(report.added) == 5
    assert sorted(Path(e.path).name for e in report.failed) == ["empty.bvh", "rubbish.bvh"]
    assert report.exit_code == 1
    assert ("S02/a b.bvh", "a_b") in report.renamed
    assert set(rows(tmp_path / "lake")) == {
        ("S01", "walk_1"), ("S01", "walk_2"), ("S02", "walk_1"), ("S02", "walk_2"), ("S02", "a_b"),
    }  # fmt: skip


def test_a_file_that_turned_bad_keeps_what_the_lake_has(cohort, tmp_path):
    ingest(cohort, tmp_path / "lake")
    (cohort / "S01" / "walk_1.bvh").write_text("HIERARCHY\n")
    report = ingest(cohort, tmp_path / "lake")
    assert len(report.failed) == 1
    assert rows(tmp_path / "lake")["S01", "walk_1"]["n_frames"] == 30


def test_nothing_readable_is_an_error_and_no_trial(tmp_path):
    (tmp_path / "cohort" / "S01").mkdir(parents=True)
    with pytest.raises(CohortError, match="no trial"):
        ingest(tmp_path / "cohort", tmp_path / "lake")
    assert not (tmp_path / "lake").exists()
    (tmp_path / "cohort" / "S01" / "walk.bvh").write_text("")
    with pytest.raises(CohortError, match="nothing could be read"):
        ingest(tmp_path / "cohort", tmp_path / "lake")


def test_a_folder_that_is_not_a_lake_is_left_alone(cohort, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("x")
    with pytest.raises(NotALakeError):
        ingest(cohort, tmp_path / "other")
    assert os.listdir(tmp_path / "other") == ["thesis.txt"]


def test_dry_run_writes_nothing(cohort, tmp_path):
    report = ingest(cohort, tmp_path / "lake", dry_run=True)
    assert len(report.added) == 4
    assert not (tmp_path / "lake").exists()


def test_workers_and_this_process_give_the_same_lake(cohort, tmp_path, monkeypatch):
    monkeypatch.setattr("neurostore.ingest.pipeline.run._SMALL_BYTES", 0)
    ingest(cohort, tmp_path / "one", n_workers=1)
    ingest(cohort, tmp_path / "two", n_workers=2)
    frames = [
        open_lake(tmp_path / name).scan_landmarks().drop("ingest_id").sort("subject", "trial", "frame").collect()
        for name in ("one", "two")
    ]
    assert frames[0].equals(frames[1], null_equal=True)


class _Interrupted(Silent):
    """Ctrl-C at the first trial that ended."""

    def __init__(self):
        self.has_ended = False

    def advance(self, label, n_bytes):
        raise KeyboardInterrupt

    def end(self):
        self.has_ended = True


def test_the_bar_ends_with_an_interrupted_ingest(cohort, tmp_path):
    progress = _Interrupted()
    with pytest.raises(KeyboardInterrupt):
        ingest(cohort, tmp_path / "lake", n_workers=1, progress=progress)
    assert progress.has_ended


def test_a_dead_worker_loses_the_trial_in_work_alone(cohort, tmp_path):
    """The reader of S01/walk_2 kills its process: named, and all others are staged."""
    Lake.create(tmp_path / "lake")
    found = scan(cohort)
    batches = make_batches(found.trials, found, {}, str(tmp_path / "lake"), Settings(), 2)
    victim = next(s for b in batches for s in b.sources if s.key == ("S01", "", "walk_2"))
    os.remove(victim.paths[0])
    os.mkfifo(victim.paths[0])  # reading it waits for ever, so that the process can be killed at that trial
    pool = workers.Pool(1)
    try:
        thread = threading.Thread(target=_kill_at, args=(pool, victim.key))
        thread.start()
        results = [event for event in pool.run(batches) if isinstance(event, BatchResult)]
        thread.join()
    finally:
        pool.close()
    outcomes = {o.key: o for r in results for o in r.outcomes}
    assert len(outcomes) == 4
    lost = outcomes.pop(("S01", "", "walk_2"))
    assert "SIGKILL" in str(lost.error)
    assert "out of memory" in str(lost.error)
    assert all(o.row is not None for o in outcomes.values())


def _kill_at(pool: workers.Pool, key: tuple[str, str, str]) -> None:
    """Kill the pool's worker once it reads that trial."""
    worker = pool._workers[0]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        current = worker.current
        if current is not None and worker.batch(current[0]).sources[current[1]].key == key:
            worker.process.kill()
            return
        time.sleep(0.02)


_PARENT = """
import sys, time
from neurostore.ingest.pipeline import workers
pool = workers.Pool(2)
print(*(w.process.pid for w in pool._workers), flush=True)
time.sleep(60)
"""


def test_workers_end_with_their_parent(tmp_path):
    parent = subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    children = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(children) == 2
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline and any(_is_running(pid) for pid in children):
        time.sleep(0.02)
    assert not any(_is_running(pid) for pid in children)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] == "Z")


def test_a_worker_process_loads_no_learning_library():
    code = "import neurostore.ingest.pipeline.workers, sys; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"tensorflow", "torch", "mediapipe", "ray"} & set(loaded)


def test_batches_hold_one_subject_static_trials_first(tmp_path):
    sources = [
        TrialSource(subject, "", trial, (tmp_path / f"{trial}.bvh",), n_bytes=n)
        for subject, trial, n in (("B", "walk", 9), ("A", "walk_1", 10), ("A", "static", 1), ("A", "walk_2", 10))
    ]
    batches = make_batches(sources, Cohort(tmp_path), {}, "lake", Settings(), 2)
    assert [[s.trial for s in b.sources] for b in batches] == [["static", "walk_1", "walk_2"], ["walk"]]


def test_a_static_trial_serves_its_session_alone():
    given = Calibration("knee_width", "left", 100.0, "mm", "static")
    own = Calibration("knee_width", "right", 90.0, "mm", "estimated")
    statics = {("A", "pre"): {"cal": (given, own)}}
    assert calibrations_for(("A", "pre", "walk"), Metadata(), statics) == (given,)
    assert calibrations_for(("A", "pre", "cal"), Metadata(), statics) == ()
    assert calibrations_for(("A", "post", "walk"), Metadata(), statics) == ()
    measured = Calibration("knee_width", "left", 110.0, "mm", "participants")
    metadata = Metadata(measures={("A", ""): (measured,)})
    assert calibrations_for(("A", "pre", "walk"), metadata, statics) == (measured,)


def test_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"walk\.bvh"):
        read_trial(TrialSource("A", "", "walk", (tmp_path / "walk.bvh",)), Settings())


@needs_shared
def test_c3d_subjects_and_static_trials(tmp_path):
    report = ingest(SHARED / "c3d", tmp_path / "lake")
    assert not report.failed
    found = rows(tmp_path / "lake")
    assert found["Test", "Static_trial"]["kind"] == "static"
    assert ("Test", "Movement_trial") in found
    again = ingest(SHARED / "c3d", tmp_path / "lake")
    assert len(again.skipped) == 3


@needs_shared
def test_one_subject_of_cmu(tmp_path):
    folder = tmp_path / "cohort"
    folder.mkdir()
    (folder / "S07").symlink_to(SHARED / "cmu" / "S07")
    (folder / "trials.tsv").write_bytes((SHARED / "cmu" / "trials.tsv").read_bytes())
    report = ingest(folder, tmp_path / "lake")
    assert not report.failed
    for row in open_lake(tmp_path / "lake").trials_table().to_pylist():
        assert row["n_frames"] == row["frames"] - 1  # trials.tsv counts the T-pose frame
        assert row["meta_skeleton"] == "exact"
        assert row["length_basis"] == "measured"
        assert row["cmu_trial"].startswith("07_")


def test_hip_centres_come_from_the_option_or_from_cohort_toml(tmp_path):
    """A change of either reads the trials again."""
    folder = tmp_path / "cohort"
    for subject in ("S01", "S02"):
        (folder / subject).mkdir(parents=True)
        write_c3d(folder / subject / "walk.c3d", walker(60), LEGS)
    (folder / "cohort.toml").write_text('[[match]]\nfiles = "S02/*"\nhip_method = "bell"\n')
    lake = tmp_path / "lake"
    for hips in ("harrington", "hara"):
        report = ingest(folder, lake, Settings(hip_method=hips), n_workers=1)
        assert len(report.added or report.replaced) == 2
        methods = {key: json.loads(row["landmark_methods"])["left_hip"] for key, row in rows(lake).items()}
        assert methods == {("S01", "walk"): hips, ("S02", "walk"): "bell"}
    assert len(ingest(folder, lake, Settings(hip_method="hara"), n_workers=1).skipped) == 2
    (folder / "cohort.toml").write_text('hip_method = "newington"\n')
    with pytest.raises(CohortError, match="hip_method = 'newington'; expected one of harrington, hara, bell, davis"):
        ingest(folder, lake, n_workers=1)
