"""C3D files as gait laboratories write them, made from the analytic walker: markers, parameters, angles, events.

A person with chosen anthropometry walks (or stands), wears Plug-in Gait's markers, and Plug-in Gait's angles are computed from those
markers by the frame-by-frame twin of tests/twins/plug_in_gait.py. ``write`` lays all of it into a C3D with the habits of a laboratory.
Lab here as Vicon has it: z up, mm.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ezc3d
import numpy as np

from neurostore.walker.gait import Gait, normal
from neurostore.walker.walk import Walk, walk
from tests.twins import plug_in_gait as pig

SIDES = {"L": "left", "R": "right"}


@dataclass(frozen=True)
class Person:
    """Who walks. Lengths in mm, angles in degrees (positive internal); pelvis and hips as shares of stature by default.

    hip_forward, hip_up, hip_out : true hip centre from mid-ASIS, in the axes of the pelvis. anteversion, torsion : knee axis against
    the walker's thigh, ankle axis against the knee's. wand : where the thigh and shank markers sit, turned from the joint axis.
    """

    height_m: float = 1.72
    knee_width: float = 102.0
    ankle_width: float = 72.0
    pelvis_width: float = 240.0
    pelvis_depth: float = 165.0
    hip_forward: float = -48.0
    hip_up: float = -88.0
    anteversion: float = 3.0
    torsion: float = 0.0
    thigh_wand: float = 0.0
    shank_wand: float = 0.0
    marker_diameter: float = 14.0
    heel_height: float = 35.0
    toe_height: float = 45.0
    sway: float = 2.0

    @property
    def leg_length(self) -> float:
        return 0.53 * self.height_m * 1000.0


def person(height_m: float, rng: np.random.Generator | None = None, **changes: Any) -> Person:
    """A person of this height: widths and pelvis by published means for that height, scattered where rng is given.

    Knee and ankle breadth rise from 66 and 46 mm at 1.0 m to 103 and 71 at 1.75 m; inter-ASIS distance from 145 to 245 mm.
    """
    s = (height_m - 1.0) / 0.75
    made = Person(
        height_m=height_m,
        knee_width=66 + 37 * s,
        ankle_width=46 + 25 * s,
        pelvis_width=145 + 100 * s,
        pelvis_depth=105 + 62 * s,
        hip_forward=-0.24 * (105 + 62 * s) - 9.9,
        hip_up=-0.30 * (145 + 100 * s) - 10.9,
    )
    if rng is not None:
        made = replace(
            made,
            knee_width=made.knee_width * (1 + 0.05 * rng.standard_normal()),
            ankle_width=made.ankle_width * (1 + 0.05 * rng.standard_normal()),
            pelvis_width=made.pelvis_width * (1 + 0.06 * rng.standard_normal()),
            pelvis_depth=made.pelvis_depth * (1 + 0.06 * rng.standard_normal()),
            hip_forward=made.hip_forward + 5 * rng.standard_normal(),
            hip_up=made.hip_up + 5 * rng.standard_normal(),
            anteversion=3 + 6 * rng.standard_normal(),
            thigh_wand=4 * rng.standard_normal(),
            shank_wand=4 * rng.standard_normal(),
            heel_height=made.heel_height + 6 * rng.standard_normal(),
        )
    return replace(made, **changes)


def walking(
    who: Person, heading_deg: float = 90.0, rate_hz: float = 100.0, n_strides: float = 3.0, **gait: Any
) -> Walk:
    """The analytic walker with this person's stature; 90 walks along the lab's +X, 0 along its −Y."""
    scale = who.height_m / 1.72
    gait = {"stride_length_m": 1.38 * scale, "step_width_m": 0.11 * scale, "pelvis_bob_mm": 21.9 * scale,
            "pelvis_sway_mm": 18 * scale, "cadence_steps_min": 112 / math.sqrt(scale)} | gait  # fmt: skip
    made: Gait = normal(height_m=who.height_m, **gait)
    return walk(made, n_strides=n_strides, rate_hz=rate_hz, heading_deg=heading_deg)


def standing(who: Person, rate_hz: float = 100.0, seconds: float = 1.5) -> Walk:
    """The person standing with nearly straight legs and flat feet, swaying a little."""
    base = walking(who, rate_hz=rate_hz, n_strides=1.0)
    n = round(seconds * rate_hz)
    h = who.height_m * 1000.0
    eye = np.repeat(np.eye(3)[None], n, axis=0)
    tilt = _about("z", np.full(n, -10.0))
    sway = np.stack([3 * np.sin(np.arange(n) / 40), 0 * np.arange(n), 2 * np.sin(np.arange(n) / 55)], -1)
    joints = {"pelvis": np.array([0, 0.039 * h + 0.491 * h - 1.0, 0.0]) + sway}
    rotations = {"pelvis": tilt, "trunk": eye}
    for side, sign in (("left", -1), ("right", 1)):
        hip = joints["pelvis"] + np.array([0, 0, sign * 0.052 * h])
        ankle = np.broadcast_to([0.0, 0.039 * h, sign * 0.075 * h], hip.shape)
        leg = hip - ankle
        y = leg / np.linalg.norm(leg, axis=1, keepdims=True)
        x = np.cross(y, [0.0, 0.0, 1.0])
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        axes = np.stack([x, y, np.cross(x, y)], -1)
        foot = _about("y", np.full(n, -7.0 * sign))
        joints |= {f"{side}_hip": hip, f"{side}_knee": ankle + 0.5 * leg, f"{side}_ankle": ankle}
        rotations |= {f"{side}_thigh": axes, f"{side}_shank": axes, f"{side}_foot": foot}
        below = ankle - np.array([0, 0.039 * h, 0])
        joints[f"{side}_heel"] = below - 0.035 * h * foot[:, :, 0]
        joints[f"{side}_toe"] = below + 0.085 * h * foot[:, :, 0]
    for name in ("neck", "thorax", "head", "left_shoulder", "right_shoulder"):
        offset = np.mean(base.joints[name] - base.joints["pelvis"], axis=0)
        lateral = {"left_shoulder": -1, "right_shoulder": 1}.get(name, 0) * 0.11 * h
        joints[name] = joints["pelvis"] + np.array([0.0, offset[1], lateral])
    return Walk(base.gait, rate_hz, np.arange(n) / rate_hz, joints, rotations, {}, [])


def dress(walked: Walk, who: Person, seed: int = 0, upper: bool = True) -> dict[str, np.ndarray]:
    """Plug-in Gait's markers (n, 3) mm, z up, on this walk; medial markers as LKNM, LANM … beside them.

    Thigh and shank turn about their long axes through the cycle (the walker's do not), and every marker slides on the skin.
    """
    rng = np.random.default_rng(seed)
    n = len(walked.time_s)
    scale = who.height_m / 1.72
    radius = who.marker_diameter / 2
    phase = 2 * np.pi * walked.time_s / walked.gait.stride_time_s

    def slide(size: float) -> np.ndarray:
        turns = rng.uniform(0, 2 * np.pi, 3)
        return size * np.stack([np.sin(phase + t) for t in turns], -1)

    marks: dict[str, np.ndarray] = {}
    pelvis, middle = walked.rotations["pelvis"], walked.joints["pelvis"]
    origin = middle - pelvis @ np.array([who.hip_forward, who.hip_up, 0.0])
    half = who.pelvis_width / 2
    for label, at in {
        "LASI": (0, 0, -half), "RASI": (0, 0, half), "SACR": (-who.pelvis_depth, 0, 0),
        "LPSI": (-who.pelvis_depth, 0, -45 * scale), "RPSI": (-who.pelvis_depth, 0, 45 * scale),
    }.items():  # fmt: skip
        marks[label] = origin + pelvis @ np.array(at, float) + slide(0.5 * who.sway)
    marks["SACR"] = (marks["LPSI"] + marks["RPSI"]) / 2
    for letter, side in SIDES.items():
        out = 1.0 if side == "right" else -1.0
        beat = phase + (np.pi if side == "right" else 0.0)
        turn = who.anteversion + 4 * np.sin(beat + 0.6)
        thigh = walked.rotations[f"{side}_thigh"] @ _about("y", out * turn)
        shank_turn = turn + who.torsion + 2 * np.sin(beat + 1.5)
        shank = walked.rotations[f"{side}_shank"] @ _about("y", out * shank_turn)
        foot = walked.rotations[f"{side}_foot"]
        knee, ankle = walked.joints[f"{side}_knee"], walked.joints[f"{side}_ankle"]
        hip = walked.joints[f"{side}_hip"]
        heel, toe = walked.joints[f"{side}_heel"], walked.joints[f"{side}_toe"]
        lateral, at_ankle = out * thigh[:, :, 2], out * shank[:, :, 2]
        reach_knee, reach_ankle = who.knee_width / 2 + radius, who.ankle_width / 2 + radius
        wand = thigh @ _about("y", np.full(n, out * who.thigh_wand))
        marks[f"{letter}THI"] = 0.45 * hip + 0.55 * knee + out * wand[:, :, 2] * 85 * scale + slide(who.sway)
        marks[f"{letter}KNE"] = knee + lateral * reach_knee + slide(0.5 * who.sway)
        marks[f"{letter}KNM"] = knee - lateral * reach_knee
        wand = shank @ _about("y", np.full(n, out * who.shank_wand))
        marks[f"{letter}TIB"] = 0.4 * knee + 0.6 * ankle + out * wand[:, :, 2] * 60 * scale + slide(0.5 * who.sway)
        marks[f"{letter}ANK"] = ankle + at_ankle * reach_ankle + slide(0.3 * who.sway)
        marks[f"{letter}ANM"] = ankle - at_ankle * reach_ankle
        marks[f"{letter}HEE"] = heel - 10 * scale * foot[:, :, 0] + who.heel_height * foot[:, :, 1]
        marks[f"{letter}TOE"] = toe + who.toe_height * scale * foot[:, :, 1] + 6 * out * foot[:, :, 2]
        shoulder = walked.joints[f"{side}_shoulder"]
        marks[f"{letter}SHO"] = shoulder + 45 * scale * walked.rotations["trunk"][:, :, 1]
    trunk, neck, h = walked.rotations["trunk"], walked.joints["neck"], 1000 * who.height_m
    if upper:
        for label, at in {"C7": (-60, 0), "CLAV": (50, -30), "T10": (-90, -0.12 * h), "STRN": (85, -0.13 * h)}.items():
            marks[label] = neck + trunk @ np.array([at[0] * scale, at[1], 0.0]) + slide(0.5 * who.sway)
        for label, x, z in (("LFHD", 80, -70), ("RFHD", 80, 70), ("LBHD", -80, -65), ("RBHD", -80, 65)):
            marks[label] = walked.joints["head"] + trunk @ np.array([x * scale, 0.03 * h, z * scale])
    else:
        marks = {k: v for k, v in marks.items() if not k.endswith("SHO")}
    noisy = {k: v + 0.2 * rng.standard_normal(v.shape) for k, v in marks.items()}
    return {k: np.stack([v[:, 0], -v[:, 2], v[:, 1]], -1) for k, v in noisy.items()}


def model_of(who: Person, **changes: Any) -> pig.Model:
    """The parameters a laboratory would measure on this person."""
    both = ("L", "R")
    made = pig.Model(
        leg_length={"L": who.leg_length, "R": who.leg_length + 4},
        knee_width=dict.fromkeys(both, who.knee_width),
        ankle_width=dict.fromkeys(both, who.ankle_width),
        marker_diameter=who.marker_diameter,
    )
    return replace(made, **changes)


@dataclass(frozen=True)
class Capture:
    """A capture with everything that a C3D of it may hold: markers (n, 3) mm z up, the model, its angles, events."""

    who: Person
    walked: Walk
    markers: dict[str, np.ndarray]
    model: pig.Model
    angles: dict[str, np.ndarray]


MARKERS = ["LASI", "RASI", "LPSI", "RPSI", "LTHI", "LKNE", "LTIB", "LANK", "LHEE", "LTOE",
           "RTHI", "RKNE", "RTIB", "RANK", "RHEE", "RTOE"]  # fmt: skip
UPPER = ["LFHD", "RFHD", "LBHD", "RBHD", "C7", "T10", "CLAV", "STRN", "LSHO", "RSHO"]


def capture(
    who: Person,
    walked: Walk | None = None,
    *,
    seed: int = 0,
    flat_foot: bool = False,
    upper: bool = True,
    sacrum_marker: bool = False,
    **changes: Any,
) -> Capture:
    """A walk of this person with the angles that Plug-in Gait gives for it; static foot offsets from its standing trial."""
    walked = walked or walking(who)
    model = model_of(who, **changes)
    if "static_plant_flex" not in changes:
        model = pig.static_offsets({k: v[::30] for k, v in dress(standing(who), who, seed).items()}, model, flat_foot)
    markers = dress(walked, who, seed, upper)
    worn = {k: v for k, v in markers.items() if k != "SACR" or sacrum_marker}
    return Capture(who, walked, markers, model, pig.angles(worn, model))


def processing(model: pig.Model, *, radians: bool = True) -> dict[str, float]:
    """The PROCESSING group Nexus writes (radians), or Workstation (degrees). What was not measured is zero there."""
    turn = math.radians if radians else float
    said = {"InterAsisDistance": model.inter_asis or 0.0, "MarkerDiameter": model.marker_diameter, "Bodymass": 70.0}
    for side in "LR":
        said |= {
            f"{side}LegLength": model.leg_length[side],
            f"{side}KneeWidth": model.knee_width[side],
            f"{side}AnkleWidth": model.ankle_width[side],
            f"{side}AsisTrocanterDistance": model.asis_trochanter.get(side, 0.0),
            f"{side}ThighRotation": turn(model.thigh_rotation.get(side, 0.0)),
            f"{side}ShankRotation": turn(model.shank_rotation.get(side, 0.0)),
            f"{side}TibialTorsion": turn(model.tibial_torsion.get(side, 0.0)),
            f"{side}StaticPlantFlex": turn(model.static_plant_flex.get(side, 0.0)),
            f"{side}StaticRotOff": turn(model.static_rot_off.get(side, 0.0)),
        }
    return said


@dataclass(frozen=True)
class Habit:
    """How a laboratory writes. parameters : group to name to value. label, angle_label : the label of a marker, of an angle.

    up : 'z' or 'y'. screen : whether X_SCREEN and Y_SCREEN are written. storage : 'float' or 'integer'. drop, add : markers left
    out, and points put in (label to (n, 3) mm). gaps : frames missing at each end of the second half of the markers.
    """

    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    label: Callable[[str], str] = str
    angle_label: Callable[[str], str] | None = str
    unit: str = "mm"
    up: str = "z"
    screen: bool = True
    first_frame: int = 1
    drop: Iterable[str] = ()
    add: dict[str, np.ndarray] = field(default_factory=dict)
    markers: Iterable[str] = (*MARKERS, *UPPER)
    gaps: int = 0
    n_analog: int = 0
    events: list[tuple[str, str, float]] | None = None
    flat_times: bool = False
    used_says: int | None = None
    subject: str | None = None


def write(path: Path, taken: Capture, habit: Habit) -> Path:
    """The capture as a C3D of a laboratory with these habits."""
    rate = taken.walked.rate_hz
    n = len(taken.walked.time_s)
    wanted = [m for m in habit.markers if m in taken.markers and m not in set(habit.drop)]
    columns = {habit.label(m): taken.markers[m] for m in wanted} | habit.add
    if habit.up == "y":
        columns = {k: np.stack([v[:, 0], v[:, 2], -v[:, 1]], -1) for k, v in columns.items()}
    scale = {"mm": 1.0, "m": 0.001, "cm": 0.1}[habit.unit]
    columns = {k: v * scale for k, v in columns.items()}
    n_markers = len(columns)
    if habit.angle_label is not None:
        columns |= {habit.angle_label(k): v for k, v in taken.angles.items()}
    labels = list(columns)
    file = ezc3d.c3d()
    point = file["parameters"]["POINT"]
    point["RATE"]["value"] = [rate]
    point["UNITS"]["value"] = [habit.unit]
    point["LABELS"]["value"] = labels[:255]
    for number, start in enumerate(range(255, len(labels), 255), start=2):
        file.add_parameter("POINT", f"LABELS{number}", labels[start : start + 255])
    if habit.screen:
        file.add_parameter("POINT", "X_SCREEN", ["+X"])
        file.add_parameter("POINT", "Y_SCREEN", ["+Z" if habit.up == "z" else "+Y"])
    for group, said in habit.parameters.items():
        for name, value in said.items():
            file.add_parameter(group, name, value if isinstance(value, list) else [value])
    if habit.subject:
        file.add_parameter("SUBJECTS", "NAMES", [habit.subject])
    data = np.ones((4, len(labels), n))
    data[:3] = np.stack(list(columns.values()), axis=1).transpose(2, 1, 0)
    residuals = np.zeros((1, len(labels), n))
    if habit.gaps:
        for at in range(n_markers // 2, n_markers):
            for frames in (slice(0, habit.gaps), slice(n - habit.gaps, n)):
                data[:3, at, frames] = 0.0
                residuals[0, at, frames] = -1.0
    file["data"]["points"] = data
    file["data"]["meta_points"] = {"residuals": residuals}
    if habit.n_analog:
        file["parameters"]["ANALOG"]["RATE"]["value"] = [10 * rate]
        file["parameters"]["ANALOG"]["LABELS"]["value"] = [f"Force.F{i}" for i in range(habit.n_analog)]
        file["data"]["analogs"] = np.random.default_rng(0).standard_normal((1, habit.n_analog, 10 * n))
    events = taken.walked.events if habit.events is None else habit.events
    if events:
        clock = (habit.first_frame - 1) / rate
        names = {"foot_strike": "Foot Strike", "foot_off": "Foot Off"}
        times = np.array([[0.0, clock + t] for _, _, t in events]).T
        file.add_parameter("EVENT", "USED", [len(events) if habit.used_says is None else habit.used_says])
        file.add_parameter("EVENT", "LABELS", [names.get(e, e) for _, e, _ in events])
        file.add_parameter("EVENT", "CONTEXTS", [side.capitalize() for side, _, _ in events])
        file.add_parameter("EVENT", "TIMES", list(times.T.ravel()) if habit.flat_times else times)
    file["header"]["points"]["first_frame"] = habit.first_frame - 1
    file.write(str(path))
    return path


def as_integers(path: Path, out: Path, *, is_unsigned: bool = False) -> Path:
    """The same C3D (Intel, floats) with its frames stored as 16-bit integers times the least scale that fits.

    Analog numbers, which have no offset, are rounded to whole ones. is_unsigned : they are stored from 0 to 65535 about 32768,
    which OFFSET holds as -32768.
    """
    raw = bytearray(path.read_bytes())
    n_points, n_analog, first, last = struct.unpack_from("<4H", raw, 2)
    n_frames = last - first + 1
    start = (struct.unpack_from("<H", raw, 16)[0] - 1) * 512
    frames = np.frombuffer(raw, "<f4", n_frames * (4 * n_points + n_analog), start).reshape(n_frames, -1)
    values = frames[:, : 4 * n_points].reshape(-1, 4)
    analog = (np.round(frames[:, 4 * n_points :]).astype(int) + 32768 * is_unsigned).astype("<u2")
    scale = float(np.float32(np.abs(values[:, :3]).max() / 32_000))
    whole = np.empty(values.shape, "<i2")
    whole[:, :3] = np.round(values[:, :3] / scale)
    whole[:, 3] = np.where(values[:, 3] < 0, -1, 0)
    struct.pack_into("<f", raw, 12, scale)
    at = raw.index(b"SCALE", 512)  # name, offset of the next, type, number of dimensions, value
    struct.pack_into("<f", raw, at + 5 + 4, scale)
    if is_unsigned:
        at = (
            raw.index(b"OFFSET", raw.index(b"ANALOG")) + 6 + 2
        )  # name, link, then type, number of dimensions, their sizes, values
        struct.pack_into(f"<{raw[at + 2]}h", raw, at + 3, *[-32768] * raw[at + 2])
    stored = np.hstack([whole.reshape(n_frames, -1).view("<u2"), analog])
    out.write_bytes(bytes(raw[:start]) + stored.tobytes())
    return out


def _about(axis: str, degrees: np.ndarray) -> np.ndarray:
    """(n, 3, 3) rotations about an axis of x forward, y up, z right."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    o, i = np.zeros_like(c), np.ones_like(c)
    rows = {"x": [i, o, o, o, c, -s, o, s, c], "y": [c, o, s, o, i, o, -s, o, c], "z": [c, -s, o, s, c, o, o, o, i]}[
        axis
    ]
    return np.stack(rows, -1).reshape(-1, 3, 3)
