"""What brought erased people back, or left them in a file unnamed: each as it happened."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from neurostore import reviews
from neurostore.api import open as open_lake
from neurostore.distances.matrix import DistanceMatrix
from neurostore.errors import DamagedLakeError, LakeError
from neurostore.lake import commit, delta, outputs, tombstones
from neurostore.matrix_names import sidecar
from neurostore.storage import temporary
from neurostore.upkeep import compact, doctor, erase, repair, verify
from tests.builders.lake_builder import build_lake, trial
from tests.cli.cli_run import run

WHO = "P0107"
KEYS = [f"P{i:04d}" for i in range(100, 300)]
LEG = {"parameter": "leg_length", "side": "left", "value": 800.0, "unit": "mm", "source": "file"}
HEEL = np.random.default_rng(7).normal(800, 60, (12, 3))


def person(key: str, name: str = "walk", **row):
    heel = HEEL + KEYS.index(key) * 1.37
    return trial(key, name, left_heel=heel, row={"source_sha256": key.encode().hex().ljust(64, "0"), **row})


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Built once; each test changes a copy of its own."""
    people = [{"subject": k, "group": "CP", "name": f"Jane of {k}"} for k in KEYS[:12]]
    return Path(build_lake(tmp_path_factory.mktemp("built"), [person(k) for k in KEYS[:12]], people).path)


@pytest.fixture
def lake(built, tmp_path):
    return Path(shutil.copytree(built, tmp_path / built.name))


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """200 similar keys share pages of Parquet: compression breaks them up."""
    folder = tmp_path_factory.mktemp("crowd")
    return Path(build_lake(folder, [person(k) for k in KEYS]).path)


# Point 4: erased people come back


def test_who_was_erased_while_a_trial_was_staged_stays_out(lake, tmp_path):
    staged = commit.stage(lake, [person(WHO, "run"), person("P0101", "run")])
    rows = [{"subject": WHO, "group": "CP"}, {"subject": "P0101", "group": "CP"}]
    erase.erase(lake, WHO)
    again = commit.stage(lake, [person("P0101", "run")])  # the erasure took what was staged
    mixed = commit.Staged(staged.rows + again.rows[:0], staged.files, staged.skeletons)
    refused: dict = {}
    with pytest.raises(LakeError, match="stage the trials again"):
        commit.commit(lake, [mixed], subjects=rows, on_refused=refused.update)
    assert list(refused) == [(WHO, "", "run")]
    commit.commit(lake, [again], subjects=rows, on_refused=refused.update)
    assert WHO not in open_lake(lake).subjects()["subject"].to_list()
    assert WHO not in open_lake(lake).trials()["subject"].to_list()
    assert ("P0101", "run") in open_lake(lake).trials().select("subject", "trial").rows()


def test_a_sleeper_that_staged_after_the_erasure_brings_nobody_back(lake, monkeypatch):
    erase.erase(lake, WHO)
    with monkeypatch.context() as asleep:  # it asked before the erasure, and wrote after it
        asleep.setattr(tombstones.Tombstones, "refusal", lambda *_: None)
        staged = commit.stage(
            lake,
            [trial(k, "run", left_heel=HEEL, calibrations=[LEG]) for k in (WHO, "P0101")],
        )
    with pytest.raises(LakeError, match="erased from this lake"):
        commit.commit(lake, [staged])
    with monkeypatch.context() as asleep:
        asleep.setattr(tombstones.Tombstones, "refusal", lambda *_: None)
        staged = commit.stage(
            lake,
            [trial(k, "run", left_heel=HEEL, calibrations=[LEG]) for k in (WHO, "P0101")],
        )
    refused: dict = {}
    commit.commit(lake, [staged], on_refused=refused.update)
    assert list(refused) == [(WHO, "", "run")]
    opened = open_lake(lake)
    assert opened.scan("calibrations").collect()["subject"].to_list() == ["P0101"]
    assert WHO not in opened.trials()["subject"].to_list()
    assert not list(lake.rglob(f"*{WHO}*/*.parquet"))
    assert verify.verify(lake).erased == []


class Cut(BaseException):
    """A kill."""


@pytest.mark.parametrize(
    ("at", "next_writer"),
    [
        ("_take_out", "erase of another"),
        ("_forget_history", "ingest"),
        *(  # every point of an erasure is cut off by tests.torture.every_point
            pytest.param(at, writer, marks=pytest.mark.slow)
            for at, writer in [
                ("_take_out", "compact"),
                ("_take_out", "ingest"),
                ("_forget_history", "erase of another"),
                ("_forget_history", "compact"),
            ]
        ),
    ],
)
def test_the_next_writer_finishes_an_erasure_that_was_cut_off(lake, tmp_path, monkeypatch, at, next_writer):
    def cut(*_):
        raise Cut

    with monkeypatch.context() as killed:
        killed.setattr(erase, at, cut)
        with pytest.raises(Cut):
            erase.erase(lake, WHO)
    assert not verify.verify(lake).is_clean
    assert any(f.is_bad and "interrupted" in f.text for f in doctor.examine(lake))
    if next_writer == "erase of another":
        erase.erase(lake, "P0103")
    elif next_writer == "compact":
        compact.compact(lake)
    else:
        from tests.builders.tiny_bvh import write_bvh

        write_bvh(tmp_path / "cohort" / "N1" / "walk.bvh", 20)
        assert run("ingest", tmp_path / "cohort", "--lake", lake).returncode == 0
    found = verify.verify(lake)
    assert (found.unfinished, found.erased, found.damaged) == (0, [], [])
    assert WHO not in open_lake(lake).trials()["subject"].to_list()
    assert not list(lake.rglob(f"*{WHO}*"))
    assert "P0101" in open_lake(lake).trials()["subject"].to_list()


@pytest.mark.parametrize("table", ["reviews", "trials"])
def test_a_person_leaves_all_tables_in_one_commit(lake, monkeypatch, table):
    """Cut off after the commit to a table, readers see the person with everything, or nothing of the person."""
    who = {"trial": "walk", "reviewer": "R1", "reason": "crutch"}
    reviews.decide(lake, [{"action": "exclude", "subject": s, **who} for s in (WHO, "P0101")])
    replace_rows = delta.replace_rows

    def cut_after_commit(root, name, *rest, **options):
        version = replace_rows(root, name, *rest, **options)
        if name == table:
            raise Cut
        return version

    with monkeypatch.context() as killed:
        killed.setattr(delta, "replace_rows", cut_after_commit)
        with pytest.raises(Cut):
            erase.erase(lake, WHO)
    seen = open_lake(lake)
    shown = [WHO in seen.scan(t).collect()["subject"].to_list() for t in ("trials", "subjects", "reviews", "landmarks")]
    assert shown == [table == "reviews"] * 4
    erase.erase(lake, WHO)
    assert verify.verify(lake).is_clean
    assert open_lake(lake).scan("reviews").collect()["subject"].to_list() == ["P0101"]


def test_nothing_is_written_where_the_tombstones_are_gone(lake):
    erase.erase(lake, WHO)
    (lake / tombstones.FILE).unlink()
    assert [d.path for d in verify.verify(lake).damaged] == [tombstones.FILE]
    assert [f.name for f in doctor.examine(lake) if "could come back" in f.text] == ["erased subjects"]
    with pytest.raises(DamagedLakeError, match="could come back"):
        commit.stage(lake, [person(WHO, "run")])
    shutil.rmtree(lake / "_neurostore" / "erasures")  # as the message says
    commit.commit(lake, [commit.stage(lake, [person("P0101", "run")])])


def test_a_damaged_note_of_an_output_stops_no_erasure_for_ever(lake):
    note = Path(outputs.note(lake, "sql", [lake / "rows.csv"]) or "")
    note.write_bytes(b"{")
    repair.drop_damaged(lake, verify.verify(lake))
    assert verify.verify(lake).is_clean
    erase.erase(lake, WHO)


def test_verify_and_doctor_name_rows_of_the_erased(lake, monkeypatch):
    erase.erase(lake, WHO)
    with monkeypatch.context() as without:
        without.setattr(tombstones, "read", lambda _: tombstones.Tombstones(b""))
        build_lake(lake.parent, [person(WHO)])
    found = verify.verify(lake)
    assert not found.is_clean
    assert any(f"subject={WHO}" in path for path in found.erased)
    assert any(path.startswith("trials/") for path in found.erased)
    assert any(f.name == "erased subjects" and f.is_bad for f in doctor.examine(lake))
    assert run("verify", "--lake", lake).returncode == 1


# Point 5: success that leaves the person


def test_compressed_files_with_many_keys_are_searched(crowd, tmp_path):
    results = crowd / "results"
    results.mkdir(exist_ok=True)
    frame = open_lake(crowd).sql("SELECT subject, trial, frame, left_heel FROM landmarks")
    keys = open_lake(crowd).sql("SELECT subject, trial FROM trials")
    keys.write_parquet(results / "keys.parquet", compression="zstd")
    assert WHO.encode() not in (results / "keys.parquet").read_bytes()  # what a search of raw bytes misses
    frame.drop("subject").write_parquet(results / "coordinates.parquet")
    keys.write_csv(results / "keys.csv")
    with gzip.open(results / "keys.csv.gz", "wb") as file:
        file.write((results / "keys.csv").read_bytes())
    with zipfile.ZipFile(results / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(results / "keys.parquet", "inner/keys.parquet")
    heel = frame.filter(pl.col("subject") == WHO)["left_heel"].struct.unnest().to_numpy()
    np.save(results / "heel.npy", heel)
    np.savez_compressed(results / "heel.npz", heel=heel)
    keys.write_ipc(results / "keys.arrow", compression="zstd")
    (results / "sealed.bin").write_bytes(b"\x00\x8f" + bytes(range(256)))
    open_lake(crowd).sql("SELECT subject FROM trials WHERE subject <> $s", {"s": WHO}).write_parquet(
        results / "others.parquet"
    )
    (results / "readme.txt").write_text("P0108 and others")
    shown = run("erase", WHO, "--lake", crowd, "--yes")
    assert shown.returncode == 1, shown.stderr
    for name in ("keys.parquet", "coordinates.parquet", "keys.csv", "keys.csv.gz", "all.zip", "heel.npy", "heel.npz",
                 "keys.arrow"):  # fmt: skip
        assert f"results/{name} holds data of the person" in shown.stderr, name
        assert (results / name).exists()
    assert "results/sealed.bin may hold" in shown.stderr
    assert "others.parquet" not in shown.stderr
    assert "readme.txt" not in shown.stderr
    assert WHO not in open_lake(crowd).trials()["subject"].to_list()


def test_what_our_commands_wrote_into_the_lake_is_removed(lake):
    assert run("sql", "SELECT subject FROM trials", "--lake", lake, "-o", lake / "who.parquet").returncode == 0
    assert run("export-lake", lake / "copy", "--lake", lake).returncode == 0
    assert {n["kind"] for n in outputs.noted(str(lake)).values()} == {"sql", "export-lake"}
    receipt = erase.erase(lake, WHO)
    assert receipt.remaining == []
    assert not (lake / "who.parquet").exists()
    assert not (lake / "copy" / "landmarks" / f"subject={WHO}").exists()
    assert (lake / "copy" / "landmarks" / "subject=P0101").exists()
    assert not (lake / "copy" / "trials" / "trials.parquet").exists()


def test_an_export_with_json_beside_it_is_not_a_matrix(lake):
    (lake / "out.csv").write_text("subject,value\nP0101,1\n")
    (lake / "out.csv.json").write_text(json.dumps({"subject": WHO}))
    receipt = erase.erase(lake, WHO)
    assert receipt.remaining == ["out.csv.json holds data of the person"]
    assert len(list((lake / "_neurostore" / "erasures").iterdir())) == 1


@pytest.mark.parametrize("suffix", [".npy", ".csv", ".parquet"])
def test_a_damaged_matrix_is_listed_and_stops_nothing(lake, suffix):
    labels = pl.DataFrame({"subject": ["P0101", WHO], "trial": ["a", "b"], "side": ["left"] * 2, "group": "CP"})
    path = lake / f"distances{suffix}"
    DistanceMatrix(np.array([[0.0, 1.0], [1.0, 0.0]]), labels, "deg", {}).write(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-9] if suffix != ".csv" else whole[:-9] + b"\n1,2,3,4,5\n")
    receipt = erase.erase(lake, WHO)
    assert sidecar(path).name in " ".join(receipt.remaining)
    assert WHO not in open_lake(lake).trials()["subject"].to_list()


def test_the_description_of_a_matrix_forgets_its_condition(lake):
    labels = pl.DataFrame({"subject": ["P0101", WHO], "trial": ["a", "b"], "side": ["left"] * 2})
    about = {"options": {"where": "s.name = 'Jane of P0107'", "unit": "trial"}, "where": "s.subject LIKE 'P01%'"}
    DistanceMatrix(np.array([[0.0, 1.0], [1.0, 0.0]]), labels, "deg", about).write(lake / "d.npy")
    erase.erase(lake, WHO)
    said = sidecar(lake / "d.npy").read_text()
    assert "Jane" not in said
    assert "P01%" not in said


# Points 1 and 6


def test_foreign_files_are_passed_over_and_listed(lake):
    names = [".DS_Store", "README.txt", "poses/.DS_Store", "landmarks/result.parquet"]
    names += ["x/_delta_log/00000000000000000000.json"]
    for name in names:
        (lake / name).parent.mkdir(parents=True, exist_ok=True)
        (lake / name).write_bytes(b"nothing of ours")
    erase.erase(lake, WHO)
    compact.compact(lake, safe_age_s=0)
    from neurostore.upkeep import vacuum

    vacuum.vacuum(lake, safe_age_s=0)
    assert {(lake / name).read_bytes() for name in names} == {b"nothing of ours"}
    found = verify.verify(lake)
    assert sorted(found.others) == sorted(names)
    assert found.is_clean
    assert len(open_lake(lake).trials()) == 11


def test_links_pipes_and_odd_names_are_passed_over_or_listed(lake, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (lake / "linked").symlink_to(tmp_path / "elsewhere")
    (lake / "gone").symlink_to(f"/nowhere/{WHO}/walk.bvh")
    (lake / "other").symlink_to("/nowhere/P0101/walk.bvh")
    os.mkfifo(lake / "pipe")
    Path(os.fsdecode(os.fsencode(lake) + b"/\xff.txt")).write_text(f"{WHO} walks")
    receipt = erase.erase(lake, WHO)
    listed = sorted(line.split(" ")[0] for line in receipt.remaining)
    assert listed == ["gone", "linked", os.fsdecode(b"\xff.txt")]
    assert verify.verify(lake).is_clean


def test_temporary_files_are_swept_and_searched(lake):
    left = [
        lake / "_neurostore" / "hashes" / ".12-abc.txt.0123abcd.tmp",
        lake / "_neurostore" / "hashes" / "12-abc.txt.0123abcd.tmp",  # as 0.1 named them
        lake / "landmarks" / f"subject={WHO}" / ".x.parquet.0123abcd.tmp",
        lake / ".export.0123abcd.tmp" / "trials" / "trials.parquet",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"landmarks/subject={WHO}/x")
    erase.erase(lake, WHO)
    assert [p for p in left if p.exists()] == []
    assert not list(lake.rglob(f"*{WHO}*"))


# Short keys, and names that only the erased person brought


@pytest.mark.parametrize("key", ["1", "10", "S2"])
def test_a_short_key_is_erased_without_false_alarm(tmp_path, key):
    """Sessions, versions and counts of the lake's own files say 1 and 10 too."""
    people = sorted({"1", "10", "S2", "100"})
    trials = [trial(p, "walk_1_10", session="1", left_heel=HEEL + i) for i, p in enumerate(people)]
    lake = Path(build_lake(tmp_path, trials, [{"subject": p, "group": "1"} for p in people]).path)
    open_lake(lake).sql("SELECT subject, frame FROM landmarks WHERE subject = '100'").write_parquet(
        lake / "other.parquet"
    )
    receipt = erase.erase(lake, key)
    assert receipt.remaining == []
    assert sorted(set(open_lake(lake).trials()["subject"])) == [p for p in people if p != key]
    assert not list(lake.rglob(f"subject={key}"))
    assert verify.verify(lake).is_clean


def test_columns_and_skeletons_of_nobody_go(tmp_path):
    hers = trial(WHO, poses={"jane_doe_knee": HEEL}, skeleton="doe_family", row={"seen_by_dr_doe": "yes", "height": 1})
    others = trial("P0101", poses={"knee": HEEL}, skeleton="doe_family", row={"height": 2, "skeletons": ["doe_family"]})
    people = [{"subject": WHO, "sister_of_P0101": "twin", "group": "CP"}, {"subject": "P0101", "group": "CP"}]
    lake = Path(build_lake(tmp_path, [hers, others], people, one_by_one=True).path)
    receipt = erase.erase(lake, WHO)
    assert receipt.remaining == []
    opened = open_lake(lake)
    assert "sister_of_P0101" not in opened.scan("subjects").collect_schema().names()
    assert "seen_by_dr_doe" not in opened.scan("trials").collect_schema().names()
    assert opened.scan("trials").collect()["height"].to_list() == [2]
    columns = opened.scan("poses/doe_family").collect_schema().names()
    assert "knee" in columns
    assert "jane_doe_knee" not in columns
    for path in lake.rglob("*"):
        if path.is_file():
            held = path.read_bytes()
            assert b"jane_doe" not in held, path
            assert b"seen_by_dr" not in held, path
            assert b"sister_of" not in held, path
    assert verify.verify(lake).is_clean
    build_lake(tmp_path, [trial("P0101", "run", poses={"hip": HEEL}, skeleton="doe_family", row={"height": 3})])
    assert set(open_lake(lake).scan("trials").collect()["height"]) == {2, 3}


def test_what_a_killed_command_left_elsewhere_goes(lake, tmp_path, monkeypatch):
    import tempfile

    (tmp_path / "machine").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "machine"))
    outputs.note(lake, "distances", tmp_path / "d.npy")
    left = [
        tmp_path / ".d.npy.left-square.0123abcd.tmp",
        tmp_path / ".d.npy.0123abcd.tmp",
        tmp_path / "machine" / ".neurostore.0123abcd.tmp",
    ]
    for path in left:
        path.write_text(WHO)
    (tmp_path / ".mine.0123abcd.tmp").write_text("of nobody we know")
    with temporary.scratch() as of_the_living, temporary.scratch() as of_others:
        (of_the_living / "page.html").write_text(f"<p>{WHO}")
        (of_others / "page.html").write_text("<p>somebody else")
        receipt = erase.erase(lake, WHO)
    assert [line for line in receipt.outside if "process" in line] == [
        f"is being written by another process: {of_the_living}"
    ]
    assert [p for p in left if p.exists()] == []
    assert (tmp_path / ".mine.0123abcd.tmp").exists()
    assert any("d.npy" in line for line in receipt.outside)


def test_outputs_are_noted_before_they_are_written(lake, tmp_path):
    (lake / "mine.txt").write_text(f"{WHO}, a stranger's note")
    with pytest.raises(Cut):
        _cut_off_while_writing(lake, lake / "who.csv")
    with pytest.raises(ValueError, match="refused"), outputs.noting(lake, "export", lake / "mine.txt"):
        raise ValueError("refused: it exists")
    assert [n["kind"] for n in outputs.noted(str(lake)).values()] == ["sql"]
    receipt = erase.erase(lake, WHO)
    assert not (lake / "who.csv").exists()
    assert receipt.remaining == ["mine.txt holds data of the person"]


def _cut_off_while_writing(lake: Path, path: Path) -> None:
    with outputs.noting(lake, "sql", path):
        path.write_text(WHO)
        raise Cut


def test_a_decision_on_somebody_who_is_erased_meanwhile_is_refused(lake, monkeypatch):
    from neurostore import reviews
    from neurostore.errors import UsageError
    from neurostore.reviews import checks

    decision = {"action": "exclude", "subject": WHO, "trial": "walk", "reviewer": "R1", "reason": "crutch"}
    real = checks.problems_of

    def slow(*given):
        found = real(*given)
        erase.erase(lake, WHO)
        return found

    monkeypatch.setattr(checks, "problems_of", slow)
    with pytest.raises(UsageError, match="erased from this lake meanwhile"):
        reviews.decide(lake, [decision])
    assert not list(lake.rglob("reviews/*.parquet"))
