"""The tables of one lake version as SQL and as polars LazyFrames, over exactly the files that version names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from neurostore import storage
from neurostore.errors import DamagedLakeError, LakeError, VanishedVersionError
from neurostore.lake.delta import DataFile
from neurostore.schema import duckdb_type
from neurostore.sql.views import literal, quote
from neurostore.storage import s3

if TYPE_CHECKING:
    import duckdb
    import polars as pl

MOST_LAYOUTS = 16  # with more layouts than this, one scan by name is planned faster than a union
# The other tables ask this table which of their rows are live. They cannot ask the view trials: if one of its metadata
# columns is named like the argument of a table macro, such as motion, DuckDB calls the name ambiguous inside that macro.
LIVE = "TABLE IF NOT EXISTS _live_trials AS SELECT ingest_id FROM trials"
GLOB = str.maketrans({"[": "[[]", "*": "[*]", "?": "[?]"})


@dataclass(frozen=True, slots=True)
class TableState:
    """A table as one lake version sees it.

    is_dirty : some stored rows belong to replaced or unfinished trials, so that readers must ask ``trials``.
    newer : columns of ``schema`` that were declared after this version was written; NULL in every row.
    """

    root: str
    name: str
    version: int
    schema: pa.Schema
    files: tuple[DataFile, ...]
    is_dirty: bool
    newer: tuple[str, ...] = ()

    @property
    def sql_name(self) -> str:
        """Name of the table in SQL."""
        return sql_name(self.name)

    def path(self, file: DataFile) -> str:
        """Full path of one of its files."""
        return storage.join(self.root, self.name, file.path)

    def layouts(self) -> list[tuple[tuple[str, ...], list[DataFile]]]:
        """Files grouped by their columns: [(names of the columns in them, files)]."""
        groups: dict[str, list[DataFile]] = {}
        for file in self.files:
            groups.setdefault(file.layout, []).append(file)
        return [(_columns(self.path(files[0])), files) for files in groups.values()]


def sql_name(table: str) -> str:
    """The name a table has in SQL: ``poses/cmu_31`` is ``poses_cmu_31``."""
    return table.replace("/", "_", 1)


def _columns(path: str) -> tuple[str, ...]:
    try:
        with storage.open_parquet(path) as file:
            return tuple(file.schema_arrow.names)
    except FileNotFoundError:
        raise VanishedVersionError(f"{path}: the file was vacuumed; open a newer version of the lake") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise DamagedLakeError(f"{path}: cannot be read as Parquet ({error})") from None


def register(
    connection: duckdb.DuckDBPyConnection, states: Sequence[TableState], chosen: Sequence[str] | None = None
) -> None:
    """Make the tables views of a connection. A table that DuckDB cannot read by itself is given to it as an Arrow dataset.

    chosen : the ingest_ids of the trials to show; None shows every trial.
    """
    prepare(connection, chosen)
    for state in states:
        create(connection, state, is_selection=chosen is not None)


def prepare(connection: duckdb.DuckDBPyConnection, chosen: Sequence[str] | None = None) -> None:
    """Ready a new connection for :func:`create`. chosen : as in :func:`register`."""
    if chosen is not None:
        connection.execute("CREATE TABLE _live_trials AS SELECT unnest($ids) AS ingest_id", {"ids": list(chosen)})


def create(connection: duckdb.DuckDBPyConnection, state: TableState, *, is_selection: bool = False) -> None:
    """Make one table a view of the connection; ``trials`` before those of which not every row is live.

    is_selection : whether :func:`prepare` was given the trials to show.
    """
    if is_selection and _is_keyed(state):
        state = replace(state, is_dirty=True)
    select = select_of(connection, state)
    if state.is_dirty:
        connection.execute(f"CREATE {LIVE}")
    name = "_every_trial" if is_selection and state.name == "trials" else state.sql_name
    connection.execute(f"CREATE VIEW {quote(name)} AS\n{select}")
    if name == "_every_trial":
        connection.execute("CREATE VIEW trials AS FROM _every_trial SEMI JOIN _live_trials USING (ingest_id)")


def select_of(connection: duckdb.DuckDBPyConnection, state: TableState) -> str:
    """The SELECT that is a table on this connection."""
    if not (state.files and storage.is_remote(state.root)) or _reads_s3(connection):
        return relation(state)
    stored = f"_stored_{state.sql_name}"
    connection.register(stored, arrow_dataset(state))
    return _live(state, f"SELECT * FROM {quote(stored)}")


def _reads_s3(connection: duckdb.DuckDBPyConnection) -> bool:
    """Load DuckDB's httpfs where it is installed, and give it boto3's settings of the store."""
    import duckdb

    try:
        connection.execute("LOAD httpfs")
    except duckdb.Error:
        return False
    endpoint, region, credentials = s3.settings()
    content = {"REGION": region}
    if credentials is not None:
        content |= {"KEY_ID": credentials.access_key, "SECRET": credentials.secret_key}
        content |= {"SESSION_TOKEN": credentials.token} if credentials.token else {}
    scheme, _, host = endpoint.partition("://")
    if not host.endswith("amazonaws.com"):
        content |= {"ENDPOINT": host, "URL_STYLE": "path", "USE_SSL": str(scheme == "https").lower()}
    options = ", ".join(f"{name} {literal(value)}" for name, value in content.items())
    connection.execute(f"CREATE OR REPLACE SECRET neurostore (TYPE s3, {options})")
    return True


def require_s3(connection: duckdb.DuckDBPyConnection) -> None:
    """Raise LakeError unless DuckDB can read an object store by itself: what a catalogue of its views needs."""
    if not _reads_s3(connection):
        raise LakeError(
            "a catalogue of a lake on S3 is read with DuckDB's httpfs extension, which is not installed here: run "
            "`INSTALL httpfs` in DuckDB where there is a network"
        )


def arrow_dataset(state: TableState) -> Any:
    """The stored files as a pyarrow dataset, which opens only the files and columns that a query's filters leave.

    A column that a file lacks is NULL. Nothing is read until it is scanned.
    """
    import pyarrow.dataset as ds

    files = state.files
    is_split = files[0].subject is not None
    return ds.FileSystemDataset.from_paths(
        ["/".join(s3.split(state.path(f))) for f in files],
        schema=state.schema,
        format=ds.ParquetFileFormat(
            default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
        ),
        filesystem=s3.filesystem(),
        partitions=[ds.field("subject") == f.subject for f in files] if is_split else None,
    )


def relation(state: TableState) -> str:
    """The SELECT that is this table: the files of its version, every declared column, live rows alone."""
    layouts = state.layouts()
    if len(layouts) > MOST_LAYOUTS:
        names = {n.lower(): n for columns, _ in layouts for n in columns}
        layouts = [(tuple(names.values()), [f for _, files in layouts for f in files])]
        parts = [_scan(state, *layouts[0], by_name=True)]
    else:
        parts = [_scan(state, columns, files) for columns, files in layouts]
    if not parts:
        nulls = ", ".join(f"NULL::{duckdb_type(f.type)} AS {quote(f.name)}" for f in state.schema)
        return f"SELECT {nulls} WHERE false"
    return _live(state, "\nUNION ALL\n".join(parts))


def _is_keyed(state: TableState) -> bool:
    """Whether rows belong to one trial's ingest, but for those of ``trials`` itself."""
    return "ingest_id" in state.schema.names and state.name != "trials"


def _live(state: TableState, select: str) -> str:
    if not state.is_dirty:
        return select
    return f"SELECT * FROM (\n{select}\n) AS stored WHERE ingest_id IN (SELECT ingest_id FROM _live_trials)"


def _scan(state: TableState, columns: Sequence[str], files: Sequence[DataFile], *, by_name: bool = False) -> str:
    have = {c.lower() for c in columns}
    hive = ""
    if files[0].subject is not None:
        have.add("subject")
        hive = ", hive_partitioning = true, hive_types = {'subject': VARCHAR}"
    chosen = ", ".join(
        quote(f.name) if f.name.lower() in have else f"NULL::{duckdb_type(f.type)} AS {quote(f.name)}"
        for f in state.schema
    )
    paths = ", ".join(literal(state.path(f).translate(GLOB)) for f in files)
    union = ", union_by_name = true" if by_name else ""
    return f"SELECT {chosen} FROM read_parquet([{paths}]{hive or ', hive_partitioning = false'}{union})"


def delta_relation(state: TableState) -> str:
    """The SELECT for DuckDB clients with the delta extension: the newest version, live rows alone."""
    nulls = "".join(f", NULL::{duckdb_type(state.schema.field(n).type)} AS {quote(n)}" for n in state.newer)
    scan = f"SELECT *{nulls} FROM delta_scan({literal(storage.join(state.root, state.name))})"
    return scan + (" WHERE ingest_id IN (SELECT ingest_id FROM trials)" if _is_keyed(state) else "")


def lazy_frame(state: TableState, live: Sequence[str], is_selection: bool = False) -> pl.LazyFrame:
    """The table as a polars LazyFrame. live : the ingest_ids that trials names, used where the table is dirty."""
    import polars as pl

    empty = pl.DataFrame(pl.from_arrow(state.schema.empty_table()))
    frames = [empty.lazy()]
    for _, files in state.layouts():
        partitioned = files[0].subject is not None
        frames.append(
            pl.scan_parquet(
                [state.path(f) for f in files],
                glob=False,
                hive_partitioning=partitioned,
                hive_schema={"subject": pl.String} if partitioned else None,
            )
        )
    frame = pl.concat(frames, how="diagonal").select(empty.columns)
    if state.is_dirty or (is_selection and "ingest_id" in state.schema.names):
        named = pl.LazyFrame({"ingest_id": list(live)}, schema={"ingest_id": pl.String})
        frame = frame.join(named, on="ingest_id", how="semi")
    return frame
