"""Figures of an estimated trial against its truth.

Positions (n, M, 3) mm in camera coordinates (x right, y down, z away).

One camera can only estimate the distance of a person from their apparent height, so one constant per trial is taken off
before depth is compared: the median error along the ray of all markers and frames. What drifts within a trial counts
in full. Angles are plain ones between the points, the same for truth and estimate: knee flexion between thigh and
shank, ankle between shank and foot, hip flexion between thigh and trunk in the plane across the line of the hips.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import find_peaks

from neurostore.arrays import Floats
from neurostore.ingest.landmarks.names import SIDES
from neurostore.ingest.refine.marker_set import MarkerSet

BELOW_FLOOR_MM = 10.0


def depth_residual(points: Floats, truth: Floats) -> Floats:
    """(n, M) mm along the true ray, the trial's median taken off."""
    rays = truth / np.linalg.norm(truth, axis=-1, keepdims=True)
    error = ((points - truth) * rays).sum(-1)
    return error - np.nanmedian(error)


def measure(
    points: Floats, truth: Floats, up: Floats, floor_mm: float, rate_hz: float, markers: MarkerSet
) -> dict[str, float]:
    """All figures of one trial and camera.

    up : (3,) unit, camera coordinates; floor_mm : the floor's height along it.
    """
    residual = depth_residual(points, truth)
    root = residual - residual[:, list(markers.hips)].mean(axis=1, keepdims=True)
    offset = np.nanmedian(((points - truth) * truth).sum(-1) / np.linalg.norm(truth, axis=-1))
    placed = points - offset * truth / np.linalg.norm(truth, axis=-1, keepdims=True)
    second = residual[2:] - 2 * residual[1:-1] + residual[:-2]
    measures = {
        "depth_error_mean_mm": float(np.nanmean(np.abs(residual))),
        "depth_error_p95_mm": float(np.nanquantile(np.abs(residual), 0.95)),
        "depth_error_root_mean_mm": float(np.nanmean(np.abs(root))),
        "depth_jitter_mm": float(np.sqrt(np.nanmean(second**2) / 6)),
        "bone_length_cv": bone_length_cv(points, markers),
        "ground_violation_pct": ground_violation_pct(placed, up, floor_mm, markers),
        **_pelvis(points, truth, up, markers),
    }
    given, true = angles(points, markers), angles(truth, markers)
    for joint in ("hip_flexion", "knee_flexion", "ankle_dorsiflexion"):
        errors = [given[f"{side}_{joint}"] - true[f"{side}_{joint}"] for side in SIDES]
        errors = [(e + 180.0) % 360.0 - 180.0 for e in errors]
        if np.isfinite(errors).any():
            measures[f"{joint}_rmse_deg"] = float(np.sqrt(np.nanmean(np.square(errors))))
    return measures | event_errors(points, truth, up, rate_hz, markers)


def bone_length_cv(points: Floats, markers: MarkerSet) -> float:
    """Mean over rigid bones of SD / mean of the length."""
    near, far = np.asarray(markers.rigid).T
    length = np.linalg.norm(points[:, near] - points[:, far], axis=-1)
    length = length[:, np.isfinite(length).any(axis=0)]
    return float(np.mean(np.nanstd(length, axis=0) / np.nanmean(length, axis=0)))


def ground_violation_pct(points: Floats, up: Floats, floor_mm: float, markers: MarkerSet) -> float:
    """Share of samples of heels and toes more than 10 mm below the floor, in %."""
    feet = [i for i, n in enumerate(markers.names) if n.endswith(("_heel", "_toe"))]
    height = points[:, feet] @ up - floor_mm
    height = height[np.isfinite(height)]
    return float(100.0 * np.mean(height < -BELOW_FLOOR_MM)) if height.size else float("nan")


def angles(points: Floats, markers: MarkerSet) -> dict[str, Floats]:
    """(n,) degrees by name; 0 is straight (hip, knee) or a right angle between shank and foot."""
    at = {n: points[:, i] for i, n in enumerate(markers.names)}
    shoulders, hips = (at["left_shoulder"] + at["right_shoulder"]) / 2, (at["left_hip"] + at["right_hip"]) / 2
    right = at["right_hip"] - at["left_hip"]
    angles_by_name = {}
    for side in SIDES:
        hip, knee, ankle = (at[f"{side}_{p}"] for p in ("hip", "knee", "ankle"))
        angles_by_name[f"{side}_knee_flexion"] = _between(knee - hip, ankle - knee)
        angles_by_name[f"{side}_hip_flexion"] = _turned(hips - shoulders, knee - hip, right)
        foot = at[f"{side}_toe"] - at[f"{side}_heel"]
        angles_by_name[f"{side}_ankle_dorsiflexion"] = _between(ankle - knee, foot) - 90.0
    return angles_by_name


def pelvis_rotation(points: Floats, up: Floats, markers: MarkerSet) -> Floats:
    """(n,) degrees, continuous: the direction of the line of the hips in the horizontal plane."""
    left, right = markers.hips
    across = points[:, right] - points[:, left]
    x = np.cross(up, [0.0, 0.0, 1.0])
    x /= np.linalg.norm(x)
    y = np.cross(up, x)
    return np.degrees(np.unwrap(np.arctan2(across @ y, across @ x)))


def _pelvis(points: Floats, truth: Floats, up: Floats, markers: MarkerSet) -> dict[str, float]:
    seen = np.isfinite(points[:, list(markers.hips)]).all(axis=(1, 2))
    if not seen.any():
        return {}
    given, true = (np.ptp(pelvis_rotation(p[seen], up, markers)) for p in (points, truth))
    return {
        "pelvis_rom_deg": float(given),
        "pelvis_rom_true_deg": float(true),
        "pelvis_rom_error_deg": float(abs(given - true)),
        "pelvis_rom_excess_deg": float(given - true),
    }


def event_errors(points: Floats, truth: Floats, up: Floats, rate_hz: float, markers: MarkerSet) -> dict[str, float]:
    """Mean error of foot strikes in time and the share of missed ones.

    A true foot strike is compared with the nearest estimated one within 0.25 s. No values if the truth does not walk.
    """
    errors, n_true = [], 0
    heading = _heading(truth, up, markers)
    if heading is None:
        return {}
    for side in SIDES:
        true = strikes(truth, heading, side, rate_hz, markers)
        given = strikes(points, heading, side, rate_hz, markers)
        n_true += len(true)
        gaps = [np.abs(given - t).min() if len(given) else np.inf for t in true]
        errors += [g for g in gaps if g < 0.25]
    if not n_true:
        return {}
    measures = {"event_missed_pct": 100.0 * (1 - len(errors) / n_true)}
    return measures | ({"event_error_ms": 1000.0 * float(np.mean(errors))} if errors else {})


def strikes(points: Floats, heading: Floats, side: str, rate_hz: float, markers: MarkerSet) -> Floats:
    """Times (k,) in seconds at which the heel is farthest in front of the hips.

    Method of Zeni 2008 (doi 10.1016/j.gaitpost.2007.07.007), refined below frame resolution by a parabola.
    """
    heel = points[:, markers.names.index(f"{side}_heel")]
    ahead = (heel - points[:, list(markers.hips)].mean(axis=1)) @ heading
    if not np.isfinite(ahead).all():
        return np.empty(0)
    peaks, _ = find_peaks(ahead, distance=max(1, round(0.6 * rate_hz)), prominence=150.0)
    peaks = peaks[(peaks > 0) & (peaks < len(ahead) - 1)]
    before, here, after = ahead[peaks - 1], ahead[peaks], ahead[peaks + 1]
    curve = before - 2 * here + after
    shift = np.where(curve < 0, 0.5 * (before - after) / np.where(curve < 0, curve, -1.0), 0.0)
    return (peaks + np.clip(shift, -1, 1)) / rate_hz


def _heading(truth: Floats, up: Floats, markers: MarkerSet) -> Floats | None:
    """Direction of a walk across the trial; None for less than 1.5 m or a path that turns."""
    hips = truth[:, list(markers.hips)].mean(axis=1)
    hips = hips - (hips @ up)[:, None] * up
    way = hips[-1] - hips[0]
    path = np.linalg.norm(np.diff(hips[:: max(1, len(hips) // 20)], axis=0), axis=1).sum()
    length = float(np.linalg.norm(way))
    return way / length if length > 1500.0 and length > 0.9 * path else None


def _between(a: Floats, b: Floats) -> Floats:
    cross = np.linalg.norm(np.cross(a, b), axis=-1)
    return np.degrees(np.arctan2(cross, (a * b).sum(-1)))


def _turned(a: Floats, b: Floats, axis: Floats) -> Floats:
    """From a to b about an axis, degrees, both laid into the plane across it."""
    axis = axis / np.maximum(np.linalg.norm(axis, axis=-1, keepdims=True), 1e-6)
    a, b = (v - (v * axis).sum(-1, keepdims=True) * axis for v in (a, b))
    return np.degrees(np.arctan2((np.cross(a, b) * axis).sum(-1), (a * b).sum(-1)))
