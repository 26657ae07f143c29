"""C3D: positions of markers, and what the file itself states (events, model angles, measures of the subject).

Input: a path. Output: a Recording with forces and analog channels. May import: recording, geometry, the units of readers,
readers.markers, and neurostore's errors, skeleton and wording.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.ingest.readers import recorded_at
from neurostore.ingest.readers.c3d.forces import read_forces, standing_weight
from neurostore.ingest.readers.c3d.kinetics import read_kinetics
from neurostore.ingest.readers.c3d.layout import Layout, read_layout
from neurostore.ingest.readers.c3d.measures import calibrations
from neurostore.ingest.readers.c3d.outputs import classify, source_angles, source_events
from neurostore.ingest.readers.c3d.parameters import Parameters
from neurostore.ingest.readers.c3d.points import read_points
from neurostore.ingest.readers.c3d.rotations import has_rotations, read_rotations
from neurostore.ingest.readers.markers.assemble import (
    assemble,
    choose_skeleton,
    frame_slice,
    judge_still,
    name_says_static,
    named_or_numbered,
    parse_up,
    refuse_pixels,
    renamed,
    squeezed,
    to_y_up,
    unit_mismatch,
    without_far,
)
from neurostore.ingest.readers.markers.people import by_person, subject_of
from neurostore.ingest.readers.markers.up import judge_up
from neurostore.ingest.readers.recorded_at import time_of
from neurostore.ingest.readers.units import UNIT_MM, judged_unit
from neurostore.ingest.recording import ReadOptions, Recording, SourceEvent, Step

VERSION = 6
_LEAST_SEEN = 0.5  # of the coordinates, in a file in which every residual is negative
_SMOOTH = 0.05  # largest usual step from one frame to the next, as a share of the body
_KNEE_DEVICE = re.compile(r"^[LR]K(AX|D[12])$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Point:
    """A labelled point: index in the frame, label without prefix, prefix, label as in the file."""

    index: int
    label: str
    prefix: str
    whole: str


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The points of one subject by what they are, and the subject's name as the file gives it."""

    markers: list[_Point]
    models: list[_Point]
    angles: list[_Point]
    outputs: list[_Point]
    subject: str | None


@dataclass(frozen=True, slots=True)
class _Placed:
    """Markers and points of the file's own model: positions (T, markers + models, 3) in mm, Y up.

    scale_mm : millimetres per unit of the file. up : the file's axis that points up.
    """

    markers: list[_Point]
    models: list[_Point]
    positions: Floats
    scale_mm: float
    length_basis: str
    up: str
    is_upright: bool


def read(path: Path, options: ReadOptions) -> Recording:
    """Read a C3D file.

    Positions in mm, Y up; ``time_s`` = (first frame − 1 + frame)/rate, the clock of the file's events. A sample with a
    negative residual, or with x, y and z all zero, is missing.

    Raises
    ------
    InputError : no C3D, truncated, without points, without labels, or without one valid sample.
    """
    layout = read_layout(path)
    if layout.n_points == 0 and has_rotations(layout):
        return read_rotations(path, layout, options)
    parameters, notes = layout.parameters, list(layout.notes)
    layout = _with_rate(layout, options, notes)
    chosen = _chosen(path, layout, options, notes)
    n_placed = len(chosen.markers) + len(chosen.models)
    values = _values(path, layout, chosen, notes)
    of_model = values[:, n_placed:]
    of_model[np.isinf(of_model)] = np.nan
    keep = frame_slice(layout.n_frames, options, path)
    time_s = (layout.first_frame - 1 + np.arange(layout.n_frames)[keep]) / layout.rate_hz
    placed = _placed(path, parameters, options, chosen, values[keep, :n_placed], notes)

    labels = [p.label for p in placed.markers]
    skeleton, columns, fit_notes = choose_skeleton(labels, options, path, [p.label for p in placed.models])
    poses = assemble(skeleton, columns, placed.positions, time_s)
    is_named_static = name_says_static(path) or bool(sum(parameters.numbers("SUBJECTS", "IS_STATIC")[:1]))
    still, still_notes = judge_still(
        placed.positions[:, : len(labels)], len(poses.frame) / layout.rate_hz, is_named_static
    )
    events, event_notes = _events(layout, chosen.subject)
    angle_labels = [p.label for p in chosen.angles]
    angles, angle_notes = source_angles(angle_labels, of_model[keep], time_s, parameters)
    measures, measure_notes = calibrations(parameters, chosen.subject)
    kinetics = read_kinetics(path, layout, chosen.outputs, keep, time_s, measures, placed.up, notes)
    start_s = (layout.first_frame - 1 + keep.start) / layout.rate_hz
    analog, plates = read_forces(path, layout, options, keep, placed.scale_mm, placed.up, start_s, notes)
    notes += [*_remarks(placed), *still_notes, *(standing_weight(plates, measures) if still else [])]
    return Recording(
        kind="static" if still else "mocap",
        rate_hz=layout.rate_hz,
        poses=[poses],
        up_source="lab",
        position_basis="lab",
        length_basis=options.length_basis or placed.length_basis,
        events=events,
        angles=angles,
        calibrations=measures,
        plates=plates,
        analog=analog,
        kinetics=kinetics,
        model_points=frozenset(columns[len(labels) :]),
        subject=chosen.subject,
        is_treadmill=options.is_treadmill,
        steps=[_step(layout, placed), *_recorded_at(parameters, notes)],
        quality=_quality(layout),
        notes=[*notes, *fit_notes, *event_notes, *angle_notes, *measure_notes],
    )


def _with_rate(layout: Layout, options: ReadOptions, notes: list[str]) -> Layout:
    """The layout with the frame rate that cohort.toml gives, where it gives one."""
    if options.rate_hz is None:
        return layout
    if abs(options.rate_hz / layout.rate_hz - 1) > 1e-6:
        notes.append(f"{options.rate_hz:g} frames per second by cohort.toml, while the file says {layout.rate_hz:g}")
    return replace(layout, rate_hz=float(options.rate_hz), rate_claims_ratio=1.0)


def _chosen(path: Path, layout: Layout, options: ReadOptions, notes: list[str]) -> _Chosen:
    """The points to be read. Raises InputError if none of them is a marker."""
    points, subject = _points_of_subject(path, layout, layout.parameters, options, notes)
    kinds = classify([p.label for p in points], [p.whole for p in points], layout.parameters)
    markers, models, angles, outputs = (
        [p for p, k in zip(points, kinds, strict=True) if k == kind]
        for kind in ("marker", "model_point", "angle", "output")
    )
    if not markers:
        raise InputError(
            path,
            f"has no marker: its {layout.n_points} points are unlabelled or outputs of a model "
            f"({len(models)} model points, {len(angles)} angles, {len(outputs)} forces, moments, powers)",
        )
    return _Chosen(markers, models, angles, outputs, subject)


def _values(path: Path, layout: Layout, chosen: _Chosen, notes: list[str]) -> Floats:
    """(T, markers + models + angles, 3) as in the file.

    A negative residual means that a point was not seen. Where no marker ever has another, and the points move smoothly all the same,
    the program that wrote the file did not know residuals.
    """
    points = [p.index for p in (*chosen.markers, *chosen.models, *chosen.angles)]
    n_markers = len(chosen.markers)
    values = read_points(path, layout, points)
    if np.isfinite(values[:, :n_markers]).any():
        return values
    whole = read_points(path, layout, points, uses_residuals=False)
    markers = whole[:, :n_markers]
    with np.errstate(invalid="ignore"):
        across = np.nanmax(markers, axis=1, initial=-np.inf) - np.nanmin(markers, axis=1, initial=np.inf)
        steps = np.abs(np.diff(markers, axis=0))
    seen = np.isfinite(steps)
    if not seen.mean() > _LEAST_SEEN or np.median(steps[seen]) > _SMOOTH * float(np.median(across.max(axis=-1))):
        return values
    notes.append(
        "every sample of every marker has a negative residual (not seen), although the markers move smoothly: read all the same"
    )
    return whole


def _placed(
    path: Path, parameters: Parameters, options: ReadOptions, chosen: _Chosen, positions: Floats, notes: list[str]
) -> _Placed:
    """Positions (T, markers + models, 3) of the file without duplicates and invalid samples, in mm, Y up."""
    markers, models, positions = _without_duplicates(chosen.markers, chosen.models, positions, notes)
    scale_mm, length_basis = _scale(path, parameters, options, positions[:, : len(markers)], notes)
    with np.errstate(over="ignore"):
        positions = positions * np.float32(scale_mm)
    positions = without_far(path, positions, [p.label for p in (*markers, *models)], notes)
    of_markers = positions[:, : len(markers)]
    if not np.isfinite(of_markers).any():
        raise InputError(
            path,
            f"has no valid sample in any of its {len(markers)} markers: "
            "all have a negative residual, are zero or not finite",
        )
    if length_basis == "measured" and (warning := unit_mismatch(of_markers, f"{scale_mm:g} mm")):
        notes.append(warning)
    up, is_upright = _up(path, parameters, options, [p.label for p in markers], of_markers, notes)
    return _Placed(markers, models, to_y_up(positions, up), scale_mm, length_basis, up, is_upright)


def _events(layout: Layout, subject: str | None) -> tuple[list[SourceEvent], list[str]]:
    """(events, notes); of a file that was cut off, those that its frames reach."""
    first, n_stated = layout.first_frame, layout.n_frames + layout.n_missing
    events, notes = source_events(layout.parameters, first, n_stated, layout.rate_hz, subject)
    end_s = (first - 1 + layout.n_frames) / layout.rate_hz
    return [event for event in events if not layout.n_missing or event.time_s <= end_s], notes


def _quality(layout: Layout) -> dict[str, float]:
    quality = {} if layout.rate_claims_ratio == 1.0 else {"rate_claims_ratio": layout.rate_claims_ratio}
    if layout.n_missing:
        quality["missing_frames_pct"] = 100.0 * layout.n_missing / (layout.n_frames + layout.n_missing)
    return quality


def _remarks(placed: _Placed) -> list[str]:
    """Further notes on the points."""
    notes = []
    if placed.models:
        names = [p.label for p in placed.models]
        notes.append(
            f"{len(names)} points of the file's own model are stored as columns and never used as input: "
            + ", ".join(names[:6])
            + (" …" if len(names) > 6 else "")
        )
    if any(_KNEE_DEVICE.match(p.label) for p in placed.markers):
        notes.append("a knee alignment device is in the file (LKAX, LKD1, LKD2 or the right side's)")
    return notes


def _step(layout: Layout, placed: _Placed) -> Step:
    return Step(
        "read_c3d",
        VERSION,
        {
            "scale_mm": placed.scale_mm,
            "up": placed.up,
            "up_is_upright": placed.is_upright,
            "first_frame": layout.first_frame,
            "processor": layout.processor,
            "storage": "float" if layout.scale < 0 else "integer",
            "written_by": _written_by(layout.parameters),
        },
    )


def _points_of_subject(
    path: Path, layout: Layout, parameters: Parameters, options: ReadOptions, notes: list[str]
) -> tuple[list[_Point], str | None]:
    """The labelled points of one subject, and its name as the file gives it.

    Labels may carry the subject as a prefix (:func:`by_person`). Of several subjects one is read
    (:func:`subject_of`); the others are noted.
    """
    labels = parameters.strings("POINT", "LABELS")[: layout.n_points]
    names = [n for n in parameters.strings("SUBJECTS", "NAMES") if n]
    n_unlabelled = layout.n_points - len(labels)
    split = by_person(labels, notes, names)
    split = list(zip((p for p, _ in split), renamed([label for _, label in split], options, notes), strict=True))
    kept, note = named_or_numbered([label for _, label in split])
    notes += [note] if note else []
    points = [
        _Point(index, label, prefix, whole)
        for index, (whole, (prefix, label), keep) in enumerate(zip(labels, split, kept, strict=True))
        if keep
    ]
    n_unlabelled += len(labels) - len(points)
    if n_unlabelled:
        notes.append(f"{n_unlabelled} unlabelled points were dropped")
    if not points:
        raise InputError(path, f"none of its {layout.n_points} points has a label (POINT:LABELS)")
    people: dict[str, list[str]] = {}
    for point in points:
        people.setdefault(point.prefix, []).append(squeezed(point.label))
    people.pop("", None)
    subject = names[0] if names else None
    if people:
        prefix = subject_of(people, path, notes)
        if len(people) > 1:
            points = [p for p in points if p.prefix == prefix]
        subject = next(
            (n for n in names if n.lower() == prefix.lower()), prefix if len(people) > 1 else subject or prefix
        )
    elif len(names) > 1:
        notes.append(
            f"the file names several subjects ({', '.join(names)}) and its labels do not show which subject they belong to"
        )
    return points, subject


def _without_duplicates(
    markers: list[_Point], models: list[_Point], positions: Floats, notes: list[str]
) -> tuple[list[_Point], list[_Point], Floats]:
    """Of points with one label (whatever the case) the one with most valid samples."""
    everyone = [*markers, *models]
    n_valid = np.isfinite(positions[..., 0]).sum(axis=0)
    best: dict[str, int] = {}
    for i, point in enumerate(everyone):
        j = best.setdefault(point.label.upper(), i)
        if n_valid[i] > n_valid[j]:
            best[point.label.upper()] = i
    kept = sorted(best.values())
    if len(kept) < len(everyone):
        counts = Counter(p.label.upper() for p in everyone)
        twice = sorted(name for name, n in counts.items() if n > 1)
        notes.append(f"labels that occur more than once; the one with most valid samples was read: {', '.join(twice)}")
        positions = positions[:, kept]
    return [everyone[i] for i in kept if i < len(markers)], [everyone[i] for i in kept if i >= len(markers)], positions


def _scale(
    path: Path, parameters: Parameters, options: ReadOptions, markers: Floats, notes: list[str]
) -> tuple[float, str]:
    """(mm per unit, length basis)."""
    unit = parameters.string("POINT", "UNITS").lower().rstrip(".")
    refuse_pixels(path, unit, markers, options.scale_mm)
    if options.scale_mm is not None:
        return options.scale_mm, "measured"
    if unit in UNIT_MM:
        return UNIT_MM[unit], "measured"
    return judged_unit(f"POINT:UNITS is {unit!r}" if unit else "POINT:UNITS is missing", markers, notes), "judged"


def _up(
    path: Path,
    parameters: Parameters,
    options: ReadOptions,
    labels: list[str],
    markers: Floats,
    notes: list[str],
) -> tuple[str, bool]:
    """(which of the file's axes points up, whether the body stands upright along it beyond doubt).

    By cohort.toml, else by the markers, with POINT:Y_SCREEN where they leave it open.
    """
    if options.up:
        return parse_up(options.up, path), False
    x_screen = parameters.string("POINT", "X_SCREEN").lower().lstrip("+")
    y_screen = parameters.string("POINT", "Y_SCREEN").lower().lstrip("+")
    is_stated = re.fullmatch(r"-?[xyz]", y_screen) and x_screen[-1:] != y_screen[-1:]
    up = judge_up([squeezed(label) for label in labels], markers, default="z", screen=y_screen if is_stated else "")
    if is_stated and up.axis != y_screen:
        notes.append(
            f"POINT:Y_SCREEN gives {y_screen} as up, but {up.axis} was used: {up.how}; set `up` in cohort.toml if this is wrong"
        )
    elif not is_stated:
        notes.append(f"the file does not state the vertical axis; {up.axis} was used: {up.how}")
    return up.axis, up.is_upright


def _recorded_at(parameters: Parameters, notes: list[str]) -> list[Step]:
    """The date in TRIAL:DATE (and TRIAL:TIME), where a program writes it; MANUFACTURER has the date of editing instead."""
    date = parameters.string("TRIAL", "DATE").strip()
    if not date:
        return []
    at = time_of(f"{date} {parameters.string('TRIAL', 'TIME').strip()}".strip()) or time_of(date)
    if at is None:
        notes.append(f"TRIAL:DATE is {date!r}, which can be read in two ways or not at all: not used as acq_time")
        return []
    return [recorded_at.step(at, "TRIAL:DATE")]


def _written_by(parameters: Parameters) -> str:
    parts = [parameters.string("MANUFACTURER", name) for name in ("COMPANY", "SOFTWARE", "VERSION_LABEL")]
    return " ".join(p for p in parts if p)
