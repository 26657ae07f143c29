"""Calibrations in TOML, as Pose2Sim (``Calib.toml``), Anipose, FreeMoCap and Caliscope write them.

A section per camera: name, size, matrix, distortions, rotation (Rodrigues vector, rad) and translation from the frame of
the calibration to that of the camera, fisheye.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from neurostore import toml_text
from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.ingest.geometry import rotations
from neurostore.ingest.multiview.rig import CalibratedCamera, Rig, scaled_rig

NEEDED = ("size", "matrix", "distortions", "rotation", "translation")


def read(path: Path, scale_mm: float | None = None) -> Rig:
    """Read the cameras of a TOML file.

    Raises
    ------
    InputError : no TOML, no camera, or keys missing or of the wrong form; every problem of every camera at once.
    """
    try:
        sections = toml_text.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(path, f"cannot be read as TOML: {error}") from None
    described = {name: s for name, s in sections.items() if isinstance(s, dict) and ("matrix" in s or "size" in s)}
    problems: list[str] = []
    cameras = [_camera(name, section, problems) for name, section in described.items()]
    if problems:
        raise InputError(path, *problems)
    return scaled_rig(path, "toml", [c for c in cameras if c is not None], "z", scale_mm)


def _camera(section: str, given: dict[str, Any], problems: list[str]) -> CalibratedCamera | None:
    name = str(given.get("name", section))
    if missing := [key for key in NEEDED if key not in given]:
        problems.append(f"[{section}] has no {', '.join(missing)}; a camera needs {', '.join(NEEDED)}")
        return None
    before = len(problems)
    size = _numbers(given["size"], (2,), f"[{section}] size", "[width, height] in px", problems)
    inner = _numbers(given["matrix"], (3, 3), f"[{section}] matrix", "[[fx, 0, cx], [0, fy, cy], [0, 0, 1]]", problems)
    moved = _numbers(given["translation"], (3,), f"[{section}] translation", "three numbers", problems)
    turn = rotation_of(given["rotation"], f"[{section}] rotation", problems)
    is_fisheye = given.get("fisheye", False)
    lens = lens_of(given["distortions"], bool(is_fisheye), f"[{section}] distortions", problems)
    if not isinstance(is_fisheye, bool):
        problems.append(f"[{section}] fisheye = {is_fisheye!r}; expected true or false")
    if size is not None and not (size >= 1).all():
        problems.append(f"[{section}] size = {given['size']!r}; expected [width, height] in px")
    if inner is not None:
        problems += intrinsics_problems(inner, f"[{section}] matrix")
    if len(problems) > before or size is None or inner is None or moved is None or turn is None:
        return None
    return CalibratedCamera(
        name, round(float(size[0])), round(float(size[1])), inner, lens, turn, moved, bool(is_fisheye)
    )


def intrinsics_problems(inner: Floats, where: str) -> list[str]:
    """What is wrong with a camera matrix."""
    if min(inner[0, 0], inner[1, 1]) > 0 and np.allclose(inner[2], (0, 0, 1)) and inner[1, 0] == 0:
        return []
    return [f"{where} is not a camera matrix; expected [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] in px, fx and fy above 0"]


def rotation_of(given: Any, where: str, problems: list[str]) -> Floats | None:
    """(3, 3) of a Rodrigues vector or a matrix."""
    try:
        values = np.array(given, float)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.size == 3 and np.isfinite(values).all():
        return np.asarray(rotations.to_matrix(rotations.from_vector(values.reshape(3))))
    if values.shape == (3, 3) and np.allclose(values @ values.T, np.eye(3), atol=1e-3) and np.linalg.det(values) > 0:
        return values
    problems.append(f"{where} = {given!r}; expected a Rodrigues vector (three numbers, rad) or a 3 x 3 rotation matrix")
    return None


def lens_of(given: Any, is_fisheye: bool, where: str, problems: list[str]) -> tuple[float, ...]:
    """The coefficients of a lens in OpenCV's order."""
    most = 4 if is_fisheye else 12
    try:
        values = np.array(given, float).ravel()
    except (TypeError, ValueError):
        values = np.full(1, np.nan)
    while len(values) > most and values[-1] == 0:  # the tilt of OpenCV's 14 coefficients, not used
        values = values[:-1]
    if len(values) > most or not np.isfinite(values).all():
        problems.append(f"{where} = {given!r}; expected up to {most} numbers (k1, k2, …) in OpenCV's order")
        return ()
    return tuple(float(v) for v in values)


def _numbers(given: Any, shape: tuple[int, ...], where: str, expected: str, problems: list[str]) -> Floats | None:
    try:
        values = np.array(given, float)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.size != np.prod(shape) or not np.isfinite(values).all():
        problems.append(f"{where} = {given!r}; expected {expected}")
        return None
    return values.reshape(shape)
