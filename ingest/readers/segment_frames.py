"""From segments with an origin and a rotation of their own (Theia3D, Xsens MVN) to a recording.

Such systems state each segment's anatomical frame. Its axes differ between manufacturers, so a rotation for each
segment brings them to ours: x forward, y up, z to the right. The neutral pose is the one in which these frames are
upright.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurostore import skeleton as skeletons
from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.ingest.geometry.rotations import from_matrix
from neurostore.ingest.readers.markers.assemble import frame_slice, judge_still, name_says_static, to_y_up
from neurostore.ingest.recording import NeutralPose, Poses, ReadOptions, Recording, Step

_LEG = {"thigh": 420.0, "shank": 410.0}  # lengths in mm of the neutral pose, if all segments of a file are at one point


@dataclass(frozen=True, slots=True)
class Frames:
    """What a file says. names : of its J segments. origins : (n, J, 3) mm; matrices : (n, J, 3, 3) segment to lab; NaN = missing.

    skeleton : the declared one. up : which axis of the lab is up. axes : (3, 3), columns are our x, y, z in the segment's axes.
    """

    names: list[str]
    origins: Floats
    matrices: Floats
    rate_hz: float
    time_s: Floats
    skeleton: str
    up: str
    axes: Floats


def recording_of(path: Path, frames: Frames, options: ReadOptions, step: Step, notes: list[str]) -> Recording:
    """The recording of a file's segments.

    Raises
    ------
    InputError : the skeleton's segments are not among the names, or no frame has a valid rotation.
    """
    skeleton = skeletons.load(frames.skeleton)
    index = {name.upper(): i for i, name in enumerate(frames.names)}
    column = [index.get(name.upper()) for name in skeleton.source_names]
    missing = [n for n, c in zip(skeleton.source_names, column, strict=True) if c is None and n in skeleton.required]
    if missing:
        raise InputError(
            path,
            f"lacks the segments {', '.join(missing)}; it has {', '.join(frames.names[:12])}",
            "expected a whole body",
        )
    keep = frame_slice(len(frames.origins), options, path)
    n = keep.stop - keep.start
    positions = np.full((n, len(column), 3), np.nan, np.float32)
    rotations = np.full((n, len(column), 4), np.nan, np.float32)
    lab = np.array([to_y_up(axis, frames.up) for axis in np.eye(3)]).T  # from the file's axes to y up
    for to, source in enumerate(column):
        if source is None:
            continue
        positions[:, to] = to_y_up(frames.origins[keep, source], frames.up)
        rotations[:, to] = from_matrix(lab @ frames.matrices[keep, source] @ frames.axes)
    is_missing = ~np.isfinite(positions).all(-1) | ~np.isfinite(rotations).all(-1)
    positions[is_missing], rotations[is_missing] = np.nan, np.nan
    if is_missing.all():
        raise InputError(path, f"holds no valid rotation in any of its {n} frames and {len(frames.names)} segments")
    left_out = [name for name in frames.names if name.upper() not in {s.upper() for s in skeleton.source_names}]
    if left_out:
        notes.append(f"segments that no angle needs were left out: {', '.join(left_out)}")
    time_s = frames.time_s[keep]
    still, still_notes = judge_still(positions, n / frames.rate_hz, name_says_static(path))
    frame = np.arange(n, dtype=np.int32)
    return Recording(
        kind="static" if still else "mocap",
        rate_hz=frames.rate_hz,
        poses=[Poses(skeleton, np.zeros(n, np.int32), frame, time_s, positions, rotations)],
        neutral=_upright(skeleton, positions),
        is_treadmill=options.is_treadmill,
        length_basis=options.length_basis or "measured",
        steps=[step],
        notes=[*notes, *still_notes],
    )


def _upright(skeleton: skeletons.Skeleton, positions: Floats) -> NeutralPose:
    """The pose in which every segment's frame is that of the lab: legs straight down, feet forwards, arms at the sides."""
    at = {landmark: skeleton.source_names.index(name) for landmark, name in skeleton.declaration["landmarks"].items()
          if isinstance(name, str) and name in skeleton.source_names}  # fmt: skip

    def length(a: str, b: str, default: float) -> float:
        gap = np.linalg.norm(positions[:, at[a]] - positions[:, at[b]], axis=-1) if {a, b} <= set(at) else np.array([])
        gap = gap[np.isfinite(gap)]
        return float(np.median(gap)) if len(gap) and np.median(gap) > 1 else default

    out = np.full((len(skeleton.joints), 3), np.nan, np.float32)
    for side, z in (("left", -1.0), ("right", 1.0)):
        y = 0.0
        half = z * length("left_hip", "right_hip", 170.0) / 2
        for joint, below, default in (
            ("hip", "knee", _LEG["thigh"]),
            ("knee", "ankle", _LEG["shank"]),
            ("ankle", "", 0),
        ):
            if f"{side}_{joint}" in at:
                out[at[f"{side}_{joint}"]] = [0.0, y, half]
            y -= length(f"{side}_{joint}", f"{side}_{below}", default) if below else 0.0
        if f"{side}_toe" in at:
            out[at[f"{side}_toe"]] = [length(f"{side}_ankle", f"{side}_toe", 150.0), y, half]
        y = 500.0
        for joint, below in (("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "")):
            if f"{side}_{joint}" in at:
                out[at[f"{side}_{joint}"]] = [0.0, y, 2 * half]
            y -= length(f"{side}_{joint}", f"{side}_{below}", 280.0) if below else 0.0
    for landmark, y in (("pelvis_bone", 0.0), ("trunk_bone", 300.0), ("neck", 520.0), ("head", 600.0)):
        if landmark in at:
            out[at[landmark]] = [0.0, y, 0.0]
    return NeutralPose(out, np.tile(np.array([1, 0, 0, 0], np.float32), (len(out), 1)))
