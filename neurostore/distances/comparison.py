"""How series are compared after reading: square matrices and blocks of distances, cycles reduced to trials, whitening."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurostore import dtw
from neurostore.arrays import Floats, Ints
from neurostore.distances.choice import Choice
from neurostore.dtw.distance import circular_cross
from neurostore.errors import MissingExtraError, UsageError
from neurostore.release import how_to_install

ITEMS_A_CHANNEL = 2  # a covariance needs at least this many items per channel, and 10 in all


@dataclass(frozen=True)
class Comparison:
    """How items are compared; fields as those of `Choice`."""

    metric: str
    band: float | None
    normalize: str
    dtype: str
    pairing: str | None
    reduce: str
    is_per_joint: bool
    n_threads: int | None = None
    backend: str = "numba"

    @classmethod
    def of(cls, choice: Choice) -> Comparison:
        """The comparison that a choice of options describes."""
        return cls(
            metric=str(choice.metric),
            band=choice.band,
            normalize=choice.normalize,
            dtype=choice.dtype,
            pairing=choice.pairing,
            reduce=choice.reduce,
            is_per_joint=choice.representation == "per_joint",
            n_threads=choice.n_threads,
            backend=choice.backend,
        )


@dataclass(frozen=True)
class Part:
    """What is compared on one side: rows of the matrix, their labels, and the series of each row.

    series : every item's series; members : for each row the indices of its series (one, unless rows are reduced).
    """

    labels: list[dict[str, Any]]
    series: list[Floats]
    members: list[Ints]
    unit: str
    left_out: dict[str, str]
    notes: list[str]


def square(part: Part, comparison: Comparison) -> Floats:
    """(n, n) distances of all rows of one side."""
    n = len(part.labels)
    is_plain = comparison.metric in ("euclidean", "mahalanobis") and not comparison.is_per_joint
    if is_plain and comparison.pairing is None:
        return dtw.pairwise(
            part.series,
            band=comparison.band,
            dtype=comparison.dtype,
            normalize=comparison.normalize,
            n_threads=comparison.n_threads,
            backend=comparison.backend,
        )
    result = np.zeros((n, n), comparison.dtype)
    step = 64
    for first in range(0, n, step):
        rows, columns = np.arange(first, min(n, first + step)), np.arange(first, n)
        block = between(part, comparison, rows, columns)
        result[np.ix_(rows, columns)] = block
        result[np.ix_(columns, rows)] = block.T
    upper = np.triu(result, 1)  # within a block, the first series is the one with the smaller index
    return upper + upper.T


def between(part: Part, comparison: Comparison, rows: Ints, columns: Ints) -> Floats:
    """(rows, columns) distances of some rows of one side to others; that of a row to itself is not promised to be 0."""
    if comparison.pairing is None:
        first = [part.series[part.members[i][0]] for i in rows]
        second = [part.series[part.members[j][0]] for j in columns]
        return _cross(first, second, comparison)
    row_members, column_members = [part.members[i] for i in rows], [part.members[j] for j in columns]
    first = [part.series[k] for members in row_members for k in members]
    second = [part.series[k] for members in column_members for k in members]
    table = _cross(first, second, comparison).astype(np.float64)
    n_rows, n_columns = [len(m) for m in row_members], [len(m) for m in column_members]
    i0, j0 = np.cumsum([0, *n_rows[:-1]]), np.cumsum([0, *n_columns[:-1]])
    if comparison.pairing == "all":
        total = np.add.reduceat(np.add.reduceat(table, i0, axis=0), j0, axis=1)
        count = np.outer(n_rows, n_columns)
    else:
        total = np.zeros((len(rows), len(columns)))
        count = np.minimum.outer(n_rows, n_columns)
        for nth in range(count.max()):
            has = nth < count
            i, j = np.minimum(nth, np.array(n_rows) - 1), np.minimum(nth, np.array(n_columns) - 1)
            total += np.where(has, table[np.ix_(i0 + i, j0 + j)], 0.0)
    return (total / count if comparison.reduce == "mean" else total).astype(comparison.dtype)


def whiten(compared: dict[str, Part], reference: str | None) -> None:
    """Transform series so that Euclidean distance is Mahalanobis distance to a reference group, for each side separately.

    The covariance is that of the group's departures from its mean curve (series of one length) or mean sample, with the
    shrinkage of Ledoit and Wolf (2004, doi:10.1016/S0047-259X(03)00096-4).
    """
    try:
        from sklearn.covariance import LedoitWolf
    except ImportError:
        raise MissingExtraError(f"metric='mahalanobis' needs scikit-learn: {how_to_install('report')}") from None
    for name, part in compared.items():
        groups = [label.get("group") for label in part.labels]
        if reference is None or reference not in groups:
            known = ", ".join(sorted({g for g in groups if g})) or "none"
            raise UsageError(
                f"metric='mahalanobis' needs reference=…, a group of subjects; found {reference!r}, there are: {known}"
            )
        own = [part.series[k] for g, m in zip(groups, part.members, strict=True) if g == reference for k in m]
        channels = own[0].shape[1]
        needed = max(10, ITEMS_A_CHANNEL * channels)
        if len(own) < needed:
            raise UsageError(
                f"group {reference!r} has {len(own)} {name} items; a covariance of {channels} channels needs {needed}"
            )
        if len({len(x) for x in own}) == 1:
            departures = np.concatenate(list(np.array(own) - np.mean(own, axis=0)))
        else:
            departures = np.concatenate(own) - np.concatenate(own).mean(axis=0)
        covariance = LedoitWolf(assume_centered=True).fit(departures).covariance_
        if np.linalg.cond(covariance) > 1e12:
            raise UsageError(f"group {reference!r} does not vary in some channel, so there is no Mahalanobis distance")
        turn = np.linalg.cholesky(np.linalg.inv(covariance))
        part.series[:] = [x @ turn for x in part.series]


def _cross(first: list[Floats], second: list[Floats], comparison: Comparison) -> Floats:
    shared: dict[str, Any] = {
        "band": comparison.band,
        "normalize": comparison.normalize,
        "n_threads": comparison.n_threads,
    }
    if comparison.metric in ("angular", "so3"):
        return circular_cross(first, second, comparison.metric, **shared).astype(comparison.dtype)
    shared |= {"dtype": comparison.dtype, "backend": comparison.backend}
    if not comparison.is_per_joint:
        return dtw.cross(first, second, **shared)
    n = first[0].shape[1] // 3
    total = np.zeros((len(first), len(second)))
    for c in range(0, 3 * n, 3):
        total += dtw.cross([x[:, c : c + 3] for x in first], [y[:, c : c + 3] for y in second], **shared)
    return (total / n).astype(comparison.dtype)
