"""Pairs of series for the kernels: cut into jobs, shared among threads, results checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurostore.arrays import Bools, Floats, Ints
from neurostore.dtw import _kernels
from neurostore.dtw._lanes import lane_count
from neurostore.dtw.series import Series, Tiles
from neurostore.dtw.work import share_out
from neurostore.errors import SeriesError

# cells times channels, about 10 ms: small enough to balance the load, large enough to hide the overhead
WORK_PER_JOB = 400_000_000


def wasted(n: int, series: Series) -> float:
    """Lanes computed per lane needed if n series are packed in tiles."""
    width = lane_count(series.values.dtype)
    return -(-n // width) * width / n


def tile_jobs(series: Series, rows: Ints, tiles: Tiles, t: int) -> list[tuple[int, Ints]]:
    """Rows against one tile, in jobs of about WORK_PER_JOB."""
    cells = int(series.lengths[rows].sum()) * int(tiles.lengths[t].max()) * tiles.members.shape[1]
    pieces = max(1, min(len(rows), cells * series.channels // WORK_PER_JOB))
    return [(t, piece) for piece in np.array_split(rows, pieces) if len(piece)]


def compare_tiles(
    series: Series,
    tiles: Tiles,
    jobs: list[tuple[int, Ints]],
    samples: int,
    fraction: float,
    is_one_set: bool,
    out: Floats,
    n_threads: int | None,
) -> None:
    """Distances of the rows of each job to the lanes of its tile, into out; is_one_set writes them both ways."""
    limits = np.full(len(series), np.inf)

    def work(job: tuple[int, Ints]) -> None:
        t, rows = job
        _kernels.rows_against_tile(
            series.values,
            series.starts,
            series.lengths,
            rows,
            tiles.values,
            tiles.starts[t],
            tiles.members[t],
            tiles.lengths[t],
            series.channels,
            samples,
            fraction,
            limits,
            is_one_set,
            out,
        )

    share_out(work, jobs, n_threads)


def compare_listed(
    first: Series,
    i: Ints,
    second: Series,
    j: Ints,
    samples: int,
    fraction: float,
    is_counted: bool,
    n_threads: int | None,
    metric: str = "euclidean",
) -> Floats:
    """Distances of pairs (i[k], j[k]), those of like lengths side by side."""
    order = np.lexsort((second.lengths[j], first.lengths[i]))
    i, j = i[order], j[order]
    sorted_result = np.empty(len(i), first.values.dtype)
    width = lane_count(first.values.dtype)
    work_per_tile = int(first.lengths.max() * second.lengths.max()) * first.channels * width
    step = max(1, WORK_PER_JOB // work_per_tile) * width

    circular = () if metric == "euclidean" else (metric == "so3",)
    run = _kernels.circular_pairs if circular else _kernels.pairs

    def work(k: int) -> None:
        part = slice(k, k + step)
        run(
            first.values,
            first.starts,
            first.lengths,
            i[part],
            second.values,
            second.starts,
            second.lengths,
            j[part],
            first.channels,
            samples,
            fraction,
            *circular,
            is_counted,
            sorted_result[part],
        )

    share_out(work, range(0, len(i), step), n_threads)
    result = np.empty_like(sorted_result)
    result[order] = sorted_result
    return result


def finished(result: Floats, dtype: np.dtype[Any], rows_missing: Bools, columns_missing: Bools) -> Floats:
    """The result as dtype, NaN for series that hold NaN; an error where a distance is infinite."""
    with np.errstate(over="ignore"):
        result = result.astype(dtype, copy=False)
    if not np.isfinite(result).all():
        wider = "float64" if dtype == np.float32 else "smaller units"
        raise SeriesError(f"a distance is too large for {dtype}; use {wider}")
    result[rows_missing, :] = np.nan
    result[:, columns_missing] = np.nan
    return result
