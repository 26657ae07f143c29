"""Hip centres, and knee axes, from functional trials. Hips: the symmetrical centre of rotation of a thigh moved in all directions.

Ehrig et al. 2006 (SCoRE), doi:10.1016/j.jbiomech.2005.10.002: the point that stays in one place in both segments. The
result is kept in the axes of the pelvis and used in the other trials of the session instead of a regression. Knees:
:mod:`.functional_knee`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.geometry import rigid
from neurostore.ingest.landmarks import functional_knee
from neurostore.ingest.landmarks.centres import Centres
from neurostore.ingest.landmarks.clusters import Cluster
from neurostore.ingest.recording import Calibration

#: what ``functional`` of cohort.toml may name
JOINTS = ("left_hip", "right_hip", "both_hips", "left_knee", "right_knee", "both_knees")
SOURCE = "functional"
UNIT = "pelvis_mm"  # along the axes of the pelvis from the middle of both ASIS; may be negative
_LEAST_TURN_DEG = 8.0  # root mean square of the rotation about the axis with the least movement
_MOST_RESIDUAL_MM = 15.0
_THIGH = ("thigh", "knee_lateral", "knee_medial")


def calibrations_of(
    body: Centres, clusters: Mapping[str, Cluster], joint: str | None
) -> tuple[list[Calibration], list[str]]:
    """Hip centres in the pelvis, or knee axes, of a functional trial, and notes that name what was found or why nothing was.

    joint : of `JOINTS`; None for a trial that is not a functional trial. body : the person's points, with the axes of the pelvis.
    """
    calibrations: list[Calibration] = []
    notes: list[str] = []
    if joint is None:
        return calibrations, notes
    which, _, part = joint.partition("_")
    part = part.removesuffix("s")
    for side in ("left", "right") if which == "both" else (which,):
        if part == "hip":
            centre, note = _hip(body, clusters, side)
            given = [
                Calibration(f"functional_hip_{axis}", side, float(value), UNIT, SOURCE)
                for axis, value in zip("xyz", () if centre is None else centre, strict=False)
            ]
        else:
            given, note = functional_knee.knee_calibrations(body, clusters, side)
        calibrations += given
        notes.append(f"functional trial of the {side} {part}: {note}")
    return calibrations, notes


def _hip(body: Centres, clusters: Mapping[str, Cluster], side: str) -> tuple[Floats | None, str]:
    """(centre along the pelvis's axes (3,) mm, notes)."""
    if "pelvis" not in body.lateral:
        return None, "not used, because the pelvis has no axes (ASIS and PSIS or sacrum are needed)"
    cluster = clusters.get(f"{side}_thigh")
    markers = [] if cluster is None else list(cluster.measured.transpose(1, 0, 2))
    markers += [body.points[f"{side}_{name}"] for name in _THIGH if body.has(f"{side}_{name}")]
    markers = _distinct(markers)
    if len(markers) < 3:
        return None, f"not used, because the thigh has {len(markers)} markers; at least 3 are needed"
    moving = np.stack(markers, axis=1)
    whole = np.isfinite(moving).all(axis=(1, 2))
    if not whole.any():
        return None, "not used, because no frame has all markers of the thigh"
    thigh = rigid.fit_rigid(moving[int(np.argmax(whole))], moving)[:2]
    middle = (body.points["left_asis"] + body.points["right_asis"]) / 2
    try:
        centre, _, residual, turn_deg = rigid.score((body.lateral["pelvis"], middle), thigh)
    except ValueError as error:
        return None, f"not used, because {error}"
    figures = f"residual {residual:.1f} mm, least turn {turn_deg:.0f} degrees (root mean square)"
    if turn_deg < _LEAST_TURN_DEG:
        return None, f"not used, because the thigh hardly turns about one axis ({figures}); swing it in all directions"
    if residual > _MOST_RESIDUAL_MM:
        return None, f"not used, because the markers do not move about one point ({figures})"
    return centre, f"its centre is used in the session (SCoRE; {figures})"


def _distinct(markers: Sequence[Floats]) -> list[Floats]:
    """Markers that are not twice the same (a wand may also be one of the cluster)."""
    kept: list[Floats] = []
    for values in markers:
        if np.isfinite(values).any() and not any(np.array_equal(values, other, equal_nan=True) for other in kept):
            kept.append(values)
    return kept
