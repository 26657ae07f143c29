"""Moments, powers and forces that a C3D file's own model states: kept, compared with ours, never used as input.

Plug-in Gait's outputs are in the frame of the distal segment; its moments are internal ones, positive where they extend,
abduct and rotate outward, that is, where they balance an external flexion, adduction or internal rotation moment
(docs/kinetics.md). Nexus writes the units ``Nmm`` and ``W`` over values per kilogram: the size decides, with a note.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neurostore.arrays import Floats, percentiles
from neurostore.ingest.readers.c3d.layout import Layout
from neurostore.ingest.readers.c3d.outputs import by_component
from neurostore.ingest.readers.c3d.parameters import Parameters
from neurostore.ingest.readers.c3d.points import read_points
from neurostore.ingest.readers.markers.assemble import to_y_up
from neurostore.ingest.recording import Calibration, SourceKinetic

_NAME = re.compile(
    r"^(?P<side>Left|Right|L|R)_?(?P<what>Hip|Knee|Ankle|GroundReaction|NormalisedGR|NormalizedGR)_?"
    r"(?P<kind>Moment|Power|Force|F)(?P<suffix>$|[^a-z].*)"
)
_PLANES = {"x": "flexion", "y": "adduction", "z": "rotation"}
_SIDES = {"l": "left", "r": "right"}
GRAVITY_M_S2 = 9.81


def read_kinetics(
    path: Path,
    layout: Layout,
    outputs: Sequence[Any],
    keep: slice,
    time_s: Floats,
    measures: Sequence[Calibration],
    up: str,
    notes: list[str],
) -> list[SourceKinetic]:
    """The curves of the output points ``outputs`` (with ``index`` and ``label``) in the frames ``keep``.

    Moments in Nm/kg, powers in W/kg where they can be brought there; other outputs in the unit of the file.
    """
    if not outputs:
        return []
    values = by_component(read_points(path, layout, [p.index for p in outputs])[keep]).transpose(2, 0, 1)
    values[np.isinf(values)] = np.nan
    is_there = np.isfinite(values).any(axis=(0, 2))
    mass = next((c.value for c in measures if c.parameter == "body_mass" and 2 < c.value < 400), None)
    parsed = [_NAME.match(p.label) for p in outputs]
    scales = _scales([m["kind"] if m else "" for m in parsed], parsed, values, layout.parameters, mass, notes)
    taken: set[str] = set()
    curves: list[SourceKinetic] = []
    # if a quantity occurs twice ('LKneeMoment', 'LKneeMoment_M'), the plain label counts
    order = sorted(range(len(outputs)), key=lambda i: bool(parsed[i] and parsed[i]["suffix"]))  # type: ignore[index]
    for i in order:
        point, match = outputs[i], parsed[i]
        if not is_there[i]:
            continue
        if match is None or match["what"] not in ("Hip", "Knee", "Ankle") or match["kind"] not in ("Moment", "Power"):
            curves += _others(point.label, match, values[:, i], layout.parameters, time_s, up, taken)
            continue
        side, joint = _SIDES[match["side"][0].lower()], match["what"].lower()
        scale, unit = scales[match["kind"]]
        if match["kind"] == "Power":
            curves.append(_power(point.label, side, joint, values[:, i] * scale, unit, time_s, taken))
            continue
        for axis, plane in enumerate(_PLANES.values()):
            name = _once(f"{side}_{joint}_{plane}_moment_nm_kg", taken) if unit == "Nm/kg" else None
            curves.append(SourceKinetic(point.label, "xyz"[axis], name, unit, time_s, values[:, i, axis] * scale))
    return curves


def _once(name: str, taken: set[str]) -> str | None:
    if name in taken:
        return None
    taken.add(name)
    return name


def _power(
    label: str, side: str, joint: str, values: Floats, unit: str, time_s: Floats, taken: set[str]
) -> SourceKinetic:
    """The whole power of a joint: Nexus writes it as z with x and y zero, or as three parts whose sum it is."""
    total = values.sum(axis=1)
    return SourceKinetic(
        label, "", _once(f"{side}_{joint}_power_w_kg", taken) if unit == "W/kg" else None, unit, time_s, total
    )


def _others(
    label: str,
    match: re.Match[str] | None,
    values: Floats,
    parameters: Parameters,
    time_s: Floats,
    up: str,
    taken: set[str],
) -> list[SourceKinetic]:
    """Ground reaction (turned to Y up) and every other output, in the file's unit."""
    kind = next((k for k in ("Moment", "Power", "Force") if k in label), "Force" if "GR" in label else "")
    unit = parameters.string("POINT", f"{kind.upper()}_UNITS") if kind else ""
    names: list[str | None] = [None, None, None]
    if match and match["what"].lower().startswith(("normali", "ground")) and kind == "Force":
        side = _SIDES[match["side"][0].lower()]
        values = to_y_up(values, up)
        if match["what"].lower().startswith("normali"):
            top = float(percentiles(np.abs(values).ravel(), [99.5])[0])
            # percent of body weight, multiples of body weight, or N/kg
            scale = GRAVITY_M_S2 / 100 if top > 40 else GRAVITY_M_S2 if top < 3 else 1.0
            values, unit = values * scale, "N/kg"
            names[1] = _once(f"{side}_vertical_force_n_kg", taken)
    return [
        SourceKinetic(label, "xyz"[axis], names[axis], unit, time_s, values[:, axis])
        for axis in range(3)
        if np.isfinite(values[:, axis]).any()
    ]


def _scales(
    kinds: list[str],
    parsed: list[re.Match[str] | None],
    values: Floats,
    parameters: Parameters,
    mass: float | None,
    notes: list[str],
) -> dict[str, tuple[float, str]]:
    """Factor to Nm/kg and W/kg, and the unit reached, of moments and powers: judged by size over hip, knee and ankle."""
    scales = {}
    for kind, steps in (
        # (least 99th percentile of the magnitude, factor, whether it is per kilogram, name of the unit)
        ("Moment", ((10_000.0, 1e-3, False, "Nmm"), (20.0, 1e-3, True, "Nmm/kg"), (0.0, 1.0, True, "Nm/kg"))),
        ("Power", ((400.0, 1e-3, True, "mW/kg"), (30.0, 1.0, False, "W"), (0.0, 1.0, True, "W/kg"))),
    ):
        joints = [
            i
            for i, (k, m) in enumerate(zip(kinds, parsed, strict=True))
            if k == kind and m and m["what"] in ("Hip", "Knee", "Ankle")
        ]
        if not joints or not np.isfinite(values[:, joints]).any():
            continue
        stated = parameters.string("POINT", f"{kind.upper()}_UNITS")
        size = float(percentiles(np.abs(values[:, joints]).ravel(), [99.5])[0])
        least = (
            steps
            if not (kind == "Moment" and stated.lower() in ("nm", "n.m"))
            else ((10.0, 1.0, False, "Nm"), steps[2])
        )
        if kind == "Power" and mass and size >= 30.0 and stated.lower() == "w" and size / mass < 30:
            least = (steps[1], steps[2])
        factor, per_kg, means = next((f, p, w) for low, f, p, w in least if size >= low)
        if means.lower() != stated.lower():
            notes.append(
                f"POINT:{kind.upper()}_UNITS is {stated or 'missing'}, but the file's {kind.lower()}s reach {size:.3g}: "
                f"read as {means}"
            )
        unit = {"Moment": "Nm", "Power": "W"}[kind]
        if not per_kg and mass:
            factor, per_kg = factor / mass, True
        elif not per_kg:
            notes.append(f"the file's {kind.lower()}s are in {means} and it has no body mass: not brought to {unit}/kg")
        scales[kind] = (factor, f"{unit}/kg" if per_kg else unit)
    return scales
