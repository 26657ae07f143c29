"""Tables of a person's page that depend on what participants.tsv says of the person."""

from __future__ import annotations

import re
from dataclasses import replace

import polars as pl
import pytest

from neurostore.report.sessions import sessions_of
from neurostore.report.tables import parameter_table


def parameters(data, side: str | None) -> str:
    """The table of S02, whose affected side is stated as given."""
    known = data.subjects.with_columns(affected_side=pl.lit(side, pl.String))
    return str(parameter_table(sessions_of(replace(data, subjects=known), "S02")[0]))


def step_index(text: str) -> float:
    """The symmetry index of step length, as printed."""
    row = text[text.index("Step length") :]
    return float(re.search(r"<td>([+−]?[\d.]+) %</td>", row[: row.index("</tr>")])[1].replace("−", "-"))


@pytest.mark.parametrize(("side", "other"), [("left", "right"), ("right", "left")])
def test_the_affected_side_is_named_and_gives_the_index_its_sign(data, side, other):
    said, plain = parameters(data, side), parameters(data, None)
    assert f"{side.capitalize()}, affected (SD)" in said
    assert f"{other.capitalize()}, unaffected (SD)" in said
    assert "Symmetry index (affected − unaffected)" in said
    assert "affected" not in plain
    assert step_index(plain) != 0
    assert step_index(said) == step_index(plain) * (1 if side == "right" else -1)


def test_who_is_affected_on_both_sides_has_left_and_right(data):
    assert parameters(data, "both") == parameters(data, None)
