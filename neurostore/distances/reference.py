"""How far the gait of each person is from that of a reference group, by dynamic time warping of whole cycles."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import numpy as np

from neurostore.distances import distances
from neurostore.distances.matrix import DistanceMatrix
from neurostore.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

    from neurostore.lake.queryable import Queryable

PARAMETER = "dtw_distance_deg"


def reference_distances(
    lake: Queryable, reference: str, shown: Collection[tuple[str, str, str]], *, mixed: bool = False
) -> pl.DataFrame:
    """The mean DTW distance of each person's cycles to those of every person of a group.

    The sagittal angles of hip, knee and ankle of a cycle are warped; a distance is the root mean square per matched
    sample (``normalize="path_length"``). People of the group count alike, whatever their cycles, and nobody is compared
    with themselves.

    Parameters
    ----------
    lake : with the trials of the group and those that are shown. reference : a group of subjects.
    shown : subject, session, trial of the trials whose distances are wanted. mixed : compare items of different models,
        cut-offs or zeros of angles.

    Returns
    -------
    polars.DataFrame : subject, session, side, value (degrees), n_cycles; without people who have nobody to be
    compared with.

    Raises
    ------
    UsageError : nobody of the group has a steady cycle.
    """
    import polars as pl

    query = 'SELECT subject FROM subjects WHERE "group"::VARCHAR = $name'
    members = set(lake.sql(query, {"name": reference})["subject"])
    measured = distances(lake, unit="cycle", normalize="path_length", mixed=mixed)
    matrices = measured.values() if isinstance(measured, dict) else [measured]
    rows = [row for matrix in matrices for row in _rows(matrix, members, shown)]
    if not rows:
        raise UsageError(f"no distance to {reference}: nobody else of this group has a steady cycle")
    return pl.DataFrame(rows, schema=["subject", "session", "side", "value", "n_cycles"], orient="row")


def _rows(
    matrix: DistanceMatrix, members: set[str], shown: Collection[tuple[str, str, str]]
) -> Iterator[tuple[str, str, str, float, int]]:
    """A row of each subject and session of one side."""
    places: dict[str, list[int]] = {}
    own: dict[tuple[str, str], list[int]] = {}
    for i, (subject, session, trial) in enumerate(matrix.labels.select("subject", "session", "trial").iter_rows()):
        if subject in members:
            places.setdefault(subject, []).append(i)
        if (subject, session, trial) in shown:
            own.setdefault((subject, session), []).append(i)
    for (subject, session), rows in own.items():
        others = [columns for other, columns in places.items() if other != subject]
        means = [float(matrix.values[np.ix_(rows, columns)].mean()) for columns in others]
        if means:
            yield subject, session, matrix.labels["side"][0], float(np.mean(means)), len(rows)
