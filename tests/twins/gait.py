"""Twins of _pelvis_path, _foot_motion, the three event rules, their ensemble, cycles, curves and parameters.

One person of one trial; times in seconds, points (n, 3) in mm with NaN where missing. Written from the headers of the SQL files.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from neurostore.sql import views

SIDES = ("left", "right")
LIMITS = {name: value for name, (value, _) in views.thresholds().items()}


@dataclass
class Foot:
    """What the event rules look at, (n,) each: metres, metres per second."""

    heel_ahead: np.ndarray
    toe_ahead: np.ndarray
    ahead: np.ndarray
    heel: np.ndarray
    heel_speed: np.ndarray
    toe_speed: np.ndarray
    middle_up: np.ndarray
    forefoot_up: np.ndarray  # NaN without a toe
    heel_gain: np.ndarray  # m/s2, upward
    has_heel: bool


@dataclass
class Motion:
    time: np.ndarray
    walking: np.ndarray
    feet: dict[str, Foot] = field(default_factory=dict)
    origin: np.ndarray | None = None


def motion(time: np.ndarray, points: dict[str, np.ndarray], is_in_place: bool | None = None) -> Motion:
    """is_in_place : the trial's is_treadmill; None if it does not say."""
    n = len(time)
    missing = np.full((n, 3), np.nan)

    def get(name: str) -> np.ndarray:
        return points.get(name, missing).astype(np.float32).astype(float) / 1000

    sacrum, pelvis = get("sacrum"), get("pelvis")
    origin = sacrum if np.isfinite(sacrum[:, 0]).sum() >= np.isfinite(pelvis[:, 0]).sum() else pelvis
    across = get("right_hip") - get("left_hip")
    facing = np.stack([across[:, 2], -across[:, 0]], -1)
    forward, speed = np.full((n, 2), np.nan), np.full(n, np.nan)
    filled = origin.copy()
    for i in range(n):
        near = np.flatnonzero((time >= time[i] - 0.5) & (time <= time[i] + 0.5))
        seen = [k for k in near if np.isfinite(origin[k, 0])]
        velocity = np.full(2, np.nan)
        if len(seen) > 1:
            first, last = seen[0], seen[-1]
            velocity = (origin[last] - origin[first])[[0, 2]] / (time[last] - time[first])
            if np.isnan(origin[i, 0]) and time[last] - time[first] >= 0.25:
                filled[i, [0, 2]] = origin[first, [0, 2]] + velocity * (time[i] - time[first])
        speed[i] = np.hypot(*velocity)
        faces = facing[near][np.isfinite(facing[near, 0])]
        if not len(faces):
            share = 0.0
        elif is_in_place or np.isnan(speed[i]):
            share = 1.0
        else:
            share = float(np.clip((0.3 - speed[i]) / 0.2, 0, 1))
        way = np.zeros(2)
        if share > 0:
            mean_facing = faces.mean(axis=0)
            way += share * mean_facing / np.hypot(*mean_facing)
        if share < 1:
            way += (1 - share) * velocity / speed[i]
        forward[i] = way / np.hypot(*way)
    origin = filled
    raw, rear = {}, {}
    for side in SIDES:
        heel, ankle, toe = get(f"{side}_heel"), get(f"{side}_ankle"), get(f"{side}_toe")
        rear[side] = np.where(np.isnan(heel), ankle, heel)
        n_heel = np.isfinite(heel[:, 0]).sum()
        has_heel = bool(2 * n_heel >= np.isfinite(ankle[:, 0]).sum() and n_heel > 0)
        heel = heel if has_heel else ankle
        raw[side] = (heel, toe, _velocity(time, heel), _velocity(time, toe), has_heel)
    along = {s: np.sum(raw[s][2][:, [0, 2]] * forward, axis=1) for s in SIDES}
    slower = np.where(np.isnan(along["left"]), along["right"], np.fmin(along["left"], along["right"]))
    back = -np.nanmedian(slower) if np.isfinite(slower).any() else np.nan
    if is_in_place is None:
        is_in_place = bool(np.nanmedian(speed) < LIMITS["in_place_travel_m_s"] and back > LIMITS["in_place_ground_m_s"])
    ground = max(np.nan_to_num(back), 0.0) if is_in_place else 0.0
    result = Motion(time, speed + ground, origin=origin)
    for side, (heel, toe, heel_v, toe_v, has_heel) in raw.items():
        toe_along = np.sum(toe_v[:, [0, 2]] * forward, axis=1)
        toe_ahead = np.sum((toe - origin)[:, [0, 2]] * forward, axis=1)
        heel_ahead = np.sum((heel - origin)[:, [0, 2]] * forward, axis=1)
        length = np.hypot(*(toe - rear[side])[:, [0, 2]].T)
        half = np.nanmax(length) / 2 if np.isfinite(length).any() else np.nan
        ahead = (heel_ahead + toe_ahead) / 2
        ahead = np.where(np.isnan(ahead), heel_ahead + np.nan_to_num(half), ahead)
        ahead = np.where(np.isnan(ahead), toe_ahead - half, ahead)
        hip, knee, ankle = (get(f"{side}_{joint}") for joint in ("hip", "knee", "ankle"))
        leg = np.linalg.norm(hip - knee, axis=1) + np.linalg.norm(knee - ankle, axis=1)
        to_toe = np.linalg.norm(toe - ankle, axis=1)
        is_known = np.isfinite(leg).any() and np.isfinite(to_toe).any()
        share = LIMITS["forefoot_share_of_leg"] * np.nanmean(leg) / np.nanmean(to_toe) if is_known else 1.0
        beyond, ankle_v = max(share - 1, 0.0), _velocity(time, ankle)
        toe_up = np.where(np.isnan(toe_v[:, 1]), heel_v[:, 1], toe_v[:, 1])
        result.feet[side] = Foot(
            heel_ahead=heel_ahead,
            toe_ahead=toe_ahead,
            ahead=ahead,
            heel=heel,
            heel_speed=np.hypot(along[side] + ground, heel_v[:, 1]),
            toe_speed=np.hypot(toe_along + ground, toe_v[:, 1]),
            middle_up=(heel_v[:, 1] + toe_up) / 2,
            forefoot_up=toe_v[:, 1] + np.nan_to_num(beyond * (toe_v - ankle_v)[:, 1]),
            heel_gain=_acceleration(time, heel[:, 1]),
            has_heel=has_heel,
        )
    return result


def _velocity(time: np.ndarray, place: np.ndarray) -> np.ndarray:
    v = np.full_like(place, np.nan)
    v[1:-1] = (place[2:] - place[:-2]) / (time[2:] - time[:-2])[:, None]
    return v


def _acceleration(time: np.ndarray, height: np.ndarray) -> np.ndarray:
    gain = np.full_like(height, np.nan)
    gain[1:-1] = (height[2:] - 2 * height[1:-1] + height[:-2]) / ((time[2:] - time[:-2]) / 2) ** 2
    return gain


def _vertex(t: np.ndarray, y: np.ndarray) -> float:
    """Time of the vertex of the parabola through three points."""
    second, first, _ = np.polyfit(t - t[1], y - y[1], 2)
    return float(t[1] - first / (2 * second)) if second else float(t[1])


def zeni(m: Motion, side: str) -> list[tuple[str, float]]:
    foot, t = m.feet[side], m.time
    ahead = foot.ahead
    state, kept = 0, []
    for i in range(len(t)):
        if np.isfinite(ahead[i]):
            near = ahead[(t >= t[i] - 1.5) & (t <= t[i] + 1.5)]
            high, low = np.nanmax(near), np.nanmin(near)
            if high - low < LIMITS["ahead_range_m"]:
                state = 0
            elif ahead[i] > LIMITS["ahead_part"] * high + (1 - LIMITS["ahead_part"]) * low:
                state = 1
            elif ahead[i] < LIMITS["behind_part"] * high + (1 - LIMITS["behind_part"]) * low:
                state = -1
        kept.append(state)
    found, start = [], 0
    for i in range(1, len(t) + 1):
        if i < len(t) and kept[i] == kept[start]:
            continue
        if kept[start]:
            y = foot.heel_ahead if kept[start] == 1 else -foot.toe_ahead
            inside = [k for k in range(start, i) if np.isfinite(y[k])]
            if inside:
                k = max(inside, key=lambda k: y[k])
                around = [k - 1, k, k + 1]
                if 0 < k < len(t) - 1 and np.isfinite(y[around]).all() and y[k] >= max(y[k - 1], y[k + 1]):
                    found.append(("foot_strike" if kept[start] == 1 else "foot_off", _vertex(t[around], y[around])))
        start = i
    return found


def vertical(m: Motion, side: str) -> list[tuple[str, float, float]]:
    """Strikes: troughs of the middle of heel and toe. Offs: the forefoot rises at a share of its next peak velocity."""
    v, t, toe = m.feet[side].middle_up, m.time, m.feet[side].forefoot_up
    found = []
    for i in range(1, len(t) - 1):
        before, now, after = v[i - 1 : i + 2]
        if now < -0.05 and before > now and after >= now:
            found.append(("foot_strike", _vertex(t[i - 1 : i + 2], v[i - 1 : i + 2]), now))
        before, now, after = toe[i - 1 : i + 2]
        if now > 0.05 and before < now and after <= now:
            lifted = LIMITS["lifted_share"] * now
            k = i
            while k and lifted <= toe[k - 1] < toe[k]:  # down the slope, as far as it is above the limit
                k -= 1
            if k and toe[k - 1] < lifted:
                found.append(("foot_off", np.interp(lifted, toe[k - 1 : k + 1], t[k - 1 : k + 1]), now))
    return found


def speed(m: Motion, side: str) -> list[tuple[str, float]]:
    foot, t = m.feet[side], m.time
    part = "heel" if foot.has_heel else "ankle"
    stopped = np.minimum(LIMITS[f"{part}_stopped_share"] * m.walking, LIMITS[f"{part}_stopped_m_s"])
    heel = foot.heel_speed - np.maximum(stopped, LIMITS["least_event_speed_m_s"])
    toe = np.maximum(LIMITS["toe_left_share"] * m.walking, LIMITS["least_event_speed_m_s"]) - foot.toe_speed
    found = []
    for event, over in (("foot_strike", heel), ("foot_off", toe)):
        for i in range(1, len(t)):
            if over[i - 1] >= 0 and over[i] < 0:
                found.append((event, t[i - 1] + (t[i] - t[i - 1]) * over[i - 1] / (over[i - 1] - over[i])))
    return found


def impact(m: Motion, side: str) -> list[tuple[float, float]]:
    """(time, m/s2) of the maxima of the heel's upward acceleration."""
    foot, t = m.feet[side], m.time
    found = []
    for i in range(1, len(t) - 1) if foot.has_heel else ():
        before, now, after = foot.heel_gain[i - 1 : i + 2]
        if now >= LIMITS["least_impact_m_s2"] and before <= now and after < now:
            found.append((_vertex(t[i - 1 : i + 2], foot.heel_gain[i - 1 : i + 2]), now))
    return found


def _at_impact(strike: float, impacts: list[tuple[float, float]], z: float) -> float:
    """Half-way to the foot strike of the largest impact near it, if there is one; less near the limits."""
    near = [
        (gain, t)
        for t, gain in impacts
        if -LIMITS["impact_before_s"] <= t - strike <= LIMITS["impact_after_s"]
        and z - LIMITS["strike_earlier_s"] <= t <= z + LIMITS["strike_later_s"]
    ]
    if not near:
        return strike
    late = max(near)[1] - strike
    inside = min(late + LIMITS["impact_before_s"], LIMITS["impact_after_s"] - late)
    return strike + min(inside / LIMITS["impact_fades_s"], 1) * (late - LIMITS["impact_delay_s"]) / 2


def events(m: Motion) -> list[tuple[str, str, float]]:
    """(side, event, time_s), sorted by time: the ensemble."""
    found = []
    for side in SIDES:
        by_vertical, by_speed, impacts = vertical(m, side), speed(m, side), impact(m, side)
        of_side: list[tuple[float, str, float]] = []
        for event, z in zeni(m, side):
            strike = event == "foot_strike"
            kind = "strike" if strike else "off"
            early, late = LIMITS[f"{kind}_earlier_s"], LIMITS[f"{kind}_later_s"]
            v = [(x, t) for e, t, x in by_vertical if e == event and z - early <= t <= z + late]
            s = [t for e, t in by_speed if e == event and z - early <= t <= z + late]
            by_v = (min(v) if strike else max(v))[1] if v else None
            by_s = min(s) if s else None
            known = [t for t in (by_v, by_s) if t is not None]
            if not known:
                continue
            if not strike:
                time = _near(by_v, z) if by_v is not None and abs(by_v - z) <= LIMITS["off_apart_s"] else z
            elif len(known) == 2 and abs(known[0] - known[1]) > LIMITS["rules_agree_s"]:
                time = _at_impact(min(known, key=lambda t: abs(t - z - LIMITS["usual_strike_s"])), impacts, z)
            else:
                time = _at_impact(float(np.mean(known)), impacts, z)
            of_side.append((z, event, time))
        of_side.sort()
        for k, (z, event, time) in enumerate(of_side):
            follows = of_side[k + 1] if event == "foot_off" and k + 1 < len(of_side) else None
            before = of_side[k - 1] if event == "foot_strike" and k else None
            least = LIMITS["least_swing_s"]
            is_swing_begun = follows is not None and follows[1] == "foot_strike" and follows[0] - z < least
            is_swing_ended = before is not None and before[1] == "foot_off" and z - before[0] < least
            if not (is_swing_begun or is_swing_ended):
                found.append((side, event, time))
    return sorted(found, key=lambda e: e[2])


def _near(off: float, z: float) -> float:
    """The foot off of the vertical method, kept near that of the coordinate method."""
    return float(np.clip(off, z - LIMITS["off_before_s"], z + LIMITS["off_after_s"]))


def interpolate(time: np.ndarray, values: np.ndarray, start: float, end: float) -> np.ndarray:
    """(101,) values at 0 to 100 % from start to end."""
    return np.interp(start + (end - start) * np.arange(101) / 100, time, values)
