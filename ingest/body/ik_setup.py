"""Read the set-up of OpenSim's InverseKinematicsTool: which markers and coordinates are fitted, and with which weights.

OpenSim minimises the weighted mean of the squared distances of the markers that a frame has, plus, for each coordinate
task, weight times the squared difference from its value. In the sum of squares that :func:`~.inverse.fit` minimises, a
coordinate task therefore weighs its weight times the sum of the weights of the markers seen in that frame.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError

from .documents import setup_root
from .elements import floats, is_true
from .model import Model
from .targets import Targets

DEFAULT, MANUAL, FROM_FILE = "default_value", "manual_value", "from_file"


@dataclass(frozen=True, slots=True)
class CoordinateTask:
    """A coordinate drawn to a value (radians or metres; None: the model's default), with its weight."""

    weight: float
    value: float | None = None


@dataclass(frozen=True, slots=True)
class IkSetup:
    """The tasks of a set-up that are applied with a weight above 0.

    Attributes
    ----------
    markers : marker -> weight. coordinates : coordinate -> task. constraint_weight : infinite where constraints are kept
        exactly, OpenSim's default.
    """

    markers: dict[str, float]
    coordinates: dict[str, CoordinateTask]
    constraint_weight: float = np.inf

    def about(self) -> dict[str, Any]:
        """The weights as the step of a fit records them."""
        return {"weights": self.markers, "tasks": {n: [t.weight, t.value] for n, t in self.coordinates.items()}}

    @classmethod
    def of_step(cls, about: Mapping[str, Any]) -> IkSetup:
        """The weights that a step recorded; 1 for its markers where no set-up gave them."""
        weights, tasks = about.get("weights", {}), about.get("tasks", {})
        markers = {n: weights.get(n, 1.0) for n in about["markers"]}
        return cls(markers, {n: CoordinateTask(*task) for n, task in tasks.items()})

    def targets(self, model: Model, points: Mapping[str, Floats]) -> Targets:
        """Targets of the markers (T, 3) in metres that the set-up names, and of its coordinates.

        Raises
        ------
        UsageError : a coordinate that the model does not have (when the targets are laid out).
        """
        used = {n: p for n, p in points.items() if n in self.markers}
        seen = np.stack([np.isfinite(p).all(axis=1) for p in used.values()], axis=1)
        total = seen @ np.array([self.markers[n] for n in used])
        default = {c.name: c.default for c in model.coordinates}
        return Targets(
            used,
            {n: self.markers[n] for n in used},
            coordinates={
                n: default.get(n, 0.0) if task.value is None else task.value for n, task in self.coordinates.items()
            },
            coordinate_weights={n: task.weight * total for n, task in self.coordinates.items()},
        )


def read_ik_setup(path: str | Path) -> IkSetup:
    """The tasks of an InverseKinematicsTool's set-up.

    Raises
    ------
    InputError : no such set-up, a number that is none, or a coordinate task that takes its values from a file.
    """
    root = setup_root(path, "an IK set-up", ("IKTaskSet",))
    if root.find(".//IKTaskSet/objects/IKMarkerTask") is None:
        raise InputError(path, f"begins with <{root.tag}> and holds no <IKMarkerTask>; expected an IK set-up")
    problems: list[str] = []
    weights, coordinates = tasks_of(root, problems)
    constraint = root.find(".//constraint_weight")
    text = "" if constraint is None else (constraint.text or "").strip().lower()
    exact = np.inf if text in ("", "inf", "infinity") else _number(root, ".//constraint_weight", problems, lowest=0.0)
    if problems:
        raise InputError(path, *problems)
    return IkSetup({n: w for n, w in weights.items() if w > 0}, coordinates, exact)


def tasks_of(root: ET.Element, problems: list[str]) -> tuple[dict[str, float], dict[str, CoordinateTask]]:
    """Marker -> weight, 0 included, and the coordinate tasks of a weight above 0, of those that are applied."""
    applied = [t for t in root.findall(".//IKTaskSet/objects/IKMarkerTask") if _is_applied(t, problems)]
    weights = {t.get("name", ""): _number(t, "weight", problems, lowest=0.0) for t in applied}
    coordinates: dict[str, CoordinateTask] = {}
    for task in root.findall(".//IKTaskSet/objects/IKCoordinateTask"):
        if not _is_applied(task, problems):
            continue
        name, kind = task.get("name", ""), (task.findtext("value_type") or DEFAULT).strip()
        weight = _number(task, "weight", problems, lowest=0.0)
        if kind not in (DEFAULT, MANUAL):
            problems.append(
                f"the coordinate task {name} has the value type {kind!r}; known are {DEFAULT} and {MANUAL}"
                + (": give it a fixed value, or set <apply> false" if kind == FROM_FILE else "")
            )
            continue
        coordinates[name] = CoordinateTask(weight, _number(task, "value", problems) if kind == MANUAL else None)
    return weights, {n: c for n, c in coordinates.items() if c.weight > 0}


def _number(element: ET.Element, name: str, problems: list[str], lowest: float = -np.inf) -> float:
    """A finite number of a child element, 0 if there is none."""
    text = (element.findtext(name) or "0").strip()
    value = (floats(text) or [np.nan])[0] if len(text.split()) == 1 else np.nan
    if np.isfinite(value) and value >= lowest:
        return value
    wanted = "a number of 0 or more" if lowest == 0 else "a number"
    problems.append(
        f"<{name.removeprefix('.//')}> of {element.get('name') or 'the tool'} is {text!r}; expected {wanted}"
    )
    return 0.0


def _is_applied(task: ET.Element, problems: list[str]) -> bool:
    try:
        return is_true(task, "apply", True)
    except ValueError as error:
        problems.append(f"the task {task.get('name') or 'without a name'}: {error}")
        return False
