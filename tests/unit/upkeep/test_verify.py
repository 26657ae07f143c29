"""Any flipped byte is found and named; dropping it and ingesting again brings everything back."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from neurostore.api import open as open_lake
from neurostore.errors import NotALakeError
from neurostore.lake import hashes
from neurostore.upkeep import compact, vacuum
from neurostore.upkeep.repair import drop_damaged
from neurostore.upkeep.verify import adopt, verify
from tests.builders.lake_builder import build_lake, trial
from tests.builders.tiny_bvh import write_bvh
from tests.cli.cli_run import run

HEEL = np.arange(60, dtype=np.float32).reshape(20, 3)


def some_trials(n=6, start=0):
    return [
        trial(f"S{i % 3}", f"t{i}", left_heel=HEEL + i, poses={"Hips": HEEL}, events=[EVENT], calibrations=[LENGTH])
        for i in range(start, start + n)
    ]


EVENT = {"side": "left", "event": "foot_strike", "time_s": 0.1, "label": "x"}
LENGTH = {"parameter": "leg_length_mm", "side": "left", "value": 800.0, "unit": "mm", "source": "file"}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    for i in range(4):
        write_bvh(folder / f"S{i % 2}" / f"walk{i}.bvh", 20 + i)
    (folder / "participants.tsv").write_text("participant_id\tgroup\nS0\tCP\nS1\tTD\n")
    return folder


@pytest.fixture(scope="module")
def ingested(cohort, tmp_path_factory):
    lake = tmp_path_factory.mktemp("lakes") / "lake"
    assert run("ingest", cohort, "--lake", lake, "--workers", 1).returncode == 0
    write_bvh(cohort / "S1" / "late.bvh", 30)
    assert run("ingest", cohort, "--lake", lake, "--workers", 1).returncode == 0
    return lake


def files_of(lake: Path) -> list[Path]:
    """Every file that says something: a lock's holder and signs of life do not."""
    found = [p for p in Path(lake).rglob("*") if p.is_file()]
    return sorted(p for p in found if p.name != "commit.lock" and "running" not in p.parts)


def flip(path: Path, at: int, mask: int = 0x10) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= mask
    path.write_bytes(bytes(content))


def contents(lake) -> dict[str, object]:
    opened = open_lake(lake)
    tables = {}
    for name in opened.tables():
        frame = opened.scan(name).collect()
        drop = {"ingest_id", "ingested_at", "table_versions", "table_rows"} & set(frame.columns)
        frame = frame.drop(*drop)
        plain = [c for c, t in frame.schema.items() if not t.is_nested()]
        tables[name] = frame.sort(plain).to_dicts()
    return tables


def test_an_undisturbed_lake_is_clean_and_wholly_recorded(tmp_path):
    lake = build_lake(tmp_path, some_trials(), [{"subject": "S1", "group": "CP"}], one_by_one=True).path
    for work in (lambda: None, lambda: compact.compact(lake), lambda: vacuum.vacuum(lake)):
        work()
        found = verify(lake)
        assert (found.damaged, found.unrecorded, found.leftovers, found.others) == ([], [], [], [])
        assert found.n_files > 10


def test_a_flip_in_any_file_is_found(ingested, tmp_path):
    """Up to three files of every kind: the first byte of one, the last of the next, one at random of the third."""
    lake = tmp_path / "lake"
    shutil.copytree(ingested, lake)
    rng = random.Random(1)
    taken: Counter[tuple[str, bool, str]] = Counter()
    for path in rng.sample(files_of(lake), k=len(files_of(lake))):
        top = path.relative_to(lake).parts[0]
        kind = (top if top.startswith("_") else "a table", "_delta_log" in path.parts, path.suffix)
        if taken[kind] == 3:
            continue
        size = path.stat().st_size
        at = (0, size - 1, rng.randrange(size))[taken[kind]]
        taken[kind] += 1
        flip(path, at)
        assert os.fspath(path.relative_to(lake)) in [d.path for d in verify(lake).damaged], (path, at)
        flip(path, at)
    assert verify(lake).is_clean


def test_damage_is_named_by_trial(tmp_path):
    lake = Path(build_lake(tmp_path, some_trials()).path)
    (path,) = (lake / "landmarks" / "subject=S1").iterdir()
    flip(path, path.stat().st_size // 2)
    (damage,) = verify(lake).damaged
    assert damage.trials == (("S1", "", "t1"), ("S1", "", "t4"))
    flip(path, path.stat().st_size // 2)
    (path,) = (lake / "calibrations").glob("*.parquet")
    path.write_bytes(b"")  # nothing of it can be read
    (damage,) = verify(lake).damaged
    assert damage.trials == tuple((f"S{i % 3}", "", f"t{i}") for i in (0, 3, 1, 4, 2, 5))


def test_the_trials_of_a_damaged_trials_file_are_named(tmp_path):
    lake = Path(build_lake(tmp_path, some_trials()).path)
    (path,) = (lake / "trials").glob("*.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    (damage,) = verify(lake).damaged
    assert damage.trials == tuple((f"S{i % 3}", "", f"t{i}") for i in (0, 3, 1, 4, 2, 5))


@pytest.mark.parametrize("which", ["landmarks", "trials", "subjects", "skeletons", "poses", "calibrations"])
def test_dropping_and_ingesting_again_repairs(cohort, ingested, tmp_path, which):
    lake = tmp_path / "lake"
    shutil.copytree(ingested, lake)
    before = contents(lake)
    current = {f"{n}/{f.path}" for n in open_lake(lake).tables() for f in open_lake(lake).table_state(n).files}
    paths = [p for p in sorted(current) if p.startswith(which)]
    if not paths:
        pytest.skip(f"this cohort gives no {which}")
    flip(lake / paths[0], 100)
    shown = run("verify", "--lake", lake, "--drop-damaged")
    assert shown.returncode == 1
    assert paths[0] in shown.stderr
    assert "removed: S" in shown.stderr
    assert run("verify", "--lake", lake).returncode == 0
    assert contents(lake) != before
    assert run("ingest", cohort, "--lake", lake, "--workers", 1, "--no-results").returncode == 0
    assert contents(lake) == before
    found = verify(lake)
    assert found.is_clean
    assert not found.unrecorded


def test_a_damaged_log_entry_is_put_back(ingested, tmp_path):
    lake = tmp_path / "lake"
    shutil.copytree(ingested, lake)
    before = contents(lake)
    entry = sorted((lake / "trials" / "_delta_log").glob("*.json"))[-1]
    flip(entry, entry.stat().st_size // 2, 0xFF)
    assert verify(lake).damaged[0].trials
    done = drop_damaged(lake)
    assert (done.trials, done.files) == ((), ())
    assert contents(lake) == before
    assert verify(lake).is_clean


def test_damaged_checkpoint_segment_and_missing_file(tmp_path):
    lake = Path(build_lake(tmp_path, some_trials(22), one_by_one=True).path)
    before = contents(lake)
    checkpoint = next((lake / "trials" / "_delta_log").glob("*.checkpoint.parquet"))
    flip(checkpoint, 500)
    named = checkpoint.relative_to(lake).as_posix()
    others = [p for p in (lake / hashes.FOLDER).iterdir() if named not in p.read_text()]
    flip(others[0], 80)  # that which vouches for the checkpoint would take its damage along
    assert len(verify(lake).damaged) == 2
    drop_damaged(lake)
    assert verify(lake).is_clean
    assert contents(lake) == before
    gone = next((lake / "landmarks" / "subject=S2").iterdir())
    gone.unlink()
    (damage,) = verify(lake).damaged
    assert damage.problem == "the file is missing"
    assert len(damage.trials) == 1
    drop_damaged(lake)
    assert verify(lake).is_clean
    assert len(open_lake(lake).ingest_ids()) == 21


def test_an_older_lake_without_hashes_is_adopted(ingested, tmp_path):
    lake = tmp_path / "lake"
    shutil.copytree(ingested, lake)
    shutil.rmtree(lake / hashes.FOLDER)
    found = verify(lake)
    assert found.is_clean
    n = len(found.unrecorded)
    assert n > 10
    assert len(adopt(lake)) == n
    assert not verify(lake).unrecorded
    path = next((lake / "landmarks").rglob("*.parquet"))
    flip(path, 50)
    assert len(verify(lake).damaged) == 1


def test_the_next_writer_records_what_a_killed_one_could_not(tmp_path):
    lake = build_lake(tmp_path, some_trials(1)).path
    Path(lake, "_neurostore", "commit.lock").write_text("process 1 (commit)\n")  # as a killed one leaves it
    shutil.rmtree(Path(lake, hashes.FOLDER))
    assert verify(lake).unrecorded
    build_lake(tmp_path, some_trials(1, 1))
    assert not verify(lake).unrecorded


def test_no_lake(tmp_path):
    with pytest.raises(NotALakeError):
        verify(tmp_path)
    assert run("verify", "--lake", tmp_path).returncode == 3
