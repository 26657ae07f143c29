"""The SQL views: found in queries/, ordered by what they name, created on a DuckDB connection.

One file is one SELECT and one view, named after the file; names that begin with ``_`` are internal steps. A view
reads tables, other views and ``getvariable()``: DuckDB refuses parameters in views. A table that already has a
view's name stands in for it, so results may be kept. Expressions that several views share are scalar macros, in
queries/macros/*.sql.

A step whose header names arguments (``-- Arguments: motion.``) is a table macro over the relations of those names: a
view that needs an earlier step twice computes it once, in a CTE, and hands it on (measured on gait_cycles over 200
trials: planning 1.1 s to 0.2 s).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import resources
from typing import TYPE_CHECKING, Any

from neurostore import normative, schema
from neurostore.errors import LakeError, UsageError
from neurostore.wording import near

if TYPE_CHECKING:
    import duckdb

_COMMENT_OR_STRING = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
_ARGUMENTS = re.compile(r"^-- Arguments: ([a-z_]+(?:, [a-z_]+)*)\.", re.MULTILINE)
_THRESHOLD = re.compile(r"^-- (.+)\nCREATE OR REPLACE MACRO _(\w+)\(\) AS ([\d.]+);", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_MACRO = re.compile(r"^CREATE OR REPLACE MACRO (\w+).*?(?=^CREATE OR REPLACE MACRO |\Z)", re.MULTILINE | re.DOTALL)
BASE = frozenset(("macros", "columns", "norms"))  # what views read besides tables, see register_base

# Choices that views read by getvariable(): name -> (default, meaning). NULL, the initial value, means the default.
VARIABLES: dict[str, tuple[Any, str]] = {
    "pelvis_order": (
        "plug_in_gait",
        "joint_angles: 'baker' takes rotation, obliquity, tilt of pelvis and trunk in that order",
    ),
    "angle_source": ("landmarks", "joint_angles: 'body' takes the fitted body of trials ingested with --body"),
    "event_source": (
        "force",
        "gait_cycles: 'force' takes an event of a force platform where it is valid, else the computed one; 'computed' takes "
        "those alone; 'file' those of the source file where it has any",
    ),
    "moment_frame": (
        "distal",
        "joint_kinetics: axes of the moments: 'distal' (Plug-in Gait's), 'proximal', 'joint' (the joint's own) or 'lab'",
    ),
    "inertia": (
        "de_leva",
        "joint_kinetics: masses and inertias of the segments: 'de_leva' (1996) or 'dempster' (Plug-in Gait's)",
    ),
    "emg_reference": (None, "emg_envelopes: the trial whose peak is 1; NULL means the peak of the person's mean cycle"),
    "force_filter": (
        "same",
        "joint_kinetics: 'same' takes forces filtered as the landmarks are, 'none' forces as measured",
    ),
    "reference": (None, "gait_profile: a group of subjects; NULL means the norm of Schwartz 2008"),
    "retest_group": (None, "change: the group whose sessions are repeats of one state, for SEM and MDC95"),
    "reviews": ("on", "'off' shows cycles and events as they were before anybody reviewed them"),
    "accept_camera_level": (False, "gait_profile: also score trials whose up is only that of a level camera"),
}


# The values that such a choice may have; the values of the others are groups and trials (neurostore.lake.selection).
WORDS: dict[str, tuple[Any, ...]] = {
    "pelvis_order": ("plug_in_gait", "baker"),
    "angle_source": ("landmarks", "body"),
    "event_source": ("force", "computed", "file"),
    "moment_frame": ("distal", "proximal", "joint", "lab"),
    "inertia": ("de_leva", "dempster"),
    "force_filter": ("same", "none"),
    "reviews": ("on", "off"),
    "accept_camera_level": (True, False),
}


@dataclass(frozen=True)
class ViewColumn:
    """A declared column of a view: unit, sign convention, meaning and the source of the definition."""

    name: str
    type: str
    unit: str = ""
    sign: str = ""
    meaning: str = ""
    source: str = ""


@dataclass(frozen=True)
class View:
    """A declared view."""

    name: str
    row: str
    columns: tuple[ViewColumn, ...]


def quote(identifier: str) -> str:
    """An SQL identifier in quotes. The only way a name gets into SQL text."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


@cache
def sources() -> dict[str, str]:
    """SQL text of every view by name, as in queries/*.sql."""
    return _texts_in()


@cache
def without_plates() -> dict[str, str]:
    """SQL of the steps that replace others where no trial has a force platform, from queries/without_plates/*.sql."""
    return _texts_in("without_plates")


@cache
def from_results() -> dict[str, str]:
    """SQL of the steps that replace others where views that they name are stored, from queries/from_results/*.sql."""
    return _texts_in("from_results")


def _texts_in(*folder: str) -> dict[str, str]:
    """File name without ending -> text of the SQL files in queries/ or a folder of it/."""
    files = sorted(resources.files("neurostore.queries").joinpath(*folder).iterdir(), key=lambda f: f.name)
    return {f.name.removesuffix(".sql"): f.read_text(encoding="utf-8") for f in files if f.name.endswith(".sql")}


@cache
def macros() -> str:
    """SQL that creates the macros that every view may name, from queries/macros/*.sql."""
    return "\n".join(_texts_in("macros").values())


@cache
def thresholds() -> dict[str, tuple[float, str]]:
    """Name -> (value, meaning) of every threshold of the views, from queries/macros/thresholds.sql."""
    text = (resources.files("neurostore.queries") / "macros" / "thresholds.sql").read_text(encoding="utf-8")
    return {name: (float(value), meaning) for meaning, name, value in _THRESHOLD.findall(text)}


def names() -> tuple[str, ...]:
    """The promised views, without the steps that begin with ``_``."""
    return tuple(name for name in sources() if not name.startswith("_"))


def ordered(texts: dict[str, str]) -> list[str]:
    """Names of views, each after those its SQL names.

    Raises LakeError if views name each other in a circle.
    """
    try:
        return list(TopologicalSorter(dict(sorted(uses(texts).items()))).static_order())
    except CycleError as error:
        raise LakeError(f"the views depend on each other in a circle: {' -> '.join(error.args[1])}") from None


def uses(texts: dict[str, str]) -> dict[str, set[str]]:
    """Of each view, the others that its SQL names."""
    return {name: set(words_of(text) & texts.keys()) - {name} for name, text in texts.items()}


def behind(names: Iterable[str], reads: Callable[[str], Iterable[str]]) -> set[str]:
    """The names with all that they read, directly or through others. reads : what one name reads."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += reads(one)
    return found


@cache
def words_of(text: str) -> frozenset[str]:
    """Every word in the SQL of a view, by which it names what it reads."""
    return frozenset(_words(text))


def register(
    connection: duckdb.DuckDBPyConnection, texts: dict[str, str] | None = None, has_plates: bool = True
) -> list[str]:
    """Create every view on the connection, which must hold the tables (schemas/tables/*.toml); return the names created.

    texts : other SQL than that of queries/, by view name. has_plates : False if no trial has a force platform; the views
    then have the same columns and rows, and are planned faster.
    """
    taken = {
        name
        for (name,) in connection.execute(
            "SELECT table_name FROM duckdb_tables() UNION ALL SELECT view_name FROM duckdb_views() WHERE internal"
        ).fetchall()
    }
    texts = texts_for(has_plates, texts, taken)
    register_base(connection)
    created = [name for name in ordered(texts) if name not in taken]
    for name in created:
        create(connection, name, texts[name])
    return created


def texts_for(has_plates: bool, texts: dict[str, str] | None = None, stored: Collection[str] = ()) -> dict[str, str]:
    """The SQL of every view, with the steps that replace others.

    has_plates : False if no trial has a force platform. stored : views whose rows are stored.
    """
    texts = sources() if texts is None else texts
    others = {name: text for name, text in from_results().items() if not words_of(text).isdisjoint(stored)}
    if not has_plates:
        others |= without_plates()
    return texts | {name: text for name, text in others.items() if name in texts}


def register_base(connection: duckdb.DuckDBPyConnection, parts: Collection[str] = BASE) -> None:
    """Create what views read beside the tables of a lake: scalar macros, the declared columns, the norms.

    parts : of BASE, and names of single macros, with those that they call.
    """
    chosen = macros() if "macros" in parts else "\n".join(t for name, t in _macro_texts().items() if name in parts)
    if chosen:
        connection.execute(chosen)
    if "columns" in parts:
        _register_declared_columns(connection)
    if "norms" in parts:
        normative.register(connection)


def fix_choices(connection: duckdb.DuckDBPyConnection, choices: Mapping[str, Any]) -> None:
    """Make constants of the choices between words, which are planned faster: SET VARIABLE does not change them any more.

    choices : those that were made; None and what is not among them mean the default. After `register_base`.
    """
    for name in WORDS:
        chosen = choices.get(name)
        value = VARIABLES[name][0] if chosen is None else chosen
        shown = literal(value) if isinstance(value, str) else str(value).lower()
        connection.execute(f"CREATE OR REPLACE MACRO {quote(f'_{name}')}() AS {shown}")


def base_named(words: Collection[str]) -> frozenset[str]:
    """The parts of `register_base` that an SQL of these words reads. The words of views it names belong to them."""
    tables = {"columns": {"_declared_columns"}, "norms": normative.TABLES}
    named = frozenset(part for part, names in tables.items() if not names.isdisjoint(words))
    return named.union(*(_macros_behind(word) for word in _macro_texts().keys() & words))


@cache
def _macro_texts() -> dict[str, str]:
    """Name -> SQL of every macro, each after those that it calls."""
    texts = {match[1]: match[0] for match in _MACRO.finditer(macros())}
    return {name: texts[name] for name in ordered(texts)}


@cache
def _macros_behind(name: str) -> frozenset[str]:
    """A macro and those that it calls."""
    called = (words_of(_macro_texts()[name]) & _macro_texts().keys()) - {name}
    return frozenset((name,)).union(*map(_macros_behind, called))


def create(connection: duckdb.DuckDBPyConnection, name: str, text: str) -> None:
    """Create one view or table macro; what its SQL names must be there."""
    arguments = arguments_of(text)
    what = f"MACRO {quote(name)}({arguments}) AS TABLE" if arguments else f"VIEW {quote(name)} AS"
    connection.execute(f"CREATE OR REPLACE {what}\n{text.rstrip().rstrip(';')}")


def arguments_of(text: str) -> str:
    """Names of the arguments of a step that is a table macro; '' for a view."""
    match = _ARGUMENTS.search(text)
    return match[1] if match else ""


def set_variables(connection: duckdb.DuckDBPyConnection, **choices: Any) -> None:
    """Set choices that the views read. Raises UsageError for a name no view reads, or a word that it does not know."""
    check_variables(choices)
    for name, value in choices.items():
        connection.execute(f"SET VARIABLE {quote(name)} = $value", {"value": value})


def check_variables(choices: Mapping[str, Any]) -> None:
    """Raise UsageError for a name no view reads, or a word that its views do not know; similar ones are listed."""
    for name, value in choices.items():
        if name not in VARIABLES:
            raise UsageError(f"no view reads a variable {name!r}; {near(name, VARIABLES)}")
        if value is not None and name in WORDS and value not in WORDS[name]:
            *others, last = map(str, WORDS[name])
            raise UsageError(f"{name} is {value!r}; it can be {', '.join(others)} or {last}")


@cache
def declared() -> dict[str, View]:
    """Every declared view by name, from schemas/views/*.toml.

    A column is written once. ``name`` alone takes it from schemas/shared_columns.toml; ``from`` and ``matching`` take
    all columns of another view whose names match; ``statistics = true`` gives a parameter of cycles its median, SD
    (``_sd``) and number (``_n``).
    """
    folder = resources.files("neurostore.schemas")
    shared = tomllib.loads((folder / "shared_columns.toml").read_text(encoding="utf-8"))["column"]
    files = sorted((folder / "views").iterdir(), key=lambda f: f.name)
    tables = [tomllib.loads(f.read_text(encoding="utf-8")) for f in files if f.name.endswith(".toml")]
    written = {table["name"]: table["column"] for table in tables}
    by_name = {column["name"]: column for column in shared}
    return {
        table["name"]: View(table["name"], table["row"], tuple(_columns(table["name"], written, by_name)))
        for table in tables
    }


def _columns(
    view: str, written: dict[str, list[dict[str, Any]]], shared: dict[str, dict[str, Any]]
) -> Iterator[ViewColumn]:
    """The columns of a view, those of other views and of statistics written out.

    Raises LakeError if a column says neither its type nor where it is from.
    """
    for column in written[view]:
        if "from" in column:
            yield from (c for c in _columns(column["from"], written, shared) if re.search(column["matching"], c.name))
        elif column.get("statistics"):
            yield from _statistics(column)
        elif "type" in column:
            yield ViewColumn(**column)
        elif column["name"] in shared:
            yield ViewColumn(**shared[column["name"]])
        else:
            raise LakeError(
                f"schemas/views/{view}.toml: the column {column['name']} has no type; give it one, or declare it in "
                "schemas/shared_columns.toml"
            )


def _statistics(column: dict[str, Any]) -> Iterator[ViewColumn]:
    """Median, SD and number over steady cycles of a parameter."""
    name, meaning, unit = column["name"], column["meaning"], column.get("unit", "")
    given = {key: value for key, value in column.items() if key != "statistics"}
    yield ViewColumn(**{**given, "meaning": f"median over steady cycles: {meaning}"})
    source = column.get("source", "")
    yield ViewColumn(f"{name}_sd", "float64", unit, meaning=f"SD over steady cycles: {meaning}", source=source)
    yield ViewColumn(f"{name}_n", "int64", meaning=f"steady cycles that have it: {meaning}")


def _words(text: str) -> set[str]:
    """Every word of the SQL but those of comments and sentences; a string of one word may name what a macro reads."""

    def keep(match: re.Match[str]) -> str:
        word = match[0].strip("'")
        return word if match[0][0] == "'" and _WORD.fullmatch(word) else " "

    return set(_WORD.findall(_COMMENT_OR_STRING.sub(keep, text)))


def _register_declared_columns(connection: duckdb.DuckDBPyConnection) -> None:
    """The table ``_declared_columns``: what schemas/tables/*.toml and schemas/views/*.toml say of each column."""
    import pyarrow as pa

    rows: list[tuple[Any, ...]] = []
    for table in schema.tables().values():
        rows += [
            (table.name, "table", i, c.name, c.type, c.unit, "", c.meaning, "schemas")
            for i, c in enumerate(table.columns)
        ]
    for view in declared().values():
        rows += [
            (view.name, "view", i, c.name, c.type, c.unit, c.sign, c.meaning, c.source)
            for i, c in enumerate(view.columns)
        ]
    names = ["name", "kind", "position", "column_name", "type", "unit", "sign", "meaning", "source"]
    connection.register("_given_columns", pa.table(list(zip(*rows, strict=True)), names=names))
    connection.execute("CREATE OR REPLACE TABLE _declared_columns AS SELECT * FROM _given_columns")
    connection.unregister("_given_columns")
