"""Clusters: landmarks that only the static trial has, reconstructed from the markers that stay on the segment.

The calibrated anatomical systems technique (Cappozzo et al. 1995, doi:10.1016/0268-0033(95)91394-T): the static trial
gives the place of each landmark among the markers of its segment's cluster, and the walking trials find it again from
the cluster's position by least squares (Söderkvist & Wedin 1993, doi:10.1016/0021-9290(93)90098-Y).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.geometry.rigid import fit_rigid
from neurostore.ingest.landmarks.names import LEAST_OF_CLUSTER, Marks
from neurostore.ingest.recording import Calibration

UNIT = "lab_mm"
_MOST_RESIDUAL_MM = 15.0  # skin motion displaces a cluster's markers by up to 10 mm
_SAME_SIZE = (
    0.05  # clusters of one person in two trials; skin motion makes single ones larger or smaller, never all of them
)
_LEAST_CLUSTERS = 3
LED = {
    "thigh": ("knee_lateral", "knee_medial"),
    "shank": ("ankle_lateral", "ankle_medial"),
    "foot": ("heel", "toe", "metatarsal_1", "metatarsal_5"),
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """The markers of a cluster. names : as the file spells them. measured, filtered : (n, m, 3) mm, NaN = missing.

    filtered is None if no other trial of the session knows these markers, so that nothing is reconstructed from them.
    """

    names: tuple[str, ...]
    measured: Floats
    filtered: Floats | None = None


def lead(
    marks: Marks, clusters: Mapping[str, Cluster], known: Iterable[Calibration]
) -> tuple[dict[str, float], list[str]]:
    """Put landmarks into ``marks`` that only the static trial of the session has, from the clusters of this trial.

    A landmark that this trial has stays as measured, and its gaps are bridged. Frames with fewer than three markers of a
    cluster give none.

    Returns
    -------
    quality : ``cluster_residual_mm``, the largest median residual of a cluster. notes : which landmark is reconstructed from which cluster.
    """
    places = _places(known)
    if note := _of_another_size(clusters, places):
        return {}, [note]
    residuals: dict[str, float] = {}
    led: list[str] = []
    refused: list[str] = []
    for segment, cluster in clusters.items():
        side, _, part = segment.partition("_")
        use = [k for k, name in enumerate(cluster.names) if f"marker_{name}" in places]
        wanted = [f"{side}_{n}" for n in LED[part] if f"landmark_{side}_{n}" in places]
        wanted = [n for n in wanted if n not in marks or np.isnan(marks[n]).any()]
        if len(use) < LEAST_OF_CLUSTER or not wanted or cluster.filtered is None:
            continue
        still = np.array([places[f"marker_{cluster.names[k]}"] for k in use])
        turns, origins, residual = fit_rigid(still, cluster.filtered[:, use])
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


def _of_another_size(clusters: Mapping[str, Cluster], places: Mapping[str, Floats]) -> str:
    """A note if all clusters are larger, or all smaller, than in the static trial: another person's, or another scale."""
    ratios = []
    for cluster in clusters.values():
        use = [k for k, name in enumerate(cluster.names) if f"marker_{name}" in places]
        if len(use) < LEAST_OF_CLUSTER or cluster.filtered is None:
            continue
        still = np.array([places[f"marker_{cluster.names[k]}"] for k in use])
        whole = cluster.filtered[:, use][np.isfinite(cluster.filtered[:, use]).all(axis=(1, 2))]
        if len(whole) and (size := float(np.linalg.norm(still - still.mean(axis=0)))) > 0:
            sizes = np.linalg.norm(whole - whole.mean(axis=1, keepdims=True), axis=(1, 2))
            ratios.append(float(np.median(sizes)) / size)
    change = np.array(ratios) - 1
    if len(change) < _LEAST_CLUSTERS or not ((change > _SAME_SIZE).all() or (change < -_SAME_SIZE).all()):
        return ""
    return (
        f"all clusters of markers are {100 * abs(np.median(change)):.0f} % {'larger' if change[0] > 0 else 'smaller'} than in the "
        "session's static trial, which is another person's or in another scale: they give no landmarks"
    )


def _places(known: Iterable[Calibration]) -> dict[str, Floats]:
    """``marker_…`` and ``landmark_…`` to (3,) mm of what a static trial of the session gives; the first trial is used."""
    axes: dict[str, dict[str, float]] = {}
    for calibration in known:
        if calibration.unit == UNIT and calibration.parameter.startswith("static_"):
            name, _, axis = calibration.parameter.removeprefix("static_").rpartition("_")
            axes.setdefault(name, {}).setdefault(axis, calibration.value)
    return {name: np.array([v["x"], v["y"], v["z"]]) for name, v in axes.items() if set(v) == set("xyz")}
