"""The walker's body: where hips, feet and segments are at each phase of the gait cycle, and its joint angles."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation

from neurostore.arrays import Floats
from neurostore.walker.gait import SIDES, Gait, Leg

# Segment lengths as shares of stature (Winter 2009, table 4.1): thigh, shank, ankle height, half pelvis width.
THIGH, SHANK, ANKLE_HEIGHT, HALF_PELVIS = 0.245, 0.246, 0.039, 0.052
# Distances along the sole as shares of stature: heel behind the ankle, toe joint in front of it, length of the toes.
HEEL_BEHIND, TOE_JOINT_AHEAD, TOE_LENGTH = 0.035, 0.085, 0.035


class Body:
    """The walker's kinematics in body coordinates (x forward, y up, z right; mm)."""

    def __init__(self, gait: Gait):
        self.gait = gait
        stature = gait.height_m * 1000.0
        self.thigh, self.shank = THIGH * stature, SHANK * stature
        self.ankle_height, self.half_pelvis = ANKLE_HEIGHT * stature, HALF_PELVIS * stature
        self.heel, self.toe_joint = HEEL_BEHIND * stature, TOE_JOINT_AHEAD * stature
        self.toe_length = TOE_LENGTH * stature
        self.stature = stature
        self.base_height = 0.0
        self.base_height = self._carry_height()
        self.swing = {side: self._swing(side) for side in SIDES}

    def _carry_height(self) -> float:
        """Pelvis height at which the straightest leg in stance has the wanted smallest knee flexion."""
        reach = np.sqrt(
            self.thigh**2 + self.shank**2 + 2 * self.thigh * self.shank * np.cos(np.radians(self.gait.min_knee))
        )

        def excess(height: float) -> float:
            self.base_height = height
            longest = 0.0
            for side in SIDES:
                share = np.linspace(0.0, getattr(self.gait, side).stance, 200)
                hip, ankle = self._hip(side, share), self._stance_ankle(side, share)
                longest = max(longest, float(np.linalg.norm(hip - ankle, axis=-1).max()))
            return longest - reach

        return float(brentq(excess, 0.25 * self.stature, 0.65 * self.stature))

    def pelvis(self, phase: Floats) -> Floats:
        """Mid-point of the hips. Highest in each single support, swaying over the standing foot."""
        g = self.gait
        x = g.stride_length_m * 1000.0 * phase
        y = self.base_height + g.pelvis_bob_mm * np.cos(4 * np.pi * (phase - g.pelvis_peak))
        z = -g.pelvis_sway_mm * np.sin(2 * np.pi * (phase - 0.07))
        return np.stack([x, y, z], -1)

    def pelvis_axes(self, phase: Floats) -> Floats:
        """(n, 3, 3); rotation about up, then obliquity about forward, then tilt about right (order of Plug-in Gait)."""
        g = self.gait
        rotation = -g.pelvis_rotation * np.cos(2 * np.pi * phase)  # left hip is forward at the left strike
        # the stance side is up (in left stance, the right side drops)
        obliquity = -g.pelvis_obliquity * np.sin(2 * np.pi * (phase + 0.05))
        tilt = np.full_like(phase, g.pelvis_tilt)
        return axes_of(rotation, obliquity, tilt)

    def _hip(self, side: str, share: Floats) -> Floats:
        phase = share + self._lag(side)
        lateral = self.half_pelvis * (-1 if side == "left" else 1)
        return self.pelvis(phase) + self.pelvis_axes(phase)[:, :, 2] * lateral

    def _lag(self, side: str) -> float:
        return 0.0 if side == "left" else self.gait.step_phase

    def _stance_pitch(self, leg: Leg, share: Floats) -> Floats:
        """Sole to floor in degrees: down on the heel, flat, up over the toe joint."""
        down = leg.strike_pitch * np.clip(1 - share / leg.flat_from, 0, 1) ** 2
        s = np.clip((share - leg.flat_to) / (leg.stance - leg.flat_to), 0, 1)
        return down + leg.off_pitch * s**2

    def _toes_pitch(self, leg: Leg, pitch: Floats) -> Floats:
        """How far the toes stand up on their tip, degrees: the last part of the roll-off is over the tip, not the joint."""
        beyond = np.maximum(leg.tip_from * leg.off_pitch - pitch, 0.0)
        return beyond**2 / (beyond + 10.0)  # starts smoothly

    def _stance_ankle(self, side: str, share: Floats) -> Floats:
        leg: Leg = getattr(self.gait, side)
        degrees = self._stance_pitch(leg, share)
        pitch, toes = np.radians(degrees), np.radians(self._toes_pitch(leg, degrees))[:, None]
        yaw = self._foot_yaw(side)
        ahead = np.array([np.cos(yaw), 0.0, np.sin(yaw)])
        up = np.array([0.0, 1.0, 0.0])
        middle = self._print(side)  # floor point below the ankle while the sole is flat
        on_heel = pitch > 0
        pivot = np.where(on_heel, -self.heel, self.toe_joint)[:, None] * ahead
        along = np.where(on_heel, self.heel, -self.toe_joint)  # from pivot to below the ankle, along the sole
        c, s = np.cos(pitch)[:, None], np.sin(pitch)[:, None]
        sole, normal_ = c * ahead + s * up, -s * ahead + c * up
        risen = self.toe_length * ((1 - np.cos(toes)) * ahead + np.sin(toes) * up)  # rise of the toe joint over the tip
        return middle + pivot + risen + along[:, None] * sole + self.ankle_height * normal_

    def _foot_yaw(self, side: str) -> float:
        return np.radians(self.gait.toe_out) * (-1 if side == "left" else 1)

    def _print(self, side: str) -> Floats:
        """Where the foot of cycle 0 of this side stands: ahead of the pelvis by half a step or so at its strike."""
        g = self.gait
        stride = g.stride_length_m * 1000.0
        ahead = stride * g.feet_ahead
        x = ahead if side == "left" else ahead + stride * g.step_share
        return np.array([x, 0.0, g.step_width_m * 500.0 * (-1 if side == "left" else 1)])

    def _leg_plane(self, hip: Floats, ankle: Floats) -> tuple[Floats, ...]:
        """Two-link inverse kinematics: (sideways lean of the leg's plane, thigh, shank) in radians."""
        d = ankle - hip
        lean = np.arctan2(d[:, 2], -d[:, 1])
        down = np.hypot(d[:, 1], d[:, 2])
        reach = np.hypot(d[:, 0], down)
        inner = (self.thigh**2 + reach**2 - self.shank**2) / (2 * self.thigh * reach)
        knee = (self.thigh**2 + self.shank**2 - reach**2) / (2 * self.thigh * self.shank)
        if np.any(np.abs(inner) > 1) or np.any(np.abs(knee) > 1):
            raise ValueError("the feet are out of reach of the hips; shorten the stride or carry the pelvis lower")
        thigh = np.arctan2(d[:, 0], down) + np.arccos(inner)
        return lean, thigh, thigh - (np.pi - np.arccos(knee))

    def _swing(self, side: str) -> dict[str, CubicSpline]:
        """Splines over the swing phase of thigh, shank and foot pitch (radians) and sideways lean.

        They join the stance phase in value and slope.
        """
        leg: Leg = getattr(self.gait, side)
        h = 1e-5
        ends = {}
        for name, share in (("off", np.array([leg.stance - h, leg.stance])), ("strike", np.array([0.0, h]))):
            lean, thigh, shank = self._leg_plane(self._hip(side, share), self._stance_ankle(side, share))
            degrees = self._stance_pitch(leg, share)
            pitch, toes = np.radians(degrees), np.radians(self._toes_pitch(leg, degrees))
            ends[name] = {
                k: (v[1] if name == "off" else v[0], (v[1] - v[0]) / h)
                for k, v in {"lean": lean, "thigh": thigh, "shank": shank, "pitch": pitch, "toes": toes}.items()
            }
        middle = {
            "thigh": [(share, np.radians(thigh)) for share, thigh, _, _ in leg.swing],
            "shank": [(share, np.radians(thigh - knee)) for share, thigh, knee, _ in leg.swing],
            "pitch": [(share, np.radians(pitch)) for share, _, _, pitch in leg.swing],
            # toes are level again soon after foot off
            "toes": [(0.7 * leg.stance + 0.3, 0.0), (0.3 * leg.stance + 0.7, 0.0)],
        }
        out = (-1 if side == "left" else 1) * leg.circumduction_mm / (self.thigh + self.shank)
        half = (leg.stance + 1.0) / 2
        middle["lean"] = [(half, (ends["off"]["lean"][0] + ends["strike"]["lean"][0]) / 2 + out)]
        splines = {}
        for name, knots in middle.items():
            (first, slope_first), (last, slope_last) = ends["off"][name], ends["strike"][name]
            shares = [leg.stance, *[k[0] for k in knots], 1.0]
            values = [first, *[k[1] for k in knots], last]
            splines[name] = CubicSpline(shares, values, bc_type=((1, slope_first), (1, slope_last)))
        return splines

    def leg(self, side: str, phase: Floats) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Joints and axes of one leg."""
        leg: Leg = getattr(self.gait, side)
        stride = self.gait.stride_length_m * 1000.0
        unwrapped = phase - self._lag(side)
        cycle = np.floor(unwrapped)
        share = unwrapped - cycle
        offset = np.stack([cycle * stride, 0 * cycle, 0 * cycle], -1)
        hip = self._hip(side, share)
        in_stance = share <= leg.stance
        lean, thigh, shank, pitch, toes = (np.empty_like(share) for _ in range(5))
        s = share[in_stance]
        lean[in_stance], thigh[in_stance], shank[in_stance] = self._leg_plane(
            hip[in_stance], self._stance_ankle(side, s)
        )
        degrees = self._stance_pitch(leg, s)
        pitch[in_stance], toes[in_stance] = np.radians(degrees), np.radians(self._toes_pitch(leg, degrees))
        for name, values in (("lean", lean), ("thigh", thigh), ("shank", shank), ("pitch", pitch), ("toes", toes)):
            values[~in_stance] = self.swing[side][name](share[~in_stance])
        thigh_axes, shank_axes = _plane_axes(lean, thigh), _plane_axes(lean, shank)
        yaw = np.full_like(pitch, self._foot_yaw(side))
        foot_axes = axes_of(-np.degrees(yaw), 0 * yaw, -np.degrees(pitch))
        hip = hip + offset
        knee = hip - self.thigh * thigh_axes[:, :, 1]
        ankle = knee - self.shank * shank_axes[:, :, 1]
        below = ankle - self.ankle_height * foot_axes[:, :, 1]
        toe_joint = below + self.toe_joint * foot_axes[:, :, 0]
        toe_axes = axes_of(-np.degrees(yaw), 0 * yaw, np.degrees(toes))
        points = {
            f"{side}_hip": hip,
            f"{side}_knee": knee,
            f"{side}_ankle": ankle,
            f"{side}_heel": below - self.heel * foot_axes[:, :, 0],
            f"{side}_toe": toe_joint,
            f"{side}_toe_end": toe_joint + self.toe_length * toe_axes[:, :, 0],
        }
        return points, {f"{side}_thigh": thigh_axes, f"{side}_shank": shank_axes, f"{side}_foot": foot_axes}

    def upper(self, phase: Floats, points: dict[str, Floats], axes: dict[str, Floats]) -> None:
        """Trunk, head and arms."""
        g, h = self.gait, self.stature
        turn = 3.0 * np.cos(2 * np.pi * phase)
        trunk = axes_of(turn, 0 * phase, np.full_like(phase, g.trunk_lean))
        axes["trunk"] = trunk
        points["thorax"] = points["pelvis"] + 0.19 * h * trunk[:, :, 1]
        points["neck"] = points["pelvis"] + 0.29 * h * trunk[:, :, 1]
        points["head"] = points["pelvis"] + 0.38 * h * trunk[:, :, 1]
        for side in SIDES:
            out = -1 if side == "left" else 1
            # opposite to the leg of the same side
            swing = g.arm_swing * np.cos(2 * np.pi * phase) * (-1 if side == "left" else 1)
            upper = trunk @ _flexion(swing)
            fore = upper @ _flexion(22.0 + 0.4 * swing)
            axes[f"{side}_upper_arm"], axes[f"{side}_forearm"] = upper, fore
            points[f"{side}_shoulder"] = points["neck"] + out * 0.11 * h * trunk[:, :, 2] - 0.02 * h * trunk[:, :, 1]
            points[f"{side}_elbow"] = points[f"{side}_shoulder"] - 0.172 * h * upper[:, :, 1]
            points[f"{side}_wrist"] = points[f"{side}_elbow"] - 0.157 * h * fore[:, :, 1]


def _flexion(degrees: Floats) -> Floats:
    """(n, 3, 3): turned about z (right) so that the distal end goes forward."""
    return _about("z", np.radians(degrees)).as_matrix()


def axes_of(turn: Floats, list_: Floats, tilt: Floats) -> Floats:
    """Axes (n, 3, 3) rotated about up (left +), then about forward (right side down +), then tilted forward."""
    turned, listed, tilted = np.radians(turn), np.radians(list_), np.radians(tilt)
    return (_about("y", turned) * _about("x", listed) * _about("z", -tilted)).as_matrix()


def _plane_axes(lean: Floats, forward: Floats) -> Floats:
    """Axes of a segment hanging in a plane leaning sideways by lean, swung forward by forward (radians)."""
    # Hanging (y up), swung forward about z, then the plane leans about x so that the foot goes to +z.
    return (_about("x", -lean) * _about("z", forward)).as_matrix()


def _about(axis: str, radians: Floats) -> Rotation:
    """n rotations about one axis."""
    return Rotation.from_euler(axis, np.reshape(radians, (-1, 1)))


def joint_angles(axes: dict[str, Floats]) -> dict[str, Floats]:
    """Joint angles in degrees by the joint coordinate system (Grood & Suntay 1983), with clinical signs."""
    angles: dict[str, Floats] = {}

    def tilt_obliquity_rotation(r: Floats) -> tuple[Floats, ...]:
        """In the order of Plug-in Gait: tilt about the lab's right, obliquity about forward, rotation about up."""
        tilt, obliquity, rotation = np.moveaxis(Rotation.from_matrix(r).as_euler("ZXY", degrees=True), -1, 0)
        return -tilt, obliquity, rotation

    tilt, obliquity, rotation = tilt_obliquity_rotation(axes["pelvis"])
    angles["pelvis_tilt_deg"] = tilt
    trunk_tilt, trunk_obliquity, trunk_rotation = tilt_obliquity_rotation(axes["trunk"])
    angles["trunk_tilt_deg"] = trunk_tilt
    for side in SIDES:
        s = 1 if side == "left" else -1
        # About x forward: positive lifts the left side (z right goes down). About y up: positive turns right side
        # forward.
        angles[f"{side}_pelvis_obliquity_deg"] = s * obliquity
        angles[f"{side}_pelvis_rotation_deg"] = -s * rotation
        angles[f"{side}_trunk_obliquity_deg"] = s * trunk_obliquity
        angles[f"{side}_trunk_rotation_deg"] = -s * trunk_rotation
        for joint, proximal, distal in (
            ("hip", "pelvis", f"{side}_thigh"),
            ("knee", f"{side}_thigh", f"{side}_shank"),
            ("ankle", f"{side}_shank", f"{side}_foot"),
        ):
            flexion, adduction, internal = _joint(axes[proximal], axes[distal], side)
            if joint == "knee":
                flexion = -flexion
            name = {"hip": "flexion", "knee": "flexion", "ankle": "dorsiflexion"}[joint]
            angles[f"{side}_{joint}_{name}_deg"] = flexion
            if joint != "ankle":
                angles[f"{side}_{joint}_adduction_deg"] = adduction
                angles[f"{side}_{joint}_rotation_deg"] = internal
    return angles


def _joint(proximal: Floats, distal: Floats, side: str) -> tuple[Floats, ...]:
    """Flexion (distal end forward positive), adduction, internal rotation of distal in proximal, degrees."""
    flexion_axis, long_axis = proximal[:, :, 2], distal[:, :, 1]
    floating = np.cross(long_axis, flexion_axis)
    floating /= np.linalg.norm(floating, axis=-1, keepdims=True)

    def dot(a: Floats, b: Floats) -> Floats:
        return np.einsum("ij,ij->i", a, b)

    flexion = np.degrees(np.arctan2(-dot(floating, proximal[:, :, 1]), dot(floating, proximal[:, :, 0])))
    s = 1 if side == "right" else -1
    adduction = s * np.degrees(np.arcsin(np.clip(dot(flexion_axis, long_axis), -1, 1)))
    internal = s * np.degrees(np.arctan2(dot(floating, distal[:, :, 2]), dot(floating, distal[:, :, 0])))
    return -flexion, adduction, internal
