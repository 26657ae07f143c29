"""Tables for people: one line per row whatever the cells hold, nothing cut, columns straight for wide letters."""

from __future__ import annotations

import sys

import duckdb
import polars as pl
import pytest

from neurostore.commands.output import write_frame
from neurostore.text_table import is_plain, lines_of

# Characters at which a terminal, or str.splitlines, starts a new line or turns the direction of writing.
BREAKING = ["\n", "\t", "\r", "\x0b", "\x0c", "\x1b[2J", "\x85", "\u2028", "\u2029", "\u202e", "\u2066"]


def test_a_table_by_hand():
    frame = pl.DataFrame({"subject": ["S01", None], "speed_m_s": [1.25, None], "n": [3, 12]})
    assert list(lines_of(frame)) == [
        "subject  speed_m_s   n",
        "───────  ─────────  ──",
        "S01         1.2500   3",
        "NULL          NULL  12",
    ]


@pytest.mark.parametrize("character", BREAKING, ids=ascii)
@pytest.mark.parametrize("width", [None, 3])
def test_a_cell_and_a_name_stay_on_their_line(character, width):
    frame = pl.DataFrame({f"a{character}b": [f"x{character}y", "z"], "n": [1, 2]})
    lines = list(lines_of(frame, width))
    assert "\n".join(lines).splitlines() == lines
    assert len(lines) == (4 if width is None else 6)
    assert not any(c in line for line in lines for c in BREAKING)


def test_wide_letters_take_two_cells():
    lines = list(
        lines_of(pl.DataFrame({"name": ["歩行", "e\u0301"], "n": [1, 2]}))
    )  # é of two characters takes one cell
    assert lines[1:] == ["────  ─", "歩行  1", "e\u0301     2"]


def test_a_narrow_terminal_shows_every_key_whole():
    keys = ["a_very_long_subject_key_of_a_clinic", "b"]
    frame = pl.DataFrame({"subject": keys, "trial": ["walk_01", "walk_02"]})
    assert list(lines_of(frame, 20)) == [
        "── row 1 ──",
        f"subject  {keys[0]}",
        "trial    walk_01",
        "── row 2 ──",
        "subject  b",
        "trial    walk_02",
    ]
    assert next(lines_of(frame, 44)) == "subject                              trial"  # 35 + 2 + 7 cells fit


def test_no_rows_and_no_columns():
    assert list(lines_of(pl.DataFrame({"a": []}, schema={"a": pl.Int64}), 80)) == ["a", "─"]
    assert list(lines_of(pl.DataFrame())) == ["", ""]


def test_an_arrow_table_of_plain_values_has_the_lines_of_polars(monkeypatch, capsysbinary):
    query = """SELECT 1 AS a, 2.5::DOUBLE AS b, 1.25 AS c, sum(3) AS d, 'x' AS e, {'x': 1.5::FLOAT, 'n': [1, 2]} AS f, true AS g,
        DATE '2030-01-02' AS h, NULL AS i, 'y'::VARCHAR AS "a b" UNION ALL SELECT NULL, 'nan', 1, 7, NULL, NULL, NULL, NULL, NULL, ''"""
    rows = duckdb.sql(query).to_arrow_table()
    told = list(lines_of(pl.DataFrame(pl.from_arrow(rows)), 60)), list(lines_of(pl.DataFrame(pl.from_arrow(rows))))
    assert is_plain(rows)
    assert (list(lines_of(rows, 60)), list(lines_of(rows))) == told
    monkeypatch.setitem(sys.modules, "polars", None)  # an import of it fails
    write_frame(rows, None, None)
    assert capsysbinary.readouterr().out.decode().splitlines() == told[1]


def test_times_and_bytes_are_left_to_polars():
    for sql in ("SELECT now() AS t", "SELECT 'x'::BLOB AS b", "SELECT [{'t': now()}] AS n"):
        assert not is_plain(duckdb.sql(sql).to_arrow_table())
