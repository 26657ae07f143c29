"""Patterns of gait: the phases and angles of a leg."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

SIDES = ("left", "right")


@dataclass(frozen=True)
class Leg:
    """How one leg walks. Angles in degrees, times as shares of the cycle of that leg.

    stance : foot off after foot strike. flat_from, flat_to : sole flat on the floor. strike_pitch, off_pitch : sole
    to floor, toes up positive. tip_from : share of off_pitch from which the foot rolls over the tip of the toes, so
    that the toe joint rises before foot off, as the forefoot does in laboratories' files. swing : (share, thigh forward of vertical, knee flexion, sole to floor)
    in swing.
    circumduction_mm : how far the ankle swings out.
    """

    stance: float = 0.61
    flat_from: float = 0.086
    flat_to: float = 0.404
    strike_pitch: float = 17.8
    off_pitch: float = -61.0
    tip_from: float = 0.7
    swing: tuple[tuple[float, float, float, float], ...] = (
        (0.70, 6.7, 56.0, -60.0),
        (0.907, 27.3, 15.0, 12.8),
    )
    circumduction_mm: float = 0.0


@dataclass(frozen=True)
class Gait:
    """A gait pattern.

    step_phase : right foot strike within the left cycle; step_share : right step length / stride length.

    min_knee : smallest knee flexion in stance (sets how high the pelvis is carried), degrees. pelvis_peak : share of
    the cycle at which the pelvis is highest; feet_ahead : ankle of the flat foot ahead of the pelvis at its foot
    strike, share of the stride.
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
        """Duration of a stride, seconds."""
        return 120.0 / self.cadence_steps_min

    @property
    def speed_m_s(self) -> float:
        """Walking speed, metres per second."""
        return self.stride_length_m / self.stride_time_s


def normal(**changes: Any) -> Gait:
    """Published normal adult gait at free speed."""
    return replace(Gait(), **changes)


def stiff_knee(side: str = "right", **changes: Any) -> Gait:
    """Stiff-knee gait of one side, as after stroke.

    Little knee flexion in swing, hip hiking and circumduction, short stance, slow.
    """
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
        tip_from=0.55,
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
