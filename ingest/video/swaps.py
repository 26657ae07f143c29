"""Left and right exchanged for some frames: found from continuity, repaired or counted.

Each pair of limbs (legs, arms: joints connected by bones) is followed on its own, and so is the trunk (hips and
shoulders), which an estimator exchanges with the limbs if it takes the back for the front. Over all frames, dynamic programming
(Viterbi 1967, doi:10.1109/TIT.1967.1054010) finds the sequence of states {as estimated, exchanged} in which the joints
jump least from a straight course. A change of state has a cost, so limbs are exchanged only where it clearly helps.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from neurostore.arrays import Bools, Floats, Ints, runs_of
from neurostore.skeleton import Skeleton

VERSION = 3
_CHANGE_MM = 60.0  # a change of state must save at least this much jump (mean over the pairs)
# and this much per exchanged second, because both readings are smooth after the legs have passed each other
_EXCHANGED_MM_S = 150.0
_MIN_APART_MM = 60.0  # limbs that are nearer cannot be distinguished, and need not be
_MAX_LEFT_MM = 120.0  # mean jump that may remain at the ends of a stretch for an exchange to explain it
_MAX_BLANKED_S = 0.15  # a stretch that no exchange explains is left out up to this length, and marked beyond
# with a larger share, the limb is marked but not repaired, because it is not known which part is right
_MAX_REPAIRED_SHARE = 0.4
_MAX_GAP_S = 0.3  # over longer gaps the person may have turned round, so continuity does not determine left and right
_MEMORY_S = 0.05  # time constant of the velocity: long enough to reduce noise, short compared with a swing of 0.4 s
_MAX_COURSE_S = 0.1  # longest time over which a limb is assumed to move straight


Stretch = tuple[Ints, list[int], list[int]]


@dataclass
class Swaps:
    """What was found: (rows, left indices, right indices) of each stretch.

    ranges : an exchange explains them; blanked : it does not, they are glitches of a few frames; doubtful : neither.
    """

    ranges: list[Stretch] = field(default_factory=list)
    blanked: list[Stretch] = field(default_factory=list)
    doubtful: list[Stretch] = field(default_factory=list)
    subject_rows: frozenset[int] = frozenset()

    def quality(self, is_repaired: bool) -> dict[str, float]:
        """Figures for the subject: stretches and frames, exchanged back and left."""
        counts = {}
        for name, stretches in (
            ("repaired", self.ranges if is_repaired else []),
            ("left_out", self.blanked if is_repaired else []),
            ("marked", self.doubtful if is_repaired else [*self.ranges, *self.blanked, *self.doubtful]),
        ):
            rows = [r for r, _, _ in stretches if int(r[0]) in self.subject_rows]
            counts[f"swaps_{name}"] = float(len(rows))
            counts[f"swap_frames_{name}"] = float(sum(map(len, rows)))
        return counts

    def notes(self, is_repaired: bool) -> list[str]:
        """Notes for the trial about exchanged sides."""
        figures = self.quality(is_repaired)
        notes = []
        if figures["swaps_repaired"]:
            notes.append(
                f"left and right had been exchanged in {figures['swaps_repaired']:.0f} stretches "
                f"({figures['swap_frames_repaired']:.0f} frames) and were corrected"
            )
        if figures["swaps_left_out"]:
            notes.append(
                f"{figures['swap_frames_left_out']:.0f} frames of a limb that jumps to the other side and does not fit "
                f"there either were left out"
            )
        if figures["swaps_marked"]:
            notes.append(
                f"left and right seem exchanged in {figures['swaps_marked']:.0f} stretches "
                f"({figures['swap_frames_marked']:.0f} frames); left as estimated"
            )
        return notes


def find(positions: Floats, person: Ints, time_s: Floats, skeleton: Skeleton) -> Swaps:
    """Look for exchanged limbs.

    Parameters
    ----------
    positions : (n, J, 3) mm; rows sorted by person, then time. person, time_s : (n,).
    """
    swaps = Swaps(subject_rows=frozenset(np.flatnonzero(person == 0).tolist()))
    for who in np.unique(person):
        rows = np.flatnonzero(person == who)
        body, clock = positions[rows[0] : rows[-1] + 1], time_s[rows]
        for left, right in [*limb_pairs(skeleton), *trunk_pairs(skeleton)]:
            states = _states(body, clock, left, right)
            n_known = max(1, int(np.isfinite(body[:, [*left, *right]]).all(axis=2).any(axis=1).sum()))
            is_too_much = states.sum() > _MAX_REPAIRED_SHARE * n_known
            for stretch in _stretches(states):
                # only pairs that jump at the ends are exchanged, because the hips may not have been exchanged
                jumping = [p for p in zip(left, right, strict=True) if _jumps(body, stretch, *p)]
                if not jumping:
                    continue
                ours, theirs = [p[0] for p in jumping], [p[1] for p in jumping]
                if not is_too_much and _is_explained(body, stretch, ours, theirs):
                    kind = swaps.ranges
                elif clock[stretch[-1]] - clock[stretch[0]] < _MAX_BLANKED_S:
                    kind = swaps.blanked
                else:
                    kind = swaps.doubtful
                kind.append((rows[stretch], ours, theirs))
    return swaps


def repair(swaps: Swaps, positions: Floats, *values: Floats | None) -> None:
    """Exchange back, and blank glitches, in place, in positions (n, J, 3) and per-joint values (n, J)."""
    for rows, left, right in swaps.blanked:
        for array in (positions, *values):
            if array is not None:
                array[rows[:, None], [*left, *right]] = np.nan
    for rows, left, right in swaps.ranges:
        for array in (positions, *values):
            if array is not None:
                at = rows[:, None]
                kept = array[at, left].copy()
                array[at, left] = array[at, right]
                array[at, right] = kept


def limb_pairs(skeleton: Skeleton) -> list[tuple[list[int], list[int]]]:
    """(left joints, right joints) of each limb: pairs connected by bones of one side; single pairs apart.

    A pair joined across the body by a bone (hips, shoulders) is where limbs begin: it belongs to none.
    """
    index = {joint: i for i, joint in enumerate(skeleton.joints)}
    pair_of = _pair_of(skeleton)
    side = {joint: s for pair in skeleton.pairs for s, joint in enumerate(pair)}
    parent = list(range(len(skeleton.pairs)))

    def root(p: int) -> int:
        while parent[p] != p:
            p = parent[p]
        return p

    girdles = _girdles(skeleton)
    for a, b in skeleton.bones:
        if pair_of.get(a) in girdles or pair_of.get(b) in girdles:
            continue
        if a in pair_of and b in pair_of and side[a] == side[b]:
            parent[root(pair_of[a])] = root(pair_of[b])
    limbs: dict[int, list[int]] = defaultdict(list)
    for p in range(len(skeleton.pairs)):
        limbs[root(p)].append(p)
    return [
        ([index[skeleton.pairs[p][0]] for p in limb], [index[skeleton.pairs[p][1]] for p in limb])
        for limb in limbs.values()
        if len(limb) > 1
    ]


def trunk_pairs(skeleton: Skeleton) -> list[tuple[list[int], list[int]]]:
    """(left joints, right joints) of hips and shoulders where a bone joins each across the body; else nothing.

    A pair across the body is part of the trunk if a bone joins it to another one (the mouth's is not).
    """
    pair_of, girdles = _pair_of(skeleton), _girdles(skeleton)
    joined = {frozenset((pair_of.get(a, -1), pair_of.get(b, -1))) for a, b in skeleton.bones}
    trunk = sorted(p for p in girdles if any(frozenset((p, other)) in joined for other in girdles - {p}))
    if not trunk:
        return []
    index = {joint: i for i, joint in enumerate(skeleton.joints)}
    left, right = zip(*(skeleton.pairs[p] for p in trunk), strict=True)
    return [([index[joint] for joint in left], [index[joint] for joint in right])]


def _pair_of(skeleton: Skeleton) -> dict[str, int]:
    return {joint: p for p, pair in enumerate(skeleton.pairs) for joint in pair}


def _girdles(skeleton: Skeleton) -> set[int]:
    """The pairs whose left and right are joined by a bone."""
    pair_of = _pair_of(skeleton)
    return {pair_of[a] for a, b in skeleton.bones if pair_of.get(a, -1) == pair_of.get(b, -2)}


def _states(positions: Floats, time_s: Floats, left: list[int], right: list[int]) -> Bools:
    """(n,) bool: exchanged. Frames without the limb take no part; stretches between long gaps are treated separately."""
    states = np.zeros(len(positions), bool)
    known = np.flatnonzero(np.isfinite(positions[:, [*left, *right]]).all(axis=(1, 2)))
    for rows in np.split(known, np.flatnonzero(np.diff(time_s[known]) > _MAX_GAP_S) + 1):
        if len(rows) >= 3:
            pair = np.stack([positions[rows][:, left], positions[rows][:, right]]).astype(float)
            states[rows] = _best_states(pair, time_s[rows])
    return states


def _best_states(pair: Floats, time_s: Floats) -> Floats:
    """(m,) bool: the cheapest sequence of states of a limb (side, m, k, 3) without long gaps."""
    both = np.stack([pair, pair[::-1]])  # (state, side, m, k, 3)
    apart = np.linalg.norm(pair[0] - pair[1], axis=-1)  # (m, k)
    counts = np.where(apart > _MIN_APART_MM, 1.0, 0.0)
    m, steps_s = len(time_s), np.diff(time_s)
    # from state s at i - 1 to state r at i: distance of the joints from a straight course (velocity so far, in state s)
    best = np.zeros((2, m))
    came = np.zeros((2, m), int)
    best[1, 0] = _CHANGE_MM / 2
    velocity = np.zeros((2, 2, both.shape[3], 3))  # mm/s, of the best path into each state
    for i, step_s in enumerate(steps_s, start=1):
        steps = both[:, None, :, i] - both[None, :, :, i - 1]  # (to, from, side, k, 3)
        jump = np.linalg.norm(steps - velocity[None] * min(step_s, _MAX_COURSE_S), axis=-1)  # (to, from, side, k)
        weight = counts[i] + 1e-9
        cost = (jump * weight).sum(axis=(2, 3)) / (2 * max(weight.sum(), 1.0))
        cost[0, 1] += _CHANGE_MM
        cost[1, 0] += _CHANGE_MM
        cost[1] += _EXCHANGED_MM_S * step_s
        total = cost + best[None, :, i - 1]
        came[:, i] = total.argmin(axis=1)
        best[:, i] = total.min(axis=1)
        new = 1 - np.exp(-step_s / _MEMORY_S)
        velocity = np.stack([(1 - new) * velocity[s] + new * steps[r, s] / step_s for r, s in enumerate(came[:, i])])
    path = np.zeros(m, int)
    path[-1] = int(best[1, -1] + _CHANGE_MM / 2 < best[0, -1])
    for i in range(m - 1, 0, -1):
        path[i - 1] = came[path[i], i]
    return path == (1 if path.mean() <= 0.5 else 0)


def _ends(stretch: Ints, n: int) -> list[tuple[int, int]]:
    """(row inside, row outside) at both ends of a stretch, if there is an outside."""
    ends = ((stretch[0], stretch[0] - 1), (stretch[-1], stretch[-1] + 1))
    return [(int(inside), int(outside)) for inside, outside in ends if 0 <= outside < n]


def _jumps(positions: Floats, stretch: Ints, left: int, right: int) -> bool:
    """Whether a pair of joints goes on more smoothly into the stretch when exchanged."""
    plain = crossed = 0.0
    for inside, outside in _ends(stretch, len(positions)):
        step = positions[inside, [left, right]] - positions[outside, [left, right]]
        cross = positions[inside, [right, left]] - positions[outside, [left, right]]
        plain += float(np.linalg.norm(step, axis=1).sum())
        crossed += float(np.linalg.norm(cross, axis=1).sum())
    return crossed < plain or not np.isfinite(plain + crossed)


def _is_explained(positions: Floats, stretch: Ints, left: list[int], right: list[int]) -> bool:
    """Whether the limb, exchanged, goes on smoothly at both ends of the stretch."""
    for inside, outside in _ends(stretch, len(positions)):
        jump = positions[inside][[*right, *left]] - positions[outside][[*left, *right]]
        if np.nanmean(np.append(np.linalg.norm(jump, axis=-1), 0.0)) > _MAX_LEFT_MM:
            return False
    return True


def _stretches(states: Bools) -> list[Ints]:
    """Index arrays of each run of True."""
    return [np.arange(a, b) for a, b in zip(*runs_of(states), strict=True)]
