"""How an open lake (a `Version`) is displayed: main columns of trials, full descriptions, a summary for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from neurostore import schema
from neurostore.errors import UsageError
from neurostore.lake import releases
from neurostore.lake import tables as lake_sql
from neurostore.wording import near

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from neurostore.lake.queryable import Queryable

#: columns of `trials` that are shown unless more are asked for
TRIAL_COLUMNS = (
    "subject", "session", "trial", "condition", "kind", "skeleton", "n_frames", "rate_hz", "duration_s", "source_sha256",
)  # fmt: skip


def trials(lake: Queryable, columns: Sequence[str]) -> pl.DataFrame:
    """The trials with ten columns and the given ones; all with ``"*"``."""
    everything = lake.sql("SELECT * FROM trials ORDER BY subject, session, trial")
    if "*" in columns:
        return everything
    if unknown := [c for c in columns if c not in everything.columns]:
        raise UsageError(f"trials has no column {unknown[0]!r}; {near(unknown[0], everything.columns)}")
    return everything.select(list(dict.fromkeys([*TRIAL_COLUMNS, *columns])))


def describe(lake: Any, name: str) -> pl.DataFrame:
    """The columns of a table or view: name, type, unit, sign, meaning and source; never cut when it is shown."""
    from neurostore.whole_table import WholeTable

    known = [*map(lake_sql.sql_name, lake.tables()), *lake.views()]
    if name not in known:
        raise UsageError(f"no table or view {name!r}; {near(name, known)}; lake.tables() and lake.views() name all")
    divided = (t.name for t in schema.tables().values() if t.per and name.startswith(f"{t.name}_"))
    declared = next(divided, name)
    columns = lake.sql(
        "SELECT c.column_name, c.data_type, d.unit, d.sign, d.meaning, d.source "
        "FROM duckdb_columns() AS c LEFT JOIN _declared_columns AS d "
        "ON d.name = $declared AND d.column_name = c.column_name "
        "WHERE c.table_name = $name AND NOT c.internal ORDER BY c.column_index",
        {"name": name, "declared": declared},
    )
    return WholeTable(columns)


def html(lake: Any, live: pa.Table) -> str:
    """Where the lake is, its version, and the rows of its tables. live : the rows of `trials`."""
    subjects = len(set(live["subject"].to_pylist()))
    counts = {n: lake.named_rows.get(n, 0) for n in lake.tables() if schema.table(n).is_keyed}
    rows = "".join(
        f"<tr><td>{escape(lake_sql.sql_name(n))}</td><td style='text-align:right'>{count:,}</td></tr>"
        for n, count in counts.items()
    )
    return (
        f"<div><b>Neurostore lake</b> {escape(lake.path)}, {escape(releases.state_text(lake))}<br>"
        f"{live.num_rows:,} trials of {subjects:,} subjects"
        f"<table><thead><tr><th>table</th><th>rows</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )
