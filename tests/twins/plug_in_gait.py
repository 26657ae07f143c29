"""Plug-in Gait once more, frame by frame, from its published definition; it shares nothing with ingest.

Davis et al. 1991 (doi:10.1016/0167-9457(91)90046-Z), Kadaba et al. 1990 (doi:10.1002/jor.1100080310) and the Plug-in Gait
Reference Guide (Vicon): pelvis, Newington hips, chord construction, foot with static offsets, angles as Grood and Suntay's
joint coordinate system. Lab and segment axes are Vicon's: x forward, y to the left, z up; mm and degrees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

Frame = dict[str, np.ndarray]


@dataclass
class Model:
    """Parameters of the model as Vicon's form asks for them. Lengths mm; angles degrees, positive = internal or toes up."""

    leg_length: dict[str, float]
    knee_width: dict[str, float]
    ankle_width: dict[str, float]
    marker_diameter: float = 14.0
    inter_asis: float | None = None
    asis_trochanter: dict[str, float] = field(default_factory=dict)
    thigh_rotation: dict[str, float] = field(default_factory=dict)
    shank_rotation: dict[str, float] = field(default_factory=dict)
    tibial_torsion: dict[str, float] = field(default_factory=dict)
    static_plant_flex: dict[str, float] = field(default_factory=dict)
    static_rot_off: dict[str, float] = field(default_factory=dict)


def angles(markers: dict[str, np.ndarray], model: Model) -> dict[str, np.ndarray]:
    """(n, 3) of every angle label (LHipAngles, …) in Vicon's component order and sign, from (n, 3) markers."""
    labels = list(markers)
    n = len(markers[labels[0]])
    frames = [{label: markers[label][i] for label in labels} for i in range(n)]
    width = model.inter_asis or float(np.mean([np.linalg.norm(f["LASI"] - f["RASI"]) for f in frames]))
    way = _progression(frames)
    rows = [_frame_angles(f, model, width, way) for f in frames]
    return {label: np.array([row[label] for row in rows]) for label in rows[0]}


def static_offsets(markers: dict[str, np.ndarray], model: Model, flat_foot: bool = False) -> Model:
    """The model with the static foot offsets of a standing trial: what turns ankle → toe into heel → toe."""
    n = len(markers["LASI"])
    for side in "LR":
        pitch, yaw = [], []
        for i in range(n):
            f = {label: values[i] for label, values in markers.items()}
            width = model.inter_asis or float(np.linalg.norm(f["LASI"] - f["RASI"]))
            _, _, shank, ankle = _leg(f, model, width, side)
            heel = f[f"{side}HEE"].copy()
            if flat_foot:
                heel[2] = f[f"{side}TOE"][2]
            rough = _foot(f[f"{side}TOE"] - ankle, shank[:, 1])
            sole = rough.T @ (f[f"{side}TOE"] - heel)  # in the axes of the rough foot: forward, left, up
            sign = 1.0 if side == "R" else -1.0
            yaw.append(sign * math.degrees(math.atan2(sole[1], sole[0])))
            pitch.append(math.degrees(math.atan2(sole[2], math.hypot(sole[0], sole[1]))))
        model.static_plant_flex[side] = float(np.mean(pitch))
        model.static_rot_off[side] = float(np.mean(yaw))
    return model


def _frame_angles(f: Frame, model: Model, width: float, way: np.ndarray) -> Frame:
    out: Frame = {}
    pelvis = _pelvis(f)
    lab = np.column_stack([way, np.cross([0.0, 0.0, 1.0], way), [0.0, 0.0, 1.0]])
    tilt, list_, turn = _jcs(lab, pelvis)
    for side, sign in (("L", -1.0), ("R", 1.0)):
        out[f"{side}PelvisAngles"] = np.array([tilt, -sign * list_, sign * turn])
        thigh, proximal, shank, ankle = _leg(f, model, width, side)
        flexion, adduction, rotation = _jcs(pelvis, thigh)
        out[f"{side}HipAngles"] = np.array([-flexion, sign * adduction, sign * rotation])
        flexion, adduction, rotation = _jcs(thigh, proximal)
        out[f"{side}KneeAngles"] = np.array([flexion, sign * adduction, sign * rotation])
        foot = _foot(f[f"{side}TOE"] - ankle, shank[:, 1])
        up = math.radians(model.static_plant_flex.get(side, 0.0))
        left = sign * math.radians(model.static_rot_off.get(side, 0.0))
        foot = foot @ _about_z(left) @ _about_y(-up)
        # Vicon's foot has its z from toe to ankle, so that flexion is 90 degrees off; its y and z angles change places.
        flexion, adduction, rotation = _jcs(shank, np.column_stack([foot[:, 2], foot[:, 1], -foot[:, 0]]))
        out[f"{side}AnkleAngles"] = np.array([-flexion - 90, sign * rotation, sign * adduction])
        flexion, adduction, rotation = _jcs(lab, np.column_stack([foot[:, 2], foot[:, 1], -foot[:, 0]]))
        out[f"{side}FootProgressAngles"] = np.array([flexion + 90, sign * rotation, sign * adduction])
    if {"CLAV", "STRN", "C7", "T10"} <= set(f):
        up = (f["CLAV"] + f["C7"]) / 2 - (f["STRN"] + f["T10"]) / 2
        forward = (f["CLAV"] + f["STRN"]) / 2 - (f["C7"] + f["T10"]) / 2
        z = up / np.linalg.norm(up)
        y = np.cross(z, forward)
        y /= np.linalg.norm(y)
        thorax = np.column_stack([np.cross(y, z), y, z])
        tilt, list_, turn = _jcs(lab, thorax)
        for side, sign in (("L", -1.0), ("R", 1.0)):
            out[f"{side}ThoraxAngles"] = np.array([tilt, -sign * list_, sign * turn])
            lean, bend, twist = _jcs(thorax, pelvis)
            out[f"{side}SpineAngles"] = np.array([-lean, sign * -bend, sign * twist])
    return out


def _pelvis(f: Frame) -> np.ndarray:
    """Axes (columns x, y, z) of the pelvis: y through the ASIS to the left, x in the plane of ASIS and sacrum."""
    back = f["SACR"] if "SACR" in f else (f["LPSI"] + f["RPSI"]) / 2
    y = f["LASI"] - f["RASI"]
    y = y / np.linalg.norm(y)
    x = (f["LASI"] + f["RASI"]) / 2 - back
    x = x - (x @ y) * y
    x = x / np.linalg.norm(x)
    return np.column_stack([x, y, np.cross(x, y)])


def _hip(f: Frame, model: Model, width: float, side: str) -> np.ndarray:
    """Newington hip centre."""
    mean_leg = (model.leg_length["L"] + model.leg_length["R"]) / 2
    c = 0.115 * mean_leg - 15.3
    back = model.asis_trochanter.get(side) or 0.1288 * model.leg_length[side] - 48.56
    back += model.marker_diameter / 2
    theta, beta = 0.5, 0.314
    x = c * math.cos(theta) * math.sin(beta) - back * math.cos(beta)
    y = c * math.sin(theta) - width / 2
    z = -c * math.cos(theta) * math.cos(beta) - back * math.sin(beta)
    middle = (f["LASI"] + f["RASI"]) / 2
    return middle + _pelvis(f) @ np.array([x, -y if side == "L" else y, z])


def _leg(f: Frame, model: Model, width: float, side: str) -> tuple[np.ndarray, ...]:
    """Axes of the thigh, the untorsioned shank and the torsioned shank; ankle centre."""
    sign = 1.0 if side == "R" else -1.0
    radius = model.marker_diameter / 2
    hip = _hip(f, model, width, side)
    turn = sign * math.radians(model.thigh_rotation.get(side, 0.0))
    knee = _chord(hip, f[f"{side}KNE"], f[f"{side}THI"], model.knee_width[side] / 2 + radius, turn)
    turn = sign * math.radians(model.shank_rotation.get(side, 0.0))
    ankle = _chord(knee, f[f"{side}ANK"], f[f"{side}TIB"], model.ankle_width[side] / 2 + radius, turn)
    thigh = _segment(hip - knee, -sign * (f[f"{side}KNE"] - knee))
    shank = _segment(knee - ankle, -sign * (f[f"{side}ANK"] - ankle))
    torsion = sign * math.radians(model.tibial_torsion.get(side, 0.0))
    return thigh, shank @ _about_z(-torsion), shank, ankle


def _segment(up: np.ndarray, left: np.ndarray) -> np.ndarray:
    z = up / np.linalg.norm(up)
    y = left - (left @ z) * z
    y = y / np.linalg.norm(y)
    return np.column_stack([np.cross(y, z), y, z])


def _foot(forward: np.ndarray, left: np.ndarray) -> np.ndarray:
    x = forward / np.linalg.norm(forward)
    y = left - (left @ x) * x
    y = y / np.linalg.norm(y)
    return np.column_stack([x, y, np.cross(x, y)])


def _chord(top: np.ndarray, marker: np.ndarray, wand: np.ndarray, distance: float, turn: float) -> np.ndarray:
    """Joint centre at ``distance`` from the marker, at a right angle to the line centre–top; seen along that line the wand
    must be turned by ``turn`` (right-hand rule about the line upwards) to lie over the marker. Found by bisection."""
    line = top - marker
    length = float(np.linalg.norm(line))
    u = line / length
    cos = distance / length
    sin = math.sqrt(1 - cos * cos)
    reach = marker + distance * cos * u
    first = wand - marker
    first = first - (first @ u) * u
    first = -first / np.linalg.norm(first)
    second = np.cross(u, first)

    def centre(phi: float) -> np.ndarray:
        return reach + distance * sin * (math.cos(phi) * first + math.sin(phi) * second)

    def miss(phi: float) -> float:
        at = centre(phi)
        axis = (top - at) / np.linalg.norm(top - at)
        a, b = wand - at, marker - at
        a, b = a - (a @ axis) * axis, b - (b @ axis) * axis
        return math.atan2(float(np.cross(a, b) @ axis), float(a @ b)) - turn

    if turn == 0.0:
        return centre(0.0)
    low, high = -1.2, 1.2
    rising = miss(high) > miss(low)
    for _ in range(34):
        middle = (low + high) / 2
        if (miss(middle) < 0) == rising:
            low = middle
        else:
            high = middle
    return centre((low + high) / 2)


def _jcs(proximal: np.ndarray, distal: np.ndarray) -> tuple[float, float, float]:
    """Grood and Suntay: about the proximal y, about the floating axis, about the distal z; degrees, right-hand rule."""
    first, last = proximal[:, 1], distal[:, 2]
    floating = np.cross(first, last)
    floating = floating / np.linalg.norm(floating)
    about_y = math.atan2(-float(floating @ proximal[:, 2]), float(floating @ proximal[:, 0]))
    about_x = -math.asin(max(-1.0, min(1.0, float(first @ last))))
    about_z = math.atan2(float(np.cross(floating, distal[:, 0]) @ last), float(floating @ distal[:, 0]))
    return math.degrees(about_y), math.degrees(about_x), math.degrees(about_z)


def _progression(frames: list[Frame]) -> np.ndarray:
    """Unit lab axis nearest to the way the LASI travels, or where it stays within 0.8 m to the way the pelvis faces."""
    go = frames[-1]["LASI"] - frames[0]["LASI"]
    if math.hypot(go[0], go[1]) < 800:
        go = np.mean([_pelvis(f)[:, 0] for f in frames], axis=0)
    axis = np.zeros(3)
    k = 0 if abs(go[0]) >= abs(go[1]) else 1
    axis[k] = math.copysign(1.0, go[k])
    return axis


def _about_y(angle: float) -> np.ndarray:
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _about_z(angle: float) -> np.ndarray:
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
