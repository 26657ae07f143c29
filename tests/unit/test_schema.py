"""Declarations, Arrow schemas and the checks at each write."""

from __future__ import annotations

import re

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from neurostore import schema
from neurostore.errors import LakeError


def landmarks(**columns):
    n = len(next(iter(columns.values()))) if columns else 2
    keys = {k: ["a"] * n for k in ("subject", "session", "trial", "ingest_id")}
    given = {**keys, "person": [0] * n, "frame": list(range(n)), "time_s": [0.0] * n, **columns}
    return pa.table(given)


def test_every_declaration_has_an_arrow_schema_that_duckdb_understands():
    for name, table in schema.tables().items():
        assert table.name == name
        assert [f.name for f in table.arrow()] == [c.name for c in table.columns], name
        assert {*table.key, *table.partition} - {"side"} <= {c.name for c in table.columns if not c.nullable} | {"side"}
        columns = ", ".join(f'"{f.name}" {schema.duckdb_type(f.type)}' for f in table.arrow())
        duckdb.connect().execute(f"CREATE TABLE t ({columns})")


def test_points_with_a_nan_are_null_and_the_others_keep_their_values():
    values = np.array([[1, 2, 3], [np.nan, 5, 6], [7, 8, np.nan], [0, 0, 0]], np.float64)
    made = schema.point_array(values)
    assert made.to_pylist() == [{"x": 1.0, "y": 2.0, "z": 3.0}, None, None, {"x": 0.0, "y": 0.0, "z": 0.0}]
    assert made.type == schema.arrow_type("point")
    turned = schema.rotation_array(np.array([[1, 0, 0, 0], [1, 0, 0, np.nan]]))
    assert turned.to_pylist() == [{"w": 1.0, "x": 0.0, "y": 0.0, "z": 0.0}, None]
    with pytest.raises(ValueError, match=r"expected \(n, 3\)"):
        schema.point_array(values[:, :2])


def test_nan_inside_a_given_struct_becomes_null():
    raw = pa.array([{"x": 1.0, "y": float("nan"), "z": 0.0}, None, {"x": 1.0, "y": 2.0, "z": 3.0}])
    rows, problems = schema.conform("landmarks", landmarks(left_heel=raw))
    assert problems == []
    assert rows["left_heel"].to_pylist() == [None, None, {"x": 1.0, "y": 2.0, "z": 3.0}]
    assert rows["left_heel"].type == schema.arrow_type("point")


def test_columns_come_in_declared_order_and_absent_ones_stay_absent():
    rows, problems = schema.conform("landmarks", landmarks().select([6, 5, 4, 3, 2, 1, 0]))
    assert problems == []
    assert rows.column_names == ["subject", "session", "trial", "ingest_id", "person", "frame", "time_s"]
    assert rows["frame"].type == pa.int32()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (landmarks(frame=[0, -1]), r"landmarks.frame: found -1, the smallest allowed value is 0"),
        (landmarks(time_s=[0.0, None]), r"landmarks.time_s: row 1 is NULL"),
        (landmarks(time_s=[0.0, float("nan")]), r"landmarks.time_s: row 1 is not a finite number"),
        (landmarks(time_s=["x", "y"]), r"landmarks.time_s: expected float64, found string"),
        (landmarks(left_heel=schema.point_array(np.array([[np.inf, 0, 0]]))), r"left_heel: row 0 is infinite"),
        (landmarks(nonsense=[1, 2]), r"landmarks.nonsense: int64 is not a column"),
        (landmarks().drop_columns(["frame"]), r"the column frame is missing"),
    ],
)
def test_what_breaks_the_declaration_is_reported_with_column_and_row(table, said):
    _, problems = schema.conform("landmarks", table)
    assert len(problems) == 1
    assert re.search(said, problems[0])


def test_everything_wrong_is_reported_at_once():
    _, problems = schema.conform("landmarks", landmarks(frame=[-1, 0], time_s=[None, 0.0], person=[0, -3]))
    assert len(problems) == 3


def test_poses_take_joints_and_nothing_else():
    joint = schema.point_array(np.zeros((2, 3)))
    rows, problems = schema.conform(
        "poses/cmu_31", landmarks(Hips=joint, confidence=pa.array([[1.0]] * 2, pa.list_(pa.float32())))
    )
    assert problems == []
    assert rows.column_names[-2:] == ["Hips", "confidence"]
    _, problems = schema.conform("poses/cmu_31", landmarks(Hips=joint, hips=joint))
    assert problems == ["poses/cmu_31: columns Hips, hips differ only in case"]
    _, problems = schema.conform("poses/cmu_31", landmarks(Hips=["a", "b"]))
    assert problems == ["poses/cmu_31.Hips: string is not a column of this table"]
    _, problems = schema.conform("poses/cmu_31", landmarks(**{'x"; DROP': joint, "1st_toe": joint}))
    assert len(problems) == 1
    assert "cannot name a column" in problems[0]


@pytest.mark.parametrize("key", ["", "a b", "..x", "_a", "a/b", "a" * 65, "é", "a\n", None, 3, "a'; DROP TABLE trials"])
def test_keys_refuse_what_is_not_a_key(key):
    with pytest.raises(LakeError, match="a key has up to 64"):
        schema.check_key("subject", key)


@pytest.mark.parametrize("key", ["a", "0", "S01", "a-b_c", "a" * 64])
def test_keys_take_what_is(key):
    schema.check_key("subject", key)
    schema.check_key("session", "", empty=True)


def test_rows_table_types_metadata_and_refuses_hostile_names():
    rows = schema.rows_table("subjects", [{"subject": "a", "age": 3, "score": 1}, {"subject": "b", "hand": "left"}])
    assert rows["age"].to_pylist() == [3.0, None]
    assert rows["score"].type == pa.float64()
    assert rows["hand"].to_pylist() == [None, "left"]
    for name in ('x"; DROP', "a b", "1a", ""):
        with pytest.raises(LakeError, match="metadata column"):
            schema.rows_table("subjects", [{"subject": "a", name: 1}])
    with pytest.raises(LakeError, match=r"subjects\.age: expected float64"):
        schema.rows_table("subjects", [{"subject": "a", "age": "old"}])
    with pytest.raises(LakeError, match=r"subjects\.subject: row 0 is NULL"):
        schema.rows_table("subjects", [{"age": 3.0}])


def test_unknown_tables_are_named():
    with pytest.raises(LakeError, match="no table is named 'nonsense'"):
        schema.table("nonsense")
    assert schema.table("poses/anything").name == "poses"


def test_components_of_undoes_point_and_rotation_arrays():
    points = np.array([[1.0, 2.0, 3.0], [np.nan, 5.0, 6.0]], np.float32)
    back = schema.components_of(schema.point_array(points))
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, [[1, 2, 3], [np.nan] * 3])
    turns = np.tile(np.array([1.0, 0.0, 0.0, 0.0], np.float32), (2, 1))
    chunked = pa.chunked_array([schema.rotation_array(turns), schema.rotation_array(turns)])
    np.testing.assert_array_equal(schema.components_of(chunked), np.tile(turns, (2, 1)))
