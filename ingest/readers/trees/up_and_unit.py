"""What a file of joints does not state, inferred from the data: vertical axis, unit, whether positions add, an artificial first pose.

Every decision compares a figure with a limit, given in the note that the reader records. Lengths are in source
units unless a name says mm. Samples hold finite values only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from neurostore.arrays import Bools, Floats
from neurostore.compiled import kernel
from neurostore.ingest.geometry.kinematics import Tree, forward
from neurostore.ingest.geometry.rotations import angle
from neurostore.wording import listed

_SIDES = (("left", "right"), ("Left", "Right"), ("LEFT", "RIGHT"), ("L", "R"), ("l", "r"))


@dataclass(frozen=True, slots=True)
class Roles:
    """Indices of nodes by what their names say.

    pairs : (left, right). head : its node, or None. feet : toes, heels, ankles of both sides.
    """

    pairs: tuple[tuple[int, int], ...]
    head: int | None
    feet: tuple[int, ...]


def find_roles(names: Sequence[str]) -> Roles:
    """Pairs, head and feet from joint names of any habit: LeftFoot, l_foot, Foot.L, lFoot, CC_Base_L_Foot."""
    return _find_roles(tuple(names))


@lru_cache(maxsize=64)
def _find_roles(names: tuple[str, ...]) -> Roles:
    index: dict[str, int] = {}
    for k, name in enumerate(names):
        index.setdefault(name, k)
    pairs = []
    for name, k in index.items():
        partner = next((index[p] for p in _partners(name) if p in index), None)
        if partner is not None and partner != k:
            pairs.append((k, partner))
    of_pairs = {k for pair in pairs for k in pair}
    heads = [k for n, k in index.items() if re.search(r"(?i)head", n) and k not in of_pairs]
    feet = [k for n, k in index.items() if re.search(r"(?i)foot|toe|ankle|heel|\bball", n) and k in of_pairs]
    return Roles(tuple(pairs), heads[-1] if heads else None, tuple(feet))


def _partners(name: str) -> list[str]:
    partners = []
    for left, right in _SIDES:
        # a single letter counts at the start of the name or between separators
        pattern = left if len(left) > 1 else rf"(?:(?<=[_.: -])|^){left}(?=[_.: -]|[A-Z]|$)|^{left}(?=[a-z])"
        for match in re.finditer(pattern, name):
            partners.append(name[: match.start()] + right + name[match.end() :])
    return partners


_WILD = 1e9  # too large in any unit: the frame is ignored here, and limits.py removes it


def up_of_body(positions: Floats, roles: Roles) -> tuple[str, str]:
    """Which axis of the source points up: 'y' unless the body clearly stands along another.

    positions : (n, N, 3). Returns the axis ('y', 'z', '-y' …) and a note, '' if nothing had to be inferred.
    """
    if roles.head is None or not roles.feet:
        return "y", ""
    positions = positions[(np.abs(positions) < _WILD).all(axis=(1, 2))]
    body = positions[:, roles.head] - np.mean(positions[:, list(roles.feet)], axis=1)
    length = np.linalg.norm(body, axis=1, keepdims=True)
    if not len(body) or not (length > 0).all():
        return "y", ""
    mean = (body / length).mean(axis=0)
    k = int(np.argmax(np.abs(mean)))
    if (k == 1 and mean[1] > 0) or abs(mean[k]) < 0.85:
        return "y", ""
    axis = ("" if mean[k] > 0 else "-") + "xyz"[k]
    return axis, (
        f"{axis} is taken as up, since the body stands along it ({abs(mean[k]):.2f} of the way from feet to head); "
        "BVH files usually have y up, set `up` in cohort.toml if this is wrong"
    )


def judge_positions(tree: Tree, sample: Floats, up: str) -> tuple[Bools, list[str]]:
    """Whether the position channels of each node add to its OFFSET (True) or replace it.

    sample : (k, n_channels). A node below the root: whichever keeps the bone nearer to its OFFSET. The root: whichever
    brings the lowest joint nearer to height 0, where the OFFSET is a good part of the body's height and not simply
    the position of the first frame; else they replace.
    """
    adds = np.zeros(len(tree.names), dtype=np.bool_)
    notes = []
    for node, operations in enumerate(tree.operations):
        moves = [(column, code) for column, code in operations if code < 3]
        offset = tree.offsets[node]
        if not moves or not offset.any():
            continue
        channels = np.array([sample[:, c] for c, _ in moves])
        at = np.array([offset[code] for _, code in moves])[:, None]
        if not np.abs(at).max() > 0:
            continue
        if tree.parents[node] >= 0:
            apart = float(np.median(np.linalg.norm(channels - at, axis=0)))
            adds[node] = apart > float(np.median(np.linalg.norm(channels, axis=0)))
        else:
            adds[node], note = _root_adds(tree, sample, up, offset)
            notes += [note] if note else []
    named = [tree.names[k] for k in np.flatnonzero(adds) if tree.parents[k] >= 0]
    if named:
        notes.append(f"positions of {len(named)} joints add to OFFSET, judged by bone length ({listed(named, 3)})")
    return adds, notes


def _root_adds(tree: Tree, sample: Floats, up: str, offset: Floats) -> tuple[bool, str]:
    axis, sign = "xyz".index(up[-1]), -1.0 if up.startswith("-") else 1.0
    replaced, _ = forward(tree, sample)
    height = sign * replaced[:, :, axis]
    extent = float(np.median(np.max(height, axis=1) - np.min(height, axis=1)))
    rise = sign * float(offset[axis])
    if not extent > 0 or abs(rise) < 0.15 * extent:
        return False, ""
    floor = float(np.percentile(np.min(height, axis=1), 10))
    is_added = abs(floor + rise) < abs(floor)
    verb = "add to" if is_added else "replace"
    return is_added, (
        f"root positions {verb} the root's OFFSET, judged by the lowest joint: {floor:.4g} below or above 0 if they "
        f"replace it, {floor + rise:.4g} if they add (source units)"
    )


def standing_height(positions: Floats, roles: Roles) -> float:
    """Head-to-foot height of the person in the units given; (n, N, 3), Y up. 0 if it cannot be determined.

    The 90th percentile over frames of head above the lower foot, or of the whole extent where names do not say.
    """
    y = positions[..., 1]
    if roles.head is not None and roles.feet:
        top, bottom = y[:, roles.head], np.min(y[:, list(roles.feet)], axis=1)
    else:
        top, bottom = np.max(y, axis=1), np.min(y, axis=1)
    return float(np.percentile(top - bottom, 90)) if len(y) else 0.0


def is_neutral(pose: Floats, roles: Roles) -> bool:
    """Whether a pose (N, 3), Y up, is an upright, mirror-symmetric stance with straight legs: a T- or A-pose."""
    if roles.head is None or not roles.feet or len(roles.pairs) < 4 or not np.isfinite(pose).all():
        return False
    left = pose[[a for a, _ in roles.pairs]]
    right = pose[[b for _, b in roles.pairs]]
    extent = float(np.ptp(pose, axis=0).max())
    height = float(pose[roles.head, 1] - pose[list(roles.feet), 1].mean())
    across = (left - right).sum(axis=0)
    width = float(np.linalg.norm(across))
    if extent <= 0 or height < 0.5 * extent or width == 0:
        return False
    across /= width
    middle = (0.5 * (left + right) @ across).mean()
    mirrored = right + 2 * (middle - right @ across)[:, None] * across
    apart = np.linalg.norm(left - mirrored, axis=1)
    return bool(apart.mean() < 0.015 * extent and apart.max() < 0.06 * extent and abs(across[1]) < 0.1)


def first_frame_is_pose(positions: Floats, rotations: Floats, root: int, roles: Roles) -> tuple[bool, str]:
    """Whether frame 0 is an artificial T-pose or rest pose put before the motion.

    It is when it is a neutral stance, or no joint in it is turned against the root, and it is far from frame 1: the
    mean joint displacement relative to the root, or the root's own, is over 2.5 times the 95th percentile of the
    following steps (at most 300) and 2 % of the body.

    positions : (n, N, 3) Y up; rotations : (n, N, 4); root : its column. Returns the verdict and a note.
    """
    p = positions[:302]
    is_whole = np.isfinite(p).all(axis=(1, 2))
    if not is_whole[:2].all() or is_whole.sum() < 4:
        return False, ""
    p = p if is_whole.all() else p[is_whole]
    body, path = np.empty(len(p) - 1), np.empty(len(p) - 1)
    _steps(p, root, body, path)
    extent = float(np.ptp(p[0].astype(float), axis=0).max())
    if not any(step[0] > max(2.5 * np.percentile(step[1:], 95), 0.02 * extent, 1e-9) for step in (body, path)):
        return False, ""
    ratio = float(body[0] / max(float(np.median(body[1:])), 1e-9 * max(extent, 1e-9)))
    far = f"({ratio:.0f} times the usual step from frame 1)"
    if is_neutral(p[0].astype(float), roles):
        return True, f"frame 0 is an artificial T-pose {far}: dropped, kept as neutral pose"
    turned = angle(rotations[:2, root : root + 1].astype(float), rotations[:2].astype(float)).max(axis=1)
    if turned[0] < 1e-3 < turned[1]:
        return True, f"frame 0 is an artificial rest pose, no joint being turned {far}: dropped"
    return False, (
        f"frame 0 is far from frame 1 {far} but is not a T-pose and is kept; set drop_frames = 1 in cohort.toml to drop it"
    )


def last_frame_is_pose(positions: Floats, rotations: Floats, root: int, roles: Roles) -> bool:
    """Whether a T-pose was put behind the motion: what :func:`first_frame_is_pose` sees in reversed time."""
    if len(positions) < 4 or not is_neutral(positions[-1].astype(float), roles):
        return False
    return first_frame_is_pose(positions[:-303:-1], rotations[:-303:-1], root, roles)[0]


@kernel
def _steps(positions, root, body, path):  # type: ignore[no-untyped-def]
    """From each frame (n, N, 3) to the next: the mean way of the joints relative to the root, and the root's own; (n - 1,)."""
    n, nodes = positions.shape[0], positions.shape[1]
    body[:] = 0.0
    for f in range(n - 1):
        x = float(positions[f + 1, root, 0]) - positions[f, root, 0]
        y = float(positions[f + 1, root, 1]) - positions[f, root, 1]
        z = float(positions[f + 1, root, 2]) - positions[f, root, 2]
        path[f] = np.sqrt(x * x + y * y + z * z)
        for j in range(nodes):
            dx = float(positions[f + 1, j, 0]) - positions[f, j, 0] - x
            dy = float(positions[f + 1, j, 1]) - positions[f, j, 1] - y
            dz = float(positions[f + 1, j, 2]) - positions[f, j, 2] - z
            body[f] += np.sqrt(dx * dx + dy * dy + dz * dz) / nodes
