"""Calibrations of Qualisys Track Manager: ``*.qca.txt``, which is XML.

A camera's transform holds its place (mm, lab frame) and the rotation from the lab to a camera frame whose z points at the
viewer; lengths of the lens are in 1/64 px.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from neurostore.errors import InputError
from neurostore.ingest.multiview.rig import CalibratedCamera, Rig, scaled_rig

_UNITS_PER_PX = 64.0
_TURN = np.diag([1.0, -1.0, -1.0])  # from y up and z towards the viewer to y down and z away from the viewer
_TRANSFORM = ("x", "y", "z", *(f"r{i}{j}" for i in (1, 2, 3) for j in (1, 2, 3)))
_INNER = ("focalLengthU", "focalLengthV", "centerPointU", "centerPointV")
_LENS = (
    "radialDistortion1", "radialDistortion2", "tangentalDistortion1", "tangentalDistortion2", "radialDistortion3",
)  # fmt: skip


def read(path: Path, scale_mm: float | None = None) -> Rig:
    """Read the active video cameras.

    Raises
    ------
    InputError : no XML of a calibration, no camera, or values missing; every problem of every camera at once.
    """
    try:
        text = path.read_bytes()
        if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
            raise InputError(path, "declares XML entities; a calibration of Qualisys has none")
        root = ElementTree.fromstring(text)
    except (OSError, ElementTree.ParseError) as error:
        raise InputError(path, f"cannot be read as XML: {error}") from None
    if root.tag != "calibration":
        raise InputError(path, f"is XML of a {root.tag!r}; expected a 'calibration' of Qualisys")
    problems: list[str] = []
    cameras = []
    for number, element in enumerate(root.iterfind("cameras/camera"), 1):
        if element.get("active") == "0":
            continue
        camera = _camera(element, element.get("serial") or str(number), problems)
        if camera is not None:
            cameras.append(camera)
    if problems:
        raise InputError(path, *problems)
    return scaled_rig(path, "qualisys", cameras, "z", scale_mm, "mm")


def _camera(element: ElementTree.Element, name: str, problems: list[str]) -> CalibratedCamera | None:
    view = _numbers(element, "fov_video", ("left", "top", "right", "bottom"), name, problems)
    place = _numbers(element, "transform", _TRANSFORM, name, problems)
    inner = _numbers(element, "intrinsic", _INNER, name, problems)
    lens = _numbers(element, "intrinsic", _LENS, name, problems, default=0.0)
    skew = _numbers(element, "intrinsic", ("skew",), name, problems, default=0.0)
    if view is None or place is None or inner is None or lens is None or skew is None:
        return None
    rotation = _TURN @ np.reshape(place[3:], (3, 3))
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) or np.linalg.det(rotation) < 0:
        problems.append(f"camera {name}: r11 … r33 are not a rotation")
        return None
    if min(inner[:2]) <= 0 or view[2] <= view[0] or view[3] <= view[1]:
        problems.append(f"camera {name}: focal lengths and the size of fov_video must be above 0")
        return None
    fx, fy, cx, cy = np.array(inner) / _UNITS_PER_PX
    matrix = np.array([[fx, skew[0] / _UNITS_PER_PX, cx - view[0]], [0, fy, cy - view[1]], [0, 0, 1.0]])
    width, height = round(view[2] - view[0] + 1), round(view[3] - view[1] + 1)
    return CalibratedCamera(name, width, height, matrix, tuple(lens), rotation, -rotation @ np.array(place[:3]))


def _numbers(
    camera: ElementTree.Element,
    tag: str,
    keys: tuple[str, ...],
    name: str,
    problems: list[str],
    default: float | None = None,
) -> list[float] | None:
    element = camera.find(tag)
    values = []
    for key in keys:
        given = element.get(key) if element is not None else None
        try:
            value = default if given is None and default is not None else float(given or "")
        except ValueError:
            value = float("nan")
        if not np.isfinite(value):
            problems.append(f"camera {name}: {tag} {key} = {given!r}; expected a number")
            return None
        values.append(value)
    return values
