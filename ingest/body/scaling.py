"""Scale an OpenSim model: factors of its bodies, places of its markers, its mass, as a changed ``.osim`` document.

As OpenSim's ScaleTool does: frames fixed to a body, its centre of mass and its markers move by the body's factors;
translations of a joint that are functions (not coordinates themselves) grow by the factors of the joint's parent.
Muscles, wraps, contact and controllers do not scale simply and are left out of the scaled model, which is for
kinematics.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from xml.etree.ElementTree import Element

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError, UsageError

from .elements import numbers, text_of, tree_of
from .model import TRANSLATIONAL, Model
from .osim import parse_model
from .sockets import Frames, body_fixed_angles

LOWEST, HIGHEST = 0.5, 2.0
#: factors of one body that differ by less are the same
_UNIFORM = 1e-12
_NOT_KINEMATIC = (
    "ForceSet",
    "ControllerSet",
    "ContactGeometrySet",
    "ProbeSet",
    "ComponentSet",
    "ModelVisualPreferences",
)


def scale_model(
    model: Model,
    factors: Mapping[str, Floats | float],
    markers: Mapping[str, Floats] | None = None,
    mass_kg: float | None = None,
    name: str | None = None,
    child_turns: Mapping[str, Floats] | None = None,
) -> Model:
    """The model with each body scaled.

    Parameters
    ----------
    factors : body -> one factor or three (x, y, z of the body's frame); bodies that are not named keep their size.
    markers : marker -> place (3,) in metres in its body's frame, put there after scaling.
    mass_kg : body mass; segment masses keep their shares of it (de Leva's in our own model).
    child_turns : joint -> rotation (3, 3) of its frame in its child body, put there.
    name : of the scaled model; its own with ``_scaled`` by default.

    Raises
    ------
    UsageError : a body or marker the model does not have.
    InputError : a factor outside 0.5 to 2, or no number; different factors along the axes of a body in which a coupled
        coordinate is a translation.
    """
    by_body = checked_factors(model, factors)
    places = dict(markers or {})
    strangers = sorted(set(places) - {m.name for m in model.markers})
    if strangers:
        raise UsageError(f"{', '.join(strangers)}: no marker of the model {model.name}")
    root = tree_of(model.text)
    element = root.find("Model")
    assert element is not None
    element.set("name", name or f"{model.name}_scaled")
    for child in list(element):
        if child.tag in _NOT_KINEMATIC:
            element.remove(child)
    frames = Frames(element, [])
    fixed_to = {path: frames.resolve(path, "", path) for path in frames.offsets}
    for path, frame in frames.offsets.items():
        place = fixed_to[path]
        _multiply(frame, "translation", by_body.get(place[0]) if place else None)
    _scale_bodies([e for _, e in frames.parts if e.tag == "Body"], by_body, mass_kg, sum(model.masses_kg.values()))
    parents = {j.name: j.parent for j in model.joints}
    for joint in [e for _, e in frames.parts if e.tag.endswith("Joint")]:
        turn = (child_turns or {}).get(joint.get("name", ""))
        if turn is not None:
            _turn_child(joint, turn)
        _scale_moves(joint, by_body.get(parents.get(joint.get("name", ""), ""), np.ones(3)))
    _scale_couplers(model, [e for _, e in frames.parts if e.tag == "CoordinateCouplerConstraint"], by_body)
    _scale_markers(model, element, frames, by_body, places)
    text = ET.tostring(root, encoding="unicode", xml_declaration=False)
    return parse_model('<?xml version="1.0" encoding="UTF-8" ?>\n' + text, f"scaled {model.name}")


def checked_factors(model: Model, factors: Mapping[str, Floats | float]) -> dict[str, Floats]:
    """Factors (3,) of bodies. Raises as :func:`scale_model` does."""
    strangers = sorted(set(factors) - set(model.bodies))
    if strangers:
        raise UsageError(f"{', '.join(strangers)}: no body of the model {model.name}")
    checked, problems = {}, []
    for body, factor in factors.items():
        three = np.broadcast_to(np.asarray(factor, dtype=float), (3,))
        if not np.isfinite(three).all() or three.min() < LOWEST or three.max() > HIGHEST:
            problems.append(
                f"{body} would be scaled by {words(three)}; the scale factors of a body are between {LOWEST:g} and {HIGHEST:g}: "
                "check the units and which marker is which"
            )
        checked[body] = three
    if problems:
        raise InputError(f"scaling {model.name}", *problems)
    return checked


def _scale_bodies(bodies: list[Element], factors: dict[str, Floats], mass_kg: float | None, before_kg: float) -> None:
    share = 1.0 if mass_kg is None or before_kg <= 0 else mass_kg / before_kg
    for body in bodies:
        factor = factors.get(body.get("name", ""), np.ones(3))
        for wraps in body.findall("WrapObjectSet"):
            body.remove(wraps)
        _multiply(body, "mass_center", factor)
        if text_of(body, "mass"):
            _set(body, "mass", f"{numbers(body, 'mass', 1)[0] * share:.9g}")
        if text_of(body, "inertia"):
            moments = np.array(numbers(body, "inertia", 6))
            mean = float(np.cbrt(factor.prod()))
            _set(body, "inertia", words(moments * share * mean**2))
        for geometry in body.findall("attached_geometry/*"):
            _multiply(geometry, "scale_factors", factor)


def _scale_moves(joint: Element, factor: Floats) -> None:
    """Translations that are not a coordinate itself are lengths of the parent and grow with it."""
    for axis in joint.findall("SpatialTransform/TransformAxis"):
        if not axis.get("name", "").startswith("translation"):
            continue
        function = next((e for e in axis if e.tag not in ("coordinates", "axis")), None)
        if function is not None and function.tag == "function" and len(function):
            axis.remove(function)
            function = function[0]
            axis.append(function)
        if function is None or function.tag == "LinearFunction":
            continue
        along = np.array(numbers(axis, "axis", 3))
        amount = float(abs(along / np.linalg.norm(along)) @ factor)
        if abs(amount - 1.0) < 1e-12:
            continue
        axis.remove(function)
        function.attrib.pop("name", None)
        _multiplied(axis, function, amount, {"name": "function"})


def _scale_markers(
    model: Model, element: Element, frames: Frames, factors: dict[str, Floats], places: dict[str, Floats]
) -> None:
    """Markers where ``places`` (in their body's frame) puts them; the others scaled in their own frame, as OpenSim does."""
    body_of = {m.name: m.body for m in model.markers}
    path_of = {body: path for path, body in frames.bodies.items()}
    for marker in element.findall("MarkerSet/objects/Marker"):
        body, at = body_of[marker.get("name", "")], places.get(marker.get("name", ""))
        if at is None:
            _multiply(marker, "location", factors.get(body))
        else:
            _set(marker, "socket_parent_frame", path_of[body])
            _set(marker, "location", words(np.asarray(at, dtype=float)))


def _scale_couplers(model: Model, couplers: list[Element], factors: dict[str, Floats]) -> None:
    """A coupled translation is a length of its joint's parent and grows with it, as in OpenSim, which knows one factor only."""
    motion = {c.name: (c.motion, c.joint) for c in model.coordinates}
    parents = {j.name: j.parent for j in model.joints}
    problems = []
    for coupler in couplers:
        dependent = text_of(coupler, "dependent_coordinate_name")
        if dependent not in motion:  # a disabled one
            continue
        kind, joint = motion[dependent]
        factor = factors.get(parents[joint])
        holder = coupler.find("coupled_coordinates_function")
        if kind != TRANSLATIONAL or factor is None or holder is None:
            continue
        if np.ptp(factor) > _UNIFORM:
            problems.append(
                f"{parents[joint]} would be scaled by {words(factor)}, and {dependent} is a coupled translation in it "
                f"(constraint {coupler.get('name', '')}); expected the same factor for x, y and z, as in OpenSim"
            )
            continue
        function = holder[0]
        holder.remove(function)
        _multiplied(holder, function, float(factor[0]), {})
    if problems:
        raise InputError(f"scaling {model.name}", *problems)


def _multiplied(holder: Element, function: Element, amount: float, attributes: dict[str, str]) -> None:
    """The function times a number, put into an element."""
    outer = ET.SubElement(holder, "MultiplierFunction", attributes)
    ET.SubElement(outer, "function").append(function)
    ET.SubElement(outer, "scale").text = f"{amount:.12g}"


def _turn_child(joint: Element, turn: Floats) -> None:
    """The joint's frame in its child body gets this orientation, as body-fixed turns about x, y, z."""
    wanted = text_of(joint, "socket_child_frame").rsplit("/", 1)[-1]
    for frame in joint.findall("frames/PhysicalOffsetFrame"):
        if frame.get("name") == wanted:
            _set(frame, "orientation", words(body_fixed_angles(turn)))


def _multiply(element: Element, name: str, factor: Floats | None) -> None:
    if factor is not None and text_of(element, name):
        _set(element, name, words(np.array(numbers(element, name, 3)) * factor))


def _set(element: Element, name: str, text: str) -> None:
    child = element.find(name)
    if child is None:
        child = ET.SubElement(element, name)
    child.text = text


def words(values: Iterable[float]) -> str:
    """Numbers as an ``.osim`` document writes them."""
    return " ".join(f"{float(v):.12g}" for v in values)
