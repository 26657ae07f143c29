"""neurostore sql"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurostore.commands.options import LAKE, FormatOption, LakeOption, OutputOption
from neurostore.errors import LakeError, UsageError

if TYPE_CHECKING:
    import polars as pl

    from neurostore.lake.version import Version

_EXPLAIN = re.compile(r"\s*EXPLAIN\s+(ANALYZE\s+|\([^)]*\)\s*)?", re.IGNORECASE)
_SET_VARIABLE = re.compile(r"\s*SET\s+VARIABLE\b", re.IGNORECASE)


def register(app: typer.Typer) -> None:
    app.command()(sql)


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT, or '-' to read it from stdin.")],
    lake: LakeOption = LAKE,
    format: FormatOption = None,
    output: OutputOption = None,
    locked: Annotated[
        bool, typer.Option("--locked", help="For questions of strangers: one SELECT, no files, limits.")
    ] = False,
    time_limit: Annotated[float, typer.Option(metavar="S", min=0.1, help="Seconds a --locked query may take.")] = 30.0,
    memory_limit: Annotated[int, typer.Option(metavar="MB", min=64, help="Memory a --locked query may use.")] = 1024,
    at: Annotated[int | None, typer.Option("--version", help="An older version of the lake (see history).")] = None,
) -> None:
    """Ask the lake a question in SQL. It only reads: SELECT, DESCRIBE, EXPLAIN, and SET VARIABLE before them.

    Example: neurostore sql "SELECT subject, count(*) AS trials FROM trials GROUP BY ALL ORDER BY 1" --lake lake/
    """
    from neurostore.api import open as open_lake
    from neurostore.commands.output import write_frame

    text = sys.stdin.read() if query == "-" else query
    if locked:
        from neurostore.lake import locked as locked_sql

        found = locked_sql.run(open_lake(lake, version=at), text, time_limit_s=time_limit, memory_limit_mb=memory_limit)
        write_frame(found, format, output, lake=lake, kind="sql")
        return
    write_frame(run(open_lake(lake, version=at), text), format, output, lake=lake, kind="sql")


def run(lake: Version, text: str) -> pl.DataFrame:
    """The result of the last statement. Only statements that read are let through.

    Raises
    ------
    UsageError : the SQL is wrong, or a statement would write.  LakeError : a file of the lake cannot be read.
    """
    import duckdb

    with lake.connect() as connection:
        try:
            statements = connection.extract_statements(text)
            for statement in statements:
                check_reads(connection, statement)
            if not statements:
                raise UsageError("no statement in the query")
            for statement in statements[:-1]:
                connection.execute(statement)
            relation = connection.sql(statements[-1])
            if relation is None:
                raise UsageError("the last statement gives no rows; end with a SELECT")
            return relation.pl()
        except duckdb.IOException as error:
            raise LakeError(f"{lake.path}: {error}") from None
        except duckdb.Error as error:
            raise UsageError(str(error)) from None


def check_reads(connection: Any, statement: Any) -> None:
    """Raise UsageError unless the statement only reads: whatever writes files could change the lake's."""
    kind = statement.type.name
    if kind == "SELECT" or (kind == "SET" and _SET_VARIABLE.match(statement.query)):
        return
    if kind == "EXPLAIN":  # EXPLAIN ANALYZE does what it explains
        explained = connection.extract_statements(_EXPLAIN.sub("", statement.query, count=1))
        if explained and all(s.type.name == "SELECT" for s in explained):
            return
    if kind == "MULTI":
        raise UsageError(
            "this statement stands for several (PIVOT without IN); name the pivoted values: PIVOT … ON a IN (…)"
        )
    raise UsageError(
        f"{kind} is not let through: sql only reads (SELECT, DESCRIBE, SHOW, EXPLAIN, SET VARIABLE); "
        "to write a result to a file use --output FILE"
    )
