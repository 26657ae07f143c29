"""MeTRAbs: absolute 3D poses in millimetres from single images, by the SavedModel of the model store.

Sárándi et al. 2021, doi:10.1109/TBIOM.2020.3037257. Frames go to ``detect_poses_batched`` in full batches; all
skeletons come from one pass. The spread over test-time augmentations is stored as ``sd_mm``: repeatability, not
accuracy.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neurostore import skeleton as skeletons
from neurostore.arrays import Array, Floats, Ints
from neurostore.errors import ModelError, NeurostoreError
from neurostore.ingest.video.camera import Camera
from neurostore.ingest.video.contract import Detection, EstimatorOptions, Session
from neurostore.ingest.video.decode import Frame, VideoInfo
from neurostore.ingest.video.estimators.quiet import native_stderr_held
from neurostore.ingest.video.models import declared as declared_models
from neurostore.ingest.video.models import inspection, store
from neurostore.skeleton import Skeleton
from neurostore.wording import listed

VERSION = 1
# skeletons that are stored; the first that the model has is the primary one
PREFERRED = ("bml_movi_87", "berkeley_mhad_43")
_DETECTOR_THRESHOLD = 0.3


def identity(options: EstimatorOptions) -> dict[str, Any]:
    """Name and measured hash of the model in the cache, without loading it."""
    installed = _installed(options)
    return {"name": "metrabs", "model": installed.model.name, "model_sha256": installed.tree_sha256}


def memory_mb(options: EstimatorOptions) -> float:
    """What one process needs, roughly: weights twice over, activations of the crops, TensorFlow itself."""
    return 2.5 * _model(options).size_about_mb + 40.0 * options.internal_batch_size + 1500.0


@dataclass
class MeTRAbs:
    """A loaded SavedModel. ``indices`` : skeleton -> its joints among all of one pass; None for separate passes."""

    options: EstimatorOptions
    model_name: str
    model_sha256: str
    version: str
    device: str
    skeletons: tuple[Skeleton, ...]
    orders: dict[str, Ints]
    indices: dict[str, Ints] | None
    saved_model: Any = field(repr=False)
    warning: str = ""
    name = "metrabs"
    length_basis = "judged"

    def position_basis(self, camera: Camera) -> str:
        """Origin of the positions, as in the column position_basis of trials."""
        return "camera_metric"

    def session(self, video: VideoInfo, camera: Camera) -> Session:
        """Start the estimation of one video."""
        return _Session(self, camera)

    def notes(self) -> list[str]:
        """Notes for the trial about the estimator."""
        return [self.warning] if self.warning else []


def load(options: EstimatorOptions, path: Path | None = None) -> MeTRAbs:
    """The model of the cache (or of a folder), ready to run.

    Raises
    ------
    ModelError : not there, changed since it was unpacked, or unfit; MissingExtraError : TensorFlow is not installed.
    """
    model = _model(options)
    if path is None:
        installed = store.installed(model)
        path, sha256 = installed.path, installed.tree_sha256
    else:
        sha256 = store.tree_sha256(path)
    tensorflow = inspection.import_tensorflow()
    inspection.check(inspection.inspect(path), model)
    warning = inspection.version_warning(model)
    if warning:
        warnings.warn(warning, stacklevel=2)
    gpus = tensorflow.config.list_physical_devices("GPU")
    for gpu in gpus:  # allocate memory when needed, not all at once
        try:
            tensorflow.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:  # TensorFlow is already running and keeps its settings
            break
    saved_model = _saved_model(tensorflow, path, sha256)
    chosen = _chosen(options, saved_model, path)
    indices = None
    if hasattr(saved_model, "per_skeleton_indices"):
        held = saved_model.per_skeleton_indices
        if all(s.name in held for s in chosen):
            indices = {s.name: np.asarray(held[s.name]) for s in chosen}
    return MeTRAbs(
        options,
        model.name,
        sha256,
        f"TensorFlow {tensorflow.__version__}",
        "gpu" if gpus else "cpu",
        chosen,
        {s.name: _order(s, saved_model, path) for s in chosen},
        indices,
        saved_model,
        warning,
    )


_held: dict[tuple[Path, str], Any] = {}


def _saved_model(tensorflow: Any, path: Path, sha256: str) -> Any:
    """The SavedModel of a folder, kept for other options. Raises ModelError if TensorFlow cannot load it."""
    if (path, sha256) not in _held:
        _held.clear()  # so that there are never two models in memory
        try:
            with native_stderr_held():
                _held[path, sha256] = tensorflow.saved_model.load(str(path))
        except (OSError, ValueError, RuntimeError, tensorflow.errors.OpError) as error:
            raise ModelError(f"{path}: TensorFlow {tensorflow.__version__} cannot load it: {error}") from None
    return _held[path, sha256]


def _model(options: EstimatorOptions) -> declared_models.Model:
    return declared_models.find(options.model, Path(options.models_toml) if options.models_toml else None)


def _installed(options: EstimatorOptions) -> store.Installed:
    return store.installed(_model(options))


def _chosen(options: EstimatorOptions, saved_model: Any, path: Path) -> tuple[Skeleton, ...]:
    has = list(saved_model.per_skeleton_joint_names)
    wanted = options.skeletons or tuple(s for s in PREFERRED if s in has)
    missing = [s for s in wanted if s not in has]
    if missing or not wanted:
        named = ", ".join(missing or PREFERRED)
        raise ModelError(f"{path}: gives no skeleton {named}; it gives {', '.join(sorted(s for s in has if s))}")
    declared = set(skeletons.names())
    return tuple(skeletons.load(s) if s in declared else _adhoc(s, saved_model) for s in wanted)


def _names(saved_model: Any, skeleton: str) -> list[str]:
    return [n.decode() for n in np.asarray(saved_model.per_skeleton_joint_names[skeleton]).tolist()]


def _adhoc(name: str, saved_model: Any) -> Skeleton:
    """A skeleton this software does not declare, with the joints and edges that the model itself states."""
    edges = np.asarray(saved_model.per_skeleton_joint_edges[name]).reshape(-1, 2)
    plain = "".join(c if c.isalnum() or c == "_" else "_" for c in name)
    return skeletons.adhoc(plain, _names(saved_model, name), [(int(a), int(b)) for a, b in edges])


def _order(skeleton: Skeleton, saved_model: Any, path: Path) -> Ints:
    """Where the model has each declared joint.

    Raises
    ------
    ModelError : the model's joints are others than the declared ones.
    """
    has = _names(saved_model, skeleton.name) if skeleton.name in saved_model.per_skeleton_joint_names else None
    if has is None:  # a skeleton made from the model: its joints are the model's own
        return np.arange(len(skeleton.joints))
    if set(has) != set(skeleton.source_names):
        odd = sorted(set(has) ^ set(skeleton.source_names))
        raise ModelError(f"{path}: its {skeleton.name} has other joints than declared: {listed(odd, 8)} differ")
    return np.array([has.index(name) for name in skeleton.source_names])


class _Session:
    def __init__(self, model: MeTRAbs, camera: Camera):
        self.model, options = model, model.options
        threshold = options.detector_threshold
        self.given = {
            "intrinsic_matrix": camera.intrinsics.astype(np.float32)[None],
            "distortion_coeffs": np.array([camera.distortion], np.float32),
            "world_up_vector": camera.up_in_camera.astype(np.float32),
            "default_fov_degrees": np.float32(55),
            "internal_batch_size": np.int32(options.internal_batch_size),
            "num_aug": np.int32(options.num_aug),
            "average_aug": False,
            "detector_threshold": np.float32(_DETECTOR_THRESHOLD if threshold is None else threshold),
            "detector_nms_iou_threshold": np.float32(0.7),
            "max_detections": np.int32(-1 if options.max_persons is None else options.max_persons),
            "detector_flip_aug": False,
            "suppress_implausible_poses": True,
        }

    def detect(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        images = np.stack([f.rgb for f in frames])
        model, detections = self.model, []
        if model.indices is not None:
            rows = _Rows(self._call(images, ""))
            for skeleton in model.skeletons:
                joints = model.indices[skeleton.name][model.orders[skeleton.name]]
                detections.append((rows.poses3d[:, :, joints], rows.poses2d[:, :, joints]))
        else:  # the model does not state which joints of a joint pass belong to which skeleton
            for skeleton in model.skeletons:
                rows = _Rows(self._call(images, skeleton.name))
                joints = model.orders[skeleton.name]
                detections.append((rows.poses3d[:, :, joints], rows.poses2d[:, :, joints]))
        persons: list[list[Detection]] = [[] for _ in frames]
        for i, frame in enumerate(rows.frame):
            spread = None
            if model.options.num_aug > 1:
                spread = [_spread(poses3d[i]) for poses3d, _ in detections]
            persons[frame].append(
                Detection(
                    rows.boxes[i].astype(float),
                    [poses3d[i].mean(axis=0) for poses3d, _ in detections],
                    detections[0][1][i].mean(axis=0),
                    sd_mm=spread,
                )
            )
        return persons

    def _call(self, images: Array, skeleton: str) -> dict[str, Any]:
        try:
            return self.model.saved_model.detect_poses_batched(images, skeleton=skeleton, **self.given)
        except NeurostoreError:
            raise
        except Exception as error:  # TensorFlow's errors have no common base class
            kind = type(error).__name__
            if "ResourceExhausted" in kind:
                raise ModelError(
                    f"{self.model.model_name}: out of memory with {len(images)} frames per batch and "
                    f"internal_batch_size {self.model.options.internal_batch_size}; make both smaller"
                ) from None
            raise ModelError(f"{self.model.model_name}: the model failed ({kind}): {str(error)[:400]}") from None

    def close(self) -> None:
        """Nothing belongs to one video."""


class _Rows:
    """The ragged answer flattened: one row per person. poses (rows, augmentations, J, …), mm and px."""

    def __init__(self, answer: dict[str, Any]):
        lengths = np.asarray(answer["boxes"].row_lengths())
        self.frame = np.repeat(np.arange(len(lengths)), lengths)
        self.boxes = np.asarray(answer["boxes"].flat_values)
        poses3d = np.asarray(answer["poses3d"].flat_values)
        poses2d = np.asarray(answer["poses2d"].flat_values)
        if poses3d.ndim == 3:  # averaged already, or no person was found
            poses3d, poses2d = poses3d[:, None], poses2d[:, None]
        self.poses3d, self.poses2d = poses3d, poses2d


def _spread(poses: Floats) -> Floats:
    """(J,) mm: SD over augmentations (n - 1), the root of the sum of the three axes' variances."""
    return np.sqrt(poses.var(axis=0, ddof=1).sum(axis=-1)).astype(np.float32)
