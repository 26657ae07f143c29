"""The finished matrix of an earlier call, read row by row from its file, so that a larger matrix can reuse it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurostore.arrays import Floats, Ints
from neurostore.errors import NeurostoreError
from neurostore.matrix_names import sidecar


@dataclass(frozen=True)
class Earlier:
    """Distances that exist already.

    path : raw values from the byte `start` on: the square matrix of n rows, or the part of each row right of the diagonal.
    place : digest of an item → its row.
    """

    path: Path
    start: int
    n: int
    dtype: np.dtype[Any]
    is_condensed: bool
    place: dict[str, int]

    def row(self, i: int, columns: Ints) -> Floats:
        """Distances of row i to columns, in one read if they are to the right of the diagonal."""
        if len(columns) == 0:
            return np.zeros(0, self.dtype)
        if self.is_condensed and columns.min() <= i:  # the items were in another order then
            return np.array([self._read(min(i, j), max(i, j), 1)[0] if i != j else 0 for j in columns], self.dtype)
        first = int(columns.min())
        return self._read(i, first, int(columns.max()) + 1 - first)[columns - first]

    def _read(self, i: int, j: int, count: int) -> Floats:
        before = i * self.n - i * (i + 1) // 2 + j - i - 1 if self.is_condensed else i * self.n + j
        return np.fromfile(self.path, self.dtype, count, offset=self.start + before * self.dtype.itemsize)


def find(path: Path, side: str, recipe: str, dtype: np.dtype[Any], scratch: Path) -> Earlier | None:
    """The earlier matrix of one side in a .npy or .parquet file, if it was made by the same recipe.

    scratch : where the distances of a .parquet are laid out for reading.
    """
    if not path.is_file() or not sidecar(path).is_file() or path.suffix == ".csv":
        return None
    try:
        about = json.loads(sidecar(path).read_text(encoding="utf-8"))["provenance"]
        digests = about["digests"]
        is_of_several = isinstance(digests, dict)
        digests = digests[side] if is_of_several else digests
        if about["recipe"] != recipe or not digests:
            return None
        place = {digest: k for k, digest in enumerate(digests)}
        if path.suffix == ".npy":
            return _of_npy(path, place, dtype)
        return _of_parquet(path, side if is_of_several else None, place, dtype, scratch)
    except (NeurostoreError, ValueError, KeyError, OSError):
        return None  # another program's, or damaged: compute everything


def _of_npy(path: Path, place: dict[str, int], dtype: np.dtype[Any]) -> Earlier | None:
    values = np.load(path, mmap_mode="r")
    if values.shape != (len(place), len(place)) or values.dtype != dtype:
        return None
    return Earlier(path, values.offset, len(place), dtype, False, place)


def _of_parquet(
    path: Path, side: str | None, place: dict[str, int], dtype: np.dtype[Any], scratch: Path
) -> Earlier | None:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    n, n_read = len(place), 0
    with pq.ParquetFile(path) as file, scratch.open("wb") as out:
        columns = ["distance"] if side is None else ["distance", "side"]
        for batch in file.iter_batches(batch_size=1 << 18, columns=columns):
            if side is not None:
                batch = batch.filter(pc.equal(batch["side"], side))
            values = batch["distance"].to_numpy()
            if values.dtype != dtype:
                break
            n_read += len(values)
            out.write(values.tobytes())
    if n_read != n * (n - 1) // 2:
        return None
    return Earlier(scratch, 0, n, dtype, True, place)
