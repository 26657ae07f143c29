"""Knee axes from a trial in which the person bends the knee: the symmetrical axis of rotation.

Ehrig et al. 2007 (SARA), doi:10.1016/j.jbiomech.2006.10.026: the line that stays in one place in both segments. The axis is
kept beside the places of the thigh's markers, which lead it in the other trials of the session. There it replaces the lateral
axis of the thigh, and with it adduction and rotation of knee and hip; joint centres stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from neurostore.arrays import Floats, Ints
from neurostore.ingest.landmarks import clusters, filters
from neurostore.ingest.landmarks.axes import unit
from neurostore.ingest.landmarks.centres import Centres
from neurostore.ingest.landmarks.names import SIDES
from neurostore.ingest.recording import Calibration, Poses, Recording

METHOD = "functional (SARA)"
SOURCE = "functional"
_AXIS = "functional_knee_axis"
_PLACE = "functional_thigh_"
_LEAST = 3
_LEAST_RANGE_DEG = 20.0
_MOST_WOBBLE_DEG = 10.0  # root mean square angle between the axis as seen from the thigh and from the shank
_MARKS = {"thigh": ("thigh", "knee_lateral", "knee_medial"), "shank": ("shank", "ankle_lateral", "ankle_medial")}


def sara(proximal: tuple[Floats, Floats], distal: tuple[Floats, Floats]) -> tuple[Floats, Floats, float, float]:
    """The axis of rotation of two segments that both move.

    proximal, distal : rotations (n, 3, 3) and origins (n, 3) in mm, segment to lab; NaN where a segment is not known.

    Returns
    -------
    axis in the proximal segment (3,), axis in the distal segment (3,), both of length one and pointing the same way.
    wobble_deg : root mean square angle between the two in the lab. range_deg : by how much one segment turns about it in the other.

    Raises
    ------
    ValueError : fewer than ten frames have both segments.
    """
    (r1, _), (r2, _) = clusters.known_in_both(proximal, distal)
    # a point c1 of one segment and c2 of the other coincide in all frames for every point of the axis: the difference of two
    # such points is the direction that [R1, -R2] leaves at zero
    both = np.linalg.svd(np.concatenate([r1, -r2], axis=2).reshape(-1, 6), full_matrices=False)[2][-1]
    axis1, axis2 = both[:3] / np.linalg.norm(both[:3]), both[3:] / np.linalg.norm(both[3:])
    cosine = np.clip(((r1 @ axis1) * (r2 @ axis2)).sum(axis=1), -1, 1)
    across = np.cross(axis2, np.eye(3)[int(np.argmin(np.abs(axis2)))])
    turned = np.einsum("nji,njk,k->ni", r1, r2, across)
    angle = np.arctan2(np.cross(turned[0], turned) @ axis1, turned @ turned[0])
    wobble = float(np.sqrt((np.degrees(np.arccos(cosine)) ** 2).mean()))
    return axis1, axis2, wobble, float(np.degrees(np.ptp(np.unwrap(angle))))


def knee_calibrations(body: Centres, poses: Poses, rows: Ints, side: str) -> tuple[list[Calibration], str]:
    """(axis and places of the thigh's markers in a frame of this trial, what is to be noted)."""
    segments = {part: _markers(body, poses, rows, side, part) for part in ("thigh", "shank")}
    for part, markers in segments.items():
        if len(markers) < _LEAST:
            return [], f"not used, because the {part} has {len(markers)} markers; at least {_LEAST} are needed"
    moving = {part: np.stack(list(markers.values()), axis=1) for part, markers in segments.items()}
    whole = np.isfinite(np.concatenate(list(moving.values()), axis=1)).all(axis=(1, 2))
    if not whole.any():
        return [], "not used, because no frame has all markers of thigh and shank"
    at = int(np.argmax(whole))
    fits = {part: clusters.fit_rigid(values[at], values) for part, values in moving.items()}
    try:
        axis, _, wobble, turned = sara(fits["thigh"][:2], fits["shank"][:2])
    except ValueError as error:
        return [], f"not used, because {error}"
    figures = f"{turned:.0f} degrees of bending, the axis wobbles by {wobble:.1f} degrees (root mean square)"
    if turned < _LEAST_RANGE_DEG:
        return [], f"not used, because the knee hardly bends ({figures})"
    if wobble > _MOST_WOBBLE_DEG:
        return [], f"not used, because the shank does not turn about one axis ({figures})"
    places = {f"{_PLACE}{name}": value for name, value in zip(segments["thigh"], moving["thigh"][at], strict=True)}
    calibrations = [
        Calibration(f"{name}_{letter}", side, float(value), clusters.UNIT, SOURCE)
        for name, values in {**places, _AXIS: axis}.items()
        for letter, value in zip("xyz", values, strict=True)
    ]
    return calibrations, f"its axis is used in the session (SARA; {figures})"


def use_axes(
    body: Centres, recording: Recording, rows: Ints, known: Iterable[Calibration], cutoff_hz: float, notes: list[str]
) -> None:
    """Put the functional knee axes of the session into ``body.lateral``, as the lateral axes of the thighs; noted."""
    poses = recording.poses[0]
    known = list(known)
    for side in SIDES:
        places = _places(known, side)
        axis = places.pop(_AXIS, None)
        if axis is None or "pelvis" not in body.lateral:
            continue
        markers = _markers(body, poses, rows, side, "thigh")
        use = [name for name in markers if f"{_PLACE}{name}" in places]
        if len(use) < _LEAST:
            notes.append(
                f"no functional {side} knee axis: {len(use)} of the thigh's markers are those of the functional trial"
            )
            continue
        still = np.array([places[f"{_PLACE}{name}"] for name in use])
        moving = np.stack([markers[name] for name in use], axis=1)
        moving = filters.clean(moving, poses.time_s[rows], recording.rate_hz, cutoff_hz).values
        turns = clusters.fit_rigid(still, moving)[0]
        lateral = turns @ axis
        right = body.lateral["pelvis"][..., 2]
        toward = (lateral * right).sum(axis=-1)
        if not np.isfinite(toward).any():
            continue
        lateral = unit(lateral * (1.0 if np.nanmedian(toward) > 0 else -1.0))
        before = body.lateral.get(f"{side}_thigh")
        body.lateral[f"{side}_thigh"] = lateral if before is None else np.where(np.isfinite(lateral), lateral, before)
        body.methods[f"{side}_knee_axis"] = METHOD
        notes.append(f"the {side} knee axis is that of the session's functional trial (SARA)")


def _markers(body: Centres, poses: Poses, rows: Ints, side: str, part: str) -> dict[str, Floats]:
    """Name to (n, 3) mm of the markers on a thigh or shank: its cluster and the named markers, each once."""
    columns = clusters.cluster_columns(poses.skeleton.joints).get(f"{side}_{part}", [])
    cluster = {poses.skeleton.joints[column]: poses.positions[rows, column] for column in columns}
    present = {name: values for name, values in cluster.items() if np.isfinite(values).any()}
    for name in _MARKS[part]:
        values = body.points.get(f"{side}_{name}")
        if values is not None and np.isfinite(values).any():
            twin = any(np.nanmax(np.abs(values - other), initial=0.0) < 5.0 for other in present.values())
            if not twin:  # a wand may be one of the cluster, filtered
                present[name] = values
    return present


def _places(known: Iterable[Calibration], side: str) -> dict[str, Floats]:
    """Name to (3,) of what a functional trial of the session gives of this side."""
    axes: dict[str, dict[str, float]] = {}
    for calibration in known:
        if calibration.side == side and calibration.parameter.startswith((_PLACE, _AXIS)):
            name, _, letter = calibration.parameter.rpartition("_")
            axes.setdefault(name, {}).setdefault(letter, calibration.value)
    return {name: np.array([v["x"], v["y"], v["z"]]) for name, v in axes.items() if set(v) == set("xyz")}
