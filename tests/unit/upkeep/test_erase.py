"""Erased people are in no byte on disk; others lose nothing; the same recordings stay out."""

from __future__ import annotations

import base64
import json
import os
import re
import zlib
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from neurostore.api import open as open_lake
from neurostore.distances.matrix import DistanceMatrix
from neurostore.errors import ConflictError, UsageError, VanishedVersionError
from neurostore.lake import heartbeat, tombstones
from neurostore.matrix_names import sidecar
from neurostore.storage import temporary
from neurostore.upkeep import compact, vacuum
from neurostore.upkeep.erase import erase
from neurostore.upkeep.verify import verify
from tests.builders.lake_builder import build_lake, trial
from tests.builders.tiny_bvh import write_bvh
from tests.cli.cli_run import run

HEEL = np.arange(60, dtype=np.float32).reshape(20, 3)
WHO = "Forgotten77"


def all_bytes(lake) -> str:
    """Everything on disk as one text: raw bytes, paths, unpacked Parquet cells and unpacked copies of the log."""
    said = []
    for path in sorted(Path(lake).rglob("*")):
        said.append(str(path.relative_to(lake)))
        if path.is_file():
            content = path.read_bytes()
            said.append(content.decode("latin-1"))
            if path.suffix == ".parquet":
                said.append(str(pq.read_table(path, partitioning=None).to_pydict()))
            if path.suffix == ".txt" and path.parent.name == "hashes":
                for entry in json.loads(content.partition(b"\n")[2]).values():
                    said += [zlib.decompress(base64.b64decode(c)).decode("latin-1") for c in entry[2:3] if c]
    return "\n".join(said)


def cohort_lake(tmp_path, n=3):
    trials = [
        trial(
            subject,
            f"{subject}_t{i}",
            left_heel=HEEL + i,
            poses={"Hips": HEEL},
            events=[{"side": "left", "event": "foot_strike", "time_s": 0.1, "label": f"{subject} heel"}],
            calibrations=[
                {"parameter": "leg_length_mm", "side": "left", "value": 800.0 + i, "unit": "mm", "source": "file"}
            ],
            row={"source_sha256": f"{subject}{i}".encode().hex().ljust(64, "0"), "doctor": f"Dr {subject}"},
        )
        for subject in ("S1", WHO, "S2")
        for i in range(n)
    ]
    people = [{"subject": s, "group": "CP", "name": f"name of {s}"} for s in ("S1", WHO, "S2")]
    build_lake(tmp_path, trials, people, one_by_one=True)
    again = [trial(WHO, f"{WHO}_t0", left_heel=HEEL, row={"source_sha256": "ab" * 32, "doctor": f"Dr {WHO}"})]
    return build_lake(tmp_path, again).path


def rows(lake, table):
    frame = open_lake(lake).scan(table).collect()
    plain = [c for c, t in frame.schema.items() if not t.is_nested()]
    return frame.select(sorted(set(frame.columns) - {"table_versions"})).sort(sorted(plain))


@pytest.mark.parametrize(
    "history", [pytest.param("single commits", marks=pytest.mark.slow), "compacted", "checkpointed"]
)
def test_no_byte_is_left(tmp_path, history):
    lake = cohort_lake(tmp_path, 9 if history == "checkpointed" else 2)
    if history == "compacted":
        compact.compact(lake)
    assert WHO in all_bytes(lake)
    before = {t: rows(lake, t).filter(pl.col("subject") != WHO) for t in open_lake(lake).tables() if t != "skeletons"}
    old = open_lake(lake).version
    receipt = erase(lake, WHO)
    assert WHO not in all_bytes(lake)
    assert not re.search("ab" * 32, all_bytes(lake))
    for table, kept in before.items():
        assert rows(lake, table).equals(kept), table
    assert receipt.n_trials == (9 if history == "checkpointed" else 2)
    found = verify(lake)
    assert (found.damaged, found.unrecorded, found.leftovers, found.others) == ([], [], [], [])
    assert open_lake(lake).sql("SELECT count(DISTINCT subject) FROM landmarks").item() == 2
    with pytest.raises(VanishedVersionError):
        open_lake(lake, old)
    build_lake(tmp_path, [trial("S3", "new", left_heel=HEEL)])  # life goes on
    compact.compact(lake, safe_age_s=0)
    vacuum.vacuum(lake, safe_age_s=0)
    assert sorted(set(rows(lake, "landmarks")["subject"])) == ["S1", "S2", "S3"]
    assert verify(lake).is_clean
    erase(lake, "S3")
    erase(lake, "S1")
    erase(lake, "S2")
    assert open_lake(lake).sql("SELECT count(*) AS n FROM landmarks")["n"].to_list() == [0]
    assert open_lake(lake).ingest_ids() == []
    build_lake(tmp_path, [trial("S4", "new", left_heel=HEEL, poses={"Hips": HEEL}, row={"source_sha256": "cd" * 32})])
    assert rows(lake, "poses/cmu_31").height == 20


def test_the_receipt_says_nobody(tmp_path):
    lake = cohort_lake(tmp_path)
    receipt = erase(lake, WHO)
    (kept,) = Path(lake, "_neurostore", "erasures").iterdir()
    said = json.loads(kept.read_text())
    assert said["receipt"] == receipt.receipt
    assert said["n_trials"] == 3
    assert WHO not in kept.read_text()


def test_the_same_recording_is_refused_under_any_key_until_consent_is_renewed(tmp_path):
    cohort, lake = tmp_path / "cohort", tmp_path / "lake"
    write_bvh(cohort / "S1" / "walk.bvh", 20)
    write_bvh(cohort / WHO / "walk.bvh", 25)
    assert run("ingest", cohort, "--lake", lake).returncode == 0
    shown = run("erase", WHO, "--lake", lake, "--yes")
    assert shown.returncode == 0, shown.stderr
    assert "n_trials: 1" in shown.stderr
    shown = run("ingest", cohort, "--lake", lake)
    assert shown.returncode == 1
    assert "--consent-renewed" in shown.stderr
    assert WHO not in all_bytes(lake)
    (cohort / WHO).rename(cohort / "Other")
    assert "its recording was erased" in run("ingest", cohort, "--lake", lake).stderr
    write_bvh(cohort / WHO / "run.bvh", 31)
    assert "its subject was erased" in run("ingest", cohort, "--lake", lake).stderr
    assert open_lake(lake).trials()["subject"].to_list() == ["S1"]
    assert run("ingest", cohort, "--lake", lake, "--consent-renewed").returncode == 0
    assert open_lake(lake).trials()["subject"].to_list() == [WHO, "Other", "S1"]
    assert not tombstones.read(str(lake)).stones


def test_matrices_in_the_lake_lose_rows_and_columns(tmp_path):
    lake = cohort_lake(tmp_path)
    labels = pl.DataFrame({"subject": ["S1", WHO, "S2"], "trial": ["a", "b", "c"], "side": ["left"] * 3, "group": "CP"})
    values = np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0]], float)
    matrix = DistanceMatrix(values, labels, "deg", {"left_out": {f"{WHO}/x": "short"}, "digests": ["1", "2", "3"]})
    folder = Path(lake) / "results"
    folder.mkdir()
    for suffix in (".npy", ".csv", ".parquet"):
        matrix.write(folder / f"d{suffix}")
    (folder / "d.npy.left.partial").write_bytes(b"raw")
    (folder / f"notes on {WHO}.txt").write_text("walks well")
    (folder / "notes.txt").write_text(f"{WHO} walks well")
    (folder / "other.txt").write_text("nobody")
    receipt = erase(lake, WHO)
    assert (receipt.n_matrices, receipt.n_other_files) == (3, 1)
    assert receipt.remaining == [
        f"results/{name} holds data of the person" for name in (f"notes on {WHO}.txt", "notes.txt")
    ]  # they are a stranger's
    for name in (f"notes on {WHO}.txt", "notes.txt"):
        (folder / name).unlink()
    assert erase(lake, WHO).remaining == []
    assert WHO not in all_bytes(lake)
    for suffix in (".npy", ".csv", ".parquet"):
        left = DistanceMatrix.read(folder / f"d{suffix}")
        assert left.labels["subject"].to_list() == ["S1", "S2"]
        assert np.array_equal(left.values, [[0, 2], [2, 0]])
        assert sidecar(folder / f"d{suffix}").is_file()
    assert (folder / "other.txt").exists()


def test_a_key_within_another_is_another(tmp_path):
    """S1 goes, S10 and what says S10 stays."""
    lake = build_lake(tmp_path, [trial(s, "walk", left_heel=HEEL) for s in ("S1", "S10", "S2")]).path
    folder = Path(lake) / "results"
    labels = pl.DataFrame({"subject": ["S1", "S10"], "trial": ["a", "b"], "side": ["left"] * 2})
    about = {"left_out": {"S10/x": "short", "S1/y": "short"}}
    folder.mkdir()
    DistanceMatrix(np.array([[0.0, 1.0], [1.0, 0.0]]), labels, "deg", about).write(folder / "d.npy")
    (folder / "notes.txt").write_text("S10 walks well, as PS1 does")
    (folder / "S10.txt").write_text("walks well")
    (folder / "of_S1.txt").write_text("walks well")
    (folder / "table.csv").write_text("subject,trial\nS1_walk,1\n")
    (folder / "binary").write_bytes(b"\x00\x01aS1b")  # what is not text has no words
    receipt = erase(lake, "S1")
    assert (receipt.n_trials, receipt.n_matrices, receipt.n_other_files) == (1, 1, 0)
    assert receipt.remaining == [f"results/{n} holds data of the person" for n in ("binary", "of_S1.txt", "table.csv")]
    assert len(list(folder.iterdir())) == 7
    left = DistanceMatrix.read(folder / "d.npy")
    assert left.labels["subject"].to_list() == ["S10"]
    assert left.provenance["left_out"] == {"S10/x": "short"}
    assert sorted(set(rows(lake, "landmarks")["subject"])) == ["S10", "S2"]


def test_nobody_of_that_name(tmp_path):
    lake = cohort_lake(tmp_path)
    with pytest.raises(UsageError, match=r"no subject 'S9'.*S1"):
        erase(lake, "S9")
    assert verify(lake).is_clean
    erase(lake, WHO)
    assert erase(lake, WHO).n_trials == 0  # a repeat, as after a kill
    assert run("erase", "../S1", "--lake", lake, "--yes").returncode == 3


def test_a_running_ingest_is_waited_for(tmp_path):
    lake = cohort_lake(tmp_path)
    with heartbeat.running(lake), pytest.raises(ConflictError, match="running"):
        erase(lake, WHO)
    assert WHO in open_lake(lake).trials()["subject"].to_list()


def test_what_was_written_elsewhere_is_listed(tmp_path):
    lake = cohort_lake(tmp_path)
    assert run("export-lake", tmp_path / f"for {WHO}", "--lake", lake).returncode == 0
    assert run("catalogue", tmp_path / "all.duckdb", "--lake", lake).returncode == 0
    shown = run("erase", WHO, "--lake", lake, "--yes")
    assert f"for {WHO}" in shown.stderr
    assert "all.duckdb" in shown.stderr
    assert WHO not in all_bytes(lake)  # the note whose path named them is gone
    assert "all.duckdb" in str(run("erase", "S1", "--lake", lake, "--yes").stderr)


def test_folders_of_other_processes_may_go_while_they_are_searched(tmp_path, monkeypatch):
    lake = build_lake(tmp_path, [trial(s, "walk", left_heel=HEEL) for s in ("S1", "S2")]).path
    going, scandir = tmp_path / "going", os.scandir

    def scandir_late(path="."):
        if Path(path) == going:
            going.rmdir()
        return scandir(path)

    going.mkdir()
    monkeypatch.setattr(os, "scandir", scandir_late)
    monkeypatch.setattr(temporary, "scratches", lambda: [going])
    assert erase(lake, "S1").outside == []
    assert not going.exists()
