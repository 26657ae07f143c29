"""A table that is declared tomorrow is written, read, verified, swept, compacted, erased and exported without another line."""

from __future__ import annotations

import dataclasses
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import neurostore
from neurostore import schema
from neurostore.lake.commit import commit, stage
from neurostore.upkeep.catalogue import catalogue_file
from neurostore.upkeep.compact import compact
from neurostore.upkeep.copies import export_lake
from neurostore.upkeep.erase import erase
from neurostore.upkeep.repair import drop_damaged
from neurostore.upkeep.vacuum import sweep
from neurostore.upkeep.verify import verify
from tests.builders.lake_builder import build_lake, trial

KEYS = ("subject", "session", "trial", "ingest_id")


def declared(name: str, partition: tuple[str, ...], per: str = "") -> schema.Table:
    keys = tuple(schema.Column(k, "string", nullable=False) for k in KEYS)
    columns = (*keys, schema.Column("time_s", "float64"), schema.Column("force_n", "float32", "N"))
    return schema.Table(name, "a sample", columns, ("subject", "session", "trial", "time_s"), partition, per)


NEW = {
    t.name: t
    for t in (declared("pushes", ("subject",)), declared("remarks", ()), declared("waves", ("subject",), "channel"))
}
NAMES = ("pushes", "remarks", "waves/emg_1")


@pytest.fixture
def tomorrow(monkeypatch):
    tables = {**schema.tables(), **NEW}
    single = (*schema.single_tables(), *(name for name, table in NEW.items() if not table.per))
    monkeypatch.setattr(schema, "tables", lambda: tables)
    monkeypatch.setattr(schema, "single_tables", lambda: single)


def new_rows(n: int = 5) -> pa.Table:
    return pa.table({"time_s": [i / 10 for i in range(n)], "force_n": pa.array([600.0] * n, pa.float32())})


def with_new(who: str, name: str = "walk"):
    heel = [[0.0, 0.0, 0.0]] * 3
    one = trial(who, name, left_heel=heel)
    return dataclasses.replace(one, tables={**one.tables, **{n: new_rows() for n in NAMES}})


@pytest.fixture
def older(tmp_path):
    """A lake made before the tables were declared."""
    path = tmp_path / "lake"
    build_lake(tmp_path, [trial("S01", "walk", left_heel=[[0.0, 0.0, 0.0]] * 3)])
    return path


@pytest.fixture
def lake(older, tomorrow):
    for who in ("S02", "S03"):
        commit(older, [stage(older, [with_new(who)])])
    return older


def count(lake, table: str) -> int:
    return neurostore.open(lake).sql(f"SELECT count(*) AS n FROM {table.replace('/', '_')}")["n"][0]


def test_an_older_lake_has_it_empty(older, tomorrow, tmp_path):
    assert count(older, "pushes") == count(older, "remarks") == 0
    assert neurostore.open(older).scan("pushes").collect().is_empty()
    exported = export_lake(older, tmp_path / "out")
    assert pq.read_table(exported / "remarks").num_rows == 0
    catalogue_file(older, tmp_path / "lake.duckdb")
    assert verify(older).is_clean


def test_it_is_written_read_and_verified(lake):
    assert [count(lake, n) for n in NAMES] == [10, 10, 10]
    found = verify(lake)
    assert found.is_clean
    assert not found.unrecorded + found.others + found.leftovers


@pytest.mark.parametrize("name", NAMES)
def test_damage_in_it_is_named_and_dropped(lake, name):
    state = neurostore.open(lake).table_state(name)
    path = state.path(state.files[0])
    with open(path, "r+b") as file:
        file.seek(40)
        byte = file.read(1)
        file.seek(40)
        file.write(bytes([byte[0] ^ 1]))
    found = verify(lake)
    assert [d.path for d in found.damaged] == [os.path.relpath(path, lake)]
    assert all(key[0] in ("S02", "S03") for key in found.damaged[0].trials)
    assert found.damaged[0].trials
    drop_damaged(lake)
    assert verify(lake).is_clean


@pytest.mark.parametrize("name", NAMES)
def test_what_a_crash_staged_there_is_swept(lake, name):
    staged = stage(lake, [with_new("S04")])
    ours = next(f for f in staged.files if f.table == name)
    path = lake / name / ours.file.path
    assert path.is_file()
    assert f"{name}/{ours.file.path}" in verify(lake).leftovers
    sweep(lake, safe_age_s=0)
    assert not path.exists()


def test_it_is_compacted(lake):
    commit(lake, [stage(lake, [with_new("S02", "run")])])
    compact(lake)
    assert [count(lake, n) for n in NAMES] == [15, 15, 15]
    assert len(neurostore.open(lake).table_state("remarks").files) == 1


def test_a_person_is_erased_from_it(lake):
    erase(lake, "S02")
    assert [count(lake, n) for n in NAMES] == [5, 5, 5]
    for name in NAMES:
        assert set(neurostore.open(lake).scan(name).collect()["subject"]) == {"S03"}
        for file in (lake / name).rglob("*.parquet"):
            if "_delta_log" not in file.parts:
                assert b"S02" not in file.read_bytes()
                assert "S02" not in str(file)
    assert verify(lake).is_clean


def test_it_is_exported(lake, tmp_path):
    exported = export_lake(lake, tmp_path / "out")
    for name in NAMES:
        assert sum(pq.ParquetFile(f).metadata.num_rows for f in (exported / name).rglob("*.parquet")) == 10
