"""Clusters: landmarks that only the static trial carries, led by the markers that stay on the segment.

The calibrated anatomical systems technique (Cappozzo et al. 1995, doi:10.1016/0268-0033(95)91394-T): the static trial gives the
place of each landmark among the markers of its segment's cluster, and the walking trials find it again from the
cluster's position by least squares (Söderkvist & Wedin 1993, doi:10.1016/0021-9290(93)90098-Y).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from neurostore.arrays import Floats, Ints
from neurostore.ingest.landmarks import filters
from neurostore.ingest.landmarks.names import Marks
from neurostore.ingest.recording import Calibration, Poses

UNIT = "lab_mm"
_LEAST = 3  # markers that fix a rigid body
_MOST_RESIDUAL_MM = 15.0  # skin moves a cluster's markers by up to 10 mm
_PART = r"(?:UPPER|UPP|UP|LOWER|LOW|FRONT|REAR|BACK|PROX|DIST|POST|ANT|LAT|MED|TOP|BOT|SUP|INF|[A-F]|\d)+"
_SEGMENTS = {
    "thigh": re.compile(
        rf"(?!TB[A-F\d])T(?:H(?:I(?:GH)?)?)?{_PART}|THI|THIGH"
    ),  # TB1 is a tibia, TB with TA and TC a thigh
    "shank": re.compile(rf"(?:SHANK|SHNK|SHK|SHN|SHA|SH|SK|TIB|TB|CALF){_PART}|TIB|SHA|SHN|SHANK"),
    "foot": re.compile(rf"(?:FOOT|FT|FO){_PART}"),
}
_LED = {
    "thigh": ("knee_lateral", "knee_medial"),
    "shank": ("ankle_lateral", "ankle_medial"),
    "foot": ("heel", "toe", "metatarsal_1", "metatarsal_5"),
}


def cluster_columns(columns: Sequence[str]) -> dict[str, list[int]]:
    """``left_thigh`` … to the indices of the columns whose names say that they belong to a cluster there; three at least."""
    by_cluster: dict[str, list[int]] = {}
    for index, column in enumerate(columns):
        name = re.sub(r"[^A-Z0-9]", "", column.upper())
        for side, starts in (("left", ("LEFT", "L")), ("right", ("RIGHT", "R"))):
            start = next((s for s in starts if name.startswith(s)), None)
            if start is None:
                continue
            for segment, pattern in _SEGMENTS.items():
                if pattern.fullmatch(name.removeprefix(start)):
                    by_cluster.setdefault(f"{side}_{segment}", []).append(index)
            break
    return {segment: indices for segment, indices in by_cluster.items() if len(indices) >= _LEAST}


def static_positions(poses: Poses, rows: Ints, marks: Marks) -> list[Calibration]:
    """Where the markers of clusters, and the landmarks they lead, were in a static trial (medians, mm of its lab)."""
    clusters = cluster_columns(poses.skeleton.joints)
    places: dict[str, Floats] = {}
    for segment, indices in clusters.items():
        side, _, part = segment.partition("_")
        for index in indices:
            places[f"marker_{poses.skeleton.joints[index]}"] = poses.positions[rows, index]
        for landmark in _LED[part]:
            if f"{side}_{landmark}" in marks:
                places[f"landmark_{side}_{landmark}"] = marks[f"{side}_{landmark}"]
    positions = []
    for name, values in places.items():
        seen = values[np.isfinite(values).all(axis=-1)]
        for axis, value in zip("xyz", np.median(seen, axis=0) if len(seen) else (), strict=False):
            positions.append(Calibration(f"static_{name}_{axis}", None, float(value), UNIT, "static"))
    return positions


def lead(
    marks: Marks, poses: Poses, rows: Ints, known: Iterable[Calibration], rate_hz: float, cutoff_hz: float
) -> tuple[dict[str, float], list[str]]:
    """Put landmarks into ``marks`` that only the static trial of the session has, from the clusters of this trial.

    A landmark that this trial has stays as measured, and its gaps are bridged. Frames with fewer than three markers of a
    cluster give none.

    Returns
    -------
    quality : ``cluster_residual_mm``, the largest median residual of a cluster. notes : which landmark is led by which cluster.
    """
    places = _places(known)
    if not places:
        return {}, []
    residuals: dict[str, float] = {}
    led: list[str] = []
    refused: list[str] = []
    for segment, indices in cluster_columns(poses.skeleton.joints).items():
        side, _, part = segment.partition("_")
        names = [f"marker_{poses.skeleton.joints[i]}" for i in indices]
        use = [k for k, name in enumerate(names) if name in places]
        wanted = [f"{side}_{n}" for n in _LED[part] if f"landmark_{side}_{n}" in places]
        wanted = [n for n in wanted if n not in marks or np.isnan(marks[n]).any()]
        if len(use) < _LEAST or not wanted:
            continue
        still = np.array([places[names[k]] for k in use])
        moving = filters.clean(
            poses.positions[np.ix_(rows, np.array([indices[k] for k in use]))], poses.time_s[rows], rate_hz, cutoff_hz
        ).values
        turns, origins, residual = fit_rigid(still, moving)
        seen = np.isfinite(residual)
        if not seen.any():
            continue
        typical = float(np.median(residual[seen]))
        if typical > _MOST_RESIDUAL_MM:
            refused.append(f"{segment.replace('_', ' ')} {typical:.1f} mm")
            continue
        residuals[segment] = typical
        for name in wanted:
            place = np.einsum("nij,j->ni", turns, places[f"landmark_{name}"]) + origins
            marks[name] = place if name not in marks else np.where(np.isnan(marks[name]), place, marks[name])
            led.append(name)
    notes = []
    if refused:
        notes.append(
            f"clusters that do not have the shape they have in the static trial give no landmarks (labels exchanged, markers moved, "
            f"another person or scale; median residual over {_MOST_RESIDUAL_MM:g} mm): {', '.join(refused)}"
        )
    if not led:
        return {}, notes
    text = ", ".join(f"{segment.replace('_', ' ')} {value:.1f} mm" for segment, value in residuals.items())
    return {"cluster_residual_mm": max(residuals.values())}, [
        *notes,
        f"{', '.join(led)} are reconstructed from clusters of markers and the session's static trial (median residual: {text})",
    ]


def fit_rigid(still: Floats, moving: Floats) -> tuple[Floats, Floats, Floats]:
    """The rotation and translation that bring one set of points nearest to each of many (Söderkvist & Wedin 1993).

    still : (m, 3). moving : (n, m, 3), NaN = missing; at least three points of a frame are needed.

    Returns
    -------
    rotations (n, 3, 3), translations (n, 3), residual (n,) root mean square distance; NaN where no fit is possible.
    """
    n = len(moving)
    turns, origins, residual = np.full((n, 3, 3), np.nan), np.full((n, 3), np.nan), np.full(n, np.nan)
    seen = np.isfinite(moving).all(axis=-1)
    for pattern in np.unique(seen, axis=0):
        frames = np.flatnonzero((seen == pattern).all(axis=1))
        if pattern.sum() < _LEAST:
            continue
        a, b = still[pattern], moving[np.ix_(frames, np.flatnonzero(pattern))]
        centre_a, centre_b = a.mean(axis=0), b.mean(axis=1)
        u, size, vt = np.linalg.svd(np.einsum("nki,kj->nij", b - centre_b[:, None], a - centre_a))
        if (size[:, 1] < 1e-3 * size[:, 0]).any():
            continue  # on a line: the turn about it is not known
        flip = np.ones((len(frames), 3))
        flip[:, 2] = np.sign(np.linalg.det(u @ vt))
        r = (u * flip[:, None]) @ vt
        t = centre_b - r @ centre_a
        turns[frames], origins[frames] = r, t
        miss = b - (np.einsum("nij,kj->nki", r, a) + t[:, None])
        residual[frames] = np.sqrt((miss**2).sum(axis=-1).mean(axis=-1))
    return turns, origins, residual


#: Rotations (n, 3, 3) and origins (n, 3) in mm of a segment, segment to lab; NaN where it is not known.
Segment = tuple[Floats, Floats]


def known_in_both(proximal: Segment, distal: Segment) -> tuple[Segment, Segment]:
    """Two segments in the frames in which both are known.

    Raises
    ------
    ValueError : fewer than ten frames have both segments.
    """
    seen = np.logical_and.reduce([np.isfinite(a).reshape(len(a), -1).all(axis=1) for a in (*proximal, *distal)])
    if seen.sum() < 10:
        raise ValueError(f"{seen.sum()} frames have both segments, at least 10 are needed")
    return (proximal[0][seen], proximal[1][seen]), (distal[0][seen], distal[1][seen])


def _places(known: Iterable[Calibration]) -> dict[str, Floats]:
    """``marker_…`` and ``landmark_…`` to (3,) mm of what a static trial of the session gives; the first trial is used."""
    axes: dict[str, dict[str, float]] = {}
    for calibration in known:
        if calibration.unit == UNIT and calibration.parameter.startswith("static_"):
            name, _, axis = calibration.parameter.removeprefix("static_").rpartition("_")
            axes.setdefault(name, {}).setdefault(axis, calibration.value)
    return {name: np.array([v["x"], v["y"], v["z"]]) for name, v in axes.items() if set(v) == set("xyz")}
