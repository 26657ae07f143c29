"""The refinement of a recording: from the lab frame to the camera's, through the network, and back.

What is refined are the points of the marker set that a skeleton gives; its other joints move with the refined points
nearest to them. Torch is loaded here, on first use.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.arrays import Floats, Ints
from neurostore.errors import InputError, MissingExtraError, ModelError
from neurostore.file_hash import sha256_of
from neurostore.ingest.recording import Poses, Recording, Step
from neurostore.ingest.refine.marker_set import MarkerSet
from neurostore.ingest.refine.paths import shipped
from neurostore.ingest.refine.real_error import stated_sd_mm
from neurostore.release import how_to_install

if TYPE_CHECKING:
    from neurostore.ingest.refine.refiner import Refiner

VERSION = 2
NOMINAL_DISTANCE_MM = 4000.0  # assumed distance of the camera if poses are relative to the hips
NEEDED = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("hip", "knee", "ankle", "shoulder"))
_NEAR_MM = 30.0  # a joint within this distance of a refined point moves with it
_N_NEAREST = 3


def load_refiner(checkpoint: Path | str | None = None) -> Refiner:
    """The checkpoint, kept for the next recording of this process; None: the shipped one.

    Raises
    ------
    MissingExtraError : torch or safetensors is not installed.
    ModelError : the checkpoint is missing, damaged, newer than this software, or of another marker set.
    """
    return _load(Path(checkpoint) if checkpoint else shipped())


@lru_cache(maxsize=2)
def _load(path: Path) -> Refiner:
    try:
        from neurostore.ingest.refine.refiner import Refiner
    except ImportError as error:
        raise MissingExtraError(
            f"depth refinement needs {error.name}, which is not installed: {how_to_install('refine')}"
        ) from None
    return Refiner.load(path)


def refined_recording(
    recording: Recording, refiner: Refiner | None = None, where: str = "recording"
) -> tuple[Recording, Floats]:
    """A copy whose primary positions are refined, with the step and figures in ``quality``, and :func:`depth_sd_mm` of its rows.

    The recording given stays as it is; poses[1:] are passed on.

    Raises
    ------
    InputError : nothing to refine (mocap), or a skeleton without the needed landmarks, named.
    """
    refiner = refiner or load_refiner()
    positions, sd_mm = refine_recording(recording, refiner, where)
    mine = recording.poses[0].person == 0
    names = refiner.markers.names
    quality = {f"{n}_depth_sd_mm": float(np.nanmean(v)) for n, v in zip(names, sd_mm[mine].T, strict=True)
               if np.isfinite(v).any()}  # fmt: skip
    moved = np.linalg.norm(positions[mine] - recording.poses[0].positions[mine], axis=-1)
    quality["depth_bone_cv_before_pct"] = bone_cv_pct(recording)
    quality["depth_refinement_mm"] = float(np.nanmean(moved)) if np.isfinite(moved).any() else 0.0
    step = Step("depth_refinement", VERSION, step_parameters(refiner))
    copy = replace(
        recording,
        poses=[replace(recording.poses[0], positions=positions), *recording.poses[1:]],
        steps=[*recording.steps, step],
        quality={**recording.quality, **quality},
    )
    return copy, depth_sd_mm(sd_mm)


def bone_cv_pct(recording: Recording) -> float:
    """Largest coefficient of variation of thigh and shank of the subject, low-passed at 6 Hz, in percent; NaN if unknown.

    For a refined trial, the value of the estimated poses is stored and used by the view trial_quality, because steadier
    bones do not show that the positions are better.
    """
    from neurostore.ingest.landmarks import compute_landmarks

    landmarks = compute_landmarks(recording, cutoff_hz=6.0)
    mine = landmarks.person == 0
    lengths = [
        np.linalg.norm(landmarks.points[f"{side}_{a}"][mine] - landmarks.points[f"{side}_{b}"][mine], axis=-1)
        for side in ("left", "right")
        for a, b in (("hip", "knee"), ("knee", "ankle"))
    ]
    known = [length[np.isfinite(length)] for length in lengths]
    return 100.0 * max((float(np.std(x) / np.mean(x)) for x in known if len(x)), default=float("nan"))


def step_parameters(refiner: Refiner) -> dict[str, Any]:
    """Parameters of the refinement that a trial's step records."""
    return {"checkpoint_sha256": refiner.about["sha256"], "markers": refiner.markers.name}


def refine_recording(
    recording: Recording, refiner: Refiner | None = None, where: str = "recording"
) -> tuple[Floats, Floats]:
    """Refined positions of the primary skeleton and the SD of the refiner's markers, person by person.

    Returns positions (n, J, 3) mm in the lab frame and the SD along the ray (n, M) mm. Raises as
    :func:`refined_recording`.
    """
    if recording.kind != "video":
        raise InputError(
            where,
            f"is of kind {recording.kind}: only poses from video can be refined",
        )
    if recording.position_basis == "triangulated":
        raise InputError(where, "was triangulated from several cameras: its depth is measured, and is not refined")
    if not recording.poses:
        raise InputError(where, "has no poses to refine")
    refiner = refiner or load_refiner()
    points = _marker_points(recording, refiner.markers, where)
    poses = recording.poses[0]
    positions = poses.positions.copy()
    sd_mm = np.full(points.shape[:2], np.nan, np.float32)
    turn, shift = to_lab_of(recording)
    for person in np.unique(poses.person):
        rows = np.flatnonzero(poses.person == person)
        seen = np.isfinite(points[rows]).all(axis=(0, 2)) | np.isfinite(points[rows]).any(axis=(0, 2))
        if not seen.any():
            continue
        camera = (points[rows] - shift) @ turn
        visible, spread = (_of_markers(v, rows, poses, points[rows]) for v in (poses.confidence, poses.sd_mm))
        refined = refiner.refine(camera, poses.time_s[rows], recording.rate_hz, visible, spread)
        moved = (refined.points - camera) @ turn.T
        positions[rows] += carried(poses.positions[rows], points[rows], moved)
        sd_mm[rows] = stated_sd_mm(refined.sd_mm, refiner.markers.names)
    return positions, sd_mm


def _marker_points(recording: Recording, markers: MarkerSet, where: str) -> Floats:
    """(n, M, 3) mm, lab; NaN where the skeleton has no such landmark. Raises InputError."""
    from neurostore.ingest.landmarks import compute_landmarks

    points = compute_landmarks(recording, cutoff_hz=0.0).points
    lacking = [p for p in NEEDED if p not in points or not np.isfinite(points[p]).any()]
    if lacking:
        skeleton = recording.poses[0].skeleton.name
        raise InputError(where, f"the skeleton {skeleton} gives no {', '.join(lacking)}, which the refinement needs")
    blank = np.full((len(recording.poses[0].frame), 3), np.nan, np.float32)
    return np.stack([points.get(name, blank) for name in markers.names], axis=1)


def to_lab_of(recording: Recording) -> tuple[Floats, Floats]:
    """(R, t) with lab = R @ camera + t, as the step ``camera`` recorded it; else a level camera at the origin.

    Poses around the hips are put 4 m in front of it.
    """
    turn, shift = np.diag([1.0, -1.0, -1.0]), np.zeros(3)
    for step in recording.steps:
        if step.name == "camera" and "to_lab" in step.parameters:
            turn = np.asarray(step.parameters["to_lab"], float)
            shift = np.asarray(step.parameters.get("shift_mm", shift), float)
    if recording.position_basis == "root_relative":
        shift = -turn @ np.array([0.0, 0.0, NOMINAL_DISTANCE_MM])
    return turn, shift


def carried(positions: Floats, points: Floats, moved: Floats) -> Floats:
    """Displacement (n, J, 3) of each joint, from the refined points.

    A joint moves with the refined point at the same position, otherwise with the three nearest points, weighted by the
    inverse fourth power of the median distance.

    positions : (n, J, 3); points and moved : (n, M, 3), NaN where missing. A joint moves nowhere in frames without
    points.
    """
    out = np.zeros(positions.shape, np.float32)
    seen = np.isfinite(moved).all(axis=-1)
    usable = np.flatnonzero(seen.any(axis=0))
    if not len(usable):
        return out
    filled = np.where(seen[..., None], moved, 0.0)
    for joint in range(positions.shape[1]):
        apart = np.linalg.norm(positions[:, joint, None] - points[:, usable], axis=-1)
        known = np.isfinite(apart).any(axis=0)
        if not known.any():
            continue
        candidates = usable[known]
        near_mm = np.nanmedian(apart[:, known], axis=0)
        nearest = np.argsort(near_mm, kind="stable")[:_N_NEAREST]
        if near_mm[nearest[0]] < _NEAR_MM:
            nearest = nearest[:1]
        weight = 1.0 / np.maximum(near_mm[nearest], 1.0) ** 4
        chosen = candidates[nearest]
        weights = seen[:, chosen] * weight
        total = weights.sum(axis=1, keepdims=True)
        out[:, joint] = (filled[:, chosen] * weights[..., None]).sum(axis=1) / np.where(total > 0, total, 1.0)
    return out


def _of_markers(values: Floats | None, rows: Ints, poses: Poses, points: Floats) -> Floats | None:
    """(n, M) of the joint nearest to each marker, from values per joint (n, J)."""
    if values is None:
        return None
    out = np.full(points.shape[:2], np.nan, np.float32)
    for marker in range(points.shape[1]):
        apart = np.linalg.norm(poses.positions[rows] - points[:, marker, None], axis=-1)
        known = np.flatnonzero(np.isfinite(apart).any(axis=0))
        if len(known):
            out[:, marker] = values[rows, known[np.argmin(np.nanmedian(apart[:, known], axis=0))]]
    return out


def depth_sd_mm(sd_mm: Floats) -> Floats:
    """(n,) root mean square over the markers of each frame; NaN if there is none."""
    n = np.isfinite(sd_mm).sum(axis=1)
    total = np.nansum(np.square(sd_mm), axis=1)
    return np.where(n > 0, np.sqrt(total / np.maximum(n, 1)), np.nan).astype(np.float32)


def checkpoint_sha256(checkpoint: Path | str | None = None) -> str:
    """The hash of a checkpoint's bytes, for the hash of a trial's settings; does not load torch. Raises ModelError."""
    path = Path(checkpoint) if checkpoint else shipped()
    if not path.is_file():
        raise ModelError(f"{path}: no such checkpoint")
    return sha256_of(path)
