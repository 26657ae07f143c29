"""DTW in SQL gives what Python gives."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from neurostore import dtw
from neurostore.sql import dtw_functions
from tests import ROOT
from tests.twins import dtw as twin


@pytest.fixture
def connection():
    connection = duckdb.connect()
    dtw_functions.register(connection)
    dtw_functions.register(connection)  # a second time changes nothing
    return connection


def one(connection, query: str):
    return connection.execute("SELECT " + query).fetchone()[0]


def test_all_pairs_of_a_table_are_pairwise(connection):
    rng = np.random.default_rng(0)
    xs = [rng.normal(size=(rng.integers(3, 30), 2)).astype(np.float32) for _ in range(40)]
    ids = pa.array(range(40))
    connection.register(
        "t", pa.table({"id": ids, "x": pa.array([x.tolist() for x in xs], pa.list_(pa.list_(pa.float32())))})
    )
    rows = connection.execute(
        "SELECT a.id, b.id, dtw_distance(a.x, b.x), dtw_distance(a.x, b.x, 30), soft_dtw(a.x, b.x, 0.5) "
        "FROM t AS a CROSS JOIN t AS b"
    ).fetchall()
    assert len(rows) == 1600
    expected = dtw.pairwise(xs)
    for i, j, plain, banded, soft in rows:
        assert plain == banded == expected[i, j]
        if i < 3:
            assert soft == pytest.approx(twin.soft(xs[i].astype(float), xs[j].astype(float), 0.5), rel=1e-9)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("dtw_distance([0, 1, 2]::FLOAT[], [0, 2]::FLOAT[])", 1.0),
        ("dtw_distance([0, 1, 2]::DOUBLE[], [0, 2]::DOUBLE[])", 1.0),
        ("dtw_distance([[0], [1], [2]]::FLOAT[][], [[0], [2]]::FLOAT[][], 1)", 1.0),
        ("dtw_distance([0, 1, 2]::FLOAT[], [0, 2]::FLOAT[], 0.34)", 1.0),
        ("dtw_distance([3, 0]::FLOAT[], [0, 4]::FLOAT[], 0)", 5.0),
        ("dtw_distance([0, 1, 2], [0, 2])", 1.0),
        ("dtw_distance([[0, 0], [1, 0], [2, 0]], [[0, 0], [2, 0]], 1)", 1.0),
        ("dtw_distance([0.5, 1, 2], [0, 2], 0.4)", 1.25**0.5),
        ("dtw_distance([0, 1, 2]::DOUBLE[], [0, 2]::DOUBLE[], 1)", 1.0),
        ("dtw_distance([[0], [1], [2]]::DOUBLE[][], [[0], [2]]::FLOAT[][], 0.5)", 1.0),
        ("dtw_distance([3, 0]::FLOAT[2], [0, 4]::FLOAT[2], 0::BIGINT)", 5.0),
        ("soft_dtw([[1], [1]]::DOUBLE[][], [[3]]::DOUBLE[][], 0.1)", 8.0),
        ("soft_dtw([1], [3], 1)", 4.0),
        ("soft_dtw([1]::FLOAT[], [3]::FLOAT[], 0.1)", 4.0),
        ("dtw_distance(NULL::FLOAT[], [0]::FLOAT[])", None),
        ("dtw_distance([[0]]::FLOAT[][], NULL::FLOAT[][])", None),
        ("dtw_distance([0]::FLOAT[], [0]::FLOAT[], NULL)", None),
        ("soft_dtw([1]::FLOAT[], NULL::FLOAT[], 1)", None),
        ("soft_dtw([1]::FLOAT[], [1]::FLOAT[], NULL)", None),
    ],
)
def test_values(connection, query, expected):
    assert one(connection, query) == (None if expected is None else pytest.approx(expected))


def test_null_rows_stand_among_others(connection):
    rows = connection.execute(
        "SELECT dtw_distance(a, [1]::FLOAT[]) FROM (VALUES ([1]::FLOAT[]), (NULL), ([4, 1]::FLOAT[])) AS t(a)"
    ).fetchall()
    assert [r[0] for r in rows] == [0.0, None, 3.0]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("dtw_distance([]::FLOAT[], [0]::FLOAT[])", "empty list"),
        ("dtw_distance([1, NULL]::FLOAT[], [0]::FLOAT[])", "NULL value"),
        ("dtw_distance(['nan']::FLOAT[], [0]::FLOAT[])", "NaN"),
        ("dtw_distance(['inf']::FLOAT[], [0]::FLOAT[])", "infinite"),
        ("dtw_distance([[1], NULL]::FLOAT[][], [[0]]::FLOAT[][])", "NULL sample"),
        ("dtw_distance([[1], [1, 2]]::FLOAT[][], [[0]]::FLOAT[][])", "samples of 1 and of 2 channels"),
        ("dtw_distance([[]]::FLOAT[][], [[0]]::FLOAT[][])", "without a value"),
        ("dtw_distance([[1, NULL]]::FLOAT[][], [[0, 1]]::FLOAT[][])", "NULL value"),
        ("dtw_distance([1]::FLOAT[], [[1]]::FLOAT[][])", "does not support the supplied arguments"),
        ("dtw_distance([1e30]::FLOAT[], [-1e30]::FLOAT[])", "too large"),
        ("dtw_distance([[1, 2]]::FLOAT[][], [[0]]::FLOAT[][])", "2 channels, the second 1"),
        ("dtw_distance([1, 2, 3]::FLOAT[], [0]::FLOAT[], 1)", "differ by 2"),
        ("dtw_distance([1]::FLOAT[], [0]::FLOAT[], -1)", "at least 0"),
        ("soft_dtw([1]::FLOAT[], [0]::FLOAT[], 0)", "gamma"),
    ],
)
def test_errors_say_what_is_wrong(connection, query, said):
    with pytest.raises(duckdb.Error, match=said):
        one(connection, query)


def test_the_recipe_of_the_page_finds_the_nearest_cycles(connection):
    """The statements of docs/dtw.md on a small cycle_curves, against brute force."""
    text = (ROOT / "docs" / "dtw.md").read_text(encoding="utf-8")
    start = text.index("CREATE TEMP TABLE curves")
    make, ask = [s for s in text[start : text.index("\n```", start)].split(";") if s.strip()]
    rng = np.random.default_rng(5)
    xs = rng.normal(size=(9, 101, 2)).cumsum(1).round(2)
    keys = [(f"S{k // 4}", f"walk_{k // 2 % 2}", k % 2) for k in range(9)]
    rows = [
        (subject, "", trial, cycle, "left", True, percent, *xs[k, percent])
        for k, (subject, trial, cycle) in enumerate(keys)
        for percent in range(101)
    ]
    names = ["subject", "session", "trial", "cycle", "side", "is_steady", "percent"]
    angles = ["left_knee_flexion_deg", "left_ankle_dorsiflexion_deg"]
    columns = {name: list(values) for name, values in zip(names + angles, zip(*rows, strict=True), strict=True)}
    connection.register("cycle_curves", pa.table(columns))
    connection.execute(make)
    table = dtw.pairwise(xs)
    found = connection.execute(ask).fetchall()
    assert len(found) == 9 * 3
    for k, (subject, trial, cycle) in enumerate(keys):
        others = sorted(table[k, j] for j in range(9) if keys[j][:2] != (subject, trial))
        own = sorted(d for *key, _, _, d in found if tuple(key) == (subject, trial, cycle))
        assert own == pytest.approx(others[:3], rel=1e-5)
