"""kept.py: steps written into the views that are stored, and choices and empty tables of a batch."""

from __future__ import annotations

import duckdb
import pytest

from neurostore.sql import kept, views

TEXTS = {
    "_first": "-- One row: x.\nSELECT 1 AS x;",
    "_second": "SELECT x + 1 AS x FROM _first",
    "_double": "-- One row: x.\n-- Arguments: of.\nSELECT 2 * x AS x FROM query_table(of) SEMI JOIN _apart USING (x)",
    "_apart": "SELECT 2 AS x",
    "shown": "WITH a AS (SELECT * FROM _second) SELECT a.x + b.x AS x FROM a CROSS JOIN _second AS b -- the end",
}


def test_a_view_has_its_steps_written_into_it():
    asked = kept._with_steps("shown", TEXTS, {"_first", "_second"})
    assert duckdb.sql(asked).fetchall() == [(4,)]
    asked = kept._with_steps("shown", TEXTS, {"_second"})
    with duckdb.connect() as connection:  # _first is a table there
        connection.execute("CREATE TABLE _first AS SELECT 10 AS x")
        assert connection.execute(asked).fetchall() == [(22,)]


def test_what_a_macro_reads_is_created():
    assert kept._read_by_macros(TEXTS, {"shown"}) == {"_double", "_apart"}
    assert kept._read_by_macros({**TEXTS, "_apart": "SELECT x FROM _second"}, {"_second"}) == {
        "_double",
        "_apart",
        "_second",
    }


@pytest.mark.parametrize(("made", "found"), [({}, "plug_in_gait"), ({"pelvis_order": "baker"}, "baker")])
def test_a_batch_has_the_choices_that_were_made_as_constants(made, found):
    with duckdb.connect() as connection:
        views.set_variables(connection, **made)
        views.fix_choices(connection, kept._made_choices(connection))
        assert connection.execute("SELECT _pelvis_order(), _accept_camera_level()").fetchall() == [(found, False)]


def test_a_view_of_an_empty_table_has_its_columns():
    described = duckdb.sql(f"DESCRIBE ({kept._no_rows('emg_envelopes')})").fetchall()
    assert [row[0] for row in described] == [c.name for c in views.declared()["emg_envelopes"].columns]
    assert {row[1] for row in described if row[0] in ("subject", "envelope", "is_on")} <= {
        "VARCHAR",
        "DOUBLE",
        "BOOLEAN",
    }
