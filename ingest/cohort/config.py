"""cohort.toml: information that the files of a cohort do not contain.

Keys at the top hold for every file, each ``[[match]]`` entry for the files its patterns name; later entries win::

    scale_mm = 10.0                  # one source unit is 10 mm
    [[match]]
    files = ["S01/*.bvh", "S02/ses1/*"]
    drop_frames = 1
    [match.camera]
    fov_degrees = 55.0

The keys are those of :class:`~neurostore.ingest.recording.ReadOptions`, ``ignore = true`` (leave the files out) and
``[camera]``; at the top alone ``session_order = ["pre", "post"]``, which says what came first. Patterns are matched
against the path below the cohort folder; ``*`` crosses ``/``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from neurostore import toml_text
from neurostore.errors import CohortError, InputError
from neurostore.ingest.cohort.source import composed
from neurostore.ingest.landmarks.functional import JOINTS as FUNCTIONAL_JOINTS
from neurostore.ingest.landmarks.joint_centres import HIP_METHODS
from neurostore.ingest.readers.curves.statement import problems_of
from neurostore.ingest.recording import ReadOptions

FILE_NAME = "cohort.toml"
LENGTH_BASES = ("measured", "judged", "nominal", "none")
CAMERA_KEYS = (
    "intrinsics",
    "distortion",
    "extrinsics",
    "fov_degrees",
    "up",
    "subject_box",
    "calibration",
    "offset_s",
    "resolution",
)

#: [body]: files of the user's own OpenSim model, below the cohort's folder
BODY_FILES = ("model", "marker_set", "setup", "scale")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _one_of(*allowed: str) -> tuple[Callable[[Any], bool], str]:
    return (lambda value: value in allowed), "one of " + ", ".join(allowed)


def _is_range(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(v, int) and not isinstance(v, bool) for v in value)
        and 0 <= value[0] <= value[1]
    )


# key -> (check, what is expected)
OPTIONS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "scale_mm": (lambda v: _is_number(v) and v > 0, "a number above 0 (millimetres per source unit)"),
    "up": _one_of("x", "y", "z", "-x", "-y", "-z"),
    "skeleton": (lambda v: isinstance(v, str) and bool(v), "the name of a skeleton or the path of a TOML file"),
    "root_position": _one_of("replace", "add"),
    "drop_frames": (lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 0, "a whole number, 0 or more"),
    "frames": (_is_range, "[first, last], whole numbers, first <= last"),
    "length_basis": _one_of(*LENGTH_BASES),
    "is_treadmill": (lambda v: isinstance(v, bool), "true or false"),
    "rate_hz": (lambda v: _is_number(v) and v > 0, "a number above 0 (frames per second)"),
    "hip_method": _one_of(*HIP_METHODS),
    "functional": _one_of(*FUNCTIONAL_JOINTS),
    "swap_sides": (lambda v: isinstance(v, bool), "true or false"),
    "ignore": (lambda v: isinstance(v, bool), "true or false"),
}


@dataclass(frozen=True, slots=True)
class Match:
    """One ``[[match]]`` entry: its patterns and what it sets. ``camera`` is merged key by key."""

    patterns: tuple[str, ...]
    values: dict[str, Any]

    def covers(self, relative: str) -> bool:
        """Whether a file, relative to the cohort's folder, matches one of the patterns."""
        return any(fnmatchcase(composed(relative), composed(pattern)) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class CohortConfig:
    """A checked cohort.toml; an empty one where the folder has none. ``matches[0]`` are the defaults."""

    folder: Path
    matches: tuple[Match, ...] = ()
    session_order: tuple[str, ...] = ()

    def options(self, relative: str) -> ReadOptions:
        """The options of one file. relative : its path below the cohort folder, with ``/``."""
        values: dict[str, Any] = {}
        camera: dict[str, Any] = {}
        body: dict[str, Any] = {}
        for match in self.matches:
            if match.covers(relative):
                values |= {k: v for k, v in match.values.items() if k not in ("camera", "ignore", "body")}
                camera |= match.values.get("camera", {})
                body |= match.values.get("body", {})
        body = {k: str(self.folder / v) if k in BODY_FILES else v for k, v in body.items()}
        emg = {k: v for m in self.matches if m.covers(relative) for k, v in m.values.get("emg", {}).items()}
        if emg:
            values["emg"] = emg
        if "frames" in values:
            values["frames"] = tuple(values["frames"])
        skeleton_file = self._skeleton_file(values)
        if skeleton_file is not None:
            values["skeleton"] = str(skeleton_file)
        return replace(ReadOptions(), **values, camera=camera, body=body)

    def is_ignored(self, relative: str) -> bool:
        """Whether cohort.toml says that a file is to be ignored; the last match decides."""
        flags = [m.values["ignore"] for m in self.matches if "ignore" in m.values and m.covers(relative)]
        return bool(flags) and flags[-1]

    def is_named_file(self, path: Path) -> bool:
        """Whether some entry names this file as its skeleton or as a file of its body."""
        bodies = {
            self.folder / m.values["body"][k] for m in self.matches for k in BODY_FILES if k in m.values.get("body", {})
        }
        return path in bodies or any(self._skeleton_file(match.values) == path for match in self.matches)

    def _skeleton_file(self, values: Mapping[str, Any]) -> Path | None:
        name = values.get("skeleton", "")
        return self.folder / name if name.endswith(".toml") else None

    def unused(self, relatives: Iterable[str]) -> list[str]:
        """Patterns that name no file."""
        names = [composed(name) for name in relatives]
        patterns = [pattern for match in self.matches[1:] for pattern in match.patterns]
        return [p for p in patterns if not any(fnmatchcase(name, composed(p)) for name in names)]


def read_config(folder: Path) -> CohortConfig:
    """Read and check ``cohort.toml`` of a cohort folder.

    Raises
    ------
    CohortError : it is not TOML, a key is unknown or a value unfit; every problem at once.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return CohortConfig(folder)
    try:
        declared = toml_text.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CohortError(f"{path}: cannot be read as TOML: {error}") from None
    problems: list[str] = []
    order = declared.pop("session_order", [])
    if not isinstance(order, list) or not all(isinstance(name, str) for name in order) or len(set(order)) < len(order):
        problems.append(
            f'session_order = {order!r}; expected every session once, in the order they were recorded: ["pre", "post"]'
        )
        order = []
    entries = declared.pop("match", [])
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise CohortError(f"{path}: 'match' is a single table; expected [[match]] with double brackets")
    matches = [Match(("*",), _checked(declared, "at the top", problems))]
    for number, entry in enumerate(entries, 1):
        where = f"in [[match]] number {number}"
        files = entry.pop("files", None)
        patterns = [files] if isinstance(files, str) else files
        if not isinstance(patterns, list) or not patterns or not all(isinstance(p, str) for p in patterns):
            problems.append(f'{where}: files is {files!r}; expected a pattern such as "S01/*.bvh" or a list of them')
            continue
        matches.append(Match(tuple(patterns), _checked(entry, where, problems)))
    problems += _missing_body_files(folder, matches)
    if problems:
        raise CohortError(f"{path}: " + "; ".join(problems))
    return CohortConfig(folder, tuple(matches), tuple(order))


def _checked(values: dict[str, Any], where: str, problems: list[str]) -> dict[str, Any]:
    for key, value in values.items():
        if key == "markers":
            if not isinstance(value, dict) or not all(isinstance(v, str) and v.strip() for v in value.values()):
                problems.append(
                    f'{where}: [markers] is a table of label = "what it is", such as KNEE_L = "left_knee_lateral"'
                )
        elif key == "emg":
            if not isinstance(value, dict) or not all(isinstance(v, str) and v.strip() for v in value.values()):
                problems.append(
                    f'{where}: [emg] is a table of channel = "side muscle", such as "EMG 1" = "left rectus_femoris", or "other"'
                )
        elif key == "body":
            problems += [f"{where}: {problem}" for problem in _body_problems(value)]
        elif key == "curves":
            problems += [f"{where}: {problem}" for problem in problems_of(value)]
        elif key == "camera":
            unknown = sorted(set(value) - set(CAMERA_KEYS)) if isinstance(value, dict) else [repr(value)]
            if unknown:
                problems.append(f"{where}: [camera] has {', '.join(unknown)}; it may have {', '.join(CAMERA_KEYS)}")
        elif key not in OPTIONS:
            allowed = ", ".join([*OPTIONS, "body", "camera", "curves", "emg", "markers"]) + (
                "" if where == "at the top" else ", files"
            )
            problems.append(f"{where}: unknown key {key!r}; allowed are {allowed}")
        elif not OPTIONS[key][0](value):
            problems.append(f"{where}: {key} = {value!r}; expected {OPTIONS[key][1]}")
    return values


def _body_problems(value: object) -> list[str]:
    if not isinstance(value, dict):
        return [f'body = {value!r}; expected a table: [body] with model = "model.osim"']
    problems = []
    for key, given in value.items():
        if key == "markers":
            if not isinstance(given, dict) or not all(isinstance(v, str) and v.strip() for v in given.values()):
                problems.append(
                    '[body.markers] is a table of marker of the model = "label of the file", such as RASI = "R.ASIS"'
                )
        elif key not in BODY_FILES:
            problems.append(f"[body] has {key}; it may have {', '.join([*BODY_FILES, 'markers'])}")
        elif not isinstance(given, str) or not given:
            problems.append(f"[body] {key} = {given!r}; expected the path of a file below the cohort folder")
    return problems


def _missing_body_files(folder: Path, matches: list[Match]) -> list[str]:
    problems = []
    for match in matches:
        body = match.values.get("body", {})
        if isinstance(body, dict):
            given = [(k, body[k]) for k in BODY_FILES if isinstance(body.get(k), str)]
            missing = [f"[body] {k} = {v!r}: there is no such file" for k, v in given if not (folder / v).is_file()]
            problems += missing or _unreadable(folder, dict(given))
    return problems


def _unreadable(folder: Path, files: dict[str, str]) -> list[str]:
    """Problems inside the files of a body."""
    if "model" not in files:
        return []
    from neurostore.ingest.body.own_trial import read_files

    try:
        read_files({key: str(folder / name) for key, name in files.items()})
    except InputError as error:
        return [f"[body] {Path(error.path).name}: {problem}" for problem in error.problems]
    return []
