"""An analytic walker: a person made of formulas, whose events, angles and stride length are known exactly.

The movement of the feet is given. In stance a foot rolls over the heel, stands flat and rolls over the toe joint without
slipping, so stride length, step width and the times of foot strike and foot off are exact by construction; the leg
follows by inverse kinematics of two links. In swing thigh, shank and foot follow splines through published joint
angles (peak knee flexion 60 deg at 73 % of the cycle, peak hip flexion 32 deg at 86 %; Perry & Burnfield 2010,
chapters 5 to 7), joined to stance with equal position and velocity. The patterns ``stiff_knee`` (one side) and
``crouch`` (both) change those inputs.

Lab frame: millimetres, Y up, right-handed; heading 0 walks along +Z with the left side at +X. Segment axes: x
forward, y up, z right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurostore.arrays import Floats
from neurostore.walker.gait import SIDES, Gait


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
    time_s: Floats
    joints: dict[str, Floats]
    rotations: dict[str, Floats]
    angles: dict[str, Floats]
    events: list[tuple[str, str, float]]


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
    belt carries the walker back at walking speed, so that the pelvis stays.
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
    events = []
    for side, lag in (("left", 0.0), ("right", gait.step_phase)):
        stance = getattr(gait, side).stance
        for k in range(-2, int(end_s / gait.stride_time_s) + 4):
            for event, share in (("foot_strike", 0.0), ("foot_off", stance)):
                t = (k + lag + share - start_phase) * gait.stride_time_s
                if 0.0 <= t <= end_s:
                    events.append((side, event, t))
    return sorted(events, key=lambda e: e[2])
