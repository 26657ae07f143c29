"""Poses from each single camera against the points triangulated from all cameras of the same trial.

    python benchmarks/video_truth.py COHORT [--estimator mediapipe] [--keep FOLDER] [--residuals] [--checkpoint FILE]

COHORT holds trials of several calibrated cameras, as ``neurostore ingest`` reads them (the folders Demo_Batch of the
wheel of Pose2Sim, for example). Every video is estimated once; its views are triangulated (the reference, Butterworth 6
Hz), and each video alone is read as a trial of one camera. Rows: as estimated, Butterworth 6 Hz, body, refined, refined
and body, and the reference's own figures. All poses are compared in the frame of the camera, around the middle of the
hips.

Columns: error (root mean square over limb joints and frames), its part along the ray and across, bone-length CV, and
the root mean square error and correlation of flexion at hip, knee and ankle (angles between lines, so that all methods
compute the same); ``frames`` is the share of frames in which there is something to compare, ``95 %`` is the share of errors along the ray inside the stated interval. At the end: the errors
along the ray by joint, slow and fast, and their correlation along a limb; with ``--residuals`` also by direction, for
each trial (:mod:`video_residuals`).
"""

from __future__ import annotations

import argparse
import pickle
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import video_residuals

from neurostore.errors import InputError
from neurostore.ingest.body.forward import marker_places
from neurostore.ingest.body.trial import our_body, weights_of
from neurostore.ingest.cohort.scan import scan
from neurostore.ingest.cohort.source import TrialSource
from neurostore.ingest.landmarks import Landmarks, compute_landmarks
from neurostore.ingest.multiview.calibration import matched, read_rig
from neurostore.ingest.multiview.rig import CalibratedCamera, fitted
from neurostore.ingest.multiview.trial import recording_of
from neurostore.ingest.multiview.views import View, view_of
from neurostore.ingest.recording import Recording
from neurostore.ingest.refine.apply import load_refiner, refine_recording, refined_recording, to_lab_of
from neurostore.ingest.refine.refiner import Refiner
from neurostore.ingest.video import decode, estimate
from neurostore.ingest.video.contract import EstimatorOptions

SIDES = ("left", "right")
LIMBS = tuple(f"{s}_{p}" for p in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist") for s in SIDES)
BONES = tuple(
    (f"{s}_{a}", f"{s}_{b}")
    for a, b in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
    for s in SIDES
)
ANGLES = ("hip", "knee", "ankle")
Points = dict[str, np.ndarray]


@dataclass
class Shot:
    """One camera's video: its view, and its poses as a trial of one camera."""

    view: View
    single: Recording


def shots_of(source: TrialSource, estimator: str, options: EstimatorOptions) -> list[Shot]:
    """Estimate every video of a trial."""
    views = source.options.views
    rig = read_rig(source.paths[len(views) :], source.options.scale_mm)
    cameras, _ = matched(rig, [view.name for view in views], source.paths[0])
    shots = []
    for view, path, camera in zip(views, source.paths, cameras, strict=False):
        info = decode.probe(path)
        fit, _ = fitted(camera, info.width, info.height, view.camera.get("resolution"), path)
        video = estimate.follow(path, replace(source.options, camera={}, views=()), estimator, options)
        seen = view_of(view.name, fit, video, float(view.camera.get("offset_s", 0.0)))
        shots.append(Shot(seen, estimate.recording_of(video, options)))
    return shots


def in_camera(points: Points, rotation: np.ndarray) -> Points:
    """Landmarks around the middle of the hips, in the axes of a camera. rotation : lab to camera."""
    middle = (points["left_hip"] + points["right_hip"]) / 2
    return {name: (p - middle) @ rotation.T for name, p in points.items()}


def subject(landmarks: Landmarks) -> Points:
    rows = landmarks.person == 0
    return {name: p[rows].astype(float) for name, p in landmarks.points.items()}


def with_body(recording: Recording, landmarks: Landmarks) -> Points:
    """Landmarks as the fitted body of an ingest has them."""
    weights = weights_of(recording.poses[0], landmarks, recording.quality)
    body = our_body(recording.kind, recording.rate_hz, landmarks, weights, recording.calibrations)
    names = [m.name for m in body.model.markers]
    places = 1000 * marker_places(body.model, body.values, names)
    places[np.isnan(body.coordinates["pelvis_tx"])] = np.nan  # frames in which no body is stored
    for side in SIDES:  # a foot that is not believed has no angles
        is_lost = np.isnan(body.coordinates[f"ankle_angle_{side[0]}"])
        places[np.ix_(is_lost, [names.index(f"{side}_{n}") for n in ("toe", "heel")])] = np.nan
    return {name: places[:, i] for i, name in enumerate(names)}


def ways_of(recording: Recording, refiner: Refiner) -> dict[str, Points]:
    """The points of the subject from each method; without the body if it cannot be fitted."""
    raw = compute_landmarks(recording, cutoff_hz=0.0)
    smooth = compute_landmarks(recording, cutoff_hz=6.0)
    shown = refined_recording(recording, refiner)[0]
    refined = compute_landmarks(shown, cutoff_hz=6.0)
    found = {"as estimated": subject(raw), "Butterworth": subject(smooth)}
    found["refined"] = subject(refined)
    for name, of, landmarks in (("body", recording, smooth), ("refined and body", shown, refined)):
        try:
            found[name] = with_body(of, landmarks)
        except InputError as error:
            print(f"{name}: {error}")
    return found


def flexions(points: Points) -> dict[str, np.ndarray]:
    """Degrees between lines: trunk and thigh, thigh and shank, shank and foot."""
    trunk = (points["left_shoulder"] + points["right_shoulder"] - points["left_hip"] - points["right_hip"]) / 2
    found = {}
    for s in SIDES:
        thigh, shank = points[f"{s}_knee"] - points[f"{s}_hip"], points[f"{s}_ankle"] - points[f"{s}_knee"]
        found[f"{s}_hip"] = between(-trunk, thigh)
        found[f"{s}_knee"] = between(thigh, shank)
        if f"{s}_toe" in points and f"{s}_heel" in points:
            found[f"{s}_ankle"] = between(shank, points[f"{s}_toe"] - points[f"{s}_heel"])
    return found


def between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    cosine = (a * b).sum(axis=-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def cv(points: Points) -> float:
    """Mean over the bones of the standard deviation of length over its mean."""
    lengths = [np.linalg.norm(points[a] - points[b], axis=-1) for a, b in BONES]
    return float(np.mean([np.nanstd(length) / np.nanmean(length) for length in lengths]))


def errors(found: Points, truth: Points, rays: Points) -> tuple[np.ndarray, np.ndarray]:
    """(J, n) signed error along the ray and (J, n) across it, mm."""
    off = {name: found[name] - truth[name] for name in LIMBS}
    along = np.stack([(off[name] * rays[name]).sum(axis=-1) for name in LIMBS])
    whole = np.stack([np.linalg.norm(off[name], axis=-1) for name in LIMBS])
    return along, np.sqrt(np.maximum(whole**2 - along**2, 0))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean(np.square(values))))


def line(found: Points, truth: Points, rays: Points) -> dict[str, float]:
    along, across = errors(found, truth, rays)
    row = {"error": rms(np.hypot(along, across)), "along": rms(along), "across": rms(across), "CV": cv(found)}
    row["frames"] = 100.0 * float(np.isfinite(found["left_hip"][:, 0]).mean())
    mine, theirs = flexions(found), flexions(truth)
    for angle in ANGLES:
        pairs = [(mine[f"{s}_{angle}"], theirs[f"{s}_{angle}"]) for s in SIDES if f"{s}_{angle}" in mine]
        pairs = [(a[k], b[k]) for a, b in pairs if (k := np.isfinite(a) & np.isfinite(b)).sum() > 10]
        row[angle] = rms(np.concatenate([a - b for a, b in pairs])) if pairs else np.nan
        row[f"r {angle}"] = float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs])) if pairs else np.nan
    return row


def camera_rows(
    shot: Shot, reference: Recording, refiner: Refiner
) -> tuple[dict[str, dict[str, float]], dict[str, np.ndarray]]:
    """Each method with one camera against the reference, at the frames that both have; and the errors along the ray (J, n).

    The errors: ``none`` as estimated and ``refined``, both without low-pass, and ``sd``, the stated standard deviation.
    """
    truth_lab = trusted(subject(compute_landmarks(reference, cutoff_hz=6.0)))
    steps = {s.name: s.parameters for s in reference.steps}
    to_camera = shot.view.camera.rotation @ np.array(steps["triangulate"]["to_lab"]).T
    truth = in_camera(truth_lab, to_camera)
    single = same_person(shot, truth_lab, to_camera, reference)
    own_s = single.poses[0].time_s - shot.view.time_s[0] + shot.view.offset_s
    rows = np.clip(np.searchsorted(own_s, reference_s(reference) - 0.5 / reference.rate_hz), 0, len(own_s) - 1)
    shared = np.abs(own_s[rows] - reference_s(reference)) < 0.5 / reference.rate_hz
    rays = {n: directions(truth_lab[n], shot.view.camera, to_camera)[shared] for n in LIMBS}
    truth = {n: p[shared] for n, p in truth.items()}
    turn = to_lab_of(single)[0].T
    out = {}
    for name, points in ways_of(single, refiner).items():
        out[name] = line({n: p[rows][shared] for n, p in in_camera(points, turn).items()}, truth, rays)
    out["reference"] = {"CV": cv(truth)}
    sd_mm = refine_recording(single, refiner)[1][rows][shared]
    found = {}
    for name, recording in (("none", single), ("refined", refined_recording(single, refiner)[0])):
        points = in_camera(subject(compute_landmarks(recording, cutoff_hz=0.0)), turn)
        points = {n: p[rows][shared] for n, p in points.items()}
        found[name], across = errors(points, truth, rays)
        if name == "none":
            found |= video_residuals.residuals(points, truth, rays, found[name], across)
    found["sd"] = np.stack([sd_mm[:, refiner.markers.names.index(n)] for n in LIMBS])
    known = np.isfinite(found["sd"]) & np.isfinite(found["refined"])
    inside = np.abs(found["refined"]) <= refiner.interval_95 * found["sd"]
    out["refined"]["95 %"] = 100.0 * float(inside[known].mean())
    return out, found


def trusted(points: Points) -> Points:
    """The reference without limb joints whose bones are over 15 % off their median length."""
    out = {n: p.copy() for n, p in points.items()}
    for a, b in BONES:
        length = np.linalg.norm(points[a] - points[b], axis=-1)
        out[b][np.abs(length / np.nanmedian(length) - 1) > 0.15] = np.nan
    return out


def same_person(shot: Shot, truth_lab: Points, to_camera: np.ndarray, reference: Recording) -> Recording:
    """The single recording with the reference's person as its only one: the one at the same place in the image."""
    skeleton = reference.poses[0].skeleton
    clock = shot.view.time_s - shot.view.time_s[0] + shot.view.offset_s
    frames = np.clip(np.searchsorted(clock, reference_s(reference) - 0.5 / reference.rate_hz), 0, len(clock) - 1)
    inverse = to_camera.T @ shot.view.camera.rotation  # from the frame of the calibration to the lab
    off = []
    for person in shot.view.persons:
        parts = [
            np.linalg.norm(
                shot.view.camera.project(truth_lab[n] @ inverse) - person.points[frames, skeleton.index(n)], axis=-1
            )
            for n in LIMBS
        ]
        off.append(float(np.nanmedian(parts)) if np.isfinite(parts).any() else np.inf)
    best = int(np.argmin(off))
    if off[best] > 60:
        raise InputError(shot.view.name, f"the reference's person is not seen ({off[best]:.0f} px off)")
    poses = shot.single.poses[0]
    mine = poses.person == best
    fields = ("frame", "time_s", "positions", "confidence", "sd_mm", "picture")
    chosen = {f: v[mine] if (v := getattr(poses, f)) is not None else None for f in fields}
    return replace(shot.single, poses=[replace(poses, person=np.zeros(mine.sum(), np.int32), **chosen)])


def reference_s(reference: Recording) -> np.ndarray:
    """Seconds after the first frame of a camera without offset."""
    first = next(s.parameters["starts_s"] for s in reference.steps if s.name == "triangulate")
    return reference.poses[0].time_s - first


def directions(lab: np.ndarray, camera: CalibratedCamera, to_camera: np.ndarray) -> np.ndarray:
    seen = lab @ to_camera.T + camera.translation
    return seen / np.linalg.norm(seen, axis=-1, keepdims=True)


def describe(errors_of: list[dict[str, np.ndarray]], rate_hz: float) -> None:
    """Print what the errors along the ray are like: size by joint, share that is slow, correlation along a limb, calibration."""
    print(f"\nerrors along the ray of {len(errors_of)} cameras, mm (root mean square over cameras and both sides)")
    print(f"{'joint':10s}{'whole':>9s}{'constant':>9s}{'slow':>9s}{'fast':>9s}{'refined':>9s}{'stated':>9s}")
    for part in range(len(LIMBS) // 2):
        rows = [2 * part, 2 * part + 1]
        parts = {"whole": [], "constant": [], "slow": [], "fast": [], "refined": [], "stated": []}
        for of in errors_of:
            for row in rows:
                e = of["none"][row]
                mean = np.nanmean(e)
                slow = smoothed(e - mean, rate_hz)
                for name, values in (
                    ("whole", e), ("constant", np.array([mean])), ("slow", slow), ("fast", e - mean - slow),
                    ("refined", of["refined"][row]), ("stated", of["sd"][row]),
                ):  # fmt: skip
                    parts[name].append(rms(values))
        print(f"{LIMBS[rows[0]][5:]:10s}" + "".join(f"{rms(np.array(v)):9.1f}" for v in parts.values()))
    for one, other in (("knee", "ankle"), ("elbow", "wrist"), ("shoulder", "elbow")):
        pairs = [
            correlation(of["none"][LIMBS.index(f"{s}_{one}")], of["none"][LIMBS.index(f"{s}_{other}")])
            for of in errors_of
            for s in SIDES
        ]
        print(f"correlation over time of the errors of {one} and {other}: {np.nanmean(pairs):.2f}")
    lags = [autocorrelation(of["none"][row], rate_hz) for of in errors_of for row in range(2, len(LIMBS))]
    print(f"time until the correlation of an error with itself is below 1/e: {np.nanmedian(lags):.2f} s (median)")


def smoothed(values: np.ndarray, rate_hz: float) -> np.ndarray:
    """Moving mean over half a second, of the values that are known."""
    kernel = np.ones(max(1, round(0.5 * rate_hz)))
    known = np.isfinite(values)
    total = np.convolve(np.where(known, values, 0), kernel, "same")
    return np.where(known, total / np.maximum(np.convolve(known, kernel, "same"), 1), np.nan)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    known = np.isfinite(a) & np.isfinite(b)
    return float(np.corrcoef(a[known], b[known])[0, 1]) if known.sum() > 10 else np.nan


def autocorrelation(values: np.ndarray, rate_hz: float) -> float:
    """Seconds until the correlation with itself is below 1/e."""
    for lag in range(1, len(values) // 2):
        if not correlation(values[lag:], values[:-lag]) > np.exp(-1):
            return lag / rate_hz
    return np.nan


def show(title: str, rows: dict[str, dict[str, float]]) -> None:
    columns = ["error", "along", "across", "CV", "frames", *(c for a in ANGLES for c in (a, f"r {a}")), "95 %"]
    print(f"\n{title}\n{'':18s}" + "".join(f"{c:>9s}" for c in columns))
    for name, row in rows.items():
        cells = "".join(f"{row[c]:9.3f}" if c in row and np.isfinite(row[c]) else f"{'':9s}" for c in columns)
        print(f"{name:18s}{cells}")


def mean_of(tables: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    names = max(tables, key=len)
    return {n: {c: float(np.nanmean([t[n].get(c, np.nan) for t in tables if n in t])) for c in names[n]} for n in names}


def kept(folder: Path | None, source: TrialSource, estimator: str, options: EstimatorOptions) -> list[Shot]:
    """The shots, read again from ``folder`` if an earlier run kept them there."""
    path = folder / f"{estimator}_{'_'.join(source.key)}.pkl" if folder else None
    if path and path.is_file():
        return pickle.loads(path.read_bytes())
    shots = shots_of(source, estimator, options)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(shots))
    return shots


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--estimator", default="mediapipe")
    parser.add_argument("--keep", type=Path, help="folder in which estimated poses are kept for the next run")
    parser.add_argument("--residuals", action="store_true", help="print errors by direction, for each trial")
    parser.add_argument("--checkpoint", type=Path, help="of the refinement; by default the one in the package")
    arguments = parser.parse_args()
    refiner = load_refiner(arguments.checkpoint)
    options = EstimatorOptions()
    tables, residuals, by_trial = [], [], {}
    for source in scan(arguments.cohort).trials:
        if not source.options.views:
            continue
        shots = kept(arguments.keep, source, arguments.estimator, options)
        rig = read_rig(source.paths[len(shots) :], source.options.scale_mm)
        skeleton = shots[0].single.poses[0].skeleton
        reference = recording_of([s.view for s in shots], skeleton, rig, source.options, source.paths[0].parent)
        figures = reference.quality
        print(
            f"\n{'/'.join(source.key)}: {len(shots)} cameras, reprojection {figures['reprojection_px']:.1f} px, "
            f"{figures['cameras_per_point']:.1f} cameras per point, median SD {figures['sd_mm_median']:.0f} mm"
        )
        for shot in shots:
            try:
                rows, found = camera_rows(shot, reference, refiner)
            except InputError as error:
                print(f"{shot.view.name}: {error}")
                continue
            tables.append(rows)
            residuals.append(found)
            by_trial.setdefault(source.trial, []).append(found)
            show(f"{source.trial} {shot.view.name}", rows)
    if tables:
        show(f"mean of {len(tables)} cameras", mean_of(tables))
        describe(residuals, reference.rate_hz)
        if arguments.residuals:
            video_residuals.show_residuals(by_trial)
        if arguments.keep:
            (arguments.keep / "residuals.pkl").write_bytes(pickle.dumps(residuals))


if __name__ == "__main__":
    main()
