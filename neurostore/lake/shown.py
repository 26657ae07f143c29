"""How an open lake (a `Version`) is displayed: main columns of trials, full descriptions, a summary for notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from neurostore import schema
from neurostore.errors import UsageError
from neurostore.lake import releases
from neurostore.lake import tables as lake_sql
from neurostore.lake.mixture import TRIAL_KEYS, excluded_texts, mixture_texts, read_models, refuse_mixture
from neurostore.lake.selection import EVERY_TRIAL, selected
from neurostore.lake.sides import check_side, side_condition
from neurostore.trial_key import key_text
from neurostore.wording import and_more, counted, near

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from neurostore.lake.queryable import Queryable

#: columns of `trials` that are shown unless more are asked for
TRIAL_COLUMNS = (
    "subject", "session", "trial", "condition", "kind", "skeleton", "n_frames", "rate_hz", "duration_s", "source_sha256",
)  # fmt: skip

#: the column that counts the steady cycles of the chosen side or event source
COUNT = "n_steady_cycles"


def trials(
    lake: Queryable, columns: Sequence[str], side: str | None, *, mixed: bool, filters: Mapping[str, Any]
) -> pl.DataFrame:
    """The trials with ten columns and the given ones; all with ``"*"``. Arguments as of `list_trials`."""
    everything, _ = list_trials(lake, side=side, mixed=True, **filters)
    if not mixed:
        refuse_mixture(read_models(selected(lake, filters)), needs_pelvis=False)
    if "*" in columns:
        return everything
    if unknown := [c for c in columns if c not in everything.columns]:
        raise UsageError(f"trials has no column {unknown[0]!r}; {near(unknown[0], everything.columns)}")
    counted_too = [COUNT] if COUNT in everything.columns else []
    return everything.select(list(dict.fromkeys([*TRIAL_COLUMNS, *columns, *counted_too])))


def list_trials(
    lake: Queryable, *, side: str | None = None, mixed: bool = False, **filters: Any
) -> tuple[pl.DataFrame, list[str]]:
    """The trials that the filters choose, with every column, and what there is to say about them.

    Parameters
    ----------
    side : left, right, affected or unaffected. With a side or an event_source, only trials that then have steady cycles
        are listed, and ``n_steady_cycles`` counts them.
    mixed : say nothing of trials that must not be pooled without ``mixed``.
    filters : fields of :class:`neurostore.lake.selection.Selection`.
    """
    check_side(side)
    chosen = selected(lake, filters)
    frame = chosen.sql("SELECT * FROM trials ORDER BY subject, session, trial")
    texts = []
    if side or chosen.selection.event_source:
        kinds = dict(frame.select("ingest_id", "kind").iter_rows())
        whole, frame = frame, _with_steady_cycles(chosen, side)
        lacking = set(whole["ingest_id"]) - set(frame["ingest_id"])
        rows = whole.select("ingest_id", *TRIAL_KEYS).iter_rows()
        names = [key_text(key) for ingest_id, *key in rows if ingest_id in lacking and kinds[ingest_id] != "static"]
        of = " ".join(filter(None, ("steady cycle", f"of the {side} side" if side else "")))
        texts += [f"without a {of}, so not listed: {', '.join(and_more(names))}"] if names else []
    excluded = excluded_texts(chosen)
    texts += [f"excluded by review: {'; '.join(and_more(excluded))}"] if excluded else []
    differences = [] if mixed else mixture_texts(read_models(chosen), needs_pelvis=False)
    texts += [f"not pooled without --mixed (mixed=True): trials that differ in {text}" for text in differences]
    n_cycles = f", {counted(int(frame[COUNT].sum()), 'steady cycle')}" if COUNT in frame.columns else ""
    people = counted(frame["subject"].n_unique(), "subject")
    what = chosen.selection.describe()
    about = f"; chosen: {what}" if what != EVERY_TRIAL else ""
    return frame, [f"{counted(frame.height, 'trial')} of {people}{n_cycles}{about}", *texts]


def _with_steady_cycles(lake: Queryable, side: str | None) -> pl.DataFrame:
    """The trials that have steady cycles of a side, with their number."""
    return lake.sql(
        f"""
        SELECT trials.*, cycles.n AS {COUNT} FROM trials INNER JOIN (
            SELECT subject, session, trial, count(*) AS n FROM gait_cycles AS rows LEFT JOIN subjects USING (subject)
            WHERE is_steady AND person = 0 AND {side_condition("rows.side")} GROUP BY ALL
        ) AS cycles USING (subject, session, trial) ORDER BY subject, session, trial
        """,
        {"side": side},
    )


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
