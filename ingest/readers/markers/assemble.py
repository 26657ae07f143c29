"""Steps for every marker file: cleaning labels, units, vertical axis, fit to a skeleton, static trials.

Used by the readers of C3D, TRC and Motion-BIDS. Positions are (n, J, 3) arrays, time first, NaN = missing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from neurostore import skeleton as skeletons
from neurostore.arrays import Floats
from neurostore.errors import InputError, SkeletonError
from neurostore.ingest import limits
from neurostore.ingest.readers.markers.people import by_person, subject_of
from neurostore.ingest.readers.markers.side_words import in_letters
from neurostore.ingest.readers.units import UNIT_MM, extent_of, unit_of_extent
from neurostore.ingest.recording import Poses, ReadOptions
from neurostore.schemas.common_names import without_accents
from neurostore.skeleton import Skeleton
from neurostore.wording import listed

# Row i of each matrix is the source direction that becomes x, y, z; all have determinant +1.
_TO_Y_UP = {
    "y": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "-y": [[1, 0, 0], [0, -1, 0], [0, 0, -1]],
    "z": [[1, 0, 0], [0, 0, 1], [0, -1, 0]],
    "-z": [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
    "x": [[0, -1, 0], [1, 0, 0], [0, 0, 1]],
    "-x": [[0, 1, 0], [-1, 0, 0], [0, 0, 1]],
}

_UNLABELLED = re.compile(r"\*|\*?\d*$|uname|un_?labell?ed|U_?\d+$", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")
_PIXELS = re.compile(r"(?:^|[_\-. ])(?:px|pixels?)(?:$|[_\-. ])", re.IGNORECASE)


@lru_cache(maxsize=8192)  # the files of a laboratory have the same labels
def squeezed(label: str) -> str:
    """Upper case, letters and digits only: ``L.ASIS``, ``l_asis`` and ``LASIS`` are one spelling."""
    return re.sub(r"[^A-Z0-9]", "", without_accents(label).upper())


def is_unlabelled(label: str) -> bool:
    """Is this a point without a name: empty, ``*12``, ``uname*3``, ``Unlabeled 7``, a bare number."""
    return bool(_UNLABELLED.match(label.strip()))


def named_or_numbered(labels: Sequence[str]) -> tuple[list[bool], str]:
    """(which labels are kept, a note): those that name a point; numbers too where no label is anything else.

    Software that identifies no markers numbers its trajectories (0001, 0002 …); their positions are kept.
    """
    is_named = [not is_unlabelled(label) for label in labels]
    numbered = [bool(_NUMBER.fullmatch(label.strip())) for label in labels]
    if any(is_named) or not any(numbered):
        return is_named, ""
    return numbered, (
        "its labels are numbers, so it is not known which marker is which: positions are stored, without landmarks or "
        "angles; label the trajectories, or assign the markers under [markers] in cohort.toml"
    )


def renamed(labels: Sequence[str], options: ReadOptions, notes: list[str]) -> list[str]:
    """The labels with those that [markers] of cohort.toml names replaced by what they are (case does not matter).

    Sides that are named otherwise than L and R become these letters.
    """
    content = {label.strip().lower(): meaning.strip() for label, meaning in options.markers.items()}
    names = [content.get(label.lower(), label) for label in labels]
    changed = [f"{a} as {b}" for a, b in zip(labels, names, strict=True) if a != b]
    if changed:
        notes.append(f"markers renamed by [markers] of cohort.toml: {', '.join(changed)}")
    sided, note = in_letters(tuple(names))
    notes += [note] if note else []
    return list(sided)


def one_person(labels: Sequence[str], path: Path, options: ReadOptions, notes: list[str]) -> list[tuple[int, str]]:
    """(place, name without subject) of the named points of the subject (:func:`subject_of`); notes what is left out.

    labels : ``Subject:LASI`` or ``LASI``; those without a subject belong to the one that is read.
    """
    parts = by_person(labels, notes)
    names = renamed([name for _, name in parts], options, notes)
    subjects = [subject for subject, _ in parts]
    kept, note = named_or_numbered(names)
    notes += [note] if note else []
    if not all(kept):
        notes.append(f"{kept.count(False)} unlabelled points were dropped")
    people: dict[str, list[str]] = {}
    for subject, name, is_kept in zip(subjects, names, kept, strict=True):
        if is_kept and subject:
            people.setdefault(subject, []).append(squeezed(name))
    chosen = subject_of(people, path, notes) if people else ""
    return [(i, name) for i, name in enumerate(names) if kept[i] and subjects[i] in ("", chosen)]


def to_y_up(positions: Floats, up: str) -> Floats:
    """Turn positions (..., 3) whose up axis is ``up`` ('x', '-x', … 'z') to Y up, by a proper rotation."""
    rows = _TO_Y_UP[up]
    if up == "y":
        return positions
    out = np.empty_like(positions)
    for axis, row in enumerate(rows):
        source = next(i for i, v in enumerate(row) if v)
        np.multiply(positions[..., source], row[source], out=out[..., axis])
    return out


def parse_up(text: str, path: Path) -> str:
    """An up axis as cohort.toml gives it (``z``, ``+Z``, ``-y``) as a key of the rotations above."""
    up = text.strip().lower().lstrip("+")
    if up not in _TO_Y_UP:
        raise InputError(path, f"up = {text!r} is not an axis; give one of {', '.join(_TO_Y_UP)}")
    return up


def rate_of(time_s: Floats) -> float:
    """Frames per second of at least two rising times, 3 decimals; even times rounded in text give the rate they come from."""
    n = len(time_s)
    rate = (n - 1) / (time_s[-1] - time_s[0])
    if np.abs(time_s[0] + np.arange(n) / rate - time_s).max() > 0.25 / rate:
        return round(float(1 / np.median(np.diff(time_s))), 3)  # uneven steps, or gaps
    return float(round(rate)) if abs(rate / round(rate or 1) - 1) < 1e-4 else round(float(rate), 3)


def refuse_pixels(path: Path, unit: str, positions: Floats, scale_mm: float | None) -> None:
    """Raise where positions are places in an image: the unit or the file's name says so, or a flat figure is over 50 m tall.

    positions : (n, J, 3) in the file's unit. Sports2D writes `Units m` into its files of pixels.
    """
    advice = (
        "give a file in metres or millimetres (of Sports2D the one with _m_ in its name), or scale_mm in cohort.toml"
    )
    if scale_mm is not None:
        return
    if unit in ("px", "pixel", "pixels"):
        raise InputError(path, f"its unit is {unit}: positions in an image are not lengths; {advice}")
    across = extent_of(positions) * UNIT_MM.get(unit, 1.0)
    if not np.isfinite(across) or across < 20_000:
        return
    flat = positions[np.isfinite(positions).all(axis=-1)]
    is_flat = len(flat) > 0 and (np.ptp(flat, axis=0) < 1e-6 * np.ptp(flat, axis=0).max()).any()
    if (
        is_flat
        or _PIXELS.search(path.stem)
        or not any(500 <= extent_of(positions) * per <= 2600 for per in (1.0, 10.0))
    ):
        raise InputError(
            path,
            f"says that its unit is {unit or 'missing'}, in which the markers are {across / 1000:.4g} m across: not a person. "
            f"These look like pixels; {advice}",
        )


def unit_of_a_person(positions: Floats, scale_mm: float) -> tuple[float, str] | None:
    """Millimetres per unit, and its name, in which the markers are a person, where in the stated unit they cannot be."""
    if positions.shape[1] < 8 or unit_mismatch(positions * np.float32(scale_mm), "") is None:
        return None
    judged, name = unit_of_extent(positions)
    return (judged, name) if 500 <= extent_of(positions) * judged <= 3000 else None


def unit_mismatch(positions_mm: Floats, unit: str) -> str | None:
    """A sentence if positions in the stated ``unit`` cannot be a person's, else None."""
    across = extent_of(positions_mm) if positions_mm.shape[1] >= 4 else np.nan
    if np.isfinite(across) and not 50 < across < 20_000:
        return (
            f"the file says its unit is {unit}, which makes the markers {across:.4g} mm across: not a person; "
            "give scale_mm in cohort.toml if the unit is wrong"
        )
    return None


def frame_slice(n_frames: int, options: ReadOptions, path: Path) -> slice:
    """The frames that drop_frames and frames of cohort.toml keep."""
    start, stop = options.drop_frames or 0, n_frames
    if options.frames is not None:
        first, last = options.frames
        start, stop = start + first, min(stop, start + last + 1)
    if not 0 <= start < stop:
        raise InputError(
            path, f"drop_frames and frames of cohort.toml keep none of its {n_frames} frames; correct cohort.toml"
        )
    return slice(start, stop)


def without_far(path: Path, positions: Floats, names: Sequence[str], notes: list[str]) -> Floats:
    """Positions (mm, changed) without what is beyond the limits, which is noted; a point with any coordinate missing is missing.

    Raises
    ------
    InputError : too many are so.
    """
    notes += limits.drop_far(path, positions, names)
    with np.errstate(over="ignore"):
        is_missing = np.isnan(positions[..., 0] + positions[..., 1] + positions[..., 2])  # none is infinite by now
    positions[is_missing] = np.nan
    return positions


def choose_skeleton(
    labels: Sequence[str], options: ReadOptions, path: Path, further: Sequence[str] = ()
) -> tuple[Skeleton, list[str], list[str]]:
    """The skeleton these labels belong to.

    Parameters
    ----------
    labels : marker labels without prefixes, unique.
    further : labels kept as further columns that never decide and are never aliased (a model's own points).

    Returns
    -------
    (skeleton with every further column, the column of each of ``[*labels, *further]``, notes)
    """
    notes = []
    if options.skeleton:
        skeleton = _named_skeleton(options.skeleton, path)
    else:
        matched = skeletons.match([*labels, *(squeezed(n) for n in labels)])
        if matched is None:
            skeleton = adhoc_markers(labels)
            notes.append(
                f"the marker set fits no declared skeleton; a skeleton of its own was made, {skeleton.name}: "
                + ", ".join(sorted(labels))
            )
        else:
            skeleton = matched
    joint_of = _joints_by_label(labels, skeleton)
    if options.skeleton and not joint_of:
        raise InputError(
            path,
            f"none of its markers ({listed(labels)}) belongs to the skeleton {options.skeleton!r} that cohort.toml "
            f"names ({listed(skeleton.source_names)}); give another skeleton or none",
        )
    read_as = [f"{label} as {joint}" for label, joint in joint_of.items() if label != joint]
    if read_as:
        notes.append("markers read under the skeleton's own spelling: " + ", ".join(read_as))
    absent = [j for j in skeleton.source_names if j not in joint_of.values()]
    if absent:
        notes.append(f"markers of {skeleton.name} that the file does not have: " + ", ".join(absent))
    extra = sorted(n for n in (*labels, *further) if n not in joint_of)
    # extended() would drop a further label with the name of an existing joint, so it gets another name.
    source = {n: (n if n not in skeleton.source_names else f"{n}_2") for n in extra}
    own = len(skeleton.joints)
    skeleton = skeleton.extended(source[n] for n in extra)
    column = dict(zip(skeleton.source_names, skeleton.joints, strict=True))
    renamed = [f"{a} to {b} ({why})" for a, b, why in skeleton.renamed if skeleton.joints.index(b) >= own]
    if renamed:
        notes.append("columns renamed: " + ", ".join(renamed))
    columns = [column[joint_of[n]] if n in joint_of else column[source[n]] for n in (*labels, *further)]
    return skeleton, columns, notes


def _joints_by_label(labels: Sequence[str], skeleton: Skeleton) -> dict[str, str]:
    """The skeleton's joint of each label that has one: same spelling first, then by alias; no joint twice."""
    by_key = {squeezed(alias): joint for alias, joint in skeleton.aliases.items()}
    by_key |= {squeezed(joint): joint for joint in skeleton.source_names}
    exact = {name.upper() for name in labels}
    joint_of: dict[str, str] = {}
    taken: set[str] = set()
    for label in sorted(labels, key=lambda n: n not in skeleton.source_names):
        joint = label if label in skeleton.source_names else by_key.get(squeezed(label))
        if joint is None or joint in taken or (joint.upper() in exact and joint.upper() != label.upper()):
            continue
        taken.add(joint)
        joint_of[label] = joint
    return joint_of


def adhoc_markers(labels: Sequence[str]) -> Skeleton:
    """A skeleton for a marker set that fits no declaration; same set of labels, same name and columns."""
    ordered = sorted(labels)
    digest = hashlib.sha256("\n".join(ordered).encode("utf-8", "surrogateescape")).hexdigest()[:10]
    return skeletons.adhoc(f"markers_{digest}", ordered)


def assemble(skeleton: Skeleton, columns: Sequence[str], positions: Floats, time_s: Floats) -> Poses:
    """Poses of one person from positions (n, len(columns), 3) in file order; joints without a column are NaN."""
    n_frames = len(positions)
    out = np.full((n_frames, len(skeleton.joints), 3), np.nan, dtype=np.float32)
    index = {joint: i for i, joint in enumerate(skeleton.joints)}
    out[:, [index[c] for c in columns]] = positions
    return Poses(
        skeleton=skeleton,
        person=np.zeros(n_frames, np.int32),
        frame=np.arange(n_frames, dtype=np.int32),
        time_s=np.asarray(time_s, dtype=np.float64),
        positions=out,
    )


def judge_still(positions_mm: Floats, duration_s: float, is_stated_static: bool) -> tuple[bool, list[str]]:
    """Is this a static trial: nobody moves; and notes. Marker travel decides; a name or flag that says so only widens the bound.

    Travel of a marker is the diagonal of the box that holds the middle 96 % of its samples. In quiet standing the head
    sways 20 to 40 mm; a foot in the shortest step moves 200 mm. The 90th percentile over markers must stay below 60 mm
    (150 mm where the file says static), over at least half a second (any length where the file says static).
    """
    if len(positions_mm) < 2:
        return is_stated_static, []
    sample = positions_mm[:: max(1, len(positions_mm) // 1000)]
    seen = np.isfinite(sample[..., 0]).mean(axis=0) > 0.5
    if not seen.any():
        return False, []
    # NaN last; nanpercentile works marker by marker and takes 15 ms per file
    ordered = np.sort(sample[:, seen], axis=0)
    last = np.isfinite(ordered).sum(axis=0) - 1
    low, high = (np.take_along_axis(ordered, np.rint(share * last).astype(int)[None], 0)[0] for share in (0.02, 0.98))
    travel = float(np.percentile(np.linalg.norm(high - low, axis=-1), 90))
    if not is_stated_static:
        return travel < 60 and duration_s >= 0.5, []
    if travel < 150:
        return True, []
    return False, [
        f"called a static trial, a calibration or a held pose, but its markers move by {travel:.0f} mm (expected less than "
        "150): read as a movement, and not used as a static trial of its session"
    ]


def name_says_static(path: Path) -> bool:
    """Whether the file's name means a static trial, a calibration or a held pose."""
    return (
        re.search(r"static|(?<![a-z])(cal(ib\w*)?|t-?_?pose|n-?_?pose|standing|neutral)(?![a-z])", path.stem.lower())
        is not None
    )


def _named_skeleton(name: str, path: Path) -> Skeleton:
    try:
        return skeletons.read_toml(Path(name)) if name.lower().endswith(".toml") else skeletons.load(name)
    except SkeletonError as error:
        raise InputError(path, str(error)) from None
