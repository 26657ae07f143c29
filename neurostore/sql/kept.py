"""Views whose rows a lake may store: which they are, what they depend on, and how they are computed together.

A view can be stored if each of its rows depends on the trials of one session only. The views stay the definition: their
output under the default choices is stored, and it is valid only while their text and the session are unchanged.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from neurostore import schema
from neurostore.sql import views

if TYPE_CHECKING:
    import duckdb

# Views whose results are stored. To store another, add it here; each of its rows must depend on one session only.
VIEWS = (
    "gait_events",
    "gait_cycles",
    "spatiotemporal",
    "cycle_curves",
    "trial_quality",
    "subject_summary",
    "_mean_curves",
    "_frame_moments",
    "kinetic_curves",
    "emg_envelopes",
)
# Steps that several of them read, computed once per batch: view or macro -> relations that it is called with. A macro
# is called only with these relations or with rows of them; _cycle_curves also with the step between percents.
SHARED: dict[str, tuple[str, ...]] = {
    "_foot_motion": (),
    "joint_angles": (),
    "_all_events": ("_foot_motion",),
    "_all_cycles": ("_foot_motion",),
    "_ground_reaction": ("_foot_motion",),
    "_chosen_moments": ("_ground_reaction",),
    "_cycle_curves": ("_all_cycles",),
    "_kinetic_curves": ("_foot_motion", "_all_cycles"),
}
INPUTS = ("trials", "subjects", "reviews")  # tables whose rows of a session its results depend on
# Views whose rows are those of one table: where that has none, they are not planned.
_NEEDS = {"emg_envelopes": "emg"}
_CYCLE = ("subject", "session", "trial", "person", "cycle", "side")
_COMMENT = re.compile(r"--[^\n]*")
_CHOICE = re.compile(r"getvariable\('(\w+)'\)")
_WORD = re.compile(r"[a-z_][a-z0-9_]*")
_STAR = re.compile(r"\b(trials|subjects)\.\*|\* (?:EXCLUDE ?\([^)]*\) )?FROM (trials|subjects)\b", re.IGNORECASE)
_MACRO = re.compile(r"CREATE OR REPLACE MACRO (\w+)(.*?)(?=CREATE OR REPLACE MACRO|$)", re.IGNORECASE)


@cache
def behind(name: str) -> frozenset[str]:
    """A view and every view and step that it reads."""
    return frozenset(views.behind([name], _uses().__getitem__))


@cache
def _uses() -> dict[str, set[str]]:
    return views.uses(views.sources())


@cache
def choices_of(name: str) -> frozenset[str]:
    """The choices that a view's rows depend on."""
    by_macro = _choices_by_macro()
    named = {choice for one in behind(name) for word in _words_in(one) & by_macro.keys() for choice in by_macro[word]}
    return frozenset(named.union(*(_choices_in(one) for one in behind(name))))


@cache
def _choices_in(name: str) -> frozenset[str]:
    """The choices that the text of a view itself reads."""
    return frozenset(_CHOICE.findall(_text(name)))


@cache
def _choices_by_macro() -> dict[str, set[str]]:
    """Macro -> the choices that it or a macro in it reads."""
    texts = {match[0]: match[1] for match in _MACRO.findall(_bare(views.macros()))}
    own = {name: set(_CHOICE.findall(text)) for name, text in texts.items()}
    named = {name: (set(_WORD.findall(text)) & own.keys()) - {name} for name, text in texts.items()}
    is_growing = True
    while is_growing:  # a macro may name macros that name others
        before = {name: len(choices) for name, choices in own.items()}
        for name, others in named.items():
            own[name].update(*(own[other] for other in others))
        is_growing = any(len(own[name]) > n for name, n in before.items())
    return {name: choices for name, choices in own.items() if choices}


@cache
def definitions() -> str:
    """SHA-256 over everything that the kept views are computed by: their text and that of their steps, and the macros."""
    names = sorted(_every())
    texts = [f"{name}: {_text(name)}" for name in names]
    texts += [f"{name} without: {_bare(text)}" for name, text in sorted(views.without_plates().items())]
    defaults = [f"{name} = {views.VARIABLES[name][0]}" for view in VIEWS for name in sorted(choices_of(view))]
    return hashlib.sha256("\n".join([*VIEWS, *texts, _bare(views.macros()), *defaults]).encode()).hexdigest()


@cache
def words() -> frozenset[str]:
    """Every word in the text of the kept views and their steps: a column that is not among them is not read."""
    return frozenset(word for name in _every() for word in _words_in(name))


@cache
def _every() -> frozenset[str]:
    """The kept views and every step that they read."""
    return frozenset().union(*(behind(name) for name in VIEWS))


@cache
def _words_in(name: str) -> frozenset[str]:
    """Every word in the text of a view, including words in strings."""
    return frozenset(_WORD.findall(_text(name).lower()))


@cache
def _read_whole() -> frozenset[str]:
    """Tables that some step reads by a star, so that every column of them counts."""
    texts = (_text(one) for one in _every())
    return frozenset(table for text in texts for pair in _STAR.findall(text) for table in pair if table)


@cache
def _text(name: str) -> str:
    """The SQL of a view without comments, in single spaces."""
    return _bare(views.sources()[name])


def _bare(text: str) -> str:
    """SQL without comments, in single spaces."""
    return " ".join(_COMMENT.sub(" ", text).split())


def is_default(name: str, value: Any) -> bool:
    """Whether a choice has the value that the kept rows were computed with."""
    return value is None or value == views.VARIABLES[name][0]


def guard(name: str, chosen: Mapping[str, Any] | None = None) -> str:
    """SQL that is true while the choices of the view are those its rows were computed with, and an error otherwise.

    chosen : as of `has_choices`.
    """
    which = "other choices" if chosen else "the default choices"
    message = f"{name} was opened with {which}: make the choices before it is asked, by Lake.choose() or SET VARIABLE"
    return f"CASE WHEN {has_choices(name, chosen)} THEN true ELSE error('{message}') END"


def has_choices(name: str, chosen: Mapping[str, Any] | None = None) -> str:
    """SQL that is true while the choices of the view are these. chosen : those that were made; else the defaults."""
    conditions = []
    for choice in sorted(choices_of(name)):
        value = (chosen or {}).get(choice)
        if value is None or is_default(choice, value):
            conditions.append(f"(getvariable('{choice}') IS NULL{_same(choice, views.VARIABLES[choice][0])})")
        else:
            conditions.append(f"coalesce(false{_same(choice, value)}, false)")
    return " AND ".join(conditions) or "true"


def _same(choice: str, value: Any) -> str:
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f" OR getvariable('{choice}')::VARCHAR = {views.literal(text)}"


def compute_together(
    connection: duckdb.DuckDBPyConnection, names: Collection[str] = VIEWS, *, has_plates: bool = True
) -> None:
    """Create kept views as tables on a connection that holds the tables of a lake, with the steps they share.

    DuckDB plans a view when it is created and whenever it is asked: a table of its rows is planned once.
    The tables should hold few trials: the shared steps have a row per frame. For a single view they are not stored,
    because a query computes only the columns that it needs (of 240,000 frames: 5.2 instead of 7.6 s for _mean_curves).
    has_plates : as of views.register.
    """
    chosen = views.texts_for(has_plates)
    chosen |= {name: _no_rows(name) for name, table in _NEEDS.items() if name in names and _is_empty(connection, table)}
    texts = {name: chosen[name] for name in _behind_all(names, chosen)}
    views.register_base(connection, views.base_named(frozenset().union(*map(views.words_of, texts.values()))))
    views.fix_choices(connection, _made_choices(connection))
    reads = {name: "\n".join([text, *SHARED.get(name, ())]) for name, text in texts.items()}
    shared = SHARED if len(names) > 1 else {}
    tables = {name for name in texts if name in names or name in shared}
    apart = _read_by_macros(texts, tables)
    for name in views.ordered(reads):
        if shared.get(name):
            views.create(connection, name, texts[name])
            _store_call(connection, name)
        elif name in tables:
            rows = _with_steps(name, texts, texts.keys() - apart - tables)
            connection.execute(f"CREATE TABLE {views.quote(name)} AS\n{rows}")
        elif name in apart:
            views.create(connection, name, texts[name])


def _is_empty(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    return connection.execute(f"SELECT 1 FROM {views.quote(table)} LIMIT 1").fetchone() is None


def _no_rows(view: str) -> str:
    """SQL with the columns of a declared view and no row."""
    columns = ((c.name, schema.duckdb_type(schema.arrow_type(c.type))) for c in views.declared()[view].columns)
    return f"SELECT {', '.join(f'NULL::{kind} AS {views.quote(name)}' for name, kind in columns)} WHERE false"


def _read_by_macros(texts: dict[str, str], tables: Collection[str]) -> set[str]:
    """Table macros, and the views that they read, which must be there when they are created."""
    macros = [name for name, text in texts.items() if views.arguments_of(text)]
    return views.behind(macros, lambda one: () if one in tables and one not in macros else _named(one, texts))


def _named(name: str, texts: dict[str, str]) -> frozenset[str]:
    return (views.words_of(texts[name]) & texts.keys()) - {name}


def _with_steps(name: str, texts: dict[str, str], steps: Collection[str]) -> str:
    """The SQL of a view with its steps written into it: DuckDB would bind a view once more when it is created."""
    found = views.behind([name], lambda one: _named(one, texts) & set(steps)) - {name}
    parts = [f"{views.quote(one)} AS NOT MATERIALIZED (\n{_query(texts[one])}\n)" for one in _in_order(found, texts)]
    with_steps = f"WITH {', '.join(parts)}\n" if parts else ""
    return f"{with_steps}SELECT * FROM (\n{_query(texts[name])}\n)"


def _in_order(names: Collection[str], texts: dict[str, str]) -> list[str]:
    return views.ordered({name: texts[name] for name in names})


def _query(text: str) -> str:
    return text.rstrip().rstrip(";")


def _made_choices(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The choices between words that were made on the connection, by SET VARIABLE."""
    asked = ", ".join(f"getvariable('{name}')" for name in views.WORDS)
    values = connection.execute(f"SELECT {asked}").fetchone()
    return dict(zip(views.WORDS, values or (), strict=True))


def _behind_all(names: Iterable[str], texts: dict[str, str]) -> set[str]:
    """These views with every view and step that they read, as their texts and the calls of shared steps name them."""
    return views.behind(names, lambda one: [*(views.words_of(texts[one]) & texts.keys()), *SHARED.get(one, ())])


def _store_call(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Replace a step over given relations by a table of its rows."""
    stored = views.quote(_stored(name))
    relations = ", ".join(f"'{_stored(one)}'" for one in SHARED[name])
    arguments = views.arguments_of(views.sources()[name])
    rows = f"SELECT * FROM {stored}"
    if name == "_cycle_curves":  # it is asked for some of the cycles and percents
        relations += ", 1"
        keys = ", ".join(_CYCLE)
        rows += f" SEMI JOIN (SELECT {keys} FROM query_table(cycles)) USING ({keys}) WHERE percent % step_pct = 0"
    connection.execute(f"CREATE TABLE {stored} AS SELECT * FROM {views.quote(name)}({relations})")
    connection.execute(f"CREATE OR REPLACE MACRO {views.quote(name)}({arguments}) AS TABLE {rows}")


def _stored(name: str) -> str:
    """The table that holds the rows of a shared step: a step without arguments is that table itself."""
    return f"_stored_{name}" if SHARED[name] else name


def inputs(connection: duckdb.DuckDBPyConnection, question: str) -> dict[tuple[str, str], tuple[str, int]]:
    """(subject, session) -> (MD5 of what the kept views read of it, number of trials), of the trials on the connection.

    question : as `inputs_sql` writes it.
    """
    rows = connection.execute(question).fetchall()
    return {(subject, session): (digest, n) for subject, session, n, digest in rows}


def inputs_sql(columns: Mapping[str, Iterable[str]]) -> str:
    """The SQL of what the kept views read of each session. columns : of each table of INPUTS.

    The frames are those of the trials' ingests, which never change. Of the rows of trials and subjects, those columns
    are included whose names occur in the SQL.
    """
    trials, subjects, reviews = (_columns_read(table, columns[table]) for table in INPUTS)
    return f"""
        WITH of_subject AS (SELECT subject, {_json(subjects)} AS content FROM subjects),
        of_trial AS (SELECT subject, session, ingest_id, {_json({*trials, "ingest_id"})} AS content FROM trials),
        of_session AS (
            SELECT subject, session, count(*) AS n, string_agg(content, chr(10) ORDER BY ingest_id) AS content
            FROM of_trial GROUP BY subject, session
        ),
        reviewed AS (
            SELECT subject, session, string_agg({_json({*reviews, "review_id"})}, chr(10) ORDER BY review_id) AS content
            FROM reviews GROUP BY subject, session
        )
        SELECT s.subject, s.session, s.n, md5(concat_ws(chr(11), s.content, coalesce(p.content, ''), coalesce(r.content, '')))
        FROM of_session AS s LEFT JOIN of_subject AS p USING (subject) LEFT JOIN reviewed AS r USING (subject, session)
        """


_NEVER_READ = {
    "group",
    "source_path",
    "source_paths",
    "table_rows",
    "table_versions",
    "ingested_at",
    "software_version",
}


def _columns_read(table: str, columns: Iterable[str]) -> set[str]:
    is_whole = table == "reviews" or table in _read_whole()
    return {c for c in columns if c.lower() not in _NEVER_READ and (is_whole or c.lower() in words())}


def _json(columns: Iterable[str]) -> str:
    named = ", ".join(f"{views.quote(c)} := {views.quote(c)}" for c in sorted(columns))
    return f"to_json(struct_pack({named}))::VARCHAR" if named else "''"
