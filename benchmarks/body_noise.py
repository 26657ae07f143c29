"""Knee and hip error of noisy joint positions: landmarks alone and the fitted body, against the same walk without noise.

    python benchmarks/body_noise.py FOLDER_OF_BVH [--noise-mm 10] [--lost-s 0.5]

Joint positions of CMU walks, or markers on their fitted body, get white noise; in a second pass one of them is lost for
half a second as well. Truth is the same way of working out angles on clean, unfiltered positions. Rows: landmarks at
6 Hz (the present way), body.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from neurostore.ingest.body.exchange import markers_text
from neurostore.ingest.body.fitting import BodySettings, fit_body
from neurostore.ingest.body.forward import marker_places
from neurostore.ingest.landmarks import compute_landmarks
from neurostore.ingest.readers import read
from neurostore.ingest.recording import Recording


def flexion(segments: dict[str, np.ndarray], upper: str, lower: str, sign: float) -> np.ndarray:
    """Flexion about z of the upper segment, degrees."""
    turn = [segments.get(n, segments.get(f"{n}_line", segments.get(f"{n}_neutral"))) for n in (upper, lower)]
    known = np.isfinite(turn[0]).all(axis=1) & np.isfinite(turn[1]).all(axis=1)
    out = np.full(len(turn[0]), np.nan)
    a, b = (Rotation.from_quat(np.roll(t[known], -1, axis=1)) for t in turn)
    out[known] = sign * np.degrees(np.unwrap((a.inv() * b).as_euler("ZXY")[:, 0]))
    return out


def angles(segments: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    found = {}
    for side in ("left", "right"):
        found[f"{side}_hip"] = flexion(segments, "pelvis", f"{side}_thigh", 1.0)
        found[f"{side}_knee"] = flexion(segments, f"{side}_thigh", f"{side}_shank", -1.0)
    return found


def rmse(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean((a - b) ** 2)))


#: a laboratory's marker set, by the names of our landmarks
MARKERS = [
    *("c7", "clavicle", "sternum", "t10"),
    *(
        f"{side}_{n}"
        for side in ("left", "right")
        for n in ("asis", "psis", "acromion", "thigh", "knee_lateral", "knee_medial", "shank", "ankle_lateral",
                  "ankle_medial", "heel", "toe", "metatarsal_5")
    ),
]  # fmt: skip
LOST = {
    True: ["left_knee_lateral", "right_thigh", "right_ankle_lateral", "left_shank", "left_asis", "right_knee_medial"],
    False: ["left_knee", "right_ankle", "right_knee", "left_ankle"],
}


def marked(recording: Recording, folder: Path) -> Recording:
    """The walk as a laboratory's markers would have seen it: on the fitted body of its joint positions."""
    body = fit_body(compute_landmarks(recording, cutoff_hz=0.0), recording.rate_hz)
    places = 1000 * marker_places(body.model, body.values, MARKERS)
    path = folder / "walk.trc"
    points = {n: places[:, k] for k, n in enumerate(MARKERS)}
    path.write_text(markers_text(points, body.time_s, recording.rate_hz, path.name))
    return read(path)


def one(path: Path, options: argparse.Namespace, seed: int) -> dict[str, list[float]]:
    recording = read(path)
    clean = replace(recording, poses=[replace(recording.poses[0], rotations=None)], neutral=None, calibrations=[])
    if options.markers:
        with tempfile.TemporaryDirectory() as folder:
            clean = marked(clean, Path(folder))
    poses = clean.poses[0]
    if len(poses.frame) < 3 * recording.rate_hz * options.lost_s + 20:
        return {}
    truth_landmarks = compute_landmarks(clean, cutoff_hz=0.0)
    true_body = fit_body(truth_landmarks, recording.rate_hz, BodySettings(0.0))
    truth = {"landmarks": angles(truth_landmarks.segments)}
    truth["body"] = angles(true_body.rotations) if options.markers else truth["landmarks"]
    rng = np.random.default_rng(seed)
    rows: dict[str, list[float]] = {}
    for lost in (False, True):
        positions = poses.positions + rng.normal(size=poses.positions.shape).astype(np.float32) * options.noise_mm
        gap, name = slice(0, 0), ""
        if lost:
            name = LOST[options.markers][seed % len(LOST[options.markers])]
            first = int(rng.integers(10, len(positions) - recording.rate_hz * options.lost_s - 10))
            gap = slice(first, first + round(options.lost_s * recording.rate_hz))
            target = truth_landmarks.points[name]
            index = int(np.nanargmin(np.nanmedian(np.linalg.norm(poses.positions - target[:, None], axis=2), axis=0)))
            positions[gap, index] = np.nan
        noisy = replace(clean, poses=[replace(poses, positions=positions)])
        landmarks = compute_landmarks(noisy, cutoff_hz=6.0)
        body = fit_body(
            compute_landmarks(noisy, cutoff_hz=options.body_cutoff),
            recording.rate_hz,
            BodySettings(options.smooth_hz),
            is_filtered=options.body_cutoff > 0,
        )
        found = {"landmarks": angles(landmarks.segments), "body": angles(body.rotations)}
        for way, of in found.items():
            for joint in ("hip", "knee"):
                each = [rmse(of[f"{s}_{joint}"], truth[way][f"{s}_{joint}"]) for s in ("left", "right")]
                rows.setdefault(f"{'lost' if lost else 'noise'} {way} {joint} deg", []).append(float(np.mean(each)))
        if lost:
            at = 1000 * marker_places(body.model, body.values, [name])[:, 0]
            miss = np.linalg.norm(at - truth_landmarks.points[name], axis=1)[gap]
            rows.setdefault("lost marker mm (body)", []).append(float(np.sqrt(np.mean(miss**2))))
            side = name.split("_")[0]
            for way, of in found.items():
                d = (of[f"{side}_knee"] - truth[way][f"{side}_knee"])[gap]
                known = np.isfinite(d)
                if known.any():
                    rows.setdefault(f"lost marker's knee deg ({way})", []).append(
                        float(np.sqrt(np.mean(d[known] ** 2)))
                    )
                rows.setdefault(f"lost marker's knee: frames known ({way})", []).append(float(known.mean()))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--noise-mm", type=float, default=10.0)
    parser.add_argument("--lost-s", type=float, default=0.5)
    parser.add_argument("--smooth-hz", type=float, help="the smoother's cut-off; each coordinate's own by default")
    parser.add_argument("--body-cutoff", type=float, default=0.0, help="of the landmarks that the body is fitted to")
    parser.add_argument("--markers", action="store_true", help="a laboratory's marker set instead of joint positions")
    parser.add_argument("--pattern", default="walk*.bvh", help="files of the folder")
    parser.add_argument("--trials", type=int, default=8)
    options = parser.parse_args()
    gathered: dict[str, list[float]] = {}
    for seed, path in enumerate(sorted(options.folder.rglob(options.pattern))[: options.trials]):
        for name, values in one(path, options, seed).items():
            gathered.setdefault(name, []).extend(values)
    for name, values in gathered.items():
        print(f"{name:45s} {np.nanmean(values):7.2f}  (n {np.isfinite(values).sum()})")


if __name__ == "__main__":
    main()
