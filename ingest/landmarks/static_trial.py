"""What a static trial gives the other trials of its session."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.landmarks import misplaced, plausible
from neurostore.ingest.landmarks.axes import cross
from neurostore.ingest.landmarks.calibration import DEFAULT_MARKER_DIAMETER_MM, Parameters, median_length
from neurostore.ingest.landmarks.centres import Centres
from neurostore.ingest.landmarks.clusters import LED, UNIT, Cluster
from neurostore.ingest.landmarks.names import SIDES, Marks
from neurostore.ingest.landmarks.segments import Segments
from neurostore.ingest.recording import Calibration


def give_session(
    parameters: Parameters, body: Centres, segments: Segments, clusters: Mapping[str, Cluster]
) -> list[str]:
    """Add what a static trial gives its session, source ``static``; nothing where left and right are exchanged.

    These are widths, rotations of wands, static foot offsets and the places of clusters. Widths and the rotation of the wands of
    thigh and shank need medial markers, which many laboratories take off for walking; a knee alignment device gives the
    rotations too. Returns notes.
    """
    rotations = {(name, side): _wand_rotation(body.points, side, name) for name in _WANDS for side in SIDES}
    offsets = {side: _foot_offsets(body.points, segments.axes, side) for side in SIDES}
    positions = _positions(clusters, body.points)
    if plausible.is_mirrored(body.points):
        parameters.added = [c for c in parameters.added if c.source != "static"]
        return ["left and right are exchanged, so this static trial is not used for its session"]
    diameter = parameters.get("marker_diameter") or DEFAULT_MARKER_DIAMETER_MM
    for side in SIDES:
        for segment, (joint, _) in _WANDS.items():
            lateral, medial = (body.points.get(f"{side}_{joint}_{end}") for end in ("lateral", "medial"))
            if lateral is not None and medial is not None:
                parameters.add(f"{joint}_width", side, median_length(lateral, medial) - diameter, "mm", "static")
            turn = rotations[segment, side]
            if turn is not None:
                if body.has(f"{side}_knee_device_axis"):
                    parameters.drop_zero(f"{segment}_rotation", side)  # not set when the file was written
                parameters.add(f"{segment}_rotation", side, turn, "deg", "static")
        for name, value in offsets[side].items():
            parameters.add(name, side, value, "deg", "static")
    misplaced.add_lengths(body)
    parameters.added += positions
    return []


#: segment with a wand -> (joint at its lower end, joint at its upper end)
_WANDS = {"thigh": ("knee", "hip"), "shank": ("ankle", "knee")}


def _wand_rotation(marks: Marks, side: str, segment: str) -> float | None:
    """Median angle in degrees from the wand to the lateral marker about the segment, as :func:`.joint_centres.chord` takes it.

    None if a point is missing; NaN where they are never seen together.
    """
    joint, above = _WANDS[segment]
    names = f"{joint}_lateral", above, joint, segment
    at, top, centre, on = (marks.get(f"{side}_{name}") for name in names)
    if not {f"{side}_{joint}_medial", f"{side}_knee_device_axis"} & set(marks):
        return None
    if at is None or top is None or centre is None or on is None:
        return None
    up, wand, lateral = top - centre, on - centre, at - centre
    up = up / np.sqrt((up**2).sum(-1, keepdims=True))
    wand = wand - (wand * up).sum(-1, keepdims=True) * up
    lateral = lateral - (lateral * up).sum(-1, keepdims=True) * up
    angle = np.degrees(np.arctan2((cross(wand, lateral) * up).sum(-1), (wand * lateral).sum(-1)))
    sign = 1.0 if side == "right" else -1.0
    return sign * float(np.median(angle[np.isfinite(angle)])) if np.isfinite(angle).any() else math.nan


def _foot_offsets(marks: Marks, axes: Marks, side: str) -> dict[str, float]:
    """``static_foot_offset`` and ``static_foot_rotation_offset``, degrees, where they are seen.

    The offset is the pitch of heel → toe over ankle → toe, both seen in the shank's axes (n, 3, 3); without a heel the sole is
    taken as level.
    """
    ankle, toe, heel = (marks.get(f"{side}_{p}") for p in ("ankle", "toe", "heel"))
    shank = axes.get(f"{side}_shank", axes.get(f"{side}_shank_line"))
    if ankle is None or toe is None or shank is None:
        return {}
    offsets = {}
    to_toe = np.einsum("nij,ni->nj", shank, toe - ankle)
    sole = toe - heel if heel is not None else (toe - ankle) * np.array([1.0, 0.0, 1.0])
    along = np.einsum("nij,ni->nj", shank, sole)
    pitch = np.degrees(np.arctan2(along[:, 1], along[:, 0]) - np.arctan2(to_toe[:, 1], to_toe[:, 0]))
    if np.isfinite(pitch).any():
        offsets["static_foot_offset"] = float(np.nanmedian(pitch))
    if heel is not None:
        yaw = np.degrees(np.arctan2(to_toe[:, 2], to_toe[:, 0]) - np.arctan2(along[:, 2], along[:, 0]))
        if np.isfinite(yaw).any():
            sign = 1.0 if side == "right" else -1.0
            offsets["static_foot_rotation_offset"] = sign * float(np.nanmedian(yaw))
    return offsets


def _positions(clusters: Mapping[str, Cluster], marks: Marks) -> list[Calibration]:
    """Where the markers of clusters, and the landmarks they lead, were in a static trial (medians, mm of its lab)."""
    places: dict[str, Floats] = {}
    for segment, cluster in clusters.items():
        side, _, part = segment.partition("_")
        places |= {f"marker_{name}": cluster.measured[:, k] for k, name in enumerate(cluster.names)}
        for landmark in LED[part]:
            if f"{side}_{landmark}" in marks:
                places[f"landmark_{side}_{landmark}"] = marks[f"{side}_{landmark}"]
    positions = []
    for name, values in places.items():
        seen = values[np.isfinite(values).all(axis=-1)]
        for axis, value in zip("xyz", np.median(seen, axis=0) if len(seen) else (), strict=False):
            positions.append(Calibration(f"static_{name}_{axis}", None, float(value), UNIT, "static"))
    return positions
