"""The views in Spark's SQL: what sqlglot translates, and the little it cannot, which docs/scale.md lists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import ROOT

sqlglot = pytest.importorskip("sqlglot")

QUERIES = sorted((ROOT / "queries").glob("*.sql"))
STEPS = {path.stem for path in QUERIES}  # a step called with a relation is a table macro: inlined for other engines


def spark_of(path: Path) -> tuple[str, set[str]]:
    """(Spark SQL, functions that sqlglot does not know, so that it hands them on as they are).

    Raises sqlglot's UnsupportedError where it knows that Spark lacks something.
    """
    (tree,) = [t for t in sqlglot.parse(path.read_text(encoding="utf-8"), read="duckdb") if t]
    text = tree.sql(dialect="spark", unsupported_level=sqlglot.ErrorLevel.RAISE)
    unknown = {call.name.lower() for call in tree.find_all(sqlglot.exp.Anonymous)}
    return text, unknown - STEPS


def listed() -> set[str]:
    """Functions that docs/scale.md says are to be replaced by hand."""
    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    part = text.split("### By hand")[1].split("\n#")[0]
    return set(re.findall(r"^\| `(\w+)", part, re.MULTILINE))


@pytest.mark.parametrize("path", QUERIES, ids=lambda p: p.stem)
def test_view_becomes_spark_sql(path):
    text, unknown = spark_of(path)
    again = sqlglot.parse_one(text, read="spark")
    (tree,) = [t for t in sqlglot.parse(path.read_text(encoding="utf-8"), read="duckdb") if t]
    assert again.named_selects == tree.named_selects
    assert unknown <= listed(), "name the function, and what Spark has in its place, under 'By hand' in docs/scale.md"


def test_what_is_listed_is_used():
    used = set().union(*(spark_of(path)[1] for path in QUERIES))
    assert listed() == used


def test_views_read_the_same_tables_in_spark():
    for path in QUERIES:
        (tree,) = [t for t in sqlglot.parse(path.read_text(encoding="utf-8"), read="duckdb") if t]
        again = sqlglot.parse_one(spark_of(path)[0], read="spark")
        assert _tables(again) == _tables(tree), path.stem


def _tables(tree) -> set[str]:
    return {t.name for t in tree.find_all(sqlglot.exp.Table)} - {c.alias for c in tree.find_all(sqlglot.exp.CTE)}
