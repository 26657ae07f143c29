"""A person is found in decoded contents; a short key is not found by chance."""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl
import pytest

from neurostore.upkeep.search import search
from neurostore.upkeep.traces import Traces

NOISE = np.random.default_rng(0)


@pytest.mark.parametrize("key", ["1", "10", "S2", "P0107"])
def test_random_numbers_and_bytes_hold_nobody(tmp_path, key):
    np.save(tmp_path / "numbers.npy", NOISE.normal(size=100_000))
    pl.DataFrame({"x": NOISE.normal(size=50_000), "n": range(50_000)}).write_parquet(tmp_path / "numbers.parquet")
    (tmp_path / "sealed").write_bytes(b"\x00" + NOISE.bytes(300_000))
    assert search(tmp_path / "numbers.npy", Traces(key)) == "holds nothing"
    assert search(tmp_path / "numbers.parquet", Traces(key)) == "holds nothing"
    assert search(tmp_path / "sealed", Traces(key)) == "may hold"  # nobody can tell


@pytest.mark.parametrize(
    ("key", "text", "answer"),
    [
        ("1", "version 1", "may hold"),
        ("1", "subject=1/walk.bvh", "holds"),
        ("1", '{"participant_id": "1"}', "holds"),
        ("1", "1/walk/left", "holds"),
        ("1", "subject=10/walk.bvh", "holds nothing"),
        ("10", "sub-10_task-walk", "holds"),
        ("10", "10 frames", "may hold"),
        ("S2", "S2 walks", "holds"),
        ("S2", "S20 walks", "holds nothing"),
        ("004217", "admitted as 004217", "holds"),
    ],
)
def test_a_number_as_a_key_counts_where_keys_are(tmp_path, key, text, answer):
    (tmp_path / "notes.txt").write_text(text)
    assert search(tmp_path / "notes.txt", Traces(key)) == answer


def test_keys_that_were_stored_as_numbers_are_found(tmp_path):
    pl.DataFrame({"subject": [1, 10], "n": [3, 2]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"subject_a": [1.0, None], "n": [3, 2]}).write_parquet(tmp_path / "b.parquet")
    assert [search(tmp_path / "a.parquet", Traces(k)) for k in ("1", "01", "10", "2")] == [
        *["holds"] * 3,
        "holds nothing",
    ]
    assert search(tmp_path / "b.parquet", Traces("1")) == "holds"
    assert search(tmp_path / "b.parquet", Traces("3")) == "holds nothing"


def test_arrays_of_names_are_decoded(tmp_path):
    np.save(tmp_path / "names.npy", np.array(["S2", "S9"]))
    np.save(tmp_path / "rows.npy", np.array([("S2", 1.5)], dtype=[("subject", "S4"), ("x", "f8")]))
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    for name in ("names.npy", "rows.npy"):
        assert search(tmp_path / name, Traces("S2")) == "holds"
        assert search(tmp_path / name, Traces("S3")) == "holds nothing"
    assert search(tmp_path / "objects.npy", Traces("S3")) == "may hold"


def test_the_tables_and_views_of_a_database_are_read(tmp_path):
    rows = [f"P{i:04d}" for i in range(100, 300)]
    for name, said in (("tables", rows), ("others", [k for k in rows if k != "P0107"])):
        with duckdb.connect(str(tmp_path / name)) as connection:
            connection.execute("CREATE TABLE t AS SELECT unnest($rows) AS subject, 7 AS n", {"rows": said})
    with duckdb.connect(str(tmp_path / "views")) as connection:
        connection.execute("CREATE VIEW v AS SELECT 'lake/landmarks/subject=P0107/x.parquet' AS file")
    with duckdb.connect(str(tmp_path / "deleted")) as connection:
        connection.execute("CREATE TABLE t AS SELECT 'P0107' AS subject, range AS n FROM range(500000)")
        connection.execute("CHECKPOINT")
        connection.execute("DROP TABLE t")
        connection.execute("CHECKPOINT")
    (tmp_path / "broken").write_bytes(b"\x00" * 8 + b"DUCK" + NOISE.bytes(5000))
    before = (tmp_path / "tables").read_bytes()
    answers = {p.name: search(p, Traces("P0107")) for p in sorted(tmp_path.iterdir())}
    assert answers == {
        "broken": "may hold",
        "deleted": "may hold",  # the rows are in blocks that are free
        "others": "holds nothing",
        "tables": "holds",
        "views": "holds",
    }
    assert (tmp_path / "tables").read_bytes() == before


@pytest.mark.parametrize(
    "header",
    [b"{'descr': '<f8', (", b"{'descr': '<f8', 'fortran_order': False, 'shape': (900000000000,)}\n", b"\x00" * 40],
)
def test_an_array_whose_header_is_none_is_named_and_stops_nothing(tmp_path, header):
    path = tmp_path / "odd.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    traces = Traces("S2", names=frozenset({"Annegret"}))
    assert search(path, traces) == "may hold"
    path.write_bytes(path.read_bytes() + b" Annegret ")
    assert search(path, traces) == "holds"
