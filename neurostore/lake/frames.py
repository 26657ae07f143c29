"""Rows of ``poses/<skeleton>`` and ``landmarks`` as arrays: what a worker has before there is a file.

A table of a hundred STRUCT columns costs more to build, check and encode column by column than to compute. So the
columns stay together in blocks, which are checked and written whole (:mod:`neurostore.lake.frame_encoder`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore import schema
from neurostore.arrays import Bools, Floats, Ints

if TYPE_CHECKING:
    import pyarrow as pa

#: (names of the scalars, then names and number of components of each block)
Layout = tuple[tuple[str, ...], tuple[tuple[tuple[str, ...], int], ...]]


@dataclass(frozen=True, slots=True)
class Block:
    """Points or rotations of one type.

    names : of the k columns. values : (k, c, n) float32, c = 3 (x, y, z in mm) or 4 (w, x, y, z); NaN in one component
    makes the value missing; the last axis is contiguous in memory.
    """

    names: tuple[str, ...]
    values: Floats
    is_whole: Bools = field(init=False)  # (k,) whether a column holds finite numbers only

    def __post_init__(self) -> None:
        with np.errstate(invalid="ignore", over="ignore"):  # a sum is finite only if every number is
            is_whole = np.isfinite(self.values.sum(axis=2)).all(axis=1)
        object.__setattr__(self, "is_whole", is_whole)


@dataclass(frozen=True, slots=True)
class Frames:
    """n rows without their keys.

    person, frame : (n,) int32. time_s : (n,) float64. scalars : name to (n,) float32, NaN where missing.
    """

    person: Ints
    frame: Ints
    time_s: Floats
    blocks: tuple[Block, ...]
    scalars: dict[str, Floats] = field(default_factory=dict)

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return len(self.frame)

    @property
    def layout(self) -> Layout:
        """Names of the columns: scalars, then blocks with their number of components."""
        return tuple(self.scalars), tuple((b.names, b.values.shape[1]) for b in self.blocks)

    def to_arrow(self) -> pa.Table:
        """The same rows as Arrow columns; what is missing is NULL."""
        import pyarrow as pa

        columns: dict[str, Any] = {
            "person": pa.array(np.asarray(self.person, np.int32)),
            "frame": pa.array(np.asarray(self.frame, np.int32)),
            "time_s": pa.array(np.asarray(self.time_s, np.float64)),
        }
        columns |= {name: pa.array(values, mask=np.isnan(values)) for name, values in self.scalars.items()}
        for block in self.blocks:
            columns |= struct_columns(block)
        return pa.table(columns)

    def is_as_declared(self, name: str) -> bool:
        """Whether the rows keep the declaration of a table; :func:`neurostore.schema.conform` says what is wrong."""
        declared = schema.table(name)
        if not self.num_rows or not _is_layout_declared(name, self.layout):
            return False
        if not np.isfinite(self.time_s).all() or int(self.person.min()) < 0 or int(self.frame.min()) < 0:
            return False
        limited = [c for c in declared.columns if c.name in self.scalars and (c.minimum, c.maximum) != (None, None)]
        for column in limited:
            values = self.scalars[column.name]
            low = -np.inf if column.minimum is None else column.minimum
            high = np.inf if column.maximum is None else column.maximum
            if ((values < low) | (values > high)).any():
                return False
        return not any(np.isinf(block.values[~block.is_whole]).any() for block in self.blocks)


def struct_columns(block: Block) -> dict[str, pa.StructArray]:
    """STRUCT columns of a block, over its own memory; NULL where a component is NaN."""
    import pyarrow as pa

    axes = list("xyz" if block.values.shape[1] == 3 else "wxyz")
    columns = {}
    for name, joint, is_whole in zip(block.names, block.values, block.is_whole, strict=True):
        mask = None if is_whole else pa.array(np.isnan(joint).any(axis=0))
        columns[name] = pa.StructArray.from_arrays([pa.array(axis) for axis in joint], names=axes, mask=mask)
    return columns


@lru_cache(maxsize=64)
def arrow_schema(layout: Layout) -> pa.Schema:
    """The schema of a file of such rows with their keys; the subject, which the folder's name says, is not among them."""
    import pyarrow as pa

    fields = [(n, pa.string()) for n in ("session", "trial", "ingest_id")]
    fields += [("person", pa.int32()), ("frame", pa.int32()), ("time_s", pa.float64())]
    fields += [(n, pa.float32()) for n in layout[0]]
    for names, n_parts in layout[1]:
        fields += [(n, schema.arrow_type("point" if n_parts == 3 else "rotation")) for n in names]
    return pa.schema(fields)


@lru_cache(maxsize=64)
def _is_layout_declared(name: str, layout: Layout) -> bool:
    """Whether ``conform`` finds nothing wrong with these columns, and would not bring them into another order."""
    import pyarrow as pa

    columns = {f.name: pa.nulls(1, f.type) for f in arrow_schema(layout)}
    keys = {n: pa.array(["S"]) for n in ("subject", "session", "trial", "ingest_id")}
    first = {"person": pa.array([0], pa.int32()), "frame": pa.array([0], pa.int32()), "time_s": pa.array([0.0])}
    rows, problems = schema.conform(name, pa.table({**keys, **columns, **keys, **first}))
    return not problems and rows.column_names[1:] == arrow_schema(layout).names
