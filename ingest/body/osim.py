"""Read OpenSim models: an ``.osim`` document in, a :class:`~.model.Model` out.

Muscles, forces, wraps, controllers, geometry and contact are ignored. Any other element that changes the movement is
refused and named. The meaning of each element follows OpenSim's documentation of its classes and was checked against
OpenSim 4.6 (docs/body.md).
"""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.wording import is_whole

from . import functions, osim_before_4
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
from .sockets import Frames, numbers, text_of

#: versions of the document from OpenSim 4.0 on
FIRST_VERSION = 40000
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
_AXES = ("rotation1", "rotation2", "rotation3", "translation1", "translation2", "translation3")


def read_model(path: str | Path, markers: str | Path | None = None) -> Model:
    """The model of an ``.osim`` file, with the markers of a marker set file added where one is given.

    Raises
    ------
    InputError : the file cannot be read, is of an unknown version, or holds what would change the movement and is not
        known: a joint, a function, a constraint, a loop. Everything wrong is listed at once.
    """
    text = _read(path)
    return parse_model(text, str(path), _read(markers) if markers is not None else None, str(markers or ""))


def parse_model(text: str, path: str = "model", markers: str | None = None, markers_path: str = "markers") -> Model:
    """The model of an ``.osim`` document given as text; see :func:`read_model`."""
    root, text = _document(text, path)
    if markers is not None:
        text = _with_markers(root, _document(markers, markers_path)[0], markers_path)
    element = root.find("Model")
    if element is None:
        raise InputError(path, f"holds {', '.join(e.tag for e in root) or 'nothing'}; expected an OpenSim <Model>")
    return _Reader(element, path, text).model()


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read as an OpenSim document: {error}") from None


def _document(text: str, path: str) -> tuple[Element, str]:
    """The root of a document and its text, both in the form of OpenSim 4."""
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise InputError(path, f"is not XML: {error}; expected an OpenSim model or marker set") from None
    version = root.get("Version", "")
    if root.tag != "OpenSimDocument" or not is_whole(version):
        raise InputError(path, f"begins with <{root.tag} Version={version!r}>; expected <OpenSimDocument Version=...>")
    if int(version) >= FIRST_VERSION:
        return root, text
    if osim_before_4.FIRST <= int(version) <= osim_before_4.LAST:
        root = osim_before_4.upgraded(root, path)
        return root, ET.tostring(root, encoding="unicode")
    raise InputError(
        path,
        f"is document version {version}; known are {osim_before_4.FIRST} to {osim_before_4.LAST} (OpenSim 2 and 3) and "
        f"{FIRST_VERSION} and later (OpenSim 4). Open it in OpenSim 4 and save it again, or run: "
        "python -c \"import opensim; opensim.Model('old.osim').printToXML('new.osim')\"",
    )


def _with_markers(root: Element, extra: Element, markers_path: str) -> str:
    """The document with the markers of a marker set added; a marker of the same name is replaced."""
    others = extra.find("MarkerSet/objects")
    model = root.find("Model")
    if others is None or model is None:
        raise InputError(markers_path, "holds no <MarkerSet> with <objects>; expected an OpenSim marker set (.xml)")
    own = model.find("MarkerSet")
    if own is None:
        own = ET.SubElement(model, "MarkerSet", {"name": "markerset"})
    objects = own.find("objects")
    if objects is None:
        objects = ET.SubElement(own, "objects")
    new = {marker.get("name") for marker in others}
    for marker in list(objects):
        if marker.get("name") in new:
            objects.remove(marker)
    objects.extend(others)
    return ET.tostring(root, encoding="unicode")


class _Reader:
    """One pass over a <Model>; problems are gathered and raised together."""

    def __init__(self, element: Element, path: str, text: str):
        self.element, self.path, self.text = element, path, text
        self.problems: list[str] = []
        self.frames = Frames(element, self.problems)

    def model(self) -> Model:
        bodies = [b.get("name", "") for b in self.element.findall("BodySet/objects/Body")]
        parts: list[tuple[Joint, list[Coordinate]]] = []
        for joint in self._joint_elements():
            read = self._joint(joint)
            if read is not None:
                parts.append(read)
        coordinates = [c for _, own in parts for c in own]
        couplers = self._constraints({c.name for c in coordinates})
        markers = self._markers()
        for what, names in (
            ("body", bodies),
            ("joint", [j.name for j, _ in parts]),
            ("coordinate", [c.name for c in coordinates]),
            ("marker", [m.name for m in markers]),
        ):
            twice = sorted({n for n in names if names.count(n) > 1})
            if twice:
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
        """Mass of each body, kg."""
        masses = {}
        for element in self.element.findall("BodySet/objects/Body"):
            name = element.get("name", "")
            try:
                (masses[name],) = numbers(element, "mass", 1, (0.0,))
            except ValueError as error:
                self.problems.append(f"body {name}: {error}")
                continue
            if not 0 <= masses[name] < np.inf:
                self.problems.append(f"body {name}: its mass is {masses[name]:g} kg; expected 0 or more")
        return masses

    def _joint_elements(self) -> list[Element]:
        elements = list(self.element.findall("JointSet/objects/*"))
        return elements + [e for e in self.element.findall("components/*") if e.tag.endswith("Joint")]

    def _joint(self, element: Element) -> tuple[Joint, list[Coordinate]] | None:
        name, kind = element.get("name", ""), element.tag
        if kind != "CustomJoint" and kind not in _MOVES:
            known = ", ".join(["CustomJoint", *_MOVES])
            self.problems.append(f"joint {name}: the kind {kind} is not known; known are {known}")
            return None
        ends = [self.frames.of_joint(element, end) for end in ("parent", "child")]
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
        by_name = {e.get("name", ""): e for e in transform.findall("TransformAxis")}
        if set(by_name) != set(_AXES):
            raise ValueError(f"its axes are {', '.join(by_name) or 'none'}; expected {', '.join(_AXES)}")
        axes = [_transform_axis(by_name[at], at, names) for at in _AXES]
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
            span = numbers(element, "range", 2, (-np.inf, np.inf))
            prescribed = element.find("prescribed_function")
            function = None
            if _is_true(element, "prescribed") and not _is_true(element, "locked"):
                if prescribed is None or not len(prescribed):
                    raise ValueError("is prescribed, but holds no <prescribed_function>")
                function = functions.read(prescribed[0], 1)
            if span[0] > span[1]:
                raise ValueError(f"its range {span[0]:g} to {span[1]:g} is empty")
            return Coordinate(
                name,
                joint,
                motion,
                numbers(element, "default_value", 1, (0.0,))[0],
                span[0],
                span[1],
                _is_true(element, "clamped"),
                _is_true(element, "locked"),
                function,
            )
        except ValueError as error:
            self.problems.append(f"coordinate {name}: {error}")
            return None

    def _constraints(self, known: set[str]) -> list[Coupler]:
        constraints = []
        for element in self.element.findall("ConstraintSet/objects/*"):
            name = element.get("name", "")
            if not _is_true(element, "isEnforced", True):
                continue
            if element.tag != "CoordinateCouplerConstraint":
                self.problems.append(
                    f"constraint {name}: the kind {element.tag} is not known (CoordinateCouplerConstraint is); "
                    "a model that needs it would move otherwise"
                )
                continue
            try:
                constraints.append(_coupler(element, known))
            except ValueError as error:
                self.problems.append(f"constraint {name}: {error}")
        dependents = [c.dependent for c in constraints]
        for name in sorted({d for d in dependents if dependents.count(d) > 1}):
            self.problems.append(f"coordinate {name} depends on more than one coupler")
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
            except ValueError as error:
                self.problems.append(f"marker {name}: {error}")
                continue
            body, frame = place
            markers.append(Marker(name, body, frame.rotation @ at + frame.origin, _is_true(element, "fixed")))
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
    function = next((e for e in element if e.get("name") == "function" or e.tag in functions.KNOWN), None)
    wrapper = element.find("function")
    if function is None and wrapper is not None and len(wrapper):
        function = wrapper[0]
    if function is None:  # OpenSim: no function is the coordinate itself
        read = functions.IDENTITY if own else functions.ZERO
    else:
        try:
            read = functions.read(function, len(own))
        except ValueError as error:
            raise ValueError(f"{at}: {error}") from None
    if read.code not in (functions.CONSTANT, functions.LINEAR) and len(own) != 1:
        raise ValueError(f"{at}: a function of one value with {len(own)} coordinates")
    return Axis(axis / length, read, own, at.startswith("rotation"))


def _motion(name: str, axes: tuple[Axis, ...]) -> str:
    """How OpenSim calls a coordinate's motion: by the first axis that is the coordinate or its negative."""
    for axis in axes:
        if axis.coordinates == (name,) and axis.function.is_unit_slope:
            return ROTATIONAL if axis.is_rotation else TRANSLATIONAL
    return COUPLED


def _coupler(element: Element, known: set[str]) -> Coupler:
    independents = tuple(text_of(element, "independent_coordinate_names").split())
    dependent = text_of(element, "dependent_coordinate_name")
    strangers = [n for n in (*independents, dependent) if n not in known]
    if strangers or not independents:
        raise ValueError(f"couples {', '.join(strangers) or 'nothing'}, which is not a coordinate of the model")
    holder = element.find("coupled_coordinates_function")
    if holder is None or not len(holder):
        raise ValueError("holds no function")
    function = functions.read(holder[0], len(independents))
    if function.code not in (functions.CONSTANT, functions.LINEAR) and len(independents) != 1:
        raise ValueError(f"a function of one value with {len(independents)} coordinates")
    scale = numbers(element, "scale_factor", 1, (1.0,))[0]
    return Coupler(element.get("name", ""), dependent, independents, function.times(scale))


def _is_true(element: Element, name: str, default: bool = False) -> bool:
    text = text_of(element, name)
    return text.lower() == "true" if text else default
