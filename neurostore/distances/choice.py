"""What a user may choose of a distance: representation, alignment, metric, band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neurostore.distances.alignment import ALIGNMENTS
from neurostore.errors import UsageError

if TYPE_CHECKING:
    pass

REPRESENTATIONS = ("angles", "coordinates", "velocities", "dual", "relation", "per_joint", "rotations")
SAGITTAL = ("hip_flexion_deg", "knee_flexion_deg", "ankle_dorsiflexion_deg")
POINTS = (
    "pelvis",
    *(f"{side}_{joint}" for side in ("left", "right") for joint in ("hip", "knee", "ankle", "toe")),
    *(f"{side}_{joint}" for side in ("left", "right") for joint in ("shoulder", "elbow", "wrist")),
)
SEGMENTS = ("pelvis", *(f"{side}_{part}" for side in ("left", "right") for part in ("thigh", "shank", "foot")))


@dataclass(frozen=True)
class Choice:
    """What is read. Fields as the options of `neurostore.distances.distances`."""

    unit: str = "cycle"
    representation: str = "angles"
    align: str = "none"
    angles: tuple[str, ...] = SAGITTAL
    points: tuple[str, ...] = POINTS
    segments: tuple[str, ...] = SEGMENTS
    relation: tuple[str, str] = ("pelvis", "ankle")
    weights: tuple[float, float] = (0.01, 0.1)
    clock: str = "percent"
    rate_hz: float = 100.0
    steady_only: bool = True
    mixed: bool = False
    where: str | None = None
    dtype: str = "float64"


def check(choice: Choice) -> None:
    """Raise UsageError for options that do not exist or do not go together."""
    _one_of("representation", choice.representation, REPRESENTATIONS)
    _one_of("align", choice.align, ALIGNMENTS)
    _one_of("clock", choice.clock, ("percent", "seconds"))
    if choice.representation == "rotations":
        _one_of("align of rotations", choice.align, ("none", "root"))
    elif choice.align != "none" and choice.representation in ("angles", "relation"):
        raise UsageError(f"align={choice.align!r} is for points; representation={choice.representation!r} has none")
    if not choice.rate_hz > 0:
        raise UsageError(f"rate_hz is {choice.rate_hz!r}; it must be above 0")


def _one_of(name: str, value: Any, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise UsageError(f"{name} is {value!r}; it can be {', '.join(allowed)}")
