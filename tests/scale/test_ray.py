"""--engine ray: the same results as local processes; what a lost worker had is done again."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from neurostore import distances
from neurostore.api import open as open_lake
from neurostore.distances.comparison import Comparison, Part
from neurostore.upkeep.refresh import refresh
from tests.builders.kept_lake import kept_lake, rows_of
from tests.builders.tiny_bvh import write_bvh
from tests.installed import need

need("ray", "ray is not installed")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="kills by signal")


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """One cluster for all tests: to start one takes longer than they do."""
    from neurostore.ray_cluster import Cluster

    started = Cluster(n_cpus=2)
    yield started
    started.close()


def dies_once(value: int, marker: str) -> int:
    if value == 1 and not os.path.exists(marker):
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return value * value


def dies_always(value: int) -> int:
    if value == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return value


def test_a_lost_workers_task_is_done_again(cluster, tmp_path):
    marker = str(tmp_path / "died")
    found = dict(cluster.run(dies_once, ((k, (k, marker)) for k in range(4))))
    assert os.path.exists(marker)
    assert found == {0: 0, 1: 1, 2: 4, 3: 9}


def test_a_task_that_kills_every_worker_is_reported(cluster, monkeypatch):
    from neurostore import ray_cluster

    monkeypatch.setattr(ray_cluster, "RETRIES", 1)
    found = dict(cluster.run(dies_always, ((k, (k,)) for k in range(3))))
    assert isinstance(found.pop(1), ray_cluster.Lost)
    assert found == {0: 0, 2: 2}


def busy_workers() -> list[int]:
    """Ray's workers of this process that read a batch now."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):
            if (folder / "cmdline").read_bytes().startswith(b"ray::_process"):
                parent = _parent(int(folder.name))
                if os.getpid() in (parent, _parent(parent)):
                    found.append(int(folder.name))
    return found


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


class Killer:
    """A progress that kills the workers it finds at work when the first trial is in."""

    def __init__(self) -> None:
        self.killed: list[int] = []

    def begin(self, n_trials: int, n_bytes: int) -> None:
        pass

    def advance(self, label: str, n_bytes: int) -> None:
        if not self.killed:
            for pid in busy_workers():
                os.kill(pid, signal.SIGKILL)
                self.killed.append(pid)

    def end(self) -> None:
        pass


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds workers in /proc")
def test_ingest_is_that_of_local_processes_though_a_worker_dies(cluster, tmp_path):
    from neurostore.ingest.pipeline import ingest

    for k in range(8):
        write_bvh(tmp_path / "cohort" / f"S{k}" / "walk.bvh", n_frames=1000, sway_deg=5.0 + k)
    (tmp_path / "cohort" / "S7" / "torn.bvh").write_text("HIERARCHY\nROOT Hips\n{\n")
    killer = Killer()
    by_ray = ingest(tmp_path / "cohort", tmp_path / "by_ray", engine="ray", progress=killer)
    assert killer.killed
    local = ingest(tmp_path / "cohort", tmp_path / "local", n_workers=1)
    assert sorted(by_ray.added) == sorted(local.added)
    assert len(by_ray.added) == 8
    assert [e.path for e in by_ray.failed] == [e.path for e in local.failed]
    for query in (
        "SELECT * EXCLUDE ingest_id FROM landmarks ORDER BY subject, trial, frame",
        "SELECT subject, trial, n_frames, source_sha256, settings_sha256, table_rows FROM trials ORDER BY ALL",
    ):
        there, here = (open_lake(tmp_path / name).sql(query) for name in ("by_ray", "local"))
        assert there.equals(here)


def test_a_fault_of_the_lake_is_raised(cluster, tmp_path):
    from neurostore.errors import LakeError
    from neurostore.ingest.cohort.scan import scan
    from neurostore.ingest.pipeline.batch import Batch
    from neurostore.ingest.pipeline.ray_pool import RayPool
    from neurostore.ingest.pipeline.settings import Settings

    write_bvh(tmp_path / "cohort" / "S1" / "walk.bvh")
    found = scan(tmp_path / "cohort")
    (tmp_path / "file").touch()
    batch = Batch(found.trials, found.metadata, {}, str(tmp_path / "file"), found.folder, Settings())
    with pytest.raises(LakeError, match=str(tmp_path / "file")):
        list(RayPool(None).run([batch]))


def test_results_are_those_of_one_process(cluster, tmp_path):
    lake = kept_lake(tmp_path)
    computed = rows_of(lake, "subject_summary")
    done = refresh(lake.path, engine="ray")
    assert (done.n_sessions, done.n_left) == (4, 0)
    stored = open_lake(lake.path)
    assert stored.reads_results()
    assert rows_of(stored, "subject_summary") == computed


@pytest.fixture
def compared(monkeypatch):
    """70 simulated cycles of one side in place of a lake's."""
    rng = np.random.default_rng(3)
    series = [rng.normal(size=(51, 4)).cumsum(axis=0).astype(np.float32) for _ in range(70)]
    labels = [{"subject": f"S{k}", "side": "left", "group": None} for k in range(70)]
    part = Part(labels, series, [np.array([k]) for k in range(70)], "deg", {}, [])

    def prepare(lake, choice):
        comparison = Comparison("euclidean", 0.1, "none", "float32", None, "mean", False)
        return distances.Prepared({"left": part}, comparison, {"options": {}, "lake": ""})

    monkeypatch.setattr(distances, "prepare", prepare)
    return part


def test_distances_are_those_of_one_process(cluster, compared, tmp_path):
    for name, engine in (("a.npy", "local"), ("b.npy", "ray")):
        distances.write_distances(None, tmp_path / name, block=16, engine=engine)
    local, by_ray = (np.load(tmp_path / name) for name in ("a.npy", "b.npy"))
    assert local.shape == (70, 70)
    np.testing.assert_array_equal(by_ray, local)
    assert not list(tmp_path.glob(".*.tmp"))


def test_only_what_is_new_goes_to_the_cluster(cluster, compared, tmp_path, monkeypatch):
    whole = list(compared.series)
    everything = [compared.labels, compared.series, compared.members]
    held = [list(x) for x in everything]
    for column in everything:
        del column[48:]
    distances.write_distances(None, tmp_path / "d.npy", block=16)
    for column, all_of_it in zip(everything, held, strict=True):
        column[:] = all_of_it
    asked = []
    run = type(cluster).run

    def counted(self, function, calls, **options):
        calls = list(calls)
        asked.extend(key for key, _ in calls)
        return run(self, function, calls, **options)

    monkeypatch.setattr(type(cluster), "run", counted)
    distances.write_distances(None, tmp_path / "d.npy", block=16, engine="ray")
    assert sorted(asked) == [(i, j) for i in range(0, 80, 16) for j in range(i, 80, 16) if j >= 48]
    monkeypatch.undo()
    from neurostore import dtw

    np.testing.assert_array_equal(np.load(tmp_path / "d.npy"), dtw.pairwise(whole, band=0.1, dtype="float32"))
