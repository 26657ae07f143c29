"""neurostore sql"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from neurostore.commands.help_sections import LOOK
from neurostore.commands.options import LAKE, FormatOption, LakeOption, OutputOption, ReleaseOption, VersionOption
from neurostore.errors import LakeError, UsageError
from neurostore.wording import near

if TYPE_CHECKING:
    import pyarrow as pa

    from neurostore.lake.version import Version


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


def run(lake: Version, text: str) -> pa.Table:
    """The result of the last statement. Only statements that read are allowed.

    Raises
    ------
    UsageError : the SQL is wrong, or a statement would write.  LakeError : a file of the lake cannot be read.
    """
    import duckdb

    from neurostore.sql.interruptible import interruptible
    from neurostore.sql.statements import reserved_word_hint, statements_that_read

    with lake.connect(text) as connection:
        try:
            statements = statements_that_read(connection, text)
            for statement in statements[:-1]:
                _check_variable(statement.query, text)
            for statement in statements[:-1]:
                connection.execute(statement)

            def rows() -> pa.Table:
                relation = connection.sql(statements[-1])
                if relation is None:
                    raise UsageError("the last statement gives no rows; end with a SELECT")
                return relation.to_arrow_table()

            return interruptible(connection, rows)
        except duckdb.IOException as error:
            lake.raise_if_vanished(error)
            raise LakeError(f"{lake.path}: {error}") from None
        except duckdb.Error as error:
            lake.raise_if_computing_failed()
            raise UsageError(f"{error}{reserved_word_hint(error, text)}") from None


def _check_variable(statement: str, text: str) -> None:
    """Raise UsageError if SET VARIABLE sets what neither a view nor the text itself reads."""
    from neurostore.sql import views
    from neurostore.sql.statements import variable_of

    variable = variable_of(statement)
    name = variable[0].lower() if variable else ""
    if name and name not in views.VARIABLES and not re.search(rf"getvariable\(\s*'{name}'", text, re.IGNORECASE):
        raise UsageError(f"no view reads a variable {name!r}; {near(name, views.VARIABLES)}")
