"""The body of one trial of an ingest: the weights of its landmarks, and the fit as rows of the lake's tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.ingest.landmarks import Landmarks
from neurostore.ingest.landmarks.names import landmark_sources
from neurostore.ingest.recording import Calibration, Poses, Recording
from neurostore.lake.frames import Block, Frames
from neurostore.schema import arrow_type, tables

from .fitting import BodyFit, BodySettings, cutoff_of, fit_body
from .model import COUPLED, ROTATIONAL, TRANSLATIONAL
from .own_trial import own_body
from .static_choice import is_of_body, merits

if TYPE_CHECKING:
    import pyarrow as pa

#: unit of a coordinate by the kind of its motion; one that is neither an angle nor a length has none
UNITS = {ROTATIONAL: "deg", TRANSLATIONAL: "m", COUPLED: None}
#: standard deviation, mm, at which a landmark of a video has half the weight
_HALF_MM = 20.0
#: ends the name of the standard deviation of a landmark's refined depth in ``trials.quality``
_OF_DEPTH = "_depth_sd_mm"


def body_of(
    recording: Recording,
    landmarks: Landmarks,
    calibrations: Iterable[Calibration] = (),
    own: Mapping[str, Any] | None = None,
    files: Iterable[str] = (),
) -> tuple[BodyFit | None, list[str]]:
    """The fitted body of a trial's subject and notes; None, with the reason, where none can be fitted.

    own : [body] of cohort.toml, the user's own model, whose markers are low-pass filtered like the landmarks; otherwise our own model.
    Lengths that a static trial of the session measured are used; what the fit adds is put into the landmarks' steps,
    calibrations and quality. A static trial measures itself. files : names of the trial's files without ending.
    """
    calibrations = list(calibrations)
    try:
        if own and own.get("model"):
            mass_kg = stated_mass([*recording.calibrations, *calibrations])
            given = [c for c in calibrations if recording.kind != "static" or not is_of_body(c)]
            body = own_body(recording, landmarks, own, mass_kg, given, files)
            if recording.kind == "static":
                body.calibrations = _for_the_session(body.calibrations)
        else:
            weights = weights_of(recording.poses[0], landmarks, recording.quality)
            known = [*recording.calibrations, *calibrations]
            body = our_body(recording.kind, recording.rate_hz, landmarks, weights, known)
    except InputError as error:
        return None, [f"no body fitted: {problem}" for problem in error.problems]
    landmarks.steps += body.steps
    landmarks.calibrations += body.calibrations
    landmarks.quality |= body.quality
    return body, body.notes


def our_body(
    kind: str,
    rate_hz: float,
    landmarks: Landmarks,
    weights: Mapping[str, Floats],
    calibrations: Iterable[Calibration],
    settings: BodySettings | None = None,
) -> BodyFit:
    """Our own model fitted to a trial's subject, at ingest and later alike; what it measures is ready for the session.

    kind : of the trial. weights : of :func:`weights_of`. calibrations : what is known of the trial and its session.

    Raises
    ------
    InputError : as :func:`.fitting.fit_body` does.
    """
    known = list(calibrations)
    body = fit_body(
        in_declared_order(landmarks),
        rate_hz,
        settings,
        weights=weights,
        mass_kg=stated_mass(known),
        lengths=static_lengths(kind, known),
        is_filtered=cutoff_of(landmarks.steps) > 0,
        is_video=kind == "video",
    )
    if kind == "static":
        mine = landmarks.person == 0
        body.calibrations += merits({n: np.asarray(p)[mine] for n, p in landmarks.points.items()})
        body.calibrations = _for_the_session(body.calibrations)
    return body


def in_declared_order(landmarks: Landmarks) -> Landmarks:
    """The same landmarks in the order of their table, as a lake returns them: sums are then the same to the last digit."""
    place = {column.name: i for i, column in enumerate(tables()["landmarks"].columns)}
    points = sorted(landmarks.points, key=place.__getitem__)
    segments = sorted(landmarks.segments, key=lambda name: place[f"{name}_rotation"])
    return replace(
        landmarks,
        points={n: landmarks.points[n] for n in points},
        segments={n: landmarks.segments[n] for n in segments},
    )


def _for_the_session(calibrations: Iterable[Calibration]) -> list[Calibration]:
    """What a static trial measured, for the other trials of its session."""
    return [replace(c, source="static") for c in calibrations]


def static_lengths(kind: str, calibrations: Iterable[Calibration]) -> dict[str, float]:
    """Segment length in mm by name (``left_thigh``), as a static trial of the session measured it; a static trial measures itself."""
    if kind == "static":
        return {}
    return {
        f"{c.side}_{c.parameter.removeprefix('body_').removesuffix('_length')}": c.value
        for c in calibrations
        if c.parameter.startswith("body_") and c.parameter.endswith("_length") and c.source == "static" and c.side
    }


def stated_mass(calibrations: Iterable[Calibration]) -> float | None:
    """Body mass in kg as the files of a session state it, the trial's own first; None if none does."""
    return next((c.value for c in calibrations if c.parameter == "body_mass" and 2 <= c.value <= 400), None)


def weights_of(poses: Poses, landmarks: Landmarks, quality: Mapping[str, float] | None = None) -> dict[str, Floats]:
    """Landmark -> (n,) weights of a video: its confidence times 1 / (1 + (s / 20 mm)²) for each of its standard deviations s.

    These are the spread over augmentations, frame by frame, and that of the refined depth, one a trial and landmark in
    ``quality``; a landmark that the refinement does not state has the median of the others.
    """
    of_depth = {n: s for n in landmarks.points if (s := (quality or {}).get(f"{n}{_OF_DEPTH}"))}
    if poses.confidence is None and poses.sd_mm is None and not of_depth:
        return {}
    weight = np.ones(poses.positions.shape[:2])
    if poses.confidence is not None:
        weight *= np.clip(np.nan_to_num(poses.confidence, nan=1.0), 0.01, 1.0)
    if poses.sd_mm is not None:
        weight /= 1 + (np.nan_to_num(poses.sd_mm, nan=0.0) / _HALF_MM) ** 2
    sources = landmark_sources(poses.skeleton, frozenset(poses.skeleton.joints))
    found = {name: weight[:, joints].min(axis=1) for name, joints in sources.items() if name in landmarks.points}
    if of_depth:
        typical, one = float(np.median(list(of_depth.values()))), np.ones(len(weight))
        for name in landmarks.points:
            found[name] = found.get(name, one) / (1 + (of_depth.get(name, typical) / _HALF_MM) ** 2)
    return found


def body_tables(body: BodyFit) -> dict[str, pa.Table | Frames]:
    """Rows of ``body_angles``, ``body_fit`` and ``body_models``, keys left out."""
    import pyarrow as pa

    n = len(body.frame)
    person = np.zeros(n, np.int32)
    frame, time_s = np.asarray(body.frame, np.int32), np.asarray(body.time_s, np.float64)
    place = _places()
    segments = sorted((f"{s}_rotation" for s in body.rotations), key=place.__getitem__)
    blocks: tuple[Block, ...] = ()
    if segments:
        stacked = np.stack([np.asarray(body.rotations[s.removesuffix("_rotation")], np.float32).T for s in segments])
        blocks = (Block(tuple(segments), np.ascontiguousarray(stacked)),)
    units = {c.name: UNITS[c.motion] for c in body.model.coordinates}
    columns = {f"{name}_{units[name]}": values for name, values in body.coordinates.items()}
    scalars = {}
    if not body.is_own_model:
        scalars = {c: np.asarray(columns[c], np.float32) for c in sorted(columns, key=place.__getitem__)}
    rms, most = (np.asarray(v, np.float32) for v in (body.residual_rms_mm, body.residual_max_mm))
    fit = {
        "person": person,
        "frame": frame,
        "time_s": time_s,
        "residual_rms_mm": pa.array(rms, mask=np.isnan(rms)),
        "residual_max_mm": pa.array(most, mask=np.isnan(most)),
        "worst_marker": pa.array(body.worst.tolist(), pa.string()),
    }
    model = {
        "model": [body.model.name.removesuffix("_scaled")],
        "sha256": [body.model.sha256],
        "n_freedoms": pa.array([body.model.n_freedoms], arrow_type("int32")),
        "osim": [body.model.text],
    }
    coordinates = {"body_coordinates": _coordinate_rows(body, units)} if body.is_own_model else {}
    return coordinates | {
        "body_angles": Frames(person, frame, time_s, blocks, scalars),
        "body_fit": pa.table(fit),
        "body_models": pa.table(model),
    }


def _coordinate_rows(body: BodyFit, units: dict[str, str | None]) -> pa.Table:
    """Every coordinate of the user's own model, one after another."""
    import pyarrow as pa

    names, n = list(body.coordinates), len(body.frame)
    values = np.concatenate([body.coordinates[name] for name in names])
    return pa.table(
        {
            "frame": np.tile(np.asarray(body.frame, np.int32), len(names)),
            "time_s": np.tile(np.asarray(body.time_s, np.float64), len(names)),
            "coordinate": np.repeat(np.array(names, object), n),
            "unit": np.repeat(np.array([units[name] for name in names], object), n),
            "value": pa.array(values, mask=np.isnan(values)),
        }
    )


@cache
def _places() -> dict[str, int]:
    return {column.name: i for i, column in enumerate(tables()["body_angles"].columns)}
