"""Tables, declared once in schemas/tables/*.toml: Arrow schemas, write checks and the catalogue come from here.

A TOML file declares one table of the file's name: ``name``, ``row`` (what one row is), ``partition``, ``key``, ``per``
(see :class:`Table`) and ``[[column]]`` entries with ``name``, ``type``, ``unit``, ``meaning`` and, where they hold,
``nullable``, ``minimum``, ``maximum``, ``values``, ``content``.
Types: string, bool, int32, int64, float32, float64, timestamp, point (STRUCT x, y, z), rotation (STRUCT w, x, y, z),
list<string>, list<float32>, map<string,int64>, map<string,float64>.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from neurostore.arrays import Floats
from neurostore.errors import LakeError

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = 1
KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_JOINT = re.compile(r"[A-Za-z0-9_]{1,128}")
_METADATA = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


@dataclass(frozen=True)
class Column:
    """A declared column. minimum and maximum are inclusive and checked at each write.

    content : whether its values are recorded data; other values depend on when and where they were written.
    """

    name: str
    type: str
    unit: str = ""
    meaning: str = ""
    nullable: bool = True
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()
    content: bool = True


@dataclass(frozen=True)
class Table:
    """A declared table.

    per : by what the table is divided: ``poses`` has one table ``poses/<skeleton>`` per skeleton; '' for a single table.
    derived : whether its rows are computed from the other tables and may be missing; no version of a lake names them.
    """

    name: str
    row: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition: tuple[str, ...] = ()
    per: str = ""
    derived: bool = False

    @property
    def is_keyed(self) -> bool:
        """Whether each row was written by the ingest of one trial, and lives only while ``trials`` names that ingest."""
        return self.name != "trials" and any(c.name == "ingest_id" for c in self.columns)

    def column(self, name: str) -> Column:
        """The column of this name."""
        return next(c for c in self.columns if c.name == name)

    def arrow(self) -> Any:
        """The pyarrow.Schema."""
        import pyarrow as pa

        return pa.schema([pa.field(c.name, arrow_type(c.type), c.nullable) for c in self.columns])


@cache
def arrow_type(name: str) -> Any:
    """The pyarrow type of a declared type name."""
    import pyarrow as pa

    plain = {
        "string": pa.string(),
        "bool": pa.bool_(),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "float32": pa.float32(),
        "float64": pa.float64(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "point": pa.struct([(a, pa.float32()) for a in "xyz"]),
        "rotation": pa.struct([(a, pa.float32()) for a in "wxyz"]),
        "list<string>": pa.list_(pa.string()),
        "map<string,int64>": pa.map_(pa.string(), pa.int64()),
        "map<string,float64>": pa.map_(pa.string(), pa.float64()),
        "list<float32>": pa.list_(pa.float32()),
    }
    return plain[name]


class _Declared(Mapping[str, Table]):
    """Tables by name, each read from its file when it is first asked for."""

    def __init__(self) -> None:
        folder = resources.files("neurostore.schemas") / "tables"
        files = sorted(folder.iterdir(), key=lambda f: f.name)
        self._texts = {
            file.name.removesuffix(".toml"): file.read_text(encoding="utf-8")
            for file in files
            if file.name.endswith(".toml")
        }
        self._tables: dict[str, Table] = {}

    def __getitem__(self, name: str) -> Table:
        if name not in self._tables:
            self._tables[name] = _table(tomllib.loads(self._texts[name]))
        return self._tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __contains__(self, name: object) -> bool:
        return name in self._texts

    def heads(self) -> Iterator[dict[str, Any]]:
        """The declarations above the columns of each file."""
        return (tomllib.loads(text[: text.index("[[column]]")]) for text in self._texts.values())


@cache
def tables() -> _Declared:
    """Every declared table by name; ``poses`` holds only the columns all ``poses/<skeleton>`` tables share."""
    return _Declared()


def _table(declared: dict[str, Any]) -> Table:
    columns = [Column(**{**c, "values": tuple(c.get("values", ()))}) for c in declared["column"]]
    for type_name, what in (("point", "points"), ("rotation", "segments")):
        for name, meaning in declared.get(what, {}).items():
            unit = "mm" if type_name == "point" else "quaternion w, x, y, z"
            columns.append(Column(name if type_name == "point" else f"{name}_rotation", type_name, unit, meaning))
    return Table(
        name=declared["name"],
        row=declared["row"],
        columns=tuple(columns),
        key=tuple(declared["key"]),
        partition=tuple(declared.get("partition", ())),
        per=declared.get("per", ""),
        derived=declared.get("derived", False),
    )


def table(name: str) -> Table:
    """The declaration of a table of the lake; ``poses/<skeleton>`` is declared by ``poses``."""
    first, _, rest = name.partition("/")
    declared = tables().get(first)
    if declared is None or bool(rest) != bool(declared.per):
        known = (f"{t.name}/<{t.per}>" if t.per else t.name for t in tables().values())
        raise LakeError(f"no table is named {name!r}; there are {', '.join(sorted(known))}")
    return declared


@cache
def single_tables() -> tuple[str, ...]:
    """Names of the tables that every lake has once; others exist per skeleton or are derived."""
    single = (head["name"] for head in tables().heads() if not head.get("per") and not head.get("derived"))
    return tuple(sorted(single, key=lambda n: (n != "trials", n)))


def table_of(path: str) -> str | None:
    """The table whose folder a path (relative to the root of a lake) is in; None if it is in none."""
    parts = path.split("/")
    declared = tables().get(parts[0])
    n = 0 if declared is None else 2 if declared.per else 1
    is_key = n == 1 or (n == 2 and KEY.fullmatch(parts[1]) is not None) if len(parts) > n else False
    return "/".join(parts[:n]) if n and is_key else None


def check_key(what: str, value: str, *, empty: bool = False) -> None:
    """Raise LakeError unless value can be a key (subject, session, trial, skeleton)."""
    if not (isinstance(value, str) and (KEY.fullmatch(value) or (empty and value == ""))):
        raise LakeError(
            f"{what} {value!r}: a key has up to 64 letters, digits, _ and -, and does not begin with _ or -"
        )


def check_metadata_names(names: Iterable[str]) -> None:
    """Raise LakeError unless each can be a column of trials or subjects beside the declared ones."""
    bad = [n for n in names if not _METADATA.fullmatch(n)]
    if bad:
        raise LakeError(
            f"columns {', '.join(map(repr, bad))}: the name of a metadata column has letters, digits and _ and does not begin with a digit"
        )


def point_array(values: Floats) -> pa.StructArray:
    """(n, 3) mm, NaN where missing → STRUCT(x, y, z) float32, NULL where any coordinate is NaN."""
    return _struct_array(values, "xyz")


def rotation_array(values: Floats) -> pa.StructArray:
    """(n, 4) unit quaternions w, x, y, z → STRUCT(w, x, y, z) float32, NULL where any part is NaN."""
    return _struct_array(values, "wxyz")


def components_of(column: pa.Array | pa.ChunkedArray) -> Floats:
    """(n, c) numbers of a STRUCT column (x, y, z or w, x, y, z), NaN where NULL: the inverse of :func:`point_array`."""
    import numpy as np
    import pyarrow as pa

    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.stack([part.to_numpy(zero_copy_only=False) for part in whole.flatten()], axis=1)


def _struct_array(values: Floats, names: str) -> pa.StructArray:
    import numpy as np
    import pyarrow as pa

    values = np.asarray(values, np.float32)
    if values.ndim != 2 or values.shape[1] != len(names):
        raise ValueError(f"expected (n, {len(names)}) for {', '.join(names)}, found {values.shape}")
    parts = [pa.array(np.ascontiguousarray(values[:, i])) for i in range(len(names))]
    return pa.StructArray.from_arrays(parts, names=list(names), mask=pa.array(np.isnan(values).any(axis=1)))


def conform(name: str, rows: pa.Table) -> tuple[pa.Table, list[str]]:
    """Bring rows to the declaration of a table, and say everything that is wrong with them.

    Declared columns come first, in order and in their types; optional ones that are absent stay absent. Further
    columns are kept in ``poses/<skeleton>`` (points, rotations, lists). Points and rotations with NaN become NULL.

    Returns
    -------
    rows : the table to write.
    problems : sentences that name column, row and what was expected; empty if all is well.
    """
    import pyarrow as pa

    declared = table(name)
    problems: list[str] = []
    names: list[str] = []
    columns: list[Any] = []
    given = dict(zip(rows.column_names, rows.columns, strict=True))
    for column in declared.columns:
        if column.name not in given:
            if not column.nullable:
                problems.append(f"{name}: the column {column.name} is missing")
            continue
        values = _one_chunk(given[column.name])
        try:
            wanted = arrow_type(column.type)
            is_coded = pa.types.is_dictionary(values.type) and values.type.value_type == wanted  # stored as its values
            values = values if is_coded or values.type == wanted else values.cast(wanted)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            problems.append(f"{name}.{column.name}: expected {column.type}, found {values.type} ({error})")
            continue
        values, wrong = _checked(values, column)
        problems += [f"{name}.{column.name}: {w}" for w in wrong]
        names.append(column.name)
        columns.append(values)
    known = {c.name for c in declared.columns}
    allowed = [arrow_type(t) for t in ("point", "rotation", "list<float32>")]
    for extra in (n for n in given if n not in known):
        values = _one_chunk(given[extra])
        if not declared.per or values.type not in allowed:
            problems.append(f"{name}.{extra}: {values.type} is not a column of this table")
            continue
        if not _JOINT.fullmatch(extra):
            problems.append(f"{name}: {extra!r} cannot name a column: use letters, digits, _ (skeleton.column_names)")
            continue
        values, wrong = _checked(values, Column(extra, ""))
        problems += [f"{name}.{extra}: {w}" for w in wrong]
        names.append(extra)
        columns.append(values)
    spelled: dict[str, list[str]] = {}
    for n in names:
        spelled.setdefault(n.lower(), []).append(n)
    twice = [n for group in spelled.values() if len(group) > 1 for n in group]
    if twice:
        problems.append(f"{name}: columns {', '.join(twice)} differ only in case")
    return pa.Table.from_arrays(columns, names=names), problems


def _one_chunk(column: Any) -> Any:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _checked(values: Any, column: Column) -> tuple[Any, list[str]]:
    """The values with NaN structs as NULL, and what is wrong with them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wrong = []
    if pa.types.is_struct(values.type):
        return _checked_struct(values)
    if not column.nullable and values.null_count:
        wrong.append(f"row {pc.index(values.is_null(), True).as_py()} is NULL; every row needs a value")
    is_number = pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    if is_number and len(values) > values.null_count:
        if pa.types.is_floating(values.type) and not column.nullable:
            is_finite = pc.is_finite(values)
            if not pc.all(is_finite).as_py():
                wrong.append(f"row {pc.index(is_finite, False).as_py()} is not a finite number")
        if column.minimum is not None and (low := pc.min(values)).as_py() < column.minimum:
            wrong.append(f"found {low}, the smallest allowed value is {column.minimum:g} {column.unit}".rstrip())
        if column.maximum is not None and (high := pc.max(values)).as_py() > column.maximum:
            wrong.append(f"found {high}, the largest allowed value is {column.maximum:g} {column.unit}".rstrip())
    if column.values:
        strange = set(pc.unique(values).to_pylist()) - {None, *column.values}
        if strange:
            names = ", ".join(sorted(map(repr, strange)))
            wrong.append(f"found {names}; allowed are {', '.join(column.values)}")
    return values, wrong


def _checked_struct(values: Any) -> tuple[Any, list[str]]:
    import numpy as np
    import pyarrow as pa

    parts = values.flatten()  # a NULL struct gives NULL children
    numbers = [p.to_numpy(zero_copy_only=False) for p in parts]
    with np.errstate(invalid="ignore", over="ignore"):
        if not values.null_count and all(np.isfinite(n.sum(dtype=np.float64)) for n in numbers):
            return values, []  # a sum is finite only if every number is
    null = values.is_null().to_numpy(zero_copy_only=False)
    missing = np.isnan(numbers[0])
    infinite = np.isinf(numbers[0])
    for n in numbers[1:]:
        missing |= np.isnan(n)
        infinite |= np.isinf(n)
    wrong = []
    if infinite.any():
        wrong.append(f"row {int(infinite.argmax())} is infinite; a missing value is NaN or NULL")
    if (missing & ~null).any():
        names = [values.type.field(i).name for i in range(values.type.num_fields)]
        values = pa.StructArray.from_arrays([pa.array(n) for n in numbers], names=names, mask=pa.array(missing))
    return values, wrong


def duckdb_type(type_: pa.DataType) -> str:
    """The DuckDB name of a column's Arrow type."""
    import pyarrow as pa

    if pa.types.is_struct(type_):
        fields = (type_.field(i) for i in range(type_.num_fields))
        return f"STRUCT({', '.join(f'{f.name} {duckdb_type(f.type)}' for f in fields)})"
    if pa.types.is_list(type_):
        return f"{duckdb_type(type_.value_type)}[]"
    if pa.types.is_map(type_):
        return f"MAP({duckdb_type(type_.key_type)}, {duckdb_type(type_.item_type)})"
    if pa.types.is_timestamp(type_):
        return "TIMESTAMP WITH TIME ZONE" if type_.tz else "TIMESTAMP"
    plain = {
        "string": "VARCHAR",
        "bool": "BOOLEAN",
        "int32": "INTEGER",
        "int64": "BIGINT",
        "float": "FLOAT",
        "double": "DOUBLE",
    }
    return plain[str(type_)]


def rows_table(name: str, rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Dicts → the Arrow table of trials, subjects or skeletons; unknown columns become text or double.

    Raises LakeError naming column, what was found and what was expected.
    """
    import pyarrow as pa

    declared = table(name)
    known = {c.name for c in declared.columns}
    further = list(dict.fromkeys(n for row in rows for n in row if n not in known))
    check_metadata_names(further)
    columns: dict[str, Any] = {}
    for column in declared.columns:
        try:
            columns[column.name] = pa.array([r.get(column.name) for r in rows], arrow_type(column.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise LakeError(f"{name}.{column.name}: expected {column.type}: {error}") from None
    conformed, problems = conform(name, pa.table(columns))
    if problems:
        raise LakeError("; ".join(problems))
    for extra in further:
        cells = [r.get(extra) for r in rows]
        if all(v is None or (isinstance(v, int | float) and not isinstance(v, bool)) for v in cells):
            values = pa.array([None if v is None else float(v) for v in cells], pa.float64())
        else:
            values = pa.array([None if v is None else str(v) for v in cells], pa.string())
        conformed = conformed.append_column(extra, values)
    return conformed
