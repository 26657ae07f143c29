"""From any skeleton to the common points, joint centres and segment rotations of schemas/tables/landmarks.toml.

Input: a recording (``ingest.recording``). Output: :class:`Landmarks`. From the rest of ingest only ``recording`` and
``geometry`` may be imported here.

The order of work for each person (:mod:`.person`): names (:mod:`.names`), the neutral pose (:mod:`.neutral`), gaps and
low-pass filter (:mod:`.cleaning`), body parameters (:mod:`.calibration`), joint centres (:mod:`.marker_centres`),
segments (:mod:`.neutral` where the source gives rotations, else :mod:`.segments`), headings (:mod:`.heading`), what the
trial contributes to its session (:mod:`.functional`, :mod:`.static_trial`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from neurostore import schema
from neurostore.arrays import Floats, Ints
from neurostore.errors import InputError, UsageError
from neurostore.ingest.landmarks import filters
from neurostore.ingest.landmarks.joint_centres import HIP_METHODS
from neurostore.ingest.landmarks.person import Choices, PersonLandmarks, compute_person
from neurostore.ingest.recording import Calibration, Recording, Step

VERSION = 6
_SLOW_HZ = 20.0  # below this rate, a cut-off that is too high is not the user's mistake


@dataclass(slots=True)
class Landmarks:
    """The clean, common form of one trial. Rows as in the primary skeleton's poses: a frame of a person.

    points : name -> (n, 3) float32 mm, NaN where missing. segments : name -> (n, 4) float32 unit quaternion (w, x, y, z),
    segment to lab. scalars : further float32 columns (``heading_deg``, ``facing_deg``, ``…_neutral_deg``).
    methods : landmark to the method that gave it. calibrations : what this trial itself measured or estimated.
    pelvis_zero : anatomical, neutral or none. quality : figures for trials.quality.
    """

    person: Ints
    frame: Ints
    time_s: Floats
    points: dict[str, Floats] = field(default_factory=dict)
    segments: dict[str, Floats] = field(default_factory=dict)
    scalars: dict[str, Floats] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)
    calibrations: list[Calibration] = field(default_factory=list)
    pelvis_zero: str = "none"
    steps: list[Step] = field(default_factory=list)
    quality: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def compute_landmarks(
    recording: Recording,
    *,
    cutoff_hz: float = 6.0,
    calibrations: Iterable[Calibration] = (),
    hip_method: str = "harrington",
    functional: str | None = None,
    path: str = "",
) -> Landmarks:
    """Landmarks of a trial's primary skeleton.

    Parameters
    ----------
    cutoff_hz : low-pass of points and rotations; 0 for none.
    calibrations : those of the subject's session known so far (participants.tsv, a static trial).
    hip_method : harrington, hara, bell or davis, for skeletons with skin points of the pelvis.
    functional : the joint whose centre this trial gives its session, of :data:`.functional.JOINTS`.
    path : file or trial, for errors.

    Raises
    ------
    InputError : the recording holds no poses, or the cut-off is above 0.45 of its rate.
    UsageError : an unknown hip method.
    """
    if hip_method not in HIP_METHODS:
        raise UsageError(f"unknown hip method {hip_method!r}; known are {', '.join(HIP_METHODS)}")
    if not recording.poses:
        raise InputError(path or "recording", "has only angles and no poses, so no landmarks can be computed")
    poses = recording.poses[0]
    out = Landmarks(poses.person, poses.frame, poses.time_s)
    asked, cutoff_hz = cutoff_hz, _possible_cutoff(recording, cutoff_hz)
    if cutoff_hz != asked:
        out.notes.append(
            f"not filtered: the cut-off of {asked:g} Hz is above 0.45 of the trial's rate (about {_rate(recording):.4g} Hz); "
            "at such a low rate events and fast angles cannot be trusted"
        )
    out.steps = [
        Step("fill_gaps", VERSION, {"max_gap_s": filters.MAX_GAP_S}),
        Step("butterworth", VERSION, {"cutoff_hz": cutoff_hz, "order": 4, "zero_lag": True}),
        Step("landmarks", VERSION, {"hip_method": hip_method} | ({"functional": functional} if functional else {})),
    ]
    known = [*recording.calibrations, *calibrations]
    choices = Choices(cutoff_hz, hip_method, path, functional)
    for number in np.unique(poses.person):
        person = compute_person(recording, np.flatnonzero(poses.person == number), known, choices)
        _store(out, person)
        if number == 0:
            out.methods, out.calibrations = person.methods, person.calibrations
            out.pelvis_zero, out.quality = person.pelvis_zero, person.quality
            out.notes += person.notes
    return out


def _rate(recording: Recording) -> float:
    """Frames per second of the first person as the clock itself runs, where it differs from the rate stated by more than 5 %."""
    poses = recording.poses[0]
    times = poses.time_s[poses.person == poses.person[0]] if len(poses.person) else poses.time_s
    step_s = float(np.median(np.diff(times))) if len(times) > 2 else 0.0
    rate = 1 / step_s if step_s > 0 else recording.rate_hz
    return recording.rate_hz if recording.rate_hz and abs(rate / recording.rate_hz - 1) < 0.05 else rate


def _possible_cutoff(recording: Recording, cutoff_hz: float) -> float:
    """The cut-off asked for, or 0 (no filter) where the clock is too slow for any that a movement needs."""
    rate_hz = _rate(recording)
    is_slow = rate_hz < _SLOW_HZ and math.isfinite(cutoff_hz) and cutoff_hz > 0.45 * rate_hz
    return 0.0 if is_slow else cutoff_hz


def _store(out: Landmarks, person: PersonLandmarks) -> None:
    """Keep what schemas/tables/landmarks.toml declares, as float32 with time along memory."""
    columns, n = _columns(), len(out.frame)
    for given, kept, suffix in ((person.points, out.points, ""), (person.segments, out.segments, "_rotation")):
        for name, values in given.items():
            if f"{name}{suffix}" not in columns:
                continue
            if len(person.rows) == n:
                kept[name] = np.ascontiguousarray(values.T, np.float32).T
            else:
                if name not in kept:
                    kept[name] = np.full((values.shape[1], n), np.nan, np.float32).T
                kept[name][person.rows] = values
    for name, scalar in person.scalars.items():
        column = out.scalars.setdefault(name, np.full(n, np.nan, np.float32))
        # the neutral pose is one for the whole trial
        column[slice(None) if name.endswith("_neutral_deg") else person.rows] = scalar


@cache
def _columns() -> frozenset[str]:
    return frozenset(c.name for c in schema.tables()["landmarks"].columns)
