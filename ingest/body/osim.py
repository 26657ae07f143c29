"""Read OpenSim models: an ``.osim`` document in, a :class:`~.model.Model` out.

Muscles, forces, wraps, controllers, geometry and contact are ignored. Any other element that changes the movement is
refused and named. The meaning of each element follows OpenSim's documentation of its classes and was checked against
OpenSim 4.6 (docs/body.md).
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError

from . import functions
from .documents import document, read_text, with_markers
from .elements import is_true, numbers, text_of
from .model import (
    COUPLED,
    GROUND,
    ROTATIONAL,
    TRANSLATIONAL,
    Axis,
    Coordinate,
    Coupler,
    Joint,
    Marker,
    Model,
)
from .sockets import Frames

_X, _Y, _Z = np.eye(3)
#: joint -> (is a rotation, axis) of each of its coordinates in order; a CustomJoint states its own.
#: In free and planar joints rotations come before translations.
_MOVES: dict[str, tuple[tuple[bool, Floats], ...]] = {
    "WeldJoint": (),
    "PinJoint": ((True, _Z),),
    "SliderJoint": ((False, _X),),
    "UniversalJoint": ((True, _X), (True, _Y)),
    "BallJoint": ((True, _X), (True, _Y), (True, _Z)),
    "GimbalJoint": ((True, _X), (True, _Y), (True, _Z)),
    "FreeJoint": ((True, _X), (True, _Y), (True, _Z), (False, _X), (False, _Y), (False, _Z)),
    "PlanarJoint": ((True, _Z), (False, _X), (False, _Y)),
}
#: radians or metres: range of a coordinate whose document states none, and how far outside it a default may be, as in OpenSim
DEFAULT_RANGE = (-10.0, 10.0)
_SLACK = 1.5e-8
_AXES = ("rotation1", "rotation2", "rotation3", "translation1", "translation2", "translation3")


def read_model(path: str | Path, markers: str | Path | None = None) -> Model:
    """The model of an ``.osim`` file, with the markers of a marker set file added where one is given.

    Raises
    ------
    InputError : the file cannot be read, is of an unknown version, or holds what would change the movement and is not
        known: a joint, a function, a constraint, a loop. Everything wrong is listed at once.
    """
    root, text = document(read_text(path), str(path), Path(path).parent)
    if markers is not None:
        text = with_markers(root, document(read_text(markers), str(markers))[0], str(markers))
    return _model(root, path, text)


def parse_model(text: str, path: str = "model") -> Model:
    """The model of an ``.osim`` document given as text; see :func:`read_model`."""
    root, text = document(text, path)
    return _model(root, path, text)


def _model(root: Element, path: str | Path, text: str) -> Model:
    element = root.find("Model")
    if element is None:
        raise InputError(path, f"holds {', '.join(e.tag for e in root) or 'nothing'}; expected an OpenSim <Model>")
    return _Reader(element, str(path), text).model()


class _Reader:
    """One pass over a <Model>; problems are gathered and raised together."""

    def __init__(self, element: Element, path: str, text: str):
        self.element, self.path, self.text = element, path, text
        self.problems: list[str] = []
        self.frames = Frames(element, self.problems)

    def model(self) -> Model:
        bodies = [e.get("name", "") for e in self._parts("Body")]
        parts: list[tuple[Joint, list[Coordinate]]] = []
        for path, joint in self.frames.parts:
            read = self._joint(joint, path) if joint.tag.endswith("Joint") else None
            if read is not None:
                parts.append(read)
        coordinates = [c for _, own in parts for c in own]
        couplers = self._constraints({c.name: c for c in coordinates})
        markers = self._markers()
        for what, names in (
            ("body", bodies),
            ("joint", [j.name for j, _ in parts]),
            ("coordinate", [c.name for c in coordinates]),
            ("marker", [m.name for m in markers]),
        ):
            twice = sorted({n for n in names if names.count(n) > 1})
            if "" in names:
                self.problems.append(f"{names.count('')} {what} without a name")
            elif twice:
                self.problems.append(f"{what} {', '.join(twice)}: the name occurs more than once")
        masses = self._masses()
        order: list[Joint] = []
        backward: set[str] = set()
        if not self.problems:
            order, backward = self._tree(bodies, [j for j, _ in parts])
        if self.problems:
            raise InputError(self.path, *self.problems)
        return Model(
            self.element.get("name", ""),
            tuple(bodies),
            tuple(order),
            tuple(coordinates),
            tuple(couplers),
            tuple(markers),
            frozenset(backward),
            masses,
            self.text,
        )

    def _masses(self) -> dict[str, float]:
        """Mass of each body, kg; its centre and inertia are checked only."""
        masses = {}
        for element in self._parts("Body"):
            name = element.get("name", "")
            try:
                (masses[name],) = numbers(element, "mass", 1, (0.0,))
                numbers(element, "mass_center", 3, (0.0,) * 3)  # the scaled model needs them
                numbers(element, "inertia", 6, (0.0,) * 6)
            except ValueError as error:
                self.problems.append(f"body {name}: {error}")
                continue
            if masses[name] < 0:
                self.problems.append(f"body {name}: its mass is {masses[name]:g} kg; expected 0 or more")
        return masses

    def _parts(self, ending: str) -> list[Element]:
        return [e for _, e in self.frames.parts if e.tag.endswith(ending)]

    def _joint(self, element: Element, path: str) -> tuple[Joint, list[Coordinate]] | None:
        name, kind = element.get("name", ""), element.tag
        if kind != "CustomJoint" and kind not in _MOVES:
            known = ", ".join(["CustomJoint", *_MOVES])
            self.problems.append(f"joint {name}: the kind {kind} is not known; known are {known}")
            return None
        ends = [self.frames.of_joint(element, path, end) for end in ("parent", "child")]
        names = tuple(e.get("name", "") for e in element.findall("coordinates/Coordinate"))
        try:
            axes = self._custom_axes(element, names) if kind == "CustomJoint" else _fixed_axes(kind, names)
        except ValueError as error:
            self.problems.append(f"joint {name}: {error}")
            return None
        if ends[0] is None or ends[1] is None:
            return None
        (parent, parent_frame), (child, child_frame) = ends[0], ends[1]
        coordinates = [
            self._coordinate(e, name, _motion(e.get("name", ""), axes))
            for e in element.findall("coordinates/Coordinate")
        ]
        joint = Joint(name, kind, parent, child, parent_frame, child_frame, axes, names)
        return joint, [c for c in coordinates if c is not None]

    def _custom_axes(self, element: Element, names: tuple[str, ...]) -> tuple[Axis, ...]:
        transform = element.find("SpatialTransform")
        if transform is None:
            raise ValueError("CustomJoint without a <SpatialTransform>")
        named = [e.get("name", "") for e in transform.findall("TransformAxis")]
        if len(set(named)) != len(named) or not set(named) <= set(_AXES):
            raise ValueError(f"its axes are {', '.join(named)}; expected each of {', '.join(_AXES)} once")
        by_name = dict(zip(named, transform.findall("TransformAxis"), strict=True))
        axes = [_transform_axis(by_name[at], at, names) if at in by_name else _still_axis(at) for at in _AXES]
        if abs(np.linalg.det(np.array([a.axis for a in axes[3:]]))) < 1e-6:
            raise ValueError("its translation axes lie in one plane")
        turns = [a.axis for a in axes[:3]]
        if any(np.linalg.norm(np.cross(a, b)) < 1e-6 for a, b in itertools.pairwise(turns)):
            raise ValueError("two rotation axes in succession are parallel")
        zero = functions.CONSTANT, (0.0,)
        return tuple(a for a in axes if (a.function.code, a.function.data) != zero)

    def _coordinate(self, element: Element, joint: str, motion: str) -> Coordinate | None:
        name = element.get("name", "")
        try:
            low, high = numbers(element, "range", 2, DEFAULT_RANGE, is_finite=False)
            default = numbers(element, "default_value", 1, (0.0,))[0]
            is_clamped, is_locked = is_true(element, "clamped"), is_true(element, "locked")
            function = None
            if is_true(element, "prescribed") and not is_locked:
                prescribed = element.find("prescribed_function")
                if prescribed is None or not len(prescribed):
                    raise ValueError("is prescribed, but holds no <prescribed_function>")
                function = functions.read(prescribed[0], 1)
            if low > high:
                raise ValueError(f"its range {low:g} to {high:g} is empty")
            if is_clamped and not low - _SLACK < default < high + _SLACK:
                raise ValueError(f"it is clamped to {low:g} to {high:g}, but its default is {default:g}")
            return Coordinate(name, joint, motion, default, low, high, is_clamped, is_locked, function)
        except ValueError as error:
            self.problems.append(f"coordinate {name}: {error}")
            return None

    def _constraints(self, known: dict[str, Coordinate]) -> list[Coupler]:
        constraints = []
        for element in self._parts("Constraint"):
            try:
                if is_true(element, "isEnforced", True):
                    constraints.append(_coupler(element, known))
            except ValueError as error:
                self.problems.append(f"constraint {element.get('name', '')}: {error}")
        dependents = [c.dependent for c in constraints]
        for name in sorted({d for d in dependents if dependents.count(d) > 1}):
            self.problems.append(f"coordinate {name} depends on more than one coupler")
        for coupler in constraints:
            follower = known[coupler.dependent]
            if follower.is_locked or follower.prescribed is not None:
                self.problems.append(
                    f"coordinate {coupler.dependent} is {'locked' if follower.is_locked else 'prescribed'}, but follows "
                    f"{', '.join(coupler.independents)} (constraint {coupler.name}); expected one of the two: hold "
                    f"{', '.join(coupler.independents)} instead, or disable the constraint"
                )
        circle = _circle(constraints)
        if circle:
            self.problems.append(f"coordinate {', '.join(circle)}: couplers make them depend on each other in a circle")
        return constraints

    def _markers(self) -> list[Marker]:
        markers = []
        for element in self.element.findall("MarkerSet/objects/Marker"):
            name = element.get("name", "")
            place = self.frames.resolve(text_of(element, "socket_parent_frame"), f"/markerset/{name}", f"marker {name}")
            if place is None:
                continue
            try:
                at = np.array(numbers(element, "location", 3))
                is_fixed = is_true(element, "fixed")
            except ValueError as error:
                self.problems.append(f"marker {name}: {error}")
                continue
            body, frame = place
            markers.append(Marker(name, body, frame.rotation @ at + frame.origin, is_fixed))
        return markers

    def _tree(self, bodies: list[str], joints: list[Joint]) -> tuple[list[Joint], set[str]]:
        """Joints from the ground outwards, and those that are met at their child first."""
        order: list[Joint] = []
        backward: set[str] = set()
        placed, left = {GROUND}, list(joints)
        while left:
            for joint in left:
                ends = (joint.parent in placed, joint.child in placed)
                if all(ends):
                    self.problems.append(
                        f"joint {joint.name} closes a loop from {joint.parent} to {joint.child}: only trees are read"
                    )
                elif any(ends):
                    placed |= {joint.parent, joint.child}
                    order.append(joint)
                    if ends[1]:
                        backward.add(joint.name)
                else:
                    continue
                left.remove(joint)
                break
            else:
                break
        loose = [b for b in bodies if b not in placed]
        if loose:
            self.problems.append(f"body {', '.join(loose)}: no joint ties it to the ground")
        return order, backward


def _fixed_axes(kind: str, names: tuple[str, ...]) -> tuple[Axis, ...]:
    moves = _MOVES[kind]
    if len(names) != len(moves):
        raise ValueError(f"{kind} with {len(names)} coordinates; expected {len(moves)}")
    pairs = zip(moves, names, strict=True)
    return tuple(Axis(axis, functions.IDENTITY, (name,), turns) for (turns, axis), name in pairs)


def _transform_axis(element: Element, at: str, names: tuple[str, ...]) -> Axis:
    axis = np.array(numbers(element, "axis", 3))
    length = float(np.linalg.norm(axis))
    if length < 1e-9:
        raise ValueError(f"{at}: its axis has no length")
    own = tuple(text_of(element, "coordinates").split())
    strangers = [name for name in own if name not in names]
    if strangers:
        raise ValueError(f"{at} moves with {', '.join(strangers)}, which is not a coordinate of this joint")
    function = _axis_function(element)
    if function is None:  # as in OpenSim: an empty <function> is the coordinate itself, none at all is zero
        read = functions.IDENTITY if own and element.find("function") is not None else functions.ZERO
    else:
        try:
            read = functions.read(function, len(own))
        except ValueError as error:
            raise ValueError(f"{at}: {error}") from None
    if read.code not in (functions.CONSTANT, functions.LINEAR) and len(own) != 1:
        raise ValueError(f"{at}: a function of one value with {len(own)} coordinates")
    return Axis(axis / length, read, own, at.startswith("rotation"))


def _axis_function(element: Element) -> Element | None:
    """The function of a TransformAxis: inside <function>, named function, or without a name; None if there is none."""
    holder = element.find("function")
    if holder is not None and len(holder):
        return holder[0]
    direct = [
        e
        for e in element
        if e.tag not in ("function", "coordinates", "axis") and e.get("name", "function") == "function"
    ]
    return direct[0] if direct else None


def _still_axis(at: str) -> Axis:
    """An axis that a document leaves out: nothing moves along or about it."""
    return Axis(np.eye(3)[_AXES.index(at) % 3], functions.ZERO, (), at.startswith("rotation"))


def _motion(name: str, axes: tuple[Axis, ...]) -> str:
    """How OpenSim calls a coordinate's motion: by the first axis that is the coordinate or its negative."""
    for axis in axes:
        if axis.coordinates == (name,) and axis.function.is_unit_slope:
            return ROTATIONAL if axis.is_rotation else TRANSLATIONAL
    return COUPLED


def _coupler(element: Element, known: Collection[str]) -> Coupler:
    if element.tag != "CoordinateCouplerConstraint":
        raise ValueError(
            f"the kind {element.tag} is not known (CoordinateCouplerConstraint is); a model that needs it would move otherwise"
        )
    independents = tuple(text_of(element, "independent_coordinate_names").split())
    dependent = text_of(element, "dependent_coordinate_name")
    strangers = [n for n in (*independents, dependent) if n not in known]
    if strangers or not independents:
        raise ValueError(f"couples {', '.join(strangers) or 'nothing'}, which is not a coordinate of the model")
    holder = element.find("coupled_coordinates_function")
    if holder is None or not len(holder):
        raise ValueError("holds no function")
    function = functions.read(holder[0], len(independents))
    if function.code == functions.CONSTANT:  # OpenSim 4.6 then holds the independent coordinate instead
        raise ValueError(f"couples by a Constant; lock {dependent} at {function.data[0]:g} instead")
    if function.code != functions.LINEAR and len(independents) != 1:
        raise ValueError(f"a function of one value with {len(independents)} coordinates")
    scale = numbers(element, "scale_factor", 1, (1.0,))[0]
    return Coupler(element.get("name", ""), dependent, independents, function.times(scale))


def _circle(couplers: list[Coupler]) -> list[str]:
    """Coordinates that follow each other, or themselves."""
    left = {c.dependent: set(c.independents) for c in couplers}
    while True:
        settled = {name for name, of in left.items() if not of & left.keys()}
        if not settled:
            return sorted(left)
        left = {name: of for name, of in left.items() if name not in settled}
