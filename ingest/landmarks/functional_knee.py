"""Knee axes from a trial in which the person bends the knee: the symmetrical axis of rotation.

Ehrig et al. 2007 (SARA), doi:10.1016/j.jbiomech.2006.10.026: the line that stays in one place in both segments. The
axis is kept beside the places of the thigh's markers, which lead it in the other trials of the session. There it
replaces the lateral axis of the thigh, and with it adduction and rotation of knee and hip; joint centres stay as they
are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.geometry import rigid
from neurostore.ingest.landmarks.axes import unit
from neurostore.ingest.landmarks.centres import Centres
from neurostore.ingest.landmarks.clusters import UNIT, Cluster
from neurostore.ingest.landmarks.names import LEAST_OF_CLUSTER, SIDES
from neurostore.ingest.recording import Calibration

METHOD = "functional (SARA)"
SOURCE = "functional"
_AXIS = "functional_knee_axis"
_PLACE = "functional_thigh_"
_LEAST_RANGE_DEG = 20.0
_MOST_WOBBLE_DEG = 10.0  # root mean square angle between the axis seen from the thigh and seen from the shank
_MARKS = {"thigh": ("thigh", "knee_lateral", "knee_medial"), "shank": ("shank", "ankle_lateral", "ankle_medial")}


def knee_calibrations(body: Centres, clusters: Mapping[str, Cluster], side: str) -> tuple[list[Calibration], str]:
    """(axis and places of the thigh's markers in a frame of this trial, notes)."""
    segments = {part: _markers(body, clusters, side, part) for part in ("thigh", "shank")}
    for part, markers in segments.items():
        if len(markers) < LEAST_OF_CLUSTER:
            return (
                [],
                f"not used, because the {part} has {len(markers)} markers; at least {LEAST_OF_CLUSTER} are needed",
            )
    moving = {part: np.stack(list(markers.values()), axis=1) for part, markers in segments.items()}
    whole = np.isfinite(np.concatenate(list(moving.values()), axis=1)).all(axis=(1, 2))
    if not whole.any():
        return [], "not used, because no frame has all markers of thigh and shank"
    at = int(np.argmax(whole))
    fits = {part: rigid.fit_rigid(values[at], values) for part, values in moving.items()}
    try:
        axis, _, wobble, turned = rigid.sara(fits["thigh"][:2], fits["shank"][:2])
    except ValueError as error:
        return [], f"not used, because {error}"
    figures = f"{turned:.0f} degrees of bending, the axis wobbles by {wobble:.1f} degrees (root mean square)"
    if turned < _LEAST_RANGE_DEG:
        return [], f"not used, because the knee hardly bends ({figures})"
    if wobble > _MOST_WOBBLE_DEG:
        return [], f"not used, because the shank does not turn about one axis ({figures})"
    places = {f"{_PLACE}{name}": value for name, value in zip(segments["thigh"], moving["thigh"][at], strict=True)}
    calibrations = [
        Calibration(f"{name}_{letter}", side, float(value), UNIT, SOURCE)
        for name, values in {**places, _AXIS: axis}.items()
        for letter, value in zip("xyz", values, strict=True)
    ]
    return calibrations, f"its axis is used in the session (SARA; {figures})"


def use_axes(body: Centres, clusters: Mapping[str, Cluster], known: Iterable[Calibration], notes: list[str]) -> None:
    """Put the functional knee axes of the session into ``body.lateral``, as the lateral axes of the thighs; noted."""
    known = list(known)
    for side in SIDES:
        places = _places(known, side)
        axis = places.pop(_AXIS, None)
        if axis is None or "pelvis" not in body.lateral:
            continue
        markers = _markers(body, clusters, side, "thigh")
        use = [name for name in markers if f"{_PLACE}{name}" in places]
        if len(use) < LEAST_OF_CLUSTER:
            notes.append(
                f"no functional {side} knee axis: {len(use)} markers of the thigh are also in the functional trial; "
                f"at least {LEAST_OF_CLUSTER} are needed"
            )
            continue
        still = np.array([places[f"{_PLACE}{name}"] for name in use])
        # unfiltered markers of the cluster served to find duplicates; named markers are filtered already
        filtered = _filtered(clusters.get(f"{side}_thigh"))
        moving = np.stack([filtered.get(name, markers[name]) for name in use], axis=1)
        turns = rigid.fit_rigid(still, moving)[0]
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


def _markers(body: Centres, clusters: Mapping[str, Cluster], side: str, part: str) -> dict[str, Floats]:
    """Name to (n, 3) mm of the markers on a thigh or shank: its cluster and the named markers, each once."""
    cluster = clusters.get(f"{side}_{part}")
    measured = {} if cluster is None else dict(zip(cluster.names, cluster.measured.transpose(1, 0, 2), strict=True))
    present = {name: values for name, values in measured.items() if np.isfinite(values).any()}
    for name in _MARKS[part]:
        values = body.points.get(f"{side}_{name}")
        if values is not None and np.isfinite(values).any():
            twin = any(np.nanmax(np.abs(values - other), initial=0.0) < 5.0 for other in present.values())
            if not twin:  # a wand may be a marker of the cluster, after filtering
                present[name] = values
    return present


def _filtered(cluster: Cluster | None) -> dict[str, Floats]:
    """Name to (n, 3) mm of the markers of a cluster, filtered."""
    if cluster is None or cluster.filtered is None:
        return {}
    return dict(zip(cluster.names, cluster.filtered.transpose(1, 0, 2), strict=True))


def _places(known: Iterable[Calibration], side: str) -> dict[str, Floats]:
    """Name to (3,) of what a functional trial of the session gives of this side."""
    axes: dict[str, dict[str, float]] = {}
    for calibration in known:
        if calibration.side == side and calibration.parameter.startswith((_PLACE, _AXIS)):
            name, _, letter = calibration.parameter.rpartition("_")
            axes.setdefault(name, {}).setdefault(letter, calibration.value)
    return {name: np.array([v["x"], v["y"], v["z"]]) for name, v in axes.items() if set(v) == set("xyz")}
