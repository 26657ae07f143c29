"""What a reader or an estimator returns: one trial as read, before landmarks and lake."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from neurostore.arrays import Floats, Ints
from neurostore.skeleton import Skeleton


@dataclass(frozen=True, slots=True)
class Poses:
    """Positions of one skeleton, as read. One row is a frame of a person; rows sorted by (person, frame).

    Attributes
    ----------
    skeleton : the declaration; ``skeleton.joints`` are the J columns in order.
    person : (n,) int32, 0 is the subject.
    frame : (n,) int32 from 0.
    time_s : (n,) float64, the source's own clock.
    positions : (n, J, 3) float32, mm, right-handed lab frame, Y up; NaN = missing joint.
    rotations : (n, J, 4) float32 unit quaternions (w, x, y, z), child to lab; None if the source has none.
    confidence : (n, J) float32 in 0..1, video only.
    sd_mm : (n, J) float32, spread over augmentations, video only.
    reprojection_px : (n, J) float32, triangulated only: root mean square distance in the images of the cameras used.
    picture : (n, 3) float32, video only: scale (px per mm), x and y (px) that lay the person's (X, Y), camera frame, on the
        image by weak perspective; NaN where not seen.
    """

    skeleton: Skeleton
    person: Ints
    frame: Ints
    time_s: Floats
    positions: Floats
    rotations: Floats | None = None
    confidence: Floats | None = None
    sd_mm: Floats | None = None
    picture: Floats | None = None
    reprojection_px: Floats | None = None


@dataclass(frozen=True, slots=True)
class NeutralPose:
    """The pose that defines zero if there is no anatomical one (T-pose of a BVH, rest pose of an ASF).

    positions : (J, 3) mm, lab frame; rotations : (J, 4) (w, x, y, z) or None. Joints as in the primary skeleton.
    """

    positions: Floats
    rotations: Floats | None = None


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """An event the file itself states. time_s is in the trial's clock (the same as Poses.time_s)."""

    event: str  # 'foot_strike', 'foot_off', or the file's own label in snake case
    side: str | None  # 'left', 'right', None (General)
    time_s: float
    label: str  # exactly as in the file
    description: str = ""


@dataclass(frozen=True, slots=True)
class SourceAngle:
    """A curve of angles the file itself states.

    values : (n,) float64 in the file's own sign, degrees; time_s : (n,).
    angle : the name in joint_angles it maps to (``left_knee_flexion_deg``) or None; sign : +1 or -1, ours = sign * file's.
    """

    source_name: str
    component: str  # 'x', 'y', 'z' or ''
    angle: str | None
    sign: int
    time_s: Floats
    values: Floats


@dataclass(frozen=True, slots=True)
class SourceCurve:
    """A curve of an angle over a gait cycle, as a data set states it.

    angle : column of joint_angles. cycle : number of the curve of its side, from 0. n_cycles : cycles it is the mean of.
    model : the skeleton whose trials it is compared with. recorded_by : 'mocap' or 'video'. values : (101,) degrees at 0 to
    100 %, our sign, NaN where missing.
    """

    source_name: str
    angle: str
    side: str
    cycle: int
    n_cycles: int
    model: str
    recorded_by: str
    values: Floats


@dataclass(frozen=True, slots=True)
class Calibration:
    """A parameter of a subject's session, such as leg_length, knee_width, inter_asis or static_foot_offset."""

    parameter: str
    side: str | None
    value: float
    unit: str
    source: str  # 'file', 'participants', 'functional', 'static', 'neutral_pose', 'estimated'


def unique(calibrations: Iterable[Calibration]) -> tuple[Calibration, ...]:
    """The first calibration of each parameter and side."""
    first: dict[tuple[str, str | None], Calibration] = {}
    for calibration in calibrations:
        first.setdefault((calibration.parameter, calibration.side), calibration)
    return tuple(first.values())


@dataclass(frozen=True, slots=True)
class AnalogChannel:
    """A channel of analog samples, as read.

    channel : the label as in the file; kind : 'emg', 'force' or 'other'; muscle : a name of schemas/muscles.toml or None.
    start_s : time of the first sample in the trial's clock. samples : (n,) float32 in ``unit``.
    """

    index: int
    channel: str
    kind: str
    muscle: str | None
    side: str | None
    unit: str
    rate_hz: float
    start_s: float
    samples: Floats


@dataclass(frozen=True, slots=True)
class ForcePlate:
    """A force platform and what it measured: forces on the person, in the lab frame of the poses (mm, Y up).

    Attributes
    ----------
    plate : number from 1, in the order of the file.
    type : 1 to 4 as C3D counts them; 0 for wrenches that come without a platform (OpenSim's GRF).
    corners : (4, 3) mm, or None if the source has none. origin : (3,) mm, as in the file.
    matrix : the calibration matrix as rows, or None. channels : numbers from 1. units : of the channels, as read.
    rate_hz, start_s : the clock of the samples.
    force : (n, 3) N on the person. moment : (n, 3) Nm about ``centre``. centre : (3,) mm, on the surface.
    cop : (n, 3) mm, NaN below the threshold and outside the platform. free_moment : (n,) Nm about the vertical.
    threshold_n : vertical force below which no one stands on it. baseline_n : vertical force that is left unloaded.
    zero : how the baseline was removed. is_flipped : the file's forces are those on the platform.
    returns_to_zero : the platform is unloaded at some time of the trial.
    side : 'left' or 'right' where the source itself says whose foot it is.
    is_doubtful : its channels, corners or units can hardly be what the source says (``readers.plate_doubts``).
    contradicts_body : its forces disagree with the person on it (``kinetics.body_check``); None if that is not known.
    """

    plate: int
    type: int
    corners: Floats | None
    origin: Floats | None
    matrix: Floats | None
    channels: tuple[int, ...]
    units: tuple[str, ...]
    rate_hz: float
    start_s: float
    force: Floats
    moment: Floats
    centre: Floats
    cop: Floats
    free_moment: Floats
    threshold_n: float
    baseline_n: float
    zero: str
    is_flipped: bool = False
    returns_to_zero: bool = True
    side: str | None = None
    is_doubtful: bool = False
    contradicts_body: bool | None = None


@dataclass(frozen=True, slots=True)
class SourceKinetic:
    """A curve of moments, powers or forces that the file's own model states.

    quantity : the column of joint_kinetics or ground_reaction it maps to, or None. values : (n,) in ``unit``, our sign.
    """

    source_name: str
    component: str
    quantity: str | None
    unit: str
    time_s: Floats
    values: Floats


@dataclass(frozen=True, slots=True)
class Step:
    """A processing step, as recorded in trials.steps."""

    name: str
    version: int
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Recording:
    """One trial as read. ``poses[0]`` is the primary skeleton; empty for files that carry angles or curves alone."""

    kind: str  # 'mocap', 'video', 'static', 'angles', 'curves'
    rate_hz: float
    poses: list[Poses]
    up_source: str = "lab"  # lab, camera_extrinsics, floor_fit, camera_level
    position_basis: str = "lab"  # lab, triangulated, camera_metric, camera_fov_guessed, root_relative
    length_basis: str = "measured"  # measured, judged, nominal, none
    neutral: NeutralPose | None = None
    events: list[SourceEvent] = field(default_factory=list)
    angles: list[SourceAngle] = field(default_factory=list)
    curves: list[SourceCurve] = field(default_factory=list)
    calibrations: list[Calibration] = field(default_factory=list)
    plates: list[ForcePlate] = field(default_factory=list)
    analog: list[AnalogChannel] = field(default_factory=list)
    kinetics: list[SourceKinetic] = field(default_factory=list)
    subject: str | None = None  # as the file names it (C3D SUBJECTS:NAMES)
    is_treadmill: bool | None = None
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what was inferred, dropped or renamed, in plain words
    estimator: dict[str, Any] = field(default_factory=dict)  # name, version, model_sha256, options
    quality: dict[str, float] = field(default_factory=dict)  # figures that only the reader knows
    # joints computed by the source's model: stored, but never input to landmarks
    model_points: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """One of several cameras of a trial: its name, and what [camera] of cohort.toml says of its video."""

    name: str
    camera: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What cohort.toml says about one trial; None = not stated; the reader infers it and adds a note.

    scale_mm : millimetres per source unit; up : 'x', '-x', 'y', 'z' …; skeleton : a declared name or a TOML path;
    root_position : 'replace' or 'add' (BVH positions against OFFSET); drop_frames : leading frames to drop;
    frames : (first, last) inclusive, after the drop; camera : intrinsics, distortion, extrinsics, fov_degrees, …
    companions : the other files of the trial's folder that a reader may need (the ASF of an AMC, a BIDS sidecar).
    hip_method : where hip centres come from on the skin: harrington, hara, bell or davis.
    emg : muscle by channel label (patterns allowed), as ``left rectus_femoris``, or 'other' for a channel that is not EMG.
    functional : the joint whose centre this trial gives its session: left_hip, right_hip or both_hips.
    rate_hz : sampling rate of files that state none or a wrong one (AMC, BVH).
    markers : label in the file -> what it is: a landmark (left_knee_lateral) or a name of a known marker set (LKNE).
    swap_sides : every label of the file names the other side: left is right.
    views : the cameras of a trial that several filmed; its first files are their videos, the others the calibration.
    body : the user's own OpenSim model: paths of model, marker_set, setup and scale; markers : marker -> label or landmark.
    member : of a file that holds several recordings (results.json), the one meant, by its name there; None = the only one.
    curves : what [curves] says of a file of curves over the gait cycle; empty for all others.
    """

    scale_mm: float | None = None
    up: str | None = None
    skeleton: str | None = None
    root_position: str | None = None
    drop_frames: int | None = None
    frames: tuple[int, int] | None = None
    length_basis: str | None = None
    is_treadmill: bool | None = None
    camera: dict[str, Any] = field(default_factory=dict)
    companions: tuple[str, ...] = ()
    member: str | None = None
    rate_hz: float | None = None
    hip_method: str | None = None
    functional: str | None = None
    swap_sides: bool = False
    markers: dict[str, str] = field(default_factory=dict)
    emg: dict[str, Any] = field(default_factory=dict)
    curves: dict[str, Any] = field(default_factory=dict)
    views: tuple[ViewOptions, ...] = ()
    body: dict[str, Any] = field(default_factory=dict)
