"""A file in the storage of a lake."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file below the root. path is relative to the folder listed; modified_s by the clock of the store."""

    path: str
    size: int
    modified_s: float
