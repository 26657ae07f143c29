"""The points of a C3D file, straight from its frames: float32 arrays, whatever the processor, storage and length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neurostore.arrays import Array, Floats
from neurostore.errors import InputError
from neurostore.ingest.readers.c3d.layout import Layout
from neurostore.ingest.readers.c3d.parameters import from_vax

CHUNK_BYTES = 16 << 20


def read_points(path: Path, layout: Layout, points: Sequence[int], *, uses_residuals: bool = True) -> Floats:
    """Positions of some points in the file's units and axes.

    A sample is missing (NaN) where its residual is negative, where x, y and z are all zero, or where one is NaN. Infinite
    values stay.

    Parameters
    ----------
    points : indices of the points wanted. uses_residuals : False to keep samples whose residual is negative.

    Returns
    -------
    (n_frames, len(points), 3) float32
    """
    index = np.asarray(points, dtype=np.intp)
    out = np.empty((layout.n_frames, len(index), 3), dtype=np.float32)
    frame = np.dtype(
        {
            "names": ["points"],
            "formats": [(f"V{4 * layout.word}", (layout.n_points,))],
            "itemsize": layout.frame_bytes,
        }
    )
    step = max(1, CHUNK_BYTES // layout.frame_bytes)
    with path.open("rb") as file:
        file.seek(layout.data_offset)
        for start in range(0, layout.n_frames, step):
            n = min(step, layout.n_frames - start)
            block = file.read(n * layout.frame_bytes)
            if len(block) != n * layout.frame_bytes:
                raise InputError(
                    path,
                    f"ended at frame {start + len(block) // layout.frame_bytes} while it was read; "
                    "it is truncated or is still being written",
                )
            samples = np.take(np.frombuffer(block, frame)["points"], index, axis=1)
            out[start : start + n] = _decode(samples.view(np.uint8).reshape(n, len(index), -1), layout, uses_residuals)
    return out


def _decode(samples: Array, layout: Layout, uses_residuals: bool) -> Floats:
    """(n, J, 16 or 8) bytes to (n, J, 3) float32 with NaN where missing."""
    order = ">" if layout.processor == "mips" else "<"
    if layout.word == 2:
        whole = samples.view(f"{order}i2")
        with np.errstate(over="ignore"):
            values = whole[..., :3].astype(np.float32) * np.float32(layout.scale)
        residual = whole[..., 3]
    else:
        if layout.processor == "dec":
            real = from_vax(samples.view("<u4"))
        else:
            real = samples.view(f"{order}f4").astype(np.float32, copy=False)
        values, residual = real[..., :3].copy(), real[..., 3]
    x, y, z = values[..., 0], values[..., 1], values[..., 2]  # reducing axes of three is slow
    with np.errstate(invalid="ignore"):
        is_missing = (x == 0) & (y == 0) & (z == 0) | np.isnan(x) | np.isnan(y) | np.isnan(z)
        if uses_residuals:
            is_missing |= residual < 0
    values[is_missing] = np.nan
    return values
