"""A release stays as it is: its hash hangs on rows alone, its files outlive later versions, an erasure takes one person."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import neurostore
from neurostore import reviews
from neurostore.api import open as open_lake
from neurostore.errors import DamagedLakeError, UsageError, VanishedVersionError
from neurostore.lake import content, outputs, releases
from neurostore.lake.commit import commit, stage
from neurostore.upkeep import compact, release, repair, vacuum
from neurostore.upkeep.erase import erase
from neurostore.upkeep.verify import verify
from tests.builders.lake_builder import build_lake, trial

HEEL = np.random.default_rng(1).normal(400, 90, (20, 3))
WHO = "Forgotten77"


def trials(subjects=("S1", WHO, "S2"), n=2, shift=0.0):
    leg = {"parameter": "leg_length", "side": "left", "value": 800.0, "unit": "mm", "source": "file"}
    return [
        trial(
            subject,
            f"t{i}",
            left_heel=HEEL + i + shift,
            poses={"Hips": HEEL},
            events=[{"side": "left", "event": "foot_strike", "time_s": 0.1, "label": "heel"}],
            calibrations=[leg],
            row={"source_sha256": f"{subject}{i}".encode().hex().ljust(64, "0"), "doctor": f"Dr {subject}"},
        )
        for subject in subjects
        for i in range(n)
    ]


PEOPLE = [{"subject": s, "group": "CP", "nickname": f"name of {s}"} for s in ("S1", WHO, "S2")]


def made(tmp_path, **options):
    return build_lake(tmp_path, trials(), PEOPLE, **options)


def content_of(lake, **which):
    return content.content_of(open_lake(lake, **which))


# The hash


def test_it_depends_on_rows_and_not_on_how_they_came_in(tmp_path):
    at_once = made(tmp_path / "a").path
    one_by_one = build_lake(tmp_path / "b", list(reversed(trials())), list(reversed(PEOPLE)), one_by_one=True).path
    said = content_of(at_once)
    assert content_of(one_by_one) == said
    assert len(said.rows) == 4  # three people, and skeletons of nobody
    commit(one_by_one, [stage(one_by_one, trials(("S1",), shift=1.0))])  # replaced, and put back
    assert content_of(one_by_one).sha256 != said.sha256
    commit(one_by_one, [stage(one_by_one, trials(("S1",)))])
    assert content_of(one_by_one) == said
    compact.compact(one_by_one, safe_age_s=0)
    assert content_of(one_by_one) == said


def test_one_value_of_one_person_changes_theirs_alone(tmp_path):
    before = content_of(made(tmp_path / "a").path)
    changed = trials()
    changed[0].tables["landmarks"] = trial(left_heel=HEEL + np.float32(1e-3)).tables["landmarks"]
    after = content_of(build_lake(tmp_path / "b", changed, PEOPLE).path)
    assert {s for s in before.rows if before.rows[s] != after.rows[s]} == {"S1"}
    assert (before.definitions, before.software) == (after.definitions, after.software)
    assert before.sha256 != after.sha256


def test_a_column_that_nobody_has_is_not_a_column(tmp_path):
    people = [{**p, "remark": None} for p in PEOPLE]
    wider = trials(n=3)
    lake = build_lake(tmp_path / "a", wider, people).path
    commit(lake, [stage(lake, [trial("S3", "x", right_heel=HEEL, row={"shoe": "42"})])])
    commit(lake, removed=[("S3", "", "x")])
    assert content_of(lake).rows == content_of(build_lake(tmp_path / "b", wider, PEOPLE).path).rows


def naive_digest(columns):
    """The digest of columns of 64-bit floats and texts, written down from its description."""
    import hashlib

    n = len(next(iter(columns.values())))
    said = struct.pack("<q", n)
    for name in sorted(columns):
        values = columns[name]
        is_text = any(isinstance(v, str) for v in values)
        said += f"{name}\0{'string' if is_text else 'double'}\0".encode()
        if None in values:
            bits = "".join("0" if v is None else "1" for v in values).ljust(-(-n // 8) * 8, "0")
            said += b"nulls" + bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
        if is_text:
            texts = [(v or "").encode() for v in values]
            said += b"".join(struct.pack("<q", len(t)) for t in texts) + b"".join(texts)
        else:
            said += b"".join(struct.pack("<d", v or 0.0) for v in values)
    return hashlib.sha256(said).hexdigest()


def test_the_digest_is_the_one_described():
    columns = {"b": [1.5, None, -2.0], "a": ["ä", None, "xy"], "c": [float("nan"), 0.25, 1e-300]}
    assert content.digest(pa.table(columns)) == naive_digest(columns)
    without = {k: v for k, v in columns.items() if k != "c"}
    assert content.digest(pa.table({**columns, "d": pa.nulls(3)}), ["c"]) == naive_digest(without)


def test_reviews_count_by_what_they_say_and_in_what_order(tmp_path):
    def decided(name, *actions):
        lake = made(tmp_path / name).path
        said = {"subject": "S1", "trial": "t0", "reviewer": "R", "reason": "x"}
        reviews.decide(lake, [{"action": action, **said} for action in actions])
        return content_of(lake)

    none, out, again = decided("a"), decided("b", "exclude"), decided("c", "exclude")
    assert out == again
    assert none.reviews == {}
    assert none.rows == out.rows
    assert len({none.sha256, out.sha256, decided("d", "include", "exclude").sha256}) == 3
    assert decided("e", "exclude", "include").sha256 != decided("f", "include", "exclude").sha256


def test_definitions_and_software_count(tmp_path, monkeypatch):
    lake = made(tmp_path).path
    said = content_of(lake)
    monkeypatch.setattr(content, "definitions_sha256", lambda: "0" * 64)
    assert content_of(lake).sha256 != said.sha256
    monkeypatch.undo()
    monkeypatch.setattr(content, "software", lambda: {**said.software, "neurostore": "0.2"})
    assert content_of(lake).sha256 != said.sha256
    assert content_of(lake).rows_sha256 == said.rows_sha256


# Making and opening


def test_it_outlives_later_versions(tmp_path):
    lake = made(tmp_path, one_by_one=True)
    first = lake.release("v1.0", "as submitted")
    held = lake.scan("landmarks").collect().sort("subject", "trial", "frame")
    commit(lake.path, [stage(lake.path, trials(("S1",), shift=5.0) + trials(("S9",)))], removed=[("S2", "", "t0")])
    second = open_lake(lake.path).release("v2")
    compact.compact(lake.path, safe_age_s=0)
    vacuum.vacuum(lake.path, safe_age_s=0)
    with pytest.raises(VanishedVersionError):
        open_lake(lake.path, version=first.lake_version)
    opened = neurostore.open(lake.path, release="v1.0")
    assert opened.scan("landmarks").collect().sort("subject", "trial", "frame").equals(held)
    assert content.content_of(opened).sha256 == first.content_sha256 != second.content_sha256
    assert opened.sql("SELECT count(*) AS n FROM review_state")["n"].to_list() == [0]  # the views are over it
    assert opened.select(where="t.trial = 't0'").trials()["subject"].to_list() == ["Forgotten77", "S1", "S2"]
    assert release.check(lake.path, "v1.0") == releases.read(lake.path, "v1.0")
    found = verify(lake.path)
    assert found.is_clean
    assert found.unrecorded == found.leftovers == []
    listed = open_lake(lake.path).releases()
    assert listed["release"].to_list() == ["v1.0", "v2"]
    assert listed["content_sha256"].to_list() == [first.content_sha256, second.content_sha256]
    release.remove(lake.path, "v1.0")
    assert vacuum.vacuum(lake.path, safe_age_s=0).n_files > 0
    assert release.check(lake.path, "v2").content_sha256 == second.content_sha256
    with pytest.raises(UsageError, match=r"no release is named 'v1\.0'; there are: v2"):
        open_lake(lake.path, release="v1.0")


def test_a_name_is_given_once(tmp_path):
    lake = made(tmp_path)
    first, is_new = release.make(lake.path, "v1")
    assert is_new
    compact.compact(lake.path, safe_age_s=0)
    assert release.make(lake.path, "v1") == (first, False)  # the same rows under another version
    commit(lake.path, removed=[("S1", "", "t0")])
    with pytest.raises(UsageError, match=r"'v1' of 20.* has another content .*choose another name"):
        release.make(lake.path, "v1")
    with pytest.raises(UsageError, match="in case alone"):
        release.make(lake.path, "V1")
    for name in ("", "../x", "a b", ".x", "x" * 65, "a/b"):
        with pytest.raises(UsageError, match="the name of a release has"):
            release.make(lake.path, name)
    with pytest.raises(UsageError, match="contains the key of subject Forgotten77"):
        release.make(lake.path, f"before-{WHO}.left")
    with pytest.raises(UsageError, match="give one of them"):
        open_lake(lake.path, version=1, release="v1")
    with pytest.raises(UsageError, match="the release 'v1' already"):
        open_lake(lake.path, release="v1").release("v3")


def test_what_is_written_says_the_release(tmp_path):
    lake = made(tmp_path)
    said = lake.release("v1")
    opened = open_lake(lake.path, release="v1")
    facts = {"lake_version": opened.version, "release": "v1", "release_sha256": said.content_sha256}
    assert releases.state_facts(opened) == facts
    assert releases.state_text(lake) == f"lake version {lake.version}"
    assert releases.state_text(opened) == f"release v1 (content SHA-256 {said.content_sha256[:16]}, lake version 1)"
    assert said.citation.endswith(f"release v1 of {said.created[:10]}, content SHA-256 {said.content_sha256}.")


def test_other_definitions_are_reported(tmp_path, monkeypatch):
    lake = made(tmp_path)
    monkeypatch.setattr(releases, "definitions_sha256", lambda: "1" * 64)
    assert "whose views are defined otherwise than here" in lake.release("v1").text


# Erasure and damage


def test_an_erasure_takes_one_person_and_is_recorded_without_a_key(tmp_path):
    lake = build_lake(tmp_path, [*trials(), trial(WHO, "only", poses={"X": HEEL}, skeleton="hers")], PEOPLE).path
    open_lake(lake).release("v1", f"with {WHO}")
    commit(lake, removed=[("S2", "", "t1")])
    compact.compact(lake, safe_age_s=0)
    before = {t: open_lake(lake, release="v1").scan(t).collect() for t in ("landmarks", "calibrations", "subjects")}
    erase(lake, WHO)
    opened = open_lake(lake, release="v1")
    for table, rows in before.items():
        kept = rows.filter(pl.col("subject") != WHO)
        now = opened.scan(table).collect()
        assert now.select(sorted(now.columns)).equals(kept.select(sorted(now.columns))), table
        assert set(kept.columns) == set(now.columns)
    assert sorted(opened.trials()["subject"]) == ["S1", "S1", "S2", "S2"]
    assert [e["n_trials"] for e in opened.released.erasures] == [3]
    assert opened.released.message == ""
    assert "without 1 person erased since" in opened.released.text
    assert release.check(lake, "v1").rows_sha256 == opened.released.rows_sha256
    everything = [p.read_bytes() for p in Path(lake).rglob("*") if p.is_file()]
    assert not [p for p in Path(lake).rglob("*") if WHO in str(p)]
    assert not any(WHO.encode() in held for held in everything)
    found = verify(lake)
    assert found.is_clean
    assert found.others == found.unrecorded == []
    vacuum.vacuum(lake, safe_age_s=0)
    assert release.check(lake, "v1").n_trials == 7


def test_a_person_who_is_in_a_release_alone_can_be_erased(tmp_path):
    lake = made(tmp_path).path
    open_lake(lake).release("v1")
    commit(lake, removed=[(WHO, "", "t0"), (WHO, "", "t1")])
    vacuum.vacuum(lake, safe_age_s=0)
    erase(lake, WHO)
    assert WHO not in set(open_lake(lake, release="v1").trials()["subject"])
    assert not any(WHO.encode() in p.read_bytes() for p in Path(lake).rglob("*") if p.is_file())


def test_damage_is_named_and_the_release_is_put_back(tmp_path):
    lake = made(tmp_path).path
    said = open_lake(lake).release("v1")
    path = Path(lake, releases.path_of("v1"))
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"S1"', b'"S3"', 1))
    with pytest.raises(DamagedLakeError, match=r"v1.json: its bytes"):
        open_lake(lake, release="v1")
    assert [d.path for d in verify(lake).damaged] == [releases.path_of("v1")]
    repair.drop_damaged(lake)
    assert path.read_bytes() == whole
    path.unlink()
    assert "is missing" in str(verify(lake).damaged[0])
    repair.drop_damaged(lake)
    assert release.check(lake, "v1") == said
    commit(lake, [stage(lake, trials(("S1",), shift=1.0))])
    compact.compact(lake, safe_age_s=0)
    lost = next(p for p in sorted(releases.files_of(said)) if p.startswith("landmarks/subject=S1"))
    Path(lake, lost).unlink()
    (damage,) = verify(lake).damaged
    assert damage.path == lost
    assert damage.problem == "the file is missing (needed by release v1)"
    with pytest.raises(DamagedLakeError):
        release.check(lake, "v1")


def test_a_release_has_no_table_of_results(tmp_path, monkeypatch):
    lake = made(tmp_path)
    monkeypatch.setattr(release, "is_source", lambda table: table != "source_events")
    monkeypatch.setattr(content, "is_source", lambda table: table != "source_events")
    lake.release("v1")
    opened = open_lake(lake.path, release="v1")
    assert "source_events" not in opened.released.tables
    assert opened.sql("SELECT count(*) AS n FROM source_events")["n"].to_list() == [0]


def test_its_file_is_readable_and_notes_are_unneeded(tmp_path):
    lake = made(tmp_path)
    lake.release("v1")
    said = json.loads(Path(lake.path, releases.path_of("v1")).read_text())
    assert set(said["people"]) == {"", "S1", "S2", WHO}
    assert said["software"]["neurostore"] == neurostore.__version__
    assert outputs.noted(lake.path) == {}
