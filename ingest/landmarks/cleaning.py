"""One person's poses, named and cleaned: which joint is which landmark, gaps filled, noise filtered."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from neurostore.arrays import Bools, Floats, Ints
from neurostore.ingest.geometry.rotation_kernels import make_rows_continuous
from neurostore.ingest.landmarks import filters
from neurostore.ingest.landmarks.frozen import repeated, straight
from neurostore.ingest.landmarks.names import Marks, is_skin_set, landmark_sources
from neurostore.ingest.landmarks.neutral import NeutralAxes
from neurostore.ingest.recording import Poses, Recording

_FOOT = re.compile("heel|toe|ankle|metatarsal")
_FILLED = (
    "that repeat the one before for 0.1 s and longer while other markers move were taken as missing (gaps filled with the last value)",
    "on a line of constant speed for 0.1 s and longer while other markers move were taken as missing (gaps filled by interpolation)",
)


@dataclass(frozen=True, slots=True)
class CleanPerson:
    """What is known of a person before any joint centre is computed.

    marks : landmark to (n, 3) float64 mm, NaN where missing. rotations : (S, 4, n) of the joints that carry segments, empty
    without a neutral pose. is_skin : whether the landmarks are markers on the skin. quality, notes : what the filter did.
    """

    marks: Marks
    rotations: Floats
    is_skin: bool
    quality: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def clean_person(
    recording: Recording, rows: Ints, neutral: NeutralAxes | None, cutoff_hz: float, path: str
) -> CleanPerson:
    """Name and clean the frames of one person. rows : of the primary skeleton's poses; path : for errors.

    Raises
    ------
    InputError : the cut-off is above 0.45 of the rate.
    """
    poses = recording.poses[0]
    sources = landmark_sources(poses.skeleton, _present(poses, rows) - recording.model_points)
    joints = sorted({i for indices in sources.values() for i in indices})
    filled = _filled(recording, rows, joints, sources)
    not_measured = filled[0] | filled[1] if filled else None
    cleaned, rotations = _clean(poses, rows, joints, neutral, recording.rate_hz, cutoff_hz, path, not_measured)
    at = {joint: k for k, joint in enumerate(joints)}
    marks = {
        landmark: cleaned.values[:, at[indices[0]]]
        if len(indices) == 1
        else cleaned.values[:, [at[i] for i in indices]].mean(axis=1)
        for landmark, indices in sources.items()
    }
    quality, notes = _cleaning(cleaned, [poses.skeleton.joints[j] for j in joints])
    names = [poses.skeleton.joints[joint] for joint in joints]
    for marked, key, words in zip(filled, ("repeated_samples", "straight_samples"), _FILLED, strict=False):
        if marked.any():
            quality[key] = float(marked.sum())
            of = ", ".join(name for name, is_one in zip(names, marked.any(axis=0), strict=True) if is_one)
            notes.append(f"{int(marked.sum())} samples {words}: {of}")
    if not sources:
        notes.insert(
            0,
            "no name of a joint or marker is known, so there are no landmarks, angles and cycles: "
            "assign the names in a skeleton file ([landmarks]) and name that file in cohort.toml",
        )
    return CleanPerson(marks, rotations, is_skin_set(sources), quality, notes)


def _present(poses: Poses, rows: Ints) -> frozenset[str]:
    """Joints that hold data in any of these rows."""
    seen = np.isfinite(poses.positions[rows[0]]).all(axis=1)
    if not seen.all():
        seen = np.isfinite(_take(poses.positions, rows)).all(axis=2).any(axis=0)
    return frozenset(joint for joint, s in zip(poses.skeleton.joints, seen, strict=True) if s)


def _clean(
    poses: Poses,
    rows: Ints,
    joints: list[int],
    neutral: NeutralAxes | None,
    rate_hz: float,
    cutoff_hz: float,
    path: str,
    not_measured: Bools | None = None,
) -> tuple[filters.Cleaned, Floats]:
    """Filtered positions (n, len(joints), 3) and, with a neutral pose, rotations (S, 4, n) of the joints it needs.

    not_measured : (n, len(joints)) samples to take as missing, None for none.
    """
    time_s, frame = poses.time_s[rows], poses.frame[rows]
    values = _take(poses.positions, rows)[:, joints]
    if not_measured is not None:
        values[not_measured] = np.nan
    # frames that are missing altogether are a gap like any other
    whole = len(frame) > 0 and int(frame[-1]) - int(frame[0]) + 1 == len(frame)
    place = frame - frame[0] if len(frame) else frame
    if not whole and len(frame):
        every = np.arange(place[-1] + 1)
        time_s = np.interp(every, place, time_s)
        values = _spread(values, place, len(every))
    cleaned = filters.clean(values, time_s, rate_hz, cutoff_hz, path)
    rotations = np.empty((0,))
    if neutral is not None and poses.rotations is not None:
        q = _take(poses.rotations, rows)[:, neutral.joints]
        q = q if whole else _spread(q, place, len(time_s))
        rotations = np.array(q.transpose(1, 2, 0), np.float64, order="C")
        make_rows_continuous(rotations)
        filters.clean_rows(rotations, time_s, rate_hz, cutoff_hz, path)
        rotations = rotations if whole else np.ascontiguousarray(rotations[:, :, place])
    if not whole:
        cleaned = filters.Cleaned(cleaned.values[place], cleaned.n_filled, cleaned.n_short, cleaned.is_resampled)
    return cleaned, rotations


def _filled(recording: Recording, rows: Ints, joints: list[int], sources: dict[str, tuple[int, ...]]) -> list[Bools]:
    """Two (n, len(joints)) of a marker file: samples that hold the last value over a gap, and samples on a straight line."""
    poses = recording.poses[0]
    if recording.kind != "mocap" or poses.rotations is not None or not joints:
        return []
    feet = {i for name, indices in sources.items() if _FOOT.search(name) for i in indices}
    values = _take(poses.positions, rows)[:, joints]
    held = repeated(values, recording.rate_hz, np.array([joint in feet for joint in joints]))
    line = straight(values, recording.rate_hz)
    return [held, line] if held.any() or line.any() else []


def _take(values: Floats, rows: Ints) -> Floats:
    """The rows of one person; the array itself where all are."""
    return values if len(rows) == len(values) else values[rows]


def _spread(values: Floats, place: Ints, n: int) -> Floats:
    """Rows put at their places among n, NaN elsewhere."""
    out = np.full((n, *values.shape[1:]), np.nan, values.dtype)
    out[place] = values
    return out


def _cleaning(cleaned: filters.Cleaned, joints: list[str]) -> tuple[dict[str, float], list[str]]:
    """(figures for trials.quality, notes) of what was filled, left unfiltered or resampled. joints : names by column."""
    quality: dict[str, float] = {}
    notes: list[str] = []
    n = len(cleaned.values)
    if cleaned.n_filled.any():
        quality["filled_samples"] = float(cleaned.n_filled.sum())
    missing = np.isnan(cleaned.values[:, :, 0]).sum(axis=0)
    if missing.any() and n:
        quality["missing_pct"] = float(100 * missing.sum() / (n * len(joints)))
    if cleaned.n_short.any():
        names = [joint for joint, n_short in zip(joints, cleaned.n_short, strict=True) if n_short]
        quality["unfiltered_samples"] = float(cleaned.n_short.sum())
        notes.append(
            f"stretches between gaps too short to filter (under 10 frames) are left unfiltered in {', '.join(names)}"
        )
    if cleaned.is_resampled:
        notes.append("the time steps are uneven: filtered at uniform steps and interpolated back")
    return quality, notes
