"""The sides that a choice means: in SQL and in frames as written here by hand."""

from __future__ import annotations

import duckdb
import polars as pl
import pytest

from neurostore.lake.sides import AFFECTION, SIDES, side_condition
from neurostore.report.of_side import OfSide

PEOPLE = pl.DataFrame(
    {"subject": ["L", "R", "B", "N", "U"], "affected_side": ["left", "right", "both", "none", None]}
)  # fmt: skip
MEANT = {
    "left": {"L": "l", "R": "l", "B": "l", "N": "l", "U": "l"},
    "right": {"L": "r", "R": "r", "B": "r", "N": "r", "U": "r"},
    "affected": {"L": "l", "R": "r", "B": "lr", "N": "lr", "U": "lr"},
    "unaffected": {"L": "r", "R": "l", "B": "", "N": "lr", "U": "lr"},
    None: {"L": "lr", "R": "lr", "B": "lr", "N": "lr", "U": "lr"},
}


@pytest.mark.parametrize("side", [*SIDES, *AFFECTION, None])
def test_sql_and_frames_take_the_sides_that_are_meant(side):
    rows = pl.DataFrame([{"subject": s, "side": one} for s in PEOPLE["subject"] for one in SIDES])
    meant = {(s, one) for s, letters in MEANT[side].items() for one in SIDES if one[0] in letters}
    assert set(OfSide(side, PEOPLE).rows(rows).iter_rows()) == meant
    with duckdb.connect() as connection:
        connection.register("subjects", PEOPLE.to_arrow())
        connection.register("rows_", rows.to_arrow())
        query = f"SELECT subject, side FROM rows_ JOIN subjects USING (subject) WHERE {side_condition('side')}"
        assert set(connection.execute(query, {"side": side}).fetchall()) == meant


def test_a_score_of_both_sides_is_of_no_chosen_side():
    rows = pl.DataFrame({"subject": ["L"], "side": ["both"]})
    assert OfSide("affected", PEOPLE).rows(rows).is_empty()
    assert OfSide(None, PEOPLE).rows(rows).height == 1
    assert OfSide("affected", PEOPLE).rows(rows.clear()).is_empty()
