"""OpenSim documents in the form of OpenSim 4: text in, root element and text out.

Sets that lie in files of their own and the defaults of a <Model> are written into it, documents of OpenSim 2 and 3 are
converted, and units other than metres are refused: OpenSim computes positions in metres whatever its documents state.
"""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from copy import deepcopy
from pathlib import Path
from xml.etree.ElementTree import Element

from neurostore.errors import InputError
from neurostore.wording import is_whole

from . import osim_before_4
from .elements import NotXml, text_of, tree_of

#: versions of the document from OpenSim 4.0 on
FIRST_VERSION = 40000
_ENCODING = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_SET_FILE = re.compile(
    rb"""<(?:BodySet|JointSet|ConstraintSet|MarkerSet|MeasurementSet|ScaleSet|IKTaskSet)\b[^>]*?\bfile\s*=\s*["']([^"']+)["']"""
)
_METRES = ("", "m", "meter", "meters", "metre", "metres")
#: sets of a model that may be in files of their own
_SETS = ("BodySet", "JointSet", "ConstraintSet", "MarkerSet")
#: elements that take what they lack from the model's <defaults>
_DEFAULTED = ("Body", "PhysicalOffsetFrame", "Coordinate", "TransformAxis", "Marker", "CoordinateCouplerConstraint")


def read_text(path: str | Path, what: str = "an OpenSim document") -> str:
    """The text of a document in its declared encoding, which the text then states as UTF-8."""
    try:
        data = Path(path).read_bytes()
        declared = _ENCODING.match(data.removeprefix(b"\xef\xbb\xbf"))
        encoding = declared[1].decode() if declared else "utf-8"
        if encoding.lower().replace("-", "") == "utf8":
            return data.decode("utf-8-sig").replace("\r\n", "\n")
        text = data.decode(encoding)
        return text.replace(f"{encoding}", "UTF-8", 1).replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError, LookupError) as error:
        raise InputError(path, f"cannot be read as {what}: {error}") from None


def document(text: str, path: str, folder: Path | None = None) -> tuple[Element, str]:
    """The root of a document and its text, both in the form of OpenSim 4.

    folder : where the files are that hold sets of the model; None: such files are refused.

    Raises
    ------
    InputError : no OpenSim document, an unknown version, units other than metres, a set whose file cannot be read.
    """
    root, version = _parsed(text, path)
    model = root.find("Model")
    is_changed = model is not None and _complete(model, path, folder, version)
    if version < FIRST_VERSION:
        root, is_changed = osim_before_4.upgraded(root, path), True
    is_changed |= _rename_joints(root)
    return root, ET.tostring(root, encoding="unicode") if is_changed else text


def _rename_joints(root: Element) -> bool:
    """Give a joint whose name another one before it has a number, as OpenSim does: back, back_0, back_1. True if there was one."""
    joints = root.findall("Model/JointSet/objects/*")
    taken = {joint.get("name", "") for joint in joints}
    seen: set[str] = set()
    for joint in joints:
        name = joint.get("name", "")
        if name and name in seen:
            new = next(f"{name}_{k}" for k in itertools.count() if f"{name}_{k}" not in taken)
            joint.set("name", new)
            taken.add(new)
        seen.add(name)
    return len(taken) > len(seen)


def files_of_sets(path: Path) -> list[Path]:
    """The files beside a model or set-up that its sets are in, those that are there."""
    names = _SET_FILE.findall(path.read_bytes()) if path.is_file() else []
    files = [path.parent / name.decode("utf-8", "replace").replace("\\", "/") for name in names]
    return [file for file in files if file.is_file()]


def setup_root(path: str | Path, what: str, sets: tuple[str, ...]) -> Element:
    """The root of a tool's set-up; ``sets`` that are in files beside it are read from there.

    Raises
    ------
    InputError : a file that cannot be read, or one without its set.
    """
    root = _xml(path, what)
    for name in sets:
        read_sets(root, name, path)
    return root


def read_sets(within: Element, name: str, path: str | Path) -> None:
    """Put into the sets of this name what is in files beside the set-up. Raises InputError as :func:`setup_root` does."""
    for element in list(within.iter(name)):
        if element.get("file"):
            beside = Path(path).parent / element.get("file", "").replace("\\", "/")
            found = _xml(beside, f"the <{name}> of {Path(path).name}").find(f".//{name}")
            if found is None:
                raise InputError(beside, f"holds no <{name}>, which {Path(path).name} says is in it")
            element[:] = list(found)


def _xml(path: str | Path, what: str) -> Element:
    try:
        return tree_of(read_text(path, what))
    except NotXml as error:
        raise InputError(path, f"cannot be read as {what}: {error}") from None


def with_markers(root: Element, extra: Element, markers_path: str) -> str:
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


def _parsed(text: str, path: str) -> tuple[Element, int]:
    try:
        root = tree_of(text)
    except NotXml as error:
        raise InputError(path, f"is not XML: {error}; expected an OpenSim model or marker set") from None
    version = root.get("Version", "")
    if root.tag != "OpenSimDocument" or not is_whole(version):
        raise InputError(path, f"begins with <{root.tag} Version={version!r}>; expected <OpenSimDocument Version=...>")
    number = int(version)
    if number >= FIRST_VERSION or osim_before_4.FIRST <= number <= osim_before_4.LAST:
        return root, number
    raise InputError(
        path,
        f"is document version {version}; known are {osim_before_4.FIRST} to {osim_before_4.LAST} (OpenSim 2 and 3) and "
        f"{FIRST_VERSION} and later (OpenSim 4). Open it in OpenSim 4 and save it again, or run: "
        "python -c \"import opensim; opensim.Model('old.osim').printToXML('new.osim')\"",
    )


def _complete(model: Element, path: str, folder: Path | None, version: int) -> bool:
    """Write sets of other files and defaults into the model; whether anything was written. Raises as `document`."""
    problems: list[str] = []
    units = text_of(model, "length_units")
    if units.lower() not in _METRES:
        problems.append(
            f"its <length_units> are {units!r}; expected meters. OpenSim computes positions in metres whatever is stated "
            "here: if the numbers are metres, write meters; if not, convert them"
        )
    is_changed = False
    for child in list(model):
        if child.tag in _SETS and child.get("file"):
            is_changed = True
            new = _from_file(child, path, folder, version, problems)
            if new is not None:
                model.insert(list(model).index(child), new)
                model.remove(child)
    for defaults in model.findall("defaults"):
        is_changed |= _with_defaults(model, defaults, problems)
        model.remove(defaults)
    if problems:
        raise InputError(path, *problems)
    return is_changed


def _from_file(element: Element, path: str, folder: Path | None, version: int, problems: list[str]) -> Element | None:
    """The set that an element's ``file`` holds; None, with the problem, if it cannot be read."""
    name = element.get("file", "")
    if folder is None or Path(name).is_absolute() or ".." in Path(name.replace("\\", "/")).parts:
        where = "beside the model" if folder is not None else "in the document itself: read the model from its own file"
        problems.append(f"its <{element.tag}> is in the file {name!r}; expected it {where}")
        return None
    try:
        root, of = _parsed(read_text(folder / name.replace("\\", "/")), str(folder / name))
    except InputError as error:
        problems += [f"its <{element.tag}> is in {name!r}, which {problem}" for problem in error.problems]
        return None
    found = root.find(element.tag)
    if found is None or (of < FIRST_VERSION) != (version < FIRST_VERSION):
        what = f"holds no <{element.tag}>" if found is None else f"is of version {of}, the model of {version}"
        problems.append(f"its <{element.tag}> is in {name!r}, which {what}")
        return None
    return found


def _with_defaults(model: Element, defaults: Element, problems: list[str]) -> bool:
    """Give elements what they lack from the default of their kind; whether any lacked something."""
    is_changed = False
    for default in defaults:
        is_joint = default.tag.endswith("Joint") and default.tag != "CMC_Joint"  # a task of OpenSim's tracking tool
        if is_joint or default.tag == "SpatialTransform":
            problems.append(f"its <defaults> hold a {default.tag}; write its values into the joints instead")
        if default.tag not in _DEFAULTED:
            continue
        for element in [e for e in model.iter(default.tag) if e is not default]:
            own = {e.get("name", e.tag) for e in element} | {e.tag for e in element}
            lacking = [e for e in default if e.get("name", e.tag) not in own and e.tag not in own]
            element.extend(deepcopy(e) for e in lacking)
            is_changed |= bool(lacking)
    return is_changed
