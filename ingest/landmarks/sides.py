"""Exchange left and right of a recording whose labels were given to the wrong legs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurostore.arrays import Floats, Ints
from neurostore.errors import SkeletonError
from neurostore.ingest.landmarks.names import SIDES, named_sides
from neurostore.ingest.recording import NeutralPose, Poses, Recording, SourceAngle, SourceEvent, Step
from neurostore.skeleton import Skeleton

STEP = "exchange_sides"
VERSION = 1
_OTHER = {SIDES[0]: SIDES[1], SIDES[1]: SIDES[0]}


def counterparts(skeleton: Skeleton) -> Ints:
    """Index of each joint's counterpart on the other side, (J,); a joint of the middle has its own.

    The pairs of the declaration come first; other joints are paired where two names differ by the side alone (LASI and
    RASI, ``foot_l`` and ``foot_r``).
    """
    index = {joint: i for i, joint in enumerate(skeleton.joints)}
    others = np.arange(len(skeleton.joints))
    for left, right in skeleton.pairs:
        if left in index and right in index:
            others[index[left]], others[index[right]] = index[right], index[left]
    by_name: dict[tuple[str, str], int] = {}
    for i, name in enumerate(skeleton.source_names or skeleton.joints):
        if others[i] == i:
            for side, rest in named_sides(name):
                by_name.setdefault((side, rest), i)
    for (side, rest), i in by_name.items():
        other = by_name.get((_OTHER[side], rest))
        if other is not None and others[i] == i and others[other] == other:
            others[i], others[other] = other, i
    return others


def exchanged(recording: Recording) -> Recording:
    """The recording as it would be if every label had named the other side.

    Points, rotations, the neutral pose and events change sides. EMG channels keep the side of their electrode, and body
    measures that of the person. Angles and kinetics of the file's own model were computed from the wrong labels, so they
    are left out; angles without points are exchanged.

    Raises
    ------
    SkeletonError : no joint of the skeleton has a counterpart.
    """
    orders = [counterparts(poses.skeleton) for poses in recording.poses]
    if orders and not any((order != np.arange(len(order))).any() for order in orders):
        joints = ", ".join(recording.poses[0].skeleton.joints[:8])
        raise SkeletonError(f"left and right cannot be exchanged: no joint has a counterpart (it has {joints} …)")
    notes = ["left and right were exchanged, as a review or cohort.toml says"]
    if recording.poses and (recording.angles or recording.kinetics):
        notes.append(
            "angles and kinetics of the file's own model were left out, because it had left and right exchanged"
        )
    if any(channel.side for channel in recording.analog):
        notes.append("EMG channels keep the side that the file gives them")
    return replace(
        recording,
        poses=[_poses(poses, order) for poses, order in zip(recording.poses, orders, strict=True)],
        neutral=_neutral(recording.neutral, orders[0]) if recording.neutral is not None else None,
        events=[_event(event) for event in recording.events],
        angles=[] if recording.poses else [_angle(angle) for angle in recording.angles],
        kinetics=[] if recording.poses else recording.kinetics,
        plates=[replace(p, side=_OTHER.get(p.side or "", p.side)) for p in recording.plates],
        steps=[*recording.steps, Step(STEP, VERSION)],
        notes=[*recording.notes, *notes],
    )


def _poses(poses: Poses, order: Ints) -> Poses:
    return replace(
        poses,
        positions=_taken(poses.positions, order),
        rotations=None if poses.rotations is None else _taken(poses.rotations, order),
        confidence=None if poses.confidence is None else _taken(poses.confidence, order),
        sd_mm=None if poses.sd_mm is None else _taken(poses.sd_mm, order),
    )


def _taken(values: Floats, order: Ints) -> Floats:
    """(n, J, …) with the joints in another order, and time along memory as before."""
    return np.ascontiguousarray(values.swapaxes(0, 1)[order]).swapaxes(0, 1)


def _neutral(neutral: NeutralPose, order: Ints) -> NeutralPose:
    rotations = None if neutral.rotations is None else neutral.rotations[order]
    return NeutralPose(neutral.positions[order], rotations)


def _event(event: SourceEvent) -> SourceEvent:
    return replace(event, side=_OTHER.get(event.side or "", event.side))


def _angle(angle: SourceAngle) -> SourceAngle:
    side, _, rest = (angle.angle or "").partition("_")
    return replace(angle, angle=f"{_OTHER[side]}_{rest}") if side in _OTHER else angle
