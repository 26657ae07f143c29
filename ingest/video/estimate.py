"""From a video to a recording: decode, estimate, follow each person, repair swaps of left and right, and turn to the lab frame."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from neurostore.arrays import Floats, Ints
from neurostore.errors import InputError, NeurostoreError, UsageError
from neurostore.ingest.recording import Poses, ReadOptions, Recording, Step
from neurostore.ingest.video import camera as cameras
from neurostore.ingest.video import decode, swaps, tracking
from neurostore.ingest.video.camera import Camera
from neurostore.ingest.video.contract import Estimator, EstimatorOptions
from neurostore.ingest.video.detections import Detections
from neurostore.ingest.video.estimators import file as results_of_others

#: name -> module with ``load(options) -> Estimator``, ``identity(options)``, ``memory_mb(options)`` and ``VERSION``
ESTIMATORS = {"metrabs": "metrabs", "mediapipe": "mediapipe", "file": "file"}
VERSION = 1
_FEET = frozenset(
    {
        *("left_heel", "right_heel", "left_foot_index", "right_foot_index"),
        *("lhee", "rhee", "ltoe", "rtoe", "lfoo", "rfoo", "lfifthmetatarsal", "rfifthmetatarsal"),
    }
)
_AHEAD = 2  # batches that are decoded in advance


def estimate(
    path: Path | str,
    options: ReadOptions | None = None,
    estimator: str = "metrabs",
    *,
    progress: Callable[[int, int], None] | None = None,
    **given: Any,
) -> Recording:
    """Estimate the poses of a video.

    Parameters
    ----------
    options : what cohort.toml says of the trial. estimator : ``metrabs``, ``mediapipe`` or ``file``.
    given : fields of :class:`~.contract.EstimatorOptions`.
    progress : called with (frames done, frames in all or 0 where not known).

    Raises
    ------
    InputError : the video cannot be read, or shows no person, or the subject in too few frames.
    ModelError, MissingExtraError : the model or its package is not there; says how to get it.
    UsageError : an option that does not exist.
    """
    chosen = EstimatorOptions.of(given)
    return recording_of(follow(Path(path), options or ReadOptions(), estimator, chosen, progress), chosen)


def follow(
    path: Path,
    options: ReadOptions,
    estimator: str,
    chosen: EstimatorOptions,
    progress: Callable[[int, int], None] | None = None,
) -> FollowedVideo:
    """Decode a video, estimate every frame and follow each person. Raises as :func:`estimate`."""
    if estimator == "file":
        raise InputError(path, results_of_others.nothing_beside(path))
    info = decode.probe(path)
    view = cameras.camera_of(_camera_keys(options), info.width, info.height, path)
    box = _subject_box(options, path)
    model = loaded(estimator, chosen)
    decoding = decode.Decoding()
    is_narrow = model.device == "cpu" and (os.cpu_count() or 1) < 4
    # on few cores, several threads take a fifth more time, because the model uses the cores
    n_threads = 1 if is_narrow else 0
    source = decode.frames(path, options, fps=chosen.fps, decoding=decoding, n_threads=n_threads)
    time_s: list[float] = []
    detections = Detections()
    # decoding begins before the session is made, which takes time
    with (
        decode.ahead(decode.batches(source, chosen.batch_size), _AHEAD) as coming,
        closing(model.session(info, view)) as session,
    ):
        for batch in coming:
            for persons in session.detect(batch):
                detections.add(persons)
            time_s += [frame.time_s for frame in batch]
            if progress:
                progress(len(time_s), info.n_frames)
    order, followed = chosen_tracks(path, info, np.array(time_s), detections, chosen, box)
    return FollowedVideo(model, view, info, decoding, np.array(time_s), detections, followed, order)


def chosen_tracks(
    path: Path,
    info: decode.VideoInfo,
    clock: Floats,
    detections: Detections,
    chosen: EstimatorOptions,
    box: Floats | None,
) -> tuple[list[tracking.Track], tracking.Followed]:
    """The persons of a video as tracks, the subject first. Raises InputError if nobody is seen long enough."""
    followed = tracking.follow(detections, clock)
    if not followed.tracks:
        raise InputError(path, f"has no person in any of its {len(clock)} frames; expected a person")
    order = tracking.choose_subject(followed.tracks, chosen.subject, info.width, info.height, box)
    n_seen = len(order[0].frames)
    if n_seen < chosen.min_frames:
        raise InputError(
            path, f"shows the subject in {n_seen} of {len(clock)} frames; expected at least {chosen.min_frames}"
        )
    return order, followed


def settings(estimator: str, given: dict[str, Any]) -> dict[str, Any]:
    """Everything that determines the results of a video besides its bytes and cohort.toml: for the hash of a trial's settings."""
    options = EstimatorOptions.of(given)
    module = _module(estimator)
    try:
        model = module.identity(options)
    except NeurostoreError as error:  # the problem is reported with each trial when it is estimated
        model = {"name": estimator, "problem": type(error).__name__}
    versions = [VERSION, module.VERSION, decode.VERSION, tracking.VERSION, swaps.VERSION, cameras.VERSION]
    numbers = {k: v for k, v in asdict(options).items() if k not in ("batch_size", "internal_batch_size")}
    return {**model, "options": numbers, "versions": versions}


def memory_mb(estimator: str, given: dict[str, Any]) -> float:
    """What one process that estimates needs, roughly: how many fit beside each other."""
    return float(_module(estimator).memory_mb(EstimatorOptions.of(given)))


def processes_that_fit(estimator: str, given: dict[str, Any]) -> int:
    """How many videos may be estimated at once: by the memory that is free now; one at least."""
    try:
        free_mb = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (ValueError, OSError, AttributeError):  # the system does not report its memory
        return 1
    return max(1, int(0.7 * free_mb / memory_mb(estimator, given)))


_loaded: dict[tuple[str, EstimatorOptions], Estimator] = {}


def loaded(estimator: str, options: EstimatorOptions) -> Estimator:
    """The estimator, kept for the next video of this process (loading MeTRAbs takes more than a minute)."""
    key = (estimator, options)
    if key not in _loaded:
        _loaded.clear()  # so that there are never two models in memory
        _loaded[key] = _module(estimator).load(options)
    return _loaded[key]


def _module(estimator: str) -> Any:
    if estimator not in ESTIMATORS:
        raise UsageError(f"no estimator {estimator!r}; there are {', '.join(ESTIMATORS)}")
    return import_module(f"neurostore.ingest.video.estimators.{ESTIMATORS[estimator]}")


def _camera_keys(options: ReadOptions) -> dict[str, Any]:
    given = {k: v for k, v in options.camera.items() if k != "subject_box"}
    if options.up is not None and "up" not in given:
        given["up"] = options.up
    return given


def _subject_box(options: ReadOptions, path: Path) -> Floats | None:
    given = options.camera.get("subject_box")
    if given is None:
        return None
    try:
        box = np.array([float(v) for v in given])
    except (TypeError, ValueError):
        box = np.empty(0)
    if box.shape != (4,) or box[2] <= 0 or box[3] <= 0:
        raise InputError(path, f"camera.subject_box = {given!r}; expected [left, top, width, height] in px")
    return box


@dataclass(frozen=True, slots=True)
class FollowedVideo:
    """A video decoded, estimated and followed: what the recording is made of. order : tracks, the subject's first."""

    model: Estimator
    view: Camera
    info: decode.VideoInfo
    decoding: decode.Decoding
    time_s: Floats
    detections: Detections
    followed: tracking.Followed
    order: list[tracking.Track]


def recording_of(video: FollowedVideo, options: EstimatorOptions) -> Recording:
    """The recording of a followed video, positions as the estimator gives them."""
    model = video.model
    notes = [*video.decoding.notes(), *model.notes(), *video.followed.notes]
    if video.info.creation_time:
        notes.append(
            f"the file's creation_time is {video.info.creation_time}; exporting, cutting or copying a video changes it, so it "
            "is not used as acq_time: write it into sessions.tsv if it is the time of the recording"
        )
    poses, swapped = _poses(video, options)
    quality = {**video.followed.quality, **swapped.quality(options.repair_swaps)}
    notes += swapped.notes(options.repair_swaps)
    basis = model.position_basis(video.view)
    up_source, floor = _to_lab(poses, video.view, basis, options.floor_fit, notes)
    if video.view.is_fov_guessed and basis == "camera_metric":
        basis = "camera_fov_guessed"
        notes.append(
            f"the field of view is not known, {cameras.DEFAULT_FOV_DEGREES:.0f} degrees are assumed: depth and lengths "
            f"scale with it; give camera.fov_degrees or camera.intrinsics in cohort.toml"
        )
    identity = {"model": model.model_name, "model_sha256": model.model_sha256}
    return Recording(
        kind="video",
        rate_hz=_rate(video.time_s, video.info),
        poses=poses,
        up_source=up_source,
        position_basis=basis,
        length_basis=model.length_basis,
        steps=_steps(video, options, identity, floor),
        notes=notes,
        estimator={"name": model.name, "version": model.version, **identity, "options": options.changed()},
        quality=quality,
    )


def _poses(video: FollowedVideo, options: EstimatorOptions) -> tuple[list[Poses], swaps.Swaps]:
    """Poses of every skeleton of the model, in the camera frame, and the swaps of left and right in the primary one."""
    detections, time_s = video.detections, video.time_s
    person, frame, rows = _rows(video.order, detections)
    poses = []
    in_primary = None
    for s, skeleton in enumerate(video.model.skeletons):
        positions = detections.take(f"positions {s}", rows)
        confidence = detections.take("confidence", rows) if s == 0 and detections.has("confidence") else None
        sd_mm = detections.take(f"sd_mm {s}", rows) if detections.has(f"sd_mm {s}") else None
        picture = _on_image(positions, detections.take("points", rows)) if s == 0 else None
        swapped = swaps.find(positions, person, time_s[frame], skeleton)
        if options.repair_swaps:
            swaps.repair(swapped, positions, confidence, sd_mm)
        in_primary = in_primary or swapped
        poses.append(Poses(skeleton, person, frame, time_s[frame], positions, None, confidence, sd_mm, picture))
    assert in_primary is not None  # an estimator has at least one skeleton
    return poses, in_primary


def _on_image(positions: Floats, places: Floats) -> Floats | None:
    """(n, 3) float32 scale and place of each person in the frame; None if none is known."""
    # in parts, since an hour at once would need too much memory
    parts = [slice(i, i + 4096) for i in range(0, len(positions), 4096)]
    picture = np.concatenate([tracking.weak_perspective(positions[i], places[i]) for i in parts])
    return picture.astype(np.float32) if np.isfinite(picture).any() else None


def _steps(
    video: FollowedVideo, options: EstimatorOptions, identity: dict[str, Any], to_lab: dict[str, Any]
) -> list[Step]:
    """The steps as recorded in trials.steps. to_lab : the way from the camera to the lab frame."""
    info, view, model = video.info, video.view, video.model
    decoded = {"fps": options.fps, "codec": info.codec, "quarter_turns": info.quarter_turns}
    camera = {
        "intrinsics": np.asarray(view.intrinsics).round(4).tolist(),
        "distortion": list(view.distortion),
        "width": info.width,
        "height": info.height,
        "is_fov_guessed": view.is_fov_guessed,
        **to_lab,
    }
    return [
        Step("decode", decode.VERSION, decoded),
        Step("estimate", _module(model.name).VERSION, {"estimator": model.name, **identity, **options.changed()}),
        Step("track", tracking.VERSION, {"subject": options.subject}),
        Step("swaps", swaps.VERSION, {"repaired": options.repair_swaps}),
        Step("camera", cameras.VERSION, camera),
    ]


def _rows(order: list[tracking.Track], detections: Detections) -> tuple[Ints, Ints, Ints]:
    """Person, frame and index of the detection (-1: not detected) of each row.

    The subject has a row in every frame, other persons only while they are present.
    """
    person: list[int] = []
    frame: list[int] = []
    rows: list[int] = []
    for p, track in enumerate(order):
        seen = {f: detections.row(f, d) for f, d in zip(track.frames, track.detections, strict=True)}
        span = range(len(detections)) if p == 0 else range(track.frames[0], track.frames[-1] + 1)
        person += [p] * len(span)
        frame += span
        rows += [seen.get(f, -1) for f in span]
    return np.array(person, np.int32), np.array(frame, np.int32), np.array(rows, np.int64)


def _to_lab(
    poses: list[Poses], view: Camera, basis: str, is_wanted: bool, notes: list[str]
) -> tuple[str, dict[str, Any]]:
    """Transform all positions, in place, from the camera frame to the lab; returns how up is known, and the transformation."""
    turn, shift = view.to_lab()
    if basis == "root_relative":
        shift = np.zeros(3)
    up_source = view.up_source
    for p in poses:
        for joint in range(p.positions.shape[1]):  # joint by joint, to avoid a copy of the whole array
            p.positions[:, joint] = p.positions[:, joint] @ turn.T.astype(np.float32) + shift.astype(np.float32)
    if is_wanted and basis != "root_relative" and up_source == "camera_level":
        subject = poses[0].person == 0
        feet = [i for i, joint in enumerate(poses[0].skeleton.joints) if joint in _FEET]
        floor = cameras.fit_floor(poses[0].positions[subject][:, feet].astype(float), poses[0].time_s[subject])
        if floor is not None:
            for p in poses:
                for joint in range(p.positions.shape[1]):
                    p.positions[:, joint] = floor.apply(p.positions[:, joint])
            turn, shift = floor.rotation @ turn, floor.rotation @ shift + np.array([0, floor.rise_mm, 0])
            up_source = "floor_fit"
            notes.append(
                f"the floor was found under {floor.n_points} standing foot points: the camera leans by "
                f"{floor.tilt_degrees:.1f} degrees, the points lie {floor.residual_mm:.0f} mm (SD) off it"
            )
    return up_source, {"to_lab": np.round(turn, 9).tolist(), "shift_mm": np.round(shift, 4).tolist()}


def _rate(time_s: Floats, info: decode.VideoInfo) -> float:
    if len(time_s) < 2:
        return info.rate_hz or 1.0
    return float(1.0 / np.median(np.diff(time_s)))
