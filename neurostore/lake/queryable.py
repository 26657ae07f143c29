"""The methods of a lake that statistics, distances, exports and reports use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from neurostore.lake.tables import TableState


class Queryable(Protocol):
    """A lake that is read and never written; :class:`neurostore.lake.version.Version` is one."""

    @property
    def path(self) -> str:
        """Its folder, or ``s3://bucket/prefix``."""

    @property
    def version(self) -> int:
        """The version that is shown."""

    def sql(self, query: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> pl.DataFrame:
        """The result of an SQL query, values bound."""

    def reads_results(self) -> bool:
        """Whether every view that a lake keeps is read from stored results."""


class Shown(Protocol):
    """A version of a lake as its views and results read it; a Version is one."""

    @property
    def path(self) -> str:
        """Its folder, or ``s3://bucket/prefix``."""

    @property
    def chosen(self) -> tuple[str, ...] | None:
        """The ingests of the trials that are selected; None for every trial."""

    @property
    def named_rows(self) -> dict[str, int]:
        """How many rows of each table the trials name."""

    def tables(self) -> tuple[str, ...]:
        """Names of the tables."""

    def table_state(self, name: str) -> TableState:
        """The files of a table."""

    def check(self, tables: Iterable[str]) -> None:
        """Raise DamagedLakeError if a file of these tables has other bytes than were written."""

    def ingests_by_session(self) -> dict[tuple[str, str], list[str]]:
        """(subject, session) -> the ingests of its trials that are shown."""

    def computed(self, sessions: Iterable[tuple[str, str]]) -> dict[str, pa.Table]:
        """The rows of the kept views of these sessions, computed."""
