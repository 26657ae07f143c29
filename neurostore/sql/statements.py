"""What an SQL text does, by the tree of DuckDB's own parser: only statements that read are allowed.

The first word is not enough: ``WITH x AS (COPY … TO …) SELECT 1`` counts as a SELECT and writes a file, and so does
``SELECT * FROM enable_logging(…)``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from neurostore.errors import UsageError

_SPACE = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)"
_EXPLAIN = re.compile(rf"{_SPACE}*EXPLAIN\b{_SPACE}*(?:ANALYZE\b|\([^)]*\))?", re.IGNORECASE | re.DOTALL)
_SET_VARIABLE = re.compile(
    r"""\s*SET\s+VARIABLE\s+(?:"(?P<quoted>[^"]*)"|(?P<plain>\w+))\s*(?:=|TO\b)(?P<value>.*)""",
    re.IGNORECASE | re.DOTALL,
)
_BARE_GROUP = re.compile(r"(?<![\w\"'])group\b(?!\s+by\b|[\"'])", re.IGNORECASE)
_DEEPEST = 8000  # levels of a tree; DuckDB allows a thousand levels of an expression
_QUERIES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_READERS = re.compile(
    r"read_\w+|(parquet|sqlite|postgres|mysql|delta|iceberg)_scan|(parquet|duckdb|pragma)_\w+|json_(each|tree)|st_read\w*"
    r"|range|generate_(series|subscripts)|unnest|repeat(_row)?|glob|sniff_csv|summary|which_secret|(icu|pg)_\w+|test_\w+"
)


def kind_of(statement: Any) -> str:
    """SELECT, COPY or whatever DuckDB calls a statement."""
    try:
        return str(statement.type.name)
    except ValueError:  # a kind that DuckDB's Python package does not name
        return "this statement"


def tree_of(connection: Any, text: str) -> dict[str, Any]:
    """One SELECT as the parser reads it; its ``error`` is true where it cannot be shown as a tree."""
    ((tree,),) = connection.execute("SELECT json_serialize_sql($text)", {"text": text}).fetchall()
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _DEEPEST))
    try:
        return dict(json.loads(tree))
    except RecursionError:
        raise UsageError("the query is nested too deeply") from None
    finally:
        sys.setrecursionlimit(limit)


def reserved_word_hint(error: Exception, text: str, before: str = "\n") -> str:
    """What to write where a query cannot be parsed because of the column ``group``, a word of SQL; '' otherwise.

    before : what the hint begins with, to follow the error.
    """
    is_meant = str(error).startswith("Parser Error") and _BARE_GROUP.search(text)
    return f'{before}group is a word of SQL: the column is written "group", in double quotes' if is_meant else ""


def nodes_of(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object in a tree."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def check_query(node: dict[str, Any]) -> None:
    """Raise UsageError if a node of a tree is a query that writes: DuckDB 2 takes COPY and INSERT in WITH."""
    kind = str(node.get("type", ""))
    if kind.endswith("_NODE") and kind not in _QUERIES:
        raise UsageError(f"{kind.split('_')[0]} is not allowed within a SELECT: sql only reads")


def variable_of(text: str) -> tuple[str, str] | None:
    """Name and value of ``SET VARIABLE name = value``; None for any other statement."""
    match = _SET_VARIABLE.match(text)
    return (match["quoted"] or match["plain"], match["value"]) if match else None


def statements_that_read(connection: Any, text: str) -> list[Any]:
    """The statements of a text: one that reads, with SET VARIABLE before it. Raises UsageError for anything else."""
    statements = connection.extract_statements(text)
    for statement in statements:
        _check_reads(connection, statement)
    if not statements:
        raise UsageError("the query is empty; give one SELECT")
    if any(kind_of(s) != "SET" for s in statements[:-1]):
        raise UsageError(f"found {len(statements)} statements; give one SELECT (SET VARIABLE may come before it)")
    return statements


def bracketed_condition(text: str) -> str:
    """A condition in brackets, to be put after WHERE. Raises UsageError unless it is one expression that only reads.

    It is parsed alone too: what closes the bracket and opens another would escape it, and take other filters with it.
    """
    import duckdb

    bracketed = f"(\n{text}\n)"  # the line break keeps a comment at its end from hiding the bracket
    with duckdb.connect() as connection:
        for query in (f"SELECT {text}", f"SELECT 1 WHERE {bracketed}"):
            try:
                statements = connection.extract_statements(query)
            except duckdb.Error as error:
                why = str(error).splitlines()[0] + reserved_word_hint(error, text, "; ")
                raise UsageError(f"where {text}: not an SQL condition: {why}") from None
            if [kind_of(s) for s in statements] != ["SELECT"]:
                raise UsageError(f"where {text}: not one SQL condition")
            _check_select(connection, statements[0].query)
    return bracketed


def _check_reads(connection: Any, statement: Any) -> None:
    """Raise UsageError unless the statement only reads: whatever writes files could change the lake's."""
    kind = kind_of(statement)
    if kind == "SELECT":
        return _check_select(connection, statement.query)
    if kind == "SET" and (variable := variable_of(statement.query)) is not None:
        return _check_select(connection, f"SELECT {variable[1]}")
    if kind == "EXPLAIN":
        return _check_explained(connection, statement.query)
    if kind == "MULTI":
        raise UsageError(
            "this statement stands for several (PIVOT without IN); name the pivoted values: PIVOT … ON a IN (…)"
        )
    raise UsageError(
        f"{kind} is not allowed: sql only reads (SELECT, DESCRIBE, SHOW, EXPLAIN, SET VARIABLE); "
        "to write a result to a file use --output FILE"
    )


def _check_explained(connection: Any, text: str) -> None:
    """Raise UsageError unless one SELECT that reads is explained: EXPLAIN ANALYZE does what it explains."""
    start = _EXPLAIN.match(text)
    explained = connection.extract_statements(text[start.end() :]) if start else []
    if [kind_of(s) for s in explained] != ["SELECT"]:
        raise UsageError("EXPLAIN is allowed for one SELECT only: EXPLAIN ANALYZE would run the statement")
    _check_select(connection, explained[0].query)


def _check_select(connection: Any, text: str) -> None:
    """Raise UsageError if a SELECT calls a function that does not only read."""
    tree = tree_of(connection, text)
    if tree.get("error"):
        raise UsageError(f"not a plain SELECT: {tree.get('error_message', 'it cannot be shown as a tree')}")
    macros = "SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE function_type = 'table_macro'"
    own: set[str] | None = None
    for node in nodes_of(tree):
        check_query(node)
        if node.get("type") != "TABLE_FUNCTION":
            continue
        name = str(node["function"]["function_name"]).lower()
        if _READERS.fullmatch(name):
            continue
        own = {m for (m,) in connection.execute(macros).fetchall()} if own is None else own
        if name not in own:
            raise UsageError(f"{name or 'this function'} is not allowed: sql calls only functions that read")
