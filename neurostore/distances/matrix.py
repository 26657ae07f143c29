"""DistanceMatrix: a square of distances with its labels and provenance, and its files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError, UsageError
from neurostore.matrix_names import SUFFIXES, sidecar
from neurostore.storage import temporary

if TYPE_CHECKING:
    import polars as pl

KEYS = ("subject", "session", "trial", "person", "cycle", "side", "body_side", "group")
ROWS_AT_ONCE = 250_000  # rows of the long form that are written at once
Rows = Callable[[int, int], Floats]


@dataclass(frozen=True)
class DistanceMatrix:
    """Distances of n items to each other.

    Attributes
    ----------
    values : (n, n) symmetric array with a zero diagonal; may be a memory map.
    labels : polars.DataFrame, n rows: subject, session, trial, person, cycle, side, body_side (where side is affected or
        unaffected) and group, as far as they apply.
    unit : of the values: deg, mm …; empty if none.
    provenance : lake, its version, every option, software version, what was left out and why.
    """

    values: Floats
    labels: pl.DataFrame
    unit: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = self.labels.height
        if self.values.shape != (n, n):
            raise UsageError(f"{self.values.shape} values do not fit {n} labels")

    def __len__(self) -> int:
        return self.labels.height

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Floats:
        return np.array(self.values, dtype=dtype) if copy else np.asarray(self.values, dtype=dtype)

    def names(self) -> list[str]:
        """One text per item: subject/session/trial/cycle/side, empty ones left out."""
        return names_of(self.labels)

    def condensed(self) -> Floats:
        """(n (n - 1) / 2,) distances of pairs i < j, as scipy.cluster.hierarchy takes them."""
        n = len(self)
        out = np.empty(n * (n - 1) // 2, self.values.dtype)
        start = 0
        for i in range(n - 1):
            out[start : start + n - 1 - i] = self.values[i, i + 1 :]
            start += n - 1 - i
        return out

    def to_polars(self) -> pl.DataFrame:
        """Long: one row per pair i < j, its labels with _a and _b (side once), and distance."""
        import polars as pl

        return pl.concat(list(long_frames(self.labels, self._rows)))

    def write(self, path: Path | str) -> Path:
        """Write .parquet (long), .npy (square) or .csv (square, with names); path + '.json' describes it.

        Raises
        ------
        UsageError : another suffix.
        """
        path = Path(path)
        check_suffix(path)
        with temporary.replacing(path) as work:
            if path.suffix == ".npy":
                with work.open("wb") as file:
                    np.save(file, np.asarray(self.values))
            elif path.suffix == ".csv":
                square_csv(work, self.labels, self._rows)
            else:
                about = {"unit": self.unit, "provenance": self.provenance}
                long_parquet(work, [(self.labels, self._rows)], about)
            sidecar(path).unlink(missing_ok=True)  # a description that exists always belongs to the file beside it
        write_sidecar(path, self.labels, self.unit, self.provenance)
        return path

    @classmethod
    def read(cls, path: Path | str, side: str | None = None) -> DistanceMatrix:
        """Read what `write` or `neurostore distances` wrote; .npy comes as a memory map.

        side : which matrix of a long file that holds both sides.
        """
        import polars as pl

        path = Path(path)
        check_suffix(path)
        labels, unit, provenance = read_sidecar(path)
        sides = labels["side"].unique().sort().to_list() if "side" in labels.columns else []
        if side is not None or len(sides) > 1:
            if side not in sides:
                raise UsageError(f"{path.name} holds the sides {', '.join(map(str, sides))}; side is {side!r}")
            labels = labels.filter(pl.col("side") == side)
        n = labels.height
        if path.suffix == ".npy":
            values = np.load(path, mmap_mode="r")
        elif path.suffix == ".csv":
            values = pl.read_csv(path).drop("item").to_numpy()
        else:
            import pyarrow.parquet as pq

            only = [("side", "=", side)] if side else None
            condensed = pq.read_table(path, columns=["distance"], filters=only)["distance"].to_numpy()
            values = np.zeros((n, n), condensed.dtype)
            start = 0
            for i in range(n - 1):
                values[i, i + 1 :] = values[i + 1 :, i] = condensed[start : start + n - 1 - i]
                start += n - 1 - i
        return cls(values, labels, unit, provenance)

    def _rows(self, first: int, last: int) -> Floats:
        return np.asarray(self.values[first:last])


def labels_frame(labels: list[dict[str, Any]]) -> pl.DataFrame:
    """Labels as a frame; group is text, NULL where not known."""
    import polars as pl

    return pl.DataFrame(labels, infer_schema_length=None).with_columns(pl.col("group").cast(pl.String))


def names_of(labels: pl.DataFrame) -> list[str]:
    """One text per label: subject/session/trial/cycle/side, empty ones left out."""
    parts = [labels[k].to_list() for k in KEYS[:-1] if k in labels.columns and k != "person"]
    return ["/".join(str(x) for x in row if x not in (None, "")) for row in zip(*parts, strict=True)]


def long_frames(labels: pl.DataFrame, rows: Rows) -> Iterator[pl.DataFrame]:
    """One row per pair i < j, its labels with _a and _b (side once), and distance: about ROWS_AT_ONCE rows at a time.

    rows : (first, last) to rows first … last - 1 of the square.
    """
    import polars as pl

    n = labels.height
    both = [c for c in labels.columns if c != "side"]
    step = max(1, ROWS_AT_ONCE // n)
    for first in range(0, max(1, n - 1), step):
        last = min(n - 1, first + step)
        counts = n - 1 - np.arange(first, last)
        a = np.repeat(np.arange(first, last), counts)
        b = np.concatenate([np.arange(i + 1, n) for i in range(first, last)] or [np.zeros(0, np.int64)])
        frame = {f"{c}_a": labels[c].gather(a) for c in both} | {f"{c}_b": labels[c].gather(b) for c in both}
        if "side" in labels.columns:
            frame["side"] = labels["side"].gather(a)
        yield pl.DataFrame(frame).with_columns(distance=pl.Series(rows(first, last)[a - first, b]))


def long_parquet(path: Path, sides: list[tuple[pl.DataFrame, Rows]], about: dict[str, Any]) -> None:
    """One long Parquet file of the (labels, rows) of each side; `about` goes into the schema's metadata."""
    import pyarrow.parquet as pq

    writer = None
    try:
        for labels, rows in sides:
            for part in long_frames(labels, rows):
                table = part.to_arrow()
                if writer is None:
                    table = table.replace_schema_metadata({"neurostore": json.dumps(about, default=str)})
                    writer = pq.ParquetWriter(path, table.schema, compression="zstd")
                writer.write_table(table.cast(writer.schema))
    finally:
        if writer is not None:
            writer.close()


def square_csv(path: Path, labels: pl.DataFrame, rows: Rows) -> None:
    """A square with the names of its items as header and first column."""
    import csv

    names = names_of(labels)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["item", *names])
        for i, name in enumerate(names):
            writer.writerow([name, *(repr(float(x)) for x in rows(i, i + 1)[0])])


def check_suffix(path: Path) -> None:
    """Raise UsageError unless the suffix is one that matrices are written in."""
    if path.suffix not in SUFFIXES:
        suffix = path.suffix or "no suffix"
        raise UsageError(f"{path.name}: distances are written as {', '.join(SUFFIXES)}, not {suffix!r}")


def write_sidecar(path: Path, labels: pl.DataFrame, unit: str, provenance: dict[str, Any]) -> None:
    """Write the description of a matrix file."""
    about = {"unit": unit, "labels": labels.to_dict(as_series=False), "provenance": provenance}
    with temporary.replacing(sidecar(path)) as work:
        work.write_text(json.dumps(about, default=str, indent=1), encoding="utf-8")


def read_sidecar(path: Path) -> tuple[pl.DataFrame, str, dict[str, Any]]:
    """(labels, unit, provenance) of a matrix file.

    Raises
    ------
    InputError : there is none, or it cannot be read.
    """
    import polars as pl

    try:
        about = json.loads(sidecar(path).read_text(encoding="utf-8"))
        return pl.DataFrame(about["labels"], infer_schema_length=None), about["unit"], about["provenance"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(path, f"its description {sidecar(path).name} cannot be read: {error}") from None
