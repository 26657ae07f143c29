"""The user's own OpenSim model at ingest: [body] of cohort.toml, scaled by its set-up and fitted to a trial's markers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from neurostore.arrays import Bools, Floats
from neurostore.errors import InputError
from neurostore.ingest.geometry.rotations import from_matrix
from neurostore.ingest.landmarks import Landmarks, filters
from neurostore.ingest.recording import Calibration, Poses, Recording, Step
from neurostore.wording import counted, listed, near

from .documents import files_of_sets
from .fitting import BodyFit, cutoff_of, missed_by, quality_of
from .forward import forward
from .ik_setup import IkSetup
from .inverse import Fit
from .marker_placer import Placer, calibrations_of, given_places, register
from .model import TRANSLATIONAL, Model
from .own_model import FAR_MM, check_enough, fit_own, read_own
from .scale_setup import ScaleSetup, factors_by_body, measure, read_scale_setup
from .scaling import scale_model
from .static_choice import is_of_body, merits
from .static_person import different, note, registered_lengths, steady
from .time_range import frames_within

VERSION = 6
#: calibrations of a static trial: the factor of each measurement
MEASURED = "body_scale_"
#: our segment -> the corresponding body of gait models, without side
_BODIES = {
    "pelvis": "pelvis",
    "trunk": "torso",
    "head": "head",
    "thigh": "femur",
    "shank": "tibia",
    "foot": "calcn",
    "upper_arm": "humerus",
    "forearm": "radius",
}
#: a body counts as a segment only if its axes in the default pose agree with those of the pelvis to this angle
_ALIGNED_DEG = 10.0


def own_body(
    recording: Recording,
    landmarks: Landmarks,
    own: Mapping[str, Any],
    mass_kg: float | None,
    calibrations: Iterable[Calibration],
    files: Iterable[str] = (),
) -> BodyFit:
    """The user's own model fitted to the subject of a trial.

    own : files ``model``, ``marker_set``, ``setup``, ``scale`` and ``markers``, marker of the model -> label or landmark.
    Source markers come before landmarks of the same name, and are filtered like landmarks. files : names of the trial's
    files without ending, which a ScaleTool set-up may state.

    Raises
    ------
    InputError : a file that cannot be read, a marker that is not there, too few markers, a factor outside 0.5 to 2.
    """
    calibrations = list(calibrations)
    model, setup, scale = read_files(own)
    rows = np.flatnonzero(landmarks.person == 0)
    named = dict(own.get("markers", {}))
    points = _points(recording, landmarks, model, named)
    time_s = landmarks.time_s[rows]
    scaled = _Scaled(model)
    if scale is not None:
        scaled = _to_person(model, scale, points, time_s, calibrations, mass_kg)
    if recording.kind == "static":
        is_named = scale is not None and bool(scale.files & set(files))
        scaled.calibrations += merits(_in_time(points, time_s, scale), is_named)
    model = scaled.model
    fitted, notes = fit_own(model, points, time_s, setup)
    known, far_notes = _believed(fitted)
    notes += [*scaled.notes, *far_notes]
    coordinates = {
        c.name: np.degrees(known[:, i]) if c.is_rotational else known[:, i] for i, c in enumerate(model.coordinates)
    }
    result = BodyFit(
        model,
        landmarks.frame[rows],
        time_s,
        coordinates,
        _segments(model, fitted.filled, np.isfinite(known)),
        *missed_by(1000 * fitted.distances_m, list(fitted.markers)),
        fitted.filled,
        is_own_model=True,
    )
    result.calibrations = scaled.calibrations
    about = {"own_model": model.name, "model_sha256": model.sha256, "markers": list(fitted.markers), "named": named}
    if setup is not None:
        about |= setup.about()
    if scaled.registered:
        about["registered"] = scaled.registered
    result.steps = [Step("body_fit", VERSION, about)]
    result.quality = quality_of(result.residual_rms_mm)
    result.notes = [f"body {model.name}: {note}" for note in notes]
    return result


def _believed(fitted: Fit) -> tuple[Floats, list[str]]:
    """Values (T, Q), NaN in frames whose markers the model misses by far, and a note on them."""
    is_far = 1000 * fitted.rms_m > FAR_MM
    if not is_far.any():
        return fitted.values, []
    frames = counted(int(is_far.sum()), "frame")
    why = f"{frames} without angles, because the model misses its markers there by over {FAR_MM:.0f} mm (RMS)"
    return np.where(is_far[:, None], np.nan, fitted.values), [why]


@dataclass
class _Scaled:
    """The model as it is fitted; what its scaling found, and which of its markers were registered."""

    model: Model
    calibrations: list[Calibration] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    registered: list[str] = field(default_factory=list)


def _to_person(
    model: Model,
    scale: ScaleSetup,
    points_mm: Mapping[str, Floats],
    time_s: Floats,
    calibrations: list[Calibration],
    mass_kg: float | None,
) -> _Scaled:
    """The model scaled, its markers registered, by the session's static trial unless that is another person's."""
    points_m = {n: p / 1000 for n, p in points_mm.items()}
    differ = _other_person(model, scale, points_m, calibrations)
    if differ is not None:
        calibrations = [c for c in calibrations if not is_of_body(c)]
    used_m = {n: p / 1000 for n, p in _in_time(points_mm, time_s, scale).items()}
    scaled = _scaled(model, scale, used_m, calibrations, mass_kg)
    if differ is not None:
        scaled.notes.append(note(differ))
    if scale.time_s is not None and not frames_within(scale.time_s, time_s).any():
        scaled.notes.append(
            f"the ModelScaler measures {scale.time_s[0]:g} to {scale.time_s[1]:g} s, and the trial has no frame in it "
            f"({time_s.min():g} to {time_s.max():g} s): the whole trial was measured"
        )
    if scale.placer is not None:
        _place_markers(scaled, scale.placer, points_m, time_s, calibrations)
    return scaled


def _in_time(points: Mapping[str, Floats], time_s: Floats, scale: ScaleSetup | None) -> Mapping[str, Floats]:
    """The points in the time that a set-up averages; in the whole trial where it has no frame in it."""
    is_used = frames_within(scale.time_s if scale is not None else None, time_s)
    return {n: p[is_used] for n, p in points.items()} if is_used.any() else points


def _other_person(
    model: Model, scale: ScaleSetup, points_m: Mapping[str, Floats], calibrations: list[Calibration]
) -> str | None:
    """How the lengths of this trial differ from those of the session's static trial, if that is another person's."""
    there = _factors_given(calibrations)
    compared = steady(model, tuple(m for m in scale.measurements if m.name in there)) if there else set()
    some = tuple(
        m for m in scale.measurements if m.name in compared and {n for p in m.pairs for n in p} <= set(points_m)
    )
    here = measure(model, some, points_m)
    mine, its = registered_lengths(model, given_places(model, calibrations), points_m)
    return different(here | mine, {n: f for n, f in there.items() if n in here} | its)


def _factors_given(calibrations: list[Calibration]) -> dict[str, float]:
    """Measurement -> factor, as the session's static trial has it."""
    return {
        c.parameter.removeprefix(MEASURED): c.value
        for c in calibrations
        if c.parameter.startswith(MEASURED) and c.source == "static"
    }


def _scaled(
    model: Model,
    scale: ScaleSetup,
    points_m: Mapping[str, Floats],
    calibrations: list[Calibration],
    mass_kg: float | None,
) -> _Scaled:
    """The model with the factors of the set-up, those that the session's static trial measured before those of this one."""
    given = _factors_given(calibrations)
    left = tuple(m for m in scale.measurements if m.name not in given)
    measured = {m.name: given[m.name] for m in scale.measurements if m not in left}
    measured |= measure(model, left, points_m)
    factors = factors_by_body(scale, measured)
    missing = [body for body in factors if body not in model.bodies]
    result = _Scaled(scale_model(model, {b: f for b, f in factors.items() if b not in missing}, mass_kg=mass_kg))
    result.calibrations = [Calibration(MEASURED + n, None, v, "", "estimated") for n, v in measured.items()]
    if missing:
        result.notes.append(f"bodies of the scale set-up that the model does not have are left out: {listed(missing)}")
    return result


def _place_markers(
    scaled: _Scaled,
    placer: Placer,
    points_m: Mapping[str, Floats],
    time_s: Floats,
    calibrations: list[Calibration],
) -> None:
    """Put the markers of the scaled model where the session's static trial registered them, else by this trial itself."""
    places = given_places(scaled.model, calibrations)
    if places:
        movable = [m.name for m in scaled.model.markers if m.name in points_m and not m.is_fixed]
        lost = [n for n in movable if n not in places]
        notes = (
            [f"markers that the static trial does not have stay where scaling puts them: {listed(lost)}"]
            if lost
            else []
        )
    else:
        places, notes = register(scaled.model, placer, points_m, time_s)
        scaled.calibrations += calibrations_of(places)
    scaled.notes += notes
    if places:
        scaled.model = scale_model(scaled.model, {}, places, name=scaled.model.name)
        scaled.registered = sorted(places)


def files_version(own: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of the user's files that determine a fit, for the hash of an ingest's settings."""
    named = {k: v for k, v in own.items() if k != "markers"}
    hashes = {k: hashlib.sha256(Path(v).read_bytes()).hexdigest() for k, v in named.items() if Path(v).is_file()}
    sets = [file for path in named.values() for file in files_of_sets(Path(path))]
    hashes |= {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sets}
    return {"version": VERSION, "markers": own.get("markers", {}), **hashes}


def read_files(own: Mapping[str, Any]) -> tuple[Model, IkSetup | None, ScaleSetup | None]:
    """The model, the IK set-up and the scale set-up of [body]. Raises InputError for a file that cannot be read."""
    named = tuple(sorted((k, str(v)) for k, v in own.items() if k != "markers"))
    about = [f.stat() for _, path in named for f in [Path(path), *files_of_sets(Path(path))]]
    return _read_files(named, tuple((s.st_mtime_ns, s.st_size) for s in about))


@lru_cache(maxsize=8)
def _read_files(
    named: tuple[tuple[str, str], ...], stamp: tuple[tuple[int, int], ...]
) -> tuple[Model, IkSetup | None, ScaleSetup | None]:
    """Read once for all trials of a process. stamp : time and size of each file and of those it refers to; a changed one is read again."""
    files = {k: Path(v) for k, v in named}
    model, setup = read_own(files["model"], files.get("marker_set"), files.get("setup"))
    scale = read_scale_setup(files["scale"]) if "scale" in files else None
    strangers = scale.strangers(model) if scale is not None else []
    if strangers:
        raise InputError(files["scale"], f"scales {', '.join(strangers)}, which is not a body of {model.name}")
    strangers = scale.placer.strangers(model) if scale is not None and scale.placer is not None else []
    if strangers:
        raise InputError(
            files["scale"],
            f"its MarkerPlacer has a task of {', '.join(strangers)}, which is not a coordinate of {model.name}",
        )
    return model, setup, scale


def points_by_label(landmarks: Landmarks, poses: Poses, rate_hz: float) -> dict[str, Floats]:
    """What a model's markers can meet: the subject's landmarks and source markers (T, 3) in mm, these before those.

    Markers are known by their columns and by their names in the file, and are low-pass filtered as landmarks are.
    """
    own, mine = landmarks.person == 0, poses.person == 0
    every = {n: np.asarray(p, dtype=float)[own] for n, p in landmarks.points.items()}
    positions = poses.positions[mine].astype(float)
    frame, time_s = poses.frame[mine], poses.time_s[mine]
    cleaned = filters.clean_frames(positions, frame, time_s, rate_hz, cutoff_of(landmarks.steps)).values
    every |= {n: cleaned[:, k] for k, n in enumerate(poses.skeleton.joints)}
    sources = poses.skeleton.source_names or poses.skeleton.joints
    return every | {n: cleaned[:, k] for k, n in enumerate(sources)}


def _points(recording: Recording, landmarks: Landmarks, model: Model, named: dict[str, str]) -> dict[str, Floats]:
    """Points (T, 3) in mm by the model's marker names: what [body.markers] names, else the same names."""
    by_label = points_by_label(landmarks, recording.poses[0], recording.rate_hz)
    strangers = sorted(set(named) - {m.name for m in model.markers})
    missing = sorted(label for label in named.values() if label not in by_label)
    problems = [f"[body.markers] names {', '.join(strangers)}, which {model.name} does not have"] if strangers else []
    problems += [
        f"[body.markers] names {label!r}, which is not in the trial{near(label, list(by_label))}" for label in missing
    ]
    if problems:
        raise InputError(f"body {model.name}", *problems)
    names = {m.name: named.get(m.name, m.name) for m in model.markers}
    met = {n: by_label[label] for n, label in names.items() if label in by_label}
    skeleton = recording.poses[0].skeleton
    check_enough(model, len(met), dict.fromkeys([*(skeleton.source_names or skeleton.joints), *landmarks.points]))
    return met


def _segments(model: Model, values: Floats, is_known: Bools) -> dict[str, Floats]:
    """Rotations (T, 4) of the bodies that stand for our segments; NaN where a coordinate above them is not known."""
    chosen = _standing_for(model.bodies)
    if "pelvis" not in chosen:
        return {}
    names = list(dict.fromkeys(chosen.values()))
    zero, _ = forward(model, np.zeros((1, len(model.coordinates))), names)
    matrices, _ = forward(model, values, names)
    pelvis = zero[0, names.index(chosen["pelvis"])]
    rotations = {}
    for segment, body in chosen.items():
        k = names.index(body)
        turn = np.arccos(np.clip((np.trace(pelvis.T @ zero[0, k]) - 1) / 2, -1, 1))
        if np.degrees(turn) <= _ALIGNED_DEG:
            rotations[segment] = from_matrix(matrices[:, k])
            rotations[segment][~_is_chain_known(model, body, is_known)] = np.nan
    return rotations


def _standing_for(bodies: tuple[str, ...]) -> dict[str, str]:
    """Segment -> body: one of the segment's own name, or as gait models call it."""
    names: dict[str, str] = {}
    for segment, body in _BODIES.items():
        if segment in ("pelvis", "trunk", "head"):
            names[segment] = body
        else:
            names |= {f"{side}_{segment}": f"{body}_{side[0]}" for side in ("left", "right")}
    stands = {segment: segment if segment in bodies else body for segment, body in names.items()}
    return {segment: body for segment, body in stands.items() if body in bodies}


def _is_chain_known(model: Model, body: str, is_known: Bools) -> Bools:
    """(T,) every coordinate that turns the body is known."""
    place = {c.name: (i, c.motion) for i, c in enumerate(model.coordinates)}
    above = {j.child: j for j in model.joints}
    out = np.ones(len(is_known), bool)
    while body in above:
        for name in above[body].coordinates:
            i, motion = place[name]
            if motion != TRANSLATIONAL:
                out &= is_known[:, i]
        body = above[body].parent
    return out
