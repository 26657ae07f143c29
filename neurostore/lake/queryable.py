"""What statistics, distances, exports and reports ask of a lake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import polars as pl


class Queryable(Protocol):
    """A lake that is asked and never written; :class:`neurostore.lake.version.Version` is one."""

    @property
    def path(self) -> str:
        """Its folder, or ``s3://bucket/prefix``."""

    @property
    def version(self) -> int:
        """The version that is shown."""

    def sql(self, query: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> pl.DataFrame:
        """The result of an SQL query, values bound."""
