"""A version as plain Parquet and as a DuckDB file, read by nothing but DuckDB, polars and pyarrow."""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from neurostore.errors import LakeError, UsageError
from neurostore.lake import tables as lake_sql
from neurostore.upkeep.catalogue import catalogue_file
from neurostore.upkeep.copies import export_lake
from tests.builders.lake_builder import build_lake, trial

HEEL = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def lake(tmp_path):
    """Two layouts of landmarks, a replaced trial, subjects that look like numbers."""
    build_lake(
        tmp_path,
        [trial("001", "a", left_heel=HEEL, poses={"Hips": HEEL}), trial("002", "a", right_heel=HEEL)],
        [{"subject": "001", "group": "x"}],
    )
    return build_lake(tmp_path, [trial("001", "a", left_heel=HEEL[:2] + 100, poses={"Hips": HEEL[:2]})])


def test_an_export_needs_nothing_but_duckdb(lake, tmp_path):
    folder = export_lake(lake.path, tmp_path / "out")
    read = f"read_parquet('{folder}/landmarks/**/*.parquet', hive_partitioning = true)"
    columns = "subject, count(*), count(left_heel), count(right_heel), min(left_heel.x)"
    rows = duckdb.execute(f"SELECT {columns} FROM {read} GROUP BY 1 ORDER BY 1")
    assert rows.fetchall() == [("001", 2, 2, 0, 100.0), ("002", 4, 0, 4, None)]
    own = lake.connect_tables()
    assert duckdb.sql(f"FROM {read}").columns == own.sql("FROM landmarks").columns
    assert pl.read_parquet(folder / "trials" / "trials.parquet").equals(lake.scan("trials").collect())
    assert duckdb.execute(f"SELECT \"group\" FROM '{folder}/subjects/*.parquet'").fetchall() == [("x",)]
    poses = f"read_parquet('{folder}/poses/cmu_31/**/*.parquet', hive_partitioning = true)"
    assert duckdb.execute(f"SELECT count(*) FROM {poses}").fetchone() == (2,)
    assert duckdb.execute(f"SELECT count(*) FROM '{folder}/source_angles/*.parquet'").fetchone() == (0,)
    assert (
        pl.scan_parquet(f"{folder}/landmarks/**/*.parquet").collect()["subject"].to_list() == ["001"] * 2 + ["002"] * 4
    )
    assert pq.read_table(folder / "landmarks", partitioning=None).num_rows == 6
    assert not [p for p in tmp_path.iterdir() if p.name.endswith(".tmp")]


def test_an_older_version_is_exported_as_it_was(lake, tmp_path):
    folder = export_lake(lake.path, tmp_path / "out", version=1)
    read = f"read_parquet('{folder}/landmarks/**/*.parquet', hive_partitioning = true)"
    assert duckdb.execute(f"SELECT max(left_heel.x), count(*) FROM {read}").fetchone() == (9.0, 8)
    assert '"lake_version": 1' in (folder / "export.json").read_text()


def test_an_export_never_mixes_with_what_is_there(lake, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="exists and is not empty"):
        export_lake(lake.path, tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_an_export_that_fails_leaves_nothing(lake, tmp_path):
    state = lake.table_state("landmarks")
    with open(state.path(state.files[-1]), "r+b") as file:
        file.truncate(10)
    with pytest.raises(LakeError, match="cannot be read"):
        export_lake(lake.path, tmp_path / "out")
    assert {p.name for p in tmp_path.iterdir()} == {"lake"}


def test_a_catalogue_file_serves_plain_duckdb(lake, tmp_path):
    file = catalogue_file(lake.path, tmp_path / "lake.duckdb")
    build_lake(tmp_path, [trial("003", "later", left_heel=HEEL)])
    with duckdb.connect(str(file), read_only=True) as plain:
        assert plain.execute("SELECT path, version FROM neurostore_lake").fetchall() == [(lake.path, 2)]
        with pytest.raises(duckdb.Error, match="dtw_distance is a function of Python and not in this file"):
            plain.execute("SELECT dtw_distance([1.0], [2.0])").fetchall()
        assert plain.execute("SELECT count(*), count(left_heel) FROM landmarks").fetchone() == (6, 2)
        assert plain.execute("SELECT DISTINCT trial FROM trials").fetchall() == [("a",)]
        views = {n for (n,) in plain.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()}
        assert {"landmarks", "poses_cmu_31", *lake.views()} <= views
    header = file.read_bytes()[8:20]  # of DuckDB's format: magic bytes and the version of the storage
    assert header[:4] == b"DUCK"
    assert int.from_bytes(header[4:], "little") == 64  # what DuckDB 1.0 to 1.4 read
    with pytest.raises(UsageError, match="exists already"):
        catalogue_file(lake.path, file)
    assert {p.name for p in tmp_path.iterdir()} == {"lake", "lake.duckdb"}


def test_delta_scan_asks_for_the_extension_where_it_is_missing(lake, tmp_path):
    with duckdb.connect() as plain:
        if plain.execute("SELECT installed FROM duckdb_extensions() WHERE extension_name = 'delta'").fetchone() == (
            True,
        ):
            pytest.skip("the delta extension is installed here")
    with pytest.raises(LakeError, match="INSTALL delta"):
        catalogue_file(lake.path, tmp_path / "lake.duckdb", delta_scan=True)
    assert {p.name for p in tmp_path.iterdir()} == {"lake"}


def test_the_delta_scan_relation_shows_live_rows_of_the_newest_version(lake):
    """With a stand-in for the extension's function: every file the Delta log names."""
    connection = duckdb.connect()
    for name in ("trials", "landmarks"):
        state = lake.table_state(name)
        files = [state.path(f) for f in state.files]
        connection.execute(
            "CREATE OR REPLACE MACRO delta_scan(path) AS TABLE "
            f"SELECT * FROM read_parquet({files}, union_by_name = true, hive_partitioning = {name == 'landmarks'})"
        )
        connection.execute(f"CREATE TABLE {name} AS {lake_sql.delta_relation(state)}")
    assert f"delta_scan('{lake.path}/landmarks')" in lake_sql.delta_relation(lake.table_state("landmarks"))
    assert connection.execute("SELECT count(*) FROM landmarks").fetchone() == (6,)
