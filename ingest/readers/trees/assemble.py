"""From a tree of joints and its channel values to a Recording: shared by the BVH and the ASF/AMC reader."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from neurostore import skeleton as skeletons
from neurostore.arrays import Floats, Ints
from neurostore.errors import InputError, SkeletonError
from neurostore.ingest.geometry.kinematics import Tree, forward
from neurostore.ingest.geometry.rotations import IDENTITY, from_euler, up_rotation
from neurostore.ingest.readers.not_finite import NotFinite
from neurostore.ingest.readers.trees import up_and_unit
from neurostore.ingest.readers.units import unit_of_height
from neurostore.ingest.recording import NeutralPose, Poses, ReadOptions, Recording, Step
from neurostore.skeleton import Skeleton
from neurostore.wording import listed

_MOST_BYTES = 8 << 30  # memory for positions and rotations of one file
_SAMPLE = 120  # frames on which inferences are based


@dataclass(slots=True)
class Source:
    """An articulated file as parsed.

    blocks : channel values (k, n_channels), in order; n_frames : as the file says, None if it does not;
    most_frames : what its size allows; settled : up, unit and positions are known from the format, nothing is inferred.
    """

    path: Path
    tree: Tree
    blocks: Iterable[Floats]
    n_frames: int | None
    most_frames: int
    rate_hz: float
    scale_mm: float | None = None
    settled: bool = False


def assemble(source: Source, options: ReadOptions, steps: list[Step], notes: list[str]) -> Recording:
    """Infer what the file does not state, run the kinematics block by block and cut artificial frames.

    Raises
    ------
    InputError : counts that disagree, no frame, nothing but NaN, options that do not fit.
    """
    tree, path = source.tree, source.path
    try:
        skeleton, slots = fit_skeleton(tree, options, notes)
    except SkeletonError as error:
        raise InputError(path, str(error)) from None
    expected = source.most_frames if source.n_frames is None else min(source.n_frames, source.most_frames)
    n_joints = len(skeleton.joints)
    if expected * n_joints * 28 > _MOST_BYTES:
        size = expected * n_joints * 28 / 2**30
        raise InputError(
            path, f"{expected} frames of {n_joints} joints would take {size:.0f} GB of memory; split the file"
        )
    # time is contiguous in memory, as in the lake's columns
    positions = np.empty((n_joints, 3, expected), dtype=np.float32).transpose(2, 0, 1)
    rotations = np.empty((n_joints, 4, expected), dtype=np.float32).transpose(2, 0, 1)
    if (np.bincount(slots[slots >= 0], minlength=n_joints) == 0).any():
        positions.fill(np.nan)
        rotations.fill(np.nan)
    settings: _Settings | None = None
    lost = NotFinite(_joint_of_channels(tree))
    n = 0
    for block in source.blocks:
        if settings is None:
            settings = _settle(source, block, skeleton, options, notes)
        part = block[: max(expected - n, 0)]
        if len(part):
            lost.look(part)
            to = slice(n, n + len(part))
            forward(tree, part, settings.scale_mm, settings.lab, positions[to], rotations[to], slots)
        n += len(block)
    if source.n_frames is not None and n < source.n_frames:
        raise InputError(
            path,
            f"Frames says {source.n_frames}, but the file holds {n} rows of {tree.n_channels} values; the file may be truncated",
        )
    if source.n_frames is not None and n > source.n_frames:
        notes.append(f"Frames says {source.n_frames}, the file holds {n} rows; the first {source.n_frames} were read")
        n = source.n_frames
    if n == 0 or settings is None:
        raise InputError(path, "no frame of motion")
    positions, rotations = positions[:n], rotations[:n]
    if not np.isfinite(positions).any():
        raise InputError(path, "every coordinate is NaN or infinite")
    notes += [f"{note}; so are the joints below" for note in lost.notes()]
    steps.append(Step("forward_kinematics", 1, settings.parameters))
    return _cut(source, options, skeleton, slots, positions, rotations, settings, steps, notes)


def _joint_of_channels(tree: Tree) -> list[str]:
    names = [""] * tree.n_channels
    for name, operations in zip(tree.names, tree.operations, strict=True):
        for channel, _ in operations:
            names[channel] = name
    return names


@dataclass(slots=True)
class _Settings:
    scale_mm: float
    length_basis: str
    lab: Floats
    parameters: dict[str, Any]


def fit_skeleton(tree: Tree, options: ReadOptions, notes: list[str]) -> tuple[Skeleton, Ints]:
    """The skeleton of a tree and, per node, its column there (-1: End Sites that the skeleton does not name).

    A prefix that all joints share ('mixamorig:', the name of a person) is dropped; repeated names get a number.
    """
    names = _plain_names(tree, notes)
    joints = [n for n, e in zip(names, tree.is_end, strict=True) if not e]
    if options.skeleton is not None:
        is_file = options.skeleton.endswith(".toml")
        skeleton = skeletons.read_toml(Path(options.skeleton)) if is_file else skeletons.load(options.skeleton)
        have = {skeleton.aliases.get(n.upper(), n).upper() for n in joints}
        missing = [j for j in sorted(skeleton.required) if j.upper() not in have]
        if missing:
            raise SkeletonError(
                f"skeleton {skeleton.name} needs the joints {', '.join(missing)}, which the file does not have"
            )
    else:
        matched = skeletons.match(joints)
        skeleton = matched if matched is not None else _own(tree, names)
    column = {n.upper(): k for k, n in enumerate(skeleton.source_names)}
    at = {k: column.get(skeleton.aliases.get(n.upper(), n).upper(), -1) for k, n in enumerate(names)}
    extra = [names[k] for k in range(len(names)) if at[k] < 0 and not tree.is_end[k]]
    if extra:
        notes.append(
            f"{len(extra)} joints that skeleton {skeleton.name} does not have are kept after its own: {listed(extra, 5)}"
        )
        skeleton = skeleton.extended(extra)
        later = {n: k for k, n in enumerate(skeleton.source_names)}
        at = {k: later[n] if n in extra else at[k] for k, n in enumerate(names)}
    for why in dict.fromkeys(why for _, _, why in skeleton.renamed):
        renamed = [f"{old!r} is {new!r}" for old, new, because in skeleton.renamed if because == why]
        more = ", all in the table skeletons" if len(renamed) > 3 else ""
        notes.append(f"{len(renamed)} joints are columns of another name ({why}): {listed(renamed, 3)}{more}")
    return skeleton, np.array([at[k] for k in range(len(names))], dtype=np.int64)


def _plain_names(tree: Tree, notes: list[str]) -> list[str]:
    names = list(tree.names)
    prefixes = {n.rpartition(":")[0] for n in names}
    if len(prefixes) == 1 and (prefix := prefixes.pop()):
        names = [n[len(prefix) + 1 :] or n for n in names]
        notes.append(f"the prefix {prefix + ':'!r} of all joint names is dropped")
    seen: Counter[str] = Counter()
    taken = set(names)
    for k, name in enumerate(names):
        seen[name] += 1
        if seen[name] > 1:
            number = seen[name]
            while f"{name}_{number}" in taken:
                number += 1
            names[k] = f"{name}_{number}"
            taken.add(names[k])
            if not tree.is_end[k]:
                notes.append(f"joint {name!r} occurs again and is kept as {names[k]!r}")
    return names


def _own(tree: Tree, names: list[str]) -> Skeleton:
    """A skeleton for a tree that fits no declaration; End Sites away from their joint are joints of it."""
    keep = [k for k in range(len(names)) if not tree.is_end[k] or np.abs(tree.offsets[k]).max() > 0]
    place = {k: i for i, k in enumerate(keep)}
    kept = [names[k] for k in keep]
    code = zlib.crc32("\n".join(kept).encode("utf-8", "surrogatepass"))
    bones = [(place[int(tree.parents[k])], i) for k, i in place.items() if tree.parents[k] >= 0]
    own = skeletons.adhoc(f"tree_{len(kept)}_{code:08x}", kept, bones)
    columns = own.joints
    pairs = tuple((columns[a], columns[b]) for a, b in up_and_unit.find_roles(kept).pairs)
    return replace(own, pairs=pairs)


def _settle(source: Source, block: Floats, skeleton: Skeleton, options: ReadOptions, notes: list[str]) -> _Settings:
    """Up, position mode and scale, from the options, the declaration or the first block of frames."""
    tree = source.tree
    inner = block[1:] if len(block) > 1 else block  # frame 0 may be artificial
    sample = inner[:: max(1, len(inner) // _SAMPLE)]
    whole = sample[np.isfinite(sample).all(axis=1)]
    sample = whole if len(whole) else np.nan_to_num(sample)
    roles = up_and_unit.find_roles(tree.names)
    up, note = skeleton.declaration.get("up", ""), ""
    if options.up is not None:
        up = options.up
    elif not up:
        up, note = up_and_unit.up_of_body(forward(tree, sample)[0], roles)
    notes += [note] if note else []
    try:
        lab = up_rotation(up)
    except ValueError as error:
        raise InputError(source.path, str(error)) from None
    if options.root_position not in (None, "replace", "add"):
        raise InputError(source.path, f"root_position is 'replace' or 'add', not {options.root_position!r}")
    if not source.settled:
        tree.adds, position_notes = up_and_unit.judge_positions(tree, sample, up)
        if options.root_position is not None:
            tree.adds[tree.parents < 0] = options.root_position == "add"
            position_notes = [s for s in position_notes if not s.startswith("root positions")]
        notes += position_notes
    height = up_and_unit.standing_height(forward(tree, sample, 1.0, lab)[0], roles)
    scale, basis, unit = _scale(source, skeleton, options, height, notes)
    parameters = {
        "up": up,
        "scale_mm": scale,
        "unit": unit,
        "standing_height_m": round(height * scale / 1000, 3),
        "root_position": "add" if tree.adds[tree.parents < 0].any() else "replace",
        "rate_hz": source.rate_hz,
    }
    return _Settings(scale, options.length_basis or basis, lab, parameters)


def _scale(
    source: Source, skeleton: Skeleton, options: ReadOptions, height: float, notes: list[str]
) -> tuple[float, str, str]:
    """(millimetres per unit, length_basis, how it is known)."""
    declared = skeleton.declaration.get("length_basis", "measured")
    if options.scale_mm is not None:
        if not options.scale_mm > 0 or not np.isfinite(options.scale_mm):
            raise InputError(source.path, f"scale_mm is {options.scale_mm}, expected a positive number")
        return float(options.scale_mm), declared, "option"
    if source.scale_mm is not None:
        return source.scale_mm, declared, "file"
    if skeleton.scale_mm is not None:
        tall = height * skeleton.scale_mm / 1000
        # A small or lying person is within these limits; another unit differs by a factor of 2.2 or more.
        if options.skeleton is not None or not height > 0 or 0.3 <= tall <= 2.6:
            return skeleton.scale_mm, declared, f"skeleton {skeleton.name}"
        notes.append(
            f"in the unit of skeleton {skeleton.name} the person would be {tall:.2f} m tall, so the unit is judged"
        )
    unit, scale = unit_of_height(height)
    if unit:
        notes.append(
            f"lengths are taken as {unit}: "
            f"the standing height of {height:.4g} units is then {height * scale / 1000:.2f} m; "
            "set scale_mm in cohort.toml if this is wrong"
        )
        return scale, "judged", unit
    scale = 1700 / height if height > 0 else 1.0
    notes.append(
        f"no unit (mm, cm, m, inch, CMU) makes a person of the standing height of {height:.4g} units; "
        f"lengths are scaled to a height of 1.70 m and are not meaningful: set scale_mm in cohort.toml"
    )
    return scale, "none", "unknown"


def _cut(
    source: Source,
    options: ReadOptions,
    skeleton: Skeleton,
    slots: Ints,
    positions: Floats,
    rotations: Floats,
    settings: _Settings,
    steps: list[Step],
    notes: list[str],
) -> Recording:
    """Drop leading frames that are not motion, keep the neutral pose, apply `frames`, and pack."""
    drop, neutral = options.drop_frames, None
    root = slots[int(np.flatnonzero(source.tree.parents < 0)[0])]
    is_artificial, note = False, ""
    roles = up_and_unit.find_roles(skeleton.source_names)
    if not source.settled and drop != 0:
        is_artificial, note = up_and_unit.first_frame_is_pose(positions, rotations, root, roles)
    if drop is None:
        drop = int(is_artificial)
        notes += [note] if note else []
    if not 0 <= drop < len(positions):
        raise InputError(source.path, f"drop_frames is {drop}, but the file has {len(positions)} frames")
    if drop and up_and_unit.is_neutral(positions[0], roles):
        neutral = NeutralPose(positions[0].copy(), rotations[0].copy())
        steps.append(Step("neutral_pose", 1, {"from": "frame 0"}))
    if not options.frames and up_and_unit.last_frame_is_pose(positions[drop:], rotations[drop:], root, roles):
        notes.append(
            "the last frame is far from the one before and looks like an artificial T-pose; it is kept: "
            f"say frames = [0, {len(positions) - drop - 2}] in cohort.toml to leave it out"
        )
    first, last = options.frames or (0, len(positions) - drop - 1)
    if not 0 <= first <= last < len(positions) - drop:
        raise InputError(
            source.path, f"frames is ({first}, {last}), but there are {len(positions) - drop} frames after the drop"
        )
    if drop or options.frames:
        steps.append(Step("cut", 1, {"drop_frames": drop, "frames": [first, last]}))
    positions, rotations = positions[drop + first : drop + last + 1], rotations[drop + first : drop + last + 1]
    n = len(positions)
    if neutral is None:
        neutral, how = neutral_from_rest(source.tree, skeleton, slots, settings.scale_mm, settings.lab)
        steps.append(Step("neutral_pose", 1, {"from": how}))
        if neutral is None:
            notes.append("no neutral pose: the file has no T-pose frame and its rest pose is not an upright stance")
    _note_lost_height(positions[:, root], notes)
    frame = np.arange(n, dtype=np.int32)
    return Recording(
        kind="mocap",
        rate_hz=source.rate_hz,
        poses=[Poses(skeleton, np.zeros(n, np.int32), frame, (first + frame) / source.rate_hz, positions, rotations)],
        up_source="lab",
        position_basis="lab",
        length_basis=settings.length_basis,
        neutral=neutral,
        is_treadmill=options.is_treadmill,
        steps=steps,
        notes=notes,
    )


def neutral_from_rest(
    tree: Tree, skeleton: Skeleton, slots: Ints, scale_mm: float, lab: Floats
) -> tuple[NeutralPose | None, str]:
    """The neutral pose of a file without a T-pose frame, and where it comes from.

    The skeleton's declared T-pose on this file's own OFFSETs, else the rest pose (all rotations zero) where it is an
    upright, symmetric stance, else None. Its root is at its OFFSET.
    """
    declared = skeleton.declaration.get("neutral")
    pose = replace(tree, operations=[[] for _ in tree.names])
    if declared is not None:
        pose.before = _declared_turns(skeleton, slots, declared)
        pose.after = np.tile(IDENTITY, (len(tree.names), 1))
    positions = np.full((1, len(skeleton.joints), 3), np.nan, dtype=np.float32)
    rotations = np.full((1, len(skeleton.joints), 4), np.nan, dtype=np.float32)
    forward(pose, np.zeros((1, 0)), scale_mm, lab, positions, rotations, slots)
    present = np.isin(np.arange(len(skeleton.joints)), slots)
    names = [n if p else "" for n, p in zip(skeleton.source_names, present, strict=True)]
    filled = np.where(np.isfinite(positions[0]), positions[0], 0.0)
    if declared is None and not up_and_unit.is_neutral(filled, up_and_unit.find_roles(names)):
        return None, "none"
    how = "rest pose of the hierarchy" if declared is None else f"T-pose declared for {skeleton.name}"
    return NeutralPose(positions[0], rotations[0]), how


def _declared_turns(skeleton: Skeleton, slots: Ints, declared: dict[str, Any]) -> Floats:
    degrees = np.zeros((len(slots), 3))
    for node, slot in enumerate(slots):
        if slot >= 0:
            degrees[node] = declared["rotations_deg"].get(skeleton.source_names[slot], (0, 0, 0))
    return from_euler(declared.get("order", "ZYX"), np.radians(degrees))


def _note_lost_height(root: Floats, notes: list[str]) -> None:
    """Note that the root has no height: some exports move it over the floor only."""
    with np.errstate(invalid="ignore"):
        span = (
            np.ptp(root[np.isfinite(root).all(axis=1)], axis=0) if np.isfinite(root).all(axis=1).any() else np.zeros(3)
        )
    if span[1] < 0.1 and max(span[0], span[2]) > 200:
        notes.append("the root moves horizontally but not vertically: its vertical motion is not in the file")
