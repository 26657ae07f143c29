"""NeuroPose results.json (schema versions 1 and 2): persons that MeTRAbs found in videos, with segmentations.

A file holds one entry per video; persons of a frame are unordered detections, linked over time here.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from neurostore import skeleton as skeletons
from neurostore.arrays import Floats, Ints
from neurostore.errors import InputError, SkeletonError
from neurostore.ingest.readers.markers.assemble import frame_slice, without_far
from neurostore.ingest.recording import Poses, ReadOptions, Recording, SourceEvent, Step
from neurostore.skeleton import Skeleton
from neurostore.wording import and_more, listed

VERSION = 1
NEWEST_SCHEMA = 2
FASTEST_M_S = 4.0  # largest speed of a person's centre between two sightings; SLACK_MM is added for the noise of depth
SLACK_MM = 400.0
LONGEST_GAP_S = 1.0
_BY_JOINTS = {43: "berkeley_mhad_43", 87: "bml_movi_87", 24: "smpl_24", 19: "coco_19"}
_FRAME = re.compile(r"^(?:frame_)?(\d+)$")


def read(path: Path, options: ReadOptions) -> Recording:
    """Read one video of a results.json: ``options.member``, or the only one.

    Raises
    ------
    InputError : no results.json, a newer schema version, several videos and none named, no person in any frame.
    """
    videos = _videos(path)
    if options.member is None and len(videos) != 1:
        raise InputError(path, f"holds {len(videos)} videos ({listed(videos, 5)}); name the one to read")
    name = options.member if options.member is not None else next(iter(videos))
    if name not in videos:
        raise InputError(path, f"holds no video {name!r}; it has {', '.join(list(videos)[:10])}")
    return _recording(path, name, videos[name], options)


def _videos(path: Path) -> dict[str, dict[str, Any]]:
    try:
        with path.open("rb") as file:
            content = json.load(file)
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"is not JSON, or breaks off: {str(error)[:120]}") from None
    if isinstance(content, dict) and {"frames", "metadata"} <= content.keys():
        return {path.stem: content}
    entries = list(content.values()) if isinstance(content, dict) else []
    if entries and all(isinstance(e, dict) and "status" in e and "frames" not in e for e in entries):
        raise InputError(path, "is a NeuroPose status.json, which reports on jobs; the trials are in results.json")
    if isinstance(content, dict) and ("measured_passes" in content or "aggregate" in content):
        raise InputError(path, "is a NeuroPose benchmark, not a trial")
    if not entries or not all(isinstance(e, dict) and "frames" in e and "metadata" in e for e in entries):
        videos = (
            f"an object with {', '.join(map(repr, list(content)[:4]))}" if isinstance(content, dict) else "no object"
        )
        raise InputError(
            path,
            f"is not a NeuroPose results.json: expected video names, each with metadata and frames; found {videos}",
        )
    return content


def _recording(path: Path, name: str, video: dict[str, Any], options: ReadOptions) -> Recording:
    version = video.get("schema_version", 1)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InputError(path, f"{name}: schema_version is {version!r}, expected 1 to {NEWEST_SCHEMA}")
    if version > NEWEST_SCHEMA:
        raise InputError(
            path,
            f"{name}: schema_version {version} is newer than {NEWEST_SCHEMA}, the newest known here; update Neurostore",
        )
    metadata = video["metadata"] if isinstance(video["metadata"], dict) else {}
    fps = options.rate_hz if options.rate_hz is not None else metadata.get("fps")
    if not isinstance(fps, int | float) or not 0 < fps < 1e9:
        raise InputError(path, f"{name}: metadata.fps is {fps!r}, expected frames per second above 0; give rate_hz")
    notes: list[str] = []
    frames, poses = _detections(path, name, video["frames"])
    n_frames = max([int(frames[-1]) + 1 if len(frames) else 0, _whole(metadata.get("frame_count"))])
    stated = _whole(metadata.get("frame_count"))
    if stated and stated != len(frames):
        notes.append(f"metadata.frame_count says {stated} frames, {len(frames)} are there")
    if not any(len(p) for p in poses):
        raise InputError(path, f"{name}: no person was found in any of its {len(frames)} frames")
    skeleton = _skeleton(path, name, poses, options)
    keep = frame_slice(n_frames, options, path)
    person, frame, positions = _link(frames, poses, float(fps), keep, notes)
    if len(frame) == 0:
        raise InputError(path, f"{name}: no person in the frames that cohort.toml keeps")
    camera = without_far(path, positions, skeleton.joints, notes)
    if not np.isfinite(camera).any():
        raise InputError(path, f"{name}: none of its coordinates is a number")
    return Recording(
        kind="video",
        rate_hz=float(fps),
        poses=[
            Poses(
                skeleton=skeleton,
                person=person,
                frame=(frame - keep.start).astype(np.int32),
                time_s=frame / float(fps),
                positions=camera * np.array([1, -1, -1], np.float32),
            )
        ],
        up_source="camera_level",
        position_basis="camera_metric",
        length_basis=options.length_basis or "judged",
        events=_segmentations(path, name, video.get("segmentations"), float(fps)),
        is_treadmill=options.is_treadmill,
        steps=[Step("read_neuropose", VERSION, {"schema_version": version, "member": name})],
        notes=notes,
        estimator=_estimator(video.get("provenance")),
        quality={"persons_detected_max": float(max(len(p) for p in poses))},
    )


def _detections(path: Path, name: str, frames: Any) -> tuple[Ints, list[Floats]]:
    """(frame numbers, poses3d of each frame as (persons, J, 3) float32), in order of frame."""
    if not isinstance(frames, dict):
        raise InputError(path, f"{name}: frames is {type(frames).__name__}, expected an object by frame name")
    detections: list[tuple[int, Floats]] = []
    problems = []
    for key, frame in frames.items():
        number = _FRAME.match(key)
        values = frame.get("poses3d") if isinstance(frame, dict) else None
        if number is None or len(number[1]) > 9 or not isinstance(values, list):
            problems.append(f"{name}: {key!r} has no number, or no list poses3d")
            continue
        try:
            poses = np.array(values, dtype=np.float32)
        except (TypeError, ValueError, OverflowError):
            problems.append(f"{name}, {key}: poses3d is not an array of numbers, person by joint by x, y, z")
            continue
        if poses.size and (poses.ndim != 3 or poses.shape[2] != 3):
            problems.append(f"{name}, {key}: poses3d has the shape {poses.shape}, expected (persons, joints, 3)")
            continue
        detections.append((int(number[1]), poses if poses.size else np.empty((0, 0, 3), np.float32)))
    if problems:
        raise InputError(path, *and_more(problems, 5))
    detections.sort(key=lambda pair: pair[0])
    return np.array([n for n, _ in detections], dtype=np.int64), [p for _, p in detections]


def _whole(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and 0 < value < 1e15 else 0


def _skeleton(path: Path, name: str, poses: list[Floats], options: ReadOptions) -> Skeleton:
    counts = {p.shape[1] for p in poses if len(p)}
    if len(counts) != 1:
        raise InputError(
            path, f"{name}: persons have {', '.join(map(str, sorted(counts)))} joints; expected one number"
        )
    n_joints = counts.pop()
    wanted = options.skeleton or _BY_JOINTS.get(n_joints)
    if wanted is None:
        known = ", ".join(f"{n} ({s})" for n, s in _BY_JOINTS.items())
        raise InputError(
            path, f"{name}: persons have {n_joints} joints; known are {known}; name a skeleton in cohort.toml"
        )
    try:
        skeleton = skeletons.read_toml(Path(wanted)) if wanted.endswith(".toml") else skeletons.load(wanted)
    except SkeletonError as error:
        raise InputError(path, str(error)) from None
    if len(skeleton.joints) != n_joints:
        raise InputError(path, f"{name}: persons have {n_joints} joints, {skeleton.name} has {len(skeleton.joints)}")
    return skeleton


def _link(frames: Ints, poses: list[Floats], fps: float, keep: slice, notes: list[str]) -> tuple[Ints, Ints, Floats]:
    """Detections joined to persons: (person, frame, positions), sorted by person and frame.

    Each frame's detections go to the tracks whose last centre is nearest (Hungarian), no faster than a person moves.
    Person 0 is the one seen in most frames; the others follow by the same order.
    """
    from scipy.optimize import linear_sum_assignment

    tracks: list[list[tuple[int, int]]] = []  # (position in frames, detection)
    centres: list[Floats] = []
    for i, (frame, people) in enumerate(zip(frames, poses, strict=True)):
        if not keep.start <= frame < keep.stop or not len(people):
            continue
        here = _centres(people)
        open_tracks = [t for t, track in enumerate(tracks) if frame - frames[track[-1][0]] <= LONGEST_GAP_S * fps + 1]
        taken: set[int] = set()
        if open_tracks:
            cost = np.linalg.norm(np.array([centres[t] for t in open_tracks])[:, None] - here[None], axis=-1)
            gaps = np.array([frame - frames[tracks[t][-1][0]] for t in open_tracks]) / fps
            reach = SLACK_MM + 1000 * FASTEST_M_S * gaps
            cost = np.where(np.isfinite(cost) & (cost <= reach[:, None]), cost, 1e9)
            for row, column in zip(*linear_sum_assignment(cost), strict=True):
                if cost[row, column] < 1e9:
                    taken.add(int(column))
                    tracks[open_tracks[row]].append((i, int(column)))
                    centres[open_tracks[row]] = here[column]
        for detection in range(len(people)):
            if detection not in taken:
                tracks.append([(i, detection)])
                centres.append(here[detection])
    tracks.sort(key=lambda track: (-len(track), track[0]))
    if len(tracks) > 1:
        shares = listed((str(len(t)) for t in tracks), 6)
        notes.append(
            f"{len(tracks)} persons were distinguished by distance, seen in {shares} frames; the first is the subject"
        )
    rows = [(number, i, detection) for number, track in enumerate(tracks) for i, detection in track]
    person = np.array([number for number, _, _ in rows], dtype=np.int32)
    frame_of = np.array([frames[i] for _, i, _ in rows], dtype=np.int64)
    positions = np.stack([poses[i][d] for _, i, d in rows]) if rows else np.empty((0, 0, 3), np.float32)
    return person, frame_of, positions


def _centres(poses: Floats) -> Floats:
    """(persons, 3) mean of the finite joints; NaN for a person without any."""
    finite = np.isfinite(poses).all(axis=-1, keepdims=True)
    n = finite.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(finite, poses, 0).sum(axis=1, dtype=np.float64) / np.where(n > 0, n, np.nan)


def _segmentations(path: Path, name: str, segmentations: Any, fps: float) -> list[SourceEvent]:
    """Start, peak and end of each segment as events labelled with the segmentation's name; the end is exclusive."""
    events = []
    if segmentations is not None and not isinstance(segmentations, dict):
        raise InputError(path, f"{name}: segmentations is {type(segmentations).__name__}, expected an object by name")
    for label, segmentation in (segmentations or {}).items():
        segments = segmentation.get("segments") if isinstance(segmentation, dict) else None
        if not isinstance(segments, list):
            raise InputError(path, f"{name}: segmentation {label!r} has no list of segments")
        config = segmentation.get("config") or {}
        description = json.dumps(config, sort_keys=True)
        for number, segment in enumerate(segments):
            for edge in ("start", "peak", "end"):
                at = segment.get(edge) if isinstance(segment, dict) else None
                if not isinstance(at, int | float) or not abs(at) < 1e9:
                    raise InputError(
                        path, f"{name}: segment {number} of {label!r} has {edge} = {at!r}, expected a frame"
                    )
                events.append(SourceEvent(f"segment_{edge}", None, at / fps, label, description))
    order = {"segment_start": 0, "segment_peak": 1, "segment_end": 2}
    return sorted(events, key=lambda e: (e.time_s, e.label, order[e.event]))


def _estimator(provenance: Any) -> dict[str, Any]:
    if not isinstance(provenance, dict):
        return {"name": "metrabs", "version": "", "model_sha256": None, "options": {}}
    options = {k: v for k, v in provenance.items() if k not in ("model_sha256", "neuropose_version")}
    return {
        "name": "metrabs",
        "version": f"neuropose {provenance.get('neuropose_version', '')}".strip(),
        "model_sha256": provenance.get("model_sha256"),
        "options": options,
    }
