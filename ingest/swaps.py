"""Left and right exchanged for some frames: found from continuity, mended or counted.

Each limb pair (legs, arms: joints that hang together by bones) is followed on its own. Over all frames the sequence of
states {as estimated, exchanged} with the smallest sum of accelerations and of bone-length changes is found by dynamic
programming (Viterbi 1967, doi:10.1109/TIT.1967.1054010); a change of state costs, so that only what pays is exchanged.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from neurostore.skeleton import Skeleton

VERSION = 1
_CHANGE_MM = 60.0  # a change of state must save at least this much jump (mean over the pairs)
_MIN_APART_MM = 60.0  # limbs nearer than this cannot be told apart, and need not be
_MAX_MENDED_SHARE = 0.4  # a limb exchanged for longer is marked, not mended: which half is right is not known


@dataclass
class Swaps:
    """What was found. ranges : (rows, left indices, right indices) of each exchanged stretch; doubtful : not mended."""

    ranges: list[tuple[np.ndarray, list[int], list[int]]] = field(default_factory=list)
    doubtful: list[tuple[np.ndarray, list[int], list[int]]] = field(default_factory=list)
    subject_rows: frozenset[int] = frozenset()

    def quality(self, is_mended: bool) -> dict[str, float]:
        """Figures for the subject: stretches and frames, exchanged back and left."""
        back = [r for r, _, _ in self.ranges if int(r[0]) in self.subject_rows]
        left = [r for r, _, _ in self.doubtful if int(r[0]) in self.subject_rows]
        if not is_mended:
            back, left = [], [*left, *back]
        return {
            "swaps_mended": float(len(back)),
            "swap_frames_mended": float(sum(map(len, back))),
            "swaps_marked": float(len(left)),
            "swap_frames_marked": float(sum(map(len, left))),
        }

    def notes(self, is_mended: bool) -> list[str]:
        figures = self.quality(is_mended)
        said = []
        if figures["swaps_mended"]:
            said.append(
                f"left and right were exchanged in {figures['swaps_mended']:.0f} stretches "
                f"({figures['swap_frames_mended']:.0f} frames) and are put back"
            )
        if figures["swaps_marked"]:
            said.append(
                f"left and right seem exchanged in {figures['swaps_marked']:.0f} stretches "
                f"({figures['swap_frames_marked']:.0f} frames); left as estimated"
            )
        return said


def find(positions: np.ndarray, person: np.ndarray, time_s: np.ndarray, skeleton: Skeleton) -> Swaps:
    """Look for exchanged limbs.

    Parameters
    ----------
    positions : (n, J, 3) mm; rows sorted by person, then time. person, time_s : (n,).
    """
    found = Swaps(subject_rows=frozenset(np.flatnonzero(person == 0).tolist()))
    for who in np.unique(person):
        rows = np.flatnonzero(person == who)
        for left, right in limb_pairs(skeleton):
            states = _states(positions[rows], left, right)
            n_known = max(1, int(np.isfinite(positions[rows][:, [*left, *right]]).all(axis=2).any(axis=1).sum()))
            is_too_much = states.sum() > _MAX_MENDED_SHARE * n_known
            for stretch in _stretches(states):
                (found.doubtful if is_too_much else found.ranges).append((rows[stretch], left, right))
    return found


def mend(found: Swaps, positions: np.ndarray, *values: np.ndarray | None) -> None:
    """Exchange back, in place, in positions (n, J, 3) and per-joint values (n, J)."""
    for rows, left, right in found.ranges:
        for array in (positions, *values):
            if array is not None:
                kept = array[np.ix_(rows, left)].copy()
                array[np.ix_(rows, left)] = array[np.ix_(rows, right)]
                array[np.ix_(rows, right)] = kept


def limb_pairs(skeleton: Skeleton) -> list[tuple[list[int], list[int]]]:
    """(left joints, right joints) of each limb: pairs that hang together by bones of one side; single pairs apart."""
    index = {joint: i for i, joint in enumerate(skeleton.joints)}
    pair_of = {joint: p for p, pair in enumerate(skeleton.pairs) for joint in pair}
    side = {joint: s for pair in skeleton.pairs for s, joint in enumerate(pair)}
    parent = list(range(len(skeleton.pairs)))

    def root(p: int) -> int:
        while parent[p] != p:
            p = parent[p]
        return p

    for a, b in skeleton.bones:
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


def _states(positions: np.ndarray, left: list[int], right: list[int]) -> np.ndarray:
    """(n,) bool: exchanged. Frames without the limb take no part and are never exchanged."""
    n = len(positions)
    states = np.zeros(n, bool)
    pair = np.stack([positions[:, left], positions[:, right]]).astype(float)  # (2, n, k, 3)
    known = np.flatnonzero(np.isfinite(pair).all(axis=(0, 2, 3)))
    if len(known) < 3:
        return states
    pair = pair[:, known]
    both = np.stack([pair, pair[::-1]])  # (state, side, m, k, 3)
    apart = np.linalg.norm(pair[0] - pair[1], axis=-1)  # (m, k)
    counts = np.where(apart > _MIN_APART_MM, 1.0, 0.0)
    m = len(known)
    # from state s at i to state r at i + 1: how far the joints jump off a straight course (the step before, in state s)
    best = np.zeros((2, m))
    came = np.zeros((2, m), int)
    best[1, 0] = _CHANGE_MM / 2
    course = np.zeros((2, *both.shape[1:2], both.shape[3], 3))  # velocity of the best path into each state
    for i in range(1, m):
        steps = both[:, None, :, i] - both[None, :, :, i - 1]  # (to, from, side, k, 3)
        jump = np.linalg.norm(steps - course[None], axis=-1)  # (to, from, side, k)
        weight = counts[i] + 1e-9
        cost = (jump * weight).sum(axis=(2, 3)) / (2 * max(weight.sum(), 1.0))
        cost[0, 1] += _CHANGE_MM
        cost[1, 0] += _CHANGE_MM
        total = cost + best[None, :, i - 1]
        came[:, i] = total.argmin(axis=1)
        best[:, i] = total.min(axis=1)
        step = np.stack([steps[r, came[r, i]] for r in (0, 1)])
        course = 0.5 * np.stack([course[came[r, i]] for r in (0, 1)]) + 0.5 * step
    path = np.zeros(m, int)
    path[-1] = int(best[1, -1] + _CHANGE_MM / 2 < best[0, -1])
    for i in range(m - 1, 0, -1):
        path[i - 1] = came[path[i], i]
    if path.mean() > 0.5:
        path = 1 - path
    states[known] = path == 1
    return states


def _stretches(states: np.ndarray) -> list[np.ndarray]:
    """Index arrays of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], states.astype(int), [0]])))
    return [np.arange(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]
