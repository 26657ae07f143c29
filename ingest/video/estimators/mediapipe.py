"""MediaPipe Pose (BlazePose GHUM): the model is in the wheel of release 0.10.21, of later ones in the model store.

The pose landmarker finds several persons; its bundle is made here from the two tflite files of that wheel. World landmarks
are metres around the middle of the hips, of an average body (Grishchenko et al. 2022, arXiv:2206.11678).
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from neurostore import skeleton as skeletons
from neurostore.arrays import Floats
from neurostore.errors import MissingExtraError, ModelError, UsageError
from neurostore.file_hash import sha256_of_all
from neurostore.ingest.video.camera import Camera
from neurostore.ingest.video.contract import Detection, EstimatorOptions, Session
from neurostore.ingest.video.decode import Frame, VideoInfo
from neurostore.ingest.video.estimators.quiet import native_stderr_held
from neurostore.ingest.video.models import declared, store
from neurostore.ingest.video.models.declared import Model
from neurostore.ingest.video.tracking import weak_perspective
from neurostore.release import how_to_install
from neurostore.skeleton import Skeleton
from neurostore.storage import temporary

VERSION = 2
SKELETON = "blazepose_33"
DEFAULT = "pose_landmarker_full"
MAX_PERSONS = 3
_FILES = {  # name in the bundle -> (name in the wheel, (mean, SD) for normalising the input image)
    "pose_detector.tflite": ("modules/pose_detection/pose_detection.tflite", (127.5, 127.5)),
    "pose_landmarks_detector.tflite": ("modules/pose_landmark/pose_landmark_full.tflite", (0.0, 255.0)),
}
_MIN_VISIBILITY = 0.5
_INSIDE = 0.75  # least share of a box that is inside another
_PART_HEIGHT = 0.8  # share of the other's height below which a box is a part of the other


def identity(options: EstimatorOptions) -> dict[str, Any]:
    """Name, version and measured hash of the model, without loading it."""
    version, model = _installed_version(), _chosen(options)
    if model is not None:
        return {"name": "mediapipe", "version": version, "model": model.name, "model_sha256": model.sha256}
    return {"name": "mediapipe", "version": version, "model": SKELETON, "model_sha256": _model_sha256()}


def memory_mb(options: EstimatorOptions) -> float:
    """What one process needs, roughly."""
    return 600.0


@dataclass
class MediaPipe:
    """The estimator; holds no model between videos, since each video has its own tracker inside."""

    options: EstimatorOptions
    name = "mediapipe"
    device = "cpu"
    length_basis = "nominal"

    def __post_init__(self) -> None:
        if self.options.skeletons not in ((), (SKELETON,)):
            raise UsageError(f"mediapipe gives only {SKELETON}; asked for: {', '.join(self.options.skeletons)}")
        known = identity(self.options)
        self.version, self.model_name, self.model_sha256 = known["version"], known["model"], known["model_sha256"]
        self.bundle = _bundle_of(self.options)
        self.skeletons = (skeletons.load(SKELETON),)

    def position_basis(self, camera: Camera) -> str:
        """Origin of the positions, as in the column position_basis of trials."""
        return self.options.position

    def session(self, video: VideoInfo, camera: Camera) -> Session:
        """Start the estimation of one video."""
        return _Session(self.options, camera, self.skeletons[0], self.bundle)

    def notes(self) -> list[str]:
        """Notes for the trial about the estimator."""
        unseen = "joints outside the image were not seen and are left out"
        if self.options.position == "root_relative":
            return ["positions are around the hips: they do not give speed, step length or stride length", unseen]
        return [
            "depth is derived from the field of view and an average body: lengths along the viewing direction are rough",
            unseen,
        ]


def load(options: EstimatorOptions) -> MediaPipe:
    """The estimator.

    Raises
    ------
    MissingExtraError, ModelError : mediapipe is not installed, or its model is neither in the wheel nor in the store.
    """
    return MediaPipe(options)


class _Session:
    def __init__(self, options: EstimatorOptions, camera: Camera, skeleton: Skeleton, bundle: bytes):
        self.camera, self.skeleton = camera, skeleton
        self.is_placed = options.position != "root_relative"
        threshold = options.detector_threshold if options.detector_threshold is not None else 0.5
        mediapipe = _imported()
        from mediapipe.tasks.python import BaseOptions, vision

        self._image, self._format = mediapipe.Image, mediapipe.ImageFormat.SRGB
        self._previous_ms, self._is_quiet = -1, False
        with native_stderr_held():
            self._landmarker = vision.PoseLandmarker.create_from_options(
                vision.PoseLandmarkerOptions(
                    base_options=BaseOptions(model_asset_buffer=bundle),
                    running_mode=vision.RunningMode.VIDEO,
                    num_poses=options.max_persons or MAX_PERSONS,
                    min_pose_detection_confidence=threshold,
                )
            )

    def detect(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        if self._is_quiet:
            return [self._detect(frame) for frame in frames]
        with native_stderr_held():  # the graph starts, and prints text, with the first frame and with the first person
            detections = [self._detect(frame) for frame in frames]
        self._is_quiet = any(detections)
        return detections

    def _detect(self, frame: Frame) -> list[Detection]:
        height, width = frame.rgb.shape[:2]
        # MediaPipe needs increasing whole milliseconds; only its own tracking uses them
        self._previous_ms = max(self._previous_ms + 1, round(frame.time_s * 1000))
        image = self._image(image_format=self._format, data=frame.rgb)
        result = self._landmarker.detect_for_video(image, self._previous_ms)
        persons = []
        for landmarks, world in zip(result.pose_landmarks, result.pose_world_landmarks, strict=True):
            points = np.array([(p.x * width, p.y * height) for p in landmarks])
            visibility = np.array([p.visibility for p in landmarks], np.float32)
            positions = 1000.0 * np.array([(p.x, p.y, p.z) for p in world])
            if self.is_placed:
                positions = place(positions, points, visibility, self.camera)
            is_outside = ((points < 0) | (points >= (width, height))).any(axis=1)
            positions[is_outside] = np.nan  # MediaPipe guesses these, whatever their visibility
            low, high = points.min(axis=0), points.max(axis=0)
            box = np.array([*low, *(high - low), visibility.mean()])
            persons.append(Detection(box, [positions.astype(np.float32)], points, visibility))
        return _whole(persons)

    def close(self) -> None:
        with native_stderr_held():
            self._landmarker.close()


def place(world: Floats, points: Floats, visibility: Floats, camera: Camera) -> Floats:
    """Hip-centred positions (J, 3) mm moved to where their pinhole projection fits the points (J, 2) px best.

    Linear least squares in the translation t: (X + t_x) - u (Z + t_z) = 0 and the same for y, with (u, v) the
    normalised image coordinates, for visible joints. NaN where the fit puts the person behind the camera.
    """
    inverse = np.linalg.inv(camera.intrinsics)
    u, v = (np.column_stack([points, np.ones(len(points))]) @ inverse.T)[:, :2].T
    seen = np.sqrt(np.where(visibility >= _MIN_VISIBILITY, visibility, 0.0))
    if np.count_nonzero(seen) < 4:
        return np.full_like(world, np.nan)
    ones, zeros = np.ones_like(u), np.zeros_like(u)
    design = np.vstack([np.column_stack([ones, zeros, -u]), np.column_stack([zeros, ones, -v])])
    wanted = np.concatenate([u * world[:, 2] - world[:, 0], v * world[:, 2] - world[:, 1]])
    weight = np.concatenate([seen, seen])
    shift = np.linalg.lstsq(design * weight[:, None], wanted * weight, rcond=None)[0]
    return world + shift if shift[2] > 0 else np.full_like(world, np.nan)


def _whole(persons: list[Detection]) -> list[Detection]:
    """Without those that are a part of another one (the legs taken for a whole body)."""
    kept: list[Detection] = []
    for person in sorted(persons, key=lambda p: -p.box[2] * p.box[3]):
        if not any(_is_part(person, other) for other in kept):
            kept.append(person)
    return kept


def _is_part(person: Detection, other: Detection) -> bool:
    low = np.maximum(person.box[:2], other.box[:2])
    high = np.minimum(person.box[:2] + person.box[2:4], other.box[:2] + other.box[2:4])
    inside = float(np.prod(np.maximum(high - low, 0.0))) / max(float(np.prod(person.box[2:4])), 1.0)
    scales = [weak_perspective(p.positions[0], p.points)[0] for p in (person, other)]
    # for a person farther away, both scale and box are smaller; for a part of a person, only the box is
    is_as_near = scales[0] > 0.65 * scales[1]
    return inside > _INSIDE and is_as_near and person.box[3] < _PART_HEIGHT * other.box[3]


@contextmanager
def _without_tensorflow() -> Iterator[None]:
    """mediapipe imports TensorFlow where it is installed, for decorators of its documentation: ten seconds, 400 MB."""
    if "tensorflow" in sys.modules:
        yield
        return
    sys.modules["tensorflow"] = None  # type: ignore[assignment]  # an import of it then raises ImportError
    try:
        yield
    finally:
        del sys.modules["tensorflow"]


def _imported() -> Any:
    try:
        with native_stderr_held(), _without_tensorflow():
            import mediapipe
            from mediapipe.tasks.python import vision  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f"this estimator needs mediapipe 0.10.21, or 1.2 or later ({error}): {how_to_install('mediapipe')}"
        ) from None
    return mediapipe


def _installed_version() -> str:
    try:
        return metadata.version("mediapipe")
    except metadata.PackageNotFoundError:
        raise MissingExtraError(f"mediapipe is not installed: {how_to_install('mediapipe')}") from None


def _model_files() -> dict[str, Path]:
    """The bundle's names and where the wheel has them, found without importing mediapipe."""
    _installed_version()
    files = {}
    for name, (inside, _) in _FILES.items():
        path = Path(str(metadata.distribution("mediapipe").locate_file(f"mediapipe/{inside}")))
        if not path.is_file():
            raise ModelError(f"{path}: mediapipe {_installed_version()} has no {inside}; expected release 0.10.21")
        files[name] = path
    return files


def wheel_has_model() -> bool:
    """Whether the installed mediapipe contains the model, as 0.10.21 does and releases from 0.10.30 on do not."""
    try:
        _model_files()
    except (ModelError, MissingExtraError):
        return False
    return True


def _chosen(options: EstimatorOptions) -> Model | None:
    """The declared model that is used, None for the one in the wheel.

    Raises
    ------
    UsageError : the model named is none of MediaPipe's.
    """
    if options.model is None and wheel_has_model():
        return None
    configuration = Path(options.models_toml) if options.models_toml else None
    model = declared.find(options.model or DEFAULT, configuration)
    if model.estimator != "mediapipe":
        ours = [m.name for m in declared.declared(configuration).values() if m.estimator == "mediapipe"]
        raise UsageError(f"{model.name} is a model of {model.estimator}; those of mediapipe are {', '.join(ours)}")
    return model


def _bundle_of(options: EstimatorOptions) -> bytes:
    """The bundle that is used.

    Raises
    ------
    ModelError : it is not on this machine, or changed since it was fetched.
    """
    model = _chosen(options)
    return _bundle() if model is None else store.installed(model).path.read_bytes()


@cache
def _model_sha256() -> str:
    return sha256_of_all(_model_files().values())


@cache
def _bundle() -> bytes:
    """The pose landmarker's bundle: both models with the metadata that says how images are normalised."""
    with _without_tensorflow(), native_stderr_held():
        from mediapipe.tasks.python.metadata.metadata_writers import metadata_writer, model_asset_bundle_utils

    parts = {}
    with warnings.catch_warnings(), temporary.of_libraries():
        warnings.simplefilter("ignore", ResourceWarning)  # MediaPipe 0.10.21 does not close its temporary file
        for name, path in _model_files().items():
            mean, sd = _FILES[name][1]
            writer = metadata_writer.MetadataWriter.create(bytearray(path.read_bytes()))
            writer.add_image_input([mean], [sd])
            parts[name] = bytes(writer.populate()[0])
    with temporary.scratch() as folder:
        path = folder / "pose.task"
        model_asset_bundle_utils.create_model_asset_bundle(parts, str(path))
        return path.read_bytes()
