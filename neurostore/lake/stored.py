"""Files of a table as a version names them."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass

import pyarrow as pa

from neurostore.file_hash import Digest


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file that a table's version names. path is relative to the table; subject None if not partitioned."""

    path: str
    subject: str | None
    n_rows: int
    size: int
    modified_ms: int
    digest: Digest | None = None  # known if it has just been written

    @property
    def layout(self) -> str:
        """The mark of the file's columns: files of one mark have the same columns (see :func:`new_path`)."""
        return self.path.rsplit("/", 1)[-1].split("-", 1)[0]


@dataclass(frozen=True, slots=True)
class Stored:
    """A table at one version, as it is stored: its columns and its files."""

    version: int
    schema: pa.Schema
    files: tuple[DataFile, ...]


def new_path(schema: pa.Schema, subject: str | None) -> str:
    """A fresh file name: ``[subject=<S>/]<mark of the columns>-<uuid>.parquet``."""
    return path_of(mark_of(schema), subject)


def mark_of(schema: pa.Schema) -> str:
    """The mark of a file's columns, with which its name begins."""
    text = ";".join(f"{f.name}:{f.type}" for f in schema)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def path_of(mark: str, subject: str | None) -> str:
    """As `new_path`, of columns whose mark is known."""
    name = f"{mark}-{uuid.uuid4().hex}.parquet"
    return f"subject={subject}/{name}" if subject is not None else name
