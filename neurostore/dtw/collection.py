"""Series prepared for many searches: summaries of like series side by side."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from neurostore.arrays import Floats, Ints
from neurostore.dtw import _bounds
from neurostore.dtw._lanes import lane_count
from neurostore.dtw.options import check_band, radii, widened
from neurostore.dtw.series import Series, Tiles, pack_tiles, read_series, side_by_side
from neurostore.dtw.work import share_out

COARSE, FINE = 4, 16  # mean values per channel in the two summaries
SERIES_A_JOB = 2000


@dataclass(frozen=True)
class Summary:
    """Short descriptions of every series, for one pass of bounds.

    values : flat, value v of lane l of tile t at (t * size + v) * lanes + l: first and last sample, means of stretches
    and, if has_boxes, means of the lower and the upper edge of each series' own envelope. edges : of the stretches.
    """

    values: Floats
    size: int
    edges: Ints
    has_boxes: bool


class Collection:
    """Series prepared for many searches. Build once, pass to `nearest` or `search` in place of the series.

    Building takes about as long as a hundred searches by brute force, and half as much memory as the series.

    Parameters
    ----------
    xs : list of series, or an array (series, samples[, channels]).
    band, dtype : as for the other verbs; long series in float32 become float64.
    summarise : False builds nothing, for a few searches.
    """

    def __init__(self, xs: Any, *, band: float | None = None, dtype: Any = None, summarise: bool = True):
        self.band = band
        self.series: Series = widened(read_series(xs, dtype))
        self.largest = float(max(self.series.values.max(), -self.series.values.min()))
        self.lengths = np.unique(self.series.lengths)
        n, lanes = len(self.series), lane_count(self.series.values.dtype)
        self.radius = 0  # radius of the band between series of the collection
        self.summaries: tuple[Summary, Summary] | None = None
        self.order: Ints = np.argsort(self.series.lengths, kind="stable")
        m = int(self.lengths[0])
        if summarise and len(self.lengths) == 1 and m >= FINE + 2:
            own = np.array([m])
            self.radius = int(radii(m, own, *check_band(band, own, own))[0])
            coarse, fine = self._described(m, COARSE, False), self._described(m, FINE, True)
            self.order = similar_together(fine[:, : (2 + FINE) * self.series.channels], lanes)
            edges = [np.linspace(1, m - 1, stretches + 1).round().astype(np.int64) for stretches in (COARSE, FINE)]
            self.summaries = (self._packed(coarse, edges[0], False), self._packed(fine, edges[1], True))
        self.members = side_by_side(self.order, lanes)
        self.n_members = np.full(len(self.members), lanes)
        self.n_members[0] = n - lanes * (len(self.members) - 1)

    @cached_property
    def tiles(self) -> Tiles:
        """The series side by side; only brute force needs them."""
        return pack_tiles(self.series, self.order)

    def _described(self, m: int, stretches: int, boxes: bool) -> Floats:
        """(series, values) summaries."""
        series = self.series
        edges = np.linspace(1, m - 1, stretches + 1).round().astype(np.int64)
        out = np.empty((len(series), (2 + stretches * (3 if boxes else 1)) * series.channels), series.values.dtype)

        def work(first: int) -> None:
            some = np.arange(first, min(len(series), first + SERIES_A_JOB))
            _bounds.summarise(
                series.values,
                series.starts,
                some,
                m,
                series.channels,
                self.radius,
                edges,
                boxes,
                out[some[0] : some[-1] + 1],
            )

        share_out(work, range(0, len(series), SERIES_A_JOB))
        return out

    def _packed(self, described: Floats, edges: Ints, boxes: bool) -> Summary:
        # -1 takes any series; these lanes are masked later
        members = side_by_side(self.order, lane_count(described.dtype))
        return Summary(
            np.ascontiguousarray(described[members].transpose(0, 2, 1)).reshape(-1), described.shape[1], edges, boxes
        )


def similar_together(points: Floats, size: int) -> Ints:
    """Order of points (n, values) in which each run of `size` holds similar ones, the first run being the one not full.

    Halves at the median of the value that varies most, down to runs (a balanced k-d tree; Bentley 1975).
    """
    n = len(points)
    order = np.arange(n)
    first = n % size or size
    pending = [(0, n)]
    while pending:
        start, stop = pending.pop()
        runs = -(-(stop - start) // size)
        if runs < 2:
            continue
        part = order[start:stop]
        sample = points[part[:: max(1, len(part) // 500)]]
        axis = int(sample.var(axis=0).argmax())
        middle = (first if start == 0 else size) + (runs // 2 - 1) * size  # only whole runs to the left of the middle
        order[start:stop] = part[np.argpartition(points[part, axis], middle)]
        pending += [(start, start + middle), (start + middle, stop)]
    return order
