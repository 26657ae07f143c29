"""The views of one trial as one recording: persons matched, sides repaired, points triangulated, turned so that Y is up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.ingest.geometry import rotations
from neurostore.ingest.multiview import agreement, keypoint_files, people, sides
from neurostore.ingest.multiview import triangulate as triangulation
from neurostore.ingest.multiview.calibration import matched, read_rig
from neurostore.ingest.multiview.keypoints import view_of_files
from neurostore.ingest.multiview.rig import CalibratedCamera, Rig, fitted
from neurostore.ingest.multiview.views import Sighting, View, at_times, common_clock, stacked, view_of
from neurostore.ingest.readers.markers.up import judge_up
from neurostore.ingest.recording import Poses, ReadOptions, Recording, Step
from neurostore.ingest.video import decode, estimate
from neurostore.ingest.video.contract import EstimatorOptions
from neurostore.skeleton import Skeleton

VERSION = 1
_TRUSTED = 0.3  # least confidence of the joints by which views are compared
_HEIGHTS_MM = (600.0, 2600.0)  # visible height of a person, from the lowest to the highest joint (median)


@dataclass(frozen=True, slots=True)
class Film:
    """A video of a trial. name : of its camera. options : what cohort.toml says of it."""

    name: str
    path: Path
    options: ReadOptions


def estimate_views(
    films: Sequence[Film],
    calibration: Sequence[Path],
    options: ReadOptions,
    estimator: str,
    *,
    progress: Callable[[int, int], None] | None = None,
    **given: Any,
) -> Recording:
    """Estimate the poses of every video of a trial, or read the 2D key points beside them, and triangulate them.

    Parameters
    ----------
    films : the videos. calibration : the files of the calibration. options : of the trial.
    estimator : 'file' for key points of another program. given : fields of EstimatorOptions.

    Raises
    ------
    InputError : one camera only, a camera that the calibration lacks, another resolution, different rates, videos out of
        step, a camera upside down, cameras exchanged, or nobody seen by two cameras; as :func:`estimate.estimate` too.
    """
    where = films[0].path.parent
    if len(films) < 2:
        raise InputError(
            films[0].path,
            "is the only video of its trial; triangulation needs at least two cameras. Add the other videos, or move it "
            "out of the folder of the cameras to read it as a single video",
        )
    _check_stated(films)
    chosen = EstimatorOptions.of(given)
    rig = read_rig(list(calibration), options.scale_mm)
    cameras, notes = matched(rig, [film.name for film in films], where)
    notes = [*rig.notes, *notes]
    fits, infos = [], [decode.probe(film.path) for film in films]
    for film, camera, info in zip(films, cameras, infos, strict=True):
        fit, note = fitted(camera, info.width, info.height, film.options.camera.get("resolution"), film.path)
        fits.append(fit)
        notes += [note] if note else []
    if estimator == "file":
        recording, views = _of_others(films, fits, infos, rig, options, chosen)
    else:
        recording, views = _estimated(films, fits, rig, options, estimator, chosen, progress)
    recording.notes[:0] = notes  # notes of the estimator concern its own positions, which are not used
    recording.steps += _camera_steps(films, views, recording)
    return recording


def _estimated(
    films: Sequence[Film],
    fits: Sequence[CalibratedCamera],
    rig: Rig,
    options: ReadOptions,
    estimator: str,
    chosen: EstimatorOptions,
    progress: Callable[[int, int], None] | None,
) -> tuple[Recording, list[View]]:
    """The recording by an estimator of ours."""
    views = []
    for film, camera in zip(films, fits, strict=True):
        video = estimate.follow(film.path, film.options, estimator, chosen, progress)
        views.append(view_of(film.name, camera, video, float(film.options.camera.get("offset_s", 0.0))))
    model = video.model
    recording = recording_of(views, model.skeletons[0], rig, options, films[0].path.parent, rule=chosen.subject)
    identity = {"model": model.model_name, "model_sha256": model.model_sha256}
    recording.steps[:0] = [
        Step("decode", decode.VERSION, {"fps": chosen.fps}),
        Step("estimate", 1, {"estimator": model.name, **identity, **chosen.changed()}),
    ]
    recording.estimator.update({"name": model.name, "version": model.version, **identity, "options": chosen.changed()})
    return recording, views


def _of_others(
    films: Sequence[Film],
    fits: Sequence[CalibratedCamera],
    infos: Sequence[decode.VideoInfo],
    rig: Rig,
    options: ReadOptions,
    chosen: EstimatorOptions,
) -> tuple[Recording, list[View]]:
    """The recording by the 2D key points that another program wrote of each video."""
    given = [keypoint_files.read(film.path) for film in films]
    where = films[0].path.parent
    kinds = sorted({points.skeleton.name for points in given})
    if len(kinds) > 1:
        raise InputError(where, f"its cameras have key points of {' and '.join(kinds)}; expected the same from all")
    views = [
        view_of_files(film.name, camera, points, info, film.options, chosen)
        for film, camera, points, info in zip(films, fits, given, infos, strict=True)
    ]
    recording = recording_of(views, given[0].skeleton, rig, options, where, rule=chosen.subject)
    folders = [f"{points.folder.parent.name}/{points.folder.name}" for points in given]
    recording.steps.insert(0, Step("key_points", keypoint_files.VERSION, {"skeleton": kinds[0], "folders": folders}))
    recording.notes.append(f"2D key points of another program ({kinds[0]}) were read from {', '.join(folders)}")
    recording.estimator.update({"name": "file", "version": "1", "model": kinds[0], "options": chosen.changed()})
    return recording, views


def _check_stated(films: Sequence[Film]) -> None:
    """Refuse invalid values of offset_s and resolution in cohort.toml."""
    for film in films:
        offset_s, resolution = film.options.camera.get("offset_s", 0.0), film.options.camera.get("resolution")
        if isinstance(offset_s, bool) or not isinstance(offset_s, int | float) or not np.isfinite(offset_s):
            raise InputError(
                film.path, f"camera.offset_s = {offset_s!r} in cohort.toml; expected seconds, such as 0.12"
            )
        if resolution not in (None, "scaled", "cropped"):
            raise InputError(
                film.path, f'camera.resolution = {resolution!r} in cohort.toml; expected "scaled" or "cropped"'
            )


def recording_of(
    views: Sequence[View], skeleton: Skeleton, rig: Rig, options: ReadOptions, where: Path, rule: str = "walker"
) -> Recording:
    """The recording of a trial from what each camera saw. Raises InputError as :func:`estimate_views`."""
    clock = common_clock(views, where)
    cameras = [view.camera for view in views]
    seen = [[at_times(view, sighting, clock) for sighting in view.persons] for view in views]
    notes = [note for view in views for note in view.notes]
    persons = people.persons_of(cameras, seen)
    if not persons:  # the views disagree: find out why from the person that each view takes for the subject
        persons = [[sightings[0] if sightings else None for sightings in seen]]
    subject, why = people.subject_of(cameras, persons, rule)
    if why:
        notes.append(
            f"{len(persons)} persons were seen by two cameras or more; the subject {why}, the others were left out"
        )
    shape = (len(clock), len(skeleton.joints))
    notes += _left_out(views, seen, persons[subject], shape, where)
    pixels, confidence = stacked(persons[subject], shape)
    quality = _checked(views, pixels, confidence, where)
    exchanged = sides.find(cameras, pixels, confidence, skeleton)
    pixels, confidence = sides.repaired(pixels, exchanged), sides.repaired(confidence, exchanged)
    scene = _scene(views, pixels, confidence)
    notes += agreement.check_time(scene, where)
    quality["disagreement_px"] = agreement.check_size(scene, where)
    notes += _side_notes(views, exchanged)
    points = triangulation.triangulate(cameras, pixels, confidence)
    if not np.isfinite(points.positions).any():
        raise InputError(where, "no two of its cameras agree on any joint")
    positions, turn, note = _upright(points.positions, skeleton, rig, options)
    _check_height(positions, where, rig)
    notes += [note]
    quality |= _figures(points, exchanged, views)
    poses = _poses(skeleton, clock + views[0].time_s[0] - views[0].offset_s, positions, points, confidence)
    parameters = {
        "cameras": [view.name for view in views],
        "to_lab": np.round(turn, 9).tolist(),
        "calibration": rig.kind,
        "starts_s": float(views[0].time_s[0] - views[0].offset_s),
    }
    return Recording(
        kind="video",
        rate_hz=views[0].rate_hz,
        poses=[poses],
        up_source="camera_extrinsics",
        position_basis="triangulated",
        length_basis=options.length_basis or "measured",
        is_treadmill=options.is_treadmill,
        steps=[
            Step("sides_across_cameras", sides.VERSION, {}),
            Step("triangulate", triangulation.VERSION, parameters),
        ],
        notes=notes,
        quality=quality,
    )


def _left_out(
    views: Sequence[View], seen: list[list[Sighting]], subject: people.Person, shape: tuple[int, int], where: Path
) -> list[str]:
    """Notes on the cameras in which nobody is the subject of the others.

    Raises
    ------
    InputError : somebody there would be the subject, were the camera turned or its video moved in time.
    """
    notes = []
    for v, view in enumerate(views):
        if subject[v] is not None:
            continue
        for somebody in sorted(seen[v], key=people.n_seen, reverse=True)[: people.MOST_PERSONS]:
            whole = [*subject[:v], somebody, *subject[v + 1 :]]
            scene = _scene(views, *stacked(whole, shape))
            agreement.check_fit(scene, where, must_explain=True)
            agreement.check_time(scene, where, must_explain=True)
        notes.append(
            f"{view.name}: nobody in it is where the other cameras see the subject, so it was not used; is its calibration right, "
            "and is the subject in view?"
        )
    return notes


def _scene(views: Sequence[View], pixels: Floats, confidence: Floats) -> agreement.Scene:
    trusted = np.where((confidence >= _TRUSTED)[..., None], pixels, np.nan)
    return agreement.Scene([v.name for v in views], [v.camera for v in views], trusted, views[0].rate_hz)


def _checked(views: Sequence[View], pixels: Floats, confidence: Floats, where: Path) -> dict[str, float]:
    """Refuse faults that exchanged sides in some view cannot explain; exchanged sides are repaired afterwards."""
    scene = _scene(views, pixels, confidence)
    agreement.check_fit(scene, where)
    agreement.check_time(scene, where)
    return {"n_cameras": float(np.isfinite(pixels[..., 0]).any(axis=(0, 1)).sum())}


def _side_notes(views: Sequence[View], exchanged: list[sides.Exchanged]) -> list[str]:
    notes = []
    for v, view in enumerate(views):
        frames = [int(limb.cameras[:, v].sum()) for limb in exchanged if limb.cameras[:, v].any()]
        if frames:
            notes.append(
                f"{view.name}: left and right of {len(frames)} limbs or joint pairs were exchanged in up to {max(frames)} frames "
                f"according to the other cameras, and were corrected"
            )
    return notes


def _figures(points: triangulation.Points, exchanged: list[sides.Exchanged], views: Sequence[View]) -> dict[str, float]:
    is_placed = np.isfinite(points.positions[..., 0])
    near = np.where(points.used, points.distances_px, np.nan)
    figures = {
        "reprojection_px": float(np.sqrt(np.nanmean(near**2))),
        "cameras_per_point": float(points.used.sum(axis=-1)[is_placed].mean()),
        "views_left_out_pct": 100.0 * float((np.isfinite(points.distances_px) & ~points.used)[is_placed].mean()),
        "triangulated_pct": 100.0 * float(is_placed.mean()),
        "sd_mm_median": float(np.nanmedian(points.sd_mm)),
        "side_frames_exchanged": float(sum(limb.cameras.any(axis=1).sum() for limb in exchanged)),
    }
    for v, view in enumerate(views):
        known = near[..., v][np.isfinite(near[..., v])]
        if len(known):
            figures[f"reprojection_px_{view.name}"] = float(np.sqrt(np.mean(known**2)))
    return figures


def _upright(positions: Floats, skeleton: Skeleton, rig: Rig, options: ReadOptions) -> tuple[Floats, Floats, str]:
    """Positions with Y up, the rotation (3, 3), and how the vertical was found."""
    names = ["".join(c for c in joint.upper() if c.isalnum()) for joint in skeleton.joints]
    inferred = judge_up(names, positions, rig.up or "z")
    stated = options.up or rig.up
    if options.up is None and inferred.is_sure and inferred.axis != rig.up:
        axis = inferred.axis
        note = (
            f"the vertical axis is {axis} of the calibration, because {inferred.how}; by the convention of the format it "
            f"would be {rig.up}; the board or frame may have been placed differently (up in cohort.toml overrides)"
        )
    else:
        axis = stated or inferred.axis
        source = "cohort.toml" if options.up else f"the convention of {rig.path.name}"
        agrees = (
            "the person agrees"
            if inferred.is_sure and inferred.axis == axis
            else f"the person's pose points to {inferred.axis}"
        )
        note = f"the vertical axis is {axis} of the calibration, by {source}; {agrees}"
    turn = rotations.to_matrix(rotations.up_rotation(axis))
    return positions @ turn.T, np.asarray(turn), note


def _check_height(positions: Floats, where: Path, rig: Rig) -> None:
    """Refuse a person of an impossible size: the calibration has another unit."""
    frames = [joints[known] for joints in positions if (known := np.isfinite(joints[:, 0])).any()]
    size = float(np.median([np.linalg.norm(joints.max(axis=0) - joints.min(axis=0)) for joints in frames]))
    if not _HEIGHTS_MM[0] <= size <= _HEIGHTS_MM[1]:
        raise InputError(
            where,
            f"the person measures {size:.3g} mm from end to end with {rig.path.name}, expected {_HEIGHTS_MM[0]:.0f} to "
            f"{_HEIGHTS_MM[1]:.0f}; state the unit of the calibration with scale_mm in cohort.toml (mm per unit), or "
            f"calibrate again",
        )


def _poses(
    skeleton: Skeleton, time_s: Floats, positions: Floats, points: triangulation.Points, confidence: Floats
) -> Poses:
    n_used = points.used.sum(axis=-1)
    mean = np.where(points.used, confidence, 0.0).sum(axis=-1) / np.maximum(n_used, 1)
    return Poses(
        skeleton,
        np.zeros(len(time_s), np.int32),
        np.arange(len(time_s), dtype=np.int32),
        np.asarray(time_s, float),
        positions.astype(np.float32),
        confidence=np.where(n_used > 0, mean, np.nan).astype(np.float32),
        sd_mm=points.sd_mm.astype(np.float32),
        reprojection_px=points.reprojection_px.astype(np.float32),
    )


def _camera_steps(films: Sequence[Film], views: Sequence[View], recording: Recording) -> list[Step]:
    """Each camera as the step ``camera`` of a single video has it, with the name of its video."""
    to_lab = np.array(next(s for s in recording.steps if s.name == "triangulate").parameters["to_lab"])
    steps = []
    for film, view in zip(films, views, strict=True):
        camera = view.camera
        turn = to_lab @ camera.rotation.T
        parameters = {
            "video": film.path.name,
            "intrinsics": camera.intrinsics.round(4).tolist(),
            "distortion": list(camera.distortion),
            "is_fisheye": camera.is_fisheye,
            "width": camera.width,
            "height": camera.height,
            "is_fov_guessed": False,
            "offset_s": view.offset_s,
            "to_lab": np.round(turn, 9).tolist(),
            "shift_mm": np.round(to_lab @ camera.centre, 4).tolist(),
        }
        steps.append(Step("camera", VERSION, parameters))
    return steps
