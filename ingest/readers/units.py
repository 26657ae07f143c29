"""Units of length: their spellings in files, and the unit in which a body or a cloud of markers is as large as a person."""

from __future__ import annotations

import numpy as np

from neurostore.arrays import Floats, middle

#: millimetres per unit, by the spellings found in files
UNIT_MM = {
    "mm": 1.0, "millimeter": 1.0, "millimeters": 1.0, "millimetre": 1.0, "millimetres": 1.0,
    "cm": 10.0, "centimeter": 10.0, "centimeters": 10.0, "centimetre": 10.0, "centimetres": 10.0,
    "dm": 100.0,
    "m": 1000.0, "meter": 1000.0, "meters": 1000.0, "metre": 1000.0, "metres": 1000.0,
    "in": 25.4, "inch": 25.4, "inches": 25.4, "ft": 304.8, "feet": 304.8,
    "um": 0.001, "µm": 0.001,
}  # fmt: skip

#: units that files of joint trees use; one CMU unit is 1 inch / 0.45
_TREE_UNIT_MM = {**{name: UNIT_MM[name] for name in ("mm", "cm", "m", "inch")}, "CMU unit": 25.4 / 0.45}
_STANDING_M = (1.0, 2.1)
_WIDER_STANDING_M = (0.7, 2.5)


def unit_of_height(height: float) -> tuple[str, float]:
    """The unit in which this standing height is a person's: its name and millimetres, ('', 0) where none fits.

    Head-to-foot heights of 1.0 to 2.1 m never fit two of the units. Outside that range, heights of 0.7 to 2.5 m get the
    unit in which they are nearest to 1.7 m.
    """
    for low, high in (_STANDING_M, _WIDER_STANDING_M):
        fitting = [(name, mm) for name, mm in _TREE_UNIT_MM.items() if low <= height * mm / 1000 <= high]
        if fitting:
            return min(fitting, key=lambda unit: abs(np.log(height * unit[1] / 1700)))
    return "", 0.0


def unit_of_extent(positions: Floats) -> tuple[float, str]:
    """Millimetres per unit, and its name, from the size of a person's marker cloud: about 0.5 to 3 m across.

    positions : (n, J, 3), NaN where missing.
    """
    extent = extent_of(positions)
    if not np.isfinite(extent) or extent > 300:
        return 1.0, "mm"
    return (1000.0, "m") if extent < 10 else (10.0, "cm")


def judged_unit(problem: str, positions: Floats, notes: list[str]) -> float:
    """Millimetres per unit from the size of the marker cloud, with a note on the ``problem`` of the file's own unit."""
    scale_mm, unit = unit_of_extent(positions)
    notes.append(f"{problem}; the unit was judged to be {unit} from the size of the marker cloud")
    return scale_mm


def extent_of(positions: Floats) -> float:
    """The longest side of the marker cloud (n, J, 3), median over frames, in its own unit; NaN where nothing is there."""
    sample = np.ascontiguousarray(positions[:: max(1, len(positions) // 200)].transpose(1, 2, 0))
    if not sample.size:
        return float("nan")
    with np.errstate(invalid="ignore"):
        sides = np.fmax.reduce(sample) - np.fmin.reduce(sample)  # (3, frames), NaN where nothing is
        return float(middle(np.fmax.reduce(sides)))
