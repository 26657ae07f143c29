"""The landmarks of one person of a trial: cleaned, then joint centres, then segments, then headings."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from neurostore.arrays import Floats, Ints
from neurostore.ingest.landmarks import (
    arrangement,
    calibration,
    clusters,
    functional,
    functional_knee,
    misplaced,
    pelvis_markers,
    plausible,
)
from neurostore.ingest.landmarks.centres import Centres
from neurostore.ingest.landmarks.cleaning import CleanPerson, clean_person
from neurostore.ingest.landmarks.heading import headings_of
from neurostore.ingest.landmarks.marker_centres import ONE_PSIS, compute_centres
from neurostore.ingest.landmarks.names import SIDES, Marks, names_of
from neurostore.ingest.landmarks.neutral import neutral_axes_of, segments_of_rotations
from neurostore.ingest.landmarks.segments import Segments, segments_of_points
from neurostore.ingest.landmarks.static_trial import give_session
from neurostore.ingest.recording import Calibration, Poses, Recording


@dataclass(frozen=True, slots=True)
class Choices:
    """How landmarks are computed: see :func:`neurostore.ingest.landmarks.compute_landmarks`."""

    cutoff_hz: float
    hip_method: str
    path: str
    functional: str | None = None


@dataclass(frozen=True, slots=True)
class PersonLandmarks:
    """What one person's frames give; the subject (person 0) alone has methods, calibrations, quality and notes.

    rows : of the trial's poses. points : landmark to (n, 3). segments : name to (n, 4). scalars : name to (n,), or to
    one number. The rest as in :class:`neurostore.ingest.landmarks.Landmarks`.
    """

    rows: Ints
    points: Marks
    segments: dict[str, Floats]
    scalars: dict[str, Floats | float]
    methods: dict[str, str] = field(default_factory=dict)
    calibrations: list[Calibration] = field(default_factory=list)
    pelvis_zero: str = "none"
    quality: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def compute_person(recording: Recording, rows: Ints, known: Iterable[Calibration], choices: Choices) -> PersonLandmarks:
    """Landmarks of one person. rows : of the primary skeleton's poses. known : calibrations of the subject's session."""
    poses = recording.poses[0]
    is_subject = int(poses.person[rows[0]]) == 0
    is_static = recording.kind == "static"
    known = list(known) if is_subject else []  # the parameters of a file belong to its subject only
    names = names_of(poses, rows, recording.model_points)
    neutral = neutral_axes_of(recording, names.sources)
    clean = clean_person(recording, rows, names, neutral, known, choices.cutoff_hz, choices.path)
    doubts = plausible.put_medial_inside(clean.marks) if neutral is None else []
    is_skin_alone = clean.is_skin and neutral is None
    doubts += pelvis_markers.bridge(clean.marks) if is_skin_alone else []
    given, ours = known, calibration.of_these_legs if is_static else calibration.of_this_person
    known = ours(given, clean.marks, doubts)
    led, led_notes = clusters.lead(clean.marks, clean.clusters, [] if neutral is not None or is_static else known)
    parameters = calibration.gather(known)
    if is_subject:
        calibration.add_measured(parameters, clean.marks, "static" if is_static else "estimated")
        calibration.add_neutral(parameters, neutral.hip_angles if neutral is not None else {})
    declared = poses.skeleton.declaration.get("landmarks", {})
    body = compute_centres(
        clean.marks,
        parameters,
        choices.hip_method,
        bell_pelvis=declared.get("bell_pelvis", False),
        sacrum_marker_first=declared.get("sacrum_marker_first", False),
        needs_axes=clean.is_skin or neutral is None,
    )
    if neutral is None:
        functional_knee.use_axes(body, clean.clusters, known, doubts)
        segments = segments_of_points(body)
    else:
        segments = segments_of_rotations(neutral, clean.rotations, body.points)
    pelvis = None if recording.position_basis == "root_relative" else body.points.get("pelvis")
    scalars: dict[str, Floats | float] = {**headings_of(pelvis, segments.right, poses.time_s[rows])}
    if not is_subject:
        return PersonLandmarks(rows, body.points, segments.rotations, scalars)

    hips, functional_notes = functional.calibrations_of(body, clean.clusters, choices.functional)
    if is_static and is_skin_alone:
        doubts += give_session(parameters, body, segments, clean.clusters)
    parameters.added += hips
    scalars |= _torsions(body, segments)
    arranged, arranged_notes = arrangement.check(body.points, clean.is_skin) if neutral is None else ({}, [])
    slips = led.get("slipped_clusters", 0.0) + (_has_static(given) and not _has_static(known))
    placed, placed_notes = _places(recording, body, declared, slips) if is_skin_alone else ({}, [])
    methods, notes = _methods_and_notes(poses, clean, body, segments, neutral is None)
    return PersonLandmarks(
        rows,
        body.points,
        segments.rotations,
        {**scalars, **(neutral.hip_angles if neutral is not None else {})},
        methods,
        parameters.added,
        "neutral" if neutral is not None else "anatomical" if "pelvis" in segments.rotations else "none",
        clean.quality | led | arranged | placed,
        [*clean.notes, *arranged_notes, *placed_notes, *doubts, *led_notes, *segments.notes, *notes, *functional_notes],
    )


def _torsions(body: Centres, segments: Segments) -> dict[str, float]:
    return {
        f"{side}_tibial_torsion_deg": math.degrees(torsion)
        for side, torsion in body.torsion.items()
        if f"{side}_shank" in segments.rotations
    }


def _has_static(known: Iterable[Calibration]) -> bool:
    return any(c.source == "static" for c in known)


def _places(
    recording: Recording, body: Centres, declared: dict[str, Any], slips: float
) -> tuple[dict[str, float], list[str]]:
    """(figures, notes) on skin markers that may be misplaced; none where points are only like them, or were estimated.

    slips : signs of it that others found: clusters that slipped, a static trial that is not this person's.
    """
    if recording.kind not in ("mocap", "static") or declared.get("bell_pelvis", False):
        return {}, []
    figures, notes = misplaced.check(body, is_static=recording.kind == "static")
    n_signs = figures.get("misplaced_markers", 0.0) + slips
    return figures | ({"misplaced_markers": n_signs} if n_signs else {}), notes


def _methods_and_notes(
    poses: Poses, clean: CleanPerson, body: Centres, segments: Segments, has_only_points: bool
) -> tuple[dict[str, str], list[str]]:
    """How each joint centre and segment arose, and what of it a reader should know."""
    methods = {**body.methods, **segments.methods}
    notes = _undefined_shanks(body)
    if methods.get("sacrum") == ONE_PSIS:
        notes.append(
            "one PSIS is missing: the middle of the PSIS is the other one, projected onto the plane half-way between the "
            "ASIS, as if the pelvis were symmetrical"
        )
    if clean.is_skin and has_only_points:
        changed, device_notes = _alignment_devices(frozenset(poses.skeleton.joints), methods, body.parameters)
        methods, notes = methods | changed, [*notes, *device_notes, *_estimated_widths(body)]
    return methods, notes


def _undefined_shanks(body: Centres) -> list[str]:
    sides = [
        side
        for side in SIDES
        if body.methods.get(f"{side}_ankle", "").startswith("chord") and f"{side}_shank" not in body.lateral
    ]
    if not sides:
        return []
    return [
        f"no {' or '.join(sides)} knee rotation and ankle inversion: neither the file nor a medial marker gives the angle between the "
        "wand on the shank and the ankle axis (give shank_rotation in participants.tsv, or a static trial with medial markers)"
    ]


def _alignment_devices(
    joints: frozenset[str], methods: dict[str, str], parameters: calibration.Parameters
) -> tuple[dict[str, str], list[str]]:
    """(methods that change, notes): a knee alignment device sets the thigh's rotation in its own trial only."""
    names = {joint.upper() for joint in joints}
    changed: dict[str, str] = {}
    notes = []
    for side, letter in (("left", "L"), ("right", "R")):
        if not names & {f"{letter}{end}" for end in ("KAX", "KD1", "KD2")}:
            continue
        if "device" in methods.get(f"{side}_knee", ""):
            notes.append(f"{side} knee alignment device: it gives the axis of the {side} knee")
        elif not parameters.get("thigh_rotation", side):
            for name in (f"{side}_thigh_axes", f"{side}_shank_axes"):
                changed[name] = f"{methods.get(name, 'none')} (knee alignment device)"
            notes.append(
                f"{side} knee alignment device: the file states no thigh rotation, so {side} hip and knee rotation and "
                "knee adduction are those of the wand"
            )
    return changed, notes


def _estimated_widths(body: Centres) -> list[str]:
    joints = sorted(joint for joint, method in body.methods.items() if "estimated" in method)
    if not joints:
        return []
    return [
        f"joint widths were estimated from leg length for {', '.join(joints)}: give them in participants.tsv or the file"
    ]
