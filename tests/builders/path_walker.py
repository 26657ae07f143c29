"""Feet on a path: walkers that turn, shuffle, drag a foot or walk on their toes, with footprints and events known exactly.

No body, only pelvis, hips and feet: footprints lie on both sides of a path that the pelvis follows; in stance a foot rolls
over heel, sole and toe joint, in swing it is carried to the next footprint. Lab frame: millimetres, Y up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Path = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # metres walked -> floor points (n, 2) as x, z; heading


def straight(heading_deg: float = 0.0) -> Path:
    heading = np.radians(heading_deg)

    def path(s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.stack([s * np.sin(heading), s * np.cos(heading)], -1), np.full(s.shape, heading)

    return path


def there_and_back(straight_m: float = 2.5, radius_m: float = 0.3) -> Path:
    """Ahead along +Z, a half circle to the left, and back."""
    arc_m = np.pi * radius_m

    def path(s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        turn = np.clip((s - straight_m) / radius_m, 0, np.pi)
        ahead = np.minimum(s, straight_m) + radius_m * np.sin(turn) - np.maximum(s - straight_m - arc_m, 0)
        return np.stack([radius_m - radius_m * np.cos(turn), ahead], -1), turn

    return path


@dataclass(frozen=True)
class Person:
    """How someone walks; pairs are (left, right). Lengths in metres, angles in degrees, stance as share of the cycle.

    strike_pitch, flat_pitch, off_pitch : sole to floor, toes up positive. clear_m : how high the foot is lifted in swing.
    around_m : how far it is swung out.
    """

    speed_m_s: float = 1.2
    cadence: float = 110.0
    stance: tuple[float, float] = (0.61, 0.61)
    right_at: float = 0.5
    clear_m: tuple[float, float] = (0.04, 0.04)
    around_m: tuple[float, float] = (0.0, 0.0)
    strike_pitch: tuple[float, float] = (18.0, 18.0)
    flat_pitch: tuple[float, float] = (0.0, 0.0)
    off_pitch: tuple[float, float] = (-60.0, -60.0)
    foot_m: float = 0.17
    width_m: float = 0.1
    pelvis_m: float = 0.9


Events = list[tuple[str, str, float]]


def walk(
    person: Person,
    *,
    seconds: float = 5.0,
    rate_hz: float = 120.0,
    start: float = 0.8,
    path: Path | None = None,
    is_treadmill: bool = False,
) -> tuple[np.ndarray, dict[str, np.ndarray], Events]:
    """(time_s, points in mm, events sorted by time). start : share of the left cycle at time 0."""
    path = path or straight()
    cycle_s = 120.0 / person.cadence
    stride = person.speed_m_s * cycle_s
    time = np.arange(round(seconds * rate_hz) + 1) / rate_hz
    phase = time / cycle_s + start
    centre, heading = path(phase * stride)
    height = person.pelvis_m + 0.015 * np.cos(4 * np.pi * (phase - 0.3))
    across = heading + np.radians(5.0) * np.cos(2 * np.pi * phase)  # the pelvis turns about the heading
    points = {"pelvis": _raised(centre, height)}
    events: Events = []
    for i, (side, out) in enumerate((("left", 1.0), ("right", -1.0))):
        points[f"{side}_hip"] = _raised(centre + 0.085 * out * _left(across), height)
        lag = i * person.right_at
        points |= _foot(person, i, side, out, phase - lag, lambda p, lag=lag: path((p + lag) * stride))
        for event, share in (("foot_strike", 0.0), ("foot_off", person.stance[i])):
            times = (np.arange(-2, phase[-1] + 2) + lag + share - start) * cycle_s
            events += [(side, event, float(t)) for t in times if 0 <= t <= time[-1]]
    if is_treadmill:
        points = {k: p - _raised(centre, 0 * height) for k, p in points.items()}
    return time, {k: 1000 * p for k, p in points.items()}, sorted(events, key=lambda e: e[2])


def _foot(person, i, side, out, phase, path):
    """Heel, ankle and toe. phase : of this foot, unwrapped."""
    stance, flat, off = person.stance[i], person.flat_pitch[i], person.off_pitch[i]
    share = phase % 1
    prints = []
    for k in (np.floor(phase), np.floor(phase) + 1):
        centre, heading = path(k + stance / 2)
        prints.append((centre + out * person.width_m / 2 * _left(heading), heading))
    (here, heading), (there, heading_next) = prints
    swing = np.clip((share - stance) / (1 - stance), 0, 1)
    carried = 0.4 * swing + 2.2 * swing**2 - 1.6 * swing**3  # a foot leaves the floor moving and comes down at rest
    heading = heading + (heading_next - heading) * carried
    place = here + (there - here) * carried[:, None]
    place = place + out * person.around_m[i] * np.sin(np.pi * swing)[:, None] ** 2 * _left(heading)
    rolls_off = np.clip((share - 0.62 * stance) / (0.38 * stance), 0, 1) ** 2
    pitch = flat + (person.strike_pitch[i] - flat) * np.clip(1 - share / 0.09, 0, 1) ** 2 + (off - flat) * rolls_off
    pitch = np.where(swing > 0, off + (person.strike_pitch[i] - off) * np.clip(1.25 * swing, 0, 1), pitch)
    pitch, length = np.radians(pitch), person.foot_m
    # From below the ankle: the foot turns about its heel with the toes up, about its toe joint with the heel up.
    heel = np.where(pitch > 0, -0.36 * length, 0.64 * length - length * np.cos(pitch))
    heel_up = np.where(pitch > 0, 0.0, -length * np.sin(pitch)) + person.clear_m[i] * np.sin(np.pi * swing) ** 2
    ahead = np.stack([np.sin(heading), np.cos(heading)], -1)
    found = {}
    for name, along, up in (("heel", 0.0, 0.04), ("ankle", 0.3 * length, 0.08), ("toe", length, 0.035)):
        floor = place + (heel + along * np.cos(pitch))[:, None] * ahead
        found[f"{side}_{name}"] = _raised(floor, heel_up + along * np.sin(pitch) + up)
    return found


def _left(heading: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(heading), -np.sin(heading)], -1)


def _raised(floor: np.ndarray, height: np.ndarray) -> np.ndarray:
    return np.stack([floor[:, 0], height, floor[:, 1]], -1)
