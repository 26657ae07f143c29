"""views.py: order, quoting, stand-in tables, choices; and filters that reach the scan."""

from __future__ import annotations

import json

import duckdb
import pytest

from neurostore.errors import LakeError, UsageError
from neurostore.sql import views
from neurostore.walker import gait
from neurostore.walker import walk as walker
from tests.builders import view_builder


def test_views_come_after_those_they_name_whatever_comments_say():
    texts = {
        "a": "SELECT * FROM b -- not c",
        "b": "SELECT 'd or c' AS x FROM query_table('c')",
        "c": "SELECT 1 AS x /* a */",
    }
    assert views.uses(texts) == {"a": {"b"}, "b": {"c"}, "c": set()}
    assert views.ordered(texts) == ["c", "b", "a"]


def test_a_circle_is_named():
    with pytest.raises(LakeError, match=r"a -> b -> a|b -> a -> b"):
        views.ordered({"a": "SELECT * FROM b", "b": "SELECT * FROM a"})


@pytest.mark.parametrize("name", ["plain", 'with "quotes"', "with space; DROP TABLE t", "SELECT"])
def test_quoted_names_are_names(name):
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE {views.quote(name)} (x INTEGER)")
    assert connection.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [(name,)]


def test_a_table_stands_in_for_a_view_and_steps_take_relations():
    connection = duckdb.connect()
    connection.execute("CREATE TABLE kept AS SELECT 7 AS x")
    texts = {
        "kept": "SELECT 1 AS x",
        "_double": "-- One row: x.\n-- Arguments: of.\nSELECT 2 * x AS x FROM query_table(of)",
        "shown": "WITH kept_ones AS MATERIALIZED (SELECT * FROM kept) SELECT * FROM _double('kept_ones')",
    }
    assert views.register(connection, texts) == ["_double", "shown"]
    assert connection.execute("SELECT x FROM shown").fetchall() == [(14,)]


def test_a_query_has_the_macros_that_it_calls_and_those_that_these_call():
    """All of them take most of the time in which a table of one subject is read."""
    connection = duckdb.connect()
    views.register_base(connection, views.base_named({"_symmetry_angle_pct", "norms"}))
    asked = "SELECT function_name FROM duckdb_functions() WHERE NOT internal"
    created = {name for (name,) in connection.execute(asked).fetchall()}
    assert "_symmetry_angle_pct" in created
    assert len(created) < 10
    assert connection.execute("SELECT _symmetry_angle_pct({'l': 2.0, 'r': 1.0}, 0.0)").fetchone() is not None
    views.register_base(connection)
    assert len(connection.execute(asked).fetchall()) > 10 * len(created)


def test_choices_are_known_by_name():
    connection = duckdb.connect()
    views.set_variables(connection, reference="it's")
    assert connection.execute("SELECT getvariable('reference')").fetchall() == [("it's",)]
    with pytest.raises(UsageError, match="no view reads a variable 'referense'; similar: reference"):
        views.set_variables(connection, referense="x")
    with pytest.raises(UsageError, match="event_source is 'forces'; it can be force, computed or file"):
        views.set_variables(connection, event_source="forces")


def test_every_choice_is_read_by_some_view():
    text = " ".join([views.macros(), *views.sources().values()])
    assert all(f"getvariable('{name}')" in text for name in views.VARIABLES)


def test_each_file_says_what_a_row_is_and_where_it_comes_from():
    for name, text in views.sources().items():
        assert text.startswith("-- One row: "), name
        assert "Inputs:" in text, name


def test_empty_tables_give_empty_views():
    connection = view_builder.connect()
    for name in views.names():
        if name != "catalogue":
            assert connection.execute(f"SELECT * FROM {name}").fetchall() == [], name


OF_LANDMARKS = ["gait_events", "gait_cycles", "cycle_curves", "spatiotemporal", "subject_summary"]
OF_LANDMARKS += ["trial_quality", "event_agreement", "gait_profile", "change"]


OF_CURVES = ["cycle_curves", "gait_profile", "kinetic_curves"]
WITH_PLATES = ["subject_summary", "joint_kinetics", "kinetic_curves"]


@pytest.mark.parametrize(
    ("view", "has_plates"), [*((v, False) for v in OF_LANDMARKS), *((v, True) for v in WITH_PLATES)]
)
def test_a_filter_on_one_subject_reaches_the_scan(view, has_plates):
    walk = walker.walk(gait.normal(), n_strides=2, rate_hz=50.0)
    tables = view_builder.together(*(view_builder.of_walk(walk, subject=f"S{i:02d}") for i in range(20)))
    if has_plates:  # with platforms, the steps of the forces are more than empty tables
        tables["force_plates"] = view_builder.table("force_plates", [])
    connection = view_builder.connect(**tables, only=[view, "joint_angles"])
    plan = connection.execute(f"EXPLAIN (ANALYZE, FORMAT json) SELECT * FROM {view} WHERE subject = 'S07'").fetchall()
    # Each window sorts at most both feet of the one trial; 20 subjects hold 20 times as many frames.
    assert 0 < _most_rows_of_a_window(json.loads(plan[0][1])) <= 2 * len(walk.time_s)
    # Points of cycles are found among the frames by sorting, not by comparing each with each.
    assert view not in OF_CURVES or "ASOF_JOIN" in plan[0][1]


def _most_rows_of_a_window(node):
    if isinstance(node, list):
        return max(map(_most_rows_of_a_window, node), default=0)
    if not isinstance(node, dict):
        return 0
    below = max((_most_rows_of_a_window(v) for v in node.values()), default=0)
    if "WINDOW" in str(node.get("type", node.get("operator_type", ""))):
        return max(below, node.get("intermediate_rows", node.get("operator_cardinality", 0)))
    return below


def test_a_threshold_is_named_once_and_the_views_read_it():
    limits = views.thresholds()
    assert limits["longest_gap_s"][0] == 0.1
    assert limits["steady_share"][0] == 0.2
    text = " ".join([views.macros(), *views.sources().values()])
    connection = view_builder.connect(only=[])
    for name, (value, meaning) in limits.items():
        assert text.count(f"_{name}()") > 1, name  # its definition and a reader
        assert meaning.endswith("."), name
        assert float(connection.execute(f"SELECT _{name}()").fetchall()[0][0]) == value


SQL_TYPES = {
    "string": "VARCHAR",
    "bool": "BOOLEAN",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "struct": "STRUCT",
    "list<int32>": "INTEGER[]",
    "list<string>": "VARCHAR[]",
}


def test_every_view_has_the_columns_it_declares_in_order_and_type():
    connection = view_builder.connect()
    declared = views.declared()
    assert set(declared) == set(views.names())
    for name, view in declared.items():
        real = [(r[0], r[1].split("(")[0]) for r in connection.execute(f"DESCRIBE {views.quote(name)}").fetchall()]
        assert real == [(c.name, SQL_TYPES[c.type]) for c in view.columns], name


def test_shared_columns_are_written_once():
    angles = {c.name: c for c in views.declared()["joint_angles"].columns if c.name.endswith("_deg")}
    curves = {c.name: c for c in views.declared()["cycle_curves"].columns if c.name.endswith("_deg")}
    assert list(curves.items()) == list(angles.items())
    summary = {c.name: c for c in views.declared()["subject_summary"].columns}
    assert summary["stride_length_m_sd"].unit == "m"
    assert summary["stride_length_m_n"].type == "int64"
    assert summary["cadence_norm_sd"].source.startswith("Hof 1996")


def test_a_column_without_a_type_is_refused():
    with pytest.raises(LakeError, match=r"schemas/views/v.toml: the column x has no type"):
        list(views._columns("v", {"v": [{"name": "x"}]}, {}))
