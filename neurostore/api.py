"""A lake as its user has it: one version to read, compare, test and draw.

>>> lake = neurostore.open("lake")                      # doctest: +SKIP
>>> lake.sql("SELECT count(*) AS n FROM trials")        # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from neurostore.arrays import Floats
from neurostore.lake import create as creating
from neurostore.lake.version import Version

if TYPE_CHECKING:
    from typing import Unpack

    import polars as pl

    from neurostore.distances import DistanceMatrix
    from neurostore.distances.choice import Choice, Options
    from neurostore.lake.selection import Filters
    from neurostore.report.plot import Plots

__all__ = ["Lake", "open"]

SAGITTAL = ("hip_flexion_deg", "knee_flexion_deg", "ankle_dorsiflexion_deg")


def open(path: object, version: int | None = None) -> Lake:
    """Open a lake for reading.

    Parameters
    ----------
    path : its folder, or ``s3://bucket/prefix``.
    version : the version to show; None is the newest.

    Raises
    ------
    NotALakeError : the folder is missing or is not a lake.
    NewerLakeError : newer software wrote it.
    VanishedVersionError : that version was vacuumed, or never was.
    """
    return Lake.open(path, version)


class Lake(Version):
    """One version of a lake, with what can be computed from it. Made by :func:`neurostore.open`."""

    @classmethod
    def create(cls, path: object) -> Lake:
        """Make an empty lake, or open the one that is there. Two processes may create it at once.

        Raises NotALakeError where the folder holds other things, LakeError where it cannot be written.
        """
        return cls.open(creating.create(path))

    def history(self) -> pl.DataFrame:
        """The versions of the lake up to this one, newest first: see :func:`neurostore.lake.history.history`."""
        from neurostore.lake import history

        return history.history(self)

    def distances(
        self, choice: Choice | None = None, **options: Unpack[Options]
    ) -> DistanceMatrix | dict[str, DistanceMatrix]:
        """DTW distances between trials, cycles or subjects: see :func:`neurostore.distances.distances`.

        Parameters
        ----------
        choice : what is compared and how. options : fields of :class:`neurostore.distances.Choice`, in place of one.
        """
        from neurostore import distances

        return distances.distances(self, choice, **options)

    def mean_curves(
        self, angle: str, by: str = "group", *, side: str | None = None, mixed: bool = False, **filters: Unpack[Filters]
    ) -> pl.DataFrame:
        """Mean of subject means, SD between subjects and n at each percent of the cycle.

        See :func:`neurostore.statistics.mean_curves`.
        """
        from neurostore import statistics

        return statistics.mean_curves(self, angle, by, side=side, mixed=mixed, **filters)

    def cycles_array(
        self,
        angles: Sequence[str] = SAGITTAL,
        *,
        side: str | None = None,
        steady_only: bool = True,
        mixed: bool = False,
        **filters: Unpack[Filters],
    ) -> tuple[Floats, pl.DataFrame]:
        """(array (n, 101, k) of degrees, labels) of gait cycles: see :func:`neurostore.statistics.cycles_array`."""
        from neurostore import statistics

        return statistics.cycles_array(self, angles, side=side, steady_only=steady_only, mixed=mixed, **filters)

    def compare(
        self,
        parameter: str | Sequence[str],
        by: str = "group",
        *,
        side: str | None = None,
        test: str = "welch",
        seed: int = 0,
        mixed: bool = False,
        **filters: Unpack[Filters],
    ) -> pl.DataFrame:
        """Groups compared, with intervals and tests: see :func:`neurostore.statistics.compare`."""
        from neurostore import statistics

        return statistics.compare(self, parameter, by, side=side, test=test, seed=seed, mixed=mixed, **filters)

    @property
    def plot(self) -> Plots:
        """curves, events and heatmap: see :mod:`neurostore.report.plot`."""
        from neurostore.report.plot import Plots

        return Plots(self)

    def choose(self, **choices: Any) -> Lake:
        """The lake with choices that its views read: see :meth:`neurostore.lake.version.Version.choose`."""
        super().choose(**choices)
        return self
