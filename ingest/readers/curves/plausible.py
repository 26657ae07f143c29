"""Whether curves can be those of a person: the unit, the range of each joint, and the sign against the published norm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.ingest.readers.curves.layout import Curve
from neurostore.normative import schwartz_2008
from neurostore.wording import and_more

_MOST_RADIANS = 3.2  # in radians, no angle of walking is larger
_LEAST_RANGE_DEG = 8.0  # least range of the norm's curve for checking a sign
#: degrees that no walking person reaches, by the end of the angle's name; 180 for angles that depend on the heading
_RANGES = {
    "knee_flexion": (-40, 170),
    "hip_flexion": (-90, 160),
    "ankle_dorsiflexion": (-90, 90),
    "adduction": (-75, 75),
    "rotation": (-110, 110),
    "pelvis_tilt": (-90, 90),
    "obliquity": (-75, 75),
}
_WIDEST = (-180, 180)


def check_unit(path: Path, curves: Sequence[Curve], unit: str) -> None:
    """Raise where degrees are so small, or radians so large, that the stated unit is the other one."""
    flexions = [c.values for c in curves if c.angle.endswith(("hip_flexion_deg", "knee_flexion_deg"))]
    largest = float(np.nanmax(np.abs(flexions))) if flexions and np.isfinite(flexions).any() else None
    if largest is None:
        return
    if unit == "deg" and largest <= _MOST_RADIANS:
        raise InputError(
            path,
            f'no hip or knee is bent by more than {largest:.2f} degrees: these are radians; write unit = "rad" in [curves]',
        )
    if unit == "rad" and np.radians(largest) > 2 * np.pi:
        raise InputError(
            path, f'an angle reaches {np.radians(largest):.0f} rad: these are degrees; write unit = "deg" in [curves]'
        )


def check_range(path: Path, curves: Iterable[Curve]) -> None:
    """Raise where a curve goes beyond what a joint can do."""
    problems = []
    for curve in curves:
        low, high = next((r for end, r in _RANGES.items() if curve.angle.endswith(f"{end}_deg")), _WIDEST)
        seen = curve.values[np.isfinite(curve.values)]
        if len(seen) and (seen.min() < low or seen.max() > high):
            problems.append(
                f"{curve.source_name} as {curve.angle} runs from {seen.min():.0f} to {seen.max():.0f} degrees in cycle "
                f"{curve.cycle + 1}; expected {low} to {high}: {_remedy(curve, seen, low, high)}"
            )
    if problems:
        raise InputError(path, *and_more(problems, 3))


def _remedy(curve: Curve, seen: Floats, low: int, high: int) -> str:
    """What to state instead if another sign or zero brings the curve into the range."""
    plain = curve.angle.removesuffix("_deg").removeprefix(f"{curve.side}_")
    for text, values in ((f"-{plain}", -seen), (f"180 - {plain}", 180.0 - seen)):
        if low <= values.min() and values.max() <= high:
            return f'"{text}" in [curves.angles] would fit'
    return "it may be another angle, or the unit another"


def notes_on_signs(curves: Iterable[Curve]) -> list[str]:
    """A note for each angle of a side whose mean is opposite to the norm and fits it better with the other sign."""
    by_angle: dict[tuple[str, str], list[Curve]] = {}
    for curve in curves:
        by_angle.setdefault((curve.angle, curve.side), []).append(curve)
    notes = []
    for (column, side), given in by_angle.items():
        plain = column.removesuffix("_deg").removeprefix(f"{side}_")
        norm = _norm().get(plain)
        values = np.array([c.values[::2] for c in given])
        if norm is None or np.ptp(norm) < _LEAST_RANGE_DEG or not np.isfinite(values).any(axis=0).all():
            continue
        mean = np.nanmean(values, axis=0)
        if np.ptp(mean) < 1.0:
            continue
        r = float(np.corrcoef(mean, norm)[0, 1])
        if r < -0.5 and np.abs(-mean - norm).mean() < 0.8 * np.abs(mean - norm).mean():
            notes.append(
                f"{given[0].source_name} as {column} runs against the published norm (r {r:.2f}): "
                f'its sign may be the other one ("-{plain}" in [curves.angles]); it was not changed'
            )
    return notes


@cache
def _norm() -> dict[str, Floats]:
    """Angle without side and unit -> (51,) degrees at free speed."""
    points: dict[str, list[float]] = {}
    for point in schwartz_2008():
        if point.speed == "free":
            points.setdefault(point.angle, []).append(point.mean_deg)
    return {angle: np.array(values) for angle, values in points.items()}
