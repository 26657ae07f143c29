"""Errors of single cameras bone by bone, and those of the protocol ``measured`` on the same movements.

    python benchmarks/video_bones.py COHORT [--estimator mediapipe] [--keep FOLDER]

COHORT and ``--keep`` as in ``video_truth.py``. The turn of the whole body that fits best over a trial is taken out of
every camera first. For the bone that ends at a joint, in shares of its length: ``gain`` is the share of its true depth
that is estimated and ``over trials`` its standard deviation over cameras and sides, ``in picture`` the same across the
ray; ``depth`` and ``picture`` are what is left (root mean square), ``constant`` the share of its depth's variance that
does not change in a trial, and ``sides`` the correlation of left and right. The protocol corrupts the triangulated
points of the trial, eight times each camera.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation
from video_truth import SIDES, Points, in_camera, kept, reference_s, rms, same_person, subject, trusted

from neurostore.ingest.cohort.scan import scan
from neurostore.ingest.landmarks import compute_landmarks
from neurostore.ingest.multiview.calibration import read_rig
from neurostore.ingest.multiview.trial import recording_of
from neurostore.ingest.refine.apply import NOMINAL_DISTANCE_MM, to_lab_of
from neurostore.ingest.refine.markers import marker_set
from neurostore.ingest.refine.training.measured import Measured, measured_errors
from neurostore.ingest.video.contract import EstimatorOptions

MARKERS = marker_set("landmarks")
AT = {name: i for i, name in enumerate(MARKERS.names)}
NEAR = {
    "knee": "hip", "ankle": "knee", "heel": "ankle", "toe": "ankle", "shoulder": "hip", "elbow": "shoulder",
    "wrist": "elbow",
}  # fmt: skip
TURNED = [AT[f"{side}_{part}"] for side in SIDES for part in ("hip", "knee", "ankle", "shoulder")]
AHEAD = np.array([0.0, 0.0, NOMINAL_DISTANCE_MM])
Pair = tuple[np.ndarray, np.ndarray]  # true and estimated (n, M, 3) mm around the hips, in the axes of the camera


def pairs_of(cohort: Path, folder: Path | None, estimator: str) -> dict[str, list[Pair]]:
    """The pairs of every trial's cameras."""
    options, out = EstimatorOptions(), {}
    for source in scan(cohort).trials:
        if not source.options.views:
            continue
        shots = kept(folder, source, estimator, options)
        rig = read_rig(source.paths[len(shots) :], source.options.scale_mm)
        skeleton = shots[0].single.poses[0].skeleton
        reference = recording_of([s.view for s in shots], skeleton, rig, source.options, source.paths[0].parent)
        truth_lab = trusted(subject(compute_landmarks(reference, cutoff_hz=6.0)))
        steps = {s.name: s.parameters for s in reference.steps}
        for shot in shots:
            to_camera = shot.view.camera.rotation @ np.array(steps["triangulate"]["to_lab"]).T
            single = same_person(shot, truth_lab, to_camera, reference)
            own_s = single.poses[0].time_s - shot.view.time_s[0] + shot.view.offset_s
            rows = np.clip(np.searchsorted(own_s, reference_s(reference) - 0.5 / reference.rate_hz), 0, len(own_s) - 1)
            shared = np.abs(own_s[rows] - reference_s(reference)) < 0.5 / reference.rate_hz
            found = in_camera(subject(compute_landmarks(single, cutoff_hz=0.0)), to_lab_of(single)[0].T)
            pair = stacked(in_camera(truth_lab, to_camera))[shared], stacked(found)[rows][shared]
            out.setdefault(source.trial, []).append((pair[0], turned(*pair)))
    return out


def stacked(points: Points) -> np.ndarray:
    blank = np.full_like(points["left_hip"], np.nan)
    return np.stack([points.get(name, blank) for name in MARKERS.names], axis=1)


def turned(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """``found`` after the one turn about the hips that fits best over the trial."""
    a, b = truth[:, TURNED].reshape(-1, 3), found[:, TURNED].reshape(-1, 3)
    known = np.isfinite(a + b).all(axis=1)
    turn, _ = Rotation.align_vectors(a[known], b[known])
    return turn.apply(found.reshape(-1, 3)).reshape(found.shape)


def simulated(pairs: list[Pair], times: int = 8) -> list[Pair]:
    """The protocol's errors of the true points; gaps are bridged for it, and remain gaps."""
    out = []
    for seed in range(times * len(pairs)):
        truth = pairs[seed % len(pairs)][0]
        whole = truth.copy()
        whole[:, AT["head"]] = whole[:, [AT["left_shoulder"], AT["right_shoulder"]]].mean(axis=1)
        frames = np.arange(len(whole))
        for column in whole.reshape(len(whole), -1).T:
            known = np.isfinite(column)
            column[:] = np.interp(frames, frames[known], column[known])
        noisy, _ = measured_errors(Measured(), whole + AHEAD, 60.0, MARKERS, np.random.default_rng(seed))
        out.append((truth, np.where(np.isfinite(truth), noisy - AHEAD, np.nan)))
    return out


def bones(pairs: list[Pair], part: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """True and estimated bones (n, 3) of each camera and side, in shares of the length: depth, right, down."""
    true, found = [], []
    for truth, estimate in pairs:
        for side in SIDES:
            i, j = AT[f"{side}_{part}"], AT[f"{side}_{NEAR[part]}"]
            length = np.nanmedian(np.linalg.norm(truth[:, i] - truth[:, j], axis=-1))
            known = np.isfinite(truth[:, [i, j]] + estimate[:, [i, j]]).all(axis=(1, 2))
            for values, out in ((truth, true), (estimate, found)):
                bone = (values[:, i] - values[:, j])[:, [2, 0, 1]] / length
                out.append(np.where(known[:, None], bone, np.nan))
    return true, found


def row(pairs: list[Pair], part: str) -> list[float]:
    true, found = bones(pairs, part)
    a, b = np.concatenate(true), np.concatenate(found)
    gain, picture = (np.nansum(a[:, k] * b[:, k]) / np.nansum(a[:, k] ** 2) for k in (slice(0, 1), slice(1, 3)))
    each = [np.nansum(x[:, 0] * y[:, 0]) / np.nansum(x[:, 0] ** 2) for x, y in zip(true, found, strict=True)]
    depth = [y[:, 0] - gain * x[:, 0] for x, y in zip(true, found, strict=True)]
    plane = b[:, 1:] - picture * a[:, 1:]
    constant = np.nanmean([np.nanmean(d) ** 2 for d in depth])
    left, right = np.concatenate(depth[::2]), np.concatenate(depth[1::2])
    sides = np.nanmean(left * right) / np.sqrt(np.nanmean(left**2) * np.nanmean(right**2))
    share = constant / (constant + np.nanmean([np.nanvar(d) for d in depth]))
    return [gain, float(np.std(each)), picture, rms(np.concatenate(depth)), rms(plane), share, sides]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--estimator", default="mediapipe")
    parser.add_argument("--keep", type=Path, help="folder in which estimated poses are kept for the next run")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", "Mean of empty slice")
    heads = ("gain", "over trials", "in picture", "depth", "picture", "constant", "sides")
    for trial, pairs in pairs_of(arguments.cohort, arguments.keep, arguments.estimator).items():
        for title, some in (("film", pairs), ("protocol", simulated(pairs))):
            print(f"\n{trial}, {title}\n{'':10s}" + "".join(f"{head:>12s}" for head in heads))
            for part in NEAR:
                print(f"{part:10s}" + "".join(f"{value:12.2f}" for value in row(some, part)))


if __name__ == "__main__":
    main()
