"""An unknown word in SET VARIABLE is an error that names the variable, in every view that reads it."""

from __future__ import annotations

import re

import duckdb
import pytest

from neurostore.sql import views
from neurostore.walker import gait
from neurostore.walker import walk as walker
from tests.builders import view_builder


@pytest.fixture(scope="module")
def connection():
    walk = walker.walk(gait.normal(), n_strides=2)
    plates = view_builder.table("force_plates", [])  # with platforms, joint_kinetics is more than an empty table
    with view_builder.connect(force_plates=plates, **view_builder.of_walk(walk)) as made:
        yield made


@pytest.mark.parametrize(
    ("name", "view"),
    [("event_source", "gait_cycles"), ("angle_source", "joint_angles"), ("pelvis_order", "joint_angles"),
     ("reviews", "gait_cycles"), ("inertia", "joint_kinetics")],
)  # fmt: skip
def test_a_view_names_the_variable_and_the_words(connection, name, view):
    connection.execute(f"SET VARIABLE {name} = 'nonsense'")
    try:
        with pytest.raises(duckdb.Error, match=f"{name} is 'nonsense'; it can be {views.WORDS[name][0]}"):
            connection.execute(f"SELECT * FROM {view}").fetchall()
    finally:
        connection.execute(f"RESET VARIABLE {name}")


def macro(name):
    return re.search(rf"MACRO _{name}\(\) AS CASE(.*?)\nEND;", views.macros(), re.DOTALL)[1]


@pytest.mark.parametrize("name", views.WORDS)
def test_words_are_the_same_in_sql_and_python(name):
    words = re.findall(r"WHEN '(\w+)' THEN '?(\w+)'?", macro(name))
    assert tuple(w for w, _ in words) == tuple(str(w).lower() for w in views.WORDS[name])
    assert all(a == b for a, b in words)
    default = views.VARIABLES[name][0]
    assert f", '{str(default).lower()}')" in macro(name)


@pytest.mark.parametrize("name", views.WORDS)
def test_each_word_is_taken_and_the_default_is_the_first_named(name):
    with duckdb.connect() as plain:
        plain.execute(views.macros())
        assert plain.execute(f"SELECT _{name}()").fetchone() == (views.VARIABLES[name][0],)
        for word in views.WORDS[name]:
            views.set_variables(plain, **{name: word})
            assert plain.execute(f"SELECT _{name}()").fetchone() == (word,)
        plain.execute(f"SET VARIABLE {name} = 'nonsense'")
        with pytest.raises(duckdb.Error, match=f"{name} is 'nonsense'; it can be"):
            plain.execute(f"SELECT _{name}()").fetchone()
