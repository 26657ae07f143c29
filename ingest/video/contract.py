"""Input and output of an estimator: options, detections in a frame, and the two methods of an implementation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol

from neurostore.arrays import Floats
from neurostore.errors import UsageError
from neurostore.ingest.video.camera import Camera
from neurostore.ingest.video.decode import Frame, VideoInfo
from neurostore.skeleton import Skeleton

SUBJECT_RULES = ("walker", "longest", "largest")
POSITIONS = ("root_relative", "camera_fov_guessed")


@dataclass(frozen=True)
class EstimatorOptions:
    """Options that determine the results of a video. Each estimator uses those that concern it.

    Attributes
    ----------
    fps : thin to this many frames per second; None for all.
    batch_size : frames per call of the model. internal_batch_size : crops the model runs at once (memory).
    num_aug : test-time augmentations; from 2 on their spread is stored as sd_mm.
    skeletons : which are stored, the first is the primary one; () for the estimator's own.
    max_persons : looked for in a frame; None for the estimator's own limit.
    detector_threshold : confidence from which a detection counts; None for the estimator's own.
    position : ``mediapipe`` only: hip-centred, or placed before the camera by the guessed field of view.
    subject : how person 0 is chosen (see ingest.tracking.choose_subject).
    floor_fit : look for the floor under the feet where positions are metric.
    repair_swaps : exchange left and right back where they were swapped; False only counts them.
    min_frames : the subject must be seen in at least this many frames.
    model : name of a declared model, None for the default; models_toml : a file that declares more.
    """

    fps: float | None = None
    batch_size: int = 8
    internal_batch_size: int = 64
    num_aug: int = 5
    skeletons: tuple[str, ...] = ()
    max_persons: int | None = None
    detector_threshold: float | None = None
    position: str = "root_relative"
    subject: str = "walker"
    floor_fit: bool = True
    repair_swaps: bool = True
    min_frames: int = 10
    model: str | None = None
    models_toml: str | None = None

    @classmethod
    def of(cls, given: dict[str, Any]) -> EstimatorOptions:
        """From keyword options; None means the default.

        Raises
        ------
        UsageError : an option that does not exist or a value out of its range.
        """
        known = {f.name: f for f in fields(cls)}
        if unknown := sorted(set(given) - set(known)):
            raise UsageError(f"no estimator option {', '.join(unknown)}; there are {', '.join(known)}")
        values = {name: value for name, value in given.items() if value is not None}
        if isinstance(values.get("skeletons"), str):
            values["skeletons"] = tuple(s for s in values["skeletons"].split(",") if s)
        elif "skeletons" in values:
            values["skeletons"] = tuple(values["skeletons"])
        options = cls(**values)
        problems = []
        for name in ("batch_size", "internal_batch_size", "num_aug", "min_frames"):
            if getattr(options, name) < 1:
                problems.append(f"{name} is {getattr(options, name)}, expected at least 1")
        if options.fps is not None and not options.fps > 0:
            problems.append(f"fps is {options.fps}, expected above 0")
        if options.max_persons is not None and options.max_persons < 1:
            problems.append(f"max_persons is {options.max_persons}, expected at least 1")
        if options.subject not in SUBJECT_RULES:
            problems.append(f"subject is {options.subject!r}, expected one of {', '.join(SUBJECT_RULES)}")
        if options.position not in POSITIONS:
            problems.append(f"position is {options.position!r}, expected one of {', '.join(POSITIONS)}")
        if problems:
            raise UsageError("; ".join(problems))
        return options

    def changed(self) -> dict[str, Any]:
        """Those that differ from the default: what is recorded with a trial."""
        default = asdict(EstimatorOptions())
        return {name: value for name, value in asdict(self).items() if value != default[name]}


@dataclass(slots=True)
class Detection:
    """One person in one frame.

    Attributes
    ----------
    box : (5,) left, top, width, height in px, confidence 0..1.
    positions : per skeleton (J, 3) mm, camera frame (x right, y down, z away); NaN = missing.
    points : (J, 2) px of the primary skeleton.
    confidence : (J,) of the primary skeleton or None. sd_mm : per skeleton (J,) or None.
    """

    box: Floats
    positions: list[Floats]
    points: Floats
    confidence: Floats | None = None
    sd_mm: list[Floats] | None = None


class Session(Protocol):
    """A model at work on one video."""

    def detect(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        """The persons of each frame, in no order."""

    def close(self) -> None:
        """Free what belongs to this video."""


class Estimator(Protocol):
    """A loaded model. ``length_basis`` and ``position_basis`` as in schemas/tables/trials.toml."""

    name: str
    version: str
    model_name: str
    model_sha256: str
    device: str
    skeletons: tuple[Skeleton, ...]
    length_basis: str

    def position_basis(self, camera: Camera) -> str:
        """Origin of the positions, as in the column position_basis of trials."""

    def session(self, video: VideoInfo, camera: Camera) -> Session:
        """Start the estimation of one video."""

    def notes(self) -> list[str]:
        """Notes for the trial about the estimator."""
