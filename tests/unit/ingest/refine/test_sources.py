"""Who is who, and which files are motions."""

import shutil

import numpy as np
import pytest

pytest.importorskip("torch")
from neurostore.errors import UsageError
from neurostore.ingest.refine.markers import marker_set
from neurostore.ingest.refine.training import sources
from neurostore.walker.bvh import write_bvh
from neurostore.walker.gait import normal
from neurostore.walker.walk import walk
from tests.builders.tiny_bvh import bvh_text
from tests.shared_data import SHARED, needs_shared

MARKERS = marker_set("landmarks")


@pytest.fixture(scope="module")
def bvh(tmp_path_factory):
    path = tmp_path_factory.mktemp("bvh") / "walk.bvh"
    write_bvh(walk(normal(), n_strides=1.5, rate_hz=60.0), path)
    return path


def _put(bvh, *places):
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(bvh, place)


def test_nobody_is_in_two_splits_and_no_folder_in_two_people():
    listed = sources.people()
    names = {}
    for entry in listed.values():
        assert names.setdefault(entry["name"], entry["split"]) == entry["split"]
    n_entries = sum(len(e["subjects"]) for e in {e["name"]: e for e in listed.values()}.values())
    assert n_entries == len(listed)
    assert listed["cmu/GENW02"]["name"] == listed["cmu/GENBASKET"]["name"]
    assert listed["cmu/S02"]["name"] == listed["cmu_asfamc/02"]["name"]
    assert {s for s, e in listed.items() if e["split"] == "test" and s.startswith("cmu/")} == {
        "cmu/S02", "cmu/S07", "cmu/S08", "cmu/S39"
    }  # fmt: skip
    assert all(e["split"] == "train" for e in listed.values() if e.get("mixed"))


def test_a_cohort_of_unknown_people(bvh, tmp_path):
    _put(bvh, tmp_path / "c" / "A" / "one.bvh", tmp_path / "c" / "A" / "two.bvh", tmp_path / "c" / "B" / "one.bvh")
    (tmp_path / "c" / "B" / "notes.txt").touch()
    found = sources.read_motions(tmp_path / "c", MARKERS, unknown_split="test")
    assert [(m.person, m.split, m.source) for m in found] == [
        ("c/A", "test", "c/A/one"), ("c/A", "test", "c/A/two"), ("c/B", "test", "c/B/one")
    ]  # fmt: skip
    assert found[0].points.shape[1:] == (17, 3)
    assert np.isfinite(found[0].points).all()  # heels are made where the skeleton has none
    assert found[0].is_own_skeleton


def test_sessions_of_a_cohort_are_one_person(bvh, tmp_path):
    _put(bvh, tmp_path / "c" / "A" / "pre" / "one.bvh", tmp_path / "c" / "A" / "post" / "one.bvh")
    (tmp_path / "c" / "participants.tsv").write_text("participant_id\nA\n")
    found = sources.read_motions(tmp_path / "c", MARKERS, unknown_split="test")
    assert {m.person for m in found} == {"c/A"}


def test_the_public_repository_of_cmu_mocap(bvh, tmp_path):
    _put(bvh, tmp_path / "data" / "002" / "02_01.bvh", tmp_path / "data" / "131" / "131_04.bvh")
    found = sources.read_motions(tmp_path, MARKERS)
    assert {m.source.split("/")[1]: m.person for m in found} == {"002": "cmu_02", "131": "cmu_131"}
    assert {m.person: m.split for m in found}["cmu_02"] == "test"


def test_unknown_people_are_split_by_person_and_always_alike():
    splits = [sources.split_of(f"lab/P{i:03d}") for i in range(300)]
    assert splits == [sources.split_of(f"lab/P{i:03d}") for i in range(300)]
    assert 200 < splits.count("train") < 280
    assert min(splits.count("validation"), splits.count("test")) > 10


def test_what_cannot_be_used_is_reported(bvh, tmp_path):
    said = []
    _put(bvh, tmp_path / "c" / "A" / "one.bvh")
    (tmp_path / "c" / "A" / "cut.bvh").write_text("HIERARCHY\nROOT Hips\n")
    (tmp_path / "c" / "A" / "armless.bvh").write_text(bvh_text(90))
    found = sources.read_motions(tmp_path / "c", MARKERS, unknown_split="test", say=said.append)
    assert [m.source for m in found] == ["c/A/one"]
    assert len(said) == 2
    assert any("cut.bvh" in s for s in said)
    assert any("left_shoulder" in s and "armless.bvh" in s for s in said)


def test_nothing_there(tmp_path):
    with pytest.raises(UsageError, match="no such folder"):
        sources.read_motions(tmp_path / "none", MARKERS)
    with pytest.raises(UsageError, match="holds no motion"):
        sources.read_motions(tmp_path, MARKERS)


@needs_shared
def test_avatars_are_never_counted():
    with pytest.raises(UsageError, match="avatars of cc_base do not count"):
        sources.read_motions(SHARED / "cc_base", MARKERS)


def test_a_lake_gives_the_same_motion(bvh, tmp_path):
    from neurostore.ingest.pipeline import ingest

    _put(bvh, tmp_path / "c" / "A" / "one.bvh")
    ingest(tmp_path / "c", tmp_path / "lake", n_workers=1)
    (lake,) = sources.read_motions(tmp_path / "lake", MARKERS, unknown_split="test")
    (file,) = sources.read_motions(tmp_path / "c", MARKERS, unknown_split="test")
    assert lake.source_sha256 == file.source_sha256
    assert lake.rate_hz == pytest.approx(file.rate_hz)
    off = np.linalg.norm(lake.points - file.points, axis=-1)
    assert np.median(off) < 3.0  # the lake's landmarks are low-passed at 6 Hz
