"""A camera's view of a trial from the 2D key points that another program wrote of its video."""

from __future__ import annotations

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.ingest.multiview.keypoint_files import KeyPoints
from neurostore.ingest.multiview.rig import CalibratedCamera
from neurostore.ingest.multiview.views import View, sightings
from neurostore.ingest.recording import ReadOptions
from neurostore.ingest.video import estimate
from neurostore.ingest.video.contract import Detection, EstimatorOptions
from neurostore.ingest.video.decode import VideoInfo
from neurostore.ingest.video.detections import Detections

_LEAST_POINTS = 3  # points that a person needs


def view_of_files(
    name: str,
    camera: CalibratedCamera,
    points: KeyPoints,
    info: VideoInfo,
    options: ReadOptions,
    chosen: EstimatorOptions,
) -> View:
    """The persons of a camera, followed from frame to frame.

    Raises
    ------
    InputError : more frames than the video has, a video that states no rate, or nobody seen long enough.
    """
    last = max(points.persons)
    if info.n_frames and last >= info.n_frames:
        raise InputError(
            points.folder, f"has frame {last}, and {info.path.name} has {info.n_frames} frames (from 0): another video?"
        )
    rate_hz = options.rate_hz or info.rate_hz
    if not rate_hz > 0:
        raise InputError(info.path, "states no frame rate; set rate_hz in cohort.toml")
    first, end = options.drop_frames or 0, last + 1
    if options.frames is not None:
        first, end = first + options.frames[0], min(end, first + options.frames[1] + 1)
    detections = Detections()
    none = np.empty((0, len(points.skeleton.joints), 3))
    for frame in range(first, end):
        people = points.persons.get(frame, none)
        persons = [_detection(person) for person in people if (person[:, 2] > 0).sum() >= _LEAST_POINTS]
        detections.add(persons)
    clock = np.arange(first, end) / rate_hz
    order, followed = estimate.chosen_tracks(points.folder, info, clock, detections, chosen, None)
    notes = [f"{name}: {note}" for note in followed.notes]
    return View(
        name,
        camera,
        clock,
        sightings(order, detections, len(clock), (info.width, info.height)),
        float(options.camera.get("offset_s", 0.0)),
        notes,
    )


def _detection(person: Floats) -> Detection:
    """A person (J, 3) as an estimator would give them; a point without confidence was not seen."""
    seen = person[:, 2] > 0
    points = np.where(seen[:, None], person[:, :2], np.nan)
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    confidence = np.clip(np.where(seen, person[:, 2], 0.0), 0.0, 1.0)
    box = np.array([*low, *(high - low), confidence[seen].mean()])
    return Detection(box, [np.full((len(person), 3), np.nan, np.float32)], points, confidence)
