"""Scale factors of a user's own model by the measurements of an OpenSim ScaleTool set-up.

A measurement is the mean, over pairs of markers, of their distance in the trial divided by that in the model's default
pose; it scales bodies along the axes that the set-up names. OpenSim takes the mean over a stretch of time, here the
median over the frames that have both markers is taken. Manual scales and the placing of markers are not read.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError

from .forward import marker_places
from .model import Model

_AXES = {"X": 0, "Y": 1, "Z": 2}
#: m: markers nearer to each other than this measure no length
_NO_LENGTH = 1e-3


@dataclass(frozen=True, slots=True)
class Measurement:
    """Pairs of markers whose distance scales bodies: (body, its axes 0 to 2)."""

    name: str
    pairs: tuple[tuple[str, str], ...]
    bodies: tuple[tuple[str, tuple[int, ...]], ...]


def read_scale_setup(path: str | Path) -> tuple[Measurement, ...]:
    """The measurements that a ScaleTool set-up applies.

    Raises
    ------
    InputError : no such set-up, or a measurement without two markers per pair or without a body; everything at once.
    """
    try:
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError) as error:
        raise InputError(path, f"cannot be read as a ScaleTool set-up: {error}") from None
    problems: list[str] = []
    measurements = []
    for element in root.findall(".//MeasurementSet/objects/Measurement"):
        if (element.findtext("apply") or "true").strip().lower() != "true":
            continue
        name = element.get("name", "")
        pairs = [
            tuple((p.findtext("markers") or "").split()) for p in element.findall("MarkerPairSet/objects/MarkerPair")
        ]
        bodies = []
        for scale in element.findall("BodyScaleSet/objects/BodyScale"):
            axes = (scale.findtext("axes") or "").split()
            if not axes or set(axes) - set(_AXES):
                problems.append(
                    f"measurement {name}: the axes of {scale.get('name')} are {axes}; expected some of X Y Z"
                )
            bodies.append((scale.get("name", ""), tuple(_AXES[a] for a in axes if a in _AXES)))
        if not pairs or any(len(p) != 2 for p in pairs):
            problems.append(f"measurement {name}: its marker pairs are {pairs}; expected two markers in each")
        measurements.append(Measurement(name, tuple((p[0], p[-1]) for p in pairs if p), tuple(bodies)))
    if not measurements and not problems:
        problems.append(f"begins with <{root.tag}> and applies no <Measurement>; expected a ScaleTool set-up")
    if problems:
        raise InputError(path, *problems)
    return tuple(measurements)


def measure(model: Model, measurements: tuple[Measurement, ...], points: Mapping[str, Floats]) -> dict[str, float]:
    """Measurement -> factor, from markers (T, 3) in metres.

    Raises
    ------
    InputError : a marker that the model or the trial lacks, or two that are at one place; everything at once.
    """
    known = {m.name for m in model.markers}
    problems, factors = [], {}
    places = marker_places(model, np.array([[c.default for c in model.coordinates]]))[0]
    at = {m.name: places[k] for k, m in enumerate(model.markers)}
    for measurement in measurements:
        ratios = []
        for a, b in measurement.pairs:
            strangers = [n for n in (a, b) if n not in known]
            missing = [n for n in (a, b) if n not in points]
            if strangers or missing:
                problems.append(
                    f"measurement {measurement.name}: {', '.join(strangers or missing)} is not a marker of the "
                    f"{'model' if strangers else 'trial'}"
                )
                continue
            own = float(np.linalg.norm(at[a] - at[b]))
            distances = np.linalg.norm(points[a] - points[b], axis=1)
            if own < _NO_LENGTH or not np.isfinite(distances).any():
                why = "are at one place in the model" if own < _NO_LENGTH else "are never seen together"
                problems.append(f"measurement {measurement.name}: {a} and {b} {why}")
                continue
            ratios.append(float(np.nanmedian(distances)) / own)
        if ratios:
            factors[measurement.name] = float(np.mean(ratios))
    if problems:
        raise InputError(f"scaling {model.name}", *problems)
    return factors


def factors_by_body(measurements: tuple[Measurement, ...], measured: Mapping[str, float]) -> dict[str, Floats]:
    """Body -> factors (3,); 1 along an axis that nothing measures."""
    factors: dict[str, Floats] = {}
    for measurement in measurements:
        for body, axes in measurement.bodies:
            factors.setdefault(body, np.ones(3))[list(axes)] = measured[measurement.name]
    return factors
