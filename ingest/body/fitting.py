"""Fit our own body model to a trial's landmarks: scale it, register its points, pose it, smooth the movement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurostore.arrays import Array, Bools, Floats, Ints
from neurostore.errors import InputError
from neurostore.ingest.geometry.rotations import from_matrix, to_matrix
from neurostore.ingest.landmarks import Landmarks
from neurostore.ingest.recording import Calibration, Step
from neurostore.wording import counted

from .believed import believed, bridged
from .contact import HELD, hold_feet
from .forward import forward, markers_of, places_on
from .inverse import fit
from .model import Model
from .person import NAME, SEGMENTS, VERSION, person, scaled, with_document
from .registration import (
    KNOWN_TURN,
    LOOKED_AT,
    LOOKED_AT_UNFILTERED,
    SETTLED,
    SIDES,
    factors_of,
    implausible,
    knee_frames,
    measure_lengths,
    register_points,
    side_of,
)
from .smoothing import smooth
from .static_person import different, note
from .targets import Prepared, Targets, prepare

#: weight of a line's hinge, m² per rad²
LINE_TURN = 0.0004
#: weight that keeps a pelvis upright if only both hips are known, m² per rad²
UPRIGHT = 1.0
SMOOTH_HZ = 10.0
#: weight of points on trunk and head: the spine bends, and its single segment must not pull the hips along
SPINE = 0.1
#: mm RMS by which a body misses its landmarks in a frame that is not believed (docs/decisions/frames-that-no-body-fits.md)
MISSED_MM = 80.0
#: gaps the smoother may bridge, seconds
BRIDGED_S = 0.5
#: in ``trials.quality``: the residual of the whole trial, RMS over frames
RESIDUAL = "body_residual_mm"
_LEAST_POINTS = 6
#: coordinates that turn a segment about its long axis, which a line does not determine
_LONG_AXIS = ("hip_rotation", "arm_rot", "pro_sup", "subtalar_angle")


@dataclass(frozen=True, slots=True)
class BodySettings:
    """How a body is fitted.

    smooth_hz : cut-off of the smoother over the trial, 0 for none. None: where the landmarks are not filtered, each
    coordinate's own by cross-validation; else SMOOTH_HZ where frames miss a target that the trial usually has, and no
    smoother where none does. sides_apart : left and right limbs scaled each by their own.
    """

    smooth_hz: float | None = None
    sides_apart: bool = False


@dataclass(slots=True)
class BodyFit:
    """A body fitted to the subject of a trial, T frames.

    coordinates : name -> (T,) degrees or metres, NaN where the frame does not determine it. rotations : segment -> (T, 4)
    quaternions (w, x, y, z), named as in landmarks. is_own_model : the model is the user's. residual_rms_mm,
    residual_max_mm : (T,). worst : (T,) landmark.
    """

    model: Model
    frame: Ints
    time_s: Floats
    coordinates: dict[str, Floats]
    rotations: dict[str, Floats]
    residual_rms_mm: Floats
    residual_max_mm: Floats
    worst: Array
    values: Floats
    calibrations: list[Calibration] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    quality: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    is_own_model: bool = False


def fit_body(
    landmarks: Landmarks,
    rate_hz: float,
    settings: BodySettings | None = None,
    weights: Mapping[str, Floats] | None = None,
    mass_kg: float | None = None,
    lengths: Mapping[str, float] | None = None,
    is_filtered: bool = True,
    is_video: bool = False,
) -> BodyFit:
    """The body of a trial's subject.

    Parameters
    ----------
    weights : landmark -> (T,) relative weights, 1 where not given.
    lengths : segment length in mm by name (``left_thigh``), as a static trial measured it; the trial's own otherwise.
    is_filtered : whether the landmarks were low-pass filtered.
    is_video : whether lengths were seen in a video, so that one of them may be implausible.

    Raises
    ------
    InputError : too few landmarks, a length of zero or a body outside half to twice an adult's size.
    """
    settings = settings or BodySettings()
    rows = np.flatnonzero(landmarks.person == 0)
    points = _points(landmarks, rows)
    turns = _turns(landmarks, rows)
    _check_enough(points)
    some = _looked_at(len(rows), is_filtered)
    given = dict(lengths or {})
    differ = different(measure_lengths(points, {}, True), given, " mm") if given else None
    lengths = given if differ is None else {}
    measured = measure_lengths(points, lengths, settings.sides_apart)
    factors, doubtful, notes = _factors(measured, is_video)
    looked = {n: t[some] for n, (t, _) in turns.items()}
    knees = knee_frames(looked)
    model, start = register_points(scaled(factors, knees), {n: p[some] for n, p in points.items()}, looked)
    model = with_document(model, factors, knees, mass_kg)
    targets = _targets(landmarks, rows, points, turns, weights or {})
    nearest = np.clip(np.searchsorted(some, np.arange(len(rows))), 0, len(some) - 1)
    fitted = fit(model, targets, start=start[nearest], tolerance=SETTLED)
    values, is_known = fitted.filled, np.isfinite(fitted.values)
    smooth_hz = settings.smooth_hz
    if smooth_hz is None and is_filtered:
        smooth_hz = SMOOTH_HZ if _misses(points, len(rows)) else 0.0
    smoothing: dict[str, object] = {"smooth_hz": smooth_hz}
    if smooth_hz is None or smooth_hz > 0:
        values, n_stances = _smoothed(model, prepare(model, targets), values, rate_hz, smooth_hz)
        is_known = bridged(is_known, 1000 * fitted.rms_m > MISSED_MM, round(BRIDGED_S * rate_hz))
        smoothing = {"smooth_hz": smooth_hz or "cross-validated", "stances_held": n_stances}
    is_known, at_limits = believed(model, values, is_known, doubtful)
    notes += at_limits
    result = _result(model, landmarks, rows, points, values, is_known)
    result.calibrations = [_as_calibration(name, value) for name, value in measured.items()]
    result.steps = [
        Step("body_scale", VERSION, scale_parameters(settings, given, is_used=bool(lengths))),
        Step("body_fit", VERSION, {**smoothing, "model_sha256": model.sha256}),
    ]  # fmt: skip
    result.notes += notes if differ is None else [f"body: {note(differ)}", *notes]
    return result


def _looked_at(n: int, is_filtered: bool) -> Ints:
    """Frames, of n, that scaling and registration use."""
    most = LOOKED_AT if is_filtered else LOOKED_AT_UNFILTERED
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(int))


def _factors(measured: dict[str, float], is_video: bool) -> tuple[dict[str, Floats], list[str], list[str]]:
    """Factors of every body, limb segments that are not believed, and notes on both them and what was not measured.

    A video sees feet and forearms short in some views. A limb segment outside 0.5 to 2 there is taken out of ``measured`` and
    scaled like the rest of the body, and the joints at its ends have no angles; in other trials, where such a length means
    a wrong marker, the body is refused.
    """
    factors, guessed = factors_of(measured)
    doubtful = implausible(factors) if is_video else []
    seen = {n: (measured.pop(n), float(factors[n].mean())) for n in doubtful if n in measured}
    if seen:
        factors, _ = factors_of(measured)
    rest = "scaled like the rest of the body"
    notes = [f"body: no length could be measured for {', '.join(guessed)}; {rest}"] if guessed else []
    notes += [
        f"body: the {n} is {length:.0f} mm long in the video, {factor:.2f} of an adult's, which was not believed: it is "
        f"{rest} ({factors[n].mean():.2f}), and the joints at its ends have no angles"
        for n, (length, factor) in seen.items()
    ]
    return factors, list(seen), notes


def scale_parameters(settings: BodySettings, static_mm: Mapping[str, float], is_used: bool) -> dict[str, Any]:
    """What the step of scaling records. static_mm : the lengths that a static trial gave, whether used or another person's."""
    about = {"model": NAME, "lengths": "static" if is_used else "movement", "sides_apart": settings.sides_apart}
    return about | ({"static_mm": dict(static_mm)} if static_mm else {})


def _check_enough(points: Mapping[str, Floats]) -> None:
    if len(points) < _LEAST_POINTS or not {"left_hip", "right_hip"} <= set(points):
        raise InputError(
            "body fit",
            f"{len(points)} landmarks of the body ({', '.join(sorted(points)) or 'none'}); expected both hips and at "
            f"least {_LEAST_POINTS} in all",
        )


def _smoothed(
    model: Model, prepared: Prepared, values: Floats, rate_hz: float, smooth_hz: float | None
) -> tuple[Floats, int]:
    """Smoothed coordinates (T, Q), smoothed again with standing feet held, and the number of stances held."""
    first = smooth(prepared, values, rate_hz, smooth_hz)
    held, n_stances = hold_feet(model, prepared, first, rate_hz)
    return (smooth(held, values, rate_hz, smooth_hz) if n_stances else first), n_stances


def _targets(
    landmarks: Landmarks,
    rows: Ints,
    points: dict[str, Floats],
    turns: dict[str, tuple[Floats, float]],
    weights: Mapping[str, Floats],
) -> Targets:
    """What the model is fitted to: points, and rotations from the source or from a line between two joints."""
    share = shares_of(points)
    return Targets(
        points,
        {n: share[n] * (np.asarray(weights[n])[rows] if n in weights else 1.0) for n in points},
        {n: t for n, (t, w) in turns.items() if w == LINE_TURN or _is_source(landmarks, n)},
        {n: w for n, (t, w) in turns.items() if w == LINE_TURN or _is_source(landmarks, n)},
    )


def shares_of(points: Iterable[str]) -> dict[str, float]:
    """Weight of each landmark among the others, before those of a video."""
    own = {m.name: m.body for m in person().markers}
    return {n: SPINE if own[n] in ("trunk", "head") else 1.0 for n in points}


def _as_calibration(name: str, value_mm: float) -> Calibration:
    segment = name.split("_", 1)[1] if name.startswith(SIDES) else name
    return Calibration(f"body_{segment}_length", side_of(name), value_mm, "mm", "estimated")


def _points(landmarks: Landmarks, rows: Ints) -> dict[str, Floats]:
    """Landmarks (T, 3) in metres that the model has and that are seen at all."""
    known = {m.name for m in person().markers}
    points = {}
    for name, values in landmarks.points.items():
        taken = np.asarray(values, dtype=float)[rows] / 1000
        if name in known and np.isfinite(taken).all(axis=1).any():
            points[name] = taken
    return points


def _turns(landmarks: Landmarks, rows: Ints) -> dict[str, tuple[Floats, float]]:
    """Segment -> rotation matrices (T, 3, 3) and their weight; a pelvis of two hips alone is held upright."""
    turns = {}
    for name, q in landmarks.segments.items():
        segment = name.removesuffix("_line").removesuffix("_neutral")
        if segment not in SEGMENTS or (segment in turns and name.endswith("_line")):
            continue
        weight = LINE_TURN if name.endswith("_line") else KNOWN_TURN
        if name == "pelvis_line":  # upright by definition, since its tilt is not known
            weight = UPRIGHT
        turns[segment] = (to_matrix(np.asarray(q, dtype=float)[rows]), weight)
    return turns


def _is_source(landmarks: Landmarks, segment: str) -> bool:
    """The rotation says something that the points do not: it is the source's own, or the pelvis has two points."""
    if segment == "pelvis" and "pelvis" not in landmarks.segments:
        return True
    return landmarks.methods.get(f"{segment}_axes") == "rotation"


def _misses(points: Mapping[str, Floats], n: int) -> bool:
    """Whether a frame lacks a landmark that more than half of the frames have."""
    seen = np.array([np.isfinite(p[:, 0]).sum() for p in points.values()])
    return bool(((seen > n / 2) & (seen < n)).any())


def _result(
    model: Model,
    landmarks: Landmarks,
    rows: Ints,
    points: dict[str, Floats],
    values: Floats,
    is_known: Bools,
) -> BodyFit:
    names = [n for n in landmarks.segments if n.removesuffix("_line").removesuffix("_neutral") in SEGMENTS]
    bodies = [n.removesuffix("_line").removesuffix("_neutral") for n in names]
    marked = markers_of(model, list(points))
    every = list(dict.fromkeys([*bodies, *(m.body for m in marked)]))
    matrices, origins = forward(model, values, every)
    marks = places_on(marked, every, matrices, origins)
    miss = 1000 * np.linalg.norm(marks - np.stack(list(points.values()), axis=1), axis=2)
    missed = missed_by(miss, list(points))
    is_far = missed[0] > MISSED_MM
    is_known = is_known & ~is_far[:, None]
    coordinates = {}
    for i, c in enumerate(model.coordinates):
        column = np.degrees(values[:, i]) if c.is_rotational else values[:, i]
        coordinates[c.name] = np.where(is_known[:, i], column, np.nan)
    turned, rotations = from_matrix(matrices), {}
    for name, body in zip(names, bodies, strict=True):
        q = turned[:, every.index(body)].copy()
        q[~_chain_known(model, body, is_known, name.endswith("_line"))] = np.nan
        rotations[name] = q
    result = BodyFit(
        model,
        landmarks.frame[rows],
        landmarks.time_s[rows],
        coordinates,
        rotations,
        *missed,
        values,
    )
    result.quality = quality_of(result.residual_rms_mm)
    if is_far.any():
        result.notes.append(
            f"body: {counted(int(is_far.sum()), 'frame')} without angles of the body, which misses the landmarks there by over "
            f"{MISSED_MM:.0f} mm (RMS)"
        )
    return result


def missed_by(miss: Floats, names: list[str]) -> tuple[Floats, Floats, Array]:
    """Root mean square and largest of distances (T, M) in mm, and the name of the worst point; NaN and None without any."""
    seen = np.isfinite(miss)
    n_seen = seen.sum(axis=1)
    rms = np.sqrt(np.divide(np.nansum(miss**2, axis=1), n_seen, out=np.full(len(miss), np.nan), where=n_seen > 0))
    at = np.argmax(np.where(seen, miss, -1.0), axis=1)
    worst = np.array(names, object)[at]
    worst[n_seen == 0] = None
    return rms, np.where(n_seen > 0, miss[np.arange(len(miss)), at], np.nan), worst


def quality_of(rms_mm: Floats) -> dict[str, float]:
    """The residual of a whole trial, for ``trials.quality``."""
    return {RESIDUAL: float(np.sqrt(np.nanmean(rms_mm**2)))} if np.isfinite(rms_mm).any() else {}


def _chain_known(model: Model, body: str, is_known: Bools, is_line: bool) -> Bools:
    """(T,) all coordinates from the ground to a body are known; a line's turn about itself does not count."""
    index = {n: i for i, n in enumerate(model.coordinate_names)}
    above = {j.child: j for j in model.joints}
    out = np.ones(len(is_known), bool)
    first = True
    while body in above:
        joint = above[body]
        for name in joint.coordinates:
            if joint.parent == "ground" and name in ("pelvis_tx", "pelvis_ty", "pelvis_tz"):
                continue
            if first and is_line and name.rsplit("_", 1)[0] in _LONG_AXIS:
                continue
            out &= is_known[:, index[name]]
        body, first = joint.parent, False
    return out


def cutoff_of(steps: Iterable[Step]) -> float:
    """Cut-off in Hz of the low-pass that a trial's landmarks went through, 0 without one."""
    return next((float(s.parameters["cutoff_hz"]) for s in steps if s.name == "butterworth"), 0.0)


def settings_version() -> list[object]:
    """What determines the results of a fit besides the trial itself, for the hash of an ingest's settings."""
    return [NAME, VERSION, SMOOTH_HZ, LOOKED_AT, LOOKED_AT_UNFILTERED, KNOWN_TURN, LINE_TURN, SPINE, HELD, MISSED_MM]
