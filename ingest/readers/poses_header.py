"""The header of a file of poses that another program estimated, checked as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurostore.errors import InputError
from neurostore.ingest.recording import ReadOptions
from neurostore.wording import and_more

CONTRACT = 1
UNITS_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
BASES = ("lab", "camera_metric", "camera_fov_guessed", "root_relative")
LENGTHS = ("measured", "judged", "nominal", "none")
RATES_HZ = (1.0, 2000.0)
GUIDE = "docs/estimator-file.md has a complete example"


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of its rows. joints : () where a skeleton is named. frames : of the video; None for not stated."""

    estimator: dict[str, Any]
    unit: str
    fps: float
    axes: str
    basis: str
    length_basis: str
    skeleton: str | None
    joints: tuple[str, ...]
    subject: int | None
    frames: int | None


def header_of(path: Path, given: Any, options: ReadOptions) -> Header:
    """The header, checked as a whole: every problem at once."""
    if not isinstance(given, dict):
        raise InputError(path, f"its header is {type(given).__name__}, expected an object; {GUIDE}")
    problems: list[str] = []

    def one_of(key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        value = given.get(key, default)
        if not isinstance(value, str) or value not in allowed:
            problems.append(f"{key} is {value!r}, expected one of {', '.join(allowed)}")
            return allowed[0]
        return value

    if given.get("contract") != CONTRACT:
        problems.append(f"contract is {given.get('contract')!r}, expected {CONTRACT}")
    if given.get("units") in ("px", "pixel", "pixels", "normalized", "normalised"):
        problems.append(
            f"units is {given['units']!r}: places in an image are not lengths; give 3D positions in mm, cm or m"
        )
        unit = "mm"
    else:
        unit = one_of("units", tuple(UNITS_MM))
    axes = one_of("axes", ("camera", "x", "-x", "y", "-y", "z", "-z"))
    basis = one_of("position_basis", BASES)
    length_basis = one_of("length_basis", LENGTHS, "judged")
    fps: Any = options.rate_hz if options.rate_hz is not None else given.get("fps")
    if not _is_number(fps) or not RATES_HZ[0] <= float(fps) <= RATES_HZ[1]:
        problems.append(f"fps is {fps!r}, expected {RATES_HZ[0]:g} to {RATES_HZ[1]:g} frames per second")
    problems += _estimator_problems(given.get("estimator"))
    names, joints = given.get("skeleton"), given.get("joints")
    if (names is None) == (joints is None):
        problems.append("expected either 'skeleton' (a declared name) or 'joints' (a list of names), and not both")
    is_list = isinstance(joints, list) and bool(joints) and all(isinstance(j, str) and j for j in joints)
    if joints is not None and (not is_list or len(set(joints)) != len(joints)):
        problems.append("joints is not a list of different names")
    if names is not None and not isinstance(names, str):
        problems.append(f"skeleton is {names!r}, expected a name")
    for key in ("subject", "frames"):
        value = given.get(key)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            problems.append(f"{key} is {value!r}, expected a whole number from 0")
    if problems:
        raise InputError(path, *and_more(problems, 8))
    estimator = {key: given["estimator"].get(key) for key in ("name", "version", "model", "model_sha256")}
    return Header(
        estimator={**estimator, "options": given["estimator"].get("options") or {}},
        unit=unit,
        fps=float(fps),
        axes=axes,
        basis=basis,
        length_basis=length_basis,
        skeleton=names,
        joints=tuple(joints or ()),
        subject=given.get("subject"),
        frames=given.get("frames"),
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _estimator_problems(given: Any) -> list[str]:
    if not isinstance(given, dict):
        return [f"estimator is {given!r}, expected an object with name and version"]
    problems = [
        f"estimator.{key} is {given.get(key)!r}, expected a text: it is recorded with the trial"
        for key in ("name", "version")
        if not isinstance(given.get(key), str) or not given[key].strip()
    ]
    sha256 = given.get("model_sha256")
    if sha256 is not None and not (
        isinstance(sha256, str) and len(sha256) == 64 and not set(sha256.lower()) - set("0123456789abcdef")
    ):
        problems.append(f"estimator.model_sha256 is {sha256!r}, expected 64 hexadecimal digits")
    if not isinstance(given.get("options") or {}, dict):
        problems.append("estimator.options is not an object")
    return problems
