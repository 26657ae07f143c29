"""An analytic walker: a person made of formulas, whose events, angles and stride length are known exactly.

The feet are the given thing. In stance a foot rolls over the heel, stands flat and rolls over the toe joint without
slipping,
so stride length, step width and the times of foot strike and foot off are exact by construction; the leg follows by
inverse
kinematics of two links. In swing thigh, shank and foot follow splines through published joint angles (peak knee flexion
60 deg at 73 % of the cycle, peak hip flexion 32 deg at 86 %; Perry & Burnfield 2010, chapters 5 to 7), joined to
stance with equal
position and velocity. The patterns ``stiff_knee`` (one side) and ``crouch`` (both) change those inputs.

Lab frame: millimetres, Y up, right-handed; heading 0 walks along +Z with the left side at +X. Segment axes: x
forward, y up, z right.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

SIDES = ("left", "right")


@dataclass(frozen=True)
class Leg:
    """How one leg walks. Angles in degrees, times as shares of the cycle of that leg.

    stance : foot off after foot strike. flat_from, flat_to : sole flat on the floor. strike_pitch, off_pitch : sole
    to floor, toes
    up positive. tip_from : share of off_pitch from which the foot rolls over the tip of the toes, so that the toe joint
    rises before foot off. swing : (share, thigh forward of vertical, knee flexion, sole to floor) in swing.
    circumduction_mm : how far the ankle swings out.
    """

    stance: float = 0.61
    flat_from: float = 0.086
    flat_to: float = 0.404
    strike_pitch: float = 17.8
    off_pitch: float = -61.0
    tip_from: float = 0.55
    swing: tuple[tuple[float, float, float, float], ...] = (
        (0.70, 6.7, 56.0, -60.0),
        (0.907, 27.3, 15.0, 12.8),
    )
    circumduction_mm: float = 0.0


@dataclass(frozen=True)
class Gait:
    """A way of walking. step_phase : right foot strike within the left cycle; step_share : right step length / stride
    length.

    min_knee : smallest knee flexion in stance (sets how high the pelvis is carried), degrees. pelvis_peak : share of
    the cycle at
    which the pelvis is highest; feet_ahead : ankle of the flat foot ahead of the pelvis at its foot strike, share of
    the stride.
    """

    height_m: float = 1.72
    stride_length_m: float = 1.38
    cadence_steps_min: float = 112.0
    step_width_m: float = 0.11
    step_phase: float = 0.5
    step_share: float = 0.5
    left: Leg = field(default_factory=Leg)
    right: Leg = field(default_factory=Leg)
    min_knee: float = 5.0
    pelvis_bob_mm: float = 21.9
    pelvis_peak: float = 0.262
    feet_ahead: float = 0.248
    pelvis_sway_mm: float = 18.0
    pelvis_tilt: float = 10.3
    pelvis_rotation: float = 5.0
    pelvis_obliquity: float = 3.5
    trunk_lean: float = 3.0
    toe_out: float = 7.0
    arm_swing: float = 18.0

    @property
    def stride_time_s(self) -> float:
        return 120.0 / self.cadence_steps_min

    @property
    def speed_m_s(self) -> float:
        return self.stride_length_m / self.stride_time_s


@dataclass(frozen=True)
class Walk:
    """A walk with everything that is true about it.

    time_s : (n,). joints : name -> (n, 3) mm. rotations : segment -> (n, 3, 3), columns are the segment's axes in the
    lab.
    angles : column of joint_angles -> (n,) degrees. events : (side, 'foot_strike' | 'foot_off', time_s), sorted by
    time.
    """

    gait: Gait
    rate_hz: float
    time_s: np.ndarray
    joints: dict[str, np.ndarray]
    rotations: dict[str, np.ndarray]
    angles: dict[str, np.ndarray]
    events: list[tuple[str, str, float]]


def normal(**changes: Any) -> Gait:
    """Published normal adult gait at free speed."""
    return replace(Gait(), **changes)


def stiff_knee(side: str = "right", **changes: Any) -> Gait:
    """Stiff-knee gait of one side (as after stroke): little knee flexion in swing, hip hiked and swung out, short
    stance, slow."""
    stiff = Leg(
        stance=0.60,
        strike_pitch=4.0,
        off_pitch=-32.0,
        flat_from=0.06,
        flat_to=0.42,
        swing=((0.74, 13.0, 32.0, -10.0), (0.90, 19.0, 17.0, 5.0)),
        circumduction_mm=45.0,
    )
    sound = Leg(stance=0.70, flat_to=0.46, off_pitch=-52.0, swing=((0.78, 10.0, 54.0, -45.0), (0.92, 21.0, 20.0, 9.0)))
    legs: dict[str, Any] = {"left": sound, "right": stiff} if side == "right" else {"left": stiff, "right": sound}
    base: Gait = Gait(
        stride_length_m=0.92,
        cadence_steps_min=84.0,
        step_width_m=0.16,
        pelvis_sway_mm=28.0,
        pelvis_bob_mm=14.0,
        pelvis_obliquity=5.0,
        step_phase=0.54 if side == "right" else 0.46,
        step_share=0.54 if side == "right" else 0.46,
        min_knee=5.0,
        **legs,
    )
    return replace(base, **changes)


def crouch(**changes: Any) -> Gait:
    """Crouch gait (as in bilateral cerebral palsy): knees never extend, short flat-footed steps."""
    leg = Leg(
        stance=0.64,
        strike_pitch=2.0,
        off_pitch=-38.0,
        flat_from=0.05,
        flat_to=0.44,
        swing=((0.76, 29.0, 62.0, -20.0), (0.89, 35.0, 45.0, 0.0)),
    )
    base = Gait(
        stride_length_m=0.90,
        cadence_steps_min=116.0,
        step_width_m=0.14,
        left=leg,
        right=leg,
        min_knee=32.0,
        pelvis_tilt=16.0,
        trunk_lean=9.0,
        pelvis_bob_mm=14.0,
        pelvis_rotation=8.0,
        pelvis_obliquity=4.0,
    )
    return replace(base, **changes)


PATTERNS = {"normal": normal, "stiff_knee": stiff_knee, "crouch": crouch}


def walk(
    gait: Gait,
    *,
    n_strides: float = 5.0,
    rate_hz: float = 120.0,
    start_phase: float = 0.8,
    heading_deg: float = 0.0,
    origin_mm: tuple[float, float] = (0.0, 0.0),
    is_treadmill: bool = False,
) -> Walk:
    """Walk straight for n_strides left strides.

    start_phase : share of the left cycle at time 0. heading_deg : about +Y, from +Z towards +X. is_treadmill : the
    belt carries
    the walker back at walking speed, so that the pelvis stays.
    """
    cycle_s = gait.stride_time_s
    n = round(n_strides * cycle_s * rate_hz) + 1
    time = np.arange(n) / rate_hz
    phase = time / cycle_s + start_phase  # of the left leg, unwrapped
    from neurostore.walker.body import Body, joint_angles

    body = Body(gait)
    # Body coordinates: x forward, y up, z right, mm; turned into the lab at the end.
    forward = gait.stride_length_m * 1000.0
    pelvis = body.pelvis(phase)
    pelvis_axes = body.pelvis_axes(phase)
    points = {"pelvis": pelvis}
    axes = {"pelvis": pelvis_axes}
    for side in SIDES:
        leg_points, leg_axes = body.leg(side, phase)
        points |= leg_points
        axes |= leg_axes
    body.upper(phase, points, axes)
    if is_treadmill:
        points = {k: p - np.stack([forward * phase, 0 * phase, 0 * phase], -1) for k, p in points.items()}
    else:
        points = {k: p - np.array([forward * start_phase, 0.0, 0.0]) for k, p in points.items()}
    yaw = np.radians(heading_deg)
    to_lab = np.array([[np.sin(yaw), 0.0, -np.cos(yaw)], [0.0, 1.0, 0.0], [np.cos(yaw), 0.0, np.sin(yaw)]])
    shift = np.array([origin_mm[0], 0.0, origin_mm[1]])
    return Walk(
        gait=gait,
        rate_hz=rate_hz,
        time_s=time,
        joints={k: p @ to_lab.T + shift for k, p in points.items()},
        rotations={k: to_lab @ a for k, a in axes.items()},
        angles=joint_angles(axes),
        events=_events(gait, start_phase, time[-1]),
    )


def _events(gait: Gait, start_phase: float, end_s: float) -> list[tuple[str, str, float]]:
    found = []
    for side, lag in (("left", 0.0), ("right", gait.step_phase)):
        stance = getattr(gait, side).stance
        for k in range(-2, int(end_s / gait.stride_time_s) + 4):
            for event, share in (("foot_strike", 0.0), ("foot_off", stance)):
                t = (k + lag + share - start_phase) * gait.stride_time_s
                if 0.0 <= t <= end_s:
                    found.append((side, event, t))
    return sorted(found, key=lambda e: e[2])
