"""A lake as its user has it: one version to read, compare, test and draw.

>>> lake = neurostore.open("lake")                      # doctest: +SKIP
>>> lake.sql("SELECT count(*) AS n FROM trials")        # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from neurostore.arrays import Floats
from neurostore.errors import UsageError
from neurostore.lake import create as creating
from neurostore.lake.selection import selected
from neurostore.lake.version import Version
from neurostore.sql.views import literal
from neurostore.wording import near

if TYPE_CHECKING:
    from typing import Unpack

    import polars as pl

    from neurostore.distances import DistanceMatrix
    from neurostore.distances.choice import Choice, Options
    from neurostore.lake.releases import Release
    from neurostore.lake.selection import Filters
    from neurostore.report.plot import Plots
    from neurostore.statistics.table1 import Table1

__all__ = ["Lake", "open"]

SAGITTAL = ("hip_flexion_deg", "knee_flexion_deg", "ankle_dorsiflexion_deg")


def open(path: object, version: int | None = None, release: str | None = None) -> Lake:
    """Open a lake for reading.

    Parameters
    ----------
    path : its folder, or ``s3://bucket/prefix``.
    version : the version to show; None is the newest. release : the name of a release, in place of a version.

    Raises
    ------
    NotALakeError : the folder is missing or is not a lake.
    NewerLakeError : newer software wrote it.
    VanishedVersionError : that version was vacuumed, or never was.
    UsageError : there is no such release, or a version was given too.
    """
    return Lake.open(path, version, release)


def _check_group(lake: Version, name: str) -> None:
    known = lake.sql('SELECT DISTINCT "group"::VARCHAR AS name FROM subjects WHERE "group" IS NOT NULL')[
        "name"
    ].to_list()
    if name not in known:
        raise UsageError(f"no group {name!r}; {near(name, known)}")


class Lake(Version):
    """One version of a lake, with what can be computed from it. Made by :func:`neurostore.open`."""

    @classmethod
    def create(cls, path: object) -> Lake:
        """Make an empty lake, or open the one that is there. Two processes may create it at once.

        Raises NotALakeError if the folder holds other things, LakeError if it cannot be written.
        """
        return cls.open(creating.create(path))

    def history(self) -> pl.DataFrame:
        """The versions of the lake up to this one, newest first: see :func:`neurostore.lake.history.history`."""
        from neurostore.lake import history

        return history.history(self)

    def release(self, name: str, message: str = "") -> Release:
        """Give this version of the lake a name that a paper can cite: see :func:`neurostore.upkeep.release.make`.

        ``neurostore.open(path, release=name)`` opens it, also after later ingests and vacuums.
        """
        from neurostore.upkeep import release

        if self.released is not None:
            raise UsageError(
                f"this is the release {self.released.name!r} already; open the lake without a release to make a new one"
            )
        return release.make(self.path, name, version=self.version, message=message)[0]

    def releases(self) -> pl.DataFrame:
        """The releases of the lake, the oldest first: see :func:`neurostore.lake.releases.listing`."""
        from neurostore.lake import releases

        return releases.listing(self.path)

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
        change: bool = False,
        mixed: bool = False,
        reference: str | None = None,
        **filters: Unpack[Filters],
    ) -> pl.DataFrame:
        """Groups compared, with intervals and tests: see :func:`neurostore.statistics.compare`.

        The parameter ``dtw_distance_deg`` is the distance to the group `reference`, in all its trials
        (:func:`neurostore.distances.reference.reference_distances`). For scores, `reference` is the choice of gait_profile.
        """
        from neurostore import statistics
        from neurostore.distances.reference import PARAMETER

        lake = selected(self, filters)
        names = [parameter] if isinstance(parameter, str) else list(parameter)
        if reference is not None:
            _check_group(lake, reference)
            lake = lake.select(lake.selection).choose(reference=reference)
        elif PARAMETER in names:
            raise UsageError(f"{PARAMETER} needs the group to measure from: reference=… (--reference)")
        given = {PARAMETER: self._to_reference(lake, str(reference), mixed)} if PARAMETER in names else {}
        return statistics.compare(
            lake, names, by, side=side, test=test, seed=seed, change=change, mixed=mixed, given=given
        )

    def _to_reference(self, lake: Lake, reference: str, mixed: bool) -> pl.DataFrame:
        """Distances of the chosen trials to a group, which need not be among them."""
        from neurostore.distances.reference import reference_distances

        keys = lake.sql("SELECT subject, session, trial FROM trials").rows()
        whole = open(self.path, self.version)
        subjects = ", ".join(literal(s) for s in sorted({subject for subject, *_ in keys}))
        group = literal(reference)
        whole = whole.select(where=f's."group"::VARCHAR = {group} OR t.subject IN ({subjects})')
        return reference_distances(whole.choose(**lake.choices), reference, set(keys), mixed=mixed)

    def table1(
        self,
        parameters: Sequence[str] = (),
        by: str = "group",
        *,
        side: str | None = None,
        centre: str = "mean",
        test: str = "welch",
        mixed: bool = False,
        **filters: Unpack[Filters],
    ) -> Table1:
        """Table 1 of a paper, people and gait by group: see :func:`neurostore.statistics.table1.table1`."""
        from neurostore.statistics.table1 import table1

        return table1(self, parameters, by, side=side, centre=centre, test=test, mixed=mixed, **filters)

    @property
    def plot(self) -> Plots:
        """curves, events and heatmap: see :mod:`neurostore.report.plot`."""
        from neurostore.report.plot import Plots

        return Plots(self)

    def choose(self, **choices: Any) -> Lake:
        """The lake with choices that its views read: see :meth:`neurostore.lake.version.Version.choose`."""
        super().choose(**choices)
        return self
