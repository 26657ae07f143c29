"""Clusters: landmarks that only the static trial has, reconstructed from the markers that stay on the segment.

The calibrated anatomical systems technique (Cappozzo et al. 1995, doi:10.1016/0268-0033(95)91394-T): the static trial
gives the place of each landmark among the markers of its segment's cluster, and the walking trials find it again from
the cluster's position by least squares (Söderkvist & Wedin 1993, doi:10.1016/0021-9290(93)90098-Y).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from neurostore.arrays import Floats
from neurostore.ingest.geometry.rigid import fit_rigid
from neurostore.ingest.landmarks.names import LEAST_OF_CLUSTER, SIDES, Marks
from neurostore.ingest.recording import Calibration

UNIT = "lab_mm"
_MOST_RESIDUAL_MM = 15.0  # skin motion displaces a cluster's markers by up to 10 mm
_SAME_SIZE = (
    0.05  # clusters of one person in two trials; skin motion makes single ones larger or smaller, never all of them
)
_LEAST_CLUSTERS = 3
_MOST_GAP_MM = 15.0
_NEARLY_ALL_PCT = 20.0  # percentile of the gap over the trial: four fifths of the frames have more
_JOINTS = {"knee": ("thigh", "shank"), "ankle": ("shank", "foot")}
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
    quality : ``cluster_residual_mm``, the largest median residual of a cluster; ``slipped_clusters``, the number of joints
    that two clusters see in different places. notes : which landmark is reconstructed from which cluster.
    """
    places = _places(known)
    if note := _of_another_size(clusters, places):
        return {}, [note]
    residuals: dict[str, float] = {}
    led: list[str] = []
    refused: list[str] = []
    fits = _fits(clusters, places)
    slips = _slips(marks, {name: fit for name, fit in fits.items() if fit.residual <= _MOST_RESIDUAL_MM}, places)
    for segment, fit in fits.items():
        side, _, part = segment.partition("_")
        wanted = [f"{side}_{n}" for n in LED[part] if f"landmark_{side}_{n}" in places]
        wanted = [n for n in wanted if n not in marks or np.isnan(marks[n]).any()]
        if not wanted:
            continue
        if fit.residual > _MOST_RESIDUAL_MM:
            refused.append(f"{segment.replace('_', ' ')} {fit.residual:.1f} mm")
            continue
        residuals[segment] = fit.residual
        for name in wanted:
            place = fit.moved(places[f"landmark_{name}"])
            marks[name] = place if name not in marks else np.where(np.isnan(marks[name]), place, marks[name])
            led.append(name)
    notes = slips
    slipped = {"slipped_clusters": float(len(slips))} if slips else {}
    if refused:
        notes.append(
            f"clusters that do not have the shape they have in the static trial give no landmarks (labels exchanged, markers moved, "
            f"another person or scale; median residual over {_MOST_RESIDUAL_MM:g} mm): {', '.join(refused)}"
        )
    if not led:
        return slipped, notes
    text = ", ".join(f"{segment.replace('_', ' ')} {value:.1f} mm" for segment, value in residuals.items())
    return slipped | {"cluster_residual_mm": max(residuals.values())}, [
        *notes,
        f"{', '.join(led)} are reconstructed from clusters of markers and the session's static trial (median residual: {text})",
    ]


@dataclass(frozen=True, slots=True)
class _Fit:
    """Where a cluster is: turns (n, 3, 3) and origins (n, 3) from the static trial's lab, and the median residual in mm."""

    turns: Floats
    origins: Floats
    residual: float

    def moved(self, place: Floats) -> Floats:
        """(n, 3) of a place (3,) in the static trial's lab."""
        return np.einsum("nij,j->ni", self.turns, place) + self.origins


def _fits(clusters: Mapping[str, Cluster], places: Mapping[str, Floats]) -> dict[str, _Fit]:
    """Segment to the fit of its cluster, of those with enough markers in both trials."""
    fits = {}
    for segment, cluster in clusters.items():
        use = [k for k, name in enumerate(cluster.names) if f"marker_{name}" in places]
        if len(use) < LEAST_OF_CLUSTER or cluster.filtered is None:
            continue
        still = np.array([places[f"marker_{cluster.names[k]}"] for k in use])
        turns, origins, residual = fit_rigid(still, cluster.filtered[:, use])
        seen = np.isfinite(residual)
        if seen.any():
            fits[segment] = _Fit(turns, origins, float(np.median(residual[seen])))
    return fits


def _slips(marks: Marks, fits: Mapping[str, _Fit], places: Mapping[str, Floats]) -> list[str]:
    """Joints that two segments, or a segment and the joint's own markers, see far apart in nearly all frames.

    In the static trial they are in one place. A cluster that slipped since then shows in all frames, skin that moves over
    the bones only in those in which the joint bends far.
    """
    notes = []
    for joint, segments in _JOINTS.items():
        for side in SIDES:
            ends = [
                f"{side}_{joint}_{end}" for end in ("lateral", "medial") if f"landmark_{side}_{joint}_{end}" in places
            ]
            if not ends:
                continue
            seen = {
                f"{side} {part}": np.mean(
                    [fits[f"{side}_{part}"].moved(places[f"landmark_{end}"]) for end in ends], axis=0
                )
                for part in segments
                if f"{side}_{part}" in fits
            }
            if set(ends) <= set(marks):
                seen["its markers"] = np.mean([marks[end] for end in ends], axis=0)
            for (a, first), (b, second) in combinations(seen.items(), 2):
                apart = np.linalg.norm(first - second, axis=-1)
                apart = apart[np.isfinite(apart)]
                if len(apart) and (least := float(np.percentile(apart, _NEARLY_ALL_PCT))) > _MOST_GAP_MM:
                    notes.append(
                        f"the {side} {joint} is in two places, at least {least:.0f} mm apart, as seen from the {a} and "
                        f"from {b if b == 'its markers' else f'the {b}'}: a cluster or a marker moved since the static trial"
                    )
    return notes


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
