"""neurostore sql"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurostore.commands.help_sections import LOOK
from neurostore.commands.options import LAKE, FormatOption, LakeOption, OutputOption, ReleaseOption, VersionOption
from neurostore.errors import LakeError, UsageError
from neurostore.wording import near

if TYPE_CHECKING:
    import polars as pl

    from neurostore.lake.version import Version

_SPACE = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)"
_EXPLAIN = re.compile(rf"{_SPACE}*EXPLAIN\b{_SPACE}*(?:ANALYZE\b|\([^)]*\))?", re.IGNORECASE | re.DOTALL)
_SET_VARIABLE = re.compile(r"\s*SET\s+VARIABLE\b", re.IGNORECASE)


def register(app: typer.Typer) -> None:
    app.command(short_help="Query the lake in SQL.", rich_help_panel=LOOK)(sql)


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT, or '-' to read it from stdin.")],
    lake: LakeOption = LAKE,
    format: FormatOption = None,
    output: OutputOption = None,
    locked: Annotated[
        bool, typer.Option("--locked", help="For queries from others: one SELECT, no files, limited time and memory.")
    ] = False,
    time_limit: Annotated[float, typer.Option(metavar="S", min=0.1, help="Seconds a --locked query may take.")] = 30.0,
    memory_limit: Annotated[int, typer.Option(metavar="MB", min=64, help="Memory a --locked query may use.")] = 1024,
    version: VersionOption = None,
    release: ReleaseOption = None,
) -> None:
    """Query the lake in SQL. It only reads: SELECT, DESCRIBE, EXPLAIN, and SET VARIABLE before them.

    Example: neurostore sql "SELECT subject, count(*) AS trials FROM trials GROUP BY ALL ORDER BY 1" --lake lake/
    """
    from neurostore.api import open as open_lake
    from neurostore.commands.output import write_frame

    text = sys.stdin.read() if query == "-" else query
    opened = open_lake(lake, version, release)
    if locked:
        from neurostore.lake import locked as locked_sql

        rows = locked_sql.run(opened, text, time_limit_s=time_limit, memory_limit_mb=memory_limit)
        write_frame(rows, format, output, lake=lake, kind="sql")
        return
    write_frame(run(opened, text), format, output, lake=lake, kind="sql")


def run(lake: Version, text: str) -> pl.DataFrame:
    """The result of the last statement. Only statements that read are let through.

    Raises
    ------
    UsageError : the SQL is wrong, or a statement would write.  LakeError : a file of the lake cannot be read.
    """
    import duckdb

    from neurostore.sql.interruptible import interruptible

    with lake.connect(text) as connection:
        try:
            statements = statements_that_read(connection, text)
            for statement in statements[:-1]:
                _check_variable(statement.query, text)
            for statement in statements[:-1]:
                connection.execute(statement)

            def rows() -> pl.DataFrame:
                relation = connection.sql(statements[-1])
                if relation is None:
                    raise UsageError("the last statement gives no rows; end with a SELECT")
                return relation.pl()

            return interruptible(connection, rows)
        except duckdb.IOException as error:
            lake.raise_if_vanished(error)
            raise LakeError(f"{lake.path}: {error}") from None
        except duckdb.Error as error:
            raise UsageError(str(error)) from None


def _check_variable(statement: str, text: str) -> None:
    """Raise UsageError where SET VARIABLE sets what neither a view nor the text itself reads."""
    from neurostore.sql import views

    named = re.match(_SET_VARIABLE.pattern + r'\s*"?(\w+)', statement, re.IGNORECASE)
    name = named[1].lower() if named else ""
    if name and name not in views.VARIABLES and not re.search(rf"getvariable\(\s*'{name}'", text, re.IGNORECASE):
        raise UsageError(f"no view reads a variable {name!r}; {near(name, views.VARIABLES)}")


def statements_that_read(connection: Any, text: str) -> list[Any]:
    """The statements of a text: one that reads, with SET VARIABLE before it. Raises UsageError for anything else."""
    statements = connection.extract_statements(text)
    for statement in statements:
        check_reads(connection, statement)
    if not statements:
        raise UsageError("no statement in the query")
    if any(s.type.name != "SET" for s in statements[:-1]):
        raise UsageError(f"found {len(statements)} statements; give one SELECT (SET VARIABLE may come before it)")
    return statements


def check_reads(connection: Any, statement: Any) -> None:
    """Raise UsageError unless the statement only reads: whatever writes files could change the lake's."""
    kind = statement.type.name
    if kind == "SELECT" or (kind == "SET" and _SET_VARIABLE.match(statement.query)):
        return
    if kind == "EXPLAIN" and _explains_a_select(connection, statement.query):
        return
    if kind == "MULTI":
        raise UsageError(
            "this statement stands for several (PIVOT without IN); name the pivoted values: PIVOT … ON a IN (…)"
        )
    if kind == "EXPLAIN":
        raise UsageError("EXPLAIN is let through of one SELECT only: EXPLAIN ANALYZE does what it explains")
    raise UsageError(
        f"{kind} is not let through: sql only reads (SELECT, DESCRIBE, SHOW, EXPLAIN, SET VARIABLE); "
        "to write a result to a file use --output FILE"
    )


def _explains_a_select(connection: Any, text: str) -> bool:
    """Whether what is explained is one plain SELECT, as the parser's own tree of it shows."""
    start = _EXPLAIN.match(text)
    explained = connection.extract_statements(text[start.end() :]) if start else []
    if len(explained) != 1 or explained[0].type.name != "SELECT":
        return False
    (tree,) = connection.execute("SELECT json_serialize_sql($text)", {"text": explained[0].query}).fetchone()
    return not json.loads(tree).get("error")
