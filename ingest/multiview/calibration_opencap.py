"""Calibrations of OpenCap: ``cameraIntrinsicsExtrinsics.pickle`` in the folder of each camera.

The file is a pickled dict of NumPy arrays: intrinsicMat (3, 3), distortion (1, 5), imageSize (height, width), rotation
(3, 3) and translation (3, 1) mm from the checkerboard to the camera. The board hangs upright, y down. A pickle can run any
code when it is loaded, so this one is read with a table of the functions that an array needs, and nothing else.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from neurostore.errors import InputError
from neurostore.ingest.multiview.calibration_toml import intrinsics_problems, lens_of, rotation_of
from neurostore.ingest.multiview.rig import CalibratedCamera, Rig, scaled_rig

FILE_NAME = "cameraIntrinsicsExtrinsics.pickle"
_MOST_BYTES = 1 << 20
_SHAPES = {"intrinsicMat": (3, 3), "imageSize": (2,), "rotation": (3, 3), "translation": (3,)}


def read(paths: Iterable[Path], scale_mm: float | None = None) -> Rig:
    """Read the cameras, each named after the folder of its file.

    Raises
    ------
    InputError : a file asks for anything but NumPy arrays, or lacks a key; every problem of every camera at once.
    """
    paths = sorted(paths)
    problems: list[str] = []
    cameras = [_camera(path, problems) for path in paths]
    if problems:
        raise InputError(paths[0], *problems)
    return scaled_rig(paths[0], "opencap", [c for c in cameras if c is not None], "-y", scale_mm, "mm")


def _camera(path: Path, problems: list[str]) -> CalibratedCamera | None:
    name = path.parent.name
    try:
        given = arrays_of(path)
    except (OSError, ValueError) as error:
        problems.append(f"{name}/{path.name}: {error}")
        return None
    before = len(problems)
    arrays = {}
    for key, shape in _SHAPES.items():
        value = given.get(key)
        if not isinstance(value, np.ndarray) or value.size != np.prod(shape) or not np.isfinite(value).all():
            problems.append(f"{name}/{path.name}: {key} is {_shown(value)}; expected {np.prod(shape):.0f} numbers")
        else:
            arrays[key] = value.astype(float).reshape(shape)
    lens = lens_of(given.get("distortion", ()), False, f"{name}/{path.name}: distortion", problems)
    if len(problems) > before:
        return None
    problems += intrinsics_problems(arrays["intrinsicMat"], f"{name}/{path.name}: intrinsicMat")
    rotation = rotation_of(arrays["rotation"], f"{name}/{path.name}: rotation", problems)
    if len(problems) > before or rotation is None:
        return None
    height, width = (round(float(v)) for v in arrays["imageSize"])
    return CalibratedCamera(name, width, height, arrays["intrinsicMat"], lens, rotation, arrays["translation"])


def arrays_of(path: Path) -> dict[str, Any]:
    """The dict of a pickle that holds NumPy arrays alone.

    Raises
    ------
    OSError : it cannot be read. ValueError : it is no such pickle; says why.
    """
    content = path.read_bytes()
    if len(content) > _MOST_BYTES:
        raise ValueError(f"has {len(content):,} bytes; expected the few arrays of one camera")
    try:
        unpickled = _OnlyArrays(io.BytesIO(content)).load()
    except _ForbiddenError as error:
        raise ValueError(str(error)) from None
    except Exception as error:  # bytes that are not a pickle raise any kind of error
        raise ValueError(f"cannot be read as a pickle of arrays: {type(error).__name__}: {error}") from None
    if not isinstance(unpickled, dict) or not all(isinstance(key, str) for key in unpickled):
        raise ValueError(f"holds {_shown(unpickled)}; expected a dict of the camera's arrays")
    arrays = {
        key: value for key, value in unpickled.items() if isinstance(value, np.ndarray) and value.dtype.kind in "fiu"
    }
    return arrays


def _shown(value: Any) -> str:
    if value is None:
        return "missing"
    return f"an array of {value.shape}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"


class _ForbiddenError(Exception):
    """The pickle contains something other than an array."""


def _encode(text: str, encoding: str) -> bytes:
    """How protocol 2 writes bytes."""
    if encoding != "latin1":
        raise _ForbiddenError(f"asks for the encoding {encoding!r}; expected latin1")
    return text.encode("latin1")


def _empty(kind: Any, shape: Any, code: Any) -> Any:
    """What an array is before its contents are set; its size comes with them."""
    if kind is not np.ndarray or shape != (0,):
        raise _ForbiddenError("makes an array in an unusual way; expected a dict of NumPy arrays")
    return np.empty(0, np.int8)


def _scalar(dtype: Any, content: Any = b"") -> Any:
    """A number of NumPy."""
    if not isinstance(dtype, np.dtype) or dtype.kind not in "fiub" or len(content) != dtype.itemsize:
        raise _ForbiddenError("makes a number in an unusual way; expected a dict of NumPy arrays")
    return np.frombuffer(content, dtype)[0]


def _dtype(code: Any, *rest: Any) -> Any:
    """The type of an array's numbers."""
    if not isinstance(code, str) or np.dtype(code).kind not in "fiub":
        raise _ForbiddenError(f"holds an array of type {code!r}; expected numbers")
    return np.dtype(code, copy=True)  # a copy, because the pickle sets the byte order, and NumPy's own type is shared


class _OnlyArrays(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        place = module.replace("numpy._core", "numpy.core")
        allowed = {
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): _dtype,
            ("numpy.core.multiarray", "_reconstruct"): _empty,
            ("numpy.core.multiarray", "scalar"): _scalar,
            ("_codecs", "encode"): _encode,
        }
        if (place, name) not in allowed:
            raise _ForbiddenError(
                f"asks to load {module}.{name}, which could run code; expected the dict of NumPy arrays that OpenCap "
                f"writes. It was not loaded"
            )
        return allowed[place, name]
