"""Names of the files of distance matrices."""

from __future__ import annotations

from pathlib import Path

SUFFIXES = (".parquet", ".npy", ".csv")


def sidecar(path: Path) -> Path:
    """Where the description of a matrix file is."""
    return path.with_name(path.name + ".json")
