"""Documents of OpenSim 2 and 3 in the form of OpenSim 4, with what kinematics needs.

There each joint is written inside its child body, with places and turns of its two frames, markers name their body,
and constraints are disabled and not enforced. A joint with ``reverse`` moves its parent relative to its child: its
frames change places, as in OpenSim 4's own conversion.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from xml.etree.ElementTree import Element

from neurostore.errors import InputError

from .elements import is_true, text_of
from .model import GROUND

#: versions of documents in the form of OpenSim 2 and 3
FIRST, LAST = 20000, 30000
_INERTIA = ("xx", "yy", "zz", "xy", "xz", "yz")
_VERSION = "40000"


def upgraded(root: Element, path: str) -> Element:
    """The document in the form of OpenSim 4, without muscles, geometry and wraps.

    Raises
    ------
    InputError : a body with more than one joint, a joint or constraint that says neither true nor false.
    """
    out = Element("OpenSimDocument", {"Version": _VERSION})
    model = root.find("Model")
    if model is None:
        for marker_set in root.iter("MarkerSet"):
            out.append(_markers(marker_set))
            break
        return out
    new = ET.SubElement(out, "Model", {"name": model.get("name", "")})
    bodies = ET.SubElement(ET.SubElement(new, "BodySet", {"name": "bodyset"}), "objects")
    joints = ET.SubElement(ET.SubElement(new, "JointSet", {"name": "jointset"}), "objects")
    problems = []
    for body in model.findall("BodySet/objects/Body"):
        name = body.get("name", "")
        if name == GROUND:
            continue
        bodies.append(_body(body))
        own = body.findall("Joint/*")
        if len(own) > 1:
            problems.append(f"body {name} holds {len(own)} joints; expected one")
        joints.extend(_joint(joint, name, problems) for joint in own)
    constraints = model.find("ConstraintSet")
    if constraints is not None:
        new.append(_constraints(constraints, problems))
    if problems:
        raise InputError(path, *problems)
    markers = model.find("MarkerSet")
    if markers is not None:
        new.append(_markers(markers))
    return out


def _body(body: Element) -> Element:
    new = Element("Body", {"name": body.get("name", "")})
    _text(new, "mass", text_of(body, "mass") or "0")
    _text(new, "mass_center", text_of(body, "mass_center") or "0 0 0")
    _text(new, "inertia", " ".join(text_of(body, f"inertia_{of}") or "0" for of in _INERTIA))
    return new


def _joint(joint: Element, child: str, problems: list[str]) -> Element:
    new = Element(joint.tag, {"name": joint.get("name", "")})
    parent = text_of(joint, "parent_body")
    ends = {
        "parent": (parent, text_of(joint, "location_in_parent"), text_of(joint, "orientation_in_parent")),
        "child": (child, text_of(joint, "location"), text_of(joint, "orientation")),
    }
    if _says(joint, "reverse", f"joint {joint.get('name', '')}", problems):
        ends = {"parent": ends["child"], "child": ends["parent"]}
    frames = Element("frames")
    for end, (body, origin, turn) in ends.items():
        _text(new, f"socket_{end}_frame", f"{body}_offset")
        frame = ET.SubElement(frames, "PhysicalOffsetFrame", {"name": f"{body}_offset"})
        _text(frame, "socket_parent", _path(body))
        _text(frame, "translation", origin or "0 0 0")
        _text(frame, "orientation", turn or "0 0 0")
    coordinates = ET.SubElement(new, "coordinates")
    coordinates.extend(joint.findall("CoordinateSet/objects/Coordinate"))
    new.append(frames)
    transform = joint.find("SpatialTransform")
    if transform is not None:
        new.append(transform)
    return new


def _constraints(constraints: Element, problems: list[str]) -> Element:
    new = Element("ConstraintSet", {"name": "constraintset"})
    objects = ET.SubElement(new, "objects")
    for constraint in constraints.findall("objects/*"):
        disabled = constraint.find("isDisabled")
        if disabled is not None:
            is_disabled = _says(constraint, "isDisabled", f"constraint {constraint.get('name', '')}", problems)
            constraint.remove(disabled)
            _text(constraint, "isEnforced", "false" if is_disabled else "true")
        objects.append(constraint)
    return new


def _markers(markers: Element) -> Element:
    new = Element("MarkerSet", {"name": "markerset"})
    objects = ET.SubElement(new, "objects")
    for marker in markers.findall("objects/Marker"):
        copy = ET.SubElement(objects, "Marker", {"name": marker.get("name", "")})
        _text(copy, "socket_parent_frame", _path(text_of(marker, "body")))
        _text(copy, "location", text_of(marker, "location"))
        _text(copy, "fixed", text_of(marker, "fixed") or "false")
    return new


def _says(element: Element, name: str, what: str, problems: list[str]) -> bool:
    try:
        return is_true(element, name)
    except ValueError as error:
        problems.append(f"{what}: {error}")
        return False


def _path(body: str) -> str:
    return f"/{GROUND}" if body == GROUND else f"/bodyset/{body}"


def _text(element: Element, name: str, text: str) -> None:
    ET.SubElement(element, name).text = text
