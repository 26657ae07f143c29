"""Scale factors of a user's own model by an OpenSim ScaleTool set-up: measurements, manual scales, or both in its order.

A measurement is the mean, over pairs of markers, of their distance in the trial divided by that in the model's default
pose; it scales bodies along the axes that the set-up names. OpenSim takes the mean over the set-up's <time_range>, here
the median over the frames in it that have both markers is taken. How markers are placed is in :mod:`.marker_placer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from xml.etree.ElementTree import Element

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError

from .documents import setup_root
from .elements import is_true, numbers, text_of
from .forward import marker_places
from .marker_placer import Placer, read_placer
from .model import Model
from .time_range import read_time_range

MEASURED, MANUAL = _ORDER = ("measurements", "manualScale")
_AXES = {"X": 0, "Y": 1, "Z": 2}
#: m: markers nearer to each other than this measure no length
_NO_LENGTH = 1e-3


@dataclass(frozen=True, slots=True)
class Measurement:
    """Pairs of markers whose distance scales bodies: (body, its axes 0 to 2)."""

    name: str
    pairs: tuple[tuple[str, str], ...]
    bodies: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class ScaleSetup:
    """What a ScaleTool set-up applies: measurements, and manual factors (3,) by body, which come last or first.

    placer : how it places the markers of the scaled model; None: it leaves them where scaling puts them. time_s : the
    time (first, last) in which it measures; None: the whole trial. files : names of the marker files that it states,
    without folder and ending.
    """

    measurements: tuple[Measurement, ...] = ()
    manual: Mapping[str, Floats] = field(default_factory=dict)
    is_manual_last: bool = True
    placer: Placer | None = None
    time_s: tuple[float, float] | None = None
    files: frozenset[str] = frozenset()

    def strangers(self, model: Model) -> list[str]:
        """Bodies without which a measurement or a manual scale would do nothing.

        One set-up may serve several models, as those of Pose2Sim do: a measurement needs one of its bodies.
        """
        groups = [[body for body, _ in m.bodies] for m in self.measurements] + [[body] for body in self.manual]
        return sorted({body for group in groups if not set(group) & set(model.bodies) for body in group})


def read_scale_setup(path: str | Path) -> ScaleSetup:
    """What a ScaleTool set-up applies. Without a scaling order these are its measurements.

    Raises
    ------
    InputError : no such set-up, a measurement without two markers per pair or without a body, manual scales that are not
        three numbers or have no place in the scaling order, a task of its MarkerPlacer that cannot be read; everything at
        once.
    """
    root = setup_root(path, "a ScaleTool set-up", ("MeasurementSet", "ScaleSet"))
    problems: list[str] = []
    scaler = root.find(".//ModelScaler")
    time_s = None
    try:
        is_scaled = scaler is None or is_true(scaler, "apply", True)
        if scaler is not None and is_scaled:
            time_s = read_time_range(scaler, "its ModelScaler", problems)
    except ValueError as error:
        problems.append(f"its ModelScaler: {error}")
        is_scaled = True
    order = (root.findtext(".//ModelScaler/scaling_order") or "").strip().strip("()").split()
    strangers = [word for word in order if word not in _ORDER]
    if strangers:
        problems.append(f"its scaling order holds {', '.join(strangers)}; expected some of {', '.join(_ORDER)}")
    manual = _manual(root, problems)
    if manual and not order:
        problems.append("it has manual scales and no <scaling_order>; expected measurements, manualScale or both")
    measurements = _measurements(root, problems) if not order or MEASURED in order else ()
    manual = manual if MANUAL in order else {}
    if not is_scaled:
        measurements, manual = (), {}
    placer = read_placer(root, path, problems)
    if not measurements and not manual and placer is None and not problems:
        problems.append(f"begins with <{root.tag}> and applies no <Measurement>; expected a ScaleTool set-up")
    if problems:
        raise InputError(path, *problems)
    return ScaleSetup(measurements, manual, order[-1:] != [MEASURED], placer, time_s, _marker_files(root))


def _marker_files(root: Element) -> frozenset[str]:
    named = [text_of(part, "marker_file") for part in root.iter() if part.tag in ("ModelScaler", "MarkerPlacer")]
    return frozenset(PureWindowsPath(name).stem for name in named if name not in ("", "Unassigned"))


def _manual(root: Element, problems: list[str]) -> dict[str, Floats]:
    manual = {}
    for scale in root.findall(".//ModelScaler/ScaleSet/objects/Scale"):
        body = text_of(scale, "segment")
        try:
            if is_true(scale, "apply", True):
                manual[body] = np.array(numbers(scale, "scales", 3))
        except ValueError as error:
            problems.append(f"the manual scale of {body or 'no body'}: {error}")
    return manual


def _measurements(root: Element, problems: list[str]) -> tuple[Measurement, ...]:
    measurements = []
    for element in root.findall(".//MeasurementSet/objects/Measurement"):
        name = element.get("name", "")
        try:
            if not is_true(element, "apply", True):
                continue
        except ValueError as error:
            problems.append(f"measurement {name}: {error}")
            continue
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


def factors_by_body(setup: ScaleSetup, measured: Mapping[str, float]) -> dict[str, Floats]:
    """Body -> factors (3,); 1 along an axis that nothing scales. What comes last in the set-up's order counts."""
    manual = {body: np.array(three, dtype=float) for body, three in setup.manual.items()}
    factors: dict[str, Floats] = {} if setup.is_manual_last else dict(manual)
    for measurement in setup.measurements:
        for body, axes in measurement.bodies:
            factors.setdefault(body, np.ones(3))[list(axes)] = measured[measurement.name]
    return {**factors, **manual} if setup.is_manual_last else factors
