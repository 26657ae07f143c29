"""From any skeleton to the common points, joint centres and segment rotations of schemas/tables/landmarks.toml.

The order of work, for each person: which joint is which landmark (:mod:`.landmark_names`), gaps and low-pass
(:mod:`.filters`), parameters (:mod:`.calibration`), joint centres (:mod:`.marker_centres`), segment axes
(:mod:`.body_segments`), heading (:mod:`.heading`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from neurostore import schema
from neurostore.errors import InputError, UsageError
from neurostore.ingest.geometry.rotation_kernels import make_rows_continuous
from neurostore.ingest.landmarks import arm_centres, bend, calibration, filters, heading, marker_centres
from neurostore.ingest.landmarks import segments as body_segments
from neurostore.ingest.landmarks.axes import to_quaternion
from neurostore.ingest.landmarks.joint_centres import HIP_METHODS
from neurostore.ingest.landmarks.names import is_skin_set, landmark_sources
from neurostore.ingest.landmarks.neutral import NeutralAxes, neutral_axes_of
from neurostore.ingest.recording import Calibration, Poses, Recording, Step

VERSION = 3
_SLOW_HZ = 20.0  # below it a cut-off that does not fit is no mistake of the user


@dataclass(slots=True)
class Landmarks:
    """The clean, common form of one trial. Rows as in the primary skeleton's poses: a frame of a person.

    points : name -> (n, 3) float32 mm, NaN where missing. segments : name -> (n, 4) float32 unit quaternion (w, x, y, z),
    segment to lab. scalars : further float32 columns (``heading_deg``, ``facing_deg``, ``…_neutral_deg``).
    methods : landmark to the method that gave it. calibrations : what this trial itself measured or estimated.
    pelvis_zero : anatomical, neutral or none. quality : figures for trials.quality.
    """

    person: np.ndarray
    frame: np.ndarray
    time_s: np.ndarray
    points: dict[str, np.ndarray] = field(default_factory=dict)
    segments: dict[str, np.ndarray] = field(default_factory=dict)
    scalars: dict[str, np.ndarray] = field(default_factory=dict)
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
    path: str = "",
) -> Landmarks:
    """Landmarks of a trial's primary skeleton.

    Parameters
    ----------
    cutoff_hz : low-pass of points and rotations; 0 for none.
    calibrations : those of the subject's session known so far (participants.tsv, a static trial).
    hip_method : harrington, hara, bell or davis, for skeletons with skin points of the pelvis.
    path : file or trial, for errors.

    Raises
    ------
    InputError : the recording holds no poses, or the cut-off is above 0.45 of its rate.
    UsageError : an unknown hip method.
    """
    if hip_method not in HIP_METHODS:
        raise UsageError(f"unknown hip method {hip_method!r}; known are {', '.join(HIP_METHODS)}")
    if not recording.poses:
        raise InputError(path or "recording", "holds no poses, so no landmarks can be made (angles alone)")
    poses = recording.poses[0]
    out = Landmarks(poses.person, poses.frame, poses.time_s)
    asked, cutoff_hz = cutoff_hz, _possible_cutoff(recording, cutoff_hz)
    if cutoff_hz != asked:
        out.notes.append(
            f"not filtered: the cut-off of {asked:g} Hz is above 0.45 of the trial's rate (about {_rate(recording):.4g} Hz); "
            "such a slow clock shows postures, and no events or fast angles can be trusted"
        )
    out.steps = [
        Step("fill_gaps", VERSION, {"max_gap_s": filters.MAX_GAP_S}),
        Step("butterworth", VERSION, {"cutoff_hz": cutoff_hz, "order": 4, "zero_lag": True}),
        Step("landmarks", VERSION, {"hip_method": hip_method}),
    ]
    neutral = neutral_axes_of(recording)
    known = [*recording.calibrations, *calibrations]
    for person in np.unique(poses.person):
        rows = np.flatnonzero(poses.person == person)
        # a file's parameters are those of its subject alone
        parameters = calibration.gather(known if person == 0 else ())
        _one_person(out, recording, rows, cutoff_hz, parameters, hip_method, neutral, path)
        if person == 0:
            out.calibrations = parameters.added
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


def _one_person(
    out: Landmarks,
    recording: Recording,
    rows: np.ndarray,
    cutoff_hz: float,
    parameters: calibration.Parameters,
    hip_method: str,
    neutral: NeutralAxes | None,
    path: str,
) -> None:
    poses = recording.poses[0]
    is_subject = int(poses.person[rows[0]]) == 0
    seen = np.isfinite(poses.positions[rows[0]]).all(axis=1)
    if not seen.all():
        seen = np.isfinite(_take(poses.positions, rows)).all(axis=2).any(axis=0)
    present = frozenset(j for j, s in zip(poses.skeleton.joints, seen, strict=True) if s) - recording.model_points
    sources = landmark_sources(poses.skeleton, present)
    use_rotations = poses.rotations is not None and neutral is not None
    if is_subject and not sources:
        out.notes.append(
            "no name of a joint or marker is known, so there are no landmarks, angles and cycles: "
            "say which is which in a skeleton file ([landmarks]) and name it in cohort.toml"
        )
    joints = sorted({i for indices in sources.values() for i in indices})
    cleaned, rotations = _clean(poses, rows, joints, neutral, recording.rate_hz, cutoff_hz, path)
    at = {joint: k for k, joint in enumerate(joints)}
    marks = {
        landmark: cleaned.values[:, at[indices[0]]]
        if len(indices) == 1
        else cleaned.values[:, [at[i] for i in indices]].mean(axis=1)
        for landmark, indices in sources.items()
    }
    if is_subject:
        _tell_cleaning(out, poses, joints, cleaned)
        calibration.add_measured(parameters, marks, "static" if recording.kind == "static" else "estimated")
    declared = poses.skeleton.declaration.get("landmarks", {})
    methods, lateral = marker_centres.add_centres(
        marks,
        parameters,
        hip_method,
        bell_pelvis=declared.get("bell_pelvis", False),
        sacrum_marker_first=declared.get("sacrum_marker_first", False),
    )
    is_skin = is_skin_set(sources)
    trunk, trunk_method = body_segments.trunk_axes(marks) if is_skin or not use_rotations else (None, "")
    lateral |= arm_centres.add_arm_centres(marks, trunk, trunk_method, parameters, methods)
    if use_rotations and neutral is not None:
        segments, segment_methods = neutral.carry(rotations), dict.fromkeys(neutral.segments, "rotation")
        segment_methods = {f"{name}_axes": m for name, m in segment_methods.items()}
        right = _right_axis(segments, marks)
        followed, told = bend.follow_bones(segments, marks, right)
        segment_methods |= followed
        if is_subject:
            out.notes += told
    else:
        axes, segment_methods = body_segments.axes_from_points(marks, lateral, trunk, parameters)
        segments = {name: to_quaternion(a) for name, a in axes.items()}
        right = _right_axis_of(axes)
        if trunk is not None:
            segment_methods["trunk_axes"] = trunk_method
        if is_subject and recording.kind == "static" and is_skin:
            calibration.add_static(parameters, marks, axes)
    _add_middles(marks)
    _store(out, rows, marks, segments)
    if recording.position_basis == "root_relative" or "pelvis" not in marks:
        velocity = np.zeros((len(rows), 2))
    else:
        velocity = heading.travel(marks["pelvis"], poses.time_s[rows])
    if right is not None:
        way, facing = heading.headings(velocity, right, poses.time_s[rows])
        _scalar(out, "heading_deg")[rows] = way
        _scalar(out, "facing_deg")[rows] = facing
    if not is_subject:
        return
    out.methods = {**methods, **segment_methods}
    _tell_torsion(out, rows, segments, parameters)
    undefined = [
        s
        for s in calibration.SIDES
        if methods.get(f"{s}_ankle", "").startswith("chord") and f"{s}_shank" not in lateral
    ]
    if undefined:
        out.notes.append(
            f"no {' or '.join(undefined)} knee rotation and ankle inversion: neither the file nor a medial marker says how the wand on the "
            "shank stands to the ankle's axis (give shank_rotation in participants.tsv, or a static trial with medial markers)"
        )
    if use_rotations and neutral is not None:
        out.pelvis_zero = "neutral"
        for name, value in neutral.hip_angles().items():
            _scalar(out, name)[:] = value
            side = name.split("_", 1)[0]
            parameters.add(
                f"neutral_{name.removeprefix(side + '_').removesuffix('_neutral_deg')}",
                side,
                value,
                "deg",
                "neutral_pose",
            )
    elif "pelvis" in segments:
        out.pelvis_zero = "anatomical"
    if is_skin and out.pelvis_zero != "neutral":
        _mark_alignment_device(out, poses, parameters)
        estimated = sorted({m for m in methods if "estimated" in methods[m]})
        if estimated:
            out.notes.append(
                f"widths estimated from leg length for {', '.join(estimated)}: give them in participants.tsv or the file"
            )


def _clean(
    poses: Poses,
    rows: np.ndarray,
    joints: list[int],
    neutral: NeutralAxes | None,
    rate_hz: float,
    cutoff_hz: float,
    path: str,
) -> tuple[filters.Cleaned, np.ndarray]:
    """Filtered positions (n, len(joints), 3) and, with a neutral pose, rotations (S, 4, n) of the joints it needs."""
    time_s, frame = poses.time_s[rows], poses.frame[rows]
    values = _take(poses.positions, rows)[:, joints]
    # frames that are missing altogether are a gap like any other
    whole = len(frame) > 0 and int(frame[-1]) - int(frame[0]) + 1 == len(frame)
    place = frame - frame[0] if len(frame) else frame
    if not whole and len(frame):
        every = np.arange(place[-1] + 1)
        time_s = np.interp(every, place, time_s)
        values = _spread(values, place, len(every))
    cleaned = filters.clean(values, time_s, rate_hz, cutoff_hz, path)
    rotations = np.empty((0,))
    if neutral is not None and poses.rotations is not None:
        q = _take(poses.rotations, rows)[:, neutral.joints]
        q = q if whole else _spread(q, place, len(time_s))
        rotations = np.array(q.transpose(1, 2, 0), np.float64, order="C")
        make_rows_continuous(rotations)
        filters.clean_rows(rotations, time_s, rate_hz, cutoff_hz, path)
        rotations = rotations if whole else np.ascontiguousarray(rotations[:, :, place])
    if not whole:
        cleaned = filters.Cleaned(cleaned.values[place], cleaned.n_filled, cleaned.n_short, cleaned.is_resampled)
    return cleaned, rotations


def _take(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The rows of one person; the array itself where all are."""
    return values if len(rows) == len(values) else values[rows]


def _spread(values: np.ndarray, place: np.ndarray, n: int) -> np.ndarray:
    """Rows put at their places among n, NaN elsewhere."""
    out = np.full((n, *values.shape[1:]), np.nan, values.dtype)
    out[place] = values
    return out


def _tell_cleaning(out: Landmarks, poses: Poses, joints: list[int], cleaned: filters.Cleaned) -> None:
    n = len(cleaned.values)
    if cleaned.n_filled.any():
        out.quality["filled_samples"] = float(cleaned.n_filled.sum())
    missing = np.isnan(cleaned.values[:, :, 0]).sum(axis=0)
    if missing.any() and n:
        out.quality["missing_pct"] = float(100 * missing.sum() / (n * len(joints)))
    if cleaned.n_short.any():
        names = [poses.skeleton.joints[j] for j, s in zip(joints, cleaned.n_short, strict=True) if s]
        out.quality["unfiltered_samples"] = float(cleaned.n_short.sum())
        out.notes.append(
            f"stretches between gaps too short to filter (under 10 frames) are left unfiltered in {', '.join(names)}"
        )
    if cleaned.is_resampled:
        out.notes.append("the clock is uneven: filtered on a uniform clock and brought back")


def _mark_alignment_device(out: Landmarks, poses: Poses, parameters: calibration.Parameters) -> None:
    """A knee alignment device sets the thigh's rotation in its own trial only: where no offset is stated, say so."""
    names = {joint.upper() for joint in poses.skeleton.joints}
    for side, letter in (("left", "L"), ("right", "R")):
        if not names & {f"{letter}{end}" for end in ("KAX", "KD1", "KD2")}:
            continue
        if "device" in out.methods.get(f"{side}_knee", ""):
            out.notes.append(f"{side} knee alignment device: it gives the axis of the {side} knee")
        elif not parameters.get("thigh_rotation", side):
            for segment in ("thigh", "shank"):
                at = f"{side}_{segment}_axes"
                out.methods[at] = f"{out.methods.get(at, 'none')} (knee alignment device)"
            out.notes.append(
                f"{side} knee alignment device: the file states no thigh rotation, so {side} hip and knee rotation and "
                "knee adduction are those of the wand"
            )


def _tell_torsion(
    out: Landmarks, rows: np.ndarray, segments: dict[str, np.ndarray], parameters: calibration.Parameters
) -> None:
    """A stated tibial torsion goes beside the shank, whose lateral axis is that of the ankle."""
    for side in calibration.SIDES:
        torsion = parameters.get("tibial_torsion", side)
        if "medial" in out.methods.get(f"{side}_ankle", ""):
            continue  # the trial that measures it: as in Plug-in Gait its shank is turned with the ankle
        if torsion is not None and f"{side}_shank" in segments:
            _scalar(out, f"{side}_tibial_torsion_deg")[rows] = math.degrees(torsion)


def _right_axis(segments: dict[str, np.ndarray], marks: dict[str, np.ndarray]) -> np.ndarray | None:
    from neurostore.ingest.geometry.rotations import rotate

    for name in ("pelvis_neutral", "trunk"):
        if name in segments:
            return rotate(segments[name], np.array([0.0, 0.0, 1.0]))
    if {"left_hip", "right_hip"} <= set(marks):
        return marks["right_hip"] - marks["left_hip"]
    return None


def _right_axis_of(axes: dict[str, np.ndarray]) -> np.ndarray | None:
    for name in ("pelvis", "pelvis_line", "trunk"):
        if name in axes:
            return axes[name][..., 2]
    return None


def _add_middles(marks: dict[str, np.ndarray]) -> None:
    head = [f"{side}_head_{end}" for side in ("left", "right") for end in ("front", "back")]
    if "head" not in marks and set(head) <= set(marks):
        marks["head"] = np.mean([marks[h] for h in head], axis=0)
    if "thorax" not in marks and {"left_shoulder", "right_shoulder"} <= set(marks):
        marks["thorax"] = (marks["left_shoulder"] + marks["right_shoulder"]) / 2


def _store(out: Landmarks, rows: np.ndarray, marks: dict[str, np.ndarray], segments: dict[str, np.ndarray]) -> None:
    """Keep what schemas/tables/landmarks.toml declares, as float32 with time along memory."""
    columns, n = _columns(), len(out.frame)
    for found, kept, suffix in ((marks, out.points, ""), (segments, out.segments, "_rotation")):
        for name, values in found.items():
            if f"{name}{suffix}" not in columns:
                continue
            if len(rows) == n:
                kept[name] = np.ascontiguousarray(values.T, np.float32).T
            else:
                if name not in kept:
                    kept[name] = np.full((values.shape[1], n), np.nan, np.float32).T
                kept[name][rows] = values


@cache
def _columns() -> frozenset[str]:
    return frozenset(c.name for c in schema.tables()["landmarks"].columns)


def _scalar(out: Landmarks, name: str) -> np.ndarray:
    return out.scalars.setdefault(name, np.full(len(out.frame), np.nan, np.float32))
