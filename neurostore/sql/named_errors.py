"""Errors of DuckDB as errors of this package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from neurostore.errors import LakeError, NeurostoreError, UsageError

if TYPE_CHECKING:
    import duckdb


def named(error: duckdb.Error, path: str, hint: str = "") -> NeurostoreError:
    """UsageError with the hint if the query is wrong; otherwise LakeError, which names the lake."""
    import duckdb

    if isinstance(error, duckdb.ProgrammingError | duckdb.DataError | duckdb.NotSupportedError):
        return UsageError(f"{error}{hint}")
    return LakeError(f"{path}: {error}")


@contextmanager
def named_errors(path: str) -> Iterator[None]:
    """Raise the `named` error for each error of DuckDB. path : the lake."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise named(error, path) from error
