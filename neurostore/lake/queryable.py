"""The methods of a lake that statistics, distances, exports and reports use."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

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


class Computing(Protocol):
    """Rows of kept views that are computed when they are asked for."""

    def rows(
        self, view: str, sessions: Iterable[tuple[str, str]], with_views: Collection[str]
    ) -> dict[tuple[str, str], pa.Table]:
        """The rows of a view by session. with_views : views that the query reads too."""


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

    def trials_table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of ``trials``."""

    def naming_vanished(self) -> AbstractContextManager[None]:
        """What names the error if files were deleted while they were read."""

    def ingests_by_session(self) -> dict[tuple[str, str], list[str]]:
        """(subject, session) -> the ingests of its trials that are shown."""

    @property
    def computed(self) -> Computing:
        """The rows of kept views in sessions whose results are stale."""
