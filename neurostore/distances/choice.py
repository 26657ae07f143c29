"""The options of a distance: representation, alignment, metric, band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from neurostore.distances.alignment import ALIGNMENTS
from neurostore.dtw.options import check_normalize
from neurostore.errors import UsageError
from neurostore.lake.selection import Filters
from neurostore.lake.sides import AFFECTION, SIDES
from neurostore.wording import near

REPRESENTATIONS = ("angles", "coordinates", "velocities", "dual", "relation", "per_joint", "rotations")
UNITS = ("trial", "cycle", "subject")
METRICS = ("euclidean", "angular", "so3", "mahalanobis")
SAGITTAL = ("hip_flexion_deg", "knee_flexion_deg", "ankle_dorsiflexion_deg")
POINTS = (
    "pelvis",
    *(f"{side}_{joint}" for side in ("left", "right") for joint in ("hip", "knee", "ankle", "toe")),
    *(f"{side}_{joint}" for side in ("left", "right") for joint in ("shoulder", "elbow", "wrist")),
)
SEGMENTS = ("pelvis", *(f"{side}_{part}" for side in ("left", "right") for part in ("thigh", "shank", "foot")))


@dataclass(frozen=True)
class Choice:
    """What a distance is: checked once, when it is made.

    Attributes
    ----------
    unit : ``cycle`` (every gait cycle by itself), ``trial`` (whole recordings, or their cycles: see pairing),
        ``subject`` (their cycles, all with all; the mean of both sides unless one is asked for).
    side : ``left`` or ``right``; None gives both, never mixed: one matrix per side. ``affected`` or ``unaffected`` (for
        angles) gives one matrix of this side of each person, and both sides of who has no affected side.
    representation : angles, coordinates, velocities, dual, relation, per_joint, rotations
        (`neurostore.distances.representations`).
    align : none, root, root+scale, root+heading, procrustes (one rotation per item), procrustes-frame (one per sample).
    metric : euclidean, angular (degrees modulo 360), so3 (for rotations, and their default), mahalanobis against
        `reference`; None takes the default.
    band, normalize : as `neurostore.dtw`; ``normalize="path_length"`` gives RMS per matched sample in the unit of the
        channels.
    pairing : for trials and subjects, compare cycle by cycle: ``nth`` (n-th with n-th) or ``all`` (all with all),
        reduced by `reduce`: ``mean`` or ``sum``. Subjects: ``all`` by default. Trials: None warps whole recordings.
    angles, points, segments, relation, weights : what the representation is made of; a name without a side means the item's own side.
    clock : ``percent`` (101 points per cycle: duration does not count) or ``seconds`` (rate_hz samples per second: it
        does).
    steady_only : leave out cycles that are not steady.
    reference : group whose covariance defines the mahalanobis distance.
    mixed : compare items of different model, cut-off or angle zero.
    incomplete : ``leave_out`` or ``refuse`` items with gaps.
    where : SQL condition on trials (t) and subjects (s), such as ``t.condition = 'barefoot'``.
    """

    unit: str = "cycle"
    side: str | None = None
    representation: str = "angles"
    align: str = "none"
    metric: str | None = None
    band: float | None = None
    normalize: str = "none"
    pairing: str | None = None
    reduce: str = "mean"
    angles: Sequence[str] = SAGITTAL
    points: Sequence[str] = POINTS
    segments: Sequence[str] = SEGMENTS
    relation: tuple[str, str] = ("pelvis", "ankle")
    weights: tuple[float, float] = (0.01, 0.1)
    clock: str = "percent"
    rate_hz: float = 100.0
    steady_only: bool = True
    reference: str | None = None
    mixed: bool = False
    incomplete: str = "leave_out"
    where: str | None = None
    dtype: str = "float32"
    n_threads: int | None = None
    backend: str = "numba"

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Choice:
        """The choice with these fields; the others keep their defaults. Raises UsageError for a name that is not a field."""
        known = [f.name for f in fields(cls)]
        unknown = sorted(set(options) - set(known))
        if unknown:
            raise UsageError(f"there is no option {', '.join(unknown)}; {near(unknown[0], Options.__annotations__)}")
        return cls(**options)

    def __post_init__(self) -> None:
        for name in ("angles", "points", "segments", "relation", "weights"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.metric is None:
            object.__setattr__(self, "metric", "so3" if self.representation == "rotations" else "euclidean")
        if self.pairing is None and self.unit == "subject":
            object.__setattr__(self, "pairing", "all")
        _check_values(self)
        _check_together(self)

    @property
    def item_unit(self) -> str:
        """What is read: cycles where trials or subjects are compared cycle by cycle."""
        return "cycle" if self.pairing else self.unit

    @property
    def sample_dtype(self) -> str:
        """The type of samples: angles between samples and covariances are computed in float64."""
        return self.dtype if self.metric == "euclidean" else "float64"

    def options(self) -> dict[str, Any]:
        """Every field by name, sequences as lists: the options that are stored with a matrix."""
        options = {f.name: getattr(self, f.name) for f in fields(self)}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in options.items()}


class Options(Filters, total=False):
    """The fields of :class:`Choice` as keywords of a function, and those of :class:`neurostore.lake.selection.Filters`."""

    unit: str
    side: str | None
    representation: str
    align: str
    metric: str | None
    band: float | None
    normalize: str
    pairing: str | None
    reduce: str
    angles: Sequence[str]
    points: Sequence[str]
    segments: Sequence[str]
    relation: tuple[str, str]
    weights: tuple[float, float]
    clock: str
    rate_hz: float
    steady_only: bool
    reference: str | None
    mixed: bool
    incomplete: str
    dtype: str
    n_threads: int | None
    backend: str


def _check_values(choice: Choice) -> None:
    """Raise UsageError for a value that an option cannot have."""
    _one_of("unit", choice.unit, UNITS)
    _one_of("side", choice.side, (None, *SIDES, *AFFECTION))
    _one_of("representation", choice.representation, REPRESENTATIONS)
    _one_of("metric", choice.metric, METRICS)
    _one_of("align", choice.align, ALIGNMENTS)
    _one_of("clock", choice.clock, ("percent", "seconds"))
    _one_of("dtype", choice.dtype, ("float32", "float64"))
    _one_of("pairing", choice.pairing, (None, "nth", "all"))
    _one_of("reduce", choice.reduce, ("mean", "sum"))
    _one_of("incomplete", choice.incomplete, ("leave_out", "refuse"))
    check_normalize(choice.normalize)
    if not choice.rate_hz > 0:
        raise UsageError(f"rate_hz is {choice.rate_hz!r}; it must be above 0")


def _check_together(choice: Choice) -> None:
    """Raise UsageError for options that do not go together."""
    metric, representation = choice.metric, choice.representation
    if (metric == "so3") != (representation == "rotations"):
        raise UsageError(f"metric={metric!r} does not go with representation={representation!r}: so3 is for rotations")
    if metric == "angular" and representation != "angles":
        raise UsageError(f"metric='angular' is for representation='angles', not {representation!r}")
    if metric == "mahalanobis" and representation == "per_joint":
        raise UsageError(
            "metric='mahalanobis' does not go with representation='per_joint': each joint is warped separately"
        )
    if choice.reference is not None and metric != "mahalanobis":
        raise UsageError("reference is only used by metric='mahalanobis'")
    if choice.unit == "cycle" and choice.pairing:
        raise UsageError(
            "pairing reduces the cycles of trials or subjects; with unit='cycle' each cycle is its own item"
        )
    if choice.side in AFFECTION and representation != "angles":
        raise UsageError(
            f"side={choice.side!r} compares the left of one person with the right of another, which only angles allow; "
            f"representation is {representation!r}"
        )
    if representation == "rotations":
        _one_of("align of rotations", choice.align, ("none", "root"))
    elif choice.align != "none" and representation in ("angles", "relation"):
        raise UsageError(f"align={choice.align!r} is for points; representation={representation!r} has none")


def _one_of(name: str, value: Any, allowed: Sequence[Any]) -> None:
    if value not in allowed:
        raise UsageError(f"{name} is {value!r}; it can be {', '.join(str(a) for a in allowed)}")
