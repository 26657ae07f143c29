"""One person's poses, named and cleaned: samples that were not measured left out, gaps filled, noise filtered."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from neurostore.arrays import Floats, Ints
from neurostore.ingest.geometry.rotation_kernels import make_rows_continuous
from neurostore.ingest.landmarks import clusters, filters, frozen, jumps
from neurostore.ingest.landmarks.names import Marks, Names
from neurostore.ingest.landmarks.neutral import NeutralAxes
from neurostore.ingest.recording import Calibration, Recording

_FOOT = re.compile("heel|toe|ankle|metatarsal")


@dataclass(frozen=True, slots=True)
class CleanPerson:
    """What is known of a person before any joint centre is computed.

    marks : landmark to (n, 3) float64 mm, NaN where missing. rotations : (S, 4, n) of the joints that carry segments, empty
    without a neutral pose. clusters : segment to its markers. is_skin : whether the landmarks are markers on the skin.
    quality, notes : what the filter did.
    """

    marks: Marks
    rotations: Floats
    clusters: dict[str, clusters.Cluster]
    is_skin: bool
    quality: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def clean_person(
    recording: Recording,
    rows: Ints,
    names: Names,
    neutral: NeutralAxes | None,
    known: Iterable[Calibration],
    cutoff_hz: float,
    path: str,
) -> CleanPerson:
    """Clean the frames of one person, all that later steps need at once.

    rows : of the primary skeleton's poses. known : calibrations of the session, which say whether markers of clusters are used. path : for errors.

    Raises
    ------
    InputError : the cut-off is above 0.45 of the rate.
    """
    poses, rate_hz = recording.poses[0], recording.rate_hz
    frame, time_s, positions = poses.frame[rows], poses.time_s[rows], _take(poses.positions, rows)
    joints = sorted({i for indices in names.sources.values() for i in indices})
    labels = [poses.skeleton.joints[i] for i in joints]
    values = positions[:, joints]
    not_measured: tuple[dict[str, float], list[str]] = ({}, [])
    repeats = frozen.repeated_frames_pct(values) if recording.kind == "mocap" and joints else 0.0
    if recording.kind == "mocap" and poses.rotations is None and joints:
        feet = {i for name, indices in names.sources.items() if _FOOT.search(name) for i in indices}
        is_foot = np.array([joint in feet for joint in joints])
        not_measured = frozen.take_out(values, rate_hz, is_foot, labels)
    jumped: tuple[dict[str, float], list[str]] = ({}, [])
    if recording.kind == "mocap" and joints:
        are_markers = names.is_skin and poses.rotations is None
        jumped = jumps.find(values, frame, rate_hz, labels, are_markers=are_markers)
    groups = {segment: positions[:, indices] for segment, indices in names.clusters.items()}
    if is_led := any(calibration.unit == clusters.UNIT for calibration in known):
        values = np.concatenate([values, *groups.values()], axis=1)
    cleaned = filters.clean_frames(values, frame, time_s, rate_hz, cutoff_hz, path)
    rotations = np.empty((0,))
    if neutral is not None and poses.rotations is not None:
        q = np.array(_take(poses.rotations, rows)[:, neutral.joints].transpose(1, 2, 0), np.float64, order="C")
        make_rows_continuous(q)
        turned = filters.clean_frames(q.transpose(2, 0, 1), frame, time_s, rate_hz, cutoff_hz, path).values
        rotations = np.ascontiguousarray(turned.transpose(1, 2, 0))
    quality, notes = cleaned.summary(labels)
    at = {joint: k for k, joint in enumerate(joints)}
    marks = {
        landmark: cleaned.values[:, at[indices[0]]]
        if len(indices) == 1
        else cleaned.values[:, [at[i] for i in indices]].mean(axis=1)
        for landmark, indices in names.sources.items()
    }
    of_clusters, start = {}, len(joints)
    for segment, indices in names.clusters.items():
        filtered = cleaned.values[:, start : start + len(indices)] if is_led else None
        of_clusters[segment] = clusters.Cluster(
            tuple(poses.skeleton.joints[i] for i in indices), groups[segment], filtered
        )
        start += len(indices)
    notes = [*names.notes, *notes, *not_measured[1], *jumped[1]]
    quality |= not_measured[0] | jumped[0] | ({"repeated_frames_pct": repeats} if repeats else {})
    return CleanPerson(marks, rotations, of_clusters, names.is_skin, quality, notes)


def _take(values: Floats, rows: Ints) -> Floats:
    """The rows of one person; the array itself where all are."""
    return values if len(rows) == len(values) else values[rows]
