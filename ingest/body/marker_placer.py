"""Register the markers of a scaled model by a static trial, as the MarkerPlacer of OpenSim's ScaleTool does.

The mean of the static trial's markers is fitted by inverse kinematics with the set-up's own tasks; each marker of the
model that is not fixed then moves, on its body, to where the static trial has it in that pose, also if it has no task
and so did not count in the fit. Differences: a marker that the static trial lacks stays where scaling puts it
(OpenSim deletes it), and markers of a person who moves are not averaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.recording import Calibration
from neurostore.wording import listed

from .documents import read_sets
from .elements import is_true
from .forward import forward
from .ik_setup import IkSetup, tasks_of
from .inverse import fit
from .model import GROUND, Model
from .own_model import LEAST_MARKERS
from .static_choice import STILL_MM, moves_mm
from .time_range import frames_within, read_time_range

#: calibrations of a static trial: the place of each registered marker in its body's frame, mm, an axis each
PLACED = "body_marker_"
_AXES = "xyz"
#: mm: a marker that registration moves by more is named
FAR_MM = 50.0
_STAY = "markers stay where scaling puts them"


@dataclass(frozen=True, slots=True)
class Placer:
    """What a MarkerPlacer applies: its tasks, and the time in s that is averaged (first, last); None: the whole trial."""

    tasks: IkSetup
    time_s: tuple[float, float] | None = None

    def strangers(self, model: Model) -> list[str]:
        """Coordinates of its tasks that the model does not have."""
        return sorted(set(self.tasks.coordinates) - set(model.coordinate_names))


def read_placer(root: Element, path: str | Path, problems: list[str]) -> Placer | None:
    """The MarkerPlacer of a ScaleTool set-up, None where there is none or it is not applied; adds what is wrong with it.

    Raises
    ------
    InputError : its tasks are in a file that cannot be read.
    """
    element = root.find(".//MarkerPlacer")
    try:
        if element is None or not is_true(element, "apply", True):
            return None
        time_s = read_time_range(element, "its MarkerPlacer", problems)
    except ValueError as error:
        problems.append(f"its MarkerPlacer: {error}")
        return None
    read_sets(element, "IKTaskSet", path)
    weights, coordinates = tasks_of(element, problems)
    tasks = IkSetup({n: w for n, w in weights.items() if w > 0}, coordinates)
    if not tasks.markers and not problems:
        problems.append(
            "its MarkerPlacer has no <IKMarkerTask> of a weight above 0; expected one for each marker to fit"
        )
    return Placer(tasks, time_s)


def register(
    model: Model, placer: Placer, points_m: Mapping[str, Floats], time_s: Floats
) -> tuple[dict[str, Floats], list[str]]:
    """Marker -> place (3,) in metres in its body's frame, and notes; none, with the reason, where nobody stands still.

    points_m : points (T, 3) of the static trial by the model's marker names. time_s : (T,).
    """
    is_used = frames_within(placer.time_s, time_s)
    if placer.time_s is not None and not is_used.any():
        return {}, [
            f"{_STAY}: the MarkerPlacer averages {placer.time_s[0]:g} to {placer.time_s[1]:g} s, and the trial has no "
            f"frame in it ({time_s.min():g} to {time_s.max():g} s)"
        ]
    used = {n: p[is_used] for n, p in points_m.items()}
    seen = {n: p[np.isfinite(p).all(axis=1)] for n, p in used.items()}
    means = {m.name: seen[m.name].mean(axis=0) for m in model.markers if len(seen.get(m.name, ()))}
    fitted = {n: mean[None] for n, mean in means.items() if n in placer.tasks.markers}
    if len(fitted) < LEAST_MARKERS:
        return {}, [
            f"{_STAY}: {len(fitted)} markers of the trial have a task of the MarkerPlacer; expected at least {LEAST_MARKERS}"
        ]
    moves = moves_mm({n: 1000 * seen[n] for n in means})
    if moves > STILL_MM:
        return {}, [
            f"{_STAY}: nobody stands still in the time that the MarkerPlacer averages (a quarter of the markers are "
            f"{moves:.0f} mm or more from their mean, RMS; expected at most {STILL_MM:g} mm). Add a "
            "static trial to the session, or set the MarkerPlacer's <time_range> to a time in which the person stands"
        ]
    pose = fit(model, placer.tasks.targets(model, fitted), np.zeros(1))
    places = on_bodies(model, pose.filled, means)
    lost = {n for n, value in zip(pose.names, pose.values[0], strict=True) if np.isnan(value)}
    lost -= set(placer.tasks.coordinates)
    weak = lost & _turning(model, {m.body for m in model.markers if m.name in places})
    return places, _notes(model, places, means, [n for n in model.coordinate_names if n in weak])


def on_bodies(model: Model, pose: Floats, means: Mapping[str, Floats]) -> dict[str, Floats]:
    """Points in the frames of the bodies that their markers are on, fixed markers left out."""
    rotations, origins = forward(model, pose)
    index = {body: k for k, body in enumerate(model.bodies)}
    places = {}
    for marker in model.markers:
        if marker.name in means and not marker.is_fixed:
            at = means[marker.name]
            if marker.body != GROUND:
                at = rotations[0, index[marker.body]].T @ (at - origins[0, index[marker.body]])
            places[marker.name] = at
    return places


def _turning(model: Model, bodies: Iterable[str]) -> set[str]:
    """Coordinates of the joints between the ground and these bodies."""
    above = {j.child: j for j in model.joints}
    names: set[str] = set()
    for body in bodies:
        while body in above:
            names.update(above[body].coordinates)
            body = above[body].parent
    return names


def _notes(model: Model, places: Mapping[str, Floats], means: Mapping[str, Floats], weak: Sequence[str]) -> list[str]:
    """weak : coordinates above registered markers that the static trial hardly determines."""
    moved = {
        m.name: 1000 * float(np.linalg.norm(places[m.name] - m.location)) for m in model.markers if m.name in places
    }
    far = [f"{n} {mm:.0f} mm" for n, mm in sorted(moved.items(), key=lambda item: -item[1]) if mm > FAR_MM]
    lost = [m.name for m in model.markers if m.name not in means and not m.is_fixed]
    notes = []
    if weak:
        notes.append(
            f"the markers of the static trial hardly determine {listed(weak)}, so markers beyond may be registered in a wrong "
            "pose: give these coordinates tasks in the MarkerPlacer"
        )
    if far:
        notes.append(
            f"registration moves markers by more than {FAR_MM:g} mm: {listed(far)}; is the model scaled to the person, and do "
            "these markers mean the same places?"
        )
    if lost:
        notes.append(f"markers that the static trial does not have stay where scaling puts them: {listed(lost)}")
    return notes


def given_places(model: Model, calibrations: Iterable[Calibration]) -> dict[str, Floats]:
    """Marker -> place (3,) in metres in its body's frame, as a static trial of the session registered it."""
    value = {c.parameter: c.value for c in calibrations if c.source == "static" and c.parameter.startswith(PLACED)}
    names = {m.name: [f"{PLACED}{m.name}_{axis}" for axis in _AXES] for m in model.markers if not m.is_fixed}
    return {
        n: np.array([value[p] for p in three]) / 1000 for n, three in names.items() if all(p in value for p in three)
    }


def calibrations_of(places: Mapping[str, Floats]) -> list[Calibration]:
    """Places of markers as calibrations, mm; the other trials of a session use those of a static trial."""
    return [
        Calibration(f"{PLACED}{name}_{axis}", None, 1000 * float(value), "mm", "estimated")
        for name, at in places.items()
        for axis, value in zip(_AXES, at, strict=True)
    ]
