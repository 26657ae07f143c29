"""Creating, opening and reading a lake."""

from __future__ import annotations

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor

import deltalake
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import neurostore
from neurostore import schema, storage
from neurostore.api import Lake
from neurostore.api import open as open_lake
from neurostore.errors import (
    DamagedLakeError,
    LakeError,
    NewerLakeError,
    NotALakeError,
    UsageError,
    VanishedVersionError,
)
from tests.builders.lake_builder import build_lake, trial

HEEL = np.array([[0, 10, 20], [1, np.nan, 21], [2, 12, 22]], np.float32)


def counts(lake, table="landmarks"):
    rows = (
        lake.connect_tables().execute(f"SELECT subject, session, trial, count(*) FROM {table} GROUP BY ALL").fetchall()
    )
    return {r[:3]: r[3] for r in rows}


@pytest.fixture
def lake(tmp_path):
    """Two subjects, three trials, a skeleton, an event."""
    event = {"event": "foot_strike", "side": "left", "time_s": 0.01, "label": "Foot Strike"}
    trials = [
        trial("001", "walk", left_heel=HEEL, poses={"Hips": HEEL}, events=[event]),
        trial("001", "walk", session="after", left_heel=HEEL + 1),
        trial("S-2", "run", left_heel=HEEL, right_heel=HEEL, row={"condition": "fast"}),
    ]
    return build_lake(tmp_path, trials, [{"subject": "001", "group": "patient", "shoe": 42}])


def test_what_goes_in_comes_out(lake):
    connection = lake.connect_tables()
    rows = connection.execute(
        "SELECT frame, time_s, left_heel.x, left_heel.y, right_heel FROM landmarks "
        "WHERE subject = '001' AND session = '' ORDER BY frame"
    ).fetchall()
    assert rows == [(0, 0.0, 0.0, 10.0, None), (1, 0.01, None, None, None), (2, 0.02, 2.0, 12.0, None)]
    assert connection.execute("SELECT count(right_heel) FROM landmarks").fetchone() == (2,)
    assert connection.execute('SELECT subject, "group", shoe FROM subjects').fetchall() == [("001", "patient", 42.0)]
    assert connection.execute("SELECT event, label FROM source_events").fetchall() == [("foot_strike", "Foot Strike")]
    assert connection.execute("SELECT Hips.z FROM poses_cmu_31 ORDER BY frame").fetchall() == [
        (20.0,),
        (None,),
        (22.0,),
    ]


def test_tables_have_their_declared_columns_even_when_empty(tmp_path):
    connection = Lake.create(tmp_path / "lake").connect_tables()
    for name, table in schema.tables().items():
        if name != "poses" and not table.derived:
            found = connection.execute(f"SELECT * FROM {name}")
            assert [c[0] for c in found.description] == [c.name for c in table.columns]
            assert found.fetchall() == []


def test_polars_and_pyarrow_read_it_through_deltalake(lake):
    table = deltalake.DeltaTable(f"{lake.path}/landmarks")
    arrow = table.to_pyarrow_table()
    assert arrow.num_rows == 9
    assert set(arrow["subject"].to_pylist()) == {"001", "S-2"}
    assert arrow["right_heel"].null_count == 7
    frame = pl.scan_delta(f"{lake.path}/landmarks").filter(pl.col("subject") == "001").collect()
    assert frame.height == 6
    trials = deltalake.DeltaTable(f"{lake.path}/trials").to_pyarrow_table()
    assert set(trials["ingest_id"].to_pylist()) >= set(arrow["ingest_id"].to_pylist())


def test_scans_are_the_same_rows_as_sql(lake):
    scanned = lake.scan_landmarks().sort("subject", "session", "trial", "frame")
    assert isinstance(scanned, pl.LazyFrame)
    by_sql = lake.connect_tables().sql("SELECT * FROM landmarks ORDER BY subject, session, trial, frame").pl()
    collected = scanned.collect()
    assert collected.columns == by_sql.columns == [c.name for c in schema.tables()["landmarks"].columns]
    assert collected.select("subject", "trial", "frame", "left_heel", "right_heel").equals(
        by_sql.select("subject", "trial", "frame", "left_heel", "right_heel")
    )
    assert lake.scan_poses("cmu_31").collect().height == 3
    with pytest.raises(UsageError, match="no table 'poses/nonsense'"):
        lake.scan_poses("nonsense")


def test_a_replaced_trial_shows_only_its_new_rows_everywhere(lake, tmp_path):
    newer = build_lake(tmp_path, [trial("001", "walk", left_heel=HEEL[:1] + 5)])
    assert newer.table_state("landmarks").is_dirty
    assert not newer.table_state("source_angles").is_dirty
    assert counts(newer) == {("001", "", "walk"): 1, ("001", "after", "walk"): 3, ("S-2", "", "run"): 3}
    assert newer.scan_landmarks().collect().height == 7
    assert counts(newer, "poses_cmu_31") == {}  # the new ingest has none
    assert newer.trials_table().num_rows == 3


def test_older_versions_stay_readable(lake, tmp_path):
    newer = build_lake(tmp_path, [trial("001", "walk", left_heel=HEEL[:1]), trial("X", "new", left_heel=HEEL)])
    assert newer.version == lake.version + 1
    old = open_lake(lake.path, lake.version)
    assert counts(old) == counts(lake) == {("001", "", "walk"): 3, ("001", "after", "walk"): 3, ("S-2", "", "run"): 3}
    assert not old.table_state("landmarks").is_dirty
    assert counts(open_lake(lake.path, 0)) == {}
    with pytest.raises(VanishedVersionError, match="version 99"):
        open_lake(lake.path, 99)
    with pytest.raises(UsageError, match="count from 0"):
        open_lake(lake.path, -1)


def test_a_filter_on_a_subject_reads_that_subjects_files_alone(tmp_path):
    trials = [trial(f"S{i}", f"t{j}", left_heel=HEEL) for i in range(5) for j in range(2)]
    for dirty in (False, True):
        lake = build_lake(tmp_path, [trial("S9", "t", left_heel=HEEL)] if dirty else trials, one_by_one=True)
        if dirty:
            lake = build_lake(tmp_path, [trial("S9", "t", left_heel=HEEL)])
        assert lake.table_state("landmarks").is_dirty is dirty
        plan = (
            lake.connect_tables()
            .execute("EXPLAIN ANALYZE SELECT count(left_heel.x) FROM landmarks WHERE subject = 'S3'")
            .fetchall()[0][1]
        )
        assert re.search(r"Scanning Files: 2/\d\d", plan), plan
        lazy = lake.scan_landmarks().filter(pl.col("subject") == "S3")
        assert lazy.collect().height == 6


def test_subjects_that_look_like_numbers_and_dates_stay_text(tmp_path):
    names = ["001", "1e5", "2020-01-01", "NULL", "true", "-".join("ab")]
    lake = build_lake(tmp_path, [trial(n, "t", left_heel=HEEL) for n in names])
    assert {k[0] for k in counts(lake)} == set(names)
    assert set(lake.scan_landmarks().collect()["subject"]) == set(names)


@pytest.mark.parametrize("name", ["with space", "é ü", "[1] *?", "quote's \"", "a+b#c", "a;b,c"])
def test_strange_folders_work(tmp_path, name):
    folder = tmp_path / name
    lake = build_lake(folder, [trial("S1", "a", left_heel=HEEL), trial("S2", "a", left_heel=HEEL)])
    assert len(counts(lake)) == 2
    assert lake.scan_landmarks().collect().height == 6


@pytest.mark.parametrize("name", ["subject=S1", "a%20b", "back\\slash", "tab\t"])
def test_folders_that_readers_would_misread_are_refused_by_name(tmp_path, name):
    with pytest.raises(LakeError, match="a lake's path cannot hold"):
        Lake.create(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_object_stores_other_than_s3_are_refused_by_name():
    with pytest.raises(LakeError, match="other stores are not supported"):
        open_lake("gs://bucket/lake")


def test_open_refuses_what_is_not_a_lake(tmp_path):
    with pytest.raises(NotALakeError, match="this folder does not exist"):
        open_lake(tmp_path / "nothing")
    with pytest.raises(NotALakeError, match="is not a lake"):
        open_lake(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(NotALakeError, match=r"not empty \(notes.txt"):
        Lake.create(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_open_refuses_newer_lakes(tmp_path):
    lake = Lake.create(tmp_path / "lake")
    marker = tmp_path / "lake" / "_neurostore" / "lake.json"
    said = json.loads(marker.read_text())
    assert set(said) == {"schema_version", "created", "software_version", "check"}
    storage.write_json(str(marker), {**said, "schema_version": schema.SCHEMA_VERSION + 1})
    with pytest.raises(NewerLakeError, match="install a newer neurostore"):
        open_lake(lake.path)
    marker.write_text("{broken")
    with pytest.raises(LakeError, match="not those that were written"):
        open_lake(lake.path)


def test_create_is_idempotent_and_safe_against_two_creators(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        lakes = list(pool.map(lambda _: Lake.create(tmp_path / "lake"), range(4)))
    assert {lake.version for lake in lakes} == {0}
    assert not [f for f in storage.list_files(str(tmp_path)) if f.path.endswith(".tmp")]
    build_lake(tmp_path, [trial(left_heel=HEEL)])
    assert Lake.create(tmp_path / "lake").version == 1


def test_missing_files_and_tables_are_named(lake):
    victim = lake.table_state("landmarks").files[0]
    os.unlink(lake.table_state("landmarks").path(victim))
    fresh = open_lake(lake.path)
    fresh._connection = None
    with pytest.raises((DamagedLakeError, VanishedVersionError), match=re.escape(victim.path)):
        counts(fresh)


def test_sql_binds_values_and_says_what_is_wrong(lake):
    lake._connection = lake.connect_tables()
    hostile = "x' OR 1=1 --"
    assert lake.sql("SELECT * FROM trials WHERE subject = $s", {"s": hostile}).height == 0
    assert lake.sql("SELECT count(*) AS n FROM trials WHERE subject = ?", ["001"])["n"].to_list() == [2]
    with pytest.raises(UsageError, match="nothing does not exist"):
        lake.sql("SELECT * FROM nothing")
    with pytest.raises(UsageError, match="syntax error"):
        lake.sql("SELEC 1")
    victim = lake.table_state("landmarks").path(lake.table_state("landmarks").files[0])
    with open(victim, "r+b") as file:
        file.truncate(50)
    with pytest.raises(DamagedLakeError, match=os.path.basename(victim)):
        lake.sql("SELECT count(left_heel), count(right_heel) FROM landmarks")
    os.unlink(victim)
    with pytest.raises(DamagedLakeError, match="is missing"):
        lake.sql("SELECT count(left_heel), count(right_heel) FROM landmarks")


def test_tables_for_people(lake):
    assert lake.trials()["trial"].to_list() == ["walk", "walk", "run"]
    assert lake.trials()["session"].to_list() == ["", "after", ""]
    assert lake.subjects()["subject"].to_list() == ["001"]
    assert repr(lake) == f"<Lake {lake.path!r} version 1: 3 trials>"
    html = lake._repr_html_()
    assert "3 trials of 2 subjects" in html
    assert "<td>landmarks</td><td style='text-align:right'>9</td>" in html
    described = lake.describe("landmarks")
    row = described.filter(pl.col("column_name") == "left_heel").row(0, named=True)
    assert row["unit"] == "mm"
    assert "heel" in row["meaning"]
    assert lake.describe("poses_cmu_31")["column_name"].to_list()[-1] == "Hips"
    with pytest.raises(UsageError, match="no table or view 'landmark'; similar: landmarks"):
        lake.describe("landmark")


def test_joint_angles_filters_by_what_is_given(lake):
    assert "joint_angles" in lake.views()
    assert lake.joint_angles(subject="001").height == 6
    assert lake.joint_angles(subject="001", session="after", trial="walk")["session"].unique().to_list() == ["after"]
    with pytest.raises(UsageError, match='no trial has the subject "x\' OR true --"; there are: 001'):
        lake.joint_angles(subject="x' OR true --")
    with pytest.raises(UsageError, match="no trial has the session 'afters'; similar: after"):
        lake.joint_angles(subject="001", session="afters")


def test_neurostore_open_is_the_lakes(lake):
    assert neurostore.open(lake.path).version == lake.version


def test_trials_table_is_arrow_with_every_column(lake):
    table = lake.trials_table()
    assert isinstance(table, pa.Table)
    assert table.column_names == [c.name for c in schema.tables()["trials"].columns]
    assert table["condition"].to_pylist() == [None, None, "fast"]


def test_a_lake_whose_making_was_killed_is_made(tmp_path):
    from neurostore.ingest.pipeline import ingest
    from tests.builders.tiny_bvh import write_bvh

    write_bvh(tmp_path / "cohort" / "S1" / "walk.bvh", 10)
    Lake.create(tmp_path / "lake")
    (tmp_path / "lake" / "_neurostore" / "lake.json").unlink()
    assert len(ingest(tmp_path / "cohort", tmp_path / "lake", n_workers=1).added) == 1
    (tmp_path / "other" / "folder").mkdir(parents=True)
    (tmp_path / "other" / "folder" / "file").write_text("mine")
    with pytest.raises(NotALakeError):
        ingest(tmp_path / "cohort", tmp_path / "other", n_workers=1)


def test_choices_reach_the_views_and_unknown_ones_are_refused(tmp_path):
    lake = build_lake(tmp_path, [trial("S1", "walk", left_heel=np.zeros((3, 3)))])
    asked = "SELECT getvariable('event_source') AS source"
    assert lake.sql(asked)["source"].to_list() == [None]
    assert lake.choose(event_source="file").sql(asked)["source"].to_list() == ["file"]
    with pytest.raises(UsageError, match="event_source"):
        lake.choose(event_sauce="file")
